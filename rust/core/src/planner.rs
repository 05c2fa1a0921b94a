//! Chooses the next step at random, from one seeded stream of its own.
//!
//! The scenario draws from another stream of the same seed, so an extra draw there moves nothing here.

use crate::faults::{Fault, FaultCounts, FaultRates};
use crate::perform::MAX_TRIES;
use crate::rng::ChaCha8;
use crate::schedule::Schedule;
use crate::step::{CallFaults, StepKind, StepPlan};

/// The stream of the generator that the planner reads; stream 0 belongs to the scenario.
const PLANNER_STREAM: u64 = 1;
/// Every step but a timer's moves the virtual clock by up to this much; more is a clock jump.
pub(crate) const MAX_ADVANCE_MS: u64 = 2_000;
/// A clock jump moves it by up to a day.
const MAX_JUMP_MS: u64 = 86_400_000;
/// A late result comes at most this many steps later.
const MAX_HOLD_STEPS: u64 = 64;
/// How much swarm weights of 1..=100 scale a fault's rate: by 1/25 to 4.
const SWARM_FAULT_UNIT: f64 = 25.0;

/// Relative chances of the kinds of steps that are possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mix {
    input: u64,
    execute: u64,
    deliver: u64,
    timer: u64,
    duplicate: u64,
    resubmit: u64,
}

const EVEN_MIX: Mix = Mix {
    input: 4,
    execute: 4,
    deliver: 4,
    timer: 1,
    duplicate: 2,
    resubmit: 2,
};

/// What a user asked for; the seed may draw its own variation of it.
#[derive(Clone, Debug)]
pub struct Wishes {
    /// Weight of each source.
    pub weights: Vec<u64>,
    /// Whether swarm may silence the source.
    pub swarmable: Vec<bool>,
    pub rates: FaultRates,
    pub swarm: bool,
    pub in_flight: Option<usize>,
}

/// The two calls of a machine that faults can strike in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Stf,
    Restore,
}

#[derive(Clone, Copy, Debug)]
struct Most {
    adds: u32,
    suspensions: u32,
}

impl Most {
    const ONE: Self = Self {
        adds: 1,
        suspensions: 1,
    };
}

#[derive(Debug)]
pub struct Planner {
    rng: ChaCha8,
    weights: Vec<u64>,
    rates: FaultRates,
    /// `rates` as thresholds on a 32-bit draw: one cheap comparison per chance.
    thresholds: [u64; Fault::COUNT],
    mix: Mix,
    in_flight: usize,
    /// The most adds and suspensions seen in one call of `stf` and of `restore`, so that "the n-th" can be any.
    most: [Most; 2],
    /// The slot of the entry that the last choice names: a hint that saves a search.
    pub hint: u32,
}

impl Planner {
    pub fn new(seed: u64, wishes: &Wishes) -> Self {
        let rng = ChaCha8::new(seed, PLANNER_STREAM);
        let mut planner = Self {
            rng,
            weights: wishes.weights.clone(),
            rates: wishes.rates,
            thresholds: [0; Fault::COUNT],
            mix: EVEN_MIX,
            in_flight: 0,
            most: [Most::ONE; 2],
            hint: 0,
        };
        let drawn = 1 << planner.rng.below(7);
        planner.in_flight = wishes.in_flight.unwrap_or(drawn);
        if wishes.swarm {
            planner.swarm(wishes);
        }
        planner.set_thresholds();
        planner
    }

    /// Goes on with other choices under the same weights and rates.
    pub fn reseed(&mut self, seed: u64) {
        self.rng = ChaCha8::new(seed, PLANNER_STREAM);
    }

    /// The weights, rates and concurrency this seed runs with; for the report.
    pub fn drawn(&self) -> (&[u64], &FaultRates, usize) {
        (&self.weights, &self.rates, self.in_flight)
    }

