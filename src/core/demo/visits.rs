//! Who parked when. A day's number of visits follows from the garage's size, the weekday and the season; holders of
//! a pass make about 60 % of them and keep to the pass's hours, the others come for an errand, a day or a night.
//! A few exits are lost for ever, and now and then a clock was wrong and the exit lies before the entry.
use super::billing::Account;
use super::draws::{Draws, Id, Kind};
use super::garages::{Garage, Use};
use super::{Instant, Plan, people};
use crate::core::calendar::{DAY as DAY_LENGTH, Day, HOUR, SECOND, Zone, civil};

const MINUTE: i64 = 60 * SECOND;

pub struct Visit {
    pub id: Id,
    pub user: Option<Id>,
    pub pass: Option<Id>,
    pub plate: String,
    pub entered: Instant,
    pub exited: Option<Instant>,
}

/// The part of a visit that occupancy needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stay {
    pub day: Day,
    pub place: u64,
    /// Position among the garage's members.
    pub member: Option<usize>,
    pub entered: Instant,
    pub exit: Exit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Perhaps later than `as_of`.
    At(Instant),
    Lost,
}

impl Stay {
    /// What the barrier had recorded by `as_of`.
    pub fn exited(&self, plan: &Plan) -> Option<Instant> {
        match self.exit {
            Exit::At(at) if at <= plan.as_of => Some(at),
            _ => None,
        }
    }
}

/// A subscription as the barrier knows it: one car that may enter for a time.
struct Member {
    user: Id,
    pass: Id,
    hours: Use,
    plate: String,
    habit: Habit,
    from: Instant,
    until: Instant,
}

#[derive(Clone, Copy)]
enum Habit {
    Commuter,
    Errand,
    Evening,
    Overnight,
}

/// Everything needed to make up a garage's visits.
pub struct Barrier<'a> {
    plan: &'a Plan,
    garage: &'a Garage,
    zone: &'a Zone,
    members: Vec<Member>,
}

impl<'a> Barrier<'a> {
    pub fn new(plan: &'a Plan, garage: &'a Garage, zone: &'a Zone) -> Self {
        let partner = Garage::partner(plan, garage.number);
        let home = accounts_in(plan, garage, partner.as_ref(), false);
        let moved = partner.iter().flat_map(|partner| accounts_in(plan, partner, Some(garage), true));
        let members = home.into_iter().chain(moved).filter_map(|(home, account)| {
            let pass = garage.passes.get(account.course.pass)?;
            Some(member(plan, home, &account, pass.id, pass.offer.hours))
        });
        Barrier { plan, garage, zone, members: members.collect() }
    }

    /// From the first whole local day to the one of `as_of`.
    pub fn days(&self) -> std::ops::RangeInclusive<Day> {
        let first = self.zone.day(self.plan.start.max(self.garage.opened)) + 1;
        first..=self.zone.day(self.plan.as_of)
    }

    /// The stays that began on a local day, by `as_of`.
    pub fn stays(&self, day: Day) -> impl Iterator<Item = Stay> {
        let mut draws = self.draws(Kind::Day, day, 0);
        let visits = self.count(day, &mut draws);
        let guests = self.eligible(day);
        // Nobody comes every day, however few hold a pass.
        let members = (visits * 600 / 1_000).min(guests.len() as u64 * 850 / 1_000);
        let chosen = choose(guests, members, &mut draws);
        let chosen = chosen.into_iter().map(Some).chain(std::iter::repeat(None));
        (0..visits)
            .zip(chosen)
            .map(move |(place, member)| self.stay(day, place, member))
            .filter(|stay| stay.entered <= self.plan.as_of)
    }

    pub fn visit(&self, stay: &Stay) -> Visit {
        let mut draws = self.draws(Kind::Plate, stay.day, stay.place);
        let id = draws.id();
        let member = stay.member.and_then(|place| self.members.get(place));
        Visit {
            id,
            user: member.map(|member| member.user),
            pass: member.map(|member| member.pass),
            plate: member.map_or_else(|| plate(&mut draws), |member| member.plate.clone()),
            entered: stay.entered,
            exited: stay.exited(self.plan),
        }
    }

    fn draws(&self, kind: Kind, day: Day, place: u64) -> Draws {
        Draws::new(self.plan.seed, kind, &[self.garage.number.into(), i64::from(day).cast_unsigned(), place])
    }

    fn count(&self, day: Day, draws: &mut Draws) -> u64 {
        let of_day = match weekday(day) {
            0 => 420,
            1 => 950,
            5 => 980,
            6 => 550,
            _ => 1_040,
        };
        let (_, month, _) = civil(day);
        let of_month = match month {
            1 => 930,
            7 => 900,
            8 => 870,
            11 | 12 => 1_090,
            _ => 1_020,
        };
        let of_place = self.garage.busyness * (850 + draws.below(301)) / 1_000;
        let places = u64::from(self.garage.capacity.unsigned_abs());
        places * 750 * of_day / 1_000 * of_month / 1_000 * of_place / 1_000_000
    }

