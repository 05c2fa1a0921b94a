//! The callables of one seed's machine and scenario, fetched once.

use std::rc::Rc;

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
            always: laws(parts, "always")?,
            sometimes: laws(parts, "sometimes")?,
            settled: laws(parts, "settled")?,
        })
    }
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
