//! Polls of one connection: the tags of each interval are read together, in requests that the device can take.

use super::connect::Failure;
use super::field::Field;
use super::roster::Item;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use opcua::client::Session;
use opcua::types::{DataValue, ReadValueId, StatusCode, TimestampsToReturn};
use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Values asked for in one request, where the device takes that many: an answer of a few ten kB, so that what else is asked
/// of the device waits no longer than for that.
const CHUNK: usize = 500;

/// Polls of one interval that may fail in a row before the connection counts as broken, like keep-alives.
const FAILED_POLLS: u32 = 3;

/// The longest wait after a poll that failed, so that a long interval does not hide a broken device.
const RETRY: Duration = Duration::from_secs(1);

/// Where values are read.
pub(super) trait Source {
    /// Reads the values of nodes, with both times, from the device itself rather than from its memory.
    fn read(&self, nodes: &[ReadValueId]) -> impl Future<Output = Result<Vec<DataValue>, StatusCode>> + Send;
}

impl Source for Arc<Session> {
    async fn read(&self, nodes: &[ReadValueId]) -> Result<Vec<DataValue>, StatusCode> {
        Session::read(self, nodes, TimestampsToReturn::Both, 0.0).await.map_err(|error| error.status())
    }
}

/// What is read in one poll: the nodes, and the client handles of their items.
#[derive(Debug, Default)]
struct Nodes {
    handles: Vec<u32>,
    reads: Vec<ReadValueId>,
}

impl Nodes {
    /// Items without a node are left out.
    fn of<'a>(items: impl Iterator<Item = &'a Arc<Item>>) -> Self {
        let known = items.filter_map(|item| Some((item.handle, ReadValueId::new_value(item.node.clone()?))));
        let (handles, reads) = known.unzip();
        Self { handles, reads }
    }
}

/// All items of one polling interval.
#[derive(Debug)]
struct Group {
    period: Duration,
    nodes: Mutex<Arc<Nodes>>,
    /// Cancelled when no items are left.
    over: CancellationToken,
    /// Whether people were told that the interval is not kept.
    late: AtomicBool,
}

impl Group {
    fn new(interval_ms: u32) -> Self {
        let period = Duration::from_millis(interval_ms.max(1).into());
        Self { period, nodes: Mutex::default(), over: CancellationToken::new(), late: AtomicBool::new(false) }
    }

    fn nodes(&self) -> Arc<Nodes> {
        Arc::clone(&self.nodes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, nodes: Nodes) {
        *self.nodes.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(nodes);
    }
}

/// Groups with their items, by interval, ms.
type Groups = BTreeMap<u32, (Arc<Group>, Vec<Arc<Item>>)>;

/// Reads the polled items of a link, each at its interval. What it reads goes to the link while [`run`](Self::run) or
/// [`add`](Self::add) is awaited, and never after.
#[derive(Debug)]
pub(super) struct Poller<S> {
    field: Arc<Field>,
    source: S,
    /// Values of one request. Halved when the device finds it too many.
    chunk: AtomicUsize,
    groups: Mutex<Groups>,
    fresh: Mutex<Vec<Arc<Group>>>,
    came: Notify,
}

impl<S: Source> Poller<S> {
    /// A poller without items.
    ///
    /// * `limit`: values that the device gives in one answer, as far as it tells.
    pub(super) fn new(field: Arc<Field>, source: S, limit: usize) -> Self {
        Self {
            field,
            source,
            chunk: limit.clamp(1, CHUNK).into(),
            groups: Mutex::default(),
            fresh: Mutex::default(),
            came: Notify::new(),
        }
    }

    fn groups(&self) -> MutexGuard<'_, Groups> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_fresh(&self) -> Vec<Arc<Group>> {
        std::mem::take(&mut self.fresh.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads items once and polls them from now on, each at its interval in ms.
    ///
    /// * Errors: the first reading failed, so that the connection has to be made anew.
    pub(super) async fn add(&self, items: Vec<(u32, Arc<Item>)>) -> Result<(), Failure> {
        if items.is_empty() {
            return Ok(());
        }
        let first = Nodes::of(items.iter().map(|(_, item)| item));
        if let Err(status) = self.read(&first).await {
            self.count_failure();
            return Err(Failure::from_status(status));
        }
        let mut groups = self.groups();
        for (interval_ms, item) in items {
            let (_, members) = groups.entry(interval_ms).or_insert_with(|| {
                let group = Arc::new(Group::new(interval_ms));
                self.fresh.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&group));
                (group, Vec::new())
            });
            members.push(item);
        }
        for (group, members) in groups.values() {
            if group.nodes().handles.len() != members.len() {
                group.set(Nodes::of(members.iter()));
            }
        }
        drop(groups);
        self.came.notify_one();
        Ok(())
    }

