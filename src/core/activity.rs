//! From events to the local days of each entity (METRICS.md, 5): the state of the aggregate `vend.activity`.
//!
//! Few events are kept as they come, many in hash tables. What has become too large is set apart as parts in the final form,
//! like that of a timeline.
use super::calendar::Day;
use super::codec::{Sink, Summary};
use super::days::{self, Days};
use super::entities::{Entities, Event};
use super::error::CoreError;
use super::keys::{KeyKind, scatter};
use super::parts::{Parts, copy};
use super::records::{merge, write_header};

/// Up to so many events are put in order rather than looked up.
const FEW: usize = if cfg!(test) { 64 } else { 4096 };

/// So many events that the tables have no place for (24 MiB) are set apart.
const MAX_STRAYS: usize = if cfg!(test) { 200 } else { 1 << 20 };

#[derive(Clone, Debug, Default)]
pub struct Activity {
    kind: KeyKind,
    /// All events while they are few; then those that the tables have no place for.
    events: Vec<Event>,
    entities: Option<Box<Entities>>,
    parts: Parts,
}

impl Activity {
    pub fn push(&mut self, kind: KeyKind, key: u128, day: Day) -> Result<(), CoreError> {
        self.kind.join(kind)?;
        if !days::is_day(day) {
            return Err(CoreError::DateOutOfRange);
        }
        let event = Event::new(scatter(key), day);
        let Some(entities) = &mut self.entities else {
            self.events.push(event);
            return if self.events.len() < FEW { Ok(()) } else { self.begin_tables() };
        };
        entities.push(event, &mut self.events)?;
        if entities.is_full() || self.events.len() >= MAX_STRAYS { self.set_apart() } else { Ok(()) }
    }

    fn begin_tables(&mut self) -> Result<(), CoreError> {
        let mut entities = Box::<Entities>::default();
        for event in std::mem::take(&mut self.events) {
            entities.push(event, &mut self.events)?;
        }
        self.entities = Some(entities);
        Ok(())
    }

    /// Adds a finished summary, which may have come from anywhere.
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), CoreError> {
        let days = Days::read(bytes)?;
        days.visit(|_, _| Ok(()))?;
        self.add_own(copy(bytes)?)
    }

    fn add_own(&mut self, part: Vec<u8>) -> Result<(), CoreError> {
        let days = Days::read(&part)?;
        if days.kind == KeyKind::None {
            return Ok(());
        }
        self.kind.join(days.kind)?;
        self.parts.push(part);
        self.compact_parts()
    }

    fn compact_parts(&mut self) -> Result<(), CoreError> {
        let many = self.parts.take_many();
        if !many.is_empty() {
            let mut merged = Vec::new();
            self.merge_parts(many.iter().map(Vec::as_slice), &mut merged)?;
            self.parts.put_back(merged)?;
        }
        Ok(())
    }

    /// Turns all that was seen into parts.
    fn set_apart(&mut self) -> Result<(), CoreError> {
        if let Some(mut entities) = self.entities.take() {
            entities.look_up_all(&mut self.events)?;
            let mut part = Vec::new();
            write_header(&mut part, self.kind, 0)?;
            entities.write(&mut part)?;
            self.parts.push(part);
        }
        if !self.events.is_empty() {
            let mut part = Vec::new();
            self.write_events(&mut part)?;
            self.events.clear();
            self.parts.push(part);
        }
        self.compact_parts()
    }

    fn write_events(&mut self, sink: &mut impl Sink) -> Result<(), CoreError> {
        write_header(sink, self.kind, 0)?;
        self.events.sort_unstable();
        self.events.dedup();
        let (mut days, mut scratch) = (Vec::new(), Vec::new());
        for events in self.events.chunk_by(|a, b| a.key() == b.key()) {
            let Some(key) = events.first().map(Event::key) else { continue };
            days.clear();
            days.extend(events.iter().map(|event| event.day));
            days::write(sink, &mut scratch, key, &days)?;
        }
        Ok(())
    }

    /// Parts as one summary.
    fn merge_parts<'a>(
        &self, parts: impl Iterator<Item = &'a [u8]>, sink: &mut impl Sink,
    ) -> Result<(), CoreError> {
        let (mut records, mut bytes, mut only) = (Vec::new(), 0usize, None);
        for part in parts {
            records.push(Days::read(part)?.records());
            bytes = bytes.saturating_add(part.len());
            only = Some(part);
        }
        sink.expect(bytes)?;
        if let ([_], Some(only)) = (records.as_slice(), only) {
            return sink.put(only);
        }
        write_header(sink, self.kind, 0)?;
        let (mut days, mut more, mut scratch) = (Vec::new(), Vec::new(), Vec::new());
        merge(records, |same| {
            let Some(((_, first), others)) = same.split_first() else { return Ok(()) };
            if others.is_empty() {
                return sink.put(first.bytes);
            }
            days.clear();
            days::decode(first, &mut days)?;
            for (_, record) in others {
                more.clear();
                days::decode(record, &mut more)?;
                days::unite(&mut days, &more);
            }
            days::write(sink, &mut scratch, first.key, &days)
        })
    }
}

