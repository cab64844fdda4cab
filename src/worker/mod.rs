//! Workers: the launcher, a scheduler for each database, and a process for each run of a job.
#![allow(clippy::result_large_err)]

mod engine;
mod processes;
mod schedule;
mod watch;

/// Defines settings, asks for shared memory and registers the launcher, where the library is preloaded.
pub fn init() {}
