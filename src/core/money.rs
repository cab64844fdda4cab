//! Exact decimal amounts: an integer and a scale, never a float. Rates of conversion to a monthly price.
use super::error::CoreError;

/// `digits / 10^scale`. Sums keep the larger scale, as PostgreSQL's `numeric` does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    digits: i128,
    scale: u8,
}

impl Amount {
    pub fn new(digits: i128, scale: u8) -> Self {
        Amount { digits, scale }
    }
    pub fn digits(self) -> i128 {
        self.digits
    }
    pub fn scale(self) -> u8 {
        self.scale
    }
    pub fn is_positive(self) -> bool {
        self.digits > 0
    }
    pub fn is_negative(self) -> bool {
        self.digits < 0
    }
    /// From the base-10,000 digits of a `numeric`: the first weighs `10_000^weight`.
    pub fn from_base_10000(
        negative: bool, weight: i32, scale: u16, digits: impl Iterator<Item = u16>,
    ) -> Result<Self, CoreError> {
        let mut value: i128 = 0;
        let mut exponent = weight.checked_add(1).ok_or_else(|| CoreError::AmountOutOfRange)?;
        for digit in digits {
            value = value
                .checked_mul(10_000)
                .and_then(|value| value.checked_add(i128::from(digit)))
                .ok_or_else(|| CoreError::AmountOutOfRange)?;
            exponent = exponent.checked_sub(1).ok_or_else(|| CoreError::AmountOutOfRange)?;
        }
        // The value is now in units of 10_000^exponent and is wanted in units of 10^-scale.
        let shift = exponent.saturating_mul(4).saturating_add(i32::from(scale));
        if shift != 0 && value != 0 {
            let factor = power_of_ten(shift.unsigned_abs());
            let scaled = factor.and_then(|by| match (i64::try_from(value), i64::try_from(by)) {
                // Nearly always: dividing 128 bits takes several times as long.
                (Ok(value), Ok(by)) if shift < 0 => value.checked_div(by).map(i128::from),
                _ if shift < 0 => value.checked_div(by),
                _ => value.checked_mul(by),
            });
            value = scaled.ok_or_else(|| CoreError::AmountOutOfRange)?;
        }
        let scale = u8::try_from(scale).map_err(|_| CoreError::AmountOutOfRange)?;
        Ok(Amount { digits: if negative { value.saturating_neg() } else { value }, scale })
    }
    pub fn checked_add(self, other: Self) -> Result<Self, CoreError> {
        let scale = self.scale.max(other.scale);
        let sum = self.at_scale(scale).zip(other.at_scale(scale)).and_then(|(a, b)| a.checked_add(b));
        sum.map(|digits| Amount { digits, scale }).ok_or_else(|| CoreError::AmountOutOfRange)
    }
    /// To a whole number, half away from zero.
    pub fn round(self) -> i128 {
        if self.scale == 0 {
            return self.digits;
        }
        let Some(unit) = power_of_ten(u32::from(self.scale)) else { return 0 };
        let whole = self.digits.checked_div(unit).unwrap_or(0);
        let rest = self.digits.checked_rem(unit).unwrap_or(0);
        let up = rest.unsigned_abs() >= unit.unsigned_abs().div_ceil(2) && rest != 0;
        if up { whole.saturating_add(rest.signum()) } else { whole }
    }
    /// Without trailing zeros behind the point.
    pub fn shortest(mut self) -> Self {
        while self.scale > 0 && self.digits.checked_rem(10) == Some(0) {
            self.digits = self.digits.checked_div(10).unwrap_or(0);
            self.scale = self.scale.saturating_sub(1);
        }
        self
    }
    fn at_scale(self, scale: u8) -> Option<i128> {
        let shift = scale.checked_sub(self.scale)?;
        if self.digits == 0 { Some(0) } else { self.digits.checked_mul(power_of_ten(u32::from(shift))?) }
    }
}

impl std::fmt::Display for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.digits < 0 { "-" } else { "" };
        let scale = usize::from(self.scale);
        let digits = format!("{:0>width$}", self.digits.unsigned_abs(), width = scale.saturating_add(1));
        match digits.split_at_checked(digits.len().saturating_sub(scale)) {
            Some((whole, "")) => write!(f, "{sign}{whole}"),
            Some((whole, fraction)) => write!(f, "{sign}{whole}.{fraction}"),
            None => Ok(()),
        }
    }
}

