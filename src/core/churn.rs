//! Of the rows paid when a period opens, how many are unpaid when it closes.
//! Both ends are left limits, `from < t <= until`, and later arrivals count in neither (METRICS.md, 1 and 4).
use super::calendar::{Period, Span};
use super::codec::{self, Sink, Summary};
use super::error::CoreError;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Churn {
    pub opening: u64,
    pub lost: u64,
}

impl Churn {
    pub fn push(&mut self, paid: Span, period: Period) -> Result<(), CoreError> {
        if !paid.just_before(period.start) {
            return Ok(());
        }
        self.merge(&mut Churn { opening: 1, lost: u64::from(!paid.just_before(period.end)) })
    }
}

impl Summary for Churn {
    fn merge(&mut self, other: &mut Self) -> Result<(), CoreError> {
        self.opening = self.opening.checked_add(other.opening).ok_or_else(|| CoreError::CountOutOfRange)?;
        self.lost = self.lost.checked_add(other.lost).ok_or_else(|| CoreError::CountOutOfRange)?;
        Ok(())
    }
    fn encode(&mut self, sink: &mut impl Sink) -> Result<(), CoreError> {
        codec::encode(sink, 1, &[self.opening, self.lost])
    }
    fn decode(bytes: &[u8]) -> Result<Self, CoreError> {
        let [opening, lost] = codec::decode(1, bytes)?;
        if lost > opening { Err(CoreError::CorruptState) } else { Ok(Churn { opening, lost }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spans() -> impl Strategy<Value = Vec<Span>> {
        let until = proptest::option::of(0..30i64);
        proptest::collection::vec((0..30i64, until).prop_map(|(from, until)| Span { from, until }), 0..20)
    }

    fn summarise(rows: &[Span], period: Period) -> Churn {
        let mut churn = Churn::default();
        rows.iter().for_each(|&row| churn.push(row, period).expect("small"));
        churn
    }

    proptest! {
        #[test]
        fn split_anywhere_equals_whole(rows in spans(), cut in 0..20usize, start in 0..20i64, days in 1..10i64) {
            let period = Period::new(start, start + days).expect("not empty");
            let (left, right) = rows.split_at(cut.min(rows.len()));
            let mut merged = summarise(right, period);
            merged.merge(&mut summarise(left, period)).expect("small");
            let whole = summarise(&rows, period);
            prop_assert_eq!(&merged, &whole);
            prop_assert_eq!(Churn::decode(&whole.clone().to_bytes().expect("small")), Ok(whole));
        }
        #[test]
        fn agrees_with_counting(rows in spans(), start in 0..20i64, days in 1..10i64) {
            let end = start + days;
            let churn = summarise(&rows, Period::new(start, end).expect("not empty"));
            let paid = |row: &Span, at: i64| row.from < at && row.until.is_none_or(|until| at <= until);
            let opening: Vec<_> = rows.iter().filter(|row| paid(row, start)).collect();
            prop_assert_eq!(churn.opening, opening.len() as u64);
            prop_assert_eq!(churn.lost, opening.iter().filter(|row| !paid(row, end)).count() as u64);
        }
    }

    #[test]
    fn an_end_at_the_close_still_counts_as_paid() {
        let period = Period::new(0, 10).expect("not empty");
        let row = |until| summarise(&[Span { from: -5, until: Some(until) }], period);
        assert_eq!(row(10), Churn { opening: 1, lost: 0 });
        assert_eq!(row(9), Churn { opening: 1, lost: 1 });
        assert_eq!(row(-5), Churn::default());
    }

    #[test]
    fn impossible_bytes_are_refused() {
        let mut bytes = Vec::new();
        codec::encode(&mut bytes, 1, &[1, 2]).expect("small");
        assert_eq!(Churn::decode(&bytes), Err(CoreError::CorruptState));
    }
}
