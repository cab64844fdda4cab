//! Instants, half-open spans, periods and time zones (METRICS.md, 1).
//!
//! A [`Zone`] is a table of offsets handed in by the caller, so that dates agree with the database's own time
//! zone data. All arithmetic saturates: the infinities stay infinities.
use super::error::CoreError;

/// Microseconds since 2000-01-01 UTC.
pub type Instant = i64;
/// Days since 2000-01-01.
pub type Day = i32;

pub const NEVER: Instant = i64::MIN;
pub const FOREVER: Instant = i64::MAX;
pub const SECOND: i64 = 1_000_000;
pub const HOUR: i64 = 3_600 * SECOND;
pub const DAY: i64 = 24 * HOUR;

/// Paid time `[from, until)`; no `until` means that it has no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: Instant,
    pub until: Option<Instant>,
}

impl Span {
    fn end(self) -> Instant {
        self.until.unwrap_or(FOREVER)
    }
    /// Paying at `at`: `from <= at < until`.
    pub fn contains(self, at: Instant) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }
    /// Paying until just before `at`, the left limit that opening and closing use: `from < at <= until`.
    pub fn just_before(self, at: Instant) -> bool {
        self.from < at && at <= self.end()
    }
}

/// `[start, end)`, never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    pub start: Instant,
    pub end: Instant,
}

impl Period {
    pub fn new(start: Instant, end: Instant) -> Result<Self, CoreError> {
        if start < end { Ok(Period { start, end }) } else { Err(CoreError::EmptyPeriod) }
    }
}

/// The offsets of one time zone: `offset` seconds east of UTC before the first change, then from each change on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    offset: i32,
    changes: Vec<(Instant, i32)>,
}

impl Zone {
    pub fn utc() -> Self {
        Zone { offset: 0, changes: Vec::new() }
    }
    /// Changes are sorted by instant; offsets stay within 26 hours of UTC.
    pub fn new(offset: i32, mut changes: Vec<(Instant, i32)>) -> Self {
        changes.sort_by_key(|&(at, _)| at);
        Zone { offset, changes }
    }
    /// Seconds east of UTC at an instant.
    pub fn offset_at(&self, at: Instant) -> i32 {
        let later = self.changes.partition_point(|&(change, _)| change <= at);
        later
            .checked_sub(1)
            .and_then(|last| self.changes.get(last))
            .map_or(self.offset, |&(_, offset)| offset)
    }
    /// The wall clock at an instant, as microseconds since 2000-01-01 local.
    pub fn wall(&self, at: Instant) -> i64 {
        at.saturating_add(micros(self.offset_at(at)))
    }
    /// The local date of an instant.
    pub fn day(&self, at: Instant) -> Day {
        day_of_wall(self.wall(at))
    }
    /// The first instant whose local date is `day`; if the zone skipped that date, the first one after it.
    /// A repeated midnight (Havana, autumn) gives the earlier, a skipped one the end of the gap.
    pub fn day_start(&self, day: Day) -> Instant {
        self.first_at(i64::from(day).saturating_mul(DAY))
    }
    /// The first instant at which the wall clock shows `wall` or more: the earlier of two, or the end of a gap.
    pub fn first_at(&self, wall: i64) -> Instant {
        // No offset, and so no wall clock, is further than two days from UTC.
        let near = wall.saturating_sub(DAY.saturating_mul(2));
        let skipped = self.changes.partition_point(|&(change, _)| change <= near);
        let mut offset = self.offset_at(near);
        let mut since = NEVER;
        for &(change, next) in self.changes.iter().skip(skipped) {
            if change.saturating_add(micros(offset)) > wall {
                break;
            }
            (since, offset) = (change, next);
        }
        wall.saturating_sub(micros(offset)).max(since)
    }
    /// The most that the wall clock has shown up to an instant: more than it shows where it was put back.
    pub fn furthest(&self, at: Instant) -> i64 {
        let later = self.changes.partition_point(|&(change, _)| change <= at);
        let near = at.saturating_sub(DAY.saturating_mul(2));
        let skipped = self.changes.partition_point(|&(change, _)| change <= near);
        let recent = self.changes.iter().take(later).skip(skipped);
        recent.map(|&(change, _)| self.wall(change.saturating_sub(1))).fold(self.wall(at), i64::max)
    }
    /// The next change of the offset.
    pub fn next_change(&self, at: Instant) -> Option<Instant> {
        let later = self.changes.partition_point(|&(change, _)| change <= at);
        self.changes.get(later).map(|&(change, _)| change)
    }
    /// The end of the last instant whose local date is `day`: after the next day's start where clocks were put back
    /// over midnight, and not after this day's start if the zone skipped the date.
    pub fn day_end(&self, day: Day) -> Instant {
        let midnight = i64::from(day).saturating_mul(DAY);
        let near = midnight.saturating_sub(DAY.saturating_mul(2));
        let skipped = self.changes.partition_point(|&(change, _)| change <= near);
        let mut offset = self.offset_at(near);
        let (mut since, mut end) = (NEVER, NEVER);
        let last = std::iter::once((FOREVER, 0));
        for (change, next) in self.changes.iter().copied().skip(skipped).chain(last) {
            let first = midnight.saturating_sub(micros(offset)).max(since);
            let until = midnight.saturating_add(DAY).saturating_sub(micros(offset)).min(change);
            if first < until {
                end = until;
            }
            (since, offset) = (change, next);
        }
        end
    }
}

