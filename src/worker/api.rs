//! What the job functions need of the workers.
use super::process;
use super::processes;
use super::settings;
use super::shared::{SLOTS, shared};
use super::start::{self, Started};
use pgrx::callbacks::{PgXactCallbackEvent, register_xact_callback};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

fn this_database() -> pg_sys::Oid {
    // SAFETY: set when the session was connected.
    unsafe { pg_sys::MyDatabaseId }
}

/// Whether anything would start this database's jobs.
#[pg_extern(schema = "vend_internal", volatile, parallel_restricted, strict)]
fn scheduler_runs() -> bool {
    settings::SCHEDULER.get() && shared().is_served(this_database())
}

/// Has this database's jobs looked at when the transaction has committed.
#[pg_extern(schema = "vend_internal", volatile, parallel_restricted, strict)]
pub fn wake_scheduler() {
    // Looked up here: nothing may fail in a callback.
    let (shared, database) = (shared(), this_database());
    register_xact_callback(PgXactCallbackEvent::Commit, move || shared.wake(database));
}

/// Until the end of the transaction no worker begins one; those that have begun end first.
#[pg_extern(schema = "vend_internal", volatile, parallel_unsafe, strict)]
fn keep_workers_out() {
    process::lock_extension(pg_sys::AccessExclusiveLock, false);
}

/// Starts a process that runs a job now.
#[pg_extern(schema = "vend_internal", volatile, parallel_unsafe, strict)]
fn start_job(job: &str) -> Result<(), ErrorReport> {
    refuse_in_recovery()?;
    // SAFETY: a constant; the role was made with the extension, and an error says so where it is not there any more.
    let role = unsafe { pg_sys::get_role_oid(c"vend_worker".as_ptr(), false) };
    match start::job(this_database(), role, job, true, SLOTS) {
        Started::Yes => Ok(()),
        Started::SameJob => Err(error(
            PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE,
            format!("job \"{job}\" is running"),
            "vend.job_runs shows how far it is.",
        )),
        Started::TooMany | Started::NoWorkerSlot => Err(error(
            PgSqlErrorCode::ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
            "no worker slot is free".to_owned(),
            "Try again when another worker has ended, or raise max_worker_processes.",
        )),
    }
}

/// Where the library is not preloaded: a launcher for this database alone, until the server restarts.
#[pg_extern(schema = "vend", volatile, parallel_unsafe, strict)]
fn start_scheduler() -> Result<(), ErrorReport> {
    refuse_in_recovery()?;
    if shared().is_served(this_database()) {
        pgrx::notice!("a scheduler runs for this database");
        return Ok(());
    }
    if start::own_launcher(this_database()) {
        return Ok(());
    }
    Err(error(
        PgSqlErrorCode::ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
        "no worker slot is free".to_owned(),
        "Try again when another worker has ended, or raise max_worker_processes.",
    ))
}

fn refuse_in_recovery() -> Result<(), ErrorReport> {
    // SAFETY: asks for a flag.
    if unsafe { pg_sys::RecoveryInProgress() } {
        return Err(error(
            PgSqlErrorCode::ERRCODE_READ_ONLY_SQL_TRANSACTION,
            "a standby runs no jobs".to_owned(),
            "They run on the primary, and here after a promotion.",
        ));
    }
    Ok(())
}

fn error(code: PgSqlErrorCode, message: String, hint: &str) -> ErrorReport {
    ErrorReport::new(code, message, "vend_analytics").set_hint(hint)
}

/// Whether the process that was started then with this number still runs.
#[pg_extern(schema = "vend_internal", volatile, parallel_restricted, strict)]
fn process_lives(pid: i32, process_start: pgrx::datum::TimestampWithTimeZone) -> bool {
    processes::lives(pid, process_start.into())
}
