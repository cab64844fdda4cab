//! The one way from a core error to a PostgreSQL error: SQLSTATE, text and hint of every variant.
use crate::core::error::CoreError;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

pub type Outcome<T> = Result<T, ErrorReport>;

impl From<CoreError> for ErrorReport {
    fn from(error: CoreError) -> Self {
        use PgSqlErrorCode::*;
        let report = |code, message: String, hint: String| {
            ErrorReport::new(code, message, "vend_analytics").set_hint(hint)
        };
        match error {
            CoreError::EmptyPeriod => report(
                ERRCODE_INVALID_PARAMETER_VALUE,
                "period is empty".into(),
                "Give a period_end that is later than period_start.".into(),
            ),
            CoreError::UnknownOption { option, value, valid } => report(
                ERRCODE_INVALID_PARAMETER_VALUE,
                format!("unknown {option} \"{value}\""),
                format!("Use {valid}."),
            ),
            CoreError::Schedule { schedule, problem, hint } => report(
                ERRCODE_INVALID_PARAMETER_VALUE,
                format!("schedule \"{schedule}\" {problem}"),
                hint.into(),
            ),
            CoreError::IntervalCount(count) => report(
                ERRCODE_INVALID_PARAMETER_VALUE,
                format!("interval count {count} is less than 1"),
                "Give the number of units that one payment covers, 1 or more.".into(),
            ),
            CoreError::AmountNotFinite => report(
                ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
                "amount is not a finite number".into(),
                "Leave out NaN and infinite amounts, or make them NULL.".into(),
            ),
            CoreError::AmountOutOfRange => report(
                ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
                "amount has too many digits to be added exactly".into(),
                "Round amounts: sums carry 38 digits, counted from the finest fraction.".into(),
            ),
            CoreError::CountOutOfRange => report(
                ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
                "count is out of range".into(),
                "Check the data: a count is at most 2147483647, with few decimals.".into(),
            ),
            CoreError::OutOfRange { argument, value, low, high } => report(
                ERRCODE_INVALID_PARAMETER_VALUE,
                format!("{argument} {value} is out of range"),
                format!("Use {low} to {high}."),
            ),
            CoreError::NullArgument(argument) => report(
                ERRCODE_NULL_VALUE_NOT_ALLOWED,
                format!("{argument} must not be NULL"),
                format!("Give a value for {argument}."),
            ),
            CoreError::DateOutOfRange => report(
                ERRCODE_DATETIME_FIELD_OVERFLOW,
                "date is out of range".into(),
                "Use finite dates between 4713 BC and 294276 AD.".into(),
            ),
            CoreError::HourlyShape(found) => report(
                ERRCODE_INVALID_PARAMETER_VALUE,
                format!("hourly occupancy is {found}, not an array or an object"),
                HOURLY_HINT.into(),
            ),
            CoreError::HourlyTooLong(position) => report(
                ERRCODE_INVALID_PARAMETER_VALUE,
                format!("hourly occupancy has an entry at position {position}"),
                "A local day has at most 25 hours, at positions 0 to 24.".into(),
            ),
            CoreError::HourlyKey(key) => report(
                ERRCODE_INVALID_PARAMETER_VALUE,
                format!("hourly occupancy has the unknown key {key}"),
                "Use \"0\" to \"23\" or \"00:00\" to \"23:00\".".into(),
            ),
            CoreError::HourlyTwice(hour) => report(
                ERRCODE_INVALID_PARAMETER_VALUE,
                format!("hourly occupancy has hour {hour} twice"),
                "Give each hour one key.".into(),
            ),
            CoreError::HourlyValue { hour, found } => report(
                ERRCODE_INVALID_PARAMETER_VALUE,
                format!("occupancy at position {hour} is {found}, not a count"),
                "A count is a number of 0 or more; null stands for an unknown hour.".into(),
            ),
            CoreError::TooManyBuckets => report(
                ERRCODE_PROGRAM_LIMIT_EXCEEDED,
                "too many buckets".into(),
                "Take larger buckets or a shorter time: 100000 buckets and 10 million cohort cells are the most.".into(),
            ),
            CoreError::TooLarge => report(
                ERRCODE_PROGRAM_LIMIT_EXCEEDED,
                "summary is too large".into(),
                "Summarise less at once, for example one garage at a time.".into(),
            ),
            CoreError::MixedKeys => report(
                ERRCODE_INVALID_PARAMETER_VALUE,
                "summaries are of ids of different types".into(),
                "Merge summaries whose customers or entities are all uuid, all bigint or all text.".into(),
            ),
            CoreError::LongDay => report(
                ERRCODE_INVALID_PARAMETER_VALUE,
                "local day has more than 25 hours".into(),
                "Use another time zone: an hourly document has no place for the rest.".into(),
            ),
            CoreError::MixedDays => report(
                ERRCODE_INVALID_PARAMETER_VALUE,
                "rows are of different days or time zones".into(),
                "Group by the day and the time zone.".into(),
            ),
            CoreError::SummaryText { summary, problem } => report(
                ERRCODE_INVALID_TEXT_REPRESENTATION,
                format!("invalid {summary}: {problem}"),
                format!("Give the JSON that a value of type vend.{summary} is shown as."),
            ),
            CoreError::CorruptState => report(
                ERRCODE_DATA_CORRUPTED,
                "summary bytes are damaged".into(),
                "Make the summary again from its rows.".into(),
            ),
            CoreError::UnknownVersion(version) => report(
                ERRCODE_DATA_CORRUPTED,
                format!("summary has the unknown version {version}"),
                "Read it with the library version that wrote it, or a newer one.".into(),
            ),
        }
    }
}

const HOURLY_HINT: &str =
    "Give an array of counts (the position is the hour) or an object keyed \"0\" to \"23\".";
