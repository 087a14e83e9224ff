//! Subscriptions of one connection: created afresh from the link's items each time, watched, and mended.
//!
//! The stack can carry subscriptions over to a new connection. That is not used: it forgets items that failed, drops what
//! cannot be re-created together with its callback, and publishes nothing after a reconnection; and the device would not
//! send again what has not changed meanwhile, so that tags would stay bad.

use super::connect::Failure;
use super::convert;
use super::field::Field;
use super::sequence::Sequencer;
use crate::cvt::Update;
use flyball_schema::Quality;
use opcua::client::{MonitoredItemMap, OnSubscriptionNotificationCore, Session};
use opcua::types::{
    AttributeId, DataChangeNotification, ExtensionObject, MonitoredItemCreateRequest, MonitoringMode,
    MonitoringParameters, NodeId, NotificationMessage, ReadValueId, StatusChangeNotification, StatusCode,
    TimestampsToReturn, VariableId, Variant,
};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Items, reads or writes of one request where the device names no limit.
const CHUNK: usize = 1_000;

/// The device says that it is alive about this often where nothing changes.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// The device deletes a subscription that was not asked for notifications for this long.
const LIFETIME: Duration = Duration::from_secs(60);

/// A message that is missing for this long is asked for again.
const REORDERING: Duration = Duration::from_millis(300);

/// How many operations the device takes in one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    pub items: usize,
    pub reads: usize,
    pub writes: usize,
}

impl Limits {
    /// Asks the device; what it does not tell is taken as 1,000.
    pub(super) async fn read(session: &Session) -> Result<Self, Failure> {
        let wanted = [
            VariableId::Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
            VariableId::Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
            VariableId::Server_ServerCapabilities_OperationLimits_MaxNodesPerWrite,
        ];
        let nodes = wanted.map(|variable| ReadValueId::from(NodeId::from(variable)));
        let values = session
            .read(&nodes, TimestampsToReturn::Neither, 0.0)
            .await
            .map_err(|error| Failure::from_status(error.status()))?;
        let limit = |place: usize| match values.get(place).and_then(|value| value.value.as_ref()) {
            Some(Variant::UInt32(limit)) if *limit > 0 => CHUNK.min(*limit as usize),
            _ => CHUNK,
        };
        Ok(Self { items: limit(0), reads: limit(1), writes: limit(2) })
    }
}

/// Where the messages of one subscription arrive.
pub(super) struct Received {
    field: Arc<Field>,
    sequencer: Mutex<Sequencer<Vec<ExtensionObject>>>,
    /// Uptime at the last message, ms.
    heard: AtomicU64,
    ended: Mutex<Option<StatusCode>>,
}

impl Received {
    fn new(field: Arc<Field>) -> Self {
        let received =
            Self { sequencer: Mutex::new(Sequencer::new()), heard: AtomicU64::new(0), ended: Mutex::new(None), field };
        received.hear();
        received
    }

    fn hear(&self) {
        let uptime = u64::try_from(self.field.clock.uptime().as_millis()).unwrap_or(u64::MAX);
        self.heard.store(uptime, Ordering::Relaxed);
    }

    /// How long nothing has arrived, not even a sign of life.
    fn silence(&self) -> Duration {
        let heard = Duration::from_millis(self.heard.load(Ordering::Relaxed));
        self.field.clock.uptime().saturating_sub(heard)
    }

    fn take(&self, message: NotificationMessage) {
        self.hear();
        let data = message.notification_data.unwrap_or_default();
        if data.is_empty() {
            return; // A sign of life; it carries no number of its own.
        }
        let mut sequencer = self.sequencer.lock().unwrap_or_else(PoisonError::into_inner);
        sequencer.accept(message.sequence_number, data, |data| self.deliver(data));
    }

    fn missing(&self) -> Option<u32> {
        self.sequencer.lock().unwrap_or_else(PoisonError::into_inner).missing()
    }

    fn give_up(&self) {
        let mut sequencer = self.sequencer.lock().unwrap_or_else(PoisonError::into_inner);
        let before = sequencer.lost();
        sequencer.give_up(|data| self.deliver(data));
        self.field.counters.gaps.fetch_add(sequencer.lost() - before, Ordering::Relaxed);
    }

    fn deliver(&self, data: Vec<ExtensionObject>) {
        for object in data {
            if object.inner_is::<DataChangeNotification>() {
                if let Some(change) = object.into_inner_as::<DataChangeNotification>() {
                    self.changed(*change);
                }
            } else if let Some(change) = object.inner_as::<StatusChangeNotification>() {
                *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(change.status);
            }
        }
    }

