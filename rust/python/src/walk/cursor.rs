//! A place within an object, from which its parts are read one after the other.

use std::ptr::null_mut;

use pyo3::ffi;
use pyo3::prelude::*;

use super::known::Known;
use super::plan::DictFields;
use super::plans::Plans;
use super::raw::{Item, Own, Type};

#[derive(Debug)]
pub enum Cursor {
    List {
        list: Own,
        at: usize,
    },
    Tuple {
        tuple: Own,
        at: usize,
    },
    Dict {
        dict: Own,
        at: isize,
    },
    /// The elements of a set or a deque, through the iterator of the built-in type.
    Elements {
        iterator: Own,
    },
    /// An `OrderedDict`, whose own iterator alone knows the order.
    Ordered {
        dict: Own,
        iterator: Own,
    },
    Fields {
        object: Own,
        place: usize,
        at: usize,
    },
    /// The instance dict, after the fields. The object is kept, since its address is on the path.
    Names {
        _object: Own,
        dict: Option<Own>,
        place: usize,
        at: isize,
    },
    /// One object.
    Once {
        item: Own,
    },
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
    pub fn list(list: Item) -> Self {
        Self::List {
            list: list.own(),
            at: 0,
        }
    }

    pub fn tuple(tuple: Item) -> Self {
        Self::Tuple {
            tuple: tuple.own(),
            at: 0,
        }
    }

    pub fn dict(dict: Item) -> Self {
        Self::Dict {
            dict: dict.own(),
            at: 0,
        }
    }

    pub fn fields(object: Item, place: usize) -> Self {
        Self::Fields {
            object: object.own(),
            place,
            at: 0,
        }
    }

    /// The elements of a set or deque. `base` is the built-in type, whose iterator is taken.
    pub fn elements(py: Python<'_>, object: Item, base: Type) -> PyResult<Self> {
        Ok(Self::Elements {
            iterator: iterator(py, object, base)?,
        })
    }

    pub fn ordered(py: Python<'_>, dict: Item) -> PyResult<Self> {
        let iterator = iterator(py, dict, Known::get(py)?.ordered_dict())?;
        Ok(Self::Ordered {
            dict: dict.own(),
            iterator,
        })
    }

    /// The next part. None at the end.
    pub fn next(&mut self, py: Python<'_>, plans: &Plans) -> PyResult<Option<Entry>> {
        match self {
            Self::List { list, at } => {
                *at += 1;
                Ok(list
                    .item()
                    .list_get(*at - 1)
                    .map(|item| Entry::Item(item.own())))
            }
            Self::Tuple { tuple, at } => {
                *at += 1;
                Ok(tuple
                    .item()
                    .tuple_get(*at - 1)
                    .map(|item| Entry::Item(item.own())))
            }
            Self::Dict { dict, at } => {
                let pair = dict.item().dict_next(at);
                Ok(pair.map(|(key, value)| Entry::Pair(key.own(), value.own())))
            }
            Self::Elements { iterator } => Ok(next_of(py, iterator)?.map(Entry::Item)),
            Self::Ordered { dict, iterator } => next_ordered(py, dict, iterator),
            Self::Fields { object, place, at } => {
                let Some(field) = plans.get(*place).fields.get(*at) else {
                    return Ok(None);
                };
                *at += 1;
                Ok(Some(
                    field
                        .read(py, object.item())?
                        .map_or(Entry::Missing, Entry::Item),
                ))
            }
            Self::Names {
                dict, place, at, ..
            } => {
                let names = plans.get(*place).dict.as_ref();
                Ok(dict
                    .as_ref()
                    .and_then(|dict| next_name(py, dict, names, at)))
            }
            Self::Once { .. } => Ok(None),
        }
    }
}

fn next_ordered(py: Python<'_>, dict: &Own, iterator: &Own) -> PyResult<Option<Entry>> {
    while let Some(key) = next_of(py, iterator)? {
        // A key that was taken out meanwhile has no value.
        if let Some(value) = dict.item().dict_get(py, key.item())?.map(Item::own) {
            return Ok(Some(Entry::Pair(key, value)));
        }
    }
    Ok(None)
}

fn next_name(
    py: Python<'_>,
    dict: &Own,
    names: Option<&DictFields>,
    at: &mut isize,
) -> Option<Entry> {
    loop {
        let (key, value) = dict.item().dict_next(at)?;
        if names.is_none_or(|names| names.counts(&key.bind(py))) {
            return Some(Entry::Pair(key.own(), value.own()));
        }
    }
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
