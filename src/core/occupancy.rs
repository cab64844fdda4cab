//! Occupancy of many days (METRICS.md, 7): the state of the aggregate `vend.occupancy`.
//!
//! Few counts are kept as they come; of many, the whole ones below a bound are tallied in tables by capacity, the others in a
//! tree.
use super::cells::{self, Hour, Hours, Place, WHOLE, count_of};
use super::codec::{Sink, Summary};
use super::error::CoreError;
use super::hourly::{MAX_SLOTS, read_hourly};
use super::rate::Rate;
use std::collections::BTreeMap;

/// Counts of a small group, to be put in order rather than tallied.
const FEW: usize = if cfg!(test) { 40 } else { 1024 };
/// Counts below this one have a place in a table.
const TALLIED: u32 = if cfg!(test) { 8 } else { 4096 };
/// Cells outside the tables (some 200 MB).
const MAX_CELLS: usize = 4_000_000;
/// Capacities with a table of their own (at most 17 kB each).
const MAX_TABLES: usize = 10_000;

#[derive(Clone, Debug, Default)]
pub struct Occupancy {
    few: Vec<(u8, Place)>,
    /// Made when there are more, as it is large.
    many: Option<Box<Many>>,
}

#[derive(Clone, Debug, Default)]
struct Many {
    tables: Vec<Table>,
    /// The table used last, as rows of one garage come together.
    last: usize,
    /// What is not in the tables.
    hours: Hours,
    others: BTreeMap<Place, u64>,
}

/// Whole counts at one capacity (0: not known): totals of each hour, and how many hours had each count.
#[derive(Clone, Debug)]
struct Table {
    capacity: u32,
    hours: [Tally; MAX_SLOTS],
    counts: Vec<u32>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    days: u64,
    count: u64,
    highest: u32,
}

impl Table {
    fn add(&mut self, hour: usize, count: u32) -> Result<(), CoreError> {
        let Some(tally) = self.hours.get_mut(hour) else { return Ok(()) };
        tally.days = tally.days.saturating_add(1);
        tally.count = tally.count.saturating_add(count.into());
        tally.highest = tally.highest.max(count);
        if self.capacity > 0 { self.add_cell(count, 1) } else { Ok(()) }
    }
    fn add_cell(&mut self, count: u32, hours: u32) -> Result<(), CoreError> {
        let place = count as usize;
        if place >= self.counts.len() {
            self.counts.resize(place.saturating_add(1), 0);
        }
        let Some(known) = self.counts.get_mut(place) else { return Ok(()) };
        *known = known.checked_add(hours).ok_or_else(|| CoreError::CountOutOfRange)?;
        Ok(())
    }
    /// The totals of an hour in billionths.
    fn hour(&self, tally: Tally) -> Result<Hour, CoreError> {
        if tally.days == 0 {
            return Ok(Hour::default());
        }
        let count = i128::from(tally.count).saturating_mul(WHOLE.into());
        let mut pooled = Rate::of(0, self.capacity).times(tally.days)?;
        pooled.count = if pooled.is_known() { count } else { 0 };
        let highest = Rate::of(u64::from(tally.highest).saturating_mul(WHOLE), self.capacity);
        Ok(Hour { days: tally.days, count, pooled, highest })
    }
}

impl Occupancy {
    /// A document's known hours. A capacity that is NULL or not positive is not known.
    pub fn push(&mut self, document: &[u8], capacity: Option<i32>) -> Result<(), CoreError> {
        let capacity = capacity.and_then(|capacity| u32::try_from(capacity).ok()).unwrap_or(0);
        if self.few.len() >= FEW {
            self.tally_few()?;
        }
        if let Some(many) = &mut self.many {
            return many.push(document, capacity);
        }
        read_hourly(document, |hour, amount| {
            let hour = u8::try_from(hour).map_err(|_| CoreError::CorruptState)?;
            self.few.push((hour, Place { capacity, count: count_of(amount)? }));
            Ok(())
        })
    }

