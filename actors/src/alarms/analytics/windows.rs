//! Activations per fixed window, aligned to the clock. Pure; bounded whatever the range.

use super::report::{Peak, WindowShare};
use flyball_schema::Timestamp;

/// Counts activations per window of one length, and how many windows have too many.
#[derive(Debug, Clone, Copy)]
pub(super) struct Windows {
    /// Length, µs.
    length: i64,
    /// More than so many are too many.
    most: u64,
    from: Timestamp,
    /// Number of the window that is counted now, from the epoch.
    current: i64,
    count: u64,
    over: u64,
    peak: Option<Peak>,
}

impl Windows {
    /// Windows of `minutes` from `from` on.
    pub(super) fn new(minutes: i64, most: u64, from: Timestamp) -> Self {
        let length = minutes * 60_000_000;
        let current = from.as_micros().div_euclid(length);
        Self { length, most, from, current, count: 0, over: 0, peak: None }
    }

    /// An activation; `at` never runs backwards.
    pub(super) fn add(&mut self, at: Timestamp) {
        let window = at.as_micros().div_euclid(self.length);
        if window > self.current {
            self.over += u64::from(self.is_over(self.start(window)));
            (self.current, self.count) = (window, 0);
        }
        self.count += 1;
        let start = Timestamp::from_micros(self.start(self.current));
        if self.peak.is_none_or(|peak| self.count > peak.count) {
            self.peak = Some(Peak { count: self.count, start });
        }
    }

    /// The window with the most activations, the first of them.
    pub(super) fn peak(&self) -> Option<Peak> {
        self.peak
    }

    /// How many windows lie in the range up to `to` whole, and how many of them have too many activations.
    pub(super) fn share(&self, to: Timestamp) -> WindowShare {
        let first = -(-self.from.as_micros()).div_euclid(self.length);
        let end = to.as_micros().div_euclid(self.length);
        let over = self.over + u64::from(self.is_over(to.as_micros()));
        WindowShare { windows: u64::try_from(end - first).unwrap_or(0), over }
    }

    /// Whether the current window lies in the range whole, ends by `to`, and has too many.
    fn is_over(&self, to: i64) -> bool {
        let whole = self.start(self.current) >= self.from.as_micros() && self.start(self.current + 1) <= to;
        whole && self.count > self.most
    }

    fn start(&self, window: i64) -> i64 {
        window.saturating_mul(self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(minutes: i64) -> Timestamp {
        Timestamp::from_micros(minutes * 60_000_000)
    }

    #[test]
    fn only_whole_windows_have_a_share_and_cut_ones_a_peak() {
        // From 00:05 to 00:35 two windows are whole: 00:10 and 00:20.
        let mut windows = Windows::new(10, 2, minutes(5));
        for at in [6, 7, 8, 9, 10, 11, 19, 20, 21, 30, 31, 32, 33, 34] {
            windows.add(minutes(at));
        }
        assert_eq!(windows.share(minutes(35)), WindowShare { windows: 2, over: 1 });
        assert_eq!(windows.peak(), Some(Peak { count: 5, start: minutes(30) }));
        assert_eq!(windows.share(minutes(40)), WindowShare { windows: 3, over: 2 }, "00:30 is whole by then");
    }

    #[test]
    fn a_range_shorter_than_a_window_has_none() {
        let mut windows = Windows::new(60, 0, minutes(61));
        windows.add(minutes(62));
        assert_eq!(windows.share(minutes(119)), WindowShare { windows: 0, over: 0 });
        assert_eq!(windows.share(minutes(119)).share(), None);
    }
}
