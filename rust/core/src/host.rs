//! What the driver needs from the outside: the machine, the world and the laws.

use crate::draws::Draw;
use crate::schedule::Schedule;
use crate::step::{CallFaults, StepPlan};

/// Why a run stops early.
#[derive(Debug)]
pub enum Halt<A> {
    /// A law is broken. Boxed, like the other: nearly every call of the host succeeds, and what it returns is
    /// moved often.
    Failed(Box<Failure>),
    /// Something that must leave at once (Ctrl-C, a usage error): not a failure of the machine.
    Abort(Box<A>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The law, e.g. `ids` or `invariant:no_overlap`.
    pub law: String,
    pub message: String,
}

/// Which of the laws that the driver itself checks are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switches {
    pub ids: bool,
    pub restore: bool,
}

impl Switches {
    pub const ALL: Self = Self {
        ids: true,
        restore: true,
    };
}

impl<A> Halt<A> {
    pub fn failed(law: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Failed(Box::new(Failure {
            law: law.into(),
            message: message.into(),
        }))
    }

    pub fn abort(reason: A) -> Self {
        Self::Abort(Box::new(reason))
    }
}

/// An input to the machine.
#[derive(Debug)]
pub enum Event<'a, O> {
    /// From source number `source`, possibly sent again.
    Normal { source: u32, value: &'a O },
    /// The result of a tracked action; `answers` is false for duplicates and invented ones.
    Completed {
        id: &'a O,
        result: &'a O,
        answers: bool,
    },
}

#[derive(Debug)]
pub struct Emitted<O> {
    pub id: O,
    pub action: O,
    /// The deadline, if the action is a timer.
    pub timer: Option<i64>,
}

/// What one call of `stf` or `restore` put into its container.
#[derive(Debug)]
pub struct Emissions<O> {
    pub tracked: Vec<Emitted<O>>,
    pub untracked: Vec<O>,
    pub forgotten: Vec<O>,
    /// How often the call added to the container, and how often it suspended.
    pub adds: u32,
    pub suspensions: u32,
    /// Which planned faults struck.
    pub actions_full: bool,
    pub cancelled: bool,
    pub state_error: bool,
}

impl<O> Default for Emissions<O> {
    fn default() -> Self {
        Self {
            tracked: Vec::new(),
            untracked: Vec::new(),
            forgotten: Vec::new(),
            adds: 0,
            suspensions: 0,
            actions_full: false,
            cancelled: false,
            state_error: false,
        }
    }
}

impl<O> Emissions<O> {
    /// Ready for the next call, keeping the memory.
    pub fn clear(&mut self) {
        self.tracked.clear();
        self.untracked.clear();
        self.forgotten.clear();
        self.adds = 0;
        self.suspensions = 0;
        self.actions_full = false;
        self.cancelled = false;
        self.state_error = false;
    }
}

/// How one call of `stf` ended, before any commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Accepted,
    Rejected,
    Interrupted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    Done,
    /// The store asks to run the transition again.
    Retry,
    Interrupted,
}

/// Where an id stands in the host's table of ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Never seen, and now entered under the given slot.
    Entered,
    /// Outstanding under that slot.
    Outstanding(u32),
    /// Completed before.
    Completed,
}

/// An id and a result, if there is a way to make them.
pub type Invented<O> = Option<(O, O)>;

/// The machine, the scenario and the laws, as the driver calls them.
///
/// Objects of the machine's language are opaque here. No method is called while another runs.
pub trait Host {
    type Obj;
    type Abort;

    fn duplicate(&self, object: &Self::Obj) -> Self::Obj;
    /// A copy that nothing the machine does to the original can change.
    fn preserve(&mut self, object: &Self::Obj) -> Result<Self::Obj, Halt<Self::Abort>>;
    /// Called before each step; false ends the run (budget spent, or asked to stop).
    fn proceed(&mut self, step: u64) -> Result<bool, Self::Abort>;
    /// A step begins: its draws follow. `script` holds the recorded ones in a replay.
    fn begin_step(&mut self, step: u64, now_ms: i64, script: Option<&[Draw]>);
    /// The draws the scenario made since `begin_step`, when recording.
    fn take_draws(&mut self) -> Vec<Draw>;
    /// The step with this label and plan was chosen; for traces.
    fn note_plan(&mut self, label: u64, plan: &StepPlan);
    /// That step did not happen after all: its source declined, or what it names is gone.
    fn note_absent(&mut self);

