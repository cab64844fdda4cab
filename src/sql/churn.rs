//! `vend.churn_rate`: convert, call core, convert back; the `unsafe` is in aggregate.rs.
use super::{aggregate, bridge::Outcome, datum::Bytes};
use crate::core::calendar::{Period, Span};
use crate::core::churn::Churn;
use pgrx::pg_sys::FunctionCallInfo;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, Internal, datum::TimestampWithTimeZone as Instant};

#[pg_extern(schema = "vend_internal", immutable, parallel_safe)]
fn churn_rate_accum(
    mut slot: Internal, valid_from: Option<Instant>, valid_to: Option<Instant>,
    period_start: Option<Instant>, period_end: Option<Instant>, fcinfo: FunctionCallInfo,
) -> Outcome<Internal> {
    // No valid_to means still paying; any other NULL means the row says nothing.
    if let (Some(from), Some(start), Some(end)) = (valid_from, period_start, period_end) {
        let paid = Span { from: from.into(), until: valid_to.map(i64::from) };
        let period = Period::new(start.into(), end.into())?;
        aggregate::state::<Churn>(&mut slot, fcinfo)?.push(paid, period)?;
    }
    Ok(slot)
}

#[pg_extern(schema = "vend_internal", immutable, parallel_safe)]
fn churn_rate_combine(into: Internal, from: Internal, fcinfo: FunctionCallInfo) -> Outcome<Internal> {
    aggregate::combine::<Churn>(into, from, fcinfo)
}

#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn churn_rate_serial(slot: Internal) -> Outcome<Bytes> {
    aggregate::serial::<Churn>(slot)
}

#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn churn_rate_deserial(bytes: &[u8], _slot: Internal) -> Outcome<Internal> {
    aggregate::deserial::<Churn>(bytes)
}

#[pg_extern(schema = "vend_internal", immutable, parallel_safe)]
fn churn_rate_final(slot: Internal) -> Option<AnyNumeric> {
    let churn = aggregate::peek::<Churn>(&slot).filter(|churn| churn.opening > 0)?;
    Some(AnyNumeric::from(churn.lost) * AnyNumeric::from(100) / AnyNumeric::from(churn.opening))
}

extension_sql_file!(
    "../../sql/churn_rate.sql",
    name = "churn_rate",
    requires =
        [churn_rate_accum, churn_rate_combine, churn_rate_serial, churn_rate_deserial, churn_rate_final]
);
