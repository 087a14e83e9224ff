//! Tags that come, change and go while the others go on.

use super::compact::Compact;
use super::deadlines::Deadline;
use super::slot::Slot;
use super::table::Table;
use super::{CvtError, TagChange, Update};
use crate::expressions::{Outcome, Program, Reading, shape};
use actix::Message;
use flyball_schema::definition::{Fault, TagDefinition, check_tag};
use flyball_schema::expression::{Cycle, Expression};
use flyball_schema::{DataType, Quality, TagId, Timestamp, Value};
use hashbrown::HashTable;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::time::Duration;

/// A tag to be added, with what the database remembers of it.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTag {
    /// Identity, which the database never gives twice.
    pub id: TagId,
    /// What it is.
    pub definition: TagDefinition,
    /// Sums of its expression, as [`ReadSums`](super::ReadSums) gave them.
    pub sums: Option<serde_json::Value>,
    /// The value that an operator has put in place of the source's.
    pub substituted: Option<Value>,
    /// The plant makes it by itself.
    pub made: bool,
}

impl NewTag {
    /// A tag that nothing is remembered of.
    #[must_use]
    pub fn new(id: TagId, definition: TagDefinition) -> Self {
        Self { id, definition, sums: None, substituted: None, made: false }
    }
}

/// Adds, changes, renames and removes tags in one step, all or none; every other tag goes on.
///
/// * A new tag is broadcast with its initial value, or as bad (*waiting for initial data*). A changed one keeps value and
///   quality, but for another type, node or expression; another filter or screen begins anew, with the last value that
///   came in. A tag that is removed is not broadcast any more.
/// * Errors: [`CvtError::UnknownTag`], [`CvtError::DuplicateName`], [`CvtError::DuplicateId`], [`CvtError::Invalid`];
///   nothing has changed then.
/// * Ordering: synchronous handler, so that writes come before or after it as a whole.
#[derive(Debug, Clone, Default, Message)]
#[rtype(result = "Result<(), CvtError>")]
pub struct ChangeTags {
    /// Tags to be added.
    pub create: Vec<NewTag>,
    /// Tags to be changed, each with its new definition; another name renames it.
    pub change: Vec<(TagId, TagDefinition)>,
    /// Tags to be removed.
    pub remove: Vec<TagId>,
    /// Tags that a later message removes, because others still use them: they go on meanwhile, but stand in the way of
    /// nothing. Their names are free at once; a derived one that reads a tag which is now of another type is calculated
    /// no more, and bad (*configuration error*) until it goes. One that is not there counts for nothing.
    pub leaving: Vec<TagId>,
    /// Tags that the plant now makes by itself, or no longer does, changed otherwise or not; the rest stay as they are.
    pub made: Vec<(TagId, bool)>,
}

/// Programs of the derived tags that a change concerns; none for one that is no longer derived.
type Programs = HashMap<TagId, Option<Program>>;

impl Table {
    /// Applies a change, all or none; states that are new or other ones are appended to `changes`.
    ///
    /// # Errors
    /// See [`ChangeTags`].
    pub fn change(&mut self, change: ChangeTags, now: Timestamp, changes: &mut Vec<TagChange>) -> Result<(), CvtError> {
        let mut programs = self.check(&change)?;
        for NewTag { id, sums, .. } in &change.create {
            let (Some(sums), Some(Some(program))) = (sums, programs.get_mut(id)) else { continue };
            if let Err(error) = program.restore(sums) {
                log::error!("the sums of tag {id} begin anew: {error}");
            }
        }
        let given_up: Vec<TagId> =
            change.leaving.iter().filter(|id| matches!(programs.get(id), Some(None))).copied().collect();
        if !programs.is_empty() {
            self.network.change(programs.into_iter().collect()).map_err(|cycle| self.named(cycle))?;
        }
        let before = changes.len();
        for id in &change.remove {
            self.forget(*id);
        }
        for id in change.change.iter().map(|(id, _)| id).chain(&change.leaving) {
            self.unname(*id);
        }
        for (id, definition) in change.change {
            self.redefine(id, definition, now, changes);
        }
        let bound = change.create.iter().map(|tag| tag.id.index() + 1).max().unwrap_or(0).max(self.hot.len());
        self.hot.resize_with(bound, || None);
        self.definitions.resize_with(bound, || None);
        for tag in change.create {
            self.insert(tag, now, changes);
        }
        for (id, made) in change.made {
            if let Some(definition) = self.definitions.get_mut(id.index()).and_then(Option::as_mut) {
                definition.made = made;
            }
        }
        for id in given_up {
            let Some(slot) = self.slot_mut(id) else { continue };
            let written = slot.take(Update::quality(id, Quality::BAD_CONFIGURATION_ERROR), now);
            self.settle(id, written, now, changes);
        }
        self.derive(before, now, changes);
        Ok(())
    }

