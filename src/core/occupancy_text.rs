//! An occupancy as readable JSON: totals of each hour, then by capacity how many hours had which count.
//! `{"version": 1, "hours": {"9": {"days": 2, "count": "24", "rated": "24", "capacity": "50", "highest": "3/5"}},
//! "counts": {"10": {"6": 1}, "40": {"18": 1}}}`. Rated are the counts whose capacity is known; without any the last three
//! are absent.
use super::cells::{self, Hour, Hours, Place, SCALE, count_of};
use super::codec::Summary;
use super::error::CoreError;
use super::money::{Amount, read_amount};
use super::occupancy::Occupancy;
use super::rate::Rate;
use super::records::VERSION;
use serde_json::Value;
use std::fmt::Write;

pub fn to_json(summary: &[u8]) -> Result<String, CoreError> {
    let mut counts = String::new();
    let mut capacity = None;
    let hours = cells::read(summary, |place, hours| {
        // Writing to a String cannot fail.
        let _ = match capacity {
            Some(same) if same == place.capacity => counts.write_str(", "),
            Some(_) => write!(counts, "}}, \"{}\": {{", place.capacity),
            None => write!(counts, "\"{}\": {{", place.capacity),
        };
        capacity = Some(place.capacity);
        let _ = write!(counts, "\"{}\": {hours}", shown(place.count.into()));
        Ok(())
    })?;
    if capacity.is_some() {
        counts.push('}');
    }
    let known = (0..).zip(&hours).filter(|(_, hour)| hour.days > 0);
    let hours: Vec<String> = known.map(|(n, hour): (u8, &Hour)| show_hour(n, hour)).collect();
    let hours = hours.join(", ");
    Ok(format!("{{\"version\": {VERSION}, \"hours\": {{{hours}}}, \"counts\": {{{counts}}}}}"))
}

fn show_hour(n: u8, hour: &Hour) -> String {
    let mut json = format!("\"{n}\": {{\"days\": {}, \"count\": \"{}\"", hour.days, shown(hour.count));
    if hour.pooled.is_known() {
        let (rated, capacity) = (shown(hour.pooled.count), shown(hour.pooled.capacity));
        let highest = format!("{}/{}", hour.highest.count, hour.highest.capacity);
        let _ = write!(
            json,
            ", \"rated\": \"{rated}\", \"capacity\": \"{capacity}\", \"highest\": \"{highest}\""
        );
    }
    json.push('}');
    json
}

fn shown(billionths: i128) -> Amount {
    Amount::new(billionths, SCALE).shortest()
}

/// Accepts what `to_json` writes, in any order and with any spacing.
pub fn from_json(json: &str) -> Result<Vec<u8>, CoreError> {
    let document: Value = serde_json::from_str(json).map_err(|error| wrong(error.to_string()))?;
    if document.get("version").and_then(Value::as_u64) != Some(VERSION.into()) {
        return Err(wrong("\"version\" is not 1"));
    }
    let field = |name: &str| {
        let object = document.get(name).and_then(Value::as_object);
        object.ok_or_else(|| wrong(format!("\"{name}\" is not an object")))
    };
    let mut hours = Hours::default();
    for (n, hour) in field("hours")? {
        let place = n.parse().ok().and_then(|n: usize| hours.get_mut(n)).zip(read_hour(hour));
        let (place, hour) =
            place.ok_or_else(|| wrong(format!("hour \"{n}\" is not one of a day, or incomplete")))?;
        *place = hour;
    }
    let mut occupancy = Occupancy::default();
    occupancy.add_hours(&hours)?;
    for (capacity, counts) in field("counts")? {
        let known = capacity.parse::<i32>().ok().filter(|&capacity| capacity > 0).zip(counts.as_object());
        let (capacity, counts) =
            known.ok_or_else(|| wrong(format!("\"{capacity}\" is no capacity with counts")))?;
        for (count, hours) in counts {
            let amount = read_amount(count).zip(hours.as_u64().filter(|&hours| hours > 0));
            let (amount, hours) =
                amount.ok_or_else(|| wrong(format!("\"{count}\" is no count of some hours")))?;
            let place = Place { capacity: capacity.unsigned_abs(), count: count_of(amount)? };
            occupancy.add_cell(place, hours)?;
        }
    }
    let bytes = occupancy.to_bytes()?;
    cells::read(&bytes, |_, _| Ok(())).map_err(|_| wrong("hours and counts do not agree"))?;
    Ok(bytes)
}

