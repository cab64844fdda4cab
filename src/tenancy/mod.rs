//! Tenancy: the only place that knows who the caller is.

mod policies;

/// Defines settings and hooks. Called once per process that loads the library, or once in the postmaster.
pub fn init() {}
