//! New objects without `__init__`, and writes into them.

use std::ptr::null_mut;

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::known::Known;
use super::plan::{Access, Content, DictFields, Field};
use super::raw::{Item, Own, Type, type_of_ffi};

/// `base.__new__(ty, *args)`, where `base` is a built-in type that `ty` inherits its layout from.
pub fn new_object(
    py: Python<'_>,
    base: Type,
    ty: Type,
    args: &Bound<'_, PyTuple>,
) -> PyResult<Own> {
    // SAFETY: both types are alive; the plan of `ty` says that objects have the layout of `base`.
    let object = unsafe {
        match (*base).tp_new {
            Some(new) => new(ty, args.as_ptr(), null_mut()),
            None => ffi::PyType_GenericNew(ty, args.as_ptr(), null_mut()),
        }
    };
    Own::take(py, object)
}

/// An object of a Python class, with no field set: `object.__new__(ty)`.
pub fn bare(py: Python<'_>, ty: Type) -> PyResult<Own> {
    new_object(py, type_of_ffi!(PyBaseObject_Type), ty, &PyTuple::empty(py))
}

/// A list with the same items.
pub fn list(py: Python<'_>, source: Item) -> PyResult<Own> {
    let (list, all) = (source.ptr(), ffi::Py_ssize_t::MAX);
    if source.ty() == type_of_ffi!(PyList_Type) {
        // SAFETY: the source is a list.
        return Own::take(py, unsafe { ffi::PyList_GetSlice(list, 0, all) });
    }
    let base = type_of_ffi!(PyList_Type);
    let copy = new_object(py, base, source.ty(), &PyTuple::empty(py))?;
    // The slice is an exact list, so no `__iter__` of the subclass runs.
    // SAFETY: the source is a list.
    let items = Own::take(py, unsafe { ffi::PyList_GetSlice(list, 0, all) })?;
    let target = copy.item().ptr();
    // SAFETY: both are lists.
    check(py, unsafe {
        ffi::PyList_SetSlice(target, 0, all, items.item().ptr())
    })?;
    Ok(copy)
}

/// A tuple with the same items, which the caller may still replace.
pub fn tuple(py: Python<'_>, source: Item) -> PyResult<Own> {
    let len = source.tuple_len();
    // SAFETY: the fresh tuple has room for `len` items, and each gets its own reference.
    let exact = unsafe {
        let exact = Own::take(py, ffi::PyTuple_New(len.cast_signed()))?;
        for index in 0..len {
            if let Some(item) = source.tuple_get(index) {
                ffi::PyTuple_SET_ITEM(
                    exact.item().ptr(),
                    index.cast_signed(),
                    item.own().into_ptr(),
                );
            }
        }
        exact
    };
    if source.ty() == type_of_ffi!(PyTuple_Type) {
        return Ok(exact);
    }
    new_object(
        py,
        type_of_ffi!(PyTuple_Type),
        source.ty(),
        &one(py, exact)?,
    )
}

/// Replaces an item of a tuple that is still being made.
pub fn set_in_tuple(tuple: &Own, index: usize, value: Own) {
    let object = tuple.item().ptr();
    if index >= tuple.item().tuple_len() {
        return;
    }
    // SAFETY: the index is within the tuple; nobody has hashed it yet, since it is still being made.
    unsafe {
        let old = ffi::PyTuple_GET_ITEM(object, index.cast_signed());
        ffi::PyTuple_SET_ITEM(object, index.cast_signed(), value.into_ptr());
        ffi::Py_XDECREF(old);
    }
}

pub fn set_in_list(py: Python<'_>, list: &Own, index: usize, value: Own) -> PyResult<()> {
    // SAFETY: the call checks the index and takes over the reference.
    check(py, unsafe {
        ffi::PyList_SetItem(list.item().ptr(), index.cast_signed(), value.into_ptr())
    })
}

/// A dict with the same keys and values. No key is hashed.
pub fn dict(py: Python<'_>, source: Item) -> PyResult<Own> {
    // SAFETY: the source is a dict.
    Own::take(py, unsafe { ffi::PyDict_Copy(source.ptr()) })
}

/// Sets an entry as the built-in type does, whatever the class overrides.
pub fn set_in_dict(py: Python<'_>, dict: &Own, key: &Own, value: &Own) -> PyResult<()> {
    let (dict, key, value) = (dict.item().ptr(), key.item().ptr(), value.item().ptr());
    let ordered = Known::get(py)?.ordered_dict();
    // SAFETY: all three are alive, and the first is a dict; an `OrderedDict` has a slot of its own.
    let code = unsafe {
        if ffi::PyObject_TypeCheck(dict, ordered) == 0 {
            ffi::PyDict_SetItem(dict, key, value)
        } else {
            let set = (*ordered)
                .tp_as_mapping
                .as_ref()
                .and_then(|slots| slots.mp_ass_subscript);
            set.map_or_else(
                || ffi::PyDict_SetItem(dict, key, value),
                |set| set(dict, key, value),
            )
        }
    };
    check(py, code)
}

pub fn empty_dict(py: Python<'_>) -> PyResult<Own> {
    // SAFETY: attached.
    Own::take(py, unsafe { ffi::PyDict_New() })
}

/// A set with the same elements. None is hashed.
pub fn set(py: Python<'_>, source: Item) -> PyResult<Own> {
    // SAFETY: the source is a set.
    Own::take(py, unsafe { ffi::PySet_New(source.ptr()) })
}

pub fn add_to_set(py: Python<'_>, set: &Own, value: Own) -> PyResult<()> {
    // SAFETY: both are alive; the call checks the type.
    check(py, unsafe {
        ffi::PySet_Add(set.item().ptr(), value.item().ptr())
    })
}