    /// Adds a finished summary, which may have come from anywhere.
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), CoreError> {
        let many = self.tally_few()?;
        let hours = cells::read(bytes, |place, hours| many.add_cell(place, hours))?;
        many.add_hours(&hours)
    }

    pub fn add_hours(&mut self, hours: &Hours) -> Result<(), CoreError> {
        self.tally_few()?.add_hours(hours)
    }

    /// How many hours had a count at a known capacity.
    pub fn add_cell(&mut self, place: Place, hours: u64) -> Result<(), CoreError> {
        self.tally_few()?.add_cell(place, hours)
    }

    fn tally_few(&mut self) -> Result<&mut Many, CoreError> {
        let many = self.many.get_or_insert_default();
        for (hour, place) in std::mem::take(&mut self.few) {
            let table = many.table(place.capacity).and_then(|table| many.tables.get_mut(table));
            match (whole(place.count), table) {
                (Some(count), Some(table)) => table.add(hour.into(), count)?,
                _ => add_other(&mut many.hours, &mut many.others, hour.into(), place)?,
            }
        }
        Ok(many)
    }
}

impl Many {
    fn push(&mut self, document: &[u8], capacity: u32) -> Result<(), CoreError> {
        let table = self.table(capacity);
        read_hourly(document, |hour, amount| {
            let small =
                u32::try_from(amount.digits()).ok().filter(|&count| amount.scale() == 0 && count < TALLIED);
            match (small, table.and_then(|table| self.tables.get_mut(table))) {
                (Some(count), Some(table)) => table.add(hour, count),
                _ => {
                    let place = Place { capacity, count: count_of(amount)? };
                    add_other(&mut self.hours, &mut self.others, hour, place)
                }
            }
        })
    }

    fn add_hours(&mut self, hours: &Hours) -> Result<(), CoreError> {
        self.hours.iter_mut().zip(hours).try_for_each(|(sum, hour)| sum.add(hour))
    }

    fn add_cell(&mut self, place: Place, hours: u64) -> Result<(), CoreError> {
        let count = whole(place.count).zip(u32::try_from(hours).ok());
        if let (Some((count, hours)), Some(table)) = (count, self.table(place.capacity)) {
            return self.tables.get_mut(table).map_or(Ok(()), |table| table.add_cell(count, hours));
        }
        add(&mut self.others, place, hours)
    }

    fn add_to(&self, hours: &mut Hours, cells: &mut Vec<(Place, u64)>) -> Result<(), CoreError> {
        hours.iter_mut().zip(&self.hours).try_for_each(|(sum, hour)| sum.add(hour))?;
        cells.extend(self.others.iter().map(|(&place, &hours)| (place, hours)));
        for table in &self.tables {
            for (sum, tally) in hours.iter_mut().zip(table.hours) {
                sum.add(&table.hour(tally)?)?;
            }
            for (count, &hours) in (0u64..).zip(&table.counts).filter(|(_, hours)| **hours > 0) {
                let place = Place { capacity: table.capacity, count: count.saturating_mul(WHOLE) };
                cells.push((place, hours.into()));
            }
        }
        Ok(())
    }

    /// The table of a capacity, unless there are too many.
    fn table(&mut self, capacity: u32) -> Option<usize> {
        if self.tables.get(self.last).is_none_or(|table| table.capacity != capacity) {
            let place = self.tables.binary_search_by_key(&capacity, |table| table.capacity);
            if let Err(place) = place {
                if self.tables.len() >= MAX_TABLES {
                    return None;
                }
                let hours = [Tally::default(); MAX_SLOTS];
                self.tables.insert(place, Table { capacity, hours, counts: Vec::new() });
            }
            self.last = place.unwrap_or_else(|place| place);
        }
        Some(self.last)
    }
}

