//! What the attributes of a class say about its objects.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

use super::known::Known;
use crate::errors::invalid;

/// Code of a member that reads as None while it is not set; C code still uses it.
const T_OBJECT: std::ffi::c_int = 6;

/// A class and its own attributes.
pub type Level<'py> = (Bound<'py, PyType>, Bound<'py, PyAny>);

/// All classes of the type, most general first.
pub fn levels<'py>(ty: &Bound<'py, PyType>) -> PyResult<Vec<Level<'py>>> {
    let mut levels = Vec::new();
    for level in ty.mro().iter().rev() {
        let own = level.getattr("__dict__")?;
        levels.push((level.cast_into::<PyType>()?, own));
    }
    Ok(levels)
}

fn items<'py>(own: &Bound<'py, PyAny>) -> PyResult<Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
    let items = own.call_method0("items")?;
    items.try_iter()?.map(|entry| entry?.extract()).collect()
}

/// The slots that one class adds, by name.
pub fn slots_of(known: &Known, own: &Bound<'_, PyAny>) -> PyResult<Vec<(String, isize)>> {
    let mut slots = Vec::new();
    for (name, value) in items(own)? {
        if let Some(offset) = slot_offset(known, &value)
            && !name.eq("__dict__")?
        {
            slots.push((name.extract()?, offset));
        }
    }
    slots.sort();
    Ok(slots)
}

/// The offset of the object pointer that a member descriptor stands for.
pub fn slot_offset(known: &Known, descriptor: &Bound<'_, PyAny>) -> Option<isize> {
    if !descriptor.get_type().is(&known.member_descriptor) {
        return None;
    }
    // SAFETY: the type was just checked; the descriptor owns its definition.
    let member = unsafe { &*(*descriptor.as_ptr().cast::<ffi::PyMemberDescrObject>()).d_member };
    let object = [T_OBJECT, ffi::Py_T_OBJECT_EX].contains(&member.type_code);
    object.then_some(member.offset)
}

/// The names of cached properties, and those of properties and the like.
pub fn special_names(known: &Known, levels: &[Level<'_>]) -> PyResult<(Vec<String>, Vec<String>)> {
    let (mut cached, mut shadowed) = (Vec::new(), Vec::new());
    for (level, own) in levels {
        let cache = known.cached_property.bind(level.py());
        for (name, value) in items(own)? {
            if value.get_type().is_subclass(cache)? {
                cached.push(name.extract()?);
            }
            if sets(&value) {
                shadowed.push(name.extract()?);
            }
        }
    }
    Ok((cached, shadowed))
}

/// Whether a class attribute comes before the instance dict, as a property does.
pub fn sets(attribute: &Bound<'_, PyAny>) -> bool {
    // SAFETY: the attribute is alive, and so is its type.
    unsafe { (*attribute.get_type().as_type_ptr()).tp_descr_set }.is_some()
}

/// All names in `fasm_ignore`, of the class and its bases.
pub fn ignored_names(levels: &[Level<'_>]) -> PyResult<Vec<String>> {
    let mut names = Vec::new();
    for (_, own) in levels {
        let given = own.call_method1("get", ("fasm_ignore",))?;
        if given.is_none() {
            continue;
        }
        let wrong = || {
            let right = "an iterable of field names, such as (\"cache\",)";
            invalid("fasm_ignore", &given, right)
        };
        // A str would be an iterable of its characters.
        if given.is_instance_of::<PyString>() {
            return Err(wrong());
        }
        for name in given.try_iter().map_err(|_| wrong())? {
            names.push(name?.extract().map_err(|_| wrong())?);
        }
    }
    Ok(names)
}
