//! `Ledger`: the tracked actions that are outstanding, by id.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use pyo3::{PyTraverseError, PyVisit, intern};

use crate::errors::{DuplicateActionId, UnknownActionId, check_id, invalid, refused};
use crate::events::{TrackedAction, UntrackedAction};
use crate::values::value_class;

value_class! {
    /// How the actions that `restore` emitted differ from what is outstanding.
    class(generic) Reconciliation { missing: Py<PyTuple>, extra: Py<PyTuple>, repeated: Py<PyTuple> }
    match ("missing", "extra", "repeated");
    #[pyo3(signature = (missing, extra, repeated))]
    fn new(missing: Py<PyTuple>, extra: Py<PyTuple>, repeated: Py<PyTuple>);
}

/// The tracked actions that are outstanding, in order of emission.
///
/// A dict does the work: it hashes and compares ids as Python does, survives what their `__eq__` may do
/// meanwhile, and keeps the order. Its values are tuples of one action; as each emission has a tuple of its
/// own, `setdefault` tells an emission from a repeated one in one step.
#[pyclass(frozen, generic, module = "fasm")]
#[derive(Debug)]
pub struct Ledger {
    emissions: Py<PyDict>,
}

impl Ledger {
    fn insert(&self, action: &Bound<'_, TrackedAction>) -> PyResult<()> {
        let py = action.py();
        let id = action.get().id.bind(py);
        check_id(id)?;
        let emission = PyTuple::new(py, [action])?;
        let found = self
            .emissions
            .bind(py)
            .call_method1(intern!(py, "setdefault"), (id, &emission))?;
        if found.is(&emission) {
            Ok(())
        } else {
            Err(DuplicateActionId::new_err((id.clone().unbind(),)))
        }
    }
}

#[pymethods]
impl Ledger {
    #[new]
    #[pyo3(signature = ())]
    fn new(py: Python<'_>) -> Self {
        Self {
            emissions: PyDict::new(py).unbind(),
        }
    }

    /// Adds a tracked action as the last one.
    #[pyo3(signature = (action, /))]
    fn emit(&self, action: &Bound<'_, PyAny>) -> PyResult<()> {
        match action.cast::<TrackedAction>() {
            Ok(tracked) => self.insert(tracked),
            Err(_) => Err(invalid("action", action, "a TrackedAction")),
        }
    }

    /// Takes an action out, by its id.
    #[pyo3(signature = (id, /))]
    fn complete<'py>(&self, id: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        check_id(id)?;
        let py = id.py();
        let found = self
            .emissions
            .bind(py)
            .call_method1(intern!(py, "pop"), (id, py.None()))?;
        if found.is_none() {
            return Err(UnknownActionId::new_err((id.clone().unbind(),)));
        }
        found.get_item(0)
    }

    /// Compares actions with what is outstanding.
    #[pyo3(signature = (actions, /))]
    fn reconcile(&self, actions: &Bound<'_, PyAny>) -> PyResult<Py<Reconciliation>> {
        let py = actions.py();
        let (seen, extra, repeated) = (PyDict::new(py), PyDict::new(py), PyDict::new(py));
        for id in ids_of(actions)? {
            if seen.contains(&id)? {
                repeated.set_item(id, ())?;
                continue;
            }
            if !self.emissions.bind(py).contains(&id)? {
                extra.set_item(&id, ())?;
            }
            seen.set_item(id, ())?;
        }
        let missing = PyList::empty(py);
        for id in self.emissions.bind(py).keys() {
            if !seen.contains(&id)? {
                missing.append(id)?;
            }
        }
        let [extra, repeated] = [extra, repeated].map(|ids| ids.keys().to_tuple().unbind());
        Reconciliation::create(py, missing.to_tuple().unbind(), extra, repeated)
    }

    /// The actions that are outstanding, in order of emission.
    fn outstanding<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let emissions = self.emissions.bind(py).values();
        let actions = emissions
            .iter()
            .map(|emission| emission.get_item(0))
            .collect::<PyResult<Vec<_>>>()?;
        PyTuple::new(py, actions)
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.emissions.bind(py).len()
    }

    fn __contains__(&self, id: &Bound<'_, PyAny>) -> PyResult<bool> {
        check_id(id)?;
        self.emissions.bind(id.py()).contains(id)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!(
            "Ledger({})",
            self.outstanding(py)?.to_list().repr()?
        ))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        (py.get_type::<Self>(), (), self.outstanding(py)?).into_pyobject(py)
    }

    fn __setstate__(&self, actions: Vec<Bound<'_, TrackedAction>>) -> PyResult<()> {
        actions.iter().try_for_each(|action| self.insert(action))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.emissions)
    }
}

/// The ids of the tracked ones of some actions.
fn ids_of<'py>(actions: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let py = actions.py();
    let right = "actions, such as an Actions container or a list of TrackedAction";
    let iterator = actions
        .try_iter()
        .map_err(|error| refused("actions", actions, right, error))?;
    let mut ids = Vec::new();
    for action in iterator {
        let action = action?;
        if let Ok(tracked) = action.cast::<TrackedAction>() {
            let id = tracked.get().id.bind(py);
            check_id(id)?;
            ids.push(id.clone());
        } else if !action.is_instance_of::<UntrackedAction>() {
            return Err(invalid(
                "actions",
                &action,
                "only TrackedAction and UntrackedAction in it",
            ));
        }
    }
    Ok(ids)
}
