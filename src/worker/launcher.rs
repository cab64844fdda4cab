//! The launcher is in no database. It starts a scheduler for each database when its time has come, and sleeps otherwise.
use super::process;
use super::settings;
use super::shared::{self, BEING_DROPPED, Database, NEVER, UNKNOWN, shared};
use super::start;
use pgrx::pg_sys::{BackgroundWorkerHandle, BgwHandleStatus, Datum, Oid};
use pgrx::prelude::*;
use std::ffi::c_int;
use std::sync::atomic::Ordering::SeqCst;

const SECOND: i64 = 1_000_000;
/// Schedulers at once: one that waits for a database's copying must not hold up the others.
const AT_ONCE: usize = 3;
/// Twice that each time it goes wrong again.
const FIRST_BACKOFF: i64 = SECOND;
const DOUBLINGS: u32 = 8;

/// A database as the launcher sees it.
struct Served {
    oid: Oid,
    entry: &'static Database,
    scheduler: Option<*mut BackgroundWorkerHandle>,
    /// How often in a row a scheduler could not be started, or did not get to its end.
    troubles: u32,
    not_before: i64,
}

#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn vend_launcher_main(argument: Datum) {
    let only = Oid::from(argument.value() as u32);
    process::receive_signals();
    // SAFETY: the latch is this process's own; no database, so that none is kept from being dropped or copied.
    let latch = unsafe {
        pg_sys::on_shmem_exit(Some(leave), Datum::from(0usize));
        pg_sys::BackgroundWorkerInitializeConnection(std::ptr::null(), std::ptr::null(), 0);
        pg_sys::MyLatch
    };
    if only == Oid::INVALID {
        shared().launch(latch);
    }
    let mut served: Vec<Served> = Vec::new();
    let mut role = Oid::INVALID;
    let mut look_at = i64::MIN;
    let mut before = i64::MIN;
    loop {
        process::obey();
        let now = shared::now();
        // The clock was set back: what was to be waited for by the old one may be hours away by the new.
        if now < before {
            look_at = now;
            served.iter_mut().for_each(Served::forget_times);
        }
        before = now;
        if now >= look_at || (only == Oid::INVALID && shared().has_new()) {
            let seen = databases(only);
            if only != Oid::INVALID && seen.databases.is_empty() {
                return;
            }
            if seen.role == Oid::INVALID && role != Oid::INVALID {
                pgrx::warning!("role \"vend_worker\" is gone: no jobs run");
            }
            role = seen.role;
            follow(&mut served, &seen.databases, latch);
            look_at = now.saturating_add(i64::from(settings::LOOK_INTERVAL.get()) * SECOND);
        }
        let mut next = look_at;
        // Before the first CREATE EXTENSION there is no such role, and nothing to do.
        if settings::SCHEDULER.get() && role != Oid::INVALID {
            served.iter_mut().for_each(|one| one.settle(now));
            // Cached: others change the times while they are compared.
            served.sort_by_cached_key(Served::due);
            let mut running = served.iter().filter(|one| one.scheduler.is_some()).count();
            for one in &mut served {
                if one.scheduler.is_none() && one.due() <= now && running < AT_ONCE {
                    one.start(role, now);
                    running += usize::from(one.scheduler.is_some());
                }
                // The end of a scheduler wakes us.
                if one.scheduler.is_none() && running < AT_ONCE {
                    next = next.min(one.due());
                }
            }
        }
        process::sleep(next.saturating_sub(shared::now()));
    }
}

impl Served {
    fn due(&self) -> i64 {
        match self.entry.due.load(SeqCst) {
            NEVER => NEVER,
            due => due.max(self.not_before),
        }
    }

    fn forget_times(&mut self) {
        self.not_before = i64::MIN;
        self.entry.wake();
    }

