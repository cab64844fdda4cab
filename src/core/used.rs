//! The tokens that were used, until they expire by themselves: a hash table of fixed size that lives in shared
//! memory. An empty one is all zero bytes, so nobody has to build it.

/// Positions count from 1, so that 0 ends a chain.
#[derive(Clone, Copy)]
#[repr(C)]
struct Slot {
    id: [u8; 16],
    expires: i64,
    next: u32,
}

#[repr(C)]
pub struct Used<const N: usize> {
    chains: [u32; N],
    slots: [Slot; N],
    /// The chain of slots whose tokens expired.
    free: u32,
    /// How many slots were ever taken.
    taken: u32,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    UsedBefore,
    Full,
}

impl<const N: usize> Used<N> {
    /// Notes a token by a digest that nobody can steer; times are seconds.
    pub fn note(&mut self, id: [u8; 16], expires: i64, now: i64) -> Result<(), Refusal> {
        let chain = chain_of::<N>(id);
        if self.drop_expired(chain, now, Some(id)) {
            return Err(Refusal::UsedBefore);
        }
        let position = self.take(now).ok_or(Refusal::Full)?;
        let first = self.chains.get_mut(chain).ok_or(Refusal::Full)?;
        let slot = slot(&mut self.slots, position).ok_or(Refusal::Full)?;
        *slot = Slot { id, expires, next: std::mem::replace(first, position) };
        Ok(())
    }

    /// Frees what expired in a chain; whether `wanted` is among the rest.
    fn drop_expired(&mut self, chain: usize, now: i64, wanted: Option<[u8; 16]>) -> bool {
        let Some(first) = self.chains.get_mut(chain) else { return false };
        let mut rest = std::mem::take(first);
        let (mut kept, mut seen) = (0, false);
        while let Some(slot) = slot(&mut self.slots, rest) {
            let position = std::mem::replace(&mut rest, slot.next);
            let chained = if slot.expires > now {
                seen |= wanted == Some(slot.id);
                &mut kept
            } else {
                &mut self.free
            };
            slot.next = std::mem::replace(chained, position);
        }
        if let Some(first) = self.chains.get_mut(chain) {
            *first = kept;
        }
        seen
    }

    /// A slot that nobody needs. Looking through all of them is for when there seems to be none.
    fn take(&mut self, now: i64) -> Option<u32> {
        if let Some(position) =
            self.taken.checked_add(1).filter(|&position| slot(&mut self.slots, position).is_some())
        {
            self.taken = position;
            return Some(position);
        }
        if self.free == 0 {
            for chain in 0..N {
                self.drop_expired(chain, now, None);
            }
        }
        let position = self.free;
        self.free = slot(&mut self.slots, position)?.next;
        Some(position)
    }
}

fn slot(slots: &mut [Slot], position: u32) -> Option<&mut Slot> {
    slots.get_mut(usize::try_from(position).ok()?.checked_sub(1)?)
}

fn chain_of<const N: usize>(id: [u8; 16]) -> usize {
    let count = u128::try_from(N).unwrap_or(1).max(1);
    u128::from_le_bytes(id).checked_rem(count).and_then(|chain| usize::try_from(chain).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn empty<const N: usize>() -> Used<N> {
        Used { chains: [0; N], slots: [Slot { id: [0; 16], expires: 0, next: 0 }; N], free: 0, taken: 0 }
    }
    fn id(n: u8) -> [u8; 16] {
        [n; 16]
    }

    #[test]
    fn once_and_not_again_until_expiry() {
        let mut used = empty::<4>();
        assert_eq!(used.note(id(1), 100, 50), Ok(()));
        assert_eq!(used.note(id(1), 100, 99), Err(Refusal::UsedBefore));
        assert_eq!(used.note(id(2), 100, 99), Ok(()));
        assert_eq!(used.note(id(1), 200, 100), Ok(()), "whoever calls has refused an expired token");
    }

    #[test]
    fn full_until_one_expires() {
        let mut used = empty::<3>();
        for n in 1..=3 {
            assert_eq!(used.note(id(n), 100 + i64::from(n), 50), Ok(()));
        }
        assert_eq!(used.note(id(4), 300, 50), Err(Refusal::Full));
        assert_eq!(used.note(id(2), 300, 50), Err(Refusal::UsedBefore), "also when full");
        assert_eq!(used.note(id(4), 300, 101), Ok(()));
        assert_eq!(used.note(id(5), 300, 101), Err(Refusal::Full));
        assert_eq!(used.note(id(3), 300, 102), Err(Refusal::UsedBefore));
    }

    proptest! {
        /// Against a map that forgets nothing it should know.
        #[test]
        fn as_a_map(tokens in prop::collection::vec((0u8..12, 1i64..8, 0i64..3), 0..120)) {
            let mut used = empty::<5>();
            let mut known: HashMap<u8, i64> = HashMap::new();
            let mut now = 0;
            for (n, life, later) in tokens {
                now += later;
                known.retain(|_, expires| *expires > now);
                let expected = if known.contains_key(&n) {
                    Err(Refusal::UsedBefore)
                } else if known.len() == 5 {
                    Err(Refusal::Full)
                } else {
                    known.insert(n, now + life);
                    Ok(())
                };
                prop_assert_eq!(used.note(id(n), now + life, now), expected);
            }
        }
    }
}
