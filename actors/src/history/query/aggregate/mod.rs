//! Aggregates of OPC UA Part 13 over intervals of equal length.
//!
//! The rules are those of OPC 10000-13 (1.05.07), the tests its worked examples (annex A). Two things are this plant's:
//!
//! * **A value holds until now.** A tag reports changes only, so what it was at its last sample it still is: up to now that
//!   is data, not extrapolation. Behind now there are no data.
//! * **A downtime is a bad sample** at its beginning, which no aggregate counts.

#[cfg(test)]
mod annex_a_tests;
mod builder;
mod interval;
mod kind;
mod result;

pub use builder::AggregateBuilder;
pub use kind::{Aggregate, AggregateConfig};

use super::{Failure, HistoryError, MAX_BUCKETS, Query, check_cells, check_tags};
use crate::history::historian::{Cancel, HistorianError, SampleSource};
use crate::history::sample::Sample;
use actix::Message;
use builder::Grade;
use flyball_schema::{Quality, TagId, Timestamp, Value};
use std::time::Duration;

/// Samples that are looked at to find the last one before the range that is not bad. A tag that has been bad for longer
/// begins as if it had no data.
const LOOK_BACK: usize = 100;
/// How far behind its time a sample is known, µs.
const RESOLUTION: i64 = 1;

/// Reads aggregates of several tags over intervals.
///
/// * `tags`: 1 to [`MAX_TAGS`](super::MAX_TAGS), each once; `aggregates`: each once, one at the least.
/// * `from`, `to`: source times; intervals begin at `from` and every `interval` behind it, the last ends at `to`. Without
///   `interval` there is one. Up to [`MAX_BUCKETS`] intervals, and up to [`MAX_CELLS`](super::MAX_CELLS) values in all.
/// * Reply: [`Aggregates`].
/// * Errors: [`HistoryError`]; [`HistoryError::Text`] where numbers are computed of a tag that holds text.
/// * A question whose asker goes away is given up.
/// * Source: OPC UA Part 13; `ReadProcessedDetails` of Part 11, 6.5.4.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Aggregates, HistoryError>")]
pub struct ReadAggregates {
    /// The tags.
    pub tags: Vec<TagId>,
    /// Start of the first interval.
    pub from: Timestamp,
    /// End of the last interval, not included.
    pub to: Timestamp,
    /// Length of the intervals, 1 µs at the least; `None` for one over the whole range.
    pub interval: Option<Duration>,
    /// The aggregates.
    pub aggregates: Vec<Aggregate>,
    /// What they take for good.
    pub config: AggregateConfig,
}

/// Aggregates of several tags over the same intervals.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregates {
    /// Start of each interval.
    pub starts: Vec<Timestamp>,
    /// One per tag, in the order asked.
    pub series: Vec<AggregateSeries>,
}

/// Aggregates of one tag.
#[derive(Debug, Clone, PartialEq)]
pub struct AggregateSeries {
    /// The tag.
    pub tag: TagId,
    /// One per aggregate, in the order asked; each has a value per interval.
    pub values: Vec<Vec<AggregateValue>>,
}

/// One aggregate of one interval.
#[derive(Debug, Clone, PartialEq)]
pub struct AggregateValue {
    /// Start of the interval, or time of the sample that it is.
    pub time: Timestamp,
    /// The value; `None` where the quality is bad.
    pub value: Option<Value>,
    /// The quality, with the bits of a historian: calculated, interpolated, partial, more than one value (Part 4, 7.39.1).
    pub quality: Quality,
}

impl ReadAggregates {
    /// Length and number of the intervals.
    fn intervals(&self) -> Result<(u64, usize), HistoryError> {
        if self.from >= self.to {
            return Err(HistoryError::Range { from: self.from, to: self.to });
        }
        let span = self.to.as_micros().abs_diff(self.from.as_micros());
        let length = match self.interval {
            None => span,
            Some(interval) => u64::try_from(interval.as_micros()).unwrap_or(span),
        };
        if length == 0 {
            return Err(HistoryError::Step(self.interval.unwrap_or_default()));
        }
        let count = usize::try_from(span.div_ceil(length)).unwrap_or(usize::MAX);
        if count > MAX_BUCKETS { Err(HistoryError::BucketCount(count)) } else { Ok((length, count)) }
    }

    /// The last sample before the range, and before it those that are not bad and bound the first interval, oldest first.
    fn before(
        &self,
        past: &mut dyn SampleSource,
        tag: TagId,
        cancel: &Cancel,
    ) -> Result<(Option<Sample>, Vec<Sample>), HistorianError> {
        let last = past.last_before(tag, self.from, cancel)?;
        let wanted = match (self.aggregates.contains(&Aggregate::TimeAverage), self.config.use_sloped_extrapolation) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => 2,
        };
        let (mut found, mut next) = (Vec::new(), last.clone());
        for _ in 0..LOOK_BACK {
            let Some(sample) = next.filter(|_| found.len() < wanted) else { break };
            next = past.last_before(tag, sample.time, cancel)?;
            if Grade::of(&sample, &self.config) != Grade::Bad {
                found.push(sample);
            }
        }
        found.reverse();
        Ok((last, found))
    }
}

impl Query for ReadAggregates {
    type Answer = Aggregates;

    fn tags(&self) -> &[TagId] {
        &self.tags
    }

    fn check(&self) -> Result<(), HistoryError> {
        check_tags(&self.tags)?;
        self.config.check()?;
        let twice = |(index, aggregate)| self.aggregates[..index].contains(aggregate);
        if self.aggregates.is_empty() || self.aggregates.iter().enumerate().any(twice) {
            return Err(HistoryError::AggregateCount);
        }
        let (_, count) = self.intervals()?;
        check_cells(self.tags.len() * self.aggregates.len(), count)
    }

    fn run(&self, past: &mut dyn SampleSource, now: Timestamp, cancel: &Cancel) -> Result<Self::Answer, Failure> {
        let (length, count) = self.intervals()?;
        let mut answer = Aggregates { starts: Vec::new(), series: Vec::with_capacity(self.tags.len()) };
        for &tag in &self.tags {
            let (last, bounds) = self.before(past, tag, cancel)?;
            let oldest = last.as_ref().map_or(self.from, |sample| sample.time);
            let downtimes = past.downtimes(oldest..Timestamp::MAX)?;
            let mut builder = AggregateBuilder::new(self.from..self.to, length, count, self.config, &downtimes);
            builder.begin(&bounds, last.as_ref());
            let interpolates = self.aggregates.contains(&Aggregate::TimeAverage);
            past.read(tag, self.from..Timestamp::MAX, cancel, &mut builder.reading(interpolates))?;
            let computes = self.aggregates.iter().any(|aggregate| aggregate.is_numeric());
            if computes && builder.has_text() {
                return Err(HistoryError::Text { tag }.into());
            }
            let values = builder.finish(&self.aggregates, now, RESOLUTION);
            answer.series.push(AggregateSeries { tag, values });
        }
        let start = |index: usize| interval::start(self.from, length, index);
        answer.starts = (0..count).map(start).collect();
        Ok(answer)
    }
}

#[cfg(test)]
mod tests;
