//! Samples of one tag: one by one, in columns, and summed up. Pure.

use flyball_schema::{Quality, Timestamp, Value};
use std::ops::Range;

/// One sample of one tag.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Source time.
    pub time: Timestamp,
    /// Value, `None` where there never was one.
    pub value: Option<Value>,
    /// Quality.
    pub quality: Quality,
}

impl Sample {
    /// The value as a number where it may be used: present, not bad, numeric or Boolean.
    #[must_use]
    pub fn usable_f64(&self) -> Option<f64> {
        if self.quality.is_bad() { None } else { self.value.as_ref()?.as_f64() }
    }
}

/// Values of a block. The first three hold nothing but their kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Floats.
    Float(Vec<f64>),
    /// Integers.
    Integer(Vec<i64>),
    /// Booleans.
    Boolean(Vec<bool>),
    /// Texts, values of several kinds, values that never were.
    Any(Vec<Option<Value>>),
}

/// Samples of one tag in columns of one length.
///
/// As a reader hands them on they are by source time, and of one time in the order in which they came.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Source times, microseconds since the epoch, UTC.
    pub times: Vec<i64>,
    /// Values.
    pub values: Column,
    /// Qualities.
    pub qualities: Vec<Quality>,
}

impl Default for Block {
    fn default() -> Self {
        Self { times: Vec::new(), values: Column::Float(Vec::new()), qualities: Vec::new() }
    }
}

impl Block {
    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there is no sample.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Removes all samples and keeps the room.
    pub fn clear(&mut self) {
        self.times.clear();
        self.qualities.clear();
        match &mut self.values {
            Column::Float(values) => values.clear(),
            Column::Integer(values) => values.clear(),
            Column::Boolean(values) => values.clear(),
            Column::Any(values) => values.clear(),
        }
    }

    /// Appends a sample; a value of another kind than the column's makes it a column of [`Column::Any`].
    pub fn push(&mut self, sample: Sample) {
        self.times.push(sample.time.as_micros());
        self.qualities.push(sample.quality);
        if self.times.len() == 1 {
            self.values = Column::fit(sample.value.as_ref());
        }
        self.values.push(sample.value);
    }

    /// The sample at `index`.
    ///
    /// # Panics
    /// Past the end.
    #[must_use]
    pub fn sample(&self, index: usize) -> Sample {
        Sample { time: self.time(index), value: self.values.value(index), quality: self.qualities[index] }
    }

    /// Source time at `index`.
    ///
    /// # Panics
    /// Past the end.
    #[must_use]
    pub fn time(&self, index: usize) -> Timestamp {
        Timestamp::from_micros(self.times[index])
    }

    /// The value at `index` as a number where it may be used.
    ///
    /// # Panics
    /// Past the end.
    #[must_use]
    pub fn usable_f64(&self, index: usize) -> Option<f64> {
        if self.qualities[index].is_bad() { None } else { self.values.as_f64(index) }
    }

    /// The rows with a source time in `range`, of a block that is by time.
    #[must_use]
    pub fn rows_in(&self, range: &Range<Timestamp>) -> Range<usize> {
        let first = self.times.partition_point(|&time| time < range.start.as_micros());
        let end = self.times.partition_point(|&time| time < range.end.as_micros());
        first..end.max(first)
    }

    /// Brings the samples in order of time; those of one time keep theirs.
    pub fn sort(&mut self) {
        if self.times.is_sorted() {
            return;
        }
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by_key(|&index| self.times[index]);
        self.times = order.iter().map(|&index| self.times[index]).collect();
        self.qualities = order.iter().map(|&index| self.qualities[index]).collect();
        self.values = self.values.in_order(&order);
    }

    /// Appends rows of another block.
    ///
    /// # Panics
    /// Where `rows` ends past the other's end.
    pub fn extend(&mut self, other: &Self, rows: Range<usize>) {
        if self.is_empty() && !rows.is_empty() {
            self.values = other.values.emptied();
        }
        self.times.extend_from_slice(&other.times[rows.clone()]);
        self.qualities.extend_from_slice(&other.qualities[rows.clone()]);
        self.values.extend(&other.values, rows);
    }
}

