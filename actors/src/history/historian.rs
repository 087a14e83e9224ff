//! What the history asks of a store of samples, whatever it is made of, and how samples are handed on.

use super::sample::{Block, Sample, Summary};
use flyball_schema::{TagId, Timestamp};
use std::collections::HashMap;
use std::fmt;
use std::ops::{ControlFlow, Range};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A backend that keeps samples for good, behind the journal.
///
/// Opens handles: each is used by one thread, and is dropped after a failure and opened again. Several handles of one
/// store see each other's commits.
pub trait Historian: fmt::Debug + Send + Sync {
    /// Opens the one handle that writes; makes or brings up to date what is needed.
    ///
    /// # Errors
    /// [`HistorianError`].
    fn open_writer(&self) -> Result<Box<dyn StoreWriter>, HistorianError>;

    /// Opens a handle that reads. A store that nobody has written to yet is empty, not an error.
    ///
    /// # Errors
    /// [`HistorianError`].
    fn open_reader(&self) -> Result<Box<dyn StoreReader>, HistorianError>;

    /// How much is stored at a time.
    fn generation(&self) -> Generation;

    /// Looks through the whole store for damage to its structure, which may take minutes; others read and write
    /// meanwhile. A store that looks after itself has nothing to do.
    ///
    /// # Errors
    /// [`HistorianError::Damaged`]; any other, where it could not be looked through.
    fn check(&self) -> Result<(), HistorianError> {
        Ok(())
    }

    /// Whether damage was met that is repaired when the store is next opened for writing.
    fn is_suspect(&self) -> bool {
        false
    }
}

/// Samples that go into a store together: as soon as there are enough, or the oldest has waited long enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generation {
    /// Enough.
    pub samples: u64,
    /// Long enough.
    pub age: Duration,
}

/// Identity of a journal, made when its file is begun: what a store has of one journal says nothing of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct JournalId(pub uuid::Uuid);

impl fmt::Display for JournalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

/// Writes a store.
pub trait StoreWriter: Send {
    /// The sequence number up to which the changes of `journal` are stored, 0 where none are.
    ///
    /// # Errors
    /// [`HistorianError`].
    fn position(&mut self, journal: JournalId) -> Result<u64, HistorianError>;

    /// Stores a batch and moves the position of its journal to [`Batch::upto`], in one transaction.
    ///
    /// **Exactly once:** where the position is not [`Batch::behind`] nothing is stored. So a batch whose fate is unknown
    /// (an error at the commit, a process that was killed) is read again behind the position that is found.
    ///
    /// # Errors
    /// [`HistorianError::Position`]; any other: nothing was stored, or all was and the store could not say so.
    fn store(&mut self, batch: &Batch) -> Result<Stored, HistorianError>;

    /// Stores samples that come from no journal (an import), beside those that are there. Does not look for doubles.
    ///
    /// * `series`: samples of each tag by time.
    ///
    /// # Errors
    /// [`HistorianError`]; nothing was stored.
    fn import(&mut self, series: &[(TagId, Block)]) -> Result<(), HistorianError>;

    /// One step of upkeep that takes some tens of milliseconds at the most: merges what is small or came late, drops
    /// what is past its retention, gives space back.
    ///
    /// # Errors
    /// [`HistorianError`].
    fn upkeep(&mut self, retention: &Retention, now: Timestamp) -> Result<Upkeep, HistorianError>;

    /// Space that the store takes, bytes.
    ///
    /// # Errors
    /// [`HistorianError`].
    fn size_bytes(&mut self) -> Result<u64, HistorianError>;
}

/// Reads a store.
pub trait StoreReader: SampleSource + Send {
    /// Begins a question: until [`StoreReader::end`] the handle sees one state of the store. Answers the position of
    /// `journal` in that state.
    ///
    /// # Errors
    /// [`HistorianError`].
    fn begin(&mut self, journal: JournalId) -> Result<u64, HistorianError>;

    /// Ends a question; without one, nothing happens.
    fn end(&mut self);

    /// Damaged parts that this handle has skipped.
    fn damaged(&self) -> u64;
}

