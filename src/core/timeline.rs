//! From rows of paid time to step functions (METRICS.md, 1): the state of the aggregate `vend.timeline`.
//!
//! Rows are only appended while they arrive and put in order at the end, or when there are twice as many as after the
//! last time: a hash table would wait for memory on nearly every row.
use super::calendar::{FOREVER, Instant, Span};
use super::codec::Summary;
use super::error::CoreError;
use super::keys::scatter;
use super::money::Amount;
use super::steps::{Builder, KeyKind, MAX_SCALE, Step, Steps, VERSION};

#[derive(Clone, Copy, Debug)]
struct Row {
    key: u128,
    from: Instant,
    until: Instant,
    amount: i128,
}

const ROW_BYTES: usize = 48;

impl Row {
    fn encode(&self) -> [u8; ROW_BYTES] {
        let mut bytes = [0u8; ROW_BYTES];
        let (key, rest) = bytes.split_at_mut(16);
        key.copy_from_slice(&self.key.to_le_bytes());
        let (from, rest) = rest.split_at_mut(8);
        from.copy_from_slice(&self.from.to_le_bytes());
        let (until, amount) = rest.split_at_mut(8);
        until.copy_from_slice(&self.until.to_le_bytes());
        amount.copy_from_slice(&self.amount.to_le_bytes());
        bytes
    }
    fn decode(bytes: &[u8; ROW_BYTES]) -> Option<Self> {
        let (key, rest) = bytes.split_first_chunk::<16>()?;
        let (from, rest) = rest.split_first_chunk::<8>()?;
        let (until, amount) = rest.split_first_chunk::<8>()?;
        Some(Row {
            key: u128::from_le_bytes(*key),
            from: i64::from_le_bytes(*from),
            until: i64::from_le_bytes(*until),
            amount: i128::from_le_bytes(*amount.first_chunk::<16>()?),
        })
    }
}

/// Rows of which a parallel worker can still hand over the bytes, and how many may be left when they are in order.
const MAX_ROWS: usize = 22_000_000;
const MAX_ORDERED: usize = 18_000_000;
const FIRST_ORDERING: usize = 1 << 20;

#[derive(Clone, Debug, Default)]
pub struct Timeline {
    kind: KeyKind,
    scale: u8,
    rows: Vec<Row>,
    /// Rows that were left by the last ordering.
    ordered: usize,
}

impl Timeline {
    /// Rows that pay nothing are left out: no positive amount, or an end that is not after the start.
    pub fn push(&mut self, kind: KeyKind, key: u128, paid: Span, amount: Amount) -> Result<(), CoreError> {
        let until = paid.until.unwrap_or(FOREVER);
        if !amount.is_positive() || until <= paid.from || paid.from == FOREVER {
            return Ok(());
        }
        self.adopt(kind)?;
        let amount = self.at_common_scale(amount)?;
        self.append(Row { key: scatter(key), from: paid.from, until, amount })
    }

    /// At least this scale, for amounts to be shown with it.
    pub fn at_scale(scale: u8) -> Self {
        Timeline { scale, ..Timeline::default() }
    }

    /// Adds a finished summary, one row for each of its segments.
    pub fn add(&mut self, steps: Steps) -> Result<(), CoreError> {
        if steps.kind == KeyKind::None {
            return Ok(());
        }
        self.adopt(steps.kind)?;
        self.raise_scale(steps.scale)?;
        steps.visit(|key, steps_of_one| {
            let ends = steps_of_one.iter().skip(1).map(|next| next.at).chain([FOREVER]);
            for (step, until) in steps_of_one.iter().zip(ends).filter(|(step, _)| step.amount > 0) {
                let amount = rescale(step.amount, steps.scale, self.scale)?;
                self.append(Row { key, from: step.at, until, amount })?;
            }
            Ok(())
        })
    }

    /// The summary. Only the order of the rows changes, not what they say.
    pub fn summary(&mut self) -> Result<Vec<u8>, CoreError> {
        if self.rows.is_empty() {
            return Builder::default().finish();
        }
        self.order();
        let mut steps = Builder::with_room(self.kind, self.scale, self.rows.len())?;
        let mut changes = Vec::new();
        for rows in self.rows.chunk_by(|a, b| a.key == b.key) {
            let Some(key) = rows.first().map(|row| row.key) else { continue };
            if let [row] = rows {
                steps.push_step(Step { at: row.from, amount: row.amount });
                if row.until < FOREVER {
                    steps.push_step(Step { at: row.until, amount: 0 });
                }
                steps.end_customer(key)?;
                continue;
            }
            changes.clear();
            for row in rows {
                changes.push((row.from, row.amount));
                if row.until < FOREVER {
                    changes.push((row.until, row.amount.saturating_neg()));
                }
            }
            changes.sort_unstable_by_key(|change| change.0);
            let (mut amount, mut shown) = (0i128, 0i128);
            for instant in changes.chunk_by(|a, b| a.0 == b.0) {
                for change in instant {
                    amount = amount.checked_add(change.1).ok_or(CoreError::AmountOutOfRange)?;
                }
                if amount != shown {
                    shown = amount;
                    steps.push_step(Step { at: instant.first().map_or(0, |change| change.0), amount });
                }
            }
            steps.end_customer(key)?;
        }
        steps.finish()
    }

