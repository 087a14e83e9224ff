//! What people are told of a machine.

use super::lifecycle::{MachineState, Transition};
use flyball_schema::definition::Mode;
use flyball_schema::{DataType, MachineId, Quality, TagId, Value};
use std::sync::Arc;

/// What of a machine does not change while it runs.
#[derive(Debug, Clone, PartialEq)]
pub struct MachineInfo {
    /// Identity.
    pub id: MachineId,
    /// Name.
    pub name: String,
    /// Kind, for example `pid`.
    pub kind: String,
    /// What it does, in a line.
    pub description: Option<String>,
    /// Where it runs.
    pub mode: Mode,
    /// Interval between steps, ms.
    pub interval_ms: u32,
    /// Inputs, in the order declared.
    pub inputs: Vec<PortInfo>,
    /// Outputs, in the order declared; the tag is the machine's own.
    pub outputs: Vec<PortInfo>,
    /// Parameters, in the order declared.
    pub parameters: Vec<ParameterInfo>,
}

/// What of an input or output does not change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortInfo {
    /// Name.
    pub name: &'static str,
    /// The tag it reads, or the machine's own tag it writes; `None` for an optional input bound to nothing.
    pub tag: Option<(TagId, String)>,
    /// Another tag that the output drives.
    pub drives: Option<(TagId, String)>,
    /// Unit of the value told: the one the machine computes in, or the tag's.
    pub unit: Option<String>,
    /// What it is, in a line.
    pub description: &'static str,
}

/// What of a parameter does not change.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterInfo {
    /// Name.
    pub name: &'static str,
    /// Type.
    pub data_type: DataType,
    /// Unit.
    pub unit: Option<String>,
    /// Smallest value allowed.
    pub low: Option<f64>,
    /// Largest value allowed.
    pub high: Option<f64>,
    /// Values allowed of a text; empty for any.
    pub choices: &'static [&'static str],
    /// What it is, in a line.
    pub description: &'static str,
}

/// Counters of one machine since it was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MachineStats {
    /// Steps done.
    pub steps: u64,
    /// Steps that took longer than the interval.
    pub overruns: u64,
    /// Turns of the interval that passed without a step because it came too late.
    pub missed: u64,
    /// Time the last step took, µs.
    pub step_us_last: u64,
    /// Time the longest step took, µs.
    pub step_us_max: u64,
    /// The latest that a step began after it was due, µs.
    pub late_us_max: u64,
}

/// A machine as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct MachineStatus {
    /// What does not change.
    pub info: Arc<MachineInfo>,
    /// State of the life cycle.
    pub state: MachineState,
    /// The machine's own state within it.
    pub own_state: Option<String>,
    /// Why it faulted.
    pub fault: Option<String>,
    /// Why it does not go from *wait* to *run*, where it denies that itself.
    pub denied: Option<String>,
    /// What may be asked of it now.
    pub allowed: Vec<Transition>,
    /// Value and quality of each input, as `info.inputs`.
    pub inputs: Vec<(Option<Value>, Quality)>,
    /// Value and quality of each output, as `info.outputs`.
    pub outputs: Vec<(Option<Value>, Quality)>,
    /// Value of each parameter, as `info.parameters`.
    pub parameters: Vec<Value>,
    /// Counters.
    pub stats: MachineStats,
}
