//! History of tag samples: the journal that makes them durable, the store that keeps them, the questions about them.
//!
//! **Worker** [`LoggerWorker`] takes every change of the table and journals it in checksummed frames, then moves it on
//! into a store, a [`Historian`](historian::Historian): SQLite or PostgreSQL. **Engine** [`DataLogger`] answers
//! questions about the past. What both share is a [`History`].
//!
//! ```text
//! Cvt ─ TagsChanged ─► LoggerWorker ─ frames ─► HistoryWriter (own thread) ─► Journal ─► journal.db
//!                      Framer (pure)             frame (pure)                └► Head (pure, in memory)
//!                                       HistoryMover (own thread): Journal ─ batches ─► Historian
//! ReadRaw, ReadTrend … ─► DataLogger ─ permits ─► readers (own threads) ─► Past: Historian + Journal + Head
//!                                                query (pure)
//! ```
//!
//! **Promise.** A change is durable within 100 ms of the table accepting it and stored exactly once: frames wait at most
//! [`HistorySettings::flush`], are kept until their transaction has committed, and journal and store skip what they have.

pub mod backup;
pub mod chunk;
mod data_logger;
pub mod dead_band;
#[cfg(test)]
mod engine_tests;
pub mod frame;
pub mod framer;
pub mod head;
pub mod historian;
pub mod journal;
#[cfg(test)]
mod logger_tests;
mod logger_worker;
pub mod merge;
mod mover;
#[cfg(test)]
mod moving_tests;
pub mod offline;
mod past;
pub mod postgres;
pub mod query;
mod reader;
pub mod sample;
mod shared;
pub mod sqlite;
#[cfg(test)]
mod store_suite;
mod tag_set;
mod writer;

pub use data_logger::DataLogger;
pub use dead_band::HistoryDeadBand;
pub use logger_worker::LoggerWorker;
pub use mover::{MoveHistory, Moved};
pub use query::{
    Aggregate, AggregateConfig, AggregateSeries, AggregateValue, Aggregates, Bucket, Cell, Cursor, HistoryError,
    Interpolation, MAX_BUCKETS, MAX_CELLS, MAX_SAMPLES, MAX_TAGS, RawPage, RawSeries, ReadAggregates, ReadLast,
    ReadRaw, ReadTable, ReadTrend, Table, TableColumn, Trend, TrendSeries,
};
pub use sample::Sample;
pub use shared::History;
pub use tag_set::TagSet;
pub use writer::AppendFrames;

use actix::Message;
use flyball_schema::TagId;
use historian::Retention;
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

/// Settings of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistorySettings {
    /// File of the journal; `-wal` and `-shm` lie beside it.
    pub path: PathBuf,
    /// Size of the journal past which its oldest frames are dropped, bytes.
    pub journal_cap_bytes: u64,
    /// A change waits for company in its frame no longer than this. The commit comes on top: with the
    /// default of 50 ms a change is durable within 100 ms.
    pub flush: Duration,
    /// Samples in memory at the most; about 40 bytes each. What is neither there nor in the store is read from the
    /// journal.
    pub head_samples: usize,
    /// Samples that go into the store together at the most, where not as the store likes.
    pub generation_samples: Option<u64>,
    /// How long a sample waits for others on its way into the store at the most, where not as the store likes.
    pub generation_age: Option<Duration>,
}

impl HistorySettings {
    /// Settings for a journal at `path`: capped at 1 GiB, flushed every 50 ms, two million samples in memory.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            journal_cap_bytes: 1 << 30,
            flush: Duration::from_millis(50),
            head_samples: 2_000_000,
            generation_samples: None,
            generation_age: None,
        }
    }
}

/// Counters of the [`DataLogger`].
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "DataLoggerStatus")]
pub struct ReadDataLoggerStatus;

/// Reply to [`ReadDataLoggerStatus`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DataLoggerStatus {
    /// Questions taken since the start.
    pub questions: u64,
    /// Questions refused because too many were waiting.
    pub busy: u64,
    /// Questions under way or waiting.
    pub waiting: usize,
    /// Damaged frames met while reading; the same one counts each time.
    pub damaged_frames: u64,
}

/// Waits until every change that the logger has received is durable.
///
/// * Reply: the last durable sequence number.
/// * Errors: [`HistoryError::Unavailable`] where the logger stops first. While the store cannot be written there is no
///   reply: the asker's deadline counts.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<u64, HistoryError>")]
pub struct FlushHistory;

/// State and counters of the logger.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "HistoryStatus")]
pub struct ReadHistoryStatus;

/// Sets what is kept and how long, from the next change and the next upkeep on.
///
/// * Ordering: between two batches of changes; the changes of one are all treated alike.
/// * A logger that is made again on the same [`History`] goes on with it.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct SetKeeping(pub Keeping);

/// What is kept, and how long.
#[derive(Debug, Clone, Default)]
pub struct Keeping {
    /// Tags whose changes are not kept (`history: false`).
    pub excluded: TagSet,
    /// How long the others are kept.
    pub retention: Retention,
    /// Numeric tags of which small moves are not kept; they do not count as lost. The first sample after a time in which
    /// nothing was recorded is kept.
    pub dead_bands: HashMap<TagId, HistoryDeadBand>,
}

/// State and counters of the logger.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HistoryStatus {
    /// Frames journaled since the start.
    pub frames: u64,
    /// Changes journaled since the start.
    pub changes: u64,
    /// Last sequence number received.
    pub last_seq: u64,
    /// Last sequence number that is durable.
    pub durable_seq: u64,
    /// Age of the oldest change that is not durable, ms.
    pub lag_ms: u64,
    /// Size of the journal, bytes.
    pub journal_bytes: u64,
    /// Changes that were dropped and are in no history.
    pub lost: u64,
    /// Changes of frames that were dropped because the journal was past its cap.
    pub expired: u64,
    /// Why the journal cannot be written, where it cannot.
    pub error: Option<String>,
    /// The store behind the journal.
    pub store: StoreStatus,
}

/// The store behind the journal, as the logger sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreStatus {
    /// Sequence number up to which the store has everything.
    pub position: u64,
    /// Changes that are journaled and not stored.
    pub waiting: u64,
    /// Samples moved since the start.
    pub moved: u64,
    /// Samples dropped past their retention since the start.
    pub dropped: u64,
    /// Size of the store, bytes.
    pub size_bytes: u64,
    /// Why the store cannot be written, where it cannot; the journal keeps everything meanwhile.
    pub error: Option<String>,
}
