//! The driver on its own: exact steps, the same seed again, the same run from its record.

mod counter;

use std::collections::BTreeMap;

use counter::{Bug, Ran, all_faults, replay, run_seed, wishes};
use fasm_core::driver::{Counts, End};
use fasm_core::faults::{Fault, FaultRates};
use fasm_core::planner::Wishes;
use fasm_core::step::StepKind;

fn law(ran: &Ran) -> &str {
    ran.end
        .as_ref()
        .map_or_else(|failure| failure.law.as_str(), |_| "none")
}

fn only(faults: &[(Fault, f64)]) -> FaultRates {
    let mut rates = FaultRates::NONE;
    for &(fault, rate) in faults {
        rates.set(fault, rate);
    }
    rates
}

fn swarm() -> Wishes {
    Wishes {
        swarm: true,
        ..wishes(all_faults())
    }
}

#[test]
fn exactly_the_wanted_steps_are_performed() {
    for rates in [FaultRates::NONE, all_faults()] {
        for steps in [1, 10, 333] {
            for seed in 0..20 {
                let ran = run_seed(seed, &wishes(rates), steps, Bug::None);
                assert_eq!(ran.end, Ok(End::Steps));
                assert_eq!(ran.driver.counts.steps, steps);
                assert_eq!(ran.recording.steps.len() as u64, steps);
            }
        }
    }
}

#[test]
fn a_right_machine_breaks_no_law_under_all_faults() {
    for seed in 0..200 {
        assert_eq!(
            law(&run_seed(seed, &wishes(all_faults()), 200, Bug::None)),
            "none"
        );
        assert_eq!(law(&run_seed(seed, &swarm(), 200, Bug::None)), "none");
    }
}

#[test]
fn every_fault_strikes() {
    let mut total = Counts::default();
    for seed in 0..50 {
        total.add(
            &run_seed(seed, &wishes(all_faults()), 300, Bug::None)
                .driver
                .counts,
        );
    }
    for fault in Fault::ALL {
        let count = total.faults.get(fault);
        assert!(count.fired > 0, "{}: {count:?}", fault.name());
        assert!(
            count.fired <= count.armed.max(count.fired) && count.armed <= count.chances,
            "{count:?}"
        );
    }
}

#[test]
fn a_fault_that_is_off_never_strikes() {
    for off in Fault::ALL {
        let mut rates = all_faults();
        rates.set(off, 0.0);
        let counts = run_seed(3, &wishes(rates), 500, Bug::None).driver.counts;
        assert_eq!(
            (counts.faults.get(off).chances, counts.faults.get(off).fired),
            (0, 0)
        );
    }
}

#[test]
fn the_same_seed_does_the_same_and_others_do_not() {
    let run = |seed| run_seed(seed, &swarm(), 300, Bug::None);
    let logs: Vec<_> = (0..20).map(|seed| run(seed).host.log).collect();
    for (seed, log) in logs.iter().enumerate() {
        let again = run(seed as u64);
        assert_eq!(&again.host.log, log);
        assert_eq!(again.driver.counts, run(seed as u64).driver.counts);
    }
    let mut distinct = logs.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), logs.len());
}

#[test]
fn a_replay_of_the_record_is_the_run_itself() {
    for seed in 0..200 {
        for wishes in [wishes(all_faults()), swarm()] {
            let first = run_seed(seed, &wishes, 150, Bug::None);
            let again = replay(&first.recording, Bug::None);
            let pairs = again.host.log.iter().zip(&first.host.log);
            for (line, (ours, theirs)) in pairs.enumerate() {
                assert_eq!(ours, theirs, "line {line} of seed {seed}");
            }
            assert_eq!(again.host.log.len(), first.host.log.len());
            assert_eq!(again.recording, first.recording);
            assert_eq!(again.host.state, first.host.state);
            assert_eq!(again.host.world, first.host.world);
            let (ours, theirs) = (again.driver.counts, first.driver.counts);
            for fault in Fault::ALL {
                let fired = |counts: &Counts| counts.faults.get(fault).fired;
                // What is held back in a run is in its replay simply delivered later.
                if fault != Fault::Hold {
                    assert_eq!(
                        fired(&ours),
                        fired(&theirs),
                        "{} of seed {seed}",
                        fault.name()
                    );
                }
            }
            assert_eq!(
                (ours.accepted, ours.rejected),
                (theirs.accepted, theirs.rejected)
            );
        }
    }
}

