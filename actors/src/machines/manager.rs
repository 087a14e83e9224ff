//! The registry of machines. **Manager.**

mod members;

use super::async_worker::AsyncStateMachineWorker;
use super::bindings::Bindings;
use super::error::MachineError;
use super::kinds::Kinds;
use super::lifecycle::MachineState;
use super::runner::Saved;
use super::saver::Saver;
use super::status::MachineStatus;
use super::worker::StateMachineWorker;
use super::worker_protocol::{
    ChangeParameters, CollectChanges, Collected, CommandMachine, HaltMachines, ReadStatuses, STATUSES, WorkerPort,
    ask_for,
};
use super::{
    CountMachines, EnterSafeState, ListMachines, MachineCounts, MachinesChanged, ReadMachine, SafeStateReport,
    SaveError, SaveMachine, SetParameters, SubscribeMachines, TransitionMachine,
};
use crate::send::{DEADLINE, SendError, ask_recipient, offer};
use crate::ticker;
use actix::fut::{ActorFutureExt, ready, wrap_future};
use actix::{Actor, Addr, AsyncContext, Context, Handler, MessageResult, Recipient, ResponseActFuture, ResponseFuture};
use flyball_schema::definition::{MachineDefinition, Mode};
use flyball_schema::{MachineId, TagId};
use futures_util::future::join;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tokio::sync::oneshot;

/// How often workers are asked what has changed.
const COLLECT: Duration = Duration::from_millis(100);
/// How often a memory that could not be saved is tried again.
const RETRY: Duration = Duration::from_secs(5);
/// Deadline for everything to be durable at a shutdown, within that of the plant's step.
const SETTLE: Duration = Duration::from_millis(400);

type Done = Result<(), SaveError>;
type Reply<T> = ResponseActFuture<StateMachineManager, Result<T, MachineError>>;

/// Keeps the machines of a plant: names, workers, subscribers, and what is durable of them.
///
/// Handlers answer from the workers, so a status is never older than the answer; requests about one machine keep their
/// order because its worker takes them one after the other.
#[derive(Debug)]
pub struct StateMachineManager {
    kinds: Kinds,
    sync: WorkerPort,
    parallel: WorkerPort,
    save: Recipient<SaveMachine>,
    machines: BTreeMap<MachineId, Entry>,
    names: HashMap<String, MachineId>,
    driven: HashMap<TagId, MachineId>,
    saver: Saver<oneshot::Sender<Done>>,
    subscribers: Vec<Subscriber>,
    /// Machines added so far.
    added: u64,
    collecting: bool,
}

#[derive(Debug)]
struct Entry {
    definition: MachineDefinition,
    bindings: Bindings,
    state: MachineState,
    /// Memories with a smaller revision are of a machine of this id that was there before.
    revision: u64,
}

#[derive(Debug)]
struct Subscriber {
    recipient: Recipient<MachinesChanged>,
    pending: BTreeMap<MachineId, MachineStatus>,
}

impl StateMachineManager {
    /// A manager without machines.
    ///
    /// * `save`: makes what machines remember durable, the engine `MachinesLogger`.
    #[must_use]
    pub fn new(
        kinds: Kinds,
        sync: &Addr<StateMachineWorker>,
        parallel: &Addr<AsyncStateMachineWorker>,
        save: Recipient<SaveMachine>,
    ) -> Self {
        Self {
            kinds,
            sync: WorkerPort::of(sync),
            parallel: WorkerPort::of(parallel),
            save,
            machines: BTreeMap::new(),
            names: HashMap::new(),
            driven: HashMap::new(),
            saver: Saver::default(),
            subscribers: Vec::new(),
            added: 0,
            collecting: false,
        }
    }

    fn port(&self, mode: Mode) -> &WorkerPort {
        match mode {
            Mode::Sync => &self.sync,
            Mode::Async => &self.parallel,
        }
    }

    fn find(&self, id: MachineId) -> Result<(&Entry, &WorkerPort), MachineError> {
        let entry = self.machines.get(&id).ok_or(MachineError::UnknownMachine(id))?;
        Ok((entry, self.port(entry.definition.mode)))
    }

