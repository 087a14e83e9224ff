//! One async machine on a thread of its own.

use super::error::MachineError;
use super::feed::{self, Feed, HasFeed, TableAccess};
use super::inputs::InputTable;
use super::outlet::{self, Destinations, HasOutlet, Outlet};
use super::runner::{Runner, Saved};
use super::status::MachineStatus;
use super::stopwatch::Stopwatch;
use super::worker_protocol::{ChangeParameters, CommandMachine, HaltMachines, Halted, RenameBoundTags};
use crate::Clock;
use crate::cvt::{TagsChanged, Update};
use crate::ticker;
use actix::{Actor, Context, Handler, MessageResult, ResponseFuture};
use flyball_schema::{TagId, Value};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often the machine is asked what it has to remember.
const SWEEP: Duration = Duration::from_secs(10);

/// What others see of an async machine without waiting for it: it may be blocked in a step for long.
#[derive(Debug)]
pub(super) struct Shared {
    halted: AtomicBool,
    published: Mutex<Published>,
}

/// The last things a host told.
#[derive(Debug)]
pub(super) struct Published {
    pub(super) status: MachineStatus,
    pub(super) changed: bool,
    pub(super) saved: Option<Saved>,
    /// What it remembered last, saved or not.
    pub(super) memory: Saved,
    /// What to send to bring the machine's outputs to safety.
    pub(super) safe: (Vec<Update>, Vec<(TagId, Value)>),
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Published> {
        // Nothing that can panic runs under the lock.
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on nothing the machine does leaves its thread.
    pub(super) fn halt(&self) {
        self.halted.store(true, Ordering::SeqCst);
    }

    fn is_halted(&self) -> bool {
        self.halted.load(Ordering::SeqCst)
    }
}

/// Runs one machine on the arbiter it is started on.
#[derive(Debug)]
pub(super) struct Host {
    clock: Clock,
    runner: Runner,
    table: InputTable,
    outlet: Outlet,
    feed: Feed,
    swept: Duration,
    shared: Arc<Shared>,
}

impl Host {
    pub(super) fn new(
        clock: Clock,
        mut runner: Runner,
        table: InputTable,
        to: Destinations,
        access: TableAccess,
    ) -> (Self, Arc<Shared>) {
        let mut outlet = Outlet::new("async machine", to);
        runner.start(clock.now(), &mut outlet.effects);
        let published = Published {
            status: runner.status(&table),
            changed: true,
            saved: runner.changed_memory(clock.now(), &mut outlet.effects),
            memory: runner.memory(clock.now(), &mut outlet.effects),
            safe: runner.safe_values(clock.now()),
        };
        let shared = Arc::new(Shared { halted: AtomicBool::new(false), published: Mutex::new(published) });
        let feed = Feed::new(format!("machine {}", runner.name()), access);
        let host = Self { clock, runner, table, outlet, feed, swept: clock.uptime(), shared: Arc::clone(&shared) };
        (host, shared)
    }

    fn turn(&mut self, ctx: &mut Context<Self>, tick: ticker::Tick) {
        if self.shared.is_halted() {
            return;
        }
        let stopwatch = Stopwatch::start();
        let stepped = self.runner.tick(self.clock.now(), &self.table, &mut self.outlet.effects);
        if stepped {
            let late_us = u64::try_from(tick.late.as_micros()).unwrap_or(u64::MAX);
            self.runner.record(stopwatch.nanos() / 1_000, late_us, tick.missed);
        }
        let uptime = self.clock.uptime();
        if uptime.saturating_sub(self.swept) >= SWEEP {
            self.swept = uptime;
            self.remember();
        }
        self.publish(ctx);
    }

    fn remember(&mut self) {
        let saved = self.runner.changed_memory(self.clock.now(), &mut self.outlet.effects);
        if let Some(saved) = saved {
            let mut published = self.shared.lock();
            published.memory = saved.clone();
            published.saved = Some(saved);
        }
    }

