//! Garages, their passes and what those cost when. Garages come in pairs that share a city: customers move within
//! the pair, and some pairs share an admin.
use super::draws::{Draws, Id, Kind};
use super::names::{BUILDINGS, CITIES, City, STREETS};
use super::{DAY, Instant, Plan};
use crate::core::calendar::NEVER;

pub struct Garage {
    pub number: u32,
    pub id: Id,
    pub name: String,
    pub address: String,
    pub city: &'static City,
    pub capacity: i32,
    pub stripe_account_id: String,
    pub opened: Instant,
    /// Visits compared with other garages of its size, per mille.
    pub busyness: u64,
    /// From the cheapest to the dearest; a withdrawn one comes last.
    pub passes: Vec<Pass>,
}

pub struct Pass {
    pub id: Id,
    pub offer: &'static Offer,
    pub stripe_product_id: String,
    pub created: Instant,
    pub withdrawn: Option<Instant>,
    /// By instant, the first one from the beginning of time.
    pub prices: Vec<Price>,
}

#[derive(Clone)]
pub struct Price {
    pub id: Id,
    pub from: Instant,
    pub cents: i64,
    pub stripe_price_id: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// In the evening, until the next morning.
    Nights,
    /// Monday to Friday.
    Weekdays,
    AnyTime,
}

pub struct Offer {
    pub name: &'static str,
    pub description: &'static str,
    pub hours: Use,
    /// Percent of the garage's full price.
    price: i64,
}

// Far enough apart that no price change reorders them.
static NIGHT: Offer =
    Offer { name: "Night", description: "18:00 to 08:30, every day", hours: Use::Nights, price: 45 };
static WEEKDAY: Offer =
    Offer { name: "Weekday", description: "Monday to Friday, all day", hours: Use::Weekdays, price: 70 };
static ALL_HOURS: Offer =
    Offer { name: "24/7", description: "Any time, any free place", hours: Use::AnyTime, price: 100 };
static RESERVED: Offer =
    Offer { name: "Reserved", description: "Any time, a place of your own", hours: Use::AnyTime, price: 150 };
static MOTORCYCLE: Offer =
    Offer { name: "Motorcycle", description: "No longer sold", hours: Use::AnyTime, price: 25 };

impl Pass {
    pub fn price_at(&self, at: Instant) -> Option<&Price> {
        self.prices.iter().rev().find(|price| price.from <= at)
    }
    pub fn updated(&self, plan: &Plan) -> Instant {
        let changed = self.price_at(plan.as_of).map_or(NEVER, |price| price.from);
        self.withdrawn.unwrap_or(self.created).max(changed)
    }
    /// Each price change until `as_of`: the old price, then the new.
    pub fn changes(&self, plan: &Plan) -> impl Iterator<Item = (&Price, &Price)> {
        self.prices.iter().zip(self.prices.iter().skip(1)).filter(|(_, new)| new.from <= plan.as_of)
    }
}

