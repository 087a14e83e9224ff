//! Tells people of alarms, by mail and webhook. **Engines** [`Notifier`] and [`NotificationsLogger`].
//!
//! [`Router`] is pure: alarms and time go in, messages come out, by the rules of the settings. An outbox keeps those of
//! a channel in order and tries them again. The actor only moves them, and never keeps the alarm manager waiting: what
//! it does not take in time is merged there.
//!
//! # What is told when
//!
//! * A rule applies to alarms of its priorities, areas and classes. Where an occurrence is not acknowledged for the rule's
//!   delay, its recipients are told; again after each repetition until somebody acknowledges.
//! * Outside the rule's schedule nothing is told: what is due then is told when it opens, where it still holds.
//! * Who was told is told of the return too, where the rule says so.
//! * Each rule speaks for itself: whom two of them name is told twice.
//! * Past a channel's cap, messages are held, and summed up in one as soon as the cap allows.
//!
//! # What is certain
//!
//! A message is tried for a day. What was sent is on record, so that a restart does not send it again; an alarm that still
//! waits for its delay is armed again from the time it was raised. Where Flyball is killed between a sending and its record
//! a message may come twice, with the same key (`Message-ID`, `Idempotency-Key`).

mod cap;
mod deliver;
mod logger;
mod message;
mod notifier;
mod outbox;
mod plan;
mod router;
mod schedule;
mod secret;
pub mod settings;
#[cfg(test)]
mod test_support;

pub use logger::NotificationsLogger;
pub use notifier::{Neighbours, Notifier};
pub use plan::{Channel, NotifyError, NotifyFault, Plan, Rule};
pub use router::{Effect, Router, Subject};
pub use schedule::{Schedule, Zone};

use crate::db::DbError;
use actix::Message;
use flyball_schema::{AlarmId, Timestamp};
use serde_json::Value as Json;
use std::sync::Arc;

/// Why something is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An alarm was raised, and nobody has acknowledged it in time.
    Raised,
    /// It is still not acknowledged.
    Repeated,
    /// It has returned to normal.
    Returned,
    /// There were more messages than the channel's cap allows.
    Summary,
}

impl Kind {
    /// The word on the wire and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Repeated => "repeated",
            Self::Returned => "returned",
            Self::Summary => "summary",
        }
    }

    /// The kind of a word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Raised, Self::Repeated, Self::Returned, Self::Summary].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What has become of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// It waits, or is held for a summary.
    Queued,
    /// The server has taken it, or the summary of it.
    Sent,
    /// It was refused, too old or dropped.
    Failed,
}

impl Status {
    /// The word on the wire and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }

    /// The status of a word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Queued, Self::Sent, Self::Failed].into_iter().find(|status| status.as_str() == text)
    }
}

/// A message to one recipient.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// The same for the same message, also after a restart.
    pub key: String,
    /// When it was made.
    pub at: Timestamp,
    /// Its channel in the [`Plan`].
    pub channel: usize,
    /// Name of the channel.
    pub channel_name: Arc<str>,
    /// Mail address, or host of the webhook.
    pub recipient: Arc<str>,
    /// The rule; `None` for a summary.
    pub rule: Option<Arc<str>>,
    /// The alarm and its occurrence; `None` for a summary.
    pub alarm: Option<(AlarmId, u64)>,
    /// Why.
    pub kind: Kind,
    /// In a line.
    pub subject: String,
    /// For people.
    pub text: String,
    /// For programs.
    pub json: Json,
    /// The held messages that a summary stands for.
    pub covers: Vec<Arc<Self>>,
}

/// A message that has come to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// The message.
    pub outgoing: Arc<Outgoing>,
    /// How it ended.
    pub status: Status,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it failed.
    pub error: Option<String>,
}

/// Why a message was not delivered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct DeliveryError {
    /// What the server said, or why it could not be asked.
    pub reason: String,
    /// Whether this very message will never be taken.
    pub permanent: bool,
}

/// Asks how notifying goes.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "NotifierStatus")]
pub struct ReadNotifierStatus;

/// Reply to [`ReadNotifierStatus`], since the start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NotifierStatus {
    /// Channels.
    pub channels: Vec<ChannelStatus>,
    /// Messages that were taken.
    pub sent: u64,
    /// Messages that were refused or too old.
    pub failed: u64,
    /// Messages that were dropped because too many waited.
    pub dropped: u64,
    /// Messages that were held for a summary.
    pub held: u64,
    /// Records that are not written yet.
    pub unrecorded: usize,
    /// Why the record cannot be written, while it cannot.
    pub record_error: Option<String>,
}

/// How a channel is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelStatus {
    /// Its name.
    pub name: Arc<str>,
    /// Messages that wait.
    pub waiting: usize,
    /// Why it does not work, while it does not.
    pub error: Option<String>,
}

/// Begins no more deliveries, and waits for the record, and half a second for what is under way: the flush of a shutdown.
/// What is not sent by then is armed again at the next start, where it still holds.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct FlushNotifier;

/// What is on record of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct NotificationRecord {
    /// The message.
    pub outgoing: Arc<Outgoing>,
    /// What has become of it.
    pub status: Status,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it failed.
    pub error: Option<String>,
}

/// Puts messages on record, or what has become of them; the newest of a message counts. To [`NotificationsLogger`].
///
/// * Errors: [`DbError`]; storing again does no harm.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), DbError>")]
pub struct StoreNotifications(pub Vec<NotificationRecord>);

/// Notes that what is still queued on record will not be sent any more: whoever had it in memory is gone. To
/// [`NotificationsLogger`], at a start.
///
/// * Reply: how many messages that were.
/// * Errors: [`DbError`].
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<usize, DbError>")]
pub struct AbandonQueued;

/// Reads what was sent of these occurrences. To [`NotificationsLogger`].
///
/// * Errors: [`DbError`], [`DbError::Corrupt`].
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Vec<Told>, DbError>")]
pub struct ReadTold(pub Vec<(AlarmId, u64)>);

/// A message about an occurrence that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The rule.
    pub rule: String,
    /// The alarm.
    pub alarm: AlarmId,
    /// The occurrence.
    pub occurrence: u64,
    /// What was told.
    pub kind: Kind,
    /// When it was made.
    pub at: Timestamp,
}

/// Reads the record, newest first, a page at a time. To [`NotificationsLogger`].
///
/// * Errors: [`DbError`], [`DbError::Corrupt`] for a row that is none.
#[derive(Debug, Clone, Copy, Default, Message)]
#[rtype(result = "Result<Vec<Notification>, DbError>")]
pub struct ReadNotifications {
    /// Of this alarm; `None` for all.
    pub alarm: Option<AlarmId>,
    /// Of this status; `None` for any.
    pub status: Option<Status>,
    /// Only rows older than this one: the last of the page before.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: usize,
}

/// A row of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Number of the row, rising.
    pub id: i64,
    /// The same for the same message.
    pub key: String,
    /// When it was made.
    pub at: Timestamp,
    /// Name of the channel.
    pub channel: String,
    /// Mail address, or host of the webhook.
    pub recipient: String,
    /// The rule; `None` for a summary.
    pub rule: Option<String>,
    /// The alarm; `None` for a summary.
    pub alarm: Option<AlarmId>,
    /// Its name; `None` where the catalogue has none.
    pub alarm_name: Option<String>,
    /// The occurrence.
    pub occurrence: Option<u64>,
    /// Why it was told.
    pub kind: Kind,
    /// What has become of it.
    pub status: Status,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it failed.
    pub error: Option<String>,
}
