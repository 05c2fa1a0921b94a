//! `Rng`: random choices for scenarios, over the one recorded source of draws.

// `stop` and `step` are the names that Python uses.
#![allow(clippy::similar_names)]

mod ints;
mod sequences;

use std::sync::{Mutex, PoisonError};

use fasm_core::draws::{Draw, Draws, Method};
use fasm_core::rng::ChaCha8;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyInt, PyList, PyTuple};

use crate::errors::{invalid, refused};

/// 2^53: as many different floats as `random` can give.
const FLOATS: u64 = 1 << 53;

/// The random choices of a simulation.
#[pyclass(frozen, module = "fasm")]
#[derive(Debug)]
pub struct Rng {
    draws: Mutex<Draws>,
    /// Whether it is the user's own. A copy of one that belongs to a run would draw unrecorded.
    copyable: bool,
}

impl Rng {
    /// The generator of a run, which cannot be copied.
    pub fn from_draws(py: Python<'_>, draws: Draws) -> PyResult<Py<Self>> {
        let draws = Mutex::new(draws);
        Py::new(
            py,
            Self {
                draws,
                copyable: false,
            },
        )
    }

    /// Works on the draws behind this object. `work` must not run Python code.
    #[inline]
    pub fn with_draws<T>(&self, work: impl FnOnce(&mut Draws) -> T) -> T {
        work(&mut self.draws.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Works on the draws if they are the user's own, to make a copy or to become one.
    fn own<T>(&self, work: impl FnOnce(&mut Draws) -> Option<T>) -> PyResult<T> {
        let done = if self.copyable {
            self.with_draws(work)
        } else {
            None
        };
        done.ok_or_else(|| {
            PyTypeError::new_err(
                "cannot copy or pickle the Rng of a simulation, since a copy would draw unrecorded; \
                 make one of your own: Rng(rng.next_u64())",
            )
        })
    }

    #[inline]
    fn below(&self, method: Method, bound: u64) -> u64 {
        self.with_draws(|draws| draws.below(method, bound))
    }

    /// A float from 0 up to but not including 1.
    fn unit(&self, method: Method) -> f64 {
        self.below(method, FLOATS) as f64 / FLOATS as f64
    }
}

/// Checks an int from 0 to 2^64 - 1.
fn seed_of(seed: &Bound<'_, PyAny>) -> PyResult<u64> {
    match seed.extract::<u64>() {
        Ok(value) if seed.is_instance_of::<PyInt>() && !seed.is_instance_of::<PyBool>() => {
            Ok(value)
        }
        _ => Err(invalid("seed", seed, "an int from 0 to 2**64 - 1")),
    }
}

fn float(name: &str, value: &Bound<'_, PyAny>, right: &str) -> PyResult<f64> {
    value
        .extract()
        .map_err(|error| refused(name, value, right, error))
}

fn finite(name: &str, value: &Bound<'_, PyAny>) -> PyResult<f64> {
    let right = "a finite number";
    let number = float(name, value, right)?;
    if number.is_finite() {
        Ok(number)
    } else {
        Err(invalid(name, value, right))
    }
}

#[pymethods]
impl Rng {
    #[new]
    #[pyo3(signature = (seed))]
    fn new(#[pyo3(from_py_with = seed_of)] seed: u64) -> Self {
        let draws = Mutex::new(Draws::random(ChaCha8::new(seed, 0)));
        Self {
            draws,
            copyable: true,
        }
    }

    /// A generator that gives these choices again, one per draw, and then the lowest there are.
    #[staticmethod]
    #[pyo3(signature = (draws, /))]
    fn from_choices(py: Python<'_>, draws: &Bound<'_, PyAny>) -> PyResult<Py<Self>> {
        let values = draws.extract::<Vec<u64>>().map_err(|error| {
            refused("draws", draws, "a list of ints from 0 to 2**64 - 1", error)
        })?;
        // A lenient replay looks at the values alone.
        let draw = |value| Draw {
            method: Method::NextU64,
            bound: 0,
            value,
        };
        Self::from_draws(
            py,
            Draws::replay(values.into_iter().map(draw).collect(), false),
        )
    }

    /// The next 32 bits of the stream.
    fn next_u32(&self) -> u32 {
        self.with_draws(Draws::raw_u32)
    }

    /// The next 64 bits of the stream.
    fn next_u64(&self) -> u64 {
        self.with_draws(Draws::raw_u64)
    }

    /// An int out of `range(start, stop, step)`.
    #[pyo3(signature = (start, stop=None, step=ints::Step::ONE), text_signature = "($self, start, stop=None, step=1)")]
    fn randrange<'py>(
        &self,
        start: &Bound<'py, PyAny>,
        stop: Option<&Bound<'py, PyAny>>,
        step: ints::Step<'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        ints::randrange(self, start, stop, &step)
    }

    /// An int from `a` to `b`, both included.
    fn randint<'py>(
        &self,
        a: &Bound<'py, PyAny>,
        b: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        ints::randint(self, a, b)
    }

