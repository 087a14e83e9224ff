//! What of a machine survives a restart of the plant.

use super::super::MachineMemory;
use super::super::lifecycle::MachineState;
use super::super::machine::Machine;
use super::super::outputs::Effects;
use super::{Runner, guarded};
use flyball_schema::definition::MachineDefinition;
use flyball_schema::{MachineId, Timestamp, Value};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

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
        if memory.state.is_null() {
            return Ok(Self { life_cycle: MachineState::Start, fault: None, own: serde_json::Value::Null });
        }
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

/// What a machine remembers when its definition changes from `previous` to `next`.
///
/// * A parameter whose value the definition changes, gives or no longer gives is forgotten: the definition wins. One that
///   stands there as it stood keeps what people set at run time. A number counts as the same whether it is written
///   as an integer or with a fraction.
/// * State of the life cycle and what the machine itself remembers are kept.
/// * With another kind, parameters, fault and what the machine itself remembers are forgotten: they are another
///   machine's. One that was put to *sleep* or to the *test* stays there.
#[must_use]
pub fn memory_after(
    previous: &MachineDefinition,
    next: &MachineDefinition,
    mut memory: MachineMemory,
) -> MachineMemory {
    if previous.kind == next.kind {
        let is_as_it_was = |name: &String| match (previous.parameters.get(name), next.parameters.get(name)) {
            (None, None) => true,
            (Some(before), Some(after)) => is_same(before, after),
            _ => false,
        };
        memory.parameters.retain(|name, _| is_as_it_was(name));
        return memory;
    }
    let life_cycle = match memory.state.get("life_cycle").and_then(serde_json::Value::as_str) {
        Some(word) if [MachineState::Sleep.as_str(), MachineState::Test.as_str()].contains(&word) => word,
        _ => MachineState::Start.as_str(),
    };
    let state = serde_json::json!({ "life_cycle": life_cycle, "fault": null, "own": null });
    MachineMemory { parameters: std::collections::BTreeMap::new(), state }
}

fn is_same(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Integer(whole), Value::Float(number)) | (Value::Float(number), Value::Integer(whole)) => {
            number.partial_cmp(&(*whole as f64)) == Some(Ordering::Equal)
        }
        (before, after) => before == after,
    }
}

impl Runner {
    /// What the machine remembers now, whether or not that has changed.
    pub fn memory(&mut self, now: Timestamp, effects: &mut Effects) -> Saved {
        let changed = self.changed_memory(now, effects);
        changed.unwrap_or_else(|| Saved {
            id: self.id(),
            revision: self.cold.revision,
            memory: self.cold.saved.clone().unwrap_or_default(),
        })
    }

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

#[cfg(test)]
mod tests {
    use super::super::super::testing::definition;
    use super::*;

    fn with(parameters: &[(&str, Value)]) -> MachineDefinition {
        let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        MachineDefinition { parameters, ..definition("m", "pid", 100) }
    }

    fn remembered(life_cycle: &str) -> MachineMemory {
        let parameters = ["gain", "set_point", "unmentioned"].map(|name| (name.to_owned(), Value::Float(7.0)));
        let state = serde_json::json!({ "life_cycle": life_cycle, "fault": "stuck", "own": { "integral": 1.5 } });
        MachineMemory { parameters: parameters.into(), state }
    }

    fn kept(memory: &MachineMemory) -> Vec<&str> {
        memory.parameters.keys().map(String::as_str).collect()
    }

    #[test]
    fn a_parameter_that_the_definition_changes_wins_and_the_others_stay_as_people_set_them() {
        let previous = with(&[("gain", 1.0.into()), ("set_point", 10.0.into())]);
        let next = with(&[("gain", 2.0.into()), ("set_point", 10.0.into())]);
        let memory = memory_after(&previous, &next, remembered("start"));
        assert_eq!(kept(&memory), ["set_point", "unmentioned"]);
        assert_eq!(memory.state, remembered("start").state, "the machine goes on from where it was");
    }

    #[test]
    fn a_parameter_that_appears_in_the_definition_or_leaves_it_is_forgotten() {
        let (bare, given) = (with(&[]), with(&[("gain", 7.0.into())]));
        assert_eq!(kept(&memory_after(&bare, &given, remembered("start"))), ["set_point", "unmentioned"]);
        assert_eq!(kept(&memory_after(&given, &bare, remembered("start"))), ["set_point", "unmentioned"]);
    }

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        let (whole, fraction) = (with(&[("gain", 7_i64.into())]), with(&[("gain", 7.0.into())]));
        assert_eq!(memory_after(&whole, &fraction, remembered("start")), remembered("start"));
        assert_eq!(memory_after(&fraction, &whole, remembered("start")), remembered("start"));
        let (word, truth) = (with(&[("gain", "1".into())]), with(&[("gain", true.into())]));
        assert_eq!(kept(&memory_after(&word, &truth, remembered("start"))), ["set_point", "unmentioned"]);
    }

    #[test]
    fn nothing_is_forgotten_where_only_name_interval_mode_or_tags_change() {
        let previous = with(&[("gain", 1.0.into())]);
        let mut next = MachineDefinition { name: "n".to_owned(), interval_ms: 50, ..previous.clone() };
        next.inputs.insert("pv".to_owned(), "level".to_owned());
        assert_eq!(memory_after(&previous, &next, remembered("fault")), remembered("fault"));
    }

    #[test]
    fn another_kind_begins_anew_but_sleeps_on() {
        let other = MachineDefinition { kind: "two_position".to_owned(), ..with(&[]) };
        for (before, after) in [("sleep", "sleep"), ("test", "test"), ("fault", "start"), ("start", "start")] {
            let memory = memory_after(&with(&[]), &other, remembered(before));
            assert_eq!(kept(&memory), [""; 0]);
            assert_eq!(memory.state, serde_json::json!({ "life_cycle": after, "fault": null, "own": null }));
        }
        let nothing = memory_after(&with(&[]), &other, MachineMemory::default());
        assert_eq!(nothing.state["life_cycle"], "start");
    }
}
