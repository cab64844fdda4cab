//! An activity as readable JSON: `{"version": 1, "entities": "bigint", "days": {"7": ["2026-01-10", "2026-02-03"]}}`.
//! Text entities appear as the hash that stands for them.
use super::activity::Activity;
use super::calendar::{read_day, show_day};
use super::codec::Summary;
use super::days::Days;
use super::error::CoreError;
use super::keys::{KeyKind, gather};
use super::records::VERSION;
use serde_json::Value;
use std::fmt::Write;

pub fn to_json(days: Days) -> Result<String, CoreError> {
    let kind = days.kind.name().map_or("null".to_owned(), |name| format!("\"{name}\""));
    let mut json = format!("{{\"version\": {VERSION}, \"entities\": {kind}, \"days\": {{");
    let mut comma = "";
    days.visit(|key, days_of_one| {
        // Writing to a String cannot fail.
        let _ = write!(json, "{comma}\"{}\": [", days.kind.show(gather(key)));
        for (n, &day) in days_of_one.iter().enumerate() {
            let _ = write!(json, "{}\"{}\"", if n == 0 { "" } else { ", " }, show_day(day));
        }
        json.push(']');
        comma = ", ";
        Ok(())
    })?;
    json.push_str("}}");
    Ok(json)
}

/// Accepts what `to_json` writes, in any order and with any spacing.
pub fn from_json(json: &str) -> Result<Vec<u8>, CoreError> {
    let document: Value = serde_json::from_str(json).map_err(|error| wrong(error.to_string()))?;
    let field = |name: &str| document.get(name).ok_or_else(|| wrong(format!("\"{name}\" is missing")));
    if field("version")?.as_u64() != Some(VERSION.into()) {
        return Err(wrong("\"version\" is not 1"));
    }
    let kind = match field("entities")? {
        Value::Null => Some(KeyKind::None),
        Value::String(kind) => KeyKind::of_name(Some(kind)),
        _ => None,
    };
    let kind = kind.ok_or_else(|| wrong("\"entities\" is not uuid, bigint, text or null"))?;
    let mut activity = Activity::default();
    let entities = field("days")?.as_object().ok_or_else(|| wrong("\"days\" is not an object"))?;
    for (entity, days) in entities {
        let key = kind.parse(entity).ok_or_else(|| wrong(format!("\"{entity}\" is no entity")))?;
        let days = days.as_array().ok_or_else(|| wrong(format!("days of \"{entity}\" are no array")))?;
        for day in days {
            let day = day.as_str().and_then(read_day);
            let day = day.ok_or_else(|| wrong(format!("a day of \"{entity}\" is no date")))?;
            activity.push(kind, key, day)?;
        }
    }
    activity.to_bytes()
}

fn wrong(problem: impl Into<String>) -> CoreError {
    CoreError::SummaryText { summary: "activity", problem: problem.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::calendar::day_of;
    use proptest::prelude::*;

    fn shown(summary: &[u8]) -> String {
        to_json(Days::read(summary).expect("own bytes")).expect("own bytes")
    }

    proptest! {
        #[test]
        fn activities_come_back(events in proptest::collection::vec((any::<i64>(), -2_400_000..106_000_000i32), 0..20), kind in 1..4u8) {
            let kind = KeyKind::of_code(kind).expect("known");
            let mut activity = Activity::default();
            for (key, day) in events {
                activity.push(kind, super::super::keys::of_bigint(key % 5), day).expect("small");
            }
            let summary = activity.to_bytes().expect("small");
            prop_assert_eq!(from_json(&shown(&summary)), Ok(summary));
        }
        #[test]
        fn any_text_is_a_summary_or_an_error(text in "[\\[\\]{}\":,a-z0-9 .-]{0,60}") {
            let _ = from_json(&text);
        }
    }

    #[test]
    fn what_it_looks_like() {
        let mut activity = Activity::default();
        for day in [day_of(2026, 2, 3), day_of(2026, 1, 10), day_of(2026, 2, 3)] {
            activity.push(KeyKind::Bigint, 7, day).expect("small");
        }
        let json =
            "{\"version\": 1, \"entities\": \"bigint\", \"days\": {\"7\": [\"2026-01-10\", \"2026-02-03\"]}}";
        assert_eq!(shown(&activity.to_bytes().expect("small")), json);
        for (text, what) in [
            ("{}", "\"version\" is missing"),
            ("{\"version\": 1, \"entities\": \"bigint\", \"days\": {\"x\": []}}", "\"x\" is no entity"),
            (
                "{\"version\": 1, \"entities\": \"bigint\", \"days\": {\"1\": [\"2026-02-30\"]}}",
                "a day of \"1\" is no date",
            ),
        ] {
            assert_eq!(from_json(text), Err(wrong(what)));
        }
    }
}