    fn changed(&self, change: DataChangeNotification) {
        let now = self.field.clock.now();
        let changes = change.monitored_items.unwrap_or_default();
        let counters = &self.field.counters;
        let mut updates = Vec::with_capacity(changes.len());
        for change in changes {
            // Handles start at 1; one that we did not give is the device's mistake.
            let place = (change.client_handle as usize).checked_sub(1);
            let Some(item) = place.and_then(|place| self.field.items.get(place)) else {
                continue;
            };
            if let Some(node_type) = change.value.value.as_ref().and_then(Variant::scalar_type_id) {
                item.learn(node_type);
            }
            if change.value.status.is_some_and(convert::overflowed) && self.field.definition.queue > 1 {
                counters.gaps.fetch_add(1, Ordering::Relaxed);
            }
            let (value, quality, time) = convert::sample(change.value, item.data_type, now);
            updates.push(Update { tag: item.tag, value, quality, source_time: Some(time) });
        }
        counters.batches.fetch_add(1, Ordering::Relaxed);
        counters.changes.fetch_add(updates.len() as u64, Ordering::Relaxed);
        self.field.inbox.push(updates);
    }
}

/// Hands whole messages over. It runs under the session's lock: it never blocks and never calls the session.
struct Listener(Arc<Received>);

impl OnSubscriptionNotificationCore for Listener {
    fn on_subscription_notification(&mut self, message: NotificationMessage, _items: MonitoredItemMap<'_>) {
        self.0.take(message);
    }
}

/// One subscription: all items of one publishing interval.
struct Subscription {
    id: u32,
    received: Arc<Received>,
    /// Places of the items that the device refused.
    failed: Vec<usize>,
    /// Silence for longer than this means that it is dead.
    patience: Duration,
    /// The number that is missing, and since what uptime.
    missing: Option<(u32, Duration)>,
}

/// All subscriptions of a connection.
pub(super) struct Subscriptions {
    field: Arc<Field>,
    session: Arc<Session>,
    limits: Limits,
    list: Vec<Subscription>,
}

impl Subscriptions {
    /// Creates a subscription per publishing interval and all items on them. An item that the device refuses turns its tag
    /// bad with the device's status, and the others go on.
    pub(super) async fn create(field: Arc<Field>, session: Arc<Session>, limits: Limits) -> Result<Self, Failure> {
        let mut by_interval: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        let mut malformed = Vec::new();
        for (place, item) in field.items.iter().enumerate() {
            match item.node {
                Some(_) => by_interval.entry(item.publish_ms).or_default().push(place),
                None => malformed.push(Update::quality(item.tag, Quality::BAD_NODE_ID_INVALID)),
            }
        }
        field.inbox.push(malformed);
        let mut subscriptions = Self { field, session, limits, list: Vec::new() };
        for (publish_ms, places) in by_interval {
            let mut subscription = subscriptions.subscribe(publish_ms).await?;
            subscription.failed = subscriptions.create_items(subscription.id, places).await?;
            subscriptions.list.push(subscription);
        }
        subscriptions.count_failed();
        Ok(subscriptions)
    }

    /// Looks after the subscriptions; called a few times a second.
    ///
    /// * Errors: one is dead, so that the connection has to be made anew.
    pub(super) async fn mend(&mut self) -> Result<(), Failure> {
        for place in 0..self.list.len() {
            let subscription = &self.list[place];
            if let Some(status) = *subscription.received.ended.lock().unwrap_or_else(PoisonError::into_inner) {
                return Err(Failure::network(format!("subscription ended: {}", convert::words(status))));
            }
            if subscription.received.silence() > subscription.patience {
                return Err(Failure::network("connected but silent"));
            }
            self.ask_again(place).await;
        }
        Ok(())
    }

    /// Tries the items again that the device refused.
    pub(super) async fn retry_failed(&mut self) -> Result<(), Failure> {
        for place in 0..self.list.len() {
            let failed = std::mem::take(&mut self.list[place].failed);
            if !failed.is_empty() {
                self.list[place].failed = self.create_items(self.list[place].id, failed).await?;
            }
        }
        self.count_failed();
        Ok(())
    }

