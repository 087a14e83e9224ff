//! Functions over a window that ends now, in constant time per evaluation on average.
//!
//! Spans leave at the front and come in at the back, and what is asked for is associative, so it is kept as two parts
//! that are only ever added to: for every span of the front part what it and the later ones of that part come to, and
//! for the back part what it comes to as a whole. When the front part is used up, the back part becomes the front part.
//! Nothing is ever subtracted, so nothing drifts. Source: K. Tangwongsan, M. Hirzel, S. Schneider, "Low-latency
//! sliding-window aggregation in worst-case constant time", DEBS 2017, the *two-stacks* algorithm.

use super::machine::Slot;
use flyball_schema::Quality;
use std::collections::VecDeque;
use std::fmt::Debug;
use std::time::Duration;

/// Most samples kept of a window: of 32 bytes each, and as much again and three quarters (56 bytes for a mean) for the
/// front part, which is 360 kB for a window whose input never rests.
pub(super) const MAX_SAMPLES: usize = 4_096;
/// When there are too many samples, neighbours are merged into spans of at most this part of the window; so at most
/// about half of [`MAX_SAMPLES`] remain.
const MERGED_SPANS: i64 = 1_024;

/// A value and when it began; it is held until the next sample begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    /// Microseconds since the epoch.
    start: i64,
    /// 0 where nothing of the span is usable.
    value: f64,
    /// Part of the span that is usable, 0 to 1; something between only where samples were merged.
    share: f64,
    /// Whether something of the span is not good.
    flawed: bool,
}

impl Sample {
    fn new(start: i64, input: Slot) -> Self {
        let usable = input.usable();
        Self {
            start,
            value: usable.unwrap_or(0.0),
            share: if usable.is_some() { 1.0 } else { 0.0 },
            flawed: !input.quality.is_good(),
        }
    }

    fn is_usable(&self) -> bool {
        self.share > 0.0
    }

    /// Whether `other` would only repeat this one.
    fn continues_as(&self, other: &Self) -> bool {
        self.value.to_bits() == other.value.to_bits()
            && self.is_usable() == other.is_usable()
            && self.flawed == other.flawed
    }
}

/// What is asked of a window: associative over spans that follow each other.
pub(super) trait Measure: Copy + Debug {
    /// Of one usable sample, held over `from` to `to`; `whole` unless its beginning lies before the window.
    fn of(sample: &Sample, from: i64, to: i64, whole: bool) -> Self;
    /// Of this and what comes after it.
    fn then(self, later: Self) -> Self;
    /// `None` where it cannot be told yet.
    fn result(self) -> Option<f64>;
    /// The value of two samples merged, both usable, weighed by the time they were usable.
    fn merged(earlier: f64, later: f64, weights: (f64, f64)) -> f64;
}

/// Mean weighted by time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mean {
    /// Value × µs.
    integral: f64,
    /// µs.
    time: f64,
    low: f64,
    high: f64,
    last: f64,
}

impl Measure for Mean {
    fn of(sample: &Sample, from: i64, to: i64, _whole: bool) -> Self {
        let (value, time) = (sample.value, to.saturating_sub(from) as f64 * sample.share);
        Self { integral: value * time, time, low: value, high: value, last: value }
    }

    fn then(self, later: Self) -> Self {
        Self {
            integral: self.integral + later.integral,
            time: self.time + later.time,
            low: self.low.min(later.low),
            high: self.high.max(later.high),
            last: later.last,
        }
    }

    fn result(self) -> Option<f64> {
        if self.time <= 0.0 {
            return Some(self.last);
        }
        let mean = self.integral / self.time;
        // Rounding must not make the mean of one value another value.
        Some(if mean.is_finite() { mean.max(self.low).min(self.high) } else { mean })
    }

    fn merged(earlier: f64, later: f64, (before, after): (f64, f64)) -> f64 {
        if before + after > 0.0 { (earlier * before + later * after) / (before + after) } else { later }
    }
}

/// Least value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Least(f64);

impl Measure for Least {
    fn of(sample: &Sample, _from: i64, _to: i64, _whole: bool) -> Self {
        Self(sample.value)
    }

