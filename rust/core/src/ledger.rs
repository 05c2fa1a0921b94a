//! The tracked actions that are outstanding, and the ids that have completed.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Spreads integer keys by one multiplication. The maps here are never iterated, so no order depends on it.
#[derive(Clone, Copy, Debug, Default)]
pub struct IntHasher(u64);

impl Hasher for IntHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    #[inline]
    fn write_u64(&mut self, key: u64) {
        const ODD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
        let product = u128::from(self.0 ^ key).wrapping_mul(ODD);
        self.0 = (product >> 64) as u64 ^ product as u64;
    }
}

type IntMap<V> = HashMap<u64, V, BuildHasherDefault<IntHasher>>;

/// The link of the first and the last entry to nowhere.
const NONE: usize = usize::MAX;

#[derive(Clone, Debug)]
struct Entry<V> {
    token: u64,
    value: V,
    before: usize,
    after: usize,
}

/// What is outstanding, by token, in order of emission. Every operation is O(1).
#[derive(Clone, Debug)]
pub struct Ledger<V> {
    places: IntMap<usize>,
    slots: Vec<Option<Entry<V>>>,
    free: Vec<usize>,
    first: usize,
    last: usize,
}

impl<V> Default for Ledger<V> {
    fn default() -> Self {
        Self {
            places: IntMap::default(),
            slots: Vec::new(),
            free: Vec::new(),
            first: NONE,
            last: NONE,
        }
    }
}

impl<V> Ledger<V> {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub fn contains(&self, token: u64) -> bool {
        self.places.contains_key(&token)
    }

    pub fn get(&self, token: u64) -> Option<&V> {
        self.entry(*self.places.get(&token)?)
            .map(|entry| &entry.value)
    }

    pub fn get_mut(&mut self, token: u64) -> Option<&mut V> {
        let place = *self.places.get(&token)?;
        self.slots[place].as_mut().map(|entry| &mut entry.value)
    }

    /// Adds an emission as the last one. Gives the value back if the token is outstanding already.
    pub fn emit(&mut self, token: u64, value: V) -> Result<(), V> {
        if self.contains(token) {
            return Err(value);
        }
        let entry = Some(Entry {
            token,
            value,
            before: self.last,
            after: NONE,
        });
        let place = if let Some(place) = self.free.pop() {
            self.slots[place] = entry;
            place
        } else {
            self.slots.push(entry);
            self.slots.len() - 1
        };
        self.set_after(self.last, place);
        self.last = place;
        self.places.insert(token, place);
        Ok(())
    }

    /// Takes an emission out, since its result is taken.
    pub fn complete(&mut self, token: u64) -> Option<V> {
        let place = self.places.remove(&token)?;
        let entry = self.slots[place].take()?;
        self.free.push(place);
        self.set_after(entry.before, entry.after);
        self.set_before(entry.after, entry.before);
        Some(entry.value)
    }

    /// Takes an emission out, since it was given up.
    pub fn forget(&mut self, token: u64) -> Option<V> {
        self.complete(token)
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Tokens and values in order of emission.
    pub fn iter(&self) -> Iter<'_, V> {
        Iter {
            ledger: self,
            next: self.first,
        }
    }

    fn entry(&self, place: usize) -> Option<&Entry<V>> {
        self.slots.get(place)?.as_ref()
    }

    fn set_after(&mut self, place: usize, after: usize) {
        match self.slots.get_mut(place) {
            Some(Some(entry)) => entry.after = after,
            _ => self.first = after,
        }
    }

    fn set_before(&mut self, place: usize, before: usize) {
        match self.slots.get_mut(place) {
            Some(Some(entry)) => entry.before = before,
            _ => self.last = before,
        }
    }
}

impl<'a, V> IntoIterator for &'a Ledger<V> {
    type Item = (u64, &'a V);
    type IntoIter = Iter<'a, V>;

    fn into_iter(self) -> Iter<'a, V> {
        self.iter()
    }
}

/// Goes over a ledger in order of emission.
#[derive(Debug)]
pub struct Iter<'a, V> {
    ledger: &'a Ledger<V>,
    next: usize,
}

impl<'a, V> Iterator for Iter<'a, V> {
    type Item = (u64, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.ledger.entry(self.next)?;
        self.next = entry.after;
        Some((entry.token, &entry.value))
    }
}

/// How many completions one generation of `RecentInts` remembers.
pub const GENERATION: usize = 1 << 20;

/// Remembers completed integer ids: at least the last 2^20 of them. Ids from a counter take about half a byte
/// each, since 64 neighbours share a page.
#[derive(Clone, Debug, Default)]
pub struct RecentInts {
    young: IntMap<u64>,
    old: IntMap<u64>,
    count: usize,
}

impl RecentInts {
    pub fn new() -> Self {
        Self::default()
    }

    /// Remembers an id as the latest to complete.
    pub fn insert(&mut self, id: u64) {
        if self.count == GENERATION {
            self.old = std::mem::take(&mut self.young);
            self.count = 0;
        }
        let page = self.young.entry(id >> 6).or_default();
        let bit = 1 << (id & 63);
        self.count += usize::from(*page & bit == 0);
        *page |= bit;
    }

    pub fn contains(&self, id: u64) -> bool {
        let has = |pages: &IntMap<u64>| {
            pages
                .get(&(id >> 6))
                .is_some_and(|page| page >> (id & 63) & 1 == 1)
        };
        has(&self.young) || has(&self.old)
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
