//! Totals of each hour, and how many hours had which count, by capacity: the bytes of an occupancy.
//!
//! After the version come the hours that are known, then groups of one capacity, each with the number of its cells, and the
//! cells: a count, and how many hours of days had it. Numbers are of variable length. One content has one form: hours,
//! capacities and counts ascend, nothing is zero that need not be there, fractions are in lowest terms, numbers are as short
//! as can be, and the totals of hours are those of cells.
use super::codec::Sink;
use super::error::CoreError;
use super::hourly::MAX_SLOTS;
use super::money::Amount;
use super::rate::Rate;

const VERSION: u8 = 1;
/// Counts are kept in billionths of a vehicle, which hold the six decimals of `vend.hourly_occupancy`.
pub const SCALE: u8 = 9;
pub const WHOLE: u64 = 1_000_000_000;
const MAX_COUNT: u64 = 2_147_483_647 * WHOLE;
const MAX_CAPACITY: u64 = 2_147_483_647;
/// The end of the hours.
const NO_HOUR: u8 = u8::MAX;

/// What is known of an hour: on how many days, the sum of their counts, the same pooled over the days whose capacity is known,
/// and the highest rate of these. Counts and capacities are in billionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hour {
    pub days: u64,
    pub count: i128,
    pub pooled: Rate,
    pub highest: Rate,
}

pub type Hours = [Hour; MAX_SLOTS];

impl Hour {
    /// On one day.
    pub fn once(place: Place) -> Self {
        let rate = Rate::of(place.count, place.capacity);
        Hour { days: 1, count: place.count.into(), pooled: rate, highest: rate }
    }
    pub fn add(&mut self, other: &Hour) -> Result<(), CoreError> {
        self.days = self.days.checked_add(other.days).ok_or_else(|| CoreError::CountOutOfRange)?;
        self.count = self.count.checked_add(other.count).ok_or_else(|| CoreError::AmountOutOfRange)?;
        self.pooled.add(other.pooled)?;
        self.highest = self.highest.higher(other.highest);
        Ok(())
    }
}

/// A capacity (0: not known), and a count in billionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub capacity: u32,
    pub count: u64,
}

/// A count in billionths; 22003 above an integer's range or with more than nine decimals.
pub fn count_of(amount: Amount) -> Result<u64, CoreError> {
    let up = SCALE.checked_sub(amount.scale()).and_then(|by| 10i128.checked_pow(by.into()));
    let down = amount.scale().checked_sub(SCALE).and_then(|by| 10i128.checked_pow(by.into()));
    let digits = match (up, down) {
        (Some(up), _) => amount.digits().checked_mul(up),
        (_, Some(down)) if amount.digits().checked_rem(down) == Some(0) => amount.digits().checked_div(down),
        _ => None,
    };
    let count = digits.and_then(|digits| u64::try_from(digits).ok()).filter(|&count| count <= MAX_COUNT);
    count.ok_or_else(|| CoreError::CountOutOfRange)
}

/// Writes the hours and the cells, which ascend by their places.
pub fn write(sink: &mut impl Sink, hours: &Hours, cells: &[(Place, u64)]) -> Result<(), CoreError> {
    let mut bytes = Vec::with_capacity(256);
    bytes.push(VERSION);
    for (n, hour) in (0..).zip(hours).filter(|(_, hour)| hour.days > 0) {
        bytes.push(n);
        put_number(&mut bytes, hour.days.into());
        for total in
            [hour.count, hour.pooled.count, hour.pooled.capacity, hour.highest.count, hour.highest.capacity]
        {
            put_number(&mut bytes, total.unsigned_abs());
        }
    }
    bytes.push(NO_HOUR);
    for group in cells.chunk_by(|a, b| a.0.capacity == b.0.capacity) {
        let Some((first, _)) = group.first() else { continue };
        put_number(&mut bytes, first.capacity.into());
        put_number(&mut bytes, u128::try_from(group.len()).unwrap_or(u128::MAX));
        for (place, hours) in group {
            put_number(&mut bytes, folded(place.count).into());
            put_number(&mut bytes, (*hours).into());
        }
        sink.put(&bytes)?;
        bytes.clear();
    }
    sink.put(&bytes)
}

/// The hours, and every cell in the order of places. Everything that the form promises is checked on the way.
pub fn read(
    bytes: &[u8], mut each: impl FnMut(Place, u64) -> Result<(), CoreError>,
) -> Result<Hours, CoreError> {
    let (&version, mut rest) = bytes.split_first().ok_or_else(|| CoreError::CorruptState)?;
    if version != VERSION {
        return Err(CoreError::UnknownVersion(version));
    }
    let (hours, total) = read_hours(&mut rest)?;
    let mut left = total.pooled;
    let mut highest = Rate::default();
    let mut before = None;
    while !rest.is_empty() {
        let capacity = short(number(&mut rest)?, MAX_CAPACITY)?;
        let cells = short(number(&mut rest)?, u64::MAX)?;
        if capacity == 0 || cells == 0 || before.is_some_and(|before| before >= capacity) {
            return Err(CoreError::CorruptState);
        }
        before = Some(capacity);
        let mut last = None;
        for _ in 0..cells {
            let count = unfolded(short(number(&mut rest)?, u64::MAX)?)?;
            let hours = short(number(&mut rest)?, u64::MAX)?;
            if count > MAX_COUNT || hours == 0 || last.is_some_and(|last| last >= count) {
                return Err(CoreError::CorruptState);
            }
            last = Some(count);
            let place = Place { capacity: u32::try_from(capacity).unwrap_or(u32::MAX), count };
            let rate = Rate::of(place.count, place.capacity);
            let found = rate
                .times(hours)
                .ok()
                .and_then(|all| left.without(all))
                .ok_or_else(|| CoreError::CorruptState)?;
            left = found;
            highest = highest.higher(rate);
            each(place, hours)?;
        }
    }
    let agree = left == Rate::default() && highest.in_lowest_terms() == total.highest.in_lowest_terms();
    if agree { Ok(hours) } else { Err(CoreError::CorruptState) }
}

