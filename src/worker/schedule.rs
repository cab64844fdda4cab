//! When a job is due, and what its failures mean, for the catalog's functions: convert, call core, convert back.
use crate::core::backoff::{Failure, Misfire};
use crate::core::calendar::{DAY, FOREVER, Instant, NEVER};
use crate::core::error::CoreError;
use crate::core::schedule::Schedule;
use crate::sql::bridge::Outcome;
use crate::sql::zone;
use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::prelude::*;

/// What recurs at all recurs within this: 29 February on one weekday takes 40 years where a century has no leap day.
const HORIZON: i64 = 50 * 366 * DAY;

#[pg_extern(schema = "vend_internal", stable, parallel_safe, strict)]
fn next_due(
    schedule: &str, timezone: &str, after: TimestampWithTimeZone,
) -> Outcome<Option<TimestampWithTimeZone>> {
    let schedule = Schedule::parse(schedule)?;
    let after: Instant = after.into();
    if after == NEVER || after == FOREVER {
        return Err(CoreError::DateOutOfRange.into());
    }
    // A few days before, as a repeated hour or date is known by what was before it.
    let until = after.saturating_add(HORIZON);
    let zone = zone::load(timezone, after.saturating_sub(DAY.saturating_mul(3)), until)?;
    let due = schedule.after(after, &zone).filter(|&due| due <= until);
    due.map(TimestampWithTimeZone::try_from).transpose().map_err(|_| CoreError::DateOutOfRange.into())
}

#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn failure_class(sqlstate: &str) -> &'static str {
    Failure::of(sqlstate).name()
}

#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn retry_delay(sqlstate: &str, failures: i32, seed: i64) -> Outcome<Option<Interval>> {
    let delay = Failure::of(sqlstate).delay(failures, seed);
    delay.map(|micros| Interval::new(0, 0, micros)).transpose().map_err(|_| CoreError::DateOutOfRange.into())
}

#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn still_runs(
    misfire: &str, due_at: TimestampWithTimeZone, at: TimestampWithTimeZone, grace: Interval,
) -> Outcome<bool> {
    let known = Misfire::parse(misfire).ok_or_else(|| CoreError::UnknownOption {
        option: "misfire",
        value: misfire.into(),
        valid: "once or skip",
    })?;
    let grace = i64::try_from(grace.as_micros()).unwrap_or(i64::MAX);
    Ok(known.runs(due_at.into(), at.into(), grace))
}

extension_sql_file!(
    "../../sql/jobs/schedule.sql",
    name = "jobs_schedule",
    requires = [next_due, failure_class, retry_delay, still_runs]
);
