//! The table itself: pure, without actors or clock. Dense ids index plain vectors; names are looked up at the edge.

use super::compact::{Compact, Interner};
use super::{CvtError, ListTags, Refusal, TagChange, TagRecord, Update, WriteReport};
use flyball_schema::definition::{TagDefinition, check_tag};
use flyball_schema::{DataType, Quality, TagId, Timestamp, Value};
use hashbrown::HashTable;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// Present values and definitions of all tags.
#[derive(Debug, Default)]
pub struct Table {
    hot: Vec<Option<Slot>>,
    definitions: Vec<Option<Compact>>,
    names: HashTable<TagId>,
    hasher: RandomState,
    interner: Interner,
    seq: u64,
    count: usize,
    bad: usize,
}

/// What a write touches: state, dead-band and type, next to each other in memory.
#[derive(Debug)]
struct Slot {
    state: TagChange,
    /// When a value last arrived, changed or not.
    seen: Timestamp,
    /// In the tag's unit; 0 lets every change through.
    dead_band: f64,
    data_type: DataType,
}

/// `seen` of a tag that has not been seen.
const NEVER: Timestamp = Timestamp::MIN;

/// Status code bits that tell quality; the rest is information such as *overflow* (OPC UA Part 4, 7.39).
const QUALITY_BITS: u32 = 0xFFFF_0000;

impl Slot {
    fn new(tag: TagId, definition: &TagDefinition, now: Timestamp) -> Self {
        let initial = definition.initial.clone().and_then(|value| value.coerce(definition.data_type));
        let quality = if initial.is_some() { Quality::GOOD } else { Quality::BAD_WAITING_FOR_INITIAL_DATA };
        let seen = if initial.is_some() { now } else { NEVER };
        let state = TagChange { value: initial, source_time: now, server_time: now, seq: 0, tag, quality };
        Self { state, seen, dead_band: definition.dead_band_absolute(), data_type: definition.data_type }
    }

    /// Whether `value` is far enough from the present one to count.
    fn moves(&self, value: &Value) -> bool {
        match (&self.state.value, value) {
            (Some(Value::Float(old)), Value::Float(new)) => (new - old).abs() > self.dead_band,
            (Some(Value::Integer(old)), Value::Integer(new)) => {
                // Exact where it matters: two integers that differ are never taken for equal.
                old != new && old.abs_diff(*new) as f64 > self.dead_band
            }
            (old, new) => old.as_ref() != Some(new),
        }
    }
}

impl Table {
    /// An empty table whose first change gets sequence number `last_seq + 1`.
    #[must_use]
    pub fn starting_after(last_seq: u64) -> Self {
        Self { seq: last_seq, ..Self::default() }
    }

    /// The last sequence number.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// How many tags there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no tag.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many tags are of bad quality.
    #[must_use]
    pub fn bad(&self) -> usize {
        self.bad
    }

    /// One past the largest id.
    #[must_use]
    pub fn id_bound(&self) -> usize {
        self.hot.len()
    }

    /// Applies updates in order; changes are appended to `changes` with consecutive sequence numbers.
    pub fn write(
        &mut self,
        updates: impl IntoIterator<Item = Update>,
        now: Timestamp,
        changes: &mut Vec<TagChange>,
    ) -> WriteReport {
        let mut report = WriteReport::default();
        let before = changes.len();
        for (position, update) in updates.into_iter().enumerate() {
            match self.write_one(update, now, changes) {
                Ok(()) => report.accepted += 1,
                Err(refusal) => report.refused.push((position, refusal)),
            }
        }
        report.changed = changes.len() - before;
        report.seq = self.seq;
        report
    }

    #[inline]
    fn write_one(&mut self, update: Update, now: Timestamp, changes: &mut Vec<TagChange>) -> Result<(), Refusal> {
        let tag = update.tag;
        let slot = self.hot.get_mut(tag.index()).and_then(Option::as_mut).ok_or(Refusal::UnknownTag(tag))?;
        let mut quality = update.quality;
        let mut value = update.value;
        if let Some(offered) = value.take_if(|value| value.data_type() != slot.data_type) {
            let mismatch = Refusal::TypeMismatch { tag, expected: slot.data_type, found: offered.data_type() };
            value = Some(offered.coerce(slot.data_type).ok_or(mismatch)?);
        }
        if value.as_ref().is_some_and(|value| !value.is_finite()) {
            quality = quality.worst(Quality::BAD_OUT_OF_RANGE);
        }
        if quality.is_bad() {
            // The last usable value stays visible under its bad quality.
            value = None;
        }
        slot.seen = now;
        let moved = value.as_ref().is_some_and(|value| slot.moves(value));
        let other_quality = (quality.status_code() ^ slot.state.quality.status_code()) & QUALITY_BITS != 0;
        if !moved && !other_quality {
            return Ok(());
        }
        match (slot.state.quality.is_bad(), quality.is_bad()) {
            (false, true) => self.bad += 1,
            (true, false) => self.bad -= 1,
            _ => {}
        }
        self.seq += 1;
        if let Some(value) = value {
            slot.state.value = Some(value);
        }
        slot.state.quality = quality;
        slot.state.source_time = update.source_time.unwrap_or(now);
        slot.state.server_time = now;
        slot.state.seq = self.seq;
        changes.push(slot.state.clone());
        Ok(())
    }

