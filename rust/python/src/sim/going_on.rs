//! How likely a failure has become after the first steps of a recording: by going on at random many times.

use std::time::{Duration, Instant};

use fasm_core::recording::Recording;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

use super::parts::Parts;
use super::run::{Order, Script};
use super::simulation::Simulation;
use crate::walk::Walker;

/// What is run, and how often.
#[derive(Debug)]
pub struct Continuations<'a> {
    /// The steps that all of them begin with.
    pub recording: Recording,
    pub law: &'a str,
    pub seed: u64,
    pub swarm: bool,
    pub runs: u64,
    pub steps: u64,
    pub budget_s: f64,
}

/// How many runs broke the law after the prefix, how many there were, and their steps.
pub fn go_on(
    simulation: &Simulation,
    make_parts: &Bound<'_, PyAny>,
    wanted: &Continuations<'_>,
) -> PyResult<(u64, u64, u64)> {
    let py = make_parts.py();
    let limit = Duration::try_from_secs_f64(wanted.budget_s.max(0.0)).ok();
    let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
    let prefix = wanted.recording.steps.len() as u64;
    let mut walker = Walker::new(simulation.settings.dict_order);
    let (mut broken, mut runs, mut steps) = (0, 0, 0);
    for fork in 0..wanted.runs {
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            break;
        }
        let order = Order::of(Script::GoOn {
            recording: wanted.recording.clone(),
            seed: wanted.seed,
            swarm: wanted.swarm,
            fork,
            steps: wanted.steps,
        });
        let mut tally = simulation.new_tally();
        let parts = Parts::read(&make_parts.call0()?)?;
        runs += 1;
        match simulation.run_once(py, parts, order, &mut tally, &mut walker) {
            Ok(ran) => {
                steps += ran.steps + ran.settle_steps;
                let same = ran.failure.is_some_and(|failure| failure.law == wanted.law);
                broken += u64::from(same && ran.step > prefix);
            }
            // What cannot go on is no failure of this law.
            Err(error) if error.is_instance_of::<PyException>(py) => steps += prefix,
            Err(error) => return Err(error),
        }
    }
    Ok((broken, runs, steps))
}
