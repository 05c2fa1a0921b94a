//! The types whose content the walk knows how to read.

use pyo3::exceptions::PyBaseException;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyTuple, PyType};

use super::inline;
use super::plan::Content;
use super::raw::{Item, Own, Type, type_of_ffi};
use crate::errors::FasmError;
use crate::events::{Fired, Normal, Timer, TrackedAction, TrackedActionCompleted, UntrackedAction};

/// Types that are not statics of CPython, and what tells a class of Python code from one of C.
#[derive(Debug)]
pub struct Known {
    deque: Py<PyType>,
    ordered_dict: Py<PyType>,
    pub deque_append: Py<PyAny>,
    pub member_descriptor: Py<PyType>,
    pub cached_property: Py<PyType>,
    generic: Py<PyType>,
    subtype_dealloc: Option<ffi::destructor>,
    date: Type,
    time: Type,
    datetime: Type,
    timedelta: Type,
}

// SAFETY: the addresses are those of types that live as long as the process; they are only compared.
unsafe impl Send for Known {}
// SAFETY: as above.
unsafe impl Sync for Known {}

static KNOWN: PyOnceLock<Known> = PyOnceLock::new();

impl Known {
    pub fn get(py: Python<'_>) -> PyResult<&Self> {
        KNOWN.get_or_try_init(py, || Self::find(py))
    }

    fn find(py: Python<'_>) -> PyResult<Self> {
        let class = |module: &str, name: &str| -> PyResult<Py<PyType>> {
            Ok(py
                .import(module)?
                .getattr(name)?
                .cast_into::<PyType>()?
                .unbind())
        };
        let clock = |name: &str| Ok::<_, PyErr>(class("datetime", name)?.as_ptr().cast());
        inline::enable(py)?;
        // SAFETY: attached.
        unsafe { ffi::PyDateTime_IMPORT() };
        // `FasmError` is a class of Python code, so all such classes share its deallocator.
        let plain = py.get_type::<FasmError>().as_type_ptr();
        Ok(Self {
            deque_append: class("collections", "deque")?.getattr(py, "append")?,
            deque: class("collections", "deque")?,
            ordered_dict: class("collections", "OrderedDict")?,
            member_descriptor: class("types", "MemberDescriptorType")?,
            cached_property: class("functools", "cached_property")?,
            generic: class("typing", "Generic")?,
            // SAFETY: the type is alive.
            subtype_dealloc: unsafe { (*plain).tp_dealloc },
            date: clock("date")?,
            time: clock("time")?,
            datetime: clock("datetime")?,
            timedelta: clock("timedelta")?,
        })
    }

    pub fn deque(&self) -> Type {
        self.deque.as_ptr().cast()
    }

    pub fn ordered_dict(&self) -> Type {
        self.ordered_dict.as_ptr().cast()
    }

    /// Whether a class statement of Python code made the type, or its objects look as if one had.
    pub fn is_python_class(&self, ty: &Bound<'_, PyType>) -> bool {
        // SAFETY: the type is alive.
        let (flags, dealloc) =
            unsafe { ((*ty.as_type_ptr()).tp_flags, (*ty.as_type_ptr()).tp_dealloc) };
        let heap = flags & ffi::Py_TPFLAGS_HEAPTYPE != 0;
        // `Generic` is written in C since Python 3.12, and adds nothing to an object.
        ty.as_type_ptr() == self.generic.as_ptr().cast()
            || heap && dealloc.map(|f| f as usize) == self.subtype_dealloc.map(|f| f as usize)
    }

    /// The content of objects whose type is `ty` or has it as a base of the same layout.
    pub fn content(&self, ty: &Bound<'_, PyType>) -> PyResult<Option<Content>> {
        let address = ty.as_type_ptr();
        let table = [
            (type_of_ffi!(PyLong_Type), Content::Int),
            (type_of_ffi!(PyFloat_Type), Content::Float),
            (type_of_ffi!(PyUnicode_Type), Content::Str),
            (type_of_ffi!(PyBytes_Type), Content::Bytes),
            (type_of_ffi!(PyByteArray_Type), Content::ByteArray),
            (type_of_ffi!(PyComplex_Type), Content::Complex),
            (type_of_ffi!(PyList_Type), Content::List),
            (type_of_ffi!(PyTuple_Type), Content::Tuple),
            (self.ordered_dict(), Content::OrderedDict),
            (type_of_ffi!(PyDict_Type), Content::Dict),
            (type_of_ffi!(PySet_Type), Content::Set),
            (type_of_ffi!(PyFrozenSet_Type), Content::FrozenSet),
            (self.deque(), Content::Deque),
            (self.datetime, Content::DateTime),
            (self.date, Content::Date),
            (self.time, Content::Time),
            (self.timedelta, Content::TimeDelta),
        ];
        if let Some(&(_, content)) = table.iter().find(|(known, _)| *known == address) {
            return Ok(Some(content));
        }
        derived(ty)
    }
}

/// A class of a module, if that module is loaded: without it there are no objects of the class.
fn loaded<'py>(py: Python<'py>, module: &str, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    let modules = py.import("sys")?.getattr("modules")?;
    let found = modules.call_method1("get", (module,))?;
    if found.is_none() {
        Ok(None)
    } else {
        found.getattr_opt(name)
    }
}

