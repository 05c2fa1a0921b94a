//! Ints of any size. Up to 64 bits they are single draws; beyond that, draws of 64 bits with rejection.

use fasm_core::draws::Method;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt};
use pyo3::{Borrowed, intern};

use super::Rng;
use crate::errors::invalid;

/// The most bits that `getrandbits` gives, as in Python's `random`.
const BITS_MAX: u64 = (1 << 31) - 1;

/// The `step` of a range: what the caller gave, even None, or nothing.
pub struct Step<'py>(Option<Bound<'py, PyAny>>);

impl Step<'_> {
    /// The default, which needs no object.
    pub const ONE: Self = Self(None);
}

impl<'py> FromPyObject<'_, 'py> for Step<'py> {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self(Some(given.to_owned())))
    }
}

/// The value of an exact int that fits 64 bits. Others take the general path.
#[inline]
fn small(value: &Bound<'_, PyAny>) -> Option<i64> {
    value.cast_exact::<PyInt>().ok()?.extract().ok()
}

/// An int, or what an object with `__index__` stands for.
fn integer<'py>(name: &str, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if value.is_instance_of::<PyInt>() {
        return Ok(value.clone());
    }
    match value.getattr_opt(intern!(value.py(), "__index__"))? {
        Some(index) => index.call0(),
        None => Err(invalid(name, value, "an int")),
    }
}

pub fn randint<'py>(
    rng: &Rng,
    a: &Bound<'py, PyAny>,
    b: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    if let (Some(low), Some(high)) = (small(a), small(b))
        && low <= high
    {
        return Ok(between(rng, Method::RandInt, low, high, a.py()));
    }
    let (low, high) = (integer("a", a)?, integer("b", b)?);
    if high.lt(&low)? {
        return Err(invalid("b", b, &format!("an int of at least a = {low}")));
    }
    low.add(up_to(rng, Method::RandInt, &high.sub(&low)?)?)
}

pub fn randrange<'py>(
    rng: &Rng,
    start: &Bound<'py, PyAny>,
    stop: Option<&Bound<'py, PyAny>>,
    step: &Step<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = start.py();
    let fast = match (stop, &step.0) {
        (None, None) => Some(0).zip(small(start)),
        (Some(stop), None) => small(start).zip(small(stop)),
        _ => None,
    };
    match fast {
        Some((low, high)) if low < high => Ok(between(rng, Method::RandRange, low, high - 1, py)),
        _ => stepped(rng, start, stop, step),
    }
}

/// `randrange` in general: an index into Python's own `range`.
fn stepped<'py>(
    rng: &Rng,
    start: &Bound<'py, PyAny>,
    stop: Option<&Bound<'py, PyAny>>,
    step: &Step<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = start.py();
    let first = integer("start", start)?;
    let one = 1_i64.into_pyobject(py)?.into_any();
    let step = step
        .0
        .as_ref()
        .map_or(Ok(one), |step| integer("step", step))?;
    if step.eq(0)? {
        return Err(invalid("step", &step, "an int other than 0"));
    }
    let Some(stop) = stop else {
        if step.ne(1)? {
            return Err(invalid(
                "stop",
                py.None().bind(py),
                "an int, since a step is given",
            ));
        }
        if first.le(0)? {
            return Err(invalid(
                "start",
                start,
                "an int of at least 1, since it is the only bound",
            ));
        }
        return up_to(rng, Method::RandRange, &first.sub(1)?);
    };
    let range = py.import(intern!(py, "builtins"))?.call_method1(
        intern!(py, "range"),
        (&first, integer("stop", stop)?, &step),
    )?;
    if !range.is_truthy()? {
        let right = format!("an int for which range({first}, stop, {step}) is not empty");
        return Err(invalid("stop", stop, &right));
    }
    let last = range
        .get_item(-1)?
        .sub(range.get_item(0)?)?
        .floor_div(&step)?;
    range.get_item(up_to(rng, Method::RandRange, &last)?)
}

/// An int from `low` to `high`, both included.
#[inline]
fn between<'py>(
    rng: &Rng,
    method: Method,
    low: i64,
    high: i64,
    py: Python<'py>,
) -> Bound<'py, PyAny> {
    let bound = high.abs_diff(low).wrapping_add(1);
    let value = low.wrapping_add_unsigned(rng.below(method, bound));
    let Ok(object) = value.into_pyobject(py);
    object.into_any()
}

/// An int from 0 to `last`, both included, of any size.
fn up_to<'py>(rng: &Rng, method: Method, last: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = last.py();
    if let Ok(last) = last.extract::<u64>() {
        return Ok(rng
            .below(method, last.wrapping_add(1))
            .into_pyobject(py)?
            .into_any());
    }
    let width: u64 = last.call_method0(intern!(py, "bit_length"))?.extract()?;
    // A replay ends in zeros, which are not rejected.
    loop {
        let value = bits(rng, method, width, py)?;
        if value.le(last)? {
            return Ok(value);
        }
    }
}

pub fn getrandbits<'py>(rng: &Rng, k: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    match integer("k", k)?.extract::<u64>() {
        Ok(width) if width <= BITS_MAX => bits(rng, Method::GetRandBits, width, k.py()),
        _ => Err(invalid("k", k, "an int from 0 to 2**31 - 1")),
    }
}

/// An int of `width` bits, drawn in pieces of 64, the lowest first.
fn bits<'py>(
    rng: &Rng,
    method: Method,
    width: u64,
    py: Python<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let piece = |width: u64| rng.below(method, 1_u64.checked_shl(width as u32).unwrap_or(0));
    match width {
        0 => return Ok(0_u64.into_pyobject(py)?.into_any()),
        1..=64 => return Ok(piece(width).into_pyobject(py)?.into_any()),
        _ => {}
    }
    let bytes = PyBytes::new_with(py, width.div_ceil(64) as usize * 8, |buffer| {
        let mut left = width;
        for word in buffer.chunks_exact_mut(8) {
            word.copy_from_slice(&piece(left.min(64)).to_le_bytes());
            left = left.saturating_sub(64);
        }
        Ok(())
    })?;
    py.get_type::<PyInt>()
        .call_method1(intern!(py, "from_bytes"), (bytes, "little"))
}
