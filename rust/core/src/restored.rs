//! The law `restore`: what it emits is held against what is outstanding.

use crate::driver::Driver;
use crate::host::{Emissions, Emitted, Halt, Host};
use crate::step::CallFaults;

/// After this many in a row it is not the faults that interrupt `restore`.
pub(crate) const MAX_RESTORES: usize = 100;
/// A message names this many ids, then counts.
const SHOWN_IDS: usize = 5;

impl<O> Driver<O> {
    /// Makes the schedule what `restore` said, which must be exactly what is outstanding.
    ///
    /// An effect keeps the origin of its emission: the order in which `restore` names effects changes when other
    /// steps are deleted from a recording.
    pub(crate) fn reconcile<H: Host<Obj = O>>(
        &mut self,
        host: &mut H,
    ) -> Result<(), Halt<H::Abort>> {
        let tracked = std::mem::take(&mut self.out.tracked);
        let slots = self.compare(host, &tracked)?;
        let mut lost = self.schedule.outstanding();
        let newest = self.schedule.newest();
        for (emission, slot) in tracked.into_iter().zip(slots) {
            let Some(slot) = slot else { continue };
            let Some(entry) = self.schedule.entry(slot) else {
                continue;
            };
            lost -= usize::from(entry.seq() <= newest);
            let origin = entry.origin;
            self.schedule
                .renew(slot, origin, emission.action, emission.timer);
        }
        if lost > 0 {
            self.give_up_lost(host, newest)?;
        }
        self.schedule.untracked.append(&mut self.out.untracked);
        Ok(())
    }

    /// At rest `restore` may emit only timers and dead ids: exactly what is outstanding then.
    pub(crate) fn check_rest<H: Host<Obj = O>>(
        &mut self,
        host: &mut H,
    ) -> Result<(), Halt<H::Abort>> {
        if !self.switches.restore {
            return Ok(());
        }
        for _ in 0..MAX_RESTORES {
            let mut out = Emissions::default();
            if host.restore(&CallFaults::NONE, &mut out)? {
                return self.compare(host, &out.tracked).map(drop);
            }
        }
        Err(Self::never_restores(host))
    }

    pub(crate) fn never_restores<H: Host<Obj = O>>(host: &mut H) -> Halt<H::Abort> {
        let refusal = host.last_refusal();
        Halt::failed(
            "restore",
            format!(
                "restore was interrupted {MAX_RESTORES} times in a row, without a fault: {refusal}"
            ),
        )
    }

    /// Finds what each emission of `restore` stands for. With the law off, strangers stand for nothing.
    fn compare<H: Host<Obj = O>>(
        &self,
        host: &mut H,
        tracked: &[Emitted<O>],
    ) -> Result<Vec<Option<u32>>, Halt<H::Abort>> {
        let mut slots = Vec::with_capacity(tracked.len());
        let mut seen = vec![false; self.schedule.slot_count()];
        for emission in tracked {
            let slot = host.find_id(&emission.id)?;
            slots.push(slot);
            if !self.switches.restore {
                continue;
            }
            let Some(slot) = slot else {
                return Err(Self::not_outstanding(host, &emission.id, &emission.action));
            };
            if std::mem::replace(&mut seen[slot as usize], true) {
                let id = host.show(&emission.id);
                return Err(Halt::failed(
                    "restore",
                    format!("restore emitted id {id} twice"),
                ));
            }
        }
        if self.switches.restore && slots.len() < self.schedule.outstanding() {
            let lost = self.schedule.slots().filter(|&slot| !seen[slot as usize]);
            return Err(self.lost(host, lost.collect()));
        }
        Ok(slots)
    }

    fn not_outstanding<H: Host<Obj = O>>(host: &mut H, id: &O, action: &O) -> Halt<H::Abort> {
        let why = match host.was_completed(id) {
            Ok(true) => "is finished",
            Ok(false) => "was never emitted",
            Err(halt) => return halt,
        };
        let (id, action) = (host.show(id), host.show(action));
        Halt::failed(
            "restore",
            format!("restore emitted id {id}, which {why}: {action}"),
        )
    }

    /// With the law off, what `restore` did not mention is simply gone.
    fn give_up_lost<H: Host<Obj = O>>(
        &mut self,
        host: &mut H,
        newest: u64,
    ) -> Result<(), Halt<H::Abort>> {
        let is_old = |slot: &u32| {
            self.schedule
                .entry(*slot)
                .is_some_and(|entry| entry.seq() <= newest)
        };
        let lost: Vec<u32> = self.schedule.slots().filter(is_old).collect();
        for slot in lost {
            if let Some(entry) = self.schedule.remove(slot) {
                host.retire_id(&entry.id)?;
            }
        }
        Ok(())
    }

    fn lost<H: Host<Obj = O>>(&self, host: &mut H, slots: Vec<u32>) -> Halt<H::Abort> {
        let more = slots.len().saturating_sub(SHOWN_IDS);
        let entries = slots
            .into_iter()
            .filter_map(|slot| self.schedule.entry(slot));
        let shown: Vec<String> = entries
            .take(SHOWN_IDS)
            .map(|entry| host.show(&entry.action))
            .collect();
        let tail = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        Halt::failed(
            "restore",
            format!(
                "restore lost what is outstanding: {}{tail}",
                shown.join(", ")
            ),
        )
    }
}
