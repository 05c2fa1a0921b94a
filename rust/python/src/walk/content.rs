//! How the content of objects of known types enters the fingerprint.

use pyo3::prelude::*;

use super::cursor::Cursor;
use super::hash::Hash;
use super::known::Known;
use super::leaf::{absorb_complex, absorb_int, absorb_str, tag};
use super::moment::{
    absorb_date, absorb_datetime, absorb_time, absorb_timedelta, datetime_zone, is_utc, time_zone,
};
use super::plan::Content;
use super::raw::{Item, Own, type_of_ffi};

impl Hash<'_, '_> {
    /// Takes the content of an object. Gives the first part that is not plain.
    pub(super) fn content(
        &mut self,
        item: Item,
        content: Content,
        on_path: bool,
    ) -> PyResult<Option<Own>> {
        match content {
            Content::Nothing => {}
            Content::List => return self.list(item, on_path),
            Content::Tuple => return self.tuple(item, on_path),
            Content::Dict => return self.dict(item, on_path),
            Content::OrderedDict if !self.dict_order => return self.dict(item, on_path),
            Content::OrderedDict => {
                let len = item.dict_len();
                self.mixer.absorb(len as u64, tag::DICT);
                self.count(2 * len)?;
                let cursor = Cursor::ordered(self.py, item)?;
                self.push(cursor, on_path);
            }
            Content::Set | Content::FrozenSet => self.set(item, on_path)?,
            Content::Deque => self.deque(item, on_path)?,
            Content::Derived(derive) => {
                let told = derive(self.py, item)?;
                return Ok(self.visit(told));
            }
            Content::Told(show) => {
                // SAFETY: the slot is that of a base of the object's type, and the object is alive.
                let text = Own::take(self.py, unsafe { show(item.ptr()) })?;
                return Ok(self.visit(text));
            }
            Content::DateTime => {
                absorb_datetime(&mut self.mixer, item);
                return Ok(self.zone(datetime_zone(item)));
            }
            Content::Time => {
                absorb_time(&mut self.mixer, item);
                return Ok(self.zone(time_zone(item)));
            }
            Content::Date => absorb_date(&mut self.mixer, item),
            Content::TimeDelta => absorb_timedelta(&mut self.mixer, item),
            Content::Int => absorb_int(&mut self.mixer, item),
            Content::Str => absorb_str(&mut self.mixer, item),
            Content::Float => self.mixer.absorb(item.float_bits(), tag::FLOAT),
            Content::Bytes => self.mixer.absorb_bytes(item.bytes(), tag::BYTES),
            Content::ByteArray => self.mixer.absorb_bytes(item.bytearray(), tag::BYTEARRAY),
            Content::Complex => absorb_complex(&mut self.mixer, item),
        }
        Ok(None)
    }

    fn set(&mut self, item: Item, on_path: bool) -> PyResult<()> {
        let len = item.set_len();
        self.mixer.absorb(len as u64, tag::SET);
        self.count(len)?;
        let cursor = Cursor::elements(self.py, item, type_of_ffi!(PySet_Type))?;
        self.push_loose(cursor, on_path);
        Ok(())
    }

    fn deque(&mut self, item: Item, on_path: bool) -> PyResult<()> {
        let len = item.deque_len();
        self.mixer.absorb(len as u64, tag::DEQUE);
        self.count(len)?;
        // The bound is None or an int.
        let bound = item.deque_bound(self.py)?;
        drop(self.visit(bound));
        let cursor = Cursor::elements(self.py, item, Known::get(self.py)?.deque())?;
        self.push(cursor, on_path);
        Ok(())
    }

    fn zone(&mut self, zone: Option<Item>) -> Option<Own> {
        match zone {
            None => self.mixer.absorb(0, tag::MOMENT),
            Some(zone) if is_utc(zone) => self.mixer.absorb(1, tag::MOMENT),
            Some(zone) => return Some(zone.own()),
        }
        None
    }
}
