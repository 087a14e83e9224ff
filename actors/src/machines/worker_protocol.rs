//! What the manager asks of a worker, sync or async alike.

use super::error::MachineError;
use super::lifecycle::Transition;
use super::runner::{Blueprint, Saved};
use super::status::MachineStatus;
use crate::send::{DEADLINE, SendError, ask_recipient};
use actix::dev::ToEnvelope;
use actix::{Actor, Addr, Handler, Message, Recipient};
use flyball_schema::{MachineId, TagId, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Statuses that one answer carries at the most, so that a worker with thousands of machines answers in time.
pub(super) const STATUSES: usize = 128;

/// Makes a machine ready and runs it.
#[derive(Debug, Message)]
#[rtype(result = "Result<MachineStatus, MachineError>")]
pub(super) struct RunMachine(pub(super) Box<Blueprint>);

/// Moves a machine's outputs to their safe values and forgets it.
///
/// * Reply when table and field have taken the safe values, or it is plain that they will not: what it remembered at the
///   end, or last where it is blocked in a step.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<Saved, MachineError>")]
pub(super) struct DismissMachine(pub(super) MachineId);

/// Takes new names of tags.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub(super) struct RenameBoundTags(pub(super) Arc<[(TagId, String)]>);

/// Carries a command out.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<MachineStatus, MachineError>")]
pub(super) struct CommandMachine {
    pub(super) id: MachineId,
    pub(super) transition: Transition,
}

/// Changes parameters, all or none; with the status comes what has to be saved.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(MachineStatus, Option<Saved>), MachineError>")]
pub(super) struct ChangeParameters {
    pub(super) id: MachineId,
    pub(super) values: BTreeMap<String, Value>,
}

/// Reads machines as they are now; one that is not there is left out.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Vec<MachineStatus>")]
pub(super) struct ReadStatuses(pub(super) Vec<MachineId>);

/// Collects what has changed since the last time.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Collected")]
pub(super) struct CollectChanges;

/// Reply to [`CollectChanges`].
#[derive(Debug, Default)]
pub(super) struct Collected {
    /// Machines whose state, fault or parameters have changed; [`STATUSES`] at the most, the others next time.
    pub(super) statuses: Vec<MachineStatus>,
    /// What has to be saved.
    pub(super) saved: Vec<Saved>,
}

/// Stops stepping for good, moves every output to its safe value, and answers when table and field have taken them.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Halted")]
pub(super) struct HaltMachines;

/// Reply to [`HaltMachines`].
#[derive(Debug, Default)]
pub(super) struct Halted {
    /// Machines in their safe state.
    pub(super) machines: usize,
    /// What has to be saved.
    pub(super) saved: Vec<Saved>,
    /// What went wrong, in words.
    pub(super) problems: Vec<String>,
}

/// A worker as the manager sees it.
#[derive(Debug, Clone)]
pub(super) struct WorkerPort {
    pub(super) run: Recipient<RunMachine>,
    pub(super) dismiss: Recipient<DismissMachine>,
    pub(super) command: Recipient<CommandMachine>,
    pub(super) parameters: Recipient<ChangeParameters>,
    pub(super) statuses: Recipient<ReadStatuses>,
    pub(super) collect: Recipient<CollectChanges>,
    pub(super) halt: Recipient<HaltMachines>,
    pub(super) rename: Recipient<RenameBoundTags>,
}

impl WorkerPort {
    pub(super) fn of<A>(worker: &Addr<A>) -> Self
    where
        A: Actor
            + Handler<RunMachine>
            + Handler<DismissMachine>
            + Handler<CommandMachine>
            + Handler<ChangeParameters>
            + Handler<ReadStatuses>
            + Handler<CollectChanges>
            + Handler<HaltMachines>
            + Handler<RenameBoundTags>,
        A::Context: ToEnvelope<A, RunMachine>
            + ToEnvelope<A, DismissMachine>
            + ToEnvelope<A, CommandMachine>
            + ToEnvelope<A, ChangeParameters>
            + ToEnvelope<A, ReadStatuses>
            + ToEnvelope<A, CollectChanges>
            + ToEnvelope<A, HaltMachines>
            + ToEnvelope<A, RenameBoundTags>,
    {
        Self {
            run: worker.clone().recipient(),
            dismiss: worker.clone().recipient(),
            command: worker.clone().recipient(),
            parameters: worker.clone().recipient(),
            statuses: worker.clone().recipient(),
            collect: worker.clone().recipient(),
            halt: worker.clone().recipient(),
            rename: worker.clone().recipient(),
        }
    }
}

/// Asks a worker about one machine; a worker that does not answer is the machine's error.
pub(super) async fn ask_for<M, T>(machine: String, to: Recipient<M>, message: M) -> Result<T, MachineError>
where
    M: Message<Result = Result<T, MachineError>> + Send + 'static,
    T: Send + 'static,
{
    ask_recipient(&to, message, DEADLINE)
        .await
        .unwrap_or_else(|source: SendError| Err(MachineError::Unavailable { machine, source }))
}