    /// Adds tags that nothing is remembered of, all or none; the state of each is appended to `changes`.
    ///
    /// # Errors
    /// See [`ChangeTags`].
    pub fn create(
        &mut self,
        tags: Vec<(TagId, TagDefinition)>,
        now: Timestamp,
        changes: &mut Vec<TagChange>,
    ) -> Result<(), CvtError> {
        let create = tags.into_iter().map(|(id, definition)| NewTag::new(id, definition)).collect();
        self.change(ChangeTags { create, ..ChangeTags::default() }, now, changes)
    }

    /// Holds a change against the rules, and compiles what it calculates.
    fn check(&self, change: &ChangeTags) -> Result<Programs, CvtError> {
        let changed = || change.change.iter().map(|(id, definition)| (*id, definition));
        let created = || change.create.iter().map(|tag| (tag.id, &tag.definition));
        let known = change.remove.iter().copied().chain(changed().map(|(id, _)| id));
        if let Some(unknown) = known.into_iter().find(|id| self.slot(*id).is_none()) {
            return Err(CvtError::UnknownTag(unknown));
        }
        let going = change.remove.iter().chain(&change.leaving).copied();
        let freed: HashSet<TagId> = going.chain(changed().map(|(id, _)| id)).collect();
        let mut names: HashMap<&str, (TagId, DataType)> = HashMap::new();
        let mut ids = HashSet::new();
        for (id, definition) in changed().chain(created()) {
            let tag = || definition.name.clone();
            check_tag(definition).map_err(|(field, fault)| CvtError::Invalid { tag: tag(), field, fault })?;
            if !ids.insert(id) {
                return Err(CvtError::DuplicateId(id));
            }
            let taken = self.resolve(&definition.name).is_some_and(|other| !freed.contains(&other));
            if taken || names.insert(&definition.name, (id, definition.data_type)).is_some() {
                return Err(CvtError::DuplicateName(tag()));
            }
        }
        if let Some((id, _)) = created().find(|(id, _)| self.slot(*id).is_some()) {
            return Err(CvtError::DuplicateId(id));
        }
        let find = |name: &str| {
            names.get(name).copied().or_else(|| {
                let id = self.resolve(name).filter(|id| !freed.contains(id))?;
                Some((id, self.slot(id)?.data_type))
            })
        };
        let retyped = self.retyped(change);
        let mut programs = Programs::new();
        for (id, definition) in changed().chain(created()) {
            let mut program = compile(definition, &find)?;
            // One whose expression stays goes on with its windows and sums.
            if program.is_some() && self.is_calculated_alike(id, definition, &find) {
                let reads_retyped = |program: &Program| program.inputs().iter().any(|input| retyped.contains(input));
                if !program.as_ref().is_some_and(reads_retyped) {
                    continue;
                }
                self.resume(id, &mut program);
            }
            if program.is_some() || self.network.program(id).is_some() {
                programs.insert(id, program);
            }
        }
        programs.extend(change.remove.iter().filter(|id| self.network.program(**id).is_some()).map(|id| (*id, None)));
        self.recompile(change, &retyped, &ids, &find, &mut programs)?;
        Ok(programs)
    }

    /// Tags that are now of another type.
    fn retyped(&self, change: &ChangeTags) -> HashSet<TagId> {
        let is_retyped = |(id, definition): &&(TagId, TagDefinition)| {
            self.slot(*id).is_some_and(|slot| slot.data_type != definition.data_type)
        };
        change.change.iter().filter(is_retyped).map(|(id, _)| *id).collect()
    }

    /// Compiles those again that read a tag which is now of another type, or one that is leaving and whose name may now be
    /// another's; what is leaving itself is not compiled any more.
    fn recompile(
        &self,
        change: &ChangeTags,
        retyped: &HashSet<TagId>,
        done: &HashSet<TagId>,
        find: &dyn Fn(&str) -> Option<(TagId, DataType)>,
        programs: &mut Programs,
    ) -> Result<(), CvtError> {
        let leaving: HashSet<TagId> = change.leaving.iter().copied().collect();
        let is_open = |id: &TagId| !done.contains(id) && !programs.contains_key(id);
        let readers_of = |tags: &HashSet<TagId>| -> HashSet<TagId> {
            tags.iter().flat_map(|id| self.network.dependents(*id)).filter(is_open).collect()
        };
        let (of_retyped, of_leaving) = (readers_of(retyped), readers_of(&leaving));
        programs.extend(of_retyped.intersection(&leaving).map(|id| (*id, None)));
        for id in of_retyped.union(&of_leaving).copied().filter(|id| !leaving.contains(id)) {
            let definition = self.definition_of(id).ok_or(CvtError::UnknownTag(id))?;
            let mut program = compile(&definition, find)?;
            if self.is_calculated_alike(id, &definition, find) {
                self.resume(id, &mut program);
            }
            programs.insert(id, program);
        }
        Ok(())
    }

