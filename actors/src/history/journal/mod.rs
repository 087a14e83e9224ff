//! The journal: frames in a SQLite file of its own, `journal.db`. Today it is the whole history.
//!
//! One row per frame, so that a commit writes few pages and a range of time is found by an index; every commit is
//! flushed to the disk (`synchronous=FULL`): what was appended survives `kill -9` and power loss.
//!
//! ```text
//! frame     id, first_seq, last_seq, t0, t1 (source time), r0, r1 (server time), changes, checksum, data
//! state     the last state of every tag as of frame_id, in frames' encoding: how far a reader looks back
//! downtime  began, ended: between the last change of a run and the first of the next
//! ```
//!
//! Times are microseconds since the epoch, UTC. Ids grow; the newest frame is never dropped, so none comes twice.

mod open;
mod read;
mod schema;
#[cfg(test)]
mod tests;
mod write;

use super::frame::Decoder;
use super::historian::{Appended, Cancel, Historian, HistorianError, OpenHistorian, Visitor};
use super::states::LastStates;
use super::{HistorySettings, TagSet, framer::Frame};
use crate::cvt::TagChange;
use diesel::sqlite::SqliteConnection;
use flyball_schema::Timestamp;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Damaged frames that are told one by one in the log; more are only counted.
const TOLD_FRAMES: usize = 100;

/// A handle of the journal.
pub struct Journal {
    connection: SqliteConnection,
    path: PathBuf,
    cap_bytes: u64,
    decoder: Decoder,
    /// Kept by the handle that writes.
    states: LastStates,
    /// The sequence number that `states` is of.
    states_seq: u64,
    damaged: u64,
    told: BTreeSet<i64>,
}

impl Journal {
    /// Opens the journal for writing, and begins one where there is none.
    ///
    /// A file that is no database, or a damaged one, is renamed to `….damaged-1` (2, 3 …) and a new one begun; the log
    /// says so as an error.
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

    /// Opens handles for the logger.
    #[must_use]
    pub fn opener(settings: &HistorySettings) -> OpenHistorian {
        let settings = settings.clone();
        Arc::new(move || Ok(Box::new(Self::open(&settings)?)))
    }

    /// Opens handles for readers.
    #[must_use]
    pub fn reading_opener(settings: &HistorySettings) -> OpenHistorian {
        let settings = settings.clone();
        Arc::new(move || Ok(Box::new(Self::open_read_only(&settings)?)))
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
}

impl Historian for Journal {
    fn append(&mut self, frames: &[Arc<Frame>]) -> Result<Appended, HistorianError> {
        self.append_frames(frames)
    }

    fn last_seq(&mut self) -> Result<u64, HistorianError> {
        Self::last_seq(self)
    }

    fn size_bytes(&mut self) -> Result<u64, HistorianError> {
        write::size_bytes(&mut self.connection)
    }

    fn scan(
        &mut self,
        range: Range<Timestamp>,
        tags: &TagSet,
        cancel: &Cancel,
        visitor: &mut dyn Visitor,
    ) -> Result<(), HistorianError> {
        self.scan_frames(range, tags, cancel, visitor)
    }

    fn last_before(
        &mut self,
        before: Timestamp,
        tags: &TagSet,
        cancel: &Cancel,
    ) -> Result<Vec<Option<TagChange>>, HistorianError> {
        self.look_back(before, tags, cancel)
    }

    fn downtimes(&mut self, range: Range<Timestamp>) -> Result<Vec<Range<Timestamp>>, HistorianError> {
        self.read_downtimes(range)
    }

    fn damaged(&self) -> u64 {
        self.damaged
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("path", &self.path).field("cap_bytes", &self.cap_bytes).finish_non_exhaustive()
    }
}