    /// Keys are spread evenly, so their first bits deal the rows into buckets that fit a processor's cache and are sorted
    /// there: for a million rows two thirds of the time of sorting them at once.
    fn order(&mut self) {
        const BUCKET: usize = 512;
        let bits = self.rows.len().div_euclid(BUCKET).checked_ilog2().unwrap_or(0).min(16);
        if bits > 0 {
            deal(&mut self.rows, bits);
        }
        self.rows.chunk_by_mut(|a, b| first_bits(a.key, bits) == first_bits(b.key, bits)).for_each(
            |bucket| {
                bucket.sort_unstable_by_key(|row| row.key);
            },
        );
    }

    fn append(&mut self, row: Row) -> Result<(), CoreError> {
        if self.rows.len() >= self.ordered.saturating_mul(2).clamp(FIRST_ORDERING, MAX_ROWS) {
            // Already putting in order: there are more segments than a summary can be made of.
            if self.ordered == MAX_ROWS {
                return Err(CoreError::TooLarge);
            }
            self.compact()?;
        }
        self.rows.try_reserve(1).map_err(|_| CoreError::TooLarge)?;
        self.rows.push(row);
        Ok(())
    }

    fn compact(&mut self) -> Result<(), CoreError> {
        let summary = self.summary()?;
        self.rows.clear();
        // While the rows come back nothing is put in order again.
        self.ordered = MAX_ROWS;
        self.add(Steps::read(&summary)?)?;
        self.ordered = self.rows.len();
        if self.ordered > MAX_ORDERED { Err(CoreError::TooLarge) } else { Ok(()) }
    }

    fn adopt(&mut self, kind: KeyKind) -> Result<(), CoreError> {
        if self.kind == KeyKind::None {
            self.kind = kind;
        }
        if self.kind == kind { Ok(()) } else { Err(CoreError::MixedKeys) }
    }

    fn at_common_scale(&mut self, amount: Amount) -> Result<i128, CoreError> {
        self.raise_scale(amount.scale())?;
        rescale(amount.digits(), amount.scale(), self.scale)
    }

    fn raise_scale(&mut self, scale: u8) -> Result<(), CoreError> {
        if scale > MAX_SCALE {
            return Err(CoreError::AmountOutOfRange);
        }
        if scale > self.scale {
            for row in &mut self.rows {
                row.amount = rescale(row.amount, self.scale, scale)?;
            }
            self.scale = scale;
        }
        Ok(())
    }
}

/// What parallel workers hand over: the rows as they are. Stored summaries are [`Steps`].
impl Summary for Timeline {
    fn merge(&mut self, other: &Timeline) -> Result<(), CoreError> {
        if other.kind == KeyKind::None {
            return Ok(());
        }
        self.adopt(other.kind)?;
        self.raise_scale(other.scale)?;
        if self.scale == other.scale && self.rows.len().saturating_add(other.rows.len()) < FIRST_ORDERING {
            self.rows.try_reserve(other.rows.len()).map_err(|_| CoreError::TooLarge)?;
            self.rows.extend_from_slice(&other.rows);
            return Ok(());
        }
        for row in &other.rows {
            let amount = rescale(row.amount, other.scale, self.scale)?;
            self.append(Row { amount, ..*row })?;
        }
        Ok(())
    }
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.rows.len().saturating_mul(ROW_BYTES).saturating_add(3));
        bytes.extend([VERSION, self.kind as u8, self.scale]);
        self.rows.iter().for_each(|row| bytes.extend_from_slice(&row.encode()));
        bytes
    }
    fn decode(bytes: &[u8]) -> Result<Self, CoreError> {
        let corrupt = CoreError::CorruptState;
        let Some((&[version, kind, scale], rest)) = bytes.split_first_chunk::<3>() else {
            return Err(corrupt);
        };
        if version != VERSION {
            return Err(CoreError::UnknownVersion(version));
        }
        let kind = KeyKind::of_code(kind)?;
        let (rows, rest) = rest.as_chunks::<ROW_BYTES>();
        if !rest.is_empty() || (kind == KeyKind::None) != rows.is_empty() {
            return Err(corrupt);
        }
        let mut decoded = Vec::new();
        decoded.try_reserve_exact(rows.len()).map_err(|_| CoreError::TooLarge)?;
        for row in rows {
            let row = Row::decode(row).filter(|row| row.from < row.until && row.amount > 0);
            decoded.push(row.ok_or(CoreError::CorruptState)?);
        }
        Ok(Timeline { kind, scale, rows: decoded, ordered: 0 })
    }
}

