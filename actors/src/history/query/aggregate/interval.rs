//! What is kept of one interval while its samples pass. Pure.

use super::builder::Grade;
use crate::history::sample::Sample;
use flyball_schema::{Timestamp, Value};

/// Start of an interval.
pub(super) fn start(from: Timestamp, length: u64, index: usize) -> Timestamp {
    let offset = length.saturating_mul(index as u64);
    Timestamp::from_micros(from.as_micros().saturating_add_unsigned(offset))
}

/// One interval.
#[derive(Debug, Clone)]
pub(super) struct Interval {
    pub(super) start: i64,
    /// Not included.
    pub(super) end: i64,
    pub(super) raw: Raw,
    /// What holds by the samples next to each other.
    pub(super) simple: Held,
    /// What holds by the samples that are not bad.
    pub(super) through: Held,
    /// Time in which the tag was good and bad, by the quality at the beginning of each stretch, µs.
    pub(super) good: u64,
    pub(super) bad: u64,
}

/// A course of the value over part of an interval.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Held {
    /// Integral over time, value × µs.
    pub(super) area: f64,
    /// How long there was a value, µs.
    pub(super) time: u64,
    /// How long it was good, µs.
    pub(super) good: u64,
}

/// The samples of an interval, counted and summed up.
#[derive(Debug, Clone, Default)]
pub(super) struct Raw {
    pub(super) first: Option<Sample>,
    pub(super) last: Option<Sample>,
    pub(super) good: u32,
    /// Uncertain, and not counted as bad.
    pub(super) uncertain: u32,
    pub(super) bad: u32,
    pub(super) sum: f64,
    mean: f64,
    /// Sum of the squared distances from the mean.
    squares: f64,
    pub(super) min: Option<Extreme>,
    pub(super) max: Option<Extreme>,
    /// Smallest and largest uncertain value.
    uncertain_min: Option<f64>,
    uncertain_max: Option<f64>,
    pub(super) first_good: f64,
    pub(super) last_good: f64,
    before_good: bool,
    behind_good: bool,
}

/// A smallest or largest value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extreme {
    pub(super) value: f64,
    /// When it was first reached, µs since the epoch.
    pub(super) time: i64,
    /// Whether it was reached again.
    pub(super) again: bool,
}

impl Extreme {
    fn update(extreme: &mut Option<Self>, value: f64, time: i64, beyond: impl Fn(f64, f64) -> bool) {
        match extreme {
            Some(found) if beyond(value, found.value) => *extreme = Some(Self { value, time, again: false }),
            Some(found) => found.again |= !beyond(found.value, value),
            None => *extreme = Some(Self { value, time, again: false }),
        }
    }
}

impl Interval {
    pub(super) fn new(start: i64, end: i64) -> Self {
        let (simple, through) = (Held::default(), Held::default());
        Self { start, end, raw: Raw::default(), simple, through, good: 0, bad: 0 }
    }

    /// Length, µs.
    pub(super) fn width(&self) -> u64 {
        self.end.abs_diff(self.start)
    }
}

impl Held {
    /// Adds `span` µs of a value that goes evenly from `a` to `b`.
    pub(super) fn add(&mut self, a: f64, b: f64, span: u64, good: bool) {
        self.area += (a + b) / 2.0 * span as f64;
        self.time += span;
        if good {
            self.good += span;
        }
    }
}

impl Raw {
    /// Takes a sample.
    pub(super) fn add(&mut self, sample: &Sample, grade: Grade) {
        if self.first.is_none() {
            self.first = Some(sample.clone());
        }
        self.last = Some(sample.clone());
        let value = sample.value.as_ref().and_then(Value::as_f64);
        if sample.quality.is_good() && grade == Grade::Good {
            self.add_good(value.unwrap_or(f64::NAN), sample.time.as_micros());
            return;
        }
        self.before_good |= self.good == 0;
        self.behind_good = true;
        if grade == Grade::Bad {
            self.bad = self.bad.saturating_add(1);
            return;
        }
        self.uncertain = self.uncertain.saturating_add(1);
        if let Some(value) = value {
            self.uncertain_min = Some(self.uncertain_min.map_or(value, |min| min.min(value)));
            self.uncertain_max = Some(self.uncertain_max.map_or(value, |max| max.max(value)));
        }
    }

    fn add_good(&mut self, value: f64, time: i64) {
        if self.good == 0 {
            self.first_good = value;
        }
        self.good = self.good.saturating_add(1);
        self.behind_good = false;
        self.last_good = value;
        self.sum += value;
        // Welford, so that a small spread around a large value is not lost.
        let distance = value - self.mean;
        self.mean += distance / f64::from(self.good);
        self.squares += distance * (value - self.mean);
        Extreme::update(&mut self.min, value, time, |a, b| a < b);
        Extreme::update(&mut self.max, value, time, |a, b| a > b);
    }

    /// Whether there was any sample but good ones.
    pub(super) fn ignored(&self) -> bool {
        self.uncertain + self.bad > 0
    }

    /// Whether a sample that is not good stood before the first good one or behind the last.
    pub(super) fn skipped(&self) -> bool {
        self.before_good || self.behind_good
    }

    /// Whether the smallest value might have been another.
    pub(super) fn doubts_min(&self) -> bool {
        self.bad > 0 || self.uncertain_min.zip(self.min).is_some_and(|(uncertain, min)| uncertain < min.value)
    }

    /// Whether the largest value might have been another.
    pub(super) fn doubts_max(&self) -> bool {
        self.bad > 0 || self.uncertain_max.zip(self.max).is_some_and(|(uncertain, max)| uncertain > max.value)
    }

    /// Standard deviation of the good values: of all (`less` = 0), or of a sample of more (`less` = 1).
    pub(super) fn deviation(&self, less: u32) -> f64 {
        if self.good <= 1 { 0.0 } else { (self.squares / f64::from(self.good - less)).sqrt() }
    }
}
