//! Classes of plain values, which behave like frozen dataclasses.

use std::cell::Cell;
use std::convert::Infallible;

use pyo3::prelude::*;
use pyo3::types::{PyInt, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use crate::nesting;

/// What the fields of a value have in common.
pub trait Field {
    fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError>;

    /// Lets go of what may be a nest of values. Plain data has nothing to let go of.
    fn release(&mut self) {}
}

impl Field for Py<PyAny> {
    fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(self)
    }

    fn release(&mut self) {
        nesting::release(self);
    }
}

// The interpreter takes care of nested tuples.
impl Field for Py<PyTuple> {
    fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(self)
    }
}

impl Field for i64 {
    fn visit(&self, _visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        Ok(())
    }
}

thread_local! {
    /// How often Python code of this thread was told the time of an input.
    static TIMES_TOLD: Cell<u64> = const { Cell::new(0) };
}

/// Grows when Python code reads the time of an input in this thread.
pub fn times_told() -> u64 {
    TIMES_TOLD.get()
}

/// Runs what reads whole objects without wanting to know the time.
pub fn without_asking<T>(read: impl FnOnce() -> T) -> T {
    let told = TIMES_TOLD.get();
    let result = read();
    TIMES_TOLD.set(told);
    result
}

/// The time of an input, Unix milliseconds. Who reads it may depend on it, so it is counted.
#[derive(Clone, Copy, Debug)]
pub struct ClockTime(pub i64);

impl Field for ClockTime {
    fn visit(&self, _visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        Ok(())
    }
}

impl<'py> IntoPyObject<'py> for ClockTime {
    type Target = PyInt;
    type Output = Bound<'py, PyInt>;
    type Error = Infallible;

    fn into_pyobject(self, py: Python<'py>) -> Result<Self::Output, Self::Error> {
        TIMES_TOLD.set(TIMES_TOLD.get().wrapping_add(1));
        self.0.into_pyobject(py)
    }
}

impl<'py> IntoPyObject<'py> for &ClockTime {
    type Target = PyInt;
    type Output = Bound<'py, PyInt>;
    type Error = Infallible;

    fn into_pyobject(self, py: Python<'py>) -> Result<Self::Output, Self::Error> {
        (*self).into_pyobject(py)
    }
}

/// `Name(first=1, second=2)`, as a dataclass prints itself.
pub fn dataclass_repr(name: &str, names: &[&str], fields: &Bound<'_, PyTuple>) -> PyResult<String> {
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

            fn fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyTuple>> {
                ($(&self.$field,)+).into_pyobject(py)
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                $($crate::values::Field::release(&mut self.$field);)+
            }
        }

        #[pymethods]
        impl $name {
            #[classattr]
            fn __match_args__(py: Python<'_>) -> PyResult<Bound<'_, pyo3::types::PyTuple>> {
                pyo3::types::PyTuple::new(py, [$($matched),+])
            }

            #[new]
            $(#[$options])*
            fn new($($arguments)*) -> Self {
                Self { $($field),+ }
            }

            fn __eq__(&self, other: &Bound<'_, Self>) -> PyResult<bool> {
                let py = other.py();
                $crate::nesting::guarded(|| self.fields(py)?.eq(other.get().fields(py)?))
            }

            fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
                $crate::nesting::guarded(|| self.fields(py)?.hash())
            }

            fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
                let names = &[$(stringify!($field)),+];
                $crate::nesting::guarded(|| {
                    $crate::values::dataclass_repr(stringify!($name), names, &self.fields(py)?)
                })
            }

            fn __reduce__<'py>(
                &self,
                py: Python<'py>,
            ) -> PyResult<(Bound<'py, pyo3::types::PyType>, Bound<'py, pyo3::types::PyTuple>)> {
                Ok((py.get_type::<Self>(), self.fields(py)?))
            }

            fn __traverse__(&self, visit: pyo3::PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
                $($crate::values::Field::visit(&self.$field, &visit)?;)+
                Ok(())
            }
        }
    };
}

pub(crate) use value_class;
