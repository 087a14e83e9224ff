//! What people do to alarms.

use super::super::alarm::Sample;
use super::super::flags::Deed;
use super::super::{AlarmCommand, AlarmError};
use super::{AlarmEffect, Before, Registry};
use flyball_schema::definition::Priority;
use flyball_schema::{AlarmId, Timestamp};
use std::time::Duration;

/// How long an alarm may be shelved at a time, by its priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShelfLimits {
    /// Of critical ones.
    pub critical: Duration,
    /// Of high ones.
    pub high: Duration,
    /// Of medium ones.
    pub medium: Duration,
    /// Of low ones.
    pub low: Duration,
}

impl Default for ShelfLimits {
    fn default() -> Self {
        let hours = |hours: u64| Duration::from_secs(hours * 3_600);
        Self { critical: hours(1), high: hours(4), medium: hours(8), low: hours(24) }
    }
}

impl ShelfLimits {
    fn of(self, priority: Priority) -> Duration {
        match priority {
            Priority::Critical => self.critical,
            Priority::High => self.high,
            Priority::Medium => self.medium,
            Priority::Low => self.low,
        }
    }
}

impl Registry {
    /// Sets how long alarms may be shelved.
    pub fn set_shelf_limits(&mut self, limits: ShelfLimits) {
        self.shelf_limits = limits;
    }

    /// Does to an alarm what a person asks for.
    ///
    /// # Errors
    /// [`AlarmError::UnknownAlarm`], [`AlarmError::WrongState`], [`AlarmError::ShelvedTooLong`],
    /// [`AlarmError::ReasonNeeded`]; nothing has changed.
    pub fn command(
        &mut self,
        id: AlarmId,
        command: &AlarmCommand,
        by: &str,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<Vec<AlarmEffect>, AlarmError> {
        let slot = self.slot(id)?;
        let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
        let (value, quality) = self.shown_by_source(slot);
        let deed = Deed { by, reason, now, sample: Sample { value: value.as_ref(), quality, source_time: now } };
        let until = self.shelf_ends(slot, command, now)?;
        let alarm = &mut self.entries[slot].alarm;
        let before = Before::of(alarm);
        let needs_reason =
            matches!(command, AlarmCommand::Shelve { .. } | AlarmCommand::TakeOutOfService | AlarmCommand::Comment);
        if needs_reason && reason.is_none() {
            return Err(AlarmError::ReasonNeeded);
        }
        let transition = match command {
            AlarmCommand::Acknowledge => alarm.acknowledge(deed),
            AlarmCommand::Reset => alarm.reset(deed),
            AlarmCommand::Silence => alarm.silence(deed),
            AlarmCommand::Comment => alarm.comment(deed),
            AlarmCommand::Shelve { one_shot, .. } => alarm.shelve(until, *one_shot, deed),
            AlarmCommand::Unshelve => alarm.unshelve(deed),
            AlarmCommand::TakeOutOfService => alarm.take_out_of_service(deed),
            AlarmCommand::ReturnToService => alarm.return_to_service(deed),
        }?;
        let mut effects = Vec::new();
        let source = alarm.source();
        self.book(slot, before, vec![transition], &mut effects);
        self.screen(source);
        Ok(effects)
    }

    /// Until when a shelf would last.
    fn shelf_ends(&self, slot: usize, command: &AlarmCommand, now: Timestamp) -> Result<Timestamp, AlarmError> {
        let AlarmCommand::Shelve { time, .. } = command else { return Ok(now) };
        let definition = self.entries[slot].alarm.definition();
        let own = definition.max_shelve_ms.map(|ms| Duration::from_millis(ms.into()));
        let most = own.unwrap_or_else(|| self.shelf_limits.of(definition.priority));
        match time {
            Some(time) if *time > most || time.is_zero() => {
                Err(AlarmError::ShelvedTooLong { alarm: definition.name.clone(), most })
            }
            _ if most.is_zero() => Err(AlarmError::ShelvedTooLong { alarm: definition.name.clone(), most }),
            time => Ok(now + time.unwrap_or(most)),
        }
    }
}
