//! Per customer, the sum of their paid amounts as a step function of time, and its bytes.
//!
//! One content has one form: customers ascend by key, instants ascend and amounts change at each of them, and nothing
//! before the first instant is paid. The bytes are little-endian whatever the machine, with amounts of eight bytes
//! where all fit.
use super::calendar::{Instant, NEVER};
use super::error::CoreError;
use super::keys::gather;

pub const VERSION: u8 = 1;
/// Decimals of an amount: a 128-bit integer has 38 digits.
pub const MAX_SCALE: u8 = 38;
/// PostgreSQL holds no value of a gigabyte.
pub const MAX_BYTES: usize = 1 << 30;

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
/// Packed to 24 bytes: a million customers have a few million of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, packed(8))]
pub struct Step {
    pub at: Instant,
    pub amount: i128,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    pub kind: KeyKind,
    pub scale: u8,
    /// Each customer's key and the end of their steps.
    customers: Vec<(u128, usize)>,
    steps: Vec<Step>,
}

impl Steps {
    /// Empty, with room for what so many intervals can become; memory that stays unused is never touched.
    pub fn with_room(kind: KeyKind, scale: u8, intervals: usize) -> Self {
        let steps = Vec::with_capacity(intervals.saturating_mul(2));
        Steps { kind, scale, customers: Vec::with_capacity(intervals), steps }
    }
    pub fn push_step(&mut self, step: Step) {
        self.steps.push(step);
    }
    /// Ends a customer, unless no step was pushed for them.
    pub fn end_customer(&mut self, key: u128) {
        let start = self.customers.last().map_or(0, |last| last.1);
        if self.steps.len() > start {
            self.customers.push((key, self.steps.len()));
        }
    }
    pub fn iter(&self) -> impl Iterator<Item = (u128, &[Step])> {
        let mut start = 0usize;
        self.customers.iter().map(move |&(key, end)| {
            let steps = self.steps.get(start..end).unwrap_or_default();
            start = end;
            (key, steps)
        })
    }

    pub fn encode(&self) -> Result<Vec<u8>, CoreError> {
        let wide = self.steps.iter().any(|step| i64::try_from(step.amount).is_err());
        let per_step: usize = if wide { 24 } else { 16 };
        let size = self.steps.len().checked_mul(per_step).and_then(|steps| {
            self.customers
                .len()
                .checked_mul(20)
                .and_then(|keys| keys.checked_add(steps))
                .and_then(|s| s.checked_add(12))
        });
        let size = size.filter(|&size| size < MAX_BYTES).ok_or(CoreError::TooLarge)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(size).map_err(|_| CoreError::TooLarge)?;
        let count = u32::try_from(self.customers.len()).map_err(|_| CoreError::TooLarge)?;
        let total = u32::try_from(self.steps.len()).map_err(|_| CoreError::TooLarge)?;
        bytes.extend([VERSION, self.kind as u8, self.scale, u8::from(wide)]);
        bytes.extend(count.to_le_bytes());
        bytes.extend(total.to_le_bytes());
        self.customers.iter().for_each(|(key, _)| bytes.extend(key.to_le_bytes()));
        for (_, end) in &self.customers {
            bytes.extend(u32::try_from(*end).map_err(|_| CoreError::TooLarge)?.to_le_bytes());
        }
        self.steps.iter().for_each(|step| bytes.extend(step.at.to_le_bytes()));
        for step in &self.steps {
            match i64::try_from(step.amount) {
                Ok(amount) if !wide => bytes.extend(amount.to_le_bytes()),
                _ => bytes.extend(step.amount.to_le_bytes()),
            }
        }
        Ok(bytes)
    }

