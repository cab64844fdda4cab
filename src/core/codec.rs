//! Summaries as bytes. Small ones are one version byte and fixed-width big-endian words. Decoding trusts nothing.
use super::error::CoreError;

/// A mergeable summary: what an aggregate keeps while it runs, and what parallel workers hand over.
pub trait Summary: Sized {
    /// Associative and commutative, with `Default` as the neutral element. Takes what it needs out of `other`.
    fn merge(&mut self, other: &mut Self) -> Result<(), CoreError>;
    /// May put the summary in order; what it says stays the same.
    fn encode(&mut self, sink: &mut impl Sink) -> Result<(), CoreError>;
    fn decode(bytes: &[u8]) -> Result<Self, CoreError>;
    fn to_bytes(&mut self) -> Result<Vec<u8>, CoreError> {
        let mut bytes = Vec::new();
        self.encode(&mut bytes)?;
        Ok(bytes)
    }
}

/// Where bytes go, once and in order: into the caller's memory, as a copy of a large summary costs more than making it.
pub trait Sink {
    fn put(&mut self, bytes: &[u8]) -> Result<(), CoreError>;
    /// At most about so many bytes will be put.
    fn expect(&mut self, bytes: usize) -> Result<(), CoreError>;
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), CoreError> {
        self.try_reserve(bytes.len()).map_err(|_| CoreError::TooLarge)?;
        self.extend_from_slice(bytes);
        Ok(())
    }
    fn expect(&mut self, bytes: usize) -> Result<(), CoreError> {
        self.try_reserve_exact(bytes).map_err(|_| CoreError::TooLarge)
    }
}

pub fn encode<const N: usize>(sink: &mut impl Sink, version: u8, words: &[u64; N]) -> Result<(), CoreError> {
    sink.put(&[version])?;
    words.iter().try_for_each(|word| sink.put(&word.to_be_bytes()))
}

pub fn decode<const N: usize>(version: u8, bytes: &[u8]) -> Result<[u64; N], CoreError> {
    let (&found, body) = bytes.split_first().ok_or_else(|| CoreError::CorruptState)?;
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
            let mut bytes = Vec::new();
            encode(&mut bytes, 7, &words).expect("small");
            prop_assert_eq!(decode::<3>(7, &bytes), Ok(words));
        }
        #[test]
        fn any_bytes_are_words_or_an_error(bytes: Vec<u8>) {
            if let Ok(words) = decode::<2>(1, &bytes) {
                let mut again = Vec::new();
                encode(&mut again, 1, &words).expect("small");
                prop_assert_eq!(again, bytes);
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
