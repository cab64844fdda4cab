//! Time zones from PostgreSQL's own data, as the offset tables that core works with.
use super::bridge::Outcome;
use crate::core::calendar::{DAY, Day, FOREVER, Instant, NEVER, SECOND, Zone};
use crate::core::error::CoreError;
use pgrx::datum::{Date, TimestampWithTimeZone};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use std::cell::RefCell;
use std::ffi::CString;
use std::ops::Range;

/// Seconds from 1970-01-01 to 2000-01-01.
const UNIX_EPOCH: i64 = 946_684_800;

/// The offsets of a zone for every instant in `[from, until]`.
pub fn load(name: &str, from: Instant, until: Instant) -> Outcome<Zone> {
    let zone = find(name).ok_or_else(|| unknown(name))?;
    let mut at = from.div_euclid(SECOND).saturating_add(UNIX_EPOCH);
    let end = until.div_euclid(SECOND).saturating_add(UNIX_EPOCH);
    let mut first = None;
    let mut changes = Vec::new();
    loop {
        let (mut before, mut after) = (0, 0);
        let (mut before_dst, mut after_dst) = (0, 0);
        let mut boundary = 0;
        // SAFETY: all pointers are to locals; the zone is owned by PostgreSQL for the life of the process.
        let found = unsafe {
            pg_sys::pg_next_dst_boundary(
                &at,
                &mut before,
                &mut before_dst,
                &mut boundary,
                &mut after,
                &mut after_dst,
                zone,
            )
        };
        if found < 0 {
            return Err(CoreError::DateOutOfRange.into());
        }
        first.get_or_insert(seconds(before));
        if found == 0 || boundary > end {
            return Ok(Zone::new(first.unwrap_or(0), changes));
        }
        changes.push((boundary.saturating_sub(UNIX_EPOCH).saturating_mul(SECOND), seconds(after)));
        at = boundary;
    }
}

/// The offsets of a zone around a day.
pub fn around(timezone: &[u8], day: Day) -> Outcome<Zone> {
    let midnight = i64::from(day).checked_mul(DAY).ok_or_else(|| CoreError::DateOutOfRange)?;
    let margin = DAY.saturating_mul(3);
    load_bytes(timezone, midnight.saturating_sub(margin), midnight.saturating_add(margin))
}

fn load_bytes(timezone: &[u8], from: Instant, until: Instant) -> Outcome<Zone> {
    match std::str::from_utf8(timezone) {
        Ok(name) => load(name, from, until),
        Err(_) => Err(unknown(&String::from_utf8_lossy(timezone))),
    }
}

thread_local! {
    /// Zones used by `local_day`, the last one first. PostgreSQL keeps its own for the life of the process, too.
    static USED: RefCell<Vec<(Vec<u8>, Zone)>> = const { RefCell::new(Vec::new()) };
}

/// The local date of an instant, for a call per row.
pub fn local_day(timezone: &[u8], at: Instant) -> Outcome<Day> {
    if at == NEVER || at == FOREVER {
        return Err(CoreError::DateOutOfRange.into());
    }
    in_zone(timezone, at, |zone| zone.day(at))
}

/// The first instant whose date in a zone is the given one, and the end of the last; for a call per look-up.
pub fn day_span(timezone: &[u8], day: Day) -> Outcome<(Instant, Instant)> {
    let midnight = i64::from(day).checked_mul(DAY).ok_or_else(|| CoreError::DateOutOfRange)?;
    in_zone(timezone, midnight, |zone| (zone.day_start(day), zone.day_end(day)))
}

/// 1900 to 2100, relative to 2000: others are rare and pay for themselves.
const KNOWN: Range<Instant> = -100 * 365 * DAY..100 * 365 * DAY;

fn in_zone<T>(timezone: &[u8], at: Instant, ask: impl FnOnce(&Zone) -> T) -> Outcome<T> {
    // Whoever asks for a day looks at the days beside it, too.
    if !(KNOWN.start + 4 * DAY..KNOWN.end - 4 * DAY).contains(&at) {
        return Ok(ask(&load_bytes(timezone, at.saturating_sub(4 * DAY), at.saturating_add(4 * DAY))?));
    }
    USED.with_borrow_mut(|used| {
        if used.first().is_none_or(|(name, _)| name != timezone) {
            match used.iter().position(|(name, _)| name == timezone) {
                Some(place) => used.swap(0, place),
                None => used.insert(0, (timezone.to_vec(), load_bytes(timezone, KNOWN.start, KNOWN.end)?)),
            }
        }
        used.first().map(|(_, zone)| ask(zone)).ok_or_else(|| CoreError::DateOutOfRange.into())
    })
}

/// An offset from PostgreSQL: less than a day and a half, so it fits.
fn seconds(offset: std::ffi::c_long) -> i32 {
    i32::try_from(offset).unwrap_or(0)
}

fn unknown(name: &str) -> ErrorReport {
    ErrorReport::new(
        PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        format!("time zone \"{name}\" is not known"),
        "vend_analytics",
    )
    .set_hint("Use a name of pg_timezone_names with region and city, such as Europe/Berlin, or UTC.")
}

/// Only names that mean one thing: PostgreSQL would read a POSIX string with the sign reversed (UTC+3 is west
/// of Greenwich there), and a few short names as a fixed offset in one place and with summer time in another.
fn find(name: &str) -> Option<*mut pg_sys::pg_tz> {
    const AMBIGUOUS: [&str; 7] = ["CET", "EET", "MET", "WET", "EST", "MST", "HST"];
    const NUMBERED: [&str; 7] = ["EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT", "GMT0", "GMT+0", "GMT-0"];
    let is = |known: &&str| known.eq_ignore_ascii_case(name);
    let numbered = name.bytes().any(|byte| byte.is_ascii_digit());
    if AMBIGUOUS.iter().any(is) || numbered && !NUMBERED.iter().any(is) && !is_etc(name) {
        return None;
    }
    let name = CString::new(name).ok()?;
    // SAFETY: a NUL-terminated string; the result is null or cached by PostgreSQL for the process.
    let zone = unsafe { pg_sys::pg_tzset(name.as_ptr()) };
    (!zone.is_null()).then_some(zone)
}

/// `Etc/GMT-14` to `Etc/GMT+12`, the only regional names with a digit.
fn is_etc(name: &str) -> bool {
    let offset =
        name.get(..7).filter(|start| start.eq_ignore_ascii_case("Etc/GMT")).and_then(|_| name.get(7..));
    offset.and_then(|offset| offset.parse::<i8>().ok()).is_some_and(|offset| (-14..=12).contains(&offset))
}

#[pg_extern(schema = "vend_internal", stable, parallel_safe, strict)]
fn known_timezone(name: &str) -> Option<&str> {
    find(name).map(|_| name)
}

#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn day_start(day: Date, timezone: &str) -> Outcome<TimestampWithTimeZone> {
    let day: Day = day.to_pg_epoch_days();
    let zone = around(timezone.as_bytes(), day)?;
    TimestampWithTimeZone::try_from(zone.day_start(day)).map_err(|_| CoreError::DateOutOfRange.into())
}

extension_sql_file!("../../sql/time.sql", name = "time", requires = [known_timezone, day_start]);
