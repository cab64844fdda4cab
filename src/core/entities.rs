//! Hash tables from entities to the days on which they were seen.
//!
//! Nearly every look-up in a large table waits for memory. So the first bits of a key choose one of many tables that fit a
//! processor's cache, and each of them is only looked at for a batch of events, whose waits then overlap.
//!
//! Keys are spread evenly (`keys::scatter`), so that the next bits are the slot: walking the slots visits the entities nearly
//! in the order of their keys. Days are logged in the order of arrival and dealt to their entities at the end.
use super::calendar::Day;
use super::codec::Sink;
use super::days;
use super::error::CoreError;

/// An entity's key in two halves, as a u128 would be aligned to 16 bytes, and the day on which it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    high: u64,
    low: u64,
    pub day: Day,
}

impl Event {
    pub fn new(key: u128, day: Day) -> Self {
        Event { high: (key >> 64) as u64, low: key as u64, day }
    }
    pub fn key(&self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }
}

const TABLE_BITS: u32 = 6;
/// Events that are looked up at once.
const BATCH: usize = 512;
/// Days logged (48 MiB) before they are set apart: many may be the same.
const MAX_LOG: usize = 1 << 23;

#[derive(Clone, Debug)]
pub struct Entities {
    tables: Vec<Table>,
    waiting: Vec<Vec<Event>>,
    logged: usize,
}

impl Default for Entities {
    fn default() -> Self {
        let tables = 1usize << TABLE_BITS;
        Entities { tables: vec![Table::default(); tables], waiting: vec![Vec::new(); tables], logged: 0 }
    }
}

impl Entities {
    /// Takes an event; returns through `strays` those for which there is no place.
    pub fn push(&mut self, event: Event, strays: &mut Vec<Event>) -> Result<(), CoreError> {
        let table = (event.high >> (64 - TABLE_BITS)) as usize;
        let Some(waiting) = self.waiting.get_mut(table) else { return Ok(()) };
        waiting.push(event);
        if waiting.len() == BATCH { self.look_up(table, strays) } else { Ok(()) }
    }

    pub fn look_up_all(&mut self, strays: &mut Vec<Event>) -> Result<(), CoreError> {
        (0..self.tables.len()).try_for_each(|table| self.look_up(table, strays))
    }

    fn look_up(&mut self, table: usize, strays: &mut Vec<Event>) -> Result<(), CoreError> {
        if let (Some(table), Some(waiting)) = (self.tables.get_mut(table), self.waiting.get_mut(table)) {
            let before = table.log.len;
            table.look_up(waiting, strays)?;
            self.logged = self.logged.saturating_add(table.log.len.saturating_sub(before));
            waiting.clear();
        }
        Ok(())
    }

    pub fn is_full(&self) -> bool {
        self.logged >= MAX_LOG
    }

    /// The records of all entities looked up, by key. A table is given up when it is written, so that both are never held.
    pub fn write(self, sink: &mut impl Sink) -> Result<(), CoreError> {
        let entities = self.tables.iter().map(|table| table.taken as usize).sum::<usize>();
        sink.expect(entities.saturating_mul(24).saturating_add(self.logged.saturating_mul(2)))?;
        self.tables.into_iter().try_for_each(|table| table.write(sink))
    }
}

/// How far from its slot an entity may lie. Evenly spread keys stay below; of keys that were chosen to fall together a table
/// takes only so many.
const REACH: usize = 128;
const FIRST_BITS: u32 = 5;
/// No event's day.
const NO_DAY: Day = Day::MIN;

/// A slot of a table. 24 bytes, so that a look-up meets one or two of the processor's cache lines.
#[derive(Clone, Copy, Debug, Default)]
struct Entity {
    high: u64,
    low: u64,
    /// The day logged last.
    last: Day,
    /// From 1; 0: a free slot.
    number: u32,
}

impl Entity {
    fn is(&self, event: &Event) -> bool {
        (self.high, self.low) == (event.high, event.low) && self.number > 0
    }
}

/// An entity's number and the day on which it was seen, in six bytes: there are more of these than of anything else.
#[derive(Clone, Copy, Debug)]
struct Seen {
    number: [u16; 2],
    /// From the log's first day on.
    day: u16,
}

/// In pieces: what is there is not moved to make room.
#[derive(Clone, Debug, Default)]
struct Log {
    pieces: Vec<Vec<Seen>>,
    len: usize,
    first_day: Option<Day>,
}

impl Log {
    fn reserve(&mut self, more: usize) -> Result<(), CoreError> {
        if self.pieces.last().is_some_and(|last| last.capacity().saturating_sub(last.len()) >= more) {
            return Ok(());
        }
        let mut piece = Vec::new();
        piece.try_reserve_exact(self.len.clamp(more, 8192)).map_err(|_| CoreError::TooLarge)?;
        self.pieces.push(piece);
        Ok(())
    }
    /// A day's place in the log, if it is not decades from the others.
    fn place(&mut self, day: Day) -> Option<u16> {
        let first = *self.first_day.get_or_insert(day.saturating_sub(i32::from(i16::MAX)));
        u16::try_from(day.checked_sub(first)?).ok()
    }
    fn push(&mut self, number: u32, day: u16) {
        if let Some(last) = self.pieces.last_mut() {
            last.push(Seen { number: [(number >> 16) as u16, number as u16], day });
            self.len = self.len.saturating_add(1);
        }
    }
    fn iter(&self) -> impl Iterator<Item = (usize, Day)> {
        let first = self.first_day.unwrap_or_default();
        self.pieces.iter().flatten().map(move |seen| {
            let [high, low] = seen.number.map(usize::from);
            (high << 16 | low, first.saturating_add(seen.day.into()))
        })
    }
}

