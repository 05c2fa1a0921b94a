//! `Recording`: the steps and draws of one run, and their form as plain data for files.

use fasm_core::draws::{Draw, Method};
use fasm_core::recording::{RecordedStep, Recording as CoreRecording};
use fasm_core::step::{CallFaults, Origin, StepKind, StepPlan};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::trace::kind_name;
use crate::errors::InvalidArgument;

/// One run as data. Holds no Python object.
#[pyclass(frozen, module = "fasm._native")]
#[derive(Debug)]
pub struct Recording {
    pub inner: CoreRecording,
}

#[pymethods]
impl Recording {
    fn __len__(&self) -> usize {
        self.inner.steps.len()
    }

    /// Whether the run went on into settling.
    #[getter]
    fn settles(&self) -> bool {
        self.inner.settles
    }

    /// Plain lists, dicts, strings and ints; sources go by name.
    #[pyo3(signature = (sources, /))]
    fn to_plain<'py>(&self, py: Python<'py>, sources: Vec<String>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("initial", plain_draws(&self.inner.initial))?;
        let steps = PyList::empty(py);
        for step in &self.inner.steps {
            steps.append(plain_step(py, step, &sources)?)?;
        }
        dict.set_item("steps", steps)?;
        dict.set_item("settles", self.inner.settles)?;
        // Settling chooses its own steps, so only their draws are worth keeping.
        let settling = self
            .inner
            .settling
            .iter()
            .map(|step| plain_draws(&step.draws));
        let settling: Vec<_> = settling.collect();
        dict.set_item("settling", settling)?;
        Ok(dict)
    }

    /// The opposite of `to_plain`. A source that no longer exists is an error that names it.
    #[staticmethod]
    #[pyo3(signature = (plain, sources, /))]
    fn from_plain(plain: &Bound<'_, PyAny>, sources: Vec<String>) -> PyResult<Self> {
        let get = |name: &str| {
            plain
                .get_item(name)
                .map_err(|_| bad(&format!("{name} is missing")))
        };
        let steps = read_steps(&get("steps")?, &sources)?;
        let mut settling = Vec::new();
        for draws in get("settling")?.try_iter()? {
            let (label, plan) = (0, StepPlan::new(StepKind::Unknown));
            settling.push(RecordedStep {
                label,
                plan,
                draws: read_draws(&draws?)?,
            });
        }
        let initial = read_draws(&get("initial")?)?;
        let settles = get("settles")?
            .extract()
            .map_err(|_| bad("settles is not true or false"))?;
        Ok(Self {
            inner: CoreRecording {
                initial,
                steps,
                settling,
                settles,
            },
        })
    }
}

fn read_steps(stored: &Bound<'_, PyAny>, sources: &[String]) -> PyResult<Vec<RecordedStep>> {
    let mut steps = Vec::new();
    for (index, step) in stored.try_iter()?.enumerate() {
        let step = read_step(&step?, sources);
        steps.push(step.map_err(|error| at_step(stored.py(), index + 1, error))?);
    }
    Ok(steps)
}

fn bad(what: &str) -> PyErr {
    InvalidArgument::new_err(format!("recording: {what}"))
}

fn at_step(py: Python<'_>, number: usize, error: PyErr) -> PyErr {
    bad(&format!("step {number} of the file: {}", error.value(py)))
}

fn plain_draws(draws: &[Draw]) -> Vec<(&'static str, u64, u64)> {
    draws
        .iter()
        .map(|draw| (draw.method.name(), draw.bound, draw.value))
        .collect()
}

fn read_draws(plain: &Bound<'_, PyAny>) -> PyResult<Vec<Draw>> {
    let draws: Vec<(String, u64, u64)> = plain
        .extract()
        .map_err(|_| bad("a draw is not [method, bound, value]"))?;
    draws
        .into_iter()
        .map(|(name, bound, value)| {
            let method = Method::from_name(&name)
                .ok_or_else(|| bad(&format!("no draw is named {name:?}")))?;
            if bound > 0 && value >= bound {
                return Err(bad(&format!(
                    "a draw of {value} is not below its bound {bound}"
                )));
            }
            Ok(Draw {
                method,
                bound,
                value,
            })
        })
        .collect()
}

fn plain_step<'py>(
    py: Python<'py>,
    step: &RecordedStep,
    sources: &[String],
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("label", step.label)?;
    dict.set_item("do", kind_name(step.plan.kind))?;
    match step.plan.kind {
        StepKind::Input { source } => {
            dict.set_item("source", sources.get(source as usize))?;
        }
        StepKind::Resubmit { step } => dict.set_item("again", step)?,
        StepKind::Execute { of, lost } => {
            dict.set_item("of", (of.step, of.place))?;
            if lost {
                dict.set_item("lost", true)?;
            }
        }
        StepKind::Zombie { of }
        | StepKind::Deliver { of }
        | StepKind::Duplicate { of }
        | StepKind::Timer { of } => dict.set_item("of", (of.step, of.place))?,
        StepKind::Unknown => {}
        StepKind::Crash { lost_untracked } => {
            if lost_untracked {
                dict.set_item("lost_untracked", true)?;
            }
        }
    }
    if !step.plan.declined.is_empty() {
        let names = step.plan.declined.iter();
        let names: Vec<_> = names.map(|&source| sources.get(source as usize)).collect();
        dict.set_item("declined", names)?;
    }
    if !step.plan.zombies.is_empty() {
        let origins: Vec<_> = step
            .plan
            .zombies
            .iter()
            .map(|of| (of.step, of.place))
            .collect();
        dict.set_item("zombies", origins)?;
    }
    if step.plan.advance_ms > 0 {
        dict.set_item("advance_ms", step.plan.advance_ms)?;
    }
    if step.plan.call.any() {
        dict.set_item("faults", plain_faults(py, &step.plan.call)?)?;
    }
    if step.plan.restores.iter().any(CallFaults::any) {
        let restores = PyList::empty(py);
        for faults in &step.plan.restores {
            restores.append(plain_faults(py, faults)?)?;
        }
        dict.set_item("restores", restores)?;
    }
    if !step.draws.is_empty() {
        dict.set_item("draws", plain_draws(&step.draws))?;
    }
    Ok(dict)
}

