//! The process dies; `restore` says what it was waiting for, and the law `restore` compares.

use crate::driver::{Driver, Guide, Performed};
use crate::faults::Fault;
use crate::host::{Halt, Host};
use crate::planner::Call;
use crate::restored::MAX_RESTORES;
use crate::step::{CallFaults, StepPlan};

/// After this many interrupted restores in a row the faults leave `restore` alone.
const MAX_RESTORE_TRIES: usize = 8;

impl<O> Driver<O> {
    pub(crate) fn crash_step<H: Host<Obj = O>>(
        &mut self,
        host: &mut H,
        plan: &mut StepPlan,
        lost_untracked: bool,
    ) -> Result<Performed, Halt<H::Abort>> {
        if lost_untracked && !self.schedule.untracked.is_empty() {
            self.counts.faults.fired(Fault::LostUntracked);
            self.schedule.untracked.clear();
        }
        self.dispatch_untracked(host)?;
        self.advance(plan.advance_ms);
        self.counts.faults.fired(Fault::Crash);
        self.restart(host, plan, false)?;
        Ok(Performed::Done)
    }

    /// Loses what the process held, runs `restore` until it comes through, and compares.
    pub(crate) fn restart<H: Host<Obj = O>>(
        &mut self,
        host: &mut H,
        plan: &mut StepPlan,
        uncommitted: bool,
    ) -> Result<(), Halt<H::Abort>> {
        self.raise_zombies(host, plan);
        self.schedule.late.clear();
        host.crash(uncommitted)?;
        for attempt in 0.. {
            if attempt == MAX_RESTORES {
                return Err(Self::never_restores(host));
            }
            let faults = self.restore_faults(plan, attempt);
            self.out.clear();
            let finished = host.restore(&faults, &mut self.out)?;
            self.count_call_faults(Call::Restore, &faults);
            if faults.crash {
                self.counts.faults.fired(Fault::CrashRestore);
            } else if finished {
                break;
            }
            host.crash(false)?;
        }
        self.reconcile(host)?;
        host.always()
    }

    /// The faults of the next `restore`: drawn and noted in the plan, or read from it.
    fn restore_faults(&mut self, plan: &mut StepPlan, attempt: usize) -> CallFaults {
        match &mut self.guide {
            Guide::Random(planner) if !self.settling && attempt < MAX_RESTORE_TRIES => {
                let faults = planner.call_faults(Call::Restore, &mut self.counts.faults);
                plan.restores.push(faults);
                faults
            }
            Guide::Random(_) => CallFaults::NONE,
            Guide::Script(_) | Guide::Explore(_) => plan
                .restores
                .get(attempt)
                .copied()
                .unwrap_or(CallFaults::NONE),
        }
    }

    /// Some actions left the process before it died, but reach the world only after the restart.
    fn raise_zombies<H: Host<Obj = O>>(&mut self, host: &mut H, plan: &mut StepPlan) {
        let chosen: Vec<u32> = match &mut self.guide {
            Guide::Random(planner) => {
                let queued = self.schedule.queued();
                if queued > 0 && planner.strikes(Fault::Zombie, &mut self.counts.faults) {
                    vec![self.schedule.queued_at(planner.pick(queued))]
                } else {
                    Vec::new()
                }
            }
            Guide::Explore(repeats) if !repeats.zombie => Vec::new(),
            Guide::Explore(_) => (0..self.schedule.queued())
                .map(|at| self.schedule.queued_at(at))
                .collect(),
            Guide::Script(_) => {
                let named = std::mem::take(&mut plan.zombies);
                let slots = named
                    .into_iter()
                    .filter_map(|origin| self.schedule.find(origin));
                slots.collect()
            }
        };
        for slot in chosen {
            let Some(entry) = self.schedule.entry_mut(slot) else {
                continue;
            };
            if entry.result.is_some() || entry.timer.is_some() {
                continue;
            }
            // A try that was begun counts, whatever becomes of it.
            entry.attempts += 1;
            plan.zombies.push(entry.origin);
            let zombie = (entry.origin, host.duplicate(&entry.action), entry.attempts);
            self.schedule.zombies.push(zombie);
        }
    }
}
