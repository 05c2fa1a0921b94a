//! `Simulation`: runs seeds one after another, adds up what happened, and makes failures small.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use fasm_core::host::Switches;
use fasm_core::planner::Wishes;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::{PyTraverseError, PyVisit};

use super::explore::Limits;
use super::going_on::{Continuations, go_on};
use super::options::{rates, settings};
use super::parts::Parts;
use super::recording::Recording;
use super::run::{Order, Ran, Script};
use super::settings::Settings;
use super::shrinking::shrink;
use super::tally::Tally;
use crate::walk::Walker;

/// How long one seed runs and settles.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub steps: u64,
    pub settle_base: u64,
    pub settle_bound: Option<u64>,
}

/// The native side of `fasm.simulate`.
#[pyclass(frozen, module = "fasm._native")]
#[derive(Debug)]
pub struct Simulation {
    pub(super) settings: Settings,
    pub(super) wishes: Wishes,
    pub(super) bounds: Bounds,
    pub(super) switches: Switches,
    pub(super) bridge: Option<Py<PyAny>>,
    pub(super) progress: Option<Py<PyAny>>,
    pub(super) machine_name: String,
    pub(super) stop: AtomicBool,
    tally: Mutex<Tally>,
    opaque: Mutex<Vec<String>>,
    /// What was learned about the types of the last seed serves the next one.
    walker: Mutex<Option<Walker>>,
}

#[pymethods]
impl Simulation {
    /// Reads everything from `spec`, an object with one attribute per option.
    #[new]
    fn new(spec: &Bound<'_, PyAny>) -> PyResult<Self> {
        let weights: Vec<u64> = spec.getattr("weights")?.extract()?;
        let (always, sometimes, settled): (usize, usize, usize) =
            spec.getattr("law_counts")?.extract()?;
        let tally = Tally::new(weights.len(), always, settled, sometimes);
        let optional = |name: &str| -> PyResult<Option<Py<PyAny>>> {
            Ok(Some(spec.getattr(name)?)
                .filter(|value| !value.is_none())
                .map(Bound::unbind))
        };
        let (ids, restore) = spec.getattr("switches")?.extract()?;
        Ok(Self {
            settings: settings(spec)?,
            wishes: Wishes {
                swarmable: spec.getattr("swarmable")?.extract()?,
                rates: rates(&spec.getattr("rates")?)?,
                swarm: false,
                in_flight: spec.getattr("in_flight")?.extract()?,
                weights,
            },
            bounds: Bounds {
                steps: spec.getattr("steps")?.extract()?,
                settle_base: spec.getattr("settle_base")?.extract()?,
                settle_bound: spec.getattr("settle_bound")?.extract()?,
            },
            switches: Switches { ids, restore },
            bridge: optional("bridge")?,
            progress: optional("progress")?,
            machine_name: spec.getattr("machine_name")?.extract()?,
            stop: AtomicBool::new(false),
            tally: Mutex::new(tally),
            opaque: Mutex::new(Vec::new()),
            walker: Mutex::new(None),
        })
    }

