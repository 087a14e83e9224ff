//! Async machines, each on a thread of its own. **Worker.**

use super::error::MachineError;
use super::feed::TableAccess;
use super::host::{Host, Shared};
use super::inputs::InputTable;
use super::lifecycle::MachineState;
use super::outlet::{Destinations, deliver};
use super::runner::{Blueprint, Runner, Saved};
use super::status::MachineStatus;
use super::worker_protocol::{
    ChangeParameters, CollectChanges, Collected, CommandMachine, DismissMachine, HaltMachines, Halted, ReadStatuses,
    RenameBoundTags, RunMachine, ask_for,
};
use crate::Clock;
use crate::cvt::{Subscribe, Unsubscribe, WriteTags};
use crate::opcua::DriveOutputs;
use crate::send::{DEADLINE, SendError, ask, offer};
use actix::fut::{ActorFutureExt, wrap_future};
use actix::{
    Actor, Addr, Arbiter, AsyncContext, Context, Handler, MessageResult, Recipient, ResponseActFuture, ResponseFuture,
};
use flyball_schema::MachineId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// A machine that is not back from its step by then has its outputs brought to safety from outside.
const HALT_DEADLINE: Duration = Duration::from_millis(500);

/// Runs each async machine on an arbiter (thread) of its own: a step may block, the others are undisturbed.
///
/// * Machines come and go at run time, up to a number of threads.
/// * What a machine is can be read while it is blocked; a command waits for the end of the step.
/// * A thread that is blocked when its machine is removed ends with its step; nothing it does leaves it any more.
#[derive(Debug)]
pub struct AsyncStateMachineWorker {
    clock: Clock,
    to: Destinations,
    access: TableAccess,
    limit: usize,
    halted: bool,
    starting: BTreeSet<MachineId>,
    guests: BTreeMap<MachineId, Guest>,
}

#[derive(Debug)]
struct Guest {
    name: String,
    arbiter: Arbiter,
    host: Addr<Host>,
    shared: Arc<Shared>,
    lost: bool,
}

impl AsyncStateMachineWorker {
    /// Threads for async machines where nothing else is configured.
    pub const DEFAULT_LIMIT: usize = 64;

    /// A worker without machines, and with at most `limit` threads; the other arguments as for
    /// [`StateMachineWorker::new`](super::StateMachineWorker::new).
    #[must_use]
    pub fn new(
        clock: Clock,
        limit: usize,
        write: Recipient<WriteTags>,
        subscribe: Recipient<Subscribe>,
        unsubscribe: Recipient<Unsubscribe>,
        drive: Recipient<DriveOutputs>,
    ) -> Self {
        Self {
            clock,
            to: Destinations { write, drive },
            access: TableAccess { subscribe, unsubscribe },
            limit,
            halted: false,
            starting: BTreeSet::new(),
            guests: BTreeMap::new(),
        }
    }

    fn admit(&self, blueprint: &Blueprint) -> Result<(), MachineError> {
        let machine = || blueprint.definition.name.clone();
        if self.halted {
            return Err(MachineError::Stopping(machine()));
        }
        if self.guests.contains_key(&blueprint.id) || self.starting.contains(&blueprint.id) {
            return Err(MachineError::DuplicateId(blueprint.id));
        }
        if self.guests.len() + self.starting.len() >= self.limit {
            return Err(MachineError::TooManyThreads { machine: machine(), limit: self.limit });
        }
        Ok(())
    }

    fn host(&self, id: MachineId) -> Result<(&str, &Addr<Host>), MachineError> {
        let guest = self.guests.get(&id).ok_or(MachineError::UnknownMachine(id))?;
        Ok((&guest.name, &guest.host))
    }

