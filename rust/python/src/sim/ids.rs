//! Which ids are outstanding and which are done, by Python's own notion of equality.

use fasm_core::host::Standing;
use fasm_core::ledger::RecentInts;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt};

/// A finished id is remembered for at least this many completions after it.
const REMEMBERED: usize = 1 << 20;

/// The ids of one run. Lookups run `__hash__` and `__eq__` of the ids; no lock is involved.
#[derive(Debug)]
pub struct IdTable {
    /// Outstanding id to slot number.
    outstanding: Option<Py<PyDict>>,
    /// Finished ids: plain non-negative ints compactly, all others in two generations.
    ints: RecentInts,
    others: [Option<Py<PyDict>>; 2],
}

impl IdTable {
    pub fn new() -> Self {
        Self {
            outstanding: None,
            ints: RecentInts::default(),
            others: [None, None],
        }
    }

    /// A copy that goes its own way.
    pub fn fork(&self, py: Python<'_>) -> PyResult<Self> {
        Ok(Self {
            outstanding: copy_of(py, self.outstanding.as_ref())?,
            ints: self.ints.clone(),
            others: [
                copy_of(py, self.others[0].as_ref())?,
                copy_of(py, self.others[1].as_ref())?,
            ],
        })
    }

    pub fn enter(&mut self, id: &Bound<'_, PyAny>, slot: u32, again: bool) -> PyResult<Standing> {
        if let Some(slot) = self.find(id)? {
            return Ok(Standing::Outstanding(slot));
        }
        if !again && self.was_completed(id)? {
            return Ok(Standing::Completed);
        }
        let py = id.py();
        let outstanding = self
            .outstanding
            .get_or_insert_with(|| PyDict::new(py).unbind());
        outstanding.bind(py).set_item(id, slot)?;
        Ok(Standing::Entered)
    }

    pub fn find(&self, id: &Bound<'_, PyAny>) -> PyResult<Option<u32>> {
        let Some(outstanding) = &self.outstanding else {
            // Whether it can be a key must show all the same.
            return id.hash().map(|_| None);
        };
        let slot = outstanding.bind(id.py()).get_item(id)?;
        slot.map(|slot| slot.extract()).transpose()
    }

    pub fn was_completed(&self, id: &Bound<'_, PyAny>) -> PyResult<bool> {
        if let Some(number) = plain_int(id) {
            return Ok(self.ints.contains(number));
        }
        for generation in self.others.iter().flatten() {
            if generation.bind(id.py()).contains(id)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub fn retire(&mut self, id: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = id.py();
        if let Some(outstanding) = &self.outstanding {
            outstanding.bind(py).del_item(id)?;
        }
        if let Some(number) = plain_int(id) {
            self.ints.insert(number);
            return Ok(());
        }
        if self.others[0]
            .as_ref()
            .is_some_and(|recent| recent.bind(py).len() >= REMEMBERED)
        {
            self.others.swap(0, 1);
            self.others[0] = None;
        }
        let recent = self.others[0].get_or_insert_with(|| PyDict::new(py).unbind());
        recent.bind(py).set_item(id, py.None())
    }
}

/// A copy of a dict; an empty one counts as none.
fn copy_of(py: Python<'_>, dict: Option<&Py<PyDict>>) -> PyResult<Option<Py<PyDict>>> {
    let filled = dict
        .map(|dict| dict.bind(py))
        .filter(|dict| !dict.is_empty());
    filled.map(|dict| Ok(dict.copy()?.unbind())).transpose()
}

fn plain_int(id: &Bound<'_, PyAny>) -> Option<u64> {
    id.is_exact_instance_of::<PyInt>()
        .then(|| id.extract().ok())
        .flatten()
}