fn read_hours(rest: &mut &[u8]) -> Result<(Hours, Hour), CoreError> {
    let mut hours = Hours::default();
    let mut total = Hour::default();
    let mut next = 0u8;
    loop {
        let (&n, after) = rest.split_first().ok_or_else(|| CoreError::CorruptState)?;
        *rest = after;
        if n == NO_HOUR {
            return Ok((hours, total));
        }
        let place =
            hours.get_mut(usize::from(n)).filter(|_| n >= next).ok_or_else(|| CoreError::CorruptState)?;
        next = n.saturating_add(1);
        let mut total_of = || i128::try_from(number(rest)?).map_err(|_| CoreError::CorruptState);
        let days = u64::try_from(total_of()?).map_err(|_| CoreError::CorruptState)?;
        let count = total_of()?;
        let pooled = Rate { count: total_of()?, capacity: total_of()? };
        let highest = Rate { count: total_of()?, capacity: total_of()? };
        let hour = Hour { days, count, pooled, highest };
        let whole = days > 0 && pooled.count <= count && pooled.is_known() == highest.is_known();
        let none = !pooled.is_known() && (pooled, highest) != Default::default();
        let mean_is_lower = !pooled.is_known() || highest.higher(pooled).in_lowest_terms() == highest;
        if !whole || none || !mean_is_lower || highest != highest.in_lowest_terms() {
            return Err(CoreError::CorruptState);
        }
        total.add(&hour).map_err(|_| CoreError::CorruptState)?;
        *place = hour;
    }
}

fn short(number: u128, most: u64) -> Result<u64, CoreError> {
    u64::try_from(number).ok().filter(|&number| number <= most).ok_or_else(|| CoreError::CorruptState)
}

/// Whole counts as short numbers: the last bit tells them from others.
fn folded(count: u64) -> u64 {
    match (count.checked_rem(WHOLE), count.checked_div(WHOLE)) {
        (Some(0), Some(whole)) => whole.saturating_mul(2),
        _ => count.saturating_mul(2).saturating_add(1),
    }
}

fn unfolded(number: u64) -> Result<u64, CoreError> {
    let half = number >> 1;
    let count = if number & 1 == 0 { half.checked_mul(WHOLE) } else { Some(half) };
    count.filter(|&count| folded(count) == number).ok_or_else(|| CoreError::CorruptState)
}

/// Seven bits a byte, the lowest first; the top bit says that more follow.
fn put_number(bytes: &mut Vec<u8>, mut number: u128) {
    if let Ok(mut short) = u64::try_from(number) {
        // Nearly always, and quicker.
        while short >= 0x80 {
            bytes.push((short & 0x7f) as u8 | 0x80);
            short >>= 7;
        }
        return bytes.push(short as u8);
    }
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn number(bytes: &mut &[u8]) -> Result<u128, CoreError> {
    let mut number = 0u128;
    for shift in (0..128).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or_else(|| CoreError::CorruptState)?;
        *bytes = rest;
        let bits = u128::from(byte & 0x7f);
        number |= bits << shift;
        if byte & 0x80 == 0 {
            // Not as short as can be, or more than 128 bits.
            let canonical = (byte != 0 || shift == 0) && (bits << shift) >> shift == bits;
            return if canonical { Ok(number) } else { Err(CoreError::CorruptState) };
        }
    }
    Err(CoreError::CorruptState)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn counts_are_exact_or_refused(digits in 0..1_000_000_000_000i128, scale in 0..14u8) {
            let exact = digits * 10i128.pow(14) / 10i128.pow(scale.into());
            match count_of(Amount::new(digits, scale)) {
                Ok(count) => prop_assert_eq!(i128::from(count) * 100_000, exact),
                Err(_) => prop_assert!(exact % 100_000 != 0 || exact / 100_000 > MAX_COUNT.into()),
            }
        }
        #[test]
        fn numbers_come_back(value: u128) {
            let mut bytes = Vec::new();
            put_number(&mut bytes, value);
            prop_assert_eq!(number(&mut bytes.as_slice()), Ok(value));
        }
        #[test]
        fn hostile_bytes_are_cells_or_an_error(mut bytes in proptest::collection::vec(prop_oneof![0..4u8, Just(NO_HOUR), any::<u8>()], 0..60)) {
            if let Some(version) = bytes.first_mut() { *version = VERSION; }
            let mut found = Vec::new();
            if let Ok(hours) = read(&bytes, |place, days| { found.push((place, days)); Ok(()) }) {
                let mut again = Vec::new();
                write(&mut again, &hours, &found).expect("small");
                prop_assert_eq!(again, bytes);
            }
        }
    }

    #[test]
    fn numbers_have_one_form() {
        assert_eq!(number(&mut [0x80u8, 0x00].as_slice()), Err(CoreError::CorruptState));
        assert_eq!(number(&mut [0xffu8; 20].as_slice()), Err(CoreError::CorruptState));
        let mut bytes = Vec::new();
        put_number(&mut bytes, u128::MAX);
        bytes[18] = 4;
        assert_eq!(number(&mut bytes.as_slice()), Err(CoreError::CorruptState));
    }
}