    /// A host whose thread has ended shows its machine as faulted, and its outputs go to their safe values.
    fn bury_lost(&mut self, ctx: &mut Context<Self>) {
        for guest in self.guests.values_mut().filter(|guest| !guest.lost && !guest.host.connected()) {
            guest.lost = true;
            guest.shared.halt();
            let mut published = guest.shared.lock();
            published.status.state = MachineState::Fault;
            published.status.fault = Some("the machine's thread has ended".to_owned());
            published.status.allowed = Vec::new();
            published.changed = true;
            log::error!("machine \"{}\": its thread has ended", guest.name);
            let (writes, drives) = published.safe.clone();
            let delivery = deliver(self.to.clone(), writes, drives);
            ctx.spawn(wrap_future::<_, Self>(delivery).map(|result, _worker, _ctx| {
                if let Err(error) = result {
                    log::error!("safe outputs of a lost machine: {error}");
                }
            }));
        }
    }
}

type Started = Result<(Addr<Host>, Arc<Shared>), MachineError>;

/// Makes a machine ready on its own thread, and starts it there.
fn launch(
    arbiter: &Arbiter,
    clock: Clock,
    blueprint: Box<Blueprint>,
    to: Destinations,
    access: TableAccess,
) -> oneshot::Receiver<Started> {
    let (sender, receiver) = oneshot::channel();
    arbiter.spawn(async move {
        let mut table = InputTable::default();
        let started = Runner::build(*blueprint, &mut table).map(|runner| {
            let (host, shared) = Host::new(clock, runner, table, to, access);
            (host.start(), shared)
        });
        // Nobody waits any more where the worker has ended.
        let _ = sender.send(started);
    });
    receiver
}

impl Actor for AsyncStateMachineWorker {
    type Context = Context<Self>;

    fn stopped(&mut self, _ctx: &mut Self::Context) {
        for guest in self.guests.values() {
            guest.shared.halt();
            guest.arbiter.stop();
        }
    }
}

impl Handler<RunMachine> for AsyncStateMachineWorker {
    type Result = ResponseActFuture<Self, Result<MachineStatus, MachineError>>;

    fn handle(&mut self, RunMachine(blueprint): RunMachine, _ctx: &mut Self::Context) -> Self::Result {
        if let Err(error) = self.admit(&blueprint) {
            return Box::pin(actix::fut::ready(Err(error)));
        }
        let (id, name) = (blueprint.id, blueprint.definition.name.clone());
        self.starting.insert(id);
        let arbiter = Arbiter::new();
        let started = launch(&arbiter, self.clock, blueprint, self.to.clone(), self.access.clone());
        let started = wrap_future::<_, Self>(tokio::time::timeout(DEADLINE, started));
        Box::pin(started.map(move |started, worker, _ctx| {
            worker.starting.remove(&id);
            let started = match started {
                Ok(Ok(started)) => started,
                Ok(Err(_closed)) => Err(MachineError::Unavailable { machine: name.clone(), source: SendError::Closed }),
                Err(_elapsed) => {
                    Err(MachineError::Unavailable { machine: name.clone(), source: SendError::Deadline(DEADLINE) })
                }
            };
            match started {
                Ok((host, shared)) => {
                    let status = shared.lock().status.clone();
                    worker.guests.insert(id, Guest { name, arbiter, host, shared, lost: false });
                    Ok(status)
                }
                Err(error) => {
                    arbiter.stop();
                    Err(error)
                }
            }
        }))
    }
}

impl Handler<DismissMachine> for AsyncStateMachineWorker {
    type Result = ResponseFuture<Result<Saved, MachineError>>;

    fn handle(&mut self, DismissMachine(id): DismissMachine, _ctx: &mut Self::Context) -> Self::Result {
        let Some(guest) = self.guests.remove(&id) else {
            return Box::pin(std::future::ready(Err(MachineError::UnknownMachine(id))));
        };
        let to = self.to.clone();
        Box::pin(async move {
            let halted = halt(&guest.name, &guest.host, &guest.shared, to).await;
            guest.arbiter.stop();
            halted.problems.iter().for_each(|problem| log::warn!("{problem}"));
            Ok(halted.saved.into_iter().next().unwrap_or_else(|| guest.shared.lock().memory.clone()))
        })
    }
}

