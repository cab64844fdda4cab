//! MRR movements by calendar bucket (METRICS.md, 3): what came, grew, shrank, went and came back.
//!
//! Work is done at the steps only: a customer whose amount stays adds nothing to a bucket but what it already had, so
//! openings and closings are running sums of the changes.
use super::bucket::Calendar;
use super::calendar::Instant;
use super::error::CoreError;
use super::steps::{Step, Steps};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One pair per customer: what they paid at opening and at closing.
    Period,
    /// One pair per instant at which a customer's amount changes.
    Event,
}

impl Mode {
    pub fn parse(name: &str) -> Result<Self, CoreError> {
        match name {
            "period" => Ok(Mode::Period),
            "event" => Ok(Mode::Event),
            _ => Err(CoreError::UnknownOption {
                option: "mode",
                value: name.to_owned(),
                valid: "period or event",
            }),
        }
    }
}

/// Money and a number of customers (of events, for a movement in `Event` mode).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    pub mrr: i128,
    pub count: i64,
}

impl Total {
    fn add(&mut self, mrr: i128, count: i64) -> Result<(), CoreError> {
        self.mrr = self.mrr.checked_add(mrr).ok_or_else(|| CoreError::AmountOutOfRange)?;
        self.count = self.count.checked_add(count).ok_or_else(|| CoreError::CountOutOfRange)?;
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Movements {
    pub opening: Total,
    pub new: Total,
    pub expansion: Total,
    pub contraction: Total,
    pub churned: Total,
    pub reactivation: Total,
    pub closing: Total,
}

impl Movements {
    /// One pair of amounts; `earlier`: whether the customer paid before it.
    fn classify(&mut self, before: i128, after: i128, earlier: bool) -> Result<(), CoreError> {
        let change = after.checked_sub(before).ok_or_else(|| CoreError::AmountOutOfRange)?;
        let (kind, change) = match (before, after) {
            _ if change == 0 => return Ok(()),
            (0, _) if earlier => (&mut self.reactivation, change),
            (0, _) => (&mut self.new, change),
            (_, 0) => (&mut self.churned, before),
            _ if change > 0 => (&mut self.expansion, change),
            _ => (&mut self.contraction, change.saturating_neg()),
        };
        kind.add(change, 1)
    }
}

/// A row for each bucket that begins before `as_of`; whatever happens at or after it is not seen.
pub fn movements(
    steps: Steps, calendar: &Calendar, mode: Mode, as_of: Instant,
) -> Result<Vec<Movements>, CoreError> {
    let begun = calendar.starts.partition_point(|&start| start < as_of).min(calendar.len());
    let mut rows = vec![Movements::default(); begun];
    let mut before_all = Total::default();
    steps.visit(|_, steps| {
        // The amount, whether it was ever positive, and the same at the opening of the bucket being filled.
        let (mut amount, mut paid) = (0i128, false);
        let mut open: Option<(usize, i128, bool)> = None;
        for &Step { at, amount: next } in steps.iter().take_while(|step| step.at < as_of) {
            let change =
                (next.checked_sub(amount).ok_or_else(|| CoreError::AmountOutOfRange)?, sign(next, amount));
            // A step at a bucket's very start belongs to it: the closing before it is a left limit.
            match calendar.begun(at).checked_sub(1) {
                None => before_all.add(change.0, change.1)?,
                Some(bucket) => {
                    let Some(row) = rows.get_mut(bucket) else { break };
                    row.closing.add(change.0, change.1)?;
                    match mode {
                        Mode::Event => row.classify(amount, next, paid)?,
                        Mode::Period if open.is_some_and(|open| open.0 == bucket) => {}
                        Mode::Period => {
                            close(&mut rows, open, amount)?;
                            open = Some((bucket, amount, paid));
                        }
                    }
                }
            }
            amount = next;
            paid |= next > 0;
        }
        close(&mut rows, open, amount)
    })?;
    let mut running = before_all;
    for row in &mut rows {
        row.opening = running;
        running.add(row.closing.mrr, row.closing.count)?;
        row.closing = running;
    }
    Ok(rows)
}

fn close(rows: &mut [Movements], open: Option<(usize, i128, bool)>, after: i128) -> Result<(), CoreError> {
    match open.and_then(|(bucket, before, paid)| rows.get_mut(bucket).map(|row| (row, before, paid))) {
        Some((row, before, paid)) => row.classify(before, after, paid),
        None => Ok(()),
    }
}

/// How a change of amount changes the number of customers.
fn sign(after: i128, before: i128) -> i64 {
    i64::from(after > 0).saturating_sub(i64::from(before > 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::bucket::Bucket;
    use crate::core::calendar::{DAY, Span, Zone};
    use crate::core::codec::Summary;
    use crate::core::keys::KeyKind;
    use crate::core::money::Amount;
    use crate::core::timeline::Timeline;
    use proptest::prelude::*;

    type Paid = (u8, i64, Option<i64>, i32);

    fn paid_at(rows: &[Paid], customer: u8, just_before: i64) -> i128 {
        let paying = |row: &&Paid| {
            row.0 == customer && row.1 < just_before && row.2.is_none_or(|until| just_before <= until)
        };
        rows.iter().filter(paying).map(|row| i128::from(row.3.max(0))).sum()
    }

    /// Word for word what METRICS.md says of `period` mode, customer by customer and bucket by bucket.
    fn by_definition(rows: &[Paid], calendar: &Calendar, as_of: Instant) -> Vec<Movements> {
        let mut result = Vec::new();
        for bucket in 0..calendar.len() {
            let (p0, p1) = (calendar.starts[bucket], calendar.starts[bucket + 1].min(as_of));
            if p0 >= as_of {
                break;
            }
            let mut row = Movements::default();
            for customer in 0..6 {
                let (before, after) = (paid_at(rows, customer, p0), paid_at(rows, customer, p1));
                let earlier = rows.iter().any(|row| {
                    row.0 == customer && row.3 > 0 && row.1 < p0 && row.2.is_none_or(|until| row.1 < until)
                });
                row.classify(before, after, earlier).expect("small");
                row.opening.add(before, i64::from(before > 0)).expect("small");
                row.closing.add(after, i64::from(after > 0)).expect("small");
            }
            result.push(row);
        }
        result
    }

    fn rows() -> impl Strategy<Value = Vec<Paid>> {
        let hours = DAY / 4;
        let row = (0..6u8, 0..240i64, proptest::option::of(0..250i64), -2..6i32);
        let row = row.prop_map(move |(c, from, until, amount)| {
            (c, from * hours, until.map(|until| until * hours), amount)
        });
        proptest::collection::vec(row, 0..30)
    }

    fn summarise(rows: &[Paid]) -> Vec<u8> {
        let mut timeline = Timeline::default();
        for &(customer, from, until, amount) in rows {
            timeline
                .push(KeyKind::Bigint, customer.into(), Span { from, until }, Amount::new(amount.into(), 0))
                .expect("small");
        }
        timeline.to_bytes().expect("small")
    }

    proptest! {
        #[test]
        fn period_mode_is_its_definition(rows in rows(), which in 0..3usize, since in 0..40i32, days in 1..40i32, as_of in 1..260i64) {
            let bucket = [Bucket::Day, Bucket::Week, Bucket::Month][which];
            let zone = Zone::new(3600, vec![(20 * DAY, 7200)]);
            let calendar = Calendar::new(bucket, since, since + days, &zone).expect("small");
            let as_of = as_of * DAY / 4;
            let found = movements(Steps::read(&summarise(&rows)).expect("own"), &calendar, Mode::Period, as_of).expect("small");
            prop_assert_eq!(found, by_definition(&rows, &calendar, as_of));
        }
        #[test]
        fn opening_and_movements_are_closing(rows in rows(), event: bool, since in 0..40i32, days in 1..40i32) {
            let calendar = Calendar::new(Bucket::Day, since, since + days, &Zone::utc()).expect("small");
            let mode = if event { Mode::Event } else { Mode::Period };
            let found = movements(Steps::read(&summarise(&rows)).expect("own"), &calendar, mode, i64::MAX).expect("small");
            for (row, next) in found.iter().zip(found.iter().skip(1).map(Some).chain([None])) {
                let moved = row.opening.mrr + row.new.mrr + row.expansion.mrr + row.reactivation.mrr - row.contraction.mrr - row.churned.mrr;
                prop_assert_eq!(moved, row.closing.mrr);
                let moved = row.opening.count + row.new.count + row.reactivation.count - row.churned.count;
                prop_assert_eq!(moved, row.closing.count);
                prop_assert!(next.is_none_or(|next| next.opening == row.closing));
            }
            let other = movements(Steps::read(&summarise(&rows)).expect("own"), &calendar, if event { Mode::Period } else { Mode::Event }, i64::MAX).expect("small");
            prop_assert!(found.iter().zip(&other).all(|(a, b)| a.opening == b.opening && a.closing == b.closing));
        }
    }

    #[test]
    fn the_november_cases() {
        // Day 0 to 30 is the month; 100 a month; as METRICS.md tabulates them.
        let month = |mode, rows: &[Paid]| {
            let calendar = Calendar { days: vec![0, 30], starts: vec![0, 30 * DAY] };
            movements(Steps::read(&summarise(rows)).expect("own"), &calendar, mode, i64::MAX).expect("small")
                [0]
        };
        let hundred = Total { mrr: 100, count: 1 };
        let steady = [(1, -9, None, 100)];
        assert_eq!(
            month(Mode::Event, &steady),
            Movements { opening: hundred, closing: hundred, ..Movements::default() }
        );
        let trial = [(1, 13 * DAY, None, 100)];
        assert_eq!(
            month(Mode::Period, &trial),
            Movements { new: hundred, closing: hundred, ..Movements::default() }
        );
        let ends = [(1, -9, Some(24 * DAY), 100)];
        assert_eq!(
            month(Mode::Period, &ends),
            Movements { opening: hundred, churned: hundred, ..Movements::default() }
        );
        let back = [(1, -9, Some(4 * DAY), 100), (1, 19 * DAY, None, 100)];
        assert_eq!(
            month(Mode::Period, &back),
            Movements { opening: hundred, closing: hundred, ..Movements::default() }
        );
        let event = Movements {
            opening: hundred,
            churned: hundred,
            reactivation: hundred,
            closing: hundred,
            ..Movements::default()
        };
        assert_eq!(month(Mode::Event, &back), event);
    }
}
