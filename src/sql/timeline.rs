//! `vend.timeline` and its accessors: convert, call core, convert back. SQL types are given in `sql/timeline.sql`; a
//! timeline's bytes come and go as those of a bytea.
use super::datum::{Bytes, NumericArg, TextArg, date, numeric, percent};
use super::{aggregate, bridge::Outcome, wire, zone};
use crate::core::bucket::{Bucket, Calendar};
use crate::core::calendar::{DAY, Instant, Period, Span};
use crate::core::error::CoreError;
use crate::core::keys::KeyKind;
use crate::core::money::Amount;
use crate::core::movements::{self, Mode, Movements, Total};
use crate::core::retention::{self, Variant};
use crate::core::steps::Steps;
use crate::core::timeline::Timeline;
use crate::core::two_instants;
use crate::core::{keys, steps_text};
use pgrx::datum::{Date, TimestampWithTimeZone, Uuid};
use pgrx::pg_sys::FunctionCallInfo;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{AnyNumeric, Internal};
use std::ffi::{CStr, CString};

#[pg_extern(sql = false)]
fn timeline_in(text: &CStr) -> Outcome<Vec<u8>> {
    Ok(steps_text::from_json(wire::text(text, "timeline")?)?)
}

#[pg_extern(sql = false)]
fn timeline_out(timeline: &[u8]) -> Outcome<CString> {
    let text = steps_text::to_json(Steps::read(timeline)?)?;
    CString::new(text).map_err(|_| CoreError::CorruptState.into())
}

#[pg_extern(sql = false)]
fn timeline_recv(message: Internal) -> Outcome<Vec<u8>> {
    let bytes = wire::rest_of_message(message);
    Steps::read(&bytes)?.visit(|_, _| Ok(()))?;
    Ok(bytes)
}

#[pg_extern(sql = false)]
fn timeline_send(timeline: &[u8]) -> Vec<u8> {
    timeline.to_vec()
}

fn push(
    mut slot: Internal, customer: Option<(KeyKind, u128)>, valid_from: Option<TimestampWithTimeZone>,
    valid_to: Option<TimestampWithTimeZone>, monthly_amount: Option<NumericArg>, fcinfo: FunctionCallInfo,
) -> Outcome<Internal> {
    if let (Some((kind, key)), Some(from), Some(amount)) = (customer, valid_from, monthly_amount) {
        let paid = Span { from: from.into(), until: valid_to.map(i64::from) };
        aggregate::state::<Timeline>(&mut slot, fcinfo)?.push(kind, key, paid, amount.amount()?)?;
    }
    Ok(slot)
}

#[pg_extern(sql = false)]
fn timeline_accum_uuid(
    slot: Internal, customer: Option<Uuid>, valid_from: Option<TimestampWithTimeZone>,
    valid_to: Option<TimestampWithTimeZone>, monthly_amount: Option<NumericArg>, fcinfo: FunctionCallInfo,
) -> Outcome<Internal> {
    let customer = customer.map(|id| (KeyKind::Uuid, keys::of_uuid(*id.as_bytes())));
    push(slot, customer, valid_from, valid_to, monthly_amount, fcinfo)
}

#[pg_extern(sql = false)]
fn timeline_accum_bigint(
    slot: Internal, customer: Option<i64>, valid_from: Option<TimestampWithTimeZone>,
    valid_to: Option<TimestampWithTimeZone>, monthly_amount: Option<NumericArg>, fcinfo: FunctionCallInfo,
) -> Outcome<Internal> {
    let customer = customer.map(|id| (KeyKind::Bigint, keys::of_bigint(id)));
    push(slot, customer, valid_from, valid_to, monthly_amount, fcinfo)
}

#[pg_extern(sql = false)]
fn timeline_accum_text(
    slot: Internal, customer: Option<TextArg>, valid_from: Option<TimestampWithTimeZone>,
    valid_to: Option<TimestampWithTimeZone>, monthly_amount: Option<NumericArg>, fcinfo: FunctionCallInfo,
) -> Outcome<Internal> {
    let customer = customer.map(|id| (KeyKind::Text, keys::of_text(id.bytes())));
    push(slot, customer, valid_from, valid_to, monthly_amount, fcinfo)
}

#[pg_extern(sql = false)]
fn timeline_combine(into: Internal, from: Internal, fcinfo: FunctionCallInfo) -> Outcome<Internal> {
    aggregate::combine::<Timeline>(into, from, fcinfo)
}

