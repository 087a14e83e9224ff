//! History of tag samples: the journal that keeps them, the logger that writes it, the engine that reads it.
//!
//! **Worker** [`LoggerWorker`] takes every change of the table and journals it in checksummed frames; **engine**
//! [`DataLogger`] answers questions about the past. Both know the store only as a [`Historian`](historian::Historian);
//! today's is the [`Journal`](journal::Journal).
//!
//! ```text
//! Cvt ─ TagsChanged ─► LoggerWorker ─ frames ─► HistoryWriter (own thread) ─► Historian ─► journal.db
//!                      Framer (pure)             frame::encode (pure)
//! ReadRaw, ReadTrend, ReadLast ─► DataLogger ─ permits ─► readers (own threads) ─► Historian ─► journal.db
//!                                                        RawCollector, TrendBuilder (pure)
//! ```
//!
//! **Promise.** A change is durable within 100 ms of the table accepting it and stored exactly once: frames wait at most
//! [`HistorySettings::flush`], are kept until their transaction has committed, and the store skips what it has.

pub mod bucket;
mod data_logger;
#[cfg(test)]
mod engine_tests;
pub mod frame;
pub mod framer;
pub mod historian;
pub mod journal;
#[cfg(test)]
mod logger_tests;
mod logger_worker;
mod query;
pub mod raw;
mod reader;
pub mod states;
mod tag_set;
mod writer;

pub use data_logger::DataLogger;
pub use logger_worker::LoggerWorker;
pub use tag_set::TagSet;
pub use writer::AppendFrames;

use actix::Message;
use flyball_schema::{Quality, TagId, Timestamp, Value};
use std::path::PathBuf;
use std::time::Duration;

/// Tags of one request at the most.
pub const MAX_TAGS: usize = 100;
/// Buckets of a trend at the most.
pub const MAX_BUCKETS: usize = 10_000;
/// Tags × buckets of a trend at the most: about 40 MB while it is computed.
pub const MAX_CELLS: usize = 200_000;
/// Samples of a raw answer at the most, over all its tags.
pub const MAX_SAMPLES: usize = 1_000_000;

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
}

impl HistorySettings {
    /// Settings for a journal at `path`: capped at 1 GiB, flushed every 50 ms.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), journal_cap_bytes: 1 << 30, flush: Duration::from_millis(50) }
    }
}

/// Why a question about the past was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// More tags than [`MAX_TAGS`], or none.
    #[error("{0} tags asked for, 1 to {MAX_TAGS} are answered")]
    TagCount(usize),
    /// A tag is asked for twice.
    #[error("tag {0} is asked for twice")]
    DuplicateTag(TagId),
    /// More buckets than [`MAX_BUCKETS`], or none.
    #[error("{0} buckets asked for, 1 to {MAX_BUCKETS} are answered")]
    BucketCount(usize),
    /// More cells than [`MAX_CELLS`].
    #[error("{tags} tags in {buckets} buckets asked for, {MAX_CELLS} values are answered")]
    CellCount {
        /// Tags.
        tags: usize,
        /// Buckets.
        buckets: usize,
    },
    /// More samples than [`MAX_SAMPLES`], or none.
    #[error("up to {0} samples asked for, 1 to {MAX_SAMPLES} are answered")]
    SampleCount(usize),
    /// The range is empty, reversed, or shorter than a microsecond per bucket.
    #[error("no time between {from} and {to}")]
    Range {
        /// Start of the range.
        from: Timestamp,
        /// End of the range.
        to: Timestamp,
    },
    /// A trend is drawn of numbers.
    #[error("tag {tag} holds text, which has no trend")]
    Text {
        /// The tag.
        tag: TagId,
    },
    /// As many questions are waiting as may.
    #[error("too many questions about the past at a time")]
    Busy,
    /// The asker went away.
    #[error("the question was withdrawn")]
    Cancelled,
    /// The store did not answer in time.
    #[error("no answer from the history within {} ms", .0.as_millis())]
    Deadline(Duration),
    /// The store cannot be read.
    #[error("the history cannot be read: {0}")]
    Unavailable(String),
}