    /// Gathers statuses of machines in the order of `ids`, a few per message.
    fn read(&self, ids: Vec<MachineId>) -> ResponseFuture<Result<Vec<MachineStatus>, MachineError>> {
        let modes: HashMap<MachineId, Mode> =
            ids.iter().filter_map(|id| Some((*id, self.machines.get(id)?.definition.mode))).collect();
        let (sync, parallel) = (self.sync.clone(), self.parallel.clone());
        Box::pin(async move {
            let mut statuses = Vec::with_capacity(ids.len());
            for chunk in ids.chunks(STATUSES) {
                for (mode, port) in [(Mode::Sync, &sync), (Mode::Async, &parallel)] {
                    let wanted: Vec<MachineId> =
                        chunk.iter().copied().filter(|id| modes.get(id) == Some(&mode)).collect();
                    if !wanted.is_empty() {
                        let answer = ask_recipient(&port.statuses, ReadStatuses(wanted), DEADLINE).await;
                        statuses.extend(answer.map_err(|source| worker_unavailable(mode, source))?);
                    }
                }
            }
            statuses.sort_by_key(|status| status.info.id);
            Ok(statuses)
        })
    }

    fn collect(&mut self, ctx: &mut Context<Self>) {
        self.publish();
        if std::mem::replace(&mut self.collecting, true) {
            return;
        }
        let (sync, parallel) = (self.sync.collect.clone(), self.parallel.collect.clone());
        let answers = async move {
            join(ask_recipient(&sync, CollectChanges, DEADLINE), ask_recipient(&parallel, CollectChanges, DEADLINE))
                .await
        };
        ctx.spawn(wrap_future::<_, Self>(answers).map(|(sync, parallel), manager, ctx| {
            manager.collecting = false;
            for (mode, answer) in [(Mode::Sync, sync), (Mode::Async, parallel)] {
                match answer {
                    Ok(collected) => manager.take_in(collected, ctx),
                    Err(error) => log::warn!("{}", worker_unavailable(mode, error)),
                }
            }
            manager.publish();
        }));
    }

    fn take_in(&mut self, collected: Collected, ctx: &mut Context<Self>) {
        for saved in collected.saved {
            self.submit(saved, None, ctx);
        }
        for status in collected.statuses {
            // A machine that was removed meanwhile is not told any more.
            let Some(entry) = self.machines.get_mut(&status.info.id) else { continue };
            entry.state = status.state;
            for subscriber in &mut self.subscribers {
                subscriber.pending.insert(status.info.id, status.clone());
            }
        }
    }

    /// Hands every subscriber what it has to get; what it cannot take now waits, the newest per machine.
    fn publish(&mut self) {
        self.subscribers.retain_mut(|subscriber| {
            if subscriber.pending.is_empty() {
                return subscriber.recipient.connected();
            }
            let message = MachinesChanged(subscriber.pending.values().cloned().collect());
            match offer(&subscriber.recipient, message) {
                Ok(()) => subscriber.pending.clear(),
                Err((SendError::Closed, _)) => return false,
                Err(_full) => {}
            }
            true
        });
    }

    /// Has a memory saved. That of a machine which is no more is passed over: its last one is saved already.
    fn submit(&mut self, saved: Saved, waiter: Option<oneshot::Sender<Done>>, ctx: &mut Context<Self>) {
        if self.machines.get(&saved.id).is_none_or(|entry| saved.revision < entry.revision) {
            return;
        }
        let (id, revision) = (saved.id, saved.revision);
        if let Some(message) = self.saver.submit(saved) {
            self.save(message, ctx);
        }
        if let Some(waiter) = waiter.and_then(|waiter| self.saver.wait(id, revision, waiter)) {
            // Whoever asked may have gone.
            let _ = waiter.send(Ok(()));
        }
    }

