//! The actor round router and outboxes: alarms in, messages out.

use super::deliver::Courier;
use super::outbox::Outbox;
use super::{
    AbandonQueued, ChannelStatus, DeliveryError, Effect, FlushNotifier, NotificationRecord, NotificationsLogger,
    NotifierStatus, Outgoing, Plan, ReadNotifierStatus, ReadTold, Router, Settled, Status, StoreNotifications, Subject,
    Told,
};
use crate::alarms::{AlarmManager, AlarmState, AlarmStatus, AlarmsChanged, SubscribeAlarms};
use crate::clock::Clock;
use crate::cvt::ReadTags;
use crate::plant::Slot;
use crate::send::{DEADLINE, SendError, ask_recipient};
use actix::{
    Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, MessageResult, Recipient, ResponseFuture, SpawnHandle,
    WrapFuture,
};
use flyball_schema::{AlarmId, TagId};
use futures_util::future::LocalBoxFuture;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How often something inside the plant is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// A message takes no longer, whatever the server does.
const DELIVERY: Duration = Duration::from_secs(60);
/// Records that wait for the database at the most, and in one transaction.
const UNRECORDED: usize = 10_000;
const BATCH: usize = 200;
/// How long a shutdown waits for a message that is under way.
const LAST: Duration = Duration::from_millis(500);
/// Announcements of the alarm manager that may wait; past that it merges them.
const MAILBOX: usize = 64;

type Delivered = LocalBoxFuture<'static, Result<(), DeliveryError>>;
type Deliver = Rc<dyn Fn(Arc<Outgoing>) -> Delivered>;

/// Whom a notifier speaks to.
#[derive(Clone)]
pub struct Neighbours {
    alarms: Recipient<SubscribeAlarms>,
    /// For the areas of tags.
    table: Recipient<ReadTags>,
    /// Made again, the record has another address.
    record: Arc<dyn Fn() -> Record + Send + Sync>,
}

/// The record, as far as a notifier needs it.
#[derive(Clone)]
struct Record {
    store: Recipient<StoreNotifications>,
    told: Recipient<ReadTold>,
    abandon: Recipient<AbandonQueued>,
}

impl std::fmt::Debug for Neighbours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Neighbours").finish_non_exhaustive()
    }
}

impl Neighbours {
    pub(crate) fn new(
        alarms: &Addr<AlarmManager>,
        table: Recipient<ReadTags>,
        record: Slot<NotificationsLogger>,
    ) -> Self {
        let record = move || {
            let record = record.get();
            Record { store: record.clone().recipient(), told: record.clone().recipient(), abandon: record.recipient() }
        };
        Self { alarms: alarms.clone().recipient(), table, record: Arc::new(record) }
    }
}

/// Tells people of alarms by the rules of a plan. **Engine**, a leaf: nobody waits for it.
///
/// * Subscribes itself to the alarms at its start. Announcements are routed in their order.
/// * One message per channel is under way at a time.
pub struct Notifier {
    clock: Clock,
    plan: Arc<Plan>,
    neighbours: Neighbours,
    router: Router,
    outboxes: Vec<Outbox>,
    areas: HashMap<TagId, Option<Arc<str>>>,
    records: VecDeque<NotificationRecord>,
    /// Records that are being written.
    writing: usize,
    record_due: bool,
    status: NotifierStatus,
    timer: Option<SpawnHandle>,
    stopping: bool,
    /// What is still under way is not waited for any more.
    abandoned: bool,
    waiters: Vec<oneshot::Sender<()>>,
    deliver: Option<Deliver>,
}

impl std::fmt::Debug for Notifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notifier").field("plan", &self.plan).field("status", &self.status).finish_non_exhaustive()
    }
}

impl Notifier {
    /// A notifier for the plant of this name.
    #[must_use]
    pub fn new(clock: Clock, plant: &str, plan: Arc<Plan>, neighbours: Neighbours) -> Self {
        let outboxes = (0..plan.channels.len()).map(|n| Outbox::new(plan.queue, n as u64)).collect();
        Self {
            clock,
            router: Router::new(plant, Arc::clone(&plan)),
            plan,
            neighbours,
            outboxes,
            areas: HashMap::new(),
            records: VecDeque::new(),
            writing: 0,
            record_due: true,
            status: NotifierStatus::default(),
            timer: None,
            stopping: false,
            abandoned: false,
            waiters: Vec::new(),
            deliver: None,
        }
    }