fn first_bits(key: u128, bits: u32) -> usize {
    usize::try_from(key.checked_shr(128u32.saturating_sub(bits)).unwrap_or(0)).unwrap_or(0)
}

/// Puts rows into the order of their keys' first bits, in place: each row is swapped to the next free place of its bucket.
fn deal(rows: &mut [Row], bits: u32) {
    let mut ends = vec![0usize; 1usize.checked_shl(bits).unwrap_or(1)];
    for row in rows.iter() {
        if let Some(end) = ends.get_mut(first_bits(row.key, bits)) {
            *end = end.saturating_add(1);
        }
    }
    let mut next = Vec::with_capacity(ends.len());
    let mut start = 0usize;
    for end in &mut ends {
        next.push(start);
        start = start.saturating_add(*end);
        *end = start;
    }
    for (bucket, &end) in ends.iter().enumerate() {
        while let Some(&place) = next.get(bucket).filter(|&&place| place < end) {
            let Some(home) = rows.get(place).map(|row| first_bits(row.key, bits)) else { return };
            let Some(free) = next.get_mut(home) else { return };
            rows.swap(place, *free);
            *free = free.saturating_add(1);
        }
    }
}

fn rescale(amount: i128, from: u8, to: u8) -> Result<i128, CoreError> {
    let factor = to.checked_sub(from).and_then(|by| 10i128.checked_pow(by.into()));
    factor.and_then(|factor| amount.checked_mul(factor)).ok_or(CoreError::AmountOutOfRange)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::keys::gather;
    use proptest::prelude::*;

    type Paid = (u8, i64, Option<i64>, i32);

    pub fn rows() -> impl Strategy<Value = Vec<Paid>> {
        let row = (0..6u8, 0..40i64, proptest::option::of(0..45i64), -2..6i32);
        proptest::collection::vec(row, 0..40)
    }

    fn summarise(rows: &[Paid]) -> Timeline {
        let mut timeline = Timeline::default();
        for &(customer, from, until, amount) in rows {
            let span = Span { from, until };
            timeline
                .push(KeyKind::Bigint, customer.into(), span, Amount::new(amount.into(), 2))
                .expect("small");
        }
        timeline
    }

    fn visit(summary: &[u8], mut each: impl FnMut(u128, &[Step])) {
        let steps = Steps::read(summary).expect("own bytes");
        let seen = steps.visit(|key, steps| {
            each(key, steps);
            Ok(())
        });
        seen.expect("own bytes");
    }

    proptest! {
        #[test]
        fn amounts_are_the_sum_of_what_is_paid(rows in rows(), at in -1..50i64) {
            let mut found = std::collections::HashMap::new();
            visit(&summarise(&rows).summary().expect("small"), |key, steps| {
                found.insert(gather(key), steps.to_vec());
            });
            for customer in 0..6u8 {
                let paid = rows.iter().filter(|row| {
                    row.0 == customer && row.3 > 0 && row.1 <= at && row.2.is_none_or(|until| at < until)
                });
                let expected: i128 = paid.map(|row| i128::from(row.3)).sum();
                let steps = found.get(&u128::from(customer)).map(Vec::as_slice).unwrap_or_default();
                let amount = steps.iter().rev().find(|step| step.at <= at).map_or(0, |step| step.amount);
                prop_assert_eq!(amount, expected);
            }
        }
        #[test]
        fn order_split_cut_and_rollup_change_no_byte(rows in rows(), shuffle in 0..40usize, cut in 1..40i64) {
            let bytes = |timeline: &mut Timeline| timeline.summary().expect("small");
            let whole = bytes(&mut summarise(&rows));
            let (left, right) = rows.split_at(shuffle.min(rows.len()));
            let mut merged = summarise(right);
            merged.merge(&summarise(left)).expect("small");
            prop_assert_eq!(&bytes(&mut merged), &whole);
            let mut rolled = Timeline::default();
            for part in [summarise(&right.iter().rev().copied().collect::<Vec<_>>()), summarise(left)] {
                let part = part.clone().summary().expect("small");
                rolled.add(Steps::read(&part).expect("own bytes")).expect("small");
            }
            prop_assert_eq!(&bytes(&mut rolled), &whole);
            let halves: Vec<Paid> = rows.iter().flat_map(|&(customer, from, until, amount)| {
                let inside = from < cut && until.is_none_or(|until| cut < until);
                if inside { vec![(customer, from, Some(cut), amount), (customer, cut, until, amount)] } else { vec![(customer, from, until, amount)] }
            }).collect();
            prop_assert_eq!(&bytes(&mut summarise(&halves)), &whole);
        }
        #[test]
        fn dealing_orders_by_the_first_bits(keys in proptest::collection::vec(any::<u128>(), 0..300), bits in 1..6u32) {
            let mut rows: Vec<Row> = keys.iter().map(|&key| Row { key, from: 0, until: 1, amount: 1 }).collect();
            deal(&mut rows, bits);
            prop_assert!(rows.is_sorted_by_key(|row| first_bits(row.key, bits)));
            let (mut before, mut after) = (keys, rows.iter().map(|row| row.key).collect::<Vec<_>>());
            before.sort_unstable();
            after.sort_unstable();
            prop_assert_eq!(before, after);
        }
        #[test]
        fn compaction_changes_nothing(rows in rows()) {
            let mut compacted = summarise(&rows);
            compacted.compact().expect("small");
            prop_assert_eq!(compacted.summary(), summarise(&rows).summary());
        }
        #[test]
        fn hostile_bytes_are_a_summary_or_an_error(rows in rows(), at in 0..400usize, byte: u8, cut in 0..400usize) {
            let mut bytes = summarise(&rows).summary().expect("small");
            if let Some(target) = bytes.get_mut(at) { *target = byte; }
            for bytes in [&bytes[..], &bytes[..cut.min(bytes.len())]] {
                if let Ok(steps) = Steps::read(bytes) {
                    let mut again = Timeline::default();
                    again.add(steps).expect("as it was");
                    prop_assert_eq!(again.summary().expect("as it was"), bytes);
                }
            }
        }
    }

    #[test]
    fn any_number_of_rows_makes_one_summary() {
        // Around every power of two at which rows are dealt into more buckets.
        let sizes = (8..16).map(|n| 1u64 << n).flat_map(|n| [n - 1, n, n + 1, n + n / 2]);
        for size in sizes {
            let customer = |n: u64| u128::from(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % (size / 2));
            let paid = |n: u64| Span { from: n.cast_signed() % 97, until: Some(100 + n.cast_signed() % 13) };
            let summarise = |order: &mut dyn Iterator<Item = u64>| {
                let mut timeline = Timeline::default();
                for n in order {
                    let amount = Amount::new(1 + i128::from(n % 7), 2);
                    timeline.push(KeyKind::Uuid, customer(n), paid(n), amount).expect("small");
                }
                timeline.summary().expect("small")
            };
            let summary = summarise(&mut (0..size));
            let mut customers = 0u64;
            visit(&summary, |_, _| customers += 1);
            let distinct: std::collections::HashSet<u128> = (0..size).map(customer).collect();
            assert_eq!(
                (customers, summary == summarise(&mut (0..size).rev())),
                (distinct.len() as u64, true),
                "{size}"
            );
        }
    }

    #[test]
    fn empty_is_one_value() {
        let empty = Timeline::default().summary();
        let nothing = [(1, 5, Some(5), 3), (2, 1, None, 0), (2, 1, None, -1)];
        assert_eq!(summarise(&nothing).summary(), empty);
        assert!(Steps::read(&empty.expect("small")).is_ok());
    }

    #[test]
    fn scales_meet_at_the_finest() {
        let mut timeline = Timeline::default();
        let span = Span { from: 0, until: None };
        timeline.push(KeyKind::Uuid, 1, span, Amount::new(5, 0)).expect("small");
        timeline.push(KeyKind::Uuid, 1, span, Amount::new(25, 2)).expect("small");
        let summary = timeline.summary().expect("small");
        assert_eq!(Steps::read(&summary).expect("own bytes").scale, 2);
        visit(&summary, |_, steps| assert_eq!(steps, [Step { at: 0, amount: 525 }]));
        assert_eq!(timeline.push(KeyKind::Text, 1, span, Amount::new(5, 0)), Err(CoreError::MixedKeys));
    }
}
