//! All sync machines, in sequence on one arbiter. **Worker.**

use super::error::MachineError;
use super::feed::{self, Feed, HasFeed, TableAccess};
use super::histogram::Histogram;
use super::inputs::InputTable;
use super::outlet::{self, Destinations, HasOutlet, Outlet, OutletStats};
use super::runner::{Runner, Saved};
use super::stopwatch::Stopwatch;
use super::wheel::{Due, Wheel};
use super::worker_protocol::{
    ChangeParameters, CollectChanges, Collected, CommandMachine, DismissMachine, HaltMachines, Halted, ReadStatuses,
    RenameBoundTags, RunMachine, STATUSES,
};
use crate::Clock;
use crate::cvt::{Subscribe, TagsChanged, Unsubscribe, WriteTags};
use crate::opcua::DriveOutputs;
use crate::ticker;
use actix::fut::{ActorFutureExt, wrap_future};
use actix::{Actor, AsyncContext, Context, Handler, Message, MessageResult, Recipient, ResponseFuture};
use flyball_schema::{MachineId, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// One turn of the wheel's hand.
const TURN: Duration = Duration::from_millis(1);
/// After so much work in a row the thread is given to others: a handler takes no more than 500 µs.
const SLICE_NANOS: u64 = 300_000;
/// Turns in which every machine is once asked what it has to remember: 10 s.
const SWEEP: usize = 10_000;

/// Runs all sync machines in sequence, cooperatively, by a timer [`Wheel`] of 1 ms.
///
/// * A machine steps at its interval, on the grid of its first step; turns that come too late are skipped and counted.
///   Machines of one interval are spread over its milliseconds.
/// * All values written in one turn leave in one batch; while one is under way the newest per tag is kept.
/// * A step that blocks delays its fellows: a machine that may block is an async one.
#[derive(Debug)]
pub struct StateMachineWorker {
    clock: Clock,
    started: Duration,
    outlet: Outlet,
    feed: Feed,
    table: InputTable,
    wheel: Wheel,
    due: Vec<Due>,
    done: usize,
    resuming: bool,
    halted: bool,
    seats: Vec<Option<Runner>>,
    free: Vec<u32>,
    by_id: HashMap<MachineId, u32>,
    collected: usize,
    swept: usize,
    sweep_debt: usize,
    unsaved: BTreeMap<MachineId, Saved>,
    status: WorkerStatus,
}

/// Counters of the worker since its start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WorkerStatus {
    /// Machines it runs.
    pub machines: usize,
    /// Steps done.
    pub steps: u64,
    /// Turns of 1 ms that came so late that they were skipped.
    pub missed_turns: u64,
    /// Times the thread was given to others in the middle of a turn.
    pub yields: u64,
    /// How late steps began after they were due.
    pub lateness: Histogram,
    /// How long steps took.
    pub step_time: Histogram,
    /// What left for table and field.
    pub outlet: OutletStats,
}

/// Counters of the sync worker.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "WorkerStatus")]
pub struct ReadWorkerStatus;

impl StateMachineWorker {
    /// A worker without machines.
    ///
    /// * `write`, `subscribe`, `unsubscribe`: the current value table.
    /// * `drive`: takes outputs that drive tags on a link.
    #[must_use]
    pub fn new(
        clock: Clock,
        write: Recipient<WriteTags>,
        subscribe: Recipient<Subscribe>,
        unsubscribe: Recipient<Unsubscribe>,
        drive: Recipient<DriveOutputs>,
    ) -> Self {
        Self {
            clock,
            started: clock.uptime(),
            outlet: Outlet::new("sync machines", Destinations { write, drive }),
            feed: Feed::new("sync machines".to_owned(), TableAccess { subscribe, unsubscribe }),
            table: InputTable::default(),
            wheel: Wheel::default(),
            due: Vec::new(),
            done: 0,
            resuming: false,
            halted: false,
            seats: Vec::new(),
            free: Vec::new(),
            by_id: HashMap::new(),
            collected: 0,
            swept: 0,
            sweep_debt: 0,
            unsaved: BTreeMap::new(),
            status: WorkerStatus::default(),
        }
    }

