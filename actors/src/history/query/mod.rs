//! The questions that a [`DataLogger`](super::DataLogger) answers: what is allowed, and how each is read.
//!
//! One file per question: its message, its limits, and how it is read from a [`SampleSource`]. What it is made of is
//! built by a pure [`Visitor`](super::historian::Visitor) beside it. Samples of one tag pass at a time, so memory grows
//! with the answer and never with the range.
//!
//! | question | answer | pure |
//! |---|---|---|
//! | [`ReadRaw`] | samples as they were stored, in pages | [`raw_page`] |
//! | [`ReadTrend`] | buckets of equal width | [`grid`], [`bucket`], [`trend`] |
//! | [`ReadTable`] | values at the times of a grid, in pages | [`table_column`] |
//! | [`ReadAggregates`] | aggregates of OPC UA, by interval | [`aggregate`] |
//! | [`ReadLast`] | the last sample at or before a time | |

pub mod aggregate;
pub mod bucket;
mod error;
pub mod grid;
mod last;
mod raw;
pub mod raw_page;
#[cfg(test)]
mod source_tests;
mod table;
pub mod table_column;
pub mod trend;

pub use aggregate::{Aggregate, AggregateConfig, AggregateSeries, AggregateValue, Aggregates, ReadAggregates};
pub use error::HistoryError;
pub use last::ReadLast;
pub use raw::{Cursor, RawPage, RawSeries, ReadRaw};
pub use table::{Cell, Interpolation, ReadTable, Table, TableColumn};
pub use trend::{Bucket, ReadTrend, Trend, TrendSeries};

use super::historian::{Cancel, HistorianError, SampleSource};
use super::sample::Sample;
use flyball_schema::{Quality, TagId, Timestamp};
use std::ops::Range;

/// Tags of one request at the most.
pub const MAX_TAGS: usize = 100;
/// Buckets of a trend, rows of a table, intervals of an aggregate at the most.
pub const MAX_BUCKETS: usize = 10_000;
/// Tags × buckets of a trend, rows of a table or intervals and aggregates at the most: about 25 MB.
pub const MAX_CELLS: usize = 200_000;
/// Samples of a raw answer at the most, over all its tags.
pub const MAX_SAMPLES: usize = 1_000_000;

/// Quality where no sample explains that there is no value: before the first, and in the future.
const UNKNOWN: Quality = Quality::BAD_WAITING_FOR_INITIAL_DATA;
/// Quality of a time in which the plant did not run.
const DOWN: Quality = Quality::BAD_OUT_OF_SERVICE;

/// A question about the past.
pub(super) trait Query: Send + 'static {
    type Answer: Send + 'static;

    /// The tags that are asked for.
    fn tags(&self) -> &[TagId];

    /// Refuses what is not allowed, before anything waits for it.
    fn check(&self) -> Result<(), HistoryError>;

    /// Reads the answer.
    fn run(&self, past: &mut dyn SampleSource, now: Timestamp, cancel: &Cancel) -> Result<Self::Answer, Failure>;
}

/// Why a question was not answered: the store, or the question itself.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Store(#[from] HistorianError),
    #[error(transparent)]
    Question(#[from] HistoryError),
}

/// Refuses no tags, too many, and one that is asked for twice.
fn check_tags(tags: &[TagId]) -> Result<(), HistoryError> {
    if tags.is_empty() || tags.len() > MAX_TAGS {
        return Err(HistoryError::TagCount(tags.len()));
    }
    let mut sorted = tags.to_vec();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(twice) => Err(HistoryError::DuplicateTag(twice[0])),
        None => Ok(()),
    }
}

/// Refuses `width` columns of `height` where these are too many values.
fn check_cells(width: usize, height: usize) -> Result<(), HistoryError> {
    if width.saturating_mul(height) > MAX_CELLS { Err(HistoryError::CellCount { width, height }) } else { Ok(()) }
}

/// The point after `time`: where a range that includes `time` ends.
fn behind(time: Timestamp) -> Timestamp {
    Timestamp::from_micros(time.as_micros().saturating_add(1))
}

/// What is known of several tags before a range is read.
struct Before {
    /// The last sample of each before the range, in the order asked.
    samples: Vec<Option<Sample>>,
    /// Times in which the plant did not run, from the oldest of these samples to the end of the range.
    downtimes: Vec<Range<Timestamp>>,
}

impl Before {
    fn read(
        past: &mut dyn SampleSource,
        tags: &[TagId],
        range: Range<Timestamp>,
        cancel: &Cancel,
    ) -> Result<Self, HistorianError> {
        let samples: Result<Vec<_>, _> = tags.iter().map(|&tag| past.last_before(tag, range.start, cancel)).collect();
        let samples = samples?;
        let oldest = samples.iter().flatten().map(|sample| sample.time).min();
        let downtimes = past.downtimes(oldest.unwrap_or(range.start)..range.end)?;
        Ok(Self { samples, downtimes })
    }
}

/// How many of the leading `times`, which ascend, are before `end`. Looks near the front first.
fn count_before(times: &[i64], end: i64) -> usize {
    let mut reach = 1;
    while reach < times.len() && times[reach - 1] < end {
        reach *= 2;
    }
    let start = reach / 2;
    let reach = reach.min(times.len());
    start + times[start..reach].partition_point(|&time| time < end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tags_are_asked_for_once() {
        let tags = |ids: &[u32]| ids.iter().copied().map(TagId).collect::<Vec<_>>();
        assert_eq!(check_tags(&tags(&[])), Err(HistoryError::TagCount(0)));
        assert_eq!(check_tags(&tags(&[3, 2, 3])), Err(HistoryError::DuplicateTag(TagId(3))));
        assert_eq!(check_tags(&tags(&(0..101).collect::<Vec<_>>())), Err(HistoryError::TagCount(101)));
        assert_eq!(check_tags(&tags(&[2, 1])), Ok(()));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn counting_before_a_time_is_what_a_search_finds(mut times in prop::collection::vec(0..50_i64, 0..60), end in 0..55_i64) {
            times.sort_unstable();
            prop_assert_eq!(count_before(&times, end), times.iter().filter(|&&time| time < end).count());
        }
    }
}
