//! Where the tokens that were used are kept: shared memory of a fixed size, so that every process of the server sees
//! them and nothing grows. A restart forgets them; they live a minute at most unless configured otherwise.
use crate::core::token::Accepted;
use crate::core::used::{Refusal, Used};
use pgrx::pg_sys::submodules::ffi::pg_guard_ffi_boundary;
use pgrx::prelude::*;
use std::ffi::CStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

/// More than a thousand sign-ins a second with tokens of a minute; 2.3 MB.
type Table = Used<65536>;

const NAME: &CStr = c"vend_analytics tokens";

static TABLE: AtomicPtr<Table> = AtomicPtr::new(std::ptr::null_mut());
static LOCK: AtomicPtr<pg_sys::LWLock> = AtomicPtr::new(std::ptr::null_mut());
static NEXT_REQUEST: OnceLock<unsafe extern "C-unwind" fn()> = OnceLock::new();
static NEXT_STARTUP: OnceLock<unsafe extern "C-unwind" fn()> = OnceLock::new();

/// Called in the postmaster while it preloads.
pub fn reserve() {
    // SAFETY: the postmaster has one thread, and calls the hooks with nothing.
    unsafe {
        if let Some(next) = pg_sys::shmem_request_hook {
            NEXT_REQUEST.get_or_init(|| next);
        }
        pg_sys::shmem_request_hook = Some(request);
        if let Some(next) = pg_sys::shmem_startup_hook {
            NEXT_STARTUP.get_or_init(|| next);
        }
        pg_sys::shmem_startup_hook = Some(attach);
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn request() {
    // SAFETY: the hook that another library put there, and what this hook is for.
    unsafe {
        if let Some(next) = NEXT_REQUEST.get() {
            pg_guard_ffi_boundary(|| next());
        }
        pg_sys::RequestAddinShmemSpace(size_of::<Table>());
        pg_sys::RequestNamedLWLockTranche(NAME.as_ptr(), 1);
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn attach() {
    // SAFETY: as above. The memory is of the table's size and aligned to a cache line, and zeroes are an empty table. Only the
    // postmaster runs this; its children inherit the pointers.
    unsafe {
        if let Some(next) = NEXT_STARTUP.get() {
            pg_guard_ffi_boundary(|| next());
        }
        let mut found = false;
        let table: *mut Table = pg_sys::ShmemInitStruct(NAME.as_ptr(), size_of::<Table>(), &mut found).cast();
        if !found {
            table.write_bytes(0, 1);
        }
        TABLE.store(table, Relaxed);
        LOCK.store(&raw mut (*pg_sys::GetNamedLWLockTranche(NAME.as_ptr())).lock, Relaxed);
    }
}

/// Notes that a token is used; the library was preloaded.
pub fn note(token: &Accepted, now: i64) -> Result<(), Refusal> {
    let (table, lock) = (TABLE.load(Relaxed), LOCK.load(Relaxed));
    // SAFETY: both were set before this process was forked. The lock makes this the only reference, and nothing
    // between taking and releasing it can fail.
    unsafe {
        pg_sys::LWLockAcquire(lock, pg_sys::LWLockMode::LW_EXCLUSIVE);
        let noted = (*table).note(token.digest, token.expires, now);
        pg_sys::LWLockRelease(lock);
        noted
    }
}
