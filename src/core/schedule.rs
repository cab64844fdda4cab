//! When a job is due: `every N seconds|minutes|hours`, or cron against the wall clock of a zone.
//!
//! Where clocks change, cron has two rules. A schedule that fixes its hours is due when the wall clock first reaches or
//! passes a time: a skipped time is due at the instant of the change, a repeated one the first time only. A schedule
//! whose hour field begins with `*` follows the hours as they go by: it is due in both passes of a repeated hour, and has
//! nothing to catch up from a skipped one. Several times due at one instant are one.
use super::calendar::{Instant, SECOND, Zone};
use super::cron::Times;
use super::error::CoreError;

#[derive(Clone, Debug)]
pub enum Schedule {
    /// At each multiple of a length, counted from 1970-01-01 UTC: a change of the schedule elsewhere shifts nothing.
    Every(i64),
    Cron(Box<Times>),
}

/// From 1970-01-01 to 2000-01-01.
const UNIX_EPOCH: i64 = 946_684_800 * SECOND;
const MACROS: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];
const UNITS: [(&str, i64); 3] = [("second", 1), ("minute", 60), ("hour", 3_600)];
/// In seconds.
const LONGEST: i64 = 31 * 86_400;

const FORMS: &str = "Use five cron fields (minute, hour, day of month, month, day of week), \
    @hourly, @daily, @weekly, @monthly or @yearly, or \"every 5 minutes\".";
const REBOOT: &str = "Use a time: whatever fell due while the server was down runs once after it is up, unless misfire is skip.";
const NEVER_DUE: &str = "No such day is in the calendar: check the day of the month and the month.";
const LENGTH: &str = "Use a length of 1 second to 31 days in whole seconds, minutes or hours.";

impl Schedule {
    pub fn parse(text: &str) -> Result<Self, CoreError> {
        let refuse = |problem: &str, hint| {
            Err(CoreError::Schedule { schedule: text.trim().into(), problem: problem.into(), hint })
        };
        let known = text.trim().to_ascii_lowercase();
        let words: Vec<&str> = known.split_ascii_whitespace().collect();
        let cron = match words.as_slice() {
            [] => return refuse("is empty", FORMS),
            ["every", count, unit] => {
                return every(count, unit).map_or_else(|| refuse("has an invalid length", LENGTH), Ok);
            }
            ["every", ..] => return refuse("has an invalid length", LENGTH),
            ["@reboot"] => return refuse("is not supported", REBOOT),
            [word] if word.starts_with('@') => match MACROS.iter().find(|(name, _)| name == word) {
                Some((_, cron)) => cron,
                None => return refuse("is not known", FORMS),
            },
            _ => known.as_str(),
        };
        match Times::parse(cron) {
            // Without a field for years, what does not match in 3000 of them never does.
            Ok(times) if times.after(0).is_none() => refuse("is never due", NEVER_DUE),
            Ok(times) => Ok(Schedule::Cron(Box::new(times))),
            Err(problem) => refuse(&problem, FORMS),
        }
    }

    /// The first instant after `at` at which the schedule is due; none near the end of the calendar.
    pub fn after(&self, at: Instant, zone: &Zone) -> Option<Instant> {
        match self {
            Schedule::Every(length) => {
                let since = at.checked_add(UNIX_EPOCH)?;
                since
                    .checked_sub(since.checked_rem_euclid(*length)?)?
                    .checked_add(*length)?
                    .checked_sub(UNIX_EPOCH)
            }
            Schedule::Cron(times) if times.any_hour => by_elapsed_hours(times, at, zone),
            Schedule::Cron(times) => Some(zone.first_at(times.after(zone.furthest(at))?)),
        }
    }
}

fn every(count: &str, unit: &str) -> Option<Schedule> {
    let unit = unit.strip_suffix('s').unwrap_or(unit);
    let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let length = count.parse::<u32>().ok().and_then(|count| i64::from(count).checked_mul(*seconds))?;
    (1..=LONGEST).contains(&length).then_some(Schedule::Every(length.checked_mul(SECOND)?))
}

/// Between two changes of the offset the wall clock is as even as time itself.
fn by_elapsed_hours(times: &Times, at: Instant, zone: &Zone) -> Option<Instant> {
    let (mut since, mut wall) = (at, zone.wall(at));
    loop {
        let ahead = times.after(wall)?.checked_sub(zone.wall(since))?;
        let due = since.checked_add(ahead)?;
        match zone.next_change(since) {
            // From the change on another wall clock holds; what it shows at the change counts.
            Some(change) if change <= due => (since, wall) = (change, zone.wall(change).checked_sub(1)?),
            _ => return Some(due),
        }
    }
}

#[cfg(test)]
mod tests;
