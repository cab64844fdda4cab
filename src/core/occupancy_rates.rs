//! What an occupancy says (METRICS.md, 7): pooled and extreme rates, the busiest hour, the hours of a day.
use super::cells::{self, Hour, Hours};
use super::error::CoreError;
use super::money::Amount;
use super::rate::{Rate, compare};

pub fn hours(summary: &[u8]) -> Result<Hours, CoreError> {
    cells::read(summary, |_, _| Ok(()))
}

pub fn average(summary: &[u8]) -> Result<Rate, CoreError> {
    let mut all = Rate::default();
    hours(summary)?.iter().try_for_each(|hour| all.add(hour.pooled))?;
    Ok(all)
}

pub fn highest(summary: &[u8]) -> Result<Rate, CoreError> {
    Ok(hours(summary)?.iter().fold(Rate::default(), |highest, hour| highest.higher(hour.highest)))
}

pub fn lowest(summary: &[u8]) -> Result<Rate, CoreError> {
    let mut lowest = Rate::default();
    cells::read(summary, |place, _| {
        lowest = lowest.lower(Rate::of(place.count, place.capacity));
        Ok(())
    })?;
    Ok(lowest)
}

/// The hour with the highest pooled rate or, without any capacity, the highest mean count; of equal ones the earliest.
pub fn busiest_hour(summary: &[u8]) -> Result<Option<i32>, CoreError> {
    let hours = hours(summary)?;
    let rated = hours.iter().any(|hour| hour.pooled.is_known());
    let mean = |hour: &Hour| Rate { count: hour.count, capacity: hour.days.into() };
    let mut busiest: Option<(i32, Rate)> = None;
    for (n, hour) in (0..).zip(&hours) {
        let rate = if rated { hour.pooled } else { mean(hour) };
        if rate.is_known() && busiest.is_none_or(|(_, most)| rate.compare(most).is_gt()) {
            busiest = Some((n, rate));
        }
    }
    Ok(busiest.map(|(hour, _)| hour))
}

/// The number of hours whose rate is at or over a threshold in percent.
pub fn peak_hours(summary: &[u8], threshold: Amount) -> Result<i64, CoreError> {
    let unit = 10i128.checked_pow(threshold.scale().into()).ok_or_else(|| CoreError::AmountOutOfRange)?;
    let mut peaks = 0u64;
    cells::read(summary, |place, hours| {
        let rate = Rate::of(place.count, place.capacity);
        let percent = (rate.count.saturating_mul(100), rate.capacity);
        if threshold.is_negative() || compare(percent, (threshold.digits(), unit)).is_ge() {
            peaks = peaks.checked_add(hours).ok_or_else(|| CoreError::CountOutOfRange)?;
        }
        Ok(())
    })?;
    i64::try_from(peaks).map_err(|_| CoreError::CountOutOfRange)
}
