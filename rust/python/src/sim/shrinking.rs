//! Makes a failing recording small, by replaying candidates.

use std::time::{Duration, Instant};

use fasm_core::recording::Recording;
use fasm_core::shrink::{Replay, Replayed, Shrinker};
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

use super::parts::Parts;
use super::run::{Order, Script};
use super::simulation::Simulation;
use crate::walk::Walker;

/// The smallest recording found, the number of replays it took, and what cut the search short, if anything did.
pub fn shrink(
    simulation: &Simulation,
    make_parts: &Bound<'_, PyAny>,
    failing: Recording,
    law: String,
    kind: String,
    replays: u64,
    budget_s: f64,
) -> (Recording, u64, Option<PyErr>) {
    let limit = Duration::try_from_secs_f64(budget_s.max(0.0)).ok();
    let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
    let mut walker = Walker::new(simulation.settings.dict_order);
    let walker = &mut walker;
    let mut search = Search {
        simulation,
        make_parts,
        walker,
        law,
        kind: None,
        deadline,
    };
    let mut start = failing;
    if start.settles && replays > 0 {
        // What breaks on the way to rest breaks as well when those steps are ordinary ones, which can go one by one.
        match search.replay(&start.unsettled()) {
            Ok(Replayed::Fails(found)) => start = found,
            Ok(Replayed::Passes(_)) => {}
            Err(stop) => return (start, 1, stop),
        }
    }
    search.kind.get_or_insert(kind);
    let mut shrinker = Shrinker::new(start, replays);
    let cut_short = shrinker.run(&mut search).err().flatten();
    let used = replays - shrinker.replays_left();
    (shrinker.best, used, cut_short)
}

/// Replays candidates for the shrinker.
struct Search<'a, 'py> {
    simulation: &'a Simulation,
    make_parts: &'a Bound<'py, PyAny>,
    walker: &'a mut Walker,
    law: String,
    /// The kind of step at which the law must break; the first replay that breaks it decides if nobody else did.
    kind: Option<String>,
    deadline: Option<Instant>,
}

impl Replay for Search<'_, '_> {
    /// The error that stops the search, or nothing when the time is up.
    type Stop = Option<PyErr>;

    fn replay(&mut self, candidate: &Recording) -> Result<Replayed, Self::Stop> {
        if self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
        {
            return Err(None);
        }
        let py = self.make_parts.py();
        let order = Order {
            record: true,
            ..Order::of(Script::Recording(candidate.clone()))
        };
        let mut tally = self.simulation.new_tally();
        let ran = self
            .make_parts
            .call0()
            .and_then(|parts| Parts::read(&parts))
            .and_then(|parts| {
                self.simulation
                    .run_once(py, parts, order, &mut tally, self.walker)
            })
            .map(Some)
            .or_else(|error| {
                // What a candidate made impossible (an empty choice, say) is just not this failure.
                let leaves = !error.is_instance_of::<PyException>(py);
                if leaves { Err(Some(error)) } else { Ok(None) }
            })?;
        let Some(ran) = ran else {
            return Ok(Replayed::Passes(None));
        };
        let same_law = ran.failure.is_some_and(|failure| failure.law == self.law);
        let same = same_law && self.kind.as_ref().is_none_or(|kind| *kind == ran.kind);
        match ran.recording {
            Some(found) if same => {
                self.kind.get_or_insert(ran.kind);
                Ok(Replayed::Fails(found))
            }
            ran => Ok(Replayed::Passes(ran)),
        }
    }
}
