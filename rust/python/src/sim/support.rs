//! What the host's calls share: blame, outcomes, what goes into a call and comes out of it.

use fasm_core::host::{Event, Halt, Outcome};
use fasm_core::step::{CallFaults, StepKind};
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::drive::{Injected, Injection};
use super::host::{Checked, PyHost};
use super::settings::Settings;
use super::tally::Became;
use crate::errors::InvalidArgument;
use crate::events::{Normal, TrackedAction, TrackedActionCompleted};
use crate::values::ClockTime;

/// A store may be busy this often in a row when the state is only read.
const MAX_READS: u32 = 6;

impl<'py> PyHost<'_, 'py> {
    /// An error from user code becomes a failure of `law`, unless it must leave at once.
    pub(super) fn blame(&mut self, error: PyErr, law: &str) -> Halt<PyErr> {
        if self.must_leave(&error) {
            return Halt::abort(error);
        }
        let message = self.settings.describe(self.py, &error);
        self.cause = Some(error);
        Halt::failed(law, message)
    }

    /// Ctrl-C and its kin, and the want of an event loop, are never a failure of the machine.
    ///
    /// An `InvalidArgument` that user code raises is one: it comes of a value that this run has computed.
    pub(super) fn must_leave(&self, error: &PyErr) -> bool {
        !error.is_instance_of::<PyException>(self.py) || self.driver.lacks_loop()
    }

    /// An id that cannot be hashed or compared.
    pub(super) fn blame_id(&mut self, error: PyErr, id: &Bound<'py, PyAny>) -> Halt<PyErr> {
        let id = self.settings.show(id);
        prefix(
            self.blame(error, "ids"),
            &format!("id {id} cannot be looked up: "),
        )
    }

    /// The machine's own container does not do what `ActionsContainer` asks for.
    pub(super) fn blame_container(&self, error: PyErr) -> Halt<PyErr> {
        if self.must_leave(&error) || error.is_instance_of::<InvalidArgument>(self.py) {
            return Halt::abort(error);
        }
        let what = self.settings.describe(self.py, &error);
        Self::invalid(format!(
            "new_actions of {}: its container cannot be used: {what}",
            self.driver.machine
        ))
    }

    pub(super) fn invalid(message: String) -> Halt<PyErr> {
        Halt::abort(InvalidArgument::new_err(message))
    }

    /// Calls a hook of the scenario to its end; an exception is `scenario:<name>`.
    pub(super) fn hook(
        &mut self,
        name: &str,
        returned: PyResult<Bound<'py, PyAny>>,
    ) -> Checked<Bound<'py, PyAny>> {
        self.driver
            .finish(returned, name)
            .map_err(|error| self.blame(error, &format!("scenario:{name}")))
    }

    /// Runs `read` inside a transaction that is rolled back, where the state is one.
    ///
    /// A store that is busy by itself says nothing about the machine: then it is read again.
    pub(super) fn reading<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Checked<T>,
    ) -> Checked<T> {
        if !self.state.is_transaction() {
            return read(self);
        }
        for _ in 1..MAX_READS {
            match self.read_once(&mut read) {
                Err(Halt::Failed(_)) if self.was_busy() => {}
                outcome => return outcome,
            }
        }
        self.read_once(&mut read)
    }

    fn read_once<T>(&mut self, read: &mut impl FnMut(&mut Self) -> Checked<T>) -> Checked<T> {
        self.cause = None;
        self.state
            .begin(&self.driver)
            .map_err(|error| self.blame(error, "state:begin"))?;
        let outcome = read(self);
        self.state
            .rollback(&self.driver)
            .map_err(|error| self.blame(error, "state:rollback"))?;
        outcome
    }

    /// Whether the last failure is a store's that asks to be tried again.
    fn was_busy(&self) -> bool {
        let (py, settings) = (self.py, self.settings);
        self.cause.as_ref().is_some_and(|error| {
            settings.is_store_error(py, error) && Settings::is_retryable(py, error)
        })
    }

    pub(super) fn event(
        &self,
        event: &Event<'_, Bound<'py, PyAny>>,
        now_ms: i64,
    ) -> PyResult<Bound<'py, PyAny>> {
        Ok(match event {
            Event::Normal { value, .. } => {
                Normal::create(self.py, (*value).clone().unbind(), ClockTime(now_ms))?
                    .into_bound(self.py)
                    .into_any()
            }
            Event::Completed { id, result, .. } => TrackedActionCompleted::create(
                self.py,
                (*id).clone().unbind(),
                (*result).clone().unbind(),
                ClockTime(now_ms),
            )?
            .into_bound(self.py)
            .into_any(),
        })
    }

    /// The exceptions that the planned faults throw in.
    #[inline]
    pub(super) fn injections(&self, faults: &CallFaults) -> Checked<Vec<Injection<'py>>> {
        if faults.cancel == 0 && faults.state_error == 0 {
            return Ok(Vec::new());
        }
        let mut injections = Vec::new();
        if faults.cancel > 0 {
            injections.push(Injection {
                at: faults.cancel,
                kind: Injected::Cancel,
                exception: self.settings.cancelled(self.py).map_err(Halt::abort)?,
            });
        }
        if faults.state_error > 0 {
            injections.push(Injection {
                at: faults.state_error,
                kind: Injected::StateError,
                exception: self.settings.state_error(self.py).map_err(Halt::abort)?,
            });
        }
        Ok(injections)
    }

    pub(super) fn kind_of(event: &Event<'_, Bound<'py, PyAny>>) -> Option<u32> {
        match event {
            Event::Normal { source, .. } => Some(*source),
            Event::Completed { .. } => None,
        }
    }

    /// The kind of the step at hand, as far as failures of `law` differ by it: the source of an input, else
    /// what is done.
    pub(super) fn kind(&self, law: &str) -> String {
        if law == "restore" || law == "settle" {
            return String::from(law);
        }
        let source = match self.plan_kind {
            Some(StepKind::Input { source }) => Some(source),
            _ => self.plan_source,
        };
        let named = source.and_then(|source| self.parts.sources.get(source as usize));
        match (named, self.plan_kind) {
            (Some(source), _) => source.name.to_string(),
            (None, Some(kind)) => String::from(super::trace::kind_name(kind)),
            (None, None) => String::from("initial"),
        }
    }

    pub(super) fn note_divergence(&mut self) {
        if self.divergence.is_none() {
            let found = self.rng.get().with_draws(|draws| draws.divergence());
            self.divergence = found.map(|found| (self.step, found));
        }
    }

    /// Shows the watcher of a trace the state as it is between two steps.
    pub(super) fn show_state(&mut self) {
        if !self.trace.watches() {
            return;
        }
        // What cannot be looked at now is a matter of the laws, not of the words.
        if let Ok(view) = self.state.view(&self.driver) {
            let view = view.unwrap_or_else(|| self.py.None().into_bound(self.py));
            self.trace.tell("state", &view);
        }
    }

    pub(super) fn note_action(&mut self, action: &Bound<'py, PyAny>, became: Became) {
        if let Ok(tracked) = action.cast::<TrackedAction>() {
            let payload = tracked.get().action.bind(self.py);
            self.tally.action(payload, became);
        }
    }

    /// Classifies what `stf` raised.
    pub(super) fn refused(
        &mut self,
        error: PyErr,
        injections: &[Injection<'py>],
    ) -> Checked<Outcome> {
        let py = self.py;
        let is_injected = injections
            .iter()
            .any(|one| one.exception.is(error.value(py)));
        if is_injected {
            self.refusal = Some(error);
            return Ok(Outcome::Interrupted);
        }
        if self.must_leave(&error) {
            return Err(Halt::abort(error));
        }
        if self.settings.is_rejection(py, &error) {
            self.refusal = Some(error);
            return Ok(Outcome::Rejected);
        }
        if self.settings.is_store_error(py, &error) {
            self.refusal = Some(error);
            return Ok(Outcome::Interrupted);
        }
        if !self.settings.exception {
            self.refusal = Some(error);
            return Ok(Outcome::Interrupted);
        }
        Err(self.blame(error, "exception"))
    }

    /// A transaction that does not even begin.
    pub(super) fn interrupted_by(&mut self, error: PyErr) -> Checked<Outcome> {
        if self.settings.is_store_error(self.py, &error) {
            self.refusal = Some(error);
            return Ok(Outcome::Interrupted);
        }
        Err(self.blame(error, "state:begin"))
    }

    /// `stf` may return the new state; it must be of the same type.
    pub(super) fn take_returned_state(&mut self, returned: Bound<'py, PyAny>) -> Checked<()> {
        if returned.is_none() || returned.is(&self.state.object) {
            return Ok(());
        }
        let (given, wanted) = (returned.get_type(), self.state.object.get_type());
        if self.state.is_transaction() || !given.is(&wanted) {
            let message = format!(
                "stf of {} returned {}, expected None or a new state of type {}",
                self.driver.machine,
                self.settings.show(&returned),
                super::drive::type_name(&self.state.object),
            );
            return Err(self.fail_with("exception", message));
        }
        self.state.pending = Some(returned);
        Ok(())
    }

    pub(super) fn fail_with(&mut self, law: &str, message: String) -> Halt<PyErr> {
        self.cause = None;
        Halt::failed(law, message)
    }

    /// After a crash the machine object is what it was when the seed began.
    pub(super) fn renew_machine(&mut self) -> PyResult<()> {
        if let Some((pristine, _)) = &self.pristine {
            let fresh = self.walker.copy(pristine)?.into_bound(self.py);
            self.parts.machine = super::parts::Machine::of(fresh)?;
        }
        Ok(())
    }

    pub(super) fn attempt(
        &mut self,
        id: &Bound<'py, PyAny>,
        number: u32,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.parts
            .attempt
            .as_ref()
            .map(|make| make.call1((id, number)))
            .transpose()
    }

    pub(super) fn pair(
        object: &Bound<'py, PyAny>,
    ) -> Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let tuple = object.cast::<PyTuple>().ok()?;
        (tuple.len() == 2).then(|| Some((tuple.get_item(0).ok()?, tuple.get_item(1).ok()?)))?
    }
}

/// Says more about a failure, ahead of its message.
pub(super) fn prefix(halt: Halt<PyErr>, words: &str) -> Halt<PyErr> {
    match halt {
        Halt::Failed(mut failure) => {
            failure.message.insert_str(0, words);
            Halt::Failed(failure)
        }
        abort @ Halt::Abort(_) => abort,
    }
}