/// Reads the samples of several tags as they were stored.
///
/// * `tags`: 1 to [`MAX_TAGS`], each once. A tag that never had a sample has an empty series.
/// * `from`, `to`: source times, `from` included, `to` not.
/// * `limit`: 1 to [`MAX_SAMPLES`] samples *over all tags*. Past it the answer ends at the source time where it is full,
///   the same for every tag, and each series that has more is marked as truncated.
/// * Reply: one series per tag in the order asked, each by source time and, where that is equal, sequence number.
///   Changes of the last 100 ms may be missing.
/// * Errors: [`HistoryError`]; [`HistoryError::Busy`] at once where too many are waiting.
/// * A question whose asker goes away is given up.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Vec<RawSeries>, HistoryError>")]
pub struct ReadRaw {
    /// The tags.
    pub tags: Vec<TagId>,
    /// Start of the range, included.
    pub from: Timestamp,
    /// End of the range, not included.
    pub to: Timestamp,
    /// Samples at the most.
    pub limit: usize,
}

/// Reads the course of several numeric tags in buckets of equal width.
///
/// * `tags`: 1 to [`MAX_TAGS`], each once; `buckets`: 1 to [`MAX_BUCKETS`]; their product: up to [`MAX_CELLS`].
/// * `from`, `to`: source times; bucket *i* of *n* begins at `from` + *i* · (`to` − `from`) / *n*, rounded up to 1 µs.
/// * Reply: one series per tag in the order asked. A bucket without samples holds the value before it; it is a gap
///   (`None`) while the tag is bad, before its first value, while the plant was down, and in the future.
/// * Errors: [`HistoryError`]; [`HistoryError::Text`] for a tag that holds text.
/// * A question whose asker goes away is given up.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Trend, HistoryError>")]
pub struct ReadTrend {
    /// The tags.
    pub tags: Vec<TagId>,
    /// Start of the first bucket.
    pub from: Timestamp,
    /// End of the last bucket, not included.
    pub to: Timestamp,
    /// Number of buckets.
    pub buckets: usize,
}

/// Reads the last sample at or before a time, by source time.
///
/// * `tags`: 1 to [`MAX_TAGS`], each once.
/// * Reply: one per tag in the order asked; `None` for a tag that had none by then (or none that is kept).
/// * Errors: [`HistoryError`].
/// * A question whose asker goes away is given up.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Vec<Option<Sample>>, HistoryError>")]
pub struct ReadLast {
    /// The tags.
    pub tags: Vec<TagId>,
    /// The time.
    pub at: Timestamp,
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

/// Sets the tags whose changes are not kept (`history: false`), from the next change on.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct ExcludeTags(pub TagSet);

/// One sample of one tag.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Sequence number of the change; orders samples of one source time.
    pub seq: u64,
    /// Source time.
    pub time: Timestamp,
    /// Value, `None` where there never was one.
    pub value: Option<Value>,
    /// Quality.
    pub quality: Quality,
}

/// Samples of one tag, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct RawSeries {
    /// The tag.
    pub tag: TagId,
    /// Samples in [from, to), preceded by the last one before `from` where there is one.
    pub samples: Vec<Sample>,
    /// Whether there were more than the limit.
    pub truncated: bool,
}

/// One bucket of a trend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Smallest usable value; `None` for a gap.
    pub min: Option<f64>,
    /// Largest usable value.
    pub max: Option<f64>,
    /// Mean of the usable values.
    pub average: Option<f64>,
    /// First usable value.
    pub first: Option<f64>,
    /// Last usable value; in a bucket without samples, the value held from before.
    pub last: Option<f64>,
    /// Samples in the bucket.
    pub count: u32,
    /// Worst quality in the bucket.
    pub quality: Quality,
}

/// A trend of one tag: buckets of equal width.
#[derive(Debug, Clone, PartialEq)]
pub struct TrendSeries {
    /// The tag.
    pub tag: TagId,
    /// One per bucket.
    pub buckets: Vec<Bucket>,
}

/// Trends of several tags on one grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Trend {
    /// Start of each bucket.
    pub starts: Vec<Timestamp>,
    /// One per tag, in the order asked.
    pub series: Vec<TrendSeries>,
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
}
