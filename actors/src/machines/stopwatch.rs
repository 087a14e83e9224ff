//! How long user code takes.

use std::time::Instant;

/// Measures durations in real time, also where the timers of a test are virtual: a step costs what it costs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stopwatch(Instant);

impl Stopwatch {
    pub(super) fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "tells how long code ran, never what time it is")]
        Self(Instant::now())
    }

    pub(super) fn nanos(self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