#[pg_extern(sql = false)]
fn timeline_serial(slot: Internal) -> Outcome<Bytes> {
    aggregate::serial::<Timeline>(slot)
}

#[pg_extern(sql = false)]
fn timeline_deserial(bytes: &[u8], _slot: Internal) -> Outcome<Internal> {
    aggregate::deserial::<Timeline>(bytes)
}

#[pg_extern(sql = false)]
fn timeline_final(slot: Internal) -> Outcome<Bytes> {
    aggregate::serial::<Timeline>(slot)
}

#[pg_extern(sql = false)]
fn timeline_rollup_accum(
    mut slot: Internal, timeline: Option<&[u8]>, fcinfo: FunctionCallInfo,
) -> Outcome<Internal> {
    if let Some(bytes) = timeline {
        aggregate::state::<Timeline>(&mut slot, fcinfo)?.add(bytes)?;
    }
    Ok(slot)
}

#[pg_extern(sql = false)]
fn mrr_at(timeline: &[u8], at: TimestampWithTimeZone) -> Outcome<AnyNumeric> {
    let steps = Steps::read(timeline)?;
    numeric(Amount::new(two_instants::at(steps, at.into())?.0, steps.scale))
}

#[pg_extern(sql = false)]
fn customers_at(timeline: &[u8], at: TimestampWithTimeZone) -> Outcome<i64> {
    let (_, customers) = two_instants::at(Steps::read(timeline)?, at.into())?;
    i64::try_from(customers).map_err(|_| CoreError::CountOutOfRange.into())
}

/// Buckets that overlap `[since, until)` in a zone.
fn calendar(bucket: &str, since: i32, until: i32, timezone: &str) -> Outcome<Calendar> {
    let bucket = Bucket::parse(bucket)?;
    let instant = |day: i32| i64::from(day).checked_mul(DAY).ok_or_else(|| CoreError::DateOutOfRange);
    // A year's first day may lie a year before, and its last a year after.
    let margin = DAY.saturating_mul(400);
    let zone =
        zone::load(timezone, instant(since)?.saturating_sub(margin), instant(until)?.saturating_add(margin))?;
    Ok(Calendar::new(bucket, since, until, &zone)?)
}

#[allow(clippy::type_complexity)]
#[pg_extern(sql = false)]
fn mrr_movements(
    timeline: &[u8], since: Date, until: Date, bucket: &str, timezone: &str, mode: &str,
    as_of: TimestampWithTimeZone,
) -> Result<
    TableIterator<
        'static,
        (
            name!(period, Date),
            name!(opening_mrr, AnyNumeric),
            name!(new_mrr, AnyNumeric),
            name!(expansion_mrr, AnyNumeric),
            name!(contraction_mrr, AnyNumeric),
            name!(churned_mrr, AnyNumeric),
            name!(reactivation_mrr, AnyNumeric),
            name!(closing_mrr, AnyNumeric),
            name!(opening_customers, i64),
            name!(new_customers, i64),
            name!(expanded_customers, i64),
            name!(contracted_customers, i64),
            name!(churned_customers, i64),
            name!(reactivated_customers, i64),
            name!(closing_customers, i64),
            name!(is_complete, bool),
        ),
    >,
    ErrorReport,
> {
    let mode = Mode::parse(mode)?;
    let calendar = calendar(bucket, since.to_pg_epoch_days(), until.to_pg_epoch_days(), timezone)?;
    let steps = Steps::read(timeline)?;
    let as_of: Instant = as_of.into();
    let found = movements::movements(steps, &calendar, mode, as_of)?;
    let mut rows = Vec::with_capacity(found.len());
    for (n, row) in found.iter().enumerate() {
        let money = |total: Total| numeric(Amount::new(total.mrr, steps.scale));
        let &Movements { opening, new, expansion, contraction, churned, reactivation, closing } = row;
        let end = calendar.starts.get(n.saturating_add(1)).copied();
        rows.push((
            date(calendar.days.get(n).copied().unwrap_or_default())?,
            money(opening)?,
            money(new)?,
            money(expansion)?,
            money(contraction)?,
            money(churned)?,
            money(reactivation)?,
            money(closing)?,
            opening.count,
            new.count,
            expansion.count,
            contraction.count,
            churned.count,
            reactivation.count,
            closing.count,
            end.is_some_and(|end| end <= as_of),
        ));
    }
    Ok(TableIterator::new(rows))
}