    /// Runs one seed of the scenario whose callables are `parts`.
    #[pyo3(signature = (parts, seed, swarm, budget_s, record, trace, explain, /))]
    // One argument per wish: Python passes them all, so that each default lives there.
    #[allow(clippy::too_many_arguments)]
    fn run<'py>(
        &self,
        parts: &Bound<'py, PyAny>,
        seed: u64,
        swarm: bool,
        budget_s: Option<f64>,
        record: bool,
        trace: usize,
        explain: Option<(u64, String)>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let order = Order {
            budget_s,
            record,
            trace,
            explain,
            ..Order::of(Script::Seed { seed, swarm })
        };
        self.run_counted(parts, order)?.into_dict(parts.py())
    }

    /// Runs the first steps of a seed without settling; hashes what happens step by step.
    #[pyo3(signature = (parts, seed, swarm, steps, trace, /))]
    fn digest<'py>(
        &self,
        parts: &Bound<'py, PyAny>,
        seed: u64,
        swarm: bool,
        steps: u64,
        trace: usize,
    ) -> PyResult<Bound<'py, PyDict>> {
        let order = Order {
            trace,
            digest: true,
            steps: Some(steps),
            ..Order::of(Script::Seed { seed, swarm })
        };
        self.run_counted(parts, order)?.into_dict(parts.py())
    }

    /// Runs a recording. Steps that no longer fit are passed over and told.
    ///
    /// `watch(what, object)` sees every object that the trace puts into words; what it returns is kept there.
    #[pyo3(signature = (parts, recording, trace, watch, explain, /))]
    fn replay<'py>(
        &self,
        parts: &Bound<'py, PyAny>,
        recording: &Recording,
        trace: usize,
        watch: Option<Py<PyAny>>,
        explain: Option<(u64, String)>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let order = Order {
            record: true,
            trace,
            watch,
            explain,
            ..Order::of(Script::Recording(recording.inner.clone()))
        };
        self.run_counted(parts, order)?.into_dict(parts.py())
    }

    /// Makes a recording that breaks `law` at a step of `kind` as small as `replays` and `budget_s` allow.
    ///
    /// Returns the smallest found, the number of replays used, and what cut the search short, if anything did.
    #[pyo3(signature = (make_parts, recording, law, kind, replays, budget_s, /))]
    #[allow(clippy::too_many_arguments)]
    fn shrink(
        &self,
        py: Python<'_>,
        make_parts: &Bound<'_, PyAny>,
        recording: &Recording,
        law: String,
        kind: String,
        replays: u64,
        budget_s: f64,
    ) -> (Recording, u64, Option<Py<PyAny>>) {
        let (inner, used, cut_short) = shrink(
            self,
            make_parts,
            recording.inner.clone(),
            law,
            kind,
            replays,
            budget_s,
        );
        let cut_short = cut_short.map(|error| error.into_value(py).into_any());
        (Recording { inner }, used, cut_short)
    }

    /// Replays the first `prefix` steps of a recording, goes on at random for `steps` more, and that `runs` times.
    ///
    /// Weights and rates are those that `seed` drew. Returns how many runs broke `law` after the prefix, how many
    /// there were, and their steps; there are fewer than asked for when `budget_s` is used up.
    #[pyo3(signature = (make_parts, recording, prefix, law, seed, swarm, runs, steps, budget_s, /))]
    #[allow(clippy::too_many_arguments)]
    fn go_on(
        &self,
        make_parts: &Bound<'_, PyAny>,
        recording: &Recording,
        prefix: usize,
        law: &str,
        seed: u64,
        swarm: bool,
        runs: u64,
        steps: u64,
        budget_s: f64,
    ) -> PyResult<(u64, u64, u64)> {
        let wanted = Continuations {
            recording: recording.inner.prefix(prefix),
            law,
            seed,
            swarm,
            runs,
            steps,
            budget_s,
        };
        go_on(self, make_parts, &wanted)
    }

    /// Goes through every choice, breadth first; up to step `until`, if one is given.
    #[pyo3(signature = (parts, depth, states, max_faults, wide, in_flight, budget_s, until, /))]
    #[allow(clippy::too_many_arguments)]
    fn explore<'py>(
        &self,
        parts: &Bound<'py, PyAny>,
        depth: u32,
        states: usize,
        max_faults: u32,
        wide: u64,
        in_flight: usize,
        budget_s: Option<f64>,
        until: Option<usize>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let limits = Limits {
            depth,
            states,
            max_faults,
            wide,
            in_flight,
            budget_s,
            until,
        };
        self.explore_all(parts, &limits)
    }

    /// What happened in all seeds so far.
    fn tally<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let tally = std::mem::take(&mut *self.lock());
        let dict = tally.to_dict(py);
        let leftovers = self.lock().merge(tally);
        drop(leftovers);
        let dict = dict?;
        let opaque = self
            .opaque
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        dict.set_item("opaque", opaque)?;
        Ok(dict)
    }

    /// Asks the run in progress to end before its next step; callable from any thread.
    fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.settings.traverse(&visit)?;
        visit.call(&self.bridge)?;
        visit.call(&self.progress)?;
        // A taken lock means that this very thread is moving the walker: what it holds is in use.
        match self.walker.try_lock() {
            Ok(walker) => walker
                .as_ref()
                .map_or(Ok(()), |walker| walker.traverse(&visit)),
            Err(_) => Ok(()),
        }
    }
}

impl Simulation {
    fn lock(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn steps_done(&self) -> u64 {
        self.lock().counts.steps
    }

    fn run_counted(&self, parts: &Bound<'_, PyAny>, order: Order) -> PyResult<Ran> {
        let py = parts.py();
        let parts = Parts::read(parts)?;
        let mut tally = self.new_tally();
        let known = self.lock_walker().take();
        let mut walker = known.unwrap_or_else(|| Walker::new(self.settings.dict_order));
        let ran = self.run_once(py, parts, order, &mut tally, &mut walker);
        self.keep(tally, walker.opaque());
        let replaced = self.lock_walker().replace(walker);
        drop(replaced);
        ran
    }

    fn lock_walker(&self) -> MutexGuard<'_, Option<Walker>> {
        self.walker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn new_tally(&self) -> Tally {
        let tally = self.lock();
        Tally::new(
            tally.inputs.len(),
            tally.always.len(),
            tally.settled.len(),
            tally.sometimes.len(),
        )
    }

    pub(super) fn keep(&self, tally: Tally, opaque: &[String]) {
        let leftovers = self.lock().merge(tally);
        // Classes may die here, which runs Python code: not under the lock.
        drop(leftovers);
        let mut known = self.opaque.lock().unwrap_or_else(PoisonError::into_inner);
        for name in opaque {
            if !known.contains(name) {
                known.push(name.clone());
            }
        }
    }
}
