//! Restart intensity: how often something may be made again before that stops being a remedy.

use flyball_schema::Timestamp;
use std::collections::VecDeque;
use std::time::Duration;

/// At most `restarts` in `period`.
#[derive(Debug, Clone)]
pub(super) struct Intensity {
    restarts: usize,
    period: Duration,
    recent: VecDeque<Timestamp>,
}

impl Intensity {
    pub(super) fn new(restarts: usize, period: Duration) -> Self {
        Self { restarts, period, recent: VecDeque::new() }
    }

    /// Notes a restart at `now`; false where it is one too many.
    pub(super) fn allows(&mut self, now: Timestamp) -> bool {
        while self.recent.front().is_some_and(|at| now.since(*at) >= self.period) {
            self.recent.pop_front();
        }
        self.recent.push_back(now);
        self.recent.len() <= self.restarts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_restart_within_thirty_seconds_is_one_too_many() {
        let mut intensity = Intensity::new(5, Duration::from_secs(30));
        let at = |second: i64| Timestamp::from_micros(second * 1_000_000);
        assert!((0..5).all(|second| intensity.allows(at(second))));
        assert!(!intensity.allows(at(29)));
        assert!(!intensity.allows(at(29)));
        assert!(intensity.allows(at(100)), "old restarts are forgotten");
    }
}
