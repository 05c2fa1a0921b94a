//! Faults off, no new inputs: everything outstanding must find its end.

use std::collections::BTreeSet;

use crate::draws::Draw;
use crate::driver::{Driver, Guide, Verdict};
use crate::host::{Emissions, Halt, Host};
use crate::step::{Origin, StepKind, StepPlan};

/// Timers may fire and be set again for this many rounds.
const MAX_TIMER_ROUNDS: u32 = 100;

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
        self.check_rest(host)?;
        for _ in 0..MAX_TIMER_ROUNDS {
            match self.timer_round(host, limit)? {
                Round::Stopped => return Ok(false),
                Round::AtRest => break,
                Round::Progress => {}
            }
        }
        self.look(host, None);
        host.settled()?;
        Ok(true)
    }

    /// What left before a crash arrives at last, and what clients repeat or the network doubles ends.
    fn execute_zombies<H: Host<Obj = O>>(&mut self, host: &mut H) -> Result<(), Halt<H::Abort>> {
        self.schedule.late.clear();
        self.schedule.resubmits.clear();
        for (origin, action) in std::mem::take(&mut self.schedule.zombies) {
            let plan = StepPlan::new(StepKind::Zombie { of: origin });
            self.counts.dropped_answers += 1;
            self.settle_step(host, &plan, |_, host| host.execute(&action, 1))?;
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
        self.label = u64::MAX - self.counts.settle_steps;
        self.place = 0;
        let script = match &mut self.guide {
            Guide::Script(player) => Some(player.next_settling()),
            Guide::Explore(_) => Some(Vec::new()),
            Guide::Random(_) => None,
        };
        self.look(host, script.as_deref());
        host.note_plan(plan);
        let acted = self.dispatch_untracked(host).and_then(|()| act(self, host));
        self.counts.settle_steps += 1;
        if let Some(recording) = &mut self.recording {
            recording.settling.push(host.take_draws());
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
        let mut refused_in_a_row = 0;
        while let Some(slot) = self.schedule.oldest() {
            if refused_in_a_row > self.schedule.unsettled() {
                return Err(self.starved(host, slot));
            }
            if self.counts.settle_steps >= limit {
                return Err(self.restless(host, slot, limit));
            }
            if host.seen_while_settling(&self.schedule)? {
                return Err(self.circling(host, slot));
            }
            if !host.proceed(self.counts.steps).map_err(Halt::abort)? {
                return Ok(false);
            }
            let has_result = self
                .schedule
                .entry(slot)
                .is_some_and(|entry| entry.result.is_some());
            let plan = self.settle_plan(slot, has_result);
            let verdict = self.settle_step(host, &plan, |driver, host| {
                if has_result {
                    driver.settle_delivery(host, slot)
                } else {
                    driver
                        .execute_slot(host, slot, false)
                        .map(|()| Verdict::Accepted)
                }
            })?;
            refused_in_a_row = if verdict == Verdict::Refused {
                refused_in_a_row + 1
            } else {
                0
            };
        }
        self.dispatch_untracked(host)?;
        Ok(true)
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

    /// Fires every timer that is armed now, in order of deadline, and runs until rest again.
    fn timer_round<H: Host<Obj = O>>(
        &mut self,
        host: &mut H,
        limit: u64,
    ) -> Result<Round, Halt<H::Abort>> {
        let armed = self.schedule.timer_slots();
        if armed.is_empty() {
            return Ok(Round::AtRest);
        }
        let mut fired = BTreeSet::new();
        for (slot, origin) in armed {
            // An earlier one of this round may have taken it away or set it anew.
            let due = self
                .schedule
                .entry(slot)
                .filter(|entry| entry.origin == origin);
            let Some(at) = due.and_then(|entry| entry.timer) else {
                continue;
            };
            if self.counts.settle_steps >= limit {
                return Err(self.restless(host, slot, limit));
            }
            if !host.proceed(self.counts.steps).map_err(Halt::abort)? {
                return Ok(Round::Stopped);
            }
            self.now_ms = self.now_ms.max(at);
            let plan = StepPlan::new(StepKind::Timer { of: origin });
            let verdict = self.settle_step(host, &plan, |driver, host| {
                driver.settle_delivery(host, slot)
            })?;
            if verdict == Verdict::Refused {
                return Err(self.starved(host, slot));
            }
            fired.insert(slot);
            if !self.drain(host, limit)? {
                return Ok(Round::Stopped);
            }
        }
        self.check_rest(host)?;
        let only_rearmed = self
            .schedule
            .timer_slots()
            .iter()
            .all(|(slot, _)| fired.contains(slot));
        Ok(if only_rearmed {
            Round::AtRest
        } else {
            Round::Progress
        })
    }

    /// At rest `restore` may emit only timers and dead ids: exactly what is outstanding then.
    fn check_rest<H: Host<Obj = O>>(&mut self, host: &mut H) -> Result<(), Halt<H::Abort>> {
        if !self.switches.restore {
            return Ok(());
        }
        self.look(host, None);
        let mut out = Emissions::default();
        host.restore(&crate::step::CallFaults::NONE, &mut out)?;
        let mut seen = BTreeSet::new();
        for emission in &out.tracked {
            let Some(slot) = host.find_id(&emission.id)? else {
                return Err(Self::not_outstanding(host, &emission.id, &emission.action));
            };
            if !seen.insert(slot) {
                let id = host.show(&emission.id);
                return Err(Halt::failed(
                    "restore",
                    format!("restore emitted id {id} twice"),
                ));
            }
        }
        let lost = self.schedule.slots().find(|slot| !seen.contains(slot));
        if let Some(entry) = lost.and_then(|slot| self.schedule.entry(slot)) {
            let action = host.show(&entry.action);
            return Err(Halt::failed(
                "restore",
                format!("restore lost what is outstanding: {action}"),
            ));
        }
        Ok(())
    }

    /// Every result left was refused, and nothing else can happen that would change that.
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

    fn restless<H: Host<Obj = O>>(&self, host: &mut H, slot: u32, limit: u64) -> Halt<H::Abort> {
        let action = self
            .schedule
            .entry(slot)
            .map(|entry| host.show(&entry.action));
        let (action, left) = (action.unwrap_or_default(), self.schedule.outstanding());
        Halt::failed(
            "settle",
            format!(
                "not at rest after {limit} settling steps: {left} outstanding, next is {action}"
            ),
        )
    }
}

enum Round {
    AtRest,
    Progress,
    Stopped,
}
