//! Cohort retention of paying customers (METRICS.md, 5): of those whose first paid instant lies in a bucket, who
//! pays in the buckets after it.
//!
//! A stretch of one amount is retained in consecutive periods, so it is noted where it begins and where it ends, and the
//! cells are running sums: the work is in the steps, not in customers times months.
use super::bucket::Calendar;
use super::calendar::{FOREVER, Instant};
use super::error::CoreError;
use super::steps::{Step, Steps};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Paying at the closing of the period.
    Closing,
    /// Paying at some instant of it.
    Any,
    /// Paying from the first paid instant to its closing without a gap.
    Continuous,
}

impl Variant {
    pub fn parse(name: &str) -> Result<Self, CoreError> {
        match name {
            "closing" => Ok(Variant::Closing),
            "any" => Ok(Variant::Any),
            "continuous" => Ok(Variant::Continuous),
            _ => Err(CoreError::UnknownOption {
                option: "variant",
                value: name.to_owned(),
                valid: "closing, any or continuous",
            }),
        }
    }
}

/// All cells of a report: daily cohorts over more than ten years.
pub const MAX_CELLS: usize = 10_000_000;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cohort {
    /// The bucket in which its members first paid.
    pub bucket: usize,
    pub size: i64,
    /// What they paid at their first paid instants.
    pub mrr: i128,
    /// For each period from 0 to the last bucket begun: how many are retained, and what they pay.
    pub cells: Vec<(i64, i128)>,
}

/// From the first step to the end of what is seen: `as_of`, or the last step where that is infinite.
pub fn extent(steps: Steps, as_of: Instant) -> Result<Option<(Instant, Instant)>, CoreError> {
    let (mut first, mut last) = (as_of, None);
    steps.visit(|_, steps| {
        first = steps.first().map_or(first, |step| first.min(step.at));
        last = last.max(steps.last().map(|step| step.at));
        Ok(())
    })?;
    Ok(last.filter(|_| first < as_of).map(|last| (first, if as_of < FOREVER { as_of } else { last })))
}

/// `calendar` begins at or before the first step (see `extent`) and reaches to `as_of`.
pub fn retention(
    steps: Steps, calendar: &Calendar, variant: Variant, as_of: Instant,
) -> Result<Vec<Cohort>, CoreError> {
    let begun = calendar.starts.partition_point(|&start| start < as_of).min(calendar.len());
    // A closing is a left limit; that of the running bucket is as_of.
    let closings: Vec<Instant> =
        calendar.starts.iter().skip(1).take(begun).map(|&end| end.min(as_of)).collect();
    let mut cohorts: Vec<Cohort> = Vec::new();
    let mut index = vec![None; begun];
    let mut cells = 0usize;
    steps.visit(|_, steps| {
        let Some(first) = steps.first().filter(|first| first.at < as_of) else { return Ok(()) };
        let Some(joined) = calendar.begun(first.at).checked_sub(1) else { return Ok(()) };
        let Some(place) = index.get_mut(joined) else { return Ok(()) };
        let place = *place.get_or_insert(cohorts.len());
        if place == cohorts.len() {
            let periods = begun.saturating_sub(joined);
            cells = cells.saturating_add(periods);
            if cells > MAX_CELLS {
                return Err(CoreError::TooManyBuckets);
            }
            cohorts.push(Cohort {
                bucket: joined,
                cells: vec![(0, 0); periods.saturating_add(1)],
                ..Cohort::default()
            });
        }
        let Some(cohort) = cohorts.get_mut(place) else { return Ok(()) };
        cohort.size = cohort.size.saturating_add(1);
        cohort.mrr = cohort.mrr.checked_add(first.amount).ok_or_else(|| CoreError::AmountOutOfRange)?;
        let ends = steps.iter().skip(1).map(|step| step.at).chain([FOREVER]);
        let later_starts =
            |after: usize| steps.iter().skip(after).find(|step| step.amount > 0).map(|step| step.at);
        for (n, (&Step { at, amount }, end)) in steps.iter().zip(ends).enumerate() {
            if at >= as_of || variant == Variant::Continuous && amount == 0 {
                break;
            }
            if amount == 0 {
                continue;
            }
            let (from, until) = match variant {
                // Closings c with at < c <= end.
                Variant::Closing | Variant::Continuous => {
                    (closings.partition_point(|&c| c <= at), closings.partition_point(|&c| c <= end))
                }
                // Buckets that the stretch touches, but for one in which a later stretch begins: that one is the last.
                Variant::Any => {
                    let touched = calendar.starts.partition_point(|&start| start < end).min(begun);
                    let next = later_starts(n.saturating_add(1)).filter(|&next| next < as_of);
                    let next = next.map_or(begun, |next| calendar.begun(next).saturating_sub(1));
                    (calendar.begun(at).saturating_sub(1), touched.min(next))
                }
            };
            if from < until {
                cohort.note(from, amount, 1)?;
                cohort.note(until, amount.saturating_neg(), -1)?;
            }
        }
        Ok(())
    })?;
    for cohort in &mut cohorts {
        let (mut count, mut mrr) = (0i64, 0i128);
        for cell in &mut cohort.cells {
            count = count.saturating_add(cell.0);
            mrr = mrr.checked_add(cell.1).ok_or_else(|| CoreError::AmountOutOfRange)?;
            *cell = (count, mrr);
        }
        cohort.cells.pop();
    }
    cohorts.sort_unstable_by_key(|cohort| cohort.bucket);
    Ok(cohorts)
}

