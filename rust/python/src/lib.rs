//! The binding of `fasm-core` to Python: one module, `fasm._native`.

// PyO3 hands arguments over by value.
#![allow(clippy::needless_pass_by_value)]

use std::sync::atomic::{AtomicI64, Ordering};

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;

mod container;
mod errors;
mod events;
mod exact;
mod ledger;
mod nesting;
mod rng;
mod seals;
mod sim;
mod values;
mod walk;

/// The interpreter that imported the module first; none has a negative id.
static INTERPRETER: AtomicI64 = AtomicI64::new(-1);

/// Native objects are not made to be shared between interpreters of one process, so a second one is refused.
fn refuse_other_interpreters() -> PyResult<()> {
    // SAFETY: the caller is attached to an interpreter, so there is a current one.
    let current =
        unsafe { pyo3::ffi::PyInterpreterState_GetID(pyo3::ffi::PyInterpreterState_Get()) };
    match INTERPRETER.compare_exchange(-1, current, Ordering::Relaxed, Ordering::Relaxed) {
        Err(first) if first != current => Err(PyImportError::new_err(
            "fasm cannot be imported by a second interpreter of one process; use processes or threads instead",
        )),
        _ => Ok(()),
    }
}

#[pymodule(gil_used = true)]
mod _native {
    use super::{Bound, PyModule, PyModuleMethods, PyResult};

    #[pymodule_export]
    use super::container::Actions;
    #[pymodule_export]
    use super::container::close_actions;
    #[pymodule_export]
    use super::container::open_actions;
    #[pymodule_export]
    use super::events::Fired;
    #[pymodule_export]
    use super::events::Normal;
    #[pymodule_export]
    use super::events::Timer;
    #[pymodule_export]
    use super::events::TrackedAction;
    #[pymodule_export]
    use super::events::TrackedActionCompleted;
    #[pymodule_export]
    use super::events::UntrackedAction;
    #[pymodule_export]
    use super::exact::all_of;
    #[pymodule_export]
    use super::exact::all_pairs_of;
    #[pymodule_export]
    use super::ledger::Ledger;
    #[pymodule_export]
    use super::ledger::Reconciliation;
    #[pymodule_export]
    use super::rng::Rng;
    #[pymodule_export]
    use super::seals::digest;
    #[pymodule_export]
    use super::seals::seal;
    #[pymodule_export]
    use super::seals::seal_action;
    #[pymodule_export]
    use super::sim::drive::Checkpoint;
    #[pymodule_export]
    use super::sim::drive::checkpoint;
    #[pymodule_export]
    use super::sim::drive::set_suspending;
    #[pymodule_export]
    use super::sim::recording::Recording;
    #[pymodule_export]
    use super::sim::simulation::Simulation;
    #[pymodule_export]
    use super::walk::python::difference;
    #[pymodule_export]
    use super::walk::python::fingerprint;
    #[pymodule_export]
    use super::walk::python::opaque_types;
    #[pymodule_export]
    use super::walk::python::structural_copy;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::refuse_other_interpreters()?;
        super::walk::check_platform(module.py())?;
        module.add("__profile__", env!("FASM_PROFILE"))?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
