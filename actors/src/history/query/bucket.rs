//! What is kept of the samples of one bucket while they pass, fast. Pure.

use super::Bucket;
use crate::history::sample::{Block, Column, Summary};
use flyball_schema::{Quality, Timestamp};
use std::ops::Range;

/// Loops take so many values side by side, so that no addition waits for the one before it.
const LANES: usize = 4;

/// The samples of one bucket, summed up.
#[derive(Debug, Clone, Copy)]
pub struct Sums {
    min: f64,
    max: f64,
    sum: f64,
    first: f64,
    last: f64,
    usable: u32,
    count: u32,
    quality: Quality,
    /// Integral over time of the values held, value × µs.
    area: f64,
    /// How long a usable value was held, µs.
    weight: f64,
}

/// A bucket without samples.
pub const EMPTY: Sums = Sums {
    min: f64::INFINITY,
    max: f64::NEG_INFINITY,
    sum: 0.0,
    first: f64::NAN,
    last: f64::NAN,
    usable: 0,
    count: 0,
    quality: Quality::GOOD,
    area: 0.0,
    weight: 0.0,
};

/// The state of a tag until its next sample.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    /// The value, where it may be used.
    pub value: Option<f64>,
    /// Its quality.
    pub quality: Quality,
    /// Since when, µs since the epoch.
    pub since: i64,
}

impl Sums {
    /// Number of samples.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Adds `span` µs in which `held` was the state.
    pub fn hold(&mut self, held: &Held, span: u64) {
        if let Some(value) = held.value {
            let span = span as f64;
            self.area += value * span;
            self.weight += span;
        }
    }

    /// Adds `rows` of a block, at least one, each value held until the next, and answers the state behind the last.
    pub fn add(&mut self, block: &Block, rows: Range<usize>) -> Held {
        let qualities = &block.qualities[rows.clone()];
        let all = qualities.iter().fold(0, |all, quality| all | quality.status_code());
        let times = &block.times[rows.clone()];
        // The highest bit stands for bad alone: without it every value can be used.
        if !Quality::from_status_code(all).is_bad() {
            match &block.values {
                Column::Float(values) => return self.add_usable(&values[rows], times, qualities, |value| value),
                Column::Integer(values) => {
                    return self.add_usable(&values[rows], times, qualities, |value| value as f64);
                }
                Column::Boolean(values) => {
                    return self.add_usable(&values[rows], times, qualities, |value| f64::from(u8::from(value)));
                }
                Column::Any(_) => {}
            }
        }
        self.add_one_by_one(block, rows)
    }

    fn add_usable<T: Copy>(
        &mut self,
        values: &[T],
        times: &[i64],
        qualities: &[Quality],
        number: impl Fn(T) -> f64,
    ) -> Held {
        let (first, last, end) = (number(values[0]), number(values[values.len() - 1]), values.len() - 1);
        let (min, max, sum) = range_and_sum(values, &number);
        let worst = worst(qualities);
        let span = times[end].abs_diff(times[0]) as f64;
        let (count, area) = (u32::try_from(values.len()).unwrap_or(u32::MAX), area(values, times, &number));
        self.add_range(count, min, max, sum, worst);
        self.add_ends(count, first, last);
        self.area += area;
        self.weight += span;
        Held { value: Some(last), quality: qualities[end], since: times[end] }
    }

    fn add_one_by_one(&mut self, block: &Block, rows: Range<usize>) -> Held {
        let mut held: Option<Held> = None;
        for row in rows {
            let state = Held { value: block.usable_f64(row), quality: block.qualities[row], since: block.times[row] };
            if let Some(before) = held.replace(state) {
                self.hold(&before, state.since.abs_diff(before.since));
            }
            match state.value {
                Some(value) => {
                    self.add_range(1, value, value, value, state.quality);
                    self.add_ends(1, value, value);
                }
                None => self.add_quality(1, state.quality),
            }
        }
        held.unwrap_or(Held { value: None, quality: super::UNKNOWN, since: i64::MIN })
    }

    /// Adds samples that were summed up, and answers the state behind the last of them.
    pub fn add_summary(&mut self, summary: &Summary) -> Held {
        let (since, quality) = (summary.t1.as_micros(), summary.worst);
        self.add_range(summary.count, summary.min, summary.max, summary.sum, quality);
        self.add_ends(summary.count, summary.first, summary.last);
        self.area += summary.area;
        self.weight += since.abs_diff(summary.t0.as_micros()) as f64;
        Held { value: Some(summary.last), quality, since }
    }

    fn add_quality(&mut self, count: u32, worst: Quality) {
        self.quality = if self.count == 0 { worst } else { self.quality.worst(worst) };
        self.count = self.count.saturating_add(count);
    }

    fn add_range(&mut self, count: u32, min: f64, max: f64, sum: f64, worst: Quality) {
        self.add_quality(count, worst);
        self.min = self.min.min(min);
        self.max = self.max.max(max);
        self.sum += sum;
    }

