//! Short lists that names, places and addresses are drawn from.

pub struct City {
    pub name: &'static str,
    pub timezone: &'static str,
    pub currency: &'static str,
}

const fn city(name: &'static str, timezone: &'static str, currency: &'static str) -> City {
    City { name, timezone, currency }
}

pub const CITIES: [City; 12] = [
    city("New York", "America/New_York", "usd"),
    city("London", "Europe/London", "gbp"),
    city("Chicago", "America/Chicago", "usd"),
    city("Los Angeles", "America/Los_Angeles", "usd"),
    city("Berlin", "Europe/Berlin", "eur"),
    city("Phoenix", "America/Phoenix", "usd"),
    city("Boston", "America/New_York", "usd"),
    city("Denver", "America/Denver", "usd"),
    city("Lisbon", "Europe/Lisbon", "eur"),
    city("Seattle", "America/Los_Angeles", "usd"),
    city("Miami", "America/New_York", "usd"),
    city("Dallas", "America/Chicago", "usd"),
];

pub const STREETS: [&str; 20] = [
    "Market Street",
    "Station Road",
    "Harbour Street",
    "Mill Lane",
    "Park Avenue",
    "Bridge Street",
    "Castle Street",
    "Union Street",
    "Canal Street",
    "Orchard Road",
    "Church Street",
    "Garden Street",
    "Museum Street",
    "Exchange Place",
    "River Street",
    "Hill Street",
    "Theatre Street",
    "College Street",
    "Foundry Lane",
    "Victoria Street",
];

pub const BUILDINGS: [&str; 6] = ["Garage", "Car Park", "Parking", "Deck", "Plaza Parking", "Tower Parking"];

pub const FIRST_NAMES: [&str; 40] = [
    "Amara", "Ben", "Carla", "Daniel", "Elena", "Farid", "Grace", "Hiro", "Ines", "Jonas", "Katya", "Liam",
    "Maria", "Noah", "Olivia", "Pedro", "Quinn", "Rosa", "Samuel", "Tara", "Umar", "Vera", "Wei", "Xenia",
    "Yusuf", "Zoe", "Aisha", "Bruno", "Chloe", "Dmitri", "Emma", "Felix", "Gita", "Hannah", "Ivan", "Julia",
    "Kofi", "Lena", "Mateo", "Nadia",
];

pub const LAST_NAMES: [&str; 40] = [
    "Adams", "Baker", "Costa", "Diaz", "Evans", "Fischer", "Garcia", "Hughes", "Ibrahim", "Jansen", "Khan",
    "Lopez", "Meyer", "Nguyen", "Okafor", "Patel", "Quist", "Rossi", "Silva", "Tanaka", "Ueda", "Vargas",
    "Weber", "Xu", "Young", "Zhang", "Almeida", "Becker", "Clarke", "Dubois", "Eriksen", "Ferreira", "Green",
    "Hall", "Ito", "Jones", "Kowalski", "Lindgren", "Moreau", "Novak",
];
