//! DROP DATABASE: our processes there end, as the command would otherwise fail after five seconds. ALTER EXTENSION UPDATE:
//! the new version may be one that this library can work with.
use super::api;
use super::processes;
use super::shared::{self, shared};
use pgrx::pg_sys;
use pgrx::pg_sys::{ObjectAccessType, Oid};
use pgrx::prelude::*;
use std::ffi::{c_int, c_void};
use std::sync::OnceLock;

/// By then the database is gone, or its DROP has failed.
const TEN_SECONDS: i64 = 10_000_000;

static BEFORE_ACCESS: OnceLock<pg_sys::object_access_hook_type> = OnceLock::new();
static BEFORE_REQUEST: OnceLock<pg_sys::shmem_request_hook_type> = OnceLock::new();

/// In the postmaster, before any process is started.
pub fn install() {
    // SAFETY: _PG_init runs once, in one thread; each hook calls the one that was there before.
    unsafe {
        let _ = BEFORE_ACCESS.set(pg_sys::object_access_hook);
        pg_sys::object_access_hook = Some(on_access);
        let _ = BEFORE_REQUEST.set(pg_sys::shmem_request_hook);
        pg_sys::shmem_request_hook = Some(on_request);
    }
}

/// # Safety
/// Called by PostgreSQL.
#[pg_guard]
unsafe extern "C-unwind" fn on_request() {
    if let Some(Some(before)) = BEFORE_REQUEST.get() {
        // SAFETY: as we are called.
        unsafe { before() }
    }
    shared::request();
}

/// Called for every function that anybody calls: only what concerns us is worth a guard.
///
/// # Safety
/// Called by PostgreSQL.
unsafe extern "C-unwind" fn on_access(
    access: ObjectAccessType::Type, class: Oid, object: Oid, part: c_int, argument: *mut c_void,
) {
    if let Some(Some(before)) = BEFORE_ACCESS.get() {
        // SAFETY: as we are called; there is nothing to drop.
        unsafe { before(access, class, object, part, argument) }
    }
    let concerns_us = match class {
        pg_sys::DatabaseRelationId => access == ObjectAccessType::OAT_DROP,
        pg_sys::ExtensionRelationId => access == ObjectAccessType::OAT_POST_ALTER,
        _ => false,
    };
    if concerns_us {
        // SAFETY: the database that is dropped, or the extension.
        unsafe { on_change(class, object) }
    }
}

/// After the check of ownership, so nobody ends workers in a database that he could not drop.
///
/// # Safety
/// Called by PostgreSQL, for a database that is dropped or an extension that is altered.
#[pg_guard]
unsafe extern "C-unwind" fn on_change(class: Oid, object: Oid) {
    if class == pg_sys::DatabaseRelationId {
        shared().leave_alone_until(object, shared::now().saturating_add(TEN_SECONDS));
        processes::terminate(object);
    } else {
        api::wake_scheduler();
    }
}
