//! Changes of the alarms themselves, all or none.

use super::super::alarm::{Alarm, Sample};
use super::super::condition::QuietBand;
use super::super::flags::Deed;
use super::super::transition::AlarmEvent;
use super::super::{AlarmError, AlarmState, AlarmStatus, AlarmTransition, NewAlarm, Record, TagUse};
use super::{AlarmEffect, Entry, Registry, Role, Watch, stand};
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
        let mut sources: BTreeSet<TagId> = put.iter().map(|(alarm, _)| alarm.source()).collect();
        for id in leaving {
            if let Some(alarm) = self.take(id) {
                sources.insert(alarm.source());
                changed.effects.extend(self.retire(alarm, now));
                changed.removed.push(id);
            }
        }
        // All of them first: they may have swapped their names.
        let before: Vec<Option<Alarm>> = put.iter().map(|(alarm, _)| self.take(alarm.id())).collect();
        for (alarm, before) in put.into_iter().zip(before) {
            self.put(alarm, before, now, &mut changed);
        }
        for source in sources {
            self.bind_all(source, now, now, &mut changed.effects);
        }
        Ok(changed)
    }

    /// Makes alarms of `put`, held against what results.
    fn check(&self, leaving: &BTreeSet<AlarmId>, put: Vec<NewAlarm>) -> Result<Vec<(Alarm, NewRoles)>, AlarmError> {
        let mut ids: HashSet<AlarmId> = HashSet::with_capacity(put.len());
        if let Some(twice) = put.iter().find(|new| leaving.contains(&new.id) || !ids.insert(new.id)) {
            return Err(AlarmError::DuplicateId(twice.id));
        }
        let stays = |slot: &usize| {
            let id = self.entries[*slot].alarm.id();
            !leaving.contains(&id) && !ids.contains(&id)
        };
        let mut on_tags: HashMap<TagId, Vec<usize>> = HashMap::with_capacity(self.entries.len());
        for (slot, entry) in self.entries.iter().enumerate() {
            on_tags.entry(entry.alarm.tag()).or_default().push(slot);
        }
        let mut accepted: Vec<(Alarm, NewRoles)> = Vec::with_capacity(put.len());
        let mut names: HashMap<String, usize> = HashMap::with_capacity(put.len());
        let mut on_tag: HashMap<TagId, Vec<usize>> = HashMap::new();
        for candidate in put {
            let (definition, position) = (&candidate.definition, accepted.len());
            let invalid = |(field, fault)| AlarmError::Invalid { alarm: definition.name.clone(), field, fault };
            let known = self.by_name.get(&definition.name).filter(|slot| stays(slot));
            if let Some(&first) = known.or_else(|| names.get(&definition.name)) {
                return Err(invalid(("name", Fault::Duplicate { first })));
            }
            let there = on_tags.get(&candidate.tag).into_iter().flatten().filter(|slot| stays(slot));
            let fellows = on_tag.entry(candidate.tag).or_default();
            let others = there
                .map(|&slot| self.entries[slot].alarm.definition())
                .chain(fellows.iter().map(|&fellow| accepted[fellow].0.definition()));
            check_limit_order(definition, others).map_err(invalid)?;
            fellows.push(position);
            names.insert(definition.name.clone(), self.entries.len() + position);
            let roles = roles_of(&candidate);
            accepted.push((Alarm::new(candidate)?, roles));
        }
        Ok(accepted)
    }

    /// Ends what a removed alarm stands for, and remembers how far it has counted.
    fn retire(&mut self, mut alarm: Alarm, now: Timestamp) -> Option<AlarmEffect> {
        let ended = alarm.end(AlarmEvent::Removed, self.watches[alarm.source().index()].sample(now), now);
        self.retired.insert(alarm.id(), alarm.memory().clone());
        Some(effect(&alarm, ended?))
    }

    /// Puts an alarm in the place of the one before, where there was one, and judges it by what its tags show.
    fn put(&mut self, new: (Alarm, NewRoles), before: Option<Alarm>, now: Timestamp, changed: &mut Changed) {
        let (mut alarm, roles) = new;
        let mut preceding = Vec::new();
        if let Some(mut before) = before {
            let sample = self.watches[before.source().index()].sample(now);
            if before.tag() != alarm.tag() || before.definition().kind != alarm.definition().kind {
                preceding.extend(before.end(AlarmEvent::Reconfigured, sample, now));
            }
            alarm.succeed(&before);
            if alarm.definition().priority > before.definition().priority {
                preceding.extend(alarm.escalate(sample, now));
            }
        } else if let Some(memory) = self.retired.remove(&alarm.id()) {
            // Newer than whatever the database may have said.
            alarm.recall(memory);
        }
        changed.effects.extend(preceding.into_iter().map(|transition| effect(&alarm, transition)));
        let (source, slot) = (alarm.source(), self.insert(alarm, roles));
        let set_point = self.entries[slot].roles.iter().find(|(_, role)| *role == Role::SetPoint);
        if let Some((tag, _)) = set_point {
            let limit = self.limit_in_order(slot, self.watches[tag.index()].usable_f64());
            self.entries[slot].alarm.set_limit(limit);
        }
        let known = changed.effects.len();
        let (value, quality) = self.shown_by_source(slot);
        let sample = Sample { value: value.as_ref(), quality, source_time: now };
        self.act(slot, &mut changed.effects, |alarm| alarm.feed(sample, now));
        self.suppress_as_told(slot, now, changed);
        if changed.effects.len() == known {
            // It is told in any case, as it is now.
            let status = self.entries[slot].alarm.status();
            changed.effects.push(AlarmEffect { status, record: None, is_quiet: false });
        }
        changed.unseen |= self.entries[slot].roles.iter().any(|(tag, _)| self.watches[tag.index()].is_unseen());
        self.screen(source);
    }

    /// Takes what the tag of its suppression shows already.
    fn suppress_as_told(&mut self, slot: usize, now: Timestamp, changed: &mut Changed) {
        let role = self.entries[slot].roles.iter().find(|(_, role)| *role == Role::Suppressed);
        // One that is no longer suppressed by anything is so no longer.
        let says = match role {
            Some((tag, _)) => self.watches[tag.index()].usable_bool(),
            None => Some(false),
        };
        let Some(says) = says else { return };
        let (value, quality) = self.shown_by_source(slot);
        let sample = Sample { value: value.as_ref(), quality, source_time: now };
        let deed = Deed { reason: None, ..Deed::system("", now, sample) };
        self.act(slot, &mut changed.effects, |alarm| alarm.suppress(says, deed).into_iter().collect());
    }

    fn insert(&mut self, alarm: Alarm, roles: NewRoles) -> usize {
        let (slot, definition) = (self.entries.len(), alarm.definition());
        let search = (definition.name.to_lowercase(), definition.tag.to_lowercase());
        self.by_id.insert(alarm.id(), slot);
        self.by_name.insert(definition.name.clone(), slot);
        for (tag, role) in &roles {
            let tag = tag.index();
            if self.watches.len() <= tag {
                self.watches.resize_with(tag + 1, Watch::unwatched);
                self.by_tag.resize_with(tag + 1, Vec::new);
            }
            self.watches[tag].quiet = QuietBand::NOTHING;
            self.by_tag[tag].push((slot, *role));
        }
        self.in_state[alarm.shown() as usize] += 1;
        if let Some(group) = definition.group.as_ref().filter(|_| alarm.state() != AlarmState::Norm) {
            stand(&mut self.standing, group, true);
        }
        let due = alarm.due();
        self.due.extend(due.map(|due| (due, alarm.id())));
        self.entries.push(Entry { alarm, roles, due, search });
        slot
    }

    /// Takes an alarm out; the last one moves into its place.
    fn take(&mut self, id: AlarmId) -> Option<Alarm> {
        let slot = self.by_id.remove(&id)?;
        let last = self.entries.len() - 1;
        let Entry { alarm, roles, due, .. } = self.entries.swap_remove(slot);
        self.by_name.remove(&alarm.definition().name);
        due.map(|due| self.due.remove(&(due, id)));
        for (tag, _) in &roles {
            self.by_tag[tag.index()].retain(|(other, _)| *other != slot);
        }
        self.in_state[alarm.shown() as usize] -= 1;
        if let Some(group) = alarm.definition().group.as_ref().filter(|_| alarm.state() != AlarmState::Norm) {
            stand(&mut self.standing, group, false);
        }
        if let Some(Entry { alarm: moved, roles, .. }) = self.entries.get(slot) {
            self.by_id.insert(moved.id(), slot);
            self.by_name.insert(moved.definition().name.clone(), slot);
            for (tag, _) in roles {
                let places = self.by_tag[tag.index()].iter_mut().map(|(place, _)| place);
                places.filter(|place| **place == last).for_each(|place| *place = slot);
            }
        }
        roles.iter().for_each(|(tag, _)| self.screen(*tag));
        Some(alarm)
    }

    /// Tells the definitions of a tag's alarms its new name; the alarms afterwards.
    pub fn rename_tags(&mut self, names: &[(TagId, String)]) -> Vec<AlarmStatus> {
        let names: HashMap<TagId, &str> = names.iter().map(|(tag, name)| (*tag, name.as_str())).collect();
        let mut renamed = Vec::new();
        for slot in self.by_id.values() {
            let Entry { alarm, search, .. } = &mut self.entries[*slot];
            let Some(name) = names.get(&alarm.tag()) else { continue };
            alarm.rename_tag(name);
            search.1 = name.to_lowercase();
            renamed.push(alarm.status());
        }
        renamed
    }

    /// The alarms that watch any of these tags, by tag and then by id.
    #[must_use]
    pub fn uses_of(&self, tags: &[TagId]) -> Vec<TagUse> {
        let tags: BTreeSet<TagId> = tags.iter().copied().collect();
        let alarms = self.entries.iter().map(|entry| &entry.alarm).filter(|alarm| tags.contains(&alarm.tag()));
        let mut uses: Vec<TagUse> = alarms
            .map(|alarm| TagUse { tag: alarm.tag(), alarm: alarm.id(), name: alarm.definition().name.clone() })
            .collect();
        uses.sort_by_key(|found| (found.tag, found.alarm));
        uses
    }
}

/// What each tag is to a new alarm.
type NewRoles = Vec<(TagId, Role)>;

fn roles_of(new: &NewAlarm) -> NewRoles {
    let bound = [(new.set_point, Role::SetPoint), (new.suppressed, Role::Suppressed)];
    let bound = bound.into_iter().filter_map(|(tag, role)| Some((tag?, role)));
    std::iter::once((new.source, Role::Source)).chain(bound).collect()
}

fn effect(alarm: &Alarm, transition: AlarmTransition) -> AlarmEffect {
    let record = Record { alarm: alarm.id(), transition: Some(transition), memory: alarm.memory().clone() };
    AlarmEffect { status: alarm.status(), record: Some(record), is_quiet: false }
}

#[cfg(test)]
mod tests;