    /// Everything that `encode` promises is checked: a stored summary may have come from anywhere.
    pub fn decode(bytes: &[u8]) -> Result<Self, CoreError> {
        let corrupt = CoreError::CorruptState;
        let Some((&[version, kind, scale, wide], rest)) = bytes.split_first_chunk::<4>() else {
            return Err(corrupt);
        };
        if version != VERSION {
            return Err(CoreError::UnknownVersion(version));
        }
        let kind = KeyKind::of_code(kind)?;
        let (count, rest) = rest.split_first_chunk::<4>().ok_or(CoreError::CorruptState)?;
        let (total, rest) = rest.split_first_chunk::<4>().ok_or(CoreError::CorruptState)?;
        let (keys, rest) = column::<16>(rest, u32::from_le_bytes(*count))?;
        let (ends, rest) = column::<4>(rest, u32::from_le_bytes(*count))?;
        let (instants, rest) = column::<8>(rest, u32::from_le_bytes(*total))?;
        let (narrow, broad, rest) = if wide == 0 {
            let (amounts, rest) = column::<8>(rest, u32::from_le_bytes(*total))?;
            (amounts, &[][..], rest)
        } else {
            let (amounts, rest) = column::<16>(rest, u32::from_le_bytes(*total))?;
            (&[][..], amounts, rest)
        };
        if !rest.is_empty() || wide > 1 {
            return Err(corrupt);
        }
        let narrow = narrow.iter().map(|amount| i128::from(i64::from_le_bytes(*amount)));
        let amounts = narrow.chain(broad.iter().map(|amount| i128::from_le_bytes(*amount)));
        let mut steps = Vec::new();
        steps.try_reserve_exact(instants.len()).map_err(|_| CoreError::TooLarge)?;
        steps.extend(
            instants.iter().zip(amounts).map(|(at, amount)| Step { at: i64::from_le_bytes(*at), amount }),
        );
        let customers = keys.iter().zip(ends).map(|(key, end)| {
            let end = usize::try_from(u32::from_le_bytes(*end)).unwrap_or(usize::MAX);
            (u128::from_le_bytes(*key), end)
        });
        let decoded = Steps { kind, scale, customers: customers.collect(), steps };
        if decoded.is_canonical(wide == 1) { Ok(decoded) } else { Err(corrupt) }
    }

    fn is_canonical(&self, wide: bool) -> bool {
        let mut start = 0usize;
        let mut before = None;
        for &(key, end) in &self.customers {
            let Some(steps) = self.steps.get(start..end).filter(|steps| !steps.is_empty()) else {
                return false;
            };
            let mut last: Option<Step> = None;
            for step in steps {
                let ascends = last.is_none_or(|last| last.at < step.at);
                if !ascends
                    || !is_instant(step.at)
                    || step.amount < 0
                    || step.amount == last.map_or(0, |last| last.amount)
                {
                    return false;
                }
                last = Some(*step);
            }
            let strange = self.kind == KeyKind::Bigint && u64::try_from(gather(key)).is_err();
            if strange || before.is_some_and(|before| before >= key) {
                return false;
            }
            before = Some(key);
            start = end;
        }
        start == self.steps.len()
            && (self.kind == KeyKind::None) == self.customers.is_empty()
            && self.scale <= MAX_SCALE
            && (self.scale == 0 || !self.customers.is_empty())
            && wide == self.steps.iter().any(|step| i64::try_from(step.amount).is_err())
    }
}

/// Minus infinity, or within PostgreSQL's timestamps: 4713 BC to 294276 AD.
fn is_instant(at: Instant) -> bool {
    const FIRST: Instant = -211_813_488_000_000_000;
    const END: Instant = 9_223_371_331_200_000_000;
    at == NEVER || (FIRST..END).contains(&at)
}

fn column<const WIDTH: usize>(bytes: &[u8], count: u32) -> Result<(&[[u8; WIDTH]], &[u8]), CoreError> {
    let size = usize::try_from(count)
        .ok()
        .and_then(|count| count.checked_mul(WIDTH))
        .ok_or(CoreError::CorruptState)?;
    let (column, rest) = bytes.split_at_checked(size).ok_or(CoreError::CorruptState)?;
    Ok((column.as_chunks::<WIDTH>().0, rest))
}
