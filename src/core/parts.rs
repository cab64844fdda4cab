//! Finished summaries that wait to be merged: of a full buffer, of parallel workers, of a rollup.
use super::error::CoreError;

/// PostgreSQL holds no value of a gigabyte.
const MAX_BYTES: usize = (1 << 30) - 64;
/// Up to here parts wait for the end, however little they would shrink.
const FEW_BYTES: usize = 64 << 20;

/// The copy of a summary, which may be larger than the memory there is.
pub fn copy(part: &[u8]) -> Result<Vec<u8>, CoreError> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(part.len()).map_err(|_| CoreError::TooLarge)?;
    copy.extend_from_slice(part);
    Ok(copy)
}

/// So many parts, and no more, are merged at once.
const FEW_PARTS: usize = 16;

#[derive(Clone, Debug, Default)]
pub struct Parts {
    parts: Vec<Vec<u8>>,
    bytes: usize,
    /// Bytes that were left by the last merge of all.
    merged: usize,
}

impl Parts {
    pub fn push(&mut self, part: Vec<u8>) {
        self.bytes = self.bytes.saturating_add(part.len());
        self.parts.push(part);
    }
    pub fn take(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(self).parts
    }
    /// What should be merged by now: everything if there is twice what the last merge left, else the smaller parts if they
    /// are many, so that a large part is not rewritten for each few small ones.
    pub fn take_many(&mut self) -> Vec<Vec<u8>> {
        if self.bytes > self.merged.saturating_mul(2).max(FEW_BYTES) {
            self.merged = 0;
            self.bytes = 0;
            return std::mem::take(&mut self.parts);
        }
        if self.parts.len() < FEW_PARTS {
            return Vec::new();
        }
        self.parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
        let mut rest = self.bytes;
        let large = self.parts.iter().take_while(|part| {
            rest = rest.saturating_sub(part.len());
            part.len() > rest
        });
        let large = large.count().min(self.parts.len().saturating_sub(2));
        let small = self.parts.split_off(large);
        self.bytes = self.parts.iter().map(Vec::len).sum();
        small
    }
    /// Puts the outcome of a merge in the place of what `take_many` gave.
    pub fn put_back(&mut self, merged: Vec<u8>) -> Result<(), CoreError> {
        if merged.len() > MAX_BYTES {
            return Err(CoreError::TooLarge);
        }
        if self.parts.is_empty() {
            self.merged = merged.len();
        }
        self.push(merged);
        Ok(())
    }
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.parts.iter().map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_part_is_not_merged_for_every_few_small_ones() {
        let (mut parts, mut rewritten) = (Parts::default(), 0);
        for _ in 0..10_000 {
            parts.push(vec![0; 100]);
            let many = parts.take_many();
            if !many.is_empty() {
                let merged: Vec<u8> = many.concat();
                rewritten += merged.len();
                parts.put_back(merged).expect("small");
            }
            assert!(parts.iter().count() < FEW_PARTS);
        }
        assert_eq!(parts.bytes, 1_000_000);
        assert!(rewritten < 10 * 1_000_000, "{rewritten}");
    }
}
