//! The choices at a situation: which steps are possible, and with which faults inside them.

use super::Scope;
use crate::faults::Fault;
use crate::schedule::Schedule;
use crate::step::{CallFaults, StepKind, StepPlan};

impl Scope {
    /// The steps that are possible at a node, faults inside them apart.
    pub(super) fn plans<O>(
        &self,
        schedule: &Schedule<O>,
        faults: u32,
        can_invent: bool,
    ) -> Vec<StepPlan> {
        let mut kinds = Vec::new();
        if schedule.alive() < self.in_flight {
            kinds.extend((0..self.sources as u32).map(|source| StepKind::Input { source }));
        }
        let origin = |slot| schedule.entry(slot).map(|entry| entry.origin);
        let fault_left = faults < self.max_faults;
        let on = |fault| fault_left && self.rates.get(fault) > 0.0;
        for of in (0..schedule.queued()).filter_map(|at| origin(schedule.queued_at(at))) {
            kinds.push(StepKind::Execute { of, lost: false });
            if on(Fault::Retry) {
                kinds.push(StepKind::Execute { of, lost: true });
            }
        }
        let ready = (0..schedule.ready()).filter_map(|at| origin(schedule.ready_at(at)));
        kinds.extend(ready.map(|of| StepKind::Deliver { of }));
        kinds.extend(
            schedule
                .next_timer()
                .and_then(origin)
                .map(|of| StepKind::Timer { of }),
        );
        if on(Fault::Zombie) {
            kinds.extend(
                schedule
                    .zombies
                    .iter()
                    .map(|zombie| StepKind::Zombie { of: zombie.0 }),
            );
        }
        if on(Fault::Duplicate) {
            kinds.extend(
                schedule
                    .late
                    .iter()
                    .map(|late| StepKind::Duplicate { of: late.origin }),
            );
        }
        if on(Fault::Resubmit) {
            kinds.extend(
                schedule
                    .resubmits
                    .iter()
                    .map(|again| StepKind::Resubmit { step: again.0 }),
            );
        }
        if on(Fault::Unknown) && can_invent {
            kinds.push(StepKind::Unknown);
        }
        if on(Fault::Crash) {
            kinds.push(StepKind::Crash {
                lost_untracked: false,
            });
            if !schedule.untracked.is_empty() && self.rates.get(Fault::LostUntracked) > 0.0 {
                kinds.push(StepKind::Crash {
                    lost_untracked: true,
                });
            }
        }
        kinds.into_iter().map(StepPlan::new).collect()
    }

    /// Whether the step may have a fault inside it. One inside `restore` belongs to the crash before it.
    pub(super) fn may_vary(&self, plan: &StepPlan, faults: u32) -> bool {
        let is_crash = matches!(plan.kind, StepKind::Crash { .. });
        faults + own_faults(plan) < self.max_faults + u32::from(is_crash)
    }

    /// The same step with one fault more inside it, given how often it added and suspended.
    pub(super) fn variants(&self, plan: &StepPlan, adds: u32, suspensions: u32) -> Vec<StepPlan> {
        let on = |fault| self.rates.get(fault) > 0.0;
        let is_crash = matches!(plan.kind, StepKind::Crash { .. });
        if matches!(
            plan.kind,
            StepKind::Execute { .. } | StepKind::Zombie { .. }
        ) {
            return Vec::new();
        }
        let mut calls = Vec::new();
        if on(if is_crash {
            Fault::CrashRestore
        } else {
            Fault::CrashCommit
        }) {
            calls.push(CallFaults {
                crash: true,
                ..CallFaults::NONE
            });
        }
        if on(Fault::ActionsFull) {
            calls.extend((1..=adds).map(|at| CallFaults {
                actions_full: at,
                ..CallFaults::NONE
            }));
        }
        if on(Fault::Cancel) {
            calls.extend((1..=suspensions).map(|at| CallFaults {
                cancel: at,
                ..CallFaults::NONE
            }));
        }
        if on(Fault::StateError) {
            let errors = (1..=suspensions).map(|at| CallFaults {
                state_error: at,
                ..CallFaults::NONE
            });
            calls.extend(errors);
        }
        let with = |call| {
            let mut plan = plan.clone();
            if is_crash {
                plan.restores = vec![call];
            } else {
                plan.call = call;
            }
            plan
        };
        calls.into_iter().map(with).collect()
    }
}

/// Faults that are the step itself.
pub(super) fn own_faults(plan: &StepPlan) -> u32 {
    u32::from(matches!(
        plan.kind,
        StepKind::Crash { .. }
            | StepKind::Unknown
            | StepKind::Zombie { .. }
            | StepKind::Duplicate { .. }
            | StepKind::Resubmit { .. }
            | StepKind::Execute { lost: true, .. }
    ))
}

/// Faults inside it; those of a `restore` belong to its crash.
pub(super) fn call_faults(plan: &StepPlan) -> u32 {
    u32::from(plan.call.any())
}

/// Where the process dies in this step, if it does.
pub(super) fn crash_point<O>(plan: &StepPlan, schedule: &Schedule<O>) -> Option<&'static str> {
    if plan.call.crash {
        return Some("after the transition, before its commit");
    }
    if !matches!(plan.kind, StepKind::Crash { .. }) {
        return None;
    }
    Some(if plan.restores.iter().any(CallFaults::any) {
        "inside restore"
    } else if schedule.ready() > 0 {
        "after the world acted, before the delivery"
    } else if schedule.queued() > 0 {
        "after the commit, before the dispatch"
    } else {
        "before a transition"
    })
}
