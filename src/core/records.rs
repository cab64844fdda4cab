//! The bytes of a summary by customer (or another entity): a header, then one record for each in the order of their keys.
//!
//! `version, kind of keys, scale`, then records of `head (4 bytes), key (16), payload`, where the head says how long the
//! payload is. Numbers are little-endian whatever the machine. Records are written and read in one pass, so that
//! neither takes a second copy, and so that summaries are merged like sorted lists.
use super::codec::Sink;
use super::error::CoreError;
use super::keys::KeyKind;

pub const VERSION: u8 = 1;
/// Decimals of an amount: a 128-bit integer has 38 digits.
pub const MAX_SCALE: u8 = 38;
const RECORD_START: usize = 20;

/// How a payload's length follows from its record's head.
pub type PayloadSize = fn(u32) -> Option<usize>;

#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    pub key: u128,
    pub head: u32,
    /// All of it, as it is written.
    pub bytes: &'a [u8],
}

impl<'a> Record<'a> {
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(RECORD_START..).unwrap_or_default()
    }
}

/// Reads a summary record by record.
#[derive(Clone, Copy, Debug)]
pub struct Records<'a> {
    pub kind: KeyKind,
    pub scale: u8,
    rest: &'a [u8],
    payload_size: PayloadSize,
}

impl<'a> Records<'a> {
    pub fn read(bytes: &'a [u8], payload_size: PayloadSize) -> Result<Self, CoreError> {
        let Some((&[version, kind, scale], rest)) = bytes.split_first_chunk::<3>() else {
            return Err(CoreError::CorruptState);
        };
        if version != VERSION {
            return Err(CoreError::UnknownVersion(version));
        }
        let kind = KeyKind::of_code(kind)?;
        // Empty is one value.
        if (kind == KeyKind::None) != rest.is_empty() || scale > MAX_SCALE || rest.is_empty() && scale > 0 {
            return Err(CoreError::CorruptState);
        }
        Ok(Records { kind, scale, rest, payload_size })
    }

    /// The next record, whose length alone has been checked.
    fn next(&mut self) -> Result<Option<Record<'a>>, CoreError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let Some((start, _)) = self.rest.split_first_chunk::<RECORD_START>() else {
            return Err(CoreError::CorruptState);
        };
        let [head @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = start;
        let [_, _, _, _, key @ ..] = start;
        let head = u32::from_le_bytes(*head);
        let size = (self.payload_size)(head).and_then(|size| size.checked_add(RECORD_START));
        let record = size.and_then(|size| self.rest.split_at_checked(size));
        let (bytes, rest) = record.ok_or_else(|| CoreError::CorruptState)?;
        self.rest = rest;
        Ok(Some(Record { key: u128::from_le_bytes(*key), head, bytes }))
    }

    /// Every record. That keys ascend and are of their kind is checked on the way: a summary may have come from anywhere.
    pub fn visit(
        mut self, mut each: impl FnMut(Record<'a>) -> Result<(), CoreError>,
    ) -> Result<(), CoreError> {
        let mut before = None;
        while let Some(record) = self.next()? {
            if before.is_some_and(|before| before >= record.key) || !self.kind.has(record.key) {
                return Err(CoreError::CorruptState);
            }
            before = Some(record.key);
            each(record)?;
        }
        Ok(())
    }
}

pub fn write_header(sink: &mut impl Sink, kind: KeyKind, scale: u8) -> Result<(), CoreError> {
    sink.put(&[VERSION, kind as u8, scale])
}

/// Visits a few summaries, which were checked or are our own, key by key: `each` gets all records of one key, each with the number of its part.
pub fn merge<'a>(
    mut parts: Vec<Records<'a>>, mut each: impl FnMut(&[(usize, Record<'a>)]) -> Result<(), CoreError>,
) -> Result<(), CoreError> {
    let mut heads = Vec::with_capacity(parts.len());
    for part in &mut parts {
        heads.push(part.next()?);
    }
    let mut same = Vec::with_capacity(parts.len());
    while let Some(key) = heads.iter().flatten().map(|record| record.key).min() {
        same.clear();
        for (n, (head, part)) in heads.iter_mut().zip(&mut parts).enumerate() {
            if let Some(record) = head.take_if(|record| record.key == key) {
                same.push((n, record));
                *head = part.next()?;
            }
        }
        each(&same)?;
    }
    Ok(())
}
