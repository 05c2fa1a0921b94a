//! Performs one planned step: what the machine, the world and the ledger do in it.

use crate::driver::{Driver, Guide, Performed, Verdict};
use crate::faults::Fault;
use crate::host::{Event, Halt, Host};
use crate::planner::MAX_ADVANCE_MS;
use crate::schedule::Late;
use crate::step::{Origin, StepKind, StepPlan};

/// Executions without an answer after which an id is dead.
pub const MAX_TRIES: u32 = 10;

impl<O> Driver<O> {
    /// Performs one planned step. The plan is completed with the faults that `restore` met.
    pub(crate) fn perform<H: Host<Obj = O>>(
        &mut self,
        host: &mut H,
        plan: &mut StepPlan,
    ) -> Result<Performed, Halt<H::Abort>> {
        if let StepKind::Crash { lost_untracked } = plan.kind {
            return self.crash_step(host, plan, lost_untracked);
        }
        self.dispatch_untracked(host)?;
        if let Guide::Script(_) = self.guide {
            for &source in &plan.declined {
                host.source(source)?;
            }
        }
        match plan.kind {
            StepKind::Input { source } => {
                let Some(value) = host.source(source)? else {
                    return Ok(Performed::Declined(source));
                };
                self.input(host, source, &value, plan)
            }
            StepKind::Resubmit { step } => {
                let found = self
                    .schedule
                    .resubmits
                    .iter()
                    .position(|repeat| repeat.0 == step);
                let Some(at) = found else {
                    return Ok(Performed::Absent);
                };
                let (_, source, value) = self.schedule.resubmits.swap_remove(at);
                self.counts.faults.fired(Fault::Resubmit);
                self.input(host, source, &value, plan)
            }
            StepKind::Execute { of, lost } => self.execute(host, of, lost, plan.advance_ms),
            StepKind::Zombie { of } => self.zombie(host, of, plan.advance_ms),
            StepKind::Deliver { of } => self.deliver(host, of, plan),
            StepKind::Timer { of } => self.timer(host, of, plan),
            StepKind::Duplicate { of } => self.duplicate(host, of, plan),
            StepKind::Unknown => self.unknown(host, plan),
            StepKind::Crash { .. } => Ok(Performed::Absent),
        }
    }

    pub(crate) fn advance(&mut self, milliseconds: u64) {
        if milliseconds > MAX_ADVANCE_MS {
            self.counts.faults.fired(Fault::ClockJump);
        }
        self.now_ms = self.now_ms.saturating_add_unsigned(milliseconds);
    }

    fn input<H: Host<Obj = O>>(
        &mut self,
        host: &mut H,
        source: u32,
        value: &O,
        plan: &mut StepPlan,
    ) -> Result<Performed, Halt<H::Abort>> {
        self.advance(plan.advance_ms);
        let event = Event::Normal { source, value };
        let verdict = self.transition(host, &event, plan, None)?;
        if verdict == Verdict::Accepted {
            let again = match &mut self.guide {
                Guide::Random(planner) => planner.strikes(Fault::Resubmit, &mut self.counts.faults),
                Guide::Script(player) => player.resubmits(self.label),
                Guide::Explore(repeats) => repeats.resubmit,
            };
            if again {
                let again = host.preserve(value)?;
                self.schedule.resubmits.push((self.label, source, again));
            }
        }
        Ok(Performed::Done)
    }

    fn execute<H: Host<Obj = O>>(
        &mut self,
        host: &mut H,
        of: Origin,
        lost: bool,
        advance_ms: u64,
    ) -> Result<Performed, Halt<H::Abort>> {
        let Some(slot) = self.locate(of) else {
            return Ok(Performed::Absent);
        };
        let Some(entry) = self.schedule.entry_mut(slot) else {
            return Ok(Performed::Absent);
        };
        if entry.result.is_some() || entry.timer.is_some() {
            return Ok(Performed::Absent);
        }
        self.advance(advance_ms);
        self.execute_slot(host, slot, lost)?;
        Ok(Performed::Done)
    }

