//! The simulator's host: calls the user's machine and scenario for the core driver, and looks at the state.

use fasm_core::draws::{Divergence, Draw};
use fasm_core::host::{Commit, Emissions, Event, Halt, Host, Outcome, Standing};
use fasm_core::schedule::Schedule;
use fasm_core::step::{CallFaults, StepKind, StepPlan};
use pyo3::prelude::*;
use pyo3::types::PyInt;

use super::clock::Pace;
use super::digest::Digest;
use super::drive::{Driven, Driver};
use super::emit::Container;
use super::explore::Exploration;
use super::handed::Handed;
use super::ids::IdTable;
use super::looks::Before;
use super::parts::Parts;
use super::settings::Settings;
use super::state::State;
use super::tally::{Became, BuiltIn, Tally};
use super::trace::Trace;
use super::watch::Watch;
use crate::events::{Fired, TrackedAction};
use crate::rng::Rng;
use crate::walk::{Fingerprint, Walker};

pub type Checked<T> = Result<T, Halt<PyErr>>;

/// One seed's run, as the core driver sees it.
pub struct PyHost<'a, 'py> {
    pub py: Python<'py>,
    pub parts: Parts<'py>,
    pub settings: &'a Settings,
    pub driver: Driver,
    pub state: State<'py>,
    pub rng: Bound<'py, Rng>,
    pub tally: &'a mut Tally,
    pub walker: &'a mut Walker,
    pub trace: Trace,
    pub pace: Pace<'a, 'py>,
    pub atomicity: Watch,
    pub purity: Watch,
    /// The number of the step at hand, from 1.
    pub step: u64,
    /// At this step violations of the named law are explained: where, what it was, what it is.
    pub explain: Option<(u64, String)>,
    /// The exception behind the last failure, for the user's traceback.
    pub cause: Option<PyErr>,
    pub pure_step: bool,
    pub(super) digest: Digest,
    /// What only explorations need.
    pub(super) exploration: Option<Exploration>,
    /// What `initial` drew.
    pub initial_draws: Vec<Draw>,
    /// Whether a record is replayed, so that draws are compared with it.
    pub(super) replays: bool,
    /// Where a replay first drew something else than its record, and in which step (0: `initial`).
    pub divergence: Option<(u64, Divergence)>,
    /// The kind of step at hand, and the source of its input.
    pub(super) plan_kind: Option<StepKind>,
    pub(super) plan_source: Option<u32>,
    pub(super) ids: IdTable,
    pub(super) container: Container<'py>,
    pub(super) handed: Handed<'py>,
    /// What the machine was when the seed began, if it can remember anything, and its fingerprint.
    pub(super) pristine: Option<(Bound<'py, PyAny>, Fingerprint)>,
    /// A result for answers that nobody asked for, and how many there were so far.
    pub(super) last_result: Option<Bound<'py, PyAny>>,
    pub(super) results: u64,
    /// Whether every id so far was an int.
    pub(super) int_ids: bool,
    pub(super) refusal: Option<PyErr>,
    /// What was seen before a transition that is about to commit to a store.
    pub(super) before_commit: Before<'py>,
    /// Counts transitions, for laws that run every n-th time.
    pub(super) round: u64,
}

impl<'py> Host for PyHost<'_, 'py> {
    type Obj = Bound<'py, PyAny>;
    type Abort = PyErr;

    #[inline]
    fn duplicate(&self, object: &Self::Obj) -> Self::Obj {
        object.clone()
    }

    fn preserve(&mut self, object: &Self::Obj) -> Checked<Self::Obj> {
        let copy = self.walker.copy(object).map_err(Halt::abort)?;
        Ok(copy.into_bound(self.py))
    }

    #[inline]
    fn proceed(&mut self, step: u64) -> PyResult<bool> {
        if let Some(error) = self.trace.take_error() {
            return Err(error);
        }
        self.digest_step()?;
        self.pace.proceed(step)
    }

    fn begin_step(&mut self, step: u64, now_ms: i64, script: Option<&[Draw]>) {
        if self.replays {
            self.note_divergence();
        }
        self.step = step;
        self.pure_step = self.purity.due(step);
        self.show_state();
        self.trace.begin(step, now_ms);
        if let Some(script) = script {
            self.rng
                .get()
                .with_draws(|draws| draws.load_replay(script.to_vec(), true));
        }
    }

