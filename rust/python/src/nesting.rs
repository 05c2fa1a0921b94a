//! Values can be nested as deep as memory allows, so nothing may walk down a nest on the C stack unchecked.

use std::cell::{Cell, RefCell};

use pyo3::exceptions::PyRecursionError;
use pyo3::ffi;
use pyo3::prelude::*;

/// How many drops may be inside each other.
const DROPS_MAX: usize = 100;

/// How many hashes, comparisons and reprs may be inside each other.
const CALLS_MAX: usize = 500;

/// The drops of one thread.
struct Drops {
    depth: Cell<usize>,
    postponed: RefCell<Vec<Py<PyAny>>>,
}

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
    static DROPS: Drops = const { Drops { depth: Cell::new(0), postponed: RefCell::new(Vec::new()) } };
}

/// Lets go of a field of an object that is being dropped. Deep down in a nest, its drop is put off until the
/// outermost one is through, as the interpreter does for its own containers.
pub fn release(field: &mut Py<PyAny>) {
    // SAFETY: only attached threads make native objects and drop them; `Py` sees to the latter.
    let py = unsafe { Python::assume_attached() };
    let object = field.as_ptr();
    // SAFETY: the pointer is that of a live object.
    let may_nest = unsafe {
        ffi::Py_REFCNT(object) == 1
            && ffi::PyType_HasFeature(ffi::Py_TYPE(object), ffi::Py_TPFLAGS_HAVE_GC) != 0
    };
    if may_nest {
        let held = std::mem::replace(field, py.None());
        DROPS.with(|drops| drops.release(held));
    }
}

impl Drops {
    fn release(&self, held: Py<PyAny>) {
        let depth = self.depth.get();
        if depth >= DROPS_MAX {
            return self.postponed.borrow_mut().push(held);
        }
        self.depth.set(depth + 1);
        drop(held);
        if depth == 0 {
            while let Some(next) = self.next() {
                drop(next);
            }
        }
        self.depth.set(depth);
    }

    /// The borrow ends here: dropping what is returned may postpone more.
    fn next(&self) -> Option<Py<PyAny>> {
        self.postponed.borrow_mut().pop()
    }
}

/// Runs what may come back here for a value inside the value, and raises `RecursionError` if it does so too
/// often. The interpreter's own count is no help: it counts some calls only, and not the size of our frames.
pub fn guarded<T>(work: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    let depth = CALLS.get();
    if depth >= CALLS_MAX {
        return Err(PyRecursionError::new_err(format!(
            "values are nested deeper than {CALLS_MAX}"
        )));
    }
    CALLS.set(depth + 1);
    let result = work();
    CALLS.set(depth);
    result
}
