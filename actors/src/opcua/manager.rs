//! The manager of all links.

use super::field::Field;
use super::link::Link;
use super::{
    AddLink, CloseLinks, DriveOutputs, LinkError, LinkStatus, LinksChanged, ListLinks, OpcUaSettings, RemoveLink,
    SubscribeLinks, UpdateLink, WriteField,
};
use crate::cvt::WriteTags;
use crate::send::{SendError, offer};
use crate::{Clock, ticker};
use actix::{Actor, AsyncContext, Context, Handler, MessageResult, Recipient, ResponseFuture, StreamHandler};
use flyball_schema::{LinkId, Quality, TagId, Value};
use futures_util::future::join_all;
use futures_util::stream;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;
use tokio::time::timeout;

/// Interval at which subscribers are told of counters that have moved.
const COUNTERS: Duration = Duration::from_secs(1);

/// Keeps all links to devices: adds, lists, writes and closes them. **Manager.**
///
/// Sessions run on threads of their own, so that no arbiter waits for decoding; the actor holds the registry.
#[derive(Debug)]
pub struct OpcUaClientManager {
    clock: Clock,
    table: Recipient<WriteTags>,
    settings: OpcUaSettings,
    /// `None` once the actor is dropped.
    runtime: Option<Runtime>,
    links: BTreeMap<LinkId, Link>,
    routes: HashMap<TagId, LinkId>,
    /// Links that are being closed after their removal.
    leaving: Vec<Weak<Field>>,
    subscribers: Vec<Recipient<LinksChanged>>,
    told: Arc<[LinkStatus]>,
    changed: watch::Sender<u64>,
}

impl OpcUaClientManager {
    /// A manager without links, with its threads.
    ///
    /// * `table`: takes the values of devices.
    ///
    /// # Errors
    /// Where the system gives no threads.
    pub fn new(clock: Clock, table: Recipient<WriteTags>, settings: OpcUaSettings) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(settings.threads.max(1))
            .thread_name("opcua")
            .enable_all()
            .build()?;
        Ok(Self {
            clock,
            table,
            settings,
            runtime: Some(runtime),
            links: BTreeMap::new(),
            routes: HashMap::new(),
            leaving: Vec::new(),
            subscribers: Vec::new(),
            told: Arc::default(),
            changed: watch::channel(0).0,
        })
    }

    fn runtime(&self) -> Option<&Handle> {
        self.runtime.as_ref().map(Runtime::handle)
    }

    fn statuses(&self) -> Vec<LinkStatus> {
        self.links.values().map(Link::status).collect()
    }

    /// Tells subscribers where something has moved.
    fn announce(&mut self) {
        let statuses = self.statuses();
        if *statuses == *self.told {
            return;
        }
        self.told = statuses.into();
        let told = &self.told;
        // A subscriber whose mailbox is full is told with the next movement.
        self.subscribers.retain(|subscriber| {
            !matches!(offer(subscriber, LinksChanged(Arc::clone(told))), Err((SendError::Closed, _)))
        });
    }

    /// Makes tags those of a link; other links that have them, or had them and are being closed, say nothing more of them.
    fn claim(&mut self, id: LinkId, connected_tag: TagId, tags: impl Iterator<Item = TagId>) {
        let mut taken: BTreeMap<LinkId, HashSet<TagId>> = BTreeMap::new();
        let mut claimed = HashSet::from([connected_tag]);
        for tag in tags {
            claimed.insert(tag);
            if let Some(other) = self.routes.insert(tag, id).filter(|other| *other != id) {
                taken.entry(other).or_default().insert(tag);
            }
        }
        for (other, tags) in taken {
            if let Some(link) = self.links.get(&other) {
                link.release(&tags);
            }
        }
        self.leaving.retain(|field| field.upgrade().inspect(|field| field.release(&claimed)).is_some());
    }

    /// Values by the link they go to.
    fn route(&self, values: Vec<(TagId, Value)>) -> Result<BTreeMap<LinkId, Vec<(TagId, Value)>>, LinkError> {
        let mut routed: BTreeMap<LinkId, Vec<_>> = BTreeMap::new();
        for (tag, value) in values {
            let link = self.routes.get(&tag).ok_or(LinkError::UnknownTag(tag))?;
            routed.entry(*link).or_default().push((tag, value));
        }
        Ok(routed)
    }
}

impl Drop for OpcUaClientManager {
    fn drop(&mut self) {
        // A runtime may not be waited for on another one's thread.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Actor for OpcUaClientManager {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let movements = stream::unfold(self.changed.subscribe(), |mut changed| async move {
            changed.changed().await.ok().map(|()| (Moved, changed))
        });
        ctx.add_stream(Box::pin(movements));
        ticker::every::<Self, _>(ctx, COUNTERS, |manager, _ctx, _tick| manager.announce());
    }
}

/// The state of a link has changed.
struct Moved;

impl StreamHandler<Moved> for OpcUaClientManager {
    fn handle(&mut self, _moved: Moved, _ctx: &mut Self::Context) {
        self.announce();
    }

    fn finished(&mut self, _ctx: &mut Self::Context) {}
}

impl Handler<AddLink> for OpcUaClientManager {
    type Result = Result<(), LinkError>;

