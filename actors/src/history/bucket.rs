//! Samples into buckets of equal width: the arithmetic of trends. Pure.

use super::historian::Visitor;
use super::{Bucket, HistoryError, MAX_BUCKETS, MAX_CELLS, TagSet};
use crate::cvt::TagChange;
use flyball_schema::{Quality, TagId, Timestamp, Value};
use std::ops::Range;

/// Quality of a gap that no sample explains: before the first, and in the future.
const UNKNOWN: Quality = Quality::BAD_WAITING_FOR_INITIAL_DATA;
/// Quality of a gap in which the plant did not run.
const DOWN: Quality = Quality::BAD_OUT_OF_SERVICE;

/// `n` buckets over a range of time: bucket *i* holds the times *t* with ⌊(*t* − from) · *n* / (to − from)⌋ = *i*.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    from: i64,
    span: u64,
    buckets: usize,
}

impl Grid {
    /// The grid of a trend.
    ///
    /// # Errors
    /// [`HistoryError::BucketCount`]; [`HistoryError::Range`] where a bucket would be shorter than a microsecond.
    pub fn new(from: Timestamp, to: Timestamp, buckets: usize) -> Result<Self, HistoryError> {
        if buckets == 0 || buckets > MAX_BUCKETS {
            return Err(HistoryError::BucketCount(buckets));
        }
        let (start, end) = (from.as_micros(), to.as_micros());
        if end <= start || end.abs_diff(start) < buckets as u64 {
            return Err(HistoryError::Range { from, to });
        }
        Ok(Self { from: start, span: end.abs_diff(start), buckets })
    }

    /// Refuses a trend of so many tags that it would take too much memory.
    ///
    /// # Errors
    /// [`HistoryError::CellCount`].
    pub fn check_tags(&self, tags: usize) -> Result<(), HistoryError> {
        let buckets = self.buckets;
        if tags * buckets > MAX_CELLS { Err(HistoryError::CellCount { tags, buckets }) } else { Ok(()) }
    }

    /// Start of bucket `index`; `index` = number of buckets gives the end.
    #[must_use]
    pub fn start(&self, index: usize) -> Timestamp {
        let offset = (u128::from(self.span) * index as u128).div_ceil(self.buckets as u128);
        // At most `span`, so the sum is at most the end of the range.
        Timestamp::from_micros(self.from.wrapping_add_unsigned(u64::try_from(offset).unwrap_or(self.span)))
    }

    /// The bucket of a time, `None` outside the range.
    #[must_use]
    pub fn bucket_of(&self, time: Timestamp) -> Option<usize> {
        let time = time.as_micros();
        if time < self.from {
            return None;
        }
        let offset = time.abs_diff(self.from);
        if offset >= self.span {
            return None;
        }
        // 64 bits do for 58 years in 10,000 buckets, and divide several times faster.
        let buckets = self.buckets as u64;
        let index = match offset.checked_mul(buckets) {
            Some(product) => product / self.span,
            None => u64::try_from(u128::from(offset) * u128::from(buckets) / u128::from(self.span)).unwrap_or(u64::MAX),
        };
        usize::try_from(index).ok()
    }

    /// Start of every bucket.
    #[must_use]
    pub fn starts(&self) -> Vec<Timestamp> {
        (0..self.buckets).map(|index| self.start(index)).collect()
    }
}

/// What orders the samples of a tag.
type Key = (Timestamp, u64);

/// One bucket while samples come in, in any order.
#[derive(Debug, Clone, Copy)]
struct Cell {
    min: f64,
    max: f64,
    sum: f64,
    usable: u32,
    count: u32,
    quality: Quality,
    first: (Key, f64),
    last: (Key, f64),
    /// The last sample of all; whether it was usable is whether it is `last`.
    end: (Key, Quality),
}

const EMPTY: Cell = Cell {
    min: f64::INFINITY,
    max: f64::NEG_INFINITY,
    sum: 0.0,
    usable: 0,
    count: 0,
    quality: Quality::GOOD,
    first: ((Timestamp::MAX, u64::MAX), f64::NAN),
    last: ((Timestamp::MIN, 0), f64::NAN),
    end: ((Timestamp::MIN, 0), UNKNOWN),
};

impl Cell {
    fn add(&mut self, change: &TagChange) {
        let key = (change.source_time, change.seq);
        self.quality = if self.count == 0 { change.quality } else { self.quality.worst(change.quality) };
        self.count = self.count.saturating_add(1);
        if key >= self.end.0 {
            self.end = (key, change.quality);
        }
        let Some(value) = change.usable_f64() else { return };
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.sum += value;
        self.usable = self.usable.saturating_add(1);
        if key <= self.first.0 {
            self.first = (key, value);
        }
        if key >= self.last.0 {
            self.last = (key, value);
        }
    }

