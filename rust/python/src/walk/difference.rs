//! The first difference of two objects: both are walked side by side, by the same rules as the fingerprint.

use fasm_core::mixer::Mixer;
use pyo3::prelude::*;

use super::Difference;
use super::cursor::{Cursor, Entry, Kind};
use super::hash::{Hash, Stack};
use super::known::Known;
use super::leaf::absorb_plain;
use super::pairs::{Label, Part, Side, matched};
use super::path::Path;
use super::plan::Content;
use super::plans::Plans;
use super::raw::{Item, Own, type_of_ffi};
use super::show::show_both;

/// How much of a long path is shown at either end.
const SHOWN: usize = 20;

/// Where the parts come from.
#[derive(Debug)]
enum Parts {
    /// One after the other from both sides.
    Both(Cursor, Cursor),
    /// Matched beforehand, last one first. The objects are kept alive, since they are on the paths.
    Matched { parts: Vec<Part>, _kept: (Own, Own) },
}

#[derive(Debug)]
struct Frame {
    parts: Parts,
    /// How many parts were read.
    index: usize,
    /// The part that is being compared.
    label: Label,
    on_path: bool,
}

pub struct Differ<'w, 'py> {
    py: Python<'py>,
    plans: &'w mut Plans,
    stack: &'w mut Stack,
    dict_order: bool,
    frames: Vec<Frame>,
    old_path: Path,
    new_path: Path,
}

impl<'w, 'py> Differ<'w, 'py> {
    pub fn new(
        py: Python<'py>,
        plans: &'w mut Plans,
        stack: &'w mut Stack,
        dict_order: bool,
    ) -> Self {
        let (old_path, new_path) = (Path::default(), Path::default());
        Self {
            py,
            plans,
            stack,
            dict_order,
            frames: Vec::new(),
            old_path,
            new_path,
        }
    }

    pub fn run(mut self, old: Item, new: Item) -> PyResult<Option<Difference>> {
        let mut part = Some((Some(old.own()), Some(new.own())));
        loop {
            match part {
                Some((Some(old), Some(new))) if self.begin(&old, &new)? => {}
                Some((old, new)) => return self.report(old.as_ref(), new.as_ref()).map(Some),
                None if self.frames.is_empty() => return Ok(None),
                None => {}
            }
            part = self.next()?;
        }
    }

    fn report(&self, old: Option<&Own>, new: Option<&Own>) -> PyResult<Difference> {
        let mut path = String::new();
        for (depth, frame) in self.frames.iter().enumerate() {
            if depth == SHOWN && self.frames.len() > 2 * SHOWN {
                path.push_str("...");
            }
            if depth < SHOWN || depth + SHOWN >= self.frames.len() {
                path.push_str(&frame.label.text(self.py)?);
            }
        }
        let (old, new) = show_both(self.py, old, new)?;
        Ok(Difference { path, old, new })
    }

    /// The next part of the top frame. None if there was none, and the frame is gone.
    fn next(&mut self) -> PyResult<Option<(Option<Own>, Option<Own>)>> {
        let Some(frame) = self.frames.last_mut() else {
            return Ok(None);
        };
        let found = match &mut frame.parts {
            Parts::Matched { parts, .. } => parts.pop(),
            Parts::Both(old, new) => {
                let found = (
                    old.next(self.py, self.plans)?,
                    new.next(self.py, self.plans)?,
                );
                self.label(found)?
            }
        };
        let Some(frame) = self.frames.last_mut() else {
            return Ok(None);
        };
        frame.index += 1;
        if let Some((label, old, new)) = found {
            drop(std::mem::replace(&mut frame.label, label));
            return Ok(Some((old, new)));
        }
        self.close()
    }

    fn close(&mut self) -> PyResult<Option<(Option<Own>, Option<Own>)>> {
        let Some(frame) = self.frames.pop() else {
            return Ok(None);
        };
        if let Parts::Both(old, new) = &frame.parts
            && old.kind == Kind::Fields
            && self.plans.get(old.place).dict.is_some()
        {
            // The fixed fields are done: on to the instance dict, where order does not matter.
            let (py, place) = (self.py, old.place);
            let old_names = Cursor::names(py, old.owner.item(), place)?;
            let new_names = Cursor::names(py, new.owner.item(), place)?;
            self.push_matched(old_names, new_names, frame.on_path)?;
        } else if frame.on_path {
            self.old_path.pop();
            self.new_path.pop();
        }
        Ok(None)
    }

