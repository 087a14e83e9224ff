//! The ordered end of a plant: each step with a deadline, reported by name.

use std::fmt;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How a plant ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShutdownReport {
    /// How long it took.
    pub took: Duration,
    /// Steps that missed their deadline or failed.
    pub missed: Vec<String>,
}

impl ShutdownReport {
    /// Whether every step was done in time.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.missed.is_empty()
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.took.as_secs_f64();
        if self.is_clean() {
            write!(f, "clean in {seconds:.1} s")
        } else {
            write!(f, "not clean after {seconds:.1} s: {}", self.missed.join(", "))
        }
    }
}

/// Runs the steps of a shutdown and notes what misses its deadline.
#[derive(Debug)]
pub(super) struct Steps {
    began: Instant,
    missed: Vec<String>,
}

impl Steps {
    pub(super) fn begin() -> Self {
        Self { began: Instant::now(), missed: Vec::new() }
    }

    /// Runs one step; `step` answers an error as text.
    pub(super) async fn run(
        &mut self,
        name: &'static str,
        deadline: Duration,
        step: impl Future<Output = Result<(), String>>,
    ) {
        match timeout(deadline, step).await {
            Ok(Ok(())) => log::debug!("shutdown: {name} done"),
            Ok(Err(error)) => self.miss(format!("{name} ({error})")),
            Err(_elapsed) => self.miss(format!("{name} (not within {} ms)", deadline.as_millis())),
        }
    }

    fn miss(&mut self, what: String) {
        log::error!("shutdown: {what}");
        self.missed.push(what);
    }

    pub(super) fn end(self) -> ShutdownReport {
        ShutdownReport { took: self.began.elapsed(), missed: self.missed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_step_that_misses_its_deadline_is_named_and_the_next_one_runs() {
        let mut steps = Steps::begin();
        steps.run("links", Duration::from_millis(500), std::future::pending()).await;
        steps.run("alarms", Duration::from_millis(500), async { Err("disk full".to_owned()) }).await;
        steps.run("logger", Duration::from_millis(500), async { Ok(()) }).await;
        let report = steps.end();
        assert_eq!(report.to_string(), "not clean after 0.5 s: links (not within 500 ms), alarms (disk full)");
        assert!(!report.is_clean());
    }
}
