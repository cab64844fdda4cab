//! Workers: the launcher, a scheduler for each database, and a process for each run of a job.

/// Defines settings, asks for shared memory and registers the launcher, where the library is preloaded.
pub fn init() {}
