//! The fingerprint: one pass over the state that feeds a fixed hash.
//!
//! The stream is unambiguous: every object starts with a word that says what it is and how long. Where order does
//! not matter, each entry is hashed on its own and the hashes are added up.
//!
//! Plain values are taken where they are met. For other parts the place is put on a stack, so nothing recurses; an
//! object without such parts never gets there.

use fasm_core::mixer::Mixer;
use pyo3::prelude::*;

use super::cursor::{Cursor, Entry, Kind};
use super::leaf::{absorb_plain, tag};
use super::loose::Loose;
use super::path::Path;
use super::plan::Content;
use super::plans::Plans;
use super::raw::{Item, Own, type_of_ffi};
use super::{MAX_NODES, check_size};

/// An object whose parts are being hashed.
#[derive(Debug)]
pub struct Frame {
    pub cursor: Cursor,
    /// Whether this is the frame that put its object on the path.
    on_path: bool,
    /// Whether order does not matter here.
    pub loose: bool,
}

/// Kept between walks for its memory.
#[derive(Debug, Default)]
pub struct Stack {
    pub frames: Vec<Frame>,
    pub loose: Vec<Loose>,
    path: Path,
}

impl Stack {
    /// Forgets what an error left. Drops objects, so Python code can run.
    pub fn clear(&mut self) {
        self.loose.clear();
        self.path.clear();
        while let Some(frame) = self.frames.pop() {
            drop(frame);
        }
    }
}

pub struct Hash<'w, 'py> {
    pub(super) py: Python<'py>,
    pub(super) plans: &'w mut Plans,
    pub(super) stack: &'w mut Stack,
    pub(super) dict_order: bool,
    pub(super) mixer: Mixer,
    nodes: u64,
}

impl<'w, 'py> Hash<'w, 'py> {
    pub fn new(
        py: Python<'py>,
        plans: &'w mut Plans,
        stack: &'w mut Stack,
        dict_order: bool,
    ) -> Self {
        Self {
            py,
            plans,
            stack,
            dict_order,
            mixer: Mixer::new(),
            nodes: 1,
        }
    }

    /// Hash and number of nodes of one object.
    pub fn run(mut self, root: Item) -> PyResult<(u128, u64)> {
        let part = self.visit(root.own());
        self.finish(part)?;
        Ok((self.mixer.finish(), self.nodes))
    }

    /// The hash of an object that lies below those on a path.
    pub fn run_below(self, object: Item, path: &Path) -> PyResult<u128> {
        self.stack.path.clone_from(path);
        let Self {
            py,
            plans,
            stack,
            dict_order,
            ..
        } = self;
        let result = Hash::new(py, plans, stack, dict_order).run(object);
        stack.path.clear();
        Ok(result?.0)
    }

    /// The hash of the content of an object without its fields.
    pub fn run_content(mut self, object: Item, content: Content) -> PyResult<u128> {
        let part = self.content(object, content, true)?;
        self.finish(part)?;
        Ok(self.mixer.finish())
    }

    /// Takes `part` and all that is on the stack.
    fn finish(&mut self, mut part: Option<Own>) -> PyResult<()> {
        loop {
            part = match part {
                Some(object) => self.begin(object.item())?,
                None if self.stack.frames.is_empty() => return Ok(()),
                None => self.resume()?,
            };
        }
    }

    /// Takes a plain value; gives anything else back, to be begun.
    #[inline(always)]
    pub(super) fn visit(&mut self, object: Own) -> Option<Own> {
        if absorb_plain(&mut self.mixer, object.item()) {
            None
        } else {
            Some(object)
        }
    }

    pub(super) fn count(&mut self, parts: usize) -> PyResult<()> {
        self.nodes += parts as u64;
        check_size(self.nodes, MAX_NODES)
    }

    #[inline(always)]
    pub(super) fn push(&mut self, cursor: Cursor, on_path: bool) {
        if on_path {
            self.stack.path.push(cursor.owner.item());
        }
        self.stack.frames.push(Frame {
            cursor,
            on_path,
            loose: false,
        });
    }

    pub(super) fn close(&mut self) {
        if let Some(frame) = self.stack.frames.pop()
            && frame.on_path
        {
            self.stack.path.pop();
        }
    }

    /// Takes the header of an object that is no plain value and as many of its parts as are plain. Gives the first
    /// that is not.
    fn begin(&mut self, item: Item) -> PyResult<Option<Own>> {
        if let Some(depth) = self.stack.path.find(item) {
            self.mixer
                .absorb((self.stack.path.depth() - depth) as u64, tag::CYCLE);
            return Ok(None);
        }
        let ty = item.ty();
        if ty == type_of_ffi!(PyList_Type) {
            self.list(item, true)
        } else if ty == type_of_ffi!(PyDict_Type) {
            self.dict(item, true)
        } else if ty == type_of_ffi!(PyTuple_Type) {
            self.tuple(item, true)
        } else {
            self.planned(item)
        }
    }

    fn planned(&mut self, item: Item) -> PyResult<Option<Own>> {
        let place = self.plans.find(self.py, item.ty())?;
        let plan = self.plans.get(place);
        self.mixer.absorb(plan.header[0], plan.header[1]);
        let (content, bare, fields) = (plan.content, plan.is_bare(), plan.fields.len());
        if plan.opaque {
            self.plans.note_opaque(place);
        }
        if bare {
            return self.content(item, content, true);
        }
        self.count(fields)?;
        if matches!(content, Content::Nothing) {
            return self.fields(item, place);
        }
        self.push(Cursor::fields(item.own(), place, 0), true);
        self.content(item, content, false)
    }

