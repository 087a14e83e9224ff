//! Subscriptions of one connection: created afresh from the link's items each time, changed with them, watched, and mended.
//!
//! The stack can carry subscriptions over to a new connection. That is not used: it forgets items that failed, drops what
//! cannot be re-created together with its callback, and publishes nothing after a reconnection; and the device would not
//! send again what has not changed meanwhile, so that tags would stay bad.

use super::connect::Failure;
use super::convert;
use super::field::Field;
use super::roster::Item;
use super::sequence::Sequencer;
use opcua::client::{MonitoredItemMap, OnSubscriptionNotificationCore, Session};
use opcua::types::{
    AttributeId, DataChangeNotification, ExtensionObject, MonitoredItemCreateRequest, MonitoringMode,
    MonitoringParameters, NodeId, NotificationMessage, ReadValueId, StatusChangeNotification, StatusCode,
    TimestampsToReturn, VariableId, Variant,
};
use std::collections::{BTreeMap, HashMap, HashSet};
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
        let changes = change.monitored_items.unwrap_or_default();
        self.field.received(changes.into_iter().map(|change| (change.client_handle, change.value)));
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
    publish_ms: u32,
    received: Arc<Received>,
    /// Ids that the device gave the items, by client handle.
    made: HashMap<u32, u32>,
    /// Items that the device refused.
    failed: Vec<Arc<Item>>,
    /// Silence for longer than this means that it is dead.
    patience: Duration,
    /// The number that is missing, and since what uptime.
    missing: Option<(u32, Duration)>,
}

impl Subscription {
    fn is_empty(&self) -> bool {
        self.made.is_empty() && self.failed.is_empty()
    }
}

/// All subscriptions of a connection.
pub(super) struct Subscriptions {
    field: Arc<Field>,
    session: Arc<Session>,
    limits: Limits,
    list: Vec<Subscription>,
    /// Items for which the device made no subscription, with their publishing intervals.
    unplaced: Vec<(u32, Arc<Item>)>,
}

impl Subscriptions {
    /// None yet.
    pub(super) fn new(field: Arc<Field>, session: Arc<Session>, limits: Limits) -> Self {
        Self { field, session, limits, list: Vec::new(), unplaced: Vec::new() }
    }

    /// Creates items, each with its publishing interval in ms, in the subscriptions of their intervals, which are made where
    /// there are none. An item that the device refuses turns its tag bad with the device's status, and the others go on.
    ///
    /// * Errors: the connection has to be made anew.
    pub(super) async fn add(&mut self, items: Vec<(u32, Arc<Item>)>) -> Result<(), Failure> {
        let mut by_interval: BTreeMap<u32, Vec<Arc<Item>>> = BTreeMap::new();
        for (publish_ms, item) in items {
            by_interval.entry(publish_ms).or_default().push(item);
        }
        for (publish_ms, items) in by_interval {
            let known = self.list.iter().position(|subscription| subscription.publish_ms == publish_ms);
            let place = match known {
                Some(place) => place,
                None => match self.subscribe(publish_ms).await {
                    Ok(subscription) => {
                        self.list.push(subscription);
                        self.list.len() - 1
                    }
                    Err(status) if spares_the_connection(status) => {
                        self.field.refused(items.iter().map(|item| (item.handle, status)));
                        self.unplaced.extend(items.into_iter().map(|item| (publish_ms, item)));
                        continue;
                    }
                    Err(status) => return Err(Failure::from_status(status)),
                },
            };
            self.create_items(place, items).await?;
        }
        Ok(())
    }

    /// Deletes the items with these client handles. Subscriptions that are empty now stay until they are
    /// [dropped](Self::drop_empty).
    ///
    /// * Errors: the connection has to be made anew.
    pub(super) async fn remove(&mut self, handles: &HashSet<u32>) -> Result<(), Failure> {
        self.unplaced.retain(|(_, item)| !handles.contains(&item.handle));
        for subscription in &mut self.list {
            subscription.failed.retain(|item| !handles.contains(&item.handle));
            let made = subscription.made.extract_if(|handle, _| handles.contains(handle));
            let ids: Vec<u32> = made.map(|(_, id)| id).collect();
            for chunk in ids.chunks(self.limits.items) {
                // What the device says of single items does not matter: it does not have them any more.
                self.session
                    .delete_monitored_items(subscription.id, chunk)
                    .await
                    .map_err(|error| Failure::from_status(error.status()))?;
            }
        }
        Ok(())
    }

