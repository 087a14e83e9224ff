//! The worker that journals every change of the table, and moves it on into the store.

mod moving;

use super::framer::Framer;
use super::historian::Chain;
use super::journal::Appended;
use super::shared::History;
use super::writer::{AppendFrames, HistoryWriter};
use super::{FlushHistory, HistoryError, HistoryStatus, Keeping, ReadHistoryStatus, SetKeeping, TagSet};
use crate::Clock;
use crate::cvt::TagsChanged;
use crate::send::ask_recipient;
use actix::{
    Actor, ActorFutureExt, AsyncContext, Context, Handler, Recipient, ResponseFuture, Supervised, SyncArbiter,
    WrapFuture,
};
use flyball_schema::Timestamp;
use moving::Moving;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Changes that wait for a store that fails, at the most; about 50 bytes each.
const WAITING_LIMIT: usize = 2_000_000;
/// Frames in one transaction at the most: keeps it to some tens of milliseconds.
const FRAMES_PER_WRITE: usize = 64;
/// Pause after a failed write.
const RETRY: Duration = Duration::from_secs(1);
/// A write that takes longer is told as a failure and tried again; the store skips what it has by then.
const WRITE_DEADLINE: Duration = Duration::from_secs(30);
/// Messages in the mailbox: more than any credit that the table would give.
const MAILBOX: usize = 4_096;

/// **Worker.** Takes every change of the table, subscribed with
/// [`Delivery::Every`](crate::cvt::Delivery::Every), and journals it within 100 ms, exactly once; moves what is journaled
/// on into the store, and sees to retention.
///
/// A message is kept, and so its credit spent, until its changes are durable. While the store fails, frames wait in
/// order and are tried again each second; past two million changes the oldest are dropped and counted.
#[derive(Debug)]
pub struct LoggerWorker {
    clock: Clock,
    framer: Framer,
    /// Messages whose changes are not durable, emptied to their credit, by their last sequence number.
    held: VecDeque<(u64, TagsChanged)>,
    /// Made when the actor starts, where it was not given.
    writer: Option<Recipient<AppendFrames>>,
    /// What it writes, where it makes its own writer.
    history: Option<Arc<History>>,
    moving: Moving,
    state: State,
    durable: watch::Sender<u64>,
    /// The last sequence number of the snapshot.
    snapshot_seq: u64,
    /// Whether the store can have none of what is being written.
    fresh: bool,
    frames: u64,
    changes: u64,
    expired: u64,
    journal_bytes: u64,
    error: Option<String>,
}

/// What the worker waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A frame that is due.
    Collecting,
    /// The same, with a timer set.
    Timed,
    /// The end of a write.
    Writing,
    /// The next try.
    Failing,
}

impl LoggerWorker {
    /// A worker that journals to `history`, on a thread of its own, and moves on into its store on another.
    ///
    /// * `keeping`: what is kept, where [`SetKeeping`] has not set something else for this history already.
    #[must_use]
    pub fn new(clock: Clock, history: Arc<History>, keeping: Keeping) -> Self {
        let flush = history.settings().flush;
        let keeping = history.keeping().unwrap_or(keeping);
        Self { history: Some(history), ..Self::build(clock, flush, keeping, None) }
    }

    /// A worker that hands its frames to `writer` after `flush` at the most, and moves nothing.
    #[must_use]
    pub fn with_writer(clock: Clock, flush: Duration, keeping: Keeping, writer: Recipient<AppendFrames>) -> Self {
        Self::build(clock, flush, keeping, Some(writer))
    }

    fn build(clock: Clock, flush: Duration, keeping: Keeping, writer: Option<Recipient<AppendFrames>>) -> Self {
        let Keeping { excluded, retention, dead_bands } = keeping;
        let mut framer = Framer::new(flush, WAITING_LIMIT, TagSet::default());
        framer.keep(excluded, dead_bands);
        Self {
            clock,
            framer,
            held: VecDeque::new(),
            writer,
            history: None,
            moving: Moving::new(retention),
            state: State::Collecting,
            durable: watch::Sender::new(0),
            snapshot_seq: 0,
            fresh: true,
            frames: 0,
            changes: 0,
            expired: 0,
            journal_bytes: 0,
            error: None,
        }
    }

    /// Writes the frames that are due, or sets a timer for the next one.
    fn write_due(&mut self, ctx: &mut Context<Self>) {
        if matches!(self.state, State::Writing | State::Failing) {
            return;
        }
        let now = self.clock.now();
        self.framer.close_due(now);
        let frames = self.framer.to_write(FRAMES_PER_WRITE);
        if let Some(first) = frames.first().and_then(|frame| frame.changes.first()) {
            // After a failure, and in the snapshot that a re-made worker begins with, it may have some.
            self.fresh = self.error.is_none() && first.seq > self.snapshot_seq;
            self.write(AppendFrames(frames), ctx);
        } else if let Some(due) = self.framer.due().filter(|_| self.state == State::Collecting) {
            self.state = State::Timed;
            ctx.run_later(due.since(now), |actor, ctx| actor.on_timer(State::Timed, ctx));
        }
    }

    fn on_timer(&mut self, set_in: State, ctx: &mut Context<Self>) {
        if self.state == set_in {
            self.state = State::Collecting;
        }
        self.write_due(ctx);
    }

