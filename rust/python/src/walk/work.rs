//! What is being copied, and how far it is.

use std::mem::replace;

use pyo3::prelude::*;

use super::cursor::{Cursor, Entry, Kind};
use super::immutable::is_immutable;
use super::leaf::is_plain;
use super::make;
use super::plan::{Access, DictFields, Field};
use super::plans::Plans;
use super::raw::{Item, Own};

#[derive(Debug)]
pub enum Work {
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
        from: Cursor,
        key: Option<Own>,
    },
}

impl Work {
    pub fn tuple(source: Item) -> Self {
        Self::Tuple {
            source: source.own(),
            copy: None,
            at: 0,
            changed: false,
        }
    }

    pub fn parts(source: Item, from: Cursor) -> Self {
        Self::Parts {
            source: source.own(),
            from,
            parts: Vec::new(),
            changed: false,
        }
    }

    /// What descendants that refer back to the object get. None if it cannot be made yet.
    pub fn copy(&mut self, py: Python<'_>) -> PyResult<Option<Own>> {
        let copy = match self {
            Self::Tuple { source, copy, .. } => {
                if copy.is_none() {
                    *copy = Some(make::tuple(py, source.item())?);
                }
                copy.as_ref()
            }
            Self::List { copy, .. }
            | Self::Dict { copy, .. }
            | Self::Entries { copy, .. }
            | Self::Elements { copy, .. }
            | Self::Fields { copy, .. }
            | Self::Names { copy, .. } => Some(&*copy),
            Self::Parts { .. } => None,
        };
        Ok(copy.map(|copy| copy.item().own()))
    }

    /// The next part that cannot simply be shared.
    pub fn next(&mut self, py: Python<'_>, plans: &mut Plans) -> PyResult<Option<Own>> {
        match self {
            Self::List { copy, at } => Ok(skip_plain(at, |at| copy.item().list_get(at))),
            Self::Tuple { source, at, .. } => Ok(skip_plain(at, |at| source.item().tuple_get(at))),
            Self::Dict { .. } => self.next_value(py, plans),
            Self::Entries { .. } => self.next_entry(py, plans),
            Self::Elements { from, .. } => match from.next(py, plans)? {
                Some(Entry::Item(item)) => Ok(Some(item)),
                _ => Ok(None),
            },
            Self::Parts { from, parts, .. } => {
                let Some(Entry::Item(item)) = from.next(py, plans)? else {
                    return Ok(None);
                };
                parts.push(item.item().own());
                Ok(Some(item))
            }
            Self::Fields { .. } => self.next_field(py, plans),
            Self::Names { .. } => self.next_name(py, plans),
        }
    }

    fn next_entry(&mut self, py: Python<'_>, plans: &Plans) -> PyResult<Option<Own>> {
        let Self::Entries {
            copy,
            from,
            key: waiting,
            value: kept,
        } = self
        else {
            return Ok(None);
        };
        if waiting.is_some() {
            return Ok(kept.take());
        }
        while let Some(Entry::Pair(key, value)) = from.next(py, plans)? {
            if !is_plain(key.item()) {
                *kept = Some(value);
                return Ok(Some(key));
            }
            if !is_plain(value.item()) {
                *waiting = Some(key);
                return Ok(Some(value));
            }
            make::set_in_dict(py, copy, &key, &value)?;
        }
        Ok(None)
    }

