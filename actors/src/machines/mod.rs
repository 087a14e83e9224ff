//! State machines: user code that reads tags and drives outputs at an interval. **Manager**, two **workers**.
//!
//! A [`Machine`] is written against three constants' worth of declaration and one function, `step`. A `Runner` keeps its
//! life cycle ([`lifecycle`]) and contains its faults; [`StateMachineWorker`] runs all *sync* machines in sequence by a
//! [`wheel`], [`AsyncStateMachineWorker`] each *async* one on a thread of its own; [`StateMachineManager`] is the registry
//! and the only one the rest of the plant speaks to.

mod async_worker;
pub mod bindings;
mod declaration;
mod error;
mod feed;
pub mod histogram;
mod host;
mod inputs;
mod kinds;
pub mod lifecycle;
mod machine;
mod manager;
mod outlet;
mod outputs;
mod parameters;
pub mod pid;
pub mod runner;
mod saver;
mod status;
mod stopwatch;
mod tag_use;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod two_position;
mod typed;
pub mod wheel;
mod worker;
mod worker_protocol;

pub use async_worker::AsyncStateMachineWorker;
pub use bindings::{Bindings, BoundTag, OutputBinding, tags_of};
pub use declaration::{
    Declaration, Input, InputSpec, Output, OutputSpec, Parameter, ParameterSpec, ParameterUnit, Safe,
};
pub use error::MachineError;
pub use inputs::{InputTable, Reading};
pub use kinds::Kinds;
pub use lifecycle::{MachineState, Transition, WrongState};
pub use machine::{Machine, Step, StepError, View};
pub use manager::StateMachineManager;
pub use outlet::OutletStats;
pub use outputs::{Effects, Outbox, TransitionRecord};
pub use parameters::{Change, ParameterFault, Parameters};
pub use runner::{Blueprint, Runner, Saved, memory_after};
pub use status::{MachineInfo, MachineStats, MachineStatus, ParameterInfo, PortInfo};
pub use tag_use::{TagRole, TagUse};
pub use typed::Typed;
pub use worker::{ReadWorkerStatus, StateMachineWorker, WorkerStatus};

use actix::{Message, Recipient};
use flyball_schema::definition::MachineDefinition;
use flyball_schema::{MachineId, TagId, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What of a machine survives a restart of the plant.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MachineMemory {
    /// Parameter name → value.
    pub parameters: BTreeMap<String, Value>,
    /// State of the life cycle and what the machine itself remembers; opaque.
    pub state: serde_json::Value,
}

/// A memory that could not be saved, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SaveError(pub String);

/// Makes a machine's memory durable, in place of the one before. Taken by the engine `MachinesLogger`.
///
/// * Reply when it is durable. Of one machine only one is under way.
#[derive(Debug, Clone, PartialEq, Message)]
#[rtype(result = "Result<(), SaveError>")]
pub struct SaveMachine {
    /// The machine.
    pub id: MachineId,
    /// What it remembers.
    pub memory: MachineMemory,
}

/// Where the code of a machine comes from.
pub enum Source {
    /// A ready-made kind, named in the definition.
    Kind,
    /// A machine of one's own; the definition's kind is not looked at.
    Machine(Box<dyn Machine>),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Kind => "Kind",
            Self::Machine(_) => "Machine",
        })
    }
}

/// Adds a machine and starts it.
///
/// * Its own tags ([`tags_of`]) exist already; [`Bindings::resolve`] finds all tags it needs.
/// * Reply: the machine in *wait*, or in *sleep*, *test* or *fault* where it was left there.
/// * Errors: what does not fit, see [`MachineError`]; nothing is added then.
#[derive(Debug, Message)]
#[rtype(result = "Result<MachineStatus, MachineError>")]
pub struct AddMachine {
    /// Identity, from the database.
    pub id: MachineId,
    /// Name, mode, interval, parameters.
    pub definition: MachineDefinition,
    /// The machine itself, or its kind.
    pub source: Source,
    /// Its tags.
    pub bindings: Bindings,
    /// What it remembers from before a restart.
    pub memory: Option<MachineMemory>,
}

/// Moves a machine's outputs to their safe values and removes it; its tags stay.
///
/// * Reply when table and field have taken the safe values, or it is plain that they will not: what it remembers, which is
///   also saved; for [`AddMachine`] where it comes back.
/// * Errors: [`MachineError::UnknownMachine`].
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<MachineMemory, MachineError>")]
pub struct RemoveMachine {
    /// The machine.
    pub id: MachineId,
    /// What becomes of it, where it comes back: what it remembers is saved by [`memory_after`], so that a crash in between
    /// does not bring back what its definition has overruled.
    pub succession: Option<Succession>,
}

/// A machine's definition, and that of the machine which stands in for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Succession {
    /// As it is.
    pub before: MachineDefinition,
    /// As it is to be.
    pub after: MachineDefinition,
}

