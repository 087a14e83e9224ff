//! What is put over the state of an alarm: shelving, suppression by design, out of service (ISA-18.2 clause 11). Pure.
//!
//! A flag hides an alarm; beneath it the alarm is evaluated as ever. Where the last one goes, an alarm whose condition is
//! true stands unacknowledged, and any other is normal.

use super::alarm::{Alarm, SYSTEM, Sample};
use super::transition::AlarmEvent;
use super::{AlarmError, AlarmState, AlarmTransition};
use flyball_schema::Timestamp;
use serde::{Deserialize, Serialize};

/// An alarm put aside by an operator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shelf {
    /// Until then at the latest.
    pub until: Timestamp,
    /// Only until its condition is false, where that is sooner.
    pub one_shot: bool,
    /// Since when.
    pub since: Timestamp,
    /// Who did it.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// An alarm taken out of service, until somebody puts it back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutOfService {
    /// Since when.
    pub since: Timestamp,
    /// Who did it.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// What is put over the state of an alarm. Several may be at once.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Flags {
    /// On the shelf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shelf: Option<Shelf>,
    /// Suppressed by design, since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<Timestamp>,
    /// Out of service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_of_service: Option<OutOfService>,
}

impl Flags {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shelf.is_none() && self.suppressed.is_none() && self.out_of_service.is_none()
    }

    /// The state that is shown where `core` is beneath: out of service over suppressed over shelved.
    #[must_use]
    pub fn over(&self, core: AlarmState) -> AlarmState {
        match self {
            Self { out_of_service: Some(_), .. } => AlarmState::Oosrv,
            Self { suppressed: Some(_), .. } => AlarmState::Dsupr,
            Self { shelf: Some(_), .. } => AlarmState::Shlvd,
            _ => core,
        }
    }
}

/// Who does something to an alarm, when, and why.
#[derive(Debug, Clone, Copy)]
pub struct Deed<'a> {
    /// Who.
    pub by: &'a str,
    /// Why.
    pub reason: Option<&'a str>,
    /// When.
    pub now: Timestamp,
    /// What the tag shows meanwhile, for the journal.
    pub sample: Sample<'a>,
}

impl<'a> Deed<'a> {
    /// What the plant does by itself.
    pub(super) fn system(reason: &'a str, now: Timestamp, sample: Sample<'a>) -> Self {
        Self { by: SYSTEM, reason: Some(reason), now, sample }
    }
}

impl Alarm {
    /// Puts the alarm aside, or changes until when it is.
    ///
    /// # Errors
    /// [`AlarmError::WrongState`] where it is out of service or suppressed.
    pub fn shelve(&mut self, until: Timestamp, one_shot: bool, deed: Deed<'_>) -> Result<AlarmTransition, AlarmError> {
        if matches!(self.shown(), AlarmState::Oosrv | AlarmState::Dsupr) {
            return Err(self.refuse(AlarmEvent::Shelved));
        }
        let (by, reason) = (deed.by.to_owned(), deed.reason.unwrap_or_default().to_owned());
        Ok(self.flag(AlarmEvent::Shelved, deed, |flags| {
            flags.shelf = Some(Shelf { until, one_shot, since: deed.now, by, reason });
        }))
    }

    /// Takes the alarm from the shelf.
    ///
    /// # Errors
    /// [`AlarmError::WrongState`] where it is not on it.
    pub fn unshelve(&mut self, deed: Deed<'_>) -> Result<AlarmTransition, AlarmError> {
        if self.memory().flags.shelf.is_none() {
            return Err(self.refuse(AlarmEvent::Unshelved));
        }
        Ok(self.flag(AlarmEvent::Unshelved, deed, |flags| flags.shelf = None))
    }

    /// Takes what designed logic says; none where that is so already.
    pub fn suppress(&mut self, is_suppressed: bool, deed: Deed<'_>) -> Option<AlarmTransition> {
        match (is_suppressed, self.memory().flags.suppressed) {
            (true, None) => Some(self.flag(AlarmEvent::Suppressed, deed, |flags| flags.suppressed = Some(deed.now))),
            (false, Some(_)) => Some(self.flag(AlarmEvent::Unsuppressed, deed, |flags| flags.suppressed = None)),
            _ => None,
        }
    }

    /// Takes the alarm out of service.
    ///
    /// # Errors
    /// [`AlarmError::WrongState`] where it is already.
    pub fn take_out_of_service(&mut self, deed: Deed<'_>) -> Result<AlarmTransition, AlarmError> {
        if self.memory().flags.out_of_service.is_some() {
            return Err(self.refuse(AlarmEvent::TakenOutOfService));
        }
        let (by, reason) = (deed.by.to_owned(), deed.reason.unwrap_or_default().to_owned());
        Ok(self.flag(AlarmEvent::TakenOutOfService, deed, |flags| {
            flags.out_of_service = Some(OutOfService { since: deed.now, by, reason });
        }))
    }

    /// Puts the alarm back into service.
    ///
    /// # Errors
    /// [`AlarmError::WrongState`] where it is in service.
    pub fn return_to_service(&mut self, deed: Deed<'_>) -> Result<AlarmTransition, AlarmError> {
        if self.memory().flags.out_of_service.is_none() {
            return Err(self.refuse(AlarmEvent::ReturnedToService));
        }
        Ok(self.flag(AlarmEvent::ReturnedToService, deed, |flags| flags.out_of_service = None))
    }

    /// Changes flags; where the last one goes, what is beneath comes to the rest that the standard asks for.
    fn flag(&mut self, event: AlarmEvent, deed: Deed<'_>, change: impl FnOnce(&mut Flags)) -> AlarmTransition {
        let (from, was_hidden) = (self.shown(), !self.memory().flags.is_empty());
        change(&mut self.memory_mut().flags);
        if was_hidden && self.memory().flags.is_empty() {
            self.emerge(deed.now);
        }
        self.note(event, from, deed)
    }
}
