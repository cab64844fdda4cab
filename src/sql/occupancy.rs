//! `vend.occupancy` and its accessors, and `vend.hourly_occupancy`: convert, call core, convert back. SQL types are given in
//! `sql/occupancy.sql`; an occupancy's bytes come and go as those of a bytea.
use super::datum::{Bytes, JsonbArg, JsonbText, NumericArg, TextArg, finite, numeric, percent};
use super::{aggregate, bridge::Outcome, wire, zone};
use crate::core::cells::{self, WHOLE};
use crate::core::error::CoreError;
use crate::core::money::Amount;
use crate::core::occupancy::Occupancy;
use crate::core::occupancy_rates;
use crate::core::occupancy_text;
use crate::core::rate::Rate;
use crate::core::visits::{LocalDay, Visits};
use pgrx::datum::{Date, TimestampWithTimeZone};
use pgrx::pg_sys::FunctionCallInfo;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, Internal};
use std::ffi::{CStr, CString};

#[pg_extern(sql = false)]
fn occupancy_in(text: &CStr) -> Outcome<Vec<u8>> {
    Ok(occupancy_text::from_json(wire::text(text, "occupancy")?)?)
}

#[pg_extern(sql = false)]
fn occupancy_out(occupancy: &[u8]) -> Outcome<CString> {
    CString::new(occupancy_text::to_json(occupancy)?).map_err(|_| CoreError::CorruptState.into())
}

#[pg_extern(sql = false)]
fn occupancy_recv(message: Internal) -> Outcome<Vec<u8>> {
    let bytes = wire::rest_of_message(message);
    cells::read(&bytes, |_, _| Ok(()))?;
    Ok(bytes)
}

#[pg_extern(sql = false)]
fn occupancy_send(occupancy: &[u8]) -> Vec<u8> {
    occupancy.to_vec()
}

#[pg_extern(sql = false)]
fn occupancy_accum(
    mut slot: Internal, hourly: Option<JsonbArg>, capacity: Option<i32>, fcinfo: FunctionCallInfo,
) -> Outcome<Internal> {
    if let Some(hourly) = hourly {
        aggregate::state::<Occupancy>(&mut slot, fcinfo)?.push(hourly.container(), capacity)?;
    }
    Ok(slot)
}

#[pg_extern(sql = false)]
fn occupancy_combine(into: Internal, from: Internal, fcinfo: FunctionCallInfo) -> Outcome<Internal> {
    aggregate::combine::<Occupancy>(into, from, fcinfo)
}

#[pg_extern(sql = false)]
fn occupancy_serial(slot: Internal) -> Outcome<Bytes> {
    aggregate::serial::<Occupancy>(slot)
}

#[pg_extern(sql = false)]
fn occupancy_deserial(bytes: &[u8], _slot: Internal) -> Outcome<Internal> {
    aggregate::deserial::<Occupancy>(bytes)
}

#[pg_extern(sql = false)]
fn occupancy_final(slot: Internal) -> Outcome<Bytes> {
    aggregate::serial::<Occupancy>(slot)
}

#[pg_extern(sql = false)]
fn occupancy_rollup_accum(
    mut slot: Internal, occupancy: Option<&[u8]>, fcinfo: FunctionCallInfo,
) -> Outcome<Internal> {
    if let Some(bytes) = occupancy {
        aggregate::state::<Occupancy>(&mut slot, fcinfo)?.add(bytes)?;
    }
    Ok(slot)
}

fn rate(rate: Rate) -> Outcome<Option<AnyNumeric>> {
    percent(rate.count, rate.capacity)
}

#[pg_extern(sql = false)]
fn avg_rate(occupancy: &[u8]) -> Outcome<Option<AnyNumeric>> {
    rate(occupancy_rates::average(occupancy)?)
}

#[pg_extern(sql = false)]
fn peak_rate(occupancy: &[u8]) -> Outcome<Option<AnyNumeric>> {
    rate(occupancy_rates::highest(occupancy)?)
}

#[pg_extern(sql = false)]
fn min_rate(occupancy: &[u8]) -> Outcome<Option<AnyNumeric>> {
    rate(occupancy_rates::lowest(occupancy)?)
}

#[pg_extern(sql = false)]
fn busiest_hour(occupancy: &[u8]) -> Outcome<Option<i32>> {
    Ok(occupancy_rates::busiest_hour(occupancy)?)
}

#[pg_extern(sql = false)]
fn peak_hours(occupancy: &[u8], threshold: NumericArg) -> Outcome<i64> {
    Ok(occupancy_rates::peak_hours(occupancy, threshold.amount()?)?)
}

#[allow(clippy::type_complexity)]
#[pg_extern(sql = false)]
fn hourly_profile(
    occupancy: &[u8],
) -> Result<
    TableIterator<
        'static,
        (
            name!(hour, i32),
            name!(days, i64),
            name!(avg_count, AnyNumeric),
            name!(avg_rate, Option<AnyNumeric>),
            name!(max_rate, Option<AnyNumeric>),
        ),
    >,
    ErrorReport,
> {
    let mut rows = Vec::new();
    for (n, hour) in (0..).zip(&occupancy_rates::hours(occupancy)?).filter(|(_, hour)| hour.days > 0) {
        let days = i64::try_from(hour.days).map_err(|_| CoreError::CountOutOfRange)?;
        let billionths = i128::from(days) * i128::from(WHOLE);
        let mean = numeric(Amount::new(hour.count, 0))? / numeric(Amount::new(billionths, 0))?;
        rows.push((n, days, mean, rate(hour.pooled)?, rate(hour.highest)?));
    }
    Ok(TableIterator::new(rows))
}

#[pg_extern(sql = false)]
fn hourly_occupancy_accum(
    mut slot: Internal, entered_at: Option<TimestampWithTimeZone>, exited_at: Option<TimestampWithTimeZone>,
    day: Option<Date>, timezone: Option<TextArg>, fcinfo: FunctionCallInfo,
) -> Outcome<Internal> {
    let day = finite(day.ok_or(CoreError::NullArgument("day"))?)?;
    let timezone = timezone.ok_or(CoreError::NullArgument("timezone"))?;
    let visits = aggregate::state::<Visits>(&mut slot, fcinfo)?;
    if !visits.day().is_some_and(|known| known.is(day, timezone.bytes())) {
        visits.begin(LocalDay::new(day, timezone.bytes(), &zone::around(timezone.bytes(), day)?)?)?;
    }
    if let Some(entered) = entered_at {
        visits.push(entered.into(), exited_at.map(i64::from))?;
    }
    Ok(slot)
}

#[pg_extern(sql = false)]
fn hourly_occupancy_combine(into: Internal, from: Internal, fcinfo: FunctionCallInfo) -> Outcome<Internal> {
    aggregate::combine::<Visits>(into, from, fcinfo)
}

#[pg_extern(sql = false)]
fn hourly_occupancy_serial(slot: Internal) -> Outcome<Bytes> {
    aggregate::serial::<Visits>(slot)
}

#[pg_extern(sql = false)]
fn hourly_occupancy_deserial(bytes: &[u8], _slot: Internal) -> Outcome<Internal> {
    aggregate::deserial::<Visits>(bytes)
}

#[pg_extern(sql = false)]
fn hourly_occupancy_final(slot: Internal) -> Option<JsonbText> {
    aggregate::peek::<Visits>(&slot).and_then(Visits::to_json).map(JsonbText)
}

extension_sql_file!("../../sql/occupancy.sql", name = "occupancy");
