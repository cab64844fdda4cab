//! Finding the rows of a local day by an ordinary index on the instant. A rollup recomputes a key with
//! `same_day(its day, the key's day)`; where its day is `vend.local_day(at, zone)`, the planner is told between which
//! instants `at` must lie; where it is a column, that the two are equal.
use super::nodes::{answer, argument, compare, copy, is_column, utc_timestamp};
use crate::sql::zone;
use pgrx::datum::{Date, Timestamp, TimestampWithTimeZone};
use pgrx::pg_sys::{FuncExpr, Node, Oid, PlannerInfo};
use pgrx::prelude::*;
use pgrx::{Internal, PgList};

const DAY: i64 = 86_400_000_000;
/// PostgreSQL takes zones of up to 167 hours from UTC.
const FARTHEST_ZONE: i64 = 7 * DAY;

#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn same_day(day: Date, key: Date) -> bool {
    day == key
}

/// The first and the last microsecond of a day. The ends of time are days without an end; a zone that we do not know is
/// left to `local_day`.
fn bounds(day: Date, timezone: &[u8]) -> (i64, i64) {
    if day.is_infinity() || day.is_neg_infinity() {
        return (i64::MIN, i64::MAX);
    }
    let day = day.to_pg_epoch_days();
    let (start, end) = zone::day_span(timezone, day).unwrap_or_else(|_| {
        let midnight = i64::from(day).saturating_mul(DAY);
        (midnight.saturating_sub(FARTHEST_ZONE), midnight.saturating_add(FARTHEST_ZONE).saturating_add(DAY))
    });
    (start, end.saturating_sub(1))
}

#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn day_floor(day: Date, timezone: &str) -> Timestamp {
    Timestamp::try_from(bounds(day, timezone.as_bytes()).0).unwrap_or(Timestamp::negative_infinity())
}
#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn day_ceiling(day: Date, timezone: &str) -> Timestamp {
    Timestamp::try_from(bounds(day, timezone.as_bytes()).1).unwrap_or(Timestamp::positive_infinity())
}
#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn day_floor_instant(day: Date, timezone: &str) -> TimestampWithTimeZone {
    let floor = bounds(day, timezone.as_bytes()).0;
    TimestampWithTimeZone::try_from(floor).unwrap_or(TimestampWithTimeZone::negative_infinity())
}
#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn day_ceiling_instant(day: Date, timezone: &str) -> TimestampWithTimeZone {
    let ceiling = bounds(day, timezone.as_bytes()).1;
    TimestampWithTimeZone::try_from(ceiling).unwrap_or(TimestampWithTimeZone::positive_infinity())
}

/// How an instant is compared: operators have the same numbers in every release (pg_operator.dat).
struct Comparison {
    floor: &'static std::ffi::CStr,
    ceiling: &'static std::ffi::CStr,
    bound_type: Oid,
    not_before: u32,
    not_after: u32,
}
const UTC_TIMESTAMP: Comparison = Comparison {
    floor: c"day_floor",
    ceiling: c"day_ceiling",
    bound_type: pg_sys::TIMESTAMPOID,
    not_before: 2065,
    not_after: 2063,
};
const INSTANT: Comparison = Comparison {
    floor: c"day_floor_instant",
    ceiling: c"day_ceiling_instant",
    bound_type: pg_sys::TIMESTAMPTZOID,
    not_before: 1325,
    not_after: 1323,
};
const DATE_EQUALS: u32 = 1093;

#[pg_extern(sql = false)]
fn same_day_support(request: Internal) -> Internal {
    // SAFETY: PostgreSQL calls a support function with nothing else.
    unsafe { answer(request, simplify) }
}

