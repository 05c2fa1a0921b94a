//! The objects between the root and the present one, to notice cycles.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::raw::Item;

/// Down to this depth a scan is cheaper than an index.
const SCANNED: usize = 32;

/// Addresses are hashed by one multiplication; their low bits are zero.
#[derive(Debug, Default)]
pub struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn write(&mut self, _bytes: &[u8]) {}

    fn write_usize(&mut self, address: usize) {
        self.0 = (address as u64)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(26);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A stack of addresses that knows where each of them is. The caller keeps the objects alive.
#[derive(Clone, Debug, Default)]
pub struct Path {
    addresses: Vec<usize>,
    /// The depths of those below `SCANNED`. Never iterated.
    index: HashMap<usize, usize, BuildHasherDefault<AddressHasher>>,
}

impl Path {
    #[inline(always)]
    pub fn depth(&self) -> usize {
        self.addresses.len()
    }

    #[inline(always)]
    pub fn push(&mut self, item: Item) {
        let address = item.ptr() as usize;
        if self.addresses.len() >= SCANNED {
            self.index.insert(address, self.addresses.len());
        }
        self.addresses.push(address);
    }

    #[inline(always)]
    pub fn pop(&mut self) {
        if let Some(address) = self.addresses.pop()
            && self.addresses.len() >= SCANNED
        {
            self.index.remove(&address);
        }
    }

    /// The depth at which the object lies, counted from 0 at the root.
    #[inline(always)]
    pub fn find(&self, item: Item) -> Option<usize> {
        let address = item.ptr() as usize;
        let scanned = self.addresses.len().min(SCANNED);
        let found = self.addresses[..scanned]
            .iter()
            .position(|&known| known == address);
        if found.is_some() || self.addresses.len() <= SCANNED {
            return found;
        }
        self.index.get(&address).copied()
    }

    pub fn clear(&mut self) {
        self.addresses.clear();
        self.index.clear();
    }
}
