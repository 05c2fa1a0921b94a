//! Reads the options of a simulation from the Python side, where each default lives.

use fasm_core::faults::{Fault, FaultRates};
use pyo3::prelude::*;

use super::settings::Settings;
use super::watch::Mode;

pub fn rates(given: &Bound<'_, PyAny>) -> PyResult<FaultRates> {
    let mut rates = FaultRates::NONE;
    for (name, rate) in given.extract::<std::collections::BTreeMap<String, f64>>()? {
        if let Some(fault) = Fault::from_name(&name) {
            rates.set(fault, rate);
        }
    }
    Ok(rates)
}

pub fn settings(spec: &Bound<'_, PyAny>) -> PyResult<Settings> {
    let object = |name: &str| -> PyResult<Py<PyAny>> { Ok(spec.getattr(name)?.unbind()) };
    Ok(Settings {
        rejections: spec.getattr("rejections")?.cast_into()?.unbind(),
        store_error: object("store_error")?,
        actions_full: object("actions_full")?,
        make_state_error: object("make_state_error")?,
        make_cancelled: object("make_cancelled")?,
        no_reply: object("no_reply")?,
        show: object("show")?,
        describe: object("describe")?,
        atomicity: mode(&spec.getattr("atomicity")?)?,
        purity: mode(&spec.getattr("purity")?)?,
        dict_order: spec.getattr("dict_order")?.extract()?,
        exception: spec.getattr("exception")?.extract()?,
        settle: spec.getattr("settle")?.extract()?,
    })
}

/// `"always"`, `"auto"`, a rate, or False.
fn mode(given: &Bound<'_, PyAny>) -> PyResult<Mode> {
    if let Ok(text) = given.extract::<&str>() {
        return Ok(if text == "always" {
            Mode::Always
        } else {
            Mode::Auto
        });
    }
    let rate: f64 = given.extract()?;
    Ok(if rate <= 0.0 {
        Mode::Off
    } else if rate >= 1.0 {
        Mode::Always
    } else {
        Mode::Rate(rate)
    })
}
