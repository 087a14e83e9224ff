//! Samples as they were stored.

use super::raw_page::RawCollector;
use super::{Failure, HistoryError, MAX_SAMPLES, Query, check_tags};
use crate::history::historian::{Cancel, SampleSource};
use crate::history::sample::Sample;
use actix::Message;
use flyball_schema::{TagId, Timestamp};

/// Reads the samples of several tags as they were stored, page by page.
///
/// * `tags`: 1 to [`MAX_TAGS`](super::MAX_TAGS), each once. A tag that never had a sample has an empty series.
/// * `from`, `to`: source times, `from` included, `to` not.
/// * `limit`: 1 to [`MAX_SAMPLES`] samples *over all tags*. Past it the page ends at the source time where it is full,
///   the same for every tag.
/// * `after`: [`RawPage::next`] of the page before, with the same tags and the same range. Pages that follow each other
///   have every sample once, however many share a source time. Samples that come meanwhile are in a later page where they
///   are later than the page before or at its last source time; those that come still later to their place are in none.
/// * Reply: [`RawPage`]. Changes of the last 100 ms may be missing.
/// * Errors: [`HistoryError`]; [`HistoryError::Busy`] at once where too many are waiting; [`HistoryError::Cursor`].
/// * A question whose asker goes away is given up.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<RawPage, HistoryError>")]
pub struct ReadRaw {
    /// The tags.
    pub tags: Vec<TagId>,
    /// Start of the range, included.
    pub from: Timestamp,
    /// End of the range, not included.
    pub to: Timestamp,
    /// Samples at the most.
    pub limit: usize,
    /// Where the page before ended; `None` for the first page.
    pub after: Option<Cursor>,
}

/// Where a page of samples ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Source time of the last samples; everything earlier has been given.
    pub time: Timestamp,
    /// How many samples of that very time have been given of each tag, in the order asked.
    pub given: Vec<u32>,
}

/// A page of samples.
#[derive(Debug, Clone, PartialEq)]
pub struct RawPage {
    /// One per tag, in the order asked.
    pub series: Vec<RawSeries>,
    /// What to ask the next page with; `None` on the last.
    pub next: Option<Cursor>,
}

/// Samples of one tag, by source time; those of one time in the order in which they came.
#[derive(Debug, Clone, PartialEq)]
pub struct RawSeries {
    /// The tag.
    pub tag: TagId,
    /// Samples in [from, to); on the first page, preceded by the last one before `from` where there is one, which does not
    /// count for the limit.
    pub samples: Vec<Sample>,
}

impl Query for ReadRaw {
    type Answer = RawPage;

    fn tags(&self) -> &[TagId] {
        &self.tags
    }

    fn check(&self) -> Result<(), HistoryError> {
        if self.limit == 0 || self.limit > MAX_SAMPLES {
            return Err(HistoryError::SampleCount(self.limit));
        }
        if self.from >= self.to {
            return Err(HistoryError::Range { from: self.from, to: self.to });
        }
        let fits = |after: &Cursor| after.given.len() == self.tags.len() && (self.from..self.to).contains(&after.time);
        if !self.after.as_ref().is_none_or(fits) {
            return Err(HistoryError::Cursor);
        }
        check_tags(&self.tags)
    }

    fn run(&self, past: &mut dyn SampleSource, _now: Timestamp, cancel: &Cancel) -> Result<Self::Answer, Failure> {
        let from = self.after.as_ref().map_or(self.from, |after| after.time);
        let mut raw = RawCollector::new(self.limit, self.after.clone());
        for &tag in &self.tags {
            let mut series = raw.series();
            past.read(tag, from..raw.end(self.to), cancel, &mut series)?;
            raw.add(series);
        }
        let (blocks, next) = raw.finish();
        let mut page = RawPage { series: Vec::with_capacity(blocks.len()), next };
        for (&tag, block) in self.tags.iter().zip(blocks) {
            let before = if self.after.is_none() { past.last_before(tag, self.from, cancel)? } else { None };
            let samples = before.into_iter().chain((0..block.len()).map(|row| block.sample(row))).collect();
            page.series.push(RawSeries { tag, samples });
        }
        Ok(page)
    }
}

#[cfg(test)]
#[path = "raw_tests.rs"]
mod tests;
