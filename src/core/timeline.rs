//! From rows of paid time to step functions (METRICS.md, 1): the state of the aggregate `vend.timeline`.
//!
//! Rows are only appended while they arrive and put in order at the end, or when there are many: a hash table would wait
//! for memory on nearly every row. What is in order is a part: a summary in its final form, merged with others at the end.
use super::calendar::{FOREVER, Instant, Span};
use super::codec::{Sink, Summary};
use super::error::CoreError;
use super::keys::{KeyKind, scatter};
use super::money::Amount;
use super::parts::{Parts, copy};
use super::records::{MAX_SCALE, Records, merge, write_header};
use super::steps::{self, Step, Steps, of_seconds, seconds};

/// An interval and its amount, in units of the summary's scale.
#[derive(Clone, Copy, Debug)]
struct Row {
    key: u128,
    from: Instant,
    until: Instant,
    amount: i128,
}

/// The same in two thirds of the memory, for whole seconds and amounts of 64 bits.
#[derive(Clone, Copy, Debug)]
struct ShortRow {
    // Two halves, as a u128 would be aligned to 16 bytes.
    high: u64,
    low: u64,
    amount: u64,
    from: u32,
    /// The largest: no end.
    until: u32,
}

impl ShortRow {
    fn of(row: &Row) -> Option<Self> {
        let until = if row.until == FOREVER {
            Some(u32::MAX)
        } else {
            seconds(row.until).filter(|&until| until < u32::MAX)
        };
        let (high, low) = ((row.key >> 64) as u64, row.key as u64);
        Some(ShortRow {
            high,
            low,
            amount: u64::try_from(row.amount).ok()?,
            from: seconds(row.from)?,
            until: until?,
        })
    }
}

trait Paid {
    fn row(&self) -> Row;
    fn key(&self) -> u128;
}

impl Paid for Row {
    fn row(&self) -> Row {
        *self
    }
    fn key(&self) -> u128 {
        self.key
    }
}

impl Paid for ShortRow {
    fn row(&self) -> Row {
        let until = if self.until == u32::MAX { FOREVER } else { of_seconds(self.until) };
        Row { key: self.key(), from: of_seconds(self.from), until, amount: self.amount.into() }
    }
    fn key(&self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }
}

/// Rows that are put in order at once.
const MAX_ROWS: usize = 1 << 22;

#[derive(Clone, Debug, Default)]
pub struct Timeline {
    kind: KeyKind,
    scale: u8,
    short: Vec<ShortRow>,
    rows: Vec<Row>,
    parts: Parts,
}

impl Timeline {
    /// Rows that pay nothing are left out: no positive amount, or an end that is not after the start.
    pub fn push(&mut self, kind: KeyKind, key: u128, paid: Span, amount: Amount) -> Result<(), CoreError> {
        let until = paid.until.unwrap_or(FOREVER);
        if !amount.is_positive() || until <= paid.from || paid.from == FOREVER {
            return Ok(());
        }
        self.kind.join(kind)?;
        self.raise_scale(amount.scale())?;
        let amount = rescale(amount.digits(), amount.scale(), self.scale)?;
        if self.short.len().max(self.rows.len()) >= MAX_ROWS {
            self.set_rows_apart()?;
        }
        self.append(Row { key: scatter(key), from: paid.from, until, amount })
    }

    fn append(&mut self, row: Row) -> Result<(), CoreError> {
        if let Some(short) = ShortRow::of(&row) {
            self.short.try_reserve(1).map_err(|_| CoreError::TooLarge)?;
            self.short.push(short);
        } else {
            self.rows.try_reserve(1).map_err(|_| CoreError::TooLarge)?;
            self.rows.push(row);
        }
        Ok(())
    }

    /// At least this scale, for amounts to be shown with it.
    pub fn at_scale(scale: u8) -> Self {
        Timeline { scale, ..Timeline::default() }
    }

