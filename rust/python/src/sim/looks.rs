//! Looks at state, inputs and actions before and after calls: the laws `atomicity`, `purity` and `codec`.

use std::fmt::Arguments;

use fasm_core::host::{Halt, Outcome};
use fasm_core::step::CallFaults;
use pyo3::prelude::*;

use super::host::{Checked, PyHost};
use super::tally::BuiltIn;
use crate::events::TrackedActionCompleted;
use crate::walk::Fingerprint;

/// What was seen before a transition, where anything was looked at.
#[derive(Debug, Default)]
pub struct Before<'py> {
    state: Option<Fingerprint>,
    event: Option<Fingerprint>,
    /// A copy of the state, when the step is explained.
    copy: Option<Bound<'py, PyAny>>,
}

impl Before<'_> {
    /// Whether the step is explained, so that time does not matter.
    pub(super) fn explains(&self) -> bool {
        self.copy.is_some()
    }
}

impl<'py> PyHost<'_, 'py> {
    /// Does what happens seldom: it is always looked at, and paid for by nobody.
    pub(super) fn seldom<T>(&mut self, act: impl FnOnce(&mut Self) -> Checked<T>) -> Checked<T> {
        let (purity, due) = (self.purity.clone(), self.pure_step);
        self.pure_step = purity.due_seldom(due);
        let outcome = act(self);
        (self.purity, self.pure_step) = (purity, due);
        outcome
    }

    /// Looks at the state before something that must not change it.
    #[inline]
    pub(super) fn before_reading(&mut self, before: &mut Before<'py>) -> Checked<()> {
        if self.pure_step || self.explain.is_some() {
            self.look_before_reading(before)?;
        }
        Ok(())
    }

    fn look_before_reading(&mut self, before: &mut Before<'py>) -> Checked<()> {
        if self.explains("purity") {
            before.copy = self.copy_of_state()?;
        }
        if self.pure_step || before.copy.is_some() {
            self.print_state(BuiltIn::Purity)?;
            before.state = self.state.known();
        }
        Ok(())
    }

    #[inline]
    pub(super) fn after_reading(
        &mut self,
        before: &Before<'py>,
        who: Arguments<'_>,
    ) -> Checked<()> {
        if let Some(expected) = before.state {
            return self.look_after_reading(expected, before, who);
        }
        // Nobody looked, so the fingerprint known so far may be out of date.
        self.state.touched();
        Ok(())
    }

    fn look_after_reading(
        &mut self,
        expected: Fingerprint,
        before: &Before<'py>,
        who: Arguments<'_>,
    ) -> Checked<()> {
        self.tally.evaluated(BuiltIn::Purity);
        self.state.touched();
        self.print_state(BuiltIn::Purity)?;
        if self.state.known() == Some(expected) {
            return Ok(());
        }
        let place = self.where_it_differs(before)?;
        Err(self.fail_with("purity", format!("{who} changed the state{place}")))
    }

    pub(super) fn before_transition(
        &mut self,
        faults: &CallFaults,
        event: &Bound<'py, PyAny>,
        before: &mut Before<'py>,
    ) -> Checked<()> {
        self.refusal = None;
        if faults.crash {
            self.state.keep(self.walker).map_err(Halt::abort)?;
        }
        if self.explains("atomicity") {
            before.copy = self.copy_of_state()?;
        }
        let injected = faults.any() && !self.atomicity.off();
        if self.atomicity.due(self.step) || injected || before.copy.is_some() {
            self.print_state(BuiltIn::Atomicity)?;
            before.state = self.state.known();
        }
        if self.pure_step {
            before.event = Some(self.print_for_purity(event)?);
            self.check_handed_event(event)?;
        }
        Ok(())
    }

    /// What `stf` may never change, whatever its outcome.
    pub(super) fn after_transition(
        &mut self,
        outcome: Outcome,
        before: &Before<'py>,
        event: &Bound<'py, PyAny>,
    ) -> Checked<()> {
        match before.event {
            Some(expected) => self.look_after_transition(expected, outcome, event),
            None => Ok(()),
        }
    }

    fn look_after_transition(
        &mut self,
        expected: Fingerprint,
        outcome: Outcome,
        event: &Bound<'py, PyAny>,
    ) -> Checked<()> {
        self.tally.evaluated(BuiltIn::Purity);
        if self.print_for_purity(event)? != expected {
            let shown = self.settings.show(event);
            return Err(self.fail_with("purity", format!("stf changed its input, now {shown}")));
        }
        let Some((_, pristine)) = &self.pristine else {
            return Ok(());
        };
        let pristine = *pristine;
        let machine = self.parts.machine.object.clone();
        let print = self.walker.fingerprint(&machine).map_err(Halt::abort)?;
        if pristine.nodes > 1 {
            // To look at an object without fields costs next to nothing.
            self.purity.spend(print.nodes);
        }
        if print != pristine {
            let name = &self.driver.machine;
            let message = format!(
                "stf changed the machine object {name} (outcome {outcome:?}): what it remembers is lost in a crash"
            );
            return Err(self.fail_with("purity", message));
        }
        Ok(())
    }

    /// A transition that was not accepted must leave the state as it was.
    pub(super) fn check_atomicity(
        &mut self,
        before: &Before<'py>,
        outcome: Outcome,
    ) -> Checked<()> {
        let Some(expected) = before.state else {
            return Ok(());
        };
        self.tally.evaluated(BuiltIn::Atomicity);
        self.print_state(BuiltIn::Atomicity)?;
        if self.state.known() == Some(expected) {
            return Ok(());
        }
        let place = self.where_it_differs(before)?;
        let why = self
            .refusal
            .as_ref()
            .map(|error| self.settings.describe(self.py, error));
        let how = if outcome == Outcome::Rejected {
            "rejected"
        } else {
            "interrupted"
        };
        let message = format!(
            "the transition was {how} ({}) and yet changed the state{place}",
            why.unwrap_or_default()
        );
        Err(self.fail_with("atomicity", message))
    }

    /// After a crash the state is what a store gives back, where the scenario names a codec.
    pub(super) fn recode_state(&mut self) -> Checked<()> {
        let Some(recode) = self.parts.recode.clone() else {
            return Ok(());
        };
        if self.state.is_transaction() {
            return Ok(());
        }
        self.tally.evaluated(BuiltIn::Codec);
        let stored = recode
            .call1((&self.state.object,))
            .map_err(|error| self.blame_codec(error))?;
        let before = self.state.object.clone();
        let difference = self
            .walker
            .difference(&before, &stored)
            .map_err(Halt::abort)?;
        if let Some(found) = difference {
            let message = format!(
                "the state does not survive its codec at state{}: {} came back as {}",
                found.path, found.old, found.new
            );
            return Err(self.fail_with("codec", message));
        }
        self.state.replace(stored).map_err(Halt::abort)
    }

    fn blame_codec(&mut self, error: PyErr) -> Halt<PyErr> {
        if !error.is_instance_of::<pyo3::exceptions::PyException>(self.py) {
            return Halt::abort(error);
        }
        let message = self.settings.describe(self.py, &error);
        self.cause = Some(error);
        Halt::failed("codec", message)
    }

    fn explains(&self, law: &str) -> bool {
        self.explain
            .as_ref()
            .is_some_and(|(step, explained)| *step == self.step && explained == law)
    }

    fn copy_of_state(&mut self) -> Checked<Option<Bound<'py, PyAny>>> {
        let view = self
            .state
            .view(&self.driver)
            .map_err(|error| self.blame(error, "state:snapshot"))?;
        let Some(view) = view else { return Ok(None) };
        let copy = self.walker.copy(&view).map_err(Halt::abort)?;
        Ok(Some(copy.into_bound(self.py)))
    }

    fn print_for_purity(&mut self, object: &Bound<'py, PyAny>) -> Checked<Fingerprint> {
        let print = self.walker.fingerprint(object).map_err(Halt::abort)?;
        self.purity.spend(print.nodes);
        Ok(print)
    }

    /// Makes the fingerprint of the state known, if it can be seen; paid for by the law that wants it unless it is known.
    fn print_state(&mut self, payer: BuiltIn) -> Checked<()> {
        let walked = self.state.print(&self.driver, self.walker);
        let nodes = walked.map_err(|error| self.blame(error, "state:snapshot"))?;
        if nodes > 0 {
            match payer {
                BuiltIn::Purity => self.purity.spend(nodes),
                _ => self.atomicity.spend(nodes),
            }
        }
        Ok(())
    }

    /// ` at <path>: <old> became <new>`, when a copy from before is at hand.
    fn where_it_differs(&mut self, before: &Before<'py>) -> Checked<String> {
        let view = self
            .state
            .view(&self.driver)
            .map_err(|error| self.blame(error, "state:snapshot"))?;
        let (Some(copy), Some(view)) = (&before.copy, view) else {
            return Ok(String::new());
        };
        let difference = self.walker.difference(copy, &view).map_err(Halt::abort)?;
        Ok(difference.map_or_else(String::new, |found| {
            format!(
                " at state{}: {} became {}",
                found.path, found.old, found.new
            )
        }))
    }

    /// Notes what an action or result is when it is handed over.
    pub(super) fn remember_handed(&mut self, object: &Bound<'py, PyAny>) -> Checked<()> {
        if self.pure_step {
            let walked = self.handed.remember(object, self.walker);
            self.purity.spend(walked.map_err(Halt::abort)?);
        } else {
            // It may be an object known from before that its owner has changed since, as is his right.
            self.handed.forget(object);
        }
        Ok(())
    }

    /// An action or result must still be what it was when it was handed over.
    pub(super) fn check_handed(&mut self, object: &Bound<'py, PyAny>, what: &str) -> Checked<()> {
        if self
            .handed
            .unchanged(object, self.walker)
            .map_err(Halt::abort)?
        {
            return Ok(());
        }
        let shown = self.settings.show(object);
        let message = format!("the {what} changed after it was handed over, now {shown}");
        Err(self.fail_with("purity", message))
    }

    fn check_handed_event(&mut self, event: &Bound<'py, PyAny>) -> Checked<()> {
        let Ok(completed) = event.cast::<TrackedActionCompleted>() else {
            return Ok(());
        };
        let result = completed.get().result.bind(self.py).clone();
        self.check_handed(&result, "result")
    }
}
