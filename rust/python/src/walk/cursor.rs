//! A place within an object, from which its parts are read one after the other.

use std::ptr::null_mut;

use pyo3::ffi;
use pyo3::prelude::*;

use super::inline::Inline;
use super::known::Known;
use super::plan::DictFields;
use super::plans::Plans;
use super::raw::{Item, Own, Type};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    List,
    Tuple,
    Dict,
    /// The elements of a set or a deque, through the iterator of the built-in type.
    Elements,
    /// An `OrderedDict`, whose own iterator alone knows the order.
    Ordered,
    /// The fields of an object.
    Fields,
    /// The instance dict of an object.
    Names,
    /// One object.
    Once,
}

/// What it reads from, it keeps alive.
#[derive(Debug)]
pub struct Cursor {
    pub owner: Own,
    /// The iterator, where there is one; or the instance dict.
    aux: Option<Own>,
    pub at: isize,
    /// Of the plan, where fields are read.
    pub place: usize,
    pub kind: Kind,
}

/// What a cursor reads.
#[derive(Debug)]
pub enum Entry {
    Item(Own),
    Pair(Own, Own),
    /// A field that the object lacks.
    Missing,
}

impl Cursor {
    #[inline(always)]
    pub fn new(kind: Kind, owner: Own, at: usize) -> Self {
        Self {
            owner,
            aux: None,
            at: at.cast_signed(),
            place: 0,
            kind,
        }
    }

    #[inline(always)]
    pub fn fields(owner: Own, place: usize, at: usize) -> Self {
        Self {
            owner,
            aux: None,
            at: at.cast_signed(),
            place,
            kind: Kind::Fields,
        }
    }

    /// The elements of a set or deque. `base` is the built-in type, whose iterator is taken.
    pub fn elements(py: Python<'_>, object: Item, base: Type) -> PyResult<Self> {
        let aux = Some(iterator(py, object, base)?);
        Ok(Self {
            owner: object.own(),
            aux,
            at: 0,
            place: 0,
            kind: Kind::Elements,
        })
    }

    pub fn ordered(py: Python<'_>, dict: Item) -> PyResult<Self> {
        let aux = Some(iterator(py, dict, Known::get(py)?.ordered_dict())?);
        Ok(Self {
            owner: dict.own(),
            aux,
            at: 0,
            place: 0,
            kind: Kind::Ordered,
        })
    }

    /// The instance dict of an object.
    pub fn names(py: Python<'_>, object: Item, place: usize) -> PyResult<Self> {
        let aux = if Inline::of(object).is_some() {
            None
        } else {
            instance_dict(py, object)?
        };
        Ok(Self {
            owner: object.own(),
            aux,
            at: 0,
            place,
            kind: Kind::Names,
        })
    }

    /// The next part. None at the end.
    pub fn next(&mut self, py: Python<'_>, plans: &Plans) -> PyResult<Option<Entry>> {
        let owner = self.owner.item();
        match (self.kind, &self.aux) {
            (Kind::List, _) => Ok(owner
                .list_get(self.advance())
                .map(|item| Entry::Item(item.own()))),
            (Kind::Tuple, _) => Ok(owner
                .tuple_get(self.advance())
                .map(|item| Entry::Item(item.own()))),
            (Kind::Dict, _) => {
                let pair = owner.dict_next(&mut self.at);
                Ok(pair.map(|(key, value)| Entry::Pair(key.own(), value.own())))
            }
            (Kind::Elements, Some(iterator)) => Ok(next_of(py, iterator)?.map(Entry::Item)),
            (Kind::Ordered, Some(iterator)) => next_ordered(py, owner, iterator),
            (Kind::Fields, _) => {
                let at = self.advance();
                let Some(field) = plans.get(self.place).fields.get(at) else {
                    return Ok(None);
                };
                Ok(Some(
                    field.read(py, owner)?.map_or(Entry::Missing, Entry::Item),
                ))
            }
            (Kind::Names, _) => {
                let names = plans.get(self.place).dict.as_ref();
                Ok(self.next_name(py, names, DictFields::counts))
            }
            (Kind::Elements | Kind::Ordered | Kind::Once, _) => Ok(None),
        }
    }

    /// The next element of a set or deque.
    pub fn next_element(&self, py: Python<'_>) -> PyResult<Option<Own>> {
        self.aux
            .as_ref()
            .map_or(Ok(None), |iterator| next_of(py, iterator))
    }

    #[inline(always)]
    fn advance(&mut self) -> usize {
        self.at += 1;
        self.at.cast_unsigned() - 1
    }

    /// The next entry of the instance dict whose name `wanted` wants.
    pub fn next_name(
        &mut self,
        py: Python<'_>,
        names: Option<&DictFields>,
        wanted: fn(&DictFields, &Bound<'_, PyAny>) -> bool,
    ) -> Option<Entry> {
        let names = names?;
        loop {
            let (key, value) = match &self.aux {
                Some(dict) => dict.item().dict_next(&mut self.at)?,
                None => Inline::of(self.owner.item())?.next(&mut self.at)?,
            };
            if names.is_plain() || wanted(names, &key.bind(py)) {
                return Some(Entry::Pair(key.own(), value.own()));
            }
        }
    }
}

fn next_ordered(py: Python<'_>, dict: Item, iterator: &Own) -> PyResult<Option<Entry>> {
    while let Some(key) = next_of(py, iterator)? {
        // A key that was taken out meanwhile has no value.
        if let Some(value) = dict.dict_get(py, key.item())?.map(Item::own) {
            return Ok(Some(Entry::Pair(key, value)));
        }
    }
    Ok(None)
}

fn iterator(py: Python<'_>, object: Item, base: Type) -> PyResult<Own> {
    // SAFETY: `base` is the type of the object or a base of it; its `tp_iter` takes any such object.
    let iterator = unsafe {
        (*base)
            .tp_iter
            .map_or(null_mut(), |iter| iter(object.ptr()))
    };
    Own::take(py, iterator)
}

fn next_of(py: Python<'_>, iterator: &Own) -> PyResult<Option<Own>> {
    // SAFETY: the iterator is one of a built-in type.
    let next = unsafe { ffi::PyIter_Next(iterator.item().ptr()) };
    if next.is_null() {
        return PyErr::take(py).map_or(Ok(None), Err);
    }
    Own::take(py, next).map(Some)
}

/// The instance dict of an object whose type has one. None if it is empty and was never made.
pub fn instance_dict(py: Python<'_>, object: Item) -> PyResult<Option<Own>> {
    // SAFETY: the object is alive.
    let offset = unsafe { (*object.ty()).tp_dictoffset };
    if offset > 0 {
        return Ok(object.slot(offset).map(Item::own));
    }
    // SAFETY: the type has an instance dict.
    let dict = unsafe { ffi::PyObject_GenericGetDict(object.ptr(), null_mut()) };
    Own::take(py, dict).map(Some)
}