    /// An int of `k` random bits.
    fn getrandbits<'py>(&self, k: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        ints::getrandbits(self, k)
    }

    /// A float from 0.0 up to but not including 1.0.
    fn random(&self) -> f64 {
        self.unit(Method::Random)
    }

    /// A float between `a` and `b`.
    fn uniform(&self, a: &Bound<'_, PyAny>, b: &Bound<'_, PyAny>) -> PyResult<f64> {
        let (low, high) = (finite("a", a)?, finite("b", b)?);
        if !(high - low).is_finite() {
            return Err(invalid("b", b, "a number whose distance from a is finite"));
        }
        Ok(low + (high - low) * self.unit(Method::Uniform))
    }

    /// True with probability `p`.
    fn chance(&self, p: &Bound<'_, PyAny>) -> PyResult<bool> {
        let right = "a number from 0 to 1";
        let rate = float("p", p, right)?;
        if !(0.0..=1.0).contains(&rate) {
            return Err(invalid("p", p, right));
        }
        Ok(self.with_draws(|draws| draws.chance(Method::Chance, rate)))
    }

    /// An int below `bound` (0 stands for 2**64), a small one more likely; `often` one of the `likely`.
    #[pyo3(signature = (bound, often, likely, /))]
    fn _skewed(&self, bound: u64, often: f64, likely: Vec<u64>) -> u64 {
        self.with_draws(|draws| draws.skewed(bound, often, &likely))
    }

    /// One element of a sequence.
    fn choice<'py>(&self, seq: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        sequences::choice(self, seq)
    }

    /// `k` elements of a sequence, each chosen out of all of them.
    #[pyo3(signature = (population, weights=None, *, k=1))]
    fn choices<'py>(
        &self,
        population: &Bound<'py, PyAny>,
        weights: Option<&Bound<'py, PyAny>>,
        #[pyo3(from_py_with = sequences::k_count)] k: usize,
    ) -> PyResult<Bound<'py, PyList>> {
        sequences::choices(self, population, weights, k)
    }

    /// `k` elements of a sequence, from different places.
    fn sample<'py>(
        &self,
        population: &Bound<'py, PyAny>,
        #[pyo3(from_py_with = sequences::k_count)] k: usize,
    ) -> PyResult<Bound<'py, PyList>> {
        sequences::sample(self, population, k)
    }

    /// Puts a list into a random order, in place.
    fn shuffle(&self, x: &Bound<'_, PyAny>) -> PyResult<()> {
        sequences::shuffle(self, x)
    }

    fn __repr__(&self) -> String {
        let seed = self.with_draws(|draws| draws.generator().map(ChaCha8::seed));
        match seed.filter(|_| self.copyable) {
            Some(seed) => format!("Rng(seed={seed})"),
            None => "<fasm.Rng of a simulation>".into(),
        }
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let place = |rng: &ChaCha8| (rng.seed(), rng.stream(), rng.words());
        let (seed, stream, words) = self.own(|draws| draws.generator().map(place))?;
        (py.get_type::<Self>(), (seed,), (stream, words)).into_pyobject(py)
    }

    fn __setstate__(&self, state: (u64, u128)) -> PyResult<()> {
        let (stream, words) = state;
        self.own(|draws| {
            let seed = draws.generator()?.seed();
            *draws = Draws::random(ChaCha8::at(seed, stream, words));
            Some(())
        })
    }
}
