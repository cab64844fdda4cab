//! The SQL surface: convert, call `core`, convert back. One file per family.
// pgrx's ErrorReport is large; it is built once, on the way out.
#![allow(clippy::result_large_err)]

mod activity;
mod aggregate;
pub mod bridge;
mod churn;
mod datum;
mod demo;
mod generated;
mod hourly;
mod ledger;
mod money;
mod mrr;
mod occupancy;
mod schema;
mod source;
mod timeline;
mod wire;
pub mod zone;

/// A stack trace in an error's context would tell a client about the inside of the server.
pub fn hide_backtraces() {
    for variable in ["RUST_BACKTRACE", "RUST_LIB_BACKTRACE"] {
        // SAFETY: _PG_init runs while the process has one thread, so nobody else reads the environment.
        unsafe { std::env::remove_var(variable) };
    }
}
