//! The frozen values that machines match on: inputs, actions, timers.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyInt};

use crate::errors::invalid;
use crate::values::{ClockTime, value_class};

/// Checks a point in time: Unix milliseconds, an int from 0 to 2^63 - 1.
pub fn moment(at: &Bound<'_, PyAny>) -> PyResult<i64> {
    let is_int = at.is_instance_of::<PyInt>() && !at.is_instance_of::<PyBool>();
    let given = is_int.then(|| at.extract::<i64>().ok()).flatten();
    match given {
        Some(at) if at >= 0 => Ok(at),
        _ => Err(invalid(
            "at",
            at,
            "an int from 0 to 2**63 - 1 (Unix milliseconds)",
        )),
    }
}

/// The same, as the time of an input.
fn clock_time(at: &Bound<'_, PyAny>) -> PyResult<ClockTime> {
    moment(at).map(ClockTime)
}

value_class! {
    /// An input from outside.
    class(generic) Normal { value: Py<PyAny>, at: ClockTime } match ("value");
    #[pyo3(signature = (value, at=ClockTime(0)), text_signature = "(value, at=0)")]
    fn new(value: Py<PyAny>, #[pyo3(from_py_with = clock_time)] at: ClockTime);
}

value_class! {
    /// The result of a tracked action, as an input.
    class(generic) TrackedActionCompleted { id: Py<PyAny>, result: Py<PyAny>, at: ClockTime } match ("id", "result");
    #[pyo3(signature = (id, result, at=ClockTime(0)), text_signature = "(id, result, at=0)")]
    fn new(id: Py<PyAny>, result: Py<PyAny>, #[pyo3(from_py_with = clock_time)] at: ClockTime);
}

value_class! {
    /// A description of an effect whose result comes back as an input.
    class(generic) TrackedAction { id: Py<PyAny>, action: Py<PyAny> } match ("id", "action");
    #[pyo3(signature = (id, action))]
    fn new(id: Py<PyAny>, action: Py<PyAny>);
}

value_class! {
    /// A description of an effect that is fired and forgotten.
    class(generic) UntrackedAction { action: Py<PyAny> } match ("action");
    #[pyo3(signature = (action))]
    fn new(action: Py<PyAny>);
}

value_class! {
    /// The action of a timer: it completes once the clock has reached `at`.
    class() Timer { at: i64 } match ("at");
    #[pyo3(signature = (at))]
    fn new(#[pyo3(from_py_with = moment)] at: i64);
}

value_class! {
    /// The result of a timer.
    class() Fired { at: i64 } match ("at");
    #[pyo3(signature = (at))]
    fn new(#[pyo3(from_py_with = moment)] at: i64);
}
