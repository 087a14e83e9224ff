//! Many durations and their quantiles, in bounded memory. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

/// Ratio of the bounds of a class: its middle is within 1 % of all in it.
const GROWTH: f64 = 1.02;

/// Durations: one by one up to a number, past that counted in classes 2 % wide.
///
/// Merely 1,600 classes lead from a microsecond to 400 days, so the memory is bounded. A quantile is exact while all are kept,
/// and within 1 % afterwards.
#[derive(Debug, Clone, Default)]
pub struct Durations {
    keep: usize,
    kept: Vec<Duration>,
    classes: BTreeMap<i32, u64>,
    counted: u64,
}

/// A quantile of [`Durations`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantile {
    /// The duration.
    pub duration: Duration,
    /// Whether it is exact, or within 1 %.
    pub exact: bool,
}

impl Durations {
    /// None yet; `keep` are kept one by one.
    #[must_use]
    pub fn keeping(keep: usize) -> Self {
        Self { keep, ..Self::default() }
    }

    /// Adds one.
    pub fn add(&mut self, duration: Duration) {
        if self.classes.is_empty() && self.kept.len() < self.keep {
            return self.kept.push(duration);
        }
        for one in std::mem::take(&mut self.kept).into_iter().chain([duration]) {
            *self.classes.entry(class_of(one)).or_default() += 1;
            self.counted += 1;
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counted + self.kept.len() as u64
    }

    /// The shortest that `percent` of all do not exceed (nearest rank); `None` where there is none.
    #[must_use]
    pub fn quantile(&self, percent: u64) -> Option<Quantile> {
        let rank = (self.count() * percent.min(100)).div_ceil(100).max(1);
        if self.classes.is_empty() {
            let mut sorted = self.kept.clone();
            sorted.sort_unstable();
            let index = usize::try_from(rank - 1).ok()?;
            return sorted.get(index).map(|&duration| Quantile { duration, exact: true });
        }
        let mut below = 0;
        let (&class, _) = self.classes.iter().find(|(_, count)| {
            below += **count;
            below >= rank
        })?;
        Some(Quantile { duration: middle_of(class), exact: false })
    }
}

fn class_of(duration: Duration) -> i32 {
    let micros = (duration.as_micros() as f64).max(1.0);
    #[expect(clippy::cast_possible_truncation, reason = "2^128 microseconds are in class 4,481")]
    let class = (micros.ln() / GROWTH.ln()).floor() as i32;
    class
}

fn middle_of(class: i32) -> Duration {
    Duration::from_secs_f64((GROWTH.powf(f64::from(class) + 0.5) / 1e6).min(1e15))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_nearest_rank() {
        let mut durations = Durations::keeping(100);
        assert_eq!(durations.quantile(50), None);
        (1..=10).rev().for_each(|n| durations.add(Duration::from_secs(n)));
        let told = |percent| durations.quantile(percent).unwrap();
        assert_eq!(told(50), Quantile { duration: Duration::from_secs(5), exact: true });
        assert_eq!(told(95).duration, Duration::from_secs(10));
        assert_eq!((told(0).duration, told(100).duration), (Duration::from_secs(1), Duration::from_secs(10)));
    }

    #[test]
    fn past_what_is_kept_a_quantile_is_within_one_percent() {
        let (mut exact, mut bounded) = (Durations::keeping(10_000), Durations::keeping(10));
        for n in 1..=5_000_u64 {
            let duration = Duration::from_millis(n * n % 7_919 * 997 + 3);
            exact.add(duration);
            bounded.add(duration);
        }
        assert_eq!((bounded.count(), bounded.kept.len()), (5_000, 0));
        for percent in [1, 50, 95, 100] {
            let (is, told) = (exact.quantile(percent).unwrap(), bounded.quantile(percent).unwrap());
            let error = told.duration.as_secs_f64() / is.duration.as_secs_f64() - 1.0;
            assert!(error.abs() <= 0.01 && !told.exact, "p{percent}: {told:?} for {is:?}");
        }
    }

    #[test]
    fn a_moment_and_a_year_are_durations_too() {
        let mut durations = Durations::keeping(0);
        durations.add(Duration::ZERO);
        durations.add(Duration::from_secs(400 * 86_400));
        assert!(durations.quantile(0).unwrap().duration < Duration::from_micros(2));
        assert!(durations.quantile(100).unwrap().duration > Duration::from_secs(396 * 86_400));
    }
}
