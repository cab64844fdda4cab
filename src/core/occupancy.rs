//! Occupancy of many days (METRICS.md, 7): the state of the aggregate `vend.occupancy`.
//!
//! Few counts are kept as they come; of many, the whole ones below a bound are tallied in tables by capacity, hour and count,
//! the others in a tree.
use super::cells::{self, Place, WHOLE, count_of};
use super::codec::{Sink, Summary};
use super::error::CoreError;
use super::hourly::{MAX_SLOTS, read_hourly};
use super::money::Amount;
use std::collections::BTreeMap;

/// Counts of a small group, to be put in order rather than tallied.
const FEW: usize = if cfg!(test) { 40 } else { 1024 };
/// Counts below this one have a place in a table.
const TALLIED: u64 = if cfg!(test) { 8 } else { 4096 };
/// Cells outside the tables (128 MiB and more).
const MAX_CELLS: usize = 4_000_000;
/// Capacities with a table of their own (at most 400 kB each).
const MAX_TABLES: usize = 1_000;

#[derive(Clone, Debug, Default)]
pub struct Occupancy {
    few: Vec<Place>,
    tables: Vec<Table>,
    /// The table used last, as rows of one garage come together.
    last: usize,
    others: BTreeMap<Place, u64>,
}

/// Days by hour and whole count, of one capacity.
#[derive(Clone, Debug)]
struct Table {
    capacity: u32,
    hours: [Vec<u32>; MAX_SLOTS],
}

impl Occupancy {
    /// A document's known hours. A capacity that is NULL or not positive is not known.
    pub fn push(&mut self, document: &[u8], capacity: Option<i32>) -> Result<(), CoreError> {
        let capacity = capacity.and_then(|capacity| u32::try_from(capacity).ok()).unwrap_or(0);
        if self.few.len() >= FEW {
            self.tally_few()?;
        }
        if self.tables.is_empty() && self.others.is_empty() {
            return read_hourly(document, |hour, amount| {
                self.few.push(place(capacity, hour, amount)?);
                Ok(())
            });
        }
        let table = self.table(capacity);
        read_hourly(document, |hour, amount| {
            let small = amount.scale() == 0 && (0..i128::from(TALLIED)).contains(&amount.digits());
            let table = table.and_then(|table| self.tables.get_mut(table)).filter(|_| small);
            match table.and_then(|table| table.hours.get_mut(hour)) {
                Some(counts) => tally(counts, amount.digits() as usize, 1),
                None => add(&mut self.others, place(capacity, hour, amount)?, 1),
            }
        })
    }

