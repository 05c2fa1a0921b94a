//! Makes a failing recording small: fewer steps first, then fewer faults, then lower draws.
//!
//! The bound is a number of replays, so the result does not depend on the machine's speed.

use crate::recording::{RecordedStep, Recording};
use crate::step::{CallFaults, StepKind};

mod draws;
mod lower;

use draws::{each_draw, main_draws, settling_draws};

/// What really happened in the replay of a candidate.
#[derive(Debug)]
pub enum Replayed {
    /// It fails in the same way.
    Fails(Recording),
    /// It does not. What it drew helps to find a better candidate, as far as it is known.
    Passes(Option<Recording>),
}

/// Replays a candidate; `Err` stops the search.
pub trait Replay {
    type Stop;

    fn replay(&mut self, candidate: &Recording) -> Result<Replayed, Self::Stop>;
}

/// The search, and the smallest recording that it has found.
#[derive(Debug)]
pub struct Shrinker {
    pub best: Recording,
    replays_left: u64,
    /// What became of the last candidate, where it did not fail.
    passed: Option<Recording>,
}

/// Pairs of steps are tried in recordings of at most so many steps.
const MAX_PAIRED: usize = 24;
/// Sources that declined are taken to have drawn at most so often.
const MAX_DECLINED_DRAWS: usize = 8;
/// Raised draws are tried in recordings of at most so many steps.
const MAX_RAISED: usize = 1_000;

/// What "smaller" means, most important first. Of draws, fewer are better than lower ones, and the first of them
/// count most; those of settling come last.
type Size = (usize, usize, usize, u64, Vec<u64>);

fn size(recording: &Recording) -> Size {
    let steps = &recording.steps;
    let faults = steps.iter().map(fault_count).sum();
    let declined = steps.iter().map(|step| step.plan.declined.len()).sum();
    let advance = steps.iter().map(|step| step.plan.advance_ms).sum();
    let mut draws = vec![main_draws(recording).count() as u64];
    draws.extend(main_draws(recording).map(|draw| draw.value));
    draws.push(settling_draws(recording).count() as u64);
    draws.extend(settling_draws(recording).map(|draw| draw.value));
    (steps.len(), faults, declined, advance, draws)
}

fn fault_count(step: &RecordedStep) -> usize {
    let kind = match step.plan.kind {
        StepKind::Crash { lost_untracked } => 1 + usize::from(lost_untracked),
        StepKind::Execute { lost, .. } => usize::from(lost),
        StepKind::Duplicate { .. }
        | StepKind::Unknown
        | StepKind::Zombie { .. }
        | StepKind::Resubmit { .. } => 1,
        StepKind::Input { .. } | StepKind::Deliver { .. } | StepKind::Timer { .. } => 0,
    };
    kind + step.plan.zombies.len()
        + call_faults(&step.plan.call)
        + step.plan.restores.iter().map(call_faults).sum::<usize>()
}

fn call_faults(faults: &CallFaults) -> usize {
    usize::from(faults.actions_full > 0)
        + usize::from(faults.cancel > 0)
        + usize::from(faults.state_error > 0)
        // A plain crash is easier to understand than one inside a transition.
        + 2 * usize::from(faults.crash)
}

impl Shrinker {
    pub fn new(failing: Recording, replays: u64) -> Self {
        Self {
            best: failing,
            replays_left: replays,
            passed: None,
        }
    }

    pub fn replays_left(&self) -> u64 {
        self.replays_left
    }

    /// Shrinks until nothing gets smaller or the replays are used up.
    pub fn run<R: Replay>(&mut self, replays: &mut R) -> Result<(), R::Stop> {
        self.calm(replays)?;
        self.drop_kinds(replays)?;
        loop {
            let before = size(&self.best);
            self.drop_runs(replays)?;
            self.drop_pairs(replays)?;
            self.raise_draws(replays)?;
            self.drop_faults(replays)?;
            self.lower_draws(replays)?;
            if size(&self.best) >= before {
                // What costs more comes when nothing else helps.
                self.mend_draws(replays)?;
                self.move_amounts(replays)?;
            }
            if size(&self.best) >= before || self.replays_left == 0 {
                return Ok(());
            }
        }
    }