    /// Deletes subscriptions without items.
    ///
    /// * Errors: the connection has to be made anew.
    pub(super) async fn drop_empty(&mut self) -> Result<(), Failure> {
        let empty: Vec<u32> = self.list.extract_if(.., |one| one.is_empty()).map(|one| one.id).collect();
        if !empty.is_empty() {
            // Not `delete_subscription`, which panics where the device answers without results.
            self.session.delete_subscriptions(&empty).await.map_err(|error| Failure::from_status(error.status()))?;
        }
        Ok(())
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
            self.create_items(place, failed).await?;
        }
        let unplaced = std::mem::take(&mut self.unplaced);
        self.add(unplaced).await?;
        self.field.recount();
        Ok(())
    }

    async fn subscribe(&self, publish_ms: u32) -> Result<Subscription, StatusCode> {
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
            .map_err(|error| error.status())?;
        let promised = {
            let state = self.session.subscription_state().lock();
            state.get(id).map(|made| made.publishing_interval().saturating_mul(made.max_keep_alive_count()))
        };
        // Longer than the watch over the connection as a whole, which has the better reason to tell.
        let patience = promised.unwrap_or(HEARTBEAT).saturating_mul(3).saturating_add(self.field.settings.silence);
        let (made, failed) = (HashMap::new(), Vec::new());
        Ok(Subscription { id, publish_ms, received, made, failed, patience, missing: None })
    }

    /// Creates items in the subscription at `place`; those that the device refuses are kept for later.
    async fn create_items(&mut self, place: usize, items: Vec<Arc<Item>>) -> Result<(), Failure> {
        let subscription = &mut self.list[place];
        for chunk in items.chunks(self.limits.items) {
            let requests: Vec<_> = chunk.iter().filter_map(|item| request(item)).collect();
            let created = self.session.create_monitored_items(subscription.id, TimestampsToReturn::Both, requests);
            let results: Vec<Result<u32, StatusCode>> = match created.await {
                Ok(results) => results
                    .into_iter()
                    .map(|made| match made.result.status_code {
                        status if status.is_bad() => Err(status),
                        _ => Ok(made.result.monitored_item_id),
                    })
                    .collect(),
                Err(error) if spares_the_connection(error.status()) => vec![Err(error.status()); chunk.len()],
                Err(error) => return Err(Failure::from_status(error.status())),
            };
            // A device that answers for fewer items than it was asked for has not made the others.
            let results = results.into_iter().chain(std::iter::repeat(Err(StatusCode::BadUnexpectedError)));
            let mut refused = Vec::new();
            for (item, result) in chunk.iter().zip(results) {
                match result {
                    Ok(id) => {
                        subscription.made.insert(item.handle, id);
                        item.refuse(false);
                    }
                    Err(status) => {
                        subscription.failed.push(Arc::clone(item));
                        refused.push((item.handle, status));
                    }
                }
            }
            self.field.refused(refused);
        }
        Ok(())
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
}

/// What the device is asked to monitor; `None` where the address is malformed.
fn request(item: &Item) -> Option<MonitoredItemCreateRequest> {
    Some(MonitoredItemCreateRequest {
        item_to_monitor: ReadValueId::new_value(item.node.clone()?),
        monitoring_mode: MonitoringMode::Reporting,
        requested_parameters: MonitoringParameters {
            client_handle: item.handle,
            sampling_interval: item.sampling_ms.into(),
            filter: ExtensionObject::null(),
            queue_size: item.queue,
            discard_oldest: true,
        },
    })
}

/// Whether a request that failed as a whole says nothing against the connection.
fn spares_the_connection(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BadTooManyMonitoredItems
            | StatusCode::BadTooManyOperations
            | StatusCode::BadTooManySubscriptions
            | StatusCode::BadOutOfMemory
    )
}

/// What [`Session::read`] is asked for.
pub(super) fn attribute(node: NodeId, attribute: AttributeId) -> ReadValueId {
    ReadValueId::new(node, attribute)
}
