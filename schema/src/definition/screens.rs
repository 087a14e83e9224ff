//! What makes the values of a tag doubtful.

use super::filter::bounded;
use super::{Fault, Priority, Range};
use serde::{Deserialize, Serialize};

/// Anomaly screens of a tag, after its filter. A screen that stands makes the quality uncertain.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Screens {
    /// Priority of the instrument alarm that is active while a screen stands; no alarm without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm: Option<Priority>,
    /// The source is alive but its values do not move.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<FrozenScreen>,
    /// A value far from those before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlier: Option<OutlierScreen>,
    /// A value outside its range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<RangeScreen>,
    /// A value that changes faster than it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<RateScreen>,
    /// Values that wander off their target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftScreen>,
}

/// Stands while samples arrive whose standard deviation over the window is below a limit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrozenScreen {
    /// Standard deviation that live values have at least, in the tag's unit; above 0.
    pub deviation: f64,
    /// Length of the window, ms; 1 to 86,400,000.
    pub window_ms: u32,
}

/// Stands for a value that the Hampel identifier rejects: |x − median| > sigmas · max(1.4826 · MAD, floor) over
/// the samples before it (Hampel 1974).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutlierScreen {
    /// Number of samples before the value; 3 to 101.
    pub samples: u32,
    /// How many estimated standard deviations away; above 0, up to 1,000.
    #[serde(default = "OutlierScreen::default_sigmas")]
    pub sigmas: f64,
    /// Smallest estimate of the standard deviation, in the tag's unit; 0 or more. With 0, any value that differs
    /// from equal ones before it is an outlier.
    #[serde(default)]
    pub floor: f64,
}

impl OutlierScreen {
    fn default_sigmas() -> f64 {
        3.0
    }
}

/// Stands for a value outside its range; an end that is not given is that of the tag's range.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RangeScreen {
    /// Low end, in the tag's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// High end, in the tag's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
}

impl RangeScreen {
    /// Low and high end that hold for a tag of this range; an end that neither has is unbounded.
    #[must_use]
    pub fn ends(self, range: Option<Range>) -> (f64, f64) {
        let low = self.low.or(range.map(|range| range.low)).unwrap_or(f64::NEG_INFINITY);
        let high = self.high.or(range.map(|range| range.high)).unwrap_or(f64::INFINITY);
        (low, high)
    }
}

/// Stands for a value that has changed faster than a limit since the one before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateScreen {
    /// Largest rate of change in either direction, in the tag's unit per second; above 0.
    pub limit: f64,
}

/// Stands while a two-sided tabular CUSUM is above its threshold (Page 1954; Montgomery, *Introduction to
/// Statistical Quality Control*, chapter 9).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DriftScreen {
    /// What the values should be on average, in the tag's unit; the mean of the first `reference_samples`
    /// without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<f64>,
    /// How many samples make the target, in place of a given one; 1 to 1,000,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_samples: Option<u32>,
    /// Deviation of a sample that does not count, in the tag's unit; 0 or more. Customary: half the shift to be
    /// found.
    pub slack: f64,
    /// Sum of deviations at which the values have drifted, in the tag's unit; above 0. Customary: four to five
    /// standard deviations.
    pub threshold: f64,
}

impl Screens {
    /// Whether there is no screen, so that nothing is to be done with the tag.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { alarm: _, frozen, outlier, range, rate, drift } = self;
        frozen.is_none() && outlier.is_none() && range.is_none() && rate.is_none() && drift.is_none()
    }

    /// Checks that every number is finite and within its bounds. `range`: the tag's.
    ///
    /// # Errors
    /// The first field that is not, as a path from the tag, and what is wrong with it; an alarm without a screen;
    /// a range screen of a tag without range that has no end by itself.
    pub fn check(&self, range: Option<Range>) -> Result<(), (&'static str, Fault)> {
        if self.alarm.is_some() && self.is_empty() {
            return Err(("screens.alarm", Fault::Needs("a screen")));
        }
        if let Some(frozen) = self.frozen {
            above_zero("screens.frozen.deviation", frozen.deviation)?;
            let window = f64::from(frozen.window_ms);
            bounded("screens.frozen.window_ms", window, 1.0, 86_400_000.0, "1 to 86,400,000 ms")?;
        }
        if let Some(outlier) = self.outlier {
            bounded("screens.outlier.samples", f64::from(outlier.samples), 3.0, 101.0, "3 to 101")?;
            let (field, sigmas) = ("screens.outlier.sigmas", outlier.sigmas);
            bounded(field, sigmas, f64::MIN_POSITIVE, 1_000.0, "above 0, up to 1,000")?;
            bounded("screens.outlier.floor", outlier.floor, 0.0, f64::MAX, "0 or more")?;
        }
        if let Some(screen) = self.range {
            screen.check(range)?;
        }
        if let Some(rate) = self.rate {
            above_zero("screens.rate.limit", rate.limit)?;
        }
        self.drift.map_or(Ok(()), DriftScreen::check)
    }
}

impl RangeScreen {
    fn check(self, range: Option<Range>) -> Result<(), (&'static str, Fault)> {
        for (field, end) in [("screens.range.low", self.low), ("screens.range.high", self.high)] {
            bounded(field, end.unwrap_or(0.0), f64::MIN, f64::MAX, "a finite number")?;
        }
        let (low, high) = self.ends(range);
        if low >= high {
            let (field, value, allowed) = match self.high {
                Some(_) => ("screens.range.high", high, "a finite number above the low end"),
                None => ("screens.range.low", low, "a finite number below the high end"),
            };
            return Err((field, Fault::OutOfBounds { value, allowed }));
        }
        if low.is_infinite() && high.is_infinite() {
            return Err(("screens.range", Fault::Needs("low, high or the tag's range")));
        }
        Ok(())
    }
}

impl DriftScreen {
    fn check(self) -> Result<(), (&'static str, Fault)> {
        match (self.target, self.reference_samples) {
            (None, None) => return Err(("screens.drift", Fault::Needs("target or reference_samples"))),
            (Some(_), Some(_)) => return Err(("screens.drift.reference_samples", Fault::Excludes("target"))),
            (Some(target), None) => {
                bounded("screens.drift.target", target, f64::MIN, f64::MAX, "a finite number")?;
            }
            (None, Some(samples)) => {
                let field = "screens.drift.reference_samples";
                bounded(field, f64::from(samples), 1.0, 1_000_000.0, "1 to 1,000,000")?;
            }
        }
        bounded("screens.drift.slack", self.slack, 0.0, f64::MAX, "0 or more")?;
        above_zero("screens.drift.threshold", self.threshold)
    }
}

fn above_zero(field: &'static str, value: f64) -> Result<(), (&'static str, Fault)> {
    bounded(field, value, f64::MIN_POSITIVE, f64::MAX, "a finite number above 0")
}

#[cfg(test)]
mod tests;
