//! The rows of `vend.create_demo`, one function a table and one call a garage; the tables are filled in
//! `sql/demo.sql`. A garage's rows are collected before they are returned: the plan's bounds keep them in memory.
// pgrx reads the columns from the return type, so it cannot be an alias.
#![allow(clippy::type_complexity)]
use super::bridge::Outcome;
use super::zone;
use crate::core::calendar::{DAY, Instant, Zone};
use crate::core::demo::garages::Garage;
use crate::core::demo::hourly::hourly_counts;
use crate::core::demo::visits::Barrier;
use crate::core::demo::{Plan, billing, draws::Id, people};
use crate::core::error::CoreError;
use pgrx::datum::{Timestamp, TimestampWithTimeZone};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{Uuid, iter::TableIterator};

/// Everything about one garage that its rows need.
struct Site {
    plan: Plan,
    garage: Garage,
}

impl Site {
    fn new(
        seed: i64, garages: i32, customers: i32, months: i32, as_of: TimestampWithTimeZone, garage: i32,
    ) -> Outcome<Site> {
        let plan = Plan::new(seed, garages, customers, months, as_of.into())?;
        let number = plan.garage(garage)?;
        Ok(Site { plan, garage: Garage::new(&plan, number) })
    }
    fn accounts(&self) -> Vec<billing::Account> {
        billing::accounts(&self.plan, &self.garage, Garage::partner(&self.plan, self.garage.number).as_ref())
    }
    fn zone(&self) -> Outcome<Zone> {
        let margin = 3 * DAY;
        let (from, until) = (self.plan.start, self.plan.as_of);
        zone::load(self.garage.city.timezone, from.saturating_sub(margin), until.saturating_add(margin))
    }
}

fn uuid(id: Id) -> Uuid {
    Uuid::from_bytes(id)
}

fn at(instant: Instant) -> Outcome<Timestamp> {
    Timestamp::try_from(instant).map_err(|_| CoreError::DateOutOfRange.into())
}

fn at_some(instant: Option<Instant>) -> Outcome<Option<Timestamp>> {
    instant.map(at).transpose()
}

fn rows<T>(rows: impl Iterator<Item = Outcome<T>>) -> Outcome<TableIterator<'static, T>>
where
    T: 'static,
{
    Ok(TableIterator::new(rows.collect::<Outcome<Vec<T>>>()?))
}

/// Checks the arguments, with an error that names the one at fault.
#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn demo_check(
    seed: i64, garages: i32, customers: i32, months: i32, as_of: TimestampWithTimeZone,
) -> Outcome<bool> {
    Ok(Plan::new(seed, garages, customers, months, as_of.into()).map(|_| true)?)
}

