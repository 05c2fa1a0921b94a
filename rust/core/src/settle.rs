//! Faults off, no new inputs: everything outstanding must find its end.

use crate::draws::Draw;
use crate::driver::{Driver, Guide, Verdict};
use crate::host::{Halt, Host};
use crate::recording::RecordedStep;
use crate::step::{Origin, StepKind, StepPlan};

/// Timers may fire and be set again for this many rounds.
const MAX_TIMER_ROUNDS: u32 = 100;
/// What is refused after so many waits in a row, each twice as long as the last, is refused for ever.
const MAX_WAITS: u32 = 20;
/// The first wait.
const WAIT_MS: u64 = 1_000;

impl<O> Driver<O> {
    /// Settles within `base` steps and 10 more for each outstanding id, or breaks the law `settle`.
    ///
    /// `bound` overrides the whole sum. False if the host asked to stop.
    pub fn settle<H: Host<Obj = O>>(
        &mut self,
        host: &mut H,
        base: u64,
        bound: Option<u64>,
    ) -> Result<bool, Halt<H::Abort>> {
        self.settling = true;
        let limit = bound.unwrap_or(base + 10 * self.schedule.outstanding() as u64);
        self.look(host, None);
        host.heal()?;
        self.dispatch_untracked(host)?;
        self.execute_zombies(host)?;
        self.schedule.begin_settling();
        if !self.drain(host, limit)? {
            return Ok(false);
        }
        self.rest(host)?;
        // Timers may keep a right machine busy for ever: each of them may take its time to come to rest again.
        let slack = if bound.is_some() { 0 } else { limit };
        if !self.run_timers(host, limit, slack)? {
            return Ok(false);
        }
        self.look(host, None);
        host.settled()?;
        Ok(true)
    }

    /// What left before a crash arrives at last, and what clients repeat or the network doubles ends.
    fn execute_zombies<H: Host<Obj = O>>(&mut self, host: &mut H) -> Result<(), Halt<H::Abort>> {
        self.schedule.late.clear();
        self.schedule.resubmits.clear();
        for (origin, action, attempt) in std::mem::take(&mut self.schedule.zombies) {
            let plan = StepPlan::new(StepKind::Zombie { of: origin });
            self.counts.dropped_answers += 1;
            self.settle_step(host, &plan, |_, host| host.execute(&action, attempt))?;
        }
        Ok(())
    }

    /// One step of settling, recorded whether it breaks a law or not.
    fn settle_step<H: Host<Obj = O>, T>(
        &mut self,
        host: &mut H,
        plan: &StepPlan,
        act: impl FnOnce(&mut Self, &mut H) -> Result<T, Halt<H::Abort>>,
    ) -> Result<T, Halt<H::Abort>> {
        // Labels go on from the last step's, so that these steps can stand among the others.
        self.label += 1;
        self.place = 0;
        let script = match &mut self.guide {
            Guide::Script(player) => Some(player.next_settling()),
            Guide::Explore(_) => Some(Vec::new()),
            Guide::Random(_) => None,
        };
        self.look(host, script.as_deref());
        host.note_plan(self.label, plan);
        let acted = self.dispatch_untracked(host).and_then(|()| act(self, host));
        self.counts.settle_steps += 1;
        if let Some(recording) = &mut self.recording {
            let (label, plan, draws) = (self.label, plan.clone(), host.take_draws());
            recording.settling.push(RecordedStep { label, plan, draws });
        }
        acted
    }

    /// Tells the host where in the run it is.
    fn look<H: Host<Obj = O>>(&mut self, host: &mut H, script: Option<&[Draw]>) {
        let number = self.counts.steps + self.counts.settle_steps + 1;
        host.begin_step(number, self.now_ms, script);
    }