    fn handle(&mut self, link: AddLink, _ctx: &mut Self::Context) -> Self::Result {
        let id = link.id;
        if self.links.contains_key(&id) {
            return Err(LinkError::DuplicateLink(id));
        }
        let Some(runtime) = self.runtime() else {
            return Err(LinkError::NotConnected(link.definition.name));
        };
        let runtime = runtime.clone();
        self.claim(id, link.connected_tag, link.tags.iter().map(|tag| tag.tag));
        let field = Field::new(link, self.clock, self.settings.clone(), self.changed.clone());
        self.links.insert(id, Link::start(field, self.table.clone(), &runtime));
        self.announce();
        Ok(())
    }
}

impl Handler<UpdateLink> for OpcUaClientManager {
    type Result = ResponseFuture<Result<(), LinkError>>;

    /// The change is made when the handler returns; the reply waits for what is under way to the table.
    fn handle(&mut self, update: UpdateLink, _ctx: &mut Self::Context) -> Self::Result {
        let id = update.id;
        if !self.links.contains_key(&id) {
            return Box::pin(async move { Err(LinkError::UnknownLink(id)) });
        }
        let tags: HashSet<TagId> = update.tags.iter().map(|tag| tag.tag).collect();
        self.routes.retain(|tag, link| *link != id || tags.contains(tag));
        self.claim(id, update.connected_tag, tags.into_iter());
        let settled = self.links.get(&id).map(|link| link.update(update));
        self.announce();
        Box::pin(async move {
            if let Some(settled) = settled {
                settled.await;
            }
            Ok(())
        })
    }
}

impl Handler<RemoveLink> for OpcUaClientManager {
    type Result = ResponseFuture<Result<(), LinkError>>;

    fn handle(&mut self, RemoveLink(id): RemoveLink, _ctx: &mut Self::Context) -> Self::Result {
        let Some(link) = self.links.remove(&id) else {
            return Box::pin(async move { Err(LinkError::UnknownLink(id)) });
        };
        self.routes.retain(|_, link| *link != id);
        self.leaving.push(link.field());
        self.announce();
        // In a task of its own: the link is closed even where the caller stops waiting.
        let closing = actix_rt::spawn(link.close(Some(Quality::BAD_NOT_CONNECTED)));
        Box::pin(async move { closing.await.map_err(|_| LinkError::UnknownLink(id)) })
    }
}

impl Handler<ListLinks> for OpcUaClientManager {
    type Result = MessageResult<ListLinks>;

    fn handle(&mut self, _list: ListLinks, _ctx: &mut Self::Context) -> Self::Result {
        MessageResult(self.statuses())
    }
}

impl Handler<WriteField> for OpcUaClientManager {
    type Result = ResponseFuture<Result<(), LinkError>>;

    /// Requests to several links run at the same time; those to one link in order.
    fn handle(&mut self, WriteField(values): WriteField, _ctx: &mut Self::Context) -> Self::Result {
        let routed = match self.route(values) {
            Ok(routed) => routed,
            Err(error) => return Box::pin(async move { Err(error) }),
        };
        // One answer to a question about types, one to the write.
        let patience = self.settings.request_timeout * 2 + Duration::from_secs(1);
        let mut outcomes = Vec::with_capacity(routed.len());
        for (id, values) in routed {
            let Some(link) = self.links.get(&id) else { continue };
            let name = link.status().name;
            outcomes.push((name, link.write(values)));
        }
        Box::pin(async move {
            let mut first = Ok(());
            for (name, outcome) in outcomes {
                let outcome = match outcome {
                    Ok(outcome) => match timeout(patience, outcome).await {
                        Ok(Ok(outcome)) => outcome,
                        Ok(Err(_closed)) => Err(LinkError::NotConnected(name)),
                        Err(_elapsed) => Err(LinkError::Deadline(name)),
                    },
                    Err(error) => Err(error),
                };
                first = first.and(outcome);
            }
            first
        })
    }
}

impl Handler<DriveOutputs> for OpcUaClientManager {
    type Result = ();

    fn handle(&mut self, DriveOutputs(values): DriveOutputs, _ctx: &mut Self::Context) {
        for (tag, value) in values {
            match self.routes.get(&tag).and_then(|id| self.links.get(id)) {
                Some(link) => link.drive([(tag, value)]),
                None => log::warn!("output for tag {tag}, which is on no link"),
            }
        }
    }
}

impl Handler<SubscribeLinks> for OpcUaClientManager {
    type Result = MessageResult<SubscribeLinks>;

    fn handle(&mut self, SubscribeLinks(subscriber): SubscribeLinks, _ctx: &mut Self::Context) -> Self::Result {
        self.subscribers.push(subscriber);
        MessageResult(self.statuses())
    }
}

impl Handler<CloseLinks> for OpcUaClientManager {
    type Result = ResponseFuture<()>;

    /// The tags keep the quality they have: the plant is going down, the devices are not.
    fn handle(&mut self, _close: CloseLinks, _ctx: &mut Self::Context) -> Self::Result {
        self.routes.clear();
        let links = std::mem::take(&mut self.links);
        let closing = actix_rt::spawn(join_all(links.into_values().map(|link| link.close(None))));
        Box::pin(async move {
            if closing.await.is_err() {
                log::error!("links were not closed in order");
            }
        })
    }
}
