//! Values at the times of a grid.

use super::table_column::{ColumnBuilder, Outcome};
use super::{Failure, HistoryError, MAX_BUCKETS, Query, behind, check_cells, check_tags};
use crate::history::historian::{Cancel, SampleSource};
use actix::Message;
use flyball_schema::{Quality, TagId, Timestamp, Value};
use std::time::Duration;

/// Reads the values of several tags at the times of a grid, page by page.
///
/// * `tags`: 1 to [`MAX_TAGS`](super::MAX_TAGS), each once.
/// * `from`, `to`: rows are at `from` and every `step` behind it, before `to`.
/// * `step`: 1 µs at the least; parts of a microsecond are left out.
/// * `rows`: 1 to [`MAX_BUCKETS`] rows of this page; tags × rows: up to [`MAX_CELLS`](super::MAX_CELLS).
/// * Reply: [`Table`]. The next page begins `from` its [`Table::next`], with the same `to` and `step`. A cell has no value
///   while the tag is bad, before its first value, while the plant was down, and in the future.
/// * Errors: [`HistoryError`].
/// * A question whose asker goes away is given up.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Table, HistoryError>")]
pub struct ReadTable {
    /// The tags.
    pub tags: Vec<TagId>,
    /// Time of the first row.
    pub from: Timestamp,
    /// End of the range, not included.
    pub to: Timestamp,
    /// Time between two rows.
    pub step: Duration,
    /// Rows at the most.
    pub rows: usize,
    /// What a cell between two samples holds.
    pub interpolation: Interpolation,
}

/// What is told of a time between two samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Interpolation {
    /// The value of the sample before it.
    #[default]
    Hold,
    /// The point on the straight line between the two, where both are usable floats or integers and the plant ran
    /// between them; else as [`Interpolation::Hold`].
    Linear,
}

/// Values at the times of a grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Time of each row.
    pub times: Vec<Timestamp>,
    /// One per tag, in the order asked.
    pub columns: Vec<TableColumn>,
    /// Time of the row behind the last; `None` where that is the end.
    pub next: Option<Timestamp>,
}

/// Values of one tag.
#[derive(Debug, Clone, PartialEq)]
pub struct TableColumn {
    /// The tag.
    pub tag: TagId,
    /// One per row.
    pub cells: Vec<Cell>,
}

/// What a tag is at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// The value; `None` where there is none that may be used.
    pub value: Option<Value>,
    /// The quality; of a value between two samples, the worse of theirs.
    pub quality: Quality,
}

impl ReadTable {
    fn step_micros(&self) -> Result<u64, HistoryError> {
        match u64::try_from(self.step.as_micros()) {
            Ok(step) if step > 0 => Ok(step),
            _ => Err(HistoryError::Step(self.step)),
        }
    }

    /// Times of the rows of this page, and of the one behind them.
    fn times(&self) -> Result<(Vec<Timestamp>, Option<Timestamp>), HistoryError> {
        let step = self.step_micros()?;
        let row = |index: usize| {
            let offset = step.checked_mul(index as u64)?;
            let time = self.from.as_micros().checked_add_unsigned(offset)?;
            Some(Timestamp::from_micros(time)).filter(|&time| time < self.to)
        };
        Ok(((0..self.rows).map_while(row).collect(), row(self.rows)))
    }
}

impl Query for ReadTable {
    type Answer = Table;

    fn tags(&self) -> &[TagId] {
        &self.tags
    }

    fn check(&self) -> Result<(), HistoryError> {
        check_tags(&self.tags)?;
        if self.rows == 0 || self.rows > MAX_BUCKETS {
            return Err(HistoryError::BucketCount(self.rows));
        }
        check_cells(self.tags.len(), self.rows)?;
        if self.from >= self.to {
            return Err(HistoryError::Range { from: self.from, to: self.to });
        }
        self.step_micros().map(drop)
    }

    fn run(&self, past: &mut dyn SampleSource, now: Timestamp, cancel: &Cancel) -> Result<Self::Answer, Failure> {
        let (times, next) = self.times()?;
        let last = times.last().copied().unwrap_or(self.from);
        // Between the last row and the sample behind it there may be a point to tell.
        let end = if self.interpolation == Interpolation::Linear { Timestamp::MAX } else { behind(last) };
        let mut columns = Vec::with_capacity(self.tags.len());
        for &tag in &self.tags {
            let mut before = past.last_before(tag, behind(self.from), cancel)?;
            let since = before.as_ref().map_or(self.from, |sample| sample.time);
            let downtimes = past.downtimes(since..end)?;
            let mut column = ColumnBuilder::new(&times, self.interpolation, &downtimes, now);
            let mut row = self.from;
            loop {
                column.sample(before.take());
                past.read(tag, behind(row)..end, cancel, &mut column)?;
                match column.outcome() {
                    Outcome::Done => break,
                    // Rows far apart: what lies between them is not read.
                    Outcome::Far(time) => {
                        row = time;
                        before = past.last_before(tag, behind(row), cancel)?;
                    }
                }
            }
            columns.push(TableColumn { tag, cells: column.finish() });
        }
        Ok(Table { times, columns, next })
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
