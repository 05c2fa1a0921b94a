//! The walk as functions of `fasm._native`.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::Walker;

/// A walker at rest, kept for what it knows about types. No Python code runs under the lock.
static IDLE: Mutex<Option<Box<Walker>>> = Mutex::new(None);

fn swap_idle(walker: Option<Box<Walker>>) -> Option<Box<Walker>> {
    std::mem::replace(
        &mut *IDLE.lock().unwrap_or_else(PoisonError::into_inner),
        walker,
    )
}

/// Runs with a walker of its own, so that user code called by a walk can walk too.
fn with_walker<T>(dict_order: bool, run: impl FnOnce(&mut Walker) -> PyResult<T>) -> PyResult<T> {
    let mut walker = swap_idle(None).unwrap_or_else(|| Box::new(Walker::new(dict_order)));
    walker.set_dict_order(dict_order);
    let result = run(&mut walker);
    drop(swap_idle(Some(walker)));
    result
}

/// A fixed 128-bit hash of all that can be seen, and the number of values visited.
#[pyfunction]
#[pyo3(signature = (obj, *, dict_order))]
pub fn fingerprint(obj: &Bound<'_, PyAny>, dict_order: bool) -> PyResult<(u128, u64)> {
    with_walker(dict_order, |walker| {
        let fingerprint = walker.fingerprint(obj)?;
        Ok((fingerprint.hash, fingerprint.nodes))
    })
}

/// An equal object that shares nothing mutable with the original.
#[pyfunction]
#[pyo3(signature = (obj))]
pub fn structural_copy(obj: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    with_walker(true, |walker| walker.copy(obj))
}

/// Path, old and new value of the first difference, if there is one.
#[pyfunction]
#[pyo3(signature = (old, new, *, dict_order))]
pub fn difference(
    old: &Bound<'_, PyAny>,
    new: &Bound<'_, PyAny>,
    dict_order: bool,
) -> PyResult<Option<(String, String, String)>> {
    let found = with_walker(dict_order, |walker| walker.difference(old, new))?;
    Ok(found.map(|found| (found.path, found.old, found.new)))
}

/// The names of the types whose objects the walk cannot see into, in the order of meeting them.
#[pyfunction]
#[pyo3(signature = (obj))]
pub fn opaque_types<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    let names = with_walker(true, |walker| {
        walker.take_opaque();
        walker.fingerprint(obj)?;
        Ok(walker.take_opaque())
    })?;
    PyTuple::new(obj.py(), names)
}
