use super::{Draw, Draws, Method, Weights};
use crate::rng::ChaCha8;

fn draw(method: Method, bound: u64, value: u64) -> Draw {
    Draw {
        method,
        bound,
        value,
    }
}

#[test]
fn names_are_unique_and_parse_back() {
    for &method in Method::ALL {
        assert_eq!(Method::from_name(method.name()), Some(method));
    }
    assert_eq!(Method::from_name("RandInt"), None);
}

#[test]
fn random_draws_are_those_of_the_generator_with_and_without_a_log() {
    let mut rng = ChaCha8::new(5, 0);
    let mut draws = Draws::random(ChaCha8::new(5, 0));
    assert_eq!(draws.below(Method::RandInt, 100), rng.below(100));
    draws.start_log();
    let values = [
        draws.below(Method::Choice, 7),
        u64::from(draws.raw_u32()),
        draws.raw_u64(),
    ];
    assert_eq!(
        values,
        [rng.below(7), u64::from(rng.next_u32()), rng.next_u64()]
    );
    let log = [
        draw(Method::Choice, 7, values[0]),
        draw(Method::NextU32, 1 << 32, values[1]),
        draw(Method::NextU64, 0, values[2]),
    ];
    assert_eq!(draws.take_log(), log);
    assert_eq!(draws.take_log(), []);
    draws.below(Method::Shuffle, 3);
    assert_eq!(draws.take_log().len(), 1);
    draws.stop_log();
    draws.below(Method::Shuffle, 3);
    assert_eq!(draws.take_log(), []);
}

#[test]
fn a_replay_of_a_log_gives_the_same_values() {
    let weights = Weights::new(&[1, 0, 5]).expect("a positive sum");
    let run = |draws: &mut Draws| {
        draws.start_log();
        let values = (
            draws.below(Method::RandRange, 1 << 40),
            draws.raw_u64(),
            draws.chance(Method::Chance, 0.5),
            draws.weighted(Method::Choices, &weights),
        );
        (values, draws.take_log())
    };
    let (values, log) = run(&mut Draws::random(ChaCha8::new(1, 0)));
    let mut replay = Draws::replay(log.clone(), true);
    assert_eq!(run(&mut replay), (values, log));
    assert_eq!(replay.divergence(), None);
}

#[test]
fn a_lenient_replay_cuts_values_to_fit_and_ends_in_zeros() {
    let script = vec![
        draw(Method::RandInt, 100, 50),
        draw(Method::RandInt, 100, 5),
        draw(Method::RandInt, 9, 8),
    ];
    let mut draws = Draws::replay(script, false);
    assert_eq!(draws.below(Method::RandInt, 10), 9);
    assert_eq!(draws.below(Method::Choice, 10), 5);
    assert_eq!(draws.below(Method::RandInt, 0), 8);
    assert_eq!(draws.below(Method::RandInt, 10), 0);
    assert_eq!(draws.divergence(), None);
}

#[test]
fn a_strict_replay_notes_the_first_difference_and_goes_on() {
    let recorded = draw(Method::RandInt, 100, 50);
    for (method, bound) in [(Method::Choice, 100), (Method::RandInt, 10)] {
        let mut draws = Draws::replay(vec![draw(Method::Random, 4, 2), recorded], true);
        assert_eq!(draws.below(Method::Random, 4), 2);
        draws.below(method, bound);
        draws.below(Method::Sample, 3);
        let found = draws.divergence().expect("the draws differ");
        assert_eq!((found.index, found.expected), (1, Some(recorded)));
        assert_eq!(found.found, Some((method, bound)));
    }
}

#[test]
fn a_strict_replay_notes_what_nobody_asked_for() {
    let script = vec![draw(Method::RandInt, 100, 50), draw(Method::Random, 4, 2)];
    let mut draws = Draws::replay(script.clone(), true);
    draws.below(Method::RandInt, 100);
    let found = draws.divergence().expect("one draw is left over");
    assert_eq!(
        (found.index, found.expected, found.found),
        (1, Some(script[1]), None)
    );
    draws.below(Method::Random, 4);
    assert_eq!(draws.divergence(), None);
}

#[test]
fn a_strict_replay_notes_that_its_record_ended() {
    let mut draws = Draws::random(ChaCha8::new(1, 0));
    draws.load_replay(vec![], true);
    assert_eq!(draws.below(Method::Random, 4), 0);
    let found = draws.divergence().expect("the record is empty");
    assert_eq!((found.index, found.expected), (0, None));
}

