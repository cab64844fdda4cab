//! What became, at t1, of the customers who paid at t0 (METRICS.md, 4). Both are left limits.
use super::calendar::{Instant, Period};
use super::error::CoreError;
use super::steps::{Step, Steps};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// C0: the customers who paid at t0, and what they paid.
    pub customers: u64,
    pub base: i128,
    /// What C0 pays at t1, and the same with nobody counted above their amount at t0.
    pub kept: i128,
    pub kept_capped: i128,
    /// Members of C0 who do not pay at t1.
    pub lost: u64,
}

pub fn compare(steps: Steps, period: Period) -> Result<Comparison, CoreError> {
    let mut result = Comparison::default();
    steps.visit(|_, steps| {
        let before = amount_before(steps, period.start);
        if before == 0 {
            return Ok(());
        }
        let after = amount_before(steps, period.end);
        let add =
            |sum: i128, amount: i128| sum.checked_add(amount).ok_or_else(|| CoreError::AmountOutOfRange);
        result.customers = result.customers.saturating_add(1);
        result.base = add(result.base, before)?;
        result.kept = add(result.kept, after)?;
        result.kept_capped = add(result.kept_capped, before.min(after))?;
        result.lost = result.lost.saturating_add(u64::from(after == 0));
        Ok(())
    })?;
    Ok(result)
}

/// MRR and paying customers at an instant, which counts as paid if it is a first one: not a left limit.
pub fn at(steps: Steps, at: Instant) -> Result<(i128, u64), CoreError> {
    let (mut mrr, mut customers) = (0i128, 0u64);
    steps.visit(|_, steps| {
        let seen = steps.partition_point(|step| step.at <= at);
        let amount = last_amount(steps, seen);
        mrr = mrr.checked_add(amount).ok_or_else(|| CoreError::AmountOutOfRange)?;
        customers = customers.saturating_add(u64::from(amount > 0));
        Ok(())
    })?;
    Ok((mrr, customers))
}

fn amount_before(steps: &[Step], at: Instant) -> i128 {
    last_amount(steps, steps.partition_point(|step| step.at < at))
}

fn last_amount(steps: &[Step], seen: usize) -> i128 {
    seen.checked_sub(1).and_then(|last| steps.get(last)).map_or(0, |step| step.amount)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::calendar::Span;
    use crate::core::codec::Summary;
    use crate::core::keys::KeyKind;
    use crate::core::money::Amount;
    use crate::core::timeline::Timeline;

    fn steps(rows: &[(u128, i64, Option<i64>, i128)]) -> Vec<u8> {
        let mut timeline = Timeline::default();
        for &(customer, from, until, amount) in rows {
            timeline
                .push(KeyKind::Bigint, customer, Span { from, until }, Amount::new(amount, 0))
                .expect("small");
        }
        timeline.to_bytes().expect("small")
    }

    #[test]
    fn the_example_of_the_metrics_page() {
        // X 40 to 70, Y 60 to 30, Z 100 to 0, newcomer W 90.
        let rows = [
            (1, 0, Some(5), 40),
            (1, 5, None, 70),
            (2, 0, Some(5), 60),
            (2, 5, None, 30),
            (3, 0, Some(5), 100),
            (4, 5, None, 90),
        ];
        let found =
            compare(Steps::read(&steps(&rows)).expect("own"), Period { start: 3, end: 9 }).expect("small");
        assert_eq!(found, Comparison { customers: 3, base: 200, kept: 100, kept_capped: 70, lost: 1 });
    }

    #[test]
    fn an_instant_is_paid_from_its_first_to_before_its_last() {
        let summary = steps(&[(1, 10, Some(20), 7), (2, 10, None, 5)]);
        let steps = Steps::read(&summary).expect("own");
        assert_eq!(at(steps, 9), Ok((0, 0)));
        assert_eq!(at(steps, 10), Ok((12, 2)));
        assert_eq!(at(steps, 20), Ok((5, 1)));
        assert_eq!(compare(steps, Period { start: 10, end: 20 }).expect("small"), Comparison::default());
        let found = compare(steps, Period { start: 11, end: 20 }).expect("small");
        assert_eq!((found.kept, found.lost), (12, 0));
    }
}