    /// Says how the two entries that the cursors read are reached.
    fn label(&mut self, found: (Option<Entry>, Option<Entry>)) -> PyResult<Option<Part>> {
        let Some(Frame {
            parts: Parts::Both(old, _),
            index,
            ..
        }) = self.frames.last()
        else {
            return Ok(None);
        };
        let index = *index;
        let field = (old.kind == Kind::Fields).then(|| self.plans.get(old.place).fields.get(index));
        let label = field.flatten().map_or(Label::Index(index), |field| {
            Label::Field(field.name().own())
        });
        let item = |entry| match entry {
            Some(Entry::Item(item)) => Some(item),
            _ => None,
        };
        Ok(match found {
            (None, None) => None,
            (Some(Entry::Missing), Some(Entry::Missing)) => return self.next_field(),
            (Some(Entry::Pair(key, value)), None) => Some((Label::Key(key), Some(value), None)),
            (None, Some(Entry::Pair(key, value))) => Some((Label::Key(key), None, Some(value))),
            (Some(Entry::Pair(key, value)), Some(Entry::Pair(other, second))) => {
                Some(self.entries((key, value), (other, second), index)?)
            }
            (old, new) => Some((label, item(old), item(new))),
        })
    }

    /// A field that both sides lack is no difference.
    fn next_field(&mut self) -> PyResult<Option<Part>> {
        let Some(frame) = self.frames.last_mut() else {
            return Ok(None);
        };
        frame.index += 1;
        let Parts::Both(old, new) = &mut frame.parts else {
            return Ok(None);
        };
        let found = (
            old.next(self.py, self.plans)?,
            new.next(self.py, self.plans)?,
        );
        self.label(found)
    }

    /// The entries at one place of two dicts in which order matters.
    fn entries(&mut self, old: (Own, Own), new: (Own, Own), index: usize) -> PyResult<Part> {
        let (old_print, new_print) = (self.print_old(&old.0)?, self.print_new(&new.0)?);
        if old_print == new_print {
            return Ok((Label::Key(old.0), Some(old.1), Some(new.1)));
        }
        let Some(Frame {
            parts: Parts::Both(old_from, new_from),
            ..
        }) = self.frames.last()
        else {
            return Ok((Label::KeyAt(index), Some(old.0), Some(new.0)));
        };
        let (old_dict, new_dict) = (old_from.owner.item().own(), new_from.owner.item().own());
        let new_side = self.read(Cursor::new(Kind::Dict, new_dict, 0), false)?;
        if !new_side.has(old_print) {
            return Ok((Label::Key(old.0), Some(old.1), None));
        }
        let old_side = self.read(Cursor::new(Kind::Dict, old_dict, 0), true)?;
        if !old_side.has(new_print) {
            return Ok((Label::Key(new.0), None, Some(new.1)));
        }
        Ok((Label::KeyAt(index), Some(old.0), Some(new.0)))
    }

    fn read(&mut self, from: Cursor, old: bool) -> PyResult<Side> {
        let path = if old { &self.old_path } else { &self.new_path };
        let (py, stack, dict_order) = (self.py, &mut *self.stack, self.dict_order);
        Side::read(py, self.plans, from, |plans, key| {
            print(py, plans, stack, dict_order, key, path)
        })
    }

    fn print_old(&mut self, key: &Own) -> PyResult<u128> {
        print(
            self.py,
            self.plans,
            self.stack,
            self.dict_order,
            key,
            &self.old_path,
        )
    }

    fn print_new(&mut self, key: &Own) -> PyResult<u128> {
        print(
            self.py,
            self.plans,
            self.stack,
            self.dict_order,
            key,
            &self.new_path,
        )
    }

    /// Whether two objects are equal as far as can be told without their parts, which are put on the stack.
    fn begin(&mut self, old: &Own, new: &Own) -> PyResult<bool> {
        let (a, b) = (old.item(), new.item());
        if a.ty() != b.ty() {
            return Ok(false);
        }
        let (mut left, mut right) = (Mixer::new(), Mixer::new());
        if absorb_plain(&mut left, a) {
            absorb_plain(&mut right, b);
            return Ok(left == right);
        }
        match (self.old_path.find(a), self.new_path.find(b)) {
            (None, None) => {}
            (left, right) => return Ok(left == right),
        }
        let ty = a.ty();
        if ty == type_of_ffi!(PyList_Type) {
            self.content(a, b, Content::List, true)
        } else if ty == type_of_ffi!(PyDict_Type) {
            self.content(a, b, Content::Dict, true)
        } else if ty == type_of_ffi!(PyTuple_Type) {
            self.content(a, b, Content::Tuple, true)
        } else {
            self.planned(a, b)
        }
    }

