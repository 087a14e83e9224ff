//! What one tag is at the times of a grid. Pure.

use super::{Cell, DOWN, Interpolation, UNKNOWN, count_before};
use crate::history::historian::Visitor;
use crate::history::sample::{Block, Sample};
use flyball_schema::{Timestamp, Value};
use std::ops::{ControlFlow, Range};

/// Builds one column of a table from the samples of its tag in order.
#[derive(Debug)]
pub struct ColumnBuilder<'a> {
    times: &'a [Timestamp],
    interpolation: Interpolation,
    downtimes: &'a [Range<Timestamp>],
    now: Timestamp,
    cells: Vec<Cell>,
    /// The last sample so far.
    last: Option<Sample>,
    /// The last block had no row in it: the samples up to the next row need not be read one by one.
    far: bool,
}

/// How reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing more is wanted, or there is nothing more.
    Done,
    /// The next row is at this time, far away: go on with the last sample up to it.
    Far(Timestamp),
}

impl<'a> ColumnBuilder<'a> {
    /// An empty column.
    ///
    /// * `times`: of the rows, ascending.
    /// * `downtimes`: times in which nothing is known, by start; a value is not held into one.
    /// * `now`: nothing is held beyond.
    #[must_use]
    pub fn new(
        times: &'a [Timestamp],
        interpolation: Interpolation,
        downtimes: &'a [Range<Timestamp>],
        now: Timestamp,
    ) -> Self {
        let cells = Vec::with_capacity(times.len());
        Self { times, interpolation, downtimes, now, cells, last: None, far: false }
    }

    /// Takes the last sample up to the next row.
    pub fn sample(&mut self, sample: Option<Sample>) {
        self.last = sample.or_else(|| self.last.take());
        self.far = false;
    }

    /// How reading ended, asked when the source has no more to hand on or was told to stop.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self.times.get(self.cells.len()) {
            Some(&time) if self.far => Outcome::Far(time),
            _ => Outcome::Done,
        }
    }

    /// The cells; rows behind the last sample hold it.
    #[must_use]
    pub fn finish(mut self) -> Vec<Cell> {
        while self.cells.len() < self.times.len() {
            self.row(None);
        }
        self.cells
    }

    /// Ends the next row, which lies between the last sample and `next`.
    fn row(&mut self, next: Option<&Sample>) {
        let time = self.times[self.cells.len()];
        let gap = |quality| Cell { value: None, quality };
        let cell = match &self.last {
            _ if time > self.now => gap(UNKNOWN),
            None => gap(UNKNOWN),
            Some(last) if self.is_down(last.time, time) => gap(DOWN),
            Some(last) if last.quality.is_bad() => gap(last.quality),
            Some(last) => match next.filter(|next| !self.is_down(last.time, next.time)) {
                Some(next) => self.between(last, next, time),
                None => Cell { value: last.value.clone(), quality: last.quality },
            },
        };
        self.cells.push(cell);
    }

    /// Whether the plant went down between a sample and a later time.
    fn is_down(&self, since: Timestamp, time: Timestamp) -> bool {
        let first = self.downtimes.partition_point(|down| down.start < since);
        self.downtimes.get(first).is_some_and(|down| down.start <= time)
    }

    fn between(&self, last: &Sample, next: &Sample, time: Timestamp) -> Cell {
        let number = |sample: &Sample| match &sample.value {
            Some(Value::Float(_) | Value::Integer(_)) => sample.usable_f64(),
            _ => None,
        };
        let ends =
            (self.interpolation == Interpolation::Linear && last.time < time).then(|| (number(last), number(next)));
        let Some((Some(a), Some(b))) = ends else { return Cell { value: last.value.clone(), quality: last.quality } };
        let whole = next.time.as_micros().abs_diff(last.time.as_micros()) as f64;
        let part = time.as_micros().abs_diff(last.time.as_micros()) as f64;
        let value = a + (b - a) * (part / whole);
        Cell { value: Some(Value::Float(value)), quality: last.quality.worst(next.quality) }
    }
}

impl Visitor for ColumnBuilder<'_> {
    fn block(&mut self, block: &Block, rows: Range<usize>) -> ControlFlow<()> {
        if self.far {
            return ControlFlow::Break(());
        }
        let mut first = rows.start;
        let rows_before = self.cells.len();
        while let Some(&time) = self.times.get(self.cells.len()) {
            // The first sample behind the row, and the last one up to it.
            let next = first + count_before(&block.times[first..rows.end], time.as_micros().saturating_add(1));
            if next == rows.end {
                break;
            }
            if next > rows.start {
                self.last = Some(block.sample(next - 1));
            }
            self.row(Some(&block.sample(next)));
            first = next;
        }
        if rows.end > rows.start && self.cells.len() < self.times.len() {
            self.last = Some(block.sample(rows.end - 1));
        }
        self.far = self.cells.len() == rows_before;
        if self.far || self.cells.len() == self.times.len() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}
