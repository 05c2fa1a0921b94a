//! One run: of a seed, or of a recording.

use std::time::{Duration, Instant};

use fasm_core::draws::{Divergence, Draws};
use fasm_core::driver::{Driver as CoreDriver, End, Guide};
use fasm_core::faults::{Fault, FaultRates};
use fasm_core::host::{Failure, Halt, Host as _};
use fasm_core::planner::{Planner, Wishes};
use fasm_core::player::{Player, Skipped};
use fasm_core::recording::Recording;
use fasm_core::rng::{ChaCha8, SCENARIO_STREAM};
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule, PyType};

use super::clock::Pace;
use super::digest::Digest;
use super::drive::Driver;
use super::emit::Container;
use super::handed::Handed;
use super::host::{Checked, PyHost};
use super::ids::IdTable;
use super::looks::Before;
use super::parts::{Machine, Parts};
use super::recording;
use super::simulation::Simulation;
use super::state::State;
use super::tally::{BuiltIn, Tally};
use super::trace::Trace;
use super::watch::{ATOMICITY_NODES, PURITY_NODES, Watch};
use crate::rng::Rng;
use crate::walk::{Fingerprint, Walker};

/// What decides what happens.
#[derive(Debug)]
pub enum Script {
    Seed {
        seed: u64,
        swarm: bool,
    },
    Recording(Recording),
    /// A recording, and then a number of steps at random, drawn by `fork` with the weights and rates of `seed`.
    GoOn {
        recording: Recording,
        seed: u64,
        swarm: bool,
        fork: u64,
        steps: u64,
    },
}

/// How one run is wanted.
#[derive(Debug)]
pub struct Order {
    pub script: Script,
    pub budget_s: Option<f64>,
    pub record: bool,
    /// How many of the last steps to keep in words.
    pub trace: usize,
    /// `watch(what, object)`: sees the objects behind the words.
    pub watch: Option<Py<PyAny>>,
    /// Explain violations of this law at this step.
    pub explain: Option<(u64, String)>,
    /// Whether to hash what happens, step by step.
    pub digest: bool,
    /// Fewer steps than the simulation's.
    pub steps: Option<u64>,
}

impl Order {
    /// The script and nothing else.
    pub fn of(script: Script) -> Self {
        Self {
            script,
            budget_s: None,
            record: false,
            trace: 0,
            watch: None,
            explain: None,
            digest: false,
            steps: None,
        }
    }
}

/// What came of it.
#[derive(Debug)]
pub struct Ran {
    /// Why it ended, unless it failed.
    pub end: Option<End>,
    pub failure: Option<Failure>,
    /// The kind of step at which it failed: with the law it names a group of failures.
    pub kind: String,
    pub settling: bool,
    pub step: u64,
    pub steps: u64,
    pub settle_steps: u64,
    pub cause: Option<PyErr>,
    pub visible: bool,
    pub trace: Trace,
    pub recording: Option<Recording>,
    /// The weights, rates and concurrency that the seed drew.
    pub drawn: Option<(Vec<u64>, FaultRates, usize)>,
    /// Recorded steps that no longer fit.
    pub skipped: Vec<Skipped>,
    /// The first draw that differs from the record, and the number of its step (0: `initial`).
    pub divergence: Option<(u64, Divergence)>,
    pub digests: Vec<u64>,
    /// What the state laws see in the end.
    pub state: Option<Py<PyAny>>,
}

impl Ran {
    pub fn into_dict(self, py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("end", self.end.map(end_name))?;
        let failure = self.failure.map(|failure| (failure.law, failure.message));
        dict.set_item("failure", failure)?;
        dict.set_item("kind", self.kind)?;
        dict.set_item("settling", self.settling)?;
        dict.set_item("step", self.step)?;
        dict.set_item("steps", self.steps)?;
        dict.set_item("settle_steps", self.settle_steps)?;
        dict.set_item("cause", self.cause.map(|error| error.into_value(py)))?;
        dict.set_item("visible", self.visible)?;
        dict.set_item("trace", self.trace.into_list(py)?)?;
        let recording = self.recording.map(|inner| recording::Recording { inner });
        dict.set_item(
            "recording",
            recording
                .map(|recording| Py::new(py, recording))
                .transpose()?,
        )?;
        if let Some((weights, rates, in_flight)) = self.drawn {
            let rates: Vec<(&str, f64)> = Fault::ALL
                .into_iter()
                .map(|fault| (fault.name(), rates.get(fault)))
                .collect();
            dict.set_item("drawn", (weights, rates, in_flight))?;
        }
        let skipped: Vec<(u64, bool)> = self
            .skipped
            .iter()
            .map(|step| (step.label, step.declined))
            .collect();
        dict.set_item("skipped", skipped)?;
        dict.set_item("digests", self.digests)?;
        dict.set_item("state", self.state)?;
        let divergence = self.divergence.map(|(step, differs)| {
            let expected = differs
                .expected
                .map(|draw| (draw.method.name(), draw.bound, draw.value));
            let found = differs.found.map(|(method, bound)| (method.name(), bound));
            (step, differs.index, expected, found)
        });
        dict.set_item("divergence", divergence)?;
        Ok(dict)
    }
}

