//! Fingerprints of actions and results at the moment they were handed over.

use std::collections::{HashMap, VecDeque};

use pyo3::prelude::*;

use crate::walk::{Fingerprint, Walker};

/// How many are remembered at a time; the oldest goes first.
const REMEMBERED: usize = 256;

#[derive(Debug, Default)]
pub struct Handed<'py> {
    /// By address. The object is held, so that its address stays its own. Never iterated.
    prints: HashMap<usize, (Bound<'py, PyAny>, Fingerprint)>,
    /// The addresses, oldest first.
    order: VecDeque<usize>,
}

impl<'py> Handed<'py> {
    /// Remembers what the object is now. Gives the nodes walked for it.
    pub fn remember(&mut self, object: &Bound<'py, PyAny>, walker: &mut Walker) -> PyResult<u64> {
        let address = object.as_ptr() as usize;
        let print = walker.fingerprint(object)?;
        // An object that is handed over again counts from then on: its owner may have changed it in between.
        if let Some((_, known)) = self.prints.get_mut(&address) {
            *known = print;
            return Ok(print.nodes);
        }
        while self.order.len() >= REMEMBERED {
            // An address that was forgotten stays in line until its turn comes.
            if let Some(oldest) = self.order.pop_front() {
                drop(self.prints.remove(&oldest));
            }
        }
        self.order.push_back(address);
        self.prints.insert(address, (object.clone(), print));
        Ok(print.nodes)
    }

    /// The object is handed over anew, and nobody looks at what it is now.
    #[inline]
    pub fn forget(&mut self, object: &Bound<'py, PyAny>) {
        if !self.prints.is_empty() {
            drop(self.prints.remove(&(object.as_ptr() as usize)));
        }
    }

    pub fn clear(&mut self) {
        self.order.clear();
        self.prints.clear();
    }

    /// False if the object was remembered and is no longer the same.
    pub fn unchanged(&self, object: &Bound<'py, PyAny>, walker: &mut Walker) -> PyResult<bool> {
        if self.prints.is_empty() {
            return Ok(true);
        }
        match self.prints.get(&(object.as_ptr() as usize)) {
            Some((_, print)) => Ok(walker.fingerprint(object)? == *print),
            None => Ok(true),
        }
    }
}