    /// Executes and delivers, oldest first, until only timers and dead ids are left.
    fn drain<H: Host<Obj = O>>(
        &mut self,
        host: &mut H,
        limit: u64,
    ) -> Result<bool, Halt<H::Abort>> {
        let (mut refused_in_a_row, mut waits, mut verdict) = (0, 0, Verdict::Accepted);
        while let Some(slot) = self.schedule.oldest() {
            if self.counts.settle_steps >= limit {
                return Err(self.restless(host, slot, limit, verdict));
            }
            if host.seen_while_settling(&self.schedule)? {
                return Err(self.circling(host, slot));
            }
            if !host.proceed(self.counts.steps).map_err(Halt::abort)? {
                return Ok(false);
            }
            verdict = self.settle_slot(host, slot)?;
            match verdict {
                Verdict::Refused => refused_in_a_row += 1,
                // Trying again may help, and the limit bounds how often.
                Verdict::Interrupted => continue,
                Verdict::Accepted | Verdict::Crashed => (refused_in_a_row, waits) = (0, 0),
            }
            if refused_in_a_row > 0 && refused_in_a_row >= self.schedule.unsettled() {
                // All that is left was refused: only a timer or the time can change that.
                if waits == MAX_WAITS {
                    return Err(self.starved(host, slot));
                }
                self.wait(waits);
                if self.fire_armed(host, limit, None)?.is_none() {
                    return Ok(false);
                }
                (refused_in_a_row, waits) = (0, waits + 1);
            }
        }
        self.dispatch_untracked(host)?;
        Ok(true)
    }

    /// The world answers what is in that slot, or its answer reaches the machine.
    fn settle_slot<H: Host<Obj = O>>(
        &mut self,
        host: &mut H,
        slot: u32,
    ) -> Result<Verdict, Halt<H::Abort>> {
        let entry = self.schedule.entry(slot);
        let has_result = entry.is_some_and(|entry| entry.result.is_some());
        let plan = self.settle_plan(slot, has_result);
        self.settle_step(host, &plan, |driver, host| {
            if has_result {
                driver.settle_delivery(host, slot)
            } else {
                driver
                    .execute_slot(host, slot, false)
                    .map(|()| Verdict::Accepted)
            }
        })
    }

    /// Nothing happens for a while.
    fn wait(&mut self, waits: u32) {
        // A little more than a round number, which a machine could wait for in vain.
        let wait_ms = (WAIT_MS << waits) + u64::from(waits);
        self.now_ms = self.now_ms.saturating_add_unsigned(wait_ms);
    }

    /// Nothing is left but timers and dead ids; `restore` must say so too.
    fn rest<H: Host<Obj = O>>(&mut self, host: &mut H) -> Result<(), Halt<H::Abort>> {
        self.look(host, None);
        self.check_rest(host)
    }

    fn settle_plan(&self, slot: u32, deliver: bool) -> StepPlan {
        let of = self
            .schedule
            .entry(slot)
            .map_or(Origin { step: 0, place: 0 }, |entry| entry.origin);
        StepPlan::new(if deliver {
            StepKind::Deliver { of }
        } else {
            StepKind::Execute { of, lost: false }
        })
    }

    fn settle_delivery<H: Host<Obj = O>>(
        &mut self,
        host: &mut H,
        slot: u32,
    ) -> Result<Verdict, Halt<H::Abort>> {
        let mut plan = self.settle_plan(slot, true);
        self.deliver_slot(host, slot, &mut plan)
    }

    /// Lets timers fire, round after round, until a round leaves only those that it set again, or `limit` is met.
    fn run_timers<H: Host<Obj = O>>(
        &mut self,
        host: &mut H,
        limit: u64,
        slack: u64,
    ) -> Result<bool, Halt<H::Abort>> {
        let (mut waits, mut refused) = (0, None);
        for _ in 0..MAX_TIMER_ROUNDS {
            if self.schedule.timers() == 0 {
                return Ok(true);
            }
            if self.counts.settle_steps >= limit {
                break;
            }
            let Some(round) = self.fire_armed(host, limit, Some(slack))? else {
                return Ok(false);
            };
            self.rest(host)?;
            refused = round.refused;
            match refused {
                Some(slot) if round.fired.is_empty() => {
                    if waits == MAX_WAITS {
                        return Err(self.starved(host, slot));
                    }
                    self.wait(waits);
                    waits += 1;
                }
                Some(_) => waits = 0,
                None => {
                    if self.only_rearmed(host, &round.fired)? {
                        return Ok(true);
                    }
                }
            }
        }
        match refused {
            Some(slot) if self.schedule.entry(slot).is_some() => Err(self.starved(host, slot)),
            _ => Ok(true),
        }
    }

