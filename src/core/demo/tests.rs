//! What holds for a whole platform, on the default plan and on others.
use super::billing::{Account, Payment, Settlement, Status, Subscription, accounts, tickets};
use super::draws::Id;
use super::garages::Garage;
use super::hourly::hourly_counts;
use super::people::{assignment, people};
use super::stories::Fate;
use super::visits::{Barrier, Visit};
use super::*;
use crate::core::calendar::{HOUR, SECOND, Zone, add_months, day_of};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// 2026-11-21 10:30 UTC.
fn now() -> Instant {
    i64::from(day_of(2026, 11, 21)) * DAY + 10 * HOUR + HOUR / 2
}

fn default_plan() -> Plan {
    Plan::new(42, 24, 55, 24, now()).unwrap()
}

/// New York from 2024 to 2027.
fn new_york() -> Zone {
    let at = |year, month, date, hour| i64::from(day_of(year, month, date)) * DAY + hour * HOUR;
    let changes = [
        (at(2025, 3, 9, 7), -4),
        (at(2025, 11, 2, 6), -5),
        (at(2026, 3, 8, 7), -4),
        (at(2026, 11, 1, 6), -5),
    ];
    Zone::new(-5 * 3_600, changes.map(|(at, hours)| (at, hours * 3_600)).to_vec())
}

fn accounts_of(plan: &Plan, number: u32) -> Vec<Account> {
    accounts(plan, &Garage::new(plan, number), Garage::partner(plan, number).as_ref())
}

fn all_accounts(plan: &Plan) -> Vec<Account> {
    (0..plan.garages).flat_map(|number| accounts_of(plan, number)).collect()
}

fn visits_of(plan: &Plan, number: u32, zone: &Zone) -> Vec<Visit> {
    let garage = Garage::new(plan, number);
    let barrier = Barrier::new(plan, &garage, zone);
    barrier.days().flat_map(|day| barrier.stays(day)).map(|stay| barrier.visit(&stay)).collect()
}

