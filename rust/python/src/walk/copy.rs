//! The structural copy.
//!
//! Containers are cloned first, which is cheap; then what must not be shared is replaced in the clone.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::check_nodes;
use super::cursor::{Cursor, Entry, instance_dict};
use super::known::Known;
use super::leaf::is_plain;
use super::make;
use super::path::Path;
use super::plan::{Access, Content, Make};
use super::plans::Plans;
use super::raw::{Item, Own, Type, type_of_ffi};
use crate::errors::InvalidArgument;

/// How deep a quick look for mutable parts goes.
const QUICK_DEPTH: u32 = 4;

/// What is being copied.
#[derive(Debug)]
enum Work {
    /// A clone whose items from `at` on are those of the original.
    List { copy: Own, at: usize },
    /// The clone is made when the first item has to be replaced.
    Tuple {
        source: Own,
        copy: Option<Own>,
        at: usize,
        changed: bool,
    },
    /// A clone whose values from `at` on are those of the original.
    Dict {
        source: Own,
        copy: Own,
        at: isize,
        key: Option<Own>,
    },
    /// A dict made entry by entry. A value waits here while its key is copied; then the key waits.
    Entries {
        copy: Own,
        from: Cursor,
        key: Option<Own>,
        value: Option<Own>,
    },
    /// A set or deque made element by element.
    Elements {
        copy: Own,
        from: Cursor,
        add: fn(Python<'_>, &Own, Own) -> PyResult<()>,
    },
    /// Parts of what can only be made once they are all there.
    Parts {
        source: Own,
        from: Cursor,
        parts: Vec<Own>,
        changed: bool,
    },
    /// The fields of an object.
    Fields {
        source: Own,
        copy: Own,
        place: usize,
        at: usize,
        changed: bool,
    },
    /// The instance dict of an object.
    Names {
        copy: Own,
        dict: Own,
        place: usize,
        at: isize,
        key: Option<Own>,
    },
}

#[derive(Debug)]
struct Frame {
    work: Work,
    on_path: bool,
    /// Whether this is the content of an object whose frame lies below.
    part: bool,
}

/// Kept between walks for its memory.
#[derive(Debug, Default)]
pub struct Stack {
    frames: Vec<Frame>,
    path: Path,
    /// The frames that lie on the path, by depth.
    owners: Vec<usize>,
}

impl Stack {
    /// Forgets what an error left. Drops objects, so Python code can run.
    pub fn clear(&mut self) {
        self.path.clear();
        self.owners.clear();
        while let Some(frame) = self.frames.pop() {
            drop(frame);
        }
    }
}

pub struct Copy<'w, 'py> {
    py: Python<'py>,
    plans: &'w mut Plans,
    stack: &'w mut Stack,
    nodes: u64,
}

impl<'w, 'py> Copy<'w, 'py> {
    pub fn new(py: Python<'py>, plans: &'w mut Plans, stack: &'w mut Stack) -> Self {
        Self {
            py,
            plans,
            stack,
            nodes: 0,
        }
    }

    pub fn run(mut self, root: Item) -> PyResult<Own> {
        let mut ready = self.enter(root)?;
        loop {
            if let Some(copy) = ready {
                if self.stack.frames.is_empty() {
                    return Ok(copy);
                }
                self.deliver(copy)?;
            }
            ready = match self.next()? {
                Some(part) => self.enter(part.item())?,
                None => self.finish()?,
            };
        }
    }

    /// The copy of an object, or None if it has to be made part by part.
    fn enter(&mut self, item: Item) -> PyResult<Option<Own>> {
        if is_plain(item) {
            return Ok(Some(item.own()));
        }
        if let Some(depth) = self.stack.path.find(item) {
            return self.copy_of_ancestor(depth).map(Some);
        }
        self.nodes += 1;
        check_nodes(self.nodes)?;
        let ty = item.ty();
        if ty == type_of_ffi!(PyList_Type) {
            let copy = make::list(self.py, item)?;
            self.push(Work::List { copy, at: 0 }, Some(item));
        } else if ty == type_of_ffi!(PyDict_Type) {
            let copy = make::dict(self.py, item)?;
            self.push(
                Work::Dict {
                    source: item.own(),
                    copy,
                    at: 0,
                    key: None,
                },
                Some(item),
            );
        } else if ty == type_of_ffi!(PyTuple_Type) {
            if self.is_immutable(item, QUICK_DEPTH)? {
                return Ok(Some(item.own()));
            }
            self.push(
                Work::Tuple {
                    source: item.own(),
                    copy: None,
                    at: 0,
                    changed: false,
                },
                Some(item),
            );
        } else {
            return self.enter_planned(item);
        }
        Ok(None)
    }