#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn demo_users(
    seed: i64, garages: i32, customers: i32, months: i32, as_of: TimestampWithTimeZone, garage: i32,
) -> Result<
    TableIterator<
        'static,
        (
            name!(id, Uuid),
            name!(first_name, &'static str),
            name!(last_name, &'static str),
            name!(email, String),
            name!(phone, String),
            name!(stripe_customer_id, Option<String>),
            name!(role, &'static str),
            name!(created_at, Timestamp),
        ),
    >,
    ErrorReport,
> {
    let Site { plan, garage } = Site::new(seed, garages, customers, months, as_of, garage)?;
    rows(people::people(&plan, &garage).into_iter().map(|person| {
        Ok((
            uuid(person.id),
            person.first_name,
            person.last_name,
            person.email,
            person.phone,
            person.stripe_customer_id,
            person.role,
            at(person.created)?,
        ))
    }))
}

#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn demo_garages(
    seed: i64, garages: i32, customers: i32, months: i32, as_of: TimestampWithTimeZone, garage: i32,
) -> Result<
    TableIterator<
        'static,
        (
            name!(id, Uuid),
            name!(name, String),
            name!(address, String),
            name!(capacity, i32),
            name!(stripe_account_id, String),
            name!(timezone, &'static str),
            name!(created_at, Timestamp),
        ),
    >,
    ErrorReport,
> {
    let Site { garage, .. } = Site::new(seed, garages, customers, months, as_of, garage)?;
    rows(std::iter::once(garage).map(|garage| {
        Ok((
            uuid(garage.id),
            garage.name,
            garage.address,
            garage.capacity,
            garage.stripe_account_id,
            garage.city.timezone,
            at(garage.opened)?,
        ))
    }))
}

#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn demo_passes(
    seed: i64, garages: i32, customers: i32, months: i32, as_of: TimestampWithTimeZone, garage: i32,
) -> Result<
    TableIterator<
        'static,
        (
            name!(id, Uuid),
            name!(garage_id, Uuid),
            name!(name, &'static str),
            name!(description, &'static str),
            name!(stripe_product_id, String),
            name!(stripe_price_id, String),
            name!(cents, i64),
            name!(active, bool),
            name!(created_at, Timestamp),
            name!(updated_at, Timestamp),
        ),
    >,
    ErrorReport,
> {
    let Site { plan, garage } = Site::new(seed, garages, customers, months, as_of, garage)?;
    rows(garage.passes.iter().filter_map(|pass| Some((pass, pass.price_at(plan.as_of)?))).map(
        |(pass, price)| {
            Ok((
                uuid(pass.id),
                uuid(garage.id),
                pass.offer.name,
                pass.offer.description,
                pass.stripe_product_id.clone(),
                price.stripe_price_id.clone(),
                price.cents,
                pass.withdrawn.is_none(),
                at(pass.created)?,
                at(pass.updated(&plan))?,
            ))
        },
    ))
}

#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn demo_price_changes(
    seed: i64, garages: i32, customers: i32, months: i32, as_of: TimestampWithTimeZone, garage: i32,
) -> Result<
    TableIterator<
        'static,
        (
            name!(id, Uuid),
            name!(pass_id, Uuid),
            name!(old_cents, i64),
            name!(new_cents, i64),
            name!(old_stripe_price_id, String),
            name!(new_stripe_price_id, String),
            name!(effective_date, Timestamp),
        ),
    >,
    ErrorReport,
> {
    let Site { plan, garage } = Site::new(seed, garages, customers, months, as_of, garage)?;
    let changes = garage.passes.iter().flat_map(|pass| pass.changes(&plan).map(move |change| (pass, change)));
    rows(changes.map(|(pass, (old, new))| {
        Ok((
            uuid(new.id),
            uuid(pass.id),
            old.cents,
            new.cents,
            old.stripe_price_id.clone(),
            new.stripe_price_id.clone(),
            at(new.from)?,
        ))
    }))
}

#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn demo_garage_admins(
    seed: i64, garages: i32, customers: i32, months: i32, as_of: TimestampWithTimeZone, garage: i32,
) -> Result<
    TableIterator<
        'static,
        (
            name!(id, Uuid),
            name!(user_id, Uuid),
            name!(garage_id, Uuid),
            name!(assigned_by, Uuid),
            name!(assigned_at, Timestamp),
        ),
    >,
    ErrorReport,
> {
    let Site { plan, garage } = Site::new(seed, garages, customers, months, as_of, garage)?;
    let assignment = people::assignment(&plan, &garage);
    rows(std::iter::once(assignment).map(|assignment| {
        Ok((
            uuid(assignment.id),
            uuid(assignment.user),
            uuid(garage.id),
            uuid(assignment.assigned_by),
            at(garage.opened)?,
        ))
    }))
}

/// Of the garage's customers, in its partner garage too.
#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn demo_subscriptions(
    seed: i64, garages: i32, customers: i32, months: i32, as_of: TimestampWithTimeZone, garage: i32,
) -> Result<
    TableIterator<
        'static,
        (
            name!(id, Uuid),
            name!(stripe_subscription_id, String),
            name!(user_id, Uuid),
            name!(garage_id, Uuid),
            name!(pass_id, Uuid),
            name!(stripe_price_id, String),
            name!(status, &'static str),
            name!(current_period_start, Timestamp),
            name!(current_period_end, Timestamp),
            name!(cancel_at_period_end, bool),
            name!(canceled_at, Option<Timestamp>),
            name!(cents, i64),
            name!(renewal_status, Option<&'static str>),
            name!(renewal_attempted_at, Option<Timestamp>),
            name!(next_renewal_date, Option<Timestamp>),
            name!(created_at, Timestamp),
            name!(updated_at, Timestamp),
        ),
    >,
    ErrorReport,
> {
    let site = Site::new(seed, garages, customers, months, as_of, garage)?;
    rows(site.accounts().into_iter().map(|account| {
        let row = account.subscription;
        Ok((
            uuid(row.id),
            row.stripe_subscription_id,
            uuid(people::customer_id(&site.plan, site.garage.number, account.customer)),
            uuid(row.garage),
            uuid(row.pass),
            row.stripe_price_id,
            row.status.name(),
            at(row.period_start)?,
            at(row.period_end)?,
            row.cancel_at_period_end,
            at_some(row.canceled_at)?,
            row.cents,
            row.renewal_status,
            at_some(row.renewal_attempted_at)?,
            at_some(row.next_renewal)?,
            at(row.created)?,
            at(row.updated)?,
        ))
    }))
}

/// For those subscriptions, and the garage's day tickets.
#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn demo_payments(
    seed: i64, garages: i32, customers: i32, months: i32, as_of: TimestampWithTimeZone, garage: i32,
) -> Result<
    TableIterator<
        'static,
        (
            name!(id, Uuid),
            name!(stripe_payment_intent_id, String),
            name!(subscription_id, Option<Uuid>),
            name!(garage_id, Uuid),
            name!(cents, i64),
            name!(fee_cents, i64),
            name!(status, &'static str),
            name!(currency, &'static str),
            name!(payment_date, Timestamp),
            name!(updated_at, Timestamp),
        ),
    >,
    ErrorReport,
> {
    let site = Site::new(seed, garages, customers, months, as_of, garage)?;
    let charges = site.accounts().into_iter().flat_map(|account| account.payments);
    rows(charges.chain(billing::tickets(&site.plan, &site.garage)).map(|payment| {
        Ok((
            uuid(payment.id),
            payment.stripe_payment_intent_id,
            payment.subscription.map(uuid),
            uuid(payment.garage),
            payment.cents,
            payment.fee,
            payment.settlement.name(),
            payment.currency,
            at(payment.at)?,
            at(payment.updated)?,
        ))
    }))
}

#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn demo_visits(
    seed: i64, garages: i32, customers: i32, months: i32, as_of: TimestampWithTimeZone, garage: i32,
) -> Result<
    TableIterator<
        'static,
        (
            name!(id, Uuid),
            name!(garage_id, Uuid),
            name!(user_id, Option<Uuid>),
            name!(pass_id, Option<Uuid>),
            name!(vehicle_plate, String),
            name!(entered_at, Timestamp),
            name!(exited_at, Option<Timestamp>),
        ),
    >,
    ErrorReport,
> {
    let site = Site::new(seed, garages, customers, months, as_of, garage)?;
    let zone = site.zone()?;
    let barrier = Barrier::new(&site.plan, &site.garage, &zone);
    rows(barrier.days().flat_map(|day| barrier.stays(day)).map(|stay| {
        let visit = barrier.visit(&stay);
        Ok((
            uuid(visit.id),
            uuid(site.garage.id),
            visit.user.map(uuid),
            visit.pass.map(uuid),
            visit.plate,
            at(visit.entered)?,
            at_some(visit.exited)?,
        ))
    }))
}

#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn demo_hourly_counts(
    seed: i64, garages: i32, customers: i32, months: i32, as_of: TimestampWithTimeZone, garage: i32,
) -> Result<
    TableIterator<
        'static,
        (
            name!(id, Uuid),
            name!(garage_id, Uuid),
            name!(day, Timestamp),
            name!(hourly_occupancy, String),
            name!(created_at, Timestamp),
        ),
    >,
    ErrorReport,
> {
    let site = Site::new(seed, garages, customers, months, as_of, garage)?;
    let zone = site.zone()?;
    let barrier = Barrier::new(&site.plan, &site.garage, &zone);
    rows(hourly_counts(&site.plan, &site.garage, &zone, &barrier).map(|row| {
        let midnight = i64::from(row.day).saturating_mul(DAY);
        Ok((uuid(row.id), uuid(site.garage.id), at(midnight)?, row.json(), at(row.created)?))
    }))
}

/// The statements that make the operational tables in the current schema: the tables, or their keys and indexes.
#[pg_extern(schema = "vend_internal", immutable, parallel_safe, strict)]
fn operational_schema(keys: bool) -> &'static str {
    const SCHEMA: &str = include_str!("../../sql/operational_schema.sql");
    const KEYS: &str = "\n-- Keys and indexes";
    let (tables, rest) = SCHEMA.split_at(SCHEMA.find(KEYS).unwrap_or(SCHEMA.len()));
    if keys { rest } else { tables }
}

extension_sql_file!(
    "../../sql/demo.sql",
    name = "demo",
    requires = [
        demo_check,
        demo_users,
        demo_garages,
        demo_passes,
        demo_price_changes,
        demo_garage_admins,
        demo_subscriptions,
        demo_payments,
        demo_visits,
        demo_hourly_counts,
        operational_schema
    ]
);