    /// Positions of the members who may come all that day.
    fn eligible(&self, day: Day) -> Vec<usize> {
        let (start, end) = (self.zone.day_start(day), self.zone.day_start(day + 1));
        let weekend = matches!(weekday(day), 0 | 6);
        let may = |member: &Member| {
            member.from <= start && end <= member.until && !(weekend && member.hours == Use::Weekdays)
        };
        (0..).zip(&self.members).filter(|(_, member)| may(member)).map(|(place, _)| place).collect()
    }

    fn stay(&self, day: Day, place: u64, member: Option<usize>) -> Stay {
        let mut draws = self.draws(Kind::Visit, day, place);
        let habit = member
            .and_then(|place| self.members.get(place))
            .map(|member| member.habit)
            .unwrap_or_else(|| match draws.below(100) {
                0..25 => Habit::Commuter,
                25..80 => Habit::Errand,
                80..95 => Habit::Evening,
                _ => Habit::Overnight,
            });
        let minutes = |draws: &mut Draws, low: i64, high: i64| draws.between(low * 60, high * 60) * SECOND;
        // Two draws for a commuter's arrival make eight o'clock likelier than seven.
        let (arrival, length) = match habit {
            Habit::Commuter => {
                let arrival = (minutes(&mut draws, 420, 570) + minutes(&mut draws, 420, 570)) / 2;
                (arrival - arrival % SECOND, minutes(&mut draws, 450, 630))
            }
            Habit::Errand => (minutes(&mut draws, 480, 1_200), minutes(&mut draws, 20, 220)),
            Habit::Evening => (minutes(&mut draws, 1_020, 1_230), minutes(&mut draws, 60, 200)),
            Habit::Overnight => {
                let arrival = minutes(&mut draws, 1_080, 1_320);
                (arrival, 24 * HOUR - arrival + minutes(&mut draws, 360, 510))
            }
        };
        let entered = self.at_wall(day, arrival);
        let exit = match draws.below(60_000) {
            0..180 => Exit::Lost,
            180..183 => Exit::At(entered - draws.between(5, 120) * MINUTE),
            _ => Exit::At(entered + length),
        };
        Stay { day, place, member, entered, exit }
    }

    /// The instant of a local clock time; no habit begins while clocks are changed.
    fn at_wall(&self, day: Day, time: i64) -> Instant {
        let wall = i64::from(day) * DAY_LENGTH + time;
        let near = wall - i64::from(self.zone.offset_at(wall)) * SECOND;
        wall - i64::from(self.zone.offset_at(near)) * SECOND
    }
}

/// Accounts in one of the two garages that `home`'s customers use, each with its home.
fn accounts_in(plan: &Plan, home: &Garage, partner: Option<&Garage>, away: bool) -> Vec<(u32, Account)> {
    let accounts = super::billing::accounts(plan, home, partner).into_iter();
    accounts.filter(|account| account.course.away == away).map(|account| (home.number, account)).collect()
}

fn member(plan: &Plan, home: u32, account: &Account, pass: Id, hours: Use) -> Member {
    // Another subscription at the same time is another car; one after the other, it is the same car again.
    let mut draws = Draws::new(
        plan.seed,
        Kind::Plate,
        &[home.into(), account.customer.into(), account.course.second_car.into()],
    );
    let habit = match (hours, draws.below(100)) {
        (Use::Nights, _) => Habit::Overnight,
        (Use::Weekdays, 0..90) | (Use::AnyTime, 0..60) => Habit::Commuter,
        (Use::AnyTime, 85..) => Habit::Evening,
        _ => Habit::Errand,
    };
    Member {
        user: people::customer_id(plan, home, account.customer),
        pass,
        hours,
        plate: plate(&mut draws),
        habit,
        from: account.subscription.created,
        until: account.served_until,
    }
}

/// Some of the members, each at most once: the front of a shuffled deck.
fn choose(mut members: Vec<usize>, count: u64, draws: &mut Draws) -> Vec<usize> {
    for place in 0..count {
        let left = members.len() as u64 - place;
        members.swap(place as usize, (place + draws.below(left)) as usize);
    }
    members.truncate(count as usize);
    members
}

fn plate(draws: &mut Draws) -> String {
    let mut letter = || char::from(b'A' + draws.below(26) as u8);
    let (first, second, third) = (letter(), letter(), letter());
    format!("{first}{second}{third}-{:04}", draws.below(10_000))
}

/// 0 is Sunday; 2000-01-01 was a Saturday.
fn weekday(day: Day) -> i32 {
    (day + 6).rem_euclid(7)
}