    /// Draws a subset of sources and faults and a weight for each.
    fn swarm(&mut self, wishes: &Wishes) {
        for (source, &weight) in wishes.weights.iter().enumerate() {
            let on = self.rng.below(2) == 0;
            let factor = self.rng.below(100) + 1;
            if wishes.swarmable[source] {
                self.weights[source] = if on { weight.saturating_mul(factor) } else { 0 };
            }
        }
        if self.weights.iter().all(|&weight| weight == 0) && !self.weights.is_empty() {
            let kept = self.rng.below(self.weights.len() as u64) as usize;
            self.weights[kept] = wishes.weights[kept].max(1);
        }
        for fault in Fault::ALL {
            let on = self.rng.below(2) == 0;
            let factor = (self.rng.below(100) + 1) as f64 / SWARM_FAULT_UNIT;
            let rate = wishes.rates.get(fault);
            // A certain fault stays certain: the user asked for every chance.
            let drawn = if rate >= 1.0 {
                rate
            } else {
                (rate * factor).min(0.5).max(rate.min(0.5) / 25.0)
            };
            self.rates
                .set(fault, if on || rate >= 1.0 { drawn } else { 0.0 });
        }
        let mut weight = || self.rng.below(8) + 1;
        self.mix = Mix {
            input: weight(),
            execute: weight(),
            deliver: weight(),
            timer: weight(),
            duplicate: weight(),
            resubmit: weight(),
        };
    }

    fn set_thresholds(&mut self) {
        for fault in Fault::ALL {
            // 2^32 means always; anything positive keeps at least one chance in 2^32.
            let scaled = self.rates.get(fault) * 4_294_967_296.0;
            self.thresholds[fault as usize] = if scaled > 0.0 {
                (scaled as u64).max(1)
            } else {
                0
            };
        }
    }

    /// Whether a fault is planned at this chance.
    pub fn strikes(&mut self, fault: Fault, counts: &mut FaultCounts) -> bool {
        if self.thresholds[fault as usize] == 0 {
            return false;
        }
        counts.chance(fault);
        let hit = self.dice(fault);
        if hit {
            counts.armed(fault);
        }
        hit
    }

    /// The dice alone, for faults whose chances show only when the call is over.
    fn dice(&mut self, fault: Fault) -> bool {
        let threshold = self.thresholds[fault as usize];
        threshold > 0 && u64::from(self.rng.next_u32()) < threshold
    }

    /// Whether the fault is on in this seed.
    pub fn is_on(&self, fault: Fault) -> bool {
        self.thresholds[fault as usize] > 0
    }

    pub fn pick(&mut self, count: usize) -> usize {
        if count <= 1 {
            0
        } else {
            self.rng.below(count as u64) as usize
        }
    }

    /// How many steps a late result waits.
    pub fn hold_steps(&mut self) -> u64 {
        self.rng.below(MAX_HOLD_STEPS) + 2
    }

    /// Remembers how much a call does, so that later faults can strike anywhere in it.
    pub fn learn(&mut self, call: Call, adds: u32, suspensions: u32) {
        let most = &mut self.most[call as usize];
        most.adds = most.adds.max(adds.min(1_000));
        most.suspensions = most.suspensions.max(suspensions.min(1_000));
    }

    /// Faults inside one call. Its crash comes after `stf` and before the commit, or during `restore`.
    pub fn call_faults(&mut self, call: Call, counts: &mut FaultCounts) -> CallFaults {
        let mut faults = CallFaults::NONE;
        faults.crash = self.strikes(
            match call {
                Call::Stf => Fault::CrashCommit,
                Call::Restore => Fault::CrashRestore,
            },
            counts,
        );
        let Most { adds, suspensions } = self.most[call as usize];
        let place = |planner: &mut Self, fault, places: u32| {
            let strikes = planner.dice(fault);
            if strikes {
                planner.rng.below(u64::from(places)) as u32 + 1
            } else {
                0
            }
        };
        faults.actions_full = place(self, Fault::ActionsFull, adds);
        faults.cancel = place(self, Fault::Cancel, suspensions);
        faults.state_error = place(self, Fault::StateError, suspensions);
        faults
    }

    /// The part of a step that does not depend on what happens in it.
    pub fn advance_ms(&mut self, counts: &mut FaultCounts) -> u64 {
        let jump = if self.strikes(Fault::ClockJump, counts) {
            MAX_ADVANCE_MS + 1 + self.rng.below(MAX_JUMP_MS)
        } else {
            0
        };
        jump + self.rng.below(MAX_ADVANCE_MS + 1)
    }