    /// Hands the windows and sums of a tag's present program on to the one that takes its place.
    fn resume(&self, id: TagId, program: &mut Option<Program>) {
        if let (Some(program), Some(before)) = (program, self.network.program(id)) {
            program.resume(before);
        }
    }

    /// Whether a derived tag goes on to calculate what it does: the same, whatever the tags it reads are called now.
    fn is_calculated_alike(
        &self,
        id: TagId,
        after: &TagDefinition,
        find: &dyn Fn(&str) -> Option<(TagId, DataType)>,
    ) -> bool {
        let Some(before) = self.definition_of(id) else { return false };
        let now = |name: &str| find(name).map(|(id, _)| id);
        let shapes = before.expression.zip(after.expression.as_deref()).and_then(|(before, after)| {
            let (before, after) = (Expression::parse(&before).ok()?, Expression::parse(after).ok()?);
            Some((shape(&before, &|name| self.resolve(name))?, shape(&after, &now)?))
        });
        before.data_type == after.data_type && shapes.is_some_and(|(before, after)| before == after)
    }

    fn named(&self, cycle: Cycle<TagId>) -> CvtError {
        let name = |tag: TagId| self.definition(tag).map_or_else(|| tag.to_string(), |it| it.name().to_owned());
        CvtError::Cycle(cycle.map(name))
    }

    fn forget(&mut self, id: TagId) {
        self.unname(id);
        let Some(slot) = self.hot.get_mut(id.index()).and_then(Option::take) else { return };
        self.bad -= usize::from(slot.state.quality.is_bad());
        self.count -= 1;
        self.definitions[id.index()] = None;
    }

    fn unname(&mut self, id: TagId) {
        let Some(name) = self.definition(id).map(|definition| definition.name().to_owned()) else { return };
        let hash = self.hasher.hash_one(name.as_str());
        if let Ok(entry) = self.names.find_entry(hash, |other| *other == id) {
            entry.remove();
        }
    }

    fn name(&mut self, name: &str, id: TagId) {
        let hash = self.hasher.hash_one(name);
        let (definitions, hasher) = (&self.definitions, &self.hasher);
        let rehash = |id: &TagId| {
            let name = definitions.get(id.index()).and_then(Option::as_ref).map_or("", Compact::name);
            hasher.hash_one(name)
        };
        HashTable::insert_unique(&mut self.names, hash, id, rehash);
    }

    fn insert(&mut self, tag: NewTag, now: Timestamp, changes: &mut Vec<TagChange>) {
        let NewTag { id, definition, substituted, made, .. } = tag;
        let mut slot = Slot::new(id, &definition, now);
        if let Some(value) = substituted.and_then(|value| value.coerce(definition.data_type)) {
            slot.substitute(value, now);
        }
        self.seq += 1;
        slot.state.seq = self.seq;
        self.bad += usize::from(slot.state.quality.is_bad());
        changes.push(slot.state.clone());
        self.hot[id.index()] = Some(slot);
        let name = definition.name.clone();
        self.definitions[id.index()] = Some(Compact::new(definition, made, &mut self.interner));
        self.name(&name, id);
        self.count += 1;
        self.watch(id, now);
    }

    fn redefine(&mut self, id: TagId, definition: TagDefinition, now: Timestamp, changes: &mut Vec<TagChange>) {
        let Some(before) = self.definition_of(id) else { return };
        let Some(slot) = self.slot_mut(id) else { return };
        let written = slot.redefine(&before, &definition, now);
        let (name, made) = (definition.name.clone(), self.definition(id).is_some_and(|tag| tag.made));
        self.definitions[id.index()] = Some(Compact::new(definition, made, &mut self.interner));
        self.name(&name, id);
        self.settle(id, written, now, changes);
        self.watch(id, now);
    }

    /// Sets the deadlines of a tag that has to be heard, or reported, at least every so often.
    fn watch(&mut self, id: TagId, now: Timestamp) {
        let Some(slot) = self.slot_mut(id) else { return };
        let has_value = !slot.state.quality.is_bad();
        let Some(extra) = slot.extra.as_deref_mut() else { return };
        let stale_after = extra.stale_after.filter(|_| has_value && !extra.armed.stale);
        let max_silence = extra.max_silence.filter(|_| !extra.armed.silence);
        extra.armed.stale |= stale_after.is_some();
        extra.armed.silence |= max_silence.is_some();
        let due =
            [stale_after.map(|after| (after, Deadline::Stale)), max_silence.map(|after| (after, Deadline::Silence))];
        for (after, deadline) in due.into_iter().flatten() {
            self.deadlines.set(now + after, id, deadline);
        }
    }

