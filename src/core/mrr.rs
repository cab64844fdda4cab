//! Monthly recurring revenue of single rows: the sum of the amounts paid at one instant (METRICS.md, 1 and 4).
use super::calendar::{Instant, Span};
use super::codec::{self, Sink, Summary};
use super::error::CoreError;
use super::money::Amount;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mrr {
    pub sum: Amount,
}

impl Mrr {
    /// Amounts of zero or less are not paid time.
    pub fn push(&mut self, amount: Amount, paid: Span, at: Instant) -> Result<(), CoreError> {
        if amount.is_positive() && paid.contains(at) {
            self.sum = self.sum.checked_add(amount)?;
        }
        Ok(())
    }
}

impl Summary for Mrr {
    fn merge(&mut self, other: &mut Self) -> Result<(), CoreError> {
        self.sum = self.sum.checked_add(other.sum)?;
        Ok(())
    }
    fn encode(&mut self, sink: &mut impl Sink) -> Result<(), CoreError> {
        let digits = self.sum.digits().cast_unsigned();
        let (high, low) = ((digits >> 64) as u64, digits as u64);
        codec::encode(sink, 1, &[high, low, u64::from(self.sum.scale())])
    }
    fn decode(bytes: &[u8]) -> Result<Self, CoreError> {
        let [high, low, scale] = codec::decode(1, bytes)?;
        let digits = ((u128::from(high) << 64) | u128::from(low)).cast_signed();
        let scale = u8::try_from(scale).map_err(|_| CoreError::CorruptState)?;
        let sum = Amount::new(digits, scale);
        if sum.is_negative() { Err(CoreError::CorruptState) } else { Ok(Mrr { sum }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Row = (i128, i64, Option<i64>);

    fn summarise(rows: &[Row], at: Instant) -> Mrr {
        let mut mrr = Mrr::default();
        for &(cents, from, until) in rows {
            mrr.push(Amount::new(cents, 2), Span { from, until }, at).expect("small");
        }
        mrr
    }

    proptest! {
        #[test]
        fn equals_a_filtered_sum_however_it_is_split(
            rows in proptest::collection::vec((-50..5_000i128, 0..30i64, proptest::option::of(0..30i64)), 0..20),
            cut in 0..20usize, at in 0..30i64,
        ) {
            let paying = |&&(cents, from, until): &&Row| cents > 0 && from <= at && until.is_none_or(|u| at < u);
            let expected: i128 = rows.iter().filter(paying).map(|row| row.0).sum();
            let (left, right) = rows.split_at(cut.min(rows.len()));
            let mut merged = summarise(right, at);
            merged.merge(&mut summarise(left, at)).expect("small");
            prop_assert_eq!(merged.sum.digits(), expected);
            prop_assert_eq!(&merged, &summarise(&rows, at));
            prop_assert_eq!(Mrr::decode(&merged.clone().to_bytes().expect("small")), Ok(merged));
        }
    }

    #[test]
    fn the_end_is_not_paid_and_the_start_is() {
        let row = [(100, 5, Some(9))];
        assert_eq!(summarise(&row, 5).sum.digits(), 100);
        assert_eq!(summarise(&row, 9), Mrr::default());
    }
}
