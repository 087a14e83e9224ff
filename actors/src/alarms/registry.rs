//! All alarms of the plant: rules, evaluation, lists and counts. Pure.
//!
//! Evaluation is screened: per tag the registry keeps the values within which no alarm of the tag can move, so that a
//! quiet sample costs two comparisons however many alarms look at it.

mod change;

pub use change::Changed;

use super::alarm::{Alarm, Sample};
use super::condition::QuietBand;
use super::{AlarmCounts, AlarmError, AlarmMemory, AlarmState, AlarmStatus, AlarmTransition, ListAlarms};
use crate::cvt::TagChange;
use flyball_schema::{AlarmId, Quality, TagId, Timestamp, Value};
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

/// What became of an alarm.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmEffect {
    /// The alarm afterwards.
    pub status: AlarmStatus,
    /// The transition and what has to survive a restart; `None` where only the hold by quality began or ended.
    pub transition: Option<(AlarmTransition, AlarmMemory)>,
}

/// Reply to [`Registry::evaluate`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Evaluation {
    /// How many of the changes were evaluated.
    pub consumed: usize,
    /// What became of alarms, in order.
    pub effects: Vec<AlarmEffect>,
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
    /// Name and tag name in lower case, for searching.
    search: (String, String),
}

/// All alarms.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    entries: Vec<Entry>,
    by_id: BTreeMap<AlarmId, usize>,
    by_name: HashMap<String, usize>,
    /// Positions of a tag's alarms; indexed by tag, like `watches`.
    by_tag: Vec<Vec<usize>>,
    watches: Vec<Watch>,
    /// Alarms in each state; indexed by state.
    in_state: [usize; 4],
    /// What alarms remembered when they were removed, for the case that they come back.
    retired: HashMap<AlarmId, AlarmMemory>,
}

impl Registry {
    /// Evaluates changes in order, from the first, until all are done or `budget` effects have come together.
    pub fn evaluate(&mut self, changes: &[TagChange], now: Timestamp, budget: usize) -> Evaluation {
        let mut evaluation = Evaluation { consumed: changes.len(), effects: Vec::new() };
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

    /// Feeds a change to every alarm of its tag, and works out anew where they are quiet.
    fn judge(&mut self, change: &TagChange, now: Timestamp, effects: &mut Vec<AlarmEffect>) {
        let sample = Sample { value: change.value.as_ref(), quality: change.quality, source_time: change.source_time };
        for &slot in &self.by_tag[change.tag.index()] {
            let alarm = &mut self.entries[slot].alarm;
            let held_before = alarm.quality_hold();
            let transition = alarm.feed(sample, now);
            if transition.is_none() && alarm.quality_hold() == held_before {
                continue;
            }
            count(&mut self.in_state, transition.as_ref());
            let transition = transition.map(|transition| (transition, alarm.memory().clone()));
            effects.push(AlarmEffect { status: alarm.status(), transition });
        }
        self.screen(change.tag);
    }

    /// Works out where the alarms of a tag are quiet.
    fn screen(&mut self, tag: TagId) {
        let bands = self.by_tag[tag.index()].iter().map(|&slot| self.entries[slot].alarm.quiet_band());
        self.watches[tag.index()].quiet = bands.fold(QuietBand::EVERYTHING, QuietBand::and);
    }

    /// Acknowledges an alarm.
    ///
    /// # Errors
    /// [`AlarmError::UnknownAlarm`], [`AlarmError::WrongState`]; nothing has changed.
    pub fn acknowledge(
        &mut self,
        id: AlarmId,
        by: String,
        comment: Option<String>,
        now: Timestamp,
    ) -> Result<AlarmEffect, AlarmError> {
        let slot = self.slot(id)?;
        let alarm = &mut self.entries[slot].alarm;
        let sample = self.watches[alarm.tag().index()].sample(now);
        let transition = alarm.acknowledge(by, comment, sample, now)?;
        count(&mut self.in_state, Some(&transition));
        let (tag, status, memory) = (alarm.tag(), alarm.status(), alarm.memory().clone());
        self.screen(tag);
        Ok(AlarmEffect { status, transition: Some((transition, memory)) })
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
            (query.states.is_empty() || query.states.contains(&alarm.state()))
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
        let count = |state: AlarmState| self.in_state[state as usize];
        AlarmCounts {
            total: self.entries.len(),
            unacknowledged: count(AlarmState::Unack) + count(AlarmState::Rtnun),
            active: count(AlarmState::Unack) + count(AlarmState::Acked),
            standing: self.entries.len() - count(AlarmState::Norm),
            pending: 0,
        }
    }
}

/// Moves an alarm from one state's count to another's.
fn count(in_state: &mut [usize; 4], transition: Option<&AlarmTransition>) {
    if let Some(transition) = transition {
        in_state[transition.from as usize] -= 1;
        in_state[transition.to as usize] += 1;
    }
}

#[cfg(test)]
mod tests;