/// Samples of the past.
pub trait SampleSource {
    /// Hands the samples of a tag with a source time in `range` to `visitor`, by time, those of one time in the order in
    /// which they came. Memory does not grow with the range. Damaged parts are skipped and counted.
    ///
    /// # Errors
    /// [`HistorianError`]; [`HistorianError::Cancelled`] soon after `cancel` is set.
    fn read(
        &mut self,
        tag: TagId,
        range: Range<Timestamp>,
        cancel: &Cancel,
        visitor: &mut dyn Visitor,
    ) -> Result<(), HistorianError>;

    /// The last sample of a tag with a source time before `before`.
    ///
    /// # Errors
    /// [`HistorianError`]; [`HistorianError::Cancelled`] soon after `cancel` is set.
    fn last_before(&mut self, tag: TagId, before: Timestamp, cancel: &Cancel)
    -> Result<Option<Sample>, HistorianError>;

    /// Times that overlap `range` in which the plant did not run and nothing is known, by start.
    ///
    /// # Errors
    /// [`HistorianError`].
    fn downtimes(&mut self, range: Range<Timestamp>) -> Result<Vec<Range<Timestamp>>, HistorianError>;
}

/// Takes the samples of one tag, in order.
pub trait Visitor {
    /// Whether the samples from `t0` to `t1` (both included) may come summed up. The source need not do so.
    fn takes_summary(&self, t0: Timestamp, t1: Timestamp) -> bool {
        let _ = (t0, t1);
        false
    }

    /// Takes samples summed up; only where [`Visitor::takes_summary`] said so.
    fn summary(&mut self, summary: &Summary) {
        let _ = summary;
    }

    /// Takes `rows` of `block`; [`ControlFlow::Break`] where nothing later is wanted.
    fn block(&mut self, block: &Block, rows: Range<usize>) -> ControlFlow<()>;
}

/// Samples on their way from a journal into the store.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The journal.
    pub journal: JournalId,
    /// The position behind which it begins.
    pub behind: u64,
    /// The position once it is stored.
    pub upto: u64,
    /// By tag; the samples of each in the order in which they came.
    pub series: Vec<(TagId, Block)>,
    /// Times in which the plant did not run, by start.
    pub downtimes: Vec<Range<Timestamp>>,
}

/// What was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stored {
    /// Samples.
    pub samples: u64,
}

/// How long samples are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retention {
    /// Of tags that are not named: `None` for ever.
    pub default: Option<Duration>,
    /// Of single tags: `None` for ever.
    pub by_tag: HashMap<TagId, Option<Duration>>,
    /// Size past which the oldest samples of all tags are dropped, bytes; `None` without bound.
    pub max_bytes: Option<u64>,
}

impl Retention {
    /// How long samples of `tag` are kept; `None` for ever.
    #[must_use]
    pub fn of(&self, tag: TagId) -> Option<Duration> {
        self.by_tag.get(&tag).copied().unwrap_or(self.default)
    }
}

/// What a step of upkeep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Upkeep {
    /// Samples dropped past their retention.
    pub dropped: u64,
    /// Whether there is more to do at once.
    pub more: bool,
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
    #[error("{} cannot be opened", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server cannot be reached.
    #[error("the history server cannot be reached")]
    Connect(#[source] diesel::ConnectionError),
    /// There is nothing yet.
    #[error("there is no journal {}", .0.display())]
    Missing(PathBuf),
    /// Written by a later version.
    #[error("{} has version {version}, which this program does not know", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: i32,
    },
    /// The file is no database, or a damaged one.
    #[error("the file is damaged: {0}")]
    Damaged(String),
    /// The database refused a statement: full, locked, unreadable, gone.
    #[error("the store refused")]
    Database(#[source] diesel::result::Error),
    /// Another batch came first.
    #[error("the store is at position {found}, not {expected}")]
    Position {
        /// What the batch begins behind.
        expected: u64,
        /// What is stored.
        found: u64,
    },
    /// Another program, or a session of ours that the server has not given up yet, stores the same journal.
    #[error("another session stores the journal {0}")]
    Taken(JournalId),
    /// The server is not one that can be used.
    #[error("the history server cannot be used: {0}")]
    Unsuitable(String),
    /// A frame cannot be encoded.
    #[error(transparent)]
    Frame(#[from] super::frame::FrameError),
    /// Samples cannot be encoded.
    #[error(transparent)]
    Chunk(#[from] super::chunk::ChunkError),
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
