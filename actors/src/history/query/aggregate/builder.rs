//! Builds the intervals of one tag from its samples in order. Pure.

use super::interval::{self, Held, Interval};
use super::result::Known;
use super::{Aggregate, AggregateConfig, AggregateValue};
use crate::history::historian::Visitor;
use crate::history::sample::{Block, Sample};
use flyball_schema::{Quality, Severity, Timestamp, Value};
use std::ops::{ControlFlow, Range};

/// How far a sample counts, by its quality and the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grade {
    Bad,
    Uncertain,
    Good,
}

impl Grade {
    pub(super) fn of(sample: &Sample, config: &AggregateConfig) -> Self {
        match sample.quality.severity() {
            _ if sample.value.is_none() => Self::Bad,
            Severity::Good => Self::Good,
            Severity::Uncertain if !config.treat_uncertain_as_bad => Self::Uncertain,
            Severity::Uncertain | Severity::Bad => Self::Bad,
        }
    }
}

/// What a tag is from a time on.
#[derive(Debug, Clone)]
struct Point {
    time: i64,
    value: Option<Value>,
    grade: Grade,
}

impl Point {
    fn number(&self) -> f64 {
        self.value.as_ref().and_then(Value::as_f64).unwrap_or(f64::NAN)
    }

    /// Whether straight lines can begin or end here.
    fn is_sloped(&self) -> bool {
        matches!(self.value, Some(Value::Float(_) | Value::Integer(_)))
    }
}

/// The course from one point to the next, or behind the last.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    /// Value at its beginning and value × 1/µs.
    value: f64,
    slope: f64,
    grade: Grade,
}

impl Stretch {
    fn at(&self, span: u64) -> f64 {
        self.value + self.slope * span as f64
    }
}

/// What a tag is at a boundary of intervals.
#[derive(Debug, Clone)]
pub(super) struct Bound {
    pub(super) value: Option<Value>,
    pub(super) grade: Grade,
    /// Whether no sample has this very time.
    pub(super) interpolated: bool,
}

/// Builds the intervals of one tag: first [`AggregateBuilder::begin`], then the samples, then
/// [`AggregateBuilder::finish`].
#[derive(Debug)]
pub struct AggregateBuilder<'a> {
    range: Range<i64>,
    length: u64,
    config: AggregateConfig,
    downtimes: &'a [Range<Timestamp>],
    intervals: Vec<Interval>,
    /// At the start of each interval, and at the end of the last.
    bounds: Vec<Option<Bound>>,
    /// The first sample of all.
    data_start: Option<i64>,
    last: Option<Point>,
    /// The last two points that are not bad.
    anchor: Option<Point>,
    before_anchor: Option<Point>,
    /// Whether there was a bad one behind them.
    broken: bool,
    text: bool,
}

impl<'a> AggregateBuilder<'a> {
    /// Empty intervals.
    ///
    /// * `range`: from the start of the first interval to the end of the last.
    /// * `length`, `count`: of the intervals, µs; the last may be shorter.
    /// * `downtimes`: times in which nothing is known, by start.
    #[must_use]
    pub fn new(
        range: Range<Timestamp>,
        length: u64,
        count: usize,
        config: AggregateConfig,
        downtimes: &'a [Range<Timestamp>],
    ) -> Self {
        let end = range.end.as_micros();
        let start = |index| interval::start(range.start, length, index).as_micros();
        let intervals = (0..count).map(|index| Interval::new(start(index), start(index + 1).min(end))).collect();
        Self {
            range: range.start.as_micros()..end,
            length,
            config,
            downtimes,
            intervals,
            bounds: vec![None; count + 1],
            data_start: None,
            last: None,
            anchor: None,
            before_anchor: None,
            broken: false,
            text: false,
        }
    }

    /// Takes what is known before the range.
    ///
    /// * `bounds`: samples that are not bad, up to two, by time.
    /// * `last`: the last one of all.
    pub fn begin(&mut self, bounds: &[Sample], last: Option<&Sample>) {
        let Some(last) = last else { return };
        let point = |sample: &Sample| Point {
            time: sample.time.as_micros(),
            value: sample.value.clone(),
            grade: Grade::of(sample, &self.config),
        };
        let mut bounds = bounds.iter().rev().map(point);
        (self.anchor, self.before_anchor) = (bounds.next(), bounds.next());
        let last_point = point(last);
        self.broken = last_point.grade == Grade::Bad;
        self.text = matches!(last.value, Some(Value::Text(_)));
        self.data_start = Some(last_point.time);
        self.last = Some(last_point);
    }

    /// Takes the samples of the range and those behind it that bound it, and tells when there are enough.
    ///
    /// * `interpolates`: whether a sample that is not bad is wanted behind the range.
    pub fn reading(&mut self, interpolates: bool) -> impl Visitor {
        Reading { interpolates, builder: self }
    }

