//! The process dies; `restore` says what it was waiting for, and the law `restore` compares.

use crate::driver::{Driver, Guide, Performed};
use crate::faults::Fault;
use crate::host::{Halt, Host};
use crate::step::{CallFaults, Origin, StepPlan};

/// After this many interrupted restores in a row the faults leave `restore` alone.
const MAX_RESTORE_TRIES: usize = 8;
/// A message names this many ids, then counts.
const SHOWN_IDS: usize = 5;

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
        self.now_ms = self.now_ms.saturating_add_unsigned(plan.advance_ms);
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
        self.raise_zombies(host);
        self.schedule.late.clear();
        host.crash(uncommitted)?;
        for attempt in 0.. {
            let faults = self.restore_faults(plan, attempt);
            self.out.clear();
            let finished = host.restore(&faults, &mut self.out)?;
            self.count_call_faults(&faults);
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
                let faults = planner.call_faults(Fault::CrashRestore, &mut self.counts.faults);
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
    fn raise_zombies<H: Host<Obj = O>>(&mut self, host: &mut H) {
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
            Guide::Script(player) => self
                .schedule
                .slots()
                .filter(|&slot| {
                    self.schedule.entry(slot).is_some_and(|entry| {
                        entry.result.is_none()
                            && entry.timer.is_none()
                            && player.becomes_zombie(entry.origin)
                    })
                })
                .collect(),
        };
        for slot in chosen {
            if let Some(entry) = self.schedule.entry(slot) {
                let zombie = (entry.origin, host.duplicate(&entry.action));
                self.schedule.zombies.push(zombie);
            }
        }
    }

    /// Makes the schedule what `restore` said, which must be exactly what is outstanding.
    fn reconcile<H: Host<Obj = O>>(&mut self, host: &mut H) -> Result<(), Halt<H::Abort>> {
        let first_place = self.place;
        let mut restored = 0;
        for emission in std::mem::take(&mut self.out.tracked) {
            let origin = self.next_origin();
            let Some(slot) = host.find_id(&emission.id)? else {
                if !self.switches.restore {
                    continue;
                }
                return Err(Self::not_outstanding(host, &emission.id, &emission.action));
            };
            let again = self.schedule.entry(slot).is_some_and(|entry| {
                entry.origin.step == self.label && entry.origin.place >= first_place
            });
            if again && self.switches.restore {
                let id = host.show(&emission.id);
                return Err(Halt::failed(
                    "restore",
                    format!("restore emitted id {id} twice"),
                ));
            }
            restored += usize::from(!again);
            self.schedule
                .renew(slot, origin, emission.action, emission.timer);
        }
        if restored < self.schedule.outstanding() {
            self.give_up_lost(host, first_place)?;
        }
        self.schedule.untracked.append(&mut self.out.untracked);
        Ok(())
    }

    pub(crate) fn not_outstanding<H: Host<Obj = O>>(
        host: &mut H,
        id: &O,
        action: &O,
    ) -> Halt<H::Abort> {
        let why = match host.was_completed(id) {
            Ok(true) => "is finished",
            Ok(false) => "was never emitted",
            Err(halt) => return halt,
        };
        let (id, action) = (host.show(id), host.show(action));
        Halt::failed(
            "restore",
            format!("restore emitted id {id}, which {why}: {action}"),
        )
    }

    /// What `restore` did not mention breaks the law; with the law off it is simply lost.
    fn give_up_lost<H: Host<Obj = O>>(
        &mut self,
        host: &mut H,
        first_place: u32,
    ) -> Result<(), Halt<H::Abort>> {
        let is_old = |origin: Origin| origin.step != self.label || origin.place < first_place;
        let lost: Vec<u32> = self
            .schedule
            .slots()
            .filter(|&slot| {
                self.schedule
                    .entry(slot)
                    .is_some_and(|entry| is_old(entry.origin))
            })
            .collect();
        if self.switches.restore {
            return Err(self.lost(host, &lost));
        }
        for slot in lost {
            if let Some(entry) = self.schedule.remove(slot) {
                host.retire_id(&entry.id)?;
            }
        }
        Ok(())
    }

    fn lost<H: Host<Obj = O>>(&self, host: &mut H, slots: &[u32]) -> Halt<H::Abort> {
        let entries = slots.iter().filter_map(|&slot| self.schedule.entry(slot));
        let missing: Vec<&O> = entries.map(|entry| &entry.action).collect();
        let shown: Vec<String> = missing
            .iter()
            .take(SHOWN_IDS)
            .map(|action| host.show(action))
            .collect();
        let more = missing.len().saturating_sub(SHOWN_IDS);
        let tail = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        Halt::failed(
            "restore",
            format!(
                "restore lost what is outstanding: {}{tail}",
                shown.join(", ")
            ),
        )
    }
}