    fn elapsed(&self) -> Duration {
        self.clock.uptime().saturating_sub(self.started)
    }

    fn turn(&mut self, ctx: &mut Context<Self>, tick: ticker::Tick) {
        if self.halted {
            return;
        }
        self.status.missed_turns += tick.missed;
        let now_ms = u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.wheel.advance(now_ms, &mut self.due);
        self.sweep();
        self.run_due(ctx);
        feed::refresh(self, ctx);
    }

    /// Runs what is due; after a slice of time the rest waits until others had their turn.
    fn run_due(&mut self, ctx: &mut Context<Self>) {
        let now = self.clock.now();
        let begun_us = u64::try_from(self.elapsed().as_micros()).unwrap_or(u64::MAX);
        let stopwatch = Stopwatch::start();
        let mut lap = 0;
        while let Some(due) = self.due.get(self.done).copied() {
            if lap > SLICE_NANOS {
                break;
            }
            self.done += 1;
            let late_us = (begun_us + lap / 1_000).saturating_sub(due.at_ms * 1_000);
            self.step_one(due, now, late_us, &mut lap, stopwatch);
        }
        if self.done < self.due.len() {
            self.resume_later(ctx);
        } else {
            self.due.clear();
            self.done = 0;
        }
        self.send_effects(ctx);
    }

    #[inline]
    fn step_one(&mut self, due: Due, now: Timestamp, late_us: u64, lap: &mut u64, stopwatch: Stopwatch) {
        let Some(runner) = self.seats.get_mut(due.key as usize).and_then(Option::as_mut) else {
            self.free.push(due.key);
            return;
        };
        let missed = self.wheel.reinsert(due, runner.interval_ms());
        let stepped = runner.tick(now, &self.table, &mut self.outlet.effects);
        let end = stopwatch.nanos();
        if stepped {
            let took_us = (end - *lap) / 1_000;
            runner.record(took_us, late_us, missed);
            self.status.steps += 1;
            self.status.lateness.record(late_us);
            self.status.step_time.record(took_us);
        }
        *lap = end;
    }

    fn resume_later(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.resuming, true) {
            return;
        }
        self.status.yields += 1;
        ctx.spawn(wrap_future::<_, Self>(tokio::task::yield_now()).map(|(), worker, ctx| {
            worker.resuming = false;
            if !worker.halted {
                worker.run_due(ctx);
            }
        }));
    }

    fn send_effects(&mut self, ctx: &mut Context<Self>) {
        if !self.outlet.effects.transitions.is_empty() {
            let (seats, by_id) = (&self.seats, &self.by_id);
            let runner = |id| seats.get(*by_id.get(&id)? as usize)?.as_ref();
            self.outlet.take_transitions(|record| {
                runner(record.machine).map_or_else(|| record.machine.to_string(), |runner| runner.name().to_owned())
            });
        }
        outlet::flush(self, ctx);
    }

    /// Asks a few machines what they have to remember, so that each is asked once in [`SWEEP`] turns.
    fn sweep(&mut self) {
        self.sweep_debt += self.seats.len();
        while self.sweep_debt >= SWEEP {
            self.sweep_debt -= SWEEP;
            self.swept = (self.swept + 1) % self.seats.len().max(1);
            let now = self.clock.now();
            let Some(Some(runner)) = self.seats.get_mut(self.swept) else { continue };
            if let Some(saved) = runner.changed_memory(now, &mut self.outlet.effects) {
                self.unsaved.insert(saved.id, saved);
            }
        }
    }

    fn seat(&self, id: MachineId) -> Result<usize, MachineError> {
        self.by_id.get(&id).map(|seat| *seat as usize).ok_or(MachineError::UnknownMachine(id))
    }

    /// The runner of a machine, with what it needs.
    fn runner(&mut self, id: MachineId) -> Result<(&mut Runner, &InputTable, &mut Outlet), MachineError> {
        let seat = self.seat(id)?;
        let runner = self.seats[seat].as_mut().ok_or(MachineError::UnknownMachine(id))?;
        if self.halted {
            return Err(MachineError::Stopping(runner.name().to_owned()));
        }
        Ok((runner, &self.table, &mut self.outlet))
    }

    fn add(&mut self, runner: Runner) {
        let (id, interval_ms) = (runner.id(), runner.interval_ms());
        let seat = self.free.pop().unwrap_or_else(|| {
            self.seats.push(None);
            u32::try_from(self.seats.len() - 1).unwrap_or(u32::MAX)
        });
        self.seats[seat as usize] = Some(runner);
        self.by_id.insert(id, seat);
        self.wheel.insert(seat, interval_ms);
        self.status.machines = self.by_id.len();
        self.feed.interval = self.feed.interval.min(Duration::from_millis(interval_ms)).max(feed::FASTEST);
        self.feed.outdated();
    }
}

