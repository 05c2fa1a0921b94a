//! The structural copy.
//!
//! Containers are cloned first, which is cheap; then what must not be shared is replaced in the clone.

use pyo3::prelude::*;

use super::cursor::Cursor;
use super::immutable::{has_more, is_immutable};
use super::leaf::is_plain;
use super::make;
use super::path::Path;
use super::plan::{Content, Make};
use super::plans::Plans;
use super::raw::{Item, Own, Type, type_of_ffi};
use super::work::{Work, fill, skip_plain};
use super::{MAX_COPIES, check_size};
use crate::errors::InvalidArgument;

#[derive(Debug)]
struct Frame {
    work: Work,
    /// False for the content of an object whose frame lies below: that one has the copy already.
    on_path: bool,
}

/// What to do next.
enum Step {
    /// Copy this.
    Copy(Own),
    /// Give this copy to the top frame.
    Done(Own),
    /// Go on with the top frame.
    Resume,
}

impl Step {
    #[inline(always)]
    fn of(part: Own) -> Self {
        if is_plain(part.item()) {
            Self::Done(part)
        } else {
            Self::Copy(part)
        }
    }
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
    pub(super) py: Python<'py>,
    pub(super) plans: &'w mut Plans,
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
        let mut step = Step::Copy(root.own());
        loop {
            step = match step {
                Step::Copy(part) => self.begin(part.item())?,
                Step::Done(copy) => {
                    let Some(frame) = self.stack.frames.last_mut() else {
                        return Ok(copy);
                    };
                    frame.work.deliver(self.py, self.plans, copy)?;
                    self.resume()?
                }
                Step::Resume => self.resume()?,
            };
        }
    }

    /// Goes on with the top frame.
    fn resume(&mut self) -> PyResult<Step> {
        let Some(frame) = self.stack.frames.last_mut() else {
            return Err(unreachable_cycle());
        };
        match frame.work.next(self.py, self.plans)? {
            Some(part) => Ok(Step::of(part)),
            None => self.finish(),
        }
    }

    fn begin(&mut self, item: Item) -> PyResult<Step> {
        if is_plain(item) {
            return Ok(Step::Done(item.own()));
        }
        if let Some(depth) = self.stack.path.find(item) {
            return self.copy_of_ancestor(depth).map(Step::Done);
        }
        self.nodes += 1;
        check_size(self.nodes, MAX_COPIES)?;
        let ty = item.ty();
        if ty == type_of_ffi!(PyList_Type) {
            let (copy, mut at) = (make::list(self.py, item)?, 0);
            let Some(part) = skip_plain(&mut at, |at| copy.item().list_get(at)) else {
                return Ok(Step::Done(copy));
            };
            self.push(Work::List { copy, at }, Some(item));
            Ok(Step::Copy(part))
        } else if ty == type_of_ffi!(PyDict_Type) {
            let copy = make::dict(self.py, item)?;
            self.launch(
                item,
                Work::Dict {
                    source: item.own(),
                    copy,
                    at: 0,
                    key: None,
                },
            )
        } else if ty == type_of_ffi!(PyTuple_Type) {
            if is_immutable(self.py, self.plans, item)? {
                return Ok(Step::Done(item.own()));
            }
            self.launch(item, Work::tuple(item))
        } else {
            self.begin_planned(item)
        }
    }

    /// Copies as many parts as are plain. Only if there are others, the work goes onto the stack.
    #[inline(always)]
    fn launch(&mut self, item: Item, mut work: Work) -> PyResult<Step> {
        match work.next(self.py, self.plans)? {
            Some(part) => {
                self.push(work, Some(item));
                Ok(Step::of(part))
            }
            None => self.made(work).map(Step::Done),
        }
    }

    fn push(&mut self, work: Work, on_path: Option<Item>) {
        if let Some(item) = on_path {
            self.stack.path.push(item);
            self.stack.owners.push(self.stack.frames.len());
        }
        self.stack.frames.push(Frame {
            work,
            on_path: on_path.is_some(),
        });
    }

    fn begin_planned(&mut self, item: Item) -> PyResult<Step> {
        let place = self.plans.find(self.py, item.ty())?;
        let plan = self.plans.get(place);
        let (content, make, bare) = (plan.content, plan.make, plan.is_bare());
        let solid: Type = plan.base.as_ptr().cast();
        if plan.opaque {
            self.plans.note_opaque(place);
        }
        if make == Make::Share || is_immutable(self.py, self.plans, item)? {
            return Ok(Step::Done(item.own()));
        }
        let copy = match make {
            Make::Call => {
                let from = Cursor::fields(item.own(), place, 0);
                return self.launch(item, Work::parts(item, from));
            }
            Make::Base if bare => return self.begin_content(item, content, solid),
            Make::Base => self.start(item, content, solid)?,
            Make::Shallow => {
                let Some(copy) = make::shallow(self.py, item)? else {
                    self.plans.note_opaque(place);
                    return Ok(Step::Done(item.own()));
                };
                copy
            }
            Make::Bare | Make::Share => make::bare(self.py, item.ty())?,
        };
        if copy.item() == item {
            // Whoever wrote its `__copy__` says that it is immutable.
            return Ok(Step::Done(copy));
        }
        let source = item.own();
        if !matches!(content, Content::Nothing) {
            let part = self.content_work(item, content, copy.item().own())?;
            self.push(
                Work::Fields {
                    source,
                    copy,
                    place,
                    at: 0,
                    changed: false,
                },
                Some(item),
            );
            if let Some(part) = part {
                self.push(part, None);
            }
            return Ok(Step::Resume);
        }
        let mut at = 0;
        if let Some(part) = fill(self.py, self.plans, item, &copy, place, &mut at)? {
            self.push(
                Work::Fields {
                    source,
                    copy,
                    place,
                    at,
                    changed: false,
                },
                Some(item),
            );
            return Ok(Step::Copy(part));
        }
        let plan = self.plans.get(place);
        if plan.dict.is_none() && plan.ignored.is_empty() && !plan.frozen {
            return Ok(Step::Done(copy));
        }
        let work = Work::Fields {
            source,
            copy,
            place,
            at,
            changed: false,
        };
        self.launch(item, work)
    }

    /// An object of a known type, or of a class on top of one that adds no fields.
    fn begin_content(&mut self, item: Item, content: Content, base: Type) -> PyResult<Step> {
        match content {
            Content::FrozenSet => {
                let from = Cursor::elements(self.py, item, type_of_ffi!(PyFrozenSet_Type))?;
                self.launch(item, Work::parts(item, from))
            }
            Content::Tuple => self.launch(item, Work::tuple(item)),
            Content::Set if self.is_plain_set(item)? => make::set(self.py, item).map(Step::Done),
            _ => {
                let copy = self.start(item, content, base)?;
                let part = copy.item().own();
                match self.content_work(item, content, part)? {
                    Some(work) => self.launch(item, work),
                    None => Ok(Step::Done(copy)),
                }
            }
        }
    }

    fn copy_of_ancestor(&mut self, depth: usize) -> PyResult<Own> {
        let owner = self.stack.owners.get(depth).copied().unwrap_or_default();
        let frame = self
            .stack
            .frames
            .get_mut(owner)
            .ok_or_else(unreachable_cycle)?;
        frame.work.copy(self.py)?.ok_or_else(unreachable_cycle)
    }

    /// Takes the top frame off. What is the content of an object, the frame below has already.
    fn finish(&mut self) -> PyResult<Step> {
        let Some(frame) = self.stack.frames.pop() else {
            return Err(unreachable_cycle());
        };
        if !frame.on_path {
            return Ok(Step::Resume);
        }
        self.stack.path.pop();
        self.stack.owners.pop();
        self.made(frame.work).map(Step::Done)
    }

    /// The outcome of a finished work: the original itself, where nothing in it had to be copied.
    fn made(&mut self, work: Work) -> PyResult<Own> {
        Ok(match work {
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
                changed: false,
                ..
            } => {
                let shared = self.plans.get(place).frozen
                    && !has_more(self.py, self.plans, source.item(), place)?;
                if shared { source } else { copy }
            }
            Work::Fields { copy, .. }
            | Work::List { copy, .. }
            | Work::Dict { copy, .. }
            | Work::Entries { copy, .. }
            | Work::Elements { copy, .. }
            | Work::Names { copy, .. } => copy,
        })
    }
}

#[cold]
fn unreachable_cycle() -> PyErr {
    InvalidArgument::new_err(
        "the state cannot be copied: a cycle leads through a frozenset or through one of fasm's own values, which \
         cannot be made before their parts; take the cycle out",
    )
}
