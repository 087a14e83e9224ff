//! Alarms by ISA-18.2 / IEC 62682. **Manager.**
//!
//! The logic is pure: a condition with dead-band, a transition table, time as an argument. `AlarmManager` keeps the
//! registry, feeds it the changes of the table, journals every transition and announces it. [`AlarmsLogger`] is the
//! engine that keeps journal and states in the database.

pub mod alarm;
pub mod analytics;
mod announce;
mod backlog;
pub mod condition;
mod logger;
mod manager;
pub mod registry;
#[cfg(test)]
mod test_support;
pub mod transition;
mod waiters;

pub use backlog::Record;
pub use logger::AlarmsLogger;
pub(crate) use logger::{end_standing, journal_missing_ends, load_memory_of};
pub use manager::AlarmManager;
pub(crate) use transition::AlarmEvent;

use crate::db::DbError;
use actix::{Message, Recipient};
use flyball_schema::definition::{AlarmDefinition, Fault, Priority};
use flyball_schema::{AlarmId, Quality, TagId, Timestamp, Value};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// State of an alarm (ISA-18.2 clause 6.2.4; figure 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum AlarmState {
    /// Normal: process normal, alarm inactive.
    #[default]
    Norm,
    /// Process abnormal, alarm active, not acknowledged.
    Unack,
    /// Process abnormal, alarm active, acknowledged.
    Acked,
    /// Process back to normal, alarm inactive, not acknowledged.
    Rtnun,
}

impl AlarmState {
    /// The mnemonic of the standard.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Norm => "NORM",
            Self::Unack => "UNACK",
            Self::Acked => "ACKED",
            Self::Rtnun => "RTNUN",
        }
    }

    /// The state of a mnemonic.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Norm, Self::Unack, Self::Acked, Self::Rtnun].into_iter().find(|state| state.as_str() == text)
    }

    /// Whether the alarm is active.
    #[must_use]
    pub fn is_active(self) -> bool {
        matches!(self, Self::Unack | Self::Acked)
    }

    /// The commands that are allowed, as the API names them: `acknowledge`.
    #[must_use]
    pub fn allowed(self) -> Vec<&'static str> {
        transition::allowed(self).collect()
    }
}

/// An alarm with its definition and present state.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmStatus {
    /// Identity.
    pub id: AlarmId,
    /// What it is.
    pub definition: Arc<AlarmDefinition>,
    /// The tag it watches.
    pub tag: TagId,
    /// Unit of the tag.
    pub unit: Option<String>,
    /// Present state.
    pub state: AlarmState,
    /// The tag is bad or has no value: the state is held.
    pub quality_hold: bool,
    /// Number of the present or last occurrence, from 1; 0 before the first.
    pub occurrence: u64,
    /// Value at the last transition.
    pub value: Option<Value>,
    /// When the present or last occurrence began (source time).
    pub raised_at: Option<Timestamp>,
    /// When the last transition happened.
    pub since: Option<Timestamp>,
    /// When this occurrence was acknowledged.
    pub acknowledged_at: Option<Timestamp>,
    /// Who acknowledged it.
    pub acknowledged_by: Option<String>,
}

/// What the database keeps of an alarm's state, and gives back at start.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlarmMemory {
    /// State.
    pub state: AlarmState,
    /// Number of the present or last occurrence.
    pub occurrence: u64,
    /// Value at the last transition.
    pub value: Option<Value>,
    /// When the occurrence began.
    pub raised_at: Option<Timestamp>,
    /// When the last transition happened.
    pub since: Option<Timestamp>,
    /// When it was acknowledged.
    pub acknowledged_at: Option<Timestamp>,
    /// Who acknowledged it.
    pub acknowledged_by: Option<String>,
}

/// One row of the journal: a transition, never altered.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmTransition {
    /// The alarm.
    pub alarm: AlarmId,
    /// Number of the occurrence.
    pub occurrence: u64,
    /// State before.
    pub from: AlarmState,
    /// State after.
    pub to: AlarmState,
    /// What happened: `activated`, `returned`, `acknowledged`, `reconfigured`, `removed`.
    pub event: &'static str,
    /// Value of the tag.
    pub value: Option<Value>,
    /// Quality of the tag.
    pub quality: Quality,
    /// When it happened (source time).
    pub occurred: Timestamp,
    /// When Flyball noticed (server time).
    pub recorded: Timestamp,
    /// Who did it: `system` or a person.
    pub actor: String,
    /// Comment given with it.
    pub reason: Option<String>,
}

