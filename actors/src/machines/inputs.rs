//! Present values of the tags that machines read, and each machine's view of them.

use super::bindings::Conversion;
use super::typed::Typed;
use crate::cvt::TagChange;
use flyball_schema::{Quality, TagId, Timestamp, Value};
use std::collections::{HashMap, VecDeque};

/// Present values of all tags that the machines of one worker read.
///
/// Machines look into the table itself: it does not change while a step runs, so a step sees one consistent
/// snapshot without a copy.
#[derive(Debug, Default)]
pub struct InputTable {
    slots: Vec<Present>,
    index: HashMap<TagId, u32>,
    free: Vec<u32>,
    /// Slots made so far.
    made: u64,
}

#[derive(Debug)]
struct Present {
    value: Option<Value>,
    quality: Quality,
    seq: u64,
    users: u32,
}

impl InputTable {
    /// The slot of a tag for one more user.
    pub fn attach(&mut self, tag: TagId) -> u32 {
        let (slots, free, made) = (&mut self.slots, &mut self.free, &mut self.made);
        let slot = *self.index.entry(tag).or_insert_with(|| {
            *made += 1;
            let present = Present { value: None, quality: Quality::default(), seq: 0, users: 0 };
            if let Some(slot) = free.pop() {
                slots[slot as usize] = present;
                return slot;
            }
            slots.push(present);
            u32::try_from(slots.len() - 1).unwrap_or(u32::MAX)
        });
        self.slots[slot as usize].users += 1;
        slot
    }

    /// One user less; the slot is free after the last.
    pub fn detach(&mut self, tag: TagId) {
        let Some(&slot) = self.index.get(&tag) else { return };
        let present = &mut self.slots[slot as usize];
        present.users -= 1;
        if present.users == 0 {
            self.index.remove(&tag);
            self.free.push(slot);
        }
    }

    /// Rises with every tag that comes to be read, also where it was read before: its value is not known then.
    #[must_use]
    pub fn made(&self) -> u64 {
        self.made
    }

    /// The tags that somebody reads, by id.
    #[must_use]
    pub fn tags(&self) -> Vec<TagId> {
        let mut tags: Vec<TagId> = self.index.keys().copied().collect();
        tags.sort_unstable();
        tags
    }

    /// Takes a change; one older than what is known is dropped, as may come from a subscription that is ending.
    pub fn apply(&mut self, change: &TagChange) {
        let Some(&slot) = self.index.get(&change.tag) else { return };
        let present = &mut self.slots[slot as usize];
        if change.seq >= present.seq {
            present.value.clone_from(&change.value);
            present.quality = change.quality;
            present.seq = change.seq;
        }
    }
}

/// A value as a machine sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading<T> {
    /// In the unit the machine asked for: the last one that could be used where `quality` is bad; `None` before the
    /// first.
    pub value: Option<T>,
    /// How far it can be trusted.
    pub quality: Quality,
}

impl<T> Reading<T> {
    pub(super) fn bad(quality: Quality) -> Self {
        Self { value: None, quality }
    }

    /// The value where it may be used: there is one, and it is not bad.
    #[must_use]
    pub fn usable(self) -> Option<T> {
        if self.quality.is_bad() { None } else { self.value }
    }
}

/// An input of one machine, bound to a slot of the table.
#[derive(Debug)]
pub(super) struct Port {
    /// The tag and its slot; `None` for an optional input bound to nothing.
    pub(super) source: Option<(TagId, u32)>,
    pub(super) conversion: Option<Conversion>,
    pub(super) required: bool,
    pub(super) depth: usize,
    pub(super) samples: VecDeque<(Timestamp, Value)>,
}

