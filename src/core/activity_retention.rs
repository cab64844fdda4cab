//! Who comes back (METRICS.md, 5): cohorts by the bucket of an entity's first day, and entities active over some days.
use super::bucket::{Bucket, Calendar};
use super::calendar::{Day, Zone};
use super::days::Days;
use super::error::CoreError;
use super::retention::MAX_CELLS;
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Seen in the period.
    On,
    /// Seen in it or later.
    OnOrAfter,
}

impl Variant {
    pub fn parse(name: &str) -> Result<Self, CoreError> {
        match name {
            "on" => Ok(Variant::On),
            "on_or_after" => Ok(Variant::OnOrAfter),
            _ => Err(CoreError::UnknownOption {
                option: "variant",
                value: name.to_owned(),
                valid: "on or on_or_after",
            }),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cohort {
    /// The first day of its bucket.
    pub day: Day,
    pub size: i64,
    /// For each period from 0 to the last bucket begun: how many are retained, and whether it is over.
    pub cells: Vec<(i64, bool)>,
}

/// Days after `as_of`, the last finished day, are not seen. Without it the last bucket with an event is taken as over.
pub fn retention(
    days: Days, bucket: Bucket, variant: Variant, as_of: Option<Day>,
) -> Result<Vec<Cohort>, CoreError> {
    let Some((first, last)) = extent(days)? else { return Ok(Vec::new()) };
    let finished = as_of.unwrap_or_else(|| bucket.next(bucket.floor(last)).saturating_sub(1));
    let calendar = Calendar::new(bucket, first, finished.saturating_add(1), &Zone::utc())?;
    let buckets = BucketOf::new(&calendar);
    // By the bucket joined: how many entities join, and how the number of the retained changes from period to period.
    let mut joined: Vec<(i64, Vec<i64>)> = vec![(0, Vec::new()); calendar.len()];
    let mut cells = 0usize;
    days.visit(|_, days| {
        let seen = days.partition_point(|&day| day <= finished);
        let Some((&first, &last)) = days.get(..seen).and_then(|days| days.first().zip(days.last())) else {
            return Ok(());
        };
        let cohort = buckets.of(first);
        let Some((size, changes)) = joined.get_mut(cohort) else { return Ok(()) };
        if *size == 0 {
            let periods = calendar.len().saturating_sub(cohort);
            cells = cells.saturating_add(periods);
            if cells > MAX_CELLS {
                return Err(CoreError::TooManyBuckets);
            }
            *changes = vec![0; periods.saturating_add(1)];
        }
        *size = size.saturating_add(1);
        let mut retained = |from: usize, until: usize| {
            for (bucket, by) in [(from, 1), (until, -1)] {
                if let Some(change) = changes.get_mut(bucket.saturating_sub(cohort)) {
                    *change = change.saturating_add(by);
                }
            }
        };
        if variant == Variant::OnOrAfter {
            retained(cohort, buckets.of(last).saturating_add(1));
            return Ok(());
        }
        // Days in consecutive buckets are retained in one stretch.
        let (mut from, mut until) = (cohort, cohort.saturating_add(1));
        for &day in days.get(..seen).unwrap_or_default() {
            let bucket = buckets.of(day);
            if bucket > until {
                retained(from, until);
                from = bucket;
            }
            until = bucket.saturating_add(1);
        }
        retained(from, until);
        Ok(())
    })?;
    let cohorts = joined.into_iter().enumerate().filter(|(_, (size, _))| *size > 0);
    let cohort = |(n, (size, changes)): (usize, (i64, Vec<i64>))| {
        let mut retained = 0i64;
        let ends = calendar.days.iter().skip(n.saturating_add(1));
        let cells = changes.iter().zip(ends).map(|(change, &end)| {
            retained = retained.saturating_add(*change);
            (retained, end.saturating_sub(1) <= finished)
        });
        Cohort { day: calendar.days.get(n).copied().unwrap_or_default(), size, cells: cells.collect() }
    };
    Ok(cohorts.map(cohort).collect())
}

/// Entities seen on at least one of the `count` days that end with `as_of`.
pub fn active(days: Days, as_of: Day, count: i32) -> Result<i64, CoreError> {
    if count < 1 {
        return Err(CoreError::OutOfRange {
            argument: "days",
            value: count.into(),
            low: 1,
            high: i32::MAX.into(),
        });
    }
    let first = as_of.saturating_sub(count).saturating_add(1);
    let mut active = 0i64;
    days.visit(|_, days| {
        let before = days.partition_point(|&day| day < first);
        active = active.saturating_add(days.get(before).is_some_and(|&day| day <= as_of).into());
        Ok(())
    })?;
    Ok(active)
}

/// For each day on which any entity was seen, how many were.
pub fn by_day(days: Days) -> Result<BTreeMap<Day, i64>, CoreError> {
    let mut seen = BTreeMap::new();
    days.visit(|_, days| {
        for &day in days {
            let entities = seen.entry(day).or_insert(0i64);
            *entities = entities.saturating_add(1);
        }
        Ok(())
    })?;
    Ok(seen)
}

fn extent(days: Days) -> Result<Option<(Day, Day)>, CoreError> {
    let mut extent: Option<(Day, Day)> = None;
    days.visit(|_, days| {
        let Some((&first, &last)) = days.first().zip(days.last()) else { return Ok(()) };
        extent = Some(extent.map_or((first, last), |(from, until)| (from.min(first), until.max(last))));
        Ok(())
    })?;
    Ok(extent)
}

/// The bucket of a day by a table, as there are more days to look up than days in the table.
struct BucketOf<'a> {
    calendar: &'a Calendar,
    first: Day,
    table: Vec<u32>,
}

impl<'a> BucketOf<'a> {
    fn new(calendar: &'a Calendar) -> Self {
        /// Two centuries and a half.
        const MAX_TABLE: u32 = 100_000;
        let (first, end) = (calendar.days.first().copied(), calendar.days.last().copied());
        let (first, end) = first.zip(end).unwrap_or_default();
        let mut table = Vec::new();
        if end.abs_diff(first) <= MAX_TABLE {
            for (bucket, days) in (0..).zip(calendar.days.iter().zip(calendar.days.iter().skip(1))) {
                table.extend((*days.0..*days.1).map(|_| bucket));
            }
        }
        BucketOf { calendar, first, table }
    }
    fn of(&self, day: Day) -> usize {
        let known = usize::try_from(day.saturating_sub(self.first)).ok().and_then(|n| self.table.get(n));
        match known {
            Some(&bucket) => bucket as usize,
            None => self.calendar.days.partition_point(|&start| start <= day).saturating_sub(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::activity::Activity;
    use crate::core::codec::Summary;
    use crate::core::keys::KeyKind;
    use proptest::prelude::*;

    type Event = (u8, Day);

    fn summarise(events: &[Event]) -> Vec<u8> {
        let mut activity = Activity::default();
        for &(entity, day) in events {
            activity.push(KeyKind::Bigint, entity.into(), day).expect("small");
        }
        activity.to_bytes().expect("small")
    }

    /// Word for word what METRICS.md says, bucket by bucket and entity by entity.
    fn by_definition(events: &[Event], bucket: Bucket, variant: Variant, as_of: Option<Day>) -> Vec<Cohort> {
        let Some(last) = events.iter().map(|event| event.1).max() else { return Vec::new() };
        let finished = as_of.unwrap_or(bucket.next(bucket.floor(last)) - 1);
        let seen: Vec<&Event> = events.iter().filter(|event| event.1 <= finished).collect();
        let first = |entity: u8| seen.iter().filter(|event| event.0 == entity).map(|event| event.1).min();
        let mut cohorts = Vec::new();
        let mut cohort = bucket.floor(events.iter().map(|event| event.1).min().expect("an event"));
        while cohort <= finished {
            let members: Vec<u8> =
                (0..8).filter(|&e| first(e).is_some_and(|day| bucket.floor(day) == cohort)).collect();
            let mut cells = Vec::new();
            let mut period = cohort;
            while period <= finished {
                let after = bucket.next(period);
                let kept = |entity: &&u8| {
                    seen.iter().any(|event| {
                        event.0 == **entity
                            && event.1 >= period
                            && (variant == Variant::OnOrAfter || event.1 < after)
                    })
                };
                cells.push((members.iter().filter(kept).count() as i64, after - 1 <= finished));
                period = after;
            }
            if !members.is_empty() {
                cohorts.push(Cohort { day: cohort, size: members.len() as i64, cells });
            }
            cohort = bucket.next(cohort);
        }
        cohorts
    }

    proptest! {
        #[test]
        fn every_variant_is_its_definition(
            events in proptest::collection::vec((0..8u8, -30..120i32), 0..40),
            which in 0..4usize, after: bool, as_of in proptest::option::of(-40..150i32),
        ) {
            let bucket = [Bucket::Day, Bucket::Week, Bucket::Month, Bucket::Quarter][which];
            let variant = if after { Variant::OnOrAfter } else { Variant::On };
            let found = retention(Days::read(&summarise(&events)).expect("own"), bucket, variant, as_of).expect("small");
            prop_assert_eq!(found, by_definition(&events, bucket, variant, as_of));
        }
        #[test]
        fn active_is_its_definition(events in proptest::collection::vec((0..8u8, -30..30i32), 0..40), as_of in -40..40i32, count in 1..40i32) {
            let active_one = |entity: &u8| events.iter().any(|event| event.0 == *entity && event.1 <= as_of && event.1 > as_of - count);
            let expected = (0..8u8).filter(active_one).count() as i64;
            prop_assert_eq!(active(Days::read(&summarise(&events)).expect("own"), as_of, count), Ok(expected));
        }
        #[test]
        fn by_day_is_what_is_active_on_each(events in proptest::collection::vec((0..8u8, -30..30i32), 0..40)) {
            let summary = summarise(&events);
            let seen = by_day(Days::read(&summary).expect("own")).expect("small");
            for day in -31..=30 {
                let expected = active(Days::read(&summary).expect("own"), day, 1).expect("one day");
                prop_assert_eq!(seen.get(&day).copied().unwrap_or_default(), expected);
            }
            prop_assert!(seen.values().all(|&entities| entities > 0));
        }
    }

    #[test]
    fn days_far_apart_need_no_table() {
        let found = retention(
            Days::read(&summarise(&[(1, -2_000_000), (1, 2_000_000)])).expect("own"),
            Bucket::Year,
            Variant::On,
            None,
        );
        let cohort = found.expect("small").pop().expect("one");
        assert_eq!(
            (cohort.size, cohort.cells.first(), cohort.cells.last()),
            (1, Some(&(1, true)), Some(&(1, true)))
        );
        assert_eq!(cohort.cells.iter().map(|cell| cell.0).sum::<i64>(), 2);
        assert!(active(Days::read(&summarise(&[])).expect("own"), 0, 0).is_err());
    }
}
