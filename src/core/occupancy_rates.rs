//! What an occupancy says (METRICS.md, 7): pooled and extreme rates, the busiest hour, the hours of a day.
//!
//! Rates are pairs of integers until the one division at the end; two are compared without dividing.
use super::cells::{self, Place, WHOLE};
use super::error::CoreError;
use super::hourly::MAX_SLOTS;
use super::money::Amount;
use std::cmp::Ordering;

/// A count and a capacity, both in billionths of a vehicle; none until something was added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    pub count: i128,
    pub capacity: i128,
}

impl Rate {
    fn of(place: Place) -> Option<Self> {
        let capacity =
            i128::from(place.capacity).checked_mul(WHOLE.into()).filter(|&capacity| capacity > 0)?;
        Some(Rate { count: place.count.into(), capacity })
    }
    fn add(&mut self, other: Rate, times: u64) -> Result<(), CoreError> {
        let add = |sum: i128, one: i128| one.checked_mul(times.into()).and_then(|many| sum.checked_add(many));
        self.count = add(self.count, other.count).ok_or(CoreError::AmountOutOfRange)?;
        self.capacity = add(self.capacity, other.capacity).ok_or(CoreError::AmountOutOfRange)?;
        Ok(())
    }
    fn is_known(&self) -> bool {
        self.capacity > 0
    }
}

/// Of two fractions of nothing negative, with denominators above zero: by whole parts, then by the rests, as long as it takes.
fn compare(mut a: (i128, i128), mut b: (i128, i128)) -> Ordering {
    loop {
        let (Some(whole_a), Some(whole_b)) = (a.0.checked_div(a.1), b.0.checked_div(b.1)) else {
            return Ordering::Equal;
        };
        let rest = |(n, d): (i128, i128)| n.checked_rem(d).unwrap_or(0);
        let (rest_a, rest_b) = (rest(a), rest(b));
        if whole_a != whole_b || rest_a == 0 || rest_b == 0 {
            return whole_a.cmp(&whole_b).then(rest_a.signum().cmp(&rest_b.signum()));
        }
        (a, b) = ((b.1, rest_b), (a.1, rest_a));
    }
}

impl PartialOrd for Rate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let pair = |rate: &Rate| (rate.count, rate.capacity);
        (self.is_known() && other.is_known()).then(|| compare(pair(self), pair(other)))
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hour {
    /// How many days have a known count, and its sum in billionths.
    pub days: u64,
    pub count: i128,
    /// Over those with a known capacity.
    pub pooled: Rate,
    pub highest: Rate,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    pub pooled: Rate,
    pub highest: Rate,
    pub lowest: Rate,
    pub hours: [Hour; MAX_SLOTS],
}

pub fn rates(summary: &[u8]) -> Result<Rates, CoreError> {
    let mut all = Rates::default();
    cells::visit(summary, |place, days| {
        let Some(hour) = all.hours.get_mut(usize::from(place.hour)) else { return Ok(()) };
        let overflow = CoreError::CountOutOfRange;
        hour.days = hour.days.checked_add(days).ok_or(overflow)?;
        let counts = i128::from(place.count).checked_mul(days.into());
        hour.count =
            counts.and_then(|counts| hour.count.checked_add(counts)).ok_or(CoreError::AmountOutOfRange)?;
        let Some(rate) = Rate::of(place) else { return Ok(()) };
        all.pooled.add(rate, days)?;
        hour.pooled.add(rate, days)?;
        if !hour.highest.is_known() || rate > hour.highest {
            hour.highest = rate;
        }
        if !all.highest.is_known() || rate > all.highest {
            all.highest = rate;
        }
        if !all.lowest.is_known() || rate < all.lowest {
            all.lowest = rate;
        }
        Ok(())
    })?;
    Ok(all)
}

impl Rates {
    /// The hour with the highest pooled rate or, without any capacity, the highest mean count; of equal ones the earliest.
    pub fn busiest_hour(&self) -> Option<i32> {
        let measure = |hour: &Hour| {
            let mean = Rate { count: hour.count, capacity: hour.days.into() };
            if self.pooled.is_known() { hour.pooled } else { mean }
        };
        let mut busiest: Option<(i32, Rate)> = None;
        for (n, rate) in (0..).zip(self.hours.iter().map(measure)).filter(|(_, rate)| rate.is_known()) {
            if busiest.is_none_or(|(_, most)| rate > most) {
                busiest = Some((n, rate));
            }
        }
        busiest.map(|(hour, _)| hour)
    }
}

/// The number of hours whose rate is at or over a threshold in percent.
pub fn peak_hours(summary: &[u8], threshold: Amount) -> Result<i64, CoreError> {
    let unit = 10i128.checked_pow(threshold.scale().into()).ok_or(CoreError::AmountOutOfRange)?;
    let mut hours = 0u64;
    cells::visit(summary, |place, days| {
        let Some(rate) = Rate::of(place) else { return Ok(()) };
        let percent = (rate.count.saturating_mul(100), rate.capacity);
        if threshold.is_negative() || compare(percent, (threshold.digits(), unit)).is_ge() {
            hours = hours.checked_add(days).ok_or(CoreError::CountOutOfRange)?;
        }
        Ok(())
    })?;
    i64::try_from(hours).map_err(|_| CoreError::CountOutOfRange)
}