/// `copy.copy`. None if objects of the type cannot be copied at all.
pub fn shallow(py: Python<'_>, source: Item) -> PyResult<Option<Own>> {
    let copy = py.import(intern!(py, "copy"))?;
    match copy.call_method1(intern!(py, "copy"), (source.bind(py),)) {
        Ok(copy) => Ok(Some(Own::from_bound(copy))),
        Err(error) if error.is_instance_of::<PyTypeError>(py) => Ok(None),
        Err(error) => Err(error),
    }
}

/// An empty deque with the same bound.
pub fn deque(py: Python<'_>, source: Item) -> PyResult<Own> {
    let base = Known::get(py)?.deque();
    let copy = new_object(py, base, source.ty(), &PyTuple::empty(py))?;
    let bound = source.deque_bound(py)?.into_bound(py);
    let args = (PyTuple::empty(py), bound).into_pyobject(py)?;
    // SAFETY: the copy is a deque, so the initialiser of that type takes it.
    let code = unsafe {
        (*base)
            .tp_init
            .map_or(0, |init| init(copy.item().ptr(), args.as_ptr(), null_mut()))
    };
    check(py, code)?;
    Ok(copy)
}

pub fn add_to_deque(py: Python<'_>, deque: &Own, value: Own) -> PyResult<()> {
    let append = Known::get(py)?.deque_append.bind(py);
    append.call1((deque.item().bind(py), value.into_bound(py)))?;
    Ok(())
}

/// An immutable of a subclass of a built-in type, with the same content and no fields yet.
pub fn immutable(py: Python<'_>, source: Item, content: Content) -> PyResult<Own> {
    let object = source.ptr();
    // SAFETY: the plan says that the object has the layout of the built-in type, so its slots take it.
    let (base, value) = unsafe {
        match content {
            Content::Int => {
                let base = type_of_ffi!(PyLong_Type);
                let slots = (*base).tp_as_number.as_ref().and_then(|slots| slots.nb_int);
                (base, slots.map_or(null_mut(), |int| int(object)))
            }
            Content::Float => {
                let base = type_of_ffi!(PyFloat_Type);
                (
                    base,
                    ffi::PyFloat_FromDouble(ffi::PyFloat_AS_DOUBLE(object)),
                )
            }
            Content::Complex => {
                let base = type_of_ffi!(PyComplex_Type);
                (
                    base,
                    ffi::PyComplex_FromCComplex(ffi::PyComplex_AsCComplex(object)),
                )
            }
            Content::Str => (
                type_of_ffi!(PyUnicode_Type),
                ffi::PyUnicode_FromObject(object),
            ),
            _ => {
                let bytes = source.bytes();
                let (data, len) = (bytes.as_ptr().cast(), bytes.len().cast_signed());
                (
                    type_of_ffi!(PyBytes_Type),
                    ffi::PyBytes_FromStringAndSize(data, len),
                )
            }
        }
    };
    new_object(py, base, source.ty(), &one(py, Own::take(py, value)?)?)
}

pub fn bytearray(py: Python<'_>, source: Item) -> PyResult<Own> {
    let bytes = source.bytearray();
    // SAFETY: the bytes are copied before any Python code can run.
    let exact = unsafe {
        ffi::PyByteArray_FromStringAndSize(bytes.as_ptr().cast(), bytes.len().cast_signed())
    };
    let exact = Own::take(py, exact)?;
    if source.ty() == type_of_ffi!(PyByteArray_Type) {
        return Ok(exact);
    }
    let base = type_of_ffi!(PyByteArray_Type);
    let copy = new_object(py, base, source.ty(), &PyTuple::empty(py))?;
    let args = one(py, exact)?;
    // SAFETY: the copy is a bytearray, so the initialiser of that type takes it.
    let code = unsafe {
        (*base)
            .tp_init
            .map_or(0, |init| init(copy.item().ptr(), args.as_ptr(), null_mut()))
    };
    check(py, code)?;
    Ok(copy)
}

/// `object.__setattr__`: works on frozen dataclasses too; properties run.
pub fn set_attribute(py: Python<'_>, object: &Own, name: Item, value: &Own) -> PyResult<()> {
    // SAFETY: all three are alive.
    check(py, unsafe {
        ffi::PyObject_GenericSetAttr(object.item().ptr(), name.ptr(), value.item().ptr())
    })
}

pub fn set_field(py: Python<'_>, object: &Own, field: &Field, value: Own) -> PyResult<()> {
    match field.access {
        Access::Slot(offset) => {
            // SAFETY: the offset belongs to the type of the object, which nobody else uses yet.
            unsafe { object.item().set_slot(offset, value) };
            Ok(())
        }
        Access::Inline | Access::Property => set_attribute(py, object, field.name(), &value),
    }
}

pub fn one(py: Python<'_>, value: Own) -> PyResult<Bound<'_, PyTuple>> {
    PyTuple::new(py, [value.into_bound(py)])
}

pub fn check(py: Python<'_>, code: std::ffi::c_int) -> PyResult<()> {
    if code < 0 {
        Err(PyErr::fetch(py))
    } else {
        Ok(())
    }
}

/// Sets an entry of the instance dict.
pub fn set_name(
    py: Python<'_>,
    object: &Own,
    names: &DictFields,
    key: &Own,
    value: &Own,
) -> PyResult<()> {
    if names.is_free(&key.item().bind(py)) {
        return set_attribute(py, object, key.item(), value);
    }
    // SAFETY: the type of the object has an instance dict.
    let dict = unsafe { ffi::PyObject_GenericGetDict(object.item().ptr(), null_mut()) };
    set_in_dict(py, &Own::take(py, dict)?, key, value)
}