/// Why the alarm manager could not do what was asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AlarmError {
    /// No alarm has this id.
    #[error("unknown alarm {0}")]
    UnknownAlarm(AlarmId),
    /// The id is taken.
    #[error("alarm id {0} is in use")]
    DuplicateId(AlarmId),
    /// The definition breaks a rule.
    #[error("alarm \"{alarm}\", {field}")]
    Invalid {
        /// The alarm.
        alarm: String,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        #[source]
        fault: Fault,
    },
    /// Not allowed in this state.
    #[error("alarm {alarm} is {}: nothing to acknowledge", .state.as_str())]
    WrongState {
        /// The alarm.
        alarm: AlarmId,
        /// Its state.
        state: AlarmState,
    },
    /// The change could not be made durable; it stands in memory and is tried again.
    #[error("the alarm journal cannot be written: {0}")]
    NotDurable(String),
}

/// An alarm to be watched: its definition, the tag, and what the database remembers of it.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAlarm {
    /// Identity, from the database.
    pub id: AlarmId,
    /// Definition, already held against the tag's type.
    pub definition: AlarmDefinition,
    /// The tag.
    pub tag: TagId,
    /// Unit of the tag.
    pub unit: Option<String>,
    /// State from before a restart.
    pub memory: Option<AlarmMemory>,
}

/// Adds alarms. All or none.
///
/// * With a memory the alarm stands as it stood before the restart, until the first usable value of its tag.
/// * Errors: [`AlarmError::DuplicateId`]; [`AlarmError::Invalid`] for a name that is taken, a second alarm of a type on a tag, or LL < L < H < HH broken.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), AlarmError>")]
pub struct CreateAlarms(pub Vec<NewAlarm>);

/// Changes the alarms of a running plant in one step. All or none; what is not named is not disturbed.
///
/// * Rules are held against what results, so limits and names may be swapped.
/// * A replaced alarm keeps state, occurrence and acknowledgement where tag and type stay, and is evaluated at once by its
///   new limits: a set point lowered below the present value raises it, one raised above it by the dead-band returns
///   it. With another tag or type the occurrence ends by a journalled transition to NORM, `reconfigured`.
/// * A removed alarm that stands goes to NORM by `removed`, and is told as removed ([`AlarmsChanged::removed`]).
/// * An alarm that was removed since the start of the plant and comes back goes on counting its occurrences.
/// * Reply when it is so in memory; the journal is written behind ([`FlushAlarms`] waits for it).
/// * Errors: [`AlarmError::UnknownAlarm`] to remove; [`AlarmError::DuplicateId`] for an id that is named twice;
///   [`AlarmError::Invalid`] for a name that is taken, a second alarm of a type on a tag, or LL < L < H < HH broken.
#[derive(Debug, Clone, Default, Message)]
#[rtype(result = "Result<(), AlarmError>")]
pub struct ChangeAlarms {
    /// Alarms that go.
    pub remove: Vec<AlarmId>,
    /// Alarms that come, or replace the one of their id. The memory counts only where there was none.
    pub put: Vec<NewAlarm>,
}

/// Tags have other names: definitions tell the new ones. A tag without alarms is passed over.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct RenameTags(pub Vec<(TagId, String)>);

/// Lists the alarms that watch any of these tags, by tag and then by id: what a removal of the tags would leave without
/// one.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Vec<TagUse>")]
pub struct ListTagUses(pub Vec<TagId>);

/// An alarm that watches a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagUse {
    /// The tag.
    pub tag: TagId,
    /// The alarm.
    pub alarm: AlarmId,
    /// Its name.
    pub name: String,
}

impl std::fmt::Display for TagUse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "alarm \"{}\"", self.name)
    }
}

/// Lists alarms by id, a page at a time.
#[derive(Debug, Clone, Default, Message)]
#[rtype(result = "Vec<AlarmStatus>")]
pub struct ListAlarms {
    /// Start behind this id.
    pub after: Option<AlarmId>,
    /// At most so many.
    pub limit: usize,
    /// In one of these states; empty for any.
    pub states: Vec<AlarmState>,
    /// Of one of these priorities; empty for any.
    pub priorities: Vec<Priority>,
    /// Of this tag.
    pub tag: Option<TagId>,
    /// Of one of these tags.
    pub tags: Option<HashSet<TagId>>,
    /// Name or tag name contains this, in any case.
    pub contains: Option<String>,
}