    /// What sends a message, on this thread.
    fn courier(&self) -> Deliver {
        let plan = Arc::clone(&self.plan);
        let couriers: Rc<[Courier]> = plan.channels.iter().map(|channel| Courier::of(&channel.transport)).collect();
        Rc::new(move |outgoing| {
            let (plan, couriers) = (Arc::clone(&plan), Rc::clone(&couriers));
            Box::pin(async move {
                let channel = plan.channels.get(outgoing.channel).zip(couriers.get(outgoing.channel));
                let gone = || DeliveryError { reason: "there is no such channel".to_owned(), permanent: true };
                let (channel, courier) = channel.ok_or_else(gone)?;
                courier.send(&channel.transport, &outgoing).await
            })
        })
    }

    /// Takes up the alarms as they stand. Announcements wait meanwhile, so that nothing newer goes before it.
    fn begin(&mut self, ctx: &mut Context<Self>) {
        let neighbours = self.neighbours.clone();
        let me = ctx.address().recipient();
        let start = async move {
            let statuses =
                persist("alarms", || ask_recipient(&neighbours.alarms, SubscribeAlarms(me.clone()), DEADLINE));
            let standing: Vec<AlarmStatus> =
                statuses.await?.into_iter().filter(|status| status.state != AlarmState::Norm).collect();
            let record = neighbours.record;
            let abandon = || async { flat(ask_recipient(&record().abandon, AbandonQueued, DEADLINE).await) };
            persist("record", abandon).await?;
            let occurrences: Vec<_> = standing.iter().map(|status| (status.id, status.occurrence)).collect();
            let mut told: Vec<Told> = Vec::new();
            for page in occurrences.chunks(BATCH) {
                let read = || async { flat(ask_recipient(&record().told, ReadTold(page.to_vec()), DEADLINE).await) };
                told.append(&mut persist("record", read).await?);
            }
            let areas = areas_of(&neighbours.table, &standing).await;
            Some((standing, told, areas))
        };
        ctx.wait(start.into_actor(self).map(|started, this, ctx| {
            let Some((standing, told, areas)) = started else { return };
            this.areas.extend(areas);
            let subjects = standing.into_iter().map(|status| this.subject(status)).collect();
            let effects = this.router.restore(subjects, &told, this.clock.now());
            this.act(effects, ctx);
        }));
    }

    fn subject(&self, status: AlarmStatus) -> Subject {
        let area = self.areas.get(&status.tag).cloned().flatten();
        Subject { status, area }
    }

    fn route(&mut self, changed: &[AlarmStatus], removed: &[AlarmId], ctx: &mut Context<Self>) {
        let now = self.clock.now();
        let mut effects = Vec::new();
        for status in changed {
            if status.state != AlarmState::Norm || self.router.watches(status.id) {
                effects.append(&mut self.router.changed(self.subject(status.clone()), now));
            }
        }
        removed.iter().for_each(|&alarm| self.router.removed(alarm));
        self.act(effects, ctx);
    }

    /// Queues messages, and does all that is due.
    fn act(&mut self, effects: Vec<Effect>, ctx: &mut Context<Self>) {
        for effect in effects {
            match effect {
                Effect::Send(outgoing) => {
                    self.note(&outgoing, Status::Queued, 0, None);
                    let outbox = self.outboxes.get_mut(outgoing.channel);
                    if let Some(dropped) = outbox.and_then(|outbox| outbox.push(outgoing)) {
                        if self.status.dropped == 0 {
                            log::error!(
                                "notifications are dropped: too many wait for {}",
                                dropped.outgoing.channel_name
                            );
                        }
                        self.status.dropped += 1;
                        self.settle(&dropped);
                    }
                }
                Effect::Hold(outgoing) => {
                    self.status.held += 1;
                    self.note(&outgoing, Status::Queued, 0, None);
                }
            }
        }
        self.pump(ctx);
    }

