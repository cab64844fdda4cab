//! Schedules against an oracle that walks the minutes and knows neither croner nor how zones are searched.
use super::*;
use crate::core::calendar::{DAY, HOUR, civil, day_of};
use proptest::prelude::*;

const MINUTE: i64 = 60 * SECOND;

/// A cron expression, read a second time by the few rules that the tests use.
#[derive(Clone, Debug)]
struct Pattern {
    /// A bit for each value.
    fields: [u64; 5],
    starred: [bool; 5],
}

const RANGES: [(i64, i64); 5] = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)];

impl Pattern {
    fn new(text: &str) -> Self {
        let words: Vec<&str> = text.split(' ').collect();
        let fields = std::array::from_fn(|i| {
            let (low, high) = RANGES[i];
            let mut values = 0u64;
            for item in words[i].split(',') {
                let (range, step) = item.split_once('/').unwrap_or((item, "1"));
                let (first, last) = match (range, range.split_once('-')) {
                    ("*", _) => (low, high),
                    (_, Some((first, last))) => (first.parse().unwrap(), last.parse().unwrap()),
                    _ => (range.parse().unwrap(), range.parse().unwrap()),
                };
                for value in (first..=last).step_by(step.parse().unwrap()) {
                    values |= 1 << if i == 4 { value % 7 } else { value };
                }
            }
            values
        });
        Pattern { fields, starred: std::array::from_fn(|i| words[i].starts_with('*')) }
    }

    fn matches(&self, wall: i64) -> bool {
        let has = |place: usize, value: i64| self.fields[place] >> value & 1 == 1;
        if !has(0, wall.rem_euclid(HOUR) / MINUTE) || !has(1, wall.rem_euclid(DAY) / HOUR) {
            return false;
        }
        let day = wall.div_euclid(DAY) as i32;
        let (_, month, date) = civil(day);
        // 2000-01-01 was a Saturday.
        let (of_month, of_week) = (has(2, date), has(4, i64::from(day + 6).rem_euclid(7)));
        let is_day =
            if self.starred[2] || self.starred[4] { of_month && of_week } else { of_month || of_week };
        is_day && has(3, month)
    }

    /// Every instant in (from, until] at which it is due: the definition, word for word. The walk starts two days early,
    /// so that what the clock showed before a change is known.
    fn due(&self, zone: &Zone, from: Instant, until: Instant) -> Vec<Instant> {
        let mut due = Vec::new();
        let mut furthest = zone.wall(from - 2 * DAY);
        let mut at = from - 2 * DAY;
        while at < until {
            at += MINUTE;
            let wall = zone.wall(at);
            let is_due = if self.starred[1] {
                self.matches(wall)
            } else {
                (furthest + MINUTE..=wall).step_by(MINUTE as usize).any(|passed| self.matches(passed))
            };
            furthest = furthest.max(wall);
            if is_due && at > from {
                due.push(at);
            }
        }
        due
    }
}

fn at(year: i64, month: i64, date: i64, hour: i64, minute: i64) -> Instant {
    i64::from(day_of(year, month, date)) * DAY + hour * HOUR + minute * MINUTE
}

/// The instant of a time on the n-th Sunday of a month (0: the last), on a clock so many minutes from UTC.
fn sunday(year: i64, month: i64, nth: i64, minutes: i64, offset: i64) -> Instant {
    let first = match nth {
        0 => day_of(year, month + 1, 1) - 7,
        _ => day_of(year, month, 1) + 7 * (nth as i32 - 1),
    };
    // The first Sunday on or after that day.
    let day = first + (1 - first).rem_euclid(7) as i32;
    i64::from(day) * DAY + (minutes - offset) * MINUTE
}

