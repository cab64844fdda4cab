//! Per customer, the sum of their paid amounts as a step function of time: the bytes of a timeline.
//!
//! A record's head is the number of steps and how wide they are; its payload is the instants, then the amounts. One
//! content has one form: instants ascend, amounts change at each of them, nothing before the first instant is paid,
//! and both have the smallest width that holds all of the customer's.
use super::calendar::{Instant, NEVER, SECOND};
use super::codec::Sink;
use super::error::CoreError;
use super::keys::KeyKind;
use super::records::{Record, Records};

/// From `at` on, `amount` (in units of the summary's scale) until the next step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    pub at: Instant,
    pub amount: i128,
}

/// What a head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Form {
    count: u32,
    /// Whole seconds from 1970 to 2106 take four bytes, other instants eight.
    in_seconds: bool,
    amounts: Width,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    Four,
    Eight,
    Sixteen,
}

const COUNT: u32 = (1 << 28) - 1;
const IN_SECONDS: u32 = 1 << 30;
/// Microseconds from 1970 to 2000.
const UNIX_EPOCH: Instant = -946_684_800 * SECOND;

impl Form {
    fn of_steps(steps: &[Step]) -> Option<Self> {
        let bits = steps.iter().fold(0, |bits, step| bits | step.amount);
        let amounts = match () {
            _ if u32::try_from(bits).is_ok() => Width::Four,
            _ if i64::try_from(bits).is_ok_and(|bits| bits >= 0) => Width::Eight,
            _ => Width::Sixteen,
        };
        let count = u32::try_from(steps.len()).ok().filter(|&count| count <= COUNT)?;
        Some(Form { count, in_seconds: steps.iter().all(|step| seconds(step.at).is_some()), amounts })
    }
    fn of_head(head: u32) -> Option<Self> {
        let amounts = match head & !(COUNT | IN_SECONDS) {
            0 => Width::Four,
            0x1000_0000 => Width::Eight,
            0x2000_0000 => Width::Sixteen,
            _ => return None,
        };
        Some(Form { count: head & COUNT, in_seconds: head & IN_SECONDS != 0, amounts })
    }
    fn head(self) -> u32 {
        let amounts = match self.amounts {
            Width::Four => 0,
            Width::Eight => 0x1000_0000,
            Width::Sixteen => 0x2000_0000,
        };
        self.count | amounts | if self.in_seconds { IN_SECONDS } else { 0 }
    }
    fn instants_size(self) -> Option<usize> {
        usize::try_from(self.count).ok()?.checked_mul(if self.in_seconds { 4 } else { 8 })
    }
    fn payload_size(self) -> Option<usize> {
        let width = match self.amounts {
            Width::Four => 4,
            Width::Eight => 8,
            Width::Sixteen => 16,
        };
        self.instants_size()?.checked_add(usize::try_from(self.count).ok()?.checked_mul(width)?)
    }
}

/// Whole seconds since 1970, where an instant is that.
pub fn seconds(at: Instant) -> Option<u32> {
    let since = at.checked_sub(UNIX_EPOCH)?;
    if since.checked_rem(SECOND)? == 0 { u32::try_from(since.checked_div(SECOND)?).ok() } else { None }
}

pub fn of_seconds(seconds: u32) -> Instant {
    i64::from(seconds).saturating_mul(SECOND).saturating_add(UNIX_EPOCH)
}

/// Writes a customer's record by way of `scratch`, unless there are no steps.
pub fn write(
    sink: &mut impl Sink, scratch: &mut Vec<u8>, key: u128, steps: &[Step],
) -> Result<(), CoreError> {
    if steps.is_empty() {
        return Ok(());
    }
    let form = Form::of_steps(steps).ok_or_else(|| CoreError::TooLarge)?;
    scratch.clear();
    scratch.extend_from_slice(&form.head().to_le_bytes());
    scratch.extend_from_slice(&key.to_le_bytes());
    for step in steps {
        match seconds(step.at) {
            Some(seconds) if form.in_seconds => scratch.extend_from_slice(&seconds.to_le_bytes()),
            _ => scratch.extend_from_slice(&step.at.to_le_bytes()),
        }
    }
    for step in steps {
        let bytes = step.amount.to_le_bytes();
        scratch.extend_from_slice(match form.amounts {
            Width::Four => bytes.first_chunk::<4>().map_or(&[], |bytes| bytes.as_slice()),
            Width::Eight => bytes.first_chunk::<8>().map_or(&[], |bytes| bytes.as_slice()),
            Width::Sixteen => bytes.as_slice(),
        });
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
    Form::of_head(head)?.payload_size()
}

/// The steps of a record, in the place of what `steps` held.
pub fn decode(record: &Record, steps: &mut Vec<Step>) -> Result<(), CoreError> {
    steps.clear();
    let form = Form::of_head(record.head).ok_or_else(|| CoreError::CorruptState)?;
    let parts = form.instants_size().and_then(|size| record.payload().split_at_checked(size));
    let (instants, amounts) = parts.ok_or_else(|| CoreError::CorruptState)?;
    let step = |at: Instant| Step { at, amount: 0 };
    if form.in_seconds {
        let at = |bytes: &[u8; 4]| of_seconds(u32::from_le_bytes(*bytes));
        steps.extend(instants.as_chunks().0.iter().map(|bytes| step(at(bytes))));
    } else {
        steps.extend(instants.as_chunks().0.iter().map(|bytes| step(Instant::from_le_bytes(*bytes))));
    }
    let places = steps.iter_mut().map(|step| &mut step.amount);
    match form.amounts {
        Width::Four => {
            places.zip(amounts.as_chunks().0).for_each(|(p, b)| *p = u32::from_le_bytes(*b).into())
        }
        Width::Eight => {
            places.zip(amounts.as_chunks().0).for_each(|(p, b)| *p = i64::from_le_bytes(*b).into())
        }
        Width::Sixteen => places.zip(amounts.as_chunks().0).for_each(|(p, b)| *p = i128::from_le_bytes(*b)),
    }
    if steps.is_empty() { Err(CoreError::CorruptState) } else { Ok(()) }
}

fn check(head: u32, steps: &[Step]) -> Result<(), CoreError> {
    let mut last: Option<Step> = None;
    for &step in steps {
        let ascends = last.is_none_or(|last| last.at < step.at) && is_instant(step.at);
        if !ascends || step.amount < 0 || step.amount == last.map_or(0, |last| last.amount) {
            return Err(CoreError::CorruptState);
        }
        last = Some(step);
    }
    if Form::of_head(head) == Form::of_steps(steps) { Ok(()) } else { Err(CoreError::CorruptState) }
}

/// Minus infinity, or within PostgreSQL's timestamps: 4713 BC to 294276 AD.
fn is_instant(at: Instant) -> bool {
    const FIRST: Instant = -211_813_488_000_000_000;
    const END: Instant = 9_223_371_331_200_000_000;
    at == NEVER || (FIRST..END).contains(&at)
}
