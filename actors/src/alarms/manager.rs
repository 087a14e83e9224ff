//! The actor round the registry: moves changes in, transitions and announcements out.

use super::announce::Subscribers;
use super::backlog::Backlog;
use super::registry::{AlarmEffect, Changed, Registry, ShelfLimits};
use super::waiters::{Patience, Waiters};
use super::{
    AcknowledgeAlarm, AlarmCommand, AlarmCounts, AlarmError, AlarmManagerStatus, AlarmStatus, AlarmsChanged,
    ChangeAlarms, CommandAlarm, CountAlarms, CreateAlarms, FlushAlarms, ListAlarms, ListTagUses, ReadAlarm,
    ReadAlarmManagerStatus, RenameTags, StoreTransitions, SubscribeAlarms,
};
use crate::clock::Clock;
use crate::cvt::{Snapshot, TagChange, TagsChanged};
use crate::db::DbError;
use crate::send::{DEADLINE, SendError, ask_recipient};
use crate::ticker;
use actix::{
    Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, MessageResult, Recipient, ResponseFuture,
    SpawnHandle, WrapFuture,
};
use flyball_schema::{AlarmId, Timestamp};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// How often a failed write is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// How often a subscriber whose mailbox was full is tried again.
const CATCH_UP: Duration = Duration::from_millis(20);

/// How long a write may take before it counts as failed: less than [`DEADLINE`], so that whoever acknowledges hears it.
const WRITE_DEADLINE: Duration = Duration::from_secs(3);

/// Transitions in one transaction: some milliseconds, for which an acknowledge in a flood has to wait.
const WRITE_BATCH: usize = 512;

/// Transitions that wait for the database at the most; about 300 bytes each.
const BACKLOG: usize = 250_000;

/// Changes and effects after which a handler makes way for other messages: about 200 µs each.
const STEP_CHANGES: usize = 16_384;
const STEP_EFFECTS: usize = 128;

/// Mailbox: the table's credit, and requests of every HTTP worker.
const MAILBOX: usize = 256;

/// Keeps the registry of alarms, evaluates them, journals and announces what happens. **Manager.**
///
/// * Changes come as [`TagsChanged`], with delivery *every*. They are evaluated in order; a batch that moves many alarms
///   is evaluated in steps, between which other messages are handled.
/// * A transition stands in memory and is announced at once; it is written behind, in order, and tried again until it is
///   durable.
/// * All handlers are synchronous but for their reply, so the mailbox serializes them.
#[derive(Debug)]
pub struct AlarmManager {
    clock: Clock,
    journal: Recipient<StoreTransitions>,
    table: Option<Recipient<Snapshot>>,
    registry: Registry,
    work: VecDeque<Work>,
    backlog: Backlog,
    waiters: Waiters,
    subscribers: Subscribers,
    catching_up: bool,
    journal_error: Option<String>,
    lost_changes: u64,
    has_changes: bool,
    resync_due: bool,
    /// When the timer wakes the manager.
    waking: Option<Timestamp>,
    timer: Option<SpawnHandle>,
}

/// Changes that are being evaluated; the message is kept for its credit.
#[derive(Debug)]
struct Work {
    changes: Arc<[TagChange]>,
    done: usize,
    _message: Option<TagsChanged>,
}

impl AlarmManager {
    /// A manager without alarms that writes its journal by `journal`, the [`AlarmsLogger`](super::AlarmsLogger).
    #[must_use]
    pub fn new(clock: Clock, journal: Recipient<StoreTransitions>) -> Self {
        Self {
            clock,
            journal,
            table: None,
            registry: Registry::default(),
            work: VecDeque::new(),
            backlog: Backlog::new(BACKLOG),
            waiters: Waiters::default(),
            subscribers: Subscribers::default(),
            catching_up: false,
            journal_error: None,
            lost_changes: 0,
            has_changes: false,
            resync_due: false,
            waking: None,
            timer: None,
        }
    }

    /// Asks `table` for a snapshot after changes were lost, and for alarms created in a running plant.
    #[must_use]
    pub fn with_table(mut self, table: Recipient<Snapshot>) -> Self {
        self.table = Some(table);
        self
    }

