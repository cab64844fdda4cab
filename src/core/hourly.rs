//! Hourly occupancy documents: which hour an entry stands for and what counts as a count (METRICS.md, 7).
//! An hour is hours since local midnight; the longest local day has 25.
use super::error::CoreError;
use super::jsonb::{Container, Kind, Value, varlena_body};
use super::money::Amount;
use super::numeric;

pub const MAX_SLOTS: usize = 25;

/// Reads the root container of a jsonb and visits its known hours, in the document's order.
pub fn read_hourly<E: From<CoreError>>(
    document: &[u8], mut visit: impl FnMut(usize, Amount) -> Result<(), E>,
) -> Result<(), E> {
    let root = Container::new(document)?;
    let mut pass = |hour, value| known(hour, value)?.map_or(Ok(()), |count| visit(hour, count));
    match root.kind {
        Kind::Array => {
            for (position, value) in root.children().enumerate() {
                if position >= MAX_SLOTS {
                    return Err(CoreError::HourlyTooLong(position).into());
                }
                pass(position, value?)?;
            }
        }
        Kind::Object => {
            let mut seen = [false; MAX_SLOTS];
            for (key, value) in root.children().zip(root.children().skip(root.len)) {
                let hour = parse_key(key?)?;
                match seen.get_mut(hour) {
                    Some(seen) if !*seen => *seen = true,
                    _ => return Err(CoreError::HourlyTwice(hour).into()),
                }
                pass(hour, value?)?;
            }
        }
        Kind::Scalar => {
            return Err(CoreError::HourlyShape(describe(root.children().next().transpose()?)).into());
        }
    }
    Ok(())
}

/// A count as whole vehicles, half rounded up.
pub fn whole_count(count: Amount) -> Result<i32, CoreError> {
    i32::try_from(count.round()).map_err(|_| CoreError::CountOutOfRange)
}

fn known(hour: usize, value: Value<'_>) -> Result<Option<Amount>, CoreError> {
    match value {
        Value::Null => Ok(None),
        Value::Number(numeric) => {
            let count = numeric::amount(varlena_body(numeric)).map_err(|_| CoreError::CountOutOfRange)?;
            if count.is_negative() {
                return Err(CoreError::HourlyValue { hour, found: count.to_string() });
            }
            Ok(Some(count))
        }
        Value::Text(text) => Err(CoreError::HourlyValue { hour, found: quote(text) }),
        other => Err(CoreError::HourlyValue { hour, found: describe(Some(other)).to_owned() }),
    }
}

/// `"0"` to `"23"` or `"00:00"` to `"23:00"`.
fn parse_key(key: Value<'_>) -> Result<usize, CoreError> {
    let Value::Text(key) = key else { return Err(CoreError::CorruptState) };
    let digits = match key {
        [digits @ (b'0'..=b'9')] => std::slice::from_ref(digits),
        [b'1'..=b'9', b'0'..=b'9'] => key,
        [digits @ .., b':', b'0', b'0'] if digits.len() == 2 => digits,
        _ => b"",
    };
    let hour =
        std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let hour = hour.and_then(|digits| digits.parse().ok()).filter(|&hour| hour < 24);
    hour.ok_or_else(|| CoreError::HourlyKey(quote(key)))
}

fn describe(value: Option<Value<'_>>) -> &'static str {
    match value {
        Some(Value::Null) => "null",
        Some(Value::Text(_)) => "a string",
        Some(Value::Number(_)) => "a number",
        Some(Value::Bool) => "a boolean",
        Some(Value::Container) => "an array or object",
        None => "empty",
    }
}

/// A user's string for an error message, cut to a readable length.
fn quote(text: &[u8]) -> String {
    const SHOWN: usize = 40;
    let text = String::from_utf8_lossy(text);
    match text.char_indices().nth(SHOWN).and_then(|(end, _)| text.get(..end)) {
        Some(cut) => format!("\"{cut}...\""),
        None => format!("\"{text}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(key: &str) -> Option<usize> {
        parse_key(Value::Text(key.as_bytes())).ok()
    }

    #[test]
    fn exactly_the_48_documented_keys_are_hours() {
        for hour in 0..24usize {
            assert_eq!(parse(&hour.to_string()), Some(hour));
            assert_eq!(parse(&format!("{hour:02}:00")), Some(hour));
        }
        for key in [
            "24", "24:00", "00", "07", "7:00", "-1", "+1", "", ":00", "1:0", "12:30", "noon", "٣", "007",
            "1 ",
        ] {
            assert_eq!(parse(key), None, "{key}");
        }
    }

    proptest! {
        #[test]
        fn no_other_key_is_an_hour(key in "[0-9:+ -]{0,6}") {
            let documented = (0..24u8).any(|h| key == h.to_string() || key == format!("{h:02}:00"));
            prop_assert_eq!(parse(&key).is_some(), documented);
        }
    }

    #[test]
    fn counts_are_finite_whole_and_not_negative() {
        assert_eq!(known(3, Value::Null), Ok(None));
        assert!(known(3, Value::Bool).is_err() && known(3, Value::Container).is_err());
        assert_eq!(
            known(3, Value::Text(b"x")),
            Err(CoreError::HourlyValue { hour: 3, found: "\"x\"".into() })
        );
        assert_eq!(whole_count(Amount::new(25, 1)), Ok(3));
        assert_eq!(whole_count(Amount::new(1i128 << 40, 0)), Err(CoreError::CountOutOfRange));
        assert_eq!(quote("é".repeat(50).as_bytes()), format!("\"{}...\"", "é".repeat(40)));
    }
}
