//! How many days had which count, by capacity and hour: the bytes of an occupancy.
//!
//! After the version come groups of one capacity (0: not known) and hour, each with the number of its cells, and the cells,
//! each a count and the days that had it. All numbers but the hour are of variable length. One content has one form:
//! groups and counts ascend, no cell is of zero days, and numbers are as short as can be.
use super::codec::Sink;
use super::error::CoreError;
use super::hourly::MAX_SLOTS;
use super::money::Amount;

const VERSION: u8 = 1;
/// Counts are kept in billionths of a vehicle, which hold the six decimals of `vend.hourly_occupancy`.
pub const SCALE: u8 = 9;
pub const WHOLE: u64 = 1_000_000_000;
const MAX_COUNT: u64 = 2_147_483_647 * WHOLE;
const MAX_CAPACITY: u64 = 2_147_483_647;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// 0: not known.
    pub capacity: u32,
    pub hour: u8,
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
    count.ok_or(CoreError::CountOutOfRange)
}

/// Writes the cells, which ascend by their places.
pub fn write(sink: &mut impl Sink, cells: &[(Place, u64)]) -> Result<(), CoreError> {
    let mut bytes = vec![VERSION];
    for group in cells.chunk_by(|a, b| (a.0.capacity, a.0.hour) == (b.0.capacity, b.0.hour)) {
        let Some((first, _)) = group.first() else { continue };
        put_number(&mut bytes, first.capacity.into());
        bytes.push(first.hour);
        put_number(&mut bytes, u64::try_from(group.len()).unwrap_or(u64::MAX));
        for (place, days) in group {
            put_number(&mut bytes, folded(place.count));
            put_number(&mut bytes, *days);
        }
        sink.put(&bytes)?;
        bytes.clear();
    }
    sink.put(&bytes)
}

/// Every cell in the order of places. Everything that the form promises is checked on the way.
pub fn visit(
    bytes: &[u8], mut each: impl FnMut(Place, u64) -> Result<(), CoreError>,
) -> Result<(), CoreError> {
    let (&version, mut rest) = bytes.split_first().ok_or(CoreError::CorruptState)?;
    if version != VERSION {
        return Err(CoreError::UnknownVersion(version));
    }
    let mut before: Option<(u32, u8)> = None;
    while !rest.is_empty() {
        let capacity = number(&mut rest)?;
        let (&hour, after) = rest.split_first().ok_or(CoreError::CorruptState)?;
        rest = after;
        let cells = number(&mut rest)?;
        let known = capacity <= MAX_CAPACITY && usize::from(hour) < MAX_SLOTS && cells > 0;
        let group = (u32::try_from(capacity).unwrap_or(u32::MAX), hour);
        if !known || before.is_some_and(|before| before >= group) {
            return Err(CoreError::CorruptState);
        }
        before = Some(group);
        let mut last = None;
        for _ in 0..cells {
            let count = unfolded(number(&mut rest)?)?;
            let days = number(&mut rest)?;
            if count > MAX_COUNT || days == 0 || last.is_some_and(|last| last >= count) {
                return Err(CoreError::CorruptState);
            }
            last = Some(count);
            each(Place { capacity: group.0, hour, count }, days)?;
        }
    }
    Ok(())
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
    count.filter(|&count| folded(count) == number).ok_or(CoreError::CorruptState)
}

/// Seven bits a byte, the lowest first; the top bit says that more follow.
fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn number(bytes: &mut &[u8]) -> Result<u64, CoreError> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or(CoreError::CorruptState)?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        number |= bits << shift;
        if byte & 0x80 == 0 {
            // Not as short as can be, or more than 64 bits.
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
        fn cells_come_back(cells in proptest::collection::btree_map((0..4u32, 0..25u8, any::<bool>(), 0..500u64), 1..u64::MAX, 0..30)) {
            let place = |&(capacity, hour, whole, count): &(u32, u8, bool, u64)| Place { capacity, hour, count: if whole { count * WHOLE } else { count } };
            let cells: std::collections::BTreeMap<Place, u64> = cells.iter().map(|(key, &days)| (place(key), days)).collect();
            let cells: Vec<(Place, u64)> = cells.into_iter().collect();
            let mut bytes = Vec::new();
            write(&mut bytes, &cells).expect("small");
            let mut found = Vec::new();
            visit(&bytes, |place, days| { found.push((place, days)); Ok(()) }).expect("own bytes");
            prop_assert_eq!(found, cells);
        }
        #[test]
        fn hostile_bytes_are_cells_or_an_error(mut bytes in proptest::collection::vec(prop_oneof![0..4u8, any::<u8>()], 0..60)) {
            if let Some(version) = bytes.first_mut() { *version = VERSION; }
            let mut found = Vec::new();
            if visit(&bytes, |place, days| { found.push((place, days)); Ok(()) }).is_ok() {
                let mut again = Vec::new();
                write(&mut again, &found).expect("small");
                prop_assert_eq!(again, bytes);
            }
        }
        #[test]
        fn counts_are_exact_or_refused(digits in 0..1_000_000_000_000i128, scale in 0..14u8) {
            let exact = digits * 10i128.pow(14) / 10i128.pow(scale.into());
            match count_of(Amount::new(digits, scale)) {
                Ok(count) => prop_assert_eq!(i128::from(count) * 100_000, exact),
                Err(_) => prop_assert!(exact % 100_000 != 0 || exact / 100_000 > MAX_COUNT.into()),
            }
        }
    }

    #[test]
    fn numbers_have_one_form() {
        assert_eq!(number(&mut [0x80u8, 0x00].as_slice()), Err(CoreError::CorruptState));
        assert_eq!(number(&mut [0xffu8; 11].as_slice()), Err(CoreError::CorruptState));
        let mut bytes = Vec::new();
        put_number(&mut bytes, u64::MAX);
        assert_eq!(number(&mut bytes.as_slice()), Ok(u64::MAX));
        bytes[9] = 2;
        assert_eq!(number(&mut bytes.as_slice()), Err(CoreError::CorruptState));
    }
}
