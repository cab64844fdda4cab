//! A life-like parking platform, made up from a seed: the same [`Plan`] gives the same rows for ever.
//!
//! Every garage, customer and visit is a pure function of the plan and its own numbers ([`draws`]), so the rows of
//! one garage need nothing but the plan. A row shows what a real system would have stored by `as_of` and nothing
//! later; what lies ahead (a scheduled end, the next renewal) is dated, not done. Money is in cents.
#![allow(clippy::arithmetic_side_effects, reason = "Plan::new bounds every quantity")]

pub mod billing;
pub mod draws;
pub mod garages;
pub mod hourly;
pub mod names;
pub mod people;
pub mod stories;
pub mod visits;

#[cfg(test)]
mod tests;

use super::calendar::{self, DAY, Instant};
use super::error::CoreError;

/// What to make up: `customers` per garage over the `months` before the one of `as_of`, and that one so far.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub seed: i64,
    pub garages: u32,
    pub customers: u32,
    pub as_of: Instant,
    /// Start of the first month.
    pub start: Instant,
}

impl Plan {
    pub fn new(
        seed: i64, garages: i32, customers: i32, months: i32, as_of: Instant,
    ) -> Result<Plan, CoreError> {
        let (year, month, _) = calendar::civil(calendar::Zone::utc().day(as_of));
        within("garages", garages.into(), 1, 5_000)?;
        within("customers_per_garage", customers.into(), 1, 20_000)?;
        within("months", months.into(), 1, 120)?;
        within("year of as_of", year, 2000, 2099)?;
        Ok(Plan {
            seed,
            garages: garages.unsigned_abs(),
            customers: customers.unsigned_abs(),
            as_of,
            start: i64::from(calendar::day_of(year, month - i64::from(months), 1)) * DAY,
        })
    }
    /// The number of one of the plan's garages, which count from 0.
    pub fn garage(&self, number: i32) -> Result<u32, CoreError> {
        within("garage", number.into(), 0, i64::from(self.garages) - 1)?;
        Ok(number.unsigned_abs())
    }
}

fn within(argument: &'static str, value: i64, low: i64, high: i64) -> Result<(), CoreError> {
    if (low..=high).contains(&value) {
        Ok(())
    } else {
        Err(CoreError::OutOfRange { argument, value, low, high })
    }
}
