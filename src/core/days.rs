//! Per entity, the local days on which it was seen: the bytes of an activity.
//!
//! A record's head is the number of days, with the top bit set if they span more than 65,535 days; its payload is the first
//! day in four bytes and the distance of each further day from the first, in two bytes or in four.
use super::calendar::Day;
use super::codec::Sink;
use super::error::CoreError;
use super::keys::KeyKind;
use super::records::{Record, Records};

const WIDE: u32 = 1 << 31;

/// Writes an entity's record by way of `scratch`; the days ascend, and there is one at least.
pub fn write(sink: &mut impl Sink, scratch: &mut Vec<u8>, key: u128, days: &[Day]) -> Result<(), CoreError> {
    let (Some(&first), Some(&last)) = (days.first(), days.last()) else { return Ok(()) };
    let count =
        u32::try_from(days.len()).ok().filter(|&count| count < WIDE).ok_or_else(|| CoreError::TooLarge)?;
    let wide = is_wide(first, last);
    scratch.clear();
    scratch.extend((if wide { count | WIDE } else { count }).to_le_bytes());
    scratch.extend(key.to_le_bytes());
    scratch.extend(first.to_le_bytes());
    let distances = days.iter().skip(1).map(|day| day.abs_diff(first));
    if wide {
        scratch.extend(distances.flat_map(u32::to_le_bytes));
    } else {
        scratch.extend(distances.flat_map(|distance| (distance as u16).to_le_bytes()));
    }
    sink.put(scratch)
}

fn is_wide(first: Day, last: Day) -> bool {
    last.abs_diff(first) > u32::from(u16::MAX)
}

/// An activity's bytes, read in place.
#[derive(Clone, Copy, Debug)]
pub struct Days<'a> {
    pub kind: KeyKind,
    records: Records<'a>,
}

impl<'a> Days<'a> {
    pub fn read(bytes: &'a [u8]) -> Result<Self, CoreError> {
        let records = Records::read(bytes, payload_size)?;
        if records.scale == 0 {
            Ok(Days { kind: records.kind, records })
        } else {
            Err(CoreError::CorruptState)
        }
    }

    pub fn records(self) -> Records<'a> {
        self.records
    }

    /// Each entity's key and days, in the order of keys. Everything that the form promises is checked on the way.
    pub fn visit(
        &self, mut each: impl FnMut(u128, &[Day]) -> Result<(), CoreError>,
    ) -> Result<(), CoreError> {
        let mut days = Vec::new();
        self.records.visit(|record| {
            days.clear();
            decode(&record, &mut days)?;
            let wide = record.head & WIDE != 0;
            let (Some(&first), Some(&last)) = (days.first(), days.last()) else {
                return Err(CoreError::CorruptState);
            };
            let ascends = days.iter().zip(days.iter().skip(1)).all(|(day, next)| day < next);
            if !ascends || !is_day(first) || !is_day(last) || wide != is_wide(first, last) {
                return Err(CoreError::CorruptState);
            }
            each(record.key, &days)
        })
    }
}

fn payload_size(head: u32) -> Option<usize> {
    let further = usize::try_from((head & !WIDE).checked_sub(1)?).ok()?;
    further.checked_mul(if head & WIDE == 0 { 2 } else { 4 })?.checked_add(4)
}

/// Appends the days of a record.
pub fn decode(record: &Record, days: &mut Vec<Day>) -> Result<(), CoreError> {
    let (first, rest) = record.payload().split_first_chunk::<4>().ok_or_else(|| CoreError::CorruptState)?;
    let first = Day::from_le_bytes(*first);
    days.push(first);
    if record.head & WIDE == 0 {
        let (distances, _) = rest.as_chunks::<2>();
        days.extend(distances.iter().map(|by| first.saturating_add_unsigned(u16::from_le_bytes(*by).into())));
    } else {
        let (distances, _) = rest.as_chunks::<4>();
        days.extend(distances.iter().map(|by| first.saturating_add_unsigned(u32::from_le_bytes(*by))));
    }
    Ok(())
}

/// Adds days to others; both ascend.
pub fn unite(days: &mut Vec<Day>, more: &[Day]) {
    let (mut left, mut right) = (days.len(), more.len());
    days.resize(left.saturating_add(right), 0);
    // From the end, so that none is overwritten before it is read.
    let mut place = days.len();
    while right > 0 {
        let new = more.get(right.wrapping_sub(1)).copied().unwrap_or_default();
        let old = left.checked_sub(1).and_then(|last| days.get(last)).copied();
        let largest = old.map_or(new, |old| old.max(new));
        left = left.saturating_sub(usize::from(old.is_some_and(|old| old >= new)));
        right = right.saturating_sub(usize::from(old.is_none_or(|old| old <= new)));
        place = place.saturating_sub(1);
        if let Some(free) = days.get_mut(place) {
            *free = largest;
        }
    }
    // Days that were in both have left a gap before the place.
    days.drain(left..place);
}

/// Within PostgreSQL's dates of timestamps: 4713 BC to 294276 AD, and a day for the time zone.
pub fn is_day(day: Day) -> bool {
    (-2_451_546..=106_751_992).contains(&day)
}
