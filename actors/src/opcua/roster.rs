//! What a link acquires: its definition and items, and what a new definition changes of them.

use super::{Acquisition, LinkedTag};
use flyball_schema::definition::LinkDefinition;
use flyball_schema::{DataType, TagId};
use opcua::types::{NodeId, VariantScalarTypeId};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// A tag and the node it comes from.
#[derive(Debug)]
pub(super) struct Item {
    /// Client handle: not 0, and never given twice, so that what comes late for an item that has left is known as such.
    pub handle: u32,
    /// The [`Roster::epoch`] in which it was made: sessions of others know nothing of it.
    pub epoch: u64,
    pub tag: TagId,
    pub data_type: DataType,
    /// `None` where the address is malformed.
    pub node: Option<NodeId>,
    pub acquisition: Acquisition,
    /// Sampling interval asked of the device, ms.
    pub sampling_ms: u32,
    /// Changes that the device keeps between two publishes.
    pub queue: u32,
    /// Type of the node's value as the device last told it; 0 before.
    node_type: AtomicU8,
    /// Whether the device does not serve the node, as far as it has told.
    refused: AtomicBool,
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

    /// Remembers whether the device serves the node; true where that is news.
    pub(super) fn refuse(&self, refused: bool) -> bool {
        self.refused.swap(refused, Ordering::Relaxed) != refused
    }

    /// Whether values of it are those that `other` would have.
    fn same_values(&self, tag: &LinkedTag, node: Option<&NodeId>) -> bool {
        self.data_type == tag.data_type && self.node.as_ref() == node
    }

    /// Whether it is acquired as asked for.
    fn same_acquisition(&self, tag: &LinkedTag, definition: &LinkDefinition) -> bool {
        let polled = matches!(tag.acquisition, Acquisition::Poll { .. });
        self.acquisition == tag.acquisition.at_least_a_millisecond()
            && (polled || (self.sampling_ms, self.queue) == (definition.sampling_ms, definition.queue))
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

/// What a change has changed; nothing by default.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// Items have come, gone or been replaced.
    pub items: bool,
    /// The session has to be made anew.
    pub session: bool,
    /// Name or tag of the connection, or a number that no item uses.
    pub definition: bool,
    /// Tags whose values under way must not arrive any more.
    pub void: HashSet<TagId>,
    /// Tags that the link did not have.
    pub added: Vec<TagId>,
    /// The tag that tells of the connection, where it is another one.
    pub connected_tag: Option<TagId>,
}

impl Change {
    /// Nothing is other than before.
    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// A link's definition and the items of its tags.
#[derive(Debug)]
pub(super) struct Roster {
    definition: LinkDefinition,
    /// `None` where another link has taken it.
    connected_tag: Option<TagId>,
    epoch: u64,
    next_handle: u32,
    by_tag: HashMap<TagId, Arc<Item>>,
    by_handle: HashMap<u32, Arc<Item>>,
}

impl Roster {
    /// Of several entries of one tag the last counts.
    pub(super) fn new(definition: LinkDefinition, connected_tag: TagId, tags: Vec<LinkedTag>) -> Self {
        let mut roster = Self {
            definition: definition.clone(),
            connected_tag: Some(connected_tag),
            epoch: 0,
            next_handle: 1,
            by_tag: HashMap::new(),
            by_handle: HashMap::new(),
        };
        roster.change(definition, connected_tag, tags);
        roster
    }

    pub(super) fn definition(&self) -> &LinkDefinition {
        &self.definition
    }

    pub(super) fn connected_tag(&self) -> Option<TagId> {
        self.connected_tag
    }

    /// Counts the changes that need a new session.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Number of tags.
    pub(super) fn len(&self) -> usize {
        self.by_tag.len()
    }

    /// The item of a tag.
    pub(super) fn item(&self, tag: TagId) -> Option<&Arc<Item>> {
        self.by_tag.get(&tag)
    }

    /// The item that a device means by a client handle; `None` where it has left.
    pub(super) fn by_handle(&self, handle: u32) -> Option<&Arc<Item>> {
        self.by_handle.get(&handle)
    }

    /// All items, in no order.
    pub(super) fn items(&self) -> impl Iterator<Item = &Arc<Item>> {
        self.by_tag.values()
    }

    /// Items whose node the device does not serve.
    pub(super) fn refused(&self) -> usize {
        self.items().filter(|item| item.refused.load(Ordering::Relaxed)).count()
    }

