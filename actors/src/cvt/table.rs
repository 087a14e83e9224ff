//! The table itself: pure, without actors or clock. Dense ids index plain vectors; names are looked up at the edge.

use super::compact::{Compact, Interner};
use super::deadlines::{Deadline, Deadlines};
use super::slot::{NEVER, Slot, Written};
use super::{ListTags, Refusal, TagChange, TagRecord, Update, WriteReport};
use crate::expressions::Network;
use flyball_schema::definition::TagDefinition;
use flyball_schema::{TagId, Timestamp};
use hashbrown::HashTable;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// Present values and definitions of all tags.
#[derive(Debug, Default)]
pub struct Table {
    pub(super) hot: Vec<Option<Slot>>,
    pub(super) definitions: Vec<Option<Compact>>,
    pub(super) names: HashTable<TagId>,
    pub(super) hasher: RandomState,
    pub(super) interner: Interner,
    pub(super) deadlines: Deadlines,
    pub(super) network: Network,
    /// When expressions that depend on time itself are calculated next.
    pub(super) timed_due: Timestamp,
    pub(super) seq: u64,
    pub(super) count: usize,
    pub(super) bad: usize,
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
        self.derive(before, now, changes);
        report.changed = changes.len() - before;
        report.seq = self.seq;
        report
    }

    #[inline]
    fn write_one(&mut self, mut update: Update, now: Timestamp, changes: &mut Vec<TagChange>) -> Result<(), Refusal> {
        let tag = update.tag;
        let slot = self.hot.get_mut(tag.index()).and_then(Option::as_mut).ok_or(Refusal::UnknownTag(tag))?;
        if slot.is_derived {
            return Err(Refusal::Derived(tag));
        }
        if let Some(offered) = update.value.take_if(|value| value.data_type() != slot.data_type) {
            let mismatch = Refusal::TypeMismatch { tag, expected: slot.data_type, found: offered.data_type() };
            update.value = Some(offered.coerce(slot.data_type).ok_or(mismatch)?);
        }
        let written = slot.take(update, now);
        if written != Written::default() {
            self.settle(tag, written, now, changes);
        }
        Ok(())
    }

    /// Numbers and announces what a write has changed, and sets the deadlines that follow from it.
    #[inline]
    pub(super) fn settle(&mut self, tag: TagId, written: Written, now: Timestamp, changes: &mut Vec<TagChange>) {
        let Some(slot) = self.hot.get_mut(tag.index()).and_then(Option::as_mut) else { return };
        if written.is_change {
            match (written.was_bad, slot.state.quality.is_bad()) {
                (false, true) => self.bad += 1,
                (true, false) => self.bad -= 1,
                _ => {}
            }
            self.seq += 1;
            slot.state.seq = self.seq;
            changes.push(slot.state.clone());
        }
        if let (true, Some(extra)) = (written.arm_stale || written.arm_repeat, slot.extra.as_deref()) {
            if let (true, Some(stale_after)) = (written.arm_stale, extra.stale_after) {
                self.deadlines.set(now + stale_after, tag, Deadline::Stale);
            }
            if written.arm_repeat {
                self.deadlines.set(extra.pace.silent_at(), tag, Deadline::Repeat);
            }
        }
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
        let slot = self.slot(tag)?;
        let extra = slot.extra.as_deref();
        let screens = extra.and_then(|extra| extra.screens.as_ref());
        let differs = extra.filter(|extra| extra.is_substituted || extra.filter.is_some());
        let raw = differs.and_then(|extra| extra.raw.as_ref());
        Some(TagRecord {
            id: tag,
            definition: self.definition_of(tag)?,
            state: slot.state.clone(),
            seen: (slot.seen != NEVER).then_some(slot.seen),
            raw: raw.and_then(|raw| raw.value.clone()),
            made: self.definition(tag)?.made,
            is_substituted: extra.is_some_and(|extra| extra.is_substituted),
            standing: extra.map(|extra| extra.standing).unwrap_or_default(),
            figures: screens.map(|screens| screens.figures()).unwrap_or_default(),
        })
    }

    /// What a tag is.
    pub(super) fn definition_of(&self, tag: TagId) -> Option<TagDefinition> {
        let (slot, definition) = (self.slot(tag)?, self.definition(tag)?);
        Some(definition.expand(slot.data_type, slot.dead_band, &self.interner))
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
                definition.is_some_and(|tag| {
                    needle.as_deref().is_none_or(|needle| tag.mentions(needle))
                        && query.area.as_deref().is_none_or(|area| tag.is_in(area, &self.interner))
                        && query.stretch.as_ref().is_none_or(|stretch| tag.is_on(stretch))
                })
            })
            .filter_map(|id| self.record(id))
            .filter(|record| matches(record, query))
            .take(query.limit)
            .collect()
    }

    pub(super) fn slot(&self, tag: TagId) -> Option<&Slot> {
        self.hot.get(tag.index())?.as_ref()
    }

    pub(super) fn slot_mut(&mut self, tag: TagId) -> Option<&mut Slot> {
        self.hot.get_mut(tag.index())?.as_mut()
    }

    pub(super) fn definition(&self, tag: TagId) -> Option<&Compact> {
        self.definitions.get(tag.index())?.as_ref()
    }
}

fn matches(record: &TagRecord, query: &ListTags) -> bool {
    let link_fits = query.link.is_none() || record.definition.link == query.link;
    link_fits && (query.severities.is_empty() || query.severities.contains(&record.state.quality.severity()))
}
