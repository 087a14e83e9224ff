//! The questions that a [`DataLogger`](super::DataLogger) answers: what is allowed, and how each is read.

use super::bucket::{Grid, TrendBuilder};
use super::historian::{Cancel, Historian, HistorianError};
use super::raw::{RawCollector, sample_of};
use super::{
    HistoryError, MAX_SAMPLES, MAX_TAGS, RawSeries, ReadLast, ReadRaw, ReadTrend, Sample, TagSet, Trend, TrendSeries,
};
use crate::cvt::TagChange;
use flyball_schema::{TagId, Timestamp};
use std::ops::Range;
use std::time::Duration;

/// A question about the past.
pub(super) trait Query: Send + 'static {
    type Answer: Send + 'static;

    /// Refuses what is not allowed, before anything waits for it.
    fn check(&self) -> Result<(), HistoryError>;

    /// Reads the answer.
    fn run(&self, historian: &mut dyn Historian, now: Timestamp, cancel: &Cancel) -> Result<Self::Answer, Failure>;
}

/// Why a question was not answered: the store, or the question itself.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Store(#[from] HistorianError),
    #[error(transparent)]
    Question(#[from] HistoryError),
}

impl Query for ReadRaw {
    type Answer = Vec<RawSeries>;

    fn check(&self) -> Result<(), HistoryError> {
        if self.limit == 0 || self.limit > MAX_SAMPLES {
            return Err(HistoryError::SampleCount(self.limit));
        }
        if self.from >= self.to {
            return Err(HistoryError::Range { from: self.from, to: self.to });
        }
        check_tags(&self.tags)
    }

    fn run(&self, historian: &mut dyn Historian, _now: Timestamp, cancel: &Cancel) -> Result<Self::Answer, Failure> {
        let tags = TagSet::new(self.tags.clone());
        let mut raw = RawCollector::new(tags.clone(), self.limit);
        historian.scan(self.from..self.to, &tags, cancel, &mut raw)?;
        let before = historian.last_before(self.from, &tags, cancel)?;
        Ok(in_order_asked(&self.tags, &tags, raw.finish(before)))
    }
}

impl Query for ReadTrend {
    type Answer = Trend;

    fn check(&self) -> Result<(), HistoryError> {
        check_tags(&self.tags)?;
        let grid = Grid::new(self.from, self.to, self.buckets)?;
        grid.check_tags(self.tags.len())
    }

    fn run(&self, historian: &mut dyn Historian, now: Timestamp, cancel: &Cancel) -> Result<Self::Answer, Failure> {
        let tags = TagSet::new(self.tags.clone());
        let grid = Grid::new(self.from, self.to, self.buckets)?;
        let mut builder = TrendBuilder::new(grid, tags.clone())?;
        historian.scan(self.from..self.to, &tags, cancel, &mut builder)?;
        let before = historian.last_before(self.from, &tags, cancel)?;
        let downtimes = historian.downtimes(self.downtime_range(&before))?;
        let buckets = builder.finish(&before, &downtimes, now)?;
        let series = tags.as_slice().iter().zip(buckets).map(|(&tag, buckets)| TrendSeries { tag, buckets });
        Ok(Trend { starts: grid.starts(), series: in_order_asked(&self.tags, &tags, series.collect()) })
    }
}

impl ReadTrend {
    /// From the oldest sample that is held into the range to the end of the range.
    fn downtime_range(&self, before: &[Option<TagChange>]) -> Range<Timestamp> {
        let oldest = before.iter().flatten().map(|change| change.source_time).min();
        oldest.unwrap_or(self.from)..self.to
    }
}

impl Query for ReadLast {
    type Answer = Vec<Option<Sample>>;

    fn check(&self) -> Result<(), HistoryError> {
        check_tags(&self.tags)
    }

    fn run(&self, historian: &mut dyn Historian, _now: Timestamp, cancel: &Cancel) -> Result<Self::Answer, Failure> {
        let tags = TagSet::new(self.tags.clone());
        let last = historian.last_before(self.at + Duration::from_micros(1), &tags, cancel)?;
        Ok(in_order_asked(&self.tags, &tags, last.into_iter().map(|change| change.map(sample_of)).collect()))
    }
}

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

/// Brings what is there by slot into the order of `asked`, each once.
fn in_order_asked<T>(asked: &[TagId], tags: &TagSet, by_slot: Vec<T>) -> Vec<T> {
    let mut by_slot: Vec<Option<T>> = by_slot.into_iter().map(Some).collect();
    asked.iter().filter_map(|&tag| by_slot.get_mut(tags.slot(tag)?)?.take()).collect()
}
