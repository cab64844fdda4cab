//! The hours of an occupancy document as rows; `sql/hourly.sql` makes `vend.flatten_hourly` of them.
use super::bridge::Outcome;
use super::datum::{JsonbArg, numeric};
use crate::core::hourly::{MAX_SLOTS, read_hourly, whole_count};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Hour and count in one number: a set of rows would go through a tuple store, which costs more than reading
/// the document (one 25-hour document: 1.9 against 2.3 microseconds).
#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn hourly_counts(hourly: JsonbArg) -> Result<SetOfIterator<'static, i64>, ErrorReport> {
    let mut rows = [None; MAX_SLOTS];
    // By hour, because an object's keys come in their own order.
    read_hourly(hourly.container(), |hour, count| {
        let count = whole_count(count)?;
        if let (Some(row), Ok(hour)) = (rows.get_mut(hour), i64::try_from(hour)) {
            *row = Some(hour << 32 | i64::from(count));
        }
        Outcome::Ok(())
    })?;
    Ok(SetOfIterator::new(rows.into_iter().flatten()))
}

/// The unrounded counts, row by row beside `hourly_counts`.
#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn hourly_values(hourly: JsonbArg) -> Result<SetOfIterator<'static, AnyNumeric>, ErrorReport> {
    let mut rows = [const { None }; MAX_SLOTS];
    read_hourly(hourly.container(), |hour, count| {
        if let Some(row) = rows.get_mut(hour) {
            *row = Some(numeric(count)?);
        }
        Outcome::Ok(())
    })?;
    Ok(SetOfIterator::new(rows.into_iter().flatten()))
}

/// What `flatten_hourly` would say against a document; NULL if it takes it.
#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn hourly_problem(hourly: JsonbArg) -> Option<String> {
    let counts = read_hourly(hourly.container(), |_, count| whole_count(count).map(|_| ()));
    counts.err().map(|error| ErrorReport::from(error).message().to_owned())
}

extension_sql_file!(
    "../../sql/hourly.sql",
    name = "hourly",
    requires = [hourly_counts, hourly_values, hourly_problem]
);
