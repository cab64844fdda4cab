//! `vend.mrr`: convert, call core, convert back; the `unsafe` is in aggregate.rs.
use super::datum::{Bytes, NumericArg, numeric};
use super::{aggregate, bridge::Outcome};
use crate::core::calendar::Span;
use crate::core::mrr::Mrr;
use pgrx::pg_sys::FunctionCallInfo;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, Internal, datum::TimestampWithTimeZone as Instant};

#[pg_extern(schema = "vend_internal", immutable, parallel_safe)]
fn mrr_accum(
    mut slot: Internal, monthly_amount: Option<NumericArg>, valid_from: Option<Instant>,
    valid_to: Option<Instant>, at: Option<Instant>, fcinfo: FunctionCallInfo,
) -> Outcome<Internal> {
    // No valid_to means still paying; any other NULL means the row says nothing.
    if let (Some(amount), Some(from), Some(at)) = (monthly_amount, valid_from, at) {
        let paid = Span { from: from.into(), until: valid_to.map(i64::from) };
        aggregate::state::<Mrr>(&mut slot, fcinfo)?.push(amount.amount()?, paid, at.into())?;
    }
    Ok(slot)
}

#[pg_extern(schema = "vend_internal", immutable, parallel_safe)]
fn mrr_combine(into: Internal, from: Internal, fcinfo: FunctionCallInfo) -> Outcome<Internal> {
    aggregate::combine::<Mrr>(into, from, fcinfo)
}

#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn mrr_serial(slot: Internal) -> Outcome<Bytes> {
    aggregate::serial::<Mrr>(slot)
}

#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn mrr_deserial(bytes: &[u8], _slot: Internal) -> Outcome<Internal> {
    aggregate::deserial::<Mrr>(bytes)
}

#[pg_extern(schema = "vend_internal", immutable, parallel_safe)]
fn mrr_final(slot: Internal) -> Outcome<AnyNumeric> {
    numeric(aggregate::peek::<Mrr>(&slot).cloned().unwrap_or_default().sum)
}

extension_sql_file!(
    "../../sql/mrr.sql",
    name = "mrr",
    requires = [mrr_accum, mrr_combine, mrr_serial, mrr_deserial, mrr_final]
);