impl Actor for StateMachineWorker {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.started = self.clock.uptime();
        ticker::every(ctx, TURN, Self::turn);
    }
}

impl HasOutlet for StateMachineWorker {
    fn outlet(&mut self) -> &mut Outlet {
        &mut self.outlet
    }
}

impl HasFeed for StateMachineWorker {
    fn feed(&mut self) -> (&mut Feed, &InputTable) {
        (&mut self.feed, &self.table)
    }
}

impl Handler<TagsChanged> for StateMachineWorker {
    type Result = ();

    fn handle(&mut self, message: TagsChanged, _ctx: &mut Self::Context) {
        message.changes.iter().for_each(|change| self.table.apply(change));
    }
}

impl Handler<RunMachine> for StateMachineWorker {
    type Result = MessageResult<RunMachine>;

    fn handle(&mut self, RunMachine(blueprint): RunMachine, ctx: &mut Self::Context) -> Self::Result {
        if self.halted {
            return MessageResult(Err(MachineError::Stopping(blueprint.definition.name)));
        }
        if self.by_id.contains_key(&blueprint.id) {
            return MessageResult(Err(MachineError::DuplicateId(blueprint.id)));
        }
        MessageResult(Runner::build(*blueprint, &mut self.table).map(|mut runner| {
            runner.start(self.clock.now(), &mut self.outlet.effects);
            let status = runner.status(&self.table);
            self.add(runner);
            self.send_effects(ctx);
            status
        }))
    }
}

impl Handler<DismissMachine> for StateMachineWorker {
    type Result = ResponseFuture<Result<Saved, MachineError>>;

    fn handle(&mut self, DismissMachine(id): DismissMachine, ctx: &mut Self::Context) -> Self::Result {
        let Some(mut runner) = self.seat(id).ok().and_then(|seat| self.seats[seat].take()) else {
            return Box::pin(std::future::ready(Err(MachineError::UnknownMachine(id))));
        };
        let now = self.clock.now();
        // The seat is free when the wheel comes round to it.
        self.by_id.remove(&id);
        self.unsaved.remove(&id);
        self.status.machines = self.by_id.len();
        let saved = runner.memory(now, &mut self.outlet.effects);
        runner.enter_safe_state(now, &mut self.outlet.effects);
        let (name, delivery) = (runner.name().to_owned(), self.outlet.deliver_apart(runner.safe_values(now)));
        runner.remove(&mut self.table);
        self.feed.outdated();
        self.send_effects(ctx);
        Box::pin(async move {
            if let Err(error) = delivery.await {
                log::warn!("safe outputs of machine \"{name}\": {error}");
            }
            Ok(saved)
        })
    }
}

impl Handler<CommandMachine> for StateMachineWorker {
    type Result = MessageResult<CommandMachine>;

