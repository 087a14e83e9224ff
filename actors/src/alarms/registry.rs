//! All alarms of the plant: rules, evaluation, deadlines, lists and counts. Pure.
//!
//! Evaluation is screened: per tag the registry keeps the values within which no alarm of the tag can move, so that a
//! quiet sample costs two comparisons however many alarms look at it.

mod change;
mod commands;

pub use change::Changed;
pub use commands::ShelfLimits;

use super::alarm::{Alarm, Sample};
use super::condition::QuietBand;
use super::flags::Deed;
use super::{
    AlarmCounts, AlarmError, AlarmMemory, AlarmState, AlarmStatus, AlarmTransition, ListAlarms, Pending, Record,
};
use crate::cvt::TagChange;
use flyball_schema::definition::check_limit_values;
use flyball_schema::{AlarmId, Quality, TagId, Timestamp, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;

/// What became of an alarm.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmEffect {
    /// The alarm afterwards.
    pub status: AlarmStatus,
    /// What has to be durable; `None` where only the hold by quality began or ended.
    pub record: Option<Record>,
    /// Nobody has to be told: only a delay began or ended.
    pub is_quiet: bool,
}

/// Reply to [`Registry::evaluate`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Evaluation {
    /// How many of the changes were evaluated.
    pub consumed: usize,
    /// What became of alarms, in order.
    pub effects: Vec<AlarmEffect>,
}

/// What a tag is to an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Its value is compared with the set point.
    Source,
    /// Its value is the set point.
    SetPoint,
    /// It tells whether the alarm is suppressed by design.
    Suppressed,
}

/// A tag as its alarms see it; indexed by tag.
#[derive(Debug, Clone)]
struct Watch {
    quiet: QuietBand,
    value: Option<Value>,
    quality: Quality,
}

impl Watch {
    fn unwatched() -> Self {
        Self { quiet: QuietBand::EVERYTHING, value: None, quality: Quality::BAD_WAITING_FOR_INITIAL_DATA }
    }

    /// What the tag shows, as of `now`.
    fn sample(&self, now: Timestamp) -> Sample<'_> {
        Sample { value: self.value.as_ref(), quality: self.quality, source_time: now }
    }

    /// Its value as a number, where that may be used.
    fn usable_f64(&self) -> Option<f64> {
        self.value.as_ref().filter(|_| !self.quality.is_bad()).and_then(Value::as_f64).filter(|value| value.is_finite())
    }

    /// Its value as a truth, where that may be used.
    fn usable_bool(&self) -> Option<bool> {
        self.value.as_ref().filter(|_| !self.quality.is_bad()).and_then(Value::as_bool)
    }

    /// Whether nothing is known of the tag.
    fn is_unseen(&self) -> bool {
        self.value.is_none() && self.quality == Quality::BAD_WAITING_FOR_INITIAL_DATA
    }

    /// Remembers what the tag shows; whether no alarm of the tag can move by it.
    fn take(&mut self, change: &TagChange) -> bool {
        self.quality = change.quality;
        let is_quiet = change.usable_f64().is_some_and(|value| self.quiet.contains(value));
        self.value.clone_from(&change.value);
        is_quiet
    }
}

#[derive(Debug, Clone)]
struct Entry {
    alarm: Alarm,
    /// What each tag is to it.
    roles: Vec<(TagId, Role)>,
    /// When it is due by the clock, as `due` of the registry has it.
    due: Option<Timestamp>,
    /// Name and tag name in lower case, for searching.
    search: (String, String),
}

/// All alarms.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    entries: Vec<Entry>,
    by_id: BTreeMap<AlarmId, usize>,
    by_name: HashMap<String, usize>,
    /// Positions of a tag's alarms, and what it is to them; indexed by tag, like `watches`.
    by_tag: Vec<Vec<(usize, Role)>>,
    watches: Vec<Watch>,
    /// Alarms shown in each state; indexed by state.
    in_state: [usize; AlarmState::ALL.len()],
    /// Alarms of each group that stand.
    standing: HashMap<String, usize>,
    /// Alarms by when they are due.
    due: BTreeSet<(Timestamp, AlarmId)>,
    shelf_limits: ShelfLimits,
    /// What alarms remembered when they were removed, for the case that they come back.
    retired: HashMap<AlarmId, AlarmMemory>,
}

