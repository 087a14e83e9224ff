//! What one connection acquires: brought into line with the link's items at its start and whenever they change.

use super::Acquisition;
use super::connect::Failure;
use super::field::Field;
use super::poll::Poller;
use super::subscribe::{Limits, Subscriptions};
use opcua::client::Session;
use opcua::types::StatusCode;
use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Interval at which subscriptions are looked after.
const MENDING: Duration = Duration::from_millis(200);

/// Subscriptions and polls of one connection.
pub(super) struct Acquirer {
    field: Arc<Field>,
    /// Of the connection: items of another one are not its own.
    epoch: u64,
    subscriptions: Subscriptions,
    poller: Arc<Poller<Arc<Session>>>,
    /// Client handles of the items that it has taken on.
    known: HashSet<u32>,
    revisions: watch::Receiver<u64>,
}

impl Acquirer {
    /// Acquires all items: when it is there every item has been asked for, and every polled one read once.
    ///
    /// * Errors: the connection has to be made anew. Single items that the device refuses are none.
    pub(super) async fn start(
        field: Arc<Field>,
        session: Arc<Session>,
        limits: Limits,
        epoch: u64,
    ) -> Result<Self, Failure> {
        let mut acquirer = Self {
            subscriptions: Subscriptions::new(Arc::clone(&field), Arc::clone(&session), limits),
            poller: Arc::new(Poller::new(Arc::clone(&field), session, limits.reads)),
            known: HashSet::new(),
            // Before the items are looked at for the first time: no change is missed.
            revisions: field.revisions(),
            epoch,
            field,
        };
        acquirer.align().await?;
        Ok(acquirer)
    }

    /// Acquires, follows the link's items and looks after the subscriptions until something is wrong.
    pub(super) async fn run(mut self) -> Failure {
        let poller = Arc::clone(&self.poller);
        tokio::select! {
            failure = poller.run() => failure,
            tended = self.tend() => match tended {
                Ok(never) => match never {},
                Err(failure) => failure,
            },
        }
    }

    async fn tend(&mut self) -> Result<Infallible, Failure> {
        let mut mending = interval(MENDING);
        mending.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut retried = Instant::now();
        loop {
            let revised = tokio::select! {
                _ = mending.tick() => false,
                // The sender is the link's own and outlives the connection.
                _ = self.revisions.changed() => true,
            };
            if revised {
                self.align().await?;
                continue;
            }
            self.subscriptions.mend().await?;
            if retried.elapsed() >= self.field.settings.item_retry {
                retried = Instant::now();
                self.subscriptions.retry_failed().await?;
            }
        }
    }

    /// Gives up what has left the link and takes on what is new; the rest is not touched.
    ///
    /// An item that is replaced is given up before its successor is taken on, so that no older value follows a newer one.
    async fn align(&mut self) -> Result<(), Failure> {
        let Some(items) = self.field.items(self.epoch) else {
            return Ok(()); // The connection is about to be closed.
        };
        let wanted: HashSet<u32> = items.iter().map(|item| item.handle).collect();
        let left: HashSet<u32> = self.known.extract_if(|handle| !wanted.contains(handle)).collect();
        if !left.is_empty() {
            self.poller.remove(&left);
            self.subscriptions.remove(&left).await?;
        }
        let (mut subscribed, mut polled, mut malformed) = (Vec::new(), Vec::new(), Vec::new());
        for item in items {
            if !self.known.insert(item.handle) {
                continue;
            }
            match item.acquisition {
                _ if item.node.is_none() => malformed.push((item.handle, StatusCode::BadNodeIdInvalid)),
                Acquisition::Subscribe { publish_ms } => subscribed.push((publish_ms, item)),
                Acquisition::Poll { interval_ms } => polled.push((interval_ms, item)),
            }
        }
        self.field.refused(malformed);
        self.subscriptions.add(subscribed).await?;
        self.poller.add(polled).await?;
        self.subscriptions.drop_empty().await?;
        self.field.recount();
        Ok(())
    }
}