    /// Sets how long alarms may be shelved.
    #[must_use]
    pub fn with_shelf_limits(mut self, limits: ShelfLimits) -> Self {
        self.registry.set_shelf_limits(limits);
        self
    }

    /// Keeps at most `transitions` that are not durable yet; past that the oldest are dropped and counted.
    #[must_use]
    pub fn with_backlog(mut self, transitions: usize) -> Self {
        self.backlog = Backlog::new(transitions);
        self
    }

    fn enqueue(&mut self, changes: Arc<[TagChange]>, message: Option<TagsChanged>, ctx: &mut Context<Self>) {
        self.work.push_back(Work { changes, done: 0, _message: message });
        // With older work left, a step is under way already.
        if self.work.len() == 1 {
            self.step(ctx);
        }
    }

    /// Evaluates a piece of the oldest work, and comes back for the rest behind what is in the mailbox.
    fn step(&mut self, ctx: &mut Context<Self>) {
        self.evaluate_piece(ctx);
        if !self.work.is_empty() {
            ctx.notify(Continue);
        }
    }

    fn evaluate_piece(&mut self, ctx: &mut Context<Self>) {
        let Some(work) = self.work.front_mut() else { return };
        let rest = work.changes.get(work.done..).unwrap_or_default();
        let piece = &rest[..rest.len().min(STEP_CHANGES)];
        let evaluation = self.registry.evaluate(piece, self.clock.now(), STEP_EFFECTS);
        work.done += evaluation.consumed;
        if work.done >= work.changes.len() {
            self.work.pop_front();
        }
        self.publish(evaluation.effects, Vec::new(), ctx);
    }

    /// Queues transitions for the journal and announces every effect, and behind them what was removed.
    fn publish(&mut self, effects: Vec<AlarmEffect>, removed: Vec<AlarmId>, ctx: &mut Context<Self>) {
        let mut statuses = Vec::with_capacity(effects.len());
        for effect in effects {
            if !effect.is_quiet {
                statuses.push(effect.status);
            }
            let dropped = effect.record.and_then(|record| self.backlog.push(record).dropped);
            if let Some(number) = dropped {
                self.waiters.dropped(number);
            }
        }
        // While writes fail the ticker tries again, not every change.
        if self.journal_error.is_none() {
            self.write(ctx);
        }
        self.announce(statuses, removed, ctx);
        self.wake(ctx);
    }

    /// Sees to it that what is due next by the clock is done then.
    fn wake(&mut self, ctx: &mut Context<Self>) {
        let due = self.registry.next_due();
        if due == self.waking {
            return;
        }
        self.waking = due;
        if let Some(handle) = self.timer.take() {
            ctx.cancel_future(handle);
        }
        let Some(due) = due else { return };
        let pause = due.since(self.clock.now());
        self.timer = Some(ctx.run_later(pause, |this, ctx| {
            (this.waking, this.timer) = (None, None);
            let effects = this.registry.tick(this.clock.now(), STEP_EFFECTS);
            this.publish(effects, Vec::new(), ctx);
        }));
    }

    /// Publishes a change of the alarms themselves.
    fn publish_changed(&mut self, changed: Changed, ctx: &mut Context<Self>) {
        self.publish(changed.effects, changed.removed, ctx);
        // In a running plant the tag may stay as it is for long: an alarm that has not seen it has to see it now.
        if changed.unseen && self.has_changes {
            self.resync(ctx);
        }
    }

    fn announce(&mut self, statuses: Vec<AlarmStatus>, removed: Vec<AlarmId>, ctx: &mut Context<Self>) {
        let batch = AlarmsChanged { changed: statuses.into(), removed: removed.into() };
        self.subscribers.announce(&batch, &self.registry);
        if self.subscribers.somebody_waits() && !self.catching_up {
            self.catching_up = true;
            ctx.run_later(CATCH_UP, Self::catch_up);
        }
    }

    fn catch_up(&mut self, ctx: &mut Context<Self>) {
        self.catching_up = self.subscribers.catch_up(&self.registry);
        if self.catching_up {
            ctx.run_later(CATCH_UP, Self::catch_up);
        }
    }

