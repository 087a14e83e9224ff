//! Floods of alarms, by a sliding window of 10 minutes (ISA-18.2 clause 16, alarm floods). Pure.

use super::report::Floods;
use super::{FLOOD_END, MOST_PER_10_MINUTES};
use flyball_schema::Timestamp;
use std::collections::VecDeque;
use std::time::Duration;

const WINDOW: Duration = Duration::from_secs(600);

/// Activations that tell whether more than [`MOST_PER_10_MINUTES`] lie in the window: all that has to be remembered.
const REMEMBERED: usize = 11;

/// Where among them, from the newest, stands the one whose leaving the window ends a flood.
const LAST_OF_FLOOD: usize = 5;

const _: () = assert!(REMEMBERED as u64 == MOST_PER_10_MINUTES + 1 && LAST_OF_FLOOD as u64 == FLOOD_END);

/// Watches for floods. An activation lies in the window while less than 10 minutes have passed since it.
///
/// A flood begins with the activation that makes it more than 10, and ends at the moment that leaves fewer than 5. So the
/// times of the last 11 activations are enough, however many there are.
#[derive(Debug, Clone)]
pub(super) struct FloodWatch {
    from: Timestamp,
    /// Newest first.
    recent: VecDeque<Timestamp>,
    since: Option<Timestamp>,
    done: Floods,
}

impl FloodWatch {
    pub(super) fn new(from: Timestamp) -> Self {
        Self { from, recent: VecDeque::with_capacity(REMEMBERED), since: None, done: Floods::default() }
    }

    /// An activation; `at` never runs backwards.
    pub(super) fn add(&mut self, at: Timestamp) {
        if let (Some(since), Some(end)) = (self.since, self.end())
            && end < at
        {
            self.done.close(since, end);
            self.since = None;
        }
        self.recent.truncate(REMEMBERED - 1);
        self.recent.push_front(at);
        let oldest = self.recent.get(REMEMBERED - 1);
        if self.since.is_none() && oldest.is_some_and(|&oldest| oldest + WINDOW > at) {
            self.since = Some(at);
        }
    }

    /// When the flood ends that is under way, unless more comes.
    fn end(&self) -> Option<Timestamp> {
        self.recent.get(LAST_OF_FLOOD - 1).map(|&last| last + WINDOW)
    }

    /// Floods up to `to`; one that goes on lasts until then.
    pub(super) fn summary(&self, to: Timestamp) -> Floods {
        let mut floods = self.done;
        if let (Some(since), Some(end)) = (self.since, self.end()) {
            floods.close(since, end.min(to));
            floods.ongoing = end > to;
        }
        floods.range = to.since(self.from);
        floods
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn watch(times: impl IntoIterator<Item = i64>) -> FloodWatch {
        let mut watch = FloodWatch::new(at(0));
        times.into_iter().for_each(|time| watch.add(at(time)));
        watch
    }

    #[test]
    fn ten_in_ten_minutes_are_no_flood_and_eleven_are_one() {
        assert_eq!(watch((0..10).map(|n| n * 60)).summary(at(3_600)).count, 0);
        // The first is gone when the eleventh comes.
        assert_eq!(watch((0..11).map(|n| n * 60)).summary(at(3_600)).count, 0);
        assert_eq!(watch((0..11).map(|n| n * 59)).summary(at(3_600)).count, 1);
    }

    #[test]
    fn a_flood_lasts_from_the_eleventh_until_fewer_than_five_are_left() {
        // Activations at 0, 10, … 100 s: begins at 100 s; the fifth from the end, at 60 s, leaves at 660 s.
        let floods = watch((0..11).map(|n| n * 10)).summary(at(3_600));
        assert_eq!((floods.count, floods.duration, floods.ongoing), (1, Duration::from_secs(560), false));
        let floods = watch((0..11).map(|n| n * 10)).summary(at(600));
        assert_eq!((floods.count, floods.duration, floods.ongoing), (1, Duration::from_secs(500), true));
    }

    #[test]
    fn an_activation_at_the_moment_a_flood_would_end_keeps_it_going() {
        let first: Vec<i64> = (0..11).map(|n| n * 10).collect();
        let kept = watch(first.iter().copied().chain([660])).summary(at(3_600));
        // The fifth from the end is now that at 70 s.
        assert_eq!((kept.count, kept.duration), (1, Duration::from_secs(570)));
        let over = watch(first.into_iter().chain([661])).summary(at(3_600));
        assert_eq!((over.count, over.duration), (1, Duration::from_secs(560)));
    }
}
