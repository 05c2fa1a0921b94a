//! A hash of what is under way, to tell a new situation from a known one.

use super::Fork;
use crate::host::Halt;
use crate::mixer::Mixer;
use crate::schedule::Schedule;

pub(super) fn absorb(mixer: &mut Mixer, hash: u128) {
    mixer.absorb(hash as u64, (hash >> 64) as u64);
}

/// A hash of what is under way; the order of what could happen in any order does not count.
pub fn print_schedule<H: Fork>(
    host: &mut H,
    schedule: &Schedule<H::Obj>,
) -> Result<u128, Halt<H::Abort>> {
    let mut sum = 0_u128;
    let mut add = |kind: u64, hashes: &[u128]| {
        let mut mixer = Mixer::new();
        mixer.absorb(kind, hashes.len() as u64);
        for &hash in hashes {
            absorb(&mut mixer, hash);
        }
        sum = sum.wrapping_add(mixer.finish());
    };
    for slot in schedule.slots() {
        let Some(entry) = schedule.entry(slot) else {
            continue;
        };
        let action = host.hash(&entry.action)?;
        let result = entry
            .result
            .as_ref()
            .map(|result| host.hash(result))
            .transpose()?;
        let attempts = if host.counts_attempts() {
            entry.attempts
        } else {
            0
        };
        let told = u128::from(entry.tries) << 64 | u128::from(attempts);
        let dead = u128::from(schedule.is_dead(slot));
        let timer = entry.timer.map_or(0, |at| at as u128 + 1);
        let has_result = u128::from(result.is_some());
        add(
            1,
            &[action, result.unwrap_or(0), has_result, told, dead, timer],
        );
    }
    for late in &schedule.late {
        let (id, result) = (host.hash(&late.id)?, host.hash(&late.result)?);
        add(2, &[id, result]);
    }
    for (_, action, attempt) in &schedule.zombies {
        let hash = host.hash(action)?;
        let attempt = if host.counts_attempts() { *attempt } else { 0 };
        add(3, &[hash, u128::from(attempt)]);
    }
    for (_, source, value) in &schedule.resubmits {
        let hash = host.hash(value)?;
        add(4, &[u128::from(*source), hash]);
    }
    for (place, action) in schedule.untracked.iter().enumerate() {
        let hash = host.hash(action)?;
        add(5, &[place as u128, hash]);
    }
    Ok(sum)
}
