//! The callables of one seed's machine and scenario, fetched once.

use std::rc::Rc;

use pyo3::ffi;
use pyo3::prelude::*;

/// A user's law: its name, how often it runs, and the method.
#[derive(Debug)]
pub struct Law<'py> {
    pub name: Rc<str>,
    pub every: u64,
    pub check: Bound<'py, PyAny>,
}

#[derive(Debug)]
pub struct Source<'py> {
    pub name: Rc<str>,
    pub make: Bound<'py, PyAny>,
}

#[derive(Debug)]
pub struct Machine<'py> {
    pub object: Bound<'py, PyAny>,
    pub stf: Bound<'py, PyAny>,
    pub restore: Bound<'py, PyAny>,
    pub new_actions: Option<Bound<'py, PyAny>>,
}

impl<'py> Machine<'py> {
    pub fn of(object: Bound<'py, PyAny>) -> PyResult<Self> {
        let new_actions = object.getattr_opt("new_actions")?;
        Ok(Self {
            stf: object.getattr("stf")?,
            restore: object.getattr("restore")?,
            new_actions,
            object,
        })
    }
}

#[derive(Debug)]
pub struct Parts<'py> {
    pub scenario: Bound<'py, PyAny>,
    pub machine: Machine<'py>,
    pub initial: Bound<'py, PyAny>,
    pub sources: Vec<Source<'py>>,
    pub execute: Bound<'py, PyAny>,
    /// `attempt(id, number)` makes the third argument of `execute`, if it takes one.
    pub attempt: Option<Bound<'py, PyAny>>,
    pub observe: Option<Bound<'py, PyAny>>,
    pub accepted: Option<Bound<'py, PyAny>>,
    pub rejected: Option<Bound<'py, PyAny>>,
    pub heal: Option<Bound<'py, PyAny>>,
    pub unknown: Option<Bound<'py, PyAny>>,
    /// `recode(state)` encodes and decodes a state as a store would.
    pub recode: Option<Bound<'py, PyAny>>,
    pub always: Vec<Law<'py>>,
    pub sometimes: Vec<Law<'py>>,
    pub settled: Vec<Law<'py>>,
}

impl<'py> Parts<'py> {
    /// Reads the parts from an object whose attributes have the names of the fields here.
    pub fn read(parts: &Bound<'py, PyAny>) -> PyResult<Self> {
        let optional = |name: &str| -> PyResult<Option<Bound<'py, PyAny>>> {
            let value = parts.getattr(name)?;
            Ok((!value.is_none()).then_some(value))
        };
        let sources = parts
            .getattr("sources")?
            .extract::<Vec<(String, Bound<'py, PyAny>)>>()?;
        Ok(Self {
            scenario: parts.getattr("scenario")?,
            machine: Machine::of(parts.getattr("machine")?)?,
            initial: parts.getattr("initial")?,
            sources: sources
                .into_iter()
                .map(|(name, make)| Source {
                    name: name.into(),
                    make,
                })
                .collect(),
            execute: parts.getattr("execute")?,
            attempt: optional("attempt")?,
            observe: optional("observe")?,
            accepted: optional("accepted")?,
            rejected: optional("rejected")?,
            heal: optional("heal")?,
            unknown: optional("unknown")?,
            recode: optional("recode")?,
            always: laws(parts, "always")?,
            sometimes: laws(parts, "sometimes")?,
            settled: laws(parts, "settled")?,
        })
    }
}

impl<'py> Parts<'py> {
    /// The same methods on another scenario of the same class.
    pub fn rebind(&mut self, scenario: Bound<'py, PyAny>) -> PyResult<()> {
        let old = std::mem::replace(&mut self.scenario, scenario);
        let new = self.scenario.clone();
        let machine = new.getattr("machine")?;
        if !machine.is(&self.machine.object) {
            self.machine = Machine::of(machine)?;
        }
        let methods = [&mut self.initial, &mut self.execute];
        let hooks = [
            &mut self.observe,
            &mut self.accepted,
            &mut self.rejected,
            &mut self.heal,
            &mut self.unknown,
        ];
        let laws = self
            .always
            .iter_mut()
            .chain(&mut self.sometimes)
            .chain(&mut self.settled);
        let all = methods
            .into_iter()
            .chain(hooks.into_iter().flatten())
            .chain(self.sources.iter_mut().map(|source| &mut source.make))
            .chain(laws.map(|law| &mut law.check));
        for method in all {
            rebind(method, &old, &new)?;
        }
        Ok(())
    }
}

/// Binds a method of `old` to `new`; what is no method of it stays.
fn rebind<'py>(
    method: &mut Bound<'py, PyAny>,
    old: &Bound<'py, PyAny>,
    new: &Bound<'py, PyAny>,
) -> PyResult<()> {
    // SAFETY: the type is a static object of the interpreter. The two accessors give borrowed references of an
    // object that was just seen to be a bound method, and the constructor a new reference or an error.
    unsafe {
        let is_method = ffi::Py_TYPE(method.as_ptr()) == &raw mut PyMethod_Type;
        if !is_method || PyMethod_Self(method.as_ptr()) != old.as_ptr() {
            return Ok(());
        }
        let bound = PyMethod_New(PyMethod_Function(method.as_ptr()), new.as_ptr());
        *method = Bound::from_owned_ptr_or_err(new.py(), bound)?;
    }
    Ok(())
}

// CPython's own functions for bound methods, which PyO3 does not declare.
unsafe extern "C" {
    static mut PyMethod_Type: ffi::PyTypeObject;
    fn PyMethod_New(function: *mut ffi::PyObject, object: *mut ffi::PyObject)
    -> *mut ffi::PyObject;
    fn PyMethod_Function(method: *mut ffi::PyObject) -> *mut ffi::PyObject;
    fn PyMethod_Self(method: *mut ffi::PyObject) -> *mut ffi::PyObject;
}

fn laws<'py>(parts: &Bound<'py, PyAny>, name: &str) -> PyResult<Vec<Law<'py>>> {
    let laws = parts
        .getattr(name)?
        .extract::<Vec<(String, u64, Bound<'py, PyAny>)>>()?;
    Ok(laws
        .into_iter()
        .map(|(name, every, check)| Law {
            name: name.into(),
            every,
            check,
        })
        .collect())
}