    /// Adds tags, all or none; the state of each is appended to `changes`.
    ///
    /// # Errors
    /// [`CvtError::DuplicateName`], [`CvtError::DuplicateId`], [`CvtError::Invalid`].
    pub fn create(
        &mut self,
        tags: Vec<(TagId, TagDefinition)>,
        now: Timestamp,
        changes: &mut Vec<TagChange>,
    ) -> Result<(), CvtError> {
        let mut new_names = std::collections::HashSet::new();
        let mut new_ids = std::collections::HashSet::new();
        for (id, definition) in &tags {
            check_tag(definition).map_err(|(field, fault)| CvtError::Invalid {
                tag: definition.name.clone(),
                field,
                fault,
            })?;
            if self.slot(*id).is_some() || !new_ids.insert(*id) {
                return Err(CvtError::DuplicateId(*id));
            }
            if self.resolve(&definition.name).is_some() || !new_names.insert(definition.name.as_str()) {
                return Err(CvtError::DuplicateName(definition.name.clone()));
            }
        }
        let bound = tags.iter().map(|(id, _)| id.index() + 1).max().unwrap_or(0).max(self.hot.len());
        self.hot.resize_with(bound, || None);
        self.definitions.resize_with(bound, || None);
        for (id, definition) in tags {
            self.insert(id, definition, now, changes);
        }
        Ok(())
    }

    fn insert(&mut self, id: TagId, definition: TagDefinition, now: Timestamp, changes: &mut Vec<TagChange>) {
        let mut slot = Slot::new(id, &definition, now);
        self.seq += 1;
        slot.state.seq = self.seq;
        self.bad += usize::from(slot.state.quality.is_bad());
        changes.push(slot.state.clone());
        let hash = self.hasher.hash_one(definition.name.as_str());
        self.hot[id.index()] = Some(slot);
        self.definitions[id.index()] = Some(Compact::new(definition, &mut self.interner));
        let (definitions, hasher) = (&self.definitions, &self.hasher);
        let rehash = |id: &TagId| {
            let name = definitions.get(id.index()).and_then(Option::as_ref).map_or("", Compact::name);
            hasher.hash_one(name)
        };
        self.names.insert_unique(hash, id, rehash);
        self.count += 1;
    }

    /// The id of a name.
    #[must_use]
    pub fn resolve(&self, name: &str) -> Option<TagId> {
        let is_named = |id: &TagId| self.definition(*id).is_some_and(|definition| definition.name() == name);
        self.names.find(self.hasher.hash_one(name), is_named).copied()
    }

    /// The present state of a tag.
    #[must_use]
    pub fn state(&self, tag: TagId) -> Option<&TagChange> {
        self.slot(tag).map(|slot| &slot.state)
    }

    /// A tag whole.
    #[must_use]
    pub fn record(&self, tag: TagId) -> Option<TagRecord> {
        let (slot, definition) = (self.slot(tag)?, self.definition(tag)?);
        Some(TagRecord {
            id: tag,
            definition: definition.expand(slot.data_type, slot.dead_band, &self.interner),
            state: slot.state.clone(),
            seen: (slot.seen != NEVER).then_some(slot.seen),
        })
    }

    /// The state of every tag, by id.
    pub fn states(&self) -> impl Iterator<Item = &TagChange> {
        self.hot.iter().flatten().map(|slot| &slot.state)
    }

    /// A page of tags, by id.
    #[must_use]
    pub fn list(&self, query: &ListTags) -> Vec<TagRecord> {
        let start = query.after.map_or(0, |id| id.index() + 1);
        if let Some(name) = &query.name {
            let id = self.resolve(name).filter(|id| id.index() >= start);
            return id.and_then(|id| self.record(id)).filter(|record| matches(record, query)).into_iter().collect();
        }
        let needle = query.contains.as_deref().map(str::to_lowercase);
        let ids = self.hot.iter().enumerate().skip(start).filter(|(_, slot)| slot.is_some());
        ids.filter_map(|(index, _)| u32::try_from(index).ok().map(TagId))
            .filter(|id| {
                let definition = self.definition(*id);
                needle.as_deref().is_none_or(|needle| definition.is_some_and(|tag| tag.mentions(needle)))
            })
            .filter_map(|id| self.record(id))
            .filter(|record| matches(record, query))
            .take(query.limit)
            .collect()
    }

    fn slot(&self, tag: TagId) -> Option<&Slot> {
        self.hot.get(tag.index())?.as_ref()
    }

    fn definition(&self, tag: TagId) -> Option<&Compact> {
        self.definitions.get(tag.index())?.as_ref()
    }
}

fn matches(record: &TagRecord, query: &ListTags) -> bool {
    let link_fits = query.link.is_none() || record.definition.link == query.link;
    link_fits && (query.severities.is_empty() || query.severities.contains(&record.state.quality.severity()))
}