impl FromIterator<Sample> for Block {
    fn from_iter<I: IntoIterator<Item = Sample>>(samples: I) -> Self {
        let mut block = Self::default();
        samples.into_iter().for_each(|sample| block.push(sample));
        block
    }
}

impl Column {
    /// An empty column for values like this one.
    fn fit(value: Option<&Value>) -> Self {
        match value {
            Some(Value::Float(_)) => Self::Float(Vec::new()),
            Some(Value::Integer(_)) => Self::Integer(Vec::new()),
            Some(Value::Boolean(_)) => Self::Boolean(Vec::new()),
            Some(Value::Text(_)) | None => Self::Any(Vec::new()),
        }
    }

    fn emptied(&self) -> Self {
        match self {
            Self::Float(_) => Self::Float(Vec::new()),
            Self::Integer(_) => Self::Integer(Vec::new()),
            Self::Boolean(_) => Self::Boolean(Vec::new()),
            Self::Any(_) => Self::Any(Vec::new()),
        }
    }

    /// Number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Float(values) => values.len(),
            Self::Integer(values) => values.len(),
            Self::Boolean(values) => values.len(),
            Self::Any(values) => values.len(),
        }
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value at `index`.
    ///
    /// # Panics
    /// Past the end.
    #[must_use]
    pub fn value(&self, index: usize) -> Option<Value> {
        match self {
            Self::Float(values) => Some(Value::Float(values[index])),
            Self::Integer(values) => Some(Value::Integer(values[index])),
            Self::Boolean(values) => Some(Value::Boolean(values[index])),
            Self::Any(values) => values[index].clone(),
        }
    }

    /// The value at `index` as a number; `None` for a text and where there is none.
    ///
    /// # Panics
    /// Past the end.
    #[must_use]
    pub fn as_f64(&self, index: usize) -> Option<f64> {
        match self {
            Self::Float(values) => Some(values[index]),
            Self::Integer(values) => Some(values[index] as f64),
            Self::Boolean(values) => Some(f64::from(u8::from(values[index]))),
            Self::Any(values) => values[index].as_ref()?.as_f64(),
        }
    }

    fn push(&mut self, value: Option<Value>) {
        match (&mut *self, value) {
            (Self::Float(values), Some(Value::Float(value))) => values.push(value),
            (Self::Integer(values), Some(Value::Integer(value))) => values.push(value),
            (Self::Boolean(values), Some(Value::Boolean(value))) => values.push(value),
            (Self::Any(values), value) => values.push(value),
            (_, value) => self.loosened().push(value),
        }
    }

    /// The same values as [`Column::Any`].
    fn loosened(&mut self) -> &mut Vec<Option<Value>> {
        if !matches!(self, Self::Any(_)) {
            *self = Self::Any((0..self.len()).map(|index| self.value(index)).collect());
        }
        match self {
            Self::Any(values) => values,
            _ => unreachable!("made so above"),
        }
    }

    fn extend(&mut self, other: &Self, rows: Range<usize>) {
        match (&mut *self, other) {
            (Self::Float(values), Self::Float(more)) => values.extend_from_slice(&more[rows]),
            (Self::Integer(values), Self::Integer(more)) => values.extend_from_slice(&more[rows]),
            (Self::Boolean(values), Self::Boolean(more)) => values.extend_from_slice(&more[rows]),
            _ => self.loosened().extend(rows.map(|index| other.value(index))),
        }
    }

    fn in_order(&self, order: &[usize]) -> Self {
        match self {
            Self::Float(values) => Self::Float(order.iter().map(|&index| values[index]).collect()),
            Self::Integer(values) => Self::Integer(order.iter().map(|&index| values[index]).collect()),
            Self::Boolean(values) => Self::Boolean(order.iter().map(|&index| values[index]).collect()),
            Self::Any(values) => Self::Any(order.iter().map(|&index| values[index].clone()).collect()),
        }
    }
}

