//! Objects in which order does not matter: each entry is hashed on its own, and the hashes are added up.

use fasm_core::mixer::Mixer;
use pyo3::prelude::*;

use super::cursor::{Cursor, Kind};
use super::hash::Hash;
use super::leaf::tag;
use super::raw::Own;

/// The sum over the entries of an object in which order does not matter.
#[derive(Debug)]
pub struct Loose {
    outer: Mixer,
    sum: u128,
    count: u64,
    /// Whether an entry has been started.
    open: bool,
}

impl Hash<'_, '_> {
    pub(super) fn push_loose(&mut self, cursor: Cursor, on_path: bool) {
        self.push(cursor, on_path);
        self.loosen();
    }

    /// Makes the top frame one in which order does not matter.
    pub(super) fn loosen(&mut self) {
        if let Some(frame) = self.stack.frames.last_mut() {
            frame.loose = true;
            self.stack.loose.push(Loose {
                outer: self.mixer,
                sum: 0,
                count: 0,
                open: false,
            });
        }
    }

    /// The parts of an object in which order does not matter: each is hashed on its own.
    pub(super) fn resume_loose(&mut self) -> PyResult<Option<Own>> {
        loop {
            let (Some(frame), Some(loose)) =
                (self.stack.frames.last_mut(), self.stack.loose.last_mut())
            else {
                return Ok(None);
            };
            if loose.open {
                loose.sum = loose.sum.wrapping_add(self.mixer.finish());
                loose.count += 1;
            }
            let Some(entry) = frame.cursor.next(self.py, self.plans)? else {
                break;
            };
            loose.open = true;
            self.mixer = Mixer::new();
            let part = self.entry(entry);
            if part.is_some() {
                return Ok(part);
            }
        }
        self.close_loose()?;
        Ok(None)
    }

    fn close_loose(&mut self) -> PyResult<()> {
        let names = self
            .stack
            .frames
            .last()
            .is_some_and(|frame| frame.cursor.kind == Kind::Names);
        if let Some(loose) = self.stack.loose.pop() {
            self.mixer = loose.outer;
            self.mixer
                .absorb((loose.sum >> 64) as u64, loose.sum as u64);
            self.mixer.absorb(loose.count, tag::SET);
            if names {
                self.count(2 * loose.count as usize)?;
            }
        }
        self.close();
        Ok(())
    }
}
