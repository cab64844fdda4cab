//! What every process of the server must see: which tokens were used, and which sign-ins were refused, as what a failed
//! transaction wrote is gone. Shared memory of a fixed size, so nothing grows; a restart forgets it. Used tokens live
//! a minute at most unless configured otherwise.
use crate::core::refusals::Refusals;
use crate::core::token::Accepted;
use crate::core::used::{Refusal, Used};
use pgrx::pg_sys::submodules::ffi::pg_guard_ffi_boundary;
use pgrx::prelude::*;
use std::ffi::CStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

#[repr(C)]
struct Shared {
    /// More than a thousand sign-ins a second with tokens of a minute; 2.3 MB.
    used: Used<65536>,
    /// 1,024 lines; 48 KB.
    refused: Refusals<1024>,
}

const NAME: &CStr = c"vend_analytics sign-ins";

static SHARED: AtomicPtr<Shared> = AtomicPtr::new(std::ptr::null_mut());
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
        pg_sys::RequestAddinShmemSpace(size_of::<Shared>());
        pg_sys::RequestNamedLWLockTranche(NAME.as_ptr(), 1);
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn attach() {
    // SAFETY: as above. The memory is of its size and aligned to a cache line, and zeroes are empty. Only the
    // postmaster runs this; its children inherit the pointers.
    unsafe {
        if let Some(next) = NEXT_STARTUP.get() {
            pg_guard_ffi_boundary(|| next());
        }
        let mut found = false;
        let shared: *mut Shared =
            pg_sys::ShmemInitStruct(NAME.as_ptr(), size_of::<Shared>(), &mut found).cast();
        if !found {
            shared.write_bytes(0, 1);
        }
        SHARED.store(shared, Relaxed);
        LOCK.store(&raw mut (*pg_sys::GetNamedLWLockTranche(NAME.as_ptr())).lock, Relaxed);
    }
}

/// Notes that a token is used.
pub fn note(token: &Accepted, now: i64) -> Result<(), Refusal> {
    locked(|shared| shared.used.note(token.digest, token.expires, now))
}

/// What was refused, for a look or a change.
pub fn refusals<T>(work: impl FnOnce(&mut Refusals<1024>) -> T) -> T {
    locked(|shared| work(&mut shared.refused))
}

/// `work` cannot fail; the library was preloaded.
fn locked<T>(work: impl FnOnce(&mut Shared) -> T) -> T {
    let (shared, lock) = (SHARED.load(Relaxed), LOCK.load(Relaxed));
    // SAFETY: both were set before this process was forked. The lock makes this the only reference, and nothing between
    // taking and releasing it raises an error.
    unsafe {
        pg_sys::LWLockAcquire(lock, pg_sys::LWLockMode::LW_EXCLUSIVE);
        let result = work(&mut *shared);
        pg_sys::LWLockRelease(lock);
        result
    }
}