    /// Does what is due by the clock; states that are new are appended to `changes`.
    pub fn tick(&mut self, now: Timestamp, changes: &mut Vec<TagChange>) {
        let before = changes.len();
        while let Some((tag, deadline)) = self.deadlines.next(now) {
            let Some(slot) = self.slot_mut(tag) else { continue };
            let (written, again) = slot.due(deadline, now);
            self.settle(tag, written, now, changes);
            if let Some(again) = again {
                self.deadlines.set(again, tag, deadline);
            }
        }
        if now >= self.timed_due {
            self.timed_due = now + TIMED_EVERY;
            self.network.mark_timed();
        }
        self.derive(before, now, changes);
    }

    /// Puts a value in place of what comes in for a tag.
    ///
    /// # Errors
    /// [`CvtError::UnknownTag`], [`CvtError::WrongType`].
    pub fn substitute(
        &mut self,
        tag: TagId,
        value: Value,
        now: Timestamp,
        changes: &mut Vec<TagChange>,
    ) -> Result<(), CvtError> {
        let before = changes.len();
        let slot = self.slot_mut(tag).ok_or(CvtError::UnknownTag(tag))?;
        let (expected, offered) = (slot.data_type, value.to_string());
        let value = value.coerce(expected).filter(Value::is_finite);
        let written = slot.substitute(value.ok_or(CvtError::WrongType { tag, expected, value: offered })?, now);
        self.settle(tag, written, now, changes);
        self.derive(before, now, changes);
        Ok(())
    }

    /// Lets what comes in through again.
    ///
    /// # Errors
    /// [`CvtError::UnknownTag`].
    pub fn release(&mut self, tag: TagId, now: Timestamp, changes: &mut Vec<TagChange>) -> Result<(), CvtError> {
        let before = changes.len();
        let written = self.slot_mut(tag).ok_or(CvtError::UnknownTag(tag))?.release(now);
        self.settle(tag, written, now, changes);
        self.network.mark_derived(tag);
        self.derive(before, now, changes);
        Ok(())
    }

    /// The sums of derived tags: totals, running hours.
    #[must_use]
    pub fn sums(&self) -> Vec<(TagId, serde_json::Value)> {
        let memory = |tag: TagId| Some((tag, self.network.program(tag)?.memory()?));
        self.network.timed().filter_map(memory).collect()
    }

    /// How many tags are calculated from others.
    #[must_use]
    pub fn derived(&self) -> usize {
        self.network.len()
    }

    /// Calculates what depends on the changes from `first` on, each derived tag once and after what it reads.
    #[inline]
    pub(super) fn derive(&mut self, first: usize, now: Timestamp, changes: &mut Vec<TagChange>) {
        if !self.network.is_empty() {
            self.derive_all(first, now, changes);
        }
    }

    #[inline(never)]
    fn derive_all(&mut self, first: usize, now: Timestamp, changes: &mut Vec<TagChange>) {
        for change in changes.get(first..).unwrap_or_default() {
            self.network.mark(change.tag);
        }
        while let Some(tag) = self.network.next_due() {
            let hot = &self.hot;
            let read = |input: TagId| {
                let state = &hot.get(input.index())?.as_ref()?.state;
                Some(Reading { value: state.value.as_ref(), quality: state.quality })
            };
            let Some(Outcome { value, quality }) = self.network.evaluate(tag, now, read) else { continue };
            let Some(slot) = self.slot_mut(tag) else { continue };
            let written = slot.take(Update { tag, value, quality, source_time: None }, now);
            if written.is_change {
                self.network.mark(tag);
            }
            self.settle(tag, written, now, changes);
        }
    }
}

/// How often expressions that depend on time itself are calculated without a change.
const TIMED_EVERY: Duration = Duration::from_secs(1);

fn compile(
    definition: &TagDefinition,
    find: &dyn Fn(&str) -> Option<(TagId, DataType)>,
) -> Result<Option<Program>, CvtError> {
    let Some(text) = &definition.expression else { return Ok(None) };
    let program = Expression::parse(text).and_then(|it| Program::compile(&it, definition.data_type, find));
    program.map(Some).map_err(|error| CvtError::Invalid {
        tag: definition.name.clone(),
        field: "expression",
        fault: Fault::Expression(error),
    })
}