    /// Whether a text was met.
    #[must_use]
    pub fn has_text(&self) -> bool {
        self.text
    }

    /// The values of each aggregate.
    ///
    /// * `now`: up to when a value holds.
    /// * `resolution`: how far behind its time a sample is known, µs.
    #[must_use]
    pub fn finish(mut self, aggregates: &[Aggregate], now: Timestamp, resolution: i64) -> Vec<Vec<AggregateValue>> {
        let mut known_until = i64::MIN;
        if let Some(last_time) = self.last.as_ref().map(|last| last.time) {
            let now = now.as_micros();
            self.enter_downtimes(now.max(last_time).saturating_add(1));
            if let Some(last) = self.last.clone().filter(|last| last.time < now) {
                self.point(Point { time: now, ..last });
            }
            known_until = now.max(last_time).saturating_add(resolution);
            self.end(known_until);
        }
        let known = Known {
            start: self.data_start.unwrap_or(i64::MAX),
            until: known_until,
            length: self.length,
            bounds: &self.bounds,
            config: &self.config,
        };
        let values = |&aggregate| {
            self.intervals.iter().enumerate().map(move |(at, interval)| known.value(aggregate, interval, at))
        };
        aggregates.iter().map(|aggregate| values(aggregate).collect()).collect()
    }

    fn sample(&mut self, sample: &Sample) {
        let time = sample.time.as_micros();
        self.text |= matches!(sample.value, Some(Value::Text(_)));
        self.data_start.get_or_insert(time);
        self.enter_downtimes(time);
        let grade = Grade::of(sample, &self.config);
        if let Some(index) = self.index(time) {
            self.intervals[index].raw.add(sample, grade);
        }
        self.point(Point { time, value: sample.value.clone(), grade });
    }

    /// Puts a bad point at the beginning of each downtime before `time`, where there was a value to end.
    fn enter_downtimes(&mut self, time: i64) {
        while let Some((down, rest)) = self.downtimes.split_first() {
            let start = down.start.as_micros();
            if start >= time {
                return;
            }
            self.downtimes = rest;
            if self.last.as_ref().is_some_and(|last| last.time <= start) {
                self.point(Point { time: start, value: None, grade: Grade::Bad });
            }
        }
    }

    /// The tag is something else from a time on.
    fn point(&mut self, point: Point) {
        if let Some(last) = self.last.take() {
            self.simple(&last, Some(&point), point.time);
        }
        if point.grade == Grade::Bad {
            self.broken = true;
        } else {
            if let Some(anchor) = self.anchor.take() {
                self.through(&anchor, Some(&point), point.time);
                if anchor.time < point.time {
                    self.before_anchor = Some(anchor);
                }
            }
            self.anchor = Some(point.clone());
            self.broken = false;
        }
        self.last = Some(point);
    }

    /// Ends the course behind the last point, at the end of the interval in which the data end.
    fn end(&mut self, known_until: i64) {
        let end = self.index(known_until - 1).map_or(known_until, |index| self.intervals[index].end);
        if let Some(last) = self.last.take() {
            self.bounds_between(&last, None, known_until);
            let stretch = self.simple_stretch(&last, None);
            self.spread(last.time..end, |interval, span| {
                hold(&mut interval.simple, stretch, last.time, span.clone());
                let known = span.start..span.end.min(known_until);
                weigh(interval, &last, stretch, known);
            });
        }
        if let Some(anchor) = self.anchor.take() {
            self.through(&anchor, None, end);
        }
    }

    /// The course between two samples next to each other.
    fn simple(&mut self, last: &Point, next: Option<&Point>, end: i64) {
        if last.time >= end {
            return;
        }
        self.bounds_between(last, next, end);
        let stretch = self.simple_stretch(last, next);
        self.spread(last.time..end, |interval, span| {
            hold(&mut interval.simple, stretch, last.time, span.clone());
            weigh(interval, last, stretch, span);
        });
    }

    fn simple_stretch(&self, last: &Point, next: Option<&Point>) -> Stretch {
        let flat = |grade| Stretch { value: last.number(), slope: 0.0, grade };
        let stepped = self.config.stepped
            || !last.is_sloped()
            || next.is_some_and(|next| next.value.is_some() && !next.is_sloped());
        match next.filter(|next| next.grade != Grade::Bad) {
            _ if last.grade == Grade::Bad || stepped => flat(last.grade),
            Some(next) => Stretch { slope: slope(last, next), ..flat(last.grade.min(next.grade)) },
            None => flat(Grade::Uncertain),
        }
    }

