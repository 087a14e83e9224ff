//! Announcements to subscribers: in order, bounded, nothing lost in silence.

use super::AlarmsChanged;
use super::registry::Registry;
use crate::send::{SendError, offer};
use actix::Recipient;
use flyball_schema::AlarmId;
use std::collections::{BTreeSet, VecDeque};

/// Statuses that wait for one subscriber at the most. Past that its announcements are merged: the newest state of
/// each alarm that changed. Two floods of a hundred alarms a second for a minute.
const PATIENCE: usize = 12_000;

/// Everybody who is told of changes.
#[derive(Debug, Default)]
pub(super) struct Subscribers {
    list: Vec<Subscriber>,
    merged: u64,
}

#[derive(Debug)]
struct Subscriber {
    to: Recipient<AlarmsChanged>,
    /// What its mailbox had no room for, in order.
    waiting: VecDeque<AlarmsChanged>,
    waiting_statuses: usize,
    /// Where even that was too much: the alarms of which the newest state is still to be told.
    behind: BTreeSet<AlarmId>,
}

impl Subscriber {
    /// Tells of `batch`, behind what still waits; how many announcements were merged for it.
    fn tell(&mut self, batch: &AlarmsChanged, registry: &Registry) -> Result<u64, SendError> {
        match self.catch_up(registry) {
            Ok(()) => match offer(&self.to, batch.clone()) {
                Ok(()) => Ok(0),
                Err((SendError::Closed, _)) => Err(SendError::Closed),
                Err(_) => Ok(self.keep(batch)),
            },
            Err(SendError::Closed) => Err(SendError::Closed),
            Err(_) => Ok(self.keep(batch)),
        }
    }

    fn keep(&mut self, batch: &AlarmsChanged) -> u64 {
        self.waiting_statuses += size(batch);
        self.waiting.push_back(batch.clone());
        if self.behind.is_empty() && self.waiting_statuses <= PATIENCE {
            return 0;
        }
        let late = std::mem::take(&mut self.waiting);
        self.waiting_statuses = 0;
        for batch in &late {
            self.behind.extend(batch.changed.iter().map(|status| status.id).chain(batch.removed.iter().copied()));
        }
        u64::try_from(late.len()).unwrap_or(u64::MAX)
    }

    /// Hands over what waits, as far as the mailbox has room.
    fn catch_up(&mut self, registry: &Registry) -> Result<(), SendError> {
        while let Some(batch) = self.waiting.pop_front() {
            let size = size(&batch);
            if let Err((error, batch)) = offer(&self.to, batch) {
                self.waiting.push_front(batch);
                return Err(error);
            }
            self.waiting_statuses -= size;
        }
        if !self.behind.is_empty() {
            // Who is not there any more was removed.
            let changed = self.behind.iter().filter_map(|&id| registry.status(id).ok()).collect();
            let removed = self.behind.iter().copied().filter(|&id| registry.status(id).is_err()).collect();
            offer(&self.to, AlarmsChanged { changed, removed }).map_err(|(error, _)| error)?;
            self.behind.clear();
        }
        Ok(())
    }
}

fn size(batch: &AlarmsChanged) -> usize {
    batch.changed.len() + batch.removed.len()
}

impl Subscribers {
    /// Adds a subscriber; it is told of what changes from now on.
    pub(super) fn add(&mut self, to: Recipient<AlarmsChanged>) {
        self.list.push(Subscriber { to, waiting: VecDeque::new(), waiting_statuses: 0, behind: BTreeSet::new() });
    }

    /// Tells everybody of `batch`, behind what they still have to be told. Who has stopped is removed.
    pub(super) fn announce(&mut self, batch: &AlarmsChanged, registry: &Registry) {
        if size(batch) == 0 {
            return;
        }
        let merged = &mut self.merged;
        self.list.retain_mut(|subscriber| match subscriber.tell(batch, registry) {
            Ok(more) => {
                *merged += more;
                true
            }
            Err(_closed) => false,
        });
    }

    /// Hands over what waits; whether anything still does.
    pub(super) fn catch_up(&mut self, registry: &Registry) -> bool {
        self.list.retain_mut(|subscriber| subscriber.catch_up(registry) != Err(SendError::Closed));
        self.somebody_waits()
    }

    /// Whether somebody still has to be told of something.
    pub(super) fn somebody_waits(&self) -> bool {
        self.list.iter().any(|subscriber| !(subscriber.waiting.is_empty() && subscriber.behind.is_empty()))
    }

    /// How many are subscribed.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Announcements that were merged because a subscriber did not keep up.
    pub(super) fn merged(&self) -> u64 {
        self.merged
    }
}