    fn handle(&mut self, message: CommandMachine, ctx: &mut Self::Context) -> Self::Result {
        let now = self.clock.now();
        let result = self.runner(message.id).and_then(|(runner, table, outlet)| {
            runner.command(message.transition, now, table, &mut outlet.effects)?;
            Ok((runner.status(table), runner.changed_memory(now, &mut outlet.effects)))
        });
        self.send_effects(ctx);
        MessageResult(result.map(|(status, saved)| {
            self.unsaved.extend(saved.map(|saved| (saved.id, saved)));
            status
        }))
    }
}

impl Handler<ChangeParameters> for StateMachineWorker {
    type Result = MessageResult<ChangeParameters>;

    fn handle(&mut self, message: ChangeParameters, ctx: &mut Self::Context) -> Self::Result {
        let now = self.clock.now();
        let result = self.runner(message.id).and_then(|(runner, table, outlet)| {
            runner.set_parameters(&message.values, now, &mut outlet.effects)?;
            let saved = runner.changed_memory(now, &mut outlet.effects);
            Ok((runner.status(table), saved))
        });
        self.send_effects(ctx);
        MessageResult(result)
    }
}

impl Handler<ReadStatuses> for StateMachineWorker {
    type Result = MessageResult<ReadStatuses>;

    fn handle(&mut self, ReadStatuses(ids): ReadStatuses, _ctx: &mut Self::Context) -> Self::Result {
        let found = ids.iter().filter_map(|id| self.seats[*self.by_id.get(id)? as usize].as_ref());
        MessageResult(found.map(|runner| runner.status(&self.table)).collect())
    }
}

impl Handler<RenameBoundTags> for StateMachineWorker {
    type Result = ();

    fn handle(&mut self, RenameBoundTags(names): RenameBoundTags, _ctx: &mut Self::Context) {
        self.seats.iter_mut().flatten().for_each(|runner| runner.rename_tags(&names));
    }
}

impl Handler<CollectChanges> for StateMachineWorker {
    type Result = MessageResult<CollectChanges>;

    fn handle(&mut self, _message: CollectChanges, _ctx: &mut Self::Context) -> Self::Result {
        let mut statuses = Vec::new();
        // From where the last collection ended, so that every machine comes to its turn.
        for _ in 0..self.seats.len() {
            if statuses.len() == STATUSES {
                break;
            }
            self.collected = (self.collected + 1) % self.seats.len();
            if let Some(runner) = self.seats[self.collected].as_mut()
                && runner.take_changed()
            {
                statuses.push(runner.status(&self.table));
            }
        }
        let saved = std::mem::take(&mut self.unsaved).into_values().collect();
        MessageResult(Collected { statuses, saved })
    }
}

impl Handler<HaltMachines> for StateMachineWorker {
    type Result = ResponseFuture<Halted>;

    fn handle(&mut self, _message: HaltMachines, _ctx: &mut Self::Context) -> Self::Result {
        let now = self.clock.now();
        self.halted = true;
        for runner in self.seats.iter_mut().flatten() {
            let saved = runner.changed_memory(now, &mut self.outlet.effects);
            self.unsaved.extend(saved.map(|saved| (saved.id, saved)));
            runner.enter_safe_state(now, &mut self.outlet.effects);
        }
        let machines = self.by_id.len();
        let saved = std::mem::take(&mut self.unsaved).into_values().collect();
        let delivery = self.outlet.close();
        Box::pin(async move {
            let problem = delivery.await.err().map(|error| format!("safe outputs of the sync machines: {error}"));
            Halted { machines, saved, problems: problem.into_iter().collect() }
        })
    }
}

impl Handler<ReadWorkerStatus> for StateMachineWorker {
    type Result = MessageResult<ReadWorkerStatus>;

    fn handle(&mut self, _message: ReadWorkerStatus, _ctx: &mut Self::Context) -> Self::Result {
        MessageResult(WorkerStatus { outlet: self.outlet.stats, ..self.status.clone() })
    }
}
