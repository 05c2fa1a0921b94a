//! A step as plain data: what happens, and which faults strike while it does.
//!
//! The random planner makes these, a recording stores them, shrinking edits them, exploration lists them.

/// Names an emission for ever: the step that made it and its place among that step's emissions.
///
/// Ids and ordinals shift when other steps are deleted; the label of a recorded step does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    pub step: u64,
    pub place: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StepKind {
    /// A source makes a `Normal` input.
    Input { source: u32 },
    /// The client sends the input accepted at that step again.
    Resubmit { step: u64 },
    /// The world performs an outstanding action; `lost` means that its answer does not arrive.
    Execute { of: Origin, lost: bool },
    /// An action queued before a crash reaches the world after the restart.
    Zombie { of: Origin },
    /// A result reaches the machine.
    Deliver { of: Origin },
    /// A result that was taken already reaches the machine again.
    Duplicate { of: Origin },
    /// An answer nobody asked for.
    Unknown,
    /// The clock reaches a deadline.
    Timer { of: Origin },
    /// The process dies and restores.
    Crash { lost_untracked: bool },
}

/// Faults inside one transition or one `restore`; counts are 1-based, 0 means "not planned".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallFaults {
    /// The n-th add to the container raises.
    pub actions_full: u32,
    /// Cancelled at the n-th suspension.
    pub cancel: u32,
    /// A store error at the n-th suspension.
    pub state_error: u32,
    /// After the call, before its commit; in `restore`: before it counts.
    pub crash: bool,
}

impl CallFaults {
    pub const NONE: Self = Self {
        actions_full: 0,
        cancel: 0,
        state_error: 0,
        crash: false,
    };

    pub fn any(&self) -> bool {
        *self != Self::NONE
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepPlan {
    pub kind: StepKind,
    /// How far the virtual clock moves before the step, in milliseconds (a timer step moves it further).
    pub advance_ms: u64,
    pub call: CallFaults,
    /// Sources that were asked first and declined: they may have drawn, or remember that they were asked.
    pub declined: Vec<u32>,
    /// Emissions that were on their way to the world when the process died in this step.
    pub zombies: Vec<Origin>,
    /// Faults of each `restore` that this step leads to, in order; missing ones are none.
    pub restores: Vec<CallFaults>,
}

impl StepPlan {
    pub fn new(kind: StepKind) -> Self {
        Self {
            kind,
            advance_ms: 0,
            call: CallFaults::NONE,
            declined: Vec::new(),
            zombies: Vec::new(),
            restores: Vec::new(),
        }
    }
}