    /// Begins to write the oldest transitions, unless a write is under way.
    fn write(&mut self, ctx: &mut Context<Self>) {
        let Some(batch) = self.backlog.begin(WRITE_BATCH) else { return };
        let journal = self.journal.clone();
        let write = async move { ask_recipient(&journal, StoreTransitions(batch), WRITE_DEADLINE).await };
        ctx.spawn(write.into_actor(self).map(Self::written));
    }

    fn written(outcome: Result<Result<(), DbError>, SendError>, this: &mut Self, ctx: &mut Context<Self>) {
        let (reason, for_good) = match outcome {
            Ok(Ok(())) => return this.write_succeeded(ctx),
            Ok(Err(error)) => (error.to_string(), false),
            Err(error) => (error.to_string(), error == SendError::Closed),
        };
        if this.journal_error.is_none() {
            log::error!("alarm journal cannot be written, trying again: {reason}");
        }
        this.backlog.failed();
        this.waiters.failed(&reason, for_good);
        this.journal_error = Some(reason);
    }

    fn write_succeeded(&mut self, ctx: &mut Context<Self>) {
        if self.journal_error.take().is_some() {
            log::info!("alarm journal is written again, {} transitions pending", self.backlog.pending());
        }
        self.backlog.succeeded();
        self.waiters.settled(self.backlog.settled());
        self.write(ctx);
    }

    /// Evaluates the present state of every tag. Messages wait meanwhile, so that nothing newer goes before it.
    fn resync(&mut self, ctx: &mut Context<Self>) {
        let Some(table) = self.table.clone() else { return };
        let snapshot = async move { ask_recipient(&table, Snapshot, DEADLINE).await };
        ctx.wait(snapshot.into_actor(self).map(|reply, this, ctx| match reply {
            Ok(reply) => {
                this.resync_due = false;
                this.enqueue(reply.tags.into(), None, ctx);
            }
            Err(error) => {
                this.resync_due = true;
                log::error!("alarms have no snapshot of the tags, trying again: {error}");
            }
        }));
    }
}

impl Actor for AlarmManager {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        ticker::every(ctx, RETRY, |this: &mut Self, ctx, _tick| {
            this.write(ctx);
            if this.resync_due {
                this.resync(ctx);
            }
        });
    }
}

/// Evaluates the next piece of work.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Continue;

impl Handler<Continue> for AlarmManager {
    type Result = ();

    fn handle(&mut self, _: Continue, ctx: &mut Self::Context) {
        self.step(ctx);
    }
}

impl Handler<TagsChanged> for AlarmManager {
    type Result = ();

    fn handle(&mut self, message: TagsChanged, ctx: &mut Self::Context) {
        let lost = message.lost;
        self.has_changes = true;
        self.enqueue(Arc::clone(&message.changes), Some(message), ctx);
        if lost > 0 {
            self.lost_changes += lost;
            log::error!("{lost} tag changes were lost before alarms could be evaluated");
            self.resync(ctx);
        }
    }
}

impl Handler<CreateAlarms> for AlarmManager {
    type Result = Result<(), AlarmError>;

    fn handle(&mut self, CreateAlarms(alarms): CreateAlarms, ctx: &mut Self::Context) -> Self::Result {
        let changed = self.registry.add(alarms, self.clock.now())?;
        self.publish_changed(changed, ctx);
        Ok(())
    }
}

impl Handler<ChangeAlarms> for AlarmManager {
    type Result = Result<(), AlarmError>;

    fn handle(&mut self, ChangeAlarms { remove, put }: ChangeAlarms, ctx: &mut Self::Context) -> Self::Result {
        let changed = self.registry.change(&remove, put, self.clock.now())?;
        self.publish_changed(changed, ctx);
        Ok(())
    }
}

impl Handler<RenameTags> for AlarmManager {
    type Result = ();

    fn handle(&mut self, RenameTags(names): RenameTags, ctx: &mut Self::Context) {
        let statuses = self.registry.rename_tags(&names);
        self.announce(statuses, Vec::new(), ctx);
    }
}

impl Handler<ListTagUses> for AlarmManager {
    type Result = MessageResult<ListTagUses>;

