//! Distribution of durations in fixed memory.

use std::time::Duration;

/// Steps per doubling: a figure is told to 1/16 of itself.
const STEPS: u64 = 16;

/// Buckets: exact up to 15 µs, then 16 per doubling up to 71 minutes.
const BUCKETS: usize = 16 * 29;

/// Counts of durations in microseconds, log-linear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    counts: Vec<u64>,
    max_us: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], max_us: 0 }
    }
}

fn bucket(us: u64) -> usize {
    if us < STEPS {
        return usize::try_from(us).unwrap_or(0);
    }
    let doublings = u64::from(us.ilog2() - STEPS.ilog2());
    let index = STEPS * doublings + (us >> doublings);
    usize::try_from(index).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

fn upper_us(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < STEPS {
        return bucket;
    }
    let doublings = bucket / STEPS - 1;
    ((bucket % STEPS + STEPS + 1) << doublings) - 1
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&mut self, us: u64) {
        self.counts[bucket(us)] += 1;
        self.max_us = self.max_us.max(us);
    }

    /// How many were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The longest one.
    #[must_use]
    pub fn max(&self) -> Duration {
        Duration::from_micros(self.max_us)
    }

    /// The duration that a share of `per_mille` thousandths does not exceed, to 1/16 of itself; zero before the first.
    #[must_use]
    pub fn quantile(&self, per_mille: u64) -> Duration {
        let wanted = (self.count() * per_mille).div_ceil(1_000).max(1);
        let mut sum = 0;
        for (index, count) in self.counts.iter().enumerate() {
            sum += count;
            if sum >= wanted {
                return Duration::from_micros(upper_us(index).min(self.max_us));
            }
        }
        Duration::ZERO
    }

    /// What was counted after `earlier`, a copy of this histogram; the longest one is that of the whole time.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let counts = self.counts.iter().zip(&earlier.counts).map(|(now, then)| now.saturating_sub(*then)).collect();
        Self { counts, max_us: self.max_us }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantiles_are_told_to_a_sixteenth() {
        let mut histogram = Histogram::default();
        (1..=1_000).for_each(|us| histogram.record(us));
        assert_eq!(histogram.count(), 1_000);
        assert_eq!(histogram.max(), Duration::from_micros(1_000));
        for (per_mille, exact) in [(500, 500), (990, 990), (10, 10)] {
            let told = u64::try_from(histogram.quantile(per_mille).as_micros()).unwrap();
            assert!((exact..=exact + exact / 16 + 1).contains(&told), "{per_mille}: {told}");
        }
        assert_eq!(Histogram::default().quantile(990), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn every_duration_falls_into_a_bucket_that_reaches_it(us in 0..4_000_000_000_u64) {
            let index = bucket(us);
            prop_assert!(upper_us(index) >= us);
            prop_assert!(index == 0 || upper_us(index - 1) < us);
        }
    }
}
