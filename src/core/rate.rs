//! A rate as two integers, until the one division at the end (METRICS.md, 1). Two are compared without dividing.
use super::cells::WHOLE;
use super::error::CoreError;
use std::cmp::Ordering;

/// A count and a capacity, in billionths of a vehicle; a capacity of zero says that nothing is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    pub count: i128,
    pub capacity: i128,
}

impl Rate {
    pub fn of(count: u64, capacity: u32) -> Self {
        let capacity = i128::from(capacity).saturating_mul(WHOLE.into());
        Rate { count: if capacity > 0 { count.into() } else { 0 }, capacity }
    }
    pub fn is_known(self) -> bool {
        self.capacity > 0
    }
    /// Pools two: both sums.
    pub fn add(&mut self, other: Rate) -> Result<(), CoreError> {
        self.count = self.count.checked_add(other.count).ok_or_else(|| CoreError::AmountOutOfRange)?;
        self.capacity =
            self.capacity.checked_add(other.capacity).ok_or_else(|| CoreError::AmountOutOfRange)?;
        Ok(())
    }
    pub fn times(self, hours: u64) -> Result<Self, CoreError> {
        let times = |one: i128| one.checked_mul(hours.into()).ok_or_else(|| CoreError::AmountOutOfRange);
        Ok(Rate { count: times(self.count)?, capacity: times(self.capacity)? })
    }
    /// What is left of a pooled rate without some of it.
    pub fn without(self, some: Rate) -> Option<Self> {
        let left = |all: i128, some: i128| all.checked_sub(some).filter(|&left| left >= 0);
        Some(Rate { count: left(self.count, some.count)?, capacity: left(self.capacity, some.capacity)? })
    }
    pub fn higher(self, other: Rate) -> Rate {
        if !self.is_known() || other.is_known() && self.compare(other).is_lt() { other } else { self }
    }
    pub fn lower(self, other: Rate) -> Rate {
        if !self.is_known() || other.is_known() && self.compare(other).is_gt() { other } else { self }
    }
    pub fn in_lowest_terms(self) -> Rate {
        if let (Ok(count), Ok(capacity)) = (u64::try_from(self.count), u64::try_from(self.capacity)) {
            // Nearly always: dividing 128 bits takes ten times as long.
            let (mut a, mut b) = (count, capacity);
            while b != 0 {
                (a, b) = (b, a.checked_rem(b).unwrap_or(0));
            }
            let divided = |n: u64| i128::from(n.checked_div(a).unwrap_or(0));
            return Rate { count: divided(count), capacity: divided(capacity) };
        }
        let (mut a, mut b) = (self.count, self.capacity);
        while b != 0 {
            (a, b) = (b, a.checked_rem(b).unwrap_or(0));
        }
        let divided = |n: i128| n.checked_div(a).unwrap_or(0);
        Rate { count: divided(self.count), capacity: divided(self.capacity) }
    }
    /// Of two that are known.
    pub fn compare(self, other: Rate) -> Ordering {
        compare((self.count, self.capacity), (other.count, other.capacity))
    }
}

/// Of two fractions of nothing negative, with denominators above zero: by whole parts, then by the rests, as long as it takes.
pub fn compare(mut a: (i128, i128), mut b: (i128, i128)) -> Ordering {
    let short = |n: i128| u64::try_from(n).ok().map(u128::from);
    if let (Some(a0), Some(a1), Some(b0), Some(b1)) = (short(a.0), short(a.1), short(b.0), short(b.1)) {
        return a0.saturating_mul(b1).cmp(&b0.saturating_mul(a1));
    }
    loop {
        let (Some(whole_a), Some(whole_b)) = (a.0.checked_div(a.1), b.0.checked_div(b.1)) else {
            return Ordering::Equal;
        };
        let rest = |(n, d): (i128, i128)| n.checked_rem(d).unwrap_or(0);
        let (rest_a, rest_b) = (rest(a), rest(b));
        if whole_a != whole_b || rest_a == 0 || rest_b == 0 {
            return whole_a.cmp(&whole_b).then(rest_a.signum().cmp(&rest_b.signum()));
        }
        (a, b) = ((b.1, rest_b), (a.1, rest_a));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn fractions_compare_crosswise(a in 0..1i128 << 60, b in 1..1i128 << 60, c in 0..1i128 << 60, d in 1..1i128 << 60, small: bool, times in prop_oneof![Just(1i128), Just(1i128 << 64)]) {
            let (a, b, c, d) = if small { (a % 9, b % 9 + 1, c % 9, d % 9 + 1) } else { (a, b, c, d) };
            prop_assert_eq!(compare((a * times, b * times), (c, d)), (a * d).cmp(&(c * b)));
            let lowest = Rate { count: a, capacity: b }.in_lowest_terms();
            prop_assert_eq!(lowest.count * b, lowest.capacity * a);
            prop_assert_eq!(lowest, Rate { count: 6 * a * times, capacity: 6 * b * times }.in_lowest_terms());
        }
    }
}