    /// Adds a finished summary, which may have come from anywhere.
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), CoreError> {
        let steps = Steps::read(bytes)?;
        steps.visit(|_, _| Ok(()))?;
        self.add_own(copy(bytes)?)
    }

    fn add_own(&mut self, part: Vec<u8>) -> Result<(), CoreError> {
        let steps = Steps::read(&part)?;
        if steps.kind == KeyKind::None {
            return Ok(());
        }
        self.kind.join(steps.kind)?;
        self.raise_scale(steps.scale)?;
        self.parts.push(part);
        self.compact_parts()
    }

    fn compact_parts(&mut self) -> Result<(), CoreError> {
        let many = self.parts.take_many();
        if !many.is_empty() {
            let mut merged = Vec::new();
            self.merge_parts(many.iter().map(Vec::as_slice), &mut merged)?;
            self.parts.put_back(merged)?;
        }
        Ok(())
    }

    fn set_rows_apart(&mut self) -> Result<(), CoreError> {
        let parts = self.own_parts()?;
        self.short.clear();
        self.rows.clear();
        parts.into_iter().for_each(|part| self.parts.push(part));
        self.compact_parts()
    }

    /// All rows that are not in parts, as parts.
    fn own_parts(&mut self) -> Result<Vec<Vec<u8>>, CoreError> {
        let (mut short, mut long) = (Vec::new(), Vec::new());
        write_rows(&mut self.short, self.kind, self.scale, &mut short)?;
        write_rows(&mut self.rows, self.kind, self.scale, &mut long)?;
        let some = [(self.short.is_empty(), short), (self.rows.is_empty(), long)].into_iter();
        Ok(some.filter(|(empty, _)| !empty).map(|(_, part)| part).collect())
    }

    /// Parts as one summary.
    fn merge_parts<'a>(
        &self, parts: impl Iterator<Item = &'a [u8]>, sink: &mut impl Sink,
    ) -> Result<(), CoreError> {
        let (mut records, mut bytes) = (Vec::new(), 0usize);
        for part in parts {
            records.push(Steps::read(part)?.records());
            bytes = bytes.saturating_add(part.len());
        }
        sink.expect(bytes)?;
        let scales: Vec<u8> = records.iter().map(|part: &Records| part.scale).collect();
        write_header(sink, self.kind, self.scale)?;
        let (mut changes, mut steps, mut scratch) = (Vec::new(), Vec::new(), Vec::new());
        merge(records, |same| {
            let Some(key) = same.first().map(|(_, record)| record.key) else { return Ok(()) };
            changes.clear();
            for (part, record) in same {
                let scale = scales.get(*part).copied().unwrap_or_default();
                if same.len() == 1 && scale == self.scale {
                    return sink.put(record.bytes);
                }
                steps::decode(record, &mut steps)?;
                let mut before = 0i128;
                for step in &steps {
                    let change = rescale(step.amount.saturating_sub(before), scale, self.scale)?;
                    changes.push(Step { at: step.at, amount: change });
                    before = step.amount;
                }
            }
            add_up(&mut changes, &mut steps)?;
            steps::write(sink, &mut scratch, key, &steps)
        })
    }

    fn raise_scale(&mut self, scale: u8) -> Result<(), CoreError> {
        if scale > MAX_SCALE {
            return Err(CoreError::AmountOutOfRange);
        }
        if scale > self.scale {
            let rows: Vec<Row> =
                self.short.drain(..).map(|row| row.row()).chain(self.rows.drain(..)).collect();
            for row in rows {
                self.append(Row { amount: rescale(row.amount, self.scale, scale)?, ..row })?;
            }
            self.scale = scale;
        }
        Ok(())
    }
}

impl Summary for Timeline {
    fn merge(&mut self, other: &mut Timeline) -> Result<(), CoreError> {
        // What a worker handed over is parts alone.
        if !other.short.is_empty() || !other.rows.is_empty() {
            other.set_rows_apart()?;
        }
        other.parts.take().into_iter().try_for_each(|part| self.add_own(part))
    }
    fn encode(&mut self, sink: &mut impl Sink) -> Result<(), CoreError> {
        match (self.parts.is_empty(), self.short.is_empty(), self.rows.is_empty()) {
            (true, true, true) => write_header(sink, KeyKind::None, 0),
            (true, _, true) => write_rows(&mut self.short, self.kind, self.scale, sink),
            (true, true, _) => write_rows(&mut self.rows, self.kind, self.scale, sink),
            _ => {
                let own = self.own_parts()?;
                self.merge_parts(self.parts.iter().chain(own.iter().map(Vec::as_slice)), sink)
            }
        }
    }
    fn decode(bytes: &[u8]) -> Result<Self, CoreError> {
        let mut timeline = Timeline::default();
        timeline.add_own(copy(bytes)?)?;
        Ok(timeline)
    }
}

