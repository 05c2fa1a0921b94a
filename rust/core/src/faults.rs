//! The kinds of faults, their rates, and what became of each chance.

/// Everything the simulator can do to a machine, its state or its world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Fault {
    Crash,
    Unknown,
    CrashCommit,
    ActionsFull,
    Cancel,
    StateError,
    Hold,
    Retry,
    Duplicate,
    Resubmit,
    Zombie,
    LostUntracked,
    CrashRestore,
    ClockJump,
}

impl Fault {
    pub const COUNT: usize = 14;
    pub const ALL: [Self; Self::COUNT] = [
        Self::Crash,
        Self::Unknown,
        Self::CrashCommit,
        Self::ActionsFull,
        Self::Cancel,
        Self::StateError,
        Self::Hold,
        Self::Retry,
        Self::Duplicate,
        Self::Resubmit,
        Self::Zombie,
        Self::LostUntracked,
        Self::CrashRestore,
        Self::ClockJump,
    ];

    /// The public name, as users write it in `Faults(...)`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Unknown => "unknown",
            Self::CrashCommit => "crash_commit",
            Self::ActionsFull => "actions_full",
            Self::Cancel => "cancel",
            Self::StateError => "state_error",
            Self::Hold => "hold",
            Self::Retry => "retry",
            Self::Duplicate => "duplicate",
            Self::Resubmit => "resubmit",
            Self::Zombie => "zombie",
            Self::LostUntracked => "lost_untracked",
            Self::CrashRestore => "crash_restore",
            Self::ClockJump => "clock_jump",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.name() == name)
    }
}

/// A probability for each kind, in `0.0..=1.0`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FaultRates(pub [f64; Fault::COUNT]);

impl FaultRates {
    pub const NONE: Self = Self([0.0; Fault::COUNT]);

    pub fn get(&self, fault: Fault) -> f64 {
        self.0[fault as usize]
    }

    pub fn set(&mut self, fault: Fault, rate: f64) {
        self.0[fault as usize] = rate;
    }
}

/// What became of one kind: how often it could have struck, was planned, and struck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultCount {
    pub chances: u64,
    pub armed: u64,
    pub fired: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultCounts([FaultCount; Fault::COUNT]);

impl FaultCounts {
    pub fn get(&self, fault: Fault) -> FaultCount {
        self.0[fault as usize]
    }

    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            mine.chances += theirs.chances;
            mine.armed += theirs.armed;
            mine.fired += theirs.fired;
        }
    }

    pub fn chance(&mut self, fault: Fault) {
        self.0[fault as usize].chances += 1;
    }

    pub fn armed(&mut self, fault: Fault) {
        self.0[fault as usize].armed += 1;
    }

    pub fn fired(&mut self, fault: Fault) {
        self.0[fault as usize].fired += 1;
    }
}
