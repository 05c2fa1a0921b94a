//! The user's own laws.

use std::rc::Rc;

use pyo3::prelude::*;
use pyo3::types::PyBool;

use super::host::{Checked, PyHost};
use super::looks::Before;
use super::parts::Law;
use fasm_core::host::Halt;

/// How one law judged.
enum Verdict {
    Holds,
    Broken(String),
}

impl<'py> PyHost<'_, 'py> {
    /// Every `@always` and `@sometimes`, in order of definition.
    pub(super) fn check_always(&mut self) -> Checked<()> {
        self.round += 1;
        let mut before = Before::default();
        self.before_reading(&mut before)?;
        let mut broken: Vec<(String, String)> = Vec::new();
        for index in 0..self.parts.always.len() {
            let every = self.parts.always[index].every;
            if every > 1 && !self.round.is_multiple_of(every) {
                continue;
            }
            self.tally.always[index] += 1;
            if let Verdict::Broken(message) = self.ask(index, Kind::Always)? {
                broken.push((self.parts.always[index].name.to_string(), message));
            }
            self.after_each(&before, Kind::Always, index)?;
        }
        if let Some(failure) = self.worst(broken) {
            return Err(failure);
        }
        for index in 0..self.parts.sometimes.len() {
            self.tally.sometimes[index].0 += 1;
            if self.reaches(index)? {
                self.tally.sometimes[index].1 += 1;
            }
            self.after_each(&before, Kind::Sometimes, index)?;
        }
        self.after_reading(&before, format_args!("a law (@always or @sometimes)"))
    }

    /// Every `@settled` law, once, after the run came to rest.
    pub(super) fn check_settled(&mut self) -> Checked<()> {
        let mut before = Before::default();
        self.before_reading(&mut before)?;
        let mut broken = Vec::new();
        for index in 0..self.parts.settled.len() {
            self.tally.settled[index] += 1;
            if let Verdict::Broken(message) = self.ask(index, Kind::Settled)? {
                broken.push((self.parts.settled[index].name.to_string(), message));
            }
            self.after_each(&before, Kind::Settled, index)?;
        }
        if let Some(failure) = self.worst(broken) {
            return Err(failure);
        }
        self.after_reading(&before, format_args!("a @settled law"))
    }

    /// Where a violation of `purity` is explained, each law is looked at on its own.
    fn after_each(&mut self, before: &Before<'py>, kind: Kind, index: usize) -> Checked<()> {
        if !before.explains() {
            return Ok(());
        }
        let name = Rc::clone(&self.law(kind, index).name);
        self.after_reading(before, format_args!("law {name}"))
    }

    fn law(&self, kind: Kind, index: usize) -> &Law<'py> {
        match kind {
            Kind::Always => &self.parts.always[index],
            Kind::Sometimes => &self.parts.sometimes[index],
            Kind::Settled => &self.parts.settled[index],
        }
    }

    /// The first law that broke is the failure; its message names the others.
    fn worst(&mut self, broken: Vec<(String, String)>) -> Option<Halt<PyErr>> {
        let mut broken = broken.into_iter();
        let (law, mut message) = broken.next()?;
        let others: Vec<String> = broken.map(|(name, _)| name).collect();
        if !others.is_empty() {
            message = format!("{message} (also broken here: {})", others.join(", "));
        }
        let cause = self.cause.take();
        let failure = self.fail_with(&format!("invariant:{law}"), message);
        self.cause = cause;
        Some(failure)
    }

    fn ask(&mut self, index: usize, kind: Kind) -> Checked<Verdict> {
        let law = self.law(kind, index);
        let returned = law.check.call1((&self.state.object,));
        // Nearly every law is a plain method that returns None.
        if let Ok(answer) = &returned
            && answer.is_none()
        {
            return Ok(Verdict::Holds);
        }
        let name = Rc::clone(&law.name);
        match self.driver.finish(returned, &name) {
            Ok(answer) if answer.is_none() => Ok(Verdict::Holds),
            Ok(answer) if answer.is_exact_instance_of::<PyBool>() => {
                let holds = answer.extract().map_err(Halt::abort)?;
                Ok(if holds {
                    Verdict::Holds
                } else {
                    Verdict::Broken(String::from("returned False"))
                })
            }
            Ok(answer) => Err(Self::invalid(format!(
                "law {name} returned {}, expected None, True or False",
                self.settings.show(&answer)
            ))),
            Err(error) if self.must_leave(&error) => Err(Halt::abort(error)),
            Err(error) => {
                let message = self.settings.describe(self.py, &error);
                self.cause.get_or_insert(error);
                Ok(Verdict::Broken(message))
            }
        }
    }

    fn reaches(&mut self, index: usize) -> Checked<bool> {
        let goal = &self.parts.sometimes[index];
        let returned = goal.check.call1((&self.state.object,));
        let name = Rc::clone(&goal.name);
        let answer = self.hook(&name, returned)?;
        if answer.is_exact_instance_of::<PyBool>() {
            return answer.extract().map_err(Halt::abort);
        }
        Err(Self::invalid(format!(
            "sometimes {name} returned {}, expected True or False",
            self.settings.show(&answer)
        )))
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Always,
    Sometimes,
    Settled,
}
