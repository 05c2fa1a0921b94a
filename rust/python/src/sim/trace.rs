//! The steps of a run in words, when somebody wants to read them.

use std::collections::VecDeque;

use fasm_core::host::{Emissions, Outcome};
use fasm_core::step::{CallFaults, StepKind, StepPlan};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::settings::Settings;

/// One step: each field is already text, so that later changes to objects do not show.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    pub step: u64,
    pub kind: &'static str,
    pub source: Option<String>,
    pub event: Option<String>,
    pub action: Option<String>,
    pub answer: Option<String>,
    pub outcome: Option<&'static str>,
    pub error: Option<String>,
    pub emitted: Vec<String>,
    /// What the last `restore` of the step emitted, if there was one.
    pub restored: Option<Vec<String>>,
    pub faults: Vec<String>,
}

/// Keeps the last steps; costs nothing when off.
#[derive(Debug)]
pub struct Trace {
    keep: usize,
    entries: VecDeque<Entry>,
    current: Option<Entry>,
}

impl Trace {
    pub fn new(keep: usize) -> Self {
        Self {
            keep,
            entries: VecDeque::new(),
            current: None,
        }
    }

    #[inline]
    pub fn begin(&mut self, step: u64) {
        if self.keep == 0 {
            return;
        }
        self.flush();
        self.current = Some(Entry {
            step,
            ..Entry::default()
        });
    }

    fn flush(&mut self) {
        let Some(entry) = self.current.take() else {
            return;
        };
        if entry.kind.is_empty() {
            return;
        }
        if self.entries.len() >= self.keep {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    pub fn plan(&mut self, plan: &StepPlan) {
        let Some(entry) = &mut self.current else {
            return;
        };
        entry.kind = kind_name(plan.kind);
        entry.faults.clear();
        match plan.kind {
            StepKind::Execute { lost: true, .. } => {
                entry.faults.push(String::from("retry: the answer is lost"));
            }
            StepKind::Crash {
                lost_untracked: true,
            } => entry.faults.push(String::from("lost_untracked")),
            _ => {}
        }
    }

    pub fn absent(&mut self) {
        if let Some(entry) = &mut self.current {
            entry.kind = "";
            entry.source = None;
        }
    }

    pub fn source(&mut self, name: Option<&str>) {
        if let Some(entry) = &mut self.current {
            entry.source = name.map(str::to_owned);
        }
    }

    pub fn event(&mut self, source: Option<&str>, event: &Bound<'_, PyAny>, settings: &Settings) {
        if let Some(entry) = &mut self.current {
            entry.source = source.map(str::to_owned);
            entry.event = Some(settings.show(event));
        }
    }

    pub fn executed(
        &mut self,
        action: &Bound<'_, PyAny>,
        answer: &Bound<'_, PyAny>,
        settings: &Settings,
    ) {
        if let Some(entry) = &mut self.current {
            entry.action = Some(settings.show(action));
            entry.answer = Some(settings.show(answer));
        }
    }

    pub fn flag(&mut self, fault: &str) {
        if let Some(entry) = &mut self.current
            && entry.kind != fault
        {
            entry.faults.push(fault.to_owned());
        }
    }

    pub fn outcome(
        &mut self,
        outcome: Outcome,
        refusal: Option<&PyErr>,
        out: &Emissions<Bound<'_, PyAny>>,
        faults: &CallFaults,
        settings: &Settings,
    ) {
        let Some(entry) = &mut self.current else {
            return;
        };
        entry.outcome = Some(match outcome {
            Outcome::Accepted if faults.crash => "lost before its commit",
            Outcome::Accepted => "accepted",
            Outcome::Rejected => "rejected",
            Outcome::Interrupted => "interrupted",
        });
        if outcome != Outcome::Accepted {
            entry.error = refusal.map(|error| Python::attach(|py| settings.describe(py, error)));
        }
        entry.emitted = emitted(out, settings);
        let faults = CallFaults {
            // What was not accepted had no commit to crash before.
            crash: faults.crash && outcome == Outcome::Accepted,
            ..*faults
        };
        entry.faults.extend(struck(out, &faults, "crash_commit"));
    }

    pub fn restored(
        &mut self,
        error: Option<&PyErr>,
        out: &Emissions<Bound<'_, PyAny>>,
        faults: &CallFaults,
        settings: &Settings,
    ) {
        let Some(entry) = &mut self.current else {
            return;
        };
        entry.restored = Some(emitted(out, settings));
        entry.faults.extend(
            struck(out, faults, "crash_restore")
                .into_iter()
                .map(|fault| {
                    if fault == "crash_restore" {
                        fault
                    } else {
                        format!("{fault} in restore")
                    }
                }),
        );
        if let Some(error) = error {
            entry.error = Some(Python::attach(|py| settings.describe(py, error)));
        }
    }

    /// The steps kept, as dictionaries without empty fields.
    pub fn into_list(mut self, py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
        self.flush();
        let list = PyList::empty(py);
        for entry in self.entries {
            list.append(entry.into_dict(py)?)?;
        }
        Ok(list)
    }
}

impl Entry {
    fn into_dict(self, py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("step", self.step)?;
        dict.set_item("kind", self.kind)?;
        let texts = [
            ("source", self.source),
            ("event", self.event),
            ("action", self.action),
            ("answer", self.answer),
            ("outcome", self.outcome.map(str::to_owned)),
            ("error", self.error),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                dict.set_item(name, text)?;
            }
        }
        if let Some(restored) = self.restored {
            dict.set_item("restored", restored)?;
        }
        let lists = [("emitted", self.emitted), ("faults", self.faults)];
        for (name, list) in lists {
            if !list.is_empty() {
                dict.set_item(name, list)?;
            }
        }
        Ok(dict)
    }
}

fn emitted(out: &Emissions<Bound<'_, PyAny>>, settings: &Settings) -> Vec<String> {
    let tracked = out
        .tracked
        .iter()
        .map(|emission| settings.show(&emission.action));
    let untracked = out.untracked.iter().map(|action| settings.show(action));
    tracked.chain(untracked).collect()
}

fn struck(out: &Emissions<Bound<'_, PyAny>>, faults: &CallFaults, crash: &str) -> Vec<String> {
    let mut names = Vec::new();
    if out.actions_full {
        names.push(format!("actions_full at add {}", faults.actions_full));
    }
    if out.cancelled {
        names.push(format!("cancel at suspension {}", faults.cancel));
    }
    if out.state_error {
        names.push(format!("state_error at suspension {}", faults.state_error));
    }
    if faults.crash {
        names.push(crash.to_owned());
    }
    names
}

/// The name of a kind of step, in traces and files.
pub fn kind_name(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Input { .. } => "input",
        StepKind::Resubmit { .. } => "resubmit",
        StepKind::Execute { .. } => "execute",
        StepKind::Zombie { .. } => "zombie",
        StepKind::Deliver { .. } => "deliver",
        StepKind::Duplicate { .. } => "duplicate",
        StepKind::Unknown => "unknown",
        StepKind::Timer { .. } => "timer",
        StepKind::Crash { .. } => "crash",
    }
}
