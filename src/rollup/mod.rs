//! Rollups: tables that are kept exact. What needs PostgreSQL's own trees is here; the engine itself is set logic and
//! stands in `sql/rollup/`.
#![allow(clippy::result_large_err)]

mod capture;
mod codes;
mod engine;
mod expressions;
mod follower;
mod instants;
mod lone_notes;
mod nodes;
mod notes;
mod owner;
mod partitions;
mod projection;
mod query;
mod same_day;
mod sources;
mod statement_rows;
mod unguarded;
