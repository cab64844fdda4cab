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

/// After the check of ownership, so nobody ends workers in a database that he could not drop.
///
/// # Safety
/// Called by PostgreSQL.
#[pg_guard]
unsafe extern "C-unwind" fn on_access(
    access: ObjectAccessType::Type, class: Oid, object: Oid, part: c_int, argument: *mut c_void,
) {
    if let Some(Some(before)) = BEFORE_ACCESS.get() {
        // SAFETY: as we are called.
        unsafe { before(access, class, object, part, argument) }
    }
    if access == ObjectAccessType::OAT_DROP && class == pg_sys::DatabaseRelationId {
        shared().leave_alone_until(object, shared::now().saturating_add(TEN_SECONDS));
        processes::terminate(object);
    }
    if access == ObjectAccessType::OAT_POST_ALTER && class == pg_sys::ExtensionRelationId {
        api::wake_scheduler();
    }
}