/// What of an alarm is compared before and after.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Before {
    shown: AlarmState,
    core: AlarmState,
    quality_hold: bool,
    limit: Option<f64>,
    pending: Option<Pending>,
}

impl Before {
    fn of(alarm: &Alarm) -> Self {
        let (shown, core, quality_hold) = (alarm.shown(), alarm.state(), alarm.quality_hold());
        Self { shown, core, quality_hold, limit: alarm.limit(), pending: alarm.memory().pending }
    }
}

impl Registry {
    /// Evaluates changes in order, from the first, until all are done or `budget` effects have come together. What was due
    /// by the clock before them is done first, however late the timer is.
    pub fn evaluate(&mut self, changes: &[TagChange], now: Timestamp, budget: usize) -> Evaluation {
        let mut evaluation = Evaluation { consumed: changes.len(), effects: Vec::new() };
        if self.next_due().is_some_and(|due| due <= now) {
            evaluation.effects = self.tick(now, budget);
            if evaluation.effects.len() >= budget {
                return Evaluation { consumed: 0, ..evaluation };
            }
        }
        for (position, change) in changes.iter().enumerate() {
            let Some(watch) = self.watches.get_mut(change.tag.index()) else { continue };
            if watch.take(change) {
                continue;
            }
            self.judge(change, now, &mut evaluation.effects);
            if evaluation.effects.len() >= budget {
                evaluation.consumed = position + 1;
                break;
            }
        }
        evaluation
    }

    /// Feeds a change to every alarm that its tag is something to.
    fn judge(&mut self, change: &TagChange, now: Timestamp, effects: &mut Vec<AlarmEffect>) {
        for place in 0..self.by_tag[change.tag.index()].len() {
            let (slot, role) = self.by_tag[change.tag.index()][place];
            match role {
                Role::Source => {
                    let sample = Sample {
                        value: change.value.as_ref(),
                        quality: change.quality,
                        source_time: change.source_time,
                    };
                    self.act(slot, effects, |alarm| alarm.feed(sample, now));
                }
                Role::SetPoint => {
                    self.bind(slot, change.source_time, now, effects);
                    let alarm = &self.entries[slot].alarm;
                    if let (Some(limit), None) = (change.usable_f64(), alarm.limit()) {
                        let name = &alarm.definition().name;
                        log::error!("alarm \"{name}\" is held: its set point {limit} is not in order with the others");
                    }
                    let source = alarm.source();
                    self.bind_all(source, change.source_time, now, effects);
                }
                Role::Suppressed => {
                    let is_usable = !change.quality.is_bad();
                    let Some(says) = change.value.as_ref().filter(|_| is_usable).and_then(Value::as_bool) else {
                        continue;
                    };
                    let (value, quality) = self.shown_by_source(slot);
                    let sample = Sample { value: value.as_ref(), quality, source_time: now };
                    let deed = Deed { reason: None, ..Deed::system("", now, sample) };
                    self.act(slot, effects, |alarm| alarm.suppress(says, deed).into_iter().collect());
                }
            }
        }
        self.screen(change.tag);
    }

    /// Does what is due by the clock, each alarm once, until all is done or `budget` effects have come together.
    pub fn tick(&mut self, now: Timestamp, budget: usize) -> Vec<AlarmEffect> {
        let mut effects = Vec::new();
        let due: Vec<AlarmId> =
            self.due.iter().take_while(|(due, _)| *due <= now).take(budget).map(|(_, id)| *id).collect();
        for id in due {
            if effects.len() >= budget {
                break;
            }
            let Some(&slot) = self.by_id.get(&id) else { continue };
            let (value, quality) = self.shown_by_source(slot);
            let sample = Sample { value: value.as_ref(), quality, source_time: now };
            self.act(slot, &mut effects, |alarm| alarm.tick(sample, now));
            let source = self.entries[slot].alarm.source();
            self.screen(source);
        }
        effects
    }

