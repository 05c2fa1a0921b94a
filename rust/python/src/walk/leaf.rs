//! How plain values enter the hash.

use fasm_core::mixer::Mixer;

use super::raw::{Int, Item, Text, type_of_ffi};

/// What a word or a byte string of the stream means. Part of the hash: never renumber.
pub mod tag {
    pub const NONE: u64 = 1;
    pub const BOOL: u64 = 2;
    pub const INT: u64 = 3;
    pub const BIG_INT: u64 = 4;
    pub const FLOAT: u64 = 5;
    pub const STR: u64 = 6;
    pub const WIDE_STR: u64 = 7;
    pub const BYTES: u64 = 8;
    pub const BYTEARRAY: u64 = 9;
    pub const COMPLEX: u64 = 10;
    pub const LIST: u64 = 11;
    pub const TUPLE: u64 = 12;
    pub const DICT: u64 = 13;
    pub const LOOSE_DICT: u64 = 14;
    pub const SET: u64 = 15;
    pub const DEQUE: u64 = 16;
    pub const MOMENT: u64 = 17;
    pub const MISSING: u64 = 18;
    pub const CYCLE: u64 = 19;
}

/// Takes a value of an exact plain type; false if it is of another type.
#[inline(always)]
pub fn absorb_plain(mixer: &mut Mixer, item: Item) -> bool {
    let ty = item.ty();
    if ty == type_of_ffi!(PyUnicode_Type) {
        absorb_str(mixer, item);
    } else if ty == type_of_ffi!(PyLong_Type) {
        absorb_int(mixer, item);
    } else if item.is_none() {
        mixer.absorb(0, tag::NONE);
    } else if ty == type_of_ffi!(PyFloat_Type) {
        mixer.absorb(item.float_bits(), tag::FLOAT);
    } else if ty == type_of_ffi!(PyBool_Type) {
        mixer.absorb(u64::from(item.is_true()), tag::BOOL);
    } else if ty == type_of_ffi!(PyBytes_Type) {
        mixer.absorb_bytes(item.bytes(), tag::BYTES);
    } else {
        return false;
    }
    true
}

/// Whether a value is of an exact plain type, hence immutable and without parts.
#[inline(always)]
pub fn is_plain(item: Item) -> bool {
    let ty = item.ty();
    ty == type_of_ffi!(PyUnicode_Type)
        || ty == type_of_ffi!(PyLong_Type)
        || item.is_none()
        || ty == type_of_ffi!(PyFloat_Type)
        || ty == type_of_ffi!(PyBool_Type)
        || ty == type_of_ffi!(PyBytes_Type)
}

#[inline(always)]
pub fn absorb_int(mixer: &mut Mixer, item: Item) {
    match item.int() {
        Int::Small(value) => mixer.absorb(value.cast_unsigned(), tag::INT),
        Int::Big(negative, digits) => absorb_big_int(mixer, negative, digits),
    }
}

#[inline(always)]
pub fn absorb_str(mixer: &mut Mixer, item: Item) {
    match item.text() {
        Text::One(units) => mixer.absorb_bytes(units, tag::STR),
        Text::Two(units) => absorb_units(mixer, 2, units),
        Text::Four(units) => absorb_units(mixer, 4, units),
    }
}

pub fn absorb_complex(mixer: &mut Mixer, item: Item) {
    let (real, imaginary) = item.complex_bits();
    mixer.absorb(real, tag::COMPLEX);
    mixer.absorb(imaginary, tag::COMPLEX);
}

#[inline(never)]
fn absorb_big_int(mixer: &mut Mixer, negative: bool, digits: &[u32]) {
    let header = (digits.len() as u64) << 1 | u64::from(negative);
    mixer.absorb(header, tag::BIG_INT);
    // Two digits of 30 bits to a word.
    for pair in digits.chunks(2) {
        let high = pair.get(1).copied().unwrap_or_default();
        mixer.absorb(u64::from(pair[0]) | u64::from(high) << 32, tag::BIG_INT);
    }
}

/// Units are read as numbers, not as bytes, so the byte order of the machine does not matter.
#[inline(never)]
fn absorb_units<T: Copy + Into<u32>>(mixer: &mut Mixer, width: u64, units: &[T]) {
    mixer.absorb(units.len() as u64, tag::WIDE_STR | width << 8);
    for pair in units.chunks(2) {
        let low = pair[0].into();
        let high = pair.get(1).map_or(0, |&unit| unit.into());
        mixer.absorb(u64::from(low) | u64::from(high) << 32, tag::WIDE_STR);
    }
}
