//! The one live feed of a plant. **Worker** with a ticker.

use super::client::Outlet;
use super::feed::{ClientId, Feed};
use super::protocol::{self, ItemTopic, Refused, Request, Subscribe, Topic};
use super::source::{self, Item};
use crate::problem::Problem;
use actix::{
    Actor, ActorFutureExt as _, AsyncContext as _, Context, ContextFutureSpawner as _, Handler, Message, MessageResult,
    ResponseFuture, WrapFuture as _,
};
use actix_ws::{CloseCode, CloseReason};
use bytestring::ByteString;
use flyball::alarms::{AlarmStatus, AlarmsChanged, SubscribeAlarms};
use flyball::configuration::{PlantChanged, SubscribePlant};
use flyball::cvt::{self, Cvt, CvtError, Delivery, ListTags, ReadTags, TagRecord, TagsChanged};
use flyball::machines::{MachinesChanged, SubscribeMachines};
use flyball::opcua::{LinksChanged, SubscribeLinks};
use flyball::plant::Plant;
use flyball::schema::TagId;
use flyball::send::{DEADLINE, SendError, ask};
use flyball::ticker;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Frames that wait for a socket at the most.
pub const QUEUE: usize = 8;
/// Clients at the most.
pub const MAX_CLIENTS: usize = 2_000;

/// How often clients are sent what they are owed.
const TICK: Duration = Duration::from_millis(50);
/// The table tells of changes no faster than this.
const CHANGES_INTERVAL: Duration = Duration::from_millis(100);
/// Messages that wait for the hub at the most.
const MAILBOX: usize = 1_024;
/// Tags that are asked for at a time.
const TAG_PAGE: usize = 500;
/// How long a shutdown waits for sockets to say good-bye.
const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

/// Keeps the live feed: takes what the plant announces, and sends each client what it is owed.
pub struct LiveHub {
    plant: Plant,
    feed: Feed<Socket>,
    polls: BTreeMap<ItemTopic, Poll>,
    closing: bool,
}

/// Reading of a topic that is not announced.
#[derive(Default)]
struct Poll {
    under_way: bool,
    /// Something was announced meanwhile, so it is read once more.
    again: bool,
    last: Option<Duration>,
    /// Subscriptions that wait for the first items.
    waiting: Vec<(ClientId, Subscribe, oneshot::Sender<ByteString>)>,
}

/// The hub's end of a socket.
#[derive(Debug)]
pub struct Socket {
    /// Takes frames.
    pub frames: mpsc::Sender<ByteString>,
    /// Takes the order to close.
    pub close: oneshot::Sender<CloseOrder>,
}

/// The order to close a socket.
#[derive(Debug)]
pub struct CloseOrder {
    /// What the client is told.
    pub reason: CloseReason,
    /// Dropped when the client has been told.
    pub told: Option<mpsc::Sender<()>>,
}

impl Outlet for Socket {
    fn has_room(&self) -> bool {
        self.frames.capacity() > 0
    }
    fn is_gone(&self) -> bool {
        self.frames.is_closed()
    }
    fn put(&mut self, frame: ByteString) {
        // Only the hub puts, so the room that it saw is still there; a socket that has gone meanwhile needs nothing.
        let _gone = self.frames.try_send(frame);
    }
}

impl std::fmt::Debug for LiveHub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveHub").field("clients", &self.feed.clients()).finish_non_exhaustive()
    }
}

impl LiveHub {
    /// The hub of a plant; a client whose socket takes nothing for `stall_limit` is let go.
    #[must_use]
    pub fn new(plant: Plant, stall_limit: Duration) -> Self {
        Self { plant, feed: Feed::default().with_stall_limit(stall_limit), polls: BTreeMap::new(), closing: false }
    }