    /// The course between two samples that are not bad, or behind the last of them.
    fn through(&mut self, anchor: &Point, next: Option<&Point>, end: i64) {
        if anchor.time >= end {
            return;
        }
        let rise = match (next, &self.before_anchor) {
            (Some(next), _) if anchor.is_sloped() && next.is_sloped() => slope(anchor, next),
            (None, Some(before))
                if self.config.use_sloped_extrapolation && anchor.is_sloped() && before.is_sloped() =>
            {
                slope(before, anchor)
            }
            _ => 0.0,
        };
        let unbroken = if self.broken { Grade::Uncertain } else { Grade::Good };
        let grade = next.map_or(Grade::Uncertain, |next| anchor.grade.min(next.grade).min(unbroken));
        let stretch = Stretch { value: anchor.number(), slope: rise, grade };
        let from = anchor.time;
        self.spread(from..end, |interval, span| hold(&mut interval.through, stretch, from, span));
    }

    /// What the tag is at the boundaries from one sample up to the next.
    fn bounds_between(&mut self, last: &Point, next: Option<&Point>, end: i64) {
        let stretch = self.simple_stretch(last, next);
        let first = self.first_boundary(last.time);
        for index in first..self.bounds.len() {
            let time = self.boundary(index);
            if time >= end {
                return;
            }
            let interpolated = time > last.time;
            let sloped = interpolated && stretch.slope.abs() > 0.0;
            let value =
                if sloped { Some(Value::Float(stretch.at(time.abs_diff(last.time)))) } else { last.value.clone() };
            let grade = if interpolated { stretch.grade } else { last.grade };
            self.bounds[index] = Some(Bound { value, grade, interpolated });
        }
    }

    fn boundary(&self, index: usize) -> i64 {
        self.intervals.get(index).map_or(self.range.end, |interval| interval.start)
    }

    /// The first boundary at or behind `time`.
    fn first_boundary(&self, time: i64) -> usize {
        match self.index(time) {
            Some(index) if self.intervals[index].start == time => index,
            Some(index) => index + 1,
            None if time < self.range.start => 0,
            None => self.bounds.len() - usize::from(time == self.range.end),
        }
    }

    /// The interval of a time.
    fn index(&self, time: i64) -> Option<usize> {
        let inside = self.range.contains(&time);
        inside.then(|| usize::try_from(time.abs_diff(self.range.start) / self.length).ok()).flatten()
    }

    /// Hands each interval the part of `range` that lies in it.
    fn spread(&mut self, range: Range<i64>, mut add: impl FnMut(&mut Interval, Range<i64>)) {
        let (start, end) = (range.start.max(self.range.start), range.end.min(self.range.end));
        let Some(first) = self.index(start).filter(|_| start < end) else { return };
        for interval in &mut self.intervals[first..] {
            if interval.start >= end {
                return;
            }
            add(interval, interval.start.max(start)..interval.end.min(end));
        }
    }
}

/// Adds part of a course that began at `from`.
fn hold(held: &mut Held, stretch: Stretch, from: i64, span: Range<i64>) {
    if stretch.grade > Grade::Bad {
        let (a, b) = (stretch.at(span.start.abs_diff(from)), stretch.at(span.end.abs_diff(from)));
        held.add(a, b, span.end.abs_diff(span.start), stretch.grade == Grade::Good);
    }
}

/// Adds time to the good or the bad: by the sample, or by the bound where it lies before the interval.
fn weigh(interval: &mut Interval, last: &Point, stretch: Stretch, span: Range<i64>) {
    let time = if span.end > span.start { span.end.abs_diff(span.start) } else { 0 };
    match if last.time >= interval.start { last.grade } else { stretch.grade } {
        Grade::Good => interval.good += time,
        Grade::Bad => interval.bad += time,
        Grade::Uncertain => {}
    }
}

/// Value per µs between two points.
fn slope(a: &Point, b: &Point) -> f64 {
    (b.number() - a.number()) / b.time.abs_diff(a.time) as f64
}

/// See [`AggregateBuilder::reading`].
struct Reading<'a, 'b> {
    builder: &'a mut AggregateBuilder<'b>,
    interpolates: bool,
}

impl Visitor for Reading<'_, '_> {
    fn block(&mut self, block: &Block, rows: Range<usize>) -> ControlFlow<()> {
        for row in rows {
            let sample = block.sample(row);
            self.builder.sample(&sample);
            let behind = sample.time.as_micros() >= self.builder.range.end;
            let bounds = !self.interpolates || Grade::of(&sample, &self.builder.config) != Grade::Bad;
            if behind && bounds {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}

impl Bound {
    /// The quality of a bound that is not bad.
    pub(super) fn quality(&self) -> Quality {
        if self.grade == Grade::Good { Quality::GOOD } else { Quality::UNCERTAIN_DATA_SUB_NORMAL }
    }
}
