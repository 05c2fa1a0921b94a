//! Errors of the binding. All are classes of `fasm.errors`, so `except`, pickling and docs stay ordinary.

use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::{import_exception, intern};

import_exception!(fasm.errors, ActionsFull);
import_exception!(fasm.errors, DuplicateActionId);
import_exception!(fasm.errors, FasmError);
import_exception!(fasm.errors, InvalidArgument);
import_exception!(fasm.errors, UnknownActionId);

/// The error for a wrong argument: `name: got GIVEN, expected RIGHT`.
pub fn invalid(name: &str, given: &Bound<'_, PyAny>, right: &str) -> PyErr {
    let make = || {
        let py = given.py();
        let checks = py.import(intern!(py, "fasm._check"))?;
        checks.call_method1(intern!(py, "invalid"), (name, given, right))
    };
    match make() {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

/// The error for a wrong argument that some use of it has shown. What the argument's own code raises is passed
/// on as it is: it has a traceback, unlike what the interpreter itself raises about a wrong type or value.
#[cold]
pub fn refused(name: &str, given: &Bound<'_, PyAny>, right: &str, error: PyErr) -> PyErr {
    let py = given.py();
    let about_argument = error.is_instance_of::<PyTypeError>(py)
        || error.is_instance_of::<PyValueError>(py)
        || error.is_instance_of::<PyOverflowError>(py);
    if !about_argument || error.traceback(py).is_some() {
        return error;
    }
    let explained = invalid(name, given, right);
    explained.set_cause(py, Some(error));
    explained
}

/// Refuses an id that cannot be a key.
pub fn check_id(id: &Bound<'_, PyAny>) -> PyResult<()> {
    id.hash()
        .map(|_| ())
        .map_err(|error| refused("id", id, "a hashable value", error))
}
