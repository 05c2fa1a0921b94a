//! Fewer and lower draws.

use super::draws::{
    all_draws, amounts, draw_at, draw_value, each_draw, group_mut, group_of, groups, has_draws,
    same_group,
};
use super::{Replay, Shrinker};
use crate::draws::Draw;
use crate::recording::Recording;

/// Of so many draws of a step, every run of up to that length is tried without; of more, only one in its length.
const MAX_CLOSE: usize = 32;
const MAX_RUN: usize = 8;
/// So many draws are tried in pairs.
const MAX_PAIRED_DRAWS: usize = 16;
/// Failing values may be apart so far: multiples of 3, say.
const MAX_STRIDE: u64 = 4;
/// Draws are raised to their highest and to a few below, for the sake of what passes a filter.
const MAX_LESS: u64 = 3;

impl Shrinker {
    /// All draws to 0, then those of each step: all of them, then fewer, then each towards 0.
    pub(super) fn lower_draws<R: Replay>(&mut self, replays: &mut R) -> Result<(), R::Stop> {
        let mut zeroed = self.best.clone();
        each_draw(&mut zeroed, |draw| draw.value = 0);
        if zeroed == self.best || self.attempt(replays, &zeroed)? {
            return Ok(());
        }
        for group in 0..groups(&self.best) {
            if !has_draws(&self.best, group) {
                continue;
            }
            let zero = |draws: &mut Vec<Draw>| draws.iter_mut().for_each(|draw| draw.value = 0);
            if self.change(replays, group, zero)? {
                continue;
            }
            self.drop_draws(replays, group)?;
            let mut index = 0;
            while draw_value(&self.best, group, index).is_some() {
                self.lower_draw(replays, group, index)?;
                index += 1;
            }
            if self.replays_left == 0 {
                break;
            }
        }
        self.lower_together(replays)
    }

    /// Tries the recording with other draws in one group.
    fn change<R: Replay>(
        &mut self,
        replays: &mut R,
        group: usize,
        change: impl FnOnce(&mut Vec<Draw>),
    ) -> Result<bool, R::Stop> {
        let mut candidate = self.best.clone();
        group_mut(&mut candidate, group).map(change);
        Ok(candidate != self.best && self.attempt(replays, &candidate)?)
    }

    /// Runs of draws of one step, from long to single ones: what the elements of a list drew, say.
    fn drop_draws<R: Replay>(&mut self, replays: &mut R, group: usize) -> Result<(), R::Stop> {
        let count = |recording: &Recording| group_of(recording, group).map_or(0, Vec::len);
        let mut length = count(&self.best) / 2;
        while length > 0 && self.replays_left > 0 {
            let mut end = count(&self.best);
            while end >= length && self.replays_left > 0 {
                let start = end - length;
                let close = length <= MAX_RUN && count(&self.best) <= MAX_CLOSE;
                let stays = self.ends_in_zeros(group, start)
                    || !self.change(replays, group, |draws| drop(draws.drain(start..end)))?;
                end = if stays && close {
                    end - 1
                } else {
                    start.min(count(&self.best))
                };
            }
            length = if length > 2 * MAX_RUN {
                length / 2
            } else {
                length - 1
            };
        }
        Ok(())
    }

    /// A replay gives zeros by itself, so nothing there is worth dropping.
    fn ends_in_zeros(&self, group: usize, start: usize) -> bool {
        group_of(&self.best, group)
            .is_some_and(|draws| draws.iter().skip(start).all(|draw| draw.value == 0))
    }

    fn lower_draw<R: Replay>(
        &mut self,
        replays: &mut R,
        group: usize,
        index: usize,
    ) -> Result<(), R::Stop> {
        let value = draw_value(&self.best, group, index).unwrap_or(0);
        if value == 0 || self.set_draw(replays, group, index, 0)? {
            return Ok(());
        }
        self.bisect(replays, group, index, value)?;
        for stride in 2..=MAX_STRIDE {
            self.step_down(replays, group, index, stride)?;
        }
        Ok(())
    }

