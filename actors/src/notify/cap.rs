//! How many messages a channel takes. Pure.

use flyball_schema::Timestamp;
use std::time::Duration;

const WINDOW: Duration = Duration::from_secs(600);

/// Lets a number of messages through at once, and as many per 10 minutes after that, evenly (generic cell rate algorithm,
/// ITU-T I.371).
#[derive(Debug, Clone, Copy)]
pub(super) struct Cap {
    /// Messages; 0 for any number.
    most: u32,
    /// When the bucket would be empty again.
    empty_at: Timestamp,
}

impl Cap {
    pub(super) fn new(most: u32) -> Self {
        Self { most, empty_at: Timestamp::MIN }
    }

    /// When the next message may go.
    pub(super) fn free_at(&self, now: Timestamp) -> Timestamp {
        if self.most == 0 {
            return now;
        }
        now.max(self.empty_at + WINDOW / self.most - WINDOW)
    }

    /// A message goes.
    pub(super) fn take(&mut self, now: Timestamp) {
        if self.most > 0 {
            self.empty_at = self.empty_at.max(now) + WINDOW / self.most;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn so_many_go_at_once_and_then_one_by_one() {
        let mut cap = Cap::new(30);
        for _ in 0..30 {
            assert_eq!(cap.free_at(at(100)), at(100));
            cap.take(at(100));
        }
        assert_eq!(cap.free_at(at(100)), at(120));
        assert_eq!(cap.free_at(at(150)), at(150));
        cap.take(at(150));
        assert_eq!(cap.free_at(at(150)), at(150), "that of 140 s is left");
        cap.take(at(150));
        assert_eq!(cap.free_at(at(150)), at(160));
        assert_eq!(cap.free_at(at(5_000)), at(5_000));
    }

    #[test]
    fn no_cap_lets_everything_through() {
        let mut cap = Cap::new(0);
        (0..1_000).for_each(|_| cap.take(at(1)));
        assert_eq!(cap.free_at(at(1)), at(1));
    }
}
