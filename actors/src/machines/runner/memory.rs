//! What of a machine survives a restart of the plant.

use super::super::MachineMemory;
use super::super::lifecycle::MachineState;
use super::super::machine::Machine;
use super::super::outputs::Effects;
use super::{Runner, guarded};
use flyball_schema::{MachineId, Timestamp};
use serde::{Deserialize, Serialize};

/// The memory of a machine as of one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Saved {
    /// The machine.
    pub id: MachineId,
    /// Rises with every memory taken from the machine: of two, the larger one is the newer.
    pub revision: u64,
    /// What it remembers.
    pub memory: MachineMemory,
}

/// Contents of [`MachineMemory::state`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Remembered {
    /// `sleep`, `test` or `fault`; `start` for a machine that runs or waits.
    pub(super) life_cycle: MachineState,
    pub(super) fault: Option<String>,
    /// What the machine itself remembers.
    own: serde_json::Value,
}

impl Remembered {
    /// Gives a machine its own memory back.
    pub(super) fn recall(machine: &mut dyn Machine, memory: &MachineMemory) -> Result<Self, String> {
        let remembered: Self = serde_json::from_value(memory.state.clone()).map_err(|error| error.to_string())?;
        if !remembered.own.is_null() {
            guarded(|| machine.restore(&remembered.own)).map_err(|text| format!("panicked in restore: {text}"))??;
        }
        Ok(remembered)
    }

    pub(super) fn own_of(memory: &MachineMemory) -> serde_json::Value {
        memory.state.get("own").cloned().unwrap_or_default()
    }
}

impl Runner {
    /// What the machine remembers now, where it has changed since this was last asked. A panic in `save` faults the machine
    /// and keeps what it remembered before.
    pub fn changed_memory(&mut self, now: Timestamp, effects: &mut Effects) -> Option<Saved> {
        match guarded(|| self.machine.save()) {
            Ok(own) => self.cold.own_memory = own,
            Err(text) => self.fail(format!("panicked in save: {text}"), now, effects),
        }
        let life_cycle = match self.state {
            MachineState::Sleep | MachineState::Test | MachineState::Fault => self.state,
            _ => MachineState::Start,
        };
        let state = serde_json::json!({
            "life_cycle": life_cycle, "fault": self.cold.fault, "own": self.cold.own_memory,
        });
        let memory = MachineMemory { parameters: self.parameters.to_map(), state };
        if self.cold.saved.as_ref() == Some(&memory) {
            return None;
        }
        self.cold.revision += 1;
        self.cold.saved = Some(memory.clone());
        Some(Saved { id: self.id(), revision: self.cold.revision, memory })
    }
}
