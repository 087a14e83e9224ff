//! Samples as they were stored, the earliest first, within a bound of memory. Pure.

use super::historian::Visitor;
use super::{RawSeries, Sample, TagSet};
use crate::cvt::TagChange;
use flyball_schema::{TagId, Timestamp};

/// Keeps the earliest samples of several tags, in whatever order they come.
#[derive(Debug)]
pub struct RawCollector {
    tags: TagSet,
    limit: usize,
    /// Slot and sample.
    samples: Vec<(usize, Sample)>,
    /// The latest sample kept when some were cut off: later ones are cut off too.
    horizon: Option<(Timestamp, u64)>,
    truncated: Vec<bool>,
}

impl RawCollector {
    /// Keeps `limit` samples over all tags.
    #[must_use]
    pub fn new(tags: TagSet, limit: usize) -> Self {
        let truncated = vec![false; tags.len()];
        Self { tags, limit, samples: Vec::new(), horizon: None, truncated }
    }

    /// Cuts down to the limit.
    fn cut(&mut self) {
        if self.samples.len() <= self.limit || self.limit == 0 {
            return;
        }
        let (_, last, cut) = self.samples.select_nth_unstable_by_key(self.limit - 1, |(_, sample)| key(sample));
        self.horizon = Some(key(&last.1));
        cut.iter().for_each(|(slot, _)| self.truncated[*slot] = true);
        self.samples.truncate(self.limit);
    }

    /// The series by slot, each behind the last sample before the range.
    #[must_use]
    pub fn finish(mut self, before: Vec<Option<TagChange>>) -> Vec<RawSeries> {
        self.cut();
        self.samples.sort_unstable_by_key(|(_, sample)| key(sample));
        let empty = |(tag, (before, truncated)): (&TagId, (Option<TagChange>, bool))| RawSeries {
            tag: *tag,
            samples: before.map(sample_of).into_iter().collect(),
            truncated,
        };
        let tags = self.tags.as_slice().iter();
        let mut series: Vec<RawSeries> = tags.zip(before.into_iter().zip(self.truncated)).map(empty).collect();
        for (slot, sample) in self.samples {
            series[slot].samples.push(sample);
        }
        series
    }
}

impl Visitor for RawCollector {
    fn sample(&mut self, change: TagChange) {
        let Some(slot) = self.tags.slot(change.tag) else { return };
        if self.horizon.is_some_and(|horizon| (change.source_time, change.seq) > horizon) {
            self.truncated[slot] = true;
            return;
        }
        self.samples.push((slot, sample_of(change)));
        // A quarter more than the limit, so that cutting costs little per sample.
        if self.samples.len() >= self.limit + self.limit / 4 + 1_024 {
            self.cut();
        }
    }

    fn horizon(&self) -> Timestamp {
        // Frames past the horizon are still read until every tag is known to have more; without them `truncated` of a
        // slow tag would not be true to the facts.
        match self.horizon {
            Some((time, _)) if self.truncated.iter().all(|truncated| *truncated) => {
                Timestamp::from_micros(time.as_micros().saturating_add(1))
            }
            _ => Timestamp::MAX,
        }
    }
}

/// The change as a sample.
#[must_use]
pub fn sample_of(change: TagChange) -> Sample {
    Sample { seq: change.seq, time: change.source_time, value: change.value, quality: change.quality }
}

fn key(sample: &Sample) -> (Timestamp, u64) {
    (sample.time, sample.seq)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flyball_schema::{Quality, Value};

    fn change(tag: u32, time: i64, seq: u64) -> TagChange {
        let time = Timestamp::from_micros(time);
        let value = Some(Value::Integer(seq.cast_signed()));
        TagChange { value, source_time: time, server_time: time, seq, tag: TagId(tag), quality: Quality::GOOD }
    }

    fn seqs(series: &RawSeries) -> Vec<u64> {
        series.samples.iter().map(|sample| sample.seq).collect()
    }

    #[test]
    fn late_samples_come_where_they_belong_behind_the_one_before_the_range() {
        let mut raw = RawCollector::new(TagSet::new(vec![TagId(1), TagId(2)]), 100);
        for sample in [change(1, 30, 11), change(2, 10, 12), change(1, 20, 13), change(1, 30, 14)] {
            raw.sample(sample);
        }
        let series = raw.finish(vec![Some(change(1, 5, 3)), None]);
        assert_eq!((seqs(&series[0]), seqs(&series[1])), (vec![3, 13, 11, 14], vec![12]));
        assert!(!series[0].truncated && !series[1].truncated);
    }

    #[test]
    fn past_the_limit_every_series_ends_at_the_same_time() {
        let mut raw = RawCollector::new(TagSet::new(vec![TagId(1), TagId(2), TagId(3)]), 1_000);
        raw.sample(change(3, 0, 100_000));
        for time in (0..10_000).rev() {
            raw.sample(change(1 + u32::try_from(time % 2).unwrap(), time, time.cast_unsigned() + 1));
        }
        let series = raw.finish(vec![None, None, None]);
        let ends: Vec<_> = series.iter().map(|series| series.samples.last().unwrap().time.as_micros()).collect();
        assert_eq!(ends, [998, 997, 0]);
        assert_eq!(series.iter().map(|series| series.truncated).collect::<Vec<_>>(), [true, true, false]);
        assert_eq!(series.iter().map(|series| series.samples.len()).sum::<usize>(), 1_000);
    }
}