    fn then(self, later: Self) -> Self {
        Self(self.0.min(later.0))
    }

    fn result(self) -> Option<f64> {
        Some(self.0)
    }

    fn merged(earlier: f64, later: f64, _weights: (f64, f64)) -> f64 {
        earlier.min(later)
    }
}

/// Greatest value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Greatest(f64);

impl Measure for Greatest {
    fn of(sample: &Sample, _from: i64, _to: i64, _whole: bool) -> Self {
        Self(sample.value)
    }

    fn then(self, later: Self) -> Self {
        Self(self.0.max(later.0))
    }

    fn result(self) -> Option<f64> {
        Some(self.0)
    }

    fn merged(earlier: f64, later: f64, _weights: (f64, f64)) -> f64 {
        earlier.max(later)
    }
}

/// Sum of the samples that begin within the window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sum(f64);

impl Measure for Sum {
    fn of(sample: &Sample, _from: i64, _to: i64, whole: bool) -> Self {
        Self(if whole { sample.value } else { 0.0 })
    }

    fn then(self, later: Self) -> Self {
        Self(self.0 + later.0)
    }

    fn result(self) -> Option<f64> {
        Some(self.0)
    }

    fn merged(earlier: f64, later: f64, _weights: (f64, f64)) -> f64 {
        earlier + later
    }
}

/// Change per second from the first to the last usable moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    first: (i64, f64),
    last: (i64, f64),
}

impl Measure for Rate {
    fn of(sample: &Sample, from: i64, to: i64, _whole: bool) -> Self {
        Self { first: (from, sample.value), last: (to, sample.value) }
    }

    fn then(self, later: Self) -> Self {
        Self { first: self.first, last: later.last }
    }

    fn result(self) -> Option<f64> {
        let micros = self.last.0.saturating_sub(self.first.0);
        (micros > 0).then(|| (self.last.1 - self.first.1) / (micros as f64 / 1e6))
    }

    fn merged(earlier: f64, _later: f64, _weights: (f64, f64)) -> f64 {
        earlier
    }
}

/// What a run of spans comes to.
#[derive(Debug, Clone, Copy)]
struct Fold<M> {
    /// `None` where nothing of it is usable.
    measure: Option<M>,
    flawed: bool,
}

impl<M: Measure> Fold<M> {
    const NOTHING: Self = Self { measure: None, flawed: false };

    fn of(sample: &Sample, from: i64, to: i64, whole: bool) -> Self {
        let measure = sample.is_usable().then(|| M::of(sample, from, to, whole));
        Self { measure, flawed: sample.flawed }
    }

    fn then(self, later: Self) -> Self {
        let measure = match (self.measure, later.measure) {
            (Some(earlier), Some(later)) => Some(earlier.then(later)),
            (earlier, later) => earlier.or(later),
        };
        Self { measure, flawed: self.flawed || later.flawed }
    }
}

/// A window over a number.
#[derive(Debug, Clone)]
pub(super) struct Window<M> {
    /// Microseconds.
    width: i64,
    /// Spans that have ended, each at the beginning of the next, the last at that of `open`.
    closed: VecDeque<Sample>,
    /// For the first part of `closed`, from its last to its first: what each and those after it in that part come to.
    front: Vec<Fold<M>>,
    /// What the rest of `closed` comes to.
    back: Fold<M>,
    /// The span that goes on.
    open: Option<Sample>,
}

impl<M: Measure> Window<M> {
    pub(super) fn new(width: Duration) -> Self {
        let width = i64::try_from(width.as_micros()).unwrap_or(i64::MAX);
        Self { width, closed: VecDeque::new(), front: Vec::new(), back: Fold::NOTHING, open: None }
    }

