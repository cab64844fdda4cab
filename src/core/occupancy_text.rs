//! An occupancy as readable JSON:
//! `{"version": 1, "hours": [{"capacity": 40, "hour": 9, "days": {"18": 1, "6.5": 2}}]}`, where `days` says how many
//! days had which count. A capacity that is not known is null.
use super::cells::{self, Place, SCALE, count_of};
use super::codec::Summary;
use super::error::CoreError;
use super::hourly::MAX_SLOTS;
use super::money::{Amount, read_amount};
use super::occupancy::Occupancy;
use super::records::VERSION;
use serde_json::Value;
use std::fmt::Write;

pub fn to_json(summary: &[u8]) -> Result<String, CoreError> {
    let mut json = format!("{{\"version\": {VERSION}, \"hours\": [");
    let mut group: Option<(u32, u8)> = None;
    cells::visit(summary, |place, days| {
        let this = (place.capacity, place.hour);
        // Writing to a String cannot fail.
        let _ = if group == Some(this) {
            json.write_str(", ")
        } else {
            let capacity = if place.capacity > 0 { place.capacity.to_string() } else { "null".to_owned() };
            let between = if group.is_some() { "}}, " } else { "" };
            write!(json, "{between}{{\"capacity\": {capacity}, \"hour\": {}, \"days\": {{", place.hour)
        };
        group = Some(this);
        let _ = write!(json, "\"{}\": {days}", Amount::new(place.count.into(), SCALE).shortest());
        Ok(())
    })?;
    json.push_str(if group.is_some() { "}}]}" } else { "]}" });
    Ok(json)
}

/// Accepts what `to_json` writes, in any order and with any spacing.
pub fn from_json(json: &str) -> Result<Vec<u8>, CoreError> {
    let document: Value = serde_json::from_str(json).map_err(|error| wrong(error.to_string()))?;
    if document.get("version").and_then(Value::as_u64) != Some(VERSION.into()) {
        return Err(wrong("\"version\" is not 1"));
    }
    let hours = document.get("hours").and_then(Value::as_array);
    let mut occupancy = Occupancy::default();
    for hour in hours.ok_or_else(|| wrong("\"hours\" is not an array"))? {
        let (capacity, hour, days) = read_hour(hour)
            .ok_or_else(|| wrong("an element of \"hours\" has no capacity, no hour or no days"))?;
        for (count, days) in days {
            let amount = read_amount(count).ok_or_else(|| wrong(format!("\"{count}\" is no count")))?;
            let days = days.as_u64().filter(|&days| days > 0);
            let days = days.ok_or_else(|| wrong(format!("days of \"{count}\" are no number above 0")))?;
            occupancy.tally(Place { capacity, hour, count: count_of(amount)? }, days)?;
        }
    }
    occupancy.to_bytes()
}

type Days = serde_json::Map<String, Value>;

fn read_hour(hour: &Value) -> Option<(u32, u8, &Days)> {
    let capacity = match hour.get("capacity")? {
        Value::Null => 0,
        capacity => i32::try_from(capacity.as_i64()?).ok().filter(|&capacity| capacity > 0)?.unsigned_abs(),
    };
    let slot = hour.get("hour")?.as_u64().filter(|&hour| hour < MAX_SLOTS as u64)?;
    Some((capacity, u8::try_from(slot).ok()?, hour.get("days")?.as_object()?))
}

fn wrong(problem: impl Into<String>) -> CoreError {
    CoreError::SummaryText { summary: "occupancy", problem: problem.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn occupancies_come_back(places in proptest::collection::vec((0..3u32, 0..25u8, prop_oneof![0..20u64, any::<u64>()], 1..9u64), 0..60)) {
            let mut occupancy = Occupancy::default();
            for (capacity, hour, count, days) in places {
                let count = if count < 20 { count * cells::WHOLE } else { count % (1 << 60) };
                occupancy.tally(Place { capacity, hour, count }, days).expect("small");
            }
            let summary = occupancy.to_bytes().expect("small");
            prop_assert_eq!(from_json(&to_json(&summary).expect("own bytes")), Ok(summary));
        }
        #[test]
        fn any_text_is_a_summary_or_an_error(text in "[\\[\\]{}\":,a-z0-9 .-]{0,60}") {
            let _ = from_json(&text);
        }
    }

    #[test]
    fn what_it_looks_like() {
        for json in [
            "{\"version\": 1, \"hours\": []}",
            "{\"version\": 1, \"hours\": [{\"capacity\": null, \"hour\": 24, \"days\": {\"0\": 7}}, {\"capacity\": 40, \"hour\": 9, \"days\": {\"6.5\": 2, \"18\": 1}}]}",
        ] {
            assert_eq!(to_json(&from_json(json).expect("valid")).expect("own bytes"), json);
        }
        for (text, what) in [
            ("{}", "\"version\" is not 1"),
            ("{\"version\": 1}", "\"hours\" is not an array"),
            (
                "{\"version\": 1, \"hours\": [{\"capacity\": 0, \"hour\": 9, \"days\": {}}]}",
                "an element of \"hours\" has no capacity, no hour or no days",
            ),
            (
                "{\"version\": 1, \"hours\": [{\"capacity\": 4, \"hour\": 9, \"days\": {\"x\": 1}}]}",
                "\"x\" is no count",
            ),
            (
                "{\"version\": 1, \"hours\": [{\"capacity\": 4, \"hour\": 9, \"days\": {\"1\": 0}}]}",
                "days of \"1\" are no number above 0",
            ),
        ] {
            assert_eq!(from_json(text), Err(wrong(what)));
        }
    }
}
