//! Choices out of sequences. A draw of 0 always means the least change: the first element, the order as it is.

use std::collections::BTreeMap;

use fasm_core::draws::{Method, Weights};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyInt, PyList, PySequence};
use pyo3::{ffi, intern};

use super::Rng;
use crate::errors::{invalid, refused};

/// Long loops look for Ctrl-C once in so many rounds.
const ROUNDS: usize = 1 << 16;

/// Anything that can be indexed from 0. Sets cannot: their order is not fixed.
fn sequence<'py>(name: &str, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PySequence>> {
    // SAFETY: the pointer is that of a live object, and the check only looks at its type.
    if unsafe { ffi::PySequence_Check(value.as_ptr()) } == 0 {
        return Err(invalid(
            name,
            value,
            "a sequence, such as a list or a tuple (sort a set to make it one)",
        ));
    }
    // SAFETY: the methods of PySequence only need what PySequence_Check has found; it need not be registered as
    // a `collections.abc.Sequence`, which is what a checked cast would ask for.
    Ok(unsafe { value.clone().cast_into_unchecked() })
}

/// Checks how many elements are wanted.
pub fn k_count(k: &Bound<'_, PyAny>) -> PyResult<usize> {
    let right = "an int of at least 0";
    if k.is_instance_of::<PyBool>() {
        return Err(invalid("k", k, right));
    }
    k.extract().map_err(|error| refused("k", k, right, error))
}

fn interruptible(py: Python<'_>, round: usize) -> PyResult<()> {
    if round % ROUNDS == ROUNDS - 1 {
        py.check_signals()
    } else {
        Ok(())
    }
}

pub fn choice<'py>(rng: &Rng, seq: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let elements = sequence("seq", seq)?;
    let length = elements.len()?;
    if length == 0 {
        return Err(invalid("seq", seq, "a sequence that is not empty"));
    }
    elements.get_item(rng.below(Method::Choice, length as u64) as usize)
}

pub fn choices<'py>(
    rng: &Rng,
    population: &Bound<'py, PyAny>,
    weights: Option<&Bound<'py, PyAny>>,
    k: usize,
) -> PyResult<Bound<'py, PyList>> {
    let py = population.py();
    let elements = sequence("population", population)?;
    let length = elements.len()?;
    if length == 0 {
        return Err(invalid(
            "population",
            population,
            "a sequence that is not empty",
        ));
    }
    let weights = weights
        .map(|weights| weights_of(weights, length))
        .transpose()?;
    let chosen = PyList::empty(py);
    for round in 0..k {
        let index = match &weights {
            Some(weights) => rng.with_draws(|draws| draws.weighted(Method::Choices, weights)),
            None => rng.below(Method::Choices, length as u64) as usize,
        };
        chosen.append(elements.get_item(index)?)?;
        interruptible(py, round)?;
    }
    Ok(chosen)
}

fn weights_of(given: &Bound<'_, PyAny>, length: usize) -> PyResult<Weights> {
    let right = format!(
        "{length} numbers, one for each of the population, none below 0, not all of them 0"
    );
    let refuse = |error| refused("weights", given, &right, error);
    let numbers = given
        .try_iter()
        .map_err(refuse)?
        .collect::<PyResult<Vec<_>>>()?;
    if numbers.len() == length {
        if let Some(weights) = whole(&numbers) {
            return Ok(weights);
        }
        let floats = numbers
            .iter()
            .map(PyAnyMethods::extract::<f64>)
            .collect::<PyResult<Vec<_>>>()
            .map_err(refuse)?;
        if let Some(weights) = fractional(&floats) {
            return Ok(weights);
        }
    }
    Err(invalid("weights", given, &right))
}

/// Ints are taken exactly, as long as their sum fits 64 bits.
fn whole(numbers: &[Bound<'_, PyAny>]) -> Option<Weights> {
    let is_int = |number: &Bound<'_, PyAny>| number.is_instance_of::<PyInt>();
    let exact = |number: &Bound<'_, PyAny>| {
        is_int(number)
            .then(|| number.extract::<u64>().ok())
            .flatten()
    };
    Weights::new(&numbers.iter().map(exact).collect::<Option<Vec<_>>>()?)
}

/// Other numbers are scaled to ints with a sum of about 2^62. What is above 0 stays above 0.
fn fractional(floats: &[f64]) -> Option<Weights> {
    if !floats
        .iter()
        .all(|weight| weight.is_finite() && *weight >= 0.0)
    {
        return None;
    }
    let largest = floats.iter().copied().fold(0.0, f64::max);
    let sum: f64 = floats.iter().map(|weight| weight / largest).sum();
    let unit = (1_u64 << 62) as f64 / sum;
    let scaled = |&weight: &f64| {
        if weight > 0.0 {
            ((weight / largest * unit) as u64).max(1)
        } else {
            0
        }
    };
    Weights::new(&floats.iter().map(scaled).collect::<Vec<_>>())
}

pub fn sample<'py>(
    rng: &Rng,
    population: &Bound<'py, PyAny>,
    k: usize,
) -> PyResult<Bound<'py, PyList>> {
    let py = population.py();
    let elements = sequence("population", population)?;
    let length = elements.len()?;
    if k > length {
        let right = format!("an int of at most {length}, the size of the population");
        return Err(invalid("k", k.into_pyobject(py)?.as_any(), &right));
    }
    let chosen = PyList::empty(py);
    // A shuffle of all indices, of which only the places that moved are kept.
    let mut moved: BTreeMap<usize, usize> = BTreeMap::new();
    for place in 0..k {
        let other = place + rng.below(Method::Sample, (length - place) as u64) as usize;
        let here = moved.remove(&place).unwrap_or(place);
        let index = if other == place {
            here
        } else {
            moved.insert(other, here).unwrap_or(other)
        };
        chosen.append(elements.get_item(index)?)?;
        interruptible(py, place)?;
    }
    Ok(chosen)
}

pub fn shuffle(rng: &Rng, x: &Bound<'_, PyAny>) -> PyResult<()> {
    if !x.hasattr(intern!(x.py(), "__setitem__"))? {
        return Err(invalid(
            "x",
            x,
            "a list or another sequence that can be changed",
        ));
    }
    let elements = sequence("x", x)?;
    let length = elements.len()?;
    for place in 0..length.saturating_sub(1) {
        let other = place + rng.below(Method::Shuffle, (length - place) as u64) as usize;
        if other != place {
            let (here, there) = (elements.get_item(place)?, elements.get_item(other)?);
            elements.set_item(place, there)?;
            elements.set_item(other, here)?;
        }
        interruptible(x.py(), place)?;
    }
    Ok(())
}
