//! Audit events: who did what, when, from where, and how it ended.
//!
//! Events are appended and never altered. Each carries a hash over its content and the hash of the event before, so that
//! [`VerifyEvents`] finds what was changed behind our back. Removing the newest events leaves a chain that is whole:
//! who wants to know notes [`Verification::checked`] and [`Verification::head`] elsewhere.

mod chain;
mod logger;
#[cfg(test)]
mod tests;

pub use logger::EventsLogger;
pub(crate) use logger::append;

use crate::db::DbError;
use actix::Message;
use flyball_schema::Timestamp;
use serde_json::Value as Json;

/// How an action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was not allowed.
    Refused,
    /// It was tried and failed.
    Failed,
}

impl Outcome {
    /// The word that the database keeps.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    /// The outcome of a word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Done, Self::Refused, Self::Failed].into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// What an action was done to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventObject {
    /// `tag`, `alarm`, `machine`, `link`, `user` …
    pub kind: String,
    /// Its id, where it has one.
    pub id: Option<i64>,
    /// The name it had then.
    pub name: Option<String>,
}

/// An event to be appended.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// When it happened.
    pub occurred: Timestamp,
    /// Who did it: a user's name, or `system`.
    pub actor: String,
    /// From where: an address, or a program.
    pub origin: Option<String>,
    /// What was done, as `<object>.<verb>`: `alarm.acknowledge`, `user.login`.
    pub action: String,
    /// To what.
    pub object: Option<EventObject>,
    /// The object, or what changed of it, before.
    pub before: Option<Json>,
    /// … and after.
    pub after: Option<Json>,
    /// Why.
    pub reason: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
}

/// An event as it was appended.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Number, from 1, rising by 1.
    pub id: i64,
    /// What happened.
    pub event: NewEvent,
}

/// Appends events in their order, all or none.
///
/// * Reply when they are durable: their numbers.
/// * Errors: [`DbError`]; nothing was appended, or, after [`DbError::Lost`], that is not known.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Vec<i64>, DbError>")]
pub struct AppendEvents(pub Vec<NewEvent>);

/// Lists events, newest first, a page at a time.
///
/// * Errors: [`DbError`], [`DbError::Corrupt`] for a row that is no event.
#[derive(Debug, Clone, Default, Message)]
#[rtype(result = "Result<Vec<Event>, DbError>")]
pub struct ListEvents {
    /// Only events older than this one: the last of the page before.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: usize,
    /// Of this actor.
    pub actor: Option<String>,
    /// This action.
    pub action: Option<String>,
    /// On objects of this kind.
    pub object_kind: Option<String>,
    /// On the object with this id.
    pub object_id: Option<i64>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
}

/// Walks the whole chain and names the first row that is broken. Takes about as long as reading every event.
///
/// * Errors: [`DbError`] where the events cannot be read. A broken chain is no error but the answer.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<Verification, DbError>")]
pub struct VerifyEvents;

/// Reply to [`VerifyEvents`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// Events that are as they were written, counted from the first.
    pub checked: u64,
    /// SHA-256 of the last of them; zeros where there is none.
    pub head: [u8; 32],
    /// The first event that is not.
    pub broken: Option<BrokenEvent>,
}

/// An event that is not as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BrokenEvent {
    /// There is no row, though there are newer ones.
    #[error("event {0} is missing")]
    Missing(i64),
    /// The row, or its hash, was altered.
    #[error("event {0} was altered")]
    Altered(i64),
}
