//! Random numbers that belong to a thing and not to a moment: the draws for a customer or a visit start from the
//! plan's seed and the thing's own numbers, so that any of them can be made alone and in any order.

use crate::core::calendar::SECOND;

/// What the numbers after it identify; keeps the draws for garage 7 and user 7 apart.
#[derive(Clone, Copy)]
pub enum Kind {
    Garage,
    Pass,
    Price,
    Admin,
    GarageAdmin,
    Person,
    Name,
    Story,
    Subscription,
    Payment,
    Ticket,
    Plate,
    Day,
    Visit,
    Occupancy,
    Town,
}

pub type Id = [u8; 16];

#[derive(Clone, Debug)]
pub struct Draws {
    state: u64,
}

impl Draws {
    pub fn new(seed: i64, kind: Kind, numbers: &[u64]) -> Self {
        let start = mix(seed.cast_unsigned() ^ mix(kind as u64));
        Draws {
            state: numbers.iter().fold(start, |state, &number| mix(state ^ mix(number.wrapping_add(STEP)))),
        }
    }
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mix(self.state)
    }
    /// 0 to `bound` - 1; 0 for an empty range.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
    /// `low` to `high`, both included; `low` if the range is empty.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low.wrapping_add(self.below((high - low + 1).max(0).cast_unsigned()).cast_signed())
    }
    /// A length of time between two others, in whole seconds.
    pub fn time(&mut self, shortest: i64, longest: i64) -> i64 {
        self.between(shortest / SECOND, longest / SECOND) * SECOND
    }
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }
    pub fn pick<T: Copy, const N: usize>(&mut self, list: &[T; N]) -> T {
        const { assert!(N > 0) };
        #[allow(clippy::indexing_slicing, reason = "below() is less than the length, which is not 0")]
        list[self.below(N as u64) as usize]
    }
    /// A version 4 UUID.
    pub fn id(&mut self) -> Id {
        let bits = (u128::from(self.next()) << 64) | u128::from(self.next());
        let version = 0xf000 << 64;
        let variant = 0xc000 << 48;
        ((bits & !version & !variant) | (0x4000 << 64) | (0x8000 << 48)).to_be_bytes()
    }
    /// A payment provider's identifier: the prefix and 24 characters.
    pub fn code(&mut self, prefix: &str) -> String {
        let bits = (u128::from(self.next()) << 64) | u128::from(self.next());
        format!("{prefix}_{:024x}", bits >> 32)
    }
}

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finisher of SplitMix64 (Steele, Lea and Flood 2014).
fn mix(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn draws_stay_in_range(seed: i64, low in -1_000..1_000i64, width in 0..1_000i64) {
            let mut draws = Draws::new(seed, Kind::Visit, &[7]);
            let drawn = draws.between(low, low + width);
            prop_assert!((low..=low + width).contains(&drawn));
            prop_assert_eq!(draws.between(low, low - 1 - width), low);
        }
        #[test]
        fn identifiers_have_version_and_variant(seed: i64, number: u64) {
            let id = Draws::new(seed, Kind::Garage, &[number]).id();
            prop_assert_eq!(id[6] >> 4, 4);
            prop_assert_eq!(id[8] >> 6, 2);
        }
    }

    #[test]
    fn neighbours_and_kinds_have_their_own_draws() {
        let first = |kind, numbers: &[u64]| Draws::new(42, kind, numbers).next();
        let all = [
            first(Kind::Garage, &[0]),
            first(Kind::Pass, &[0]),
            first(Kind::Garage, &[1]),
            first(Kind::Garage, &[0, 0]),
            first(Kind::Garage, &[0, 1]),
            first(Kind::Garage, &[1, 0]),
        ];
        assert!(all.iter().enumerate().all(|(at, one)| !all[..at].contains(one)));
    }
}