/// Consecutive samples of one tag, all of them usable numbers, summed up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Time of the first.
    pub t0: Timestamp,
    /// Time of the last.
    pub t1: Timestamp,
    /// Number of samples, at least 1.
    pub count: u32,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Sum of the values.
    pub sum: f64,
    /// First value.
    pub first: f64,
    /// Last value.
    pub last: f64,
    /// Integral over time from `t0` to `t1`, each value held until the next sample, value × µs.
    pub area: f64,
    /// Worst quality.
    pub worst: Quality,
}

impl Summary {
    /// Sums up rows of a block that is by time; `None` where there are none, or not all are usable numbers.
    ///
    /// # Panics
    /// Where `rows` ends past the block's end.
    #[must_use]
    pub fn of(block: &Block, rows: Range<usize>) -> Option<Self> {
        let start = rows.start;
        let first = (start < rows.end).then(|| block.usable_f64(start)).flatten()?;
        let mut summary = Self {
            t0: block.time(start),
            t1: block.time(rows.end - 1),
            count: u32::try_from(rows.len()).ok()?,
            min: first,
            max: first,
            sum: 0.0,
            first,
            last: first,
            area: 0.0,
            worst: block.qualities[start],
        };
        let mut since = block.times[start];
        for index in rows {
            let value = block.usable_f64(index)?;
            let time = block.times[index];
            summary.area += summary.last * time.wrapping_sub(since) as f64;
            summary.min = summary.min.min(value);
            summary.max = summary.max.max(value);
            summary.sum += value;
            summary.last = value;
            summary.worst = summary.worst.worst(block.qualities[index]);
            since = time;
        }
        Some(summary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(time: i64, value: impl Into<Value>) -> Sample {
        Sample { time: Timestamp::from_micros(time), value: Some(value.into()), quality: Quality::GOOD }
    }

    #[test]
    fn a_value_of_another_kind_loosens_the_column_and_nothing_is_lost() {
        let samples = [sample(1, 1.5), sample(2, 7_i64), sample(3, true)];
        let block: Block = samples.iter().cloned().collect();
        assert!(matches!(block.values, Column::Any(_)));
        assert_eq!((0..3).map(|index| block.sample(index)).collect::<Vec<_>>(), samples);
        let mut other: Block = [sample(0, 0.5)].into_iter().collect();
        other.extend(&block, 1..3);
        assert_eq!(other.sample(2), samples[2]);
    }

    #[test]
    fn samples_of_one_time_keep_their_order_when_sorted() {
        let mut block: Block = [sample(9, 1.0), sample(4, 2.0), sample(9, 3.0), sample(4, 4.0)].into_iter().collect();
        block.sort();
        assert_eq!(block.times, [4, 4, 9, 9]);
        assert_eq!(block.values, Column::Float(vec![2.0, 4.0, 1.0, 3.0]));
        assert_eq!(block.rows_in(&(Timestamp::from_micros(5)..Timestamp::from_micros(9))), 2..2);
        assert_eq!(block.rows_in(&(Timestamp::from_micros(4)..Timestamp::from_micros(10))), 0..4);
    }

    #[test]
    fn the_area_holds_each_value_until_the_next() {
        let block: Block = [sample(0, 2.0), sample(10, 5.0), sample(30, 1.0)].into_iter().collect();
        let summary = Summary::of(&block, 0..3).unwrap();
        assert_eq!(
            (summary.area, summary.min, summary.max, summary.sum, summary.last),
            (120.0, 1.0, 5.0, 8.0, 1.0),
            "2 for 10 µs, 5 for 20 µs"
        );
        assert_eq!(Summary::of(&block, 1..1), None);
    }

    #[test]
    fn what_is_bad_or_text_is_not_summed_up() {
        let mut block: Block = [sample(0, 2.0), sample(10, 5.0)].into_iter().collect();
        block.qualities[1] = Quality::BAD;
        assert_eq!(Summary::of(&block, 0..2), None);
        let block: Block = [sample(0, "on")].into_iter().collect();
        assert_eq!(Summary::of(&block, 0..1), None);
    }
}