    /// The world performs the action in that slot, which must be waiting for it.
    pub(crate) fn execute_slot<H: Host<Obj = O>>(
        &mut self,
        host: &mut H,
        slot: u32,
        lost: bool,
    ) -> Result<(), Halt<H::Abort>> {
        let Some(entry) = self.schedule.entry_mut(slot) else {
            return Ok(());
        };
        entry.attempts += 1;
        let answer = host.execute(&entry.action, entry.attempts)?;
        if lost {
            self.counts.faults.fired(Fault::Retry);
        }
        match answer {
            Some(result) if !lost => {
                let due = self.held_until();
                self.schedule.answer(slot, result, due);
            }
            _ => self.unanswered(host, slot),
        }
        Ok(())
    }

    /// The step before which an answer does not come back; 0 is at once.
    fn held_until(&mut self) -> u64 {
        let Guide::Random(planner) = &mut self.guide else {
            return 0;
        };
        if self.settling || !planner.strikes(Fault::Hold, &mut self.counts.faults) {
            return 0;
        }
        self.counts.faults.fired(Fault::Hold);
        self.counts.steps + planner.hold_steps()
    }

    fn unanswered<H: Host<Obj = O>>(&mut self, host: &mut H, slot: u32) {
        let Some(entry) = self.schedule.entry_mut(slot) else {
            return;
        };
        entry.tries += 1;
        let tries = entry.tries;
        if tries >= MAX_TRIES {
            host.note_dead(&entry.action);
            self.schedule.bury(slot);
        } else {
            let due = self.due_after(entry_gap(tries));
            self.schedule.postpone(slot, due);
        }
    }

    /// The step before which nothing happens; a script decides for itself.
    fn due_after(&self, gap: u64) -> u64 {
        match self.guide {
            Guide::Random(_) => self.counts.steps + gap,
            Guide::Script(_) | Guide::Explore(_) => 0,
        }
    }

    fn zombie<H: Host<Obj = O>>(
        &mut self,
        host: &mut H,
        of: Origin,
        advance_ms: u64,
    ) -> Result<Performed, Halt<H::Abort>> {
        let found = self
            .schedule
            .zombies
            .iter()
            .position(|zombie| zombie.0 == of);
        let Some(at) = found else {
            return Ok(Performed::Absent);
        };
        self.advance(advance_ms);
        let (_, action, attempt) = self.schedule.zombies.swap_remove(at);
        self.counts.faults.fired(Fault::Zombie);
        self.counts.dropped_answers += 1;
        // Whoever asked is gone, so the answer goes nowhere.
        host.execute(&action, attempt)?;
        Ok(Performed::Done)
    }

    fn deliver<H: Host<Obj = O>>(
        &mut self,
        host: &mut H,
        of: Origin,
        plan: &mut StepPlan,
    ) -> Result<Performed, Halt<H::Abort>> {
        let Some(slot) = self.locate(of) else {
            return Ok(Performed::Absent);
        };
        if self
            .schedule
            .entry(slot)
            .is_none_or(|entry| entry.result.is_none())
        {
            return Ok(Performed::Absent);
        }
        self.advance(plan.advance_ms);
        self.deliver_slot(host, slot, plan)?;
        Ok(Performed::Done)
    }

