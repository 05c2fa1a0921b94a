//! Real time, which decides only when a run is cut short, never what happens in it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

/// The clock is read once per this many steps.
const STEPS_PER_LOOK: u32 = 64;
/// Signals are asked for once per this many steps; while Python code runs, the interpreter does that itself.
const STEPS_PER_SIGNAL: u32 = 16;
/// Progress is told this often.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

pub struct Pace<'a, 'py> {
    py: Python<'py>,
    deadline: Option<Instant>,
    progress: Option<(&'a Py<PyAny>, Instant)>,
    /// Steps of earlier seeds.
    before: u64,
    stop: &'a AtomicBool,
    looks: u32,
}

impl<'a, 'py> Pace<'a, 'py> {
    pub fn new(
        py: Python<'py>,
        deadline: Option<Instant>,
        progress: Option<&'a Py<PyAny>>,
        before: u64,
        stop: &'a AtomicBool,
    ) -> Self {
        let progress = progress.map(|tell| (tell, Instant::now()));
        Self {
            py,
            deadline,
            progress,
            before,
            stop,
            looks: 0,
        }
    }

    /// False when the time is up or somebody asked to stop; Ctrl-C comes out as its exception.
    #[inline]
    pub fn proceed(&mut self, step: u64) -> PyResult<bool> {
        self.looks = self.looks.wrapping_add(1);
        if self.looks.is_multiple_of(STEPS_PER_SIGNAL) {
            self.py.check_signals()?;
        }
        if self.looks % STEPS_PER_LOOK == 1 && (self.deadline.is_some() || self.progress.is_some())
        {
            return self.look(step);
        }
        Ok(!self.stop.load(Ordering::Relaxed))
    }

    fn look(&mut self, step: u64) -> PyResult<bool> {
        let now = Instant::now();
        if let Some((tell, told)) = &mut self.progress
            && now.duration_since(*told) >= PROGRESS_EVERY
        {
            *told = now;
            tell.bind(self.py).call1((self.before + step,))?;
        }
        let expired = self.deadline.is_some_and(|deadline| now >= deadline);
        Ok(!expired && !self.stop.load(Ordering::Relaxed))
    }
}