#[test]
fn a_replay_of_a_failure_breaks_the_same_law_at_the_same_step() {
    let mut broken = BTreeMap::new();
    for bug in [
        Bug::RestoresTwo,
        Bug::ThreeLargeThenACrash,
        Bug::RepeatsIds,
        Bug::Refuses(3),
    ] {
        for seed in 0..60 {
            let first = run_seed(seed, &wishes(all_faults()), 150, bug);
            let again = replay(&first.recording, bug);
            assert_eq!(
                again.end.as_ref().err(),
                first.end.as_ref().err(),
                "{bug:?}, seed {seed}"
            );
            assert_eq!(again.driver.counts.steps, first.driver.counts.steps);
            *broken.entry(law(&first).to_owned()).or_insert(0) += 1;
        }
    }
    for law in ["restore", "invariant:small", "ids", "settle"] {
        assert!(
            broken.get(law).is_some_and(|&count| count > 10),
            "{law}: {broken:?}"
        );
    }
}

#[test]
fn what_settles_is_left_with_nothing_but_dead_ids() {
    for seed in 0..50 {
        let ran = run_seed(seed, &wishes(all_faults()), 200, Bug::None);
        let dead = ran
            .host
            .log
            .iter()
            .filter(|line| line.starts_with("dead"))
            .count();
        assert!(ran.host.state.open.len() <= dead);
        assert!(
            ran.host
                .log
                .last()
                .is_some_and(|line| line.starts_with("settled"))
        );
    }
}

#[test]
fn sources_are_chosen_by_weight() {
    let mut wishes = wishes(FaultRates::NONE);
    wishes.weights = vec![9_000, 1_000];
    let mut counts = [0_u32; 2];
    for seed in 0..20 {
        for step in run_seed(seed, &wishes, 1_000, Bug::None).recording.steps {
            // Where the first choice had nothing to say, the other one had its turn.
            if let StepKind::Input { source } = step.plan.kind
                && step.plan.declined.is_empty()
            {
                counts[source as usize] += 1;
            }
        }
    }
    let share = f64::from(counts[0]) / f64::from(counts[0] + counts[1]);
    assert!((0.88..0.92).contains(&share), "{counts:?}");
}

#[test]
fn a_source_of_weight_0_is_never_asked() {
    let mut wishes = wishes(FaultRates::NONE);
    wishes.weights = vec![0, 5];
    let ran = run_seed(1, &wishes, 500, Bug::None);
    assert_eq!(ran.host.asked[0], 0);
    assert!(ran.host.asked[1] > 50);
}

#[test]
fn swarm_draws_subsets_but_keeps_a_source() {
    let (mut silent, mut all) = (0, 0);
    for seed in 0..200 {
        let planner = fasm_core::planner::Planner::new(seed, &swarm());
        let (weights, rates, in_flight) = planner.drawn();
        let on = weights.iter().filter(|&&weight| weight > 0).count();
        assert!(on > 0);
        assert!((1..=64).contains(&in_flight));
        silent += usize::from(on < 2);
        all += usize::from(Fault::ALL.iter().all(|&fault| rates.get(fault) > 0.0));
    }
    assert!((80..180).contains(&silent), "{silent}");
    assert!(all < 10, "{all}");
}

#[test]
fn no_more_than_in_flight_is_outstanding() {
    for in_flight in [1, 2, 7] {
        let wishes = Wishes {
            in_flight: Some(in_flight),
            ..wishes(only(&[(Fault::Hold, 0.5), (Fault::Crash, 0.05)]))
        };
        let ran = run_seed(5, &wishes, 500, Bug::None);
        let dead = ran
            .host
            .log
            .iter()
            .filter(|line| line.starts_with("dead"))
            .count();
        assert!(ran.host.state.open.len() <= in_flight + dead);
    }
}

#[test]
fn the_clock_never_goes_back() {
    for seed in 0..20 {
        let ran = run_seed(seed, &wishes(all_faults()), 300, Bug::None);
        let at = |line: &str| -> Option<i64> {
            let rest = line.rsplit_once(" at ")?.1;
            rest.split(':').next()?.parse().ok()
        };
        let times: Vec<i64> = ran.host.log.iter().filter_map(|line| at(line)).collect();
        assert!(times.is_sorted());
        assert!(times.len() > 50);
    }
}
