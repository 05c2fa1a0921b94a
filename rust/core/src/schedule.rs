//! What is outstanding, and what could happen to it next. Every operation is O(1) or O(log n).

use std::collections::BTreeMap;

use crate::step::Origin;

/// One outstanding id, from the commit that emitted it to the commit that takes its result.
#[derive(Clone, Debug)]
pub struct Entry<O> {
    pub origin: Origin,
    pub id: O,
    pub action: O,
    /// The world's answer, once it has acted; `None` while queued.
    pub result: Option<O>,
    pub timer: Option<i64>,
    /// Times the effect was executed since it was first emitted: what the world is told.
    pub attempts: u32,
    /// Times this emission was executed without an answer, or its result was refused.
    pub tries: u32,
    /// Age, for "oldest first".
    seq: u64,
    place: Place,
}

/// Where an entry waits; the number is its position in that list, or the key in that map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Nowhere,
    Queued(usize),
    Ready(usize),
    Waiting(u64),
    Timer,
    Dead,
    Fifo,
}

/// A result that was taken and may come again.
#[derive(Clone, Debug)]
pub struct Late<O> {
    pub origin: Origin,
    pub id: O,
    pub result: O,
}

#[derive(Clone, Debug)]
pub struct Schedule<O> {
    entries: Vec<Option<Entry<O>>>,
    free: Vec<u32>,
    outstanding: usize,
    dead: usize,
    next_seq: u64,
    /// Waits to be executed, in no particular order.
    queued: Vec<u32>,
    /// Executed, the result waits to be delivered.
    ready: Vec<u32>,
    /// Not before a step: late results, refused results, repeats of unanswered actions.
    waiting: BTreeMap<(u64, u64), u32>,
    timers: BTreeMap<(i64, u64), u32>,
    /// When settling: all that is neither timer nor dead, oldest first.
    fifo: BTreeMap<u64, u32>,
    settling: bool,
    /// Results that will come again.
    pub late: Vec<Late<O>>,
    /// Actions of a life before the last crash, still on their way to the world, and which try each is.
    pub zombies: Vec<(Origin, O, u32)>,
    /// Inputs that clients will send again: the step that took them, their source, the value.
    pub resubmits: Vec<(u64, u32, O)>,
    pub untracked: Vec<O>,
}

impl<O> Default for Schedule<O> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
            outstanding: 0,
            dead: 0,
            next_seq: 0,
            queued: Vec::new(),
            ready: Vec::new(),
            waiting: BTreeMap::new(),
            timers: BTreeMap::new(),
            fifo: BTreeMap::new(),
            settling: false,
            late: Vec::new(),
            zombies: Vec::new(),
            resubmits: Vec::new(),
            untracked: Vec::new(),
        }
    }
}

impl<O> Entry<O> {
    /// Grows with each emission, answer put off and renewal.
    pub fn seq(&self) -> u64 {
        self.seq
    }
}

impl<O> Schedule<O> {
    /// The highest `seq` so far.
    pub fn newest(&self) -> u64 {
        self.next_seq
    }

    /// Nothing is under way, and nothing will come again.
    pub fn is_bare(&self) -> bool {
        self.outstanding == 0
            && self.late.is_empty()
            && self.zombies.is_empty()
            && self.resubmits.is_empty()
            && self.untracked.is_empty()
    }

    pub fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// Outstanding ids that may still get an answer.
    pub fn alive(&self) -> usize {
        self.outstanding - self.dead
    }

    pub fn queued(&self) -> usize {
        self.queued.len()
    }

    pub fn ready(&self) -> usize {
        self.ready.len()
    }

    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub fn timers(&self) -> usize {
        self.timers.len()
    }

    pub fn queued_at(&self, index: usize) -> u32 {
        self.queued[index]
    }

    pub fn ready_at(&self, index: usize) -> u32 {
        self.ready[index]
    }

    /// The timer that is due first.
    pub fn next_timer(&self) -> Option<u32> {
        self.timers.first_key_value().map(|(_, slot)| *slot)
    }

    /// The entry in that slot. A slot handed out stays filled until `remove`.
    pub fn entry(&self, slot: u32) -> Option<&Entry<O>> {
        self.entries.get(slot as usize).and_then(Option::as_ref)
    }

    pub fn entry_mut(&mut self, slot: u32) -> Option<&mut Entry<O>> {
        self.entries.get_mut(slot as usize).and_then(Option::as_mut)
    }

    /// The slot that the next `insert` will use.
    pub fn next_slot(&self) -> u32 {
        self.free
            .last()
            .copied()
            .unwrap_or(self.entries.len() as u32)
    }

    pub fn insert(&mut self, origin: Origin, id: O, action: O, timer: Option<i64>) -> u32 {
        let slot = self.next_slot();
        let seq = self.take_seq();
        let place = Place::Nowhere;
        let entry = Entry {
            origin,
            id,
            action,
            result: None,
            timer,
            attempts: 0,
            tries: 0,
            seq,
            place,
        };
        if self.free.pop().is_some() {
            self.entries[slot as usize] = Some(entry);
        } else {
            self.entries.push(Some(entry));
        }
        self.outstanding += 1;
        self.enqueue(slot);
        slot
    }

    /// A new emission under an id that is outstanding already: the same effect goes on.
    pub fn renew(&mut self, slot: u32, origin: Origin, action: O, timer: Option<i64>) {
        self.detach(slot);
        let seq = self.take_seq();
        if let Some(entry) = self.entry_mut(slot) {
            entry.origin = origin;
            entry.action = action;
            entry.result = None;
            entry.timer = timer;
            entry.tries = 0;
            entry.seq = seq;
        }
        self.enqueue(slot);
    }

