//! Fingerprints of actions and results at the moment they were handed over.

use pyo3::prelude::*;

use crate::walk::{Fingerprint, Walker};

/// How many are remembered at a time; the oldest goes first.
const REMEMBERED: usize = 256;

#[derive(Debug, Default)]
pub struct Handed<'py> {
    /// The object is held, so that its address stays its own.
    objects: std::collections::VecDeque<(Bound<'py, PyAny>, Fingerprint)>,
}

impl<'py> Handed<'py> {
    pub fn remember(&mut self, object: &Bound<'py, PyAny>, walker: &mut Walker) -> PyResult<()> {
        if self.objects.len() >= REMEMBERED {
            self.objects.pop_front();
        }
        let print = walker.fingerprint(object)?;
        self.objects.push_back((object.clone(), print));
        Ok(())
    }

    pub fn clear(&mut self) {
        self.objects.clear();
    }

    /// False if the object was remembered and is no longer the same.
    pub fn unchanged(&self, object: &Bound<'py, PyAny>, walker: &mut Walker) -> PyResult<bool> {
        match self.objects.iter().find(|(held, _)| held.is(object)) {
            Some((_, print)) => Ok(walker.fingerprint(object)? == *print),
            None => Ok(true),
        }
    }
}
