//! Everything that can be wrong with an input. `sql/bridge.rs` gives each variant its SQLSTATE, text and hint.

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CoreError {
    /// A period whose end is not after its start.
    EmptyPeriod,
    /// An option outside its list: what it is, what was given, what is valid.
    UnknownOption { option: &'static str, value: String, valid: &'static str },
    /// `interval_count` below one.
    IntervalCount(i32),
    /// NaN or an infinity where an amount is needed.
    AmountNotFinite,
    /// More digits than an exact sum can carry.
    AmountOutOfRange,
    /// Text that is no schedule: what it is, what is wrong with it, what to do.
    Schedule { schedule: String, problem: String, hint: &'static str },
    /// A count or a parameter outside its integer type.
    CountOutOfRange,
    /// An argument outside its bounds.
    OutOfRange { argument: &'static str, value: i64, low: i64, high: i64 },
    /// A NULL where a value is needed.
    NullArgument(&'static str),
    /// A date or instant outside what can be represented.
    DateOutOfRange,
    /// An hourly document that is neither an array nor an object.
    HourlyShape(&'static str),
    /// An hourly array with an entry at a position that no day has.
    HourlyTooLong(usize),
    /// An object key that names no hour, quoted.
    HourlyKey(String),
    /// One hour under two keys.
    HourlyTwice(usize),
    /// A value that is not a count: the hour, and what stands there.
    HourlyValue { hour: usize, found: String },
    /// A calendar of more buckets than a report can have.
    TooManyBuckets,
    /// A summary over its size limit.
    TooLarge,
    /// Summaries over customers of different types.
    MixedKeys,
    /// Rows of different days or zones where one day is summarised.
    MixedDays,
    /// A local day of more than 25 hours.
    LongDay,
    /// Text that is no summary: what is wrong with it.
    SummaryText { summary: &'static str, problem: String },
    /// Bytes that are no summary of ours.
    CorruptState,
    /// A summary of a version this library does not know.
    UnknownVersion(u8),
}