    /// Chooses among what is possible now and puts kind and faults into `plan`; false if nothing is possible.
    /// `declined` are the sources that have nothing to say at this step.
    pub fn choose<O>(
        &mut self,
        schedule: &mut Schedule<O>,
        declined: &[bool],
        counts: &mut FaultCounts,
        plan: &mut StepPlan,
    ) -> bool {
        let input: u64 = self
            .weights
            .iter()
            .zip(declined)
            .map(|(&weight, &declined)| if declined { 0 } else { weight })
            .sum();
        let input = if schedule.alive() < self.in_flight {
            input
        } else {
            0
        };
        let Some(kind) = self.kind(schedule, input, declined) else {
            return false;
        };
        (plan.kind, plan.call) = (kind, CallFaults::NONE);
        match &mut plan.kind {
            StepKind::Execute { lost, .. } => {
                // The action must have a chance to run again: no fault makes an id dead.
                let last = schedule
                    .entry(self.hint)
                    .is_some_and(|entry| entry.tries + 1 >= MAX_TRIES);
                *lost = !last && self.strikes(Fault::Retry, counts);
            }
            StepKind::Zombie { .. } => {}
            _ => plan.call = self.call_faults(Call::Stf, counts),
        }
        true
    }

    #[inline]
    fn kind<O>(
        &mut self,
        schedule: &mut Schedule<O>,
        input: u64,
        declined: &[bool],
    ) -> Option<StepKind> {
        let mut total = self.total(schedule, input);
        if total == 0 && schedule.waiting() > 0 {
            // Nothing else is left: time passes until the first waiter is due.
            schedule.wake_first();
            total = self.total(schedule, input);
        }
        if total == 0 {
            return None;
        }
        let mix = self.mix;
        let mut at = if total == mix.input && input > 0 {
            0
        } else {
            self.rng.below(total)
        };
        if input > 0 {
            if at < mix.input {
                return Some(StepKind::Input {
                    source: self.source(input, declined),
                });
            }
            at -= mix.input;
        }
        let executable = schedule.queued() + schedule.zombies.len();
        if executable > 0 {
            if at < mix.execute {
                return Some(self.execution(schedule, executable));
            }
            at -= mix.execute;
        }
        if schedule.ready() > 0 {
            if at < mix.deliver {
                let slot = schedule.ready_at(self.pick(schedule.ready()));
                self.hint = slot;
                return schedule
                    .entry(slot)
                    .map(|entry| StepKind::Deliver { of: entry.origin });
            }
            at -= mix.deliver;
        }
        if let Some(slot) = schedule.next_timer() {
            if at < mix.timer {
                self.hint = slot;
                return schedule
                    .entry(slot)
                    .map(|entry| StepKind::Timer { of: entry.origin });
            }
            at -= mix.timer;
        }
        if !schedule.late.is_empty() && at < mix.duplicate {
            let of = schedule.late[self.pick(schedule.late.len())].origin;
            return Some(StepKind::Duplicate { of });
        }
        let step = schedule.resubmits[self.pick(schedule.resubmits.len())].0;
        Some(StepKind::Resubmit { step })
    }

    fn total<O>(&self, schedule: &Schedule<O>, input: u64) -> u64 {
        let mix = self.mix;
        let when = |possible: bool, weight: u64| if possible { weight } else { 0 };
        when(input > 0, mix.input)
            + when(schedule.queued() + schedule.zombies.len() > 0, mix.execute)
            + when(schedule.ready() > 0, mix.deliver)
            + when(schedule.timers() > 0, mix.timer)
            + when(!schedule.late.is_empty(), mix.duplicate)
            + when(!schedule.resubmits.is_empty(), mix.resubmit)
    }

    fn source(&mut self, total: u64, declined: &[bool]) -> u32 {
        let mut at = self.rng.below(total);
        for (source, (&weight, &declined)) in self.weights.iter().zip(declined).enumerate() {
            if declined {
                continue;
            }
            if at < weight {
                return source as u32;
            }
            at -= weight;
        }
        0
    }

    fn execution<O>(&mut self, schedule: &Schedule<O>, executable: usize) -> StepKind {
        let index = self.pick(executable);
        if index < schedule.queued() {
            let slot = schedule.queued_at(index);
            self.hint = slot;
            if let Some(entry) = schedule.entry(slot) {
                return StepKind::Execute {
                    of: entry.origin,
                    lost: false,
                };
            }
        }
        StepKind::Zombie {
            of: schedule.zombies[index - schedule.queued()].0,
        }
    }
}

#[cfg(test)]
#[path = "planner_tests.rs"]
mod tests;