    fn next_value(&mut self, py: Python<'_>, plans: &mut Plans) -> PyResult<Option<Own>> {
        let Self::Dict {
            copy,
            at,
            key: waiting,
            ..
        } = self
        else {
            return Ok(None);
        };
        while let Some((key, value)) = copy.item().dict_next(at) {
            if is_plain(key) && is_plain(value) {
                continue;
            }
            let (key, value) = (key.own(), value.own());
            if !is_immutable(py, plans, key.item())? {
                self.make_anew(py)?;
                return self.next(py, plans);
            }
            if !is_plain(value.item()) {
                *waiting = Some(key);
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// Makes a dict entry by entry after all: a key has to be copied too, or no longer has the hash that the
    /// clone keeps for it.
    fn make_anew(&mut self, py: Python<'_>) -> PyResult<()> {
        let Self::Dict { source, .. } = self else {
            return Ok(());
        };
        let from = Cursor::new(Kind::Dict, source.item().own(), 0);
        let copy = make::empty_dict(py)?;
        drop(replace(
            self,
            Self::Entries {
                copy,
                from,
                key: None,
                value: None,
            },
        ));
        Ok(())
    }

    fn next_field(&mut self, py: Python<'_>, plans: &mut Plans) -> PyResult<Option<Own>> {
        let Self::Fields {
            source,
            copy,
            place,
            at,
            ..
        } = self
        else {
            return Ok(None);
        };
        if let Some(part) = fill(py, plans, source.item(), copy, *place, at)? {
            return Ok(Some(part));
        }
        let plan = plans.get(*place);
        for field in &plan.ignored {
            if let Some(value) = field.read(py, source.item())? {
                make::set_field(py, copy, field, value)?;
            }
        }
        if plan.dict.is_none() {
            return Ok(None);
        }
        let from = Cursor::names(py, source.item(), *place)?;
        let copy = copy.item().own();
        drop(replace(
            self,
            Self::Names {
                copy,
                from,
                key: None,
            },
        ));
        self.next_name(py, plans)
    }

    fn next_name(&mut self, py: Python<'_>, plans: &Plans) -> PyResult<Option<Own>> {
        let Self::Names {
            copy,
            from,
            key: waiting,
        } = self
        else {
            return Ok(None);
        };
        let Some(names) = &plans.get(from.place).dict else {
            return Ok(None);
        };
        while let Some(entry) = from.next_name(py, Some(names), DictFields::lasts) {
            let Entry::Pair(key, value) = entry else {
                break;
            };
            if !is_plain(value.item()) && names.counts(&key.item().bind(py)) {
                *waiting = Some(key);
                return Ok(Some(value));
            }
            make::set_name(py, copy, names, &key, &value)?;
        }
        Ok(None)
    }

    /// Takes the copy of the part that `next` gave last.
    pub fn deliver(&mut self, py: Python<'_>, plans: &Plans, value: Own) -> PyResult<()> {
        match self {
            Self::List { copy, at } => {
                *at += 1;
                make::set_in_list(py, copy, *at - 1, value)
            }
            Self::Tuple {
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
                let made = match copy.take() {
                    Some(made) => made,
                    None => make::tuple(py, source.item())?,
                };
                make::set_in_tuple(&made, *at - 1, value);
                *copy = Some(made);
                Ok(())
            }
            Self::Entries {
                key,
                value: Some(_),
                ..
            } => {
                *key = Some(value);
                Ok(())
            }
            Self::Dict { copy, key, .. } => {
                let len = copy.item().dict_len();
                if let Some(key) = key.take() {
                    make::set_in_dict(py, copy, &key, &value)?;
                }
                if copy.item().dict_len() == len {
                    Ok(())
                } else {
                    self.make_anew(py)
                }
            }
            Self::Entries { copy, key, .. } => key
                .take()
                .map_or(Ok(()), |key| make::set_in_dict(py, copy, &key, &value)),
            Self::Elements { copy, add, .. } => add(py, copy, value),
            Self::Parts { parts, changed, .. } => {
                if let Some(last) = parts.last_mut() {
                    *changed |= last.item() != value.item();
                    drop(replace(last, value));
                }
                Ok(())
            }
            Self::Fields {
                source,
                copy,
                place,
                at,
                changed,
            } => {
                let Some(field) = plans.get(*place).fields.get(*at) else {
                    return Ok(());
                };
                *at += 1;
                *changed |= !holds(py, source.item(), field, value.item())?;
                make::set_field(py, copy, field, value)
            }
            Self::Names { copy, from, key } => match (key.take(), &plans.get(from.place).dict) {
                (Some(key), Some(names)) => make::set_name(py, copy, names, &key, &value),
                _ => Ok(()),
            },
        }
    }
}

/// Sets fields of the copy from `at` on as long as their values are plain. Gives the first that is not.
#[inline(always)]
pub fn fill(
    py: Python<'_>,
    plans: &Plans,
    source: Item,
    copy: &Own,
    place: usize,
    at: &mut usize,
) -> PyResult<Option<Own>> {
    while let Some(field) = plans.get(place).fields.get(*at) {
        if let Some(value) = field.read(py, source)? {
            if !is_plain(value.item()) {
                return Ok(Some(value));
            }
            make::set_field(py, copy, field, value)?;
        }
        *at += 1;
    }
    Ok(None)
}

/// The first item from `at` on that is not plain.
#[inline(always)]
pub fn skip_plain(at: &mut usize, get: impl Fn(usize) -> Option<Item>) -> Option<Own> {
    while let Some(item) = get(*at) {
        if !is_plain(item) {
            return Some(item.own());
        }
        *at += 1;
    }
    None
}

/// Whether the field holds this very object. A property is not asked again.
fn holds(py: Python<'_>, object: Item, field: &Field, value: Item) -> PyResult<bool> {
    if matches!(field.access, Access::Property) {
        return Ok(false);
    }
    let held = field.read(py, object)?;
    Ok(held.is_some_and(|held| held.item() == value))
}
