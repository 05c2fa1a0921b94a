//! Calls user code, and drives what it returns to its end when that is a coroutine.

use std::cell::Cell;

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;

use crate::errors::InvalidArgument;

thread_local! {
    /// Whether `checkpoint()` suspends on this thread: only while a fault wants to strike at a suspension.
    static SUSPEND: Cell<bool> = const { Cell::new(false) };
    /// Checkpoints passed on this thread without suspending, so that the driver learns how many there are.
    static PASSED: Cell<u64> = const { Cell::new(0) };
}

/// A coroutine that suspends more often in one call waits for something that never comes.
const MAX_SUSPENSIONS: u32 = 1 << 20;

/// An object to throw in at the n-th suspension (counted from 1).
#[derive(Debug)]
pub struct Injection<'py> {
    pub at: u32,
    pub kind: Injected,
    pub exception: Bound<'py, PyAny>,
}

/// Which fault an injected exception stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Injected {
    Cancel,
    StateError,
}

/// What a call did, beside what it returned.
#[derive(Debug, Default)]
pub struct Driven {
    pub suspensions: u32,
    /// Which of the injections were thrown in, by `Injected`.
    pub injected: [bool; 2],
}

/// Drives coroutines without an event loop, or hands them to one.
#[derive(Debug)]
pub struct Driver {
    /// `bridge(coroutine, [(at, kind, exception), ...])` runs it on the user's loop; gives value, exception,
    /// suspensions, and which kinds were thrown in.
    bridge: Option<Py<PyAny>>,
    /// The machine's name, for messages.
    pub machine: String,
    /// Whether something was met that only an event loop can run.
    lacks_loop: Cell<bool>,
}

impl Driver {
    pub fn new(bridge: Option<Py<PyAny>>, machine: String) -> Self {
        Self {
            bridge,
            machine,
            lacks_loop: Cell::new(false),
        }
    }

    /// Whether the error at hand says that an event loop is needed: no fault of the machine's.
    pub fn lacks_loop(&self) -> bool {
        self.lacks_loop.get()
    }

    /// Runs what a user's callable returned to its end. `what` names the callable in messages.
    #[inline]
    pub fn finish<'py>(
        &self,
        returned: PyResult<Bound<'py, PyAny>>,
        what: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.finish_with(returned, what, &[], &mut Driven::default())
    }

    /// The same with exceptions to throw in; `driven` says what came of them.
    #[inline]
    pub fn finish_with<'py>(
        &self,
        returned: PyResult<Bound<'py, PyAny>>,
        what: &str,
        injections: &[Injection<'py>],
        driven: &mut Driven,
    ) -> PyResult<Bound<'py, PyAny>> {
        let object = returned?;
        if object.is_none() {
            return Ok(object);
        }
        // SAFETY: the object is alive and the check only reads its type.
        let is_coroutine = unsafe { ffi::PyCoro_CheckExact(object.as_ptr()) } == 1;
        if is_coroutine {
            return self.drive(&object, what, injections, driven);
        }
        match awaiter(&object)? {
            Some(iterator) => self.drive(&iterator, what, injections, driven),
            None => Ok(object),
        }
    }

    fn drive<'py>(
        &self,
        coroutine: &Bound<'py, PyAny>,
        what: &str,
        injections: &[Injection<'py>],
        driven: &mut Driven,
    ) -> PyResult<Bound<'py, PyAny>> {
        if let Some(bridge) = &self.bridge {
            return across(bridge, coroutine, injections, driven);
        }
        let outer = (!injections.is_empty()).then(|| SUSPEND.replace(true));
        let passed = PASSED.get();
        let result = self.send_to_end(coroutine, what, injections, driven);
        if let Some(outer) = outer {
            SUSPEND.set(outer);
        }
        driven.suspensions += PASSED.get().wrapping_sub(passed) as u32;
        result
    }

    #[inline]
    fn send_to_end<'py>(
        &self,
        coroutine: &Bound<'py, PyAny>,
        what: &str,
        injections: &[Injection<'py>],
        driven: &mut Driven,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = coroutine.py();
        let mut sent = send(coroutine);
        loop {
            let value = match sent {
                Sent::Returned(value) => return Ok(value),
                Sent::Raised => return Err(self.explain(py, PyErr::fetch(py), what)),
                Sent::Yielded(value) => value,
            };
            driven.suspensions += 1;
            let due = injections.iter().find(|one| one.at == driven.suspensions);
            if let Some(injection) = due {
                driven.injected[injection.kind as usize] = true;
                sent = throw(coroutine, &injection.exception)
                    .map_err(|error| self.explain(py, error, what))?;
            } else if value.is_none() && driven.suspensions < MAX_SUSPENSIONS {
                sent = send(coroutine);
            } else {
                // Close first, so that `finally` blocks run here and not when memory is collected.
                coroutine.call_method0(intern!(py, "close"))?;
                let why = if value.is_none() {
                    format!("it suspended {MAX_SUSPENSIONS} times and is not done")
                } else {
                    format!("it awaits {}", type_name(&value))
                };
                return Err(self.needs_loop(what, &why));
            }
        }
    }

    /// Turns asyncio's complaint into one that says what to do.
    fn explain(&self, py: Python<'_>, error: PyErr, what: &str) -> PyErr {
        // asyncio says it in two ways, depending on whether the thread has had a loop before.
        let is_loop_error = error.is_instance_of::<PyRuntimeError>(py) && {
            let text = error.value(py).to_string();
            text.contains("no running event loop") || text.contains("no current event loop")
        };
        if is_loop_error {
            self.needs_loop(what, "there is no running event loop")
        } else {
            error
        }
    }

    fn needs_loop(&self, what: &str, why: &str) -> PyErr {
        self.lacks_loop.set(true);
        InvalidArgument::new_err(format!(
            "{what} of {} needs an event loop ({why}): use `await fasm.simulate_async(...)` instead of \
             `fasm.simulate(...)`",
            self.machine
        ))
    }
}