    pub(super) fn list(&mut self, list: Item, on_path: bool) -> PyResult<Option<Own>> {
        let len = list.list_len();
        self.mixer.absorb(len as u64, tag::LIST);
        self.count(len)?;
        let mut at = 0;
        let part = self.plain_run(&mut at, |at| list.list_get(at));
        if part.is_some() {
            self.push(Cursor::new(Kind::List, list.own(), at), on_path);
        }
        Ok(part)
    }

    pub(super) fn tuple(&mut self, tuple: Item, on_path: bool) -> PyResult<Option<Own>> {
        let len = tuple.tuple_len();
        self.mixer.absorb(len as u64, tag::TUPLE);
        self.count(len)?;
        let mut at = 0;
        let part = self.plain_run(&mut at, |at| tuple.tuple_get(at));
        if part.is_some() {
            self.push(Cursor::new(Kind::Tuple, tuple.own(), at), on_path);
        }
        Ok(part)
    }

    pub(super) fn dict(&mut self, dict: Item, on_path: bool) -> PyResult<Option<Own>> {
        let len = dict.dict_len();
        self.count(2 * len)?;
        if !self.dict_order {
            self.mixer.absorb(len as u64, tag::LOOSE_DICT);
            self.push_loose(Cursor::new(Kind::Dict, dict.own(), 0), on_path);
            return Ok(None);
        }
        self.mixer.absorb(len as u64, tag::DICT);
        let mut at = 0;
        let (part, value) = self.plain_entries(dict, &mut at);
        if part.is_some() {
            self.push(
                Cursor::new(Kind::Dict, dict.own(), at.cast_unsigned()),
                on_path,
            );
            if let Some(value) = value {
                self.push(Cursor::new(Kind::Once, value, 0), false);
            }
        }
        Ok(part)
    }

    /// The fields of an object without content, which is not on the stack yet.
    fn fields(&mut self, object: Item, place: usize) -> PyResult<Option<Own>> {
        let mut at = 0;
        let part = self.plain_fields(object, place, &mut at)?;
        if part.is_some() {
            self.push(Cursor::fields(object.own(), place, at), true);
        } else if self.plans.get(place).dict.is_some() {
            self.push_loose(Cursor::names(self.py, object, place)?, true);
        }
        Ok(part)
    }

    /// Goes on with the top frame.
    fn resume(&mut self) -> PyResult<Option<Own>> {
        let Some(frame) = self.stack.frames.last() else {
            return Ok(None);
        };
        let (owner, mut at, loose) = (
            frame.cursor.owner.item(),
            frame.cursor.at.cast_unsigned(),
            frame.loose,
        );
        if loose {
            return self.resume_loose();
        }
        match frame.cursor.kind {
            Kind::List => {
                let part = self.plain_run(&mut at, |at| owner.list_get(at));
                Ok(self.keep_place(at, part))
            }
            Kind::Tuple => {
                let part = self.plain_run(&mut at, |at| owner.tuple_get(at));
                Ok(self.keep_place(at, part))
            }
            Kind::Dict => {
                let mut place = at.cast_signed();
                let (part, value) = self.plain_entries(owner, &mut place);
                let part = self.keep_place(place.cast_unsigned(), part);
                if let Some(value) = value {
                    self.push(Cursor::new(Kind::Once, value, 0), false);
                }
                Ok(part)
            }
            Kind::Fields => self.resume_fields(at),
            Kind::Once => {
                let frame = self.stack.frames.pop();
                Ok(frame.and_then(|frame| self.visit(frame.cursor.owner)))
            }
            Kind::Elements | Kind::Ordered | Kind::Names => self.resume_rare(),
        }
    }

    /// Notes where the top frame goes on after `part`, or takes it off the stack.
    #[inline(always)]
    fn keep_place(&mut self, at: usize, part: Option<Own>) -> Option<Own> {
        if part.is_none() {
            self.close();
        } else if let Some(frame) = self.stack.frames.last_mut() {
            frame.cursor.at = at.cast_signed();
        }
        part
    }

    fn resume_fields(&mut self, mut at: usize) -> PyResult<Option<Own>> {
        let Some(frame) = self.stack.frames.last() else {
            return Ok(None);
        };
        let (object, place) = (frame.cursor.owner.item(), frame.cursor.place);
        let part = self.plain_fields(object, place, &mut at)?;
        if part.is_some() || self.plans.get(place).dict.is_none() {
            return Ok(self.keep_place(at, part));
        }
        // The fixed fields are done: on to the instance dict, where order does not matter.
        let names = Cursor::names(self.py, object, place)?;
        if let Some(frame) = self.stack.frames.last_mut() {
            drop(std::mem::replace(&mut frame.cursor, names));
        }
        self.loosen();
        Ok(None)
    }

    fn resume_rare(&mut self) -> PyResult<Option<Own>> {
        let Some(frame) = self.stack.frames.last_mut() else {
            return Ok(None);
        };
        if let Some(entry) = frame.cursor.next(self.py, self.plans)? {
            return Ok(self.entry(entry));
        }
        self.close();
        Ok(None)
    }

    pub(super) fn entry(&mut self, entry: Entry) -> Option<Own> {
        match entry {
            Entry::Item(item) => self.visit(item),
            Entry::Pair(key, value) => match self.visit(key) {
                None => self.visit(value),
                key => {
                    self.push(Cursor::new(Kind::Once, value, 0), false);
                    key
                }
            },
            Entry::Missing => {
                self.mixer.absorb(0, tag::MISSING);
                None
            }
        }
    }
}
