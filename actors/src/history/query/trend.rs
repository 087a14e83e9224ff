//! The course of numeric tags in buckets of equal width.

use super::bucket::{EMPTY, Held, Sums};
use super::grid::Grid;
use super::{Before, Failure, HistoryError, Query, behind, check_cells, check_tags, count_before};
use crate::history::historian::{Cancel, SampleSource, Visitor};
use crate::history::sample::{Block, Column, Sample, Summary};
use actix::Message;
use flyball_schema::{Quality, TagId, Timestamp, Value};
use std::ops::{ControlFlow, Range};

/// Reads the course of several numeric tags in buckets of equal width.
///
/// * `tags`: 1 to [`MAX_TAGS`](super::MAX_TAGS), each once; `buckets`: 1 to [`MAX_BUCKETS`](super::MAX_BUCKETS); their
///   product: up to [`MAX_CELLS`](super::MAX_CELLS).
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
    /// Mean over time of the usable values, each held until the next sample; `None` where none was held at all.
    pub time_average: Option<f64>,
    /// Share of the time in which a usable value (good or uncertain) was held, 0 to 1; of a bucket that is not over, of
    /// its time up to now.
    pub usable: f64,
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

impl Query for ReadTrend {
    type Answer = Trend;

    fn tags(&self) -> &[TagId] {
        &self.tags
    }

    fn check(&self) -> Result<(), HistoryError> {
        check_tags(&self.tags)?;
        Grid::new(self.from, self.to, self.buckets)?;
        check_cells(self.tags.len(), self.buckets)
    }

    fn run(&self, past: &mut dyn SampleSource, now: Timestamp, cancel: &Cancel) -> Result<Self::Answer, Failure> {
        let grid = Grid::new(self.from, self.to, self.buckets)?;
        let before = Before::read(past, &self.tags, self.from..self.to, cancel)?;
        let mut trend = Trend { starts: grid.starts(), series: Vec::with_capacity(self.tags.len()) };
        for (&tag, sample) in self.tags.iter().zip(&before.samples) {
            let mut builder = TrendBuilder::new(grid, sample.as_ref(), &before.downtimes, now);
            past.read(tag, self.from..self.to, cancel, &mut builder)?;
            let buckets = builder.finish().ok_or(HistoryError::Text { tag })?;
            trend.series.push(TrendSeries { tag, buckets });
        }
        Ok(trend)
    }
}

/// Builds the buckets of one tag from its samples in order.
#[derive(Debug)]
pub struct TrendBuilder<'a> {
    grid: Grid,
    downtimes: &'a [Range<Timestamp>],
    /// Downtimes from here on have not begun yet.
    next_downtime: usize,
    /// Up to where a value is held: the microsecond behind now.
    known: i64,
    /// Buckets before the present one.
    done: Vec<Bucket>,
    /// Start and end of the present bucket.
    bucket: Range<i64>,
    sums: Sums,
    /// The state at the beginning of the present bucket.
    at_start: Held,
    held: Held,
    /// Up to where `held` has been weighed.
    clock: i64,
    text: bool,
}

impl<'a> TrendBuilder<'a> {
    /// An empty trend.
    ///
    /// * `before`: the last sample before the grid.
    /// * `downtimes`: times in which nothing is known, by start; a value is not held into one.
    /// * `now`: nothing is held beyond.
    #[must_use]
    pub fn new(grid: Grid, before: Option<&Sample>, downtimes: &'a [Range<Timestamp>], now: Timestamp) -> Self {
        let held = before.map_or_else(Held::unknown, |sample| Held {
            value: sample.usable_f64(),
            quality: sample.quality,
            since: sample.time.as_micros(),
        });
        let bucket = grid.start(0).as_micros()..grid.start(1).as_micros();
        let mut builder = Self {
            grid,
            downtimes,
            next_downtime: 0,
            known: behind(now).as_micros(),
            done: Vec::with_capacity(grid.len()),
            clock: bucket.start,
            bucket,
            sums: EMPTY,
            at_start: held,
            held,
            text: before.is_some_and(|sample| matches!(sample.value, Some(Value::Text(_)))),
        };
        builder.begin();
        builder
    }

    /// The buckets; `None` where the tag holds text.
    #[must_use]
    pub fn finish(mut self) -> Option<Vec<Bucket>> {
        if self.text {
            return None;
        }
        while self.done.len() < self.grid.len() {
            self.weigh(self.bucket.end.min(self.known));
            self.close();
        }
        Some(self.done)
    }