/// Halts a machine, from outside where it is blocked in a step.
async fn halt(name: &str, host: &Addr<Host>, shared: &Shared, to: Destinations) -> Halted {
    shared.halt();
    match ask(host, HaltMachines, HALT_DEADLINE).await {
        Ok(halted) => halted,
        Err(error) => {
            let (writes, drives) = shared.lock().safe.clone();
            let mut problems = vec![format!("machine \"{name}\" did not stop: {error}")];
            if let Err(error) = deliver(to, writes, drives).await {
                problems.push(format!("safe outputs of machine \"{name}\": {error}"));
            }
            Halted { machines: 1, saved: Vec::new(), problems }
        }
    }
}

impl Handler<CommandMachine> for AsyncStateMachineWorker {
    type Result = ResponseFuture<Result<MachineStatus, MachineError>>;

    fn handle(&mut self, message: CommandMachine, _ctx: &mut Self::Context) -> Self::Result {
        match self.host(message.id) {
            Ok((name, host)) => Box::pin(ask_for(name.to_owned(), host.clone().recipient(), message)),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }
}

impl Handler<ChangeParameters> for AsyncStateMachineWorker {
    type Result = ResponseFuture<<ChangeParameters as actix::Message>::Result>;

    fn handle(&mut self, message: ChangeParameters, _ctx: &mut Self::Context) -> Self::Result {
        match self.host(message.id) {
            Ok((name, host)) => Box::pin(ask_for(name.to_owned(), host.clone().recipient(), message)),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }
}

impl Handler<ReadStatuses> for AsyncStateMachineWorker {
    type Result = MessageResult<ReadStatuses>;

    fn handle(&mut self, ReadStatuses(ids): ReadStatuses, _ctx: &mut Self::Context) -> Self::Result {
        let found = ids.iter().filter_map(|id| self.guests.get(id));
        MessageResult(found.map(|guest| guest.shared.lock().status.clone()).collect())
    }
}

impl Handler<RenameBoundTags> for AsyncStateMachineWorker {
    type Result = ();

    fn handle(&mut self, names: RenameBoundTags, _ctx: &mut Self::Context) {
        for guest in self.guests.values().filter(|guest| !guest.lost) {
            // Not asked: one that is blocked takes it behind its step.
            if let Err((error, _)) = offer(&guest.host.clone().recipient(), names.clone()) {
                log::warn!("machine \"{}\" shows tags by names of before: {error}", guest.name);
            }
        }
    }
}

impl Handler<CollectChanges> for AsyncStateMachineWorker {
    type Result = MessageResult<CollectChanges>;

    fn handle(&mut self, _message: CollectChanges, ctx: &mut Self::Context) -> Self::Result {
        self.bury_lost(ctx);
        let mut collected = Collected::default();
        for guest in self.guests.values() {
            let mut published = guest.shared.lock();
            collected.saved.extend(published.saved.take());
            if std::mem::take(&mut published.changed) {
                collected.statuses.push(published.status.clone());
            }
        }
        MessageResult(collected)
    }
}

impl Handler<HaltMachines> for AsyncStateMachineWorker {
    type Result = ResponseFuture<Halted>;

    fn handle(&mut self, _message: HaltMachines, _ctx: &mut Self::Context) -> Self::Result {
        self.halted = true;
        let halts: Vec<_> = self
            .guests
            .values()
            .map(|guest| {
                let (name, host, shared) = (guest.name.clone(), guest.host.clone(), Arc::clone(&guest.shared));
                let (to, unsaved) = (self.to.clone(), guest.shared.lock().saved.take());
                async move {
                    let mut halted = halt(&name, &host, &shared, to).await;
                    if halted.saved.is_empty() {
                        halted.saved.extend(unsaved);
                    }
                    halted
                }
            })
            .collect();
        Box::pin(async move {
            let mut sum = Halted::default();
            for halted in futures_util::future::join_all(halts).await {
                sum.machines += halted.machines;
                sum.saved.extend(halted.saved);
                sum.problems.extend(halted.problems);
            }
            sum
        })
    }
}
