//! The dice of faults: each rate is met, however small or large it is.

use super::{Planner, Wishes};
use crate::faults::{Fault, FaultCounts, FaultRates};

fn planner(fault: Fault, rate: f64) -> Planner {
    let mut rates = FaultRates::NONE;
    rates.set(fault, rate);
    let wishes = Wishes {
        weights: vec![1],
        swarmable: vec![true],
        rates,
        swarm: false,
        in_flight: None,
    };
    Planner::new(7, &wishes)
}

/// How often a fault of this rate strikes in so many chances.
fn struck(rate: f64, chances: u64) -> u64 {
    let (mut planner, mut counts) = (planner(Fault::Crash, rate), FaultCounts::default());
    for _ in 0..chances {
        planner.strikes(Fault::Crash, &mut counts);
    }
    assert_eq!(
        counts.get(Fault::Crash).chances,
        if rate > 0.0 { chances } else { 0 }
    );
    counts.get(Fault::Crash).armed
}

#[test]
fn a_fault_strikes_about_as_often_as_its_rate_says() {
    for rate in [0.9, 0.5, 0.01, 1.0 / 65_536.0, 1.0 / 200_000.0] {
        let chances = 4_000_000;
        let expected = rate * chances as f64;
        let deviation = (struck(rate, chances) as f64 - expected).abs();
        assert!(deviation < 5.0 * expected.sqrt(), "{rate}: {deviation}");
    }
}

#[test]
fn what_is_certain_strikes_at_every_chance_and_what_is_off_has_none() {
    assert_eq!(struck(1.0, 100_000), 100_000);
    assert_eq!(struck(0.0, 100_000), 0);
}

#[test]
fn faults_strike_independently_of_each_other() {
    let mut planner = planner(Fault::Crash, 0.5);
    planner.thresholds[Fault::Retry as usize] = planner.thresholds[Fault::Crash as usize];
    let mut counts = FaultCounts::default();
    let both = (0..100_000)
        .filter(|_| {
            let crash = planner.strikes(Fault::Crash, &mut counts);
            planner.strikes(Fault::Retry, &mut counts) && crash
        })
        .count();
    assert!((24_000..26_000).contains(&both), "{both}");
}