    fn now(&self) -> Duration {
        self.plant.clock().uptime()
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        let now = self.now();
        for client in self.feed.flush(now) {
            let Some(socket) = self.feed.disconnect(client) else { continue };
            if !socket.is_gone() {
                log::info!("a client of the live feed is let go: its socket does not drain");
            }
            let reason = reason(CloseCode::Policy, "the socket does not drain");
            let _gone = socket.close.send(CloseOrder { reason, told: None });
        }
        for topic in ItemTopic::ALL {
            let due =
                |period| self.polls.get(&topic).and_then(|poll| poll.last).is_none_or(|last| now >= last + period);
            if source::period(topic).is_some_and(due) && self.feed.is_wanted(topic) {
                self.poll(topic, ctx);
            }
        }
    }

    /// Reads a topic, unless that is under way.
    fn poll(&mut self, topic: ItemTopic, ctx: &mut Context<Self>) {
        let now = self.now();
        let poll = self.polls.entry(topic).or_default();
        if poll.under_way {
            return;
        }
        poll.under_way = true;
        poll.last = Some(now);
        let plant = self.plant.clone();
        async move { source::read(&plant, topic).await }
            .into_actor(self)
            .map(move |items, hub, ctx| hub.polled(topic, items, ctx))
            .spawn(ctx);
    }

    /// Something of a topic has changed: it is read now, or again where that is under way.
    fn announced(&mut self, topic: ItemTopic, ctx: &mut Context<Self>) {
        if !self.feed.is_wanted(topic) {
            return;
        }
        let poll = self.polls.entry(topic).or_default();
        poll.again = poll.under_way;
        self.poll(topic, ctx);
    }

    fn polled(&mut self, topic: ItemTopic, items: Result<Vec<Item>, Problem>, ctx: &mut Context<Self>) {
        let poll = self.polls.entry(topic).or_default();
        poll.under_way = false;
        let again = std::mem::take(&mut poll.again);
        let waiting = std::mem::take(&mut poll.waiting);
        let failure = match items {
            Ok(items) => {
                self.feed.change_items(topic, items, true);
                None
            }
            Err(problem) => Some(problem),
        };
        for (client, wish, reply) in waiting {
            let frame = match &failure {
                None => self.feed.subscribe(client, &wish),
                Some(problem) => Err(Refused { id: Some(wish.id), problem: problem.clone() }),
            };
            // Where the socket has gone nobody waits for the answer.
            let _gone = reply.send(frame.unwrap_or_else(|refused| protocol::error(&refused)));
        }
        if again {
            self.poll(topic, ctx);
        }
    }

    fn alarms_changed(&mut self, alarms: &[AlarmStatus]) {
        match source::alarms(alarms) {
            Ok(items) => self.feed.change_items(ItemTopic::Alarms, items, false),
            Err(problem) => log::error!("alarms could not be told to the live feed: {problem}"),
        }
    }

    /// Answers a message of a client; none where it needs no answer, later where it has to be read first.
    fn answer(&mut self, client: ClientId, request: Request, ctx: &mut Context<Self>) -> Answer {
        let frame = match request {
            Request::Ack { sub, seq } => {
                self.feed.acknowledge(client, sub, seq);
                return Answer::None;
            }
            Request::Hello { id } => protocol::hello(id, self.plant.epoch(), self.plant.clock().now())
                .map_err(|error| Refused { id: Some(id), problem: Problem::internal(&error) }),
            Request::Unsubscribe { id, sub } => self.feed.unsubscribe(client, id, sub),
            Request::Subscribe(wish) => match wish.topic {
                Topic::Items(topic) if source::period(topic).is_some() => {
                    return self.subscribe_later(client, topic, wish, ctx);
                }
                _ => self.feed.subscribe(client, &wish),
            },
        };
        Answer::Now(frame.unwrap_or_else(|refused| protocol::error(&refused)))
    }

    /// Subscribes to a topic that has to be read first.
    fn subscribe_later(
        &mut self,
        client: ClientId,
        topic: ItemTopic,
        wish: Subscribe,
        ctx: &mut Context<Self>,
    ) -> Answer {
        let (reply, later) = oneshot::channel();
        self.polls.entry(topic).or_default().waiting.push((client, wish, reply));
        self.poll(topic, ctx);
        Answer::Later(later)
    }