/// The iterator behind an awaitable that is not a coroutine; `None` if it is no awaitable.
fn awaiter<'py>(object: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    // SAFETY: the object and its type are alive; the slots of the type are only read.
    let is_awaitable = unsafe {
        let slots = (*ffi::Py_TYPE(object.as_ptr())).tp_as_async;
        !slots.is_null() && (*slots).am_await.is_some()
    };
    if !is_awaitable {
        return Ok(None);
    }
    object
        .call_method0(intern!(object.py(), "__await__"))
        .map(Some)
}

fn across<'py>(
    bridge: &Py<PyAny>,
    coroutine: &Bound<'py, PyAny>,
    injections: &[Injection<'py>],
    driven: &mut Driven,
) -> PyResult<Bound<'py, PyAny>> {
    let wanted: Vec<(u32, usize, &Bound<'py, PyAny>)> = injections
        .iter()
        .map(|one| (one.at, one.kind as usize, &one.exception))
        .collect();
    let answer = bridge.bind(coroutine.py()).call1((coroutine, wanted))?;
    let (value, raised, suspensions, injected) =
        answer.extract::<(Bound<'py, PyAny>, Option<Bound<'py, PyAny>>, u32, [bool; 2])>()?;
    driven.suspensions = suspensions;
    driven.injected = injected;
    raised.map_or(Ok(value), |error| Err(PyErr::from_value(error)))
}

enum Sent<'py> {
    Yielded(Bound<'py, PyAny>),
    Returned(Bound<'py, PyAny>),
    /// The exception is set.
    Raised,
}

/// `coroutine.send(None)` without the price of a `StopIteration`.
#[inline]
fn send<'py>(coroutine: &Bound<'py, PyAny>) -> Sent<'py> {
    let py = coroutine.py();
    let mut value = std::ptr::null_mut();
    // SAFETY: both arguments are live objects, and `PyIter_Send` accepts any object: what cannot be sent to
    // raises. It fills `value` with a new reference, or with null when it returns an error.
    unsafe {
        match ffi::PyIter_Send(coroutine.as_ptr(), ffi::Py_None(), &raw mut value) {
            ffi::PySendResult::PYGEN_RETURN => Sent::Returned(Bound::from_owned_ptr(py, value)),
            ffi::PySendResult::PYGEN_NEXT => Sent::Yielded(Bound::from_owned_ptr(py, value)),
            ffi::PySendResult::PYGEN_ERROR => Sent::Raised,
        }
    }
}

fn throw<'py>(coroutine: &Bound<'py, PyAny>, exception: &Bound<'py, PyAny>) -> PyResult<Sent<'py>> {
    let py = coroutine.py();
    let Some(method) = coroutine.getattr_opt(intern!(py, "throw"))? else {
        // A bare awaitable has nothing to catch it with.
        return Err(PyErr::from_value(exception.clone()));
    };
    match method.call1((exception,)) {
        Ok(value) => Ok(Sent::Yielded(value)),
        Err(error) if error.is_instance_of::<pyo3::exceptions::PyStopIteration>(py) => error
            .value(py)
            .getattr(intern!(py, "value"))
            .map(Sent::Returned),
        Err(error) => Err(error),
    }
}

pub fn type_name(object: &Bound<'_, PyAny>) -> String {
    object
        .get_type()
        .name()
        .map_or_else(|_| String::from("?"), |name| name.to_string())
}

/// Lets `checkpoint()` suspend on this thread, or not; gives the setting before, and how many checkpoints were
/// passed here without suspending so far.
#[pyfunction]
pub fn set_suspending(suspend: bool) -> (bool, u64) {
    (SUSPEND.replace(suspend), PASSED.get())
}

/// What `checkpoint()` returns: suspends once if a fault wants to strike there, else is ready at once.
#[pyclass(frozen, module = "fasm")]
#[derive(Debug)]
pub struct Checkpoint {
    suspended: std::sync::atomic::AtomicBool,
}

#[pymethods]
impl Checkpoint {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let first = !self
            .suspended
            .swap(true, std::sync::atomic::Ordering::Relaxed);
        if first && !SUSPEND.get() {
            PASSED.set(PASSED.get().wrapping_add(1));
        }
        (first && SUSPEND.get()).then(|| py.None())
    }
}

/// A suspension point that costs next to nothing in production and lets the simulator interrupt there.
#[pyfunction]
pub fn checkpoint() -> Checkpoint {
    Checkpoint {
        suspended: std::sync::atomic::AtomicBool::new(false),
    }
}