impl Port {
    /// What the machine sees now.
    pub(super) fn read<T: Typed>(&self, table: &InputTable) -> Reading<T> {
        let Some((_, slot)) = self.source else { return Reading::bad(Quality::BAD_CONFIGURATION_ERROR) };
        let present = &table.slots[slot as usize];
        let Some(raw) = &present.value else { return Reading::bad(present.quality) };
        match self.convert(raw).and_then(|value| T::from_value(&value)) {
            Some(value) => Reading { value: Some(value), quality: present.quality },
            None => Reading::bad(Quality::BAD_TYPE_MISMATCH),
        }
    }

    /// The value and its quality, whatever the type.
    pub(super) fn read_any(&self, table: &InputTable) -> Reading<Value> {
        let Some((_, slot)) = self.source else { return Reading::bad(Quality::BAD_CONFIGURATION_ERROR) };
        let present = &table.slots[slot as usize];
        Reading { value: present.value.as_ref().and_then(|raw| self.convert(raw)), quality: present.quality }
    }

    fn convert(&self, raw: &Value) -> Option<Value> {
        match self.conversion {
            None => Some(raw.clone()),
            Some(conversion) => Some(Value::Float(conversion.apply(raw.as_f64()?))),
        }
    }

    /// Keeps the present value among the last samples, where it may be used.
    pub(super) fn sample(&mut self, now: Timestamp, table: &InputTable) {
        if self.depth == 0 {
            return;
        }
        if let Some(value) = self.read_any(table).usable() {
            if self.samples.len() == self.depth {
                self.samples.pop_front();
            }
            self.samples.push_back((now, value));
        }
    }

    /// Whether the machine may run with this input as it is.
    pub(super) fn is_ready(&self, table: &InputTable) -> bool {
        let connected = self.source.is_some();
        let usable = !self.required || self.read_any(table).usable().is_some();
        usable && (!connected || !self.required || self.samples.len() == self.depth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(tag: u32, value: f64, seq: u64) -> TagChange {
        TagChange {
            value: Some(Value::Float(value)),
            source_time: Timestamp::default(),
            server_time: Timestamp::default(),
            seq,
            tag: TagId(tag),
            quality: Quality::GOOD,
        }
    }

    fn port(table: &mut InputTable, tag: u32) -> Port {
        let source = Some((TagId(tag), table.attach(TagId(tag))));
        Port { source, conversion: None, required: true, depth: 0, samples: VecDeque::new() }
    }

    #[test]
    fn a_change_older_than_what_is_known_is_dropped() {
        let mut table = InputTable::default();
        let port = port(&mut table, 3);
        table.apply(&change(3, 2.0, 8));
        table.apply(&change(3, 1.0, 7));
        assert_eq!(port.read::<f64>(&table).usable(), Some(2.0));
    }

    #[test]
    fn a_slot_lives_until_its_last_user_leaves() {
        let mut table = InputTable::default();
        let first = table.attach(TagId(1));
        assert_eq!(table.attach(TagId(1)), first);
        table.apply(&change(1, 5.0, 1));
        table.detach(TagId(1));
        assert_eq!(table.tags(), [TagId(1)]);
        table.detach(TagId(1));
        assert!(table.tags().is_empty());
        let made = table.made();
        let other = port(&mut table, 2);
        assert_eq!(table.made(), made + 1);
        assert_eq!(other.read::<f64>(&table), Reading::bad(Quality::BAD_WAITING_FOR_INITIAL_DATA));
    }

    #[test]
    fn a_buffer_keeps_the_last_usable_samples() {
        let mut table = InputTable::default();
        let mut port = Port { depth: 2, ..port(&mut table, 1) };
        for (seq, value) in (1..).zip([1.0, 2.0, 3.0]) {
            assert!(port.samples.len() == 2 || !port.is_ready(&table));
            table.apply(&change(1, value, seq));
            port.sample(Timestamp::default(), &table);
        }
        table.apply(&TagChange { quality: Quality::BAD, ..change(1, 9.0, 9) });
        port.sample(Timestamp::default(), &table);
        let kept: Vec<Value> = port.samples.iter().map(|(_, value)| value.clone()).collect();
        assert_eq!(kept, [Value::Float(2.0), Value::Float(3.0)]);
    }
}
