//! The running state of an aggregate: where it lives and how it is handed over. The only `unsafe` of aggregates.
//!
//! Support functions take `internal` and are granted to nobody, so that a slot always holds the type that its
//! own aggregate put there.
use super::bridge::Outcome;
use super::datum::Bytes;
use crate::core::codec::Summary;
use pgrx::pg_sys::FunctionCallInfo;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{Internal, PgMemoryContexts};

/// The state in `slot`, made on first use in memory that lives as long as the group.
pub fn state<T: Default>(slot: &mut Internal, fcinfo: FunctionCallInfo) -> Outcome<&mut T> {
    if !slot.initialized() {
        place(slot, T::default(), fcinfo)?;
    }
    // SAFETY: initialised just above or by an earlier call of the same aggregate, with the same T.
    unsafe { slot.get_mut::<T>() }.ok_or_else(outside)
}

/// Merges `from`, which `deserial` made for this one call, into `into`.
pub fn combine<T: Summary + Default>(
    mut into: Internal, mut from: Internal, fcinfo: FunctionCallInfo,
) -> Outcome<Internal> {
    // SAFETY: as for `peek`; parallel aggregates of an internal state always hand it over as bytes.
    if let Some(from) = unsafe { from.get_mut::<T>() } {
        state::<T>(&mut into, fcinfo)?.merge(from)?;
    }
    Ok(into)
}

/// The summary in its stored form, which is also what a parallel worker hands over.
pub fn serial<T: Summary + Default>(mut slot: Internal) -> Outcome<Bytes> {
    let mut bytes = Bytes::new();
    // SAFETY: as for `peek`; PostgreSQL runs one support function of a group at a time.
    match unsafe { slot.get_mut::<T>() } {
        Some(state) => state.encode(&mut bytes)?,
        None => T::default().encode(&mut bytes)?,
    }
    Ok(bytes)
}

/// The result is short-lived: combine copies from it.
pub fn deserial<T: Summary>(bytes: &[u8]) -> Outcome<Internal> {
    Ok(Internal::new(T::decode(bytes)?))
}

pub fn peek<T>(slot: &Internal) -> Option<&T> {
    // SAFETY: null, or filled by `state`, `combine` or `deserial` of the same aggregate.
    unsafe { slot.get::<T>() }
}

fn place<T>(slot: &mut Internal, value: T, fcinfo: FunctionCallInfo) -> Outcome<()> {
    let mut context = std::ptr::null_mut();
    // SAFETY: fcinfo is the one of this call; the function only reads it and fills `context`.
    if unsafe { pg_sys::AggCheckCallContext(fcinfo, &mut context) } == 0 {
        return Err(outside());
    }
    // SAFETY: AggCheckCallContext filled in a context that lives as long as the group; it drops the value.
    let state = PgMemoryContexts::For(context).leak_and_drop_on_delete(value);
    *slot = Internal::from(Some(pg_sys::Datum::from(state)));
    Ok(())
}

fn outside() -> ErrorReport {
    ErrorReport::new(
        PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
        "aggregate support function called outside an aggregate",
        "vend_analytics",
    )
    .set_hint("Call the aggregate.")
}
