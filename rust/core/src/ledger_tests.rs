use super::{GENERATION, Ledger, RecentInts};
use crate::rng::ChaCha8;

fn tokens(ledger: &Ledger<u64>) -> Vec<u64> {
    ledger.iter().map(|(token, _)| token).collect()
}

#[test]
fn a_ledger_agrees_with_a_plain_list() {
    let mut rng = ChaCha8::new(1, 0);
    let (mut ledger, mut model) = (Ledger::new(), Vec::<(u64, u64)>::new());
    for value in 0..20_000 {
        let token = rng.below(40);
        let place = model.iter().position(|(known, _)| *known == token);
        assert_eq!(ledger.contains(token), place.is_some());
        assert_eq!(
            ledger.get(token).copied(),
            place.map(|place| model[place].1)
        );
        if rng.below(2) == 0 {
            let emitted = ledger.emit(token, value);
            if place.is_some() {
                assert_eq!(emitted, Err(value));
            } else {
                assert_eq!(emitted, Ok(()));
                model.push((token, value));
            }
        } else {
            let gone = if rng.below(2) == 0 {
                ledger.complete(token)
            } else {
                ledger.forget(token)
            };
            assert_eq!(gone, place.map(|place| model.remove(place).1));
        }
        assert_eq!(ledger.len(), model.len());
        assert_eq!(ledger.is_empty(), model.is_empty());
        let listed: Vec<(u64, u64)> = ledger
            .iter()
            .map(|(token, value)| (token, *value))
            .collect();
        assert_eq!(listed, model);
    }
}

#[test]
fn a_value_can_be_changed_in_place() {
    let mut ledger = Ledger::new();
    assert_eq!(ledger.emit(3, 1), Ok(()));
    if let Some(value) = ledger.get_mut(3) {
        *value = 2;
    }
    assert_eq!(ledger.get(3), Some(&2));
    assert_eq!(ledger.get_mut(4), None);
}

#[test]
fn freed_room_is_used_again() {
    let mut ledger = Ledger::new();
    for token in 0..1_000_000 {
        assert_eq!(ledger.emit(token, token), Ok(()));
        if token >= 10 {
            assert_eq!(ledger.complete(token - 10), Some(token - 10));
        }
    }
    assert!(ledger.slots.len() <= 11);
    assert_eq!(tokens(&ledger), (999_990..1_000_000).collect::<Vec<_>>());
}

#[test]
fn a_million_outstanding_come_out_in_any_order() {
    let mut ledger = Ledger::new();
    for token in 0..1_000_000 {
        assert_eq!(ledger.emit(token << 20, token), Ok(()));
    }
    for token in (0..1_000_000).rev().filter(|token| token % 3 != 0) {
        assert_eq!(ledger.complete(token << 20), Some(token));
    }
    assert!(
        ledger
            .iter()
            .map(|(_, value)| *value)
            .eq((0..1_000_000).step_by(3))
    );
    ledger.clear();
    assert!(ledger.is_empty());
    assert_eq!(ledger.iter().next(), None);
}

#[test]
fn the_last_completions_are_remembered_and_older_ones_end() {
    let mut recent = RecentInts::new();
    let count = 4 * GENERATION as u64;
    for id in 0..count {
        recent.insert(id);
        assert!(recent.contains(id));
        assert!(id < GENERATION as u64 || recent.contains(id + 1 - GENERATION as u64));
    }
    assert!(!recent.contains(0));
    assert!(!recent.contains(count));
    assert!((recent.young.len() + recent.old.len()) * 64 <= 2 * GENERATION + 128);
    recent.clear();
    assert!(!recent.contains(count - 1));
}

#[test]
fn an_id_that_completes_twice_counts_once_in_its_generation() {
    let mut recent = RecentInts::new();
    recent.insert(u64::MAX);
    for _ in 0..3 * GENERATION {
        recent.insert(5);
    }
    assert!(recent.contains(u64::MAX));
}

#[test]
fn ids_far_apart_are_remembered_as_well() {
    let mut recent = RecentInts::new();
    let ids = (0..10_000_u64).map(|n| n << 40);
    ids.clone().for_each(|id| recent.insert(id));
    assert!(ids.clone().all(|id| recent.contains(id)));
    assert!(!ids.clone().any(|id| recent.contains(id + 1)));
}
