//! The draws of a recording, all of them or in groups.

use crate::draws::Draw;
use crate::recording::Recording;

/// What `initial` and the steps drew.
pub(super) fn main_draws(recording: &Recording) -> impl Iterator<Item = &Draw> {
    let steps = recording.steps.iter().flat_map(|step| &step.draws);
    recording.initial.iter().chain(steps)
}

pub(super) fn settling_draws(recording: &Recording) -> impl Iterator<Item = &Draw> {
    recording.settling.iter().flat_map(|step| &step.draws)
}

pub(super) fn all_draws(recording: &Recording) -> impl Iterator<Item = &Draw> {
    main_draws(recording).chain(settling_draws(recording))
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

pub(super) fn draw_at(recording: &Recording, (group, index): (usize, usize)) -> Option<Draw> {
    group_of(recording, group)?.get(index).copied()
}

pub(super) fn each_draw(recording: &mut Recording, mut change: impl FnMut(&mut Draw)) {
    let steps = recording.steps.iter_mut().chain(&mut recording.settling);
    let draws = recording
        .initial
        .iter_mut()
        .chain(steps.flat_map(|step| &mut step.draws));
    draws.for_each(&mut change);
}

/// Where the draws are that are not at their lowest and may be amounts, as group and index.
pub(super) fn amounts(recording: &Recording) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for group in 0..groups(recording) {
        let draws = group_of(recording, group).map_or(&[][..], Vec::as_slice);
        let is_amount = |draw: &Draw| draw.value > 0 && draw.bound != 2;
        found.extend(
            (0..draws.len())
                .filter(|&at| is_amount(&draws[at]))
                .map(|at| (group, at)),
        );
    }
    found
}

/// What the same group of another run of these steps drew; nothing of settling, whose steps have no names.
pub(super) fn same_group<'a>(
    recording: &Recording,
    group: usize,
    other: &'a Recording,
) -> Option<&'a Vec<Draw>> {
    if group == 0 {
        return Some(&other.initial);
    }
    let label = recording.steps.get(group - 1)?.label;
    let step = other.steps.iter().find(|step| step.label == label)?;
    Some(&step.draws)
}