#[derive(Clone, Debug)]
struct Table {
    bits: u32,
    slots: Vec<Entity>,
    taken: u32,
    log: Log,
    /// Growing would put an entity out of reach.
    crowded: bool,
}

impl Default for Table {
    fn default() -> Self {
        Table::with_bits(FIRST_BITS)
    }
}

impl Table {
    fn with_bits(bits: u32) -> Self {
        let slots = 1usize.checked_shl(bits).unwrap_or(0).saturating_add(REACH);
        Table { bits, slots: vec![Entity::default(); slots], taken: 0, log: Log::default(), crowded: false }
    }

    fn look_up(&mut self, events: &[Event], strays: &mut Vec<Event>) -> Result<(), CoreError> {
        let mut homes = [(0usize, 0u64); BATCH];
        // Reads from memory that need not wait for each other; then the answers are near.
        for (home, event) in homes.iter_mut().zip(events) {
            let slot = self.home(event.high);
            *home = (slot, self.slots.get(slot).map_or(0, |entity| entity.high));
        }
        self.log.reserve(events.len())?;
        for (event, &(home, high)) in events.iter().zip(&homes) {
            let Some(day) = self.log.place(event.day) else {
                strays.push(*event);
                continue;
            };
            let known = if high == event.high { self.slots.get_mut(home) } else { None };
            let known = match known.filter(|entity| entity.is(event)) {
                Some(entity) => entity,
                None => match self.find_or_insert(event)? {
                    Some(entity) => entity,
                    None => {
                        strays.push(*event);
                        continue;
                    }
                },
            };
            // Several events of one day often come together.
            if known.last != event.day {
                known.last = event.day;
                let number = known.number;
                self.log.push(number, day);
            }
        }
        Ok(())
    }

    /// The bits after those that chose the table.
    fn home(&self, high: u64) -> usize {
        (high << TABLE_BITS).checked_shr(64u32.saturating_sub(self.bits)).unwrap_or(0) as usize
    }

    /// An event's entity, unless it would be out of reach.
    fn find_or_insert(&mut self, event: &Event) -> Result<Option<&mut Entity>, CoreError> {
        if (self.taken as usize).saturating_mul(2) > self.slots.len() && !self.crowded {
            self.grow();
        }
        let home = self.home(event.high);
        let reach = self.slots.get_mut(home..home.saturating_add(REACH)).unwrap_or_default();
        let Some(slot) = reach.iter_mut().find(|slot| slot.number == 0 || slot.is(event)) else {
            return Ok(None);
        };
        if slot.number == 0 {
            self.taken = self.taken.checked_add(1).ok_or_else(|| CoreError::TooLarge)?;
            *slot = Entity { high: event.high, low: event.low, last: NO_DAY, number: self.taken };
        }
        Ok(Some(slot))
    }

    fn grow(&mut self) {
        let mut wider = Table::with_bits(self.bits.saturating_add(1));
        for entity in self.slots.iter().filter(|slot| slot.number > 0) {
            let home = wider.home(entity.high);
            let reach = wider.slots.get_mut(home..home.saturating_add(REACH)).unwrap_or_default();
            match reach.iter_mut().find(|slot| slot.number == 0) {
                Some(slot) => *slot = *entity,
                None => {
                    self.crowded = true;
                    return;
                }
            }
        }
        (self.bits, self.slots) = (wider.bits, wider.slots);
    }

    fn write(&self, sink: &mut impl Sink) -> Result<(), CoreError> {
        let entities = self.in_order();
        // By number: how many days, then where the next one goes.
        let mut places = vec![0usize; (self.taken as usize).saturating_add(1)];
        for (number, _) in self.log.iter() {
            if let Some(count) = places.get_mut(number) {
                *count = count.saturating_add(1);
            }
        }
        let mut counts = Vec::with_capacity(entities.len());
        let mut next = 0usize;
        for entity in &entities {
            if let Some(place) = places.get_mut(entity.number as usize) {
                counts.push(*place);
                next = next.saturating_add(std::mem::replace(place, next));
            }
        }
        let mut all = vec![0; self.log.len];
        for (number, day) in self.log.iter() {
            if let Some(place) = places.get_mut(number) {
                if let Some(free) = all.get_mut(*place) {
                    *free = day;
                }
                *place = place.saturating_add(1);
            }
        }
        let mut rest = all.as_mut_slice();
        let (mut distinct, mut scratch) = (Vec::new(), Vec::new());
        for (entity, &count) in entities.iter().zip(&counts) {
            let Some(days) = rest.split_off_mut(..count) else { continue };
            let key = Event { high: entity.high, low: entity.low, day: 0 }.key();
            if days.is_sorted_by(|day, next| day < next) {
                days::write(sink, &mut scratch, key, days)?;
                continue;
            }
            days.sort_unstable();
            distinct.clear();
            distinct.extend_from_slice(days);
            distinct.dedup();
            days::write(sink, &mut scratch, key, &distinct)?;
        }
        Ok(())
    }

    /// All entities by key: between two free slots lie those that belong there, in any order.
    fn in_order(&self) -> Vec<Entity> {
        let mut entities = Vec::with_capacity(self.taken as usize);
        for crowd in self.slots.split(|slot| slot.number == 0).filter(|slots| !slots.is_empty()) {
            let start = entities.len();
            entities.extend_from_slice(crowd);
            let crowd = entities.get_mut(start..).unwrap_or_default();
            crowd.sort_unstable_by_key(|entity| (entity.high, entity.low));
        }
        entities
    }
}
