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
    /// What the world drew while settling, execution by execution.
    pub settling: Vec<Vec<Draw>>,
    /// Whether the run went on into settling.
    pub settles: bool,
}