impl Simulation {
    /// Runs a seed or a recording of the scenario with these parts.
    pub(super) fn run_once<'py>(
        &self,
        py: Python<'py>,
        parts: Parts<'py>,
        order: Order,
        tally: &mut Tally,
        walker: &mut Walker,
    ) -> PyResult<Ran> {
        let sources = self.wishes.weights.len();
        let (guide, draws, steps, settles) = self.guide(&order);
        let mut core = CoreDriver::new(guide, sources, steps, self.switches, order.record);
        let mut host = self.host(py, parts, &order, draws, tally, walker)?;
        let (outcome, settling) = self.drive(&mut core, &mut host, settles, &order);
        host.show_state();
        if let Some(error) = host.trace.take_error() {
            return Err(error);
        }
        host.digest_step()?;
        host.note_divergence();
        let state = if order.digest {
            host.state.view(&host.driver)?.map(Bound::unbind)
        } else {
            None
        };
        host.tally.add(&core.counts);
        let (end, failure) = match outcome {
            Ok(end) => (Some(end), None),
            Err(Halt::Failed(failure)) => (None, Some(*failure)),
            Err(Halt::Abort(error)) => return Err(placed(py, *error, &order.script, host.step)),
        };
        let recording = core.recording().map(std::mem::take).map(|mut recording| {
            recording.initial = std::mem::take(&mut host.initial_draws);
            recording.settles = settling;
            recording
        });
        let (drawn, skipped) = match core.guide() {
            Guide::Random(planner) => {
                let (weights, rates, in_flight) = planner.drawn();
                (Some((weights.to_vec(), *rates, in_flight)), Vec::new())
            }
            Guide::Script(player) => (None, player.skipped().to_vec()),
            Guide::Explore(_) => (None, Vec::new()),
        };
        let kind = match &failure {
            // Which settling step shows it depends on how many there are.
            Some(_) if settling => String::from("settling"),
            Some(failure) => host.kind(&failure.law),
            None => String::new(),
        };
        Ok(Ran {
            end,
            failure,
            kind,
            settling,
            step: host.step,
            steps: core.counts.steps,
            settle_steps: core.counts.settle_steps,
            cause: host.cause.take(),
            visible: host.state.is_visible(),
            trace: std::mem::replace(&mut host.trace, Trace::new(0, None)),
            recording,
            drawn,
            skipped,
            divergence: host.divergence,
            digests: std::mem::take(&mut host.digest).into_steps(),
            state,
        })
    }

    /// Who plans, who draws, for how many steps, and whether settling follows.
    fn guide(&self, order: &Order) -> (Guide, Draws, u64, bool) {
        match &order.script {
            Script::Seed { seed, swarm } => {
                let guide = Guide::Random(Box::new(self.planner(*seed, *swarm)));
                let draws = Draws::random(ChaCha8::new(*seed, SCENARIO_STREAM));
                let steps = order.steps.unwrap_or(self.bounds.steps);
                (
                    guide,
                    draws,
                    steps,
                    self.settings.settle && order.steps.is_none(),
                )
            }
            Script::Recording(recording) | Script::GoOn { recording, .. } => {
                let draws = Draws::replay(recording.initial.clone(), true);
                let guide = Guide::Script(Player::new(recording.clone()));
                (guide, draws, u64::MAX, recording.settles)
            }
        }
    }

    fn planner(&self, seed: u64, swarm: bool) -> Planner {
        let wishes = Wishes {
            swarm,
            ..self.wishes.clone()
        };
        Planner::new(seed, &wishes)
    }

    pub(super) fn host<'a, 'py>(
        &'a self,
        py: Python<'py>,
        mut parts: Parts<'py>,
        order: &Order,
        mut draws: Draws,
        tally: &'a mut Tally,
        walker: &'a mut Walker,
    ) -> PyResult<PyHost<'a, 'py>> {
        let bridge = self.bridge.as_ref().map(|bridge| bridge.clone_ref(py));
        if order.record {
            draws.start_log();
        }
        let pristine = pristine(&parts.machine.object, walker)?;
        if let Some((pristine, _)) = &pristine {
            parts.machine = Machine::of(walker.copy(pristine)?.into_bound(py))?;
        }
        let limit = order
            .budget_s
            .map(|budget| Duration::try_from_secs_f64(budget.max(0.0)));
        let deadline = limit
            .and_then(Result::ok)
            .and_then(|limit| Instant::now().checked_add(limit));
        let done = self.steps_done();
        let seed = match order.script {
            Script::Seed { seed, .. } => seed,
            Script::Recording(_) | Script::GoOn { .. } => 0,
        };
        Ok(PyHost {
            py,
            parts,
            settings: &self.settings,
            driver: Driver::new(bridge, self.machine_name.clone()),
            state: State::new(py.None().into_bound(py))?,
            rng: Rng::from_draws(py, draws)?.into_bound(py),
            tally,
            walker,
            trace: Trace::new(
                order.trace,
                order.watch.as_ref().map(|watch| watch.clone_ref(py)),
            ),
            pace: Pace::new(py, deadline, self.progress.as_ref(), done, &self.stop),
            atomicity: Watch::new(self.settings.atomicity, ATOMICITY_NODES, seed),
            purity: Watch::new(self.settings.purity, PURITY_NODES, seed),
            step: 0,
            explain: order.explain.clone(),
            cause: None,
            pure_step: false,
            initial_draws: Vec::new(),
            replays: matches!(order.script, Script::Recording(_)),
            divergence: None,
            digest: Digest::new(order.digest),
            exploration: None,
            plan_kind: None,
            plan_source: None,
            ids: IdTable::new(),
            container: Container::default(),
            handed: Handed::default(),
            pristine,
            last_result: None,
            results: 0,
            int_ids: true,
            refusal: None,
            before_commit: Before::default(),
            round: 0,
        })
    }

    /// Makes the first state, runs the steps, settles; tells whether it came to settling.
    fn drive<'py>(
        &self,
        core: &mut CoreDriver<Bound<'py, PyAny>>,
        host: &mut PyHost<'_, 'py>,
        settles: bool,
        order: &Order,
    ) -> (Checked<End>, bool) {
        let mut ran = host.begin().and_then(|()| core.run(host));
        if let Script::GoOn {
            seed,
            swarm,
            fork,
            steps,
            ..
        } = order.script
            && ran.is_ok()
        {
            let mut planner = self.planner(seed, swarm);
            planner.reseed(fork);
            core.go_on(planner, steps);
            let draws = Draws::random(ChaCha8::new(fork, SCENARIO_STREAM));
            host.rng.get().with_draws(|old| *old = draws);
            ran = core.run(host);
        }
        if !settles || !matches!(ran, Ok(End::Steps | End::Idle)) {
            return (ran, false);
        }
        host.tally.evaluated(BuiltIn::Settle);
        let settled = core.settle(host, self.bounds.settle_base, self.bounds.settle_bound);
        let outcome = match settled {
            Ok(true) => ran,
            Ok(false) => Ok(End::Stopped),
            Err(halt) => Err(halt),
        };
        (outcome, true)
    }
}

