//! The deterministic core of fasm: generator, ledger, schedule and driver.
//!
//! Nothing here knows Python. A host (the binding, or a test) supplies the machine and the world.

pub mod draws;
pub mod ledger;
pub mod rng;
