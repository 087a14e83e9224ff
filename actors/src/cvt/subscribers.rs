//! Everybody who is told of changes, each with a delivery policy and credit.

use super::delivery::{Credit, Delivery, TagsChanged};
use super::table::Table;
use super::{Subscribe, SubscriptionId, TagChange};
use crate::send::{self, SendError};
use actix::Recipient;
use flyball_schema::TagId;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Messages a *latest* subscriber may have unhandled.
const LATEST_CREDIT: usize = 2;

/// Most changes in one message that catches up.
const CATCH_UP: usize = 10_000;

/// The subscribers of the table.
#[derive(Debug, Default)]
pub(super) struct Subscribers {
    list: Vec<Subscriber>,
    last_id: u64,
}

#[derive(Debug)]
struct Subscriber {
    id: SubscriptionId,
    name: String,
    recipient: Recipient<TagsChanged>,
    credit: Arc<AtomicUsize>,
    waiting: Waiting,
    /// Changes dropped since the subscription began.
    lost: u64,
    /// The snapshot it begins with has still to be sent; until then no change counts for it.
    snapshot_due: bool,
    gone: bool,
}

#[derive(Debug)]
enum Waiting {
    Every(Backlog),
    Latest(Dirty),
}

/// Batches that wait for credit, oldest first.
#[derive(Debug, Default)]
struct Backlog {
    batches: VecDeque<Arc<[TagChange]>>,
    changes: usize,
    limit: usize,
    lost_unsaid: u64,
}

/// Tags that changed since the last message.
#[derive(Debug)]
struct Dirty {
    /// Bit per tag of interest; `None` for all.
    wanted: Option<Vec<u64>>,
    marked: Vec<u64>,
    tags: Vec<TagId>,
    interval: Duration,
    /// Uptime before which nothing is sent.
    due: Duration,
}

impl Waiting {
    fn snapshot(&self, table: &Table) -> Arc<[TagChange]> {
        let wanted = |change: &&TagChange| match self {
            Self::Every(_) => true,
            Self::Latest(dirty) => dirty.wants(change.tag),
        };
        table.states().filter(wanted).cloned().collect()
    }
}

fn bit(tag: TagId) -> (usize, u64) {
    (tag.index() / 64, 1 << (tag.index() % 64))
}

impl Dirty {
    fn wants(&self, tag: TagId) -> bool {
        let (word, mask) = bit(tag);
        let wanted = self.wanted.as_ref();
        wanted.is_none_or(|wanted| wanted.get(word).is_some_and(|bits| bits & mask != 0))
    }

    fn mark(&mut self, tag: TagId) {
        if !self.wants(tag) {
            return;
        }
        let (word, mask) = bit(tag);
        if word >= self.marked.len() {
            self.marked.resize(word + 1, 0);
        }
        if self.marked[word] & mask == 0 {
            self.marked[word] |= mask;
            self.tags.push(tag);
        }
    }

    fn drain(&mut self, table: &Table) -> Arc<[TagChange]> {
        let changes = self.tags.iter().filter_map(|tag| table.state(*tag).cloned()).collect();
        for tag in self.tags.drain(..) {
            let (word, mask) = bit(tag);
            self.marked[word] &= !mask;
        }
        changes
    }
}

impl Subscriber {
    fn send(&mut self, changes: Arc<[TagChange]>, snapshot: bool, lost: u64) -> Result<(), Arc<[TagChange]>> {
        let message = TagsChanged::new(changes, snapshot, lost, Credit::take(&self.credit));
        match send::offer(&self.recipient, message) {
            Ok(()) => Ok(()),
            Err((reason, message)) => {
                self.gone |= reason == SendError::Closed;
                Err(Arc::clone(&message.changes))
            }
        }
    }

    fn has_credit(&self) -> bool {
        self.credit.load(Ordering::Acquire) > 0
    }

    /// Takes a batch in: sent at once where nothing waits before it and there is credit.
    fn take_in(&mut self, batch: &Arc<[TagChange]>) {
        if self.snapshot_due {
            return;
        }
        match &mut self.waiting {
            Waiting::Latest(dirty) => batch.iter().for_each(|change| dirty.mark(change.tag)),
            Waiting::Every(backlog) if backlog.batches.is_empty() && backlog.lost_unsaid == 0 => {
                if !self.has_credit() {
                    self.hold(Arc::clone(batch));
                } else if let Err(refused) = self.send(Arc::clone(batch), false, 0) {
                    self.hold(refused);
                }
            }
            Waiting::Every(_) => self.hold(Arc::clone(batch)),
        }
    }

    fn hold(&mut self, batch: Arc<[TagChange]>) {
        let Waiting::Every(backlog) = &mut self.waiting else { return };
        backlog.changes += batch.len();
        backlog.batches.push_back(batch);
        while backlog.changes > backlog.limit {
            let Some(dropped) = backlog.batches.pop_front() else { break };
            backlog.changes -= dropped.len();
            backlog.lost_unsaid += dropped.len() as u64;
            self.lost += dropped.len() as u64;
        }
    }

