//! The last `N` of something, in memory of a fixed size. All zero bytes are an empty one.

#[derive(Clone, Copy)]
#[repr(C)]
pub struct Ring<T, const N: usize> {
    entries: [T; N],
    /// How many there ever were.
    pushed: usize,
}

impl<T: Copy, const N: usize> Ring<T, N> {
    /// Returns the entry whose place it takes.
    pub fn push(&mut self, entry: T) -> Option<T> {
        let place = self.pushed.checked_rem(N)?;
        let slot = self.entries.get_mut(place)?;
        let gone = (self.pushed >= N).then_some(*slot);
        *slot = entry;
        self.pushed = self.pushed.saturating_add(1);
        gone
    }

    /// In no order.
    pub fn entries(&self) -> &[T] {
        self.entries.get(..self.pushed.min(N)).unwrap_or_default()
    }

    pub fn entries_mut(&mut self) -> &mut [T] {
        self.entries.get_mut(..self.pushed.min(N)).unwrap_or_default()
    }

    /// An empty one; what stands where nothing was pushed yet is not seen.
    #[cfg(test)]
    pub fn of(nothing: T) -> Self {
        Ring { entries: [nothing; N], pushed: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_stay() {
        let mut ring = Ring::<i32, 3>::of(0);
        assert_eq!(ring.entries(), [0; 0]);
        assert_eq!([1, 2].map(|entry| ring.push(entry)), [None, None]);
        assert_eq!(ring.entries(), [1, 2]);
        assert_eq!([3, 4].map(|entry| ring.push(entry)), [None, Some(1)]);
        assert_eq!(ring.entries(), [4, 2, 3]);
        ring.entries_mut().iter_mut().for_each(|entry| *entry *= 2);
        assert_eq!(ring.entries(), [8, 4, 6]);
    }
}
