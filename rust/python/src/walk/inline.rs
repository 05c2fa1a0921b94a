//! Attributes that CPython keeps inside the object, before anyone asks for its `__dict__`.
//!
//! Reading them in place is several times faster than asking for each, and asking for the dict would make it: the
//! user's own code on that object would be slower from then on. The layout is private to CPython, so it is spelled
//! out per version, and `enable` tries it out before anything relies on it.

use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::raw::Item;

/// The start of CPython's `_dictkeysobject`, the same from 3.11 to 3.14.
#[repr(C)]
struct Keys {
    references: ffi::Py_ssize_t,
    log2_size: u8,
    log2_index_bytes: u8,
    kind: u8,
    version: u32,
    usable: ffi::Py_ssize_t,
    entries: ffi::Py_ssize_t,
}

#[repr(C)]
struct KeyEntry {
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
}

/// Keys that instances share: their entries hold no values.
const SPLIT_KEYS: u8 = 2;

/// Whether the layout was tried out and found as described.
static ENABLED: AtomicBool = AtomicBool::new(false);

/// The attributes of one object; valid until Python code can run.
#[derive(Clone, Copy, Debug)]
pub struct Inline {
    keys: *const KeyEntry,
    values: *const *mut ffi::PyObject,
    count: usize,
}

impl Inline {
    /// None if the object has a dict of its own, or none at all.
    #[inline(always)]
    pub fn of(object: Item) -> Option<Self> {
        if ENABLED.load(Ordering::Relaxed) {
            Self::read(object)
        } else {
            None
        }
    }

    #[inline(always)]
    fn read(object: Item) -> Option<Self> {
        let ty = object.ty();
        // SAFETY: the object and its type are alive; for types with these flags the layout is as described.
        unsafe {
            let values = values_of(object, ty);
            if values.is_null() {
                return None;
            }
            let keys = (*ty.cast::<ffi::PyHeapTypeObject>())
                .ht_cached_keys
                .cast::<Keys>();
            if keys.is_null() || (*keys).kind != SPLIT_KEYS {
                return None;
            }
            let indices = keys.add(1).cast::<u8>();
            let keys_start = indices.add(1 << (*keys).log2_index_bytes).cast();
            Some(Self {
                keys: keys_start,
                values,
                count: (*keys).entries.cast_unsigned(),
            })
        }
    }

    /// The value under a name. `hint` is where it was last time.
    #[inline(always)]
    pub fn get(self, name: Item, hint: &Cell<usize>) -> Option<Item> {
        let at = hint.get();
        if at < self.count && self.key(at) == name.ptr() {
            return self.value(at);
        }
        let at = (0..self.count).find(|&at| self.key(at) == name.ptr())?;
        hint.set(at);
        self.value(at)
    }

    /// The number of attributes that are set.
    pub fn len(self) -> usize {
        (0..self.count)
            .filter(|&at| self.value(at).is_some())
            .count()
    }

    /// The entry at or after `place`, which moves on.
    pub fn next(self, place: &mut isize) -> Option<(Item, Item)> {
        loop {
            let at = place.cast_unsigned();
            if at >= self.count {
                return None;
            }
            *place += 1;
            if let (Some(key), Some(value)) = (NonNull::new(self.key(at)), self.value(at)) {
                // SAFETY: the shared keys own the key.
                return Some((unsafe { Item::new(key) }, value));
            }
        }
    }

    #[inline(always)]
    fn key(self, at: usize) -> *mut ffi::PyObject {
        // SAFETY: the caller checked the index.
        unsafe { (*self.keys.add(at)).key }
    }

    #[inline(always)]
    fn value(self, at: usize) -> Option<Item> {
        // SAFETY: the caller checked the index; there is room for a value per shared key, null where unset.
        unsafe { NonNull::new(*self.values.add(at)).map(|value| Item::new(value)) }
    }
}

/// Where the values lie; null if they are in a dict.
#[inline(always)]
#[allow(clippy::cast_ptr_alignment)]
unsafe fn values_of(object: Item, ty: *mut ffi::PyTypeObject) -> *const *mut ffi::PyObject {
    const MANAGED_DICT: std::ffi::c_ulong = 1 << 4;
    let null = std::ptr::null();
    let words = object.ptr().cast::<usize>();
    // SAFETY: the flag says that these words lie before the object, or that the values lie behind it.
    unsafe {
        #[cfg(not(Py_3_12))]
        {
            if (*ty).tp_flags & MANAGED_DICT == 0 {
                null
            } else {
                *words.sub(4) as *const _
            }
        }
        #[cfg(all(Py_3_12, not(Py_3_13)))]
        {
            if (*ty).tp_flags & MANAGED_DICT == 0 {
                return null;
            }
            // The lowest bit tells values from a dict.
            let word = *words.sub(3);
            if word & 1 == 0 {
                null
            } else {
                (word + 1) as *const _
            }
        }
        #[cfg(Py_3_13)]
        {
            const INLINE_VALUES: std::ffi::c_ulong = 1 << 2;
            let both = MANAGED_DICT | INLINE_VALUES;
            let flags = (*ty).tp_flags as std::ffi::c_ulong;
            if flags & both != both {
                return null;
            }
            // Capacity, size, whether embedded, whether valid; then the values.
            let header = words.cast::<u8>().byte_offset((*ty).tp_basicsize);
            if *header.add(3) == 0 {
                null
            } else {
                header.add(size_of::<usize>()).cast()
            }
        }
    }
}

/// Tries the layout out on this interpreter, and uses it from then on if it is as described.
pub fn enable(py: Python<'_>) -> PyResult<()> {
    ENABLED.store(works(py)?, Ordering::Relaxed);
    Ok(())
}

fn works(py: Python<'_>) -> PyResult<bool> {
    if !cfg!(all(not(Py_3_15), not(Py_GIL_DISABLED))) {
        return Ok(false);
    }
    let class = py
        .get_type::<pyo3::types::PyType>()
        .call1(("Probe", (), PyDict::new(py)))?;
    let (object, other) = (class.call0()?, class.call0()?);
    let names = ["first", "second", "third"];
    for (value, name) in names.iter().enumerate() {
        object.setattr(name, value + 1_000)?;
        other.setattr(name, value)?;
    }
    object.delattr("second")?;
    let seen = |object: &Bound<'_, PyAny>| -> PyResult<bool> {
        let Some(inline) = Inline::read(Item::of(object)) else {
            return Ok(false);
        };
        let (mut place, mut found) = (0, Vec::new());
        while let Some((key, value)) = inline.next(&mut place) {
            found.push((key.bind(py).extract::<String>()?, value.bind(py).as_ptr()));
        }
        let expected: Vec<_> = names
            .iter()
            .filter_map(|name| {
                object
                    .getattr(*name)
                    .ok()
                    .map(|value| ((*name).to_owned(), value.as_ptr()))
            })
            .collect();
        Ok(found == expected)
    };
    Ok(seen(&object)? && seen(&other)?)
}