fn plain_faults<'py>(py: Python<'py>, faults: &CallFaults) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let counted = [
        ("actions_full", faults.actions_full),
        ("cancel", faults.cancel),
        ("state_error", faults.state_error),
    ];
    for (name, at) in counted.into_iter().filter(|(_, at)| *at > 0) {
        dict.set_item(name, at)?;
    }
    if faults.crash {
        dict.set_item("crash", true)?;
    }
    Ok(dict)
}

fn read_step(stored: &Bound<'_, PyAny>, sources: &[String]) -> PyResult<RecordedStep> {
    let stored = stored.cast::<PyDict>().map_err(|_| bad("not an object"))?;
    let mut plan = StepPlan::new(read_kind(stored, sources)?);
    if stored.contains("declined")? {
        for name in field::<Vec<String>>(stored, "declined")? {
            plan.declined.push(source_named(&name, sources)?);
        }
    }
    if stored.contains("zombies")? {
        for (step, place) in field::<Vec<(u64, u32)>>(stored, "zombies")? {
            plan.zombies.push(Origin { step, place });
        }
    }
    if let Some(advance) = stored.get_item("advance_ms")? {
        plan.advance_ms = advance
            .extract()
            .map_err(|_| bad("advance_ms is no int of at least 0"))?;
    }
    if let Some(faults) = stored.get_item("faults")? {
        plan.call = read_faults(&faults)?;
    }
    if let Some(restores) = stored.get_item("restores")? {
        for faults in restores.try_iter()? {
            plan.restores.push(read_faults(&faults?)?);
        }
    }
    let draws = match stored.get_item("draws")? {
        Some(draws) => read_draws(&draws)?,
        None => Vec::new(),
    };
    Ok(RecordedStep {
        label: field(stored, "label")?,
        plan,
        draws,
    })
}

fn field<'py, T>(plain: &Bound<'py, PyDict>, name: &str) -> PyResult<T>
where
    T: for<'a> FromPyObject<'a, 'py>,
{
    let value = plain
        .get_item(name)?
        .ok_or_else(|| bad(&format!("{name} is missing")))?;
    value
        .extract()
        .map_err(|_| bad(&format!("{name} is not what it should be")))
}

fn flag(plain: &Bound<'_, PyDict>, name: &str) -> PyResult<bool> {
    Ok(plain
        .get_item(name)?
        .map(|value| value.is_truthy())
        .transpose()?
        .unwrap_or(false))
}

fn source_named(name: &str, sources: &[String]) -> PyResult<u32> {
    let found = sources.iter().position(|source| source == name);
    let source =
        found.ok_or_else(|| bad(&format!("the scenario has no source {name:?} any more")))?;
    Ok(source as u32)
}

fn read_kind(plain: &Bound<'_, PyDict>, sources: &[String]) -> PyResult<StepKind> {
    let origin = || -> PyResult<Origin> {
        let (step, place) = field(plain, "of")?;
        Ok(Origin { step, place })
    };
    let kind: String = field(plain, "do")?;
    Ok(match kind.as_str() {
        "input" => {
            let name: String = field(plain, "source")?;
            StepKind::Input {
                source: source_named(&name, sources)?,
            }
        }
        "resubmit" => StepKind::Resubmit {
            step: field(plain, "again")?,
        },
        "execute" => StepKind::Execute {
            of: origin()?,
            lost: flag(plain, "lost")?,
        },
        "zombie" => StepKind::Zombie { of: origin()? },
        "deliver" => StepKind::Deliver { of: origin()? },
        "duplicate" => StepKind::Duplicate { of: origin()? },
        "timer" => StepKind::Timer { of: origin()? },
        "unknown" => StepKind::Unknown,
        "crash" => StepKind::Crash {
            lost_untracked: flag(plain, "lost_untracked")?,
        },
        other => return Err(bad(&format!("no kind of step is named {other:?}"))),
    })
}

fn read_faults(plain: &Bound<'_, PyAny>) -> PyResult<CallFaults> {
    let plain = plain
        .cast::<PyDict>()
        .map_err(|_| bad("faults are not an object"))?;
    let at = |name: &str| -> PyResult<u32> {
        let Some(value) = plain.get_item(name)? else {
            return Ok(0);
        };
        value
            .extract()
            .map_err(|_| bad(&format!("{name} is no int of at least 0")))
    };
    Ok(CallFaults {
        actions_full: at("actions_full")?,
        cancel: at("cancel")?,
        state_error: at("state_error")?,
        crash: flag(plain, "crash")?,
    })
}