impl RemoveMachine {
    /// Removes a machine that does not come back, as far as is known.
    #[must_use]
    pub fn new(id: MachineId) -> Self {
        Self { id, succession: None }
    }
}

/// Replaces a machine by another of its id, in one step for everybody else: other tags, parameters, interval, mode, kind or
/// name.
///
/// * The new one is held against what it declares and against the other machines first; where it does not fit, the
///   old one goes on undisturbed. Then the old one's outputs go to their safe values, and the new one starts from what it
///   remembers, by [`memory_after`]: a parameter that the definition changes wins over what people set, any other one keeps
///   what they set. That is saved at once, so that a crash does not bring the old value back.
/// * Its own tags exist already; tags that only the old one had stay, at the safe values.
/// * Where machines swap names or driven tags, [`RemoveMachine`] and [`AddMachine`] do it in two steps.
/// * Reply: the new one, in *wait*, or in *sleep*, *test* or *fault* where the old one was.
/// * Errors: [`MachineError::UnknownMachine`]; else as [`AddMachine`], and nothing has changed. Only where the worker does not
///   take the new one ([`MachineError::TooManyThreads`], [`MachineError::Unavailable`], [`MachineError::Stopping`]) the machine
///   is gone, its outputs at their safe values.
#[derive(Debug, Message)]
#[rtype(result = "Result<MachineStatus, MachineError>")]
pub struct ReplaceMachine {
    /// The machine.
    pub id: MachineId,
    /// What it is from now on.
    pub definition: MachineDefinition,
    /// The machine itself, or its kind.
    pub source: Source,
    /// Its tags.
    pub bindings: Bindings,
}

/// Tags have other names: machines that are bound to them show the new ones and go on as they are.
///
/// * A tag with another type or unit is another thing: each machine bound to it is replaced ([`ReplaceMachine`]).
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct RenameTags(pub Vec<(TagId, String)>);

/// Lists what machines use any of these tags for, by tag, then by machine: what keeps the tags from being removed.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Vec<TagUse>")]
pub struct ListTagUses(pub Vec<TagId>);

/// Lists machines by id, a page at a time.
///
/// * Errors: [`MachineError::Unavailable`] where a worker does not answer.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<Vec<MachineStatus>, MachineError>")]
pub struct ListMachines {
    /// Start behind this id.
    pub after: Option<MachineId>,
    /// At most so many.
    pub limit: usize,
}

/// Reads one machine.
///
/// * Errors: [`MachineError::UnknownMachine`], [`MachineError::Unavailable`].
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<MachineStatus, MachineError>")]
pub struct ReadMachine(pub MachineId);

/// Asks a machine for a transition: one of [`Transition::COMMANDS`].
///
/// * Reply: the machine after it; *reset* and *restart* lead on to *wait*.
/// * Errors: [`MachineError::UnknownMachine`], [`MachineError::WrongState`] (lists what is allowed),
///   [`MachineError::Denied`] by the machine itself, [`MachineError::Unavailable`] while an async machine is blocked.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<MachineStatus, MachineError>")]
pub struct TransitionMachine {
    /// The machine.
    pub machine: MachineId,
    /// What it shall do.
    pub transition: Transition,
}

/// Changes parameters of a machine, all or none.
///
/// * Reply when the change is made *and* durable.
/// * Errors: [`MachineError::UnknownMachine`], [`MachineError::InvalidParameters`] (nothing changes),
///   [`MachineError::NotDurable`] (the change is made, and saved as soon as that is possible).
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<MachineStatus, MachineError>")]
pub struct SetParameters {
    /// The machine.
    pub machine: MachineId,
    /// Parameter name → value.
    pub values: BTreeMap<String, Value>,
}

/// Stops every machine for good, moves all outputs to their safe values, and saves what machines remember: the machines'
/// part of a shutdown, while the field link is up.
///
/// * Reply when table and field have taken the safe values and the memory is durable, or it is plain that they will not.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "SafeStateReport")]
pub struct EnterSafeState;

/// Reply to [`EnterSafeState`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SafeStateReport {
    /// Machines that were stopped.
    pub machines: usize,
    /// What went wrong, in words; empty for an orderly end.
    pub problems: Vec<String>,
}

/// Sends [`MachinesChanged`] from now on; the reply is every machine now.
#[derive(Debug, Message)]
#[rtype(result = "Result<Vec<MachineStatus>, MachineError>")]
pub struct SubscribeMachines(pub Recipient<MachinesChanged>);

/// State, fault or parameters of machines have changed. A machine that changes faster than ten times a second, or whose
/// subscriber is slow, is told with its newest state only.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct MachinesChanged(pub Arc<[MachineStatus]>);

/// How many machines are in which state.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "MachineCounts")]
pub struct CountMachines;

/// Reply to [`CountMachines`], at most a tenth of a second old.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MachineCounts {
    /// All machines.
    pub total: usize,
    /// In *run*.
    pub run: usize,
    /// In *fault*.
    pub fault: usize,
}
