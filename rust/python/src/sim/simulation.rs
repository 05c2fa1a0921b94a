//! `Simulation`: runs seeds one after another and adds up what happened.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use fasm_core::draws::Draws;
use fasm_core::driver::{Driver as CoreDriver, End, Guide};
use fasm_core::faults::{Fault, FaultRates};
use fasm_core::host::{Failure, Halt, Switches};
use fasm_core::planner::{Planner, Wishes};
use fasm_core::rng::{ChaCha8, SCENARIO_STREAM};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule, PyType};
use pyo3::{PyTraverseError, PyVisit};

use super::clock::Pace;
use super::drive::Driver;
use super::emit::Container;
use super::handed::Handed;
use super::host::PyHost;
use super::ids::IdTable;
use super::parts::Parts;
use super::settings::Settings;
use super::state::State;
use super::tally::{Tally, bump};
use super::trace::Trace;
use super::watch::{Mode, Watch};
use crate::rng::Rng;
use crate::walk::Walker;

/// How long one seed runs and settles.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    steps: u64,
    settle_base: u64,
    settle_bound: Option<u64>,
}

/// The native side of `fasm.simulate`.
#[pyclass(frozen, module = "fasm._native")]
#[derive(Debug)]
pub struct Simulation {
    settings: Settings,
    wishes: Wishes,
    bounds: Bounds,
    switches: Switches,
    bridge: Option<Py<PyAny>>,
    progress: Option<Py<PyAny>>,
    machine_name: String,
    tally: Mutex<Tally>,
    opaque: Mutex<Vec<String>>,
    stop: AtomicBool,
}

/// How one seed is run.
#[derive(Debug)]
struct Order {
    seed: u64,
    swarm: bool,
    budget_s: Option<f64>,
    /// How many of the last steps to keep in words.
    trace: usize,
    /// Explain violations of this law at this step.
    explain: Option<(u64, String)>,
}

/// How a run ended, before it is turned into Python.
struct Ended {
    end: Option<End>,
    failure: Option<Failure>,
    settling: bool,
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
            tally: Mutex::new(tally),
            opaque: Mutex::new(Vec::new()),
            stop: AtomicBool::new(false),
        })
    }

    /// Runs one seed of the scenario whose callables are `parts`.
    #[pyo3(signature = (parts, seed, swarm, budget_s, trace, explain, /))]
    fn run<'py>(
        &self,
        parts: &Bound<'py, PyAny>,
        seed: u64,
        swarm: bool,
        budget_s: Option<f64>,
        trace: usize,
        explain: Option<(u64, String)>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let py = parts.py();
        let order = Order {
            seed,
            swarm,
            budget_s,
            trace,
            explain,
        };
        let parts = Parts::read(parts)?;
        let mut tally = self.new_tally();
        let mut walker = Walker::new(self.settings.dict_order);
        let ran = self.run_seed(py, parts, &order, &mut tally, &mut walker);
        self.keep(tally, walker.opaque());
        ran
    }

    /// What happened in all seeds so far.
    fn tally<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let tally = std::mem::take(&mut *self.lock());
        let dict = tally.to_dict(py);
        self.lock().merge(tally);
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
        visit.call(&self.progress)
    }
}

impl Simulation {
    fn lock(&self) -> std::sync::MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn new_tally(&self) -> Tally {
        let tally = self.lock();
        Tally::new(
            tally.inputs.len(),
            tally.always.len(),
            tally.settled.len(),
            tally.sometimes.len(),
        )
    }