    pub fn remove(&mut self, slot: u32) -> Option<Entry<O>> {
        self.detach(slot);
        let entry = self.entries.get_mut(slot as usize).and_then(Option::take)?;
        self.outstanding -= 1;
        self.free.push(slot);
        Some(entry)
    }

    /// The world has answered; the result may be delivered from step `due` on.
    pub fn answer(&mut self, slot: u32, result: O, due: u64) {
        self.detach(slot);
        if let Some(entry) = self.entry_mut(slot) {
            entry.result = Some(result);
        }
        self.wait(slot, due);
    }

    /// Nothing happens to the entry before step `due`.
    pub fn postpone(&mut self, slot: u32, due: u64) {
        self.detach(slot);
        // Last in line, so that settling asks everybody else first.
        let seq = self.take_seq();
        if let Some(entry) = self.entry_mut(slot) {
            entry.seq = seq;
        }
        self.wait(slot, due);
    }

    /// The id will get no answer any more; it stays outstanding.
    pub fn bury(&mut self, slot: u32) {
        self.detach(slot);
        self.dead += 1;
        self.set_place(slot, Place::Dead);
    }

    pub fn is_dead(&self, slot: u32) -> bool {
        self.entry(slot)
            .is_some_and(|entry| entry.place == Place::Dead)
    }

    /// Moves what is due at `step` to where it can be picked.
    pub fn wake(&mut self, step: u64) {
        while let Some(first) = self.waiting.first_entry() {
            if first.key().0 > step {
                break;
            }
            let slot = first.remove();
            self.set_place(slot, Place::Nowhere);
            self.enqueue(slot);
        }
    }

    /// Wakes the earliest waiter although it is not due: nothing else is left to do.
    pub fn wake_first(&mut self) {
        if let Some((&(due, _), _)) = self.waiting.first_key_value() {
            self.wake(due);
        }
    }

    /// Slots handed out so far are below this.
    pub fn slot_count(&self) -> usize {
        self.entries.len()
    }

    pub fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.entries.len() as u32).filter(|&slot| self.entries[slot as usize].is_some())
    }

    pub fn find(&self, origin: Origin) -> Option<u32> {
        self.slots()
            .find(|&slot| self.entry(slot).is_some_and(|entry| entry.origin == origin))
    }

    /// The armed timers in order of deadline.
    pub fn timer_slots(&self) -> Vec<(u32, Origin)> {
        let entry = |&slot: &u32| self.entry(slot).map(|entry| (slot, entry.origin));
        self.timers.values().filter_map(entry).collect()
    }

    /// From now on everything goes oldest first.
    pub fn begin_settling(&mut self) {
        self.settling = true;
        let mut slots = std::mem::take(&mut self.queued);
        slots.append(&mut self.ready);
        slots.extend(std::mem::take(&mut self.waiting).into_values());
        for slot in slots {
            self.set_place(slot, Place::Nowhere);
            self.enqueue(slot);
        }
    }

    pub fn oldest(&self) -> Option<u32> {
        self.fifo.first_key_value().map(|(_, slot)| *slot)
    }

    pub fn unsettled(&self) -> usize {
        self.fifo.len()
    }

    fn take_seq(&mut self) -> u64 {
        self.next_seq += 1;
        self.next_seq
    }

    fn set_place(&mut self, slot: u32, place: Place) {
        if let Some(entry) = self.entry_mut(slot) {
            entry.place = place;
        }
    }

    fn wait(&mut self, slot: u32, due: u64) {
        if self.settling || due == 0 {
            self.enqueue(slot);
            return;
        }
        if let Some(entry) = self.entry_mut(slot) {
            entry.place = Place::Waiting(due);
            let key = (due, entry.seq);
            self.waiting.insert(key, slot);
        }
    }

    fn enqueue(&mut self, slot: u32) {
        let (queued, ready, settling) = (self.queued.len(), self.ready.len(), self.settling);
        let Some(entry) = self.entry_mut(slot) else {
            return;
        };
        let seq = entry.seq;
        match entry.timer {
            Some(at) if entry.result.is_none() => {
                entry.place = Place::Timer;
                self.timers.insert((at, seq), slot);
            }
            _ if settling => {
                entry.place = Place::Fifo;
                self.fifo.insert(seq, slot);
            }
            _ if entry.result.is_some() => {
                entry.place = Place::Ready(ready);
                self.ready.push(slot);
            }
            _ => {
                entry.place = Place::Queued(queued);
                self.queued.push(slot);
            }
        }
    }

    fn detach(&mut self, slot: u32) {
        let Some(entry) = self.entry_mut(slot) else {
            return;
        };
        let (place, seq, timer) = (entry.place, entry.seq, entry.timer);
        entry.place = Place::Nowhere;
        match place {
            Place::Nowhere => {}
            Place::Queued(at) => {
                self.queued.swap_remove(at);
                if let Some(&moved) = self.queued.get(at) {
                    self.set_place(moved, Place::Queued(at));
                }
            }
            Place::Ready(at) => {
                self.ready.swap_remove(at);
                if let Some(&moved) = self.ready.get(at) {
                    self.set_place(moved, Place::Ready(at));
                }
            }
            Place::Waiting(due) => {
                self.waiting.remove(&(due, seq));
            }
            Place::Timer => {
                self.timers.remove(&(timer.unwrap_or(0), seq));
            }
            Place::Dead => self.dead -= 1,
            Place::Fifo => {
                self.fifo.remove(&seq);
            }
        }
    }
}
