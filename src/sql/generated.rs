//! What `vend.attach()` makes, in order: each statement replaces what is there and keeps its columns.
use pgrx::prelude::*;

struct Object {
    schema: &'static str,
    name: &'static str,
    statement: &'static str,
}

macro_rules! objects {
    ($($schema:literal $folder:literal: $($name:literal),+;)+) => {
        const OBJECTS: &[Object] = &[$($(Object {
            schema: $schema,
            name: $name,
            statement: include_str!(concat!("../../sql/", $folder, "/", $name, ".sql")),
        }),+),+];
    };
}
objects! {
    "vend_marts" "marts":
        "subscription_currencies", "fact_subscription_periods", "counted_payments", "daily_revenue",
        "garage_currencies", "visits";
    "vend_reports" "reports":
        "mv_daily_revenue", "mv_active_subscriptions", "mv_current_month_metrics", "mv_current_occupancy",
        "mv_failed_payments";
}

#[pg_extern(schema = "vend_internal", immutable, parallel_safe)]
fn generated_objects() -> TableIterator<
    'static,
    (
        name!(position, i32),
        name!(schema_name, &'static str),
        name!(object_name, &'static str),
        name!(kind, &'static str),
        name!(statement, &'static str),
    ),
> {
    TableIterator::new(
        (1..)
            .zip(OBJECTS)
            .map(|(position, object)| (position, object.schema, object.name, "view", object.statement)),
    )
}