impl Cohort {
    fn note(&mut self, bucket: usize, mrr: i128, count: i64) -> Result<(), CoreError> {
        if let Some(cell) = bucket.checked_sub(self.bucket).and_then(|period| self.cells.get_mut(period)) {
            cell.0 = cell.0.saturating_add(count);
            cell.1 = cell.1.checked_add(mrr).ok_or_else(|| CoreError::AmountOutOfRange)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::bucket::Bucket;
    use crate::core::calendar::{Span, Zone};
    use crate::core::codec::Summary;
    use crate::core::keys::KeyKind;
    use crate::core::money::Amount;
    use crate::core::timeline::Timeline;
    use proptest::prelude::*;

    type Paid = (u8, i64, Option<i64>, i32);
    const QUARTER: i64 = crate::core::calendar::DAY / 4;

    fn amount_at(rows: &[Paid], customer: u8, at: i64) -> i128 {
        let paying = |row: &&Paid| row.0 == customer && row.1 <= at && row.2.is_none_or(|until| at < until);
        rows.iter().filter(paying).map(|row| i128::from(row.3.max(0))).sum()
    }

    /// Word for word: instants are multiples of a quarter day, so the instant before a closing stands for the left limit
    /// and walking quarters visits every stretch.
    fn by_definition(rows: &[Paid], calendar: &Calendar, variant: Variant, as_of: Instant) -> Vec<Cohort> {
        let begun = (0..calendar.len()).filter(|&bucket| calendar.starts[bucket] < as_of).count();
        let mut cohorts = Vec::new();
        let first = |customer| {
            (-8..260).map(|q| q * QUARTER).find(|&at| at < as_of && amount_at(rows, customer, at) > 0)
        };
        for bucket in 0..begun {
            let inside = |at: i64| calendar.starts[bucket] <= at && at < calendar.starts[bucket + 1];
            let members: Vec<u8> = (0..6).filter(|&customer| first(customer).is_some_and(inside)).collect();
            if members.is_empty() {
                continue;
            }
            let mut cohort = Cohort { bucket, size: members.len() as i64, ..Cohort::default() };
            cohort.mrr = members.iter().map(|&c| amount_at(rows, c, first(c).expect("member"))).sum();
            for period in bucket..begun {
                let (p0, p1) = (calendar.starts[period], calendar.starts[period + 1].min(as_of));
                let mut cell = (0, 0);
                for &c in &members {
                    let joined = first(c).expect("member");
                    let walk = |from: i64, to: i64| (from / QUARTER..to / QUARTER).map(|q| q * QUARTER);
                    let amount = match variant {
                        Variant::Closing => amount_at(rows, c, p1 - 1),
                        Variant::Any => {
                            walk(p0, p1).rev().map(|at| amount_at(rows, c, at)).find(|&a| a > 0).unwrap_or(0)
                        }
                        Variant::Continuous if walk(joined, p1).all(|at| amount_at(rows, c, at) > 0) => {
                            amount_at(rows, c, p1 - 1)
                        }
                        Variant::Continuous => 0,
                    };
                    if amount > 0 {
                        cell = (cell.0 + 1, cell.1 + amount);
                    }
                }
                cohort.cells.push(cell);
            }
            cohorts.push(cohort);
        }
        cohorts
    }

    proptest! {
        #[test]
        fn every_variant_is_its_definition(
            rows in proptest::collection::vec((0..6u8, 0..240i64, proptest::option::of(0..250i64), -2..6i32), 0..30),
            which in 0..3usize, as_of in 1..260i64, monthly: bool,
        ) {
            let rows: Vec<Paid> = rows.into_iter().map(|(c, from, until, amount)| (c, from * QUARTER, until.map(|u| u * QUARTER), amount)).collect();
            let mut timeline = Timeline::default();
            for &(customer, from, until, amount) in &rows {
                timeline.push(KeyKind::Bigint, customer.into(), Span { from, until }, Amount::new(amount.into(), 0)).expect("small");
            }
            let variant = [Variant::Closing, Variant::Any, Variant::Continuous][which];
            let bucket = if monthly { Bucket::Month } else { Bucket::Week };
            let calendar = Calendar::new(bucket, 0, 66, &Zone::utc()).expect("small");
            let as_of = as_of * QUARTER;
            let found = retention(Steps::read(&timeline.to_bytes().expect("small")).expect("own"), &calendar, variant, as_of).expect("small");
            prop_assert_eq!(found, by_definition(&rows, &calendar, variant, as_of));
        }
    }
}