fn read_hour(hour: &Value) -> Option<Hour> {
    let amount = |name: &str| {
        let amount = read_amount(hour.get(name)?.as_str()?)?;
        let up = SCALE.checked_sub(amount.scale()).and_then(|by| 10i128.checked_pow(by.into()))?;
        amount.digits().checked_mul(up)
    };
    let days = hour.get("days")?.as_u64().filter(|&days| days > 0)?;
    let mut read = Hour { days, count: amount("count")?, ..Hour::default() };
    if hour.get("capacity").is_some() {
        read.pooled = Rate { count: amount("rated")?, capacity: amount("capacity")? };
        let (count, capacity) = hour.get("highest")?.as_str()?.split_once('/')?;
        let number = |text: &str| text.parse::<u64>().ok().map(i128::from);
        read.highest =
            Rate { count: number(count)?, capacity: number(capacity).filter(|&capacity| capacity > 0)? };
    }
    Some(read)
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
        fn occupancies_come_back(seen in proptest::collection::vec((0..4i32, 0..25usize, prop_oneof![0..20u64, 0..1u64 << 60]), 0..60)) {
            let mut occupancy = Occupancy::default();
            for (capacity, hour, count) in seen {
                let count = if count < 20 { count * cells::WHOLE } else { count };
                let rate = Rate::of(count, capacity.unsigned_abs());
                let mut hours = Hours::default();
                hours[hour] = Hour { days: 1, count: count.into(), pooled: rate, highest: rate };
                occupancy.add_hours(&hours).expect("small");
                if capacity > 0 {
                    occupancy.add_cell(Place { capacity: capacity.unsigned_abs(), count }, 1).expect("small");
                }
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
            "{\"version\": 1, \"hours\": {}, \"counts\": {}}",
            "{\"version\": 1, \"hours\": {\"9\": {\"days\": 3, \"count\": \"26.5\", \"rated\": \"24\", \"capacity\": \"50\", \"highest\": \"3/5\"}, \"24\": {\"days\": 1, \"count\": \"0\"}}, \"counts\": {\"10\": {\"6\": 1}, \"40\": {\"18\": 1}}}",
        ] {
            assert_eq!(to_json(&from_json(json).expect("valid")).expect("own bytes"), json);
        }
        for (text, what) in [
            ("{}", "\"version\" is not 1"),
            ("{\"version\": 1}", "\"hours\" is not an object"),
            (
                "{\"version\": 1, \"hours\": {\"25\": {\"days\": 1, \"count\": \"0\"}}}",
                "hour \"25\" is not one of a day, or incomplete",
            ),
            ("{\"version\": 1, \"hours\": {}, \"counts\": {\"0\": {}}}", "\"0\" is no capacity with counts"),
            (
                "{\"version\": 1, \"hours\": {}, \"counts\": {\"4\": {\"x\": 1}}}",
                "\"x\" is no count of some hours",
            ),
            (
                "{\"version\": 1, \"hours\": {}, \"counts\": {\"4\": {\"1\": 1}}}",
                "hours and counts do not agree",
            ),
            (
                "{\"version\": 1, \"hours\": {\"9\": {\"days\": 1, \"count\": \"2\", \"rated\": \"2\", \"capacity\": \"8\", \"highest\": \"1/4\"}}, \"counts\": {\"4\": {\"1\": 1}}}",
                "hours and counts do not agree",
            ),
        ] {
            assert_eq!(from_json(text), Err(wrong(what)));
        }
    }
}