impl Summary for Occupancy {
    fn merge(&mut self, other: &mut Occupancy) -> Result<(), CoreError> {
        let bytes = other.to_bytes()?;
        self.add(&bytes)
    }
    fn encode(&mut self, sink: &mut impl Sink) -> Result<(), CoreError> {
        let mut hours = Hours::default();
        let mut cells: Vec<(Place, u64)> = Vec::with_capacity(self.few.len());
        for &(hour, place) in &self.few {
            hours.get_mut(usize::from(hour)).map_or(Ok(()), |sum| sum.add(&Hour::once(place)))?;
            cells.extend((place.capacity > 0).then_some((place, 1)));
        }
        if let Some(many) = &self.many {
            many.add_to(&mut hours, &mut cells)?;
        }
        // One place may be in all three.
        cells.sort_unstable();
        let mut overflow = false;
        cells.dedup_by(|next, last| {
            let same = next.0 == last.0;
            if same {
                (last.1, overflow) = match last.1.checked_add(next.1) {
                    Some(sum) => (sum, overflow),
                    None => (0, true),
                };
            }
            same
        });
        if overflow {
            return Err(CoreError::CountOutOfRange);
        }
        for hour in hours.iter_mut().filter(|hour| hour.pooled.is_known()) {
            hour.highest = hour.highest.in_lowest_terms();
        }
        cells::write(sink, &hours, &cells)
    }
    fn decode(bytes: &[u8]) -> Result<Self, CoreError> {
        let mut occupancy = Occupancy::default();
        occupancy.add(bytes)?;
        Ok(occupancy)
    }
}

/// A whole count that has a place in a table.
fn whole(count: u64) -> Option<u32> {
    let whole = count.checked_div(WHOLE).filter(|_| count.checked_rem(WHOLE) == Some(0))?;
    u32::try_from(whole).ok().filter(|&whole| whole < TALLIED)
}

fn add_other(
    hours: &mut Hours, others: &mut BTreeMap<Place, u64>, hour: usize, place: Place,
) -> Result<(), CoreError> {
    hours.get_mut(hour).map_or(Ok(()), |sum| sum.add(&Hour::once(place)))?;
    if place.capacity > 0 { add(others, place, 1) } else { Ok(()) }
}

