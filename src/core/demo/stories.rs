//! What each customer does: which subscriptions they take out, when, and what becomes of them. [`super::billing`]
//! turns a course into rows, as far as it has run by `as_of`.
use super::draws::{Draws, Kind};
use super::garages::Garage;
use super::{DAY, Instant, Plan};
use crate::core::calendar::{HOUR, SECOND, add_months, months_between};

/// One subscription, as the customer will live it.
#[derive(Clone, Debug)]
pub struct Course {
    /// In the partner garage and not at home.
    pub away: bool,
    /// Position among the garage's passes.
    pub pass: usize,
    pub created: Instant,
    pub trial_days: i64,
    pub fate: Fate,
    /// Renewals whose first attempt fails and a later one succeeds, per mille.
    pub trouble: u64,
    /// For a car beside the one of an earlier subscription.
    pub second_car: bool,
}

impl Course {
    /// The first charge; renewals follow monthly.
    pub fn anchor(&self) -> Instant {
        self.created + self.trial_days * DAY
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    GoesOn,
    /// Asks to leave, and service goes on to the end of that period.
    LeavesAtPeriodEnd {
        asked: Instant,
    },
    LeavesAtOnce {
        at: Instant,
    },
    /// Asks to leave and takes it back; half of the rows forget that it happened.
    Stays {
        asked: Instant,
        forgotten: bool,
    },
    Pauses {
        at: Instant,
    },
    /// The charge of this renewal and every retry fail.
    StopsPaying {
        renewal: i64,
        then: Verdict,
    },
    /// Not even the first charge succeeds.
    NeverPays,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Unpaid,
    Canceled,
}

/// An unfinished first payment is given up after this.
pub const INCOMPLETE: i64 = 23 * HOUR;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Story {
    Steady,
    Leaver,
    AtOnce,
    Leaving,
    Undecided,
    Failing,
    Struggling,
    Unpaid,
    GivenUp,
    Paused,
    Trialing,
    TrialOnly,
    Incomplete,
    LateStart,
    Returning,
    Upgrade,
    Downgrade,
    TwoCars,
    Mover,
}

/// How many of each hundred customers live which story; rare ones so often that every state is there to be seen.
const DECK: [(Story, u64); 19] = [
    (Story::Steady, 36),
    (Story::Leaver, 18),
    (Story::AtOnce, 4),
    (Story::Leaving, 3),
    (Story::Undecided, 2),
    (Story::Failing, 3),
    (Story::Struggling, 4),
    (Story::Unpaid, 2),
    (Story::GivenUp, 3),
    (Story::Paused, 2),
    (Story::Trialing, 1),
    (Story::TrialOnly, 2),
    (Story::Incomplete, 1),
    (Story::LateStart, 1),
    (Story::Returning, 5),
    (Story::Upgrade, 5),
    (Story::Downgrade, 2),
    (Story::TwoCars, 2),
    (Story::Mover, 4),
];

/// Any hundred customers in a row live the whole deck.
fn story(plan: &Plan, serial: u64) -> Story {
    let cut = Draws::new(plan.seed, Kind::Story, &[]).below(100);
    // 37 has no factor in common with 100.
    let mut card = (serial * 37 + cut) % 100;
    for (story, cards) in DECK {
        if card < cards {
            return story;
        }
        card -= cards;
    }
    Story::Steady
}

/// When a customer's account was made: with the first subscription.
pub fn joined(plan: &Plan, garage: &Garage, partner: Option<&Garage>, customer: u32) -> Instant {
    courses(plan, garage, partner, customer).first().map_or(plan.start, |course| course.created)
}

/// The subscriptions of a garage's customer, the first one first; those that begin after `as_of` are left out.
pub fn courses(plan: &Plan, garage: &Garage, partner: Option<&Garage>, customer: u32) -> Vec<Course> {
    let now = plan.as_of - plan.as_of.rem_euclid(SECOND);
    let serial = u64::from(garage.number) * u64::from(plan.customers) + u64::from(customer);
    let mut draws = Draws::new(plan.seed, Kind::Story, &[garage.number.into(), customer.into()]);
    let launch = plan.start.max(garage.opened);
    let created = growth(&mut draws, launch, now);
    let age = now - created;
    let sold = garage.sold().max(1);
    let pass = match draws.below(100) {
        0..15 => 0,
        15..58 => 1,
        58..90 => 2,
        _ => sold - 1,
    };
    let trial_days = if draws.chance(250) { 14 } else { 0 };
    let first =
        Course { away: false, pass, created, trial_days, fate: Fate::GoesOn, trouble: 25, second_car: false };
    let with = |fate| Course { fate, ..first.clone() };
    let some_time = |draws: &mut Draws, from: i64| created + draws.time((from * DAY).min(age), age);

    let mut courses = match story(plan, serial) {
        Story::Steady => vec![first],
        Story::Leaver => {
            let asked = created + draws.time(5 * DAY, 600 * DAY);
            vec![with(Fate::LeavesAtPeriodEnd { asked: asked.max(first.anchor()) })]
        }
        Story::AtOnce => vec![with(Fate::LeavesAtOnce { at: some_time(&mut draws, 20) })],
        Story::Leaving => {
            let renewed = add_months(first.anchor(), months_between(first.anchor(), now));
            let asked = (now - draws.time(0, now - renewed)).max(first.anchor());
            vec![with(Fate::LeavesAtPeriodEnd { asked })]
        }
        Story::Undecided => {
            let asked = some_time(&mut draws, 20);
            vec![with(Fate::Stays { asked, forgotten: draws.chance(500) })]
        }
        Story::Failing => {
            // Renewed within the eleven days before as_of, and no retry has succeeded.
            let renewed = now - draws.time(HOUR, 11 * DAY);
            let longest = months_between(launch, renewed);
            let renewal = draws.between(1, longest);
            let created = add_months(renewed, -renewal);
            if longest < 1 || created < launch {
                vec![first]
            } else {
                let fate = Fate::StopsPaying { renewal, then: Verdict::Unpaid };
                vec![Course { created, trial_days: 0, ..with(fate) }]
            }
        }
        Story::Struggling => vec![Course { trouble: 300, ..first }],
        Story::Unpaid => vec![with(stops_paying(&mut draws, &first, now, Verdict::Unpaid))],
        Story::GivenUp => vec![with(stops_paying(&mut draws, &first, now, Verdict::Canceled))],
        Story::Paused => vec![with(Fate::Pauses { at: some_time(&mut draws, 20).max(first.anchor() + DAY) })],
        Story::Trialing => {
            let created = (now - draws.time(HOUR, 13 * DAY)).max(launch);
            vec![Course { created, trial_days: 14, ..first }]
        }
        Story::TrialOnly => {
            let at = created + draws.time(2 * DAY, 13 * DAY);
            vec![Course { trial_days: 14, ..with(Fate::LeavesAtOnce { at }) }]
        }
        Story::Incomplete => {
            // One in four is still within its first hours; more would look like an outage.
            let open = serial / 100 % 4 == 0;
            let created = if open { now - draws.time(HOUR, INCOMPLETE - HOUR) } else { created }.max(launch);
            vec![Course { created, trial_days: 0, ..with(Fate::NeverPays) }]
        }
        Story::LateStart => {
            let failed = Course { trial_days: 0, ..with(Fate::NeverPays) };
            let again = Course { created: created + INCOMPLETE + draws.time(DAY, 10 * DAY), ..first };
            vec![failed, again]
        }
        Story::Returning => {
            let asked = created + draws.time((20 * DAY).min(age), age / 2);
            let asked = asked.max(first.anchor());
            let ended = add_months(first.anchor(), months_between(first.anchor(), asked) + 1);
            let back = Course {
                created: ended + draws.time(20 * DAY, 120 * DAY),
                trial_days: 0,
                fate: if draws.chance(200) {
                    Fate::LeavesAtPeriodEnd { asked: ended + draws.time(130 * DAY, 300 * DAY) }
                } else {
                    Fate::GoesOn
                },
                ..first
            };
            vec![with(Fate::LeavesAtPeriodEnd { asked }), back]
        }
        Story::Upgrade => {
            let pass = pass.min(sold.saturating_sub(2));
            let at = some_time(&mut draws, 25);
            change(Course { pass, ..first }, Course { pass: pass + 1, created: at, ..with(Fate::GoesOn) })
        }
        Story::Downgrade => {
            let pass = pass.max(1);
            let at = some_time(&mut draws, 25);
            change(Course { pass, ..first }, Course { pass: pass - 1, created: at, ..with(Fate::GoesOn) })
        }
        Story::TwoCars => {
            let second = Course {
                pass: if pass == 1 { 2 } else { 1 },
                created: some_time(&mut draws, 0),
                second_car: true,
                ..with(Fate::GoesOn)
            };
            vec![first, second]
        }
        Story::Mover => {
            let at = some_time(&mut draws, 30);
            match partner.filter(|partner| partner.opened <= at) {
                Some(partner) => {
                    let pass = pass.min(partner.sold().saturating_sub(1));
                    change(first.clone(), Course { away: true, pass, created: at, ..first })
                }
                None => vec![first],
            }
        }
    };
    courses.retain(|course| course.created <= now);
    courses
}

/// Nearly half come in the first weeks after the launch, the others at any time since.
fn growth(draws: &mut Draws, launch: Instant, now: Instant) -> Instant {
    let longest = (now - launch - HOUR).max(0);
    let since = if draws.chance(450) { draws.time(0, longest / 12) } else { draws.time(0, longest) };
    launch + since
}

/// The old subscription ends at the instant at which the new one begins.
fn change(old: Course, new: Course) -> Vec<Course> {
    let at = new.created;
    vec![
        Course { fate: Fate::LeavesAtOnce { at }, ..old },
        Course { trial_days: 0, fate: Fate::GoesOn, ..new },
    ]
}

/// At one of the renewals so far; with the next one if there was none.
fn stops_paying(draws: &mut Draws, course: &Course, now: Instant, then: Verdict) -> Fate {
    let renewals = months_between(course.anchor(), now).max(1);
    Fate::StopsPaying { renewal: draws.between(1, renewals), then }
}
