//! The operator's own hourly counts, taken from the same visits: the mean number of cars in each elapsed hour of a
//! local day, rounded. A car without a recorded exit is taken for gone after half a day.
use super::draws::{Draws, Id, Kind};
use super::garages::Garage;
use super::visits::{Barrier, Stay};
use super::{Instant, Plan};
use crate::core::calendar::{Day, HOUR, Zone};

pub struct HourlyCounts {
    pub id: Id,
    pub day: Day,
    /// 23 to 25 slots; None: not over by `as_of`.
    pub counts: Vec<Option<i64>>,
    pub created: Instant,
}

const GONE_AFTER: i64 = 12 * HOUR;
/// No stay reaches further than into the next day.
const LONGEST_STAY: i32 = 1;

/// One row for each local day of the plan, today's up to the last hour that has ended.
pub fn hourly_counts<'a>(
    plan: &'a Plan, garage: &'a Garage, zone: &'a Zone, barrier: &'a Barrier<'a>,
) -> impl Iterator<Item = HourlyCounts> {
    let mut recent: Vec<Stay> = Vec::new();
    barrier.days().map(move |day| {
        recent.retain(|stay| stay.day >= day - LONGEST_STAY);
        recent.extend(barrier.stays(day));
        let (start, end) = (zone.day_start(day), zone.day_start(day + 1));
        let mut starts: Vec<Instant> = std::iter::successors(Some(start), |slot| Some(slot + HOUR))
            .take_while(|&slot| slot < end)
            .collect();
        starts.push(end);
        let counts = starts.windows(2).map(|slot| match slot {
            &[from, until] if until <= plan.as_of => Some(mean(plan, &recent, from, until)),
            _ => None,
        });
        HourlyCounts {
            id: Draws::new(
                plan.seed,
                Kind::Occupancy,
                &[garage.number.into(), i64::from(day).cast_unsigned()],
            )
            .id(),
            day,
            counts: counts.collect(),
            created: end.min(plan.as_of),
        }
    })
}

/// Car-time inside a slot by the slot's length, rounded half up.
fn mean(plan: &Plan, stays: &[Stay], from: Instant, until: Instant) -> i64 {
    let left = |stay: &Stay| stay.exited(plan).unwrap_or(stay.entered + GONE_AFTER);
    let inside: i64 = stays.iter().map(|stay| (left(stay).min(until) - stay.entered.max(from)).max(0)).sum();
    let length = until - from;
    (2 * inside + length) / (2 * length)
}

impl HourlyCounts {
    /// As a JSON array.
    pub fn json(&self) -> String {
        let mut text = String::from("[");
        for (place, count) in self.counts.iter().enumerate() {
            if place > 0 {
                text.push(',');
            }
            match count {
                Some(count) => text.push_str(&count.to_string()),
                None => text.push_str("null"),
            }
        }
        text.push(']');
        text
    }
}
