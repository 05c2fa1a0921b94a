//! The steps of a run in words, when somebody wants to read them.

use std::collections::VecDeque;

use fasm_core::host::{Emissions, Outcome};
use fasm_core::step::{CallFaults, Origin, StepKind, StepPlan};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use super::settings::Settings;

/// One step: each field is already text, so that later changes to objects do not show.
#[derive(Debug, Default)]
pub struct Entry {
    pub step: u64,
    /// The virtual clock before the step and when it happened, in milliseconds.
    pub began_ms: i64,
    pub at_ms: i64,
    pub label: u64,
    /// Where the action came from that it executes, or whose answer it delivers.
    pub of: Option<Origin>,
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
    /// What the watcher made of the objects of this step, in order.
    pub told: Vec<(&'static str, Py<PyAny>)>,
}

/// Keeps the last steps; costs nothing when off.
#[derive(Debug)]
pub struct Trace {
    keep: usize,
    entries: VecDeque<Entry>,
    current: Option<Entry>,
    /// `watch(what, object)`, which sees the objects themselves while they are what they are.
    watch: Option<Py<PyAny>>,
    /// What the watcher raised.
    error: Option<PyErr>,
}

impl Trace {
    pub fn new(keep: usize, watch: Option<Py<PyAny>>) -> Self {
        Self {
            keep,
            entries: VecDeque::new(),
            current: None,
            watch,
            error: None,
        }
    }

    #[inline]
    pub fn watches(&self) -> bool {
        self.watch.is_some()
    }

    /// Shows an object to the watcher, if there is one.
    #[inline]
    pub fn tell(&mut self, what: &'static str, object: &Bound<'_, PyAny>) {
        if self.watch.is_some() {
            self.tell_watcher(what, object);
        }
    }

    fn tell_watcher(&mut self, what: &'static str, object: &Bound<'_, PyAny>) {
        let Some(watch) = &self.watch else { return };
        match watch.bind(object.py()).call1((what, object)) {
            Ok(said) => {
                if let Some(entry) = &mut self.current {
                    entry.told.push((what, said.unbind()));
                }
            }
            Err(error) => {
                // Nothing more is told; the caller learns it at the end.
                self.watch = None;
                self.error = Some(error);
            }
        }
    }

    pub fn take_error(&mut self) -> Option<PyErr> {
        self.error.take()
    }

    #[inline]
    pub fn begin(&mut self, step: u64, now_ms: i64) {
        if self.keep == 0 {
            return;
        }
        self.flush();
        self.current = Some(Entry {
            step,
            began_ms: now_ms,
            at_ms: now_ms,
            ..Entry::default()
        });
    }

    fn flush(&mut self) {
        let Some(mut entry) = self.current.take() else {
            return;
        };
        if entry.kind.is_empty() {
            if entry.told.iter().all(|(what, _)| *what == "state") {
                return;
            }
            // What happens between the steps of settling.
            entry.kind = "settle";
        }
        if self.entries.len() >= self.keep {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    pub fn plan(&mut self, label: u64, plan: &StepPlan) {
        let Some(entry) = &mut self.current else {
            return;
        };
        entry.kind = kind_name(plan.kind);
        entry.label = label;
        entry.of = origin(plan.kind);
        entry.at_ms = entry.began_ms.saturating_add_unsigned(plan.advance_ms);
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
            entry.told.clear();
        }
    }

    pub fn source(&mut self, name: Option<&str>) {
        if let Some(entry) = &mut self.current {
            entry.source = name.map(str::to_owned);
        }
    }

    pub fn event(
        &mut self,
        source: Option<&str>,
        event: &Bound<'_, PyAny>,
        now_ms: i64,
        settings: &Settings,
    ) {
        if let Some(entry) = &mut self.current {
            entry.source = source.map(str::to_owned);
            entry.event = Some(settings.show(event));
            entry.at_ms = now_ms;
        }
        self.tell("event", event);
    }

    pub fn executed(
        &mut self,
        action: &Bound<'_, PyAny>,
        answer: &Bound<'_, PyAny>,
        attempt: u32,
        settings: &Settings,
    ) {
        if let Some(entry) = &mut self.current {
            entry.action = Some(settings.show(action));
            entry.answer = Some(settings.show(answer));
        }
        self.tell_tuple("executed", action.py(), (action, answer, attempt));
    }

    fn tell_tuple<'py>(
        &mut self,
        what: &'static str,
        py: Python<'py>,
        objects: impl IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>, Error = PyErr>,
    ) {
        if self.watch.is_none() {
            return;
        }
        match objects.into_pyobject(py) {
            Ok(objects) => self.tell_watcher(what, objects.as_any()),
            Err(error) => self.error = Some(error),
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
        let outcome = entry.outcome;
        Python::attach(|py| {
            self.tell_tuple("outcome", py, (outcome, emissions(out), &out.forgotten));
        });
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
        let finished = error.is_none() && !faults.crash;
        Python::attach(|py| {
            self.tell_tuple("restored", py, (finished, emissions(out), &out.forgotten));
        });
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
        dict.set_item("at_ms", self.at_ms)?;
        dict.set_item("label", self.label)?;
        dict.set_item("kind", self.kind)?;
        if let Some(of) = self.of {
            dict.set_item("of", (of.step, of.place))?;
        }
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
        if !self.told.is_empty() {
            dict.set_item("told", self.told)?;
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
    let shown = emissions(out).into_iter();
    shown.map(|action| settings.show(action)).collect()
}

fn emissions<'a, 'py>(out: &'a Emissions<Bound<'py, PyAny>>) -> Vec<&'a Bound<'py, PyAny>> {
    let tracked = out.tracked.iter().map(|emission| &emission.action);
    tracked.chain(&out.untracked).collect()
}

fn origin(kind: StepKind) -> Option<Origin> {
    match kind {
        StepKind::Execute { of, .. }
        | StepKind::Zombie { of }
        | StepKind::Deliver { of }
        | StepKind::Duplicate { of }
        | StepKind::Timer { of } => Some(of),
        StepKind::Resubmit { step } => Some(Origin { step, place: 0 }),
        StepKind::Input { .. } | StepKind::Unknown | StepKind::Crash { .. } => None,
    }
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
