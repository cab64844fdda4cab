//! `vend.activity` and its accessors: convert, call core, convert back. SQL types are given in `sql/activity.sql`; an
//! activity's bytes come and go as those of a bytea.
use super::datum::{Bytes, TextArg, date, finite, percent};
use super::{aggregate, bridge::Outcome, wire, zone};
use crate::core::activity::Activity;
use crate::core::activity_retention::{self, Variant};
use crate::core::bucket::Bucket;
use crate::core::days::Days;
use crate::core::days_text;
use crate::core::error::CoreError;
use crate::core::keys::{self, KeyKind};
use pgrx::datum::{Date, TimestampWithTimeZone, Uuid};
use pgrx::pg_sys::FunctionCallInfo;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, Internal};
use std::ffi::{CStr, CString};

#[pg_extern(sql = false)]
fn activity_in(text: &CStr) -> Outcome<Vec<u8>> {
    Ok(days_text::from_json(wire::text(text, "activity")?)?)
}

#[pg_extern(sql = false)]
fn activity_out(activity: &[u8]) -> Outcome<CString> {
    let text = days_text::to_json(Days::read(activity)?)?;
    CString::new(text).map_err(|_| CoreError::CorruptState.into())
}

#[pg_extern(sql = false)]
fn activity_recv(message: Internal) -> Outcome<Vec<u8>> {
    let bytes = wire::rest_of_message(message);
    Days::read(&bytes)?.visit(|_, _| Ok(()))?;
    Ok(bytes)
}

#[pg_extern(sql = false)]
fn activity_send(activity: &[u8]) -> Vec<u8> {
    activity.to_vec()
}

fn push(
    mut slot: Internal, entity: Option<(KeyKind, u128)>, at: Option<TimestampWithTimeZone>,
    timezone: Option<TextArg>, fcinfo: FunctionCallInfo,
) -> Outcome<Internal> {
    let timezone = timezone.ok_or(CoreError::NullArgument("timezone"))?;
    if let (Some((kind, key)), Some(at)) = (entity, at) {
        let day = zone::local_day(timezone.bytes(), at.into())?;
        aggregate::state::<Activity>(&mut slot, fcinfo)?.push(kind, key, day)?;
    }
    Ok(slot)
}

#[pg_extern(sql = false)]
fn activity_accum_uuid(
    slot: Internal, entity: Option<Uuid>, at: Option<TimestampWithTimeZone>, timezone: Option<TextArg>,
    fcinfo: FunctionCallInfo,
) -> Outcome<Internal> {
    let entity = entity.map(|id| (KeyKind::Uuid, keys::of_uuid(*id.as_bytes())));
    push(slot, entity, at, timezone, fcinfo)
}

#[pg_extern(sql = false)]
fn activity_accum_bigint(
    slot: Internal, entity: Option<i64>, at: Option<TimestampWithTimeZone>, timezone: Option<TextArg>,
    fcinfo: FunctionCallInfo,
) -> Outcome<Internal> {
    push(slot, entity.map(|id| (KeyKind::Bigint, keys::of_bigint(id))), at, timezone, fcinfo)
}

#[pg_extern(sql = false)]
fn activity_accum_text(
    slot: Internal, entity: Option<TextArg>, at: Option<TimestampWithTimeZone>, timezone: Option<TextArg>,
    fcinfo: FunctionCallInfo,
) -> Outcome<Internal> {
    let entity = entity.map(|id| (KeyKind::Text, keys::of_text(id.bytes())));
    push(slot, entity, at, timezone, fcinfo)
}

#[pg_extern(sql = false)]
fn activity_combine(into: Internal, from: Internal, fcinfo: FunctionCallInfo) -> Outcome<Internal> {
    aggregate::combine::<Activity>(into, from, fcinfo)
}

#[pg_extern(sql = false)]
fn activity_serial(slot: Internal) -> Outcome<Bytes> {
    aggregate::serial::<Activity>(slot)
}

#[pg_extern(sql = false)]
fn activity_deserial(bytes: &[u8], _slot: Internal) -> Outcome<Internal> {
    aggregate::deserial::<Activity>(bytes)
}

#[pg_extern(sql = false)]
fn activity_final(slot: Internal) -> Outcome<Bytes> {
    aggregate::serial::<Activity>(slot)
}

#[pg_extern(sql = false)]
fn activity_rollup_accum(
    mut slot: Internal, activity: Option<&[u8]>, fcinfo: FunctionCallInfo,
) -> Outcome<Internal> {
    if let Some(bytes) = activity {
        aggregate::state::<Activity>(&mut slot, fcinfo)?.add(bytes)?;
    }
    Ok(slot)
}

#[pg_extern(sql = false)]
fn active_entities(activity: &[u8], as_of: Date, days: i32) -> Outcome<i64> {
    Ok(activity_retention::active(Days::read(activity)?, finite(as_of)?, days)?)
}

#[pg_extern(sql = false)]
fn entities_by_day(
    activity: &[u8],
) -> Result<TableIterator<'static, (name!(day, Date), name!(entities, i64))>, ErrorReport> {
    let mut rows = Vec::new();
    for (day, entities) in activity_retention::by_day(Days::read(activity)?)? {
        rows.push((date(day)?, entities));
    }
    Ok(TableIterator::new(rows))
}

#[allow(clippy::type_complexity)]
#[pg_extern(sql = false)]
fn cohort_retention_activity(
    activity: Option<&[u8]>, bucket: Option<&str>, variant: Option<&str>, as_of: Option<Date>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(cohort, Date),
            name!(period, i32),
            name!(cohort_size, i64),
            name!(retained, i64),
            name!(retention_rate, Option<AnyNumeric>),
            name!(is_complete, bool),
        ),
    >,
    ErrorReport,
> {
    let bucket = Bucket::parse(bucket.ok_or(CoreError::NullArgument("bucket"))?)?;
    let variant = Variant::parse(variant.ok_or(CoreError::NullArgument("variant"))?)?;
    let mut rows = Vec::new();
    let Some(activity) = activity else { return Ok(TableIterator::new(rows)) };
    let as_of = as_of.map(finite).transpose()?;
    for cohort in activity_retention::retention(Days::read(activity)?, bucket, variant, as_of)? {
        for (period, &(retained, is_complete)) in (0..).zip(&cohort.cells) {
            let rate = percent(retained.into(), cohort.size.into())?;
            rows.push((date(cohort.day)?, period, cohort.size, retained, rate, is_complete));
        }
    }
    Ok(TableIterator::new(rows))
}

extension_sql_file!("../../sql/activity.sql", name = "activity");
