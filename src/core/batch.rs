//! How much a refresh takes on at once, so that a batch takes about as long as it is meant to.

pub const FIRST: i64 = 1000;
const LEAST: i64 = 100;
const MOST: i64 = 100_000;

/// The size of the next batch after one that took so long. Halved or doubled: how long a note takes varies from key to key.
pub fn next(size: i64, took: i64, aim: i64) -> i64 {
    let wanted = if took > aim {
        size.checked_div(2)
    } else if took < aim.checked_div(2).unwrap_or(0) {
        size.checked_mul(2)
    } else {
        Some(size)
    };
    wanted.unwrap_or(size).clamp(LEAST, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_near_the_aim_from_both_sides() {
        // A note takes so many microseconds.
        for cost in [1, 10, 100, 1000, 5000] {
            let mut size = FIRST;
            for _ in 0..20 {
                size = next(size, size * cost / 1000, 1000);
            }
            let took = size * cost / 1000;
            assert!((500..=1000).contains(&took) || size == MOST || size == LEAST, "{cost}: {size}");
        }
    }

    #[test]
    fn keeps_what_fits_and_its_bounds() {
        assert_eq!(next(1000, 500, 1000), 1000);
        assert_eq!(next(1000, 1000, 1000), 1000);
        assert_eq!(next(1000, 1001, 1000), 500);
        assert_eq!(next(1000, 499, 1000), 2000);
        assert_eq!(next(LEAST, i64::MAX, 1000), LEAST);
        assert_eq!(next(MOST, 0, 1000), MOST);
        assert_eq!(next(i64::MAX, 0, 1000), MOST);
    }
}
