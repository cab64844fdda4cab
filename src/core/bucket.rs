//! Calendar buckets: day, ISO week, month, quarter and year of a time zone, as local dates and as instants.
use super::calendar::{Day, Instant, Zone, civil, day_of};
use super::error::CoreError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

/// One report spans at most this many buckets: 270 years of days.
pub const MAX_BUCKETS: usize = 100_000;

impl Bucket {
    pub fn parse(name: &str) -> Result<Self, CoreError> {
        match name {
            "day" => Ok(Bucket::Day),
            "week" => Ok(Bucket::Week),
            "month" => Ok(Bucket::Month),
            "quarter" => Ok(Bucket::Quarter),
            "year" => Ok(Bucket::Year),
            _ => Err(CoreError::UnknownOption {
                option: "bucket",
                value: name.to_owned(),
                valid: "day, week, month, quarter or year",
            }),
        }
    }

    /// The first day of the bucket that holds `day`.
    pub fn floor(self, day: Day) -> Day {
        match self {
            Bucket::Day => day,
            // 2000-01-03 was a Monday.
            Bucket::Week => day.saturating_sub(day.saturating_sub(2).rem_euclid(7)),
            Bucket::Month | Bucket::Quarter | Bucket::Year => {
                let (year, month, _) = civil(day);
                day_of(year, month.saturating_sub(month.saturating_sub(1).rem_euclid(self.months())), 1)
            }
        }
    }

    /// The first day of the bucket after the one that begins on `first`.
    pub fn next(self, first: Day) -> Day {
        match self {
            Bucket::Day => first.saturating_add(1),
            Bucket::Week => first.saturating_add(7),
            Bucket::Month | Bucket::Quarter | Bucket::Year => {
                let (year, month, _) = civil(first);
                day_of(year, month.saturating_add(self.months()), 1)
            }
        }
    }

    fn months(self) -> i64 {
        match self {
            Bucket::Quarter => 3,
            Bucket::Year => 12,
            _ => 1,
        }
    }
}

/// Consecutive buckets: `days` has each one's first day and the day after the last, `starts` where those days begin.
#[derive(Clone, Debug)]
pub struct Calendar {
    pub days: Vec<Day>,
    pub starts: Vec<Instant>,
}

impl Calendar {
    /// Every whole bucket that overlaps `[since, until)`.
    pub fn new(bucket: Bucket, since: Day, until: Day, zone: &Zone) -> Result<Self, CoreError> {
        let mut days = Vec::new();
        if since < until {
            let mut day = bucket.floor(since);
            while day < until {
                if days.len() >= MAX_BUCKETS {
                    return Err(CoreError::TooManyBuckets);
                }
                days.push(day);
                day = bucket.next(day);
            }
            days.push(day);
        }
        let starts = days.iter().map(|&day| zone.day_start(day)).collect();
        Ok(Calendar { days, starts })
    }
    pub fn len(&self) -> usize {
        self.days.len().saturating_sub(1)
    }
    /// How many of the bucket starts (the end of the last included) lie at or before an instant.
    pub fn begun(&self, at: Instant) -> usize {
        self.starts.partition_point(|&start| start <= at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_buckets() {
        assert_eq!(Bucket::Week.floor(2), 2);
        assert_eq!(Bucket::Week.floor(1), -5);
        assert_eq!(Bucket::Quarter.floor(day_of(2026, 6, 30)), day_of(2026, 4, 1));
        assert_eq!(Bucket::Year.next(day_of(2026, 1, 1)), day_of(2027, 1, 1));
        assert!(Bucket::parse("fortnight").is_err());
    }

    proptest! {
        #[test]
        fn buckets_tile_the_calendar(day in -50_000..80_000i32, which in 0..5usize) {
            let bucket = [Bucket::Day, Bucket::Week, Bucket::Month, Bucket::Quarter, Bucket::Year][which];
            let first = bucket.floor(day);
            prop_assert!(first <= day && day < bucket.next(first));
            prop_assert_eq!(bucket.floor(bucket.next(first)), bucket.next(first));
            prop_assert_eq!(bucket.floor(bucket.next(first) - 1), first);
        }
    }
}
