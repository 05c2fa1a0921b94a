//! A quick look for mutable parts.

use pyo3::prelude::*;

use super::cursor::{Cursor, Entry, instance_dict};
use super::inline::Inline;
use super::leaf::is_plain;
use super::plan::{Content, Make};
use super::plans::Plans;
use super::raw::{Item, type_of_ffi};

/// How deep the look goes. What lies deeper is copied part by part, and shared after all if nothing changed.
const DEPTH: u32 = 4;

/// Whether an object certainly holds nothing mutable and nothing opaque.
pub fn is_immutable(py: Python<'_>, plans: &mut Plans, item: Item) -> PyResult<bool> {
    look(py, plans, item, DEPTH)
}

fn look(py: Python<'_>, plans: &mut Plans, item: Item, depth: u32) -> PyResult<bool> {
    if is_plain(item) {
        return Ok(true);
    }
    if depth == 0 {
        return Ok(false);
    }
    if item.ty() == type_of_ffi!(PyTuple_Type) {
        return all_items(py, plans, item, depth);
    }
    let place = plans.find(py, item.ty())?;
    let plan = plans.get(place);
    if plan.make == Make::Share {
        return Ok(!plan.opaque);
    }
    match plan.content {
        Content::Tuple if plan.frozen => all_items(py, plans, item, depth),
        Content::Nothing if plan.frozen => {
            Ok(!has_more(py, plans, item, place)? && all_fields(py, plans, item, place, depth)?)
        }
        _ => Ok(false),
    }
}

/// Whether an object has attributes besides its declared fields, which a copy must leave out.
pub fn has_more(py: Python<'_>, plans: &Plans, object: Item, place: usize) -> PyResult<bool> {
    let plan = plans.get(place);
    if !plan.open {
        return Ok(false);
    }
    let count = match Inline::of(object) {
        Some(inline) => inline.len(),
        None => instance_dict(py, object)?.map_or(0, |dict| dict.item().dict_len()),
    };
    Ok(count != plan.fields.len())
}

fn all_items(py: Python<'_>, plans: &mut Plans, tuple: Item, depth: u32) -> PyResult<bool> {
    let mut at = 0;
    while let Some(part) = tuple.tuple_get(at) {
        if !look(py, plans, part, depth - 1)? {
            return Ok(false);
        }
        at += 1;
    }
    Ok(true)
}

fn all_fields(
    py: Python<'_>,
    plans: &mut Plans,
    object: Item,
    place: usize,
    depth: u32,
) -> PyResult<bool> {
    let mut fields = Cursor::fields(object.own(), place, 0);
    while let Some(entry) = fields.next(py, plans)? {
        if let Entry::Item(part) = entry
            && !look(py, plans, part.item(), depth - 1)?
        {
            return Ok(false);
        }
    }
    Ok(true)
}
