//! What can be learned about processes from PostgreSQL's own list of them, which nobody has to be trusted to keep.
use pgrx::pg_sys;
#[cfg(feature = "pg15")]
use pgrx::pg_sys::pgstat_fetch_stat_local_beentry as entry_of;
#[cfg(not(feature = "pg15"))]
use pgrx::pg_sys::pgstat_get_local_beentry_by_index as entry_of;
use pgrx::pg_sys::{Oid, PgBackendStatus};
use std::ffi::{CStr, c_int};

unsafe extern "C" {
    fn kill(pid: c_int, signal: c_int) -> c_int;
}

/// The entries of all processes that are connected or about to be, as they are now.
fn all() -> impl Iterator<Item = &'static PgBackendStatus> {
    // SAFETY: the copy that is made here stays until the end of the transaction or the next call; entries are numbered
    // from 1, and null is told apart.
    unsafe {
        pg_sys::pgstat_clear_backend_activity_snapshot();
        (1..=pg_sys::pgstat_fetch_stat_numbackends()).filter_map(|number| {
            let entry = entry_of(number);
            (!entry.is_null()).then(|| &(*entry).backendStatus)
        })
    }
}

pub fn lives(pid: i32, start: i64) -> bool {
    all().any(|entry| entry.st_procpid == pid && entry.st_proc_start_timestamp == start)
}

/// Ends our processes in a database.
pub fn terminate(database: Oid) {
    for entry in all().filter(|entry| entry.st_databaseid == database) {
        // SAFETY: PostgreSQL looks the process up among its workers of this instant, so the number is not somebody
        // else's by now; the type is a string or null. SIGTERM is what pg_terminate_backend sends.
        unsafe {
            let kind = pg_sys::GetBackgroundWorkerTypeByPid(entry.st_procpid);
            if !kind.is_null() && CStr::from_ptr(kind).to_bytes().starts_with(b"vend_analytics") {
                kill(entry.st_procpid, pg_sys::SIGTERM as c_int);
            }
        }
    }
}
