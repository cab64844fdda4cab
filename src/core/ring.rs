//! The last `N` of something, in memory of a fixed size. All zero bytes are an empty one.

#[derive(Clone, Copy)]
#[repr(C)]
pub struct Ring<T, const N: usize> {
    entries: [T; N],
    /// How many there ever were.
    pushed: usize,
}

impl<T: Copy, const N: usize> Ring<T, N> {
    pub fn push(&mut self, entry: T) {
        let place = self.pushed.checked_rem(N).unwrap_or(0);
        if let Some(slot) = self.entries.get_mut(place) {
            *slot = entry;
            self.pushed = self.pushed.wrapping_add(1);
        }
    }

    /// In no order.
    pub fn entries(&self) -> &[T] {
        self.entries.get(..self.pushed.min(N)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_stay() {
        let mut ring = Ring { entries: [0; 3], pushed: 0 };
        assert_eq!(ring.entries(), [0; 0]);
        ring.push(1);
        ring.push(2);
        assert_eq!(ring.entries(), [1, 2]);
        ring.push(3);
        ring.push(4);
        assert_eq!(ring.entries(), [4, 2, 3]);
    }
}
