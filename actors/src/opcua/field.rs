//! What a link is made of, and what is known of it: shared by its tasks and the manager.

use super::backoff::Backoff;
use super::convert;
use super::inbox::Inbox;
use super::roster::{Change, Item, Roster};
use super::{AddLink, LinkState, LinkStatus, OpcUaSettings, UpdateLink};
use crate::Clock;
use crate::cvt::Update;
use flyball_schema::{LinkId, Quality, TagId, Timestamp};
use opcua::types::{DataValue, StatusCode, Variant};
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::watch;

/// Counters of a link, as [`LinkStatus`] tells them.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub changes: AtomicU64,
    pub batches: AtomicU64,
    pub connections: AtomicU64,
    pub gaps: AtomicU64,
    pub read_failures: AtomicU64,
    pub polls_skipped: AtomicU64,
    pub write_failures: AtomicU64,
    pub items_failed: AtomicUsize,
}

#[derive(Debug)]
struct Standing {
    state: LinkState,
    reason: Option<String>,
    since: Timestamp,
}

/// A link's definition, items, state and way to the table.
///
/// Whatever is told of an item goes to the inbox under the roster's lock: once a tag has left the roster and the inbox,
/// nothing of it can follow.
#[derive(Debug)]
pub(super) struct Field {
    pub id: LinkId,
    pub inbox: Inbox,
    pub counters: Counters,
    pub clock: Clock,
    pub settings: OpcUaSettings,
    /// Locked before `standing` and before the inbox.
    roster: RwLock<Roster>,
    standing: Mutex<Standing>,
    changed: watch::Sender<u64>,
    /// Counts the changes of the roster.
    revision: watch::Sender<u64>,
}

impl Field {
    /// A link that is connecting.
    ///
    /// * `changed`: counted up at every change of state.
    pub(super) fn new(link: AddLink, clock: Clock, settings: OpcUaSettings, changed: watch::Sender<u64>) -> Self {
        let AddLink { id, definition, connected_tag, tags } = link;
        let roster = Roster::new(definition, connected_tag, tags);
        let items_failed = roster.refused();
        let standing = Standing { state: LinkState::Connecting, reason: None, since: clock.now() };
        Self {
            id,
            inbox: Inbox::new(settings.buffer),
            counters: Counters { items_failed: items_failed.into(), ..Counters::default() },
            clock,
            settings,
            roster: RwLock::new(roster),
            standing: Mutex::new(standing),
            changed,
            revision: watch::channel(0).0,
        }
    }

    fn roster(&self) -> RwLockReadGuard<'_, Roster> {
        self.roster.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn roster_mut(&self) -> RwLockWriteGuard<'_, Roster> {
        self.roster.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The link's name.
    pub(super) fn name(&self) -> String {
        self.roster().definition().name.clone()
    }

    /// What the next session is for: its epoch and endpoint.
    pub(super) fn session(&self) -> (u64, String) {
        let roster = self.roster();
        (roster.epoch(), roster.definition().endpoint.clone())
    }

    /// The item of a tag.
    pub(super) fn item(&self, tag: TagId) -> Option<Arc<Item>> {
        self.roster().item(tag).cloned()
    }

    /// All items in the order in which they came; `None` where a session of this epoch has had its time.
    pub(super) fn items(&self, epoch: u64) -> Option<Vec<Arc<Item>>> {
        let roster = self.roster();
        let mut items: Vec<_> = (roster.epoch() == epoch).then(|| roster.items().cloned().collect())?;
        items.sort_unstable_by_key(|item| item.handle);
        Some(items)
    }

