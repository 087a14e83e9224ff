//! A machine as people see it.

use super::super::inputs::InputTable;
use super::super::lifecycle;
use super::super::status::MachineStatus;
use super::Runner;
use std::sync::Arc;

impl Runner {
    /// The machine as it is now.
    #[must_use]
    pub fn status(&self, table: &InputTable) -> MachineStatus {
        let inputs = self.ports.iter().map(|port| {
            let reading = port.read_any(table);
            (reading.value, reading.quality)
        });
        let outputs =
            (0..self.cold.sinks.len()).map(|index| (self.outputs.value(index).cloned(), self.outputs.quality(index)));
        MachineStatus {
            info: Arc::clone(&self.cold.info),
            state: self.state,
            own_state: self.own_state.as_deref().map(str::to_owned),
            fault: self.cold.fault.clone(),
            denied: self.cold.denied.clone(),
            allowed: lifecycle::allowed(self.state),
            inputs: inputs.collect(),
            outputs: outputs.collect(),
            parameters: self.parameters.iter().map(|(_, value)| value.clone()).collect(),
            stats: self.stats,
        }
    }

    /// Whether state, fault or parameters have changed since this was last asked.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }
}