    /// When something is due by the clock next.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Has something done to an alarm, and keeps the books: counts, groups, deadlines, and what has to be told.
    fn act(
        &mut self,
        slot: usize,
        effects: &mut Vec<AlarmEffect>,
        deed: impl FnOnce(&mut Alarm) -> Vec<AlarmTransition>,
    ) {
        let alarm = &mut self.entries[slot].alarm;
        if let Some(group) = &alarm.definition().group {
            let is_first = !self.standing.contains_key(group);
            alarm.set_would_be_first(is_first);
        }
        let before = Before::of(alarm);
        let transitions = deed(alarm);
        self.book(slot, before, transitions, effects);
    }

    fn book(&mut self, slot: usize, before: Before, transitions: Vec<AlarmTransition>, effects: &mut Vec<AlarmEffect>) {
        let Entry { alarm, due, .. } = &mut self.entries[slot];
        let (after, id) = (Before::of(alarm), alarm.id());
        self.in_state[before.shown as usize] -= 1;
        self.in_state[after.shown as usize] += 1;
        let stands = |state| state != AlarmState::Norm;
        if let Some(group) = alarm.definition().group.as_ref().filter(|_| stands(before.core) != stands(after.core)) {
            stand(&mut self.standing, group, stands(after.core));
        }
        let next_due = alarm.due();
        if next_due != *due {
            due.map(|due| self.due.remove(&(due, id)));
            self.due.extend(next_due.map(|due| (due, id)));
            *due = next_due;
        }
        let memory = alarm.memory();
        if transitions.is_empty() && before == after {
            return;
        }
        let status = alarm.status();
        if transitions.is_empty() {
            let is_quiet = (before.quality_hold, before.limit) == (after.quality_hold, after.limit);
            let record = Record { alarm: id, transition: None, memory: memory.clone() };
            let record = (before.pending != after.pending).then_some(record);
            effects.push(AlarmEffect { status, record, is_quiet });
            return;
        }
        for transition in transitions {
            let record = Record { alarm: id, transition: Some(transition), memory: memory.clone() };
            effects.push(AlarmEffect { status: status.clone(), record: Some(record), is_quiet: false });
        }
    }

    /// What the source of an alarm shows.
    fn shown_by_source(&self, slot: usize) -> (Option<Value>, Quality) {
        let watch = &self.watches[self.entries[slot].alarm.source().index()];
        (watch.value.clone(), watch.quality)
    }

    /// Takes the set point that the tag of an alarm's set point shows, and judges the alarm by it.
    fn bind(&mut self, slot: usize, source_time: Timestamp, now: Timestamp, effects: &mut Vec<AlarmEffect>) {
        let roles = &self.entries[slot].roles;
        let Some((tag, _)) = roles.iter().find(|(_, role)| *role == Role::SetPoint) else { return };
        let limit = self.limit_in_order(slot, self.watches[tag.index()].usable_f64());
        let (value, quality) = self.shown_by_source(slot);
        let sample = Sample { value: value.as_ref(), quality, source_time };
        self.act(slot, effects, |alarm| if alarm.set_limit(limit) { alarm.feed(sample, now) } else { Vec::new() });
    }

    /// Binds every alarm of a source once more, after limits there have changed: what was out of order may be in order now.
    fn bind_all(&mut self, source: TagId, source_time: Timestamp, now: Timestamp, effects: &mut Vec<AlarmEffect>) {
        for place in 0..self.by_tag[source.index()].len() {
            let (slot, role) = self.by_tag[source.index()][place];
            if role == Role::Source {
                self.bind(slot, source_time, now, effects);
            }
        }
        self.screen(source);
    }

