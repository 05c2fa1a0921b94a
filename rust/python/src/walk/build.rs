//! Finds out what there is to see in the objects of a type.

use std::mem::{offset_of, size_of};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::attributes::{Level, ignored_names, levels, sets, slot_offset, slots_of, special_names};
use super::known::{
    Known, call_fields, enum_member, is_exception, is_frozen_class, is_path_class, named,
    qualified_name,
};
use super::plan::{Access, Content, DictFields, Field, Make, Plan};

/// Reads a type. Runs Python code.
pub fn build(ty: &Bound<'_, PyType>) -> PyResult<Plan> {
    // A look-up on the type itself makes CPython give it a version tag, if it still gives any.
    ty.getattr("__hash__")?;
    let mut plan = Builder::new(ty)?.plan()?;
    // SAFETY: the type is alive.
    plan.version = unsafe { (*ty.as_type_ptr()).tp_version_tag };
    Ok(plan.seal(ty.py()))
}

struct Builder<'py> {
    ty: Bound<'py, PyType>,
    known: &'py Known,
    levels: Vec<Level<'py>>,
    ignore: Vec<String>,
}

impl<'py> Builder<'py> {
    fn new(ty: &Bound<'py, PyType>) -> PyResult<Self> {
        let (known, levels) = (Known::get(ty.py())?, levels(ty)?);
        let ignore = ignored_names(&levels)?;
        Ok(Self {
            ty: ty.clone(),
            known,
            levels,
            ignore,
        })
    }

    fn empty(&self) -> PyResult<Plan> {
        Ok(Plan {
            ty: self.ty.clone().unbind(),
            base: self.solid()?.unbind(),
            version: 0,
            name: qualified_name(&self.ty)?,
            content: Content::Nothing,
            fields: Vec::new(),
            ignored: Vec::new(),
            dict: None,
            make: Make::Share,
            frozen: true,
            open: false,
            opaque: false,
            header: [0; 2],
        })
    }

    fn plan(&self) -> PyResult<Plan> {
        let mut plan = self.empty()?;
        if let Some(content) = self.leaf()? {
            plan.content = content;
            return Ok(plan);
        }
        if let Some(names) = call_fields(&self.ty)? {
            plan.fields = names
                .iter()
                .map(|name| self.field(name))
                .collect::<PyResult<_>>()?;
            plan.make = Make::Call;
            return Ok(plan);
        }
        let exception = is_exception(&self.ty)?;
        let (content, base) = self.content()?;
        plan.content = content;
        plan.make = self.make(&plan, base.as_ref(), exception)?;
        plan.opaque = plan.make == Make::Share && matches!(content, Content::Nothing);
        if exception {
            let args = offset_of!(ffi::PyBaseExceptionObject, args).cast_signed();
            plan.fields
                .push(Field::new(self.ty.py(), "args", Access::Slot(args)));
        }
        self.add_fields(&mut plan, base.as_ref())?;
        self.settle(&mut plan)?;
        Ok(plan)
    }

    /// What can be shared, and what is copied in another way, now that the fields are known.
    fn settle(&self, plan: &mut Plan) -> PyResult<()> {
        let bare = plan.is_bare();
        let immutable = plan.content.is_immutable();
        if immutable && bare {
            plan.make = Make::Share;
        } else if (immutable && !plan.content.is_simple())
            || (matches!(plan.content, Content::FrozenSet) && !bare)
        {
            plan.make = Make::Shallow;
        }
        plan.frozen = plan.dict.is_none()
            && plan.ignored.is_empty()
            && match plan.content {
                Content::Tuple | Content::FrozenSet => plan.fields.is_empty(),
                Content::Nothing => {
                    plan.fields.is_empty()
                        || self.is_frozen_dataclass()?
                        || is_frozen_class(&self.ty)?
                }
                _ => false,
            };
        Ok(())
    }

    /// The content of an immutable without fields, whatever else its class has.
    fn leaf(&self) -> PyResult<Option<Content>> {
        if let Some(content) = enum_member(&self.ty)? {
            return Ok(Some(content));
        }
        named(&self.ty)
    }

