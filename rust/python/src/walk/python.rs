//! The walk as functions of `fasm._native`.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::Walker;

/// Walkers at rest, kept for what they know about types. No Python code runs under the lock.
static IDLE: Mutex<Vec<Walker>> = Mutex::new(Vec::new());

/// Runs with a walker of its own, so that user code called by a walk can walk too.
fn with_walker<T>(dict_order: bool, run: impl FnOnce(&mut Walker) -> PyResult<T>) -> PyResult<T> {
    let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut walker = idle.unwrap_or_else(|| Walker::new(dict_order));
    walker.set_dict_order(dict_order);
    let result = run(&mut walker);
    IDLE.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(walker);
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