    fn source(&mut self, source: u32) -> Result<Option<Self::Obj>, Halt<Self::Abort>>;
    /// Runs `stf`, without committing. With `faults.crash` the commit will not happen, whatever it returns.
    fn transition(
        &mut self,
        event: &Event<'_, Self::Obj>,
        now_ms: i64,
        faults: &CallFaults,
        out: &mut Emissions<Self::Obj>,
    ) -> Result<Outcome, Halt<Self::Abort>>;
    fn commit(&mut self) -> Result<Commit, Halt<Self::Abort>>;
    /// The client of an input learns the outcome.
    fn answer_client(
        &mut self,
        event: &Event<'_, Self::Obj>,
        outcome: Outcome,
    ) -> Result<(), Halt<Self::Abort>>;
    /// The process dies: the state becomes a copy of what was last committed. `uncommitted`: a transition just ran.
    fn crash(&mut self, uncommitted: bool) -> Result<(), Halt<Self::Abort>>;
    /// Runs `restore`; false means that it was interrupted by an injected fault.
    fn restore(
        &mut self,
        faults: &CallFaults,
        out: &mut Emissions<Self::Obj>,
    ) -> Result<bool, Halt<Self::Abort>>;
    /// Performs an action in the world; `None` is no answer.
    fn execute(
        &mut self,
        action: &Self::Obj,
        attempt: u32,
    ) -> Result<Option<Self::Obj>, Halt<Self::Abort>>;
    /// What a timer's owner is told when it fires.
    fn fired(&mut self, at: i64) -> Result<Self::Obj, Halt<Self::Abort>>;
    fn observe(&mut self, action: &Self::Obj) -> Result<(), Halt<Self::Abort>>;
    /// Whether `invent` has something to offer now.
    fn can_invent(&self) -> bool;
    /// An id nobody emitted and a result for it.
    fn invent(&mut self) -> Result<Invented<Self::Obj>, Halt<Self::Abort>>;
    fn heal(&mut self) -> Result<(), Halt<Self::Abort>>;
    fn always(&mut self) -> Result<(), Halt<Self::Abort>>;
    fn settled(&mut self) -> Result<(), Halt<Self::Abort>>;

    /// Looks an id up and enters it under `slot` if it is new, or completed and `again` allows that.
    fn enter_id(
        &mut self,
        id: &Self::Obj,
        slot: u32,
        again: bool,
    ) -> Result<Standing, Halt<Self::Abort>>;
    /// Whether the id was completed before.
    fn was_completed(&mut self, id: &Self::Obj) -> Result<bool, Halt<Self::Abort>>;
    /// Looks an id up.
    fn find_id(&mut self, id: &Self::Obj) -> Result<Option<u32>, Halt<Self::Abort>>;
    /// The id is no longer outstanding.
    fn retire_id(&mut self, id: &Self::Obj) -> Result<(), Halt<Self::Abort>>;
    /// For the report: the action was emitted, its result was taken, it will get no answer.
    fn note_emitted(&mut self, action: &Self::Obj) -> Result<(), Halt<Self::Abort>>;
    fn note_completed(&mut self, action: &Self::Obj);
    fn note_dead(&mut self, action: &Self::Obj);
    /// For messages.
    fn show(&mut self, object: &Self::Obj) -> String;
    /// Whether this very situation came up before while settling; hosts that cannot tell say no.
    fn seen_while_settling(
        &mut self,
        _schedule: &Schedule<Self::Obj>,
    ) -> Result<bool, Halt<Self::Abort>> {
        Ok(false)
    }
    /// How the last transition that was not accepted explained itself; for messages.
    fn last_refusal(&mut self) -> String;
}
