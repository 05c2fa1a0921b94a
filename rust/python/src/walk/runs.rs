//! The innermost loops of the fingerprint: parts that are plain values, one after the other.

use pyo3::prelude::*;

use super::hash::Hash;
use super::inline::Inline;
use super::leaf::{absorb_plain, tag};
use super::plan::Access;
use super::raw::{Item, Own};

impl Hash<'_, '_> {
    /// Takes plain items from `at` on. Gives the first that is not plain.
    #[inline(always)]
    pub(super) fn plain_run(
        &mut self,
        at: &mut usize,
        get: impl Fn(usize) -> Option<Item>,
    ) -> Option<Own> {
        // The hash stays in registers; nothing in the loop can run Python code.
        let mut mixer = self.mixer;
        let mut part = None;
        while let Some(item) = get(*at) {
            *at += 1;
            if !absorb_plain(&mut mixer, item) {
                part = Some(item.own());
                break;
            }
        }
        self.mixer = mixer;
        part
    }

    /// The same for the entries of a dict. Where the key is not plain, its value is given too.
    #[inline(always)]
    pub(super) fn plain_entries(
        &mut self,
        dict: Item,
        at: &mut isize,
    ) -> (Option<Own>, Option<Own>) {
        let mut mixer = self.mixer;
        let mut found = (None, None);
        while let Some((key, value)) = dict.dict_next(at) {
            if !absorb_plain(&mut mixer, key) {
                found = (Some(key.own()), Some(value.own()));
                break;
            }
            if !absorb_plain(&mut mixer, value) {
                found = (Some(value.own()), None);
                break;
            }
        }
        self.mixer = mixer;
        found
    }

    /// The same for the fields of an object.
    #[inline(always)]
    pub(super) fn plain_fields(
        &mut self,
        object: Item,
        place: usize,
        at: &mut usize,
    ) -> PyResult<Option<Own>> {
        let plan = self.plans.get(place);
        let mut inline = Inline::of(object);
        while let Some(field) = plan.fields.get(*at) {
            *at += 1;
            let quick = match field.access {
                Access::Slot(offset) => object.slot(offset),
                Access::Inline => inline.and_then(|inline| inline.get(field.name(), &field.hint)),
                Access::Property => None,
            };
            if let Some(item) = quick {
                if absorb_plain(&mut self.mixer, item) {
                    continue;
                }
                return Ok(Some(item.own()));
            }
            let Some(value) = field.read(self.py, object)? else {
                self.mixer.absorb(0, tag::MISSING);
                continue;
            };
            if !absorb_plain(&mut self.mixer, value.item()) {
                return Ok(Some(value));
            }
            // Code of the user may have run, so what was found in the object may be gone.
            inline = Inline::of(object);
        }
        Ok(None)
    }
}