    /// Sends what the machine wants and shows what it is.
    fn publish(&mut self, ctx: &mut Context<Self>) {
        if self.shared.is_halted() {
            // Somebody else has brought the outputs to safety while a step was under way.
            self.outlet.effects = super::Effects::default();
            return;
        }
        let name = self.runner.name().to_owned();
        self.outlet.take_transitions(|_record| name.clone());
        {
            let mut published = self.shared.lock();
            published.status = self.runner.status(&self.table);
            published.changed |= self.runner.take_changed();
        }
        outlet::flush(self, ctx);
        feed::refresh(self, ctx);
    }

    fn check_live(&self) -> Result<(), MachineError> {
        if self.shared.is_halted() { Err(MachineError::Stopping(self.runner.name().to_owned())) } else { Ok(()) }
    }
}

impl Actor for Host {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let interval = Duration::from_millis(self.runner.interval_ms());
        self.feed.interval = interval.clamp(feed::FASTEST, feed::SLOWEST);
        self.feed.outdated();
        self.publish(ctx);
        ticker::every(ctx, interval, Self::turn);
    }
}

impl HasOutlet for Host {
    fn outlet(&mut self) -> &mut Outlet {
        &mut self.outlet
    }
}

impl HasFeed for Host {
    fn feed(&mut self) -> (&mut Feed, &InputTable) {
        (&mut self.feed, &self.table)
    }
}

impl Handler<TagsChanged> for Host {
    type Result = ();

    fn handle(&mut self, message: TagsChanged, _ctx: &mut Self::Context) {
        message.changes.iter().for_each(|change| self.table.apply(change));
    }
}

impl Handler<CommandMachine> for Host {
    type Result = MessageResult<CommandMachine>;

    fn handle(&mut self, message: CommandMachine, ctx: &mut Self::Context) -> Self::Result {
        let now = self.clock.now();
        let result = self
            .check_live()
            .and_then(|()| self.runner.command(message.transition, now, &self.table, &mut self.outlet.effects));
        self.remember();
        self.publish(ctx);
        MessageResult(result.map(|()| self.runner.status(&self.table)))
    }
}

impl Handler<ChangeParameters> for Host {
    type Result = MessageResult<ChangeParameters>;

    fn handle(&mut self, message: ChangeParameters, ctx: &mut Self::Context) -> Self::Result {
        let now = self.clock.now();
        let result = self
            .check_live()
            .and_then(|()| self.runner.set_parameters(&message.values, now, &mut self.outlet.effects))
            .map(|()| self.runner.changed_memory(now, &mut self.outlet.effects));
        {
            let mut published = self.shared.lock();
            published.safe = self.runner.safe_values(now);
            if let Ok(Some(saved)) = &result {
                published.memory = saved.clone();
            }
        }
        self.publish(ctx);
        MessageResult(result.map(|saved| (self.runner.status(&self.table), saved)))
    }
}

impl Handler<RenameBoundTags> for Host {
    type Result = ();

    fn handle(&mut self, RenameBoundTags(names): RenameBoundTags, ctx: &mut Self::Context) {
        self.runner.rename_tags(&names);
        self.publish(ctx);
    }
}

impl Handler<HaltMachines> for Host {
    type Result = ResponseFuture<Halted>;

    fn handle(&mut self, _message: HaltMachines, _ctx: &mut Self::Context) -> Self::Result {
        let now = self.clock.now();
        self.shared.halt();
        let saved = vec![self.runner.memory(now, &mut self.outlet.effects)];
        self.runner.enter_safe_state(now, &mut self.outlet.effects);
        let delivery = self.outlet.close();
        let name = self.runner.name().to_owned();
        Box::pin(async move {
            let problem = delivery.await.err().map(|error| format!("safe outputs of machine \"{name}\": {error}"));
            Halted { machines: 1, saved, problems: problem.into_iter().collect() }
        })
    }
}