/// The rules of zones as they were from 2010 to 2026, in minutes from UTC.
fn zone(name: &str) -> Zone {
    let years = 2010..2027;
    let seasonal =
        |winter: i64, summer: i64, spring: &dyn Fn(i64) -> Instant, autumn: &dyn Fn(i64) -> Instant| {
            let changes = years
                .clone()
                .flat_map(|year| [(spring(year), summer as i32 * 60), (autumn(year), winter as i32 * 60)])
                .collect();
            // In the north a year begins in winter, in the south in summer.
            let first = if spring(2010) < autumn(2010) { winter } else { summer };
            Zone::new(first as i32 * 60, changes)
        };
    match name {
        "UTC" => Zone::utc(),
        "Europe/Berlin" => seasonal(60, 120, &|y| sunday(y, 3, 0, 120, 60), &|y| sunday(y, 10, 0, 180, 120)),
        "America/New_York" => {
            seasonal(-300, -240, &|y| sunday(y, 3, 2, 120, -300), &|y| sunday(y, 11, 1, 120, -240))
        }
        "America/Havana" => {
            seasonal(-300, -240, &|y| sunday(y, 3, 2, 0, -300), &|y| sunday(y, 11, 1, 60, -240))
        }
        "Australia/Lord_Howe" => {
            seasonal(630, 660, &|y| sunday(y, 10, 1, 120, 630), &|y| sunday(y, 4, 1, 120, 660))
        }
        // West of the date line until the end of 29 December 2011, east of it from the start of the 31st.
        "Pacific/Apia" => Zone::new(
            -11 * 3_600,
            vec![
                (at(2011, 9, 24, 14, 0), -10 * 3_600),
                (at(2011, 12, 30, 10, 0), 14 * 3_600),
                (at(2012, 3, 31, 14, 0), 13 * 3_600),
                (at(2012, 9, 29, 14, 0), 14 * 3_600),
            ],
        ),
        "Asia/Kathmandu" => Zone::new(20_700, vec![]),
        _ => panic!("{name}"),
    }
}

const ZONES: [&str; 7] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Havana",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Kathmandu",
];

fn all_due(schedule: &Schedule, zone: &Zone, from: Instant, until: Instant) -> Vec<Instant> {
    let next = |at| schedule.after(at, zone).inspect(|&due| assert!(due > at, "time does not go on"));
    std::iter::successors(next(from), |&due| next(due)).take_while(|&due| due <= until).collect()
}

fn check(text: &str, zone: &Zone, from: Instant, until: Instant) {
    let schedule = Schedule::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    let expected = Pattern::new(text).due(zone, from, until);
    assert_eq!(all_due(&schedule, zone, from, until), expected, "{text}");
}

#[test]
fn years_of_minutes_agree_in_every_zone() {
    let patterns = [
        "* * * * *",
        "*/15 * * * *",
        "7 * * * *",
        "30 */2 * * *",
        "0 0 * * *",
        "30 0 * * *",
        "15 1 * * *",
        "*/20 2 * * *",
        "30 1-3 * * *",
        "0 0-23 * * *",
        "59 23 * * 0",
        "0 12 29 2 *",
        "0 0 31 * *",
        "0 6 1 1,7 *",
        "0 6 13 * 5",
        "0 6 */2 * 1",
        "0 6 1-7 * */3",
        "0 9 30 12 *",
        "0 * 30 12 *",
        "45 * * 3,10,11 7",
    ];
    for name in ZONES {
        for text in patterns {
            // The dense ones over the changes of Samoa and of one more year, the others over years.
            let spans = match text {
                "* * * * *" | "*/15 * * * *" => vec![
                    (at(2011, 12, 25, 0, 0), at(2012, 1, 5, 0, 0)),
                    (at(2024, 3, 1, 0, 0), at(2024, 4, 15, 0, 0)),
                    (at(2024, 9, 25, 0, 0), at(2024, 11, 10, 0, 0)),
                ],
                _ => vec![
                    (at(2011, 9, 3, 4, 5), at(2012, 12, 9, 0, 0)),
                    (at(2023, 12, 31, 0, 0), at(2025, 1, 9, 0, 0)),
                ],
            };
            for (from, until) in spans {
                check(text, &zone(name), from, until);
            }
        }
    }
}

/// A field as text: a star, a step, a list or a range.
fn field(place: usize) -> impl Strategy<Value = String> {
    let (low, high) = RANGES[place];
    let value = low..=high;
    prop_oneof![
        3 => Just("*".to_string()),
        2 => (1..=high).prop_map(|step| format!("*/{step}")),
        3 => proptest::collection::vec(value.clone(), 1..4).prop_map(|values| {
            values.iter().map(i64::to_string).collect::<Vec<_>>().join(",")
        }),
        2 => (value.clone(), value, 1..4i64).prop_map(|(one, other, step)| {
            format!("{}-{}/{step}", one.min(other), one.max(other))
        }),
    ]
}

