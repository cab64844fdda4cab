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

#[derive(Clone, Debug, Default)]
pub struct Parts {
    parts: Vec<Vec<u8>>,
    bytes: usize,
    /// Bytes that were left by the last merge.
    merged: usize,
}

impl Parts {
    pub fn push(&mut self, part: Vec<u8>) {
        self.bytes = self.bytes.saturating_add(part.len());
        self.parts.push(part);
    }
    /// Merging is worth while: there is twice what the last merge left.
    pub fn are_many(&self) -> bool {
        self.bytes > self.merged.saturating_mul(2).max(FEW_BYTES)
    }
    pub fn replace(&mut self, merged: Vec<u8>) -> Result<(), CoreError> {
        if merged.len() > MAX_BYTES {
            return Err(CoreError::TooLarge);
        }
        self.bytes = merged.len();
        self.merged = merged.len();
        self.parts = vec![merged];
        Ok(())
    }
    pub fn take(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(self).parts
    }
    pub fn bytes(&self) -> usize {
        self.bytes
    }
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.parts.iter().map(Vec::as_slice)
    }
}