    fn take_draws(&mut self) -> Vec<Draw> {
        self.rng.get().with_draws(fasm_core::draws::Draws::take_log)
    }

    fn note_plan(&mut self, label: u64, plan: &StepPlan) {
        self.plan_kind = Some(plan.kind);
        self.plan_source = None;
        self.trace.plan(label, plan);
    }

    fn note_absent(&mut self) {
        self.trace.absent();
    }

    fn source(&mut self, source: u32) -> Checked<Option<Self::Obj>> {
        self.reading(|host| host.make_input(source))
    }

    fn transition(
        &mut self,
        event: &Event<'_, Self::Obj>,
        now_ms: i64,
        faults: &CallFaults,
        out: &mut Emissions<Self::Obj>,
    ) -> Checked<Outcome> {
        self.plan_source = Self::kind_of(event);
        let object = self.event(event, now_ms).map_err(Halt::abort)?;
        let source = self
            .plan_source
            .map(|source| &*self.parts.sources[source as usize].name);
        self.trace.event(source, &object, now_ms, self.settings);
        self.digest_object(&object).map_err(Halt::abort)?;
        let mut before = Before::default();
        self.before_transition(faults, &object, &mut before)?;
        if let Err(error) = self.state.begin(&self.driver) {
            let outcome = self.interrupted_by(error)?;
            self.trace
                .outcome(outcome, self.refusal.as_ref(), out, faults, self.settings);
            return Ok(outcome);
        }
        let container = self
            .container
            .fresh(self.py, &self.parts.machine, faults)
            .map_err(|error| self.blame_container(error))?;
        let injections = self.injections(faults)?;
        let mut driven = Driven::default();
        let returned = self
            .parts
            .machine
            .stf
            .call1((&self.state.object, &object, &container));
        let result = self
            .driver
            .finish_with(returned, "stf", &injections, &mut driven);
        self.state.touched();
        out.suspensions = driven.suspensions;
        [out.cancelled, out.state_error] = driven.injected;
        let outcome = match result {
            Ok(returned) => {
                self.take_returned_state(returned)?;
                Outcome::Accepted
            }
            Err(error) => self.refused(error, &injections)?,
        };
        self.container
            .collect(self.py, container, out)
            .map_err(|error| self.blame_container(error))?;
        self.after_transition(outcome, &before, &object)?;
        self.digest_call(outcome, out).map_err(Halt::abort)?;
        self.trace
            .outcome(outcome, self.refusal.as_ref(), out, faults, self.settings);
        if outcome != Outcome::Accepted {
            self.state.discard();
            self.state
                .rollback(&self.driver)
                .map_err(|error| self.blame(error, "state:rollback"))?;
            self.check_atomicity(&before, outcome)?;
        } else if self.state.is_transaction() {
            self.before_commit = before;
        }
        Ok(outcome)
    }

    fn commit(&mut self) -> Checked<Commit> {
        let before = std::mem::take(&mut self.before_commit);
        let Err(error) = self.state.commit(&self.driver) else {
            return Ok(Commit::Done);
        };
        if !self.settings.is_store_error(self.py, &error) {
            return Err(self.blame(error, "state:commit"));
        }
        let retry = Settings::is_retryable(self.py, &error);
        self.refusal = Some(error);
        self.state.touched();
        self.check_atomicity(&before, Outcome::Interrupted)?;
        Ok(if retry {
            Commit::Retry
        } else {
            Commit::Interrupted
        })
    }

    fn answer_client(&mut self, event: &Event<'_, Self::Obj>, outcome: Outcome) -> Checked<()> {
        let Event::Normal { value, .. } = event else {
            return Ok(());
        };
        let (py, refusal) = (self.py, self.refusal.as_ref());
        if let Some(source) = Self::kind_of(event) {
            let name = || refusal.map_or_else(String::new, |error| Settings::name_of(py, error));
            self.tally.input(source, outcome, name);
        }
        match outcome {
            Outcome::Accepted => {
                let Some(accepted) = &self.parts.accepted else {
                    return Ok(());
                };
                let returned = accepted.call1((*value,));
                self.hook("accepted", returned).map(drop)
            }
            Outcome::Rejected => {
                let Some(rejected) = &self.parts.rejected else {
                    return Ok(());
                };
                let error = self
                    .refusal
                    .as_ref()
                    .map(|error| error.value(self.py).clone());
                let returned = rejected.call1((*value, error));
                self.hook("rejected", returned).map(drop)
            }
            Outcome::Interrupted => Ok(()),
        }
    }

