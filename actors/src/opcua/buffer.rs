//! Changes on their way to the table: every one in order, up to a bound; beyond it the newest per tag.

use crate::cvt::Update;
use flyball_schema::TagId;
use std::collections::HashSet;
use std::collections::VecDeque;

/// An ordered queue of updates with a bound.
///
/// Past the bound, updates that are followed by a newer one of the same tag are dropped and counted: a tag keeps its newest
/// value and a change of its quality after it, so that the length stays below the bound or four updates per tag, whichever
/// is more.
#[derive(Debug)]
pub(super) struct Buffer {
    updates: VecDeque<Update>,
    bound: usize,
    /// Length at which to coalesce next: the bound, or twice what the last time left where that is more, so that the
    /// work per update stays constant.
    limit: usize,
    coalesced: u64,
    overrun: bool,
}

impl Buffer {
    /// An empty buffer for `bound` updates in order.
    pub(super) fn new(bound: usize) -> Self {
        Self { updates: VecDeque::new(), bound, limit: bound, coalesced: 0, overrun: false }
    }

    /// Appends updates; true where this began an episode of dropping, which lasts until the buffer is empty.
    pub(super) fn push(&mut self, updates: impl IntoIterator<Item = Update>) -> bool {
        self.updates.extend(updates);
        if self.updates.len() <= self.limit {
            return false;
        }
        self.coalesce();
        self.limit = self.bound.max(self.updates.len() * 2);
        !std::mem::replace(&mut self.overrun, true)
    }

    /// Removes up to `count` updates from the front.
    pub(super) fn take(&mut self, count: usize) -> Vec<Update> {
        let taken = self.updates.drain(..count.min(self.updates.len())).collect();
        if self.updates.is_empty() {
            self.overrun = false;
            self.limit = self.bound;
        }
        taken
    }

    /// Drops the updates of these tags.
    pub(super) fn remove(&mut self, tags: &HashSet<TagId>) {
        if !tags.is_empty() {
            self.updates.retain(|update| !tags.contains(&update.tag));
        }
    }

    /// Updates dropped so far because a newer one of the same tag came.
    pub(super) fn coalesced(&self) -> u64 {
        self.coalesced
    }

    /// What waits, in order.
    #[cfg(test)]
    pub(super) fn updates(&self) -> impl Iterator<Item = &Update> {
        self.updates.iter()
    }

    /// Updates that wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.updates.len()
    }

    fn coalesce(&mut self) {
        let before = self.updates.len();
        // From the newest back: a tag's newest value stays, and newer than that one change of quality alone.
        let (mut valued, mut judged) = (HashSet::<TagId>::new(), HashSet::<TagId>::new());
        let mut kept: VecDeque<Update> = VecDeque::with_capacity(before / 2);
        for update in self.updates.drain(..).rev() {
            let first = match update.value {
                Some(_) => valued.insert(update.tag),
                None => !valued.contains(&update.tag) && judged.insert(update.tag),
            };
            if first {
                kept.push_front(update);
            }
        }
        self.coalesced += (before - kept.len()) as u64;
        self.updates = kept;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flyball_schema::Quality;
    use proptest::prelude::*;

    fn value(tag: u32, value: i64) -> Update {
        Update::good(TagId(tag), value)
    }

    fn lost(tag: u32) -> Update {
        Update::quality(TagId(tag), Quality::BAD_NO_COMMUNICATION)
    }

    #[test]
    fn within_the_bound_every_update_comes_out_in_order() {
        let mut buffer = Buffer::new(10);
        assert!(!buffer.push([value(1, 1), value(2, 1), value(1, 2)]));
        assert!(!buffer.push([lost(1), value(1, 3)]));
        assert_eq!(buffer.take(2), [value(1, 1), value(2, 1)]);
        assert_eq!(buffer.take(10), [value(1, 2), lost(1), value(1, 3)]);
        assert_eq!((buffer.coalesced(), buffer.take(1).len()), (0, 0));
    }

    #[test]
    fn beyond_the_bound_the_newest_value_and_a_later_quality_stay() {
        let mut buffer = Buffer::new(4);
        assert!(buffer.push([value(1, 1), value(2, 1), value(1, 2), value(1, 3), lost(1)]), "an episode begins");
        assert_eq!(buffer.coalesced(), 2);
        assert_eq!(buffer.take(10), [value(2, 1), value(1, 3), lost(1)]);
    }

    #[test]
    fn an_episode_is_told_once_until_the_buffer_is_empty() {
        let mut buffer = Buffer::new(1);
        assert!(buffer.push([value(1, 1), value(1, 2)]));
        assert!(!buffer.push([value(1, 3), value(1, 4)]));
        assert_eq!(buffer.take(10), [value(1, 4)]);
        assert!(buffer.push([value(1, 5), value(1, 6)]));
    }

    #[test]
    fn updates_of_removed_tags_are_dropped_and_the_others_keep_their_order() {
        let mut buffer = Buffer::new(10);
        buffer.push([value(1, 1), value(2, 1), value(1, 2), lost(2), value(3, 1)]);
        buffer.remove(&HashSet::from([TagId(2)]));
        assert_eq!(buffer.take(10), [value(1, 1), value(1, 2), value(3, 1)]);
    }

    proptest! {
        /// Whatever comes in: nothing is reordered, each tag ends as if nothing had been dropped, every update is either
        /// taken or counted, and the length stays bounded.
        #[test]
        fn a_buffer_loses_nothing_uncounted(
            steps in prop::collection::vec((prop::collection::vec((0_u32..5, prop::option::of(0_i64..100)), 0..20), 0_usize..15), 0..40)
        ) {
            let mut buffer = Buffer::new(12);
            let (mut pushed, mut taken) = (Vec::new(), Vec::new());
            for (updates, count) in steps {
                let updates: Vec<_> = updates.into_iter().map(|(tag, v)| v.map_or_else(|| lost(tag), |v| value(tag, v))).collect();
                pushed.extend(updates.clone());
                buffer.push(updates);
                prop_assert!(buffer.len() <= 20);
                taken.extend(buffer.take(count));
            }
            taken.extend(buffer.take(usize::MAX));
            prop_assert_eq!(taken.len() as u64 + buffer.coalesced(), pushed.len() as u64);
            let mut rest = pushed.iter();
            prop_assert!(taken.iter().all(|update| rest.any(|other| other == update)), "reordered");
            for tag in (0..5).map(TagId) {
                let last_value = |updates: &[Update]| updates.iter().rev().find(|u| u.tag == tag && u.value.is_some()).map(|u| u.value.clone());
                let last_quality = |updates: &[Update]| updates.iter().rev().find(|u| u.tag == tag).map(|u| u.quality);
                prop_assert_eq!(last_value(&taken), last_value(&pushed));
                prop_assert_eq!(last_quality(&taken), last_quality(&pushed));
            }
        }
    }
}
