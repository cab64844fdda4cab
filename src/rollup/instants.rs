//! Conditions on an instant that an ordinary index answers where the source has a timestamp in UTC: staging makes an instant
//! of it by a cast, under which no index would be found.
use super::nodes::{answer, compare, copy, in_utc, utc_timestamp};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::{FuncExpr, Node, NodeTag, PlannerInfo};
use pgrx::prelude::*;
use pgrx::{Internal, PgList};

#[pg_extern(schema = "vend_internal", immutable, parallel_safe)]
fn is_absent(at: Option<TimestampWithTimeZone>) -> bool {
    at.is_none()
}

#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn is_after(at: TimestampWithTimeZone, other: TimestampWithTimeZone) -> bool {
    at > other
}

/// `timestamp > timestamp` has the same number in every release (pg_operator.dat).
const TIMESTAMP_AFTER: u32 = 2064;
const INSTANT_AFTER: u32 = 1324;

#[pg_extern(sql = false)]
fn instant_support(request: Internal) -> Internal {
    // SAFETY: PostgreSQL calls a support function with nothing else.
    unsafe { answer(request, simplify) }
}

/// # Safety
/// `call` is a call of one of the two from the planner.
unsafe fn simplify(call: *mut FuncExpr, _root: *mut PlannerInfo) -> *mut Node {
    // SAFETY: the arguments of a call are nodes; what is used is copied, as the planner changes trees in place.
    unsafe {
        let arguments = PgList::<Node>::from_pg((*call).args);
        match (arguments.get_ptr(0), arguments.get_ptr(1)) {
            (Some(at), None) => absent(utc_timestamp(at).unwrap_or(at)),
            (Some(at), Some(other)) => match utc_timestamp(at) {
                Some(timestamp) => compare(TIMESTAMP_AFTER, timestamp, in_utc(other)),
                None => compare(INSTANT_AFTER, at, other),
            },
            _ => std::ptr::null_mut(),
        }
    }
}

/// # Safety
/// `value` is a node.
unsafe fn absent(value: *mut Node) -> *mut Node {
    // SAFETY: the planner's memory, zeroed.
    unsafe {
        let test: *mut pg_sys::NullTest = pg_sys::palloc0(size_of::<pg_sys::NullTest>()).cast();
        (*test).xpr.type_ = NodeTag::T_NullTest;
        (*test).arg = copy(value).cast();
        (*test).nulltesttype = pg_sys::NullTestType::IS_NULL;
        (*test).location = -1;
        test.cast()
    }
}

extension_sql!(
    r#"
CREATE FUNCTION vend_internal.instant_support(internal) RETURNS internal
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'instant_support_wrapper';
COMMENT ON FUNCTION vend_internal.instant_support(internal) IS 'Tells the planner what is_absent and is_after say of a timestamp in UTC.';
ALTER FUNCTION vend_internal.is_absent(timestamptz) SUPPORT vend_internal.instant_support;
ALTER FUNCTION vend_internal.is_after(timestamptz, timestamptz) SUPPORT vend_internal.instant_support;
COMMENT ON FUNCTION vend_internal.is_absent(timestamptz) IS 'IS NULL, found by an index on the source''s timestamp.';
COMMENT ON FUNCTION vend_internal.is_after(timestamptz, timestamptz) IS 'Whether an instant is later than another, found by an index on the source''s timestamp.';
"#,
    name = "instant_support",
    requires = [is_absent, is_after]
);
