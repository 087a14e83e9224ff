//! Operational logs: notes by people, about an occurrence of an alarm, an event, a tag or a time.
//!
//! A note is amended, never altered: every text it had is kept.

mod logger;
#[cfg(test)]
mod tests;

pub use logger::LogsLogger;

use crate::db::DbError;
use actix::Message;
use flyball_schema::{AlarmId, TagId, Timestamp};

/// What a note is about; any of it, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NoteLinks {
    /// An alarm.
    pub alarm: Option<AlarmId>,
    /// The number of one occurrence of it.
    pub occurrence: Option<u64>,
    /// An audit event.
    pub event: Option<i64>,
    /// A tag.
    pub tag: Option<TagId>,
    /// A time, from and to.
    pub range: Option<(Timestamp, Timestamp)>,
}

/// A note as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Number, rising.
    pub id: i64,
    /// What it is about.
    pub links: NoteLinks,
    /// The version that stands.
    pub version: NoteVersion,
}

/// One text of a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteVersion {
    /// From 1.
    pub revision: i64,
    /// What it says.
    pub text: String,
    /// Who wrote it.
    pub author: String,
    /// When it was written.
    pub written_at: Timestamp,
}

/// Why a note was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// It says nothing.
    #[error("a note without text")]
    Empty,
    /// Its time ends before it begins.
    #[error("a time that ends before it begins")]
    Range,
    /// An occurrence of no alarm.
    #[error("an occurrence without its alarm")]
    Occurrence,
    /// No note has this number.
    #[error("unknown note {0}")]
    Unknown(i64),
    /// Somebody else amended it meanwhile.
    #[error("note {id} was amended meanwhile: it is at revision {current}")]
    Conflict {
        /// The note.
        id: i64,
        /// Its present revision.
        current: i64,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] DbError),
}

/// Writes a note; the reply is the note as it stands, durable.
///
/// * Errors: [`NoteError::Empty`], [`NoteError::Range`], [`NoteError::Occurrence`], [`NoteError::Database`].
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Note, NoteError>")]
pub struct AppendNote {
    /// What it says.
    pub text: String,
    /// Who writes it.
    pub author: String,
    /// What it is about.
    pub links: NoteLinks,
}

/// Gives a note another text; the earlier one is kept. The reply is the note as it stands, durable.
///
/// * Errors: [`NoteError::Unknown`], [`NoteError::Conflict`], [`NoteError::Empty`], [`NoteError::Database`].
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Note, NoteError>")]
pub struct AmendNote {
    /// The note.
    pub id: i64,
    /// The revision that the author saw.
    pub revision: i64,
    /// What it says now.
    pub text: String,
    /// Who amends it.
    pub author: String,
}

/// What the notes of a list are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// An alarm, any occurrence.
    Alarm(AlarmId),
    /// One occurrence of an alarm.
    Occurrence(AlarmId, u64),
    /// An audit event.
    Event(i64),
    /// A tag.
    Tag(TagId),
    /// A time that has a moment in common with this one, ends included.
    Time(Timestamp, Timestamp),
}

/// Lists notes as they stand, newest first, a page at a time.
///
/// * Errors: [`DbError`], [`DbError::Corrupt`] for a row that is no note.
#[derive(Debug, Clone, Copy, Default, Message)]
#[rtype(result = "Result<Vec<Note>, DbError>")]
pub struct ListNotes {
    /// Only notes older than this one: the last of the page before.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: usize,
    /// Only those about this.
    pub about: Option<About>,
}

/// Reads every version of a note, oldest first; none where there is no such note.
///
/// * Errors: [`DbError`].
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<Vec<NoteVersion>, DbError>")]
pub struct ReadNoteVersions(pub i64);