fn plans() -> impl Strategy<Value = Plan> {
    let minutes = 0..400 * 24 * 60i64;
    (any::<i64>(), 1..6i32, 1..40i32, 1..30i32, minutes).prop_map(
        |(seed, garages, customers, months, minutes)| {
            Plan::new(seed, garages, customers, months, now() - minutes * 60 * SECOND).unwrap()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_garage_is_the_same_alone_and_in_any_order(plan in plans()) {
        let rows = |number| -> Vec<(Subscription, Vec<Payment>)> {
            accounts_of(&plan, number).into_iter().map(|account| (account.subscription, account.payments)).collect()
        };
        let forwards: Vec<_> = (0..plan.garages).map(rows).collect();
        let mut backwards: Vec<_> = (0..plan.garages).rev().map(rows).collect();
        backwards.reverse();
        prop_assert_eq!(forwards, backwards);
    }

    #[test]
    fn only_what_lies_ahead_is_later_than_as_of(plan in plans()) {
        let past = |at: Instant| at <= plan.as_of;
        for number in 0..plan.garages {
            let garage = Garage::new(&plan, number);
            prop_assert!(past(garage.opened));
            for pass in &garage.passes {
                prop_assert!(past(pass.created) && past(pass.updated(&plan)) && pass.withdrawn.is_none_or(past));
            }
            prop_assert!(people(&plan, &garage).iter().all(|person| past(person.created)));
            for Account { subscription: row, payments, .. } in accounts_of(&plan, number) {
                prop_assert!(past(row.created) && past(row.updated) && past(row.period_start), "{:?}", row);
                prop_assert!(row.canceled_at.is_none_or(past) && row.renewal_attempted_at.is_none_or(past));
                prop_assert!(row.created <= row.updated && row.period_start < row.period_end);
                prop_assert!(row.next_renewal.is_none_or(|at| at > plan.as_of), "{:?}", row);
                prop_assert!(payments.iter().all(|payment| past(payment.at) && past(payment.updated)));
            }
            prop_assert!(tickets(&plan, &garage).all(|payment| past(payment.at) && past(payment.updated)));
            for visit in visits_of(&plan, number, &new_york()) {
                prop_assert!(past(visit.entered) && visit.exited.is_none_or(past));
            }
        }
    }

    #[test]
    fn a_subscription_is_charged_once_a_period_at_the_price_of_its_start(plan in plans()) {
        let garages: Vec<Garage> = (0..plan.garages).map(|number| Garage::new(&plan, number)).collect();
        let passes: BTreeMap<Id, _> = garages.iter().flat_map(|garage| &garage.passes).map(|pass| (pass.id, pass)).collect();
        for Account { subscription: row, payments, course, served_until, .. } in all_accounts(&plan) {
            let pass = passes[&row.pass];
            if course.fate == Fate::NeverPays {
                prop_assert!(payments.iter().all(|payment| payment.settlement == Settlement::Failed));
                continue;
            }
            let mut seen = BTreeSet::new();
            for payment in &payments {
                let period = crate::core::calendar::months_between(course.anchor(), payment.at);
                let from = add_months(course.anchor(), period);
                prop_assert!(period >= 0 && [0, 3, 8, 15].contains(&((payment.at - from) / DAY)));
                prop_assert_eq!(payment.cents, pass.price_at(from).unwrap().cents);
                if payment.settlement != Settlement::Failed {
                    prop_assert!(seen.insert(period), "paid twice: {:?}", row);
                    prop_assert!(from < served_until);
                }
            }
            // The row has the price of the last period that was charged.
            let charged = payments.last().map_or(row.created, |last| {
                add_months(course.anchor(), crate::core::calendar::months_between(course.anchor(), last.at))
            });
            let price = pass.price_at(charged).unwrap();
            prop_assert_eq!((&row.stripe_price_id, row.cents), (&price.stripe_price_id, price.cents));
        }
    }

    #[test]
    fn status_and_dates_agree(plan in plans()) {
        for Account { subscription: row, payments, .. } in all_accounts(&plan) {
            let paid = payments.iter().any(|payment| payment.settlement != Settlement::Failed);
            let current = row.period_start <= plan.as_of && plan.as_of < row.period_end;
            match row.status {
                Status::Incomplete | Status::IncompleteExpired => prop_assert!(!paid && !payments.is_empty()),
                Status::Trialing => prop_assert!(payments.is_empty() && current),
                Status::Active => prop_assert!(paid && current),
                Status::PastDue => {
                    prop_assert!(paid && current && row.renewal_status == Some("failed"));
                    prop_assert!(row.next_renewal.is_some() != row.cancel_at_period_end);
                }
                Status::Unpaid => prop_assert!(paid && current && row.next_renewal.is_none()),
                Status::Paused => prop_assert!(paid && row.period_start < row.updated),
                Status::Canceled if row.cancel_at_period_end => prop_assert!(row.period_end <= plan.as_of),
                Status::Canceled => prop_assert!(row.canceled_at == Some(row.updated)),
            }
            prop_assert!(!row.cancel_at_period_end || row.canceled_at.is_some());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(15))]

    #[test]
    fn hourly_counts_equal_a_recount_of_the_visits(plan in plans()) {
        let zone = new_york();
        let garage = Garage::new(&plan, 0);
        let visits = visits_of(&plan, 0, &zone);
        let barrier = Barrier::new(&plan, &garage, &zone);
        for row in hourly_counts(&plan, &garage, &zone, &barrier) {
            let (start, end) = (zone.day_start(row.day), zone.day_start(row.day + 1));
            prop_assert_eq!(row.counts.len() as i64, (end - start) / HOUR);
            let near = || visits.iter().filter(|visit| (start - DAY..end).contains(&visit.entered));
            for (slot, &count) in (0..).zip(&row.counts) {
                let (from, until) = (start + slot * HOUR, start + (slot + 1) * HOUR);
                prop_assert_eq!(count.is_some(), until <= plan.as_of);
                let seconds: i64 = near()
                    .map(|visit| (visit.entered, visit.exited.unwrap_or(visit.entered + 12 * HOUR)))
                    .map(|(entered, exited)| (exited.min(until) - entered.max(from)).max(0) / SECOND)
                    .sum();
                if let Some(count) = count {
                    prop_assert_eq!(count, (seconds as f64 / 3_600.0).round() as i64);
                }
            }
        }
    }
}

#[test]
fn the_default_plan_shows_every_status_and_situation() {
    let plan = default_plan();
    let accounts = all_accounts(&plan);
    let statuses: BTreeSet<Status> = accounts.iter().map(|account| account.subscription.status).collect();
    assert_eq!(statuses.len(), 8, "{statuses:?}");
    let settlements: BTreeSet<Settlement> =
        accounts.iter().flat_map(|account| &account.payments).map(|payment| payment.settlement).collect();
    assert_eq!(settlements.len(), 4, "{settlements:?}");

    let some = |what: &str, holds: &dyn Fn(&Account) -> bool| assert!(accounts.iter().any(holds), "{what}");
    let row = |account: &Account| account.subscription.clone();
    some("scheduled end", &|a| row(a).status == Status::Active && row(a).cancel_at_period_end);
    some("undone", &|a| {
        row(a).status == Status::Active && row(a).canceled_at.is_some() && !row(a).cancel_at_period_end
    });
    some("ended with a period", &|a| row(a).status == Status::Canceled && row(a).cancel_at_period_end);
    some("ended at once", &|a| {
        row(a).status == Status::Canceled
            && row(a).renewal_status != Some("failed")
            && !row(a).cancel_at_period_end
    });
    some("given up", &|a| row(a).status == Status::Canceled && row(a).renewal_status == Some("failed"));
    some("trial that never paid", &|a| row(a).status == Status::Canceled && a.payments.is_empty());
    some("recovered", &|a| {
        let failed = a.payments.iter().any(|payment| payment.settlement == Settlement::Failed);
        row(a).status == Status::Active && failed
    });
    some("two prices", &|a| a.payments.iter().any(|payment| payment.cents != row(a).cents));
    some("ended at the old price", &|a| {
        let passes = || (0..plan.garages).flat_map(|number| Garage::new(&plan, number).passes);
        let id = row(a).stripe_price_id;
        row(a).status == Status::Canceled
            && passes().any(|pass| pass.changes(&plan).any(|(old, _)| old.stripe_price_id == id))
    });

    // What a customer's second subscription is to the first.
    let mut pairs: Vec<(&Account, &Account)> = Vec::new();
    for pair in accounts.windows(2) {
        if let [first, second] = pair
            && first.customer == second.customer
        {
            pairs.push((first, second));
        }
    }
    let some = |what: &str, holds: &dyn Fn(&Account, &Account) -> bool| {
        assert!(pairs.iter().any(|&(first, second)| holds(first, second)), "{what}");
    };
    some("came back", &|a, b| {
        a.served_until > a.course.created && a.served_until + DAY < b.subscription.created
    });
    some("came after a failed start", &|a, _| row(a).status == Status::IncompleteExpired);
    some("upgraded", &|a, b| row(a).canceled_at == Some(row(b).created) && row(a).cents < row(b).cents);
    some("downgraded", &|a, b| row(a).canceled_at == Some(row(b).created) && row(a).cents > row(b).cents);
    some("moved", &|a, b| row(a).canceled_at == Some(row(b).created) && row(a).garage != row(b).garage);
    some("two at once", &|_, b| b.course.second_car);
}

#[test]
fn the_default_plan_has_garages_of_every_kind() {
    let plan = default_plan();
    let garages: Vec<Garage> = (0..plan.garages).map(|number| Garage::new(&plan, number)).collect();
    let count = |of: &dyn Fn(&Garage) -> &'static str| garages.iter().map(of).collect::<BTreeSet<_>>().len();
    assert!(count(&|garage| garage.city.timezone) >= 5);
    assert_eq!(count(&|garage| garage.city.currency), 3);
    assert!(garages.iter().any(|garage| garage.opened > plan.start));
    assert!(garages.iter().any(|garage| garage.opened < plan.start));
    assert!(garages.iter().all(|garage| (24..=160).contains(&garage.capacity)));
    let places: i32 = garages.iter().map(|garage| garage.capacity).sum();
    assert!((52..=72).contains(&(places / garages.len() as i32)), "{places}");
    for garage in &garages {
        assert!((3..=4).contains(&garage.passes.len()));
        for at in [plan.start, plan.as_of] {
            let prices: Vec<i64> = garage
                .passes
                .iter()
                .take(garage.sold())
                .map(|pass| pass.price_at(at).unwrap().cents)
                .collect();
            assert!(prices.is_sorted_by(|cheap, dear| cheap < dear), "{prices:?}");
        }
    }
    let changes = || garages.iter().flat_map(|garage| &garage.passes).flat_map(|pass| pass.changes(&plan));
    assert!(changes().count() >= 10);
    assert!(changes().all(|(old, new)| old.cents != new.cents && new.from > plan.start));
    assert!(changes().any(|(old, new)| new.cents < old.cents));
    let admins: BTreeSet<Id> = garages.iter().map(|garage| assignment(&plan, garage).user).collect();
    assert!((13..24).contains(&admins.len()), "{}", admins.len());
}

#[test]
fn no_two_things_of_the_default_plan_share_an_id_or_an_address() {
    let plan = default_plan();
    let mut ids: Vec<Id> = Vec::new();
    let mut addresses = Vec::new();
    let mut codes = Vec::new();
    let mut users = BTreeSet::new();
    let mut named = BTreeSet::new();
    for number in 0..plan.garages {
        let garage = Garage::new(&plan, number);
        ids.push(garage.id);
        for pass in &garage.passes {
            ids.push(pass.id);
            ids.extend(pass.prices.iter().map(|price| price.id));
        }
        for person in people(&plan, &garage) {
            ids.push(person.id);
            users.insert(person.id);
            addresses.push(person.email);
        }
        let assignment = assignment(&plan, &garage);
        ids.push(assignment.id);
        named.extend([assignment.user, assignment.assigned_by]);
        let mut payments: Vec<Payment> = tickets(&plan, &garage).collect();
        for account in accounts_of(&plan, number) {
            ids.push(account.subscription.id);
            codes.push(account.subscription.stripe_subscription_id);
            payments.extend(account.payments);
        }
        for payment in payments {
            ids.push(payment.id);
            codes.push(payment.stripe_payment_intent_id);
        }
        for visit in visits_of(&plan, number, &new_york()) {
            ids.push(visit.id);
            named.extend(visit.user);
        }
        let zone = new_york();
        let barrier = Barrier::new(&plan, &garage, &zone);
        ids.extend(hourly_counts(&plan, &garage, &zone, &barrier).map(|row| row.id));
    }
    assert!(named.is_subset(&users));
    for (what, total, distinct) in [
        ("ids", ids.len(), ids.iter().collect::<BTreeSet<_>>().len()),
        ("addresses", addresses.len(), addresses.iter().collect::<BTreeSet<_>>().len()),
        ("codes", codes.len(), codes.iter().collect::<BTreeSet<_>>().len()),
    ] {
        assert_eq!(total, distinct, "{what}");
    }
}

#[test]
fn visits_look_like_a_garage() {
    let plan = default_plan();
    let (zone, garage) = (new_york(), Garage::new(&plan, 0));
    let visits = visits_of(&plan, 0, &zone);
    let days = zone.day(plan.as_of) - zone.day(plan.start);
    let per_day = visits.len() as f64 / f64::from(days) / f64::from(garage.capacity);
    assert!((0.45..0.95).contains(&per_day), "{per_day} visits per place and day");
    let share = |of: &dyn Fn(&Visit) -> bool| {
        visits.iter().filter(|visit| of(visit)).count() as f64 / visits.len() as f64
    };
    let customers = share(&|visit| visit.user.is_some());
    assert!((0.35..0.65).contains(&customers), "{customers}");
    let lost = share(&|visit| visit.exited.is_none() && visit.entered < plan.as_of - 2 * DAY);
    assert!((0.001..0.006).contains(&lost), "{lost}");
    let day_of_wall = |at| zone.day(at);
    assert!(
        share(&|visit| visit.exited.is_some_and(|at| day_of_wall(at) > day_of_wall(visit.entered))) > 0.01
    );
    let hour = |at: Instant| zone.wall(at).rem_euclid(DAY) / HOUR;
    assert!(share(&|visit| (7..10).contains(&hour(visit.entered))) > 0.3);
}

#[test]
fn some_visits_of_the_default_plan_end_before_they_begin() {
    let plan = default_plan();
    let wrong = (0..plan.garages)
        .flat_map(|number| visits_of(&plan, number, &new_york()))
        .filter(|visit| visit.exited.is_some_and(|at| at < visit.entered))
        .count();
    assert!((1..200).contains(&wrong), "{wrong}");
}

#[test]
fn a_plan_out_of_bounds_is_refused() {
    let culprit = |garages, customers, months, as_of| match Plan::new(1, garages, customers, months, as_of) {
        Err(CoreError::OutOfRange { argument, .. }) => argument,
        _ => "none",
    };
    assert_eq!(culprit(0, 1, 1, now()), "garages");
    assert_eq!(culprit(1, 20_001, 1, now()), "customers_per_garage");
    assert_eq!(culprit(1, 1, -1, now()), "months");
    for as_of in
        [i64::MAX, i64::MIN, i64::from(day_of(2100, 1, 1)) * DAY, i64::from(day_of(1999, 12, 31)) * DAY]
    {
        assert_eq!(culprit(1, 1, 1, as_of), "year of as_of");
    }
    assert_eq!(culprit(5_000, 20_000, 120, i64::from(day_of(2099, 12, 31)) * DAY), "none");
    assert!(default_plan().garage(23).is_ok() && default_plan().garage(24).is_err());
}