impl Garage {
    pub fn new(plan: &Plan, number: u32) -> Garage {
        let mut draws = Draws::new(plan.seed, Kind::Garage, &[number.into()]);
        let city = city(plan, number);
        let street = draws.pick(&STREETS);
        let street_number = draws.below(190) + 1;
        // Three garages in four are small, the rest up to 160 places: 62 on average.
        let capacity =
            if number % 4 == 3 { 60 + draws.below(101) as i32 } else { 24 + draws.below(56) as i32 };
        // The first ones are always there from the start; one in six opens later.
        let opened = if number >= 2 && draws.chance(167) {
            plan.start + (plan.as_of - plan.start) / 1_000 * draws.between(50, 600)
        } else {
            plan.start - draws.between(200, 2_000) * DAY
        };
        let mut garage = Garage {
            number,
            id: draws.id(),
            name: format!("{} {} {}", city.name, street, draws.pick(&BUILDINGS)),
            address: format!("{street_number} {street}, {}", city.name),
            city,
            capacity,
            stripe_account_id: draws.code("acct"),
            opened: whole_minute(opened),
            // One garage in four is well known, and full on good days.
            busyness: if draws.chance(250) { 1_400 + draws.below(401) } else { 700 + draws.below(451) },
            passes: Vec::new(),
        };
        let full_price = 9_000 + 500 * draws.between(0, 26);
        let offers: &[&'static Offer] = match number % 6 {
            0 => &[&NIGHT, &WEEKDAY, &ALL_HOURS],
            1 => &[&NIGHT, &WEEKDAY, &ALL_HOURS, &MOTORCYCLE],
            _ => &[&NIGHT, &WEEKDAY, &ALL_HOURS, &RESERVED],
        };
        garage.passes =
            (0..).zip(offers).map(|(place, offer)| pass(plan, &garage, place, offer, full_price)).collect();
        garage
    }
    /// The other garage of its pair.
    pub fn partner(plan: &Plan, number: u32) -> Option<Garage> {
        let other = number ^ 1;
        (other < plan.garages).then(|| Garage::new(plan, other))
    }
    /// How many passes are for sale.
    pub fn sold(&self) -> usize {
        self.passes.iter().filter(|pass| pass.withdrawn.is_none()).count()
    }
}

/// Pairs take the cities in turn, so that even a few garages lie in several zones.
fn city(plan: &Plan, number: u32) -> &'static City {
    let [first, ..] = &CITIES;
    let turn = Draws::new(plan.seed, Kind::Town, &[]).below(CITIES.len() as u64);
    CITIES.iter().cycle().nth((turn + u64::from(number / 2)) as usize % CITIES.len()).unwrap_or(first)
}

fn pass(plan: &Plan, garage: &Garage, place: u64, offer: &'static Offer, full_price: i64) -> Pass {
    let mut draws = Draws::new(plan.seed, Kind::Pass, &[garage.number.into(), place]);
    let id = draws.id();
    let stripe_product_id = draws.code("prod");
    let withdrawn = (offer.name == MOTORCYCLE.name)
        .then(|| garage.opened + draws.between(30, 150) * DAY)
        .filter(|&at| at <= plan.as_of);
    let mut prices = vec![price(plan, garage, place, 0, NEVER, half_units(full_price * offer.price / 100))];
    if withdrawn.is_none() {
        let window = plan.as_of - plan.start.max(garage.opened);
        let cents = |prices: &[Price]| prices.last().map_or(0, |price| price.cents);
        if draws.chance(400) {
            let from = whole_day(plan.as_of - window / 1_000 * draws.between(400, 850));
            let percent = if draws.chance(150) { 94 } else { draws.between(104, 112) };
            let cents = half_units(cents(&prices) * percent / 100);
            prices.push(price(plan, garage, place, 1, from, cents));
        }
        if prices.len() > 1 && draws.chance(300) {
            let from = whole_day(plan.as_of - window / 1_000 * draws.between(50, 350));
            let cents = half_units(cents(&prices) * draws.between(103, 108) / 100);
            prices.push(price(plan, garage, place, 2, from, cents));
        }
    }
    Pass { id, offer, stripe_product_id, created: garage.opened, withdrawn, prices }
}

fn price(plan: &Plan, garage: &Garage, place: u64, step: u64, from: Instant, cents: i64) -> Price {
    let mut draws = Draws::new(plan.seed, Kind::Price, &[garage.number.into(), place, step]);
    Price { id: draws.id(), from, cents, stripe_price_id: draws.code("price") }
}

/// Prices end in .00 or .50.
fn half_units(cents: i64) -> i64 {
    (cents + 25) / 50 * 50
}

fn whole_minute(at: Instant) -> Instant {
    at - at.rem_euclid(DAY / 1_440)
}

fn whole_day(at: Instant) -> Instant {
    at - at.rem_euclid(DAY)
}
