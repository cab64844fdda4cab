//! Visits to the hourly values of one local day (METRICS.md, 7): how many visitors were there on average in each elapsed hour.
use super::calendar::{Day, HOUR, Instant, Zone};
use super::codec::{Sink, Summary};
use super::error::CoreError;
use super::hourly::MAX_SLOTS;
use super::money::Amount;

/// One local day: where it starts and ends, in elapsed time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalDay {
    day: Day,
    timezone: Vec<u8>,
    start: Instant,
    end: Instant,
}

impl LocalDay {
    /// Refuses a day that has more hours than a document: Troll's in autumn, or a date that a zone had twice.
    pub fn new(day: Day, timezone: &[u8], zone: &Zone) -> Result<Self, CoreError> {
        const LONGEST: i64 = 25 * HOUR;
        let (start, end) = (zone.day_start(day), zone.day_start(day.saturating_add(1)));
        if end.saturating_sub(start) > LONGEST {
            return Err(CoreError::LongDay);
        }
        Ok(LocalDay { day, timezone: timezone.to_vec(), start, end })
    }
    pub fn is(&self, day: Day, timezone: &[u8]) -> bool {
        self.day == day && self.timezone == timezone
    }
    /// 23, 24 or 25; none if the zone skipped the date. A part hour is a shorter slot.
    fn slots(&self) -> impl Iterator<Item = (Instant, Instant)> {
        let (start, end) = (self.start, self.end);
        let starts = (0i64..).map(move |n| start.saturating_add(n.saturating_mul(HOUR)));
        starts.take_while(move |&slot| slot < end).take(MAX_SLOTS).map(move |slot| {
            let until = slot.saturating_add(HOUR);
            (slot, until.min(end))
        })
    }
}

/// Visitor-microseconds in each slot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Visits {
    day: Option<LocalDay>,
    spent: [i128; MAX_SLOTS],
}

impl Visits {
    pub fn day(&self) -> Option<&LocalDay> {
        self.day.as_ref()
    }
    /// All rows of a group are of one day.
    pub fn begin(&mut self, day: LocalDay) -> Result<(), CoreError> {
        if self.day.get_or_insert_with(|| day.clone()) == &day { Ok(()) } else { Err(CoreError::MixedDays) }
    }
    /// A visit without an end lasts to the day's end; one that ends before it begins is none.
    pub fn push(&mut self, entered: Instant, exited: Option<Instant>) -> Result<(), CoreError> {
        let Some(day) = &self.day else { return Ok(()) };
        let exited = exited.unwrap_or(day.end);
        for (spent, (start, end)) in self.spent.iter_mut().zip(day.slots()) {
            let inside = exited.min(end).saturating_sub(entered.max(start)).max(0);
            *spent = spent.checked_add(inside.into()).ok_or_else(|| CoreError::CountOutOfRange)?;
        }
        Ok(())
    }
    /// The values of the slots, rounded to six decimals, as a JSON array; nothing if no day is known.
    pub fn to_json(&self) -> Option<String> {
        let values = self.day.as_ref()?.slots().zip(&self.spent).map(|((start, end), &spent)| {
            let length = i128::from(end.saturating_sub(start));
            let twice = spent.saturating_mul(2_000_000).saturating_add(length);
            let rounded = twice.checked_div(length.saturating_mul(2)).unwrap_or(0);
            Amount::new(rounded, 6).shortest().to_string()
        });
        Some(format!("[{}]", values.collect::<Vec<_>>().join(", ")))
    }
}

