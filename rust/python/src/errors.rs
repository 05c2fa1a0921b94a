//! Errors of the binding. All are classes of `fasm.errors`, so `except`, pickling and docs stay ordinary.

use pyo3::exceptions::PyTypeError;
use pyo3::import_exception;
use pyo3::prelude::*;

import_exception!(fasm.errors, ActionsFull);
import_exception!(fasm.errors, DuplicateActionId);
import_exception!(fasm.errors, InvalidArgument);
import_exception!(fasm.errors, UnknownActionId);

/// The error for a wrong argument: `name: got GIVEN, expected RIGHT`.
pub fn invalid(name: &str, given: &Bound<'_, PyAny>, right: &str) -> PyErr {
    let make = || {
        let checks = given.py().import("fasm._check")?;
        checks.call_method1("invalid", (name, given, right))
    };
    match make() {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

/// Refuses an id that cannot be a key. An error that the id's own `__hash__` raises is passed on as it is.
pub fn check_id(id: &Bound<'_, PyAny>) -> PyResult<()> {
    let Err(error) = id.hash() else { return Ok(()) };
    Err(explain_unhashable(id, error))
}

/// What C code raises for an unhashable object has no traceback; what user code raises has one.
#[cold]
pub fn explain_unhashable(id: &Bound<'_, PyAny>, error: PyErr) -> PyErr {
    let py = id.py();
    if error.get_type(py).is(py.get_type::<PyTypeError>()) && error.traceback(py).is_none() {
        let explained = invalid("id", id, "a hashable value");
        explained.set_cause(py, Some(error));
        return explained;
    }
    error
}
