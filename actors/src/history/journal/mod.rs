//! The journal: frames in a SQLite file of its own, `journal.db`. Write-ahead log of the history, and the spool that
//! keeps it while the store is away.
//!
//! One row per frame, so that a commit writes few pages; every commit is flushed to the disk (`synchronous=FULL`): what
//! was appended survives `kill -9` and power loss. Frames that the store has are dropped; past a cap, the oldest are
//! dropped whether it has them or not, and counted.
//!
//! ```text
//! meta      identity of this journal: the store keeps its position by it
//! frame     id, first_seq, last_seq, t0, t1 (source time), r0, r1 (server time), changes, checksum, data
//! downtime  began, ended: between the last change of a run and the first of the next, whose number is seq
//! ```
//!
//! Times are microseconds since the epoch, UTC. Ids grow; the newest frame is never dropped, so none comes twice.

mod open;
mod read;
mod salvage;
mod schema;
mod state;
#[cfg(test)]
mod tests;
mod write;

pub(super) use open::connect;
pub use read::Span;
pub use state::JournalCheck;
pub(super) use state::sound;

use super::HistorySettings;
use super::frame::Decoder;
use super::historian::{HistorianError, JournalId};
use diesel::sqlite::SqliteConnection;
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// Damaged frames that are told one by one in the log; more are only counted.
const TOLD_FRAMES: usize = 100;

/// A handle of the journal.
pub struct Journal {
    connection: SqliteConnection,
    path: PathBuf,
    id: JournalId,
    cap_bytes: u64,
    decoder: Decoder,
    damaged: u64,
    told: BTreeSet<i64>,
}

/// What an append did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Appended {
    /// Frames appended.
    pub frames: u64,
    /// Changes appended.
    pub changes: u64,
    /// Changes that were in the journal already, by their sequence number.
    pub skipped: u64,
    /// Changes of frames that were dropped past the cap before the store had them.
    pub expired: u64,
    /// Size of the journal, bytes.
    pub size_bytes: u64,
}

impl Journal {
    /// Opens the journal for writing, and begins one where there is none.
    ///
    /// A file that is no database, or a damaged one, is renamed to `….damaged-1` (2, 3 …) and a new one begun with every
    /// frame that can be read of it; the log says so as an error.
    ///
    /// # Errors
    /// [`HistorianError::Open`], [`HistorianError::Version`], [`HistorianError::Database`].
    pub fn open(settings: &HistorySettings) -> Result<Self, HistorianError> {
        open::for_writing(&settings.path, settings.journal_cap_bytes)
    }

    /// Opens the journal for reading.
    ///
    /// # Errors
    /// [`HistorianError::Missing`] where there is none; as [`Journal::open`].
    pub fn open_read_only(settings: &HistorySettings) -> Result<Self, HistorianError> {
        open::for_reading(&settings.path)
    }

    /// Identity of the journal.
    #[must_use]
    pub fn id(&self) -> JournalId {
        self.id
    }

    /// The last sequence number in the journal, 0 in an empty one: the table continues from it.
    ///
    /// # Errors
    /// [`HistorianError`].
    pub fn last_seq(&mut self) -> Result<u64, HistorianError> {
        Ok(write::last(&mut self.connection)?.map_or(0, |last| last.seq))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Damaged frames that this handle has skipped.
    #[must_use]
    pub fn damaged(&self) -> u64 {
        self.damaged
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("path", &self.path).field("cap_bytes", &self.cap_bytes).finish_non_exhaustive()
    }
}
