//! What the alarm manager and its engine are asked.

use super::{AlarmError, AlarmMemory, AlarmState, AlarmStatus, AlarmTransition, BrokenJournal, NewAlarm, Record};
use crate::db::DbError;
use actix::{Message, Recipient};
use flyball_schema::definition::Priority;
use flyball_schema::{AlarmId, TagId, Timestamp, Value};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

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
    /// Shown in one of these states; empty for any.
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

/// Acknowledges one alarm: UNACK → ACKED, RTNUN → NORM, LTUNK → LTACK.
///
/// * Reply when the transition is durable.
/// * Errors: [`AlarmError::UnknownAlarm`], [`AlarmError::WrongState`] (NORM, ACKED, LTACK and what is hidden; no journal
///   row), [`AlarmError::NotDurable`].
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

/// What a person does to an alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlarmCommand {
    /// UNACK → ACKED, RTNUN → NORM, LTUNK → LTACK.
    Acknowledge,
    /// LTACK → NORM, while the condition is normal.
    Reset,
    /// Ends the horn, not the alarm.
    Silence,
    /// Says something about the present or last occurrence.
    Comment,
    /// Puts it aside; it comes back by the clock.
    Shelve {
        /// For so long; as long as may be where it is none.
        time: Option<Duration>,
        /// Only until its condition is false, where that is sooner.
        one_shot: bool,
    },
    /// Takes it from the shelf.
    Unshelve,
    /// Takes it out of service until somebody puts it back.
    TakeOutOfService,
    /// Puts it back into service.
    ReturnToService,
}

/// Does something to one alarm.
///
/// * Reply when it is durable.
/// * Errors: [`AlarmError::UnknownAlarm`], [`AlarmError::WrongState`], [`AlarmError::ShelvedTooLong`],
///   [`AlarmError::ReasonNeeded`] (shelve, out of service, comment), [`AlarmError::NotDurable`].
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<AlarmStatus, AlarmError>")]
pub struct CommandAlarm {
    /// The alarm.
    pub alarm: AlarmId,
    /// What is done.
    pub command: AlarmCommand,
    /// Who does it.
    pub by: String,
    /// Why, or what they say.
    pub reason: Option<String>,
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
    /// UNACK, RTNUN and LTUNK.
    pub unacknowledged: usize,
    /// UNACK and ACKED.
    pub active: usize,
    /// All but NORM and what is hidden.
    pub standing: usize,
    /// On the shelf.
    pub shelved: usize,
    /// Suppressed by design.
    pub suppressed: usize,
    /// Out of service.
    pub out_of_service: usize,
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

/// Reads occurrences that began within a range, newest first, a page at a time. To [`AlarmsLogger`](super::AlarmsLogger).
///
/// * Errors: [`DbError`], [`DbError::Corrupt`] for a row that is no occurrence.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<Vec<Occurrence>, DbError>")]
pub struct ReadOccurrences {
    /// Of this alarm; `None` for all.
    pub alarm: Option<AlarmId>,
    /// Begun at or after this.
    pub from: Timestamp,
    /// Begun before this.
    pub to: Timestamp,
    /// Only those before this one: the last of the page before.
    pub before: Option<(Timestamp, AlarmId)>,
    /// At most so many.
    pub limit: usize,
}

/// One occurrence of an alarm, from its begin to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Occurrence {
    /// The alarm.
    pub alarm: AlarmId,
    /// Name of the alarm; `None` where the catalogue has none.
    pub alarm_name: Option<String>,
    /// Its number, from 1.
    pub occurrence: u64,
    /// When it began.
    pub raised_at: Timestamp,
    /// When it was acknowledged last.
    pub acknowledged_at: Option<Timestamp>,
    /// Who acknowledged it.
    pub acknowledged_by: Option<String>,
    /// When the condition was last false again.
    pub returned_at: Option<Timestamp>,
    /// When the alarm was normal again.
    pub cleared_at: Option<Timestamp>,
    /// The value furthest beyond the set point.
    pub peak: Option<Value>,
    /// Whether it was the first of its group.
    pub first_out: bool,
}

/// Walks the chain of hashes over the journal. To [`AlarmsLogger`](super::AlarmsLogger).
///
/// * Errors: [`DbError`].
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<JournalVerification, DbError>")]
pub struct VerifyAlarmJournal;

/// Reply to [`VerifyAlarmJournal`]. Missing rows at the end are seen only by comparing `head` with one that was kept
/// elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalVerification {
    /// Rows that are as they were written.
    pub checked: u64,
    /// The hash of the last of them; none before the chain begins.
    pub head: Option<[u8; 32]>,
    /// The first row that is not.
    pub broken: Option<BrokenJournal>,
}