/// Digits with at most one point among them; the inverse of showing an amount that is not negative.
pub fn read_amount(text: &str) -> Option<Amount> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = [whole, fraction].concat();
    let valid = !whole.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let scale = u8::try_from(fraction.len()).ok()?;
    valid.then(|| digits.parse().ok()).flatten().map(|digits| Amount::new(digits, scale))
}

fn power_of_ten(exponent: u32) -> Option<i128> {
    10i128.checked_pow(exponent)
}

/// A price per `count` units is this many twelfths of ... per month: multiply, then divide once.
pub fn monthly_factor(unit: &str, count: i32) -> Result<(i64, i64), CoreError> {
    const UNITS: &str = "day, week, month or year";
    if count < 1 {
        return Err(CoreError::IntervalCount(count));
    }
    let count = i64::from(count);
    let a_year = count.saturating_mul(12);
    match unit.trim().to_ascii_lowercase().as_str() {
        "month" => Ok((1, count)),
        "year" => Ok((1, a_year)),
        "week" => Ok((52, a_year)),
        "day" => Ok((365, a_year)),
        _ => Err(CoreError::UnknownOption { option: "interval unit", value: unit.to_owned(), valid: UNITS }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn base_10000(weight: i32, scale: u16, digits: &[u16]) -> Result<Amount, CoreError> {
        Amount::from_base_10000(false, weight, scale, digits.iter().copied())
    }

    #[test]
    fn numeric_digits_become_integers() {
        assert_eq!(base_10000(0, 2, &[12, 4500]), Ok(Amount::new(1245, 2)));
        assert_eq!(base_10000(1, 0, &[3]), Ok(Amount::new(30_000, 0)));
        assert_eq!(base_10000(-1, 3, &[50]), Ok(Amount::new(5, 3)));
        assert_eq!(base_10000(0, 40, &[]), Ok(Amount::new(0, 40)));
        assert_eq!(base_10000(20, 0, &[1]), Err(CoreError::AmountOutOfRange));
        assert_eq!(base_10000(0, 300, &[1]), Err(CoreError::AmountOutOfRange));
    }

    #[test]
    fn halves_round_away_from_zero() {
        let round = |digits| Amount::new(digits, 1).round();
        assert_eq!((round(14), round(15), round(-15), round(-14)), (1, 2, -2, -1));
        assert_eq!(
            (Amount::new(7, 0).round(), Amount::new(49, 2).round(), Amount::new(50, 2).round()),
            (7, 0, 1)
        );
    }

    #[test]
    fn prices_per_month() {
        assert_eq!(monthly_factor("month", 3), Ok((1, 3)));
        assert_eq!(monthly_factor(" Year", 1), Ok((1, 12)));
        assert_eq!(monthly_factor("week", 2), Ok((52, 24)));
        assert_eq!(monthly_factor("day", 1), Ok((365, 12)));
        assert_eq!(monthly_factor("month", 0), Err(CoreError::IntervalCount(0)));
        assert!(matches!(monthly_factor("fortnight", 1), Err(CoreError::UnknownOption { .. })));
    }

    proptest! {
        #[test]
        fn sums_do_not_depend_on_order(a in -1_000_000i128..1_000_000, b in -1_000_000i128..1_000_000, c: i32,
                                       s in 0..6u8, t in 0..6u8, u in 0..6u8) {
            let (x, y, z) = (Amount::new(a, s), Amount::new(b, t), Amount::new(c.into(), u));
            let left = x.checked_add(y).and_then(|sum| sum.checked_add(z));
            let right = z.checked_add(x).and_then(|sum| sum.checked_add(y));
            prop_assert_eq!(left.clone(), right);
            let shown: f64 = left.expect("small").to_string().parse().expect("a number");
            let about = a as f64 / 10f64.powi(s.into()) + b as f64 / 10f64.powi(t.into()) + f64::from(c) / 10f64.powi(u.into());
            prop_assert!((shown - about).abs() < 1e-3);
        }
    }
}