    /// Delivers the result in that slot; a refused one waits there for another try.
    pub(crate) fn deliver_slot<H: Host<Obj = O>>(
        &mut self,
        host: &mut H,
        slot: u32,
        plan: &mut StepPlan,
    ) -> Result<Verdict, Halt<H::Abort>> {
        let Some(entry) = self.schedule.entry_mut(slot) else {
            return Ok(Verdict::Refused);
        };
        let (origin, is_timer) = (entry.origin, entry.timer.is_some());
        let id = host.duplicate(&entry.id);
        let result = match (entry.result.take(), entry.timer) {
            (Some(result), _) => result,
            (None, Some(at)) => host.fired(at)?,
            (None, None) => return Ok(Verdict::Refused),
        };
        let event = Event::Completed {
            id: &id,
            result: &result,
            answers: true,
        };
        let verdict = self.transition(host, &event, plan, Some(slot))?;
        match verdict {
            Verdict::Accepted => {
                if self.comes_again(origin) {
                    let result = host.preserve(&result)?;
                    self.schedule.late.push(Late { origin, id, result });
                }
            }
            Verdict::Refused | Verdict::Interrupted => {
                let tries = self.schedule.entry_mut(slot).map_or(1, |entry| {
                    entry.tries += 1;
                    if !is_timer {
                        entry.result = Some(result);
                    }
                    entry.tries
                });
                let due = self.due_after(entry_gap(tries));
                self.schedule.postpone(slot, due);
            }
            Verdict::Crashed => {}
        }
        Ok(verdict)
    }

    /// Whether the result just taken will be delivered once more.
    fn comes_again(&mut self, origin: Origin) -> bool {
        match &mut self.guide {
            _ if self.settling => false,
            Guide::Random(planner) => planner.strikes(Fault::Duplicate, &mut self.counts.faults),
            Guide::Script(player) => player.duplicates(origin),
            Guide::Explore(repeats) => repeats.duplicate,
        }
    }

    fn timer<H: Host<Obj = O>>(
        &mut self,
        host: &mut H,
        of: Origin,
        plan: &mut StepPlan,
    ) -> Result<Performed, Halt<H::Abort>> {
        let Some(slot) = self.locate(of) else {
            return Ok(Performed::Absent);
        };
        let Some(at) = self.schedule.entry(slot).and_then(|entry| entry.timer) else {
            return Ok(Performed::Absent);
        };
        self.now_ms = self.now_ms.max(at);
        self.deliver_slot(host, slot, plan)?;
        Ok(Performed::Done)
    }

    fn duplicate<H: Host<Obj = O>>(
        &mut self,
        host: &mut H,
        of: Origin,
        plan: &mut StepPlan,
    ) -> Result<Performed, Halt<H::Abort>> {
        let found = self.schedule.late.iter().position(|late| late.origin == of);
        let Some(at) = found else {
            return Ok(Performed::Absent);
        };
        let late = self.schedule.late.swap_remove(at);
        if host.find_id(&late.id)?.is_some() {
            // It would be taken for the answer to a newer emission, which a duplicate never is.
            self.counts.dropped_answers += 1;
            return Ok(Performed::Absent);
        }
        self.advance(plan.advance_ms);
        self.counts.faults.fired(Fault::Duplicate);
        let event = Event::Completed {
            id: &late.id,
            result: &late.result,
            answers: false,
        };
        self.transition(host, &event, plan, None)?;
        Ok(Performed::Done)
    }

    fn unknown<H: Host<Obj = O>>(
        &mut self,
        host: &mut H,
        plan: &mut StepPlan,
    ) -> Result<Performed, Halt<H::Abort>> {
        let invented = match host.invent()? {
            Some((id, result)) if host.find_id(&id)?.is_none() => Some((id, result)),
            _ => None,
        };
        let Some((id, result)) = invented else {
            // What it drew belongs to no step.
            drop(host.take_draws());
            return Ok(Performed::Absent);
        };
        self.advance(plan.advance_ms);
        self.counts.faults.fired(Fault::Unknown);
        let event = Event::Completed {
            id: &id,
            result: &result,
            answers: false,
        };
        self.transition(host, &event, plan, None)?;
        Ok(Performed::Done)
    }

    fn locate(&self, of: Origin) -> Option<u32> {
        if let Guide::Random(planner) = &self.guide
            && self
                .schedule
                .entry(planner.hint)
                .is_some_and(|entry| entry.origin == of)
        {
            return Some(planner.hint);
        }
        self.schedule.find(of)
    }
}

/// Each unanswered or refused try waits twice as long as the last, in steps.
fn entry_gap(tries: u32) -> u64 {
    1 << tries.min(10)
}
