//! The schedule against a naive model of it, under random operations.

use std::collections::BTreeMap;

use fasm_core::rng::ChaCha8;
use fasm_core::schedule::Schedule;
use fasm_core::step::Origin;

/// Where an entry waits, in plain words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Queued,
    Ready,
    Waiting(u64),
    Timer,
    Dead,
}

#[derive(Clone, Debug)]
struct Entry {
    origin: Origin,
    result: Option<u64>,
    timer: Option<i64>,
    place: Place,
    /// Grows with every emission and every putting off.
    age: u64,
}

/// Everything in one map, searched from end to end.
#[derive(Debug, Default)]
struct Model {
    entries: BTreeMap<u32, Entry>,
    age: u64,
    settling: bool,
}

impl Model {
    fn next_age(&mut self) -> u64 {
        self.age += 1;
        self.age
    }

    /// Where an entry is when nothing keeps it waiting.
    fn home(entry: &Entry) -> Place {
        match (entry.timer, entry.result) {
            (Some(_), None) => Place::Timer,
            (_, Some(_)) => Place::Ready,
            _ => Place::Queued,
        }
    }

    fn wait(&mut self, slot: u32, due: u64) {
        let settling = self.settling;
        if let Some(entry) = self.entries.get_mut(&slot) {
            entry.place = if settling || due == 0 {
                Self::home(entry)
            } else {
                Place::Waiting(due)
            };
        }
    }

    fn at(&self, place: Place) -> Vec<u32> {
        let slots = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.place == place);
        slots.map(|(&slot, _)| slot).collect()
    }

    fn wake(&mut self, step: u64) {
        for entry in self.entries.values_mut() {
            if matches!(entry.place, Place::Waiting(due) if due <= step) {
                entry.place = Self::home(entry);
            }
        }
    }

    fn first_due(&self) -> Option<u64> {
        let due = self.entries.values().filter_map(|entry| match entry.place {
            Place::Waiting(due) => Some(due),
            _ => None,
        });
        due.min()
    }

    fn oldest(&self) -> Option<u32> {
        let alive = self
            .entries
            .iter()
            .filter(|(_, entry)| matches!(entry.place, Place::Queued | Place::Ready));
        alive
            .min_by_key(|(_, entry)| entry.age)
            .map(|(&slot, _)| slot)
    }
}

/// Both, side by side.
struct Pair {
    schedule: Schedule<u64>,
    model: Model,
    rng: ChaCha8,
    made: u64,
}

impl Pair {
    fn new(seed: u64) -> Self {
        Self {
            schedule: Schedule::default(),
            model: Model::default(),
            rng: ChaCha8::new(seed, 0),
            made: 0,
        }
    }

    fn origin(&mut self) -> Origin {
        self.made += 1;
        Origin {
            step: self.made,
            place: (self.made % 3) as u32,
        }
    }

    fn timer(&mut self) -> Option<i64> {
        (self.rng.below(4) == 0).then(|| self.rng.below(20).cast_signed())
    }

    fn insert(&mut self) {
        let (origin, timer) = (self.origin(), self.timer());
        let promised = self.schedule.next_slot();
        let slot = self.schedule.insert(origin, self.made, self.made, timer);
        assert_eq!(slot, promised);
        let entry = Entry {
            origin,
            result: None,
            timer,
            place: Place::Queued,
            age: self.model.next_age(),
        };
        let place = Model::home(&entry);
        let old = self.model.entries.insert(slot, Entry { place, ..entry });
        assert!(old.is_none(), "slot {slot} was given out twice");
    }

    fn renew(&mut self, slot: u32) {
        let (origin, timer) = (self.origin(), self.timer());
        self.schedule.renew(slot, origin, self.made, timer);
        let age = self.model.next_age();
        if let Some(entry) = self.model.entries.get_mut(&slot) {
            (entry.origin, entry.timer, entry.result, entry.age) = (origin, timer, None, age);
            entry.place = Model::home(entry);
        }
    }

    fn answer(&mut self, slot: u32, due: u64) {
        self.schedule.answer(slot, 7, due);
        if let Some(entry) = self.model.entries.get_mut(&slot) {
            entry.result = Some(7);
        }
        self.model.wait(slot, due);
    }

    fn postpone(&mut self, slot: u32, due: u64) {
        self.schedule.postpone(slot, due);
        let age = self.model.next_age();
        if let Some(entry) = self.model.entries.get_mut(&slot) {
            entry.age = age;
        }
        self.model.wait(slot, due);
    }

    fn remove(&mut self, slot: u32) {
        let removed = self.schedule.remove(slot);
        let expected = self.model.entries.remove(&slot);
        assert_eq!(
            removed.map(|entry| entry.origin),
            expected.map(|entry| entry.origin)
        );
        assert!(self.schedule.remove(slot).is_none(), "it is gone");
    }

