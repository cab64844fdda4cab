//! The bytes of a `jsonb` container, which are the same on disk in every supported version: a header with the kind
//! and the number of children, one entry per child (its kind, and its length or end), then the children's data.
//! An object's entries are all keys, then all values. Read in place: an iterator's call per value costs more than
//! the value.
use super::error::CoreError;

const COUNT: u32 = 0x0fff_ffff;
const ENTRY_KIND: u32 = 0x7000_0000;
const ENTRY_HAS_END: u32 = 0x8000_0000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Array,
    Object,
    /// A document that is one value: an array of one, marked.
    Scalar,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    Null,
    Text(&'a [u8]),
    /// A numeric with its varlena header.
    Number(&'a [u8]),
    Bool,
    Container,
}

pub struct Container<'a> {
    pub kind: Kind,
    /// Elements of an array, or pairs of an object.
    pub len: usize,
    entries: &'a [[u8; 4]],
    data: &'a [u8],
}

impl<'a> Container<'a> {
    pub fn new(bytes: &'a [u8]) -> Result<Self, CoreError> {
        let (words, _) = bytes.as_chunks::<4>();
        let (header, words) = words.split_first().ok_or_else(|| CoreError::CorruptState)?;
        let header = u32::from_ne_bytes(*header);
        let kind = match header >> 28 {
            0b0101 => Kind::Scalar,
            0b0100 => Kind::Array,
            0b0010 => Kind::Object,
            _ => return Err(CoreError::CorruptState),
        };
        let len = usize::try_from(header & COUNT).map_err(|_| CoreError::CorruptState)?;
        let children = if kind == Kind::Object { len.saturating_mul(2) } else { len };
        let entries = words.get(..children).ok_or_else(|| CoreError::CorruptState)?;
        let data = bytes
            .get(children.saturating_add(1).saturating_mul(4)..)
            .ok_or_else(|| CoreError::CorruptState)?;
        Ok(Container { kind, len, entries, data })
    }

    /// The children in order: an array's elements, or an object's keys and then its values.
    pub fn children(&self) -> impl Iterator<Item = Result<Value<'a>, CoreError>> + use<'a> {
        let data = self.data;
        let mut start = 0usize;
        self.entries.iter().map(move |entry| {
            let entry = u32::from_ne_bytes(*entry);
            let size = usize::try_from(entry & COUNT).map_err(|_| CoreError::CorruptState)?;
            let end = if entry & ENTRY_HAS_END == 0 { start.saturating_add(size) } else { size };
            let bytes = data.get(start..end).ok_or_else(|| CoreError::CorruptState)?;
            let padding = start.wrapping_neg() & 3;
            start = end;
            Ok(match entry & ENTRY_KIND {
                0x0000_0000 => Value::Text(bytes),
                // Numbers are aligned to four bytes.
                0x1000_0000 => Value::Number(bytes.get(padding..).ok_or_else(|| CoreError::CorruptState)?),
                0x2000_0000 | 0x3000_0000 => Value::Bool,
                0x4000_0000 => Value::Null,
                0x5000_0000 => Value::Container,
                _ => return Err(CoreError::CorruptState),
            })
        })
    }
}

/// What follows a varlena's header, which is one byte (odd, on little-endian machines) or four.
pub fn varlena_body(bytes: &[u8]) -> &[u8] {
    let short = bytes
        .first()
        .is_some_and(|first| if cfg!(target_endian = "little") { first & 1 == 1 } else { first & 0x80 != 0 });
    bytes.get(if short { 1 } else { 4 }..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn hostile_bytes_are_read_or_refused(mut bytes: Vec<u8>, kind in 0..8u8) {
            if let Some(last) = bytes.get_mut(3) {
                *last = kind << 4;
            }
            if let Ok(container) = Container::new(&bytes) {
                prop_assert!(container.children().count() <= bytes.len());
            }
        }
    }

    #[test]
    fn an_array_of_three() {
        let mut bytes = Vec::new();
        for word in [0x4000_0003u32, 0x4000_0000, 3, 0x8000_0000 | 0x1000_0000 | 12] {
            bytes.extend(word.to_ne_bytes());
        }
        bytes.extend(b"abc\0\x20\0\0\0\x00\x80\x05\x00");
        let container = Container::new(&bytes).expect("an array");
        let children: Vec<_> = container.children().map(|child| child.expect("whole")).collect();
        assert_eq!((container.kind, container.len), (Kind::Array, 3));
        assert_eq!(
            children,
            [Value::Null, Value::Text(b"abc"), Value::Number(b"\x20\0\0\0\x00\x80\x05\x00")]
        );
        assert_eq!(varlena_body(b"\x20\0\0\0\x00\x80\x05\x00"), b"\x00\x80\x05\x00");
        assert_eq!(varlena_body(b"\x0b\x00\x80\x05\x00"), b"\x00\x80\x05\x00");
    }
}
