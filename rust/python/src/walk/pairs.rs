//! Parts of two objects of one type, side by side.

use std::collections::HashMap;

use pyo3::prelude::*;

use super::cursor::{Cursor, Entry, Kind};
use super::plans::Plans;
use super::raw::Own;
use super::show::show;

/// How a part is reached from its object.
#[derive(Debug)]
pub enum Label {
    /// The object itself: its content, where it has fields as well.
    Itself,
    Index(usize),
    Key(Own),
    /// The key at this place of an ordered dict.
    KeyAt(usize),
    Field(Own),
    Element(Own),
}

impl Label {
    pub fn text(&self, py: Python<'_>) -> PyResult<String> {
        Ok(match self {
            Self::Itself => String::new(),
            Self::Index(index) => format!("[{index}]"),
            Self::KeyAt(index) => format!(".keys()[{index}]"),
            Self::Key(key) => format!("[{}]", show(py, key)?),
            Self::Element(element) => format!("{{{}}}", show(py, element)?),
            Self::Field(name) => format!(".{}", name.item().bind(py).str()?.to_string_lossy()),
        })
    }
}

/// A part of the old object, of the new one, or of both.
pub type Part = (Label, Option<Own>, Option<Own>);

/// One side: the entries of an object with the hashes of what they are found by.
#[derive(Debug, Default)]
pub struct Side {
    entries: Vec<(u128, Own, Own)>,
}

impl Side {
    /// Reads all entries. `print` hashes a key or an element.
    pub fn read(
        py: Python<'_>,
        plans: &mut Plans,
        mut from: Cursor,
        mut print: impl FnMut(&mut Plans, &Own) -> PyResult<u128>,
    ) -> PyResult<Self> {
        let mut side = Self::default();
        while let Some(entry) = from.next(py, plans)? {
            let (key, value) = match entry {
                Entry::Pair(key, value) => (key, value),
                Entry::Item(item) => (item.item().own(), item),
                Entry::Missing => continue,
            };
            side.entries.push((print(plans, &key)?, key, value));
        }
        Ok(side)
    }

    /// Whether there is an entry with this hash.
    pub fn has(&self, print: u128) -> bool {
        self.entries.iter().any(|(known, ..)| *known == print)
    }

    /// In the order of the hashes, which is the same in every process.
    fn sort(&mut self) {
        self.entries.sort_by_key(|(print, ..)| *print);
    }
}

/// Entries of two objects in which order does not matter, matched by what they are found by.
pub fn matched(mut old: Side, mut new: Side, kind: Kind) -> Vec<Part> {
    let label = match kind {
        Kind::Names => Label::Field,
        Kind::Elements => Label::Element,
        _ => Label::Key,
    };
    if kind == Kind::Elements {
        old.sort();
        new.sort();
    }
    // The places of the new entries by hash, the first of them last. Never iterated.
    let mut places: HashMap<u128, Vec<usize>> = HashMap::new();
    for (place, (print, ..)) in new.entries.iter().enumerate().rev() {
        places.entry(*print).or_default().push(place);
    }
    let mut rest: Vec<_> = new.entries.into_iter().map(Some).collect();
    let mut parts = Vec::new();
    for (print, key, value) in old.entries {
        let place = places.get_mut(&print).and_then(Vec::pop);
        let partner = place
            .and_then(|place| rest[place].take())
            .map(|(.., value)| value);
        // A set has nothing beyond its elements, so those on both sides are the same.
        if kind != Kind::Elements || partner.is_none() {
            parts.push((label(key), Some(value), partner));
        }
    }
    let added = rest.into_iter().flatten();
    parts.extend(added.map(|(_, key, value)| (label(key), None, Some(value))));
    parts
}