/// Reads one alarm.
///
/// * Errors: [`AlarmError::UnknownAlarm`].
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<AlarmStatus, AlarmError>")]
pub struct ReadAlarm(pub AlarmId);

/// Acknowledges one alarm: UNACK → ACKED, RTNUN → NORM.
///
/// * Reply when the transition is durable.
/// * Errors: [`AlarmError::UnknownAlarm`], [`AlarmError::WrongState`] (NORM and ACKED; no journal row), [`AlarmError::NotDurable`].
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<AlarmStatus, AlarmError>")]
pub struct AcknowledgeAlarm {
    /// The alarm.
    pub alarm: AlarmId,
    /// Who does it.
    pub by: String,
    /// What they say.
    pub comment: Option<String>,
}

/// Sends [`AlarmsChanged`] from now on; the reply is every alarm now.
#[derive(Debug, Message)]
#[rtype(result = "Vec<AlarmStatus>")]
pub struct SubscribeAlarms(pub Recipient<AlarmsChanged>);

/// Alarms have changed, or are no more.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct AlarmsChanged {
    /// Alarms with their new state, in the order it happened.
    pub changed: Arc<[AlarmStatus]>,
    /// Alarms that were removed, behind what `changed` says of them.
    pub removed: Arc<[AlarmId]>,
}

/// How many alarms are in which state.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "AlarmCounts")]
pub struct CountAlarms;

/// Reply to [`CountAlarms`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AlarmCounts {
    /// All alarms.
    pub total: usize,
    /// UNACK and RTNUN.
    pub unacknowledged: usize,
    /// UNACK and ACKED.
    pub active: usize,
    /// All but NORM.
    pub standing: usize,
    /// Transitions not yet durable.
    pub pending: usize,
}

/// Waits until every transition so far is durable: the flush of a shutdown.
///
/// * A write that fails is tried again meanwhile; the caller's deadline ends the wait.
/// * Errors: [`AlarmError::NotDurable`] where a transition was dropped, or the journal has stopped.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<(), AlarmError>")]
pub struct FlushAlarms;

/// Asks how the alarm manager itself is.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "AlarmManagerStatus")]
pub struct ReadAlarmManagerStatus;

/// Reply to [`ReadAlarmManagerStatus`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlarmManagerStatus {
    /// Transitions not yet durable.
    pub pending: usize,
    /// Transitions that were never made durable, because too many were pending.
    pub dropped: u64,
    /// Why the journal cannot be written, while it cannot.
    pub journal_error: Option<String>,
    /// Changes that the table dropped before they could be evaluated; a snapshot made good for them.
    pub lost_changes: u64,
    /// How many are told of changes.
    pub subscribers: usize,
    /// Announcements that were merged because a subscriber did not keep up.
    pub merged_announcements: u64,
}

/// Makes transitions durable: journal and states, in one transaction. To [`AlarmsLogger`].
///
/// * `0`: in the order they happened, with the state after each.
/// * Transitions that a failed or late attempt has stored already are not stored twice.
/// * Errors: [`DbError`]; nothing of the batch was stored, or that is not known.
/// * Ordering: the database's writer takes batches in the order sent; the sender has one under way at a time.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), DbError>")]
pub struct StoreTransitions(pub Vec<Record>);

/// Reads the state of every alarm from before a restart. To [`AlarmsLogger`].
///
/// * Errors: [`DbError`], [`DbError::Corrupt`] for a state that is none.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<HashMap<AlarmId, AlarmMemory>, DbError>")]
pub struct LoadAlarmMemory;

/// Reads the journal, newest first, a page at a time. To [`AlarmsLogger`].
///
/// * Errors: [`DbError`], [`DbError::Corrupt`] for a row that is no transition.
#[derive(Debug, Clone, Copy, Default, Message)]
#[rtype(result = "Result<Vec<JournalEntry>, DbError>")]
pub struct ReadAlarmJournal {
    /// Of this alarm; `None` for all.
    pub alarm: Option<AlarmId>,
    /// Only rows older than this one: the last of the page before.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: usize,
}

/// A row of the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalEntry {
    /// Number of the row, rising.
    pub id: i64,
    /// Name of the alarm; `None` where the catalogue has none.
    pub alarm_name: Option<String>,
    /// What happened.
    pub transition: AlarmTransition,
}
