//! What the table does by the clock, without a value arriving: staleness, maximum silence, filters whose source is
//! silent. Pure: the earliest deadline on top, looked at again when it is due, so that a write never moves one.

use flyball_schema::{TagId, Timestamp};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deadline {
    /// No value has arrived for too long.
    Stale,
    /// Nothing was reported for too long.
    Silence,
    /// The filter is to be fed again.
    Repeat,
}

/// Deadlines, by time. A tag has at most one of a kind; those of tags that are gone are dropped when they come up.
#[derive(Debug, Default)]
pub(super) struct Deadlines(BinaryHeap<Reverse<(Timestamp, TagId, Deadline)>>);

impl Deadlines {
    pub(super) fn set(&mut self, due: Timestamp, tag: TagId, deadline: Deadline) {
        self.0.push(Reverse((due, tag, deadline)));
    }

    /// The earliest one that is due.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<(TagId, Deadline)> {
        let due = self.0.peek().is_some_and(|Reverse((due, ..))| *due <= now);
        let Reverse((_, tag, deadline)) = if due { self.0.pop()? } else { return None };
        Some((tag, deadline))
    }
}
