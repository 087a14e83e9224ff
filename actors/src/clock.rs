//! One clock for timers *and* timestamps, so that a test under paused time sees both move together.

use flyball_schema::Timestamp;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// The plant's clock: calendar time at the start plus the elapsed time of tokio's timer.
///
/// It never runs backwards, and a step of the system's clock does not move it.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    epoch: Timestamp,
    started: Instant,
}

impl Clock {
    /// A clock that shows the system's calendar time now.
    #[must_use]
    pub fn system() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::starting_at(Timestamp::from_micros(0) + since_epoch)
    }

    /// A clock that shows `epoch` now.
    #[must_use]
    pub fn starting_at(epoch: Timestamp) -> Self {
        Self { epoch, started: Instant::now() }
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.epoch + self.started.elapsed()
    }

    /// Time since the clock was made, monotonic.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_clock_moves_with_virtual_time() {
        let clock = Clock::starting_at(Timestamp::from_micros(1_000));
        tokio::time::advance(Duration::from_secs(24 * 3600)).await;
        assert_eq!(clock.now(), Timestamp::from_micros(1_000 + 86_400_000_000));
    }
}