    fn bury(&mut self, slot: u32) {
        self.schedule.bury(slot);
        if let Some(entry) = self.model.entries.get_mut(&slot) {
            entry.place = Place::Dead;
        }
    }

    /// One operation that makes sense now.
    fn operate(&mut self) {
        let slots: Vec<u32> = self.model.entries.keys().copied().collect();
        let due = self.rng.below(30);
        if slots.is_empty() || self.rng.below(4) == 0 {
            return self.insert();
        }
        let slot = slots[self.rng.below(slots.len() as u64) as usize];
        let alive = !self.schedule.is_dead(slot);
        match self.rng.below(8) {
            0 => self.renew(slot),
            1 if alive => self.answer(slot, due),
            2 if alive => self.postpone(slot, due),
            3 if alive => self.bury(slot),
            4 | 5 => self.remove(slot),
            6 => {
                self.schedule.wake(due);
                self.model.wake(due);
            }
            7 => {
                self.schedule.wake_first();
                if let Some(due) = self.model.first_due() {
                    self.model.wake(due);
                }
            }
            _ => {}
        }
    }

    fn begin_settling(&mut self) {
        self.schedule.begin_settling();
        self.model.settling = true;
        self.model.wake(u64::MAX);
    }

    fn compare(&self) {
        let (schedule, model) = (&self.schedule, &self.model);
        let dead = model.at(Place::Dead).len();
        assert_eq!(schedule.outstanding(), model.entries.len());
        assert_eq!(schedule.alive(), model.entries.len() - dead);
        assert_eq!(
            schedule.slots().collect::<Vec<_>>(),
            model.entries.keys().copied().collect::<Vec<_>>()
        );
        self.compare_places();
        for (&slot, entry) in &model.entries {
            let ours = schedule
                .entry(slot)
                .expect("a slot stays filled until it is removed");
            assert_eq!(
                (ours.origin, ours.result, ours.timer),
                (entry.origin, entry.result, entry.timer)
            );
            assert_eq!(schedule.find(entry.origin), Some(slot));
            assert_eq!(schedule.is_dead(slot), entry.place == Place::Dead);
        }
        let mut timers = model.at(Place::Timer);
        timers.sort_by_key(|slot| (model.entries[slot].timer, model.entries[slot].age));
        assert_eq!(schedule.next_timer(), timers.first().copied());
        let listed: Vec<u32> = schedule
            .timer_slots()
            .into_iter()
            .map(|(slot, _)| slot)
            .collect();
        assert_eq!(listed, timers);
    }

    fn compare_places(&self) {
        let (schedule, model) = (&self.schedule, &self.model);
        if model.settling {
            assert_eq!(schedule.oldest(), model.oldest());
            let left = model.at(Place::Queued).len() + model.at(Place::Ready).len();
            assert_eq!(schedule.unsettled(), left);
            return;
        }
        let sorted = |mut slots: Vec<u32>| {
            slots.sort_unstable();
            slots
        };
        let queued = (0..schedule.queued())
            .map(|at| schedule.queued_at(at))
            .collect();
        let ready = (0..schedule.ready())
            .map(|at| schedule.ready_at(at))
            .collect();
        assert_eq!(sorted(queued), model.at(Place::Queued));
        assert_eq!(sorted(ready), model.at(Place::Ready));
        let waiting = model
            .entries
            .values()
            .filter(|entry| matches!(entry.place, Place::Waiting(_)));
        assert_eq!(schedule.waiting(), waiting.count());
        assert_eq!(schedule.oldest(), None);
    }
}

#[test]
fn it_does_what_the_model_does() {
    for seed in 0..100 {
        let mut pair = Pair::new(seed);
        for _ in 0..200 {
            pair.operate();
            pair.compare();
        }
    }
}

#[test]
fn settling_takes_over_whatever_waits() {
    for seed in 100..200 {
        let mut pair = Pair::new(seed);
        for _ in 0..60 {
            pair.operate();
        }
        pair.begin_settling();
        pair.compare();
        for _ in 0..60 {
            pair.operate();
            pair.compare();
        }
        while let Some(slot) = pair.schedule.oldest() {
            pair.remove(slot);
            pair.compare();
        }
    }
}

#[test]
fn slots_are_used_again() {
    let mut pair = Pair::new(1);
    for _ in 0..10_000 {
        pair.insert();
        let slot = *pair
            .model
            .entries
            .keys()
            .next()
            .expect("one was just put in");
        pair.remove(slot);
    }
    assert!(pair.schedule.slot_count() <= 2);
}
