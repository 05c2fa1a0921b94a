//! The container that `stf` and `restore` fill, and what is read out of it.

use fasm_core::host::{Emissions, Emitted};
use fasm_core::step::CallFaults;
use pyo3::intern;
use pyo3::prelude::*;

use super::parts::Machine;
use crate::container::{Actions, Entry};
use crate::errors::InvalidArgument;
use crate::events::{Timer, TrackedAction, UntrackedAction};

/// Hands out a fresh container per call; reuses the last one when nobody kept it.
#[derive(Debug, Default)]
pub struct Container<'py> {
    /// Whether the last one handed out is of the usual kind, not the machine's own.
    usual: bool,
    spare: Option<Bound<'py, Actions>>,
}

impl<'py> Container<'py> {
    pub fn fresh(
        &mut self,
        py: Python<'py>,
        machine: &Machine<'py>,
        faults: &CallFaults,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.usual = machine.new_actions.is_none();
        let actions = match &machine.new_actions {
            Some(make) => container_of(make)?,
            None => self.usual(py)?,
        };
        Ok(armed(actions, faults))
    }

    /// A container without a limit: the machine's own, if that has none.
    pub fn unbounded(
        &mut self,
        py: Python<'py>,
        machine: &Machine<'py>,
        faults: &CallFaults,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut actions = self.fresh(py, machine, faults)?;
        if !self.usual && !actions.getattr(intern!(py, "capacity"))?.is_none() {
            actions = armed(self.usual(py)?, faults);
        }
        Ok(actions)
    }

    fn usual(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(match self.spare.take() {
            Some(spare) => spare,
            None => Actions::create(py, None)?.into_bound(py),
        }
        .into_any())
    }

    /// Moves what the call added to `out`.
    pub fn collect(
        &mut self,
        py: Python<'py>,
        container: Bound<'py, PyAny>,
        out: &mut Emissions<Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let actions = match container.cast_into_exact::<Actions>() {
            Ok(actions) => actions,
            Err(other) => return read_foreign(&other.into_inner(), out),
        };
        let taken = actions.get().take();
        out.adds = taken.adds as u32;
        out.actions_full = taken.refused;
        for entry in taken.emitted.entries {
            match entry {
                Entry::Tracked(tracked) => out.tracked.push(tracked_of(tracked.into_bound(py))),
                Entry::Untracked(untracked) => {
                    out.untracked.push(untracked.into_bound(py).into_any());
                }
            }
        }
        out.forgotten.extend(
            taken
                .emitted
                .forgotten
                .into_iter()
                .map(|id| id.into_bound(py)),
        );
        // Whoever kept the container must not see the next transition's actions in it, nor add to them.
        if self.usual && is_ours_alone(&actions) {
            self.spare = Some(actions);
        } else {
            actions.get().set_over(true);
        }
        Ok(())
    }
}

/// What the machine's `new_actions` makes.
fn container_of<'py>(make: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let actions = make.call0()?;
    if !actions.is_exact_instance_of::<Actions>()
        && !actions.hasattr(intern!(make.py(), "tracked"))?
    {
        return Err(InvalidArgument::new_err(format!(
            "new_actions() returned {}, expected a container of actions: it has no method tracked",
            actions.repr()?
        )));
    }
    Ok(actions)
}

/// Opens the container and makes the planned add raise. One of the user's own cannot be told to.
fn armed<'py>(actions: Bound<'py, PyAny>, faults: &CallFaults) -> Bound<'py, PyAny> {
    if let Ok(ours) = actions.cast_exact::<Actions>() {
        ours.get().set_over(false);
        if faults.actions_full > 0 {
            ours.get().arm(faults.actions_full as usize);
        }
    }
    actions
}

/// Reads a container of the user's own.
fn read_foreign<'py>(
    container: &Bound<'py, PyAny>,
    out: &mut Emissions<Bound<'py, PyAny>>,
) -> PyResult<()> {
    let py = container.py();
    for action in container.try_iter()? {
        let action = action?;
        if let Ok(tracked) = action.cast::<TrackedAction>() {
            out.tracked.push(tracked_of(tracked.clone()));
        } else if action.is_exact_instance_of::<UntrackedAction>() {
            out.untracked.push(action);
        } else {
            return Err(InvalidArgument::new_err(format!(
                "the container from new_actions() holds {}, expected TrackedAction or UntrackedAction",
                action.repr()?
            )));
        }
    }
    out.adds = (out.tracked.len() + out.untracked.len()) as u32;
    for id in container.getattr(intern!(py, "forgotten"))?.try_iter()? {
        out.forgotten.push(id?);
    }
    Ok(())
}

/// Whether nobody else holds the container.
fn is_ours_alone(actions: &Bound<'_, Actions>) -> bool {
    // SAFETY: the object is alive; the call only reads its count.
    unsafe { pyo3::ffi::Py_REFCNT(actions.as_ptr()) == 1 }
}

fn tracked_of(tracked: Bound<'_, TrackedAction>) -> Emitted<Bound<'_, PyAny>> {
    let py = tracked.py();
    let id = tracked.get().id.bind(py).clone();
    let timer = tracked
        .get()
        .action
        .bind(py)
        .cast::<Timer>()
        .ok()
        .map(|timer| timer.get().at);
    Emitted {
        id,
        action: tracked.into_any(),
        timer,
    }
}
