//! Raw reads of CPython objects: the one place of the walk that follows pointers.
//!
//! Contract: an [`Item`] is used only while its object is alive. Its owner (a container, or an [`Own`]) keeps it
//! alive until Python code can next run; whoever calls Python code while it still needs an item makes an [`Own`]
//! first. All of it happens attached to the interpreter. Each `unsafe` block below relies on this contract and on
//! the type check that its comment names.

use std::ptr::{NonNull, null_mut};
use std::slice;

use pyo3::exceptions::PyAttributeError;
use pyo3::ffi;
use pyo3::prelude::*;

/// A type, by address.
pub type Type = *mut ffi::PyTypeObject;

/// A borrowed reference to a live object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item(NonNull<ffi::PyObject>);

/// An int: small enough for a word, or its sign and its digits of 30 bits.
pub enum Int<'a> {
    Small(i64),
    Big(bool, &'a [u32]),
}

/// The characters of a str, in the width that CPython chose: the least that fits them all.
pub enum Text<'a> {
    One(&'a [u8]),
    Two(&'a [u16]),
    Four(&'a [u32]),
}

macro_rules! type_of_ffi {
    ($name:ident) => {
        &raw mut pyo3::ffi::$name
    };
}
pub(super) use type_of_ffi;

impl Item {
    /// # Safety
    /// The object is alive, and the contract of this module is kept for as long as the item is used.
    #[inline(always)]
    pub unsafe fn new(object: NonNull<ffi::PyObject>) -> Self {
        Self(object)
    }

    #[inline(always)]
    pub fn of(object: &Bound<'_, PyAny>) -> Self {
        // SAFETY: the caller holds a reference.
        unsafe { Self(NonNull::new_unchecked(object.as_ptr())) }
    }

    #[inline(always)]
    pub fn ptr(self) -> *mut ffi::PyObject {
        self.0.as_ptr()
    }

    #[inline(always)]
    pub fn ty(self) -> Type {
        // SAFETY: any live object has a type.
        unsafe { ffi::Py_TYPE(self.ptr()) }
    }

    pub fn bind(self, py: Python<'_>) -> Bound<'_, PyAny> {
        // SAFETY: the object is alive; this takes a new reference.
        unsafe { Bound::from_borrowed_ptr(py, self.ptr()) }
    }

    #[inline(always)]
    pub fn own(self) -> Own {
        // SAFETY: the object is alive; the new reference belongs to the `Own`.
        unsafe { ffi::Py_INCREF(self.ptr()) };
        Own(self.0)
    }

    /// Whether this is None, True or False.
    #[inline(always)]
    pub fn is_none(self) -> bool {
        // SAFETY: only an address is read.
        self.ptr() == unsafe { ffi::Py_None() }
    }

    #[inline(always)]
    pub fn is_true(self) -> bool {
        // SAFETY: only an address is read.
        self.ptr() == unsafe { ffi::Py_True() }
    }

    /// The value of a float or of an object of a subclass.
    #[inline(always)]
    pub fn float_bits(self) -> u64 {
        // SAFETY: the caller knows that this is a float.
        unsafe { ffi::PyFloat_AS_DOUBLE(self.ptr()) }.to_bits()
    }

    pub fn complex_bits(self) -> (u64, u64) {
        // SAFETY: the caller knows that this is a complex, so neither call can fail.
        let value = unsafe { ffi::PyComplex_AsCComplex(self.ptr()) };
        (value.real.to_bits(), value.imag.to_bits())
    }

    /// The value of an int or of an object of a subclass.
    #[inline(always)]
    pub fn int<'a>(self) -> Int<'a> {
        #[repr(C)]
        struct Layout {
            base: ffi::PyObject,
            #[cfg(Py_3_12)]
            tag: usize,
            #[cfg(not(Py_3_12))]
            size: ffi::Py_ssize_t,
            digits: [u32; 2],
        }
        let object = self.ptr().cast::<Layout>();
        // SAFETY: the caller knows that this is an int; `Layout` is CPython's for ints of 30-bit digits (checked
        // at import), of which at least one is always there.
        let (negative, count, first) = unsafe {
            #[cfg(Py_3_12)]
            let (negative, count) = ((*object).tag & 3 == 2, (*object).tag >> 3);
            #[cfg(not(Py_3_12))]
            let (negative, count) = ((*object).size < 0, (*object).size.unsigned_abs());
            (negative, count, (*object).digits[0])
        };
        if count <= 1 {
            // Zero has no digit in use.
            let magnitude = if count == 0 { 0 } else { i64::from(first) };
            return Int::Small(if negative { -magnitude } else { magnitude });
        }
        // SAFETY: an int of `count` digits holds that many.
        let digits = unsafe { slice::from_raw_parts((&raw const (*object).digits).cast(), count) };
        wide_int(negative, digits)
    }

    /// The characters of a str or of an object of a subclass.
    #[inline(always)]
    pub fn text<'a>(self) -> Text<'a> {
        let object = self.ptr();
        // SAFETY: the caller knows that this is a str, and a str is immutable while it lives.
        unsafe {
            #[cfg(not(Py_3_12))]
            if ffi::PyUnicode_IS_READY(object) == 0 {
                // A legacy string; out of memory leaves it empty, which `kind` 0 below stands for.
                ffi::PyUnicode_READY(object);
            }
            let len = ffi::PyUnicode_GET_LENGTH(object) as usize;
            let data = ffi::PyUnicode_DATA(object);
            match ffi::PyUnicode_KIND(object) {
                ffi::PyUnicode_1BYTE_KIND => Text::One(slice::from_raw_parts(data.cast(), len)),
                ffi::PyUnicode_2BYTE_KIND => Text::Two(slice::from_raw_parts(data.cast(), len)),
                ffi::PyUnicode_4BYTE_KIND => Text::Four(slice::from_raw_parts(data.cast(), len)),
                _ => Text::One(&[]),
            }
        }
    }

    pub fn bytes<'a>(self) -> &'a [u8] {
        let object = self.ptr();
        // SAFETY: the caller knows that this is a bytes object, immutable while it lives.
        unsafe {
            let len = ffi::Py_SIZE(object) as usize;
            slice::from_raw_parts(ffi::PyBytes_AS_STRING(object).cast(), len)
        }
    }

    /// The bytes of a bytearray; to be used before Python code can run.
    pub fn bytearray<'a>(self) -> &'a [u8] {
        let object = self.ptr();
        // SAFETY: the caller knows that this is a bytearray; nothing can resize it before Python code runs.
        unsafe {
            let len = ffi::PyByteArray_Size(object) as usize;
            slice::from_raw_parts(ffi::PyByteArray_AsString(object).cast(), len)
        }
    }

    #[inline(always)]
    pub fn list_len(self) -> usize {
        // SAFETY: the caller knows that this is a list.
        unsafe { ffi::PyList_GET_SIZE(self.ptr()) as usize }
    }

    #[inline(always)]
    pub fn list_get(self, index: usize) -> Option<Item> {
        if index >= self.list_len() {
            return None;
        }
        // SAFETY: the index is within the list as it is now.
        NonNull::new(unsafe { ffi::PyList_GET_ITEM(self.ptr(), index.cast_signed()) }).map(Item)
    }

    #[inline(always)]
    pub fn tuple_len(self) -> usize {
        // SAFETY: the caller knows that this is a tuple.
        unsafe { ffi::PyTuple_GET_SIZE(self.ptr()) as usize }
    }

    #[inline(always)]
    pub fn tuple_get(self, index: usize) -> Option<Item> {
        if index >= self.tuple_len() {
            return None;
        }
        // SAFETY: the index is within the tuple.
        NonNull::new(unsafe { ffi::PyTuple_GET_ITEM(self.ptr(), index.cast_signed()) }).map(Item)
    }

    #[inline(always)]
    pub fn dict_len(self) -> usize {
        // SAFETY: the caller knows that this is a dict.
        unsafe { ffi::PyDict_Size(self.ptr()) as usize }
    }

    pub fn set_len(self) -> usize {
        // SAFETY: the caller knows that this is a set or frozenset.
        unsafe { ffi::PySet_Size(self.ptr()) as usize }
    }

    pub fn deque_len(self) -> usize {
        // SAFETY: the caller knows that this is a deque, which counts its items as all objects of variable size.
        unsafe { ffi::Py_SIZE(self.ptr()) as usize }
    }

    /// `maxlen` of a deque.
    pub fn deque_bound(self, py: Python<'_>) -> PyResult<Own> {
        let bound = self.attribute(py, Item::of(pyo3::intern!(py, "maxlen")))?;
        Ok(bound.unwrap_or_else(|| Own::from_bound(py.None().into_bound(py))))
    }

    /// The entry at or after `place`, which moves on. A dict that changed since gives some entry or none.
    #[inline(always)]
    pub fn dict_next(self, place: &mut isize) -> Option<(Item, Item)> {
        let (mut key, mut value) = (null_mut(), null_mut());
        // SAFETY: the caller knows that this is a dict; CPython checks `place` against the dict as it is now.
        let found = unsafe { ffi::PyDict_Next(self.ptr(), place, &raw mut key, &raw mut value) };
        if found == 0 {
            return None;
        }
        Some((Item(NonNull::new(key)?), Item(NonNull::new(value)?)))
    }

    /// The value of a dict under a key; runs the key's hash, and on a collision its equality.
    pub fn dict_get(self, py: Python<'_>, key: Item) -> PyResult<Option<Item>> {
        // SAFETY: the caller knows that this is a dict.
        let found = unsafe { ffi::PyDict_GetItemWithError(self.ptr(), key.ptr()) };
        match NonNull::new(found) {
            Some(value) => Ok(Some(Item(value))),
            None => PyErr::take(py).map_or(Ok(None), Err),
        }
    }

    /// The pointer at `offset` of the object; the offset comes from a member descriptor of its type.
    #[inline(always)]
    pub fn slot(self, offset: isize) -> Option<Item> {
        // SAFETY: the descriptor says that an object pointer, perhaps null, lies there.
        NonNull::new(unsafe { *self.slot_address(offset) }).map(Item)
    }

    /// # Safety
    /// As for `slot`; nobody else may be in the middle of reading it.
    pub unsafe fn set_slot(self, offset: isize, value: Own) {
        // SAFETY: see above. The old value is dropped only after the new one is in place.
        unsafe {
            let place = self.slot_address(offset);
            let old = std::mem::replace(&mut *place, value.into_ptr());
            ffi::Py_XDECREF(old);
        }
    }

    unsafe fn slot_address(self, offset: isize) -> *mut *mut ffi::PyObject {
        // SAFETY: the caller vouches for the offset.
        unsafe { self.ptr().byte_offset(offset).cast() }
    }

    /// `object.__getattribute__`: no `__getattr__` or `__getattribute__` of the user. None if there is no such
    /// attribute.
    pub fn attribute(self, py: Python<'_>, name: Item) -> PyResult<Option<Own>> {
        match self.property(py, name) {
            Err(error) if error.is_instance_of::<PyAttributeError>(py) => Ok(None),
            found => found,
        }
    }

    /// The same where the class has a property or the like, whose errors are the user's.
    pub fn property(self, py: Python<'_>, name: Item) -> PyResult<Option<Own>> {
        // SAFETY: both objects are alive; the call gives a new reference or sets an error.
        let found = unsafe { ffi::PyObject_GenericGetAttr(self.ptr(), name.ptr()) };
        Own::take(py, found).map(Some)
    }
}

/// Whether ints are laid out as `Item::int` reads them.
pub fn reads_ints(py: Python<'_>) -> PyResult<bool> {
    for value in [0, 1, -7, 1 << 30, -(1 << 45), 1 << 60, i64::MAX, -i64::MAX] {
        let int = value.into_pyobject(py)?.into_any();
        if !matches!(Item::of(&int).int(), Int::Small(read) if read == value) {
            return Ok(false);
        }
    }
    let large = (-(1_i128 << 100)).into_pyobject(py)?.into_any();
    Ok(matches!(
        Item::of(&large).int(),
        Int::Big(true, &[0, 0, 0, 1024])
    ))
}

/// Ints of two or more digits: those below 2^63 fit a word.
#[inline(never)]
fn wide_int(negative: bool, digits: &[u32]) -> Int<'_> {
    let small = match *digits {
        [a, b] => u64::from(a) | u64::from(b) << 30,
        [a, b, c] if c < 8 => u64::from(a) | u64::from(b) << 30 | u64::from(c) << 60,
        _ => return Int::Big(negative, digits),
    };
    let magnitude = small.cast_signed();
    Int::Small(if negative { -magnitude } else { magnitude })
}

/// An owned reference to an object.
#[derive(Debug)]
pub struct Own(NonNull<ffi::PyObject>);

// SAFETY: references are taken and given back only while attached; between calls the walk holds none.
unsafe impl Send for Own {}
// SAFETY: a shared `Own` gives only what `Item` gives, under the same contract.
unsafe impl Sync for Own {}

impl Own {
    /// Takes over a new reference, or the error that stands for it.
    pub fn take(py: Python<'_>, object: *mut ffi::PyObject) -> PyResult<Self> {
        NonNull::new(object).map_or_else(|| Err(PyErr::fetch(py)), |object| Ok(Self(object)))
    }

    pub fn from_bound(object: Bound<'_, PyAny>) -> Self {
        // SAFETY: a bound object is never null; its reference moves over.
        Self(unsafe { NonNull::new_unchecked(object.into_ptr()) })
    }

    #[inline(always)]
    pub fn item(&self) -> Item {
        Item(self.0)
    }

    #[inline(always)]
    pub fn into_ptr(self) -> *mut ffi::PyObject {
        std::mem::ManuallyDrop::new(self).0.as_ptr()
    }

    pub fn into_bound(self, py: Python<'_>) -> Bound<'_, PyAny> {
        // SAFETY: the reference is ours and moves over.
        unsafe { Bound::from_owned_ptr(py, self.into_ptr()) }
    }
}

impl Drop for Own {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: the reference is ours and given back once, attached.
        unsafe { ffi::Py_DECREF(self.0.as_ptr()) }
    }
}
