//! What `vend.attach()` makes, in order: each statement replaces what is there and keeps its columns.
// pgrx reads the columns from the return type, so it cannot be an alias.
#![allow(clippy::type_complexity)]
use pgrx::prelude::*;

struct Object {
    schema: &'static str,
    name: &'static str,
    kind: &'static str,
    statement: &'static str,
    /// Of a rollup: its key, sources and tenant column.
    rollup: Option<&'static str>,
}

macro_rules! views {
    ($schema:literal, $folder:literal, $($name:literal),+) => { objects!($schema, $folder, "view", $($name),+) };
}
macro_rules! objects {
    ($schema:literal, $folder:literal, $kind:literal, $($name:literal),+) => {
        &[$(Object {
            schema: $schema,
            name: $name,
            kind: $kind,
            statement: include_str!(concat!("../../sql/", $folder, "/", $name, ".sql")),
            rollup: None,
        }),+]
    };
}
macro_rules! rollups {
    ($($name:literal),+) => {
        &[$(Object {
            schema: "vend_reports",
            name: $name,
            kind: "rollup",
            statement: include_str!(concat!("../../sql/rollups/", $name, ".sql")),
            rollup: Some(include_str!(concat!("../../sql/rollups/", $name, ".json"))),
        }),+]
    };
}
const OBJECTS: &[&[Object]] = &[
    views!(
        "vend_marts",
        "marts",
        "garage_terms",
        "local_payments",
        "payment_attempts",
        "counted_payments",
        "payment_movements",
        "open_visits",
        "visits",
        "visit_movements",
        "capacity_periods",
        "hourly_documents"
    ),
    rollups!("daily_revenue", "subscription_timelines", "daily_visits", "hourly_occupancy"),
    views!(
        "vend_marts",
        "marts",
        "garage_currencies",
        "sole_currencies",
        "subscription_currencies",
        "subscription_scopes",
        "subscription_periods",
        "garage_scopes",
        "garage_calendars",
        "garage_movements",
        "pass_movements",
        "platform_timelines",
        "platform_movements",
        "garage_cohorts",
        "platform_cohorts",
        "garage_daily_visits",
        "garages",
        "passes",
        "users",
        "subscriptions",
        "payments",
        "parking_events",
        "occupancy_documents",
        "daily_occupancy",
        "daily_revenue",
        "active_subscriptions",
        "current_month_metrics",
        "current_occupancy",
        "failed_payments"
    ),
    views!(
        "vend_marts",
        "marts",
        "dim_date",
        "dim_time",
        "dim_garages",
        "dim_passes",
        "dim_users",
        "fact_subscription_periods",
        "fact_subscriptions",
        "fact_payments",
        "fact_parking_events",
        "fact_daily_occupancy"
    ),
    objects!(
        "vend_reports",
        "reports",
        "report",
        "mv_daily_revenue",
        "mv_active_subscriptions",
        "mv_current_month_metrics",
        "mv_current_occupancy",
        "mv_failed_payments"
    ),
];

#[pg_extern(schema = "vend_internal", immutable, parallel_safe)]
fn generated_objects() -> TableIterator<
    'static,
    (
        name!(position, i32),
        name!(schema_name, &'static str),
        name!(object_name, &'static str),
        name!(kind, &'static str),
        name!(statement, &'static str),
        name!(rollup, Option<&'static str>),
    ),
> {
    TableIterator::new((1..).zip(OBJECTS.iter().copied().flatten()).map(|(position, object)| {
        (position, object.schema, object.name, object.kind, object.statement, object.rollup)
    }))
}
