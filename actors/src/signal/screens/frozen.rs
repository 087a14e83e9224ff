//! Standard deviation over a window of time.

use crate::signal::elapsed::Elapsed;
use flyball_schema::definition::FrozenScreen;
use std::collections::VecDeque;

/// Panes of a window.
const PANES: i64 = 32;
/// Panes that can be alive at once: those of a window, the one that is filled, and one at each edge.
const MOST_PANES: usize = 35;
/// Fewer samples in a window than this say nothing about it.
const FEWEST_SAMPLES: u64 = 3;

/// Stands while the window is full, at least 3 samples lie in it, and their population standard deviation is below
/// the limit: a source that is alive, with values that do not move.
///
/// The window is kept as panes of a 32nd of its length, each with the count, mean and squared deviations of *all* its
/// samples (Welford 1962), put together by the formula of Chan, Golub and `LeVeque` (1983). So memory is bounded
/// whatever the rate, and no sample is left out; a pane leaves as a whole when its latest sample is as old as the
/// window, so that samples up to a 32nd older than the window may still count.
#[derive(Debug)]
pub(in crate::signal) struct Frozen {
    limit: f64,
    /// µs.
    window: i64,
    panes: VecDeque<Pane>,
    /// All panes but the one that is filled.
    closed: Moments,
    present: Moments,
}

#[derive(Debug, Clone, Copy)]
struct Pane {
    begin: i64,
    latest: i64,
    moments: Moments,
}

/// Count, mean, and sum of squared deviations from the mean.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn of(value: f64) -> Self {
        Self { count: 1, mean: value, squares: 0.0 }
    }

    fn joined(self, other: Self) -> Self {
        if self.count == 0 || other.count == 0 {
            return if self.count == 0 { other } else { self };
        }
        let count = self.count + other.count;
        let (own, others) = (self.count as f64, other.count as f64);
        let share = others / count as f64;
        let between = other.mean - self.mean;
        Self {
            count,
            mean: self.mean + between * share,
            squares: self.squares + other.squares + between * between * own * share,
        }
    }

    fn deviation(self) -> f64 {
        (self.squares / self.count as f64).sqrt()
    }
}

impl Frozen {
    pub(in crate::signal) fn new(definition: FrozenScreen) -> Self {
        let FrozenScreen { deviation, window_ms } = definition;
        Self {
            limit: deviation,
            window: i64::from(window_ms) * 1_000,
            panes: VecDeque::with_capacity(MOST_PANES),
            closed: Moments::default(),
            present: Moments::default(),
        }
    }

    pub(in crate::signal) fn feed(&mut self, value: f64, time: &Elapsed) -> bool {
        let now = time.micros();
        self.take_in(value, now);
        self.present = self.panes.back().map_or(self.closed, |pane| self.closed.joined(pane.moments));
        // Time starts with the first sample.
        now >= self.window && self.present.count >= FEWEST_SAMPLES && self.present.deviation() < self.limit
    }

    fn take_in(&mut self, value: f64, now: i64) {
        let is_past = |pane: &Pane| now - pane.latest >= self.window;
        let leaving = self.panes.iter().take_while(|pane| is_past(pane)).count();
        let pane_length = self.window / PANES;
        let open = self.panes.back_mut().filter(|pane| !is_past(pane) && now - pane.begin < pane_length);
        let is_new = open.is_none();
        if let Some(pane) = open {
            pane.latest = now;
            pane.moments = pane.moments.joined(Moments::of(value));
        }
        self.panes.drain(..leaving);
        if is_new {
            self.panes.push_back(Pane { begin: now, latest: now, moments: Moments::of(value) });
        }
        if is_new || leaving > 0 {
            // Put together anew rather than subtracted, so that no rounding stays behind.
            let closed = self.panes.iter().take(self.panes.len().saturating_sub(1));
            self.closed = closed.fold(Moments::default(), |all, pane| all.joined(pane.moments));
        }
    }

    /// Population standard deviation of the window's samples, in the tag's unit; none before the first.
    pub(in crate::signal) fn deviation(&self) -> Option<f64> {
        (self.present.count > 0).then(|| self.present.deviation())
    }

    #[cfg(test)]
    pub(in crate::signal) fn panes(&self) -> (usize, usize) {
        (self.panes.len(), self.panes.capacity())
    }
}
