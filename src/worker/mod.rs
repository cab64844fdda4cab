//! Workers: the launcher, a scheduler for each database, and a process for each run of a job.
#![allow(clippy::result_large_err)]

mod api;
mod engine;
mod hooks;
mod job;
mod launcher;
mod process;
mod processes;
mod schedule;
mod scheduler;
pub mod settings;
mod shared;
mod start;
mod watch;

use pgrx::pg_sys;

/// Defines settings, asks for shared memory and registers the launcher, where the library is preloaded.
pub fn init() {
    settings::define();
    // SAFETY: _PG_init runs in one thread; in the postmaster a worker can be registered, and nothing else runs yet.
    unsafe {
        if pg_sys::process_shared_preload_libraries_in_progress && !pg_sys::IsBinaryUpgrade {
            hooks::install();
            pg_sys::RegisterBackgroundWorker(&mut start::launcher(pg_sys::Oid::INVALID));
        }
    }
}
