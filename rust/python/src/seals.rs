//! Checksums over stored bytes. Each is taken once or twice per unit, so they are made here.

use crc32fast::Hasher;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyString, PyTuple};

/// The largest prime below 2^32, so that no single bit of a number can vanish.
const PRIME: i128 = 4_294_967_291;

/// A checksum over bytes and the numbers beside them. Stored: what goes in must never change.
#[pyfunction]
#[pyo3(signature = (data, /, *numbers))]
pub(crate) fn seal(data: PyBackedBytes, numbers: &Bound<'_, PyTuple>) -> PyResult<u32> {
    let mut start: i128 = 0;
    for number in numbers {
        let number: i64 = number
            .extract()
            .map_err(|_| PyValueError::new_err("a number does not fit into 64 bits signed"))?;
        start = (start * 31 + i128::from(number)).rem_euclid(PRIME);
    }
    Ok(crc32(start as u32, &[&data]))
}

/// A checksum over a payload and the names of what it belongs to. Stored: see `seal`.
#[pyfunction]
#[pyo3(signature = (instance, action_id, payload, /))]
pub(crate) fn seal_action(instance: &str, action_id: &str, payload: PyBackedBytes) -> u32 {
    crc32(
        0,
        &[instance.as_bytes(), b"\0", action_id.as_bytes(), &payload],
    )
}

/// What the log keeps of a transition: a checksum over the actions that it emits and, unless it is None, one over
/// the encoded state. Stored: see `seal`.
#[pyfunction]
#[pyo3(signature = (emitted, state, /))]
pub(crate) fn digest<'py>(
    emitted: &Bound<'py, PyAny>,
    state: Option<PyBackedBytes>,
) -> PyResult<Bound<'py, PyBytes>> {
    let py = emitted.py();
    let mut effect = Hasher::new();
    for (position, row) in emitted.try_iter()?.enumerate() {
        let row = row?;
        let id = row.getattr(intern!(py, "action_id"))?;
        let payload: PyBackedBytes = row.getattr(intern!(py, "payload"))?.extract()?;
        if position > 0 {
            effect.update(b"\n");
        }
        effect.update(id.cast::<PyString>()?.to_str()?.as_bytes());
        effect.update(b" ");
        effect.update(&payload);
    }
    let mut bytes = effect.finalize().to_be_bytes().to_vec();
    if let Some(state) = state {
        bytes.extend(crc32(0, &[&state]).to_be_bytes());
    }
    Ok(PyBytes::new(py, &bytes))
}

fn crc32(start: u32, parts: &[&[u8]]) -> u32 {
    let mut hasher = Hasher::new_with_initial(start);
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}
