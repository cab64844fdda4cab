//! Customers, the garages' admins and the two leaders, with addresses that a reader can guess.
use super::draws::{Draws, Id, Kind};
use super::garages::Garage;
use super::names::{FIRST_NAMES, LAST_NAMES};
use super::{DAY, Instant, Plan, stories};

pub struct Person {
    pub id: Id,
    pub first_name: &'static str,
    pub last_name: &'static str,
    pub email: String,
    pub phone: String,
    pub stripe_customer_id: Option<String>,
    pub role: &'static str,
    pub created: Instant,
}

pub const LEADERS: [&str; 2] = ["leader@demo.example", "operations@demo.example"];

/// Numbers beyond any customer's.
const ADMIN: u64 = u32::MAX as u64;

pub fn customer_id(plan: &Plan, garage: u32, customer: u32) -> Id {
    Draws::new(plan.seed, Kind::Person, &[garage.into(), customer.into()]).id()
}

/// Whose home is this garage, the admin that it brings along and, with the first garage, the leaders.
pub fn people(plan: &Plan, garage: &Garage) -> Vec<Person> {
    let partner = Garage::partner(plan, garage.number);
    // Before the first garage opened.
    let founded = plan.start - 2_100 * DAY;
    let customers = (0..plan.customers).map(|customer| {
        let created = stories::joined(plan, garage, partner.as_ref(), customer);
        let id = customer_id(plan, garage.number, customer);
        let serial = u64::from(garage.number) * u64::from(plan.customers) + u64::from(customer) + 1;
        let mut person = person(plan, &[garage.number.into(), customer.into()], id, "user", created);
        person.email =
            format!("{}.{}{serial}@example.com", person.first_name, person.last_name).to_lowercase();
        person
    });
    let admin = (admin_home(plan, garage.number) == garage.number).then(|| {
        let mut admin = person(
            plan,
            &[garage.number.into(), ADMIN],
            admin_id(plan, garage.number),
            "garage_admin",
            founded,
        );
        admin.email = format!("admin{}@demo.example", garage.number + 1);
        admin
    });
    let leaders = (0..).zip(LEADERS).filter(|_| garage.number == 0).map(|(place, email)| {
        let mut leader = person(plan, &[ADMIN, place], leader_id(plan, place), "super_admin", founded);
        leader.email = email.to_owned();
        leader
    });
    leaders.chain(admin).chain(customers).collect()
}

fn person(plan: &Plan, numbers: &[u64], id: Id, role: &'static str, created: Instant) -> Person {
    let mut draws = Draws::new(plan.seed, Kind::Name, numbers);
    Person {
        id,
        first_name: draws.pick(&FIRST_NAMES),
        last_name: draws.pick(&LAST_NAMES),
        email: String::new(),
        // 555-0100 to 555-0199 are kept free for made-up people.
        phone: format!("+1-{}-555-01{:02}", draws.between(201, 989), draws.below(100)),
        stripe_customer_id: (role == "user").then(|| draws.code("cus")),
        role,
        created,
    }
}

pub fn leader_id(plan: &Plan, place: u64) -> Id {
    Draws::new(plan.seed, Kind::Admin, &[ADMIN, place]).id()
}

fn admin_id(plan: &Plan, home: u32) -> Id {
    Draws::new(plan.seed, Kind::Admin, &[home.into()]).id()
}

/// The garage that a garage's admin comes with: half of the pairs share one.
fn admin_home(plan: &Plan, garage: u32) -> u32 {
    let pair = garage / 2;
    if Draws::new(plan.seed, Kind::Town, &[pair.into()]).chance(500) { pair * 2 } else { garage }
}

pub struct Assignment {
    pub id: Id,
    pub user: Id,
    pub assigned_by: Id,
}

pub fn assignment(plan: &Plan, garage: &Garage) -> Assignment {
    Assignment {
        id: Draws::new(plan.seed, Kind::GarageAdmin, &[garage.number.into()]).id(),
        user: admin_id(plan, admin_home(plan, garage.number)),
        assigned_by: leader_id(plan, 0),
    }
}