impl Summary for Visits {
    fn merge(&mut self, other: &mut Visits) -> Result<(), CoreError> {
        let Some(day) = other.day.take() else { return Ok(()) };
        self.begin(day)?;
        for (sum, spent) in self.spent.iter_mut().zip(&other.spent) {
            *sum = sum.checked_add(*spent).ok_or_else(|| CoreError::CountOutOfRange)?;
        }
        Ok(())
    }
    fn encode(&mut self, sink: &mut impl Sink) -> Result<(), CoreError> {
        let Some(day) = &self.day else { return sink.put(&[]) };
        sink.put(&day.day.to_le_bytes())?;
        sink.put(&day.start.to_le_bytes())?;
        sink.put(&day.end.to_le_bytes())?;
        self.spent.iter().try_for_each(|spent| sink.put(&spent.to_le_bytes()))?;
        sink.put(&day.timezone)
    }
    fn decode(bytes: &[u8]) -> Result<Self, CoreError> {
        if bytes.is_empty() {
            return Ok(Visits::default());
        }
        let corrupt = CoreError::CorruptState;
        let Some((day, rest)) = bytes.split_first_chunk::<4>() else { return Err(corrupt) };
        let Some((start, rest)) = rest.split_first_chunk::<8>() else { return Err(corrupt) };
        let Some((end, rest)) = rest.split_first_chunk::<8>() else { return Err(corrupt) };
        let Some((spent, timezone)) = rest.split_at_checked(MAX_SLOTS.saturating_mul(16)) else {
            return Err(corrupt);
        };
        let mut visits = Visits::default();
        for (sum, bytes) in visits.spent.iter_mut().zip(spent.as_chunks().0) {
            *sum = i128::from_le_bytes(*bytes);
        }
        visits.day = Some(LocalDay {
            day: Day::from_le_bytes(*day),
            timezone: timezone.to_vec(),
            start: Instant::from_le_bytes(*start),
            end: Instant::from_le_bytes(*end),
        });
        Ok(visits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::calendar::{DAY, FOREVER, NEVER};
    use proptest::prelude::*;

    const MINUTE: i64 = HOUR / 60;

    fn day_in(zone: &Zone) -> LocalDay {
        LocalDay::new(1, b"somewhere", zone).expect("a usual day")
    }

    fn of(day: &LocalDay, visits: &[(i64, Option<i64>)]) -> Visits {
        let mut state = Visits::default();
        state.begin(day.clone()).expect("the first");
        for &(entered, exited) in visits {
            state.push(entered, exited).expect("small");
        }
        state
    }

    proptest! {
        /// Invariant 8: slot values times slot hours are the hours of visits clipped to the day.
        #[test]
        fn slots_hold_all_the_time_of_the_day(
            visits in proptest::collection::vec((0..4000i64, proptest::option::of(0..4000i64)), 0..20),
            change in -2..3i64, cut in 0..20usize,
        ) {
            let zone = Zone::new(3600, vec![(DAY + 2 * HOUR, 3600 + 1800 * change as i32)]);
            let day = day_in(&zone);
            let visits: Vec<_> = visits.iter().map(|&(entered, exited)| (entered * MINUTE, exited.map(|exited| exited * MINUTE))).collect();
            let whole = of(&day, &visits);
            let clipped: i128 = visits.iter().map(|&(entered, exited)| {
                let until = exited.unwrap_or(FOREVER).min(day.end);
                i128::from((until - entered.max(day.start)).max(0))
            }).sum();
            prop_assert_eq!(whole.spent.iter().sum::<i128>(), clipped);
            for (n, (start, end)) in day.slots().enumerate() {
                // Minute by minute.
                let minutes = (start / MINUTE..end / MINUTE).map(|minute| minute * MINUTE);
                let present = minutes.map(|at| visits.iter().filter(|visit| visit.0 <= at && visit.1.is_none_or(|exit| at < exit)).count() as i128);
                prop_assert_eq!(whole.spent[n], present.sum::<i128>() * i128::from(MINUTE));
            }
            let (left, right) = visits.split_at(cut.min(visits.len()));
            let mut merged = of(&day, right);
            let mut handed_over = Visits::decode(&of(&day, left).to_bytes().expect("small")).expect("own bytes");
            merged.merge(&mut handed_over).expect("one day");
            merged.merge(&mut Visits::decode(&Visits::default().to_bytes().expect("small")).expect("own bytes")).expect("none");
            prop_assert_eq!(merged, whole);
        }
        #[test]
        fn any_bytes_are_visits_or_an_error(bytes: Vec<u8>) {
            let _ = Visits::decode(&bytes);
        }
    }

    #[test]
    fn an_hour_and_a_half() {
        let day = day_in(&Zone::utc());
        let json = of(&day, &[(DAY + 8 * HOUR + 45 * MINUTE, Some(DAY + 10 * HOUR + 15 * MINUTE))]).to_json();
        let values = "[0, 0, 0, 0, 0, 0, 0, 0, 0.25, 1, 0.25, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]";
        assert_eq!(json.as_deref(), Some(values));
        assert_eq!(Visits::default().to_json(), None);
    }

    #[test]
    fn odd_visits_and_days() {
        let day = day_in(&Zone::utc());
        let none = of(&day, &[]);
        assert_eq!(of(&day, &[(DAY + 9 * HOUR, Some(DAY + 8 * HOUR)), (DAY + HOUR, Some(DAY + HOUR))]), none);
        assert_eq!(of(&day, &[(FOREVER, None), (NEVER, Some(NEVER)), (3 * DAY, None)]), none);
        assert_eq!(of(&day, &[(NEVER, Some(FOREVER))]).spent[..24], [i128::from(HOUR); 24]);
        // Samoa lost a day; Lord Howe's clocks change by half an hour.
        let skipped = day_in(&Zone::new(-36_000, vec![(DAY + 10 * HOUR, 50_400)]));
        assert_eq!(of(&skipped, &[(NEVER, None)]).to_json().as_deref(), Some("[]"));
        let long = day_in(&Zone::new(39_600, vec![(DAY - 9 * HOUR, 37_800)]));
        assert_eq!(long.slots().last().map(|(start, end)| end - start), Some(HOUR / 2));
        assert_eq!(of(&long, &[(NEVER, None)]).to_json().map(|json| json.matches('1').count()), Some(25));
        let troll = Zone::new(7_200, vec![(DAY + HOUR, 0)]);
        assert_eq!(LocalDay::new(1, b"Troll", &troll), Err(CoreError::LongDay));
        let mut state = of(&day, &[]);
        assert_eq!(state.begin(long), Err(CoreError::MixedDays));
    }
}
