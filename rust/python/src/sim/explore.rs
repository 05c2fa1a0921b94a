//! The host of an exploration: puts state and scenario back to where they were.

use std::collections::BTreeSet;

use fasm_core::draws::Draws;
use fasm_core::explore::{Explored, Explorer, Fork, Scope, print_schedule};
use fasm_core::host::Halt;
use fasm_core::rng::{ChaCha8, SCENARIO_STREAM};
use fasm_core::schedule::Schedule;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use super::host::{Checked, PyHost};
use super::ids::IdTable;
use super::parts::Parts;
use super::recording::Recording;
use super::run::{Order, Script};
use super::simulation::Simulation;
use crate::values::times_told;
use crate::walk::Walker;

/// What a host needs to know while it explores.
#[derive(Debug)]
pub struct Exploration {
    /// Draws of more choices than this are sampled.
    wide: u64,
    /// Whether the scenario has fields, so that it must be copied with the state.
    world: bool,
    /// Makes the samples of wide draws differ.
    follows: u64,
    settling: BTreeSet<u128>,
}

/// A situation, the schedule apart.
pub struct Image<'py> {
    state: Bound<'py, PyAny>,
    scenario: Option<Bound<'py, PyAny>>,
    ids: IdTable,
    last_result: Option<Bound<'py, PyAny>>,
    round: u64,
}

impl<'py> Fork for PyHost<'_, 'py> {
    type Image = Image<'py>;

    fn image(&mut self) -> Checked<Image<'py>> {
        let world = self
            .exploration
            .as_ref()
            .is_some_and(|exploration| exploration.world);
        Ok(Image {
            state: self.state.object.clone(),
            scenario: world.then(|| self.parts.scenario.clone()),
            ids: self.ids.fork(self.py).map_err(Halt::abort)?,
            last_result: self.last_result.clone(),
            round: self.round,
        })
    }

    fn load(&mut self, image: &Image<'py>) -> Checked<()> {
        let state = self
            .walker
            .copy(&image.state)
            .map_err(Halt::abort)?
            .into_bound(self.py);
        self.state.replace(state).map_err(Halt::abort)?;
        if let Some(scenario) = &image.scenario {
            let scenario = self
                .walker
                .copy(scenario)
                .map_err(Halt::abort)?
                .into_bound(self.py);
            self.parts.rebind(scenario).map_err(Halt::abort)?;
        }
        self.ids = image.ids.fork(self.py).map_err(Halt::abort)?;
        self.last_result.clone_from(&image.last_result);
        self.round = image.round;
        self.refusal = None;
        self.handed.clear();
        if let Some(exploration) = &mut self.exploration {
            exploration.settling.clear();
        }
        Ok(())
    }

    fn fingerprint(&mut self) -> Checked<u128> {
        let view = self
            .state
            .view(&self.driver)
            .map_err(|error| self.blame(error, "state:snapshot"))?;
        let state = view.unwrap_or_else(|| self.state.object.clone());
        let state = self.walker.fingerprint(&state).map_err(Halt::abort)?.hash;
        if self
            .exploration
            .as_ref()
            .is_none_or(|exploration| !exploration.world)
        {
            return Ok(state);
        }
        let world = self
            .walker
            .fingerprint(&self.parts.scenario)
            .map_err(Halt::abort)?
            .hash;
        Ok(state.rotate_left(1) ^ world)
    }

    fn hash(&mut self, object: &Bound<'py, PyAny>) -> Checked<u128> {
        Ok(self.walker.fingerprint(object).map_err(Halt::abort)?.hash)
    }

    fn counts_attempts(&self) -> bool {
        self.parts.attempt.is_some()
    }

    fn settles(&self) -> bool {
        !self.parts.settled.is_empty()
    }

    fn follow(&mut self, path: Vec<u64>) {
        let Some(exploration) = &mut self.exploration else {
            return;
        };
        exploration.follows += 1;
        let sampler = ChaCha8::new(exploration.follows, SCENARIO_STREAM);
        let wide = exploration.wide;
        self.rng.get().with_draws(|draws| {
            *draws = Draws::enumerate(path, wide, sampler);
            draws.start_log();
        });
    }

    fn next_path(&mut self) -> Option<Vec<u64>> {
        self.rng.get().with_draws(|draws| draws.next_path())
    }

    fn sampled(&self) -> bool {
        self.rng.get().with_draws(|draws| draws.sampled())
    }
}

/// The state and the scenario of the step that was looked at last.
type Last<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

