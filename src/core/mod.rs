//! The rules behind every number: integers, slices and own types in, values or a [`error::CoreError`] out.
//! No PostgreSQL, no clock, no input or output. Instants are microseconds since 2000-01-01 UTC, as PostgreSQL
//! stores them, with `i64::MIN` and `i64::MAX` for the infinities; days count from the same date.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]
// Without the SQL layer (`--no-default-features`) nothing calls what the tests do not.
#![cfg_attr(not(feature = "glue"), allow(dead_code))]

pub mod activity;
pub mod activity_retention;
pub mod backoff;
pub mod batch;
pub mod bucket;
pub mod calendar;
pub mod cells;
pub mod churn;
pub mod codec;
pub mod cron;
pub mod days;
pub mod days_text;
pub mod demo;
pub mod entities;
pub mod error;
pub mod garages;
pub mod hourly;
pub mod identity;
pub mod jsonb;
pub mod keys;
pub mod ledger;
pub mod money;
pub mod movements;
pub mod mrr;
pub mod numeric;
pub mod occupancy;
pub mod occupancy_rates;
pub mod occupancy_text;
pub mod parts;
pub mod rate;
pub mod records;
pub mod refusals;
pub mod retention;
pub mod ring;
pub mod schedule;
pub mod steps;
pub mod steps_text;
pub mod timeline;
pub mod token;
pub mod two_instants;
pub mod used;
pub mod user;
pub mod visits;