    fn planned(&mut self, a: Item, b: Item) -> PyResult<bool> {
        let place = self.plans.find(self.py, a.ty())?;
        let plan = self.plans.get(place);
        let (content, bare) = (plan.content, plan.is_bare());
        if plan.opaque {
            self.plans.note_opaque(place);
        }
        if !bare {
            let (old, new) = (
                Cursor::fields(a.own(), place, 0),
                Cursor::fields(b.own(), place, 0),
            );
            self.push(Parts::Both(old, new), true, a, b);
        }
        self.content(a, b, content, bare)
    }

    fn content(&mut self, a: Item, b: Item, content: Content, on_path: bool) -> PyResult<bool> {
        let py = self.py;
        let both = |kind| Parts::Both(Cursor::new(kind, a.own(), 0), Cursor::new(kind, b.own(), 0));
        let parts = match content {
            Content::List => both(Kind::List),
            Content::Tuple => both(Kind::Tuple),
            Content::Dict if self.dict_order => both(Kind::Dict),
            Content::OrderedDict if self.dict_order => {
                Parts::Both(Cursor::ordered(py, a)?, Cursor::ordered(py, b)?)
            }
            Content::Dict | Content::OrderedDict => {
                let (old, new) = (
                    Cursor::new(Kind::Dict, a.own(), 0),
                    Cursor::new(Kind::Dict, b.own(), 0),
                );
                return self.push_matched_at(old, new, on_path, a, b);
            }
            Content::Set | Content::FrozenSet => {
                let base = type_of_ffi!(PySet_Type);
                let (old, new) = (
                    Cursor::elements(py, a, base)?,
                    Cursor::elements(py, b, base)?,
                );
                return self.push_matched_at(old, new, on_path, a, b);
            }
            Content::Deque => {
                let base = Known::get(py)?.deque();
                let (old, new) = (a.deque_bound(py)?, b.deque_bound(py)?);
                if self.print_old(&old)? != self.print_new(&new)? {
                    return Ok(false);
                }
                Parts::Both(
                    Cursor::elements(py, a, base)?,
                    Cursor::elements(py, b, base)?,
                )
            }
            Content::Nothing => return Ok(true),
            _ => return Ok(self.print_content(a, content)? == self.print_content(b, content)?),
        };
        self.push(parts, on_path, a, b);
        Ok(true)
    }

    fn print_content(&mut self, item: Item, content: Content) -> PyResult<u128> {
        Hash::new(self.py, self.plans, self.stack, self.dict_order).run_content(item, content)
    }

    fn push(&mut self, parts: Parts, on_path: bool, old: Item, new: Item) {
        if on_path {
            self.old_path.push(old);
            self.new_path.push(new);
        }
        self.frames.push(Frame {
            parts,
            index: 0,
            label: Label::Itself,
            on_path,
        });
    }

    fn push_matched_at(
        &mut self,
        old: Cursor,
        new: Cursor,
        on_path: bool,
        a: Item,
        b: Item,
    ) -> PyResult<bool> {
        if on_path {
            self.old_path.push(a);
            self.new_path.push(b);
        }
        self.push_matched(old, new, on_path)?;
        Ok(true)
    }

    /// Matches the entries of two objects that are on the paths already.
    fn push_matched(&mut self, old: Cursor, new: Cursor, on_path: bool) -> PyResult<()> {
        let (kind, kept) = (old.kind, (old.owner.item().own(), new.owner.item().own()));
        let (old, new) = (self.read(old, true)?, self.read(new, false)?);
        let mut parts = matched(old, new, kind);
        parts.reverse();
        let parts = Parts::Matched { parts, _kept: kept };
        self.frames.push(Frame {
            parts,
            index: 0,
            label: Label::Itself,
            on_path,
        });
        Ok(())
    }
}

/// The hash of a key or element, as its object's own fingerprint would take it.
fn print(
    py: Python<'_>,
    plans: &mut Plans,
    stack: &mut Stack,
    dict_order: bool,
    key: &Own,
    path: &Path,
) -> PyResult<u128> {
    let mut mixer = Mixer::new();
    if absorb_plain(&mut mixer, key.item()) {
        return Ok(mixer.finish());
    }
    Hash::new(py, plans, stack, dict_order).run_below(key.item(), path)
}
