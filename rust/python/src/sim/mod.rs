//! The simulator: a host for the core driver that calls Python.

pub mod drive;
pub mod recording;
pub mod simulation;

mod calls;
mod clock;
mod digest;
mod emit;
mod explore;
mod going_on;
mod handed;
mod host;
mod ids;
mod judge;
mod looks;
mod options;
mod parts;
mod run;
mod settings;
mod shrinking;
mod state;
mod support;
mod tally;
mod trace;
mod watch;