    fn push(&mut self, work: Work, on_path: Option<Item>) {
        if let Some(item) = on_path {
            self.stack.path.push(item);
            self.stack.owners.push(self.stack.frames.len());
        }
        let part = on_path.is_none();
        self.stack.frames.push(Frame {
            work,
            on_path: !part,
            part,
        });
    }

    /// Whether an object holds nothing mutable, as far as a quick look tells.
    fn is_immutable(&mut self, item: Item, depth: u32) -> PyResult<bool> {
        if is_plain(item) {
            return Ok(true);
        }
        if depth == 0 {
            return Ok(false);
        }
        let exact = item.ty() == type_of_ffi!(PyTuple_Type);
        let place = if exact {
            0
        } else {
            self.plans.find(self.py, item.ty())?
        };
        if !exact {
            let plan = self.plans.get(place);
            if plan.make == Make::Share {
                return Ok(!plan.opaque);
            }
            if !plan.frozen || !matches!(plan.content, Content::Nothing | Content::Tuple) {
                return Ok(false);
            }
        }
        if exact || matches!(self.plans.get(place).content, Content::Tuple) {
            let mut at = 0;
            while let Some(part) = item.tuple_get(at) {
                if !self.is_immutable(part, depth - 1)? {
                    return Ok(false);
                }
                at += 1;
            }
            return Ok(true);
        }
        let mut fields = Cursor::fields(item, place);
        while let Some(entry) = fields.next(self.py, self.plans)? {
            if let Entry::Item(part) = entry
                && !self.is_immutable(part.item(), depth - 1)?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn enter_planned(&mut self, item: Item) -> PyResult<Option<Own>> {
        let place = self.plans.find(self.py, item.ty())?;
        let plan = self.plans.get(place);
        let (content, make, frozen, bare) = (plan.content, plan.make, plan.frozen, plan.is_bare());
        let base: Type = plan.base.as_ptr().cast();
        if plan.opaque {
            self.plans.note_opaque(place);
        }
        if make == Make::Share || frozen && self.is_immutable(item, QUICK_DEPTH)? {
            return Ok(Some(item.own()));
        }
        let copy = match make {
            Make::Bare => make::bare(self.py, item.ty())?,
            Make::Call => {
                let from = Cursor::fields(item, place);
                self.push_parts(item, from);
                return Ok(None);
            }
            Make::Shallow => {
                let copy = self.py.import(intern!(self.py, "copy"))?;
                let copy = copy.call_method1(intern!(self.py, "copy"), (item.bind(self.py),))?;
                Own::from_bound(copy)
            }
            _ => {
                if bare {
                    return self.enter_content(item, content, base);
                }
                self.start(item, content, base)?
            }
        };
        if copy.item() == item {
            return Ok(Some(copy));
        }
        self.push_fields(item, copy, place, content)?;
        Ok(None)
    }

    fn push_parts(&mut self, item: Item, from: Cursor) {
        let work = Work::Parts {
            source: item.own(),
            from,
            parts: Vec::new(),
            changed: false,
        };
        self.push(work, Some(item));
    }

    fn push_fields(
        &mut self,
        item: Item,
        copy: Own,
        place: usize,
        content: Content,
    ) -> PyResult<()> {
        let part = copy.item().own();
        let work = Work::Fields {
            source: item.own(),
            copy,
            place,
            at: 0,
            changed: false,
        };
        self.push(work, Some(item));
        if let Some(work) = self.content_work(item, content, part)? {
            self.push(work, None);
        }
        Ok(())
    }

    /// An object of a class on top of a built-in type that adds no fields.
    fn enter_content(&mut self, item: Item, content: Content, base: Type) -> PyResult<Option<Own>> {
        match content {
            Content::FrozenSet => {
                let from = Cursor::elements(self.py, item, type_of_ffi!(PyFrozenSet_Type))?;
                self.push_parts(item, from);
                return Ok(None);
            }
            Content::Tuple => {
                self.push(
                    Work::Tuple {
                        source: item.own(),
                        copy: None,
                        at: 0,
                        changed: false,
                    },
                    Some(item),
                );
                return Ok(None);
            }
            _ => {}
        }
        let copy = self.start(item, content, base)?;
        match self.content_work(item, content, copy.item().own())? {
            Some(work) => {
                self.push(work, Some(item));
                Ok(None)
            }
            None => Ok(Some(copy)),
        }
    }

    /// A new object of the type of `item`, into which the parts of its content can be put.
    fn start(&mut self, item: Item, content: Content, base: Type) -> PyResult<Own> {
        let py = self.py;
        match content {
            Content::List => make::list(py, item),
            Content::Tuple => make::tuple(py, item),
            Content::Deque => make::deque(py, item),
            Content::ByteArray => make::bytearray(py, item),
            Content::Int | Content::Float | Content::Complex | Content::Str | Content::Bytes => {
                make::immutable(py, item, content)
            }
            Content::Nothing => {
                let args = item
                    .bind(py)
                    .getattr(intern!(py, "args"))?
                    .cast_into::<PyTuple>()?;
                make::new_object(py, base, item.ty(), &args)
            }
            _ => make::new_object(py, base, item.ty(), &PyTuple::empty(py)),
        }
    }

    /// What is left to do for the content of a new object that `start` made.
    fn content_work(&self, item: Item, content: Content, copy: Own) -> PyResult<Option<Work>> {
        let py = self.py;
        let entries = |from| Work::Entries {
            copy: copy.item().own(),
            from,
            key: None,
            value: None,
        };
        Ok(Some(match content {
            Content::List => Work::List { copy, at: 0 },
            Content::Tuple => Work::Tuple {
                source: item.own(),
                copy: Some(copy),
                at: 0,
                changed: true,
            },
            Content::Dict => entries(Cursor::dict(item)),
            Content::OrderedDict => entries(Cursor::ordered(py, item)?),
            Content::Set => {
                let from = Cursor::elements(py, item, type_of_ffi!(PySet_Type))?;
                Work::Elements {
                    copy,
                    from,
                    add: |py, set, value| make::add_to_set(py, set, &value),
                }
            }
            Content::Deque => {
                let from = Cursor::elements(py, item, Known::get(py)?.deque())?;
                Work::Elements {
                    copy,
                    from,
                    add: make::add_to_deque,
                }
            }
            _ => return Ok(None),
        }))
    }

    fn copy_of_ancestor(&mut self, depth: usize) -> PyResult<Own> {
        let owner = self.stack.owners.get(depth).copied().unwrap_or_default();
        match self
            .stack
            .frames
            .get_mut(owner)
            .map(|frame| &mut frame.work)
        {
            Some(Work::Tuple { source, copy, .. }) => {
                if copy.is_none() {
                    *copy = Some(make::tuple(self.py, source.item())?);
                }
                copy.as_ref()
                    .map(|copy| copy.item().own())
                    .ok_or_else(unreachable_cycle)
            }
            Some(
                Work::List { copy, .. }
                | Work::Dict { copy, .. }
                | Work::Entries { copy, .. }
                | Work::Elements { copy, .. }
                | Work::Fields { copy, .. }
                | Work::Names { copy, .. },
            ) => Ok(copy.item().own()),
            Some(Work::Parts { .. }) | None => Err(unreachable_cycle()),
        }
    }

    /// The next part of the top frame that cannot simply be shared.
    fn next(&mut self) -> PyResult<Option<Own>> {
        let Some(frame) = self.stack.frames.last_mut() else {
            return Ok(None);
        };
        match &mut frame.work {
            Work::List { copy, at } => {
                while let Some(item) = copy.item().list_get(*at) {
                    if !is_plain(item) {
                        return Ok(Some(item.own()));
                    }
                    *at += 1;
                }
                Ok(None)
            }
            Work::Tuple { source, at, .. } => {
                while let Some(item) = source.item().tuple_get(*at) {
                    if !is_plain(item) {
                        return Ok(Some(item.own()));
                    }
                    *at += 1;
                }
                Ok(None)
            }
            Work::Dict { .. } => self.next_value(),
            Work::Entries {
                from, key, value, ..
            } => {
                if key.is_some() {
                    return Ok(value.take());
                }
                let Some(Entry::Pair(first, second)) = from.next(self.py, self.plans)? else {
                    return Ok(None);
                };
                *value = Some(second);
                Ok(Some(first))
            }
            Work::Elements { from, .. } => match from.next(self.py, self.plans)? {
                Some(Entry::Item(item)) => Ok(Some(item)),
                _ => Ok(None),
            },
            Work::Parts { from, parts, .. } => {
                let Some(Entry::Item(item)) = from.next(self.py, self.plans)? else {
                    return Ok(None);
                };
                parts.push(item.item().own());
                Ok(Some(item))
            }
            Work::Fields { .. } => self.next_field(),
            Work::Names { .. } => self.next_name(),
        }
    }

    fn next_value(&mut self) -> PyResult<Option<Own>> {
        loop {
            let Some(Frame {
                work:
                    Work::Dict {
                        copy,
                        at,
                        key: waiting,
                        ..
                    },
                ..
            }) = self.stack.frames.last_mut()
            else {
                return Ok(None);
            };
            let Some((key, value)) = copy.item().dict_next(at) else {
                return Ok(None);
            };
            if is_plain(key) {
                if !is_plain(value) {
                    *waiting = Some(key.own());
                    return Ok(Some(value.own()));
                }
                continue;
            }
            let (key, value) = (key.own(), value.own());
            *waiting = Some(key.item().own());
            if !self.is_immutable(key.item(), QUICK_DEPTH)? {
                return self.restart_entries();
            }
            if !is_plain(value.item()) {
                return Ok(Some(value));
            }
        }
    }

    /// A key has to be copied too, so the dict is made anew.
    fn restart_entries(&mut self) -> PyResult<Option<Own>> {
        if let Some(frame) = self.stack.frames.last_mut()
            && let Work::Dict { source, .. } = &frame.work
        {
            let copy = make::new_object(
                self.py,
                type_of_ffi!(PyDict_Type),
                type_of_ffi!(PyDict_Type),
                &PyTuple::empty(self.py),
            )?;
            let from = Cursor::dict(source.item());
            let old = std::mem::replace(
                &mut frame.work,
                Work::Entries {
                    copy,
                    from,
                    key: None,
                    value: None,
                },
            );
            drop(old);
        }
        self.next()
    }

    fn next_field(&mut self) -> PyResult<Option<Own>> {
        let Some(Frame {
            work:
                Work::Fields {
                    source,
                    copy,
                    place,
                    at,
                    ..
                },
            ..
        }) = self.stack.frames.last_mut()
        else {
            return Ok(None);
        };
        let plan = self.plans.get(*place);
        while let Some(field) = plan.fields.get(*at) {
            if let Some(value) = field.read(self.py, source.item())? {
                if !is_plain(value.item()) {
                    return Ok(Some(value));
                }
                make::set_field(self.py, copy, field, value)?;
            }
            *at += 1;
        }
        for field in &plan.ignored {
            if let Some(value) = field.read(self.py, source.item())? {
                make::set_field(self.py, copy, field, value)?;
            }
        }
        if plan.dict.is_none() {
            return Ok(None);
        }
        let Some(dict) = instance_dict(self.py, source.item())? else {
            return Ok(None);
        };
        let (copy, place) = (copy.item().own(), *place);
        if let Some(frame) = self.stack.frames.last_mut() {
            let work = Work::Names {
                copy,
                dict,
                place,
                at: 0,
                key: None,
            };
            drop(std::mem::replace(&mut frame.work, work));
        }
        self.next_name()
    }

    fn next_name(&mut self) -> PyResult<Option<Own>> {
        let Some(Frame {
            work:
                Work::Names {
                    copy,
                    dict,
                    place,
                    at,
                    key: waiting,
                },
            ..
        }) = self.stack.frames.last_mut()
        else {
            return Ok(None);
        };
        let Some(names) = &self.plans.get(*place).dict else {
            return Ok(None);
        };
        while let Some((key, value)) = dict.item().dict_next(at) {
            let (key, value) = (key.own(), value.own());
            let name = key.item().bind(self.py);
            if names.is_cache(&name) {
                continue;
            }
            if names.counts(&name) && !is_plain(value.item()) {
                *waiting = Some(key);
                return Ok(Some(value));
            }
            make::set_name(self.py, copy, names, &key, &value)?;
        }
        Ok(None)
    }

    /// Puts the copy of a part into the top frame.
    fn deliver(&mut self, value: Own) -> PyResult<()> {
        let py = self.py;
        let Some(frame) = self.stack.frames.last_mut() else {
            return Ok(());
        };
        match &mut frame.work {
            Work::List { copy, at } => {
                *at += 1;
                make::set_in_list(py, copy, *at - 1, value)
            }
            Work::Tuple {
                source,
                copy,
                at,
                changed,
            } => {
                *at += 1;
                if source.item().tuple_get(*at - 1) == Some(value.item()) {
                    return Ok(());
                }
                *changed = true;
                if copy.is_none() {
                    *copy = Some(make::tuple(py, source.item())?);
                }
                if let Some(copy) = copy {
                    make::set_in_tuple(copy, *at - 1, value);
                }
                Ok(())
            }
            Work::Dict { copy, key, .. } => match key.take() {
                Some(key) => make::set_in_dict(py, copy, &key, &value),
                None => Ok(()),
            },
            Work::Entries {
                copy,
                key,
                value: waiting,
                ..
            } => {
                if waiting.is_some() {
                    *key = Some(value);
                    return Ok(());
                }
                match key.take() {
                    Some(key) => make::set_in_dict(py, copy, &key, &value),
                    None => Ok(()),
                }
            }
            Work::Elements { copy, add, .. } => add(py, copy, value),
            Work::Parts { parts, changed, .. } => {
                if let Some(last) = parts.last_mut() {
                    *changed |= last.item() != value.item();
                    drop(std::mem::replace(last, value));
                }
                Ok(())
            }
            Work::Fields {
                source,
                copy,
                place,
                at,
                changed,
            } => {
                let field = &self.plans.get(*place).fields[*at];
                *at += 1;
                *changed |= !matches!(field.access, Access::Slot(offset) if source.item().slot(offset) == Some(value.item()));
                make::set_field(py, copy, field, value)
            }
            Work::Names {
                copy, place, key, ..
            } => match (key.take(), &self.plans.get(*place).dict) {
                (Some(key), Some(names)) => make::set_name(py, copy, names, &key, &value),
                _ => Ok(()),
            },
        }
    }

    /// Takes the top frame off, and gives what it made unless the frame below has it already.
    fn finish(&mut self) -> PyResult<Option<Own>> {
        let Some(frame) = self.stack.frames.pop() else {
            return Ok(None);
        };
        if frame.on_path {
            self.stack.path.pop();
            self.stack.owners.pop();
        }
        let made = match frame.work {
            Work::Tuple {
                source,
                copy,
                changed,
                ..
            } => copy.filter(|_| changed).unwrap_or(source),
            Work::Parts {
                source,
                changed: false,
                ..
            } => source,
            Work::Parts { source, parts, .. } => self.assemble(&source, parts)?,
            Work::Fields {
                source,
                copy,
                place,
                changed,
                ..
            } => {
                if self.plans.get(place).frozen && !changed {
                    source
                } else {
                    copy
                }
            }
            Work::List { copy, .. }
            | Work::Dict { copy, .. }
            | Work::Entries { copy, .. }
            | Work::Elements { copy, .. }
            | Work::Names { copy, .. } => copy,
        };
        Ok((!frame.part).then_some(made))
    }

    /// Makes a frozenset, or one of fasm's own values, from the copies of its parts.
    fn assemble(&mut self, source: &Own, parts: Vec<Own>) -> PyResult<Own> {
        let py = self.py;
        let parts = PyTuple::new(py, parts.into_iter().map(|part| part.into_bound(py)))?;
        let ty = source.item().ty();
        let place = self.plans.find(py, ty)?;
        if self.plans.get(place).make == Make::Call {
            let class = source.item().bind(py).get_type();
            return Ok(Own::from_bound(class.call1(parts)?));
        }
        let base = type_of_ffi!(PyFrozenSet_Type);
        make::new_object(py, base, ty, &PyTuple::new(py, [parts])?)
    }
}

#[cold]
fn unreachable_cycle() -> PyErr {
    InvalidArgument::new_err(
        "the state cannot be copied: a cycle leads through a frozenset or through one of fasm's own values, which \
         cannot be made before their parts; take the cycle out",
    )
}
