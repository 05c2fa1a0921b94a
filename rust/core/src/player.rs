//! Plays recorded steps again.

use std::collections::BTreeSet;

use crate::draws::Draw;
use crate::recording::{RecordedStep, Recording};
use crate::step::{Origin, StepKind};

/// A recorded step that no longer fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skipped {
    pub label: u64,
    /// Its source had nothing to say; otherwise what the step names was not there.
    pub declined: bool,
}

#[derive(Debug)]
pub struct Player {
    steps: std::vec::IntoIter<RecordedStep>,
    settling: std::vec::IntoIter<RecordedStep>,
    /// What later steps refer to, so that only that is kept.
    duplicates: BTreeSet<Origin>,
    resubmits: BTreeSet<u64>,
    /// Steps that could not be performed.
    skipped: Vec<Skipped>,
}

impl Player {
    /// Plays a recording; what `initial` drew is the caller's business.
    pub fn new(recording: Recording) -> Self {
        let Recording {
            steps, settling, ..
        } = recording;
        let mut player = Self {
            steps: Vec::new().into_iter(),
            settling: settling.into_iter(),
            duplicates: BTreeSet::new(),
            resubmits: BTreeSet::new(),
            skipped: Vec::new(),
        };
        for step in &steps {
            match step.plan.kind {
                StepKind::Duplicate { of } => drop(player.duplicates.insert(of)),
                StepKind::Resubmit { step } => drop(player.resubmits.insert(step)),
                _ => {}
            }
        }
        player.steps = steps.into_iter();
        player
    }

    pub(crate) fn next(&mut self) -> Option<RecordedStep> {
        self.steps.next()
    }

    /// What the world draws in the next step of settling.
    pub(crate) fn next_settling(&mut self) -> Vec<Draw> {
        self.settling
            .next()
            .map(|step| step.draws)
            .unwrap_or_default()
    }

    pub(crate) fn duplicates(&self, origin: Origin) -> bool {
        self.duplicates.contains(&origin)
    }

    pub(crate) fn resubmits(&self, label: u64) -> bool {
        self.resubmits.contains(&label)
    }

    pub(crate) fn skip(&mut self, label: u64, declined: bool) {
        self.skipped.push(Skipped { label, declined });
    }

    /// The steps that could not be performed, in order.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }
}
