//! Time that has passed, whatever the clock does.

use flyball_schema::Timestamp;

/// A clock that follows the times of samples and never runs back.
///
/// A time that goes back or stands still adds nothing, and time passes from there on: a clock that is set back by
/// an hour does not stop a filter for an hour.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Elapsed {
    last: Option<Timestamp>,
    micros: i64,
}

impl Elapsed {
    /// Moves on to `at`; microseconds passed since the sample before, 0 for the first.
    pub(super) fn step(&mut self, at: Timestamp) -> i64 {
        let last = self.last.replace(at).unwrap_or(at);
        let step = at.as_micros().saturating_sub(last.as_micros()).max(0);
        self.micros = self.micros.saturating_add(step);
        step
    }

    /// Microseconds passed since the first sample.
    pub(super) fn micros(&self) -> i64 {
        self.micros
    }
}

/// Microseconds as seconds.
pub(super) fn seconds(micros: i64) -> f64 {
    // Exact below 2^53 µs, which is 285 years.
    micros as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_set_back_adds_nothing_and_goes_on_from_there() {
        let mut elapsed = Elapsed::default();
        let steps: Vec<_> =
            [100, 250, 250, 10, 30].map(|at| elapsed.step(Timestamp::from_micros(at))).into_iter().collect();
        assert_eq!(steps, [0, 150, 0, 0, 20]);
        assert_eq!(elapsed.micros(), 170);
        assert_eq!(elapsed.step(Timestamp::MAX), i64::MAX - 30);
        assert_eq!(elapsed.step(Timestamp::MIN), 0);
        assert_eq!(elapsed.step(Timestamp::MAX), i64::MAX, "saturates");
    }
}