    /// Reads the items with these client handles no more.
    pub(super) fn remove(&self, handles: &HashSet<u32>) {
        self.groups().retain(|_, (group, members)| {
            let before = members.len();
            members.retain(|item| !handles.contains(&item.handle));
            if members.len() < before {
                group.set(Nodes::of(members.iter()));
            }
            if members.is_empty() {
                group.over.cancel();
            }
            !members.is_empty()
        });
    }

    /// Polls until the connection has to be made anew, and says why.
    pub(super) async fn run(&self) -> Failure {
        let mut running = FuturesUnordered::new();
        loop {
            running.extend(self.take_fresh().into_iter().map(|group| self.poll(group)));
            tokio::select! {
                Some(ended) = running.next() => if let Err(status) = ended {
                    return Failure::from_status(status);
                },
                () = self.came.notified() => {}
            }
        }
    }

    /// Polls one group until it is over.
    async fn poll(&self, group: Arc<Group>) -> Result<(), StatusCode> {
        let (mut due, mut failures) = (Instant::now() + group.period, 0);
        loop {
            tokio::select! {
                () = sleep_until(due) => {}
                () = group.over.cancelled() => return Ok(()),
            }
            match self.read(&group.nodes()).await {
                Ok(()) => {
                    failures = 0;
                    let (next, skipped) = following(due, Instant::now(), group.period);
                    due = next;
                    self.count_skipped(&group, skipped);
                }
                Err(status) => {
                    failures += 1;
                    self.count_failure();
                    if failures >= FAILED_POLLS || ends_the_connection(status) {
                        return Err(status);
                    }
                    due = Instant::now() + group.period.min(RETRY);
                }
            }
        }
    }

    /// Reads nodes, one request after the other, and hands each answer on. What the device does not give in one answer is
    /// asked for in smaller parts; a node that it refuses even alone turns bad.
    async fn read(&self, nodes: &Nodes) -> Result<(), StatusCode> {
        let mut place = 0;
        while let Some(rest) = nodes.reads.get(place..).filter(|rest| !rest.is_empty()) {
            let count = self.chunk.load(Ordering::Relaxed).min(rest.len());
            let handles = nodes.handles.iter().skip(place).take(count).copied();
            match self.source.read(&rest[..count]).await {
                Ok(values) => {
                    let missing = std::iter::repeat_with(|| failed(StatusCode::BadUnexpectedError));
                    self.field.received(handles.zip(values.into_iter().chain(missing)));
                    place += count;
                }
                Err(status) if asks_too_much(status) => {
                    self.count_failure();
                    if count > 1 {
                        self.chunk.store(count / 2, Ordering::Relaxed);
                        log::warn!("link \"{}\": the device does not read {count} values at once", self.field.name());
                    } else {
                        self.field.received(handles.map(|handle| (handle, failed(status))));
                        place += count;
                    }
                }
                Err(status) => return Err(status),
            }
        }
        Ok(())
    }

    fn count_failure(&self) {
        self.field.counters.read_failures.fetch_add(1, Ordering::Relaxed);
    }

    fn count_skipped(&self, group: &Group, skipped: u64) {
        self.field.counters.polls_skipped.fetch_add(skipped, Ordering::Relaxed);
        if group.late.swap(skipped > 0, Ordering::Relaxed) != (skipped > 0) && skipped > 0 {
            log::warn!("link \"{}\": polls take longer than their interval of {:?}", self.field.name(), group.period);
        }
    }
}

/// When a poll that was due at `due` is followed by the next, `now` that it is done: at the next multiple of the period that
/// is yet to come; and how many were left out for that.
fn following(due: Instant, now: Instant, period: Duration) -> (Instant, u64) {
    let late = now.saturating_duration_since(due).as_nanos();
    let skipped = u32::try_from(late / period.as_nanos().max(1)).unwrap_or(u32::MAX - 1);
    (due + period.saturating_mul(skipped + 1), skipped.into())
}

/// A value that is not one.
fn failed(status: StatusCode) -> DataValue {
    DataValue { status: Some(status), ..DataValue::null() }
}

/// Whether the device could answer a smaller request.
fn asks_too_much(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BadTooManyOperations
            | StatusCode::BadRequestTooLarge
            | StatusCode::BadResponseTooLarge
            | StatusCode::BadEncodingLimitsExceeded
            | StatusCode::BadTcpMessageTooLarge
            | StatusCode::BadOutOfMemory
    )
}

/// Whether nothing can be had of the connection any more.
fn ends_the_connection(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BadConnectionClosed
            | StatusCode::BadNotConnected
            | StatusCode::BadCommunicationError
            | StatusCode::BadSessionClosed
            | StatusCode::BadSessionIdInvalid
            | StatusCode::BadSessionNotActivated
            | StatusCode::BadSecureChannelClosed
            | StatusCode::BadSecureChannelIdInvalid
    )
}

#[cfg(test)]
mod tests;
