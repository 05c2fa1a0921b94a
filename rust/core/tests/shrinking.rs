//! Shrinking reaches the minimum of planted bugs, within its bound, and never another law.

mod counter;

use std::convert::Infallible;

use counter::{Bug, all_faults, replay, run_seed, wishes};
use fasm_core::recording::Recording;
use fasm_core::shrink::{Replay, Replayed, Shrinker};
use fasm_core::step::StepKind;

struct Search {
    bug: Bug,
    law: String,
    replays: u64,
}

impl Replay for Search {
    type Stop = Infallible;

    fn replay(&mut self, candidate: &Recording) -> Result<Replayed, Infallible> {
        self.replays += 1;
        let ran = replay(candidate, self.bug);
        let same = ran.end.is_err_and(|failure| failure.law == self.law);
        Ok(if same {
            Replayed::Fails(ran.recording)
        } else {
            Replayed::Passes(Some(ran.recording))
        })
    }
}

/// Shrinks what seeds find of a bug, and gives the smallest records.
fn shrink(bug: Bug, seeds: std::ops::Range<u64>, replays: u64) -> Vec<Recording> {
    let mut found = Vec::new();
    for seed in seeds {
        let first = run_seed(seed, &wishes(all_faults()), 200, bug);
        let Err(failure) = first.end else { continue };
        let mut search = Search {
            bug,
            law: failure.law.clone(),
            replays: 0,
        };
        let mut shrinker = Shrinker::new(first.recording, replays);
        let Ok(()) = shrinker.run(&mut search);
        assert!(search.replays <= replays);
        assert_eq!(search.replays, replays - shrinker.replays_left());
        let again = replay(&shrinker.best, bug);
        assert_eq!(again.end.map_err(|failure| failure.law), Err(failure.law));
        found.push(shrinker.best);
    }
    found
}

fn kinds(recording: &Recording) -> Vec<&'static str> {
    let name = |kind| match kind {
        StepKind::Input { .. } => "input",
        StepKind::Execute { .. } => "execute",
        StepKind::Deliver { .. } => "deliver",
        StepKind::Crash { .. } => "crash",
        _ => "other",
    };
    recording
        .steps
        .iter()
        .map(|step| name(step.plan.kind))
        .collect()
}

#[test]
fn three_large_numbers_and_a_crash_are_all_that_is_left() {
    let found = shrink(Bug::ThreeLargeThenACrash, 0..20, 2_000);
    assert!(found.len() > 15);
    for recording in found {
        assert_eq!(kinds(&recording), ["input", "input", "input", "crash"]);
        let drawn: Vec<u64> = recording
            .steps
            .iter()
            .flat_map(|step| step.draws.iter().map(|draw| draw.value))
            .collect();
        assert_eq!(drawn, [50, 50, 50]);
        assert!(recording.steps.iter().all(|step| step.plan.advance_ms == 0));
    }
}

#[test]
fn what_restore_leaves_out_takes_three_inputs_and_a_crash() {
    let found = shrink(Bug::RestoresTwo, 0..20, 2_000);
    assert!(found.len() > 10);
    for recording in found {
        assert_eq!(kinds(&recording), ["input", "input", "input", "crash"]);
        assert!(
            recording.steps.iter().all(|step| step
                .plan
                .restores
                .iter()
                .all(|faults| !faults.any()))
        );
    }
}

#[test]
fn an_answer_that_is_refused_for_ever_takes_its_inputs_alone() {
    for recording in shrink(Bug::Refuses(3), 0..10, 2_000) {
        // Settling executes and delivers by itself.
        assert_eq!(kinds(&recording), ["input"; 4]);
        assert!(recording.settles);
    }
}

#[test]
fn without_replays_nothing_is_tried() {
    let first = run_seed(0, &wishes(all_faults()), 200, Bug::ThreeLargeThenACrash);
    let mut search = Search {
        bug: Bug::ThreeLargeThenACrash,
        law: String::from("invariant:small"),
        replays: 0,
    };
    let mut shrinker = Shrinker::new(first.recording.clone(), 0);
    let Ok(()) = shrinker.run(&mut search);
    assert_eq!((search.replays, &shrinker.best), (0, &first.recording));
}

#[test]
fn a_small_bound_gives_something_smaller_all_the_same() {
    let first = run_seed(0, &wishes(all_faults()), 200, Bug::ThreeLargeThenACrash);
    let [best] = &shrink(Bug::ThreeLargeThenACrash, 0..1, 20)[..] else {
        panic!("one seed, one record");
    };
    assert!(best.steps.len() < first.recording.steps.len());
}
