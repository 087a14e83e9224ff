//! What the logger and the engine ask of a store of history, whatever it is made of.

use super::TagSet;
use super::framer::Frame;
use crate::cvt::TagChange;
use flyball_schema::Timestamp;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A store of tag samples. One handle is used by one thread; several handles of one store see each other's commits.
pub trait Historian: Send {
    /// Stores frames, all or none, and returns when they are durable.
    ///
    /// **Exactly once:** changes at or below [`Historian::last_seq`] are skipped, so that frames whose fate is unknown
    /// (an error at the commit, a process that was killed) are simply appended again.
    ///
    /// * `frames`: in order of sequence number, as are the changes in each.
    ///
    /// # Errors
    /// [`HistorianError`]; nothing was stored, or all was and the store could not say so.
    fn append(&mut self, frames: &[Arc<Frame>]) -> Result<Appended, HistorianError>;

    /// The last sequence number that is stored, 0 in an empty store. The table continues from it after a restart.
    ///
    /// # Errors
    /// [`HistorianError`].
    fn last_seq(&mut self) -> Result<u64, HistorianError>;

    /// Space that the store takes, bytes.
    ///
    /// # Errors
    /// [`HistorianError`].
    fn size_bytes(&mut self) -> Result<u64, HistorianError>;

    /// Hands every sample of `tags` with a source time in `range` to `visitor`, in order of sequence number: so late
    /// samples come late. Damaged parts are skipped and counted.
    ///
    /// # Errors
    /// [`HistorianError`]; [`HistorianError::Cancelled`] soon after `cancel` is set.
    fn scan(
        &mut self,
        range: Range<Timestamp>,
        tags: &TagSet,
        cancel: &Cancel,
        visitor: &mut dyn Visitor,
    ) -> Result<(), HistorianError>;

    /// The last sample of each tag with a source time before `before`, by slot of `tags`.
    ///
    /// # Errors
    /// [`HistorianError`]; [`HistorianError::Cancelled`] soon after `cancel` is set.
    fn last_before(
        &mut self,
        before: Timestamp,
        tags: &TagSet,
        cancel: &Cancel,
    ) -> Result<Vec<Option<TagChange>>, HistorianError>;

    /// Times that overlap `range` in which the plant did not run and nothing is known, by start.
    ///
    /// # Errors
    /// [`HistorianError`].
    fn downtimes(&mut self, range: Range<Timestamp>) -> Result<Vec<Range<Timestamp>>, HistorianError>;

    /// Damaged parts that this handle has skipped.
    fn damaged(&self) -> u64;
}

/// Opens a handle of a store; called again after a failure.
pub type OpenHistorian = Arc<dyn Fn() -> Result<Box<dyn Historian>, HistorianError> + Send + Sync>;

/// Takes the samples of a scan.
pub trait Visitor {
    /// One sample.
    fn sample(&mut self, change: TagChange);

    /// Samples from this source time on are no longer wanted; asked now and then.
    fn horizon(&self) -> Timestamp {
        Timestamp::MAX
    }
}

/// What an append did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Appended {
    /// Frames stored.
    pub frames: u64,
    /// Changes stored.
    pub changes: u64,
    /// Changes that were in the store already, by their sequence number.
    pub skipped: u64,
    /// Changes of frames that were dropped past the cap.
    pub expired: u64,
    /// Space that the store takes, bytes.
    pub size_bytes: u64,
}

/// Tells a query that its asker has gone.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks the query to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// [`HistorianError::Cancelled`] once [`Cancel::cancel`] was called.
    ///
    /// # Errors
    /// As said.
    pub fn check(&self) -> Result<(), HistorianError> {
        if self.0.load(Ordering::Relaxed) { Err(HistorianError::Cancelled) } else { Ok(()) }
    }
}

/// Why a store could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistorianError {
    /// The file cannot be opened.
    #[error("the journal {} cannot be opened", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is nothing yet.
    #[error("there is no journal {}", .0.display())]
    Missing(PathBuf),
    /// Written by a later version.
    #[error("the journal {} has version {version}, which this program does not know", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: i32,
    },
    /// The file is no database, or a damaged one.
    #[error("the journal is damaged: {0}")]
    Damaged(String),
    /// The database refused a statement: full, locked, unreadable.
    #[error("the journal refused")]
    Database(#[source] diesel::result::Error),
    /// A frame cannot be encoded.
    #[error(transparent)]
    Frame(#[from] super::frame::FrameError),
    /// The asker went away.
    #[error("the question was withdrawn")]
    Cancelled,
    /// A bug: the store panicked.
    #[error("the store panicked: {0}")]
    Panicked(String),
}

impl From<diesel::result::Error> for HistorianError {
    fn from(cause: diesel::result::Error) -> Self {
        // SQLITE_NOTADB and SQLITE_CORRUPT come without their code.
        let text = cause.to_string();
        if text.contains("not a database") || text.contains("malformed") {
            return Self::Damaged(text);
        }
        Self::Database(cause)
    }
}

/// An error with its causes, in one line.
pub(super) struct Chain<'a>(pub(super) &'a (dyn std::error::Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// Runs `work` and turns a panic into [`HistorianError::Panicked`].
///
/// # Errors
/// Those of `work`, and a panic.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, HistorianError>) -> Result<T, HistorianError> {
    // Whoever sees the error drops the handle, so nothing half done is used again.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(HistorianError::Panicked(text.unwrap_or_else(|| "without a message".to_owned())))
    })
}
