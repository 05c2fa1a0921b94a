//! The fingerprint: one pass over the state that feeds a fixed hash.
//!
//! The stream is unambiguous: every object starts with a word that says what it is and how long. Where order does
//! not matter, each entry is hashed on its own and the hashes are added up.

use fasm_core::mixer::Mixer;
use pyo3::prelude::*;

use super::check_nodes;
use super::cursor::instance_dict;
use super::cursor::{Cursor, Entry};
use super::known::Known;
use super::leaf::{absorb_complex, absorb_int, absorb_plain, absorb_str, tag};
use super::moment::{
    absorb_date, absorb_datetime, absorb_time, absorb_timedelta, datetime_zone, time_zone,
};
use super::path::Path;
use super::plan::{Access, Content};
use super::plans::Plans;
use super::raw::{Item, type_of_ffi};

/// An object whose parts are being hashed.
#[derive(Debug)]
struct Frame {
    cursor: Cursor,
    /// Whether this is the frame that put its object on the path.
    on_path: bool,
    /// The place of what `Loose` keeps, if order does not matter here.
    loose: bool,
}

/// The sum over the entries of an unordered object.
#[derive(Debug)]
struct Loose {
    outer: Mixer,
    sum: u128,
    count: u64,
    open: bool,
}

/// Kept between walks for its memory.
#[derive(Debug, Default)]
pub struct Stack {
    frames: Vec<Frame>,
    loose: Vec<Loose>,
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
    py: Python<'py>,
    plans: &'w mut Plans,
    stack: &'w mut Stack,
    dict_order: bool,
    mixer: Mixer,
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
        self.visit(root)?;
        while let Some(frame) = self.stack.frames.last_mut() {
            match &mut frame.cursor {
                Cursor::List { list, at } => {
                    let list = list.item();
                    let (mut mixer, mut index) = (self.mixer, *at);
                    let mut open = None;
                    while let Some(item) = list.list_get(index) {
                        index += 1;
                        if !absorb_plain(&mut mixer, item) {
                            open = Some(item);
                            break;
                        }
                    }
                    *at = index;
                    self.mixer = mixer;
                    self.go_on(open)?;
                }
                Cursor::Tuple { tuple, at } => {
                    let tuple = tuple.item();
                    let (mut mixer, mut index) = (self.mixer, *at);
                    let mut open = None;
                    while let Some(item) = tuple.tuple_get(index) {
                        index += 1;
                        if !absorb_plain(&mut mixer, item) {
                            open = Some(item);
                            break;
                        }
                    }
                    *at = index;
                    self.mixer = mixer;
                    self.go_on(open)?;
                }
                Cursor::Dict { .. } if !frame.loose => self.dict()?,
                Cursor::Fields { .. } => self.fields()?,
                Cursor::Once { .. } => {
                    let frame = self.stack.frames.pop();
                    if let Some(Frame {
                        cursor: Cursor::Once { item },
                        ..
                    }) = &frame
                    {
                        self.visit(item.item())?;
                    }
                }
                _ if frame.loose => self.loose()?,
                _ => self.ordered()?,
            }
        }
        Ok((self.mixer.finish(), self.nodes))
    }

    #[inline(always)]
    fn visit(&mut self, item: Item) -> PyResult<()> {
        if absorb_plain(&mut self.mixer, item) {
            Ok(())
        } else {
            self.open(item)
        }
    }

    #[inline(always)]
    fn go_on(&mut self, open: Option<Item>) -> PyResult<()> {
        match open {
            Some(item) => self.open(item),
            None => {
                self.close();
                Ok(())
            }
        }
    }

    fn close(&mut self) {
        if let Some(frame) = self.stack.frames.pop()
            && frame.on_path
        {
            self.stack.path.pop();
        }
    }

    fn push(&mut self, cursor: Cursor, on_path: Option<Item>, loose: bool) {
        if let Some(item) = on_path {
            self.stack.path.push(item);
        }
        if loose {
            let outer = self.mixer;
            self.stack.loose.push(Loose {
                outer,
                sum: 0,
                count: 0,
                open: false,
            });
        }
        self.stack.frames.push(Frame {
            cursor,
            on_path: on_path.is_some(),
            loose,
        });
    }

    fn count(&mut self, parts: usize) -> PyResult<()> {
        self.nodes += parts as u64;
        check_nodes(self.nodes)
    }

    /// Takes the header of an object that is no plain value, and gets ready for its parts.
    fn open(&mut self, item: Item) -> PyResult<()> {
        if let Some(depth) = self.stack.path.find(item) {
            self.mixer
                .absorb((self.stack.path.depth() - depth) as u64, tag::CYCLE);
            return Ok(());
        }
        let ty = item.ty();
        if ty == type_of_ffi!(PyList_Type) {
            self.content(item, Content::List, Some(item))
        } else if ty == type_of_ffi!(PyDict_Type) {
            self.content(item, Content::Dict, Some(item))
        } else if ty == type_of_ffi!(PyTuple_Type) {
            self.content(item, Content::Tuple, Some(item))
        } else {
            self.planned(item)
        }
    }

    fn planned(&mut self, item: Item) -> PyResult<()> {
        let place = self.plans.find(self.py, item.ty())?;
        let plan = self.plans.get(place);
        self.mixer.absorb(plan.header[0], plan.header[1]);
        let (content, bare, fields) = (plan.content, plan.is_bare(), plan.fields.len());
        if plan.opaque {
            self.plans.note_opaque(place);
        }
        if bare {
            return self.content(item, content, Some(item));
        }
        self.count(fields)?;
        self.push(Cursor::fields(item, place), Some(item), false);
        self.content(item, content, None)
    }

    #[inline(always)]
    fn content(&mut self, item: Item, content: Content, on_path: Option<Item>) -> PyResult<()> {
        match content {
            Content::Nothing => {}
            Content::List => {
                let len = item.list_len();
                self.mixer.absorb(len as u64, tag::LIST);
                self.count(len)?;
                self.push(Cursor::list(item), on_path, false);
            }
            Content::Tuple => {
                let len = item.tuple_len();
                self.mixer.absorb(len as u64, tag::TUPLE);
                self.count(len)?;
                self.push(Cursor::tuple(item), on_path, false);
            }
            Content::Dict => {
                let len = item.dict_len();
                self.mixer.absorb(
                    len as u64,
                    if self.dict_order {
                        tag::DICT
                    } else {
                        tag::LOOSE_DICT
                    },
                );
                self.count(2 * len)?;
                self.push(Cursor::dict(item), on_path, !self.dict_order);
            }
            _ => return self.rare(item, content, on_path),
        }
        Ok(())
    }

    #[inline(never)]
    fn rare(&mut self, item: Item, content: Content, on_path: Option<Item>) -> PyResult<()> {
        match content {
            Content::OrderedDict if self.dict_order => {
                let len = item.dict_len();
                self.mixer.absorb(len as u64, tag::DICT);
                self.count(2 * len)?;
                self.push(Cursor::ordered(self.py, item)?, on_path, false);
            }
            Content::OrderedDict => return self.content(item, Content::Dict, on_path),
            Content::Set | Content::FrozenSet => {
                let len = item.set_len();
                self.mixer.absorb(len as u64, tag::SET);
                self.count(len)?;
                let base = type_of_ffi!(PySet_Type);
                self.push(Cursor::elements(self.py, item, base)?, on_path, true);
            }
            Content::Deque => {
                let len = item.deque_len();
                self.mixer.absorb(len as u64, tag::DEQUE);
                let bound = item.deque_bound(self.py)?;
                self.visit(bound.item())?;
                self.count(len)?;
                let base = Known::get(self.py)?.deque();
                self.push(Cursor::elements(self.py, item, base)?, on_path, false);
            }
            Content::Int => absorb_int(&mut self.mixer, item),
            Content::Str => absorb_str(&mut self.mixer, item),
            Content::Float => self.mixer.absorb(item.float_bits(), tag::FLOAT),
            Content::Bytes => self.mixer.absorb_bytes(item.bytes(), tag::BYTES),
            Content::ByteArray => self.mixer.absorb_bytes(item.bytearray(), tag::BYTEARRAY),
            Content::Complex => absorb_complex(&mut self.mixer, item),
            Content::Date => absorb_date(&mut self.mixer, item),
            Content::TimeDelta => absorb_timedelta(&mut self.mixer, item),
            Content::DateTime => {
                absorb_datetime(&mut self.mixer, item);
                self.zone(datetime_zone(item));
            }
            Content::Time => {
                absorb_time(&mut self.mixer, item);
                self.zone(time_zone(item));
            }
            Content::Derived(derive) => {
                let item = derive(self.py, item)?;
                self.push(Cursor::Once { item }, None, false);
            }
            Content::Nothing | Content::List | Content::Tuple | Content::Dict => {}
        }
        Ok(())
    }

    fn zone(&mut self, zone: Option<Item>) {
        match zone {
            Some(zone) => self.push(Cursor::Once { item: zone.own() }, None, false),
            None => self.mixer.absorb(0, tag::NONE),
        }
    }

    fn dict(&mut self) -> PyResult<()> {
        let Some(Frame {
            cursor: Cursor::Dict { dict, at },
            ..
        }) = self.stack.frames.last_mut()
        else {
            return Ok(());
        };
        let dict = dict.item();
        let mut mixer = self.mixer;
        while let Some((key, value)) = dict.dict_next(at) {
            if !absorb_plain(&mut mixer, key) {
                self.mixer = mixer;
                self.push(Cursor::Once { item: value.own() }, None, false);
                return self.open(key);
            }
            if !absorb_plain(&mut mixer, value) {
                self.mixer = mixer;
                return self.open(value);
            }
        }
        self.mixer = mixer;
        self.close();
        Ok(())
    }

    fn fields(&mut self) -> PyResult<()> {
        let Some(Frame {
            cursor: Cursor::Fields { object, place, at },
            ..
        }) = self.stack.frames.last_mut()
        else {
            return Ok(());
        };
        let plan = self.plans.get(*place);
        let mut mixer = self.mixer;
        while let Some(field) = plan.fields.get(*at) {
            *at += 1;
            let value = match field.access {
                Access::Slot(offset) => {
                    let Some(item) = object.item().slot(offset) else {
                        mixer.absorb(0, tag::MISSING);
                        continue;
                    };
                    if absorb_plain(&mut mixer, item) {
                        continue;
                    }
                    item.own()
                }
                Access::Attribute => {
                    let Some(value) = object.item().attribute(self.py, field.name())? else {
                        mixer.absorb(0, tag::MISSING);
                        continue;
                    };
                    if absorb_plain(&mut mixer, value.item()) {
                        continue;
                    }
                    value
                }
            };
            self.mixer = mixer;
            return self.open(value.item());
        }
        self.mixer = mixer;
        if plan.dict.is_none() {
            self.close();
            return Ok(());
        }
        self.names()
    }

    /// Goes on from the fixed fields of an object to its instance dict, where order does not matter.
    fn names(&mut self) -> PyResult<()> {
        let Some(Frame { cursor, loose, .. }) = self.stack.frames.last_mut() else {
            return Ok(());
        };
        let Cursor::Fields { object, place, .. } = cursor else {
            return Ok(());
        };
        let (object, place) = (object.item().own(), *place);
        let dict = instance_dict(self.py, object.item())?;
        *cursor = Cursor::Names {
            _object: object,
            dict,
            place,
            at: 0,
        };
        *loose = true;
        let outer = self.mixer;
        self.stack.loose.push(Loose {
            outer,
            sum: 0,
            count: 0,
            open: false,
        });
        Ok(())
    }

    /// The parts of an object one by one, in order.
    fn ordered(&mut self) -> PyResult<()> {
        let Some(frame) = self.stack.frames.last_mut() else {
            return Ok(());
        };
        match frame.cursor.next(self.py, self.plans)? {
            Some(entry) => self.entry(entry),
            None => {
                self.close();
                Ok(())
            }
        }
    }

    fn entry(&mut self, entry: Entry) -> PyResult<()> {
        match entry {
            Entry::Item(item) => self.visit(item.item()),
            Entry::Pair(key, value) => {
                self.push(Cursor::Once { item: value }, None, false);
                self.visit(key.item())
            }
            Entry::Missing => {
                self.mixer.absorb(0, tag::MISSING);
                Ok(())
            }
        }
    }

    /// The parts of an object whose order does not matter: each is hashed on its own.
    fn loose(&mut self) -> PyResult<()> {
        let (Some(frame), Some(loose)) =
            (self.stack.frames.last_mut(), self.stack.loose.last_mut())
        else {
            return Ok(());
        };
        if loose.open {
            loose.sum = loose.sum.wrapping_add(self.mixer.finish());
            loose.count += 1;
        }
        if let Some(entry) = frame.cursor.next(self.py, self.plans)? {
            loose.open = true;
            self.mixer = Mixer::new();
            return self.entry(entry);
        }
        let (sum, count) = (loose.sum, loose.count);
        if matches!(frame.cursor, Cursor::Names { .. }) {
            self.nodes += 2 * count;
        }
        self.mixer = loose.outer;
        self.stack.loose.pop();
        self.mixer.absorb((sum >> 64) as u64, sum as u64);
        self.mixer.absorb(count, tag::SET);
        self.close();
        Ok(())
    }
}