    /// Reads tags that exist without their state being known.
    fn learn(&mut self, ids: Vec<TagId>, ctx: &mut Context<Self>) {
        let plant = self.plant.clone();
        async move { read_present(plant.cvt(), ids).await }
            .into_actor(self)
            .map(|reply, hub, _| match reply {
                Ok(Ok(records)) => hub.feed.learn_tags(&records),
                Ok(Err(error)) => log::warn!("the live feed could not read new tags: {error}"),
                Err(error) => log::warn!("the live feed could not read new tags: {error}"),
            })
            .spawn(ctx);
    }
}

enum Answer {
    None,
    Now(ByteString),
    Later(oneshot::Receiver<ByteString>),
}

/// What a client is told at the end.
#[must_use]
pub fn reason(code: CloseCode, description: &str) -> CloseReason {
    CloseReason { code, description: Some(description.to_owned()) }
}

/// What the hub knows before its first client.
struct Beginning {
    tags: Vec<TagRecord>,
    alarms: Vec<AlarmStatus>,
}

/// Reads those of the tags that there are; one that is gone by now does not keep the others from being read.
async fn read_present(
    cvt: &actix::Addr<Cvt>,
    mut ids: Vec<TagId>,
) -> Result<Result<Vec<TagRecord>, CvtError>, SendError> {
    loop {
        match ask(cvt, ReadTags(ids.clone()), DEADLINE).await? {
            Err(CvtError::UnknownTag(gone)) if ids.contains(&gone) => ids.retain(|id| *id != gone),
            answer => return Ok(answer),
        }
    }
}

async fn begin(plant: Plant, hub: actix::Addr<LiveHub>) -> Result<Beginning, SendError> {
    let delivery = Delivery::Latest { tags: None, interval: CHANGES_INTERVAL };
    let subscribe = cvt::Subscribe { name: "live feed".to_owned(), recipient: hub.clone().recipient(), delivery };
    ask(plant.cvt(), subscribe, DEADLINE).await?;
    ask(plant.configuration(), SubscribePlant(hub.clone().recipient()), DEADLINE).await?;
    let alarms = ask(plant.alarms(), SubscribeAlarms(hub.clone().recipient()), DEADLINE).await?;
    ask(plant.links(), SubscribeLinks(hub.clone().recipient()), DEADLINE).await?;
    // The machines themselves are read when somebody asks for them.
    let _machines_now = ask(plant.machines(), SubscribeMachines(hub.recipient()), DEADLINE).await?;
    let mut tags: Vec<TagRecord> = Vec::new();
    loop {
        let after = tags.last().map(|tag| tag.id);
        let page = ask(plant.cvt(), ListTags { after, limit: TAG_PAGE, ..ListTags::default() }, DEADLINE).await?;
        let more = page.len() == TAG_PAGE;
        tags.extend(page);
        if !more {
            return Ok(Beginning { tags, alarms });
        }
    }
}

impl Actor for LiveHub {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        // No message is handled before the first state is known.
        begin(self.plant.clone(), ctx.address())
            .into_actor(self)
            .map(|beginning, hub, _| match beginning {
                Ok(Beginning { tags, alarms }) => {
                    hub.feed.learn_tags(&tags);
                    hub.alarms_changed(&alarms);
                }
                Err(error) => {
                    log::error!("the live feed could not begin: {error}");
                    hub.closing = true;
                }
            })
            .wait(ctx);
        ticker::every::<Self, _>(ctx, TICK, |hub, ctx, _| hub.tick(ctx));
    }
}

impl Handler<TagsChanged> for LiveHub {
    type Result = ();

    fn handle(&mut self, message: TagsChanged, ctx: &mut Self::Context) {
        let unknown = self.feed.change_tags(&message.changes);
        if !unknown.is_empty() {
            self.learn(unknown, ctx);
        }
    }
}

impl Handler<PlantChanged> for LiveHub {
    type Result = ();