    /// Waiters for all that is not durable yet, under way or not.
    fn await_unsettled(&mut self) -> Vec<oneshot::Receiver<Done>> {
        let unsettled = self.saver.unsettled().into_iter().map(|(id, revision)| {
            let (sender, receiver) = oneshot::channel();
            let _given_back = self.saver.wait(id, revision, sender);
            receiver
        });
        unsettled.collect()
    }

    fn save(&mut self, message: SaveMachine, ctx: &mut Context<Self>) {
        let (id, to) = (message.id, self.save.clone());
        let request = async move {
            let answer = ask_recipient(&to, message, DEADLINE).await;
            answer.unwrap_or_else(|error| Err(SaveError(error.to_string())))
        };
        ctx.spawn(wrap_future::<_, Self>(request).map(move |result, manager, ctx| {
            if let Err(error) = &result {
                log::error!("memory of machine {id} cannot be saved: {error}");
            }
            for waiter in manager.saver.finished(id, result.is_ok()) {
                // Whoever asked may have gone.
                let _ = waiter.send(result.clone());
            }
            // After a failure only where somebody still waits for a newer one; the others wait for the next try.
            if (result.is_ok() || manager.saver.is_awaited(id))
                && let Some(message) = manager.saver.next(id)
            {
                manager.save(message, ctx);
            }
        }));
    }

    /// Whose memory is not durable, as text.
    fn not_durable(&self) -> Option<String> {
        const NAMED: usize = 5;
        let unsettled = self.saver.unsettled();
        let name = |id| self.machines.get(id).map_or_else(|| id.to_string(), |entry| entry.definition.name.clone());
        let names: Vec<String> = unsettled.iter().take(NAMED).map(|(id, _)| name(id)).collect();
        let others = match unsettled.len().checked_sub(NAMED) {
            None | Some(0) => String::new(),
            Some(others) => format!(" and {others} others"),
        };
        (!unsettled.is_empty()).then(|| format!("not durable: the memory of {}{others}", names.join(", ")))
    }

    fn save_unsettled(&mut self, ctx: &mut Context<Self>) {
        for (id, _) in self.saver.unsettled() {
            if let Some(message) = self.saver.next(id) {
                self.save(message, ctx);
            }
        }
    }
}

fn worker_unavailable(mode: Mode, source: SendError) -> MachineError {
    let machine = match mode {
        Mode::Sync => "all sync machines",
        Mode::Async => "all async machines",
    };
    MachineError::Unavailable { machine: machine.to_owned(), source }
}

fn refused<T: 'static>(error: MachineError) -> Reply<T> {
    Box::pin(ready(Err(error)))
}

impl Actor for StateMachineManager {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ticker::every(ctx, COLLECT, |manager: &mut Self, ctx, _tick| manager.collect(ctx));
        ticker::every(ctx, RETRY, |manager: &mut Self, ctx, _tick| manager.save_unsettled(ctx));
    }
}

impl Handler<ListMachines> for StateMachineManager {
    type Result = ResponseFuture<Result<Vec<MachineStatus>, MachineError>>;

    fn handle(&mut self, message: ListMachines, _ctx: &mut Self::Context) -> Self::Result {
        let behind = |id: &MachineId| message.after.is_none_or(|after| *id > after);
        self.read(self.machines.keys().copied().filter(behind).take(message.limit).collect())
    }
}

impl Handler<ReadMachine> for StateMachineManager {
    type Result = ResponseFuture<Result<MachineStatus, MachineError>>;

    fn handle(&mut self, ReadMachine(id): ReadMachine, _ctx: &mut Self::Context) -> Self::Result {
        let statuses = self.read(vec![id]);
        Box::pin(async move { statuses.await?.pop().ok_or(MachineError::UnknownMachine(id)) })
    }
}

impl Handler<TransitionMachine> for StateMachineManager {
    type Result = Reply<MachineStatus>;

    fn handle(&mut self, message: TransitionMachine, _ctx: &mut Self::Context) -> Self::Result {
        let TransitionMachine { machine: id, transition } = message;
        match self.find(id) {
            Ok((entry, port)) => {
                let command = CommandMachine { id, transition };
                Box::pin(wrap_future(ask_for(entry.definition.name.clone(), port.command.clone(), command)))
            }
            Err(error) => refused(error),
        }
    }
}

