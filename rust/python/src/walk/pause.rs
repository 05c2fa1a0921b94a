//! No garbage collection while a copy is made.
//!
//! A copy makes many objects and frees none, so collections in the middle find nothing and look at all of it again and
//! again. From 3.12 on they wait for the next bytecode anyway.

use pyo3::prelude::*;

/// Lets the collector go on when it is dropped.
#[derive(Debug)]
pub struct Pause {
    was_enabled: bool,
}

impl Pause {
    pub fn new(_py: Python<'_>) -> Self {
        #[cfg(not(Py_3_12))]
        // SAFETY: attached.
        let was_enabled = unsafe { pyo3::ffi::PyGC_Disable() } != 0;
        #[cfg(Py_3_12)]
        let was_enabled = false;
        Self { was_enabled }
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        if self.was_enabled {
            // SAFETY: still attached: the guard lives within one call of the walker.
            unsafe { pyo3::ffi::PyGC_Enable() };
        }
    }
}
