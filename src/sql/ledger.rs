//! The ledger's rules for SQL: the versions of one subscription as arrays, its paid intervals as rows.
// pgrx reads the columns from the return type, so it cannot be an alias.
#![allow(clippy::type_complexity)]
use super::bridge::Outcome;
use crate::core::calendar::{FOREVER, Instant};
use crate::core::error::CoreError;
use crate::core::ledger::{Reason, Status, Version, paid};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

fn instants(values: Array<TimestampWithTimeZone>) -> Vec<Option<Instant>> {
    values.iter().map(|value| value.map(Instant::from)).collect()
}

fn timestamp(at: Instant) -> Outcome<TimestampWithTimeZone> {
    TimestampWithTimeZone::try_from(at).map_err(|_| CoreError::DateOutOfRange.into())
}

/// Paid time on the terms of the `number`th version; grace in microseconds.
#[allow(clippy::too_many_arguments, reason = "one for each column of a version")]
#[pg_extern(schema = "vend_internal", immutable, parallel_safe)]
fn paid_intervals(
    effective_at: Array<TimestampWithTimeZone>, seen: Array<bool>, changed_at: Array<TimestampWithTimeZone>,
    created_at: Array<TimestampWithTimeZone>, status: Array<&str>,
    scheduled_end: Array<TimestampWithTimeZone>, canceled_at: Array<TimestampWithTimeZone>,
    terms: Array<&str>, grace: Option<i64>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(valid_from, TimestampWithTimeZone),
            name!(valid_to, TimestampWithTimeZone),
            name!(number, i32),
            name!(churn_reason, Option<&'static str>),
        ),
    >,
    ErrorReport,
> {
    let (changed_at, created_at) = (instants(changed_at), instants(created_at));
    let (scheduled_end, canceled_at) = (instants(scheduled_end), instants(canceled_at));
    let known = |values: &[Option<Instant>], n: usize| values.get(n).copied().flatten();
    let mut versions = Vec::with_capacity(effective_at.len());
    for (n, (((effective_at, seen), status), terms)) in
        effective_at.iter().zip(seen.iter()).zip(status.iter()).zip(terms.iter()).enumerate()
    {
        versions.push(Version {
            effective_at: effective_at.map_or(FOREVER, Instant::from),
            seen: seen.unwrap_or(false),
            changed_at: known(&changed_at, n),
            created_at: known(&created_at, n),
            status: status.map_or(Status::Other, Status::parse),
            scheduled_end: known(&scheduled_end, n),
            canceled_at: known(&canceled_at, n),
            terms,
        });
    }
    let mut rows = Vec::new();
    for interval in paid(&versions, grace) {
        let number = i32::try_from(interval.version).ok().and_then(|index| index.checked_add(1));
        rows.push((
            timestamp(interval.from)?,
            timestamp(interval.until)?,
            number.ok_or_else(|| CoreError::CountOutOfRange)?,
            interval.reason.map(Reason::word),
        ));
    }
    Ok(TableIterator::new(rows))
}

extension_sql_file!(
    "../../sql/ledger/tables.sql",
    name = "ledger_tables",
    requires = [paid_intervals, "policies"]
);
extension_sql_file!("../../sql/ledger/observe.sql", name = "ledger_observe", requires = ["ledger_tables"]);
extension_sql_file!(
    "../../sql/ledger/watch.sql",
    name = "ledger_watch",
    requires = ["ledger_observe", "source_state"]
);
extension_sql_file!(
    "../../sql/ledger/capacities.sql",
    name = "capacities",
    requires = ["ledger_watch", "time"]
);
