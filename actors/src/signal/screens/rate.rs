//! Rate of change.

use crate::signal::elapsed::{Elapsed, seconds};

/// Stands for a sample that differs from the one before by more than `limit` per second.
///
/// Several samples at one time (or back in time) have no rate: the answer stays, and the next is taken from the
/// first of them.
#[derive(Debug)]
pub(in crate::signal) struct Rate {
    limit: f64,
    last: Option<(f64, i64)>,
    rate: Option<f64>,
}

impl Rate {
    pub(in crate::signal) fn new(limit: f64) -> Self {
        Self { limit, last: None, rate: None }
    }

    pub(in crate::signal) fn feed(&mut self, value: f64, time: &Elapsed) -> bool {
        let now = time.micros();
        let (last, then) = self.last.unwrap_or((value, now));
        if now > then {
            self.rate = Some((value - last) / seconds(now - then));
        }
        if now > then || self.last.is_none() {
            self.last = Some((value, now));
        }
        self.rate.is_some_and(|rate| rate.abs() > self.limit)
    }

    /// Change per second at the last sample, in the tag's unit; none before the second.
    pub(in crate::signal) fn rate(&self) -> Option<f64> {
        self.rate
    }
}