    /// A set point from a tag, where it does not break the order of the limits.
    fn limit_in_order(&self, slot: usize, limit: Option<f64>) -> Option<f64> {
        let own = &self.entries[slot].alarm;
        let fellows =
            self.by_tag[own.source().index()].iter().filter(|(other, role)| *other != slot && *role == Role::Source);
        let mut fellows = fellows.map(|(other, _)| &self.entries[*other].alarm);
        let is_in_order = |other: &Alarm| {
            limit.zip(other.limit()).is_none_or(|(own_limit, limit)| {
                check_limit_values((own.definition().kind, own_limit), (other.definition().kind, limit))
            })
        };
        limit.filter(|_| fellows.all(is_in_order))
    }

    /// Works out where the alarms of a tag are quiet.
    fn screen(&mut self, tag: TagId) {
        let bands = self.by_tag[tag.index()].iter().map(|&(slot, role)| match role {
            Role::Source => self.entries[slot].alarm.quiet_band(),
            Role::SetPoint | Role::Suppressed => QuietBand::NOTHING,
        });
        self.watches[tag.index()].quiet = bands.fold(QuietBand::EVERYTHING, QuietBand::and);
    }

    fn slot(&self, id: AlarmId) -> Result<usize, AlarmError> {
        self.by_id.get(&id).copied().ok_or(AlarmError::UnknownAlarm(id))
    }

    /// One alarm.
    ///
    /// # Errors
    /// [`AlarmError::UnknownAlarm`].
    pub fn status(&self, id: AlarmId) -> Result<AlarmStatus, AlarmError> {
        self.slot(id).map(|slot| self.entries[slot].alarm.status())
    }

    /// Every alarm, by id.
    pub fn statuses(&self) -> impl Iterator<Item = AlarmStatus> {
        self.by_id.values().map(|&slot| self.entries[slot].alarm.status())
    }

    /// The alarms that a query asks for, by id.
    #[must_use]
    pub fn list(&self, query: &ListAlarms) -> Vec<AlarmStatus> {
        let contains = query.contains.as_ref().map(|text| text.to_lowercase());
        let wanted = |entry: &&Entry| {
            let (alarm, definition) = (&entry.alarm, entry.alarm.definition());
            (query.states.is_empty() || query.states.contains(&alarm.shown()))
                && (query.priorities.is_empty() || query.priorities.contains(&definition.priority))
                && query.tag.is_none_or(|tag| tag == alarm.tag())
                && query.tags.as_ref().is_none_or(|tags| tags.contains(&alarm.tag()))
                && contains.as_ref().is_none_or(|text| entry.search.0.contains(text) || entry.search.1.contains(text))
        };
        let start = query.after.map_or(Bound::Unbounded, Bound::Excluded);
        let entries = self.by_id.range((start, Bound::Unbounded)).map(|(_, &slot)| &self.entries[slot]);
        entries.filter(wanted).take(query.limit).map(|entry| entry.alarm.status()).collect()
    }

    /// How many alarms are in which state; `pending` is the caller's to fill in.
    #[must_use]
    pub fn counts(&self) -> AlarmCounts {
        let count = |states: &[AlarmState]| states.iter().map(|state| self.in_state[*state as usize]).sum::<usize>();
        let hidden = [AlarmState::Shlvd, AlarmState::Dsupr, AlarmState::Oosrv];
        AlarmCounts {
            total: self.entries.len(),
            unacknowledged: count(&[AlarmState::Unack, AlarmState::Rtnun, AlarmState::Ltunk]),
            active: count(&[AlarmState::Unack, AlarmState::Acked]),
            standing: self.entries.len() - count(&[AlarmState::Norm]) - count(&hidden),
            shelved: count(&[AlarmState::Shlvd]),
            suppressed: count(&[AlarmState::Dsupr]),
            out_of_service: count(&[AlarmState::Oosrv]),
            pending: 0,
        }
    }
}

/// One more of a group stands, or one less.
fn stand(standing: &mut HashMap<String, usize>, group: &str, more: bool) {
    if more {
        *standing.entry(group.to_owned()).or_default() += 1;
    } else if let Some(count) = standing.get_mut(group) {
        *count -= 1;
        if *count == 0 {
            standing.remove(group);
        }
    }
}

#[cfg(test)]
mod tests;
