//! Runs one seed: plans a step, performs it, checks what the laws say about it.

use crate::faults::{Fault, FaultCounts};
use crate::host::{Emissions, Halt, Host, Outcome, Switches};
use crate::planner::{Call, Planner};
use crate::player::Player;
use crate::recording::{RecordedStep, Recording};
use crate::schedule::Schedule;
use crate::step::{StepKind, StepPlan};

/// Why a run ended without a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The wanted number of steps.
    Steps,
    /// Every source declines and nothing is outstanding.
    Idle,
    /// The host asked to stop.
    Stopped,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub steps: u64,
    pub settle_steps: u64,
    pub accepted: u64,
    pub rejected: u64,
    pub interrupted: u64,
    /// Answers to emissions that no longer wait for them.
    pub dropped_answers: u64,
    pub faults: FaultCounts,
}

impl Counts {
    pub fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.settle_steps += other.settle_steps;
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.interrupted += other.interrupted;
        self.dropped_answers += other.dropped_answers;
        self.faults.add(&other.faults);
    }
}

/// A run is idle once every source has declined so often in a row and nothing is outstanding.
const MAX_ROUNDS: u32 = 10;

/// Who says what happens next.
#[derive(Debug)]
pub enum Guide {
    Random(Box<Planner>),
    Script(Player),
    /// Exploration names every step itself; what may be repeated is kept at hand.
    Explore(Repeats),
}

/// Which of the faults that make something happen again are explored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repeats {
    pub duplicate: bool,
    pub resubmit: bool,
    pub zombie: bool,
}

/// What became of a planned step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Performed {
    Done,
    /// The source has nothing to say; costs no step.
    Declined(u32),
    /// What the plan names is not there; costs no step.
    Absent,
}

/// How a transition ended, seen from the step around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted,
    /// The machine said no.
    Refused,
    /// Something else came between: a store error, a cancellation.
    Interrupted,
    /// The process died before the commit and restored.
    Crashed,
}

#[derive(Debug)]
pub struct Driver<O> {
    pub(crate) schedule: Schedule<O>,
    pub(crate) guide: Guide,
    pub(crate) out: Emissions<O>,
    pub(crate) now_ms: i64,
    /// The label of the step being performed, and the place of its next emission.
    pub(crate) label: u64,
    pub(crate) place: u32,
    pub(crate) settling: bool,
    pub(crate) recording: Option<Recording>,
    pub counts: Counts,
    pub(crate) switches: Switches,
    declined: Vec<bool>,
    steps: u64,
    /// How far the labels of steps are ahead of their numbers.
    ahead: u64,
}

impl<O> Driver<O> {
    /// A driver that performs `steps` steps of a machine with `sources` sources.
    pub fn new(guide: Guide, sources: usize, steps: u64, switches: Switches, record: bool) -> Self {
        Self {
            schedule: Schedule::default(),
            guide,
            out: Emissions::default(),
            now_ms: 0,
            label: 0,
            place: 0,
            settling: false,
            recording: record.then(Recording::default),
            counts: Counts::default(),
            switches,
            declined: vec![false; sources],
            steps,
            ahead: 0,
        }
    }

    /// After the end of a script: `run` performs `steps` more, chosen by that planner.
    pub fn go_on(&mut self, planner: Planner, steps: u64) {
        self.guide = Guide::Random(Box::new(planner));
        self.steps = self.counts.steps + steps;
        // Labels name emissions for ever, and those of a script may be higher than its number of steps.
        self.ahead = self.label.saturating_sub(self.counts.steps);
    }

    /// What happened so far, if it was recorded.
    pub fn recording(&mut self) -> Option<&mut Recording> {
        self.recording.as_mut()
    }

    pub fn guide(&self) -> &Guide {
        &self.guide
    }

    /// Performs the steps. The caller settles afterwards.
    pub fn run<H: Host<Obj = O>>(&mut self, host: &mut H) -> Result<End, Halt<H::Abort>> {
        while self.counts.steps < self.steps {
            if !host.proceed(self.counts.steps).map_err(Halt::abort)? {
                return Ok(End::Stopped);
            }
            let going_on = match self.guide {
                Guide::Random(_) => self.random_step(host)?,
                Guide::Script(_) => self.scripted_step(host)?,
                Guide::Explore(_) => false,
            };
            if !going_on {
                return Ok(End::Idle);
            }
        }
        Ok(End::Steps)
    }

