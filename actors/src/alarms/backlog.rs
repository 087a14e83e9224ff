//! Transitions on their way to the database: an ordered, bounded queue, and who waits for it. Pure.

use super::{AlarmMemory, AlarmTransition};
use flyball_schema::AlarmId;
use std::collections::VecDeque;

/// What has to survive a restart.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The alarm.
    pub alarm: AlarmId,
    /// What the journal says; none where only a delay began or ended.
    pub transition: Option<AlarmTransition>,
    /// The state after it.
    pub memory: AlarmMemory,
}

/// Transitions that are not durable yet, in the order they happened.
///
/// One batch at a time is being written. A batch that failed stays at the head and is written again; past the limit the
/// oldest that is not being written is dropped and counted.
#[derive(Debug)]
pub(super) struct Backlog {
    queue: VecDeque<(u64, Record)>,
    limit: usize,
    in_flight: usize,
    last: u64,
    dropped: u64,
}

/// Reply to [`Backlog::push`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pushed {
    /// Number of the transition, from 1, gap-free.
    pub(super) number: u64,
    /// Number of the one that was dropped for it.
    pub(super) dropped: Option<u64>,
}

impl Backlog {
    /// An empty queue for `limit` transitions.
    pub(super) fn new(limit: usize) -> Self {
        Self { queue: VecDeque::new(), limit: limit.max(1), in_flight: 0, last: 0, dropped: 0 }
    }

    /// Appends a transition.
    pub(super) fn push(&mut self, record: Record) -> Pushed {
        let mut dropped = None;
        if self.queue.len() >= self.limit {
            // With everything in flight there is nothing older than the new one to drop: one above the limit.
            dropped = self.queue.remove(self.in_flight).map(|(number, _)| number);
            self.dropped += u64::from(dropped.is_some());
        }
        self.last += 1;
        self.queue.push_back((self.last, record));
        Pushed { number: self.last, dropped }
    }

    /// Takes a copy of the oldest transitions, at most `size`, to be written. `None` while a batch is being written, and
    /// where there is nothing to write.
    pub(super) fn begin(&mut self, size: usize) -> Option<Vec<Record>> {
        if self.in_flight > 0 || self.queue.is_empty() {
            return None;
        }
        self.in_flight = self.queue.len().min(size.max(1));
        Some(self.queue.iter().take(self.in_flight).map(|(_, record)| record.clone()).collect())
    }

    /// The batch being written is durable.
    pub(super) fn succeeded(&mut self) {
        self.queue.drain(..self.in_flight);
        self.in_flight = 0;
    }

    /// The batch being written is not known to be durable: it is written again.
    pub(super) fn failed(&mut self) {
        self.in_flight = 0;
    }

    /// Number of the last transition appended; 0 before the first.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Every transition up to this number is durable, or was dropped.
    pub(super) fn settled(&self) -> u64 {
        self.queue.front().map_or(self.last, |(number, _)| number - 1)
    }

    /// Transitions not yet durable.
    pub(super) fn pending(&self) -> usize {
        self.queue.len()
    }

    /// Transitions that were dropped past the limit.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support;
    use super::*;

    fn record(occurrence: u64) -> Record {
        test_support::record(1, occurrence)
    }

    fn numbers(batch: &[Record]) -> Vec<u64> {
        batch.iter().filter_map(|record| Some(record.transition.as_ref()?.occurrence)).collect()
    }

    #[test]
    fn a_batch_that_failed_is_written_again_before_what_came_after() {
        let mut backlog = Backlog::new(100);
        (1..=3).for_each(|n| assert_eq!(backlog.push(record(n)), Pushed { number: n, dropped: None }));
        assert_eq!(numbers(&backlog.begin(2).unwrap()), [1, 2]);
        assert_eq!(backlog.begin(2), None, "one write at a time");
        backlog.push(record(4));
        backlog.failed();
        assert_eq!((backlog.pending(), backlog.settled()), (4, 0));
        assert_eq!(numbers(&backlog.begin(2).unwrap()), [1, 2]);
        backlog.succeeded();
        assert_eq!(backlog.settled(), 2);
        assert_eq!(numbers(&backlog.begin(9).unwrap()), [3, 4]);
        backlog.succeeded();
        assert_eq!((backlog.pending(), backlog.settled(), backlog.last()), (0, 4, 4));
        assert_eq!(backlog.begin(9), None);
    }

    #[test]
    fn past_the_limit_the_oldest_not_being_written_is_dropped_and_counted() {
        let mut backlog = Backlog::new(3);
        (1..=3).for_each(|n| assert_eq!(backlog.push(record(n)).dropped, None));
        assert_eq!(numbers(&backlog.begin(1).unwrap()), [1]);
        assert_eq!(backlog.push(record(4)), Pushed { number: 4, dropped: Some(2) });
        backlog.succeeded();
        assert_eq!(numbers(&backlog.begin(9).unwrap()), [3, 4]);
        assert_eq!((backlog.dropped(), backlog.pending()), (1, 2));
    }
}