/// Types of the standard library whose content is told by something simple.
fn derived(ty: &Bound<'_, PyType>) -> PyResult<Option<Content>> {
    let py = ty.py();
    let is =
        |module, name| Ok::<_, PyErr>(loaded(py, module, name)?.is_some_and(|known| known.is(ty)));
    // SAFETY: the type is alive.
    let (str, repr) = unsafe { ((*ty.as_type_ptr()).tp_str, (*ty.as_type_ptr()).tp_repr) };
    if is("decimal", "Decimal")? || is("pathlib", "PurePath")? {
        return Ok(str.map(Content::Told));
    }
    if is("types", "GenericAlias")? || is("types", "UnionType")? {
        return Ok(repr.map(Content::Told));
    }
    if is("datetime", "timezone")? {
        return Ok(Some(Content::Derived(|py, zone| {
            Ok(Own::from_bound(
                zone.bind(py).call_method0("__getinitargs__")?,
            ))
        })));
    }
    if is("zoneinfo", "ZoneInfo")? {
        return Ok(Some(Content::Derived(|py, zone| {
            attributes(py, zone, &["key"])
        })));
    }
    if is("builtins", "range")? {
        return Ok(Some(Content::Derived(|py, range| {
            attributes(py, range, &["start", "stop", "step"])
        })));
    }
    if is("re", "Pattern")? {
        return Ok(Some(Content::Derived(|py, pattern| {
            attributes(py, pattern, &["pattern", "flags"])
        })));
    }
    Ok(None)
}

fn attributes(py: Python<'_>, object: Item, names: &[&str]) -> PyResult<Own> {
    let object = object.bind(py);
    let values = names
        .iter()
        .map(|name| object.getattr(*name))
        .collect::<PyResult<Vec<_>>>()?;
    Ok(Own::from_bound(PyTuple::new(py, values)?.into_any()))
}

/// Enum members, by name; those without one (an empty flag) by value.
pub fn enum_member(ty: &Bound<'_, PyType>) -> PyResult<Option<Content>> {
    let base = ty.py().import("enum")?.getattr("Enum")?;
    if !ty.is_subclass(&base)? {
        return Ok(None);
    }
    Ok(Some(Content::Derived(|py, member| {
        let name = member.attribute(py, Item::of(pyo3::intern!(py, "_name_")))?;
        match name {
            Some(name) if !name.item().is_none() => Ok(name),
            _ => Ok(Own::from_bound(member.bind(py).getattr("_value_")?)),
        }
    })))
}

/// Functions, classes, modules and the like: told by their qualified name.
pub fn named(ty: &Bound<'_, PyType>) -> PyResult<Option<Content>> {
    let py = ty.py();
    let types = py.import("types")?;
    let names = [
        "FunctionType",
        "BuiltinFunctionType",
        "MethodDescriptorType",
        "ClassMethodDescriptorType",
        "WrapperDescriptorType",
        "ModuleType",
        "EllipsisType",
        "NotImplementedType",
        "NoneType",
    ];
    if let Some(logger) = loaded(py, "logging", "Logger")?
        && ty.is_subclass(&logger)?
    {
        // It hangs together with all other loggers, and fills a cache as it is used.
        return Ok(Some(Content::Derived(|py, logger| {
            attributes(py, logger, &["name"])
        })));
    }
    let cached = py.import("functools")?.getattr("_lru_cache_wrapper")?;
    let mut found = ty.is_subclass_of::<PyType>()? || ty.is(&cached);
    for name in names {
        found = found || ty.is_subclass(&types.getattr(name)?)?;
    }
    Ok(found.then_some(Content::Derived(|py, object| {
        let name = qualified_name(&object.bind(py))?;
        Ok(Own::from_bound(PyString::new(py, &name).into_any()))
    })))
}

pub fn qualified_name(object: &Bound<'_, PyAny>) -> PyResult<String> {
    let part = |name: &str| -> PyResult<Option<String>> {
        let found = object.getattr_opt(name)?;
        Ok(found.and_then(|part| {
            part.cast::<PyString>()
                .ok()
                .map(|part| part.to_string_lossy().into_owned())
        }))
    };
    let name = match part("__qualname__")? {
        Some(name) => name,
        None => part("__name__")?.unwrap_or_default(),
    };
    let Some(module) = part("__module__")? else {
        return Ok(name);
    };
    // Where `pathlib` keeps its classes differs from release to release.
    let module = if module == "pathlib._local" {
        "pathlib"
    } else {
        &module
    };
    Ok(format!("{module}.{name}"))
}

/// The fields of types that are made by calling them with all fields, in that order: fasm's own values, and methods
/// bound to an object.
pub fn call_fields(ty: &Bound<'_, PyType>) -> PyResult<Option<&'static [&'static str]>> {
    let py = ty.py();
    let method = py
        .import("types")?
        .getattr("MethodType")?
        .cast_into::<PyType>()?;
    let table: [(Bound<'_, PyType>, &'static [&'static str]); 7] = [
        (py.get_type::<Normal>(), &["value", "at"]),
        (
            py.get_type::<TrackedActionCompleted>(),
            &["id", "result", "at"],
        ),
        (py.get_type::<TrackedAction>(), &["id", "action"]),
        (py.get_type::<UntrackedAction>(), &["action"]),
        (py.get_type::<Timer>(), &["at"]),
        (py.get_type::<Fired>(), &["at"]),
        (method, &["__func__", "__self__"]),
    ];
    Ok(table
        .iter()
        .find(|(known, _)| known.is(ty))
        .map(|(_, names)| *names))
}

pub fn is_exception(ty: &Bound<'_, PyType>) -> PyResult<bool> {
    ty.is_subclass_of::<PyBaseException>()
}

/// Classes of the standard library that nothing changes, though they are no frozen dataclasses.
pub fn is_frozen_class(ty: &Bound<'_, PyType>) -> PyResult<bool> {
    let name = qualified_name(ty)?;
    Ok(["uuid.UUID", "fractions.Fraction"].contains(&name.as_str()))
}

/// The classes of `pathlib` keep caches in their slots.
pub fn is_path_class(ty: &Bound<'_, PyType>) -> PyResult<bool> {
    Ok(qualified_name(ty)?.starts_with("pathlib."))
}
