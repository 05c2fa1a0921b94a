//! The frozen values that machines match on: inputs, actions, timers. They behave like frozen dataclasses.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyInt, PyTuple, PyType};
use pyo3::{PyTraverseError, PyVisit};

use crate::errors::invalid;

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

/// A field that the garbage collector may have to visit.
pub trait Field {
    fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError>;
}

impl<T> Field for Py<T> {
    fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(self)
    }
}

impl Field for i64 {
    fn visit(&self, _visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        Ok(())
    }
}

/// `Name(first=1, second=2)`, as a dataclass prints itself.
fn dataclass_repr(name: &str, names: &[&str], fields: &Bound<'_, PyTuple>) -> PyResult<String> {
    let shown = names
        .iter()
        .zip(fields)
        .map(|(field, value)| Ok(format!("{field}={}", value.repr()?)));
    Ok(format!(
        "{name}({})",
        shown.collect::<PyResult<Vec<_>>>()?.join(", ")
    ))
}

/// Defines a frozen class with the equality, hash, repr and pickle of a frozen dataclass with these fields.
macro_rules! value_class {
    (
        $(#[$doc:meta])*
        class($($option:ident),*) $name:ident { $($field:ident: $type:ty),+ }
        match ($($matched:literal),+);
        $(#[$options:meta])*
        fn new($($arguments:tt)*);
    ) => {
        $(#[$doc])*
        #[pyclass(frozen, $($option,)* module = "fasm")]
        #[derive(Debug)]
        pub struct $name { $(#[pyo3(get)] pub $field: $type),+ }

        impl $name {
            /// Makes the object as the driver does: no argument is checked.
            #[inline]
            pub fn create(py: Python<'_>, $($field: $type),+) -> PyResult<Py<Self>> {
                Py::new(py, Self { $($field),+ })
            }

            fn fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
                ($(&self.$field,)+).into_pyobject(py)
            }
        }

        #[pymethods]
        impl $name {
            #[classattr]
            fn __match_args__(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
                PyTuple::new(py, [$($matched),+])
            }

            #[new]
            $(#[$options])*
            fn new($($arguments)*) -> Self {
                Self { $($field),+ }
            }

            fn __eq__(&self, other: &Bound<'_, Self>) -> PyResult<bool> {
                let py = other.py();
                self.fields(py)?.eq(other.get().fields(py)?)
            }

            fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
                self.fields(py)?.hash()
            }

            fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
                dataclass_repr(stringify!($name), &[$(stringify!($field)),+], &self.fields(py)?)
            }

            fn __reduce__<'py>(
                &self,
                py: Python<'py>,
            ) -> PyResult<(Bound<'py, PyType>, Bound<'py, PyTuple>)> {
                Ok((py.get_type::<Self>(), self.fields(py)?))
            }

            fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
                $(self.$field.visit(&visit)?;)+
                Ok(())
            }
        }
    };
}

value_class! {
    /// An input from outside.
    class(generic) Normal { value: Py<PyAny>, at: i64 } match ("value");
    #[pyo3(signature = (value, at=0))]
    fn new(value: Py<PyAny>, #[pyo3(from_py_with = moment)] at: i64);
}

value_class! {
    /// The result of a tracked action, as an input.
    class(generic) TrackedActionCompleted { id: Py<PyAny>, result: Py<PyAny>, at: i64 } match ("id", "result");
    #[pyo3(signature = (id, result, at=0))]
    fn new(id: Py<PyAny>, result: Py<PyAny>, #[pyo3(from_py_with = moment)] at: i64);
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