    fn keep(&self, tally: Tally, opaque: &[String]) {
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

    fn run_seed<'py>(
        &self,
        py: Python<'py>,
        parts: Parts<'py>,
        order: &Order,
        tally: &mut Tally,
        walker: &mut Walker,
    ) -> PyResult<Bound<'py, PyDict>> {
        let wishes = Wishes {
            swarm: order.swarm,
            ..self.wishes.clone()
        };
        let sources = wishes.weights.len();
        let guide = Guide::Random(Box::new(Planner::new(order.seed, &wishes)));
        let mut core = CoreDriver::new(guide, sources, self.bounds.steps, self.switches, false);
        let mut host = self.host(py, parts, order, tally, walker)?;
        let ended = self.drive(&mut core, &mut host);
        let cause = host.cause.take();
        let visible = host.state.is_visible();
        let trace = std::mem::replace(&mut host.trace, Trace::new(0));
        host.tally.add(&core.counts);
        let ended = ended?;
        let dict = PyDict::new(py);
        dict.set_item("end", ended.end.map(end_name))?;
        dict.set_item("steps", core.counts.steps)?;
        dict.set_item("settle_steps", core.counts.settle_steps)?;
        dict.set_item("settling", ended.settling)?;
        dict.set_item(
            "failure",
            ended.failure.map(|failure| (failure.law, failure.message)),
        )?;
        dict.set_item("cause", cause.map(|error| error.into_value(py)))?;
        dict.set_item("visible", visible)?;
        dict.set_item("trace", trace.into_list(py)?)?;
        if let Guide::Random(planner) = core.guide() {
            let (weights, rates, in_flight) = planner.drawn();
            let rates: Vec<(&str, f64)> = Fault::ALL
                .into_iter()
                .map(|fault| (fault.name(), rates.get(fault)))
                .collect();
            dict.set_item("drawn", (weights, rates, in_flight))?;
        }
        Ok(dict)
    }

    fn host<'a, 'py>(
        &'a self,
        py: Python<'py>,
        mut parts: Parts<'py>,
        order: &Order,
        tally: &'a mut Tally,
        walker: &'a mut Walker,
    ) -> PyResult<PyHost<'a, 'py>> {
        let driver = Driver::new(
            self.bridge.as_ref().map(|bridge| bridge.clone_ref(py)),
            self.machine_name.clone(),
        );
        let rng = Rng::from_draws(py, Draws::random(ChaCha8::new(order.seed, SCENARIO_STREAM)))?
            .into_bound(py);
        let pristine = pristine(&parts.machine.object, walker)?;
        if let Some(pristine) = &pristine {
            let fresh = walker.copy(pristine)?.into_bound(py);
            parts.machine = super::parts::Machine::of(fresh)?;
        }
        let limit = order
            .budget_s
            .map(|budget| Duration::try_from_secs_f64(budget.max(0.0)));
        let deadline = limit
            .and_then(Result::ok)
            .and_then(|limit| Instant::now().checked_add(limit));
        Ok(PyHost {
            py,
            parts,
            settings: &self.settings,
            driver,
            state: State::new(py.None().into_bound(py))?,
            rng,
            tally,
            walker,
            trace: Trace::new(order.trace),
            pace: Pace::new(
                py,
                deadline,
                self.progress.as_ref(),
                self.lock().counts.steps,
                &self.stop,
            ),
            atomicity: Watch::new(self.settings.atomicity),
            purity: Watch::new(self.settings.purity),
            step: 0,
            explain: order.explain.clone(),
            cause: None,
            pure_step: false,
            ids: IdTable::new(py),
            container: Container::default(),
            handed: Handed::default(),
            pristine,
            last_result: None,
            refusal: None,
            round: 0,
        })
    }

    /// Makes the first state, runs the steps, settles.
    fn drive<'py>(
        &self,
        core: &mut CoreDriver<Bound<'py, PyAny>>,
        host: &mut PyHost<'_, 'py>,
    ) -> PyResult<Ended> {
        let mut settling = false;
        let ran = host.begin().and_then(|()| core.run(host)).and_then(|end| {
            if end == End::Stopped || !self.settings.settle {
                return Ok(end);
            }
            settling = true;
            bump(&mut host.tally.laws, "settle", 1);
            let settled = core.settle(host, self.bounds.settle_base, self.bounds.settle_bound)?;
            Ok(if settled { end } else { End::Stopped })
        });
        match ran {
            Ok(end) => Ok(Ended {
                end: Some(end),
                failure: None,
                settling,
            }),
            Err(Halt::Failed(failure)) => Ok(Ended {
                end: None,
                failure: Some(failure),
                settling,
            }),
            Err(Halt::Abort(error)) => Err(error),
        }
    }
}

impl PyHost<'_, '_> {
    /// The state that the seed starts with.
    fn begin(&mut self) -> super::host::Checked<()> {
        let returned = self.parts.initial.call1((&self.rng,));
        let state = self.hook("initial", returned)?;
        if state.is_none() {
            return Err(Self::invalid(String::from(
                "initial returned None, expected the state that the machine starts with",
            )));
        }
        self.state = State::new(state).map_err(Halt::Abort)?;
        use fasm_core::host::Host as _;
        self.always()
    }
}

/// A copy of a machine object that has fields, so that nothing it remembers survives a crash.
fn pristine<'py>(
    machine: &Bound<'py, PyAny>,
    walker: &mut Walker,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    if machine.is_instance_of::<PyType>() || machine.is_instance_of::<PyModule>() {
        return Ok(None);
    }
    let has_fields = walker.fingerprint(machine)?.nodes > 1;
    Ok(if has_fields {
        Some(walker.copy(machine)?.into_bound(machine.py()))
    } else {
        None
    })
}

fn end_name(end: End) -> &'static str {
    match end {
        End::Steps => "steps",
        End::Idle => "idle",
        End::Stopped => "budget",
    }
}

fn rates(given: &Bound<'_, PyAny>) -> PyResult<FaultRates> {
    let mut rates = FaultRates::NONE;
    for (name, rate) in given.extract::<std::collections::BTreeMap<String, f64>>()? {
        if let Some(fault) = Fault::from_name(&name) {
            rates.set(fault, rate);
        }
    }
    Ok(rates)
}

fn settings(spec: &Bound<'_, PyAny>) -> PyResult<Settings> {
    let object = |name: &str| -> PyResult<Py<PyAny>> { Ok(spec.getattr(name)?.unbind()) };
    Ok(Settings {
        rejections: spec.getattr("rejections")?.cast_into()?.unbind(),
        store_error: object("store_error")?,
        actions_full: object("actions_full")?,
        make_state_error: object("make_state_error")?,
        make_cancelled: object("make_cancelled")?,
        no_reply: object("no_reply")?,
        show: object("show")?,
        describe: object("describe")?,
        atomicity: mode(&spec.getattr("atomicity")?)?,
        purity: mode(&spec.getattr("purity")?)?,
        dict_order: spec.getattr("dict_order")?.extract()?,
        exception: spec.getattr("exception")?.extract()?,
        settle: spec.getattr("settle")?.extract()?,
    })
}

/// `"always"`, `"auto"`, a rate, or False.
fn mode(given: &Bound<'_, PyAny>) -> PyResult<Mode> {
    if let Ok(text) = given.extract::<&str>() {
        return Ok(if text == "always" {
            Mode::Always
        } else {
            Mode::Auto
        });
    }
    let rate: f64 = given.extract()?;
    Ok(if rate <= 0.0 {
        Mode::Off
    } else if rate >= 1.0 {
        Mode::Always
    } else {
        Mode::Rate(rate)
    })
}