fn add(others: &mut BTreeMap<Place, u64>, place: Place, hours: u64) -> Result<(), CoreError> {
    let known = others.entry(place).or_insert(0);
    *known = known.checked_add(hours).ok_or_else(|| CoreError::CountOutOfRange)?;
    if others.len() > MAX_CELLS { Err(CoreError::TooLarge) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::money::Amount;
    use crate::core::occupancy_rates::*;
    use proptest::prelude::*;

    type Seen = (u32, u8, u64);

    fn summarise(seen: &[Seen]) -> Occupancy {
        let mut occupancy = Occupancy::default();
        for &(capacity, hour, count) in seen {
            if occupancy.few.len() >= FEW {
                occupancy.tally_few().map(|_| ()).expect("small");
            }
            occupancy.few.push((hour, Place { capacity, count }));
        }
        occupancy
    }

    fn seen(most: usize) -> impl Strategy<Value = Vec<Seen>> {
        let count = prop_oneof![4 => (0..12u64).prop_map(|count| count * WHOLE), 1 => 0..3 * WHOLE];
        let capacity = prop_oneof![Just(0u32), Just(5), Just(6), Just(8)];
        proptest::collection::vec((capacity, 0..5u8, count), 0..most)
    }

    proptest! {
        #[test]
        fn order_split_and_rollup_change_no_byte(seen in seen(200), cut in 0..200usize) {
            let whole = summarise(&seen).to_bytes().expect("small");
            let (left, right) = seen.split_at(cut.min(seen.len()));
            let backwards: Vec<_> = right.iter().rev().copied().collect();
            let mut merged = summarise(&backwards);
            merged.merge(&mut Occupancy::decode(&summarise(left).to_bytes().expect("small")).expect("own bytes")).expect("small");
            prop_assert_eq!(&merged.to_bytes().expect("small"), &whole);
            let mut cells = 0;
            let hours = cells::read(&whole, |_, hours| { cells += hours; Ok(()) }).expect("own bytes");
            prop_assert_eq!(hours.iter().map(|hour| hour.days).sum::<u64>(), seen.len() as u64);
            prop_assert_eq!(cells, seen.iter().filter(|seen| seen.0 > 0).count() as u64);
        }
        #[test]
        fn rates_are_their_definition(seen in seen(60), percent in -50..400i128) {
            let summary = summarise(&seen).to_bytes().expect("small");
            let found = hours(&summary).expect("own bytes");
            // Capacities divide 120, so that rates are whole numbers of billionths.
            let rate = |seen: &Seen| 120 / u64::from(seen.0) * seen.2;
            let known: Vec<&Seen> = seen.iter().filter(|seen| seen.0 > 0).collect();
            let sum = |hour: Option<u8>| known.iter().filter(|seen| hour.is_none_or(|hour| seen.1 == hour))
                .fold((0i128, 0i128), |sum, seen| (sum.0 + i128::from(seen.2), sum.1 + i128::from(seen.0) * i128::from(WHOLE)));
            let pooled = average(&summary).expect("own bytes");
            prop_assert_eq!((pooled.count, pooled.capacity), sum(None));
            let scaled = |rate: Rate| (rate.capacity > 0).then(|| rate.count * 120 * i128::from(WHOLE) / rate.capacity);
            prop_assert_eq!(scaled(highest(&summary).expect("own bytes")), known.iter().map(|seen| i128::from(rate(seen))).max());
            prop_assert_eq!(scaled(lowest(&summary).expect("own bytes")), known.iter().map(|seen| i128::from(rate(seen))).min());
            let peaks = known.iter().filter(|seen| 100 * i128::from(seen.2) >= percent * i128::from(seen.0) * i128::from(WHOLE)).count();
            prop_assert_eq!(peak_hours(&summary, Amount::new(percent * 10, 1)), Ok(peaks as i64));
            for hour in 0..5u8 {
                let here = found[usize::from(hour)];
                let counts: Vec<u64> = seen.iter().filter(|seen| seen.1 == hour).map(|seen| seen.2).collect();
                prop_assert_eq!((here.days, here.count), (counts.len() as u64, counts.iter().map(|&count| i128::from(count)).sum()));
                prop_assert_eq!((here.pooled.count, here.pooled.capacity), sum(Some(hour)));
                prop_assert_eq!(scaled(here.highest), known.iter().filter(|seen| seen.1 == hour).map(|seen| i128::from(rate(seen))).max());
            }
            // Fractions are compared crosswise; the first of equal ones wins.
            let fraction = |hour: u8| {
                let all: Vec<_> = seen.iter().filter(|seen| seen.1 == hour).collect();
                let mean = (all.iter().map(|seen| i128::from(seen.2)).sum(), all.len() as i128);
                if known.is_empty() { mean } else { sum(Some(hour)) }
            };
            let busiest = (0..5u8).filter(|&hour| fraction(hour).1 > 0).reduce(|best, hour| {
                if fraction(hour).0 * fraction(best).1 > fraction(best).0 * fraction(hour).1 { hour } else { best }
            });
            prop_assert_eq!(busiest_hour(&summary), Ok(busiest.map(i32::from)));
        }
        #[test]
        fn hostile_bytes_are_a_summary_or_an_error(seen in seen(12), at in 0..60usize, byte: u8, cut in 0..60usize) {
            let mut bytes = summarise(&seen).to_bytes().expect("small");
            if let Some(target) = bytes.get_mut(at) { *target = byte; }
            for bytes in [&bytes[..], &bytes[..cut.min(bytes.len())]] {
                if let Ok(mut occupancy) = Occupancy::decode(bytes) {
                    prop_assert_eq!(occupancy.to_bytes().expect("as it was"), bytes);
                }
            }
        }
    }

    #[test]
    fn the_bytes_never_change() {
        let seen = [(10, 9, 6 * WHOLE), (40, 9, 18 * WHOLE), (0, 24, WHOLE / 2), (10, 9, 123)];
        let bytes = summarise(&seen).to_bytes().expect("small");
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "010903fbe08bb459fbe08bb45980b09dc2df010305180180cab5ee0100000000ff0a02f701010c0128012401"
        );
    }

    #[test]
    fn many_capacities_and_days() {
        let seen: Vec<Seen> = (0..3000u32).map(|n| (n % 1500 + 1, 3, u64::from(n % 7) * WHOLE)).collect();
        let backwards: Vec<Seen> = seen.iter().rev().copied().collect();
        assert_eq!(summarise(&seen).to_bytes(), summarise(&backwards).to_bytes());
        let mut occupancy = Occupancy::default();
        let place = Place { capacity: 1, count: WHOLE };
        for (hours, fits) in [(u64::from(u32::MAX), true), (5 << 32, true), (u64::MAX, false)] {
            let added = occupancy.add_cell(place, hours).and_then(|()| occupancy.to_bytes().map(|_| ()));
            assert_eq!(added.is_ok(), fits);
        }
        assert_eq!(Occupancy::default().to_bytes(), Ok(vec![1, 255]));
    }
}