    fn random_step<H: Host<Obj = O>>(&mut self, host: &mut H) -> Result<bool, Halt<H::Abort>> {
        let number = self.counts.steps + 1;
        self.begin(number + self.ahead);
        self.schedule.wake(self.counts.steps);
        host.begin_step(number, self.now_ms, None);
        self.declined.fill(false);
        let mut plan = StepPlan::new(StepKind::Unknown);
        let mut forced = self.force(host, &mut plan);
        let mut rounds = 1;
        if let Guide::Random(planner) = &mut self.guide {
            plan.advance_ms = planner.advance_ms(&mut self.counts.faults);
        }
        loop {
            let Guide::Random(planner) = &mut self.guide else {
                return Ok(false);
            };
            let faults = &mut self.counts.faults;
            if !std::mem::take(&mut forced)
                && !planner.choose(&mut self.schedule, &self.declined, faults, &mut plan)
            {
                if !self.declined.contains(&true) || rounds == MAX_ROUNDS {
                    // What sources drew that then declined belongs to no step.
                    drop(host.take_draws());
                    return Ok(false);
                }
                // They may decline by chance, and nothing else can happen: ask them again.
                rounds += 1;
                self.declined.fill(false);
                continue;
            }
            match self.perform_and_record(host, &mut plan)? {
                Performed::Done => return Ok(true),
                Performed::Declined(source) => {
                    self.declined[source as usize] = true;
                    if self.recording.is_some() {
                        plan.declined.push(source);
                    }
                }
                Performed::Absent => {}
            }
        }
    }

    /// Plans a fault that takes the whole step, if one strikes.
    fn force<H: Host<Obj = O>>(&mut self, host: &H, plan: &mut StepPlan) -> bool {
        let Guide::Random(planner) = &mut self.guide else {
            return false;
        };
        let faults = &mut self.counts.faults;
        if planner.strikes(Fault::Crash, faults) {
            let lost_untracked = !self.schedule.untracked.is_empty()
                && planner.strikes(Fault::LostUntracked, faults);
            plan.kind = StepKind::Crash { lost_untracked };
            return true;
        }
        if host.can_invent() && planner.strikes(Fault::Unknown, faults) {
            plan.kind = StepKind::Unknown;
            plan.call = planner.call_faults(Call::Stf, faults);
            return true;
        }
        false
    }

    fn scripted_step<H: Host<Obj = O>>(&mut self, host: &mut H) -> Result<bool, Halt<H::Abort>> {
        let Guide::Script(player) = &mut self.guide else {
            return Ok(false);
        };
        let Some(mut step) = player.next() else {
            return Ok(false);
        };
        self.begin(step.label);
        host.begin_step(self.counts.steps + 1, self.now_ms, Some(&step.draws));
        let performed = self.perform_and_record(host, &mut step.plan)?;
        if let Guide::Script(player) = &mut self.guide
            && performed != Performed::Done
        {
            player.skip(step.label, matches!(performed, Performed::Declined(_)));
        }
        Ok(true)
    }

    pub(crate) fn begin(&mut self, label: u64) {
        self.label = label;
        self.place = 0;
    }

    fn perform_and_record<H: Host<Obj = O>>(
        &mut self,
        host: &mut H,
        plan: &mut StepPlan,
    ) -> Result<Performed, Halt<H::Abort>> {
        host.note_plan(self.label, plan);
        let performed = self.perform(host, plan);
        if matches!(performed, Ok(Performed::Declined(_) | Performed::Absent)) {
            host.note_absent();
        } else {
            self.counts.steps += 1;
            if let Some(recording) = &mut self.recording {
                let draws = host.take_draws();
                recording.steps.push(RecordedStep {
                    label: self.label,
                    plan: plan.clone(),
                    draws,
                });
            }
        }
        performed
    }

    pub(crate) fn dispatch_untracked<H: Host<Obj = O>>(
        &mut self,
        host: &mut H,
    ) -> Result<(), Halt<H::Abort>> {
        if self.schedule.untracked.is_empty() {
            return Ok(());
        }
        for action in std::mem::take(&mut self.schedule.untracked) {
            host.observe(&action)?;
        }
        Ok(())
    }

    pub(crate) fn note_outcome(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Accepted => self.counts.accepted += 1,
            Outcome::Rejected => self.counts.rejected += 1,
            Outcome::Interrupted => self.counts.interrupted += 1,
        }
    }
}
