//! Cron expressions of five fields, over a wall clock that is never put forward or back; [`super::schedule`] turns its
//! times into instants.
//!
//! The matching is croner's. What it would let through by leniency (names within numbers, empty list members, fields
//! for seconds and years) is refused here, and a day field that begins with `*` restricts the other one, as in Vixie
//! cron.
use super::calendar::SECOND;
use chrono::{DateTime, NaiveDateTime};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

/// Seconds from 1970-01-01 to 2000-01-01.
const UNIX_EPOCH: i64 = 946_684_800;

#[derive(Clone, Debug)]
pub struct Times {
    cron: Cron,
    /// The hour field begins with `*`.
    pub any_hour: bool,
}

const MONTHS: &[&str] = &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
/// The fields, and the names that may stand for numbers in them.
const FIELDS: [(&str, &[&str]); 5] =
    [("minute", &[]), ("hour", &[]), ("day of month", &[]), ("month", MONTHS), ("day of week", WEEKDAYS)];
const DAY_OF_MONTH: usize = 2;
const DAY_OF_WEEK: usize = 4;

impl Times {
    /// The error says what is wrong with the expression.
    pub fn parse(text: &str) -> Result<Self, String> {
        let upper = text.to_ascii_uppercase();
        let fields: Vec<&str> = upper.split_ascii_whitespace().collect();
        let &[_, hour, day, _, weekday] = fields.as_slice() else {
            return Err(match fields.len() {
                1 => "has 1 field, not 5".into(),
                count => format!("has {count} fields, not 5"),
            });
        };
        for (place, (field, (name, _))) in fields.iter().zip(FIELDS).enumerate() {
            // Alone among wildcards, so that what croner refuses is known to be this field.
            let alone: Vec<&str> =
                (0..FIELDS.len()).map(|other| if other == place { *field } else { "*" }).collect();
            if !field.split(',').all(|item| is_item(item, place)) || parse(&alone, false).is_none() {
                return Err(format!("has an invalid {name}, \"{}\"", field.to_ascii_lowercase()));
            }
        }
        let both_days = day.starts_with('*') || weekday.starts_with('*');
        let cron = parse(&fields, both_days).ok_or("is not a cron expression")?;
        Ok(Times { cron, any_hour: hour.starts_with('*') })
    }

    /// The first matching minute after a time on the wall clock; none before the year 5000, where croner's calendar ends.
    pub fn after(&self, wall: i64) -> Option<i64> {
        let from = clock(wall)?;
        let found = self.cron.find_next_occurrence(&from, false).ok()?;
        found.and_utc().timestamp().checked_sub(UNIX_EPOCH)?.checked_mul(SECOND)
    }
}

fn clock(wall: i64) -> Option<NaiveDateTime> {
    let seconds = wall.div_euclid(SECOND).checked_add(UNIX_EPOCH)?;
    DateTime::from_timestamp(seconds, 0).map(|at| at.naive_utc())
}

fn parse(fields: &[&str], both_days: bool) -> Option<Cron> {
    CronParser::builder()
        .seconds(Seconds::Disallowed)
        .year(Year::Disallowed)
        .dom_and_dow(both_days)
        .build()
        .parse(&fields.join(" "))
        .ok()
}

/// `*` or a value or a range, with or without a step; `L` in days of the month, `5L` and `5#2` in days of the week.
fn is_item(item: &str, place: usize) -> bool {
    let is_value = |text: &str| {
        let is_name = FIELDS.get(place).is_some_and(|(_, names)| names.contains(&text));
        is_name || !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some((range, step)) = item.split_once('/') {
        return (range == "*" || range.split('-').all(is_value)) && is_number(step);
    }
    match place {
        DAY_OF_MONTH if item == "L" => true,
        DAY_OF_WEEK if item.strip_suffix('L').is_some_and(is_value) => true,
        DAY_OF_WEEK if item.split_once('#').is_some_and(|(day, nth)| is_value(day) && is_number(nth)) => true,
        _ => item == "*" || item.split('-').all(is_value),
    }
}
