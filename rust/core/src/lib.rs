//! The deterministic core of fasm: generator, ledger, schedule and driver.
//!
//! Nothing here knows Python. A host (the binding, or a test) supplies the machine and the world.

pub mod draws;
pub mod driver;
pub mod explore;
pub mod faults;
pub mod host;
pub mod ledger;
pub mod mixer;
pub mod planner;
pub mod player;
pub mod recording;
pub mod rng;
pub mod schedule;
pub mod shrink;
pub mod step;

mod crash;
mod perform;
mod restored;
mod settle;
mod transition;