/// All outcomes of two dependent draws: the second one has as many choices as the first one says.
fn all_outcomes() -> Vec<(u64, u64)> {
    let (mut outcomes, mut path) = (Vec::new(), Some(vec![]));
    while let Some(taken) = path {
        let mut draws = Draws::enumerate(taken, 16, ChaCha8::new(0, 1));
        let first = draws.below(Method::Choice, 3);
        outcomes.push((first, draws.below(Method::Choice, first + 1)));
        assert!(!draws.sampled());
        path = draws.next_path();
    }
    outcomes
}

#[test]
fn enumeration_meets_every_outcome_once() {
    assert_eq!(
        all_outcomes(),
        [(0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2)]
    );
}

#[test]
fn of_a_wide_draw_the_ends_and_a_sample_are_tried_and_said_to_be() {
    let run = |path: Vec<u64>| {
        let mut draws = Draws::enumerate(path, 16, ChaCha8::new(0, 1));
        let wide = draws.below(Method::Random, 1_000);
        let narrow = draws.below(Method::Choice, 2);
        assert!(draws.sampled());
        (wide, narrow, draws.next_path())
    };
    assert_eq!(run(vec![]), (0, 0, Some(vec![0, 1])));
    assert_eq!(run(vec![0, 1]), (0, 1, Some(vec![1])));
    assert_eq!(run(vec![1]), (999, 0, Some(vec![1, 1])));
    let (sampled, _, next) = run(vec![2]);
    assert!((1..999).contains(&sampled));
    assert_eq!(next, Some(vec![2, 1]));
    assert_eq!(run(vec![2, 1]).2, None);
}

#[test]
fn the_whole_range_of_64_bits_has_its_ends_tried_too() {
    let mut draws = Draws::enumerate(vec![1], 16, ChaCha8::new(0, 1));
    assert_eq!(draws.raw_u64(), u64::MAX);
    assert!(draws.sampled());
}

#[test]
fn a_path_that_no_longer_fits_is_cut() {
    let mut draws = Draws::enumerate(vec![9], 16, ChaCha8::new(0, 1));
    assert_eq!(draws.below(Method::Choice, 3), 2);
}

#[test]
fn a_chance_is_a_choice_of_two_unless_it_is_certain() {
    let mut draws = Draws::enumerate(vec![1], 16, ChaCha8::new(0, 1));
    assert!(!draws.chance(Method::Chance, 0.0));
    assert!(draws.chance(Method::Chance, 1.0));
    assert!(draws.choices().is_empty());
    assert!(draws.chance(Method::Chance, 1e-9));
    assert_eq!(draws.choices()[0].arity, 2);
}

#[test]
fn weights_decide_how_often_and_zero_means_never() {
    let weights = Weights::new(&[0, 3, 0, 1]).expect("a positive sum");
    let mut draws = Draws::random(ChaCha8::new(1, 0));
    let mut counts = [0_u32; 4];
    for _ in 0..4_000 {
        counts[draws.weighted(Method::Choices, &weights)] += 1;
    }
    assert_eq!((counts[0], counts[2]), (0, 0));
    assert!((2_850..3_150).contains(&counts[1]), "{counts:?}");
    let mut last = Draws::enumerate(vec![1], 16, ChaCha8::new(0, 1));
    assert_eq!(last.weighted(Method::Choices, &weights), 3);
    assert_eq!(last.next_path(), None);
}

#[test]
fn weights_without_a_usable_sum_are_refused() {
    assert!(Weights::new(&[]).is_none());
    assert!(Weights::new(&[0, 0]).is_none());
    assert!(Weights::new(&[u64::MAX, 1]).is_none());
}

#[test]
fn a_skewed_choice_is_one_draw_within_its_bound() {
    for bound in [0, 1, 2, 200, 257, 1_000_000, (1 << 63) + 1, u64::MAX] {
        let mut draws = Draws::random(ChaCha8::new(1, 0));
        draws.start_log();
        let values: Vec<u64> = (0..500).map(|_| draws.skewed(bound, 0.0, &[])).collect();
        assert!(values.iter().all(|&value| value <= bound.wrapping_sub(1)));
        let logged: Vec<u64> = draws.take_log().iter().map(|draw| draw.value).collect();
        assert_eq!(logged, values);
    }
}

#[test]
fn of_a_wide_range_small_numbers_come_more_often_and_likely_ones_as_often_as_said() {
    let mut draws = Draws::random(ChaCha8::new(1, 0));
    let values: Vec<u64> = (0..4_000)
        .map(|_| draws.skewed(1_000_000, 0.25, &[999_999, 7]))
        .collect();
    let count = |wanted: &dyn Fn(u64) -> bool| values.iter().filter(|&&it| wanted(it)).count();
    assert!(count(&|value| value < 1_000) > 1_500);
    assert!(count(&|value| value > 500_000) > 200);
    assert!((430..570).contains(&count(&|value| value == 999_999)));
}