/// The summary of rows, which are put in order.
fn write_rows<T: Paid>(
    rows: &mut [T], kind: KeyKind, scale: u8, sink: &mut impl Sink,
) -> Result<(), CoreError> {
    order(rows);
    // Nearly always: an interval of one customer in whole seconds.
    sink.expect(rows.len().saturating_mul(36))?;
    write_header(sink, kind, scale)?;
    let (mut changes, mut steps, mut scratch) = (Vec::new(), Vec::new(), Vec::new());
    for rows in rows.chunk_by(|a, b| a.key() == b.key()) {
        let Some(key) = rows.first().map(Paid::key) else { continue };
        if let [row] = rows {
            let row = row.row();
            let steps = [Step { at: row.from, amount: row.amount }, Step { at: row.until, amount: 0 }];
            let ends = usize::from(row.until < FOREVER);
            steps::write(sink, &mut scratch, key, steps.get(..=ends).unwrap_or_default())?;
            continue;
        }
        changes.clear();
        for row in rows.iter().map(Paid::row) {
            changes.push(Step { at: row.from, amount: row.amount });
            if row.until < FOREVER {
                changes.push(Step { at: row.until, amount: row.amount.saturating_neg() });
            }
        }
        add_up(&mut changes, &mut steps)?;
        steps::write(sink, &mut scratch, key, &steps)?;
    }
    Ok(())
}

/// Keys are spread evenly, so their first bits deal the rows into buckets that fit a processor's cache and are sorted
/// there: for a million rows two thirds of the time of sorting them at once.
fn order<T: Paid>(rows: &mut [T]) {
    const BUCKET: usize = 512;
    let bits = rows.len().div_euclid(BUCKET).checked_ilog2().unwrap_or(0).min(16);
    if bits > 0 {
        deal(rows, bits);
    }
    rows.chunk_by_mut(|a, b| first_bits(a.key(), bits) == first_bits(b.key(), bits))
        .for_each(|bucket| bucket.sort_unstable_by_key(Paid::key));
}

/// Changes of an amount, in any order, as the steps of their running sum.
fn add_up(changes: &mut [Step], steps: &mut Vec<Step>) -> Result<(), CoreError> {
    changes.sort_unstable_by_key(|change| change.at);
    steps.clear();
    let (mut amount, mut shown) = (0i128, 0i128);
    for instant in changes.chunk_by(|a, b| a.at == b.at) {
        for change in instant {
            amount = amount.checked_add(change.amount).ok_or_else(|| CoreError::AmountOutOfRange)?;
        }
        if amount != shown {
            shown = amount;
            steps.push(Step { at: instant.first().map_or(0, |change| change.at), amount });
        }
    }
    Ok(())
}

fn first_bits(key: u128, bits: u32) -> usize {
    usize::try_from(key.checked_shr(128u32.saturating_sub(bits)).unwrap_or(0)).unwrap_or(0)
}

/// Puts rows into the order of their keys' first bits, in place: each row is swapped to the next free place of its bucket.
fn deal<T: Paid>(rows: &mut [T], bits: u32) {
    let mut ends = vec![0usize; 1usize.checked_shl(bits).unwrap_or(1)];
    for row in rows.iter() {
        if let Some(end) = ends.get_mut(first_bits(row.key(), bits)) {
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
            let Some(home) = rows.get(place).map(|row| first_bits(row.key(), bits)) else { return };
            let Some(free) = next.get_mut(home) else { return };
            rows.swap(place, *free);
            *free = free.saturating_add(1);
        }
    }
}