    async fn subscribe(&self, publish_ms: u32) -> Result<Subscription, Failure> {
        let interval = Duration::from_millis(publish_ms.into());
        let times = |span: Duration| u32::try_from(span.as_millis() / interval.as_millis().max(1)).unwrap_or(u32::MAX);
        let signs_of_life = times(HEARTBEAT).max(1);
        let lifetime = times(LIFETIME).max(signs_of_life.saturating_mul(3));
        let received = Arc::new(Received::new(Arc::clone(&self.field)));
        let listener = Listener(Arc::clone(&received));
        let id = self
            .session
            .create_subscription(interval, lifetime, signs_of_life, 0, 0, true, listener)
            .await
            .map_err(|error| Failure::from_status(error.status()))?;
        let promised = {
            let state = self.session.subscription_state().lock();
            state.get(id).map(|made| made.publishing_interval().saturating_mul(made.max_keep_alive_count()))
        };
        // Longer than the watch over the connection as a whole, which has the better reason to tell.
        let patience = promised.unwrap_or(HEARTBEAT).saturating_mul(3).saturating_add(self.field.settings.silence);
        Ok(Subscription { id, received, failed: Vec::new(), patience, missing: None })
    }

    /// Creates items and gives back the places of those that the device refused.
    async fn create_items(&self, subscription: u32, places: Vec<usize>) -> Result<Vec<usize>, Failure> {
        let mut failed = Vec::new();
        for chunk in places.chunks(self.limits.items) {
            let requests: Vec<_> = chunk.iter().filter_map(|&place| self.request(place)).collect();
            let results =
                match self.session.create_monitored_items(subscription, TimestampsToReturn::Both, requests).await {
                    Ok(results) => results.into_iter().map(|made| made.result.status_code).collect(),
                    Err(error) if spares_the_connection(error.status()) => vec![error.status(); chunk.len()],
                    Err(error) => return Err(Failure::from_status(error.status())),
                };
            // A device that answers for fewer items than it was asked for has not made the others.
            let results = results.into_iter().chain(std::iter::repeat(StatusCode::BadUnexpectedError));
            let refused: Vec<_> = chunk.iter().zip(results).filter(|(_, status)| status.is_bad()).collect();
            failed.extend(refused.iter().map(|(place, _)| **place));
            self.field.inbox.push(refused.into_iter().filter_map(|(&place, status)| {
                Some(Update::quality(self.field.items.get(place)?.tag, convert::quality(status)))
            }));
        }
        Ok(failed)
    }

    fn request(&self, place: usize) -> Option<MonitoredItemCreateRequest> {
        let definition = &self.field.definition;
        Some(MonitoredItemCreateRequest {
            item_to_monitor: ReadValueId::new_value(self.field.items.get(place)?.node.clone()?),
            monitoring_mode: MonitoringMode::Reporting,
            requested_parameters: MonitoringParameters {
                client_handle: u32::try_from(place + 1).ok()?,
                sampling_interval: definition.sampling_ms.into(),
                filter: ExtensionObject::null(),
                queue_size: definition.queue.max(1),
                discard_oldest: true,
            },
        })
    }

    /// Has the device send a message again that is missing for a while, or gives it up.
    async fn ask_again(&mut self, place: usize) {
        let now = self.field.clock.uptime();
        let subscription = &mut self.list[place];
        let Some(number) = subscription.received.missing() else {
            subscription.missing = None;
            return;
        };
        match subscription.missing {
            Some((known, since)) if known == number => {
                if now.saturating_sub(since) < REORDERING {
                    return;
                }
            }
            _ => {
                subscription.missing = Some((number, now));
                return;
            }
        }
        match self.session.republish(subscription.id, number).await {
            Ok(message) if message.sequence_number == number => subscription.received.take(message),
            _ => {
                subscription.received.give_up();
                log::warn!("link \"{}\": the device no longer has message {number}", self.field.name());
            }
        }
    }

    fn count_failed(&self) {
        let malformed = self.field.items.iter().filter(|item| item.node.is_none()).count();
        let refused: usize = self.list.iter().map(|subscription| subscription.failed.len()).sum();
        let before = self.field.counters.items_failed.swap(malformed + refused, Ordering::Relaxed);
        if before != malformed + refused {
            log::warn!("link \"{}\": the device does not serve {} nodes", self.field.name(), malformed + refused);
            self.field.tell();
        }
    }
}

/// Whether a request that failed as a whole says nothing against the connection.
fn spares_the_connection(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BadTooManyMonitoredItems | StatusCode::BadTooManyOperations | StatusCode::BadOutOfMemory
    )
}

/// What [`Session::read`] is asked for.
pub(super) fn attribute(node: NodeId, attribute: AttributeId) -> ReadValueId {
    ReadValueId::new(node, attribute)
}