    fn pump(&mut self, ctx: &mut Context<Self>) {
        let now = self.clock.now();
        for channel in 0..self.outboxes.len() {
            self.send(channel, ctx);
        }
        self.write(ctx);
        if self.is_idle() {
            for waiter in self.waiters.drain(..) {
                let _gone = waiter.send(());
            }
        }
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        let outboxes = self.outboxes.iter().filter_map(Outbox::deadline);
        let next = outboxes.chain(self.router.deadline()).min().filter(|_| !self.stopping);
        self.timer = next.map(|next| {
            // A timer has milliseconds; what comes too early is asked again.
            let wait = next.since(now).max(Duration::from_millis(1));
            ctx.run_later(wait, |this, ctx| {
                this.timer = None;
                let effects = this.router.due(this.clock.now());
                this.act(effects, ctx);
            })
        });
    }

    /// Sends the next message of a channel, unless one is under way.
    fn send(&mut self, channel: usize, ctx: &mut Context<Self>) {
        let Some(deliver) = self.deliver.clone().filter(|_| !self.stopping) else { return };
        let now = self.clock.now();
        let Some(outgoing) = self.outboxes.get_mut(channel).and_then(|outbox| outbox.begin(now)) else { return };
        let sending = async move {
            let late = || DeliveryError { reason: "the server did not answer in time".to_owned(), permanent: false };
            tokio::time::timeout(DELIVERY, deliver(outgoing)).await.unwrap_or_else(|_elapsed| Err(late()))
        };
        ctx.spawn(sending.into_actor(self).map(move |outcome, this, ctx| {
            this.ended(channel, outcome);
            this.pump(ctx);
        }));
    }

    fn ended(&mut self, channel: usize, outcome: Result<(), DeliveryError>) {
        let now = self.clock.now();
        let Some(outbox) = self.outboxes.get_mut(channel) else { return };
        let name = self.plan.channels.get(channel).map(|channel| &*channel.name).unwrap_or_default();
        match (&outcome, outbox.error()) {
            (Err(error), None) if !error.permanent => {
                log::error!("notifications by {name} fail, trying again: {error}")
            }
            (Err(error), _) if error.permanent => log::error!("a notification by {name} was refused: {error}"),
            (Ok(()), Some(_)) => log::info!("notifications by {name} are sent again"),
            _ => {}
        }
        if let Some(settled) = outbox.end(outcome, now) {
            match settled.status {
                Status::Sent => self.status.sent += 1,
                Status::Failed | Status::Queued => self.status.failed += 1,
            }
            self.settle(&settled);
        }
    }

    /// Puts the end of a message on record, and of those that it stands for.
    fn settle(&mut self, settled: &Settled) {
        let Settled { outgoing, status, attempts, error } = settled;
        for one in std::iter::once(outgoing).chain(&outgoing.covers) {
            self.note(one, *status, *attempts, error.clone());
        }
    }

    fn note(&mut self, outgoing: &Arc<Outgoing>, status: Status, attempts: u32, error: Option<String>) {
        if self.records.len() >= UNRECORDED + self.writing {
            // That which is being written is taken off the front by its own count.
            self.records.remove(self.writing);
            log::error!("a record of a notification is lost: too many wait for the database");
        }
        self.records.push_back(NotificationRecord { outgoing: Arc::clone(outgoing), status, attempts, error });
    }

    /// Begins to write the oldest records, unless a write is under way or has just failed.
    fn write(&mut self, ctx: &mut Context<Self>) {
        if self.writing > 0 || self.records.is_empty() || !self.record_due {
            return;
        }
        let batch: Vec<NotificationRecord> = self.records.iter().take(BATCH).cloned().collect();
        self.writing = batch.len();
        let store = (self.neighbours.record)().store;
        let write = async move { flat(ask_recipient(&store, StoreNotifications(batch), DEADLINE).await) };
        ctx.spawn(write.into_actor(self).map(|outcome, this, ctx| {
            let written = std::mem::take(&mut this.writing);
            match outcome {
                Ok(()) => {
                    this.records.drain(..written.min(this.records.len()));
                    this.status.record_error = None;
                    this.pump(ctx);
                }
                Err(error) => this.write_failed(error, ctx),
            }
        }));
    }

    fn write_failed(&mut self, error: String, ctx: &mut Context<Self>) {
        if self.status.record_error.is_none() {
            log::error!("the record of notifications cannot be written, trying again: {error}");
        }
        self.status.record_error = Some(error);
        self.record_due = false;
        ctx.run_later(RETRY, |this, ctx| {
            this.record_due = true;
            this.write(ctx);
        });
    }

