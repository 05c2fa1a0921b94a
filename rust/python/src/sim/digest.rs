//! A short hash of everything that happens in a run, step by step, to compare two runs of one seed.

use fasm_core::host::{Emissions, Outcome};
use fasm_core::mixer::Mixer;
use pyo3::prelude::*;

use super::host::PyHost;
use crate::walk::Walker;

/// Off unless somebody wants to compare.
#[derive(Debug, Default)]
pub struct Digest {
    mixer: Option<Mixer>,
    steps: Vec<u64>,
}

impl Digest {
    pub fn new(on: bool) -> Self {
        Self {
            mixer: on.then(Mixer::new),
            steps: Vec::new(),
        }
    }

    pub fn is_on(&self) -> bool {
        self.mixer.is_some()
    }

    pub fn word(&mut self, word: u64, tag: u64) {
        if let Some(mixer) = &mut self.mixer {
            mixer.absorb(word, tag);
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(mixer) = &mut self.mixer {
            mixer.absorb_bytes(text.as_bytes(), 1);
        }
    }

    fn object(&mut self, object: &Bound<'_, PyAny>, walker: &mut Walker) -> PyResult<()> {
        if self.mixer.is_some() {
            let hash = walker.fingerprint(object)?.hash;
            self.word(hash as u64, (hash >> 64) as u64);
        }
        Ok(())
    }

    /// Everything so far belongs to the step that ends here.
    fn close(&mut self) {
        if let Some(mixer) = &self.mixer {
            self.steps.push(mixer.finish() as u64);
        }
    }

    pub fn into_steps(self) -> Vec<u64> {
        self.steps
    }
}

impl<'py> PyHost<'_, 'py> {
    pub(super) fn digest_object(&mut self, object: &Bound<'py, PyAny>) -> PyResult<()> {
        self.digest.object(object, self.walker)
    }

    /// Takes in what a transition or a restore came to.
    pub(super) fn digest_call(
        &mut self,
        outcome: Outcome,
        out: &Emissions<Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        if !self.digest.is_on() {
            return Ok(());
        }
        self.digest.word(outcome as u64, out.tracked.len() as u64);
        if outcome != Outcome::Accepted
            && let Some(refusal) = &self.refusal
        {
            let text = self.settings.describe(self.py, refusal);
            self.digest.text(&text);
        }
        for emission in &out.tracked {
            self.digest.object(&emission.action, self.walker)?;
        }
        for action in &out.untracked {
            self.digest.object(action, self.walker)?;
        }
        Ok(())
    }

    /// Closes the step before the one that begins now, with the state it led to.
    pub(super) fn digest_step(&mut self) -> PyResult<()> {
        if !self.digest.is_on() || self.step == 0 {
            return Ok(());
        }
        if let Some(view) = self.state.view(&self.driver)? {
            self.digest.object(&view, self.walker)?;
        }
        self.digest.close();
        Ok(())
    }
}