/// # Safety
/// `call` is a call of `same_day` from the planner, in the query that `root` plans, or null.
unsafe fn simplify(call: *mut FuncExpr, root: *mut PlannerInfo) -> *mut Node {
    // SAFETY: the arguments of a call are nodes; what is used twice is copied, as the planner changes trees in place.
    unsafe {
        let arguments = PgList::<Node>::from_pg((*call).args);
        let (Some(day), Some(key)) = (arguments.get_ptr(0), arguments.get_ptr(1)) else {
            return std::ptr::null_mut();
        };
        if is_column(day, root) {
            return compare(DATE_EQUALS, day, key);
        }
        let Some((at, zone, comparison)) = instant_of(day) else {
            return std::ptr::null_mut();
        };
        let schema = pg_sys::get_func_namespace((*call).funcid);
        let mut clauses = PgList::<Node>::new();
        clauses.push(compare(
            comparison.not_before,
            at,
            bound(schema, comparison.floor, comparison, [key, zone]),
        ));
        clauses.push(compare(
            comparison.not_after,
            at,
            bound(schema, comparison.ceiling, comparison, [key, zone]),
        ));
        clauses.push(compare(DATE_EQUALS, day, key));
        pg_sys::make_andclause(clauses.into_pg()).cast()
    }
}

/// What `vend.local_day(at, zone)` has become when the planner has put its body in its place: its instant and its zone. A source's
/// timestamp in UTC is found under the cast that makes it one.
///
/// # Safety
/// `day` is a node.
unsafe fn instant_of(day: *mut Node) -> Option<(*mut Node, *mut Node, &'static Comparison)> {
    // SAFETY: as the contract says; each argument is a node.
    unsafe {
        let local = argument(day, pg_sys::F_DATE_TIMESTAMP, 0)?;
        let zone = argument(local, pg_sys::F_TIMEZONE_TEXT_TIMESTAMPTZ, 0)?;
        let at = argument(local, pg_sys::F_TIMEZONE_TEXT_TIMESTAMPTZ, 1)?;
        match utc_timestamp(at) {
            Some(timestamp) => Some((timestamp, zone, &UTC_TIMESTAMP)),
            None => Some((at, zone, &INSTANT)),
        }
    }
}

/// # Safety
/// The arguments are nodes of the types date and text, `schema` the schema of `same_day`: it is looked into as such, for the reader whose query
/// is planned may have no right to name it.
unsafe fn bound(
    schema: Oid, function: &std::ffi::CStr, comparison: &Comparison, given: [*mut Node; 2],
) -> *mut Node {
    // SAFETY: the name is NUL-terminated; the function is one of those above, so it is found.
    unsafe {
        let types = [pg_sys::DATEOID, pg_sys::TEXTOID];
        let found = pg_sys::GetSysCacheOid(
            pg_sys::SysCacheIdentifier::PROCNAMEARGSNSP as i32,
            pg_sys::Anum_pg_proc_oid as pg_sys::AttrNumber,
            pg_sys::Datum::from(function.as_ptr()),
            pg_sys::Datum::from(pg_sys::buildoidvector(types.as_ptr(), 2)),
            pg_sys::Datum::from(schema),
            pg_sys::Datum::from(0),
        );
        let mut arguments = PgList::<Node>::new();
        given.into_iter().for_each(|argument| arguments.push(copy(argument)));
        pg_sys::makeFuncExpr(
            found,
            comparison.bound_type,
            arguments.into_pg(),
            Oid::INVALID,
            Oid::INVALID,
            pg_sys::CoercionForm::COERCE_EXPLICIT_CALL,
        )
        .cast()
    }
}

extension_sql!(
    r#"
CREATE FUNCTION vend_internal.same_day_support(internal) RETURNS internal
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'same_day_support_wrapper';
COMMENT ON FUNCTION vend_internal.same_day_support(internal) IS 'Tells the planner what same_day says of an instant.';
ALTER FUNCTION vend_internal.same_day(date, date) SUPPORT vend_internal.same_day_support;
COMMENT ON FUNCTION vend_internal.same_day(date, date) IS
    'Whether two dates are the same; of vend.local_day() the planner then finds the rows by an index on the instant, of a column by one on it.';
"#,
    name = "same_day_support",
    requires = [same_day, day_floor, day_ceiling, day_floor_instant, day_ceiling_instant]
);
