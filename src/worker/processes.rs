//! What can be learned about processes from PostgreSQL's own list of them, which nobody has to be trusted to keep.
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::PgBackendStatus;
use pgrx::prelude::*;

/// The entries of all processes that are connected or about to be, as they are now.
fn all() -> impl Iterator<Item = &'static PgBackendStatus> {
    // SAFETY: the copy that is made here stays until the end of the transaction or the next call; entries are numbered
    // from 1, and null is told apart.
    unsafe {
        pg_sys::pgstat_clear_backend_activity_snapshot();
        (1..=pg_sys::pgstat_fetch_stat_numbackends()).filter_map(|number| {
            let entry = pg_sys::pgstat_fetch_stat_local_beentry(number);
            (!entry.is_null()).then(|| &(*entry).backendStatus)
        })
    }
}

/// Whether the process that was started then with this number still runs.
#[pg_extern(schema = "vend_internal", volatile, parallel_restricted, strict)]
fn process_lives(pid: i32, process_start: TimestampWithTimeZone) -> bool {
    let start = i64::from(process_start);
    all().any(|entry| entry.st_procpid == pid && entry.st_proc_start_timestamp == start)
}
