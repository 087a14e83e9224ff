//! One alarm: condition, delays, state and occurrence. Pure; samples, commands and time come in, transitions go out.

use super::condition::{Condition, QuietBand, Verdict};
use super::flags::Deed;
use super::transition::{self, AlarmEvent, Manner, Rule};
use super::{AlarmError, AlarmMemory, AlarmState, AlarmStatus, AlarmTransition, NewAlarm, Pending};
use flyball_schema::definition::AlarmDefinition;
use flyball_schema::{AlarmId, Quality, TagId, Timestamp, Value};
use std::sync::Arc;
use std::time::Duration;

/// The actor of what the process and the clock do, in the journal.
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
    source: TagId,
    unit: Option<String>,
    condition: Condition,
    memory: AlarmMemory,
    quality_hold: bool,
    /// What the last usable sample said; what the memory implies before the first.
    is_true: bool,
    /// When its last row was recorded.
    recorded: Option<Timestamp>,
    /// No other alarm of its group stands: were it to become active now, it would be the first.
    would_be_first: bool,
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
        let mut alarm = Self {
            id: new.id,
            definition: Arc::new(new.definition),
            tag: new.tag,
            source: new.source,
            unit: new.unit,
            condition,
            memory: AlarmMemory::default(),
            quality_hold: true,
            is_true: false,
            recorded: None,
            would_be_first: false,
        };
        alarm.recall(new.memory.unwrap_or_default());
        Ok(alarm)
    }

    /// Takes the place of the alarm that had its id.
    pub fn succeed(&mut self, before: &Self) {
        self.recall(before.memory.clone());
        self.recorded = before.recorded;
    }

    /// Takes over what it remembered before a restart, or before it was removed.
    pub fn recall(&mut self, memory: AlarmMemory) {
        self.is_true = memory.pending.map_or(memory.state.is_active(), |pending| pending.activation);
        self.memory = memory;
    }

    /// Takes a sample. `now` is server time; without a delay the transition happened at the sample's source time.
    pub fn feed(&mut self, sample: Sample<'_>, now: Timestamp) -> Vec<AlarmTransition> {
        let verdict = self.condition.judge(sample.value, sample.quality);
        self.quality_hold = verdict == Verdict::Hold;
        match verdict {
            Verdict::Hold => return Vec::new(),
            Verdict::WithinBand => {}
            Verdict::Active => self.is_true = true,
            Verdict::Normal => self.is_true = false,
        }
        let transitions = self.settle(sample, now);
        self.see_peak(sample);
        transitions
    }

    /// Takes a set point from its tag, none where that has no usable value; whether it is another one.
    pub fn set_limit(&mut self, limit: Option<f64>) -> bool {
        let is_other = self.condition.set_limit(limit);
        if is_other {
            self.memory.peak = None;
        }
        is_other
    }

    /// Does what is due by the clock.
    pub fn tick(&mut self, sample: Sample<'_>, now: Timestamp) -> Vec<AlarmTransition> {
        let mut transitions = Vec::new();
        if !self.quality_hold {
            transitions.extend(self.settle(sample, now));
            self.see_peak(sample);
        }
        if self.shelf_ends().is_some_and(|end| end <= now) {
            transitions.extend(self.unshelve(Deed::system("the time is up", now, sample)));
        }
        if self.re_alarm_due().is_some_and(|due| due <= now) {
            transitions.extend(self.by_clock(AlarmEvent::ReAlarmed, sample, now));
        }
        transitions
    }

    /// When something is due by the clock.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        let delay = self.memory.pending.filter(|_| !self.quality_hold).map(|pending| self.delay_ends(pending));
        [delay, self.shelf_ends(), self.re_alarm_due()].into_iter().flatten().min()
    }

    /// Acknowledges.
    ///
    /// # Errors
    /// [`AlarmError::WrongState`]; nothing has changed.
    pub fn acknowledge(&mut self, deed: Deed<'_>) -> Result<AlarmTransition, AlarmError> {
        self.command(AlarmEvent::Acknowledged, deed)
    }

    /// Resets a latched alarm, only while the condition is normal.
    ///
    /// # Errors
    /// [`AlarmError::WrongState`]; nothing has changed.
    pub fn reset(&mut self, deed: Deed<'_>) -> Result<AlarmTransition, AlarmError> {
        if self.is_true || self.quality_hold {
            return Err(self.refuse(AlarmEvent::Reset));
        }
        self.command(AlarmEvent::Reset, deed)
    }

    /// Silences the horn.
    ///
    /// # Errors
    /// [`AlarmError::WrongState`] where it does not sound.
    pub fn silence(&mut self, deed: Deed<'_>) -> Result<AlarmTransition, AlarmError> {
        if self.memory.silenced || self.shown() != AlarmState::Unack {
            return Err(self.refuse(AlarmEvent::Silenced));
        }
        self.memory.silenced = true;
        Ok(self.note(AlarmEvent::Silenced, self.shown(), deed))
    }

    /// Puts what somebody says about the present or last occurrence on record.
    ///
    /// # Errors
    /// [`AlarmError::WrongState`] where there was none yet.
    pub fn comment(&mut self, deed: Deed<'_>) -> Result<AlarmTransition, AlarmError> {
        if self.memory.occurrence == 0 {
            return Err(self.refuse(AlarmEvent::Commented));
        }
        Ok(self.note(AlarmEvent::Commented, self.shown(), deed))
    }

    /// Ends the occurrence because the configuration has changed, with every flag and delay. `sample` is what the tag
    /// shows meanwhile, for the journal.
    ///
    /// `None` where nothing stands.
    pub fn end(&mut self, event: AlarmEvent, sample: Sample<'_>, now: Timestamp) -> Option<AlarmTransition> {
        self.memory.pending = None;
        self.is_true = false;
        if !self.memory.flags.is_empty() {
            let from = self.shown();
            self.memory.end(now);
            return Some(self.note(event, from, Deed { reason: None, ..Deed::system("", now, sample) }));
        }
        self.by_clock(event, Sample { source_time: now, ..sample }, now)
    }

    /// Has an acknowledged alarm stand unacknowledged because it was given a higher priority; none where it does not.
    pub fn escalate(&mut self, sample: Sample<'_>, now: Timestamp) -> Option<AlarmTransition> {
        self.by_clock(AlarmEvent::Escalated, Sample { source_time: now, ..sample }, now)
    }

    /// Its tag has another name.
    pub fn rename_tag(&mut self, name: &str) {
        Arc::make_mut(&mut self.definition).tag = name.to_owned();
    }

    /// Tells whether it would be the first of its group.
    pub fn set_would_be_first(&mut self, would_be_first: bool) {
        self.would_be_first = would_be_first;
    }

    /// Brings the state to what the condition says, past its delay.
    fn settle(&mut self, sample: Sample<'_>, now: Timestamp) -> Vec<AlarmTransition> {
        let activation = self.is_true;
        if activation == self.memory.state.is_active() {
            self.memory.pending = None;
            return Vec::new();
        }
        let begun = self.memory.pending.filter(|pending| pending.activation == activation);
        let pending = begun.unwrap_or(Pending { activation, since: now, source_time: sample.source_time });
        let end = self.delay_ends(pending);
        if end > now {
            self.memory.pending = Some(pending);
            return Vec::new();
        }
        self.memory.pending = None;
        let occurred = pending.source_time + end.since(pending.since);
        self.turn(Sample { source_time: occurred, ..sample }, now)
    }

    /// The condition counts now.
    fn turn(&mut self, sample: Sample<'_>, now: Timestamp) -> Vec<AlarmTransition> {
        let event = if self.is_true { AlarmEvent::Activated } else { AlarmEvent::Returned };
        let mut transitions: Vec<AlarmTransition> = self.by_clock(event, sample, now).into_iter().collect();
        let is_one_shot = self.memory.flags.shelf.as_ref().is_some_and(|shelf| shelf.one_shot);
        if event == AlarmEvent::Returned && is_one_shot {
            transitions.extend(self.unshelve(Deed::system("the condition is false", now, sample)));
        }
        transitions
    }

    fn delay_ends(&self, pending: Pending) -> Timestamp {
        let delay = if pending.activation { self.definition.on_delay_ms } else { self.definition.off_delay_ms };
        pending.since + Duration::from_millis(delay.into())
    }

    fn shelf_ends(&self) -> Option<Timestamp> {
        self.memory.flags.shelf.as_ref().map(|shelf| shelf.until)
    }

    fn re_alarm_due(&self) -> Option<Timestamp> {
        let stands = self.memory.state == AlarmState::Acked && self.memory.flags.is_empty();
        let after = self.definition.re_alarm_ms.filter(|_| stands)?;
        Some(self.memory.acknowledged_at? + Duration::from_millis(after.into()))
    }

    /// What is beneath the flags comes to its rest when the last one goes.
    pub(super) fn emerge(&mut self, now: Timestamp) {
        match self.memory.state {
            AlarmState::Acked => {
                self.memory.state = AlarmState::Unack;
                (self.memory.acknowledged_at, self.memory.acknowledged_by) = (None, None);
            }
            AlarmState::Rtnun | AlarmState::Ltunk | AlarmState::Ltack => {
                (self.memory.state, self.memory.cleared_at) = (AlarmState::Norm, Some(now));
            }
            _ => {}
        }
        self.memory.silenced = false;
    }

    /// What people ask for: only of what they see.
    fn command(&mut self, event: AlarmEvent, deed: Deed<'_>) -> Result<AlarmTransition, AlarmError> {
        if !self.memory.flags.is_empty() {
            return Err(self.refuse(event));
        }
        let manner = Manner::of(&self.definition);
        let rule = transition::dispatch(self.memory.state, event, manner).map_err(|_| self.refuse(event))?;
        Ok(self.apply(rule, deed, deed.now))
    }

    /// What the process or the clock does: where there is no rule for it, it is so already.
    fn by_clock(&mut self, event: AlarmEvent, sample: Sample<'_>, now: Timestamp) -> Option<AlarmTransition> {
        let rule = transition::dispatch(self.memory.state, event, Manner::of(&self.definition)).ok()?;
        let deed = Deed { by: SYSTEM, reason: None, now, sample };
        Some(self.apply(rule, deed, sample.source_time))
    }

    pub(super) fn refuse(&self, event: AlarmEvent) -> AlarmError {
        let (state, allowed) = (self.shown(), self.allowed());
        AlarmError::WrongState { alarm: self.id, state, event: event.as_str(), allowed }
    }

    fn apply(&mut self, rule: &Rule, deed: Deed<'_>, occurred: Timestamp) -> AlarmTransition {
        let memory = &mut self.memory;
        if rule.new_occurrence {
            memory.occurrence += 1;
            memory.raised_at = Some(occurred);
            (memory.acknowledged_at, memory.acknowledged_by) = (None, None);
            (memory.returned_at, memory.cleared_at) = (None, None);
            (memory.peak, memory.first_out) = (None, self.would_be_first);
        }
        match rule.event {
            AlarmEvent::Acknowledged => {
                (memory.acknowledged_at, memory.acknowledged_by) = (Some(deed.now), Some(deed.by.to_owned()));
            }
            AlarmEvent::Returned => memory.returned_at = Some(occurred),
            AlarmEvent::Activated | AlarmEvent::ReAlarmed | AlarmEvent::Escalated => memory.silenced = false,
            _ => {}
        }
        memory.state = rule.to;
        memory.since = Some(occurred);
        memory.cleared_at = (rule.to == AlarmState::Norm).then_some(occurred);
        memory.value = deed.sample.value.cloned();
        self.record(rule.event, rule.from, rule.to, deed, occurred)
    }

    /// Something that leaves the table alone: a flag, a comment.
    pub(super) fn note(&mut self, event: AlarmEvent, from: AlarmState, deed: Deed<'_>) -> AlarmTransition {
        if self.shown() != from {
            self.memory.since = Some(deed.now);
        }
        self.record(event, from, self.shown(), deed, deed.now)
    }

    fn record(
        &mut self,
        event: AlarmEvent,
        from: AlarmState,
        to: AlarmState,
        deed: Deed<'_>,
        occurred: Timestamp,
    ) -> AlarmTransition {
        // Rows of one alarm are told apart by it, also those of one batch of samples.
        let recorded = self.recorded.map_or(deed.now, |last| deed.now.max(last + Duration::from_micros(1)));
        self.recorded = Some(recorded);
        AlarmTransition {
            alarm: self.id,
            occurrence: self.memory.occurrence,
            from,
            to,
            event: event.as_str(),
            annunciated: self.memory.flags.is_empty(),
            value: deed.sample.value.cloned(),
            quality: deed.sample.quality,
            occurred,
            recorded,
            actor: deed.by.to_owned(),
            reason: deed.reason.map(str::to_owned),
        }
    }

    /// Keeps the value furthest beyond the set point while it is active.
    fn see_peak(&mut self, sample: Sample<'_>) {
        let Some(value) = sample.value.filter(|_| self.memory.state.is_active() && self.is_true) else { return };
        let peak = self.memory.peak.as_ref().and_then(Value::as_f64);
        if value.as_f64().is_some_and(|number| self.condition.is_beyond(number, peak)) {
            self.memory.peak = Some(value.clone());
        }
    }

    /// Where a usable value cannot move this alarm; nowhere while the state is held.
    #[must_use]
    pub fn quiet_band(&self) -> QuietBand {
        if self.quality_hold {
            return QuietBand::NOTHING;
        }
        let peak = self.memory.peak.as_ref().and_then(Value::as_f64);
        // A condition that is true but does not count yet has no peak to be seen.
        let peak = if self.memory.state.is_active() { peak } else { Some(self.condition.farthest()) };
        self.condition.quiet_band(self.is_true, peak)
    }

    /// What may be done now, as the API names it.
    #[must_use]
    pub fn allowed(&self) -> Vec<&'static str> {
        let (memory, shown) = (&self.memory, self.shown());
        let is_latched = shown == AlarmState::Ltack && !self.is_true && !self.quality_hold;
        let may_shelve =
            !matches!(shown, AlarmState::Oosrv | AlarmState::Dsupr) && self.definition.max_shelve_ms != Some(0);
        [
            ("acknowledge", shown.is_unacknowledged()),
            ("reset", is_latched),
            ("silence", shown == AlarmState::Unack && !memory.silenced),
            ("shelve", may_shelve),
            ("unshelve", memory.flags.shelf.is_some()),
            ("out_of_service", memory.flags.out_of_service.is_none()),
            ("return_to_service", memory.flags.out_of_service.is_some()),
            ("comment", memory.occurrence > 0),
        ]
        .into_iter()
        .filter_map(|(name, is_allowed)| is_allowed.then_some(name))
        .collect()
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

    /// The tag it is about.
    #[must_use]
    pub fn tag(&self) -> TagId {
        self.tag
    }

    /// Its set point now, where that is a number and known.
    #[must_use]
    pub fn limit(&self) -> Option<f64> {
        self.condition.limit()
    }

    /// The tag whose value is compared.
    #[must_use]
    pub fn source(&self) -> TagId {
        self.source
    }

    /// State beneath the flags.
    #[must_use]
    pub fn state(&self) -> AlarmState {
        self.memory.state
    }

    /// State that is shown.
    #[must_use]
    pub fn shown(&self) -> AlarmState {
        self.memory.shown()
    }

    /// Whether the state is held, because what it is judged by is bad or has no value.
    #[must_use]
    pub fn quality_hold(&self) -> bool {
        self.quality_hold
    }

    /// What has to survive a restart.
    #[must_use]
    pub fn memory(&self) -> &AlarmMemory {
        &self.memory
    }

    pub(super) fn memory_mut(&mut self) -> &mut AlarmMemory {
        &mut self.memory
    }

    /// Everything about it, now.
    #[must_use]
    pub fn status(&self) -> AlarmStatus {
        let memory = self.memory.clone();
        let set_point = match self.definition.set_point_tag {
            Some(_) => self.condition.limit().map(Value::Float),
            None => Some(self.definition.set_point.clone()),
        };
        AlarmStatus {
            id: self.id,
            definition: Arc::clone(&self.definition),
            tag: self.tag,
            unit: self.unit.clone(),
            state: memory.shown(),
            core: memory.state,
            quality_hold: self.quality_hold,
            active: memory.state.is_active(),
            set_point,
            allowed: self.allowed(),
            occurrence: memory.occurrence,
            value: memory.value,
            raised_at: memory.raised_at,
            since: memory.since,
            acknowledged_at: memory.acknowledged_at,
            acknowledged_by: memory.acknowledged_by,
            flags: memory.flags,
            pending: memory.pending,
            silenced: memory.silenced,
            first_out: memory.first_out,
            peak: memory.peak,
        }
    }
}

#[cfg(test)]
mod tests;