    fn start(&mut self, role: Oid, now: i64) {
        // Whoever wakes it from now on lowers this again.
        self.entry.due.store(NEVER, SeqCst);
        self.entry.state.store(UNKNOWN, SeqCst);
        self.scheduler = start::scheduler(self.oid, role);
        if self.scheduler.is_none() {
            self.trouble(now);
        }
    }

    /// Takes note of the end of its scheduler.
    fn settle(&mut self, now: i64) {
        let Some(handle) = self.scheduler else { return };
        let mut pid = 0;
        // SAFETY: a handle of ours that was not freed yet.
        unsafe {
            if pg_sys::GetBackgroundWorkerPid(handle, &mut pid) != BgwHandleStatus::BGWH_STOPPED {
                return;
            }
            pg_sys::pfree(handle.cast());
        }
        self.scheduler = None;
        match self.entry.state.load(SeqCst) {
            UNKNOWN => self.trouble(now),
            // What has been dropped disappears from the list.
            BEING_DROPPED => {}
            _ => {
                self.troubles = 0;
                self.not_before = i64::MIN;
            }
        }
    }

    fn trouble(&mut self, now: i64) {
        self.not_before = now.saturating_add(FIRST_BACKOFF << self.troubles.min(DOUBLINGS));
        self.troubles = self.troubles.saturating_add(1);
        self.entry.due.fetch_min(self.not_before, SeqCst);
    }
}

/// Serves what is there and forgets what is not.
fn follow(served: &mut Vec<Served>, databases: &[Oid], latch: *mut pg_sys::Latch) {
    served.retain(|one| {
        let stays = databases.contains(&one.oid) || one.scheduler.is_some();
        if !stays {
            shared().release(one.oid);
        }
        stays
    });
    for &oid in databases {
        if served.iter().any(|one| one.oid == oid) {
            continue;
        }
        if let Some(entry) = shared().adopt(oid, latch) {
            served.push(Served { oid, entry, scheduler: None, troubles: 0, not_before: i64::MIN });
        }
    }
}

struct Seen {
    databases: Vec<Oid>,
    /// vend_worker, if there is one.
    role: Oid,
}

/// The databases that can be connected to, or the one that is asked for. In templates nothing runs: they are there to be
/// copied, which a connection would hinder.
fn databases(only: Oid) -> Seen {
    let mut seen = Seen { databases: Vec::new(), role: Oid::INVALID };
    // SAFETY: PostgreSQL's own way to read a shared catalog without a database; what is read is copied before the commit.
    unsafe {
        pg_sys::StartTransactionCommand();
        // Whoever made the role has woken us before he told others' caches of it.
        pg_sys::InvalidateSystemCaches();
        seen.role = pg_sys::get_role_oid(c"vend_worker".as_ptr(), true);
        let share = pg_sys::AccessShareLock as pg_sys::LOCKMODE;
        let relation = pg_sys::table_open(pg_sys::DatabaseRelationId, share);
        let scan = pg_sys::table_beginscan_catalog(relation, 0, std::ptr::null_mut());
        loop {
            let tuple = pg_sys::heap_getnext(scan, pg_sys::ScanDirection::ForwardScanDirection);
            if tuple.is_null() {
                break;
            }
            let row = &*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_database>();
            let wanted = only == Oid::INVALID || only == row.oid;
            // A limit of -2 is that of a database whose DROP was interrupted.
            if wanted && row.datallowconn && !row.datistemplate && row.datconnlimit != -2 {
                seen.databases.push(row.oid);
            }
        }
        pg_sys::table_endscan(scan);
        pg_sys::table_close(relation, share);
        pg_sys::CommitTransactionCommand();
        // What is allocated from here on has to outlive the next transaction.
        pg_sys::MemoryContextSwitchTo(pg_sys::TopMemoryContext);
    }
    seen
}

/// # Safety
/// Called by PostgreSQL at the end of the process.
#[pg_guard]
unsafe extern "C-unwind" fn leave(_code: c_int, _argument: Datum) {
    // SAFETY: this process's own latch.
    shared().leave(unsafe { pg_sys::MyLatch });
}
