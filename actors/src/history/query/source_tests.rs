//! A past in memory, for the tests of the questions.

use crate::history::historian::{Cancel, HistorianError, SampleSource, Visitor};
use crate::history::sample::{Block, Sample, Summary};
use flyball_schema::{Quality, TagId, Timestamp, Value};
use std::collections::HashMap;
use std::ops::Range;

/// Samples of several tags, handed on in blocks of `page` rows.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) series: HashMap<TagId, Block>,
    pub(super) downtimes: Vec<Range<Timestamp>>,
    pub(super) page: usize,
    /// Whether pages come summed up where the visitor takes it.
    pub(super) sums_up: bool,
    /// Rows handed on so far.
    pub(super) rows: usize,
}

impl Memory {
    pub(super) fn of<const N: usize>(series: [(TagId, Vec<Sample>); N]) -> Self {
        let series = series.into_iter().map(|(tag, samples)| (tag, samples.into_iter().collect())).collect();
        Self { series, page: 2, ..Self::default() }
    }

    /// Puts a sample where it belongs: behind those of its time.
    pub(super) fn insert(&mut self, tag: TagId, sample: Sample) {
        let block = self.series.entry(tag).or_default();
        block.push(sample);
        block.sort();
    }
}

impl SampleSource for Memory {
    fn read(
        &mut self,
        tag: TagId,
        range: Range<Timestamp>,
        cancel: &Cancel,
        visitor: &mut dyn Visitor,
    ) -> Result<(), HistorianError> {
        let Some(block) = self.series.get(&tag) else { return Ok(()) };
        let rows = block.rows_in(&range);
        let mut next = rows.start;
        while next < rows.end {
            cancel.check()?;
            let page = next..rows.end.min(next + self.page);
            next = page.end;
            let summary = if self.sums_up { Summary::of(block, page.clone()) } else { None };
            if let Some(summary) = summary.filter(|summary| visitor.takes_summary(summary.t0, summary.t1)) {
                visitor.summary(&summary);
                continue;
            }
            self.rows += page.len();
            if visitor.block(block, page).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn last_before(
        &mut self,
        tag: TagId,
        before: Timestamp,
        cancel: &Cancel,
    ) -> Result<Option<Sample>, HistorianError> {
        cancel.check()?;
        let Some(block) = self.series.get(&tag) else { return Ok(None) };
        let rows = block.rows_in(&(Timestamp::MIN..before));
        Ok((!rows.is_empty()).then(|| block.sample(rows.end - 1)))
    }

    fn downtimes(&mut self, range: Range<Timestamp>) -> Result<Vec<Range<Timestamp>>, HistorianError> {
        let overlap = |down: &&Range<Timestamp>| down.start < range.end && down.end > range.start;
        Ok(self.downtimes.iter().filter(overlap).cloned().collect())
    }
}

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

pub(super) fn good(seconds: i64, value: impl Into<Value>) -> Sample {
    Sample { time: at(seconds), value: Some(value.into()), quality: Quality::GOOD }
}

pub(super) fn bad(seconds: i64) -> Sample {
    Sample { quality: Quality::BAD_NO_COMMUNICATION, ..good(seconds, 99.0) }
}