    fn is_idle(&self) -> bool {
        self.records.is_empty() && (self.abandoned || !self.outboxes.iter().any(Outbox::is_flying))
    }
}

/// Asks again and again until there is an answer; `None` where whom it asks has stopped.
async fn persist<T, E: std::fmt::Display + IsClosed, F: Future<Output = Result<T, E>>>(
    what: &str,
    mut question: impl FnMut() -> F,
) -> Option<T> {
    loop {
        match question().await {
            Ok(answer) => return Some(answer),
            Err(error) if error.is_closed() => return None,
            Err(error) => log::warn!("notifications wait for the {what}: {error}"),
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Whether an error means that asking again is in vain.
trait IsClosed {
    fn is_closed(&self) -> bool;
}

impl IsClosed for SendError {
    fn is_closed(&self) -> bool {
        *self == Self::Closed
    }
}

/// A leaf that has stopped is made again.
impl IsClosed for String {
    fn is_closed(&self) -> bool {
        false
    }
}

fn flat<T, E: std::fmt::Display>(reply: Result<Result<T, E>, SendError>) -> Result<T, String> {
    reply.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

/// Areas of the tags of alarms; of those that can be had.
async fn areas_of(table: &Recipient<ReadTags>, statuses: &[AlarmStatus]) -> HashMap<TagId, Option<Arc<str>>> {
    let mut tags: Vec<TagId> = statuses.iter().map(|status| status.tag).collect();
    tags.sort_unstable();
    tags.dedup();
    let mut areas = HashMap::new();
    for page in tags.chunks(BATCH) {
        if ask_areas(table, page, &mut areas).await {
            continue;
        }
        // One that has gone meanwhile hides the others.
        for tag in page {
            ask_areas(table, std::slice::from_ref(tag), &mut areas).await;
        }
    }
    areas
}

/// Asks for the areas of tags; false where one of them does not exist.
async fn ask_areas(table: &Recipient<ReadTags>, tags: &[TagId], areas: &mut HashMap<TagId, Option<Arc<str>>>) -> bool {
    match ask_recipient(table, ReadTags(tags.to_vec()), DEADLINE).await {
        Ok(Ok(records)) => areas.extend(records.into_iter().map(|tag| (tag.id, tag.definition.area.map(Into::into)))),
        Ok(Err(_unknown)) => return false,
        Err(error) => log::warn!("areas of alarms: {error}"),
    }
    true
}

impl Actor for Notifier {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        if self.plan.rules.is_empty() {
            return;
        }
        if self.deliver.is_none() {
            self.deliver = Some(self.courier());
        }
        self.begin(ctx);
    }
}

impl Handler<AlarmsChanged> for Notifier {
    type Result = ();

    fn handle(&mut self, batch: AlarmsChanged, ctx: &mut Self::Context) {
        let table = self.neighbours.table.clone();
        let look_up = async move {
            let areas = areas_of(&table, &batch.changed).await;
            (batch, areas)
        };
        ctx.wait(look_up.into_actor(self).map(|(batch, areas), this, ctx| {
            this.areas.extend(areas);
            this.route(&batch.changed, &batch.removed, ctx);
        }));
    }
}

impl Handler<ReadNotifierStatus> for Notifier {
    type Result = MessageResult<ReadNotifierStatus>;

    fn handle(&mut self, _: ReadNotifierStatus, _ctx: &mut Self::Context) -> Self::Result {
        let channels = self.plan.channels.iter().zip(&self.outboxes).map(|(channel, outbox)| ChannelStatus {
            name: Arc::clone(&channel.name),
            waiting: outbox.len(),
            error: outbox.error().map(str::to_owned),
        });
        MessageResult(NotifierStatus {
            channels: channels.collect(),
            unrecorded: self.records.len(),
            ..self.status.clone()
        })
    }
}

impl Handler<FlushNotifier> for Notifier {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: FlushNotifier, ctx: &mut Self::Context) -> Self::Result {
        let (done, waits) = oneshot::channel();
        self.stopping = true;
        self.waiters.push(done);
        ctx.run_later(LAST, |this, ctx| {
            this.abandoned = true;
            this.pump(ctx);
        });
        self.pump(ctx);
        Box::pin(async move { waits.await.unwrap_or(()) })
    }
}

#[cfg(test)]
mod tests;