    /// Takes a new definition; an item that is the same in both stays as it is.
    pub(super) fn change(&mut self, definition: LinkDefinition, connected_tag: TagId, tags: Vec<LinkedTag>) -> Change {
        let session = !same_session(&self.definition, &definition);
        let mut change = Change { session, definition: self.definition != definition, ..Change::default() };
        self.epoch += u64::from(session);
        if self.connected_tag != Some(connected_tag) {
            change.void.extend(self.connected_tag);
            change.connected_tag = Some(connected_tag);
            self.connected_tag = Some(connected_tag);
        }
        // In the order of the tags: what is created together is sent together.
        let wanted: BTreeMap<TagId, LinkedTag> = tags.into_iter().map(|tag| (tag.tag, tag)).collect();
        let mut before = std::mem::take(&mut self.by_tag);
        for tag in wanted.into_values() {
            let node = NodeId::from_str(&tag.node).ok();
            match before.remove(&tag.tag) {
                Some(item)
                    if !session
                        && item.same_values(&tag, node.as_ref())
                        && item.same_acquisition(&tag, &definition) =>
                {
                    self.by_tag.insert(tag.tag, item);
                    continue;
                }
                Some(item) if !session && item.same_values(&tag, node.as_ref()) => self.forget(&item),
                Some(item) => {
                    change.void.insert(tag.tag);
                    self.forget(&item);
                }
                None => change.added.push(tag.tag),
            }
            change.items = true;
            self.insert(&tag, node, &definition);
        }
        for (tag, item) in before {
            change.items = true;
            change.void.insert(tag);
            self.forget(&item);
        }
        self.definition = definition;
        change
    }

    /// Gives tags up, the connection's own included.
    pub(super) fn release(&mut self, tags: &HashSet<TagId>) -> Change {
        let mut change = Change::default();
        for tag in tags {
            if self.connected_tag == Some(*tag) {
                self.connected_tag = None;
                change.void.insert(*tag);
            }
            if let Some(item) = self.by_tag.remove(tag) {
                self.forget(&item);
                change.items = true;
                change.void.insert(*tag);
            }
        }
        change
    }

    fn insert(&mut self, tag: &LinkedTag, node: Option<NodeId>, definition: &LinkDefinition) {
        let item = Arc::new(Item {
            handle: self.next_handle,
            epoch: self.epoch,
            tag: tag.tag,
            data_type: tag.data_type,
            refused: AtomicBool::new(node.is_none()),
            node,
            acquisition: tag.acquisition.at_least_a_millisecond(),
            sampling_ms: definition.sampling_ms,
            queue: definition.queue.max(1),
            node_type: AtomicU8::new(0),
        });
        self.next_handle = self.next_handle.wrapping_add(1).max(1);
        self.by_handle.insert(item.handle, Arc::clone(&item));
        self.by_tag.insert(item.tag, item);
    }