    fn add_ends(&mut self, count: u32, first: f64, last: f64) {
        if self.usable == 0 {
            self.first = first;
        }
        self.last = last;
        self.usable = self.usable.saturating_add(count);
    }

    /// The bucket of which `width` µs are known, at least 1.
    #[must_use]
    pub fn bucket(&self, width: u64) -> Bucket {
        let usable = |value: f64| (self.usable > 0).then_some(value);
        Bucket {
            min: usable(self.min),
            max: usable(self.max),
            average: usable(self.sum / f64::from(self.usable)),
            first: usable(self.first),
            last: usable(self.last),
            count: self.count,
            quality: self.quality,
            time_average: self.time_average(),
            usable: self.share(width),
        }
    }

    /// The bucket without samples, at whose beginning `held` was the state.
    #[must_use]
    pub fn held(&self, held: &Held, width: u64) -> Bucket {
        let Held { value, quality, .. } = *held;
        let (time_average, usable) = (self.time_average(), self.share(width));
        Bucket {
            min: value,
            max: value,
            average: value,
            first: None,
            last: value,
            count: 0,
            quality,
            time_average,
            usable,
        }
    }

    fn time_average(&self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.area / self.weight)
    }

    fn share(&self, width: u64) -> f64 {
        (self.weight / width as f64).min(1.0)
    }
}

impl Held {
    /// Nothing is known.
    #[must_use]
    pub fn unknown() -> Self {
        Self { value: None, quality: super::UNKNOWN, since: Timestamp::MIN.as_micros() }
    }

    /// The plant is down.
    #[must_use]
    pub fn down(since: i64) -> Self {
        Self { value: None, quality: super::DOWN, since }
    }
}

/// The first of the worst.
fn worst(qualities: &[Quality]) -> Quality {
    let all = qualities.iter().fold(0, |all, quality| all | quality.status_code());
    if Quality::from_status_code(all).is_good() {
        return qualities[0];
    }
    qualities[1..].iter().fold(qualities[0], |worst, &quality| worst.worst(quality))
}

fn range_and_sum<T: Copy>(values: &[T], number: &impl Fn(T) -> f64) -> (f64, f64, f64) {
    let (mut min, mut max, mut sum) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES], [0.0; LANES]);
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for lane in 0..LANES {
            let value = number(chunk[lane]);
            min[lane] = if value < min[lane] { value } else { min[lane] };
            max[lane] = if value > max[lane] { value } else { max[lane] };
            sum[lane] += value;
        }
    }
    for (lane, &value) in rest.iter().enumerate() {
        let value = number(value);
        min[lane] = min[lane].min(value);
        max[lane] = max[lane].max(value);
        sum[lane] += value;
    }
    let min = min.into_iter().fold(f64::INFINITY, f64::min);
    (min, max.into_iter().fold(f64::NEG_INFINITY, f64::max), sum.into_iter().sum())
}

fn area<T: Copy>(values: &[T], times: &[i64], number: &impl Fn(T) -> f64) -> f64 {
    let mut area = [0.0; LANES];
    let spans = times.windows(LANES + 1).step_by(LANES);
    let whole = spans.len() * LANES;
    for (chunk, ends) in values.chunks_exact(LANES).zip(spans) {
        for lane in 0..LANES {
            area[lane] += number(chunk[lane]) * ends[lane + 1].wrapping_sub(ends[lane]) as f64;
        }
    }
    let rest = whole..values.len() - 1;
    let rest: f64 = rest.map(|row| number(values[row]) * times[row + 1].wrapping_sub(times[row]) as f64).sum();
    area.into_iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::sample::Sample;
    use flyball_schema::Value;
    use proptest::prelude::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_block_sums_up_as_its_samples_do_one_by_one(
            steps in prop::collection::vec((0..1_000_i64, -1e3..1e3_f64, 0..20_u8), 1..40), bad_too: bool,
        ) {
            let mut time = 0;
            let samples = steps.iter().map(|&(step, value, quality)| {
                time += step;
                let quality = match quality {
                    0 if bad_too => Quality::BAD_TIMEOUT,
                    1 => Quality::UNCERTAIN_RANGE_EXCEEDED,
                    2 => Quality::UNCERTAIN,
                    _ => Quality::GOOD,
                };
                Sample { time: Timestamp::from_micros(time), value: Some(Value::Float(value)), quality }
            });
            let block: Block = samples.collect();
            let (mut fast, mut slow) = (EMPTY, EMPTY);
            let held = fast.add(&block, 0..block.len());
            let expected = slow.add_one_by_one(&block, 0..block.len());
            prop_assert_eq!((held.value, held.quality, held.since), (expected.value, expected.quality, expected.since));
            prop_assert_eq!((fast.min, fast.max), (slow.min, slow.max));
            prop_assert_eq!((fast.count, fast.usable, fast.quality), (slow.count, slow.usable, slow.quality));
            prop_assert!(close(fast.sum, slow.sum) && close(fast.area, slow.area) && close(fast.weight, slow.weight));
        }
    }
}
