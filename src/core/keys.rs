//! Customers and other entities as 128-bit keys: ids as they are, texts by their hash, spread so that similar ids do not
//! cluster.
use super::error::CoreError;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;

/// What the keys of a summary were made of.
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
    const ALL: [KeyKind; 4] = [KeyKind::None, KeyKind::Uuid, KeyKind::Bigint, KeyKind::Text];

    pub fn of_code(code: u8) -> Result<Self, CoreError> {
        Self::ALL.into_iter().find(|&kind| kind as u8 == code).ok_or_else(|| CoreError::CorruptState)
    }
    /// The kind of a summary to which keys of another kind are added.
    pub fn join(&mut self, other: KeyKind) -> Result<(), CoreError> {
        match (*self, other) {
            (_, KeyKind::None) => Ok(()),
            (KeyKind::None, kind) => {
                *self = kind;
                Ok(())
            }
            (one, other) if one == other => Ok(()),
            _ => Err(CoreError::MixedKeys),
        }
    }
    /// Whether `scatter` can have made this of a key of the kind.
    pub fn has(self, scattered: u128) -> bool {
        match self {
            KeyKind::None => false,
            KeyKind::Bigint => u64::try_from(gather(scattered)).is_ok(),
            KeyKind::Uuid | KeyKind::Text => true,
        }
    }
    /// As JSON: a name, or null.
    pub fn name(self) -> Option<&'static str> {
        match self {
            KeyKind::None => None,
            KeyKind::Uuid => Some("uuid"),
            KeyKind::Bigint => Some("bigint"),
            KeyKind::Text => Some("text"),
        }
    }
    pub fn of_name(name: Option<&str>) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
    /// A key as text: an id as PostgreSQL shows it, a hash in hexadecimal digits.
    pub fn show(self, key: u128) -> String {
        match self {
            KeyKind::Bigint => (key as i64).to_string(),
            KeyKind::Uuid => {
                let hex = format!("{key:032x}");
                let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
                format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
            }
            KeyKind::Text | KeyKind::None => format!("{key:032x}"),
        }
    }
    /// The inverse of `show`.
    pub fn parse(self, text: &str) -> Option<u128> {
        let hex = |digits: &str| {
            let whole = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            whole.then(|| u128::from_str_radix(digits, 16).ok()).flatten()
        };
        match self {
            KeyKind::Bigint => text.parse::<i64>().ok().map(of_bigint),
            KeyKind::Uuid => hex(&text.replace('-', "")),
            KeyKind::Text => hex(text),
            KeyKind::None => None,
        }
    }
}

pub fn of_uuid(id: [u8; 16]) -> u128 {
    u128::from_be_bytes(id)
}

pub fn of_bigint(id: i64) -> u128 {
    u128::from(id.cast_unsigned())
}

/// SipHash-1-3 with a fixed key: the same in every database and version. Two of a billion different texts share a key
/// with a probability below 10^-20.
pub fn of_text(id: &[u8]) -> u128 {
    let mut hasher = SipHasher13::new_with_keys(0x7665_6e64_5f61_6e61, 0x6c79_7469_6373_2e31);
    hasher.write(id);
    hasher.finish128().into()
}

/// Spreads keys over the whole range. Reversible: see `gather`.
pub fn scatter(key: u128) -> u128 {
    let key = key.wrapping_mul(SPREAD);
    (key ^ (key >> 64)).wrapping_mul(SPREAD)
}

/// The key that `scatter` was given.
pub fn gather(scattered: u128) -> u128 {
    let key = scattered.wrapping_mul(UNSPREAD);
    (key ^ (key >> 64)).wrapping_mul(UNSPREAD)
}

// An odd number and its inverse modulo 2^128.
const SPREAD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
const UNSPREAD: u128 = inverse(SPREAD);

const fn inverse(odd: u128) -> u128 {
    // Newton's iteration doubles the correct bits; an odd number is its own inverse in three.
    let mut inverse = odd;
    let mut round = 0u8;
    while round < 6 {
        inverse = inverse.wrapping_mul(2u128.wrapping_sub(odd.wrapping_mul(inverse)));
        round = round.saturating_add(1);
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn scattered_keys_come_back(key: u128) {
            prop_assert_eq!(gather(scatter(key)), key);
        }
    }

    #[test]
    fn the_hash_of_a_text_never_changes() {
        // Stored summaries hold it.
        assert_eq!(of_text(b"ada@example.com"), of_text(b"ada@example.com"));
        assert_eq!(format!("{:032x}", of_text(b"")), "5a7b929f5e8f4c0bb68fb972e792a6e0");
        assert_eq!(format!("{:032x}", of_text(b"ada@example.com")), "70e4ce43c6b6eed297545301a45c6ac6");
    }
}