impl PyHost<'_, '_> {
    /// The state that the run starts with.
    pub(super) fn begin(&mut self) -> Checked<()> {
        let returned = self.parts.initial.call1((&self.rng,));
        let state = self.hook("initial", returned)?;
        self.initial_draws = self.take_draws();
        if state.is_none() {
            return Err(Self::invalid(String::from(
                "initial returned None, expected the state that the machine starts with",
            )));
        }
        self.state = State::new(state).map_err(Halt::abort)?;
        self.seldom(Self::always)
    }
}

/// Notes in a usage error where it came up, so that it can be found again.
fn placed(py: Python<'_>, error: PyErr, script: &Script, step: u64) -> PyErr {
    if let Script::Seed { seed, .. } = script
        && error.is_instance_of::<PyException>(py)
    {
        let note = format!("seed {seed}, step {step}");
        if let Err(other) = error.value(py).call_method1("add_note", (note,)) {
            return other;
        }
    }
    error
}

/// A copy of a machine object, so that nothing it remembers survives a crash, and its fingerprint.
fn pristine<'py>(
    machine: &Bound<'py, PyAny>,
    walker: &mut Walker,
) -> PyResult<Option<(Bound<'py, PyAny>, Fingerprint)>> {
    if machine.is_instance_of::<PyType>() || machine.is_instance_of::<PyModule>() {
        return Ok(None);
    }
    let copy = walker.copy(machine)?.into_bound(machine.py());
    let print = walker.fingerprint(&copy)?;
    Ok(Some((copy, print)))
}

fn end_name(end: End) -> &'static str {
    match end {
        End::Steps => "steps",
        End::Idle => "idle",
        End::Stopped => "budget",
    }
}
