//! Why machines could not do what was asked.

use super::lifecycle::{Transition, WrongState};
use super::parameters::ParameterFault;
use crate::send::SendError;
use flyball_schema::{DataType, MachineId};

/// Why the machine manager could not do what was asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MachineError {
    /// No machine has this id.
    #[error("unknown machine {0}")]
    UnknownMachine(MachineId),
    /// The id is taken.
    #[error("machine id {0} is in use")]
    DuplicateId(MachineId),
    /// The name is taken.
    #[error("machine \"{0}\" exists already")]
    DuplicateName(String),
    /// No ready-made machine is of this kind.
    #[error("machine \"{machine}\": unknown kind \"{kind}\"; there are {}", .known.join(", "))]
    UnknownKind {
        /// The machine.
        machine: String,
        /// The kind asked for.
        kind: String,
        /// The kinds there are.
        known: Vec<String>,
    },
    /// The machine declares no such input.
    #[error("machine \"{machine}\" has no input \"{input}\"; it has {}", .known.join(", "))]
    UnknownInput {
        /// The machine.
        machine: String,
        /// The input named.
        input: String,
        /// The inputs it has.
        known: Vec<&'static str>,
    },
    /// The machine declares no such output.
    #[error("machine \"{machine}\" has no output \"{output}\"; it has {}", .known.join(", "))]
    UnknownOutput {
        /// The machine.
        machine: String,
        /// The output named.
        output: String,
        /// The outputs it has.
        known: Vec<&'static str>,
    },
    /// An input or output is bound to a tag that does not exist.
    #[error("machine \"{machine}\", {port}: there is no tag \"{tag}\"")]
    UnknownTag {
        /// The machine.
        machine: String,
        /// The input or output.
        port: String,
        /// The tag named.
        tag: String,
    },
    /// A required input is bound to nothing.
    #[error("machine \"{machine}\": input \"{input}\" needs a tag")]
    UnboundInput {
        /// The machine.
        machine: String,
        /// The input.
        input: String,
    },
    /// An output drives a tag that machines may not write.
    #[error("machine \"{machine}\", {output}: tag \"{tag}\" is not writable")]
    NotWritable {
        /// The machine.
        machine: String,
        /// The output.
        output: String,
        /// The tag.
        tag: String,
    },
    /// An output drives a tag that another machine drives.
    #[error("machine \"{machine}\": tag \"{tag}\" is driven by machine \"{by}\" already")]
    AlreadyDriven {
        /// The machine.
        machine: String,
        /// The tag.
        tag: String,
        /// The machine that drives it.
        by: String,
    },
    /// The tag's type does not fit the input or output.
    #[error("machine \"{machine}\", {port}: takes {wanted}, but tag \"{tag}\" is {found}")]
    TypeMismatch {
        /// The machine.
        machine: String,
        /// The input or output.
        port: String,
        /// The tag.
        tag: String,
        /// The type of the input or output.
        wanted: DataType,
        /// The type of the tag.
        found: DataType,
    },
    /// The tag's unit cannot be converted.
    #[error(
        "machine \"{machine}\", {port}: computes in {wanted}, which does not fit the unit of tag \"{tag}\": {found}"
    )]
    UnitMismatch {
        /// The machine.
        machine: String,
        /// The input or output.
        port: String,
        /// The tag.
        tag: String,
        /// The unit the machine computes in.
        wanted: String,
        /// The unit of the tag, or `none`.
        found: String,
    },
    /// Parameters that are wrong; none was changed.
    #[error("machine \"{machine}\": {}", told(.faults))]
    InvalidParameters {
        /// The machine.
        machine: String,
        /// Each wrong parameter with what is wrong.
        faults: Vec<(String, ParameterFault)>,
    },
    /// The machine contradicts itself.
    #[error("machine \"{machine}\": {reason}")]
    BadDeclaration {
        /// The machine.
        machine: String,
        /// What is wrong.
        reason: String,
    },
    /// An interval outside 1 ms to a day.
    #[error("machine \"{machine}\": {interval_ms} ms is no interval; allowed: 1 to 86,400,000 ms")]
    BadInterval {
        /// The machine.
        machine: String,
        /// The interval.
        interval_ms: u32,
    },
    /// The life cycle has no such transition from the present state.
    #[error("machine \"{machine}\": {refused}")]
    WrongState {
        /// The machine.
        machine: String,
        /// State, transition, and what is allowed.
        refused: WrongState,
    },
    /// The machine itself denies the transition.
    #[error("machine \"{machine}\" denies {transition}: {reason}")]
    Denied {
        /// The machine.
        machine: String,
        /// What was asked.
        transition: Transition,
        /// Why not.
        reason: String,
    },
    /// The machine's code panicked.
    #[error("machine \"{machine}\" panicked in {during}: {text}")]
    Panicked {
        /// The machine.
        machine: String,
        /// What was called.
        during: &'static str,
        /// What the panic said.
        text: String,
    },
    /// Every thread for async machines is taken.
    #[error("machine \"{machine}\": all {limit} threads for async machines are taken")]
    TooManyThreads {
        /// The machine.
        machine: String,
        /// How many there are.
        limit: usize,
    },
    /// The change is made but could not be made durable; that is tried again.
    #[error("machine \"{machine}\": the change is made but not durable: {reason}")]
    NotDurable {
        /// The machine.
        machine: String,
        /// Why not.
        reason: String,
    },
    /// The machine did not answer: it is blocked in a step, or its thread is gone.
    #[error("machine \"{machine}\" does not answer")]
    Unavailable {
        /// The machine.
        machine: String,
        /// How the request failed.
        #[source]
        source: SendError,
    },
    /// Machines are in their safe state for good: the plant is stopping.
    #[error("machine \"{0}\": the plant is stopping")]
    Stopping(String),
}

fn told(faults: &[(String, ParameterFault)]) -> String {
    let words: Vec<String> = faults.iter().map(|(name, fault)| format!("parameter \"{name}\": {fault}")).collect();
    words.join("; ")
}