    /// Tells when the roster changes, from now on.
    pub(super) fn revisions(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// Waits until sessions of this epoch have had their time.
    pub(super) async fn outdated(&self, epoch: u64) {
        let mut revisions = self.revisions();
        while self.roster().epoch() == epoch {
            if revisions.changed().await.is_err() {
                return;
            }
        }
    }

    /// Waits between attempts, out of step with other links.
    pub(super) fn backoff(&self) -> Backoff {
        let now = u64::try_from(self.clock.now().as_micros()).unwrap_or(0);
        Backoff::new(now ^ (u64::from(self.id.0) << 32))
    }

    /// State and counters now.
    pub(super) fn status(&self) -> LinkStatus {
        let roster = self.roster();
        let standing = self.standing();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LinkStatus {
            id: self.id,
            name: roster.definition().name.clone(),
            endpoint: roster.definition().endpoint.clone(),
            state: standing.state,
            reason: standing.reason.clone(),
            since: standing.since,
            tags: roster.len(),
            items_failed: self.counters.items_failed.load(Ordering::Relaxed),
            changes: count(&self.counters.changes),
            batches: count(&self.counters.batches),
            reconnects: count(&self.counters.connections).saturating_sub(1),
            coalesced: self.inbox.coalesced(),
            gaps: count(&self.counters.gaps),
            read_failures: count(&self.counters.read_failures),
            polls_skipped: count(&self.counters.polls_skipped),
            write_failures: count(&self.counters.write_failures),
        }
    }

    /// State now.
    pub(super) fn state(&self) -> LinkState {
        self.standing().state
    }

    /// Takes another definition and other tags. What was under way for tags that have left, or that come from another
    /// node now, is dropped.
    ///
    /// * Returns the number of the batch to wait for, so that nothing of it is still on its way to the table.
    pub(super) fn update(&self, update: UpdateLink) -> u64 {
        let UpdateLink { definition, connected_tag, tags, .. } = update;
        let mut roster = self.roster_mut();
        let change = roster.change(definition, connected_tag, tags);
        let pending = self.revise(&roster, &change);
        let standing = self.standing();
        let mut news = Vec::new();
        if standing.state != LinkState::Connected && standing.reason.is_some() {
            // The others were told when the connection was lost.
            news.extend(change.added.iter().map(|tag| Update::quality(*tag, Quality::BAD_NO_COMMUNICATION)));
        }
        let connected = standing.state == LinkState::Connected && !change.session;
        news.extend(change.connected_tag.map(|tag| Update::good(tag, connected)));
        self.push(&roster, news);
        pending
    }

    /// Gives tags up to another link.
    pub(super) fn release(&self, tags: &HashSet<TagId>) {
        let mut roster = self.roster_mut();
        let change = roster.release(tags);
        self.revise(&roster, &change);
    }

    /// Makes a change of the roster known to the inbox, the session and the counters.
    fn revise(&self, roster: &Roster, change: &Change) -> u64 {
        if change.is_none() {
            return 0;
        }
        let pending = self.inbox.remove(&change.void);
        self.count_refused(roster);
        if change.items || change.session {
            self.revision.send_modify(|revision| *revision = revision.wrapping_add(1));
        }
        self.tell();
        pending
    }

    /// Takes values that the device sent, with the handles of their items. What is of no item of the link is passed over:
    /// it has left meanwhile, or the device errs.
    pub(super) fn received(&self, values: impl IntoIterator<Item = (u32, DataValue)>) {
        let now = self.clock.now();
        let roster = self.roster();
        let (mut updates, mut news) = (Vec::new(), false);
        for (handle, value) in values {
            let Some(item) = roster.by_handle(handle) else {
                continue;
            };
            if let Some(node_type) = value.value.as_ref().and_then(Variant::scalar_type_id) {
                item.learn(node_type);
            }
            if value.status.is_some_and(convert::overflowed) && item.queue > 1 {
                self.counters.gaps.fetch_add(1, Ordering::Relaxed);
            }
            news |= item.refuse(value.status.is_some_and(not_served));
            let (value, quality, time) = convert::sample(value, item.data_type, now);
            updates.push(Update { tag: item.tag, value, quality, source_time: Some(time) });
        }
        self.counters.batches.fetch_add(1, Ordering::Relaxed);
        self.counters.changes.fetch_add(updates.len() as u64, Ordering::Relaxed);
        self.push(&roster, updates);
        if news {
            self.count_refused(&roster);
        }
    }

    /// Tags keep their values and turn bad for the reason that the device gives for not serving them. To be
    /// [counted](Self::recount) by the caller.
    pub(super) fn refused(&self, handles: impl IntoIterator<Item = (u32, StatusCode)>) {
        let roster = self.roster();
        let mut updates = Vec::new();
        for (handle, status) in handles {
            if let Some(item) = roster.by_handle(handle) {
                item.refuse(true);
                updates.push(Update::quality(item.tag, convert::quality(status)));
            }
        }
        self.push(&roster, updates);
    }

    /// Counts the items that the device does not serve.
    pub(super) fn recount(&self) {
        self.count_refused(&self.roster());
    }

    /// Device and data are there, in a session of this epoch.
    pub(super) fn connected(&self, epoch: u64) {
        let roster = self.roster();
        if roster.epoch() != epoch {
            return; // Its time is over; it is about to be closed.
        }
        let again = self.counters.connections.fetch_add(1, Ordering::Relaxed) > 0;
        self.push(&roster, roster.connected_tag().map(|tag| Update::good(tag, true)));
        self.enter(LinkState::Connected, None);
        log::info!("link \"{}\": {}connected", roster.definition().name, if again { "re" } else { "" });
    }

    /// An attempt failed or the connection broke: the tags turn bad where they have not done so before.
    pub(super) fn disconnected(&self, reason: &str) {
        let roster = self.roster();
        let (first, before) = {
            let standing = self.standing();
            (standing.state == LinkState::Connected || standing.reason.is_none(), standing.state)
        };
        if first {
            self.all_bad(&roster, Quality::BAD_NO_COMMUNICATION);
            log::warn!("link \"{}\": not connected: {reason}", roster.definition().name);
        }
        // A link that never was connected is not lost.
        let state = if before == LinkState::Connecting { LinkState::Connecting } else { LinkState::Lost };
        self.enter(state, Some(reason.to_owned()));
    }

    /// Another device is to be connected: of the tags nothing is known until then.
    pub(super) fn connecting(&self) {
        let roster = self.roster();
        self.all_bad(&roster, Quality::BAD_NO_COMMUNICATION);
        self.enter(LinkState::Connecting, None);
        log::info!("link \"{}\": goes to {}", roster.definition().name, roster.definition().endpoint);
    }

    /// Closed on request.
    pub(super) fn stopped(&self) {
        self.enter(LinkState::Stopped, None);
        log::info!("link \"{}\": closed", self.name());
    }

    /// Every tag of the link keeps its value and turns bad.
    pub(super) fn turn_bad(&self, quality: Quality) {
        self.all_bad(&self.roster(), quality);
    }

    fn all_bad(&self, roster: &Roster, quality: Quality) {
        let tags = roster.items().map(|item| Update::quality(item.tag, quality));
        self.push(roster, tags.chain(roster.connected_tag().map(|tag| Update::good(tag, false))));
    }

    /// `roster`: locked by the caller, so that the tags are the link's until the updates are in the inbox.
    fn push(&self, roster: &Roster, updates: impl IntoIterator<Item = Update>) {
        if self.inbox.push(updates) {
            let name = &roster.definition().name;
            log::warn!("link \"{name}\": the table is behind, only the newest value per tag is kept");
        }
    }

    fn count_refused(&self, roster: &Roster) {
        let refused = roster.refused();
        if self.counters.items_failed.swap(refused, Ordering::Relaxed) != refused {
            log::warn!("link \"{}\": the device does not serve {refused} nodes", roster.definition().name);
            self.tell();
        }
    }

    fn enter(&self, state: LinkState, reason: Option<String>) {
        let mut standing = self.standing();
        if standing.state != state {
            standing.state = state;
            standing.since = self.clock.now();
        } else if standing.reason == reason {
            return;
        }
        standing.reason = reason;
        drop(standing);
        self.tell();
    }

    /// Counters have changed in a way that people should see at once.
    fn tell(&self) {
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// Whether a value's status says that there is no such value, rather than that it is a bad one.
fn not_served(status: StatusCode) -> bool {
    // Without the bits that tell of the value rather than of the node (OPC UA Part 4, 7.39).
    matches!(
        StatusCode::from(status.bits() & 0xFFFF_0000),
        StatusCode::BadNodeIdUnknown
            | StatusCode::BadNodeIdInvalid
            | StatusCode::BadAttributeIdInvalid
            | StatusCode::BadNotReadable
            | StatusCode::BadUserAccessDenied
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opcua::{Acquisition, LinkedTag};
    use flyball_schema::DataType;
    use flyball_schema::definition::LinkDefinition;

    const CONNECTED: TagId = TagId(100);

    fn tags(ids: &[u32]) -> Vec<LinkedTag> {
        let tag = |id: &u32| LinkedTag {
            tag: TagId(*id),
            node: format!("ns=2;s={id}"),
            data_type: DataType::Float,
            acquisition: Acquisition::Poll { interval_ms: 100 },
        };
        ids.iter().map(tag).collect()
    }

    fn field(ids: &[u32]) -> Field {
        let definition = LinkDefinition::new("plc", "opc.tcp://plc/");
        let link = AddLink { id: LinkId(1), definition, connected_tag: CONNECTED, tags: tags(ids) };
        Field::new(link, Clock::system(), OpcUaSettings::default(), watch::channel(0).0)
    }

    fn update(field: &Field, endpoint: &str, ids: &[u32]) {
        let definition = LinkDefinition::new("plc", endpoint);
        field.update(UpdateLink { id: LinkId(1), definition, connected_tag: CONNECTED, tags: tags(ids) });
    }

    fn waiting(field: &Field) -> Vec<(u32, bool)> {
        let updates = field.inbox.waiting_updates();
        updates.into_iter().map(|update| (update.tag.0, update.quality.is_good())).collect()
    }

    fn handle(field: &Field, tag: u32) -> u32 {
        field.item(TagId(tag)).unwrap().handle
    }

    #[test]
    fn what_comes_late_or_still_waits_for_a_tag_that_has_left_reaches_nobody() {
        let field = field(&[1, 2]);
        let (one, two) = (handle(&field, 1), handle(&field, 2));
        let value = || DataValue::new_now(1.0);
        field.received([(one, value()), (two, value())]);
        update(&field, "opc.tcp://plc/", &[2, 3]);
        field.received([(one, value()), (two, value()), (999, value())]);
        field.refused([(one, StatusCode::BadTimeout)]);
        assert_eq!(waiting(&field), [(2, true), (2, true)]);
        assert_eq!(field.status().changes, 3);
    }

    #[test]
    fn a_session_of_before_tells_nothing_after_the_endpoint_has_changed() {
        let field = field(&[1]);
        let (one, (epoch, _)) = (handle(&field, 1), field.session());
        field.connected(epoch);
        update(&field, "opc.tcp://other/", &[1]);
        field.received([(one, DataValue::new_now(1.0))]);
        assert_eq!((waiting(&field), field.items(epoch).is_none()), (vec![(100, true)], true));
        field.connecting();
        field.connected(epoch);
        assert_eq!(field.state(), LinkState::Connecting);
        assert_eq!(waiting(&field)[1..], [(1, false), (100, true)], "bad, and not connected");
    }

    #[test]
    fn tags_that_come_while_the_device_is_away_are_bad_like_the_others() {
        let field = field(&[1]);
        update(&field, "opc.tcp://plc/", &[1, 2]);
        assert_eq!(waiting(&field), [], "nothing is known yet of any");
        field.disconnected("connection refused");
        update(&field, "opc.tcp://plc/", &[1, 2, 3]);
        assert_eq!(waiting(&field).last(), Some(&(3, false)));
    }

    #[test]
    fn a_node_that_is_served_again_counts_as_failed_no_more() {
        let field = field(&[1]);
        let unknown = DataValue { status: Some(StatusCode::BadNodeIdUnknown), ..DataValue::null() };
        let one = handle(&field, 1);
        field.received([(one, unknown)]);
        assert_eq!(field.status().items_failed, 1);
        field.received([(one, DataValue::new_now(1.0))]);
        assert_eq!(field.status().items_failed, 0);
    }
}
