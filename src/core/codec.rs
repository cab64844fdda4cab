//! Summaries as bytes: one version byte, then fixed-width big-endian words. Decoding trusts nothing.
use super::error::CoreError;

/// A mergeable summary: what an aggregate keeps while it runs, and what parallel workers hand over.
pub trait Summary: Sized {
    /// Associative and commutative, with `Default` as the neutral element.
    fn merge(&mut self, other: &Self) -> Result<(), CoreError>;
    fn encode(&self) -> Vec<u8>;
    fn decode(bytes: &[u8]) -> Result<Self, CoreError>;
}

pub fn encode<const N: usize>(version: u8, words: &[u64; N]) -> Vec<u8> {
    std::iter::once(version).chain(words.iter().flat_map(|word| word.to_be_bytes())).collect()
}

pub fn decode<const N: usize>(version: u8, bytes: &[u8]) -> Result<[u64; N], CoreError> {
    let (&found, body) = bytes.split_first().ok_or(CoreError::CorruptState)?;
    if found != version {
        return Err(CoreError::UnknownVersion(found));
    }
    let (words, rest) = body.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(CoreError::CorruptState);
    }
    let words: &[[u8; 8]; N] = words.try_into().map_err(|_| CoreError::CorruptState)?;
    Ok(words.map(u64::from_be_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn words_come_back(words: [u64; 3]) {
            prop_assert_eq!(decode::<3>(7, &encode(7, &words)), Ok(words));
        }
        #[test]
        fn any_bytes_are_words_or_an_error(bytes: Vec<u8>) {
            if let Ok(words) = decode::<2>(1, &bytes) {
                prop_assert_eq!(encode(1, &words), bytes);
            }
        }
    }

    #[test]
    fn wrong_length_and_version() {
        assert_eq!(decode::<1>(1, &[]), Err(CoreError::CorruptState));
        assert_eq!(decode::<1>(1, &[1, 0]), Err(CoreError::CorruptState));
        assert_eq!(decode::<1>(1, &[1; 17]), Err(CoreError::CorruptState));
        assert_eq!(decode::<1>(1, &[2; 9]), Err(CoreError::UnknownVersion(2)));
    }
}
