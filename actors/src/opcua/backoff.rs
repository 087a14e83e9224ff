//! When a lost connection is tried again.

use super::OpcUaSettings;
use std::time::Duration;

/// Why a connection failed, as far as it decides when to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailureKind {
    /// Nobody answers, or the connection broke: the device or the network is away and may be back at any moment.
    Network,
    /// The device answers and refuses: it is busy, starting or not fit.
    Device,
    /// The device refuses the user or the certificate: trying often would lock an account.
    Credentials,
}

/// Waits that double from the first to a longest one, which depends on the kind of failure, each shortened at random by
/// up to a quarter so that many links do not come back in step.
///
/// A device that is away is tried every 2 s at the most (by default), because data has to be back within 5 s of the
/// device; one that refuses is tried ever more rarely, up to 30 s; wrong credentials by the minute.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    failures: u32,
    random: u64,
}

impl Backoff {
    /// `seed`: differs from link to link.
    pub(super) fn new(seed: u64) -> Self {
        Self { failures: 0, random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1 }
    }

    /// A connection was made: the next failure is a first one.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// The wait after a failure.
    pub(super) fn next(&mut self, kind: FailureKind, settings: &OpcUaSettings) -> Duration {
        let longest = match kind {
            FailureKind::Network => settings.longest_network_retry,
            FailureKind::Device => settings.longest_retry,
            FailureKind::Credentials => return settings.credentials_retry,
        };
        let doubled = settings.first_retry.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        doubled.min(longest).mul_f64(1.0 - 0.25 * self.uniform())
    }

    fn uniform(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / 9_007_199_254_740_992.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(kind: FailureKind) -> Vec<f64> {
        let (settings, mut backoff) = (OpcUaSettings::default(), Backoff::new(1));
        (0..20).map(|_| backoff.next(kind, &settings).as_secs_f64()).collect()
    }

    #[test]
    fn a_device_that_is_away_is_tried_at_least_every_two_seconds() {
        let waits = waits(FailureKind::Network);
        assert!((0.375..=0.5).contains(&waits[0]), "{waits:?}");
        assert!((0.75..=1.0).contains(&waits[1]), "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= 2.0), "{waits:?}");
    }

    #[test]
    fn a_device_that_refuses_is_tried_ever_more_rarely() {
        let waits = waits(FailureKind::Device);
        assert!(waits[3] > waits[0] * 4.0 && waits[19] >= 22.5 && waits[19] <= 30.0, "{waits:?}");
    }

    #[test]
    fn wrong_credentials_are_tried_by_the_minute() {
        assert!(waits(FailureKind::Credentials).iter().all(|wait| (*wait - 60.0).abs() < 1e-9));
    }

    #[test]
    fn two_links_do_not_come_back_in_step() {
        let settings = OpcUaSettings::default();
        let (mut one, mut other) = (Backoff::new(1), Backoff::new(2));
        assert_ne!(one.next(FailureKind::Network, &settings), other.next(FailureKind::Network, &settings));
    }

    #[test]
    fn after_a_connection_the_waits_start_again() {
        let (settings, mut backoff) = (OpcUaSettings::default(), Backoff::new(1));
        for _ in 0..5 {
            backoff.next(FailureKind::Network, &settings);
        }
        backoff.reset();
        assert!(backoff.next(FailureKind::Network, &settings) <= settings.first_retry);
    }
}
