//! Why a question about the past was not answered.

use super::{MAX_BUCKETS, MAX_CELLS, MAX_SAMPLES, MAX_TAGS};
use flyball_schema::{TagId, Timestamp};
use std::time::Duration;

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
    /// More buckets, rows or intervals than [`MAX_BUCKETS`], or none.
    #[error("{0} buckets, rows or intervals asked for, 1 to {MAX_BUCKETS} are answered")]
    BucketCount(usize),
    /// More cells than [`MAX_CELLS`].
    #[error("{width} columns of {height} values asked for, {MAX_CELLS} values are answered")]
    CellCount {
        /// Tags, or tags × aggregates.
        width: usize,
        /// Buckets, rows or intervals.
        height: usize,
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
    /// Rows or intervals of no width.
    #[error("a step of {0:?}, which is less than 1 µs")]
    Step(Duration),
    /// The cursor is of another question.
    #[error("a cursor that belongs to another question")]
    Cursor,
    /// No aggregate is asked for, or one twice.
    #[error("each aggregate is asked for once, and one at the least")]
    AggregateCount,
    /// A share that is more than the whole, or a share of good data that leaves no room for the one of bad data.
    #[error("{good} % of good data and {bad} % of bad data: each is up to 100, and together no less than 100")]
    Percent {
        /// From which share of good data on the result is good.
        good: u8,
        /// From which share of bad data on the result is bad.
        bad: u8,
    },
    /// Numbers are asked of a tag that holds text.
    #[error("tag {tag} holds text, of which there are no numbers")]
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
