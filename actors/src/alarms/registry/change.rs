//! Changes of the alarms themselves, all or none.

use super::super::alarm::Alarm;
use super::super::condition::QuietBand;
use super::super::transition::AlarmEvent;
use super::super::{AlarmError, AlarmStatus, NewAlarm, TagUse};
use super::{AlarmEffect, Entry, Registry, Watch, count};
use flyball_schema::definition::{Fault, check_limit_order};
use flyball_schema::{AlarmId, TagId, Timestamp};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Reply to [`Registry::change`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changed {
    /// What became of alarms, in order: first what ended, then every alarm that was put, as it is now.
    pub effects: Vec<AlarmEffect>,
    /// Alarms that are no more.
    pub removed: Vec<AlarmId>,
    /// An alarm was put on a tag of which nothing is known yet, so that it could not be evaluated.
    pub unseen: bool,
}

impl Registry {
    /// Adds alarms, all or none.
    ///
    /// # Errors
    /// [`AlarmError::DuplicateId`] for an id that is in use, else as [`Registry::change`].
    pub fn add(&mut self, alarms: Vec<NewAlarm>, now: Timestamp) -> Result<Changed, AlarmError> {
        match alarms.iter().find(|alarm| self.by_id.contains_key(&alarm.id)) {
            Some(known) => Err(AlarmError::DuplicateId(known.id)),
            None => self.change(&[], alarms, now),
        }
    }

    /// Removes alarms, adds others, and replaces those whose id is there already: all or none, in one step.
    ///
    /// * A replaced alarm goes on from where it stood where tag and type stay, and is judged at once by its new limits.
    /// * `now`: when what follows from it happened.
    ///
    /// # Errors
    /// [`AlarmError::UnknownAlarm`], [`AlarmError::DuplicateId`] for an id that is named twice; [`AlarmError::Invalid`] for
    /// a set point or dead-band that cannot be, and where afterwards a name were taken, a tag had two alarms of a type, or
    /// LL < L < H < HH were broken.
    pub fn change(&mut self, remove: &[AlarmId], put: Vec<NewAlarm>, now: Timestamp) -> Result<Changed, AlarmError> {
        let leaving: BTreeSet<AlarmId> = remove.iter().copied().collect();
        if let Some(unknown) = leaving.iter().find(|id| !self.by_id.contains_key(id)) {
            return Err(AlarmError::UnknownAlarm(*unknown));
        }
        let put = self.check(&leaving, put)?;
        let mut changed = Changed::default();
        for id in leaving {
            if let Some(alarm) = self.take(id) {
                changed.effects.extend(self.retire(alarm, now));
                changed.removed.push(id);
            }
        }
        // All of them first: they may have swapped their names.
        let before: Vec<Option<Alarm>> = put.iter().map(|alarm| self.take(alarm.id())).collect();
        for (alarm, before) in put.into_iter().zip(before) {
            self.put(alarm, before, now, &mut changed);
        }
        Ok(changed)
    }

    /// Makes alarms of `put`, held against what results.
    fn check(&self, leaving: &BTreeSet<AlarmId>, put: Vec<NewAlarm>) -> Result<Vec<Alarm>, AlarmError> {
        let mut ids: HashSet<AlarmId> = HashSet::with_capacity(put.len());
        if let Some(twice) = put.iter().find(|new| leaving.contains(&new.id) || !ids.insert(new.id)) {
            return Err(AlarmError::DuplicateId(twice.id));
        }
        let stays = |slot: &usize| {
            let id = self.entries[*slot].alarm.id();
            !leaving.contains(&id) && !ids.contains(&id)
        };
        let mut accepted: Vec<Alarm> = Vec::with_capacity(put.len());
        let mut names: HashMap<String, usize> = HashMap::with_capacity(put.len());
        let mut on_tag: HashMap<TagId, Vec<usize>> = HashMap::new();
        for candidate in put {
            let (definition, position) = (&candidate.definition, accepted.len());
            let invalid = |(field, fault)| AlarmError::Invalid { alarm: definition.name.clone(), field, fault };
            let known = self.by_name.get(&definition.name).filter(|slot| stays(slot));
            if let Some(&first) = known.or_else(|| names.get(&definition.name)) {
                return Err(invalid(("name", Fault::Duplicate { first })));
            }
            let there = self.by_tag.get(candidate.tag.index()).into_iter().flatten().filter(|slot| stays(slot));
            let fellows = on_tag.entry(candidate.tag).or_default();
            let others = there
                .map(|&slot| self.entries[slot].alarm.definition())
                .chain(fellows.iter().map(|&fellow| accepted[fellow].definition()));
            check_limit_order(definition, others).map_err(invalid)?;
            fellows.push(position);
            names.insert(definition.name.clone(), self.entries.len() + position);
            accepted.push(Alarm::new(candidate)?);
        }
        Ok(accepted)
    }

    /// Ends what a removed alarm stands for, and remembers how far it has counted.
    fn retire(&mut self, mut alarm: Alarm, now: Timestamp) -> Option<AlarmEffect> {
        let ended = alarm.end(AlarmEvent::Removed, self.watches[alarm.tag().index()].sample(now), now);
        self.retired.insert(alarm.id(), alarm.memory().clone());
        let transition = Some((ended?, alarm.memory().clone()));
        Some(AlarmEffect { status: alarm.status(), transition })
    }

    /// Puts an alarm in the place of the one before, where there was one, and judges it by what its tag shows.
    fn put(&mut self, mut alarm: Alarm, before: Option<Alarm>, now: Timestamp, changed: &mut Changed) {
        let mut ended = None;
        if let Some(mut before) = before {
            if before.tag() != alarm.tag() || before.definition().kind != alarm.definition().kind {
                let sample = self.watches[before.tag().index()].sample(now);
                ended = before.end(AlarmEvent::Reconfigured, sample, now);
            }
            alarm.recall(before.memory().clone());
        } else if let Some(memory) = self.retired.remove(&alarm.id()) {
            // Newer than whatever the database may have said.
            alarm.recall(memory);
        }
        if let Some(ended) = ended {
            changed
                .effects
                .push(AlarmEffect { status: alarm.status(), transition: Some((ended, alarm.memory().clone())) });
        }
        let (tag, slot) = (alarm.tag(), self.insert(alarm));
        let (watch, alarm) = (&self.watches[tag.index()], &mut self.entries[slot].alarm);
        let transition = alarm.feed(watch.sample(now), now);
        count(&mut self.in_state, transition.as_ref());
        let transition = transition.map(|transition| (transition, alarm.memory().clone()));
        changed.effects.push(AlarmEffect { status: alarm.status(), transition });
        changed.unseen |= watch.is_unseen();
        self.screen(tag);
    }

    fn insert(&mut self, alarm: Alarm) -> usize {
        let (slot, tag, definition) = (self.entries.len(), alarm.tag().index(), alarm.definition());
        let search = (definition.name.to_lowercase(), definition.tag.to_lowercase());
        self.by_id.insert(alarm.id(), slot);
        self.by_name.insert(definition.name.clone(), slot);
        if self.watches.len() <= tag {
            self.watches.resize_with(tag + 1, Watch::unwatched);
            self.by_tag.resize_with(tag + 1, Vec::new);
        }
        self.watches[tag].quiet = QuietBand::NOTHING;
        self.by_tag[tag].push(slot);
        self.in_state[alarm.state() as usize] += 1;
        self.entries.push(Entry { alarm, search });
        slot
    }

    /// Takes an alarm out; the last one moves into its place.
    fn take(&mut self, id: AlarmId) -> Option<Alarm> {
        let slot = self.by_id.remove(&id)?;
        let last = self.entries.len() - 1;
        let Entry { alarm, .. } = self.entries.swap_remove(slot);
        self.by_name.remove(&alarm.definition().name);
        self.by_tag[alarm.tag().index()].retain(|&other| other != slot);
        self.in_state[alarm.state() as usize] -= 1;
        if let Some(moved) = self.entries.get(slot).map(|entry| &entry.alarm) {
            self.by_id.insert(moved.id(), slot);
            self.by_name.insert(moved.definition().name.clone(), slot);
            let places = self.by_tag[moved.tag().index()].iter_mut();
            places.filter(|place| **place == last).for_each(|place| *place = slot);
        }
        self.screen(alarm.tag());
        Some(alarm)
    }

    /// Tells the definitions of a tag's alarms its new name; the alarms afterwards.
    pub fn rename_tags(&mut self, names: &[(TagId, String)]) -> Vec<AlarmStatus> {
        let mut renamed = Vec::new();
        for (tag, name) in names {
            for &slot in self.by_tag.get(tag.index()).into_iter().flatten() {
                let Entry { alarm, search } = &mut self.entries[slot];
                alarm.rename_tag(name);
                search.1 = name.to_lowercase();
                renamed.push(alarm.status());
            }
        }
        renamed
    }

    /// The alarms that watch any of these tags, by tag and then by id.
    #[must_use]
    pub fn uses_of(&self, tags: &[TagId]) -> Vec<TagUse> {
        let tags: BTreeSet<TagId> = tags.iter().copied().collect();
        let slots = tags.into_iter().filter_map(|tag| self.by_tag.get(tag.index())).flatten();
        let mut uses: Vec<TagUse> = slots
            .map(|&slot| &self.entries[slot].alarm)
            .map(|alarm| TagUse { tag: alarm.tag(), alarm: alarm.id(), name: alarm.definition().name.clone() })
            .collect();
        uses.sort_by_key(|found| (found.tag, found.alarm));
        uses
    }
}

#[cfg(test)]
mod tests;
