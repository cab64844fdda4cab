//! Per customer, the sum of their paid amounts as a step function of time: the bytes of a timeline.
//!
//! One content has one form: customers ascend by key, instants ascend and amounts change at each of them, and nothing
//! before the first instant is paid. Numbers are little-endian whatever the machine, amounts of eight bytes where all
//! fit. The bytes are columns that are read where they lie: a second copy of a summary costs more than reading it.
use super::calendar::{Instant, NEVER};
use super::error::CoreError;
use super::keys::gather;

pub const VERSION: u8 = 1;
/// Decimals of an amount: a 128-bit integer has 38 digits.
pub const MAX_SCALE: u8 = 38;
/// PostgreSQL holds no value of a gigabyte.
const MAX_BYTES: usize = 1 << 30;
const HEADER: usize = 12;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyKind {
    /// Nothing has been seen.
    #[default]
    None,
    Uuid,
    Bigint,
    Text,
}

impl KeyKind {
    pub fn of_code(code: u8) -> Result<Self, CoreError> {
        [KeyKind::None, KeyKind::Uuid, KeyKind::Bigint, KeyKind::Text]
            .into_iter()
            .find(|&kind| kind as u8 == code)
            .ok_or(CoreError::CorruptState)
    }
}

/// From `at` on, `amount` (in units of the summary's scale) until the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub at: Instant,
    pub amount: i128,
}

/// Writes a summary, customer by customer in the order of their keys.
#[derive(Debug, Default)]
pub struct Builder {
    kind: KeyKind,
    scale: u8,
    keys: Vec<u128>,
    ends: Vec<u32>,
    instants: Vec<Instant>,
    amounts: Vec<i64>,
    /// All amounts, from the first one on that an `i64` cannot hold.
    broad: Vec<i128>,
}

impl Builder {
    /// With room for what so many intervals can become; memory that stays unused is never touched.
    pub fn with_room(kind: KeyKind, scale: u8, intervals: usize) -> Result<Self, CoreError> {
        let steps = intervals.saturating_mul(2);
        let mut builder = Builder { kind, scale, ..Builder::default() };
        let reserved = builder.keys.try_reserve_exact(intervals).is_ok()
            && builder.ends.try_reserve_exact(intervals).is_ok()
            && builder.instants.try_reserve_exact(steps).is_ok()
            && builder.amounts.try_reserve_exact(steps).is_ok();
        if reserved { Ok(builder) } else { Err(CoreError::TooLarge) }
    }

    pub fn push_step(&mut self, step: Step) {
        self.instants.push(step.at);
        match i64::try_from(step.amount) {
            Ok(amount) if self.broad.is_empty() => self.amounts.push(amount),
            _ => {
                self.broad.extend(self.amounts.drain(..).map(i128::from));
                self.broad.push(step.amount);
            }
        }
    }

    /// Ends a customer, unless no step was pushed for them.
    pub fn end_customer(&mut self, key: u128) -> Result<(), CoreError> {
        let end = u32::try_from(self.instants.len()).map_err(|_| CoreError::TooLarge)?;
        if end > self.ends.last().copied().unwrap_or(0) {
            self.keys.push(key);
            self.ends.push(end);
        }
        Ok(())
    }

    pub fn finish(self) -> Result<Vec<u8>, CoreError> {
        let wide = !self.broad.is_empty();
        let customers = u32::try_from(self.keys.len()).map_err(|_| CoreError::TooLarge)?;
        let steps = u32::try_from(self.instants.len()).map_err(|_| CoreError::TooLarge)?;
        let size =
            size_of(customers, steps, wide).filter(|&size| size < MAX_BYTES).ok_or(CoreError::TooLarge)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(size).map_err(|_| CoreError::TooLarge)?;
        bytes.extend([VERSION, self.kind as u8, self.scale, u8::from(wide)]);
        bytes.extend(customers.to_le_bytes());
        bytes.extend(steps.to_le_bytes());
        bytes.extend(self.keys.iter().flat_map(|key| key.to_le_bytes()));
        bytes.extend(self.ends.iter().flat_map(|end| end.to_le_bytes()));
        bytes.extend(self.instants.iter().flat_map(|at| at.to_le_bytes()));
        bytes.extend(self.amounts.iter().flat_map(|amount| amount.to_le_bytes()));
        bytes.extend(self.broad.iter().flat_map(|amount| amount.to_le_bytes()));
        Ok(bytes)
    }
}

fn size_of(customers: u32, steps: u32, wide: bool) -> Option<usize> {
    let keys = usize::try_from(customers).ok()?.checked_mul(20)?;
    let steps = usize::try_from(steps).ok()?.checked_mul(if wide { 24 } else { 16 })?;
    keys.checked_add(steps)?.checked_add(HEADER)
}

/// A summary's bytes, read in place.
#[derive(Clone, Copy, Debug)]
pub struct Steps<'a> {
    pub kind: KeyKind,
    pub scale: u8,
    keys: &'a [[u8; 16]],
    ends: &'a [[u8; 4]],
    instants: &'a [[u8; 8]],
    narrow: &'a [[u8; 8]],
    broad: &'a [[u8; 16]],
}

