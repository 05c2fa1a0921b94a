//! The structural walk: fingerprint, copy and difference of states.
//!
//! One notion of equal for all three. Same types exactly; floats by bits; dict, list, tuple, deque in order; sets
//! by content; other objects by class and fields. `__eq__` and `__hash__` of the user do not run, except where a
//! copy puts a key into a new dict or set. What has no fields to see is opaque: compared by type, and listed.
//!
//! None of it recurses, so depth is bounded by memory alone.

// The readers of plain values belong into the loops that call them: a call costs more than the work.
#![allow(clippy::inline_always)]

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::errors::InvalidArgument;
use crate::values::without_asking;

mod attributes;
mod build;
mod content;
mod copy;
mod cursor;
mod difference;
mod hash;
mod immutable;
mod inline;
mod known;
mod leaf;
mod loose;
mod make;
mod moment;
mod pairs;
mod path;
mod pause;
mod plan;
mod plans;
pub mod python;
mod raw;
mod runs;
mod show;
mod start;
mod work;

use raw::Item;

/// Sharing is not kept, so a small state can stand for a huge one; this is where a fingerprint gives up.
const MAX_NODES: u64 = 1 << 25;

/// The same for the containers and objects of a copy, which takes memory.
const MAX_COPIES: u64 = 1 << 22;

/// The hash of a state and what it took to compute.
#[derive(Clone, Copy, Debug)]
pub struct Fingerprint {
    pub hash: u128,
    /// Objects visited, each as often as it is reached.
    pub nodes: u64,
}

impl PartialEq for Fingerprint {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for Fingerprint {}

/// The first place where two states differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// How to get there from the state, such as `.pending[3].amount`; empty for the state itself.
    pub path: String,
    pub old: String,
    pub new: String,
}

/// Walks over states and remembers what it learned about their types. One at a time: it is not shared.
#[derive(Debug)]
pub struct Walker {
    dict_order: bool,
    plans: plans::Plans,
    hash_stack: hash::Stack,
    copy_stack: copy::Stack,
}

impl Walker {
    /// `dict_order`: whether two dicts with the same entries in another order differ.
    pub fn new(dict_order: bool) -> Self {
        Self {
            dict_order,
            plans: plans::Plans::default(),
            hash_stack: hash::Stack::default(),
            copy_stack: copy::Stack::default(),
        }
    }

    pub fn set_dict_order(&mut self, dict_order: bool) {
        self.dict_order = dict_order;
    }

    /// A fixed hash of all that can be seen, the same in every process.
    pub fn fingerprint(&mut self, object: &Bound<'_, PyAny>) -> PyResult<Fingerprint> {
        let (plans, stack) = (&mut self.plans, &mut self.hash_stack);
        plans.trim();
        let hash = hash::Hash::new(object.py(), plans, stack, self.dict_order);
        let result = without_asking(|| hash.run(Item::of(object)));
        if result.is_err() {
            self.hash_stack.clear();
        }
        let (hash, nodes) = result?;
        Ok(Fingerprint { hash, nodes })
    }

    /// An equal object that shares nothing mutable with the original, opaque parts apart.
    pub fn copy(&mut self, object: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let (plans, stack) = (&mut self.plans, &mut self.copy_stack);
        plans.trim();
        let _pause = pause::Pause::new(object.py());
        let copy = copy::Copy::new(object.py(), plans, stack);
        let result = without_asking(|| copy.run(Item::of(object)));
        if result.is_err() {
            self.copy_stack.clear();
        }
        Ok(result?.into_bound(object.py()).unbind())
    }

    /// Where two objects differ, if they do.
    pub fn difference(
        &mut self,
        old: &Bound<'_, PyAny>,
        new: &Bound<'_, PyAny>,
    ) -> PyResult<Option<Difference>> {
        let (py, plans, stack) = (old.py(), &mut self.plans, &mut self.hash_stack);
        plans.trim();
        let differ = difference::Differ::new(py, plans, stack, self.dict_order);
        let result = without_asking(|| differ.run(Item::of(old), Item::of(new)));
        self.hash_stack.clear();
        result
    }

    /// Names of the opaque types met so far, in the order of meeting them.
    pub fn opaque(&self) -> &[String] {
        self.plans.opaque()
    }

    /// For the `__traverse__` of the class that owns the walker.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.plans.traverse(visit)
    }

    /// Forgets the opaque types met so far.
    pub fn take_opaque(&mut self) -> Vec<String> {
        self.plans.take_opaque()
    }
}

/// Refuses an interpreter whose ints are laid out in another way than the walk reads them.
pub fn check_platform(py: Python<'_>) -> PyResult<()> {
    let bits = py
        .import("sys")?
        .getattr("int_info")?
        .getattr("bits_per_digit")?;
    if bits.extract::<u32>()? == 30 && raw::reads_ints(py)? {
        return Ok(());
    }
    Err(PyImportError::new_err(
        "fasm cannot read the ints of this interpreter; it needs a CPython that it was built for, with digits of 30 \
         bits",
    ))
}

#[inline(always)]
fn check_size(nodes: u64, most: u64) -> PyResult<()> {
    if nodes > most {
        Err(too_large(most))
    } else {
        Ok(())
    }
}

#[cold]
fn too_large(most: u64) -> PyErr {
    InvalidArgument::new_err(format!(
        "the state is too large to walk: more than {most} values, where what is shared counts each time; keep \
         large or shared data out of it"
    ))
}
