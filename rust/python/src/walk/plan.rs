//! What there is to see in the objects of one type, found out once.

use std::cell::Cell;

use fasm_core::mixer::Mixer;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

use super::inline::Inline;
use super::raw::{Item, Own};

/// What an object holds apart from its fields.
#[derive(Clone, Copy, Debug)]
pub enum Content {
    Nothing,
    Int,
    Float,
    Str,
    Bytes,
    ByteArray,
    Complex,
    List,
    Tuple,
    Dict,
    OrderedDict,
    Set,
    FrozenSet,
    Deque,
    Date,
    Time,
    DateTime,
    TimeDelta,
    /// The text that the built-in type shows.
    Told(ffi::reprfunc),
    /// Something simple that stands for the whole content, such as the name of an enum member.
    Derived(fn(Python<'_>, Item) -> PyResult<Own>),
}

impl Content {
    /// Whether nothing can change it.
    pub fn is_immutable(self) -> bool {
        self.is_simple()
            || matches!(
                self,
                Self::Date
                    | Self::Time
                    | Self::DateTime
                    | Self::TimeDelta
                    | Self::Derived(_)
                    | Self::Told(_)
            )
    }

    /// Whether it is one immutable value without parts.
    pub fn is_simple(self) -> bool {
        matches!(
            self,
            Self::Int | Self::Float | Self::Str | Self::Bytes | Self::Complex
        )
    }

    /// Part of the hash: never renumber.
    pub fn code(self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Int => 1,
            Self::Float => 2,
            Self::Str => 3,
            Self::Bytes => 4,
            Self::ByteArray => 5,
            Self::Complex => 6,
            Self::List => 7,
            Self::Tuple => 8,
            Self::Dict => 9,
            Self::OrderedDict => 10,
            Self::Set => 11,
            Self::FrozenSet => 12,
            Self::Deque => 13,
            Self::Date => 14,
            Self::Time => 15,
            Self::DateTime => 16,
            Self::TimeDelta => 17,
            Self::Derived(_) => 18,
            Self::Told(_) => 19,
        }
    }
}

/// How a field is reached.
#[derive(Clone, Copy, Debug)]
pub enum Access {
    /// A pointer at this offset of the object.
    Slot(isize),
    /// The instance dict, or else a default of the class.
    Inline,
    /// A property or the like.
    Property,
}

#[derive(Debug)]
pub struct Field {
    pub name: Py<PyString>,
    pub access: Access,
    /// Where the name was among the inline attributes last time.
    pub hint: Cell<usize>,
}

impl Field {
    pub fn new(py: Python<'_>, name: &str, access: Access) -> Self {
        Self {
            name: PyString::intern(py, name).unbind(),
            access,
            hint: Cell::new(0),
        }
    }

    #[inline(always)]
    pub fn name(&self) -> Item {
        // SAFETY: `self` owns the name.
        unsafe { Item::new(std::ptr::NonNull::new_unchecked(self.name.as_ptr())) }
    }

    /// The value, or None if the object has none.
    #[inline(always)]
    pub fn read(&self, py: Python<'_>, object: Item) -> PyResult<Option<Own>> {
        match self.access {
            Access::Slot(offset) => Ok(object.slot(offset).map(Item::own)),
            Access::Inline => {
                let inline =
                    Inline::of(object).and_then(|inline| inline.get(self.name(), &self.hint));
                inline.map_or_else(
                    || object.attribute(py, self.name()),
                    |value| Ok(Some(value.own())),
                )
            }
            Access::Property => object.property(py, self.name()),
        }
    }
}

/// The instance dict, where all of it counts.
#[derive(Debug, Default)]
pub struct DictFields {
    /// Caches of `functools.cached_property`: neither compared nor copied.
    pub cached: Vec<String>,
    /// Named by `fasm_ignore`: not compared, and copied by reference.
    pub ignored: Vec<String>,
    /// Names under which the class has a property or the like, which comes before the instance dict.
    pub shadowed: Vec<String>,
}

impl DictFields {
    /// Whether all names are treated alike.
    pub fn is_plain(&self) -> bool {
        self.cached.is_empty() && self.ignored.is_empty()
    }

    /// Whether a name is compared.
    pub fn counts(&self, name: &Bound<'_, PyAny>) -> bool {
        !is_among(name, &self.cached) && !is_among(name, &self.ignored)
    }

    /// Whether a name is copied.
    pub fn lasts(&self, name: &Bound<'_, PyAny>) -> bool {
        !is_among(name, &self.cached)
    }

    /// Whether setting the attribute sets the entry of the instance dict.
    pub fn is_free(&self, name: &Bound<'_, PyAny>) -> bool {
        name.is_exact_instance_of::<PyString>() && !is_among(name, &self.shadowed)
    }
}

fn is_among(name: &Bound<'_, PyAny>, names: &[String]) -> bool {
    if names.is_empty() {
        return false;
    }
    name.cast::<PyString>().is_ok_and(|name| {
        let name = name.to_string_lossy();
        names.iter().any(|known| *known == name)
    })
}

/// How an object of the type is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Make {
    /// Not at all: immutable, or opaque.
    Share,
    /// A bare object, then its fields.
    Bare,
    /// By the constructor of the built-in type below it, without `__init__`, then its fields.
    Base,
    /// By calling the class with all fields, once these are copied.
    Call,
    /// By `copy.copy`, then its fields.
    Shallow,
}

#[derive(Debug)]
pub struct Plan {
    /// Kept alive, so that its address stays its own.
    pub ty: Py<PyType>,
    /// The type or the nearest base that C code made.
    pub base: Py<PyType>,
    /// The version tag of the type that this plan describes; a change of the class gives it another one.
    pub version: u32,
    /// Module and qualified name.
    pub name: String,
    pub content: Content,
    pub fields: Vec<Field>,
    pub ignored: Vec<Field>,
    pub dict: Option<DictFields>,
    pub make: Make,
    /// Whether an object may be shared if all its parts are.
    pub frozen: bool,
    /// Whether an object can have attributes besides its declared fields.
    pub open: bool,
    pub opaque: bool,
    /// What the hash knows of the type.
    pub header: [u64; 2],
}

impl Plan {
    /// Fills in the header, from the name, the kind of content and the names of the fields.
    pub fn seal(mut self, py: Python<'_>) -> Self {
        let mut mixer = Mixer::new();
        mixer.absorb_bytes(self.name.as_bytes(), self.content.code());
        for field in &self.fields {
            mixer.absorb_bytes(field.name.bind(py).to_string_lossy().as_bytes(), 0);
        }
        let hash = mixer.finish();
        self.header = [(hash >> 64) as u64, hash as u64];
        self
    }

    /// Whether there is nothing but the content.
    pub fn is_bare(&self) -> bool {
        self.fields.is_empty() && self.ignored.is_empty() && self.dict.is_none()
    }
}
