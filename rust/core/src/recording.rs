//! A run as data: what each step was and what the scenario drew in it.

use crate::draws::Draw;
use crate::step::StepPlan;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedStep {
    /// Names the step for ever, also after others are deleted.
    pub label: u64,
    pub plan: StepPlan,
    pub draws: Vec<Draw>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// What `initial` drew.
    pub initial: Vec<Draw>,
    pub steps: Vec<RecordedStep>,
    /// The steps of settling. A replay takes only their draws: settling chooses its own steps.
    pub settling: Vec<RecordedStep>,
    /// Whether the run went on into settling.
    pub settles: bool,
}

impl Recording {
    /// The same run up to and with that many steps. Whether it settles is as before.
    #[must_use]
    pub fn prefix(&self, steps: usize) -> Self {
        Self {
            initial: self.initial.clone(),
            steps: self.steps.iter().take(steps).cloned().collect(),
            settling: Vec::new(),
            settles: self.settles,
        }
    }

    /// The same run with its settling as ordinary steps, and no settling after them.
    #[must_use]
    pub fn unsettled(&self) -> Self {
        let mut steps = self.steps.clone();
        steps.extend(self.settling.iter().cloned());
        Self {
            initial: self.initial.clone(),
            steps,
            settling: Vec::new(),
            settles: false,
        }
    }
}
