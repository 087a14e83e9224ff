//! Moving median.

use super::sorted_window::SortedWindow;

/// Median of the last samples; of those there are while there are fewer.
#[derive(Debug)]
pub(super) struct Median(SortedWindow);

impl Median {
    /// `samples`: odd, so that a full window answers with one of its samples.
    pub(super) fn new(samples: usize) -> Self {
        Self(SortedWindow::new(samples))
    }

    pub(super) fn feed(&mut self, value: f64) -> f64 {
        self.0.push(value);
        self.0.median().unwrap_or(value)
    }
}
