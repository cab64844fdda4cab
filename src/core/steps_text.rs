//! A timeline as readable JSON:
//! `{"version": 1, "customers": "bigint", "scale": 2, "steps": {"7": [["2026-01-10T00:00:00Z", "90.00"]]}}`.
//! Each step is an instant and the amount from then on. Text customers appear as the hash that stands for them.
use super::calendar::{DAY, FOREVER, HOUR, Instant, NEVER, SECOND, Span, read_day, show_day};
use super::codec::Summary;
use super::error::CoreError;
use super::keys::{KeyKind, gather};
use super::money::{Amount, read_amount};
use super::records::{MAX_SCALE, VERSION};
use super::steps::Steps;
use super::timeline::Timeline;
use serde_json::Value;
use std::fmt::Write;

const MINUTE: i64 = 60 * SECOND;

pub fn to_json(steps: Steps) -> Result<String, CoreError> {
    let mut json = format!("{{\"version\": {VERSION}, \"customers\": ");
    let kind = steps.kind.name().map_or("null".to_owned(), |name| format!("\"{name}\""));
    // Writing to a String cannot fail.
    let _ = write!(json, "{kind}, \"scale\": {}, \"steps\": {{", steps.scale);
    let mut comma = "";
    steps.visit(|key, steps_of_one| {
        let _ = write!(json, "{comma}\"{}\": [", steps.kind.show(gather(key)));
        for (n, step) in steps_of_one.iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            let amount = Amount::new(step.amount, steps.scale);
            let _ = write!(json, "{comma}[\"{}\", \"{amount}\"]", show_instant(step.at));
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
    let kind = match field("customers")? {
        Value::Null => Some(KeyKind::None),
        Value::String(kind) => KeyKind::of_name(Some(kind)),
        _ => None,
    };
    let kind = kind.ok_or_else(|| wrong("\"customers\" is not uuid, bigint, text or null"))?;
    let scale = field("scale")?.as_u64().and_then(|scale| u8::try_from(scale).ok());
    let mut timeline = Timeline::at_scale(
        scale.filter(|&scale| scale <= MAX_SCALE).ok_or_else(|| wrong("\"scale\" is not 0 to 38"))?,
    );
    for (customer, steps) in field("steps")?.as_object().ok_or_else(|| wrong("\"steps\" is not an object"))? {
        let key = kind.parse(customer).ok_or_else(|| wrong(format!("\"{customer}\" is no customer")))?;
        let steps = steps.as_array().ok_or_else(|| wrong(format!("steps of \"{customer}\" are no array")))?;
        let steps: Option<Vec<(Instant, Amount)>> = steps.iter().map(read_step).collect();
        let steps =
            steps.ok_or_else(|| wrong(format!("a step of \"{customer}\" is no instant with an amount")))?;
        let ends = steps.iter().skip(1).map(|next| next.0).chain([FOREVER]);
        for (&(from, amount), until) in steps.iter().zip(ends) {
            if until <= from {
                return Err(wrong(format!("steps of \"{customer}\" do not ascend")));
            }
            timeline.push(kind, key, Span { from, until: Some(until) }, amount)?;
        }
    }
    timeline.to_bytes()
}

fn wrong(problem: impl Into<String>) -> CoreError {
    CoreError::SummaryText { summary: "timeline", problem: problem.into() }
}

fn read_step(step: &Value) -> Option<(Instant, Amount)> {
    match step.as_array()?.as_slice() {
        [Value::String(at), Value::String(amount)] => Some((read_instant(at)?, read_amount(amount)?)),
        _ => None,
    }
}

fn show_instant(at: Instant) -> String {
    if at == NEVER {
        return "-infinity".to_owned();
    }
    let day = show_day(i32::try_from(at.div_euclid(DAY)).unwrap_or_default());
    let time = at.rem_euclid(DAY);
    let part = |unit: i64, of: i64| time.div_euclid(unit).rem_euclid(of);
    let (hour, minute, second, micros) =
        (part(HOUR, 24), part(MINUTE, 60), part(SECOND, 60), part(1, SECOND));
    let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
    format!("{day}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

fn read_instant(text: &str) -> Option<Instant> {
    if text == "-infinity" {
        return Some(NEVER);
    }
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let day = read_day(date)?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut time = time.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    let micros: i64 = format!("{fraction:0<6}").parse().ok()?;
    let in_range = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
    if !in_range || fraction.len() > 6 || !(0..SECOND).contains(&micros) {
        return None;
    }
    let time = hour
        .checked_mul(HOUR)?
        .checked_add(minute.checked_mul(MINUTE)?)?
        .checked_add(second.checked_mul(SECOND)?)?;
    i64::from(day).checked_mul(DAY)?.checked_add(time)?.checked_add(micros)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(summary: &[u8]) -> String {
        to_json(Steps::read(summary).expect("own bytes")).expect("own bytes")
    }

    proptest! {
        #[test]
        fn instants_come_back(at in -200_000_000_000_000_000..9_000_000_000_000_000_000i64) {
            prop_assert_eq!(read_instant(&show_instant(at)), Some(at));
        }
        #[test]
        fn any_text_is_a_summary_or_an_error(text in "[\\[\\]{}\":,a-z0-9 .-]{0,60}") {
            let _ = from_json(&text);
        }
        #[test]
        fn timelines_come_back(
            rows in proptest::collection::vec((any::<i64>(), -100_000i64..100_000, proptest::option::of(0..200_000i64), 0..500i128), 0..20),
            kind in 1..4u8, scale in 0..5u8,
        ) {
            let kind = KeyKind::of_code(kind).expect("known");
            let mut timeline = Timeline::default();
            for (key, from, until, amount) in rows {
                let key = if kind == KeyKind::Bigint { super::super::keys::of_bigint(key % 5) } else { u128::from(key.unsigned_abs() % 5) << 60 };
                let span = Span { from: from * MINUTE / 7, until: until.map(|until| until * MINUTE / 7) };
                timeline.push(kind, key, span, Amount::new(amount, scale)).expect("small");
            }
            let summary = timeline.to_bytes().expect("small");
            prop_assert_eq!(from_json(&shown(&summary)), Ok(summary));
        }
    }

    #[test]
    fn what_it_looks_like() {
        let mut timeline = Timeline::default();
        let span = Span { from: 9506 * DAY + 8 * HOUR, until: Some(FOREVER) };
        timeline.push(KeyKind::Bigint, 7, span, Amount::new(9000, 2)).expect("small");
        let json = "{\"version\": 1, \"customers\": \"bigint\", \"scale\": 2, \"steps\": {\"7\": [[\"2026-01-10T08:00:00Z\", \"90.00\"]]}}";
        assert_eq!(shown(&timeline.to_bytes().expect("small")), json);
        for (text, what) in [
            ("{}", "\"version\" is missing"),
            ("{\"version\": 2}", "\"version\" is not 1"),
            (
                "{\"version\": 1, \"customers\": \"bigint\", \"scale\": 2, \"steps\": {\"x\": []}}",
                "\"x\" is no customer",
            ),
            (
                "{\"version\": 1, \"customers\": \"bigint\", \"scale\": 2, \"steps\": {\"1\": [[\"2026-02-30T00:00:00Z\", \"1\"]]}}",
                "a step of \"1\" is no instant with an amount",
            ),
        ] {
            assert_eq!(from_json(text), Err(wrong(what)));
        }
    }
}