fn compare(
    timeline: &[u8], t0: TimestampWithTimeZone, t1: TimestampWithTimeZone,
) -> Outcome<two_instants::Comparison> {
    let period = Period::new(t0.into(), t1.into())?;
    Ok(two_instants::compare(Steps::read(timeline)?, period)?)
}

#[pg_extern(sql = false)]
fn net_revenue_retention(
    timeline: &[u8], t0: TimestampWithTimeZone, t1: TimestampWithTimeZone,
) -> Outcome<Option<AnyNumeric>> {
    let found = compare(timeline, t0, t1)?;
    percent(found.kept, found.base)
}

#[pg_extern(sql = false)]
fn gross_revenue_retention(
    timeline: &[u8], t0: TimestampWithTimeZone, t1: TimestampWithTimeZone,
) -> Outcome<Option<AnyNumeric>> {
    let found = compare(timeline, t0, t1)?;
    percent(found.kept_capped, found.base)
}

#[pg_extern(sql = false)]
fn logo_churn(
    timeline: &[u8], t0: TimestampWithTimeZone, t1: TimestampWithTimeZone,
) -> Outcome<Option<AnyNumeric>> {
    let found = compare(timeline, t0, t1)?;
    percent(found.lost.into(), found.customers.into())
}

#[pg_extern(sql = false)]
fn quick_ratio(
    timeline: &[u8], t0: TimestampWithTimeZone, t1: TimestampWithTimeZone,
) -> Outcome<Option<AnyNumeric>> {
    let period = Period::new(t0.into(), t1.into())?;
    let calendar = Calendar { days: vec![0, 1], starts: vec![period.start, period.end] };
    let found = movements::movements(Steps::read(timeline)?, &calendar, Mode::Period, period.end)?;
    let row = found.first().copied().unwrap_or_default();
    let sum = |amounts: &[i128]| amounts.iter().try_fold(0i128, |sum, amount| sum.checked_add(*amount));
    let gained = sum(&[row.new.mrr, row.reactivation.mrr, row.expansion.mrr])
        .ok_or_else(|| CoreError::AmountOutOfRange)?;
    let lost = sum(&[row.churned.mrr, row.contraction.mrr]).ok_or_else(|| CoreError::AmountOutOfRange)?;
    if lost == 0 {
        return Ok(None);
    }
    Ok(Some(numeric(Amount::new(gained, 0))? / numeric(Amount::new(lost, 0))?))
}

#[allow(clippy::type_complexity)]
#[pg_extern(sql = false)]
fn cohort_retention_timeline(
    timeline: &[u8], bucket: &str, timezone: &str, variant: &str, as_of: TimestampWithTimeZone,
) -> Result<
    TableIterator<
        'static,
        (
            name!(cohort, Date),
            name!(period, i32),
            name!(cohort_size, i64),
            name!(retained, i64),
            name!(retention_rate, Option<AnyNumeric>),
            name!(cohort_mrr, AnyNumeric),
            name!(retained_mrr, AnyNumeric),
            name!(revenue_retention_rate, Option<AnyNumeric>),
            name!(is_complete, bool),
        ),
    >,
    ErrorReport,
> {
    let variant = Variant::parse(variant)?;
    let as_of: Instant = as_of.into();
    let steps = Steps::read(timeline)?;
    let mut rows = Vec::new();
    let (since, until) = retention::extent(steps, as_of)?.unwrap_or_default();
    let day = |at: Instant| i32::try_from(at.div_euclid(DAY)).map_err(|_| CoreError::DateOutOfRange);
    // Local dates differ from those of UTC by a day at most.
    let calendar = calendar(bucket, day(since)?.saturating_sub(1), day(until)?.saturating_add(2), timezone)?;
    for cohort in retention::retention(steps, &calendar, variant, as_of)? {
        for (period, &(retained, mrr)) in cohort.cells.iter().enumerate() {
            let end = calendar.starts.get(cohort.bucket.saturating_add(period).saturating_add(1));
            rows.push((
                date(calendar.days.get(cohort.bucket).copied().unwrap_or_default())?,
                i32::try_from(period).map_err(|_| CoreError::CountOutOfRange)?,
                cohort.size,
                retained,
                percent(retained.into(), cohort.size.into())?,
                numeric(Amount::new(cohort.mrr, steps.scale))?,
                numeric(Amount::new(mrr, steps.scale))?,
                percent(mrr, cohort.mrr)?,
                end.is_some_and(|&end| end <= as_of),
            ));
        }
    }
    Ok(TableIterator::new(rows))
}

extension_sql_file!("../../sql/timeline.sql", name = "timeline");
