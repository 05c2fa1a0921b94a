//! The draws of a recording, all of them or in groups.

use crate::draws::Draw;
use crate::recording::Recording;

pub(super) fn all_draws(recording: &Recording) -> impl Iterator<Item = &Draw> {
    let steps = recording.steps.iter().flat_map(|step| &step.draws);
    recording
        .initial
        .iter()
        .chain(steps)
        .chain(recording.settling.iter().flat_map(|step| &step.draws))
}

/// Draws in groups: of `initial`, of each step, of each settling step.
pub(super) fn groups(recording: &Recording) -> usize {
    1 + recording.steps.len() + recording.settling.len()
}

pub(super) fn group_mut(recording: &mut Recording, group: usize) -> Option<&mut Vec<Draw>> {
    let steps = recording.steps.len();
    match group {
        0 => Some(&mut recording.initial),
        group if group <= steps => recording
            .steps
            .get_mut(group - 1)
            .map(|step| &mut step.draws),
        group => recording
            .settling
            .get_mut(group - 1 - steps)
            .map(|step| &mut step.draws),
    }
}

pub(super) fn group_of(recording: &Recording, group: usize) -> Option<&Vec<Draw>> {
    let steps = recording.steps.len();
    match group {
        0 => Some(&recording.initial),
        group if group <= steps => recording.steps.get(group - 1).map(|step| &step.draws),
        group => recording
            .settling
            .get(group - 1 - steps)
            .map(|step| &step.draws),
    }
}

/// Whether there is anything to lower.
pub(super) fn has_draws(recording: &Recording, group: usize) -> bool {
    group_of(recording, group).is_some_and(|draws| draws.iter().any(|draw| draw.value > 0))
}

pub(super) fn draw_value(recording: &Recording, group: usize, index: usize) -> Option<u64> {
    group_of(recording, group)?
        .get(index)
        .map(|draw| draw.value)
}

pub(super) fn each_draw(recording: &mut Recording, mut change: impl FnMut(&mut Draw)) {
    let steps = recording.steps.iter_mut().chain(&mut recording.settling);
    let draws = recording
        .initial
        .iter_mut()
        .chain(steps.flat_map(|step| &mut step.draws));
    draws.for_each(&mut change);
}