    fn crash(&mut self, _uncommitted: bool) -> Checked<()> {
        self.trace.flag("crash");
        self.handed.clear();
        self.state
            .crash(&self.driver, self.walker)
            .map_err(|error| self.blame(error, "state:reopen"))?;
        self.recode_state()?;
        self.renew_machine().map_err(Halt::abort)
    }

    fn restore(&mut self, faults: &CallFaults, out: &mut Emissions<Self::Obj>) -> Checked<bool> {
        self.seldom(|host| host.reading(|host| host.run_restore(faults, out)))
    }

    fn execute(&mut self, action: &Self::Obj, attempt: u32) -> Checked<Option<Self::Obj>> {
        self.run_execute(action, attempt)
    }

    fn fired(&mut self, at: i64) -> Checked<Self::Obj> {
        let fired = Fired::create(self.py, at).map_err(Halt::abort)?;
        Ok(fired.into_bound(self.py).into_any())
    }

    fn observe(&mut self, action: &Self::Obj) -> Checked<()> {
        self.trace.tell("observed", action);
        let Some(observe) = &self.parts.observe else {
            return Ok(());
        };
        let returned = observe.call1((action,));
        self.hook("observe", returned).map(drop)
    }

    fn can_invent(&self) -> bool {
        self.parts.unknown.is_some() || (self.int_ids && self.last_result.is_some())
    }

    fn invent(&mut self) -> Checked<Option<(Self::Obj, Self::Obj)>> {
        self.make_unknown()
    }

    fn heal(&mut self) -> Checked<()> {
        let Some(heal) = &self.parts.heal else {
            return Ok(());
        };
        self.trace.tell("healed", &self.parts.scenario);
        let returned = heal.call0();
        self.hook("heal", returned).map(drop)
    }

    fn always(&mut self) -> Checked<()> {
        if self.parts.always.is_empty() && self.parts.sometimes.is_empty() {
            return Ok(());
        }
        self.reading(Self::check_always)
    }

    fn settled(&mut self) -> Checked<()> {
        self.seldom(|host| host.reading(Self::check_settled))
    }

    fn enter_id(&mut self, id: &Self::Obj, slot: u32, again: bool) -> Checked<Standing> {
        self.ids
            .enter(id, slot, again)
            .map_err(|error| self.blame_id(error, id))
    }

    fn find_id(&mut self, id: &Self::Obj) -> Checked<Option<u32>> {
        self.ids.find(id).map_err(|error| self.blame_id(error, id))
    }

    fn retire_id(&mut self, id: &Self::Obj) -> Checked<()> {
        self.ids
            .retire(id)
            .map_err(|error| self.blame_id(error, id))
    }

    fn was_completed(&mut self, id: &Self::Obj) -> Checked<bool> {
        self.ids
            .was_completed(id)
            .map_err(|error| self.blame_id(error, id))
    }

    fn note_emitted(&mut self, action: &Self::Obj) -> Checked<()> {
        self.tally.evaluated(BuiltIn::Ids);
        self.note_action(action, Became::Emitted);
        if self.int_ids
            && let Ok(tracked) = action.cast::<TrackedAction>()
        {
            let id = tracked.get().id.bind(self.py);
            self.int_ids = id.is_exact_instance_of::<PyInt>();
        }
        self.remember_handed(action)
    }

    fn note_completed(&mut self, action: &Self::Obj) {
        self.note_action(action, Became::Completed);
    }

    fn note_dead(&mut self, action: &Self::Obj) {
        self.note_action(action, Became::Dead);
    }

    fn seen_while_settling(&mut self, schedule: &Schedule<Self::Obj>) -> Checked<bool> {
        self.circles(schedule)
    }

    fn show(&mut self, object: &Self::Obj) -> String {
        self.settings.show(object)
    }

    fn last_refusal(&mut self) -> String {
        let shown = self
            .refusal
            .as_ref()
            .map(|error| self.settings.describe(self.py, error));
        shown.unwrap_or_else(|| String::from("no reason given"))
    }
}