fn rescale(amount: i128, from: u8, to: u8) -> Result<i128, CoreError> {
    if from == to {
        return Ok(amount);
    }
    let factor = to.checked_sub(from).and_then(|by| 10i128.checked_pow(by.into()));
    factor.and_then(|factor| amount.checked_mul(factor)).ok_or_else(|| CoreError::AmountOutOfRange)
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
        summarise_in(rows, 1, 1)
    }

    /// In other units, which need other widths.
    fn summarise_in(rows: &[Paid], instants: i64, amounts: i128) -> Timeline {
        let mut timeline = Timeline::default();
        for &(customer, from, until, amount) in rows {
            let span = Span { from: from * instants, until: until.map(|until| until * instants) };
            let amount = Amount::new(i128::from(amount) * amounts, 2);
            timeline.push(KeyKind::Bigint, customer.into(), span, amount).expect("small");
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
            visit(&summarise(&rows).to_bytes().expect("small"), |key, steps| {
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
            let bytes = |timeline: &mut Timeline| timeline.to_bytes().expect("small");
            let whole = bytes(&mut summarise(&rows));
            let (left, right) = rows.split_at(shuffle.min(rows.len()));
            let mut merged = summarise(right);
            merged.merge(&mut summarise(left)).expect("small");
            prop_assert_eq!(&bytes(&mut merged), &whole);
            let mut rolled = Timeline::default();
            for part in [summarise(&right.iter().rev().copied().collect::<Vec<_>>()), summarise(left)] {
                let part = part.clone().to_bytes().expect("small");
                rolled.add(&part).expect("small");
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
        fn rows_set_apart_change_nothing(rows in rows()) {
            let (mut compacted, mut whole) = (summarise(&rows), summarise(&rows));
            compacted.set_rows_apart().expect("small");
            if let Some(row) = rows.first() {
                let paid = Span { from: row.1, until: row.2 };
                compacted.push(KeyKind::Bigint, 9, paid, Amount::new(row.3.into(), 2)).expect("small");
                whole.push(KeyKind::Bigint, 9, paid, Amount::new(row.3.into(), 2)).expect("small");
            }
            prop_assert_eq!(compacted.to_bytes(), whole.to_bytes());
        }
        #[test]
        fn every_width_says_the_same(rows in rows(), instants in 0..3usize, amounts in 0..4usize) {
            let instants = [super::super::calendar::SECOND, 1_000_000_000_000_000, 7][instants];
            let amounts = [100_000_000, 1_000_000_000, 1_000_000_000_000_000_000, 10i128.pow(30)][amounts];
            let mut expected = Vec::new();
            visit(&summarise(&rows).to_bytes().expect("small"), |key, steps| {
                expected.extend(steps.iter().map(|step| (key, step.at * instants, step.amount * amounts)));
            });
            let mut found = Vec::new();
            let bytes = summarise_in(&rows, instants, amounts).to_bytes().expect("small");
            visit(&bytes, |key, steps| found.extend(steps.iter().map(|step| (key, step.at, step.amount))));
            prop_assert_eq!(found, expected);
            let mut again = Timeline::default();
            again.add(&bytes).expect("own bytes");
            prop_assert_eq!(again.to_bytes(), Ok(bytes));
        }
        #[test]
        fn hostile_bytes_are_a_summary_or_an_error(
            rows in rows(), instants in 0..3usize, amounts in 0..4usize, at in 0..400usize, byte: u8, cut in 0..400usize,
        ) {
            let instants = [super::super::calendar::SECOND, 1_000_000_000_000_000, 7][instants];
            let amounts = [1, 1_000_000_000, 1_000_000_000_000_000_000, 10i128.pow(30)][amounts];
            let mut bytes = summarise_in(&rows, instants, amounts).to_bytes().expect("small");
            if let Some(target) = bytes.get_mut(at) { *target = byte; }
            for bytes in [&bytes[..], &bytes[..cut.min(bytes.len())]] {
                let mut again = Timeline::default();
                if again.add(bytes).is_ok() {
                    prop_assert_eq!(again.to_bytes().expect("as it was"), bytes);
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
                timeline.to_bytes().expect("small")
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
    fn the_bytes_never_change() {
        // Stored summaries have them: seconds and cents, then microseconds and an amount of sixteen bytes.
        let mut timeline = Timeline::default();
        let span = Span { from: of_seconds(1), until: Some(of_seconds(u32::MAX)) };
        timeline.push(KeyKind::Bigint, 7, span, Amount::new(1099, 2)).expect("small");
        let span = Span { from: 1, until: None };
        timeline.push(KeyKind::Bigint, 8, span, Amount::new(1 << 70, 2)).expect("small");
        let bytes = timeline.to_bytes().expect("small");
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "01020202000040720164eac5893f817d5e9fe53d788f4001000000ffffffff4b040000000000000100002073ce0acb07c9d0993fd443f5df73caf1010000000000000000000000000000004000000000000000"
        );
        let mut steps = Vec::new();
        visit(&bytes, |key, of_one| steps.push((gather(key), of_one.to_vec())));
        let step = |at, amount| Step { at, amount };
        let ends = vec![step(of_seconds(1), 1099), step(of_seconds(u32::MAX), 0)];
        steps.sort_by_key(|customer| customer.0);
        assert_eq!(steps, [(7, ends), (8, vec![step(1, 1 << 70)])]);
    }

    #[test]
    fn empty_is_one_value() {
        let empty = Timeline::default().to_bytes();
        let nothing = [(1, 5, Some(5), 3), (2, 1, None, 0), (2, 1, None, -1)];
        assert_eq!(summarise(&nothing).to_bytes(), empty);
        assert!(Steps::read(&empty.expect("small")).is_ok());
    }

    #[test]
    fn scales_meet_at_the_finest() {
        let mut timeline = Timeline::default();
        let span = Span { from: 0, until: None };
        timeline.push(KeyKind::Uuid, 1, span, Amount::new(5, 0)).expect("small");
        timeline.push(KeyKind::Uuid, 1, span, Amount::new(25, 2)).expect("small");
        let summary = timeline.to_bytes().expect("small");
        assert_eq!(Steps::read(&summary).expect("own bytes").scale, 2);
        visit(&summary, |_, steps| assert_eq!(steps, [Step { at: 0, amount: 525 }]));
        assert_eq!(timeline.push(KeyKind::Text, 1, span, Amount::new(5, 0)), Err(CoreError::MixedKeys));
    }
}
