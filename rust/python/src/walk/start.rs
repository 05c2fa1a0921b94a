//! The first and the last step of copying objects that are no plain list, tuple or dict.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::copy::Copy;
use super::cursor::{Cursor, Kind};
use super::immutable::is_immutable;
use super::known::Known;
use super::leaf::is_plain;
use super::make;
use super::plan::{Content, Make};
use super::raw::{Item, Own, Type, type_of_ffi};
use super::work::Work;

impl Copy<'_, '_> {
    /// Whether an object is exactly a set and its elements can be shared.
    pub(super) fn is_plain_set(&mut self, item: Item) -> PyResult<bool> {
        if item.ty() != type_of_ffi!(PySet_Type) {
            return Ok(false);
        }
        let elements = Cursor::elements(self.py, item, type_of_ffi!(PySet_Type))?;
        while let Some(element) = elements.next_element(self.py)? {
            if !is_plain(element.item()) && !is_immutable(self.py, self.plans, element.item())? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A new object of the type of `item`, into which the parts of its content can be put.
    pub(super) fn start(&self, item: Item, content: Content, base: Type) -> PyResult<Own> {
        let py = self.py;
        match content {
            Content::List => make::list(py, item),
            Content::Tuple => make::tuple(py, item),
            Content::Deque => make::deque(py, item),
            Content::ByteArray => make::bytearray(py, item),
            Content::Nothing => {
                // An exception: its arguments can be read without running code of the user.
                let args = item.attribute(py, Item::of(intern!(py, "args")))?;
                let args =
                    args.map_or_else(|| PyTuple::empty(py).into_any(), |args| args.into_bound(py));
                make::new_object(py, base, item.ty(), args.cast::<PyTuple>()?)
            }
            _ if content.is_simple() => make::immutable(py, item, content),
            _ => make::new_object(py, base, item.ty(), &PyTuple::empty(py)),
        }
    }

    /// What is left to do for the content of a new object.
    pub(super) fn content_work(
        &self,
        item: Item,
        content: Content,
        copy: Own,
    ) -> PyResult<Option<Work>> {
        let py = self.py;
        let source = item.own();
        Ok(Some(match content {
            Content::List => Work::List { copy, at: 0 },
            Content::Tuple => Work::Tuple {
                source,
                copy: Some(copy),
                at: 0,
                changed: true,
            },
            Content::Dict => {
                let from = Cursor::new(Kind::Dict, source, 0);
                Work::Entries {
                    copy,
                    from,
                    key: None,
                    value: None,
                }
            }
            Content::OrderedDict => {
                let from = Cursor::ordered(py, item)?;
                Work::Entries {
                    copy,
                    from,
                    key: None,
                    value: None,
                }
            }
            Content::Set => {
                let from = Cursor::elements(py, item, type_of_ffi!(PySet_Type))?;
                Work::Elements {
                    copy,
                    from,
                    add: make::add_to_set,
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

    /// Makes a frozenset, or one of fasm's own values, from the copies of its parts.
    pub(super) fn assemble(&mut self, source: &Own, parts: Vec<Own>) -> PyResult<Own> {
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