    /// The first class down the line that C code made: it decides the layout of the objects.
    fn solid(&self) -> PyResult<Bound<'py, PyType>> {
        let mut solid = self.ty.clone();
        while self.known.is_python_class(&solid) {
            let base = base_of(&solid)?;
            if !self.adds_only_slots(&solid, &base)? {
                break;
            }
            solid = base;
        }
        Ok(solid)
    }

    /// Whether a class makes its objects larger than those of its base only by what can be seen.
    fn adds_only_slots(
        &self,
        ty: &Bound<'py, PyType>,
        base: &Bound<'py, PyType>,
    ) -> PyResult<bool> {
        let slots = slots_of(self.known, &ty.getattr("__dict__")?)?.len();
        // SAFETY: both types are alive.
        let (ty, base) = unsafe { (&*ty.as_type_ptr(), &*base.as_type_ptr()) };
        let dict = ty.tp_dictoffset != 0 && base.tp_dictoffset == 0;
        let weak = ty.tp_weaklistoffset != 0 && base.tp_weaklistoffset == 0;
        let pointers = slots + usize::from(dict) + usize::from(weak);
        let most = pointers * size_of::<*mut ffi::PyObject>();
        Ok((ty.tp_basicsize - base.tp_basicsize).cast_unsigned() <= most)
    }

    /// The content, and the type that it comes from.
    fn content(&self) -> PyResult<(Content, Option<Bound<'py, PyType>>)> {
        let mut base = self.ty.clone();
        while !is_object(&base) {
            if let Some(content) = self.known.content(&base)? {
                return Ok((content, Some(base)));
            }
            base = base_of(&base)?;
        }
        Ok((Content::Nothing, None))
    }

    fn make(
        &self,
        plan: &Plan,
        base: Option<&Bound<'py, PyType>>,
        exception: bool,
    ) -> PyResult<Make> {
        let solid = plan.base.bind(self.ty.py());
        if let Some(base) = base {
            return Ok(if constructor(solid) == constructor(base) {
                Make::Base
            } else {
                Make::Shallow
            });
        }
        Ok(if exception {
            Make::Base
        } else if is_object(&self.ty) {
            // A bare `object()` has nothing to see.
            Make::Share
        } else if is_object(solid) {
            Make::Bare
        } else if self.explains(solid)? {
            Make::Shallow
        } else {
            Make::Share
        })
    }

    /// Whether dict and members that can be seen fill the object, so that nothing is hidden.
    fn explains(&self, solid: &Bound<'py, PyType>) -> PyResult<bool> {
        let mut members = 0;
        for (level, own) in &self.levels {
            if solid.is_subclass(level)? {
                members += slots_of(self.known, own)?.len();
            }
        }
        // SAFETY: the type is alive.
        let (size, dict, weak, flags) = unsafe {
            let ty = &*solid.as_type_ptr();
            (
                ty.tp_basicsize,
                ty.tp_dictoffset,
                ty.tp_weaklistoffset,
                ty.tp_itemsize,
            )
        };
        let pointers = members + usize::from(dict > 0) + usize::from(weak > 0);
        let expected = size_of::<ffi::PyObject>() + pointers * size_of::<*mut ffi::PyObject>();
        Ok(flags == 0
            && size.cast_unsigned() == expected
            && (members > 0 || dict != 0 || !solid.is(&self.ty)))
    }

    fn add_fields(&self, plan: &mut Plan, content: Option<&Bound<'py, PyType>>) -> PyResult<()> {
        if self.declares_fields()? {
            let fields = self
                .ty
                .py()
                .import("dataclasses")?
                .call_method1("fields", (&self.ty,))?;
            for field in fields.try_iter()? {
                let name: String = field?.getattr("name")?.extract()?;
                let field = self.field(&name)?;
                let list = if self.ignore.contains(&name) {
                    &mut plan.ignored
                } else {
                    &mut plan.fields
                };
                list.push(field);
            }
            // SAFETY: the type is alive.
            plan.open = unsafe { (*self.ty.as_type_ptr()).tp_dictoffset } != 0;
            return Ok(());
        }
        for (level, own) in &self.levels {
            if self.is_covered(plan, content, level)? {
                continue;
            }
            for (name, offset) in slots_of(self.known, own)? {
                let list = if self.ignore.contains(&name) {
                    &mut plan.ignored
                } else {
                    &mut plan.fields
                };
                list.push(Field::new(self.ty.py(), &name, Access::Slot(offset)));
            }
        }
        let solid = plan.base.bind(self.ty.py());
        // SAFETY: the types are alive.
        let (dict, inherited) = unsafe {
            (
                (*self.ty.as_type_ptr()).tp_dictoffset,
                (*solid.as_type_ptr()).tp_dictoffset,
            )
        };
        if dict != 0 && !(plan.opaque && inherited != 0) {
            let (cached, shadowed) = special_names(self.known, &self.levels)?;
            let mut ignored = self.ignore.clone();
            if self.is_generic()? {
                // The alias that the object was made through says nothing about its state.
                ignored.push("__orig_class__".to_owned());
            }
            plan.dict = Some(DictFields {
                cached,
                ignored,
                shadowed,
            });
        }
        Ok(())
    }

    /// Whether the slots of a class are no fields: they belong to the content, or to an opaque object.
    fn is_covered(
        &self,
        plan: &Plan,
        content: Option<&Bound<'py, PyType>>,
        level: &Bound<'py, PyType>,
    ) -> PyResult<bool> {
        let covers = match content {
            Some(content) => content.is_subclass(level)? || is_path_class(level)?,
            None => plan.opaque && plan.base.bind(self.ty.py()).is_subclass(level)?,
        };
        Ok(covers)
    }

    fn declares_fields(&self) -> PyResult<bool> {
        self.levels
            .last()
            .map_or(Ok(false), |(_, own)| own.contains("__dataclass_fields__"))
    }

    fn is_frozen_dataclass(&self) -> PyResult<bool> {
        if !self.declares_fields()? {
            return Ok(false);
        }
        let parameters = self.ty.getattr("__dataclass_params__")?;
        parameters.getattr("frozen")?.is_truthy()
    }

    /// The field of that name, as attribute look-up on the class finds it.
    fn field(&self, name: &str) -> PyResult<Field> {
        let py = self.ty.py();
        let mut access = Access::Inline;
        for (_, own) in self.levels.iter().rev() {
            if own.contains(name)? {
                let found = own.get_item(name)?;
                if let Some(offset) = slot_offset(self.known, &found) {
                    access = Access::Slot(offset);
                } else if sets(&found) {
                    access = Access::Property;
                }
                break;
            }
        }
        Ok(Field::new(py, name, access))
    }

    fn is_generic(&self) -> PyResult<bool> {
        let generic = self.ty.py().import("typing")?.getattr("Generic")?;
        Ok(self.levels.iter().any(|(level, _)| level.is(&generic)))
    }
}

fn base_of<'py>(ty: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyType>> {
    Ok(ty.getattr("__base__")?.cast_into::<PyType>()?)
}

fn constructor(ty: &Bound<'_, PyType>) -> Option<usize> {
    // SAFETY: the type is alive.
    unsafe { (*ty.as_type_ptr()).tp_new }.map(|new| new as usize)
}

fn is_object(ty: &Bound<'_, PyType>) -> bool {
    std::ptr::eq(ty.as_type_ptr(), &raw mut ffi::PyBaseObject_Type)
}