    /// The lowest value that still fails, if failing is monotonous; a lower one anyway.
    fn bisect<R: Replay>(
        &mut self,
        replays: &mut R,
        group: usize,
        index: usize,
        value: u64,
    ) -> Result<(), R::Stop> {
        let (mut passes, mut fails) = (0, value);
        while fails - passes > 1 && self.replays_left > 0 {
            let middle = passes + (fails - passes) / 2;
            if self.set_draw(replays, group, index, middle)? {
                fails = draw_value(&self.best, group, index)
                    .unwrap_or(middle)
                    .min(middle);
            } else {
                passes = middle;
            }
            if passes >= fails {
                break;
            }
        }
        Ok(())
    }

    /// Down by a stride and its doubles, where failing is not monotonous.
    fn step_down<R: Replay>(
        &mut self,
        replays: &mut R,
        group: usize,
        index: usize,
        stride: u64,
    ) -> Result<(), R::Stop> {
        let (mut by, mut growing) = (stride, true);
        while let Some(value) = draw_value(&self.best, group, index) {
            if value >= by && self.set_draw(replays, group, index, value - by)? {
                by = if growing { by.saturating_mul(2) } else { by };
            } else if by == stride {
                break;
            } else {
                (by, growing) = (by / 2, false);
            }
        }
        Ok(())
    }

    /// What one draw cannot do alone, for every draw that is not at its lowest.
    pub(super) fn mend_draws<R: Replay>(&mut self, replays: &mut R) -> Result<(), R::Stop> {
        for group in 0..groups(&self.best) {
            let mut index = 0;
            while let Some(value) = draw_value(&self.best, group, index) {
                if self.replays_left == 0 {
                    return Ok(());
                }
                let one_less = (value > 1).then(|| value - 1);
                let mut mended = false;
                for lower in (value > 0).then_some(0).into_iter().chain(one_less) {
                    mended = mended || self.lower_and_mend(replays, group, index, lower)?;
                }
                if mended {
                    self.lower_draw(replays, group, index)?;
                } else {
                    index += 1;
                }
            }
        }
        Ok(())
    }

