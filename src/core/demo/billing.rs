//! From a course to what is stored of it at `as_of`: the subscription's last state and one payment per attempt.
//!
//! Renewals are the anchor plus whole months, each counted from the anchor. A charge that fails is tried again 3, 8
//! and 15 days later. The amount is the pass's price when the period begins, so a price change reaches a running
//! subscription with its next renewal.
use super::draws::{Draws, Id, Kind};
use super::garages::{Garage, Pass};
use super::stories::{self, Course, Fate, Verdict};
use super::{DAY, Instant, Plan};
use crate::core::calendar::{FOREVER, HOUR, SECOND, add_months, months_between};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    Incomplete,
    IncompleteExpired,
    Trialing,
    Active,
    PastDue,
    Canceled,
    Unpaid,
    Paused,
}

impl Status {
    pub fn name(self) -> &'static str {
        match self {
            Status::Incomplete => "incomplete",
            Status::IncompleteExpired => "incomplete_expired",
            Status::Trialing => "trialing",
            Status::Active => "active",
            Status::PastDue => "past_due",
            Status::Canceled => "canceled",
            Status::Unpaid => "unpaid",
            Status::Paused => "paused",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Settlement {
    Pending,
    Succeeded,
    Failed,
    Refunded,
}

impl Settlement {
    pub fn name(self) -> &'static str {
        match self {
            Settlement::Pending => "pending",
            Settlement::Succeeded => "succeeded",
            Settlement::Failed => "failed",
            Settlement::Refunded => "refunded",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    pub id: Id,
    pub stripe_subscription_id: String,
    pub garage: Id,
    pub pass: Id,
    pub stripe_price_id: String,
    pub status: Status,
    pub period_start: Instant,
    pub period_end: Instant,
    pub cancel_at_period_end: bool,
    pub canceled_at: Option<Instant>,
    pub cents: i64,
    pub renewal_status: Option<&'static str>,
    pub renewal_attempted_at: Option<Instant>,
    pub next_renewal: Option<Instant>,
    pub created: Instant,
    pub updated: Instant,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    pub id: Id,
    pub stripe_payment_intent_id: String,
    pub subscription: Option<Id>,
    pub garage: Id,
    pub cents: i64,
    /// Taken with the capture: 0 while there is none.
    pub fee: i64,
    pub settlement: Settlement,
    pub currency: &'static str,
    pub at: Instant,
    pub updated: Instant,
}

/// One subscription with its payments, and until when its holder may park.
pub struct Account {
    pub customer: u32,
    pub course: Course,
    pub subscription: Subscription,
    pub payments: Vec<Payment>,
    pub served_until: Instant,
}

const RETRIES: [i64; 4] = [0, 3 * DAY, 8 * DAY, 15 * DAY];

/// The accounts of a garage's customers, in the partner garage too.
pub fn accounts(plan: &Plan, garage: &Garage, partner: Option<&Garage>) -> Vec<Account> {
    let of = |customer| {
        let courses = stories::courses(plan, garage, partner, customer);
        (0..).zip(courses).filter_map(move |(place, course)| {
            let site = if course.away { partner? } else { garage };
            let pass = site.passes.get(course.pass)?;
            let numbers = [garage.number.into(), customer.into(), place];
            Ledger::new(plan, site, pass, &course, numbers).run(customer)
        })
    };
    (0..plan.customers).flat_map(of).collect()
}

/// What a charge came to by `as_of`.
struct Charge {
    last_attempt: Instant,
    captured: bool,
    /// The attempt to come, if there is one.
    retry: Option<Instant>,
}

struct Ledger<'a> {
    plan: &'a Plan,
    site: &'a Garage,
    pass: &'a Pass,
    course: &'a Course,
    numbers: [u64; 3],
    draws: Draws,
    id: Id,
    payments: Vec<Payment>,
}

impl<'a> Ledger<'a> {
    fn new(plan: &'a Plan, site: &'a Garage, pass: &'a Pass, course: &'a Course, numbers: [u64; 3]) -> Self {
        let mut draws = Draws::new(plan.seed, Kind::Subscription, &numbers);
        let id = draws.id();
        Ledger { plan, site, pass, course, numbers, draws, id, payments: Vec::new() }
    }

    fn run(mut self, customer: u32) -> Option<Account> {
        let stripe_subscription_id = self.draws.code("sub");
        let (now, course) = (self.plan.as_of, self.course);
        let anchor = course.anchor();
        let price = self.pass.price_at(course.created)?;
        let mut row = Subscription {
            id: self.id,
            stripe_subscription_id,
            garage: self.site.id,
            pass: self.pass.id,
            stripe_price_id: price.stripe_price_id.clone(),
            status: Status::Active,
            period_start: course.created,
            period_end: if course.trial_days > 0 { anchor } else { add_months(anchor, 1) },
            cancel_at_period_end: false,
            canceled_at: None,
            cents: price.cents,
            renewal_status: None,
            renewal_attempted_at: None,
            next_renewal: None,
            created: course.created,
            updated: course.created,
        };
        let mut served_until = FOREVER;
        if course.fate == Fate::NeverPays {
            served_until = course.created;
            self.never_pays(&mut row);
        } else {
            let stop = self.stop();
            if course.trial_days > 0 {
                row.status = Status::Trialing;
                row.next_renewal = Some(anchor);
            }
            let mut settled = true;
            for period in 0.. {
                let from = add_months(anchor, period);
                if from > now || from >= stop || !settled {
                    break;
                }
                settled = self.period(&mut row, period, stop)?;
            }
            self.close(&mut row, stop, &mut served_until);
        }
        Some(Account {
            customer,
            course: course.clone(),
            subscription: row,
            payments: self.payments,
            served_until,
        })
    }

    /// When service ends by the customer's wish.
    fn stop(&self) -> Instant {
        let anchor = self.course.anchor();
        match self.course.fate {
            Fate::LeavesAtPeriodEnd { asked } => add_months(anchor, months_between(anchor, asked) + 1),
            Fate::LeavesAtOnce { at } | Fate::Pauses { at } => at,
            _ => FOREVER,
        }
    }

    /// One period: the charge at its start and the row as that leaves it. False once nothing more will be paid.
    fn period(&mut self, row: &mut Subscription, period: i64, stop: Instant) -> Option<bool> {
        let anchor = self.course.anchor();
        let from = add_months(anchor, period);
        let price = self.pass.price_at(from)?;
        row.period_start = from;
        row.period_end = add_months(anchor, period + 1);
        row.stripe_price_id.clone_from(&price.stripe_price_id);
        row.cents = price.cents;
        row.status = Status::Active;
        row.updated = from;
        row.next_renewal = Some(row.period_end);

        let given_up = match self.course.fate {
            Fate::StopsPaying { renewal, then } if renewal == period => Some(then),
            _ => None,
        };
        // The period in which somebody leaves has no trouble of its own, so that one thing happens at a time.
        let trouble = row.period_end < stop && period > 0 && self.draws.chance(self.course.trouble);
        let failures = match given_up {
            Some(_) => RETRIES.len(),
            None if trouble => 1 + self.draws.below(3) as usize,
            None => 0,
        };
        let charge = self.charge(from, price.cents, failures);
        if period > 0 {
            row.renewal_attempted_at = Some(charge.last_attempt);
            row.renewal_status = Some(if charge.captured { "succeeded" } else { "failed" });
        }
        row.updated = row.updated.max(charge.last_attempt);
        if !charge.captured {
            row.status = Status::PastDue;
            row.next_renewal = charge.retry;
            if charge.retry.is_none() {
                self.give_up(row, given_up?, charge.last_attempt, period);
            }
        }
        Some(charge.captured)
    }

    fn give_up(&self, row: &mut Subscription, verdict: Verdict, at: Instant, period: i64) {
        match verdict {
            Verdict::Canceled => {
                row.status = Status::Canceled;
                row.canceled_at = Some(at);
            }
            Verdict::Unpaid => {
                row.status = Status::Unpaid;
                // The provider keeps counting periods that nobody pays.
                let anchor = self.course.anchor();
                for next in period + 1.. {
                    let from = add_months(anchor, next);
                    if from > self.plan.as_of {
                        break;
                    }
                    (row.period_start, row.period_end) = (from, add_months(anchor, next + 1));
                    row.updated = row.updated.max(from);
                }
            }
        }
    }

    /// What the customer asked for, on top of what the charges left.
    fn close(&self, row: &mut Subscription, stop: Instant, served_until: &mut Instant) {
        let now = self.plan.as_of;
        if matches!(row.status, Status::Canceled | Status::Unpaid) {
            *served_until = row.renewal_attempted_at.unwrap_or(row.updated);
            return;
        }
        match self.course.fate {
            Fate::LeavesAtPeriodEnd { asked } if asked <= now => {
                row.cancel_at_period_end = true;
                row.canceled_at = Some(asked);
                row.next_renewal = None;
                row.updated = row.updated.max(asked);
            }
            Fate::LeavesAtOnce { at } if at <= now => row.canceled_at = Some(at),
            Fate::Stays { asked, forgotten } if asked <= now => {
                let undone = asked + 2 * DAY;
                if undone > now {
                    row.cancel_at_period_end = true;
                    row.next_renewal = None;
                }
                row.canceled_at = (undone > now || !forgotten).then_some(asked);
                row.updated = row.updated.max(if undone > now { asked } else { undone });
            }
            _ => {}
        }
        if stop <= now {
            let paused = matches!(self.course.fate, Fate::Pauses { .. });
            row.status = if paused { Status::Paused } else { Status::Canceled };
            row.next_renewal = None;
            row.updated = stop;
            *served_until = stop;
        }
    }

    fn never_pays(&mut self, row: &mut Subscription) {
        let now = self.plan.as_of;
        self.attempt(row.created, row.cents, Settlement::Failed);
        let again = row.created + self.draws.time(HOUR / 60, 3 * HOUR / 2);
        if again <= now {
            self.attempt(again, row.cents, Settlement::Failed);
        }
        row.updated = again.min(now);
        row.status = Status::Incomplete;
        let expired = row.created + stories::INCOMPLETE;
        if expired <= now {
            row.status = Status::IncompleteExpired;
            row.updated = expired;
        }
    }

    /// The attempts for one charge, as far as they were made by `as_of`.
    fn charge(&mut self, due: Instant, cents: i64, failures: usize) -> Charge {
        let mut charge = Charge { last_attempt: due, captured: false, retry: None };
        for (attempt, delay) in RETRIES.into_iter().enumerate() {
            let at = due + delay;
            if at > self.plan.as_of {
                charge.retry = Some(at);
                break;
            }
            charge.last_attempt = at;
            if attempt >= failures {
                self.attempt(at, cents, Settlement::Succeeded);
                charge.captured = true;
                break;
            }
            self.attempt(at, cents, Settlement::Failed);
        }
        charge
    }

    fn attempt(&mut self, at: Instant, cents: i64, settlement: Settlement) {
        let [garage, customer, place] = self.numbers;
        let numbers = [garage, customer, place, self.payments.len() as u64];
        let draws = Draws::new(self.plan.seed, Kind::Payment, &numbers);
        let made = payment(self.plan, self.site, Some(self.id), at, cents, settlement, draws);
        self.payments.push(made);
    }
}

/// Some captures are still on their way, and some are given back days later.
fn payment(
    plan: &Plan, site: &Garage, subscription: Option<Id>, at: Instant, cents: i64, settlement: Settlement,
    mut draws: Draws,
) -> Payment {
    let (id, stripe_payment_intent_id) = (draws.id(), draws.code("pi"));
    let refunded_at = at + draws.time(DAY, 10 * DAY);
    let mut made = Payment {
        id,
        stripe_payment_intent_id,
        subscription,
        garage: site.id,
        cents,
        fee: 0,
        settlement,
        currency: site.city.currency,
        at,
        updated: at,
    };
    if settlement == Settlement::Succeeded {
        if at > plan.as_of - 12 * HOUR && draws.chance(300) {
            made.settlement = Settlement::Pending;
        } else {
            made.fee = fee(cents);
            if draws.chance(10) && refunded_at <= plan.as_of {
                made.settlement = Settlement::Refunded;
                made.updated = refunded_at;
            }
        }
    }
    made
}

/// 2.9 % and 30 cents, rounded half up.
fn fee(cents: i64) -> i64 {
    (cents * 29 + 500) / 1_000 + 30
}

/// Payments of the garage without a subscription: day tickets.
pub fn tickets(plan: &Plan, garage: &Garage) -> impl Iterator<Item = Payment> {
    let first = plan.start.max(garage.opened).div_euclid(DAY) + 1;
    let last = plan.as_of.div_euclid(DAY);
    (first..=last).filter_map(move |day| {
        let mut draws = Draws::new(plan.seed, Kind::Ticket, &[garage.number.into(), day.cast_unsigned()]);
        // One every three days or so: subscriptions are the business.
        let sold = draws.chance(300);
        let at = day * DAY + draws.time(0, DAY - SECOND);
        let cents = 800 + 50 * draws.between(0, 60);
        let settlement = if draws.chance(20) { Settlement::Failed } else { Settlement::Succeeded };
        (sold && at <= plan.as_of).then(|| payment(plan, garage, None, at, cents, settlement, draws))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fee_is_rounded_half_up() {
        // 2.9 % of 50.00 is 1.45, of 12.45 is 0.36105, of 0.50 is 0.0145, of 15.00 is 0.435.
        let fees = [5_000, 1_245, 50, 1_500].map(fee);
        assert_eq!(fees, [175, 66, 31, 74]);
    }
}
