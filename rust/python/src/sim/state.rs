//! The machine's state: plain data, or a transaction; what it was, and how to look at it.

use pyo3::intern;
use pyo3::prelude::*;

use super::drive::Driver;
use crate::walk::{Fingerprint, Walker};

/// The methods of a state that is a transaction.
#[derive(Debug)]
pub struct Transaction<'py> {
    begin: Bound<'py, PyAny>,
    commit: Bound<'py, PyAny>,
    rollback: Bound<'py, PyAny>,
    snapshot: Option<Bound<'py, PyAny>>,
    reopen: Option<Bound<'py, PyAny>>,
    open: bool,
}

#[derive(Debug)]
pub struct State<'py> {
    pub object: Bound<'py, PyAny>,
    transaction: Option<Transaction<'py>>,
    /// What `stf` returned, until the commit.
    pub pending: Option<Bound<'py, PyAny>>,
    /// A copy from before the transition, when it is known that no commit will follow.
    kept: Option<Bound<'py, PyAny>>,
    /// The fingerprint, while nothing can have changed it.
    known: Option<Fingerprint>,
}

impl<'py> State<'py> {
    pub fn new(object: Bound<'py, PyAny>) -> PyResult<Self> {
        let transaction = Transaction::of(&object)?;
        Ok(Self {
            object,
            transaction,
            pending: None,
            kept: None,
            known: None,
        })
    }

    /// Goes on with another object of the same kind.
    pub fn replace(&mut self, object: Bound<'py, PyAny>) -> PyResult<()> {
        if self.transaction.is_some() {
            *self = Self::new(object)?;
        } else {
            self.object = object;
            self.pending = None;
            self.kept = None;
            self.known = None;
        }
        Ok(())
    }

    pub fn is_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    /// Whether the state laws can see it.
    pub fn is_visible(&self) -> bool {
        self.transaction
            .as_ref()
            .is_none_or(|transaction| transaction.snapshot.is_some())
    }

    pub fn begin(&mut self, driver: &Driver) -> PyResult<()> {
        let Some(transaction) = &mut self.transaction else {
            return Ok(());
        };
        run(driver, &transaction.begin, "begin")?;
        transaction.open = true;
        Ok(())
    }

    pub fn rollback(&mut self, driver: &Driver) -> PyResult<()> {
        let Some(transaction) = &mut self.transaction else {
            return Ok(());
        };
        if std::mem::take(&mut transaction.open) {
            run(driver, &transaction.rollback, "rollback")?;
        }
        Ok(())
    }

    /// Makes the transition's work permanent.
    pub fn commit(&mut self, driver: &Driver) -> PyResult<()> {
        if let Some(transaction) = &mut self.transaction {
            let committed = run(driver, &transaction.commit, "commit");
            if committed.is_err() {
                // Whatever is left of the transaction must not leak into the next one.
                run(driver, &transaction.rollback, "rollback")?;
            }
            transaction.open = false;
            committed?;
        }
        if let Some(state) = self.pending.take() {
            self.object = state;
        }
        self.kept = None;
        self.known = None;
        Ok(())
    }

    /// Nothing of the transition remains but what `stf` did in place.
    pub fn discard(&mut self) {
        self.pending = None;
        self.kept = None;
    }

    pub fn touched(&mut self) {
        self.known = None;
    }

    /// Keeps what is committed now, since the coming transition will be lost.
    pub fn keep(&mut self, walker: &mut Walker) -> PyResult<()> {
        if self.transaction.is_none() {
            self.kept = Some(walker.copy(&self.object)?.into_bound(self.object.py()));
        }
        Ok(())
    }

    /// The process dies: what is left is a copy of what was committed.
    pub fn crash(&mut self, driver: &Driver, walker: &mut Walker) -> PyResult<()> {
        self.known = None;
        self.pending = None;
        let kept = self.kept.take();
        self.rollback(driver)?;
        if let Some(transaction) = &self.transaction {
            return match &transaction.reopen {
                Some(reopen) => run(driver, reopen, "reopen"),
                None => Ok(()),
            };
        }
        let py = self.object.py();
        let committed = kept.as_ref().unwrap_or(&self.object);
        self.object = walker.copy(committed)?.into_bound(py);
        Ok(())
    }

    /// What the state laws look at; `None` if they cannot see it.
    pub fn view(&self, driver: &Driver) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(transaction) = &self.transaction else {
            return Ok(Some(self.object.clone()));
        };
        let Some(snapshot) = &transaction.snapshot else {
            return Ok(None);
        };
        driver.finish(snapshot.call0(), "snapshot").map(Some)
    }

    /// Makes the fingerprint of what is visible known. Gives the nodes walked for it.
    pub fn print(&mut self, driver: &Driver, walker: &mut Walker) -> PyResult<u64> {
        if self.known.is_some() {
            return Ok(0);
        }
        let print = match &self.transaction {
            None => walker.fingerprint(&self.object)?,
            Some(_) => match self.view(driver)? {
                Some(view) => walker.fingerprint(&view)?,
                None => return Ok(0),
            },
        };
        self.known = Some(print);
        Ok(print.nodes)
    }

    /// The fingerprint, if `print` made it known and nothing can have changed since.
    pub fn known(&self) -> Option<Fingerprint> {
        self.known
    }
}

impl<'py> Transaction<'py> {
    fn of(state: &Bound<'py, PyAny>) -> PyResult<Option<Self>> {
        let py = state.py();
        let method =
            |name: &Bound<'py, pyo3::types::PyString>| -> PyResult<Option<Bound<'py, PyAny>>> {
                Ok(state.getattr_opt(name)?.filter(PyAnyMethods::is_callable))
            };
        let begin = method(intern!(py, "begin"))?;
        let commit = method(intern!(py, "commit"))?;
        let rollback = method(intern!(py, "rollback"))?;
        let (Some(begin), Some(commit), Some(rollback)) = (begin, commit, rollback) else {
            return Ok(None);
        };
        let snapshot = method(intern!(py, "snapshot"))?;
        let reopen = method(intern!(py, "reopen"))?;
        Ok(Some(Self {
            begin,
            commit,
            rollback,
            snapshot,
            reopen,
            open: false,
        }))
    }
}

fn run(driver: &Driver, method: &Bound<'_, PyAny>, what: &str) -> PyResult<()> {
    driver.finish(method.call0(), what).map(drop)
}
