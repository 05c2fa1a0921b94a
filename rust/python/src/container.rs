//! `Actions`: what one transition wants done, in order.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyIterator, PySlice, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use crate::errors::{ActionsFull, InvalidArgument, check_id, invalid};
use crate::events::{Timer, TrackedAction, UntrackedAction, moment};

/// One action of a container.
#[derive(Debug)]
pub enum Entry {
    Tracked(Py<TrackedAction>),
    Untracked(Py<UntrackedAction>),
}

impl Entry {
    fn of(action: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(tracked) = action.cast::<TrackedAction>() {
            check_id(tracked.get().id.bind(action.py()))?;
            return Ok(Self::Tracked(tracked.clone().unbind()));
        }
        match action.cast::<UntrackedAction>() {
            Ok(untracked) => Ok(Self::Untracked(untracked.clone().unbind())),
            Err(_) => Err(invalid(
                "action",
                action,
                "a TrackedAction or an UntrackedAction",
            )),
        }
    }

    pub fn object<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        match self {
            Self::Tracked(tracked) => tracked.bind(py).as_any().clone(),
            Self::Untracked(untracked) => untracked.bind(py).as_any().clone(),
        }
    }
}

/// What a transition left in its container.
#[derive(Debug, Default)]
pub struct Emitted {
    pub entries: Vec<Entry>,
    /// Ids given up by `forget`, in order.
    pub forgotten: Vec<Py<PyAny>>,
}

/// What is taken out of a container.
#[derive(Debug, Default)]
pub struct Taken {
    pub emitted: Emitted,
    /// How often an action was offered, whether or not there was room for it.
    pub adds: usize,
    /// Whether the refusal that `arm` asked for has happened.
    pub refused: bool,
}

#[derive(Debug)]
struct Held {
    emitted: Emitted,
    capacity: Option<usize>,
    /// Actions offered so far, those refused included.
    adds: usize,
    /// The value of `adds` at which an injected `ActionsFull` is due.
    refuse_at: Option<usize>,
    fired: bool,
}

impl Held {
    /// Counts an offer and says whether there is room for it.
    fn admits(&mut self) -> bool {
        self.adds += 1;
        if self.refuse_at == Some(self.adds) {
            self.refuse_at = None;
            self.fired = true;
            return false;
        }
        self.capacity
            .is_none_or(|capacity| self.emitted.entries.len() < capacity)
    }
}

/// A container that nobody has said anything about.
const NEW: u8 = 0;
/// Handed to a step that is not over.
const LENT: u8 = 1;
/// The step is over that it was handed to, so that nobody reads what is added.
const OVER: u8 = 2;

/// The ordered container of the actions that one transition emits.
#[pyclass(frozen, generic, module = "fasm")]
#[derive(Debug)]
pub struct Actions {
    /// Whether anything was done with it since the last `take`: most transitions emit nothing.
    used: AtomicBool,
    /// One of `NEW`, `LENT` and `OVER`.
    phase: AtomicU8,
    held: Mutex<Held>,
}

impl Actions {
    pub fn create(py: Python<'_>, capacity: Option<usize>) -> PyResult<Py<Self>> {
        Py::new(py, Self::with_capacity(capacity))
    }

    /// Makes the `nth` add from now (counted from 1) raise `ActionsFull`, once.
    pub fn arm(&self, nth: usize) {
        let mut held = self.lock();
        held.refuse_at = Some(held.adds.saturating_add(nth));
        held.fired = false;
    }

    /// Makes every later add an error, or takes that back.
    pub fn set_over(&self, over: bool) {
        let phase = if over { OVER } else { NEW };
        self.phase.store(phase, Ordering::Relaxed);
    }

    /// Empties the container and starts its counts anew, so that it can serve another transition.
    pub fn take(&self) -> Taken {
        if !self.used.load(Ordering::Relaxed) {
            return Taken::default();
        }
        let mut held = self.lock();
        self.used.store(false, Ordering::Relaxed);
        held.refuse_at = None;
        Taken {
            adds: std::mem::take(&mut held.adds),
            refused: std::mem::take(&mut held.fired),
            emitted: std::mem::take(&mut held.emitted),
        }
    }

    fn with_capacity(capacity: Option<usize>) -> Self {
        let emitted = Emitted::default();
        Self {
            used: AtomicBool::new(false),
            phase: AtomicU8::new(NEW),
            held: Mutex::new(Held {
                emitted,
                capacity,
                adds: 0,
                refuse_at: None,
                fired: false,
            }),
        }
    }

    // No Python code runs under this lock, so a holder can neither panic halfway nor wait for another thread.
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.used.store(true, Ordering::Relaxed);
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_open(&self) -> PyResult<()> {
        if self.phase.load(Ordering::Relaxed) == OVER {
            return Err(InvalidArgument::new_err(
                "actions: got the container of a step that is over, so that what is added to it would be lost; \
                 expected the one that `stf` or `restore` was called with this time",
            ));
        }
        Ok(())
    }

    /// Takes the entry in. Where there is no room, it is dropped only after the lock.
    fn push(&self, entry: Entry) -> PyResult<()> {
        self.check_open()?;
        let mut held = self.lock();
        if held.admits() {
            held.emitted.entries.push(entry);
            return Ok(());
        }
        let count = held.emitted.entries.len();
        drop(held);
        Err(ActionsFull::new_err((count,)))
    }

    fn snapshot<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let objects: Vec<_> = self
            .lock()
            .emitted
            .entries
            .iter()
            .map(|entry| entry.object(py))
            .collect();
        PyTuple::new(py, objects)
    }
}