fn micros(seconds: i32) -> i64 {
    i64::from(seconds).saturating_mul(SECOND)
}

fn day_of_wall(wall: i64) -> Day {
    // An i64 of microseconds spans fewer than 2^28 days.
    Day::try_from(wall.div_euclid(DAY)).unwrap_or(if wall < 0 { Day::MIN } else { Day::MAX })
}

/// Year, month and day of the month of a date.
#[allow(clippy::arithmetic_side_effects, reason = "an i32 of days in 64 bits")]
pub fn civil(day: Day) -> (i64, i64, i64) {
    // Years are counted from March, so that the leap day comes last; 2000 starts a cycle of 400.
    let since_march = i64::from(day) - 60;
    let cycle = since_march.div_euclid(146_097);
    let of_cycle = since_march.rem_euclid(146_097);
    let year = (of_cycle - of_cycle / 1_460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (2000 + 400 * cycle + year + next, month, date)
}

/// The inverse of [`civil`]; months outside 1 to 12 count into the neighbouring years.
#[allow(clippy::arithmetic_side_effects, reason = "callers stay within the years of a Day")]
pub fn day_of(year: i64, month: i64, date: i64) -> Day {
    let months = year * 12 + month - 1;
    // A year from March, as in civil().
    let (year, month) = ((months - 2).div_euclid(12), (months - 2).rem_euclid(12));
    let since = year - 2000;
    let days = 365 * since + since.div_euclid(4) - since.div_euclid(100) + since.div_euclid(400);
    let day = days + (153 * month + 2) / 5 + date - 1 + 60;
    Day::try_from(day).unwrap_or(if day < 0 { Day::MIN } else { Day::MAX })
}

/// The same UTC date and time some months later or earlier; the month's last day where it has no such date.
#[allow(clippy::arithmetic_side_effects, reason = "a date and a count of months in 64 bits")]
pub fn add_months(at: Instant, months: i64) -> Instant {
    let (year, month, date) = civil(day_of_wall(at));
    let last = day_of(year, month + months + 1, 1) - day_of(year, month + months, 1);
    let day = day_of(year, month + months, date.min(i64::from(last)));
    i64::from(day) * DAY + at.rem_euclid(DAY)
}

/// The largest count of months with `add_months(from, count) <= at`.
#[allow(clippy::arithmetic_side_effects, reason = "two dates in 64 bits")]
pub fn months_between(from: Instant, at: Instant) -> i64 {
    let (first, last) = (civil(day_of_wall(from)), civil(day_of_wall(at)));
    let count = (last.0 - first.0) * 12 + last.1 - first.1;
    if add_months(from, count) <= at { count } else { count - 1 }
}

/// A date as ISO 8601 has it.
pub fn show_day(day: Day) -> String {
    let (year, month, date) = civil(day);
    format!("{}{:04}-{month:02}-{date:02}", if year < 0 { "-" } else { "" }, year.abs())
}

/// The inverse of [`show_day`].
pub fn read_day(text: &str) -> Option<Day> {
    // From the right: a year before 0 begins with a sign.
    let mut parts = text.rsplitn(3, '-');
    let date: i64 = parts.next()?.parse().ok()?;
    let month: i64 = parts.next()?.parse().ok()?;
    let year: i64 = parts.next()?.parse().ok()?;
    if !(-5_000..300_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&date) {
        return None;
    }
    let day = day_of(year, month, date);
    (civil(day) == (year, month, date)).then_some(day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, word for word: walk instants and take the first whose date is not before `day`.
    fn day_start_by_walking(zone: &Zone, day: Day, step: i64) -> Instant {
        let mut at = i64::from(day) * DAY - 2 * DAY;
        while zone.day(at) < day {
            at += step;
        }
        at
    }

    fn zone_strategy() -> impl Strategy<Value = Zone> {
        let quarter_hours = -48..=56i32;
        let change = (0..200i64, quarter_hours.clone());
        (quarter_hours, proptest::collection::vec(change, 0..4)).prop_map(|(offset, changes)| {
            let changes = changes.into_iter().map(|(at, to)| (at * HOUR / 2, to * 900)).collect();
            Zone::new(offset * 900, changes)
        })
    }

    proptest! {
        #[test]
        fn day_start_is_the_first_instant_of_the_date(zone in zone_strategy(), day in -1..6i32) {
            prop_assert_eq!(zone.day_start(day), day_start_by_walking(&zone, day, 900 * SECOND));
        }
        #[test]
        fn day_end_is_after_the_last_instant_of_the_date(zone in zone_strategy(), day in -1..6i32) {
            let around = (-300..300i64).map(|quarter| i64::from(day) * DAY + quarter * 900 * SECOND);
            let last = around.filter(|&at| zone.day(at) == day).max();
            match last {
                Some(at) => prop_assert_eq!(zone.day_end(day), at + 900 * SECOND),
                None => prop_assert!(zone.day_end(day) <= zone.day_start(day)),
            }
        }
    }

    #[test]
    fn a_repeated_midnight_starts_the_day_at_the_first() {
        // 01:00 becomes 00:00 on day 1, as in Havana.
        let zone = Zone::new(-4 * 3600, vec![(DAY + 5 * HOUR, -5 * 3600)]);
        assert_eq!(zone.day_start(1), DAY + 4 * HOUR);
        assert_eq!(zone.day_start(2) - zone.day_start(1), 25 * HOUR);
    }

    #[test]
    fn a_skipped_midnight_starts_the_day_after_the_gap() {
        // 00:00 becomes 01:00 on day 1, as in Beirut.
        let zone = Zone::new(2 * 3600, vec![(DAY - 2 * HOUR, 3 * 3600)]);
        assert_eq!(zone.day_start(1), DAY - 2 * HOUR);
        assert_eq!(zone.day_start(2) - zone.day_start(1), 23 * HOUR);
    }

    #[test]
    fn a_skipped_date_starts_with_the_next() {
        // Samoa went from -10 to +14 and lost a day.
        let zone = Zone::new(-10 * 3600, vec![(DAY + 10 * HOUR, 14 * 3600)]);
        assert_eq!(zone.day_start(1), zone.day_start(2));
    }

    #[test]
    fn infinities_and_left_limits() {
        let zone = Zone::new(3600, vec![]);
        assert_eq!(zone.wall(FOREVER), FOREVER);
        let open = Span { from: 5, until: None };
        assert!(open.contains(5) && !open.just_before(5) && open.just_before(6) && open.contains(FOREVER));
        let closed = Span { from: 5, until: Some(9) };
        assert!(!closed.contains(9) && closed.just_before(9) && !closed.just_before(10));
        assert_eq!(Period::new(3, 3), Err(CoreError::EmptyPeriod));
    }

    #[test]
    fn every_date_of_eight_centuries_follows_the_one_before() {
        let (mut year, mut month, mut date) = civil(-146_097);
        assert_eq!((year, month, date), (1600, 1, 1));
        for day in -146_096..=146_097 {
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length =
                [31, 28 + i64::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month as usize - 1];
            (year, month, date) = match (date == length, month) {
                (false, _) => (year, month, date + 1),
                (true, 12) => (year + 1, 1, 1),
                (true, _) => (year, month + 1, 1),
            };
            assert_eq!(civil(day), (year, month, date));
            assert_eq!(day_of(year, month, date), day);
            assert_eq!(day_of(year - 1, month + 12, date), day);
        }
    }

    #[test]
    fn months_are_clamped_to_their_last_day_and_counted_from_the_first() {
        let at = |year, month, date| i64::from(day_of(year, month, date)) * DAY + HOUR;
        assert_eq!(add_months(at(2024, 1, 31), 1), at(2024, 2, 29));
        assert_eq!(add_months(at(2025, 1, 31), 1), at(2025, 2, 28));
        assert_eq!(add_months(at(2025, 1, 31), 2), at(2025, 3, 31));
        assert_eq!(add_months(at(2025, 1, 31), -2), at(2024, 11, 30));
        assert_eq!(months_between(at(2025, 1, 31), at(2025, 2, 28)), 1);
        assert_eq!(months_between(at(2025, 1, 31), at(2025, 2, 28) - 1), 0);
        assert_eq!(months_between(at(2025, 1, 31), at(2024, 12, 31)), -1);
    }
}
