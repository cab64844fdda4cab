//! `vend.monthly_amount`: a price per interval as a price per month.
use super::bridge::Outcome;
use crate::core::money::monthly_factor;
use pgrx::AnyNumeric;
use pgrx::prelude::*;

#[pg_extern(schema = "vend", immutable, parallel_safe, strict)]
fn monthly_amount(amount: AnyNumeric, interval_unit: &str, interval_count: i32) -> Outcome<AnyNumeric> {
    let (multiply, divide) = monthly_factor(interval_unit, interval_count)?;
    Ok(amount * AnyNumeric::from(multiply) / AnyNumeric::from(divide))
}

extension_sql!(
    r#"
COMMENT ON FUNCTION vend.monthly_amount(numeric, text, int) IS
    'A price charged every interval_count day, week, month or year, as money per month: a year has 12 months, 52 weeks '
    'and 365 days. Not rounded. NULL if an argument is. 22023: unknown unit, count below 1.';
"#,
    name = "monthly_amount_comment",
    requires = [monthly_amount]
);