    /// Tries a candidate; keeps what it comes to if that still fails and is smaller.
    fn attempt<R: Replay>(
        &mut self,
        replays: &mut R,
        candidate: &Recording,
    ) -> Result<bool, R::Stop> {
        if self.replays_left == 0 {
            return Ok(false);
        }
        self.replays_left -= 1;
        self.passed = None;
        match replays.replay(candidate)? {
            Replayed::Fails(found) if size(&found) < size(&self.best) => {
                self.best = found;
                return Ok(true);
            }
            Replayed::Fails(_) => {}
            Replayed::Passes(ran) => self.passed = ran,
        }
        Ok(false)
    }

    fn with_steps(&self, steps: Vec<RecordedStep>) -> Recording {
        Recording {
            steps,
            ..self.best.clone()
        }
    }

    /// All steps of one kind at once: for a deep bug among noise this is most of the work.
    fn drop_kinds<R: Replay>(&mut self, replays: &mut R) -> Result<(), R::Stop> {
        let mut kinds: Vec<u64> = Vec::new();
        for step in &self.best.steps {
            let kind = kind_key(step.plan.kind);
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        for kind in kinds {
            let steps: Vec<RecordedStep> = self
                .best
                .steps
                .iter()
                .filter(|step| kind_key(step.plan.kind) != kind)
                .cloned()
                .collect();
            if steps.len() < self.best.steps.len() {
                let candidate = self.with_steps(steps);
                self.attempt(replays, &candidate)?;
            }
        }
        Ok(())
    }

    /// Runs of steps, from long to single ones, from the end to the front.
    fn drop_runs<R: Replay>(&mut self, replays: &mut R) -> Result<(), R::Stop> {
        let mut length = self.best.steps.len().next_power_of_two().max(2) / 2;
        loop {
            let mut end = self.best.steps.len();
            while end > 0 && self.replays_left > 0 {
                let start = end.saturating_sub(length);
                let mut steps = self.best.steps.clone();
                steps.drain(start..end);
                let candidate = self.with_steps(steps);
                if self.attempt(replays, &candidate)? {
                    // More than asked may have gone: what depended on the deleted steps.
                    end = start.min(self.best.steps.len());
                } else {
                    end = self.skip_alike(start, end);
                }
            }
            if length == 1 || self.replays_left == 0 {
                return Ok(());
            }
            length /= 2;
        }
    }

    /// Two steps at once, where neither can go without the other.
    fn drop_pairs<R: Replay>(&mut self, replays: &mut R) -> Result<(), R::Stop> {
        let mut first = 0;
        while self.best.steps.len() <= MAX_PAIRED && first < self.best.steps.len() {
            let mut second = first + 1;
            let mut found = false;
            while second < self.best.steps.len() && self.replays_left > 0 && !found {
                let mut steps = self.best.steps.clone();
                steps.remove(second);
                steps.remove(first);
                let candidate = self.with_steps(steps);
                found = self.attempt(replays, &candidate)?;
                second += 1;
            }
            first += usize::from(!found);
        }
        Ok(())
    }

    /// With every draw at its highest fewer steps may do: a limit is reached sooner.
    fn raise_draws<R: Replay>(&mut self, replays: &mut R) -> Result<(), R::Stop> {
        if self.best.steps.len() <= 2 || self.best.steps.len() > MAX_RAISED || self.replays_left < 2
        {
            return Ok(());
        }
        let mut high = self.best.clone();
        each_draw(&mut high, |draw| {
            // The full range of 64 bits is a key or a hash, not an amount.
            draw.value = if draw.bound > 0 {
                draw.bound - 1
            } else {
                draw.value
            };
        });
        if high == self.best {
            return Ok(());
        }
        self.replays_left -= 1;
        let Replayed::Fails(found) = replays.replay(&high)? else {
            return Ok(());
        };
        let mut other = Self::new(found, self.replays_left / 2);
        let outcome = other.drop_runs(replays);
        self.replays_left -= self.replays_left / 2 - other.replays_left;
        if other.best.steps.len() < self.best.steps.len() {
            self.best = other.best;
        }
        outcome
    }

    /// After `start..end` could not go: in a row of equal steps no other stretch of that length can either.
    fn skip_alike(&self, start: usize, end: usize) -> usize {
        let steps = &self.best.steps;
        let first = &steps[start];
        if !steps[start..end].iter().all(|step| alike(step, first)) {
            return start;
        }
        steps[..start]
            .iter()
            .rposition(|step| !alike(step, first))
            .map_or(0, |other| {
                // The stretch that reaches into the other steps is still worth a try.
                (other + end - start).min(start)
            })
    }

    /// No fault inside any step and no waiting, all at once.
    fn calm<R: Replay>(&mut self, replays: &mut R) -> Result<bool, R::Stop> {
        let mut calm = self.best.clone();
        for step in &mut calm.steps {
            step.plan.call = CallFaults::NONE;
            step.plan.restores.clear();
            step.plan.zombies.clear();
            step.plan.advance_ms = 0;
        }
        Ok(calm != self.best && self.attempt(replays, &calm)?)
    }

    /// Plans without this or that fault, and without waiting.
    fn drop_faults<R: Replay>(&mut self, replays: &mut R) -> Result<(), R::Stop> {
        if self.calm(replays)? {
            return Ok(());
        }
        let mut prompt = self.best.clone();
        for step in &mut prompt.steps {
            step.plan.advance_ms = 0;
        }
        if prompt != self.best {
            self.attempt(replays, &prompt)?;
        }
        let mut index = 0;
        while let Some(step) = self.best.steps.get(index) {
            for simpler in simpler_steps(step) {
                let mut candidate = self.best.clone();
                let Some(step) = candidate.steps.get_mut(index) else {
                    break;
                };
                *step = simpler;
                self.attempt(replays, &candidate)?;
            }
            index += 1;
        }
        Ok(())
    }
}

/// Steps of one kind share a key: the kind, and the source of an input.
fn kind_key(kind: StepKind) -> u64 {
    match kind {
        StepKind::Input { source } => 16 + u64::from(source),
        StepKind::Resubmit { .. } => 0,
        StepKind::Execute { lost, .. } => 1 + u64::from(lost),
        StepKind::Zombie { .. } => 3,
        StepKind::Deliver { .. } => 4,
        StepKind::Duplicate { .. } => 5,
        StepKind::Unknown => 6,
        StepKind::Timer { .. } => 7,
        StepKind::Crash { .. } => 8,
    }
}

/// Whether one step can stand for the other: the same in all but its label.
fn alike(left: &RecordedStep, right: &RecordedStep) -> bool {
    left.plan.kind == right.plan.kind
        && left.plan.call == right.plan.call
        && left.plan.restores == right.plan.restores
        && left.plan.declined == right.plan.declined
        && left.plan.zombies == right.plan.zombies
        && left.draws == right.draws
}

/// The step with one fault less, in every way that there is.
fn simpler_steps(step: &RecordedStep) -> Vec<RecordedStep> {
    let mut simpler = Vec::new();
    let mut push = |change: &dyn Fn(&mut RecordedStep)| {
        let mut candidate = step.clone();
        change(&mut candidate);
        if candidate != *step {
            simpler.push(candidate);
        }
    };
    push(&|step| step.plan.advance_ms = 0);
    if !step.plan.declined.is_empty() {
        // Nobody knows how many of the draws are theirs.
        for theirs in 0..step.draws.len().min(MAX_DECLINED_DRAWS) {
            push(&|step| {
                step.plan.declined.clear();
                step.draws.drain(..theirs);
            });
        }
        push(&|step| step.plan.declined.clear());
    }
    push(&|step| step.plan.zombies.clear());
    push(&|step| step.plan.restores.clear());
    push(&|step| {
        step.plan.restores.pop();
    });
    if step.plan.call.crash {
        push(&|step| {
            step.plan.kind = StepKind::Crash {
                lost_untracked: false,
            };
            step.plan.call = CallFaults::NONE;
        });
    }
    push(&|step| step.plan.call = CallFaults::NONE);
    push(&|step| step.plan.call.actions_full = 0);
    push(&|step| step.plan.call.actions_full = step.plan.call.actions_full.min(1));
    push(&|step| step.plan.call.cancel = 0);
    push(&|step| step.plan.call.state_error = 0);
    push(&|step| step.plan.call.crash = false);
    push(&|step| match &mut step.plan.kind {
        StepKind::Execute { lost, .. } => *lost = false,
        StepKind::Crash { lost_untracked } => *lost_untracked = false,
        _ => {}
    });
    simpler
}
