//! What every worker process does alike: signals, connecting, transactions, time limits.
use super::settings;
use pgrx::pg_sys::panic::CaughtError;
#[cfg(not(feature = "pg18"))]
use pgrx::pg_sys::pqsignal;
#[cfg(feature = "pg18")]
use pgrx::pg_sys::pqsignal_be as pqsignal;
use pgrx::pg_sys::{GucContext, GucSource, Oid, TimestampTz};
use pgrx::prelude::*;
use std::ffi::{CStr, CString, c_int};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

unsafe extern "C-unwind" {
    // utils/timeout.h, which pgrx leaves out.
    fn enable_timeout_after(id: c_int, delay_ms: c_int);
    fn disable_timeout(id: c_int, keep_indicator: bool);
    // As they are: pgrx's wrappers are no signal handlers.
    fn die(signal: c_int);
    fn SignalHandlerForConfigReload(signal: c_int);
}
/// TimeoutId of utils/timeout.h, the same in every release that we know.
const STATEMENT_TIMEOUT: c_int = 3;

/// What a transaction may take, in milliseconds; 0: any time. A job has its own.
static TIME_LIMIT: AtomicI32 = AtomicI32::new(0);

/// SIGTERM is PostgreSQL's own `die`, which ends a query at once; SIGINT stays what it is: cancel, and through it both
/// timeouts.
pub fn receive_signals() {
    // SAFETY: a worker's first act, with handlers of PostgreSQL.
    unsafe {
        pqsignal(pg_sys::SIGTERM as c_int, Some(die));
        pqsignal(pg_sys::SIGHUP as c_int, Some(SignalHandlerForConfigReload));
        pg_sys::BackgroundWorkerUnblockSignals();
    }
}

/// Ends the process if it was told to, and reads the configuration again if that was asked for.
pub fn obey() {
    pg_sys::check_for_interrupts!();
    // SAFETY: outside a transaction, as ProcessConfigFile wants it.
    unsafe {
        if pg_sys::ConfigReloadPending != 0 {
            pg_sys::ConfigReloadPending = 0;
            pg_sys::ProcessConfigFile(GucContext::PGC_SIGHUP);
        }
    }
}

/// Waits for the latch, a signal or the time; the end of the postmaster ends the process.
pub fn sleep(microseconds: i64) {
    let events = pg_sys::WL_LATCH_SET | pg_sys::WL_TIMEOUT | pg_sys::WL_EXIT_ON_PM_DEATH;
    // Rounded up: woken a little early it would find nothing to do.
    let milliseconds = microseconds.clamp(0, 3_600_000_000) / 1000 + 1;
    // SAFETY: the process's own latch.
    unsafe {
        pg_sys::WaitLatch(
            pg_sys::MyLatch,
            events as c_int,
            milliseconds as std::ffi::c_long,
            pg_sys::PG_WAIT_EXTENSION,
        );
        pg_sys::ResetLatch(pg_sys::MyLatch);
    }
}

/// Connects as a role that is no superuser, and takes everything from the session that could be turned against it.
pub fn connect(database: Oid, role: Oid) {
    // SAFETY: after receive_signals; an error ends the process.
    unsafe { pg_sys::BackgroundWorkerInitializeConnectionByOid(database, role, 0) }
    configure(c"row_security", c"off");
    configure(c"search_path", c"pg_catalog, pg_temp");
    configure(c"default_transaction_read_only", c"off");
    configure(c"idle_in_transaction_session_timeout", c"0");
    // It would end the process, where ours end a batch.
    #[cfg(not(any(feature = "pg15", feature = "pg16")))]
    configure(c"transaction_timeout", c"0");
    // Whoever waits for us and we for him: better it is us who begins anew.
    configure(c"deadlock_timeout", c"100ms");
    let lock_timeout = CString::new(settings::LOCK_TIMEOUT.get().to_string()).unwrap_or_default();
    configure(c"lock_timeout", &lock_timeout);
    limit(settings::STATEMENT_TIMEOUT.get());
}

pub fn configure(name: &CStr, value: &CStr) {
    // SAFETY: two constants or short texts that PostgreSQL copies.
    unsafe {
        pg_sys::SetConfigOption(
            name.as_ptr(),
            value.as_ptr(),
            GucContext::PGC_SUSET,
            GucSource::PGC_S_OVERRIDE,
        )
    }
}

/// What the transactions from now on may take.
pub fn limit(milliseconds: i32) {
    TIME_LIMIT.store(milliseconds.max(0), Relaxed);
}

/// Text for pg_stat_activity.
pub fn show(activity: &str) {
    let text = CString::new(activity).unwrap_or_default();
    // SAFETY: the text is copied.
    unsafe { pg_sys::pgstat_report_activity(pg_sys::BackendState::STATE_RUNNING, text.as_ptr()) }
}

/// How a transaction runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// What concerns jobs and runs: sees what others have committed meanwhile.
    Bookkeeping,
    /// A batch: one snapshot.
    Batch,
    /// REFRESH MATERIALIZED VIEW, which restricts itself.
    Unrestricted,
    /// Bookkeeping of a process that ends: it waits for nobody.
    Last,
}