impl Summary for Activity {
    fn merge(&mut self, other: &mut Activity) -> Result<(), CoreError> {
        // What a worker handed over is parts alone.
        other.set_apart()?;
        other.parts.take().into_iter().try_for_each(|part| self.add_own(part))
    }
    fn encode(&mut self, sink: &mut impl Sink) -> Result<(), CoreError> {
        if self.parts.is_empty() && self.entities.is_none() {
            return self.write_events(sink);
        }
        self.set_apart()?;
        self.merge_parts(self.parts.iter(), sink)
    }
    fn decode(bytes: &[u8]) -> Result<Self, CoreError> {
        let mut activity = Activity::default();
        activity.add_own(copy(bytes)?)?;
        Ok(activity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::keys::{gather, of_bigint};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn summarise(events: &[(u128, Day)]) -> Activity {
        let mut activity = Activity::default();
        for &(entity, day) in events {
            activity.push(KeyKind::Uuid, entity, day).expect("small");
        }
        activity
    }

    fn seen(summary: &[u8]) -> BTreeSet<(u128, Day)> {
        let mut seen = BTreeSet::new();
        let days = Days::read(summary).expect("own bytes");
        days.visit(|key, days| {
            seen.extend(days.iter().map(|&day| (gather(key), day)));
            Ok(())
        })
        .expect("own bytes");
        seen
    }

    fn events(most: usize) -> impl Strategy<Value = Vec<(u128, Day)>> {
        let day = prop_oneof![8 => -40..40i32, 1 => Just(90_000), 1 => Just(-2_000_000)];
        proptest::collection::vec((0..60u128, day), 0..most)
    }

    proptest! {
        #[test]
        fn each_entity_keeps_its_distinct_days(events in events(2500)) {
            let expected: BTreeSet<_> = events.iter().copied().collect();
            prop_assert_eq!(seen(&summarise(&events).to_bytes().expect("small")), expected);
        }
        #[test]
        fn order_split_and_rollup_change_no_byte(events in events(1500), cut in 0..1500usize, set_apart: bool) {
            let whole = summarise(&events).to_bytes().expect("small");
            let (left, right) = events.split_at(cut.min(events.len()));
            let backwards: Vec<_> = right.iter().rev().copied().collect();
            let mut merged = summarise(&backwards);
            if set_apart { merged.set_apart().expect("small"); }
            merged.merge(&mut summarise(left)).expect("small");
            prop_assert_eq!(&merged.to_bytes().expect("small"), &whole);
            // Final functions of a window come between rows.
            for &(entity, day) in left { merged.push(KeyKind::Uuid, entity, day).expect("small"); }
            prop_assert_eq!(&merged.to_bytes().expect("small"), &whole);
            let mut rolled = Activity::default();
            for part in [right, left] {
                let part = Activity::decode(&summarise(part).to_bytes().expect("small")).expect("own bytes").to_bytes();
                rolled.add(&part.expect("small")).expect("own bytes");
            }
            prop_assert_eq!(&rolled.to_bytes().expect("small"), &whole);
        }
        #[test]
        fn hostile_bytes_are_a_summary_or_an_error(events in events(12), at in 0..200usize, byte: u8, cut in 0..200usize) {
            let mut bytes = summarise(&events).to_bytes().expect("small");
            if let Some(target) = bytes.get_mut(at) { *target = byte; }
            for bytes in [&bytes[..], &bytes[..cut.min(bytes.len())]] {
                let mut again = Activity::default();
                if again.add(bytes).is_ok() {
                    prop_assert_eq!(again.to_bytes().expect("as it was"), bytes);
                }
            }
        }
    }

    #[test]
    fn any_number_of_entities_and_any_keys_make_one_summary() {
        // Around the sizes at which batches end and tables grow; then keys that were chosen to fall into one slot.
        let spread = |n: u64| u128::from(n);
        let crowd = |n: u64| gather(u128::from(n) << 3 | 7 << 120);
        for (key, sizes) in [
            (
                &spread as &dyn Fn(u64) -> u128,
                &[511u64, 1365, 1366, 2000, 4095, 4096, 5000, 40_000] as &[u64],
            ),
            (&crowd, &[127, 128, 129, 512, 1400, 5000]),
        ] {
            for &size in sizes {
                let events: Vec<_> =
                    (0..3 * size).map(|n| (key(n % size), (n * n % 5).cast_signed() as Day)).collect();
                let bytes = summarise(&events).to_bytes().expect("small");
                assert_eq!(seen(&bytes), events.iter().copied().collect(), "{size}");
                let backwards: Vec<_> = events.iter().rev().copied().collect();
                assert_eq!(summarise(&backwards).to_bytes(), Ok(bytes), "{size}");
            }
        }
    }

    #[test]
    fn the_bytes_never_change() {
        let bytes = summarise(&[(7, 9506), (7, 9501), (8, -5), (8, 90_000)]).to_bytes().expect("small");
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "01010002000000720164eac5893f817d5e9fe53d788f401d25000005000200008073ce0acb07c9d0993fd443f5df73caf1fbffffff955f0100"
        );
    }

    #[test]
    fn empty_is_one_value_and_kinds_do_not_mix() {
        assert_eq!(summarise(&[]).to_bytes(), Ok(vec![1, 0, 0]));
        let mut activity = summarise(&[(1, 1)]);
        assert_eq!(activity.push(KeyKind::Bigint, of_bigint(1), 1), Err(CoreError::MixedKeys));
        assert_eq!(activity.push(KeyKind::Uuid, 1, Day::MAX), Err(CoreError::DateOutOfRange));
    }
}
