//! What a link is made of, and what is known of it: shared by its tasks and the manager.

use super::backoff::Backoff;
use super::inbox::Inbox;
use super::{AddLink, LinkState, LinkStatus, OpcUaSettings};
use crate::Clock;
use crate::cvt::Update;
use flyball_schema::definition::LinkDefinition;
use flyball_schema::{DataType, LinkId, Quality, TagId, Timestamp};
use opcua::types::{NodeId, VariantScalarTypeId};
use std::collections::HashMap;
use std::str::FromStr;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use tokio::sync::watch;

/// A tag and the node it comes from. Its place in the list of a link plus one is its client handle.
#[derive(Debug)]
pub(super) struct Item {
    pub tag: TagId,
    pub data_type: DataType,
    /// `None` where the address is malformed.
    pub node: Option<NodeId>,
    pub publish_ms: u32,
    /// Type of the node's value as the device last told it; 0 before.
    node_type: AtomicU8,
}

impl Item {
    /// The node's type, once the device has told.
    pub(super) fn node_type(&self) -> Option<VariantScalarTypeId> {
        scalar_type(self.node_type.load(Ordering::Relaxed).into())
    }

    /// Remembers the node's type.
    pub(super) fn learn(&self, node_type: VariantScalarTypeId) {
        // Built-in types have the numbers 1 to 25 (OPC UA Part 6, 5.1.2).
        self.node_type.store(u8::try_from(node_type as u32).unwrap_or(0), Ordering::Relaxed);
    }
}

/// The scalar types that a tag can be written to, by their number.
pub(super) fn scalar_type(number: u32) -> Option<VariantScalarTypeId> {
    use VariantScalarTypeId as Type;
    Some(match number {
        1 => Type::Boolean,
        2 => Type::SByte,
        3 => Type::Byte,
        4 => Type::Int16,
        5 => Type::UInt16,
        6 => Type::Int32,
        7 => Type::UInt32,
        8 => Type::Int64,
        9 => Type::UInt64,
        10 => Type::Float,
        11 => Type::Double,
        12 => Type::String,
        _ => return None,
    })
}

/// Counters of a link, as [`LinkStatus`] tells them.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub changes: AtomicU64,
    pub batches: AtomicU64,
    pub connections: AtomicU64,
    pub gaps: AtomicU64,
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
#[derive(Debug)]
pub(super) struct Field {
    pub id: LinkId,
    pub definition: LinkDefinition,
    pub items: Vec<Item>,
    pub inbox: Inbox,
    pub counters: Counters,
    pub clock: Clock,
    pub settings: OpcUaSettings,
    connected_tag: TagId,
    places: HashMap<TagId, usize>,
    standing: Mutex<Standing>,
    changed: watch::Sender<u64>,
}

impl Field {
    /// A link that is connecting.
    ///
    /// * `changed`: counted up at every change of state.
    pub(super) fn new(link: AddLink, clock: Clock, settings: OpcUaSettings, changed: watch::Sender<u64>) -> Self {
        let AddLink { id, definition, connected_tag, tags } = link;
        let items: Vec<Item> = tags
            .into_iter()
            .map(|tag| Item {
                tag: tag.tag,
                data_type: tag.data_type,
                node: NodeId::from_str(&tag.node).ok(),
                publish_ms: tag.publish_ms.max(1),
                node_type: AtomicU8::new(0),
            })
            .collect();
        let places = items.iter().enumerate().map(|(place, item)| (item.tag, place)).collect();
        let standing = Standing { state: LinkState::Connecting, reason: None, since: clock.now() };
        Self {
            id,
            items,
            inbox: Inbox::new(definition.name.clone(), settings.buffer),
            counters: Counters::default(),
            clock,
            settings,
            connected_tag,
            places,
            standing: Mutex::new(standing),
            changed,
            definition,
        }
    }

    /// The link's name.
    pub(super) fn name(&self) -> &str {
        &self.definition.name
    }

    /// The item of a tag.
    pub(super) fn item(&self, tag: TagId) -> Option<&Item> {
        self.items.get(*self.places.get(&tag)?)
    }

    /// Waits between attempts, out of step with other links.
    pub(super) fn backoff(&self) -> Backoff {
        let now = u64::try_from(self.clock.now().as_micros()).unwrap_or(0);
        Backoff::new(now ^ (u64::from(self.id.0) << 32))
    }

    /// State and counters now.
    pub(super) fn status(&self) -> LinkStatus {
        let standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LinkStatus {
            id: self.id,
            name: self.definition.name.clone(),
            endpoint: self.definition.endpoint.clone(),
            state: standing.state,
            reason: standing.reason.clone(),
            since: standing.since,
            tags: self.items.len(),
            items_failed: self.counters.items_failed.load(Ordering::Relaxed),
            changes: count(&self.counters.changes),
            batches: count(&self.counters.batches),
            reconnects: count(&self.counters.connections).saturating_sub(1),
            coalesced: self.inbox.coalesced(),
            gaps: count(&self.counters.gaps),
            write_failures: count(&self.counters.write_failures),
        }
    }

    /// Device and data are there.
    pub(super) fn connected(&self) {
        let again = self.counters.connections.fetch_add(1, Ordering::Relaxed) > 0;
        self.inbox.push([Update::good(self.connected_tag, true)]);
        self.enter(LinkState::Connected, None);
        log::info!("link \"{}\": {}connected", self.name(), if again { "re" } else { "" });
    }

    /// An attempt failed or the connection broke: the tags turn bad where they have not done so before.
    pub(super) fn disconnected(&self, reason: &str) {
        let (first, before) = {
            let standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
            (standing.state == LinkState::Connected || standing.reason.is_none(), standing.state)
        };
        if first {
            self.turn_bad(Quality::BAD_NO_COMMUNICATION);
            log::warn!("link \"{}\": not connected: {reason}", self.name());
        }
        // A link that never was connected is not lost.
        let state = if before == LinkState::Connecting { LinkState::Connecting } else { LinkState::Lost };
        self.enter(state, Some(reason.to_owned()));
    }

    /// Closed on request.
    pub(super) fn stopped(&self) {
        self.enter(LinkState::Stopped, None);
        log::info!("link \"{}\": closed", self.name());
    }

    /// Every tag of the link keeps its value and turns bad.
    pub(super) fn turn_bad(&self, quality: Quality) {
        let tags = self.items.iter().map(|item| Update::quality(item.tag, quality));
        self.inbox.push(tags.chain([Update::good(self.connected_tag, false)]));
    }

    fn enter(&self, state: LinkState, reason: Option<String>) {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
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
    pub(super) fn tell(&self) {
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
    }
}