    /// Begins the present bucket.
    fn begin(&mut self) {
        self.enter_downtimes(self.bucket.start);
        self.sums = EMPTY;
        self.at_start = self.held;
    }

    /// Ends the present bucket and begins the next.
    fn close(&mut self) {
        let Range { start, end } = self.bucket;
        // A bucket that begins now is known for a microsecond.
        let width = end.min(self.known.max(start.saturating_add(1))).abs_diff(start);
        let bucket = if self.sums.count() > 0 {
            self.sums.bucket(width)
        } else if start >= self.known {
            EMPTY.held(&Held::unknown(), width)
        } else {
            self.sums.held(&self.at_start, width)
        };
        self.done.push(bucket);
        if self.done.len() < self.grid.len() {
            self.bucket = end..self.grid.start(self.done.len() + 1).as_micros();
            self.clock = self.clock.max(end);
            self.begin();
        }
    }

    /// Weighs what is held up to the next sample at `time`, over as many buckets as lie between.
    fn advance(&mut self, time: i64) {
        while time >= self.bucket.end && self.done.len() < self.grid.len() {
            self.weigh(self.bucket.end);
            self.close();
        }
        self.weigh(time);
    }

    /// Weighs what is held up to `until`, within the present bucket.
    fn weigh(&mut self, until: i64) {
        while let Some(start) = self.downtime_start().filter(|&start| start < until) {
            self.hold(start);
            self.enter_downtimes(start);
        }
        self.hold(until);
    }

    fn hold(&mut self, until: i64) {
        if until > self.clock {
            self.sums.hold(&self.held, until.abs_diff(self.clock));
            self.clock = until;
        }
    }

    /// Holds the last sample taken.
    fn hold_from(&mut self, held: Held) {
        (self.held, self.clock) = (held, held.since);
        self.recall_downtimes(held.since);
    }

    /// A downtime that begins with a sample at `time` ends it, though a bucket may have begun with that downtime before.
    fn recall_downtimes(&mut self, time: i64) {
        let begins_with_it = |down: &Range<Timestamp>| down.start.as_micros() >= time;
        while self.downtimes[..self.next_downtime].last().is_some_and(begins_with_it) {
            self.next_downtime -= 1;
        }
    }

    fn downtime_start(&self) -> Option<i64> {
        self.downtimes.get(self.next_downtime).map(|down| down.start.as_micros())
    }

    /// Ends what is held at each downtime that begins at `time` or before.
    fn enter_downtimes(&mut self, time: i64) {
        while let Some(start) = self.downtime_start().filter(|&start| start <= time) {
            // Before the first sample there is nothing to end.
            if self.held.since <= start && self.held.since > i64::MIN {
                self.held = Held::down(start);
            }
            self.next_downtime += 1;
        }
    }

    /// Up to where samples can be taken at one go: the end of the bucket, or the downtime that ends what is held.
    fn reach(&self) -> i64 {
        let end = self.bucket.end;
        self.downtime_start().map_or(end, |start| end.min(start.saturating_add(1)))
    }
}

impl Visitor for TrendBuilder<'_> {
    fn takes_summary(&self, t0: Timestamp, t1: Timestamp) -> bool {
        let bucket = self.grid.bucket_of(t0);
        let down = self.downtimes.partition_point(|down| down.start < t0);
        bucket.is_some()
            && bucket == self.grid.bucket_of(t1)
            && self.downtimes.get(down).is_none_or(|down| down.start >= t1)
    }

    fn summary(&mut self, summary: &Summary) {
        self.advance(summary.t0.as_micros());
        let held = self.sums.add_summary(summary);
        self.hold_from(held);
    }

    fn block(&mut self, block: &Block, rows: Range<usize>) -> ControlFlow<()> {
        if let Column::Any(values) = &block.values {
            self.text |= values[rows.clone()].iter().any(|value| matches!(value, Some(Value::Text(_))));
        }
        if self.text {
            return ControlFlow::Break(());
        }
        let mut next = rows.start;
        while next < rows.end {
            self.advance(block.times[next]);
            if self.done.len() == self.grid.len() {
                return ControlFlow::Break(());
            }
            self.recall_downtimes(block.times[next]);
            let end = next + count_before(&block.times[next..rows.end], self.reach()).max(1);
            let held = self.sums.add(block, next..end);
            self.hold_from(held);
            next = end;
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
#[path = "trend_tests.rs"]
mod tests;
