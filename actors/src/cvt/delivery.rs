//! How changes reach a subscriber: every one with credit, or the latest per tag.

use super::TagChange;
use actix::Message;
use flyball_schema::TagId;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Which changes a subscriber is sent, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// Every change, in order. With `credit` messages unhandled, up to `backlog` changes wait in the table; past that
    /// the oldest are dropped and the next message tells how many.
    Every {
        /// Messages the subscriber may have unhandled.
        credit: usize,
        /// Changes that wait for it at the most.
        backlog: usize,
    },
    /// The newest change of each tag; changes of one tag overwrite each other while they wait.
    Latest {
        /// The tags; `None` for all.
        tags: Option<Vec<TagId>>,
        /// Messages come no faster than this.
        interval: Duration,
    },
}

/// Changes of the table, to a subscriber.
///
/// While the message is kept its credit is spent, so that a subscriber that keeps it until its work
/// is done is not sent more than it can do.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct TagsChanged {
    /// The changes, by sequence number (*every*) or by tag (*latest*, and a snapshot).
    pub changes: Arc<[TagChange]>,
    /// Whether this is the state of all tags rather than what changed: the first message is.
    pub snapshot: bool,
    /// Changes that were dropped before these, with *every*.
    pub lost: u64,
    credit: Credit,
}

impl TagsChanged {
    pub(super) fn new(changes: Arc<[TagChange]>, snapshot: bool, lost: u64, credit: Credit) -> Self {
        Self { changes, snapshot, lost, credit }
    }

    /// Changes as if from the table, with credit to spare, for the test of a subscriber.
    #[must_use]
    pub fn for_test(changes: Vec<TagChange>) -> Self {
        Self::new(changes.into(), false, 0, Credit::take(&Arc::new(AtomicUsize::new(2))))
    }

    /// Credit that the subscriber has left.
    #[must_use]
    pub fn credit_left(&self) -> usize {
        self.credit.0.load(Ordering::Acquire)
    }
}

/// One message's worth of credit; given back on drop.
#[derive(Debug)]
pub(super) struct Credit(Arc<AtomicUsize>);

impl Credit {
    /// Spends one; the caller has seen that there is one.
    pub(super) fn take(left: &Arc<AtomicUsize>) -> Self {
        // Only the table takes, on one thread: between its check and this the count can only have grown.
        let _before = left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| Some(n.saturating_sub(1)));
        Self(Arc::clone(left))
    }
}

impl Drop for Credit {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}
