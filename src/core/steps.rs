//! Per customer, the sum of their paid amounts as a step function of time: the bytes of a timeline.
//!
//! A record's head is the number of steps, with the top bit set if an amount needs more than eight bytes; its payload is
//! the steps, each an instant and an amount. One content has one form: instants ascend, amounts change at each of them,
//! and nothing before the first instant is paid.
use super::calendar::{Instant, NEVER};
use super::codec::Sink;
use super::error::CoreError;
use super::keys::KeyKind;
use super::records::{Record, Records};

const WIDE: u32 = 1 << 31;

/// From `at` on, `amount` (in units of the summary's scale) until the next step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    pub at: Instant,
    pub amount: i128,
}

/// Writes a customer's record by way of `scratch`, unless there are no steps.
pub fn write(
    sink: &mut impl Sink, scratch: &mut Vec<u8>, key: u128, steps: &[Step],
) -> Result<(), CoreError> {
    if steps.is_empty() {
        return Ok(());
    }
    let count = u32::try_from(steps.len()).ok().filter(|&count| count < WIDE).ok_or(CoreError::TooLarge)?;
    let wide = steps.iter().any(|step| i64::try_from(step.amount).is_err());
    scratch.clear();
    scratch.extend((if wide { count | WIDE } else { count }).to_le_bytes());
    scratch.extend(key.to_le_bytes());
    for step in steps {
        scratch.extend(step.at.to_le_bytes());
        match i64::try_from(step.amount) {
            Ok(amount) if !wide => scratch.extend(amount.to_le_bytes()),
            _ => scratch.extend(step.amount.to_le_bytes()),
        }
    }
    sink.put(scratch)
}

/// A timeline's bytes, read in place.
#[derive(Clone, Copy, Debug)]
pub struct Steps<'a> {
    pub kind: KeyKind,
    pub scale: u8,
    records: Records<'a>,
}

impl<'a> Steps<'a> {
    pub fn read(bytes: &'a [u8]) -> Result<Self, CoreError> {
        let records = Records::read(bytes, payload_size)?;
        Ok(Steps { kind: records.kind, scale: records.scale, records })
    }

    pub fn records(self) -> Records<'a> {
        self.records
    }

    /// Each customer's key and steps, in the order of keys. Everything that the form promises is checked on the way.
    pub fn visit(
        &self, mut each: impl FnMut(u128, &[Step]) -> Result<(), CoreError>,
    ) -> Result<(), CoreError> {
        let mut steps = Vec::new();
        self.records.visit(|record| {
            decode(&record, &mut steps)?;
            check(record.head, &steps)?;
            each(record.key, &steps)
        })
    }
}

fn payload_size(head: u32) -> Option<usize> {
    let count = usize::try_from(head & !WIDE).ok()?;
    count.checked_mul(if head & WIDE == 0 { 16 } else { 24 })
}

/// The steps of a record, in the place of what `steps` held.
pub fn decode(record: &Record, steps: &mut Vec<Step>) -> Result<(), CoreError> {
    steps.clear();
    let step = |at: &[u8; 8], amount: i128| Step { at: Instant::from_le_bytes(*at), amount };
    if record.head & WIDE == 0 {
        let (words, _) = record.payload.as_chunks::<16>();
        steps.extend(words.iter().filter_map(|bytes| {
            let (at, amount) = bytes.split_first_chunk::<8>()?;
            Some(step(at, i64::from_le_bytes(*amount.first_chunk::<8>()?).into()))
        }));
    } else {
        let (words, _) = record.payload.as_chunks::<24>();
        steps.extend(words.iter().filter_map(|bytes| {
            let (at, amount) = bytes.split_first_chunk::<8>()?;
            Some(step(at, i128::from_le_bytes(*amount.first_chunk::<16>()?)))
        }));
    }
    if steps.is_empty() { Err(CoreError::CorruptState) } else { Ok(()) }
}

fn check(head: u32, steps: &[Step]) -> Result<(), CoreError> {
    let mut last: Option<Step> = None;
    let mut wide = false;
    for &step in steps {
        let ascends = last.is_none_or(|last| last.at < step.at) && is_instant(step.at);
        if !ascends || step.amount < 0 || step.amount == last.map_or(0, |last| last.amount) {
            return Err(CoreError::CorruptState);
        }
        wide |= i64::try_from(step.amount).is_err();
        last = Some(step);
    }
    if wide == (head & WIDE != 0) { Ok(()) } else { Err(CoreError::CorruptState) }
}

/// Minus infinity, or within PostgreSQL's timestamps: 4713 BC to 294276 AD.
fn is_instant(at: Instant) -> bool {
    const FIRST: Instant = -211_813_488_000_000_000;
    const END: Instant = 9_223_371_331_200_000_000;
    at == NEVER || (FIRST..END).contains(&at)
}