    /// Fires every timer that is armed now, in order of deadline. With a `slack`, what follows is settled after each,
    /// within so many steps beyond `limit`, and `limit` ends the round; without, it breaks the law.
    ///
    /// None if the host asked to stop.
    fn fire_armed<H: Host<Obj = O>>(
        &mut self,
        host: &mut H,
        limit: u64,
        slack: Option<u64>,
    ) -> Result<Option<Round<O>>, Halt<H::Abort>> {
        let mut round = Round {
            fired: Vec::new(),
            refused: None,
        };
        for (slot, origin) in self.schedule.timer_slots() {
            // An earlier one of this round may have taken it away or set it anew.
            let due = self.schedule.entry(slot);
            let Some(entry) = due.filter(|entry| entry.origin == origin) else {
                continue;
            };
            let (Some(at), id) = (entry.timer, host.duplicate(&entry.id)) else {
                continue;
            };
            if self.counts.settle_steps >= limit {
                if slack.is_some() {
                    break;
                }
                return Err(self.restless(host, slot, limit, Verdict::Accepted));
            }
            if !host.proceed(self.counts.steps).map_err(Halt::abort)? {
                return Ok(None);
            }
            self.now_ms = self.now_ms.max(at);
            let plan = StepPlan::new(StepKind::Timer { of: origin });
            let verdict = self.settle_step(host, &plan, |driver, host| {
                driver.settle_delivery(host, slot)
            })?;
            if matches!(verdict, Verdict::Refused | Verdict::Interrupted) {
                round.refused = Some(slot);
            } else {
                round.fired.push(id);
            }
            if let Some(slack) = slack
                && !self.drain(host, limit + slack)?
            {
                return Ok(None);
            }
        }
        Ok(Some(round))
    }

    /// Whether every timer that is armed now has an id that fired in the last round.
    fn only_rearmed<H: Host<Obj = O>>(
        &self,
        host: &mut H,
        fired: &[O],
    ) -> Result<bool, Halt<H::Abort>> {
        let mut rearmed = Vec::new();
        for id in fired {
            rearmed.extend(host.find_id(id)?);
        }
        rearmed.sort_unstable();
        let armed = self.schedule.timer_slots();
        Ok(armed
            .iter()
            .all(|(slot, _)| rearmed.binary_search(slot).is_ok()))
    }

    /// What is in that slot was refused again and again, and nothing can happen that would change that.
    fn starved<H: Host<Obj = O>>(&self, host: &mut H, slot: u32) -> Halt<H::Abort> {
        let refusal = host.last_refusal();
        let shown = self.schedule.entry(slot).map(|entry| {
            let action = host.show(&entry.action);
            match &entry.result {
                Some(result) => (action, host.show(result)),
                None => (action, String::from("its timer")),
            }
        });
        let (action, result) = shown.unwrap_or_default();
        Halt::failed(
            "settle",
            format!("{result} for {action} is refused for ever: {refusal}"),
        )
    }

    fn circling<H: Host<Obj = O>>(&self, host: &mut H, slot: u32) -> Halt<H::Abort> {
        let action = self
            .schedule
            .entry(slot)
            .map(|entry| host.show(&entry.action));
        let (action, steps) = (action.unwrap_or_default(), self.counts.settle_steps);
        Halt::failed(
            "settle",
            format!(
                "a cycle: after {steps} settling steps all is as it was before, and next is {action}"
            ),
        )
    }

    fn restless<H: Host<Obj = O>>(
        &self,
        host: &mut H,
        slot: u32,
        limit: u64,
        last: Verdict,
    ) -> Halt<H::Abort> {
        let action = self
            .schedule
            .entry(slot)
            .map(|entry| host.show(&entry.action));
        let (action, left) = (action.unwrap_or_default(), self.schedule.outstanding());
        let why = match last {
            Verdict::Refused | Verdict::Interrupted => {
                format!(
                    "; the last delivery was not accepted: {}",
                    host.last_refusal()
                )
            }
            Verdict::Accepted | Verdict::Crashed => String::new(),
        };
        Halt::failed(
            "settle",
            format!(
                "not at rest after {limit} settling steps: {left} outstanding, next is {action}{why}"
            ),
        )
    }
}

/// What firing the armed timers once came to.
struct Round<O> {
    /// The ids of those that were taken.
    fired: Vec<O>,
    /// One that was not.
    refused: Option<u32>,
}
