//! What a failed run means for its job, by SQLSTATE, and whether a late run is made up for (SECURITY.md, 6).
use super::calendar::{HOUR, Instant, SECOND};

const MINUTE: i64 = 60 * SECOND;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Others were in the way: no fault of the job, soon tried again.
    Retry,
    /// The server is short of something, or the run took too long.
    Resource,
    /// Somebody ended the process: tried again at once.
    Interrupted,
    /// It will fail until somebody changes something: the job is paused.
    Pause,
    Error,
}

impl Failure {
    pub fn of(sqlstate: &str) -> Self {
        match sqlstate {
            "57P01" | "57P02" => Failure::Interrupted,
            "57014" => Failure::Resource,
            "55P03" => Failure::Retry,
            // Not permitted; no such relation, column, object, function, schema.
            "42501" | "42P01" | "42703" | "42704" | "42883" | "3F000" => Failure::Pause,
            _ if sqlstate.starts_with("40") => Failure::Retry,
            _ if sqlstate.starts_with("53") => Failure::Resource,
            _ => Failure::Error,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Failure::Retry => "retry",
            Failure::Resource => "resource",
            Failure::Interrupted => "interrupted",
            Failure::Pause => "pause",
            Failure::Error => "error",
        }
    }

    /// How long to wait after the given number of failures in a row, this one included; none: the job is paused. It
    /// doubles from one failure to the next. Jobs that got into each other's way must not meet again, so their waits are
    /// half as long to half as long again, as the seed has it.
    pub fn delay(self, failures: i32, seed: i64) -> Option<i64> {
        let (first, most) = match self {
            Failure::Retry => (SECOND, MINUTE),
            Failure::Resource => (MINUTE, 15 * MINUTE),
            Failure::Interrupted => return Some(0),
            Failure::Pause => return None,
            Failure::Error => (5 * MINUTE, HOUR),
        };
        let doublings = failures.saturating_sub(1).clamp(0, 16);
        let delay = first.saturating_mul(1_i64.checked_shl(doublings.unsigned_abs())?).min(most);
        match self {
            Failure::Retry => {
                let thousandths = scatter(seed).checked_rem(1_001)?.saturating_add(500);
                delay.saturating_mul(i64::try_from(thousandths).ok()?).checked_div(1_000)
            }
            _ => Some(delay),
        }
    }
}

/// Seeds that follow each other end up far apart (the finalizer of splitmix64).
fn scatter(seed: i64) -> u64 {
    let mut bits = seed.cast_unsigned().wrapping_add(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// What becomes of a run that is late, for example because the server was down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfire {
    /// It runs once, however many times were missed.
    Once,
    /// It waits for its next time.
    Skip,
}

impl Misfire {
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "once" => Some(Misfire::Once),
            "skip" => Some(Misfire::Skip),
            _ => None,
        }
    }
    /// Whether what was due at `due` is still made up for at `now`. No scheduler is on time to the microsecond: up to `grace` is
    /// not late.
    pub fn runs(self, due: Instant, now: Instant, grace: i64) -> bool {
        self == Misfire::Once || now.saturating_sub(due) <= grace
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_its_codes() {
        let of = |class: Failure, codes: &[&str]| {
            for code in codes {
                assert_eq!(Failure::of(code), class, "{code}");
            }
        };
        of(Failure::Retry, &["40001", "40P01", "40002", "55P03"]);
        of(Failure::Resource, &["53100", "53200", "53300", "53400", "57014"]);
        of(Failure::Interrupted, &["57P01", "57P02"]);
        of(Failure::Pause, &["42501", "42P01", "42703", "42704", "42883", "3F000"]);
        of(Failure::Error, &["XX000", "22012", "23505", "42601", "55000", "57P03", "", "4", "é"]);
    }

    #[test]
    fn waits_double_up_to_their_limit() {
        let minutes = |class: Failure| {
            (0..7).map(|failures| class.delay(failures, 7).map(|delay| delay / MINUTE)).collect::<Vec<_>>()
        };
        assert_eq!(minutes(Failure::Resource), [1, 1, 2, 4, 8, 15, 15].map(Some));
        assert_eq!(minutes(Failure::Error), [5, 5, 10, 20, 40, 60, 60].map(Some));
        assert_eq!(minutes(Failure::Interrupted), [Some(0); 7]);
        assert_eq!(minutes(Failure::Pause), [None; 7]);
        assert_eq!(Failure::Error.delay(i32::MAX, 0), Some(HOUR));
        assert_eq!(Failure::Error.delay(i32::MIN, 0), Some(5 * MINUTE));
    }

    #[test]
    fn retries_are_scattered_around_a_doubling_wait() {
        for (failures, base) in [(0, 1), (1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (100, 60)] {
            let delays: Vec<i64> =
                (0..1_000).map(|seed| Failure::Retry.delay(failures, seed).unwrap()).collect();
            let (low, high) = (*delays.iter().min().unwrap(), *delays.iter().max().unwrap());
            assert!(low >= base * SECOND / 2 && high <= base * SECOND * 3 / 2, "{failures}");
            // A thousand draws of a thousand lie all over the range.
            assert!(low < base * SECOND * 52 / 100 && high > base * SECOND * 148 / 100, "{failures}");
            let mean = delays.iter().sum::<i64>() / 1_000;
            assert!((mean - base * SECOND).abs() < base * SECOND / 20, "{failures}");
        }
        assert_eq!(Failure::Retry.delay(1, 42), Failure::Retry.delay(1, 42));
    }

    #[test]
    fn a_late_run_is_made_up_for_unless_it_is_to_be_skipped() {
        let (once, skip) = (Misfire::parse("once").unwrap(), Misfire::parse("skip").unwrap());
        assert_eq!(Misfire::parse("never"), None);
        for misfire in [once, skip] {
            assert!(misfire.runs(100, 100, 10) && misfire.runs(100, 110, 10));
        }
        assert!(once.runs(100, 111, 10) && !skip.runs(100, 111, 10));
        assert!(once.runs(Instant::MIN, Instant::MAX, 10) && !skip.runs(Instant::MIN, Instant::MAX, 10));
    }
}
