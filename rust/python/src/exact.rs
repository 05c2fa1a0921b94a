//! Classes of many values at once, for encoding: a look at each from Python costs more than the encoding.

use std::ptr::null_mut;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyType};

/// Whether every item is exactly of one class: of a list, the keys of a dict, or what else can be iterated.
#[pyfunction]
#[pyo3(signature = (items, class_, /))]
pub(crate) fn all_of(items: &Bound<'_, PyAny>, class_: &Bound<'_, PyType>) -> PyResult<bool> {
    if let Ok(list) = items.cast_exact::<PyList>() {
        return Ok(list.iter().all(|item| item.get_type().is(class_)));
    }
    for item in items.try_iter()? {
        if !item?.get_type().is(class_) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether every key of a dict is exactly of one class, and every value of another.
#[pyfunction]
#[pyo3(signature = (dict, key_class, value_class, /))]
pub(crate) fn all_pairs_of(
    dict: &Bound<'_, PyDict>,
    key_class: &Bound<'_, PyType>,
    value_class: &Bound<'_, PyType>,
) -> bool {
    let (mut position, mut key, mut value) = (0, null_mut(), null_mut());
    // SAFETY: this thread is attached and runs no Python code here, so that the dict stays as it is and keeps
    // its keys and values alive.
    unsafe {
        while ffi::PyDict_Next(
            dict.as_ptr(),
            &raw mut position,
            &raw mut key,
            &raw mut value,
        ) != 0
        {
            if ffi::Py_TYPE(key) != key_class.as_type_ptr()
                || ffi::Py_TYPE(value) != value_class.as_type_ptr()
            {
                return false;
            }
        }
    }
    true
}