impl<'a> Steps<'a> {
    /// Everything that the form promises is checked: a stored summary may have come from anywhere.
    pub fn read(bytes: &'a [u8]) -> Result<Self, CoreError> {
        let Some((&[version, kind, scale, wide], rest)) = bytes.split_first_chunk::<4>() else {
            return Err(CoreError::CorruptState);
        };
        if version != VERSION {
            return Err(CoreError::UnknownVersion(version));
        }
        let kind = KeyKind::of_code(kind)?;
        let (customers, rest) = rest.split_first_chunk::<4>().ok_or(CoreError::CorruptState)?;
        let (steps, rest) = rest.split_first_chunk::<4>().ok_or(CoreError::CorruptState)?;
        let (customers, steps) = (u32::from_le_bytes(*customers), u32::from_le_bytes(*steps));
        if size_of(customers, steps, wide == 1) != Some(bytes.len()) || wide > 1 || scale > MAX_SCALE {
            return Err(CoreError::CorruptState);
        }
        let (keys, rest) = column::<16>(rest, customers)?;
        let (ends, rest) = column::<4>(rest, customers)?;
        let (instants, rest) = column::<8>(rest, steps)?;
        let (narrow, rest) = column::<8>(rest, if wide == 0 { steps } else { 0 })?;
        let (broad, _) = column::<16>(rest, if wide == 1 { steps } else { 0 })?;
        let read = Steps { kind, scale, keys, ends, instants, narrow, broad };
        read.check()?;
        Ok(read)
    }

    /// Each customer's key and steps, in the order of keys.
    pub fn visit(
        &self, mut each: impl FnMut(u128, &[Step]) -> Result<(), CoreError>,
    ) -> Result<(), CoreError> {
        let mut start = 0usize;
        let mut steps: Vec<Step> = Vec::new();
        for (key, end) in self.keys.iter().zip(self.ends) {
            let end = usize::try_from(u32::from_le_bytes(*end)).unwrap_or(usize::MAX);
            let instants = self.instants.get(start..end).ok_or(CoreError::CorruptState)?;
            steps.clear();
            let instants = instants.iter().map(|at| Instant::from_le_bytes(*at));
            match self.narrow.get(start..end) {
                Some(amounts) => {
                    let amounts = amounts.iter().map(|amount| i64::from_le_bytes(*amount).into());
                    steps.extend(instants.zip(amounts).map(|(at, amount)| Step { at, amount }));
                }
                None => {
                    let amounts = self.broad.get(start..end).ok_or(CoreError::CorruptState)?;
                    let amounts = amounts.iter().map(|amount| i128::from_le_bytes(*amount));
                    steps.extend(instants.zip(amounts).map(|(at, amount)| Step { at, amount }));
                }
            }
            each(u128::from_le_bytes(*key), &steps)?;
            start = end;
        }
        if start == self.instants.len() { Ok(()) } else { Err(CoreError::CorruptState) }
    }

    fn check(&self) -> Result<(), CoreError> {
        let mut before = None;
        let mut wide = false;
        self.visit(|key, steps| {
            let strange = self.kind == KeyKind::Bigint && u64::try_from(gather(key)).is_err();
            let mut last: Option<Step> = None;
            for &step in steps {
                let ascends = last.is_none_or(|last| last.at < step.at) && is_instant(step.at);
                if !ascends || step.amount < 0 || step.amount == last.map_or(0, |last| last.amount) {
                    return Err(CoreError::CorruptState);
                }
                wide |= i64::try_from(step.amount).is_err();
                last = Some(step);
            }
            if strange || steps.is_empty() || before.is_some_and(|before| before >= key) {
                return Err(CoreError::CorruptState);
            }
            before = Some(key);
            Ok(())
        })?;
        let empty = self.keys.is_empty();
        let canonical = (self.kind == KeyKind::None) == empty && (self.scale == 0 || !empty);
        if canonical && wide != self.broad.is_empty() { Ok(()) } else { Err(CoreError::CorruptState) }
    }
}

/// Minus infinity, or within PostgreSQL's timestamps: 4713 BC to 294276 AD.
fn is_instant(at: Instant) -> bool {
    const FIRST: Instant = -211_813_488_000_000_000;
    const END: Instant = 9_223_371_331_200_000_000;
    at == NEVER || (FIRST..END).contains(&at)
}

fn column<const WIDTH: usize>(bytes: &[u8], count: u32) -> Result<(&[[u8; WIDTH]], &[u8]), CoreError> {
    let size = usize::try_from(count).ok().and_then(|count| count.checked_mul(WIDTH));
    let (column, rest) = size.and_then(|size| bytes.split_at_checked(size)).ok_or(CoreError::CorruptState)?;
    Ok((column.as_chunks::<WIDTH>().0, rest))
}
