//! Values can be nested as deep as memory allows, so nothing may walk down a nest on the C stack unchecked.

use std::cell::{Cell, RefCell};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// How many drops may be inside each other.
const DROPS_MAX: usize = 100;

/// The drops of one thread.
struct Drops {
    depth: Cell<usize>,
    postponed: RefCell<Vec<Py<PyAny>>>,
}

thread_local! {
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
        while depth == 0 {
            let Some(next) = self.postponed.borrow_mut().pop() else {
                break;
            };
            drop(next);
        }
        self.depth.set(depth);
    }
}

/// The hash of a tuple of fields. The interpreter itself does not count how deep hashes are nested.
pub fn hash(fields: &Bound<'_, PyTuple>) -> PyResult<isize> {
    // SAFETY: the caller is attached; each entry that succeeds is left once.
    if unsafe { ffi::Py_EnterRecursiveCall(c" while calling hash()".as_ptr()) } != 0 {
        return Err(PyErr::fetch(fields.py()));
    }
    let hashed = fields.hash();
    // SAFETY: as above.
    unsafe { ffi::Py_LeaveRecursiveCall() };
    hashed
}
