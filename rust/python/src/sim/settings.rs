//! What holds for every seed of a simulation.

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use pyo3::{PyTraverseError, PyVisit};

use super::watch::Mode;

/// Options and helpers from the Python side; each default lives there.
#[derive(Debug)]
pub struct Settings {
    /// Exception types that count as rejections.
    pub rejections: Py<PyTuple>,
    pub store_error: Py<PyAny>,
    pub actions_full: Py<PyAny>,
    /// Makes the injected store error and the injected cancellation.
    pub make_state_error: Py<PyAny>,
    pub make_cancelled: Py<PyAny>,
    pub no_reply: Py<PyAny>,
    /// `show(object) -> str` and `describe(error) -> str`, bounded and safe.
    pub show: Py<PyAny>,
    pub describe: Py<PyAny>,
    pub atomicity: Mode,
    pub purity: Mode,
    pub dict_order: bool,
    /// Whether an exception that `stf` may not raise is a failure.
    pub exception: bool,
    pub settle: bool,
}

impl Settings {
    pub fn is_rejection(&self, py: Python<'_>, error: &PyErr) -> bool {
        error.matches(py, self.rejections.bind(py)).unwrap_or(false)
    }

    pub fn is_store_error(&self, py: Python<'_>, error: &PyErr) -> bool {
        error
            .matches(py, self.store_error.bind(py))
            .unwrap_or(false)
    }

    pub fn is_actions_full(&self, py: Python<'_>, error: &PyErr) -> bool {
        error
            .matches(py, self.actions_full.bind(py))
            .unwrap_or(false)
    }

    pub fn is_retryable(py: Python<'_>, error: &PyErr) -> bool {
        let retryable = error.value(py).getattr("retryable");
        retryable
            .and_then(|retryable| retryable.is_truthy())
            .unwrap_or(false)
    }

    pub fn state_error<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.make_state_error.bind(py).call0()
    }

    pub fn cancelled<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.make_cancelled.bind(py).call0()
    }

    /// A bounded repr that never raises.
    pub fn show(&self, object: &Bound<'_, PyAny>) -> String {
        let shown = self
            .show
            .bind(object.py())
            .call1((object,))
            .and_then(|text| text.extract());
        shown.unwrap_or_else(|error| {
            put_off(object.py(), &error);
            String::from("<no repr>")
        })
    }

    /// What an exception says, with the line of a bare `assert`.
    pub fn describe(&self, py: Python<'_>, error: &PyErr) -> String {
        let value = error.value(py);
        // A fetched error keeps its traceback apart; the description names the place.
        if let Some(traceback) = error.traceback(py)
            && value
                .setattr(intern!(py, "__traceback__"), traceback)
                .is_err()
        {
            return String::from("<no description>");
        }
        let text = self
            .describe
            .bind(py)
            .call1((value,))
            .and_then(|text| text.extract());
        text.unwrap_or_else(|error| {
            put_off(py, &error);
            String::from("<no description>")
        })
    }

    pub fn name_of(py: Python<'_>, error: &PyErr) -> String {
        error
            .get_type(py)
            .name()
            .map_or_else(|_| String::from("?"), |name| name.to_string())
    }

    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.rejections)?;
        for object in [
            &self.store_error,
            &self.actions_full,
            &self.make_state_error,
            &self.make_cancelled,
            &self.no_reply,
            &self.show,
            &self.describe,
        ] {
            visit.call(object)?;
        }
        Ok(())
    }
}

/// A Ctrl-C that struck while something was put into words strikes again at the next Python code that runs.
fn put_off(py: Python<'_>, error: &PyErr) {
    if error.is_instance_of::<PyKeyboardInterrupt>(py) {
        // SAFETY: it only sets flags, as the signal did.
        unsafe { pyo3::ffi::PyErr_SetInterrupt() };
    }
}