/// Runs in a transaction of its own. An error goes through and leaves the transaction open; `attempt` or the end of the
/// process cleans up.
pub fn transaction<T>(mode: Mode, work: impl FnOnce() -> T) -> T {
    // SAFETY: PostgreSQL's own order of a worker's transaction. The restriction ends before the commit, as PostgreSQL wants
    // it, and an abort ends it too.
    unsafe {
        pg_sys::SetCurrentStatementStartTimestamp();
        pg_sys::StartTransactionCommand();
        let limit = TIME_LIMIT.load(Relaxed);
        if limit > 0 {
            enable_timeout_after(STATEMENT_TIMEOUT, limit);
        }
        if matches!(mode, Mode::Batch | Mode::Unrestricted) {
            pg_sys::XactIsoLevel = pg_sys::XACT_REPEATABLE_READ as c_int;
        }
        // Before the snapshot, so that it shows what was waited for.
        if mode != Mode::Unrestricted && !lock_extension(pg_sys::AccessShareLock, mode == Mode::Last) {
            pgrx::ereport!(
                PgLogLevel::ERROR,
                PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE,
                "the extension is being dropped"
            );
        }
        pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
        let role = pg_sys::GetUserId();
        if mode != Mode::Unrestricted {
            pg_sys::SetUserIdAndSecContext(role, pg_sys::SECURITY_RESTRICTED_OPERATION as c_int);
        }
        let result = work();
        if mode != Mode::Unrestricted {
            pg_sys::SetUserIdAndSecContext(role, 0);
        }
        pg_sys::PopActiveSnapshot();
        disable_timeout(STATEMENT_TIMEOUT, false);
        pg_sys::CommitTransactionCommand();
        pg_sys::pgstat_report_stat(true);
        result
    }
}

/// Locks are taken in the order extension, job, rollup, notes, rows. Whoever drops or detaches begins with the first one, too:
/// he waits there for the end of our transaction, or we for his, and neither holds anything yet that the other wants. False:
/// it was not to be had at once.
pub fn lock_extension(mode: u32, at_once: bool) -> bool {
    // SAFETY: a constant name; the tag is copied.
    unsafe {
        let extension = pg_sys::get_extension_oid(c"vend_analytics".as_ptr(), true);
        let tag = pg_sys::LOCKTAG {
            locktag_field1: pg_sys::MyDatabaseId.to_u32(),
            locktag_field2: pg_sys::ExtensionRelationId.to_u32(),
            locktag_field3: extension.to_u32(),
            locktag_field4: 0,
            locktag_type: pg_sys::LockTagType::LOCKTAG_OBJECT as u8,
            locktag_lockmethodid: pg_sys::DEFAULT_LOCKMETHOD as u8,
        };
        let taken = pg_sys::LockAcquire(&tag, mode as pg_sys::LOCKMODE, false, at_once);
        taken != pg_sys::LockAcquireResult::LOCKACQUIRE_NOT_AVAIL
    }
}

/// What an error was, for the record: no detail, which may show rows.
pub struct Failure {
    pub sqlstate: String,
    pub message: String,
}

/// Runs transactions until one fails: that one is rolled back, the error logged and returned.
pub fn attempt<T>(work: impl FnOnce() -> T) -> Result<T, Failure> {
    // Ok and Err pass through the handler, so that what was caught is told apart from what was returned.
    PgTryBuilder::new(AssertUnwindSafe(|| Ok(work())))
        .catch_others(|error| {
            let report = match error {
                CaughtError::PostgresError(report)
                | CaughtError::ErrorReport(report)
                | CaughtError::RustPanic { ereport: report, .. } => report,
            };
            // SAFETY: the error was copied and its state flushed when it was caught; nothing of the transaction is used
            // any more.
            unsafe {
                disable_timeout(STATEMENT_TIMEOUT, false);
                // It may have run out just when something else failed.
                pg_sys::QueryCancelPending = 0;
                pg_sys::AbortCurrentTransaction();
            }
            Err(Failure {
                sqlstate: sqlstate_text(report.sql_error_code()),
                message: report.message().to_owned(),
            })
        })
        .execute()
}

/// Five characters, six bits each (PostgreSQL's MAKE_SQLSTATE).
fn sqlstate_text(code: PgSqlErrorCode) -> String {
    let code = code as u32;
    (0..5).map(|place| char::from(((code >> (6 * place)) & 0x3f) as u8 + b'0')).collect()
}

/// The extension of the database that a worker is connected to, as far as this library knows it.
pub enum Extension {
    Absent,
    Unknown(String),
    Ours,
}
/// The versions whose SQL this library can work with.
const KNOWN_VERSIONS: [&str; 1] = [env!("CARGO_PKG_VERSION")];

pub fn extension() -> Extension {
    let version = Spi::get_one::<String>(
        "SELECT (SELECT e.extversion FROM pg_catalog.pg_extension e WHERE e.extname = 'vend_analytics')",
    );
    match version {
        Ok(Some(version)) if KNOWN_VERSIONS.contains(&version.as_str()) => Extension::Ours,
        Ok(Some(version)) => Extension::Unknown(version),
        _ => Extension::Absent,
    }
}

/// A statement of ours that returns no more than one value.
pub fn value<T: FromDatum + IntoDatum>(
    statement: &str, arguments: &[pgrx::datum::DatumWithOid],
) -> Option<T> {
    Spi::get_one_with_args(statement, arguments).unwrap_or_else(|error| pgrx::error!("{error}"))
}

pub fn started_at() -> TimestampTz {
    // SAFETY: set when the process started.
    unsafe { pg_sys::MyStartTimestamp }
}