    fn bucket(&self) -> Bucket {
        let usable = |value: f64| (self.usable > 0).then_some(value);
        Bucket {
            min: usable(self.min),
            max: usable(self.max),
            average: usable(self.sum / f64::from(self.usable)),
            first: usable(self.first.1),
            last: usable(self.last.1),
            count: self.count,
            quality: self.quality,
        }
    }

    /// The state that holds from its last sample on.
    fn held(&self) -> Held {
        let ((since, _), quality) = self.end;
        let usable = self.usable > 0 && self.last.0 == self.end.0;
        Held { value: usable.then_some(self.last.1), quality, since }
    }
}

/// The state of a tag until its next sample.
#[derive(Debug, Clone, Copy)]
struct Held {
    value: Option<f64>,
    quality: Quality,
    since: Timestamp,
}

impl Held {
    fn of(before: Option<&TagChange>) -> Self {
        let unknown = Self { value: None, quality: UNKNOWN, since: Timestamp::MIN };
        before.map_or(unknown, |change| Self {
            value: change.usable_f64(),
            quality: change.quality,
            since: change.source_time,
        })
    }

    fn bucket(&self) -> Bucket {
        let Self { value, quality, .. } = *self;
        Bucket { min: value, max: value, average: value, first: None, last: value, count: 0, quality }
    }
}

/// Builds the trends of several tags on one grid.
#[derive(Debug)]
pub struct TrendBuilder {
    grid: Grid,
    tags: TagSet,
    /// Buckets of the first tag, of the second, and so on.
    cells: Vec<Cell>,
    text: Option<TagId>,
}

impl TrendBuilder {
    /// An empty trend.
    ///
    /// # Errors
    /// [`HistoryError::CellCount`].
    pub fn new(grid: Grid, tags: TagSet) -> Result<Self, HistoryError> {
        grid.check_tags(tags.len())?;
        let cells = vec![EMPTY; tags.len() * grid.buckets];
        Ok(Self { grid, tags, cells, text: None })
    }

    /// The buckets of each tag, by slot.
    ///
    /// * `before`: the last sample of each tag before the range, by slot.
    /// * `downtimes`: times in which nothing is known, by start; a value is not held into one.
    /// * `now`: nothing is held into buckets that begin later.
    ///
    /// # Errors
    /// [`HistoryError::Text`] where a tag holds text.
    pub fn finish(
        &self,
        before: &[Option<TagChange>],
        downtimes: &[Range<Timestamp>],
        now: Timestamp,
    ) -> Result<Vec<Vec<Bucket>>, HistoryError> {
        let is_text = |change: &&TagChange| matches!(change.value, Some(Value::Text(_)));
        let text = self.text.or(before.iter().flatten().find(is_text).map(|change| change.tag));
        if let Some(tag) = text {
            return Err(HistoryError::Text { tag });
        }
        let cells = self.cells.chunks(self.grid.buckets);
        Ok(cells.zip(before).map(|(cells, before)| self.series(cells, before.as_ref(), downtimes, now)).collect())
    }

    fn series(
        &self,
        cells: &[Cell],
        before: Option<&TagChange>,
        downtimes: &[Range<Timestamp>],
        now: Timestamp,
    ) -> Vec<Bucket> {
        let mut held = Held::of(before);
        let mut downtimes = downtimes.iter().peekable();
        let mut bucket = |(index, cell): (usize, &Cell)| {
            let start = self.grid.start(index);
            while let Some(down) = downtimes.next_if(|down| down.start <= start) {
                if held.since <= down.start {
                    held = Held { value: None, quality: DOWN, since: down.start };
                }
            }
            if cell.count > 0 {
                held = cell.held();
                cell.bucket()
            } else if start > now {
                Held::of(None).bucket()
            } else {
                held.bucket()
            }
        };
        cells.iter().enumerate().map(&mut bucket).collect()
    }
}

impl Visitor for TrendBuilder {
    fn sample(&mut self, change: TagChange) {
        if matches!(change.value, Some(Value::Text(_))) {
            self.text = Some(change.tag);
        }
        if let (Some(slot), Some(bucket)) = (self.tags.slot(change.tag), self.grid.bucket_of(change.source_time)) {
            self.cells[slot * self.grid.buckets + bucket].add(&change);
        }
    }

    fn horizon(&self) -> Timestamp {
        // Nothing more is needed once the answer is an error.
        if self.text.is_some() { Timestamp::MIN } else { Timestamp::MAX }
    }
}

#[cfg(test)]
#[path = "bucket_tests.rs"]
mod tests;