    fn handle(&mut self, ListTagUses(tags): ListTagUses, _ctx: &mut Self::Context) -> Self::Result {
        MessageResult(self.registry.uses_of(&tags))
    }
}

impl Handler<AcknowledgeAlarm> for AlarmManager {
    type Result = ResponseFuture<Result<AlarmStatus, AlarmError>>;

    fn handle(&mut self, message: AcknowledgeAlarm, ctx: &mut Self::Context) -> Self::Result {
        let AcknowledgeAlarm { alarm, by, comment } = message;
        self.handle(CommandAlarm { alarm, command: AlarmCommand::Acknowledge, by, reason: comment }, ctx)
    }
}

impl Handler<CommandAlarm> for AlarmManager {
    type Result = ResponseFuture<Result<AlarmStatus, AlarmError>>;

    fn handle(&mut self, message: CommandAlarm, ctx: &mut Self::Context) -> Self::Result {
        let CommandAlarm { alarm, command, by, reason } = message;
        let made = self.registry.command(alarm, &command, &by, reason.as_deref(), self.clock.now());
        let made = made.and_then(|effects| Ok((effects, self.registry.status(alarm)?)));
        let (effects, status) = match made {
            Ok(made) => made,
            Err(error) => return Box::pin(std::future::ready(Err(error))),
        };
        self.publish(effects, Vec::new(), ctx);
        let durable = self.waiters.wait(self.backlog.last(), Patience::FirstFailure);
        self.write(ctx);
        Box::pin(async move { durable.await.unwrap_or_else(|_stopped| Err(stopped())).map(|()| status) })
    }
}

impl Handler<FlushAlarms> for AlarmManager {
    type Result = ResponseFuture<Result<(), AlarmError>>;

    fn handle(&mut self, _: FlushAlarms, ctx: &mut Self::Context) -> Self::Result {
        while !self.work.is_empty() {
            self.evaluate_piece(ctx);
        }
        let durable = self.waiters.wait(self.backlog.last(), Patience::Retries);
        self.waiters.settled(self.backlog.settled());
        self.write(ctx);
        Box::pin(async move { durable.await.unwrap_or_else(|_stopped| Err(stopped())) })
    }
}

fn stopped() -> AlarmError {
    AlarmError::NotDurable("the alarm manager has stopped".to_owned())
}

impl Handler<ReadAlarm> for AlarmManager {
    type Result = Result<AlarmStatus, AlarmError>;

    fn handle(&mut self, ReadAlarm(id): ReadAlarm, _ctx: &mut Self::Context) -> Self::Result {
        self.registry.status(id)
    }
}

impl Handler<ListAlarms> for AlarmManager {
    type Result = MessageResult<ListAlarms>;

    fn handle(&mut self, query: ListAlarms, _ctx: &mut Self::Context) -> Self::Result {
        MessageResult(self.registry.list(&query))
    }
}

impl Handler<SubscribeAlarms> for AlarmManager {
    type Result = MessageResult<SubscribeAlarms>;

    fn handle(&mut self, SubscribeAlarms(to): SubscribeAlarms, _ctx: &mut Self::Context) -> Self::Result {
        self.subscribers.add(to);
        MessageResult(self.registry.statuses().collect())
    }
}

impl Handler<CountAlarms> for AlarmManager {
    type Result = MessageResult<CountAlarms>;

    fn handle(&mut self, _: CountAlarms, _ctx: &mut Self::Context) -> Self::Result {
        MessageResult(AlarmCounts { pending: self.backlog.pending(), ..self.registry.counts() })
    }
}

impl Handler<ReadAlarmManagerStatus> for AlarmManager {
    type Result = MessageResult<ReadAlarmManagerStatus>;

    fn handle(&mut self, _: ReadAlarmManagerStatus, _ctx: &mut Self::Context) -> Self::Result {
        MessageResult(AlarmManagerStatus {
            pending: self.backlog.pending(),
            dropped: self.backlog.dropped(),
            journal_error: self.journal_error.clone(),
            lost_changes: self.lost_changes,
            subscribers: self.subscribers.len(),
            merged_announcements: self.subscribers.merged(),
        })
    }
}

#[cfg(test)]
mod tests;