    /// Takes the present value in and gives the result. `now` never decreases.
    pub(super) fn advance(&mut self, now: i64, input: Slot) -> Slot {
        let sample = Sample::new(now, input);
        let open = match self.open {
            Some(open) if open.continues_as(&sample) => open,
            Some(open) => {
                self.close(open, now);
                sample
            }
            None => sample,
        };
        self.open = Some(open);
        let beginning = now.saturating_sub(self.width);
        let closed = self.closed_after(beginning, open.start);
        let whole = open.start > beginning;
        let all = closed.then(Fold::of(&open, open.start.max(beginning), now, whole));
        let quality = if all.flawed { Quality::UNCERTAIN_DATA_SUB_NORMAL } else { input.quality };
        match all.measure {
            Some(measure) => match measure.result() {
                Some(value) => Slot::calculated(value, quality),
                None => Slot::bad(Quality::BAD_NO_DATA),
            },
            None => Slot::bad(input.quality),
        }
    }

    fn close(&mut self, open: Sample, now: i64) {
        self.closed.push_back(open);
        self.back = self.back.then(Fold::of(&open, open.start, now, true));
        if self.closed.len() >= MAX_SAMPLES {
            self.merge(now);
        }
    }

    /// What lies after `beginning` of the spans that have ended, the last at `end`; drops those that lie before it.
    fn closed_after(&mut self, beginning: i64, end: i64) -> Fold<M> {
        while let Some(first) = self.closed.front().copied()
            && first.start <= beginning
        {
            if self.front.is_empty() {
                self.turn(end);
            }
            let first_end = self.closed.get(1).map_or(end, |next| next.start);
            if first_end > beginning {
                let cut = Fold::of(&first, beginning, first_end, false);
                let later = self.front.len().checked_sub(2).and_then(|index| self.front.get(index));
                return cut.then(later.copied().unwrap_or(Fold::NOTHING)).then(self.back);
            }
            self.closed.pop_front();
            self.front.pop();
        }
        self.front.last().copied().unwrap_or(Fold::NOTHING).then(self.back)
    }

    /// Makes all of `closed` the front part.
    fn turn(&mut self, end: i64) {
        let mut span_end = end;
        let mut fold = Fold::NOTHING;
        self.front.clear();
        for sample in self.closed.iter().rev() {
            fold = Fold::of(sample, sample.start, span_end, true).then(fold);
            self.front.push(fold);
            span_end = sample.start;
        }
        self.back = Fold::NOTHING;
    }

    /// Merges neighbours as long as what comes of them is no longer than a [`MERGED_SPANS`]th of the window. A window
    /// is then no coarser than that at its far end, and exact elsewhere.
    fn merge(&mut self, end: i64) {
        let longest = self.width / MERGED_SPANS;
        let mut merged: VecDeque<Sample> = VecDeque::with_capacity(self.closed.len());
        for index in 0..self.closed.len() {
            let sample = self.closed[index];
            let sample_end = self.closed.get(index + 1).map_or(end, |next| next.start);
            match merged.back_mut() {
                Some(last) if sample_end.saturating_sub(last.start) <= longest => {
                    *last = join::<M>(last, &sample, sample_end)
                }
                _ => merged.push_back(sample),
            }
        }
        self.closed = merged;
        self.front.clear();
        self.turn(end);
    }

    /// How many samples are kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.closed.len()
    }
}

/// Two neighbours as one; `end` is where the later one ends.
fn join<M: Measure>(earlier: &Sample, later: &Sample, end: i64) -> Sample {
    let weights = (
        later.start.saturating_sub(earlier.start) as f64 * earlier.share,
        end.saturating_sub(later.start) as f64 * later.share,
    );
    let value = match (earlier.is_usable(), later.is_usable()) {
        (true, true) => M::merged(earlier.value, later.value, weights),
        (true, false) => earlier.value,
        _ => later.value,
    };
    let length = end.saturating_sub(earlier.start) as f64;
    let share = if length > 0.0 { (weights.0 + weights.1) / length } else { earlier.share.max(later.share) };
    // What was usable for no time at all, such as one sample of a sum, still counts.
    let usable = earlier.is_usable() || later.is_usable();
    let share = if usable { share.max(f64::MIN_POSITIVE) } else { 0.0 };
    Sample { start: earlier.start, value, share, flawed: earlier.flawed || later.flawed }
}