    fn forget(&mut self, item: &Item) {
        self.by_handle.remove(&item.handle);
    }
}

/// Whether a running session serves both. What is not named here needs another one.
fn same_session(old: &LinkDefinition, new: &LinkDefinition) -> bool {
    let LinkDefinition { name, publish_ms, sampling_ms, queue, .. } = new.clone();
    LinkDefinition { name, publish_ms, sampling_ms, queue, ..old.clone() } == *new
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNECTED: TagId = TagId(100);

    fn definition() -> LinkDefinition {
        LinkDefinition::new("plc", "opc.tcp://plc/")
    }

    fn tag(id: u32) -> LinkedTag {
        LinkedTag {
            tag: TagId(id),
            node: format!("ns=2;s={id}"),
            data_type: DataType::Float,
            acquisition: Acquisition::Subscribe { publish_ms: 100 },
        }
    }

    fn polled(id: u32, interval_ms: u32) -> LinkedTag {
        LinkedTag { acquisition: Acquisition::Poll { interval_ms }, ..tag(id) }
    }

    fn handles(roster: &Roster) -> BTreeMap<TagId, u32> {
        roster.items().map(|item| (item.tag, item.handle)).collect()
    }

    fn tags(ids: &[u32]) -> HashSet<TagId> {
        ids.iter().copied().map(TagId).collect()
    }

    #[test]
    fn the_same_definition_and_tags_change_nothing() {
        let mut roster = Roster::new(definition(), CONNECTED, vec![tag(1), polled(2, 0)]);
        let before = handles(&roster);
        assert!(roster.change(definition(), CONNECTED, vec![polled(2, 0), tag(1)]).is_none());
        assert_eq!(handles(&roster), before);
    }

    #[test]
    fn tags_come_and_go_and_the_others_stay_as_they_are() {
        let mut roster = Roster::new(definition(), CONNECTED, vec![tag(1), tag(2)]);
        let before = handles(&roster);
        let change = roster.change(definition(), CONNECTED, vec![tag(2), tag(3)]);
        assert_eq!((change.items, change.session, &change.void), (true, false, &tags(&[1])));
        assert_eq!(change.added, [TagId(3)]);
        assert_eq!(handles(&roster)[&TagId(2)], before[&TagId(2)]);
        assert!(roster.by_handle(before[&TagId(1)]).is_none());
        assert_eq!(roster.len(), 2);
    }

    #[test]
    fn another_way_of_acquisition_is_a_new_item_whose_values_under_way_still_count() {
        let mut roster = Roster::new(definition(), CONNECTED, vec![tag(1), polled(2, 100)]);
        let before = handles(&roster);
        let change = roster.change(definition(), CONNECTED, vec![polled(1, 100), polled(2, 200)]);
        assert_eq!((change.items, change.void.len(), change.added.len()), (true, 0, 0));
        assert!(before.values().all(|handle| roster.by_handle(*handle).is_none()));
    }

    #[test]
    fn another_node_or_type_makes_values_under_way_void() {
        let mut roster = Roster::new(definition(), CONNECTED, vec![tag(1), tag(2)]);
        let moved = LinkedTag { node: "ns=2;s=other".to_owned(), ..tag(1) };
        let retyped = LinkedTag { data_type: DataType::Integer, ..tag(2) };
        assert_eq!(roster.change(definition(), CONNECTED, vec![moved, retyped]).void, tags(&[1, 2]));
    }

    #[test]
    fn another_endpoint_needs_a_session_and_every_item_anew() {
        let mut roster = Roster::new(definition(), CONNECTED, vec![tag(1)]);
        let before = handles(&roster);
        let elsewhere = LinkDefinition { endpoint: "opc.tcp://other/".to_owned(), ..definition() };
        let change = roster.change(elsewhere, CONNECTED, vec![tag(1)]);
        assert_eq!((change.session, change.void, roster.epoch()), (true, tags(&[1]), 1));
        assert!(roster.by_handle(before[&TagId(1)]).is_none());
    }

    #[test]
    fn another_queue_or_sampling_concerns_subscribed_items_alone() {
        let mut roster = Roster::new(definition(), CONNECTED, vec![tag(1), polled(2, 100)]);
        let before = handles(&roster);
        let deeper = LinkDefinition { queue: 7, sampling_ms: 50, ..definition() };
        let change = roster.change(deeper, CONNECTED, vec![tag(1), polled(2, 100)]);
        assert_eq!((change.items, change.session), (true, false));
        let item = roster.item(TagId(1)).unwrap();
        assert_eq!((item.queue, item.sampling_ms), (7, 50));
        assert_eq!(handles(&roster)[&TagId(2)], before[&TagId(2)]);
    }

    #[test]
    fn a_link_may_be_renamed_and_tell_of_itself_by_another_tag() {
        let mut roster = Roster::new(definition(), CONNECTED, vec![tag(1)]);
        let renamed = LinkDefinition { name: "pump house".to_owned(), ..definition() };
        let change = roster.change(renamed, TagId(101), vec![tag(1)]);
        assert_eq!((change.items, change.session, change.definition), (false, false, true));
        assert_eq!((change.connected_tag, change.void), (Some(TagId(101)), tags(&[100])));
    }

    #[test]
    fn released_tags_are_known_no_more() {
        let mut roster = Roster::new(definition(), CONNECTED, vec![tag(1), tag(2)]);
        assert_eq!(roster.release(&tags(&[1, 7, 100])).void, tags(&[1, 100]));
        assert!(roster.item(TagId(1)).is_none() && roster.item(TagId(2)).is_some());
        assert!(roster.release(&tags(&[1, 7, 100])).is_none());
    }

    #[test]
    fn of_several_entries_of_one_tag_the_last_counts_and_a_malformed_address_is_refused() {
        let malformed = LinkedTag { node: "no address".to_owned(), ..tag(1) };
        let roster = Roster::new(definition(), CONNECTED, vec![tag(1), malformed]);
        assert_eq!((roster.len(), roster.refused()), (1, 1));
    }
}
