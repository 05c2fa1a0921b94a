//! What was tried and what came of it, per kind, over all seeds of one simulation.

use fasm_core::driver::Counts;
use fasm_core::faults::Fault;
use fasm_core::host::Outcome;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

#[derive(Clone, Debug, Default)]
pub struct InputCount {
    pub tried: u64,
    pub accepted: u64,
    pub interrupted: u64,
    /// Rejections by the name of the error.
    pub rejected: Vec<(String, u64)>,
}

#[derive(Debug)]
struct ActionCount {
    class: Py<PyType>,
    name: String,
    emitted: u64,
    completed: u64,
    dead: u64,
}

/// The laws of every machine that are counted where they are checked.
#[derive(Clone, Copy, Debug)]
pub enum BuiltIn {
    Atomicity,
    Ids,
    Purity,
    Restore,
    Settle,
    Codec,
}

impl BuiltIn {
    const NAMES: [&str; 6] = ["atomicity", "ids", "purity", "restore", "settle", "codec"];
}

#[derive(Clone, Copy, Debug)]
pub enum Became {
    Emitted,
    Completed,
    Dead,
}

/// A named counter; there are few, so a list in order of first sight serves.
fn bump(counters: &mut Vec<(String, u64)>, name: &str, by: u64) {
    match counters.iter_mut().find(|counter| counter.0 == name) {
        Some(counter) => counter.1 += by,
        None => counters.push((name.to_owned(), by)),
    }
}

#[derive(Debug, Default)]
pub struct Tally {
    pub counts: Counts,
    pub inputs: Vec<InputCount>,
    actions: Vec<ActionCount>,
    /// Evaluations per law: the user's by position, then the built-in ones by kind.
    pub always: Vec<u64>,
    pub settled: Vec<u64>,
    pub sometimes: Vec<(u64, u64)>,
    laws: [u64; BuiltIn::NAMES.len()],
}

impl Tally {
    pub fn new(sources: usize, always: usize, settled: usize, sometimes: usize) -> Self {
        Self {
            inputs: vec![InputCount::default(); sources],
            always: vec![0; always],
            settled: vec![0; settled],
            sometimes: vec![(0, 0); sometimes],
            ..Self::default()
        }
    }

    #[inline]
    pub fn evaluated(&mut self, law: BuiltIn) {
        self.laws[law as usize] += 1;
    }

    pub fn input(&mut self, source: u32, outcome: Outcome, error: impl FnOnce() -> String) {
        let Some(count) = self.inputs.get_mut(source as usize) else {
            return;
        };
        count.tried += 1;
        match outcome {
            Outcome::Accepted => count.accepted += 1,
            Outcome::Interrupted => count.interrupted += 1,
            Outcome::Rejected => bump(&mut count.rejected, &error(), 1),
        }
    }

    pub fn action(&mut self, payload: &Bound<'_, PyAny>, became: Became) {
        let class = payload.get_type();
        let known = self.actions.iter().position(|count| count.class.is(&class));
        let at = known.unwrap_or_else(|| {
            let name = class
                .name()
                .map_or_else(|_| String::from("?"), |name| name.to_string());
            let class = class.unbind();
            self.actions.push(ActionCount {
                class,
                name,
                emitted: 0,
                completed: 0,
                dead: 0,
            });
            self.actions.len() - 1
        });
        let count = &mut self.actions[at];
        match became {
            Became::Emitted => count.emitted += 1,
            Became::Completed => count.completed += 1,
            Became::Dead => count.dead += 1,
        }
    }

    /// Adds the counts of a finished run.
    pub fn add(&mut self, counts: &Counts) {
        self.counts.add(counts);
    }

    /// Adds another tally of the same simulation; gives back what is left of it.
    pub fn merge(&mut self, mut other: Self) -> Self {
        if self.inputs.is_empty() && self.always.is_empty() && self.actions.is_empty() {
            return std::mem::replace(self, other);
        }
        self.add(&other.counts);
        for (mine, theirs) in self.inputs.iter_mut().zip(&other.inputs) {
            mine.tried += theirs.tried;
            mine.accepted += theirs.accepted;
            mine.interrupted += theirs.interrupted;
            for (name, count) in &theirs.rejected {
                bump(&mut mine.rejected, name, *count);
            }
        }
        for theirs in std::mem::take(&mut other.actions) {
            match self
                .actions
                .iter_mut()
                .find(|mine| mine.class.is(&theirs.class))
            {
                Some(mine) => {
                    mine.emitted += theirs.emitted;
                    mine.completed += theirs.completed;
                    mine.dead += theirs.dead;
                    other.actions.push(theirs);
                }
                None => self.actions.push(theirs),
            }
        }
        for (mine, theirs) in self.always.iter_mut().zip(&other.always) {
            *mine += theirs;
        }
        for (mine, theirs) in self.settled.iter_mut().zip(&other.settled) {
            *mine += theirs;
        }
        for (mine, theirs) in self.sometimes.iter_mut().zip(&other.sometimes) {
            mine.0 += theirs.0;
            mine.1 += theirs.1;
        }
        for (mine, theirs) in self.laws.iter_mut().zip(&other.laws) {
            *mine += theirs;
        }
        other
    }

    pub fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("steps", self.counts.steps)?;
        dict.set_item("settle_steps", self.counts.settle_steps)?;
        dict.set_item("accepted", self.counts.accepted)?;
        dict.set_item("rejected", self.counts.rejected)?;
        dict.set_item("interrupted", self.counts.interrupted)?;
        dict.set_item("dropped_answers", self.counts.dropped_answers)?;
        let faults = PyDict::new(py);
        for fault in Fault::ALL {
            let count = self.counts.faults.get(fault);
            faults.set_item(fault.name(), (count.chances, count.armed, count.fired))?;
        }
        dict.set_item("faults", faults)?;
        let inputs: Vec<_> = self
            .inputs
            .iter()
            .map(|count| {
                (
                    count.tried,
                    count.accepted,
                    count.interrupted,
                    count.rejected.clone(),
                )
            })
            .collect();
        dict.set_item("inputs", inputs)?;
        let mut actions: Vec<_> = Vec::with_capacity(self.actions.len());
        for count in &self.actions {
            actions.push((
                count.name.as_str(),
                count.emitted,
                count.completed,
                count.dead,
            ));
        }
        dict.set_item("actions", actions)?;
        dict.set_item("always", &self.always)?;
        dict.set_item("settled", &self.settled)?;
        dict.set_item("sometimes", &self.sometimes)?;
        let laws: Vec<_> = BuiltIn::NAMES.into_iter().zip(self.laws).collect();
        dict.set_item("laws", laws)?;
        Ok(dict)
    }
}
