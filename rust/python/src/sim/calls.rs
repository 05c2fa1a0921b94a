//! The calls into machine and scenario that need more than a line.

use std::rc::Rc;

use fasm_core::draws::{Draws, Method};
use fasm_core::host::{Emissions, Halt, Outcome};
use fasm_core::step::CallFaults;
use pyo3::prelude::*;

use super::drive::{Driven, Injection};
use super::host::{Checked, PyHost};
use super::looks::Before;
use super::support::prefix;
use super::tally::BuiltIn;
use crate::events::{Normal, TrackedAction, TrackedActionCompleted};

/// Invented ids are ints far beyond those that a counter reaches.
const FIRST_FRESH_ID: u64 = 1 << 40;
const FRESH_IDS: u64 = 1 << 20;
/// The result that comes with them is one of the last so many.
const RESULTS_PER_COPY: u64 = 16;

/// A chain of causes is followed so far: it may be a ring.
const MAX_CAUSES: usize = 16;

impl<'py> PyHost<'_, 'py> {
    pub(super) fn make_input(&mut self, source: u32) -> Checked<Option<Bound<'py, PyAny>>> {
        let mut before = Before::default();
        self.before_reading(&mut before)?;
        let entry = &self.parts.sources[source as usize];
        let name = Rc::clone(&entry.name);
        self.trace.source(Some(&name));
        let returned = entry.make.call1((&self.rng, &self.state.object));
        let value = self.hook(&name, returned)?;
        self.after_reading(&before, format_args!("source {name}"))?;
        if value.is_none() {
            self.trace.source(None);
            return Ok(None);
        }
        let is_wrapped = value.is_exact_instance_of::<Normal>()
            || value.is_exact_instance_of::<TrackedActionCompleted>();
        if is_wrapped || value.is(self.settings.no_reply.bind(self.py)) {
            let message = format!(
                "source {name} returned {}, expected the bare input (it is wrapped in Normal for you) or None",
                self.settings.show(&value)
            );
            return Err(self.fail_with(&format!("scenario:{name}"), message));
        }
        Ok(Some(value))
    }

    pub(super) fn run_execute(
        &mut self,
        action: &Bound<'py, PyAny>,
        number: u32,
    ) -> Checked<Option<Bound<'py, PyAny>>> {
        let py = self.py;
        let tracked = action
            .cast::<TrackedAction>()
            .map_err(|error| Halt::abort(error.into()))?;
        let id = tracked.get().id.bind(py).clone();
        self.check_handed(action, "action")?;
        let attempt = self.attempt(&id, number).map_err(Halt::abort)?;
        let execute = &self.parts.execute;
        let returned = match &attempt {
            Some(attempt) => execute.call1((&self.rng, action, attempt)),
            None => execute.call1((&self.rng, action)),
        };
        let result = self.hook("execute", returned)?;
        self.trace.executed(action, &result, number, self.settings);
        self.digest_object(action).map_err(Halt::abort)?;
        self.digest_object(&result).map_err(Halt::abort)?;
        if result.is_none() {
            let message = format!(
                "execute returned None for {}, expected a result, or NO_REPLY if there is no answer",
                self.settings.show(action)
            );
            return Err(self.fail_with("scenario:execute", message));
        }
        if result.is(self.settings.no_reply.bind(py)) {
            return Ok(None);
        }
        self.remember_handed(&result)?;
        self.offer_result(&result)?;
        Ok(Some(result))
    }

    /// Now and then keeps a copy of a result for an answer that nobody asks for.
    fn offer_result(&mut self, result: &Bound<'py, PyAny>) -> Checked<()> {
        if self.results.is_multiple_of(RESULTS_PER_COPY) {
            let copy = self.walker.copy(result).map_err(Halt::abort)?;
            self.last_result = Some(copy.into_bound(self.py));
        }
        self.results += 1;
        Ok(())
    }

    pub(super) fn make_unknown(
        &mut self,
    ) -> Checked<Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
        let Some(unknown) = &self.parts.unknown else {
            let Some(result) = self.last_result.clone() else {
                return Ok(None);
            };
            // An exploration invents one id: all fresh ones are alike.
            let choices = if self.exploration.is_some() {
                1
            } else {
                FRESH_IDS
            };
            let fresh = |draws: &mut Draws| draws.below(Method::RandRange, choices);
            let id = FIRST_FRESH_ID + self.rng.get().with_draws(fresh);
            let id = id
                .into_pyobject(self.py)
                .map_err(|error| Halt::abort(error.into()))?;
            return Ok(Some((id.into_any(), result)));
        };
        let returned = unknown.call1((&self.rng,));
        let answer = self.hook("unknown", returned)?;
        if answer.is_none() {
            return Ok(None);
        }
        Self::pair(&answer).map(Some).ok_or_else(|| {
            let shown = self.settings.show(&answer);
            let message =
                format!("unknown returned {shown}, expected a tuple (id, result) or None");
            self.fail_with("scenario:unknown", message)
        })
    }

    pub(super) fn run_restore(
        &mut self,
        faults: &CallFaults,
        out: &mut Emissions<Bound<'py, PyAny>>,
    ) -> Checked<bool> {
        self.tally.evaluated(BuiltIn::Restore);
        let mut before = Before::default();
        self.before_reading(&mut before)?;
        let container = self
            .container
            .unbounded(self.py, &self.parts.machine, faults)
            .map_err(|error| self.blame_container(error))?;
        let injections = self.injections(faults)?;
        let mut driven = Driven::default();
        let returned = self
            .parts
            .machine
            .restore
            .call1((&self.state.object, &container));
        let result = self
            .driver
            .finish_with(returned, "restore", &injections, &mut driven);
        out.suspensions = driven.suspensions;
        [out.cancelled, out.state_error] = driven.injected;
        self.container
            .collect(self.py, container, out)
            .map_err(|error| self.blame_container(error))?;
        self.trace
            .restored(result.as_ref().err(), out, faults, self.settings);
        self.digest_call(Outcome::Accepted, out)
            .map_err(Halt::abort)?;
        let finished = match result {
            Ok(value) if value.is_none() => true,
            Ok(value) => {
                let message = format!(
                    "restore of {} returned {}, expected None: it adds to `actions`",
                    self.driver.machine,
                    self.settings.show(&value)
                );
                return Err(self.fail_with("restore", message));
            }
            Err(error) => {
                if !self.is_interruption(&error, &injections, out) {
                    let halt = self.blame(error, "restore");
                    return Err(prefix(halt, "restore raised "));
                }
                self.refusal = Some(error);
                false
            }
        };
        self.after_reading(&before, format_args!("restore"))?;
        Ok(finished)
    }

    /// Whether `restore` was kept from its work: by an injected error, also one that it explains with another
    /// (`raise ... from error`), or by the store.
    fn is_interruption(
        &self,
        error: &PyErr,
        injections: &[Injection<'py>],
        out: &Emissions<Bound<'py, PyAny>>,
    ) -> bool {
        let py = self.py;
        let mut chain = Some(error.clone_ref(py));
        for _ in 0..MAX_CAUSES {
            let Some(link) = chain else { return false };
            let struck = out.actions_full && self.settings.is_actions_full(py, &link);
            let injected = || {
                injections
                    .iter()
                    .any(|one| one.exception.is(link.value(py)))
            };
            if struck || self.settings.is_store_error(py, &link) || injected() {
                return true;
            }
            chain = link.cause(py);
        }
        false
    }
}