#[pymethods]
impl Actions {
    #[new]
    #[pyo3(signature = (capacity=None))]
    fn new(capacity: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let Some(given) = capacity else {
            return Ok(Self::with_capacity(None));
        };
        match given.extract::<usize>() {
            Ok(capacity) if !given.is_instance_of::<PyBool>() => {
                Ok(Self::with_capacity(Some(capacity)))
            }
            _ => Err(invalid("capacity", given, "None or an int of at least 0")),
        }
    }

    /// Adds a tracked action.
    #[pyo3(signature = (id, action, /))]
    fn tracked(&self, id: Bound<'_, PyAny>, action: Py<PyAny>) -> PyResult<()> {
        check_id(&id)?;
        let tracked = TrackedAction::create(id.py(), id.unbind(), action)?;
        self.push(Entry::Tracked(tracked))
    }

    /// Adds an untracked action.
    #[pyo3(signature = (action, /))]
    fn untracked(&self, py: Python<'_>, action: Py<PyAny>) -> PyResult<()> {
        self.push(Entry::Untracked(UntrackedAction::create(py, action)?))
    }

    /// Adds a timer: a tracked action that completes with `Fired(at)` once the clock has reached `at`.
    #[pyo3(signature = (id, at, /))]
    fn timer(&self, id: Bound<'_, PyAny>, #[pyo3(from_py_with = moment)] at: i64) -> PyResult<()> {
        let timer = Timer::create(id.py(), at)?.into_any();
        self.tracked(id, timer)
    }

    /// Gives an outstanding id up.
    #[pyo3(signature = (id, /))]
    fn forget(&self, id: Bound<'_, PyAny>) -> PyResult<()> {
        check_id(&id)?;
        self.check_open()?;
        self.lock().emitted.forgotten.push(id.unbind());
        Ok(())
    }

    /// Adds an action object.
    #[pyo3(signature = (action, /))]
    fn add(&self, action: &Bound<'_, PyAny>) -> PyResult<()> {
        self.push(Entry::of(action)?)
    }

    /// Drops all actions and all ids given up.
    fn clear(&self) {
        // The counts go on: a refusal that is due stays due.
        let dropped = std::mem::take(&mut self.lock().emitted);
        drop(dropped);
    }

    /// The most actions that the container takes, or None.
    #[getter]
    fn capacity(&self) -> Option<usize> {
        self.lock().capacity
    }

    /// The ids given up by `forget`, in order.
    #[getter]
    fn forgotten<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let ids: Vec<_> = self
            .lock()
            .emitted
            .forgotten
            .iter()
            .map(|id| id.clone_ref(py))
            .collect();
        PyTuple::new(py, ids)
    }

    fn __len__(&self) -> usize {
        self.lock().emitted.entries.len()
    }

    /// Goes over the actions as they are now; later adds are not seen.
    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.snapshot(py)?.try_iter()
    }

    fn __getitem__<'py>(&self, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = index.py();
        if index.is_instance_of::<PySlice>() {
            return self.snapshot(py)?.to_list().as_any().get_item(index);
        }
        let position: isize = index.extract()?;
        let held = self.lock();
        let entries = &held.emitted.entries;
        let counted = if position < 0 {
            entries.len().checked_add_signed(position)
        } else {
            Some(position as usize)
        };
        let found = counted
            .and_then(|place| entries.get(place))
            .map(|entry| entry.object(py));
        drop(held);
        found.ok_or_else(|| PyIndexError::new_err("actions index out of range"))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let items = self.snapshot(py)?.to_list().repr()?.to_string();
        let capacity = self
            .capacity()
            .map_or(String::new(), |count| format!(", capacity={count}"));
        let forgotten = self.forgotten(py)?;
        let given_up = if forgotten.is_empty() {
            String::new()
        } else {
            format!(", forgotten={}", forgotten.repr()?)
        };
        Ok(format!("Actions({items}{capacity}{given_up})"))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let state = (self.snapshot(py)?, self.forgotten(py)?);
        (py.get_type::<Self>(), (self.capacity(),), state).into_pyobject(py)
    }

    fn __setstate__(&self, state: (Vec<Bound<'_, PyAny>>, Vec<Py<PyAny>>)) -> PyResult<()> {
        let (actions, forgotten) = state;
        let entries = actions.iter().map(Entry::of).collect::<PyResult<_>>()?;
        let replaced = std::mem::replace(&mut self.lock().emitted, Emitted { entries, forgotten });
        drop(replaced);
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // A taken lock means that this very thread is inside a method: the objects are in use, so not visiting
        // them only keeps them alive.
        let Ok(held) = self.held.try_lock() else {
            return Ok(());
        };
        for entry in &held.emitted.entries {
            match entry {
                Entry::Tracked(tracked) => visit.call(tracked)?,
                Entry::Untracked(untracked) => visit.call(untracked)?,
            }
        }
        held.emitted
            .forgotten
            .iter()
            .try_for_each(|id| visit.call(id))
    }

    fn __clear__(&self) {
        self.clear();
    }
}

/// Prepares a container of the machine's own making for a step: one of an earlier step is empty again.
#[pyfunction]
pub fn open_actions(container: &Bound<'_, PyAny>) -> PyResult<()> {
    let Ok(actions) = container.cast_exact::<Actions>() else {
        return Ok(());
    };
    match actions.get().phase.swap(LENT, Ordering::Relaxed) {
        LENT => Err(InvalidArgument::new_err(
            "new_actions: returned the container of a transition that still runs, so that their actions would \
             mix; expected another one",
        )),
        OVER => {
            drop(actions.get().take());
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Ends the step of a container: it can be read, but what would be added to it is an error.
#[pyfunction]
pub fn close_actions(container: &Bound<'_, PyAny>) {
    if let Ok(actions) = container.cast_exact::<Actions>() {
        actions.get().set_over(true);
    }
}
