//! The live feed of a plant as a pure object: boards, clients, and what each client is sent when.

use super::board::{ItemBoard, TagBoard, Version};
use super::client::{Client, MAX_SUBSCRIPTIONS, Outlet, STALL_LIMIT, Source, Subscription};
use super::protocol::{self, ItemTopic, Refused, Subscribe, Topic};
use crate::problem::Problem;
use actix_web::http::StatusCode;
use bytestring::ByteString;
use flyball::configuration::PlantChanged;
use flyball::cvt::{TagChange, TagRecord};
use flyball::schema::TagId;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// Identity of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(u64);

/// The live feed: newest state and clients.
#[derive(Debug)]
pub struct Feed<O> {
    version: Version,
    tags: TagBoard,
    items: BTreeMap<ItemTopic, ItemBoard>,
    clients: BTreeMap<ClientId, Client<O>>,
    next_client: u64,
    stall_limit: Duration,
}

impl<O: Outlet> Default for Feed<O> {
    fn default() -> Self {
        Self {
            version: 0,
            tags: TagBoard::default(),
            items: BTreeMap::new(),
            clients: BTreeMap::new(),
            next_client: 0,
            stall_limit: STALL_LIMIT,
        }
    }
}

/// Bodies and frames of one flush, each rendered once.
#[derive(Default)]
struct Rendered {
    bodies: HashMap<(Source, Version), Option<String>>,
    frames: HashMap<(Source, Version, u64), ByteString>,
}

impl<O: Outlet> Feed<O> {
    /// Lets a client go whose outlet has taken nothing for `limit`.
    #[must_use]
    pub fn with_stall_limit(mut self, limit: Duration) -> Self {
        self.stall_limit = limit;
        self
    }

    /// Takes tags that exist with their state.
    pub fn learn_tags(&mut self, records: &[TagRecord]) {
        self.version += 1;
        for record in records {
            self.tags.learn(record.id, &record.definition.name, record.state.clone(), self.version);
        }
    }

    /// Takes changes of tags; returns the tags that are not known.
    pub fn change_tags(&mut self, changes: &[TagChange]) -> Vec<TagId> {
        self.version += 1;
        let version = self.version;
        changes.iter().filter(|change| !self.tags.change(change, version)).map(|change| change.tag).collect()
    }

    /// Takes what became of tags; returns those whose state is still to be learned. Subscriptions to any of them are told
    /// everything anew.
    pub fn change_plant(&mut self, change: &PlantChanged) -> Vec<TagId> {
        self.version += 1;
        self.tags.forget(&change.removed, self.version);
        let mut unknown = self.tags.announce(&change.added, self.version);
        unknown.extend(self.tags.rename(&change.renamed, self.version));
        unknown
    }

    /// Takes items of a topic as JSON. With `complete` items that are not among them are told as removed.
    pub fn change_items(&mut self, topic: ItemTopic, items: Vec<(u32, String)>, complete: bool) {
        let board = self.items.entry(topic).or_default();
        let next = self.version + 1;
        let mut changed = false;
        if complete {
            let ids: Vec<u32> = items.iter().map(|(id, _)| *id).collect();
            changed = board.keep(&ids, next);
        }
        for (id, json) in items {
            changed |= board.change(id, json, next);
        }
        if changed {
            self.version = next;
        }
    }

    /// Items of a topic are no more.
    pub fn remove_items(&mut self, topic: ItemTopic, ids: &[u32]) {
        let (board, next) = (self.items.entry(topic).or_default(), self.version + 1);
        let gone = ids.iter().filter(|id| board.remove(**id, next)).count();
        if gone > 0 {
            self.version = next;
        }
    }

    /// Takes a client in.
    pub fn connect(&mut self, outlet: O) -> ClientId {
        let id = ClientId(self.next_client);
        self.next_client += 1;
        self.clients.insert(id, Client::new(outlet));
        id
    }

    /// Lets a client go; its outlet, where it was there.
    pub fn disconnect(&mut self, id: ClientId) -> Option<O> {
        let client = self.clients.remove(&id)?;
        for subscription in client.subscriptions.values() {
            self.leave(subscription.source);
        }
        Some(client.outlet)
    }

    /// Lets all clients go.
    pub fn disconnect_all(&mut self) -> Vec<O> {
        let ids: Vec<ClientId> = self.clients.keys().copied().collect();
        ids.into_iter().filter_map(|id| self.disconnect(id)).collect()
    }

