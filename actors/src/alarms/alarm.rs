//! One alarm: condition, state and occurrence. Pure; samples, commands and time come in, transitions go out.

use super::condition::{Condition, QuietBand, Verdict};
use super::transition::{self, AlarmEvent, Rule};
use super::{AlarmError, AlarmMemory, AlarmState, AlarmStatus, AlarmTransition, NewAlarm};
use flyball_schema::definition::AlarmDefinition;
use flyball_schema::{AlarmId, Quality, TagId, Timestamp, Value};
use std::sync::Arc;

/// The actor of what the process does, in the journal.
pub const SYSTEM: &str = "system";

/// What a tag shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample<'a> {
    /// Value; the last usable one where the quality is bad.
    pub value: Option<&'a Value>,
    /// How far it can be trusted.
    pub quality: Quality,
    /// When the source says it was so.
    pub source_time: Timestamp,
}

/// One alarm.
#[derive(Debug, Clone)]
pub struct Alarm {
    id: AlarmId,
    definition: Arc<AlarmDefinition>,
    tag: TagId,
    unit: Option<String>,
    condition: Condition,
    memory: AlarmMemory,
    quality_hold: bool,
}

impl Alarm {
    /// An alarm in the state it remembers, else NORM. Until the first usable sample the state is held.
    ///
    /// # Errors
    /// [`AlarmError::Invalid`] where set point or dead-band cannot be.
    pub fn new(new: NewAlarm) -> Result<Self, AlarmError> {
        let condition = Condition::new(&new.definition).map_err(|(field, fault)| AlarmError::Invalid {
            alarm: new.definition.name.clone(),
            field,
            fault,
        })?;
        let memory = new.memory.unwrap_or_default();
        let definition = Arc::new(new.definition);
        Ok(Self { id: new.id, definition, tag: new.tag, unit: new.unit, condition, memory, quality_hold: true })
    }

    /// Takes a sample. `now` is server time; the transition happened at the sample's source time.
    pub fn feed(&mut self, sample: Sample<'_>, now: Timestamp) -> Option<AlarmTransition> {
        let verdict = self.condition.judge(sample.value, sample.quality);
        self.quality_hold = verdict == Verdict::Hold;
        let event = match verdict {
            Verdict::Active => AlarmEvent::Activated,
            Verdict::Normal => AlarmEvent::Returned,
            Verdict::Hold | Verdict::WithinBand => return None,
        };
        // No rule for what the process does: the alarm is in that state already.
        let rule = transition::dispatch(self.memory.state, event).ok()?;
        Some(self.apply(rule, sample, now, SYSTEM.to_owned(), None))
    }

    /// Acknowledges. `sample` is what the tag shows meanwhile, for the journal; the transition happens `now`.
    ///
    /// # Errors
    /// [`AlarmError::WrongState`]; nothing has changed.
    pub fn acknowledge(
        &mut self,
        by: String,
        comment: Option<String>,
        sample: Sample<'_>,
        now: Timestamp,
    ) -> Result<AlarmTransition, AlarmError> {
        let rule = transition::dispatch(self.memory.state, AlarmEvent::Acknowledged)
            .map_err(|refused| AlarmError::WrongState { alarm: self.id, state: refused.state })?;
        Ok(self.apply(rule, Sample { source_time: now, ..sample }, now, by, comment))
    }

    /// Ends the occurrence because the configuration has changed. `sample` is what the tag shows meanwhile, for the journal.
    ///
    /// `None` where nothing stands.
    pub fn end(&mut self, event: AlarmEvent, sample: Sample<'_>, now: Timestamp) -> Option<AlarmTransition> {
        let rule = transition::dispatch(self.memory.state, event).ok()?;
        Some(self.apply(rule, Sample { source_time: now, ..sample }, now, SYSTEM.to_owned(), None))
    }

    /// Takes over what another alarm remembers: the one it stands in for.
    pub fn recall(&mut self, memory: AlarmMemory) {
        self.memory = memory;
    }

    /// Its tag has another name.
    pub fn rename_tag(&mut self, name: &str) {
        Arc::make_mut(&mut self.definition).tag = name.to_owned();
    }

    fn apply(
        &mut self,
        rule: &Rule,
        sample: Sample<'_>,
        now: Timestamp,
        actor: String,
        reason: Option<String>,
    ) -> AlarmTransition {
        let occurred = sample.source_time;
        let memory = &mut self.memory;
        if rule.new_occurrence {
            memory.occurrence += 1;
            memory.raised_at = Some(occurred);
            (memory.acknowledged_at, memory.acknowledged_by) = (None, None);
        }
        if rule.event == AlarmEvent::Acknowledged {
            (memory.acknowledged_at, memory.acknowledged_by) = (Some(now), Some(actor.clone()));
        }
        memory.state = rule.to;
        memory.since = Some(occurred);
        memory.value = sample.value.cloned();
        AlarmTransition {
            alarm: self.id,
            occurrence: memory.occurrence,
            from: rule.from,
            to: rule.to,
            event: rule.event.as_str(),
            value: memory.value.clone(),
            quality: sample.quality,
            occurred,
            recorded: now,
            actor,
            reason,
        }
    }

    /// Where a usable value cannot move this alarm; nowhere while the state is held.
    #[must_use]
    pub fn quiet_band(&self) -> QuietBand {
        if self.quality_hold { QuietBand::NOTHING } else { self.condition.quiet_band(self.memory.state.is_active()) }
    }

    /// Identity.
    #[must_use]
    pub fn id(&self) -> AlarmId {
        self.id
    }

    /// What it is.
    #[must_use]
    pub fn definition(&self) -> &AlarmDefinition {
        &self.definition
    }

    /// The tag it watches.
    #[must_use]
    pub fn tag(&self) -> TagId {
        self.tag
    }

    /// Present state.
    #[must_use]
    pub fn state(&self) -> AlarmState {
        self.memory.state
    }

    /// Whether the tag is bad or has no value, so that the state is held.
    #[must_use]
    pub fn quality_hold(&self) -> bool {
        self.quality_hold
    }

    /// What has to survive a restart.
    #[must_use]
    pub fn memory(&self) -> &AlarmMemory {
        &self.memory
    }

    /// Everything about it, now.
    #[must_use]
    pub fn status(&self) -> AlarmStatus {
        let memory = self.memory.clone();
        AlarmStatus {
            id: self.id,
            definition: Arc::clone(&self.definition),
            tag: self.tag,
            unit: self.unit.clone(),
            state: memory.state,
            quality_hold: self.quality_hold,
            occurrence: memory.occurrence,
            value: memory.value,
            raised_at: memory.raised_at,
            since: memory.since,
            acknowledged_at: memory.acknowledged_at,
            acknowledged_by: memory.acknowledged_by,
        }
    }
}

#[cfg(test)]
mod tests;