impl<'py> PyHost<'_, 'py> {
    fn last(&self) -> Last<'py> {
        (self.state.object.clone(), self.parts.scenario.clone())
    }

    /// Whether this situation came up before in the same settling; only explorations look.
    pub(super) fn circles(&mut self, schedule: &Schedule<Bound<'py, PyAny>>) -> Checked<bool> {
        if self.exploration.is_none() {
            return Ok(false);
        }
        let print = Fork::fingerprint(self)? ^ print_schedule(self, schedule)?.rotate_left(7);
        let fresh = self
            .exploration
            .as_mut()
            .is_none_or(|exploration| exploration.settling.insert(print));
        Ok(!fresh)
    }
}

/// The bounds that Python gives.
#[derive(Debug)]
pub struct Limits {
    pub depth: u32,
    pub states: usize,
    pub max_faults: u32,
    pub wide: u64,
    pub in_flight: usize,
    pub budget_s: Option<f64>,
    pub until: Option<usize>,
}

impl Simulation {
    pub(super) fn explore_all<'py>(
        &self,
        parts: &Bound<'py, PyAny>,
        limits: &Limits,
    ) -> PyResult<Bound<'py, PyDict>> {
        let py = parts.py();
        let parts = Parts::read(parts)?;
        let mut tally = self.new_tally();
        let mut walker = Walker::new(self.settings.dict_order);
        let told = times_told();
        let explored = self.explore_from(py, parts, limits, &mut tally, &mut walker);
        let opaque = !walker.opaque().is_empty();
        self.keep(tally, walker.opaque());
        let (explored, aborted, last) = explored?;
        let dict = into_dict(py, explored)?;
        dict.set_item("opaque", opaque)?;
        dict.set_item("clock", times_told() != told)?;
        dict.set_item("last", last)?;
        dict.set_item("aborted", aborted.map(|error| error.into_value(py)))?;
        Ok(dict)
    }

    fn explore_from<'py>(
        &self,
        py: Python<'py>,
        parts: Parts<'py>,
        limits: &Limits,
        tally: &mut super::tally::Tally,
        walker: &mut Walker,
    ) -> PyResult<(Explored, Option<PyErr>, Last<'py>)> {
        let script = Script::Recording(fasm_core::recording::Recording::default());
        let order = Order {
            budget_s: limits.budget_s,
            record: true,
            ..Order::of(script)
        };
        let draws = Draws::enumerate(Vec::new(), limits.wide, ChaCha8::new(0, SCENARIO_STREAM));
        let world = walker.fingerprint(&parts.scenario)?.nodes > 1;
        let mut host = self.host(py, parts, &order, draws, tally, walker)?;
        host.replays = false; // it draws by enumeration, not from a record
        host.exploration = Some(Exploration {
            wide: limits.wide,
            world,
            follows: 0,
            settling: BTreeSet::new(),
        });
        match host.begin() {
            Ok(()) => {}
            Err(Halt::Abort(error)) => return Err(*error),
            Err(Halt::Failed(failure)) => {
                let failure = Some((*failure, fasm_core::recording::Recording::default()));
                let explored = Explored {
                    failure,
                    ..Explored::default()
                };
                return Ok((explored, None, host.last()));
            }
        }
        let sampled_start = host.sampled() || host.next_path().is_some();
        let scope = Scope {
            depth: limits.depth,
            states: limits.states,
            max_faults: limits.max_faults,
            rates: self.wishes.rates,
            sources: self.wishes.weights.len(),
            in_flight: limits.in_flight,
            switches: self.switches,
            settle_base: self.bounds.settle_base,
            settle: self.settings.settle,
            until: limits.until,
        };
        let initial = std::mem::take(&mut host.initial_draws);
        let (mut explored, aborted) = Explorer::new(scope, initial).run(&mut host);
        host.tally.add(&explored.counts);
        explored.sampled |= sampled_start;
        Ok((explored, aborted, host.last()))
    }
}

fn into_dict(py: Python<'_>, explored: Explored) -> PyResult<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("states", explored.states)?;
    dict.set_item("transitions", explored.transitions)?;
    dict.set_item("depth", explored.depth)?;
    dict.set_item("frontier", explored.frontier)?;
    dict.set_item("sampled", explored.sampled)?;
    dict.set_item("stopped", explored.stopped)?;
    let trail: Vec<u8> = explored
        .trail
        .iter()
        .flat_map(|step| step.to_le_bytes())
        .collect();
    dict.set_item("trail", PyBytes::new(py, &trail))?;
    let points = PyDict::new(py);
    for (point, count) in explored.crash_points {
        points.set_item(point, count)?;
    }
    dict.set_item("crash_points", points)?;
    match explored.failure {
        Some((failure, inner)) => {
            dict.set_item("failure", (failure.law, failure.message))?;
            dict.set_item("recording", Py::new(py, Recording { inner })?)?;
        }
        None => dict.set_item("failure", py.None())?,
    }
    Ok(dict)
}