impl Handler<SetParameters> for StateMachineManager {
    type Result = Reply<MachineStatus>;

    fn handle(&mut self, message: SetParameters, _ctx: &mut Self::Context) -> Self::Result {
        let SetParameters { machine: id, values } = message;
        let (machine, port) = match self.find(id) {
            Ok((entry, port)) => (entry.definition.name.clone(), port.parameters.clone()),
            Err(error) => return refused(error),
        };
        let request = ask_for(machine.clone(), port, ChangeParameters { id, values });
        let made = wrap_future::<_, Self>(request).map(|result, manager, ctx| {
            let (status, saved) = result?;
            let durable = saved.map(|saved| {
                let (sender, receiver) = oneshot::channel();
                manager.submit(saved, Some(sender), ctx);
                receiver
            });
            Ok((status, durable))
        });
        Box::pin(made.then(move |made, _manager, _ctx| {
            wrap_future(async move {
                let (status, durable) = made?;
                let Some(durable) = durable else { return Ok(status) };
                match durable.await {
                    Ok(Ok(())) => Ok(status),
                    Ok(Err(SaveError(reason))) => Err(MachineError::NotDurable { machine, reason }),
                    Err(_removed) => Err(MachineError::UnknownMachine(id)),
                }
            })
        }))
    }
}

impl Handler<EnterSafeState> for StateMachineManager {
    type Result = ResponseActFuture<Self, SafeStateReport>;

    fn handle(&mut self, _message: EnterSafeState, _ctx: &mut Self::Context) -> Self::Result {
        let (sync, parallel) = (self.sync.halt.clone(), self.parallel.halt.clone());
        let halts = async move {
            // A worker answers within the deadlines of its writes.
            let deadline = DEADLINE * 2;
            join(ask_recipient(&sync, HaltMachines, deadline), ask_recipient(&parallel, HaltMachines, deadline)).await
        };
        let halted = wrap_future::<_, Self>(halts).map(|(sync, parallel), manager, ctx| {
            let mut report = SafeStateReport::default();
            for (mode, answer) in [(Mode::Sync, sync), (Mode::Async, parallel)] {
                match answer {
                    Ok(halted) => {
                        report.machines += halted.machines;
                        report.problems.extend(halted.problems);
                        halted.saved.into_iter().for_each(|saved| manager.submit(saved, None, ctx));
                    }
                    Err(error) => report.problems.push(worker_unavailable(mode, error).to_string()),
                }
            }
            manager.save_unsettled(ctx);
            (report, manager.await_unsettled())
        });
        Box::pin(halted.then(|(report, waiting), _manager, _ctx| {
            wrap_future::<_, Self>(async move {
                let saved = futures_util::future::join_all(waiting);
                let _late = tokio::time::timeout(SETTLE, saved).await;
                report
            })
            .map(|mut report: SafeStateReport, manager, _ctx| {
                report.problems.extend(manager.not_durable());
                report
            })
        }))
    }
}

impl Handler<SubscribeMachines> for StateMachineManager {
    type Result = ResponseFuture<Result<Vec<MachineStatus>, MachineError>>;

    fn handle(&mut self, SubscribeMachines(recipient): SubscribeMachines, _ctx: &mut Self::Context) -> Self::Result {
        self.subscribers.push(Subscriber { recipient, pending: BTreeMap::new() });
        self.read(self.machines.keys().copied().collect())
    }
}

impl Handler<CountMachines> for StateMachineManager {
    type Result = MessageResult<CountMachines>;

    fn handle(&mut self, _message: CountMachines, _ctx: &mut Self::Context) -> Self::Result {
        let count = |state| self.machines.values().filter(|entry| entry.state == state).count();
        let (run, fault) = (count(MachineState::Run), count(MachineState::Fault));
        MessageResult(MachineCounts { total: self.machines.len(), run, fault })
    }
}