    /// Adds a finished summary, which may have come from anywhere.
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), CoreError> {
        self.tally_few()?;
        cells::visit(bytes, |place, days| self.tally(place, days))
    }

    fn tally_few(&mut self) -> Result<(), CoreError> {
        let few = std::mem::take(&mut self.few);
        few.into_iter().try_for_each(|place| self.tally(place, 1))
    }

    pub fn tally(&mut self, place: Place, days: u64) -> Result<(), CoreError> {
        let whole = place.count.checked_div(WHOLE).filter(|_| place.count.checked_rem(WHOLE) == Some(0));
        if let (Some(whole), Ok(days)) = (whole.filter(|&whole| whole < TALLIED), u32::try_from(days)) {
            let table = self.table(place.capacity).and_then(|table| self.tables.get_mut(table));
            if let Some(counts) = table.and_then(|table| table.hours.get_mut(usize::from(place.hour))) {
                return tally(counts, whole as usize, days);
            }
        }
        add(&mut self.others, place, days)
    }

    /// The table of a capacity, unless there are too many.
    fn table(&mut self, capacity: u32) -> Option<usize> {
        if self.tables.get(self.last).is_none_or(|table| table.capacity != capacity) {
            // In order of capacity.
            let place = self.tables.binary_search_by_key(&capacity, |table| table.capacity);
            if let Err(place) = place {
                if self.tables.len() >= MAX_TABLES {
                    return None;
                }
                self.tables.insert(place, Table { capacity, hours: [const { Vec::new() }; MAX_SLOTS] });
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
        let mut cells: Vec<(Place, u64)> = self.others.iter().map(|(&place, &days)| (place, days)).collect();
        cells.extend(self.few.iter().map(|&place| (place, 1)));
        for table in &self.tables {
            for (hour, counts) in (0..).zip(&table.hours) {
                for (count, &days) in (0u64..).zip(counts).filter(|(_, days)| **days > 0) {
                    let place = Place { capacity: table.capacity, hour, count: count.saturating_mul(WHOLE) };
                    cells.push((place, days.into()));
                }
            }
        }
        cells.sort_unstable();
        let mut last = 0usize;
        for n in 1..cells.len() {
            // One place may be in all three.
            match cells.get_disjoint_mut([last, n]) {
                Ok([one, other]) if one.0 == other.0 => {
                    one.1 = one.1.checked_add(other.1).ok_or(CoreError::CountOutOfRange)?;
                }
                _ => {
                    last = last.saturating_add(1);
                    cells.swap(last, n);
                }
            }
        }
        cells.truncate(last.saturating_add(1));
        cells::write(sink, &cells)
    }
    fn decode(bytes: &[u8]) -> Result<Self, CoreError> {
        let mut occupancy = Occupancy::default();
        occupancy.add(bytes)?;
        Ok(occupancy)
    }
}

fn place(capacity: u32, hour: usize, amount: Amount) -> Result<Place, CoreError> {
    let hour = u8::try_from(hour).map_err(|_| CoreError::CorruptState)?;
    Ok(Place { capacity, hour, count: count_of(amount)? })
}

fn tally(counts: &mut Vec<u32>, count: usize, days: u32) -> Result<(), CoreError> {
    if count >= counts.len() {
        counts.resize(count.saturating_add(1), 0);
    }
    let Some(tallied) = counts.get_mut(count) else { return Ok(()) };
    *tallied = tallied.checked_add(days).ok_or(CoreError::CountOutOfRange)?;
    Ok(())
}

fn add(others: &mut BTreeMap<Place, u64>, place: Place, days: u64) -> Result<(), CoreError> {
    let known = others.entry(place).or_insert(0);
    *known = known.checked_add(days).ok_or(CoreError::CountOutOfRange)?;
    if others.len() > MAX_CELLS { Err(CoreError::TooLarge) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::occupancy_rates::{peak_hours, rates};
    use proptest::prelude::*;

    type Seen = (u32, u8, u64);

    fn summarise(seen: &[Seen]) -> Occupancy {
        let mut occupancy = Occupancy::default();
        for &(capacity, hour, count) in seen {
            if occupancy.few.len() >= FEW {
                occupancy.tally_few().expect("small");
            }
            let place = Place { capacity, hour, count };
            if occupancy.tables.is_empty() {
                occupancy.few.push(place)
            } else {
                occupancy.tally(place, 1).expect("small")
            }
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
            let mut days = 0;
            cells::visit(&whole, |_, more| { days += more; Ok(()) }).expect("own bytes");
            prop_assert_eq!(days, seen.len() as u64);
        }
        #[test]
        fn rates_are_their_definition(seen in seen(60), percent in -50..400i128) {
            let summary = summarise(&seen).to_bytes().expect("small");
            let found = rates(&summary).expect("own bytes");
            // Capacities divide 120, so that rates are whole numbers of billionths.
            let rate = |seen: &Seen| 120 / u64::from(seen.0) * seen.2;
            let known: Vec<&Seen> = seen.iter().filter(|seen| seen.0 > 0).collect();
            let sum = |hour: Option<u8>| known.iter().filter(|seen| hour.is_none_or(|hour| seen.1 == hour))
                .fold((0i128, 0i128), |sum, seen| (sum.0 + i128::from(seen.2), sum.1 + i128::from(seen.0) * i128::from(WHOLE)));
            prop_assert_eq!((found.pooled.count, found.pooled.capacity), sum(None));
            let scaled = |rate: crate::core::occupancy_rates::Rate| (rate.capacity > 0).then(|| rate.count * 120 * i128::from(WHOLE) / rate.capacity);
            prop_assert_eq!(scaled(found.highest), known.iter().map(|seen| i128::from(rate(seen))).max());
            prop_assert_eq!(scaled(found.lowest), known.iter().map(|seen| i128::from(rate(seen))).min());
            let peaks = known.iter().filter(|seen| 100 * i128::from(seen.2) >= percent * i128::from(seen.0) * i128::from(WHOLE)).count();
            prop_assert_eq!(peak_hours(&summary, Amount::new(percent * 10, 1)), Ok(peaks as i64));
            for hour in 0..5u8 {
                let here = found.hours[usize::from(hour)];
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
            prop_assert_eq!(found.busiest_hour(), busiest.map(i32::from));
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
    fn many_capacities_and_days() {
        let seen: Vec<Seen> = (0..3000u32).map(|n| (n % 1500 + 1, 3, u64::from(n % 7) * WHOLE)).collect();
        let backwards: Vec<Seen> = seen.iter().rev().copied().collect();
        assert_eq!(summarise(&seen).to_bytes(), summarise(&backwards).to_bytes());
        let mut occupancy = Occupancy::default();
        let place = Place { capacity: 1, hour: 0, count: WHOLE };
        for days in [u64::from(u32::MAX), u64::MAX] {
            let added = occupancy.tally(place, days).and_then(|()| occupancy.to_bytes().map(|_| ()));
            assert_eq!(added.is_ok(), days < u64::MAX);
        }
        assert_eq!(Occupancy::default().to_bytes(), Ok(vec![1]));
    }
}