    /// A lower draw that does not fail by itself: without the draws that are now one too many (it was a length), or
    /// with higher ones after it (it was the first digit of a number, or chose what the others mean).
    fn lower_and_mend<R: Replay>(
        &mut self,
        replays: &mut R,
        group: usize,
        index: usize,
        lower: u64,
    ) -> Result<bool, R::Stop> {
        if self.set_draw(replays, group, index, lower)? {
            return Ok(true);
        }
        let passed = self.passed.take();
        let drew = passed.and_then(|passed| same_group(&self.best, group, &passed).cloned());
        // A source that declined, say because a filter refused, leaves no trace; what it drew began like this.
        let Some(mut drew) = drew.or_else(|| group_of(&self.best, group).cloned()) else {
            return Ok(false);
        };
        let count = group_of(&self.best, group).map_or(0, Vec::len);
        let spare = count.saturating_sub(drew.len());
        let starts = (index + 1..=count - spare).rev();
        for start in starts.filter(|_| spare > 0) {
            let shorter = |draws: &mut Vec<Draw>| {
                draws[index].value = lower;
                draws.drain(start..start + spare);
            };
            if self.change(replays, group, shorter)? {
                return Ok(true);
            }
        }
        drew.truncate(count);
        if drew.len() <= index + 1 {
            return Ok(false);
        }
        for less in 0..MAX_LESS {
            let raised = raised(drew.clone(), index, lower, less);
            if self.change(replays, group, |draws| *draws = raised)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn set_draw<R: Replay>(
        &mut self,
        replays: &mut R,
        group: usize,
        index: usize,
        value: u64,
    ) -> Result<bool, R::Stop> {
        self.change(replays, group, |draws| {
            if let Some(draw) = draws.get_mut(index) {
                draw.value = value;
            }
        })
    }

    /// Equal draws of different steps go down together: one may be an index that another must match.
    fn lower_together<R: Replay>(&mut self, replays: &mut R) -> Result<(), R::Stop> {
        let mut values: Vec<(u64, u64)> = all_draws(&self.best)
            .filter(|draw| draw.value > 0)
            .map(|draw| (draw.bound, draw.value))
            .collect();
        values.sort_unstable();
        values.dedup();
        for (bound, value) in values.into_iter().rev() {
            for lower in [0, value / 2, value - 1] {
                let mut candidate = self.best.clone();
                each_draw(&mut candidate, |draw| {
                    if draw.bound == bound && draw.value == value {
                        draw.value = lower;
                    }
                });
                if candidate != self.best && self.attempt(replays, &candidate)? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Where only a sum matters, what one draw has goes to a later one; where only an order does, they change places.
    pub(super) fn move_amounts<R: Replay>(&mut self, replays: &mut R) -> Result<(), R::Stop> {
        let places = amounts(&self.best);
        for (at, &from) in places.iter().enumerate().take(MAX_PAIRED_DRAWS) {
            for &to in places.iter().skip(at + 1).take(MAX_PAIRED_DRAWS) {
                let (Some(first), Some(second)) =
                    (draw_at(&self.best, from), draw_at(&self.best, to))
                else {
                    return Ok(());
                };
                if (first.method, first.bound) != (second.method, second.bound) || first.value == 0
                {
                    continue;
                }
                let most = first.value.min(highest(&second) - second.value);
                if !self.move_amount(replays, from, to, most)? && second.value < first.value {
                    self.set_two(replays, from, to, (second.value, first.value))?;
                }
            }
        }
        Ok(())
    }

    /// Moves as much as can go, up to `most`; whether anything can.
    fn move_amount<R: Replay>(
        &mut self,
        replays: &mut R,
        from: (usize, usize),
        to: (usize, usize),
        most: u64,
    ) -> Result<bool, R::Stop> {
        let (mut by, mut any) = (most, false);
        while by > 0 && self.replays_left > 0 {
            let (Some(first), Some(second)) = (draw_at(&self.best, from), draw_at(&self.best, to))
            else {
                break;
            };
            let fits = first.value >= by && highest(&second) - second.value >= by;
            let moved =
                fits && self.set_two(replays, from, to, (first.value - by, second.value + by))?;
            if by == most && !moved && most > 1 && !self.move_amount(replays, from, to, 1)? {
                return Ok(false);
            }
            any = any || moved;
            by = if by == most && moved { 0 } else { by / 2 };
        }
        Ok(any)
    }

    fn set_two<R: Replay>(
        &mut self,
        replays: &mut R,
        first: (usize, usize),
        second: (usize, usize),
        values: (u64, u64),
    ) -> Result<bool, R::Stop> {
        let mut candidate = self.best.clone();
        for ((group, index), value) in [(first, values.0), (second, values.1)] {
            if let Some(draw) =
                group_mut(&mut candidate, group).and_then(|draws| draws.get_mut(index))
            {
                draw.value = value;
            }
        }
        Ok(candidate != self.best && self.attempt(replays, &candidate)?)
    }
}

fn highest(draw: &Draw) -> u64 {
    draw.bound.wrapping_sub(1)
}

/// The draws with all amounts after `index` at so much less than their highest; flags stay at first, then go.
fn raised(mut draws: Vec<Draw>, index: usize, lower: u64, less: u64) -> Vec<Draw> {
    draws[index].value = lower;
    for draw in draws.iter_mut().skip(index + 1) {
        draw.value = match draw.bound {
            2 if less == 0 => draw.value,
            2 => 0,
            _ => highest(draw).saturating_sub(less),
        };
    }
    draws
}
