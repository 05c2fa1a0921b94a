//! One transition, from the call of `stf` to the commit and what it does to the ledger.

use crate::driver::{Driver, Guide, Verdict};
use crate::faults::Fault;
use crate::host::{Commit, Emitted, Event, Halt, Host, Outcome, Standing};
use crate::planner::Call;
use crate::step::{CallFaults, Origin, StepPlan};

/// A retryable store error at commit runs the transition again, at most this often in all.
const MAX_RERUNS: u32 = 5;

impl<O> Driver<O> {
    /// Runs one transition with the faults of `plan`. `taken` is the slot whose result the event carries.
    pub(crate) fn transition<H: Host<Obj = O>>(
        &mut self,
        host: &mut H,
        event: &Event<'_, O>,
        plan: &mut StepPlan,
        taken: Option<u32>,
    ) -> Result<Verdict, Halt<H::Abort>> {
        let mut outcome = Outcome::Interrupted;
        for _ in 0..=MAX_RERUNS {
            self.out.clear();
            outcome = host.transition(event, self.now_ms, &plan.call, &mut self.out)?;
            self.count_call_faults(Call::Stf, &plan.call);
            if outcome != Outcome::Accepted {
                break;
            }
            if plan.call.crash {
                self.counts.faults.fired(Fault::CrashCommit);
                self.note_outcome(Outcome::Interrupted);
                host.answer_client(event, Outcome::Interrupted)?;
                self.restart(host, plan, true)?;
                return Ok(Verdict::Crashed);
            }
            match host.commit()? {
                Commit::Done => {
                    self.accept(host, taken)?;
                    break;
                }
                Commit::Retry => outcome = Outcome::Interrupted,
                Commit::Interrupted => {
                    outcome = Outcome::Interrupted;
                    break;
                }
            }
        }
        self.forget_what_did_not_strike(plan);
        self.note_outcome(outcome);
        host.answer_client(event, outcome)?;
        host.always()?;
        Ok(match outcome {
            Outcome::Accepted => Verdict::Accepted,
            Outcome::Rejected => Verdict::Refused,
            Outcome::Interrupted => Verdict::Interrupted,
        })
    }

    /// A planned fault that found nothing to strike is no part of what happened.
    fn forget_what_did_not_strike(&self, plan: &mut StepPlan) {
        let call = &mut plan.call;
        call.crash = false;
        if !self.out.actions_full {
            call.actions_full = 0;
        }
        if !self.out.cancelled {
            call.cancel = 0;
        }
        if !self.out.state_error {
            call.state_error = 0;
        }
    }

    /// Counts the planned faults that struck inside the call, and learns how long calls are.
    pub(crate) fn count_call_faults(&mut self, call: Call, planned: &CallFaults) {
        let (adds, suspensions) = (self.out.adds, self.out.suspensions);
        let planned_and_struck = [
            (
                Fault::ActionsFull,
                adds,
                planned.actions_full,
                self.out.actions_full,
            ),
            (
                Fault::Cancel,
                suspensions,
                planned.cancel,
                self.out.cancelled,
            ),
            (
                Fault::StateError,
                suspensions,
                planned.state_error,
                self.out.state_error,
            ),
        ];
        let counts = &mut self.counts.faults;
        if let Guide::Random(planner) = &mut self.guide {
            planner.learn(call, adds, suspensions);
            if adds + suspensions > 0 {
                // A call that never adds or suspends was no chance for a fault there.
                for (fault, places, planned, _) in planned_and_struck {
                    if places > 0 && planner.is_on(fault) {
                        counts.chance(fault);
                        if planned > 0 {
                            counts.armed(fault);
                        }
                    }
                }
            }
        }
        if planned.any() {
            for (fault, _, _, struck) in planned_and_struck {
                if struck {
                    counts.fired(fault);
                }
            }
        }
    }

    /// The transition is committed: its emissions become outstanding, the taken id is done unless it goes on.
    fn accept<H: Host<Obj = O>>(
        &mut self,
        host: &mut H,
        taken: Option<u32>,
    ) -> Result<(), Halt<H::Abort>> {
        let mut continued = false;
        if !self.out.tracked.is_empty() {
            let mut tracked = std::mem::take(&mut self.out.tracked);
            for emission in tracked.drain(..) {
                continued |= self.emit(host, emission, taken, continued)?;
            }
            self.out.tracked = tracked;
        }
        if let Some(slot) = taken
            && !continued
        {
            self.finish(host, slot)?;
        }
        for id in std::mem::take(&mut self.out.forgotten) {
            // Giving up what is not outstanding (any more) changes nothing.
            if let Some(slot) = host.find_id(&id)? {
                let given_up = self.schedule.remove(slot);
                if given_up.is_some_and(|entry| entry.result.is_some()) {
                    self.counts.dropped_answers += 1;
                }
                host.retire_id(&id)?;
            }
        }
        self.schedule.untracked.append(&mut self.out.untracked);
        Ok(())
    }

    /// Enters one emission; true if it continues the taken id.
    fn emit<H: Host<Obj = O>>(
        &mut self,
        host: &mut H,
        emission: Emitted<O>,
        taken: Option<u32>,
        continued: bool,
    ) -> Result<bool, Halt<H::Abort>> {
        let origin = self.next_origin();
        host.note_emitted(&emission.action)?;
        match host.enter_id(&emission.id, self.schedule.next_slot(), !self.switches.ids)? {
            Standing::Entered => {
                self.schedule
                    .insert(origin, emission.id, emission.action, emission.timer);
                Ok(false)
            }
            Standing::Outstanding(slot) if taken == Some(slot) && !continued => {
                if let Some(entry) = self.schedule.entry(slot) {
                    host.note_completed(&entry.action);
                }
                self.schedule
                    .renew(slot, origin, emission.action, emission.timer);
                Ok(true)
            }
            Standing::Outstanding(slot) if !self.switches.ids => {
                self.schedule
                    .renew(slot, origin, emission.action, emission.timer);
                Ok(false)
            }
            Standing::Outstanding(slot) => {
                let same_step = self
                    .schedule
                    .entry(slot)
                    .is_some_and(|entry| entry.origin.step == self.label);
                let when = if same_step {
                    "twice in one transition"
                } else {
                    "while it is outstanding"
                };
                Err(Self::bad_id(host, &emission, when))
            }
            Standing::Completed => {
                // With the law off `enter_id` does not say so.
                Err(Self::bad_id(
                    host,
                    &emission,
                    "again after it was completed",
                ))
            }
        }
    }

    fn bad_id<H: Host<Obj = O>>(host: &mut H, emission: &Emitted<O>, when: &str) -> Halt<H::Abort> {
        let id = host.show(&emission.id);
        let action = host.show(&emission.action);
        Halt::failed("ids", format!("id {id} was emitted {when}: {action}"))
    }

    /// The result was taken and the id does not go on.
    fn finish<H: Host<Obj = O>>(&mut self, host: &mut H, slot: u32) -> Result<(), Halt<H::Abort>> {
        if let Some(entry) = self.schedule.remove(slot) {
            host.note_completed(&entry.action);
            host.retire_id(&entry.id)?;
        }
        Ok(())
    }

    pub(crate) fn next_origin(&mut self) -> Origin {
        let place = self.place;
        self.place += 1;
        Origin {
            step: self.label,
            place,
        }
    }
}