fn any_zone() -> impl Strategy<Value = Zone> {
    let quarter_hours = -48..=56i32;
    let change = (0..20i64 * 24, quarter_hours.clone());
    (quarter_hours, proptest::collection::vec(change, 0..4)).prop_map(|(offset, changes)| {
        Zone::new(offset * 900, changes.into_iter().map(|(at, to)| (at * HOUR, to * 900)).collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]
    /// Twenty days with whatever clock changes, two of them within hours perhaps.
    #[test]
    fn any_expression_agrees_in_any_zone(
        minute in field(0), hour in field(1), day in field(2), weekday in field(4), zone in any_zone(),
    ) {
        check(&format!("{minute} {hour} {day} * {weekday}"), &zone, -DAY, 20 * DAY);
    }
    #[test]
    fn an_instant_between_two_due_ones_leads_to_the_second(
        hour in field(1), zone in any_zone(), from in 0..20 * DAY,
    ) {
        let text = format!("*/20 {hour} * * *");
        let expected = Pattern::new(&text).due(&zone, from.div_euclid(MINUTE) * MINUTE, 40 * DAY);
        let due = Schedule::parse(&text).unwrap().after(from, &zone).unwrap();
        prop_assert_eq!(Some(&due), expected.iter().find(|&&due| due > from));
    }
    #[test]
    fn whatever_is_written_is_a_schedule_or_an_error(text in "[ -~]{0,20}|[0-9*/,@#LW -]{5,20}|\\PC{0,10}") {
        if let Ok(schedule) = Schedule::parse(&text) {
            let due = schedule.after(0, &Zone::utc()).unwrap();
            prop_assert!(due > 0);
        }
    }
    #[test]
    fn every_length_divides_time_evenly(count in 1..=744u32, from in any::<i32>(), name in "second|minute|hour") {
        let schedule = Schedule::parse(&format!("every {count} {name}s")).unwrap();
        let Schedule::Every(length) = schedule else { panic!() };
        let from = i64::from(from) * SECOND + 1;
        let due = schedule.after(from, &Zone::utc()).unwrap();
        prop_assert!(due > from && due - from <= length);
        prop_assert_eq!((due + UNIX_EPOCH) % length, 0);
        prop_assert_eq!(schedule.after(due, &Zone::utc()), Some(due + length));
    }
}

#[test]
fn the_week_of_each_change() {
    let berlin = zone("Europe/Berlin");
    let due = |text: &str, from, until| -> Vec<String> {
        let schedule = Schedule::parse(text).unwrap();
        let show =
            |at: Instant| format!("{:02}:{:02}", at.rem_euclid(DAY) / HOUR, at.rem_euclid(HOUR) / MINUTE);
        all_due(&schedule, &berlin, from, until).into_iter().map(show).collect()
    };
    // 02:00 to 03:00 is skipped at 01:00 UTC.
    let spring = (at(2026, 3, 28, 23, 30), at(2026, 3, 29, 2, 0));
    assert_eq!(due("30 2 * * *", spring.0, spring.1), ["01:00"]);
    assert_eq!(due("*/15 2 * * *", spring.0, spring.1), ["01:00"]);
    assert_eq!(due("0,30 2,3 * * *", spring.0, spring.1), ["01:00", "01:30"]);
    assert_eq!(due("30 * * * *", spring.0, spring.1), ["00:30", "01:30"]);
    assert_eq!(due("0 * * * *", spring.0, spring.1), ["00:00", "01:00", "02:00"]);
    // 02:00 to 03:00 comes at 00:00 UTC and again at 01:00.
    let autumn = (at(2026, 10, 24, 23, 30), at(2026, 10, 25, 2, 30));
    assert_eq!(due("30 2 * * *", autumn.0, autumn.1), ["00:30"]);
    assert_eq!(due("0 3 * * *", autumn.0, autumn.1), ["02:00"]);
    assert_eq!(due("0,30 2,3 * * *", autumn.0, autumn.1), ["00:00", "00:30", "02:00", "02:30"]);
    assert_eq!(due("30 * * * *", autumn.0, autumn.1), ["00:30", "01:30", "02:30"]);
}

/// A scheduler on a clock of its own: it wakes at the given instants, runs what is due and looks for the next time after
/// both the one that was due and now, so that neither a late wake-up nor a clock put back runs anything twice.
fn simulate(
    schedule: &Schedule, zone: &Zone, wake_ups: impl Iterator<Item = Instant>,
) -> Vec<(Instant, Instant)> {
    let mut runs = Vec::new();
    let mut due = None;
    for now in wake_ups {
        let waiting = *due.get_or_insert_with(|| schedule.after(now, zone).unwrap());
        if waiting <= now {
            runs.push((waiting, now));
            due = schedule.after(waiting.max(now), zone);
        }
    }
    runs
}

#[test]
fn a_week_over_each_change_misses_and_doubles_nothing() {
    let (mut weeks, mut runs, mut missed, mut doubled, mut latest) = (0, 0, 0, 0, 0);
    for name in ["Europe/Berlin", "America/New_York", "America/Havana", "Australia/Lord_Howe"] {
        let zone = zone(name);
        for (month, date) in [(3, 7), (3, 28), (4, 3), (10, 3), (10, 24), (10, 30)] {
            let from = at(2024, month, date, 0, 0);
            let until = from + 7 * DAY;
            weeks += 1;
            for text in
                ["*/15 * * * *", "0 * * * *", "30 2 * * *", "0 0 * * *", "*/10 1-3 * * *", "15 0 * * 0"]
            {
                // A wake-up every ten seconds, off the minute.
                let wake_ups = (from..until + MINUTE).step_by(10_000_000).map(|at| at + 3 * SECOND);
                let ran = simulate(&Schedule::parse(text).unwrap(), &zone, wake_ups);
                let pattern = Pattern::new(text);
                for due in pattern.due(&zone, from + MINUTE, until) {
                    match ran.iter().filter(|&&(at, _)| at == due).count() {
                        0 => missed += 1,
                        times => doubled += times - 1,
                    }
                }
                let wanted = pattern.due(&zone, from, until + MINUTE);
                doubled += ran.iter().filter(|(due, _)| !wanted.contains(due)).count();
                latest = ran.iter().map(|&(due, now)| now - due).fold(latest, i64::max);
                runs += ran.len();
            }
        }
    }
    println!(
        "{weeks} simulated weeks: {runs} runs, missed {missed}, doubled {doubled}, latest {} s",
        latest / SECOND
    );
    assert!(runs > 20_000 && missed == 0 && doubled == 0 && latest < 10 * SECOND);
}

#[test]
fn three_hours_asleep_are_one_run_and_a_clock_put_back_is_none() {
    let zone = zone("Europe/Berlin");
    let schedule = Schedule::parse("*/15 * * * *").unwrap();
    let from = at(2026, 3, 29, 0, 0) + SECOND;
    let seconds = |from: Instant, hours: i64| (from..from + hours * HOUR).step_by(SECOND as usize);
    let due = |runs: Vec<(Instant, Instant)>| -> Vec<i64> {
        runs.into_iter().map(|(due, _)| (due - from).div_euclid(MINUTE) + 1).collect()
    };
    let asleep = seconds(from, 1).chain(seconds(from + 4 * HOUR, 1));
    assert_eq!(due(simulate(&schedule, &zone, asleep)), [15, 30, 45, 60, 75, 255, 270, 285, 300]);
    let put_back = seconds(from, 2).chain(seconds(from + HOUR, 2));
    assert_eq!(
        due(simulate(&schedule, &zone, put_back)),
        [15, 30, 45, 60, 75, 90, 105, 120, 135, 150, 165, 180]
    );
}

#[test]
fn what_is_no_schedule_is_refused_with_its_reason() {
    let problem = |text: &str| match Schedule::parse(text) {
        Err(CoreError::Schedule { problem, .. }) => problem,
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(problem(" "), "is empty");
    assert_eq!(problem("0 0 * * * *"), "has 6 fields, not 5");
    assert_eq!(problem("0 0 0 * * * 2026"), "has 7 fields, not 5");
    assert_eq!(problem("hourly"), "has 1 field, not 5");
    assert_eq!(problem("@reboot"), "is not supported");
    assert_eq!(problem("@fortnightly"), "is not known");
    assert_eq!(problem("@hourly 5"), "has 2 fields, not 5");
    for (text, field) in [
        ("60 * * * *", "minute"),
        ("* 24 * * *", "hour"),
        ("* * 0 * *", "day of month"),
        ("* * * 13 *", "month"),
        ("* * * * 8", "day of week"),
        ("5-1 * * * *", "minute"),
        ("*/0 * * * *", "minute"),
        ("1,,2 * * * *", "minute"),
        (", * * * *", "minute"),
        ("MON * * * *", "minute"),
        ("* * * JAN2 *", "month"),
        ("* * * * SUNMON", "day of week"),
        ("* * * * MON#6", "day of week"),
        ("* L * * *", "hour"),
        ("* * ? * *", "day of month"),
        ("* * 15W * *", "day of month"),
        ("* * * * +1", "day of week"),
        ("5/10 * * * *", "minute"),
        ("1-2-3 * * * *", "minute"),
        ("99999999999 * * * *", "minute"),
        ("é * * * *", "minute"),
        ("* * * * 1#", "day of week"),
        ("- * * * *", "minute"),
        ("/ * * * *", "minute"),
    ] {
        let value = text.split(' ').find(|word| *word != "*").unwrap().to_ascii_lowercase();
        assert_eq!(problem(text), format!("has an invalid {field}, \"{value}\""), "{text}");
    }
    for never in ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "0 0 30-31 2 */8"] {
        assert_eq!(problem(never), "is never due", "{never}");
    }
    for length in [
        "every 0 minutes",
        "every 5 days",
        "every",
        "every minute",
        "every -1 hours",
        "every 1.5 hours",
        "every 745 hours",
        "every 2678401 seconds",
        "every 99999999999 hours",
        "every 5 minutes please",
    ] {
        assert_eq!(problem(length), "has an invalid length", "{length}");
    }
}

#[test]
fn names_macros_and_last_days() {
    let first =
        |text: &str| Schedule::parse(text).unwrap().after(at(2026, 1, 1, 0, 0), &Zone::utc()).unwrap();
    let same = |one: &str, other: &str| {
        let all = |text| {
            all_due(&Schedule::parse(text).unwrap(), &Zone::utc(), at(2026, 1, 1, 0, 0), at(2028, 1, 1, 0, 0))
        };
        assert_eq!(all(one), all(other), "{one}");
    };
    for (name, cron) in MACROS {
        same(name, cron);
        same(&format!(" {} ", name.to_uppercase()), cron);
    }
    same("0 6 * jan,Mar-MAY mon-fri/2", "0 6 * 1,3,4,5 1,3,5");
    same("0 6 * * sat-sun", "0 6 * * 0,6");
    same("0  6\t* * 7", "0 6 * * 0");
    assert_eq!(first("0 6 L * *"), at(2026, 1, 31, 6, 0));
    assert_eq!(first("0 6 L 2 *"), at(2026, 2, 28, 6, 0));
    assert_eq!(first("0 6 * * mon#1"), at(2026, 1, 5, 6, 0));
    assert_eq!(first("0 6 * * 5L"), at(2026, 1, 30, 6, 0));
    assert_eq!(first("Every 1 Hour"), at(2026, 1, 1, 1, 0));
    assert_eq!(first("every 744 hours"), first("every 2678400 seconds"));
    assert_eq!(first("0 0 29 2 *"), at(2028, 2, 29, 0, 0));
}

#[test]
fn the_ends_of_the_calendar_have_no_next_time() {
    for text in ["* * * * *", "0 3 * * *", "every 1 second"] {
        let schedule = Schedule::parse(text).unwrap();
        assert_eq!(schedule.after(Instant::MAX, &Zone::utc()), None, "{text}");
        assert_eq!(schedule.after(Instant::MAX, &zone("Europe/Berlin")), None, "{text}");
    }
    assert_eq!(Schedule::parse("0 3 * * *").unwrap().after(at(5_001, 1, 1, 0, 0), &Zone::utc()), None);
}
