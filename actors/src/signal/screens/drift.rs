//! Two-sided tabular CUSUM.

use flyball_schema::definition::DriftScreen;

/// Sums stop at this many thresholds, so that a mended sensor is believed again in bounded time.
const CAP: f64 = 2.0;

/// S⁺ = max(0, S⁺ + x − target − slack), S⁻ = max(0, S⁻ + target − x − slack); stands while one is above the
/// threshold (E. S. Page, "Continuous Inspection Schemes", Biometrika 41, 1954; D. C. Montgomery, *Introduction to
/// Statistical Quality Control*, section 9.1).
///
/// A constant shift beyond the slack is found after threshold / (shift − slack) samples, rounded up.
#[derive(Debug)]
pub(in crate::signal) struct Drift {
    slack: f64,
    threshold: f64,
    target: Target,
    high: f64,
    low: f64,
}

#[derive(Debug)]
enum Target {
    Known(f64),
    /// The mean of those seen, until there are enough.
    Learning {
        seen: u32,
        wanted: u32,
        mean: f64,
    },
}

impl Drift {
    pub(in crate::signal) fn new(definition: DriftScreen) -> Self {
        let DriftScreen { target, reference_samples, slack, threshold } = definition;
        let target = match target {
            Some(target) => Target::Known(target),
            None => Target::Learning { seen: 0, wanted: reference_samples.unwrap_or(1).max(1), mean: 0.0 },
        };
        Self { slack, threshold, target, high: 0.0, low: 0.0 }
    }

    pub(in crate::signal) fn feed(&mut self, value: f64) -> bool {
        match self.target {
            Target::Known(target) => self.add(value, target),
            Target::Learning { seen, wanted, mean } => self.target = learn(value, seen, wanted, mean),
        }
        self.high.max(self.low) > self.threshold
    }

    fn add(&mut self, value: f64, target: f64) {
        let cap = CAP * self.threshold;
        self.high = (self.high + (value - target) - self.slack).clamp(0.0, cap);
        self.low = (self.low + (target - value) - self.slack).clamp(0.0, cap);
    }

    /// The upper and the lower sum, S⁺ and S⁻, in the tag's unit.
    pub(in crate::signal) fn sums(&self) -> (f64, f64) {
        (self.high, self.low)
    }

    /// What the values should be; none while it is being learned.
    pub(in crate::signal) fn target(&self) -> Option<f64> {
        match self.target {
            Target::Known(target) => Some(target),
            Target::Learning { .. } => None,
        }
    }
}

fn learn(value: f64, seen: u32, wanted: u32, mean: f64) -> Target {
    let seen = seen + 1;
    let share = 1.0 / f64::from(seen);
    // A weighted mean cannot overflow as a sum can.
    let mean = mean * (1.0 - share) + value * share;
    if seen < wanted { Target::Learning { seen, wanted, mean } } else { Target::Known(mean) }
}
