//! What one client is owed: its subscriptions, their credit and their pace.

use super::board::{GroupId, Version};
use super::protocol::ItemTopic;
use bytestring::ByteString;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Deltas a client may have unacknowledged per subscription; then changes are merged.
pub const CREDIT: usize = 4;

/// Subscriptions of one client at the most.
pub const MAX_SUBSCRIPTIONS: usize = 64;

/// A client whose socket takes nothing for so long is let go, where nothing else is set.
pub const STALL_LIMIT: Duration = Duration::from_secs(10);

/// A delta may be sent this much before it is due, so that a pace equal to the ticks' does not skip every second one.
const EARLY: Duration = Duration::from_millis(20);

/// Where frames of a client go. Never waits.
pub trait Outlet {
    /// Whether a frame would be taken.
    fn has_room(&self) -> bool;
    /// Whether nobody is there any more.
    fn is_gone(&self) -> bool;
    /// Takes a frame; one that finds no room is lost, so look first.
    fn put(&mut self, frame: ByteString);
}

/// What a subscription is fed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// The tags of a selection.
    Tags(GroupId),
    /// The items of a topic.
    Items(ItemTopic),
}

/// A subscription of one client.
#[derive(Debug)]
pub struct Subscription {
    /// What it is fed from.
    pub source: Source,
    /// The client has everything up to here.
    pub since: Version,
    interval: Duration,
    sent_at: Option<Duration>,
    unacknowledged: VecDeque<Version>,
}

impl Subscription {
    /// A subscription whose snapshot of `since` is on its way.
    ///
    /// * `interval`: least time between deltas.
    #[must_use]
    pub fn new(source: Source, since: Version, interval: Duration) -> Self {
        Self { source, since, interval, sent_at: None, unacknowledged: VecDeque::new() }
    }

    /// Whether a delta may be sent at `now` (time since any fixed point).
    #[must_use]
    pub fn is_due(&self, now: Duration) -> bool {
        let paced = self.sent_at.is_none_or(|sent| now + EARLY >= sent + self.interval);
        paced && self.unacknowledged.len() < CREDIT
    }

    /// A delta up to `version` has been sent.
    pub fn sent(&mut self, version: Version, now: Duration) {
        self.since = version;
        self.sent_at = Some(now);
        self.unacknowledged.push_back(version);
    }

    /// Everything up to `version` has been sent anew, which like a snapshot is not acknowledged.
    pub fn resynced(&mut self, version: Version, now: Duration) {
        self.since = version;
        self.sent_at = Some(now);
    }

    /// The client has handled every delta up to `version`.
    pub fn acknowledge(&mut self, version: Version) {
        while self.unacknowledged.front().is_some_and(|sent| *sent <= version) {
            self.unacknowledged.pop_front();
        }
    }
}

/// One client.
#[derive(Debug)]
pub struct Client<O> {
    /// Where its frames go.
    pub outlet: O,
    /// Its subscriptions by number.
    pub subscriptions: BTreeMap<u64, Subscription>,
    stalled_since: Option<Duration>,
}

impl<O: Outlet> Client<O> {
    /// A client without subscriptions.
    #[must_use]
    pub fn new(outlet: O) -> Self {
        Self { outlet, subscriptions: BTreeMap::new(), stalled_since: None }
    }

    /// Looks whether the outlet takes frames at `now`, and remembers since when it does not.
    pub fn look(&mut self, now: Duration) {
        self.stalled_since = if self.outlet.has_room() { None } else { self.stalled_since.or(Some(now)) };
    }

    /// Whether the outlet has taken nothing for longer than `limit`.
    #[must_use]
    pub fn is_stalled(&self, now: Duration, limit: Duration) -> bool {
        self.stalled_since.is_some_and(|since| now.saturating_sub(since) > limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(100);

    fn subscription() -> Subscription {
        Subscription::new(Source::Items(ItemTopic::Links), 10, STEP)
    }

    #[test]
    fn four_deltas_go_unacknowledged_and_no_fifth() {
        let mut subscription = subscription();
        let mut now = Duration::ZERO;
        for version in 11..15 {
            assert!(subscription.is_due(now));
            subscription.sent(version, now);
            now += STEP;
        }
        assert!(!subscription.is_due(now));
        subscription.acknowledge(11);
        assert!(subscription.is_due(now));
    }

    #[test]
    fn an_acknowledgement_covers_all_deltas_before_it_and_may_come_twice() {
        let mut subscription = subscription();
        (11..15).for_each(|version| subscription.sent(version, Duration::ZERO));
        subscription.acknowledge(13);
        subscription.acknowledge(13);
        subscription.acknowledge(12);
        assert_eq!(subscription.unacknowledged, [14]);
    }

    #[test]
    fn deltas_keep_their_pace_but_for_the_jitter_of_a_tick() {
        let mut subscription = subscription();
        subscription.sent(11, Duration::from_millis(1_000));
        assert!(!subscription.is_due(Duration::from_millis(1_050)));
        assert!(subscription.is_due(Duration::from_millis(1_099)));
    }
}