    /// Sends what waits, as far as credit and interval allow; whether something still waits.
    fn flush(&mut self, table: &Table, uptime: Duration, force: bool) -> bool {
        if self.snapshot_due && self.send(self.waiting.snapshot(table), true, 0).is_err() {
            return true;
        }
        self.snapshot_due = false;
        while self.has_credit() || force {
            let (changes, lost) = match &mut self.waiting {
                Waiting::Latest(dirty) if dirty.tags.is_empty() || (dirty.due > uptime && !force) => break,
                Waiting::Latest(dirty) => {
                    dirty.due = uptime + dirty.interval;
                    (dirty.drain(table), 0)
                }
                Waiting::Every(backlog) => match backlog.take() {
                    Some(next) => next,
                    None => break,
                },
            };
            if let Err(refused) = self.send(changes, false, lost) {
                self.put_back(refused, lost);
                break;
            }
        }
        match &self.waiting {
            Waiting::Latest(dirty) => !dirty.tags.is_empty(),
            Waiting::Every(backlog) => !backlog.batches.is_empty(),
        }
    }

    fn put_back(&mut self, changes: Arc<[TagChange]>, lost: u64) {
        match &mut self.waiting {
            Waiting::Latest(dirty) => changes.iter().for_each(|change| dirty.mark(change.tag)),
            Waiting::Every(backlog) => {
                backlog.changes += changes.len();
                backlog.lost_unsaid += lost;
                backlog.batches.push_front(changes);
            }
        }
    }

    fn waiting(&self) -> usize {
        match &self.waiting {
            Waiting::Latest(dirty) => dirty.tags.len(),
            Waiting::Every(backlog) => backlog.changes,
        }
    }
}

impl Backlog {
    /// The oldest batches as one, with what was dropped before them.
    fn take(&mut self) -> Option<(Arc<[TagChange]>, u64)> {
        let first = self.batches.pop_front()?;
        let lost = std::mem::take(&mut self.lost_unsaid);
        let mut total = first.len();
        let more = self.batches.iter().take_while(|batch| {
            total += batch.len();
            total <= CATCH_UP
        });
        let more = more.count();
        let changes = if more == 0 {
            first
        } else {
            let rest = self.batches.drain(..more);
            let all: Vec<Arc<[TagChange]>> = std::iter::once(first).chain(rest).collect();
            all.iter().flat_map(|batch| batch.iter().cloned()).collect()
        };
        self.changes -= changes.len();
        Some((changes, lost))
    }
}

impl Subscribers {
    /// Adds a subscriber; the next flush sends it the snapshot.
    pub(super) fn add(&mut self, request: Subscribe, uptime: Duration) -> SubscriptionId {
        self.last_id += 1;
        let id = SubscriptionId(self.last_id);
        let credit = match &request.delivery {
            Delivery::Every { credit, .. } => (*credit).max(1),
            Delivery::Latest { .. } => LATEST_CREDIT,
        };
        let waiting = match request.delivery {
            Delivery::Every { backlog, .. } => Waiting::Every(Backlog { limit: backlog, ..Backlog::default() }),
            Delivery::Latest { tags, interval } => {
                let wanted = tags.map(|tags| wanted_bits(&tags));
                let due = uptime + interval;
                Waiting::Latest(Dirty { wanted, marked: Vec::new(), tags: Vec::new(), interval, due })
            }
        };
        let credit = Arc::new(AtomicUsize::new(credit));
        let (name, recipient) = (request.name, request.recipient);
        self.list.push(Subscriber { id, name, recipient, credit, waiting, lost: 0, snapshot_due: true, gone: false });
        id
    }

    pub(super) fn remove(&mut self, id: SubscriptionId) {
        self.list.retain(|subscriber| subscriber.id != id);
    }

    /// Tells everybody of a batch; whether something waits for credit or time.
    pub(super) fn announce(&mut self, batch: &Arc<[TagChange]>, table: &Table, uptime: Duration) -> bool {
        for subscriber in &mut self.list {
            subscriber.take_in(batch);
        }
        self.flush(table, uptime, false)
    }

    /// Sends what waits; whether something still does.
    pub(super) fn flush(&mut self, table: &Table, uptime: Duration, force: bool) -> bool {
        let mut still = false;
        for subscriber in &mut self.list {
            still |= subscriber.flush(table, uptime, force);
        }
        self.list.retain(|subscriber| {
            if subscriber.gone {
                log::info!("subscriber {} of the value table has stopped", subscriber.name);
            }
            !subscriber.gone
        });
        still && !self.list.is_empty()
    }

    /// Name, changes waiting and changes lost of each.
    pub(super) fn status(&self) -> Vec<(String, usize, u64)> {
        self.list.iter().map(|one| (one.name.clone(), one.waiting(), one.lost)).collect()
    }
}

fn wanted_bits(tags: &[TagId]) -> Vec<u64> {
    let mut bits = Vec::new();
    for tag in tags {
        let (word, mask) = bit(*tag);
        if word >= bits.len() {
            bits.resize(word + 1, 0);
        }
        bits[word] |= mask;
    }
    bits
}
