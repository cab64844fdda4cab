//! The SQL surface: convert, call `core`, convert back. One file per family.
// pgrx's ErrorReport is large; it is built once, on the way out.
#![allow(clippy::result_large_err)]

mod activity;
mod aggregate;
mod bridge;
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
