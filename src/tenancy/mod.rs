//! Tenancy: the only place that knows who the caller is.
//!
//! Who that is lives in this process's memory, from the first accepted setting or token to the transaction's end. A
//! library loaded later than the server's start cannot know what the setting was before, so it defines nothing and
//! its functions refuse.
// pgrx's ErrorReport is large; it is built once, on the way out.
#![allow(clippy::result_large_err)]

mod caller;
mod setting;
mod shared;
mod token;
mod visible;

use crate::core::identity::Identity;
use pgrx::prelude::*;
use std::cell::Cell;
use std::ffi::c_void;

thread_local! {
    // A process of PostgreSQL runs one transaction at a time, on its one thread.
    static IDENTITY: Cell<Identity> = const { Cell::new(Identity::NOBODY) };
    static PRELOADED: Cell<bool> = const { Cell::new(false) };
}

mod policies;
mod pseudonym;

/// Defines settings and hooks. Called once per process that loads the library, or once in the postmaster.
pub fn init() {
    // SAFETY: a flag of PostgreSQL, read on its one thread.
    if !unsafe { pg_sys::process_shared_preload_libraries_in_progress } {
        return;
    }
    PRELOADED.set(true);
    setting::define();
    token::define();
    shared::reserve();
    // SAFETY: called once; the callback lives as long as the process.
    unsafe { pg_sys::RegisterXactCallback(Some(forget), std::ptr::null_mut()) };
}

/// Called when every setting is defined. A misspelt name in a file is then warned of and dropped, and refused elsewhere.
pub fn reserve_settings() {
    if PRELOADED.get() {
        // SAFETY: PostgreSQL copies the name.
        unsafe { pg_sys::MarkGUCPrefixReserved(c"vend_analytics".as_ptr()) };
    }
}

/// PostgreSQL restores the setting only after this, so the value it held counts for nothing in the next transaction.
#[pg_guard]
unsafe extern "C-unwind" fn forget(event: pg_sys::XactEvent::Type, _arg: *mut c_void) {
    use pg_sys::XactEvent::*;
    if matches!(event, XACT_EVENT_COMMIT | XACT_EVENT_ABORT | XACT_EVENT_PREPARE) {
        IDENTITY.set(Identity::NOBODY);
    }
}

/// Changes the identity, and leaves it alone where that fails.
fn change<T, E>(attempt: impl FnOnce(&mut Identity) -> Result<T, E>) -> Result<T, E> {
    let mut identity = IDENTITY.get();
    let outcome = attempt(&mut identity)?;
    IDENTITY.set(identity);
    Ok(outcome)
}
