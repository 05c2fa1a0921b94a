//! The plans of all types met so far.

use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::types::PyType;
use pyo3::{PyTraverseError, PyVisit};

use super::build::build;
use super::plan::Plan;
use super::raw::Type;

/// Beyond this many types the plans are made anew, so that classes made on the fly can be freed.
const MAX_TYPES: usize = 512;
const RECENT: usize = 64;

#[derive(Debug, Default)]
pub struct Plans {
    known: Vec<Plan>,
    /// Where the plan of a type lies. Never iterated.
    places: HashMap<usize, usize>,
    /// Types and places again, by a few bits of the address.
    recent: Vec<(usize, usize)>,
    opaque: Vec<String>,
}

impl Plans {
    /// To be called between walks: no place given out before is valid afterwards.
    pub fn trim(&mut self) {
        if self.known.len() > MAX_TYPES {
            self.forget();
        }
    }

    pub fn forget(&mut self) {
        self.places.clear();
        self.recent.clear();
        // Dropped last: a class may run code when it goes.
        drop(std::mem::take(&mut self.known));
    }

    #[inline(always)]
    pub fn get(&self, place: usize) -> &Plan {
        &self.known[place]
    }

    /// The place of the plan of a type. The type must be alive.
    #[inline(always)]
    pub fn find(&mut self, py: Python<'_>, ty: Type) -> PyResult<usize> {
        let address = ty as usize;
        if let Some(&(known, place)) = self.recent.get(recent_index(address))
            && known == address
            && self.is_valid(place, ty)
        {
            return Ok(place);
        }
        self.find_slowly(py, ty)
    }

    #[inline(always)]
    fn is_valid(&self, place: usize, ty: Type) -> bool {
        // SAFETY: the caller says that the type is alive.
        self.known[place].version == unsafe { (*ty).tp_version_tag }
    }

    #[inline(never)]
    fn find_slowly(&mut self, py: Python<'_>, ty: Type) -> PyResult<usize> {
        let address = ty as usize;
        let place = match self.places.get(&address) {
            Some(&place) if self.is_valid(place, ty) => place,
            _ => {
                // SAFETY: the caller says that the type is alive.
                let class = unsafe { Bound::from_borrowed_ptr(py, ty.cast()) };
                self.add(build(class.cast::<PyType>()?)?)
            }
        };
        self.places.insert(address, place);
        if self.recent.is_empty() {
            self.recent = vec![(0, 0); RECENT];
        }
        self.recent[recent_index(address)] = (address, place);
        Ok(place)
    }

    fn add(&mut self, plan: Plan) -> usize {
        self.known.push(plan);
        self.known.len() - 1
    }

    /// Notes that an object of an opaque type was met.
    #[cold]
    pub fn note_opaque(&mut self, place: usize) {
        let name = &self.known[place].name;
        if !self.opaque.contains(name) {
            self.opaque.push(name.clone());
        }
    }

    pub fn opaque(&self) -> &[String] {
        &self.opaque
    }

    pub fn take_opaque(&mut self) -> Vec<String> {
        std::mem::take(&mut self.opaque)
    }

    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        for plan in &self.known {
            visit.call(&plan.ty)?;
            visit.call(&plan.base)?;
        }
        Ok(())
    }
}

/// Types lie at multiples of 16 bytes.
#[inline(always)]
fn recent_index(address: usize) -> usize {
    (address >> 4 ^ address >> 10) % RECENT
}
