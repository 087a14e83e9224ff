//! The logger's second duty: what is journaled goes on into the store, and the store is kept in order.

use super::LoggerWorker;
use crate::history::StoreStatus;
use crate::history::historian::{Chain, Retention};
use crate::history::mover::{HistoryMover, MoveHistory, Moved};
use crate::history::shared::History;
use crate::send::ask_recipient;
use crate::ticker;
use actix::{ActorFutureExt, AsyncContext, Context, Recipient, SyncArbiter, WrapFuture};
use std::sync::Arc;
use std::time::Duration;

/// How often it is asked whether enough waits.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Pause between two steps of upkeep, so that these take a part of a processor only.
const UPKEEP_PAUSE: Duration = Duration::from_millis(100);
/// A move that takes longer is told as a failure; the thread goes on with it all the same.
const MOVE_DEADLINE: Duration = Duration::from_secs(600);

/// How the store is, as the logger sees it.
#[derive(Debug, Default)]
pub(super) struct Moving {
    mover: Option<Recipient<MoveHistory>>,
    retention: Arc<Retention>,
    busy: bool,
    /// Whether the store was looked through since the start.
    is_checked: bool,
    last: Moved,
    moved: u64,
    dropped: u64,
    error: Option<String>,
}

impl Moving {
    pub(super) fn new(retention: Retention) -> Self {
        Self { retention: Arc::new(retention), ..Self::default() }
    }

    pub(super) fn keep(&mut self, retention: Retention) {
        self.retention = Arc::new(retention);
    }

    /// How the store is, where the journal's last number is `last_seq`.
    pub(super) fn status(&self, last_seq: u64) -> StoreStatus {
        StoreStatus {
            position: self.last.position,
            waiting: last_seq.saturating_sub(self.last.position),
            moved: self.moved,
            dropped: self.dropped,
            size_bytes: self.last.size_bytes,
            error: self.error.clone(),
        }
    }
}

/// Looks through the store once it could be opened, on a thread that nobody waits for; the mover has it repaired where it
/// is damaged.
fn check_in_background(history: &Arc<History>) {
    let history = Arc::clone(history);
    let check = move || match history.historian().check() {
        Ok(()) => log::debug!("the history's store is sound"),
        Err(error) => log::error!("the history's store is not sound: {}", Chain(&error)),
    };
    if let Err(error) = std::thread::Builder::new().name("history-check".to_owned()).spawn(check) {
        log::warn!("the history's store is not looked through: {error}");
    }
}

impl LoggerWorker {
    /// Starts the thread that moves.
    pub(super) fn start_moving(&mut self, history: &Arc<History>, ctx: &mut Context<Self>) {
        let history = Arc::clone(history);
        let thread = || std::thread::Builder::new().name("history-mover".to_owned());
        let mover = move || HistoryMover::new(Arc::clone(&history));
        self.moving.mover = Some(SyncArbiter::start_with_thread_builder(1, thread, mover).recipient());
        self.move_some(ctx);
        ticker::every(ctx, LOOK_EVERY, |worker: &mut Self, ctx, _tick| worker.move_some(ctx));
    }

    /// One move, where none is under way.
    fn move_some(&mut self, ctx: &mut Context<Self>) {
        let Some(mover) = self.moving.mover.clone().filter(|_| !self.moving.busy) else { return };
        self.moving.busy = true;
        let retention = Arc::clone(&self.moving.retention);
        let job = MoveHistory { now: self.clock.now(), all: false, retention };
        let work = async move { ask_recipient(&mover, job, MOVE_DEADLINE).await };
        ctx.spawn(work.into_actor(self).map(|outcome, worker, ctx| {
            worker.moving.busy = false;
            match outcome {
                Ok(Ok(moved)) => worker.on_moved(moved, ctx),
                Ok(Err(error)) => worker.on_not_moved(&error),
                Err(error) => worker.on_not_moved(&error),
            }
        }));
    }

    fn on_moved(&mut self, moved: Moved, ctx: &mut Context<Self>) {
        let moving = &mut self.moving;
        if let Some(history) = self.history.as_ref().filter(|_| !std::mem::replace(&mut moving.is_checked, true)) {
            check_in_background(history);
        }
        if moving.error.take().is_some() {
            log::info!("the history's store is written again");
        }
        moving.last = moved;
        moving.moved += moved.samples;
        moving.dropped += moved.upkeep.dropped;
        if moved.samples > 0 {
            self.move_some(ctx);
        } else if moved.upkeep.more {
            ctx.run_later(UPKEEP_PAUSE, |worker, ctx| worker.move_some(ctx));
        }
    }

    fn on_not_moved(&mut self, error: &(dyn std::error::Error + 'static)) {
        let text = Chain(error).to_string();
        if self.moving.error.as_ref() != Some(&text) {
            log::error!("the history's store is not written, the journal keeps everything: {text}");
        }
        self.moving.error = Some(text);
    }
}
