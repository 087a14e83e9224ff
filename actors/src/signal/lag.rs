//! First-order lag.

use super::elapsed::{Elapsed, seconds};

/// T·dy/dt + y = x, solved exactly for an input that is held from sample to sample (zero-order hold).
///
/// y(t) = x + (y₀ − x)·exp(−(t − t₀)/T), with y₀ at the time t₀ at which the input x began: a step is followed from
/// its sample on, however long the source was silent before, and the answer does not depend on how often it is
/// asked for in between.
#[derive(Debug)]
pub(super) struct Lag {
    /// Seconds.
    time_constant: f64,
    input: f64,
    /// Output when the input began.
    origin: f64,
    /// When the input began, µs of [`Elapsed`].
    began: i64,
}

impl Lag {
    /// `time_constant_ms`: above 0; `first`: input and output at the start.
    pub(super) fn new(time_constant_ms: u32, first: f64) -> Self {
        Self { time_constant: f64::from(time_constant_ms) / 1e3, input: first, origin: first, began: 0 }
    }

    /// The output now, and `value` as input from now on.
    pub(super) fn feed(&mut self, value: f64, time: &Elapsed) -> f64 {
        let output = self.output(time);
        if self.input.to_bits() != value.to_bits() {
            *self = Self { time_constant: self.time_constant, input: value, origin: output, began: time.micros() };
        }
        output
    }

    fn output(&self, time: &Elapsed) -> f64 {
        let held = seconds(time.micros() - self.began);
        let remaining = (-held / self.time_constant).exp();
        // A weighted mean cannot overflow; its rounding is kept between the two.
        let mean = self.input * (1.0 - remaining) + self.origin * remaining;
        mean.clamp(self.input.min(self.origin), self.input.max(self.origin))
    }
}