    fn handle(&mut self, message: PlantChanged, ctx: &mut Self::Context) {
        let unknown = self.feed.change_plant(&message);
        if !unknown.is_empty() {
            self.learn(unknown, ctx);
        }
    }
}

impl Handler<AlarmsChanged> for LiveHub {
    type Result = ();

    fn handle(&mut self, message: AlarmsChanged, _: &mut Self::Context) {
        self.alarms_changed(&message.changed);
        let removed: Vec<u32> = message.removed.iter().map(|id| id.0).collect();
        self.feed.remove_items(ItemTopic::Alarms, &removed);
    }
}

impl Handler<LinksChanged> for LiveHub {
    type Result = ();

    fn handle(&mut self, _: LinksChanged, ctx: &mut Self::Context) {
        self.announced(ItemTopic::Links, ctx);
    }
}

impl Handler<MachinesChanged> for LiveHub {
    type Result = ();

    fn handle(&mut self, _: MachinesChanged, ctx: &mut Self::Context) {
        self.announced(ItemTopic::Machines, ctx);
    }
}

/// Takes a client in.
///
/// * Errors: `unavailable` while closing, `busy` with [`MAX_CLIENTS`].
#[derive(Debug, Message)]
#[rtype(result = "Result<ClientId, Problem>")]
pub struct Connect(pub Socket);

impl Handler<Connect> for LiveHub {
    type Result = Result<ClientId, Problem>;

    fn handle(&mut self, message: Connect, _: &mut Self::Context) -> Self::Result {
        if self.closing {
            return Err(Problem::unavailable("the live feed is closed"));
        }
        if self.feed.clients() >= MAX_CLIENTS {
            return Err(Problem::busy(format!("{MAX_CLIENTS} clients are connected already")));
        }
        Ok(self.feed.connect(message.0))
    }
}

/// A message of a client. Reply: the frame to answer, if any.
///
/// * Ordering: the answer to a subscription is handed out before any delta of it is queued.
#[derive(Debug, Message)]
#[rtype(result = "Option<ByteString>")]
pub struct FromClient(pub ClientId, pub Request);

impl Handler<FromClient> for LiveHub {
    type Result = ResponseFuture<Option<ByteString>>;

    fn handle(&mut self, FromClient(client, request): FromClient, ctx: &mut Self::Context) -> Self::Result {
        let answer = self.answer(client, request, ctx);
        Box::pin(async move {
            match answer {
                Answer::None => None,
                Answer::Now(frame) => Some(frame),
                Answer::Later(frame) => frame.await.ok(),
            }
        })
    }
}

/// A client has gone.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Disconnect(pub ClientId);

impl Handler<Disconnect> for LiveHub {
    type Result = ();

    fn handle(&mut self, message: Disconnect, _: &mut Self::Context) {
        drop(self.feed.disconnect(message.0));
    }
}

/// Closes every socket with code 1001 and takes no more. Reply: how many there were, once all are told or two seconds
/// have passed.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "usize")]
pub struct CloseSockets;

impl Handler<CloseSockets> for LiveHub {
    type Result = ResponseFuture<usize>;

    fn handle(&mut self, _: CloseSockets, _: &mut Self::Context) -> Self::Result {
        self.closing = true;
        let (told, mut all_told) = mpsc::channel(1);
        let sockets = self.feed.disconnect_all();
        let count = sockets.len();
        for socket in sockets {
            let reason = reason(CloseCode::Away, "the plant is shutting down");
            let _gone = socket.close.send(CloseOrder { reason, told: Some(told.clone()) });
        }
        drop(told);
        Box::pin(async move {
            if tokio::time::timeout(CLOSE_DEADLINE, all_told.recv()).await.is_err() {
                log::warn!("not every socket of the live feed could be told to close");
            }
            count
        })
    }
}

/// How many clients there are.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "usize")]
pub struct CountClients;

impl Handler<CountClients> for LiveHub {
    type Result = MessageResult<CountClients>;

    fn handle(&mut self, _: CountClients, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.feed.clients())
    }
}