    fn write(&mut self, frames: AppendFrames, ctx: &mut Context<Self>) {
        let Some(writer) = self.writer.clone() else { return };
        self.state = State::Writing;
        let write = async move { ask_recipient(&writer, frames, WRITE_DEADLINE).await };
        ctx.spawn(write.into_actor(self).map(|outcome, actor, ctx| match outcome {
            Ok(Ok(appended)) => actor.on_written(appended, ctx),
            Ok(Err(error)) => actor.on_failed(&error, ctx),
            Err(error) => actor.on_failed(&error, ctx),
        }));
    }

    fn on_written(&mut self, appended: Appended, ctx: &mut Context<Self>) {
        if self.error.take().is_some() {
            log::info!("the history is written again, {} changes are waiting", self.framer.waiting());
        }
        if self.fresh && appended.skipped > 0 {
            log::error!("{} changes are not kept: the journal is ahead of the table's sequence", appended.skipped);
            self.framer.count_lost(appended.skipped);
        }
        self.framer.written();
        self.frames += appended.frames;
        self.changes += appended.changes;
        self.expired += appended.expired;
        self.journal_bytes = appended.size_bytes;
        self.state = State::Collecting;
        self.release();
        self.write_due(ctx);
    }

    fn on_failed(&mut self, error: &(dyn std::error::Error + 'static), ctx: &mut Context<Self>) {
        let text = Chain(error).to_string();
        if self.error.as_ref() != Some(&text) {
            log::error!("the history is not written, {} changes are waiting: {text}", self.framer.waiting());
        }
        self.error = Some(text);
        self.framer.not_written();
        self.state = State::Failing;
        ctx.run_later(RETRY, |actor, ctx| actor.on_timer(State::Failing, ctx));
    }

    /// Gives back the credit of what is durable, and tells those who wait for it.
    fn release(&mut self) {
        let durable = self.framer.durable_seq();
        while self.held.front().is_some_and(|(last_seq, _)| *last_seq <= durable) {
            self.held.pop_front();
        }
        self.durable.send_if_modified(|seq| std::mem::replace(seq, durable) != durable);
    }

    fn status(&self, now: Timestamp) -> HistoryStatus {
        let lag = self.framer.oldest().map_or(Duration::ZERO, |oldest| now.since(oldest));
        HistoryStatus {
            frames: self.frames,
            changes: self.changes,
            last_seq: self.framer.last_seq(),
            durable_seq: self.framer.durable_seq(),
            lag_ms: u64::try_from(lag.as_millis()).unwrap_or(u64::MAX),
            journal_bytes: self.journal_bytes,
            lost: self.framer.lost(),
            expired: self.expired,
            error: self.error.clone(),
            store: self.moving.status(self.framer.durable_seq()),
        }
    }
}

impl Actor for LoggerWorker {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        if let Some(history) = self.history.clone() {
            self.start_moving(&history, ctx);
            let thread = || std::thread::Builder::new().name("history-writer".to_owned());
            let writer = move || HistoryWriter::new(Arc::clone(&history));
            self.writer = Some(SyncArbiter::start_with_thread_builder(1, thread, writer).recipient());
        }
        // Nothing to store yet: opens the journal, so that a failure shows at once.
        self.write(AppendFrames(Vec::new()), ctx);
    }
}

impl Supervised for LoggerWorker {}

/// Takes changes; the message is kept until they are durable.
impl Handler<TagsChanged> for LoggerWorker {
    type Result = ();

    fn handle(&mut self, mut message: TagsChanged, ctx: &mut Self::Context) {
        let now = self.clock.now();
        if message.lost > 0 {
            log::error!("{} changes were lost before they reached the history", message.lost);
            self.framer.count_lost(message.lost);
        }
        if message.snapshot {
            self.framer.push_snapshot(&message.changes, now);
            self.snapshot_seq = self.framer.last_seq();
        } else {
            self.framer.push(&message.changes, now);
        }
        if message.credit_left() == 0 {
            // The table sends nothing more until something is durable: company will not come.
            self.framer.close();
        }
        message.changes = Arc::new([]);
        self.held.push_back((self.framer.last_seq(), message));
        self.release();
        self.write_due(ctx);
    }
}

impl Handler<FlushHistory> for LoggerWorker {
    type Result = ResponseFuture<Result<u64, HistoryError>>;

    fn handle(&mut self, FlushHistory: FlushHistory, ctx: &mut Self::Context) -> Self::Result {
        self.framer.close();
        self.write_due(ctx);
        let target = self.framer.last_seq();
        let mut durable = self.durable.subscribe();
        Box::pin(async move {
            let reached = durable.wait_for(|durable| *durable >= target).await;
            reached.map(|seq| *seq).map_err(|_| HistoryError::Unavailable("the logger has stopped".to_owned()))
        })
    }
}

impl Handler<ReadHistoryStatus> for LoggerWorker {
    type Result = actix::MessageResult<ReadHistoryStatus>;

    fn handle(&mut self, ReadHistoryStatus: ReadHistoryStatus, _ctx: &mut Self::Context) -> Self::Result {
        actix::MessageResult(self.status(self.clock.now()))
    }
}

impl Handler<SetKeeping> for LoggerWorker {
    type Result = ();

    fn handle(&mut self, SetKeeping(keeping): SetKeeping, _ctx: &mut Self::Context) {
        if let Some(history) = &self.history {
            history.keep(keeping.clone());
        }
        let Keeping { excluded, retention, dead_bands } = keeping;
        self.framer.keep(excluded, dead_bands);
        self.moving.keep(retention);
    }
}
