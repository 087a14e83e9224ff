//! Hampel identifier.

use crate::signal::sorted_window::SortedWindow;
use flyball_schema::definition::OutlierScreen;

/// Median absolute deviation to standard deviation of a normal distribution, 1/Φ⁻¹(3/4).
const MAD_TO_DEVIATION: f64 = 1.4826;

/// Stands for a sample x with |x − median| > sigmas · max(1.4826 · MAD, floor) over the samples before it
/// (F. R. Hampel, "The Influence Curve and Its Role in Robust Estimation", Journal of the American Statistical
/// Association 69, 1974).
///
/// Outliers enter the window as any other sample: a real step is accepted once it is half of the window.
#[derive(Debug)]
pub(in crate::signal) struct Outlier {
    sigmas: f64,
    floor: f64,
    before: SortedWindow,
    score: Option<f64>,
}

impl Outlier {
    pub(in crate::signal) fn new(definition: OutlierScreen) -> Self {
        let OutlierScreen { samples, sigmas, floor } = definition;
        let before = SortedWindow::new(usize::try_from(samples).unwrap_or(usize::MAX));
        Self { sigmas, floor, before, score: None }
    }

    pub(in crate::signal) fn feed(&mut self, value: f64) -> bool {
        self.score = if self.before.is_full() { self.score_of(value) } else { None };
        self.before.push(value);
        self.score.is_some_and(|score| score > self.sigmas)
    }

    fn score_of(&self, value: f64) -> Option<f64> {
        let median = self.before.median()?;
        let deviation = (MAD_TO_DEVIATION * self.before.median_deviation(median)?).max(self.floor);
        let distance = (value - median).abs();
        // Nothing over nothing is no deviation; something over nothing is infinite.
        Some(if distance > 0.0 { distance / deviation } else { 0.0 })
    }

    /// |x − median| / max(1.4826 · MAD, floor) of the last sample; infinite where the samples before it are equal
    /// and there is no floor; none until the window is full.
    pub(in crate::signal) fn score(&self) -> Option<f64> {
        self.score
    }
}