    /// Clients there are.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.clients.len()
    }

    /// Whether anybody is subscribed to a topic.
    #[must_use]
    pub fn is_wanted(&self, topic: ItemTopic) -> bool {
        let mut subscriptions = self.clients.values().flat_map(|client| client.subscriptions.values());
        subscriptions.any(|subscription| subscription.source == Source::Items(topic))
    }

    /// Begins a subscription; the answer is its snapshot.
    ///
    /// # Errors
    /// `duplicate_subscription`, `too_many_subscriptions`.
    pub fn subscribe(&mut self, id: ClientId, wish: &Subscribe) -> Result<ByteString, Refused> {
        let refused = |problem| Refused { id: Some(wish.id), problem };
        let client = self.clients.get(&id).ok_or_else(|| refused(Problem::unavailable("the socket is closing")))?;
        if client.subscriptions.contains_key(&wish.id) {
            return Err(refused(protocol::duplicate_subscription(wish.id)));
        }
        if client.subscriptions.len() >= MAX_SUBSCRIPTIONS {
            let detail = format!("a client has {MAX_SUBSCRIPTIONS} subscriptions at the most");
            return Err(refused(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_subscriptions", detail)));
        }
        let (source, body) = match wish.topic {
            Topic::Items(topic) => (Source::Items(topic), self.items.entry(topic).or_default().snapshot()),
            Topic::Tags => {
                let group = self.tags.join(&wish.selection);
                let body = self.tags.snapshot(group).map_err(|error| refused(Problem::internal(&error)))?;
                (Source::Tags(group), body)
            }
        };
        if let Some(client) = self.clients.get_mut(&id) {
            client.subscriptions.insert(wish.id, Subscription::new(source, self.version, wish.interval));
        }
        Ok(protocol::snapshot(wish.id, self.version, &body))
    }

    /// Ends a subscription; nothing happens where there is none.
    ///
    /// # Errors
    /// `unknown_subscription`.
    pub fn unsubscribe(&mut self, id: ClientId, message: u64, sub: u64) -> Result<ByteString, Refused> {
        let ended = self.clients.get_mut(&id).and_then(|client| client.subscriptions.remove(&sub));
        let ended = ended.ok_or_else(|| Refused {
            id: Some(message),
            problem: Problem::unknown("subscription", format!("unknown subscription {sub}")),
        })?;
        self.leave(ended.source);
        Ok(protocol::unsubscribed(message, sub))
    }

    /// Gives credit back. An acknowledgement that comes after the end of its subscription is passed over.
    pub fn acknowledge(&mut self, id: ClientId, sub: u64, seq: Version) {
        let subscription = self.clients.get_mut(&id).and_then(|client| client.subscriptions.get_mut(&sub));
        if let Some(subscription) = subscription {
            subscription.acknowledge(seq);
        }
    }

    /// Sends every client what it is owed and may be sent at `now`. Returns the clients that have gone or whose
    /// outlet has taken nothing for too long.
    pub fn flush(&mut self, now: Duration) -> Vec<ClientId> {
        let Self { version, tags, items, clients, stall_limit, .. } = self;
        let mut rendered = Rendered::default();
        let mut over = Vec::new();
        for (id, client) in clients.iter_mut() {
            client.look(now);
            let Client { outlet, subscriptions, .. } = client;
            let owed = subscriptions.iter_mut().filter(|(_, sub)| sub.since < *version && sub.is_due(now));
            for (number, subscription) in owed {
                if !outlet.has_room() {
                    break;
                }
                let anew = is_anew(subscription, tags);
                match rendered.frame(subscription, *number, *version, tags, items) {
                    Ok(Some(frame)) => {
                        if anew {
                            subscription.resynced(*version, now);
                        } else {
                            subscription.sent(*version, now);
                        }
                        outlet.put(frame);
                    }
                    Ok(None) => subscription.since = *version,
                    Err(error) => log::error!("a live frame could not be written: {error}"),
                }
            }
            if client.outlet.is_gone() || client.is_stalled(now, *stall_limit) {
                over.push(*id);
            }
        }
        over
    }

    fn leave(&mut self, source: Source) {
        if let Source::Tags(group) = source {
            self.tags.leave(group);
        }
    }
}

impl Rendered {
    /// The delta of a subscription up to `version`, or all of it anew; none where nothing of its source has changed.
    fn frame(
        &mut self,
        subscription: &Subscription,
        number: u64,
        version: Version,
        tags: &TagBoard,
        items: &BTreeMap<ItemTopic, ItemBoard>,
    ) -> Result<Option<ByteString>, serde_json::Error> {
        let anew = is_anew(subscription, tags);
        // Who is told everything is told the same, since whenever.
        let (source, since) = (subscription.source, if anew { 0 } else { subscription.since });
        if let Some(frame) = self.frames.get(&(source, since, number)) {
            return Ok(Some(frame.clone()));
        }
        let body = match self.bodies.entry((source, since)) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(place) => place.insert(body(source, since, anew, tags, items)?),
        };
        let Some(body) = body else { return Ok(None) };
        let write = if anew { protocol::resync } else { protocol::delta };
        let frame = write(number, version, body);
        self.frames.insert((source, since, number), frame.clone());
        Ok(Some(frame))
    }
}

fn is_anew(subscription: &Subscription, tags: &TagBoard) -> bool {
    matches!(subscription.source, Source::Tags(group) if tags.is_anew(group, subscription.since))
}

fn body(
    source: Source,
    since: Version,
    anew: bool,
    tags: &TagBoard,
    items: &BTreeMap<ItemTopic, ItemBoard>,
) -> Result<Option<String>, serde_json::Error> {
    match source {
        Source::Tags(group) if anew => tags.snapshot(group).map(Some),
        Source::Tags(group) => tags.delta(group, since),
        Source::Items(topic) => Ok(items.get(&topic).and_then(|board| board.delta(since))),
    }
}

#[cfg(test)]
mod tests;
