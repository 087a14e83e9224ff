//! A test bench for one machine: feeds inputs, makes steps, shows what the table and the field would be told.

use super::bindings::{Bindings, BoundTag, tags_of};
use super::inputs::InputTable;
use super::machine::Machine;
use super::outputs::Effects;
use super::runner::{Blueprint, Runner};
use super::{MachineError, MachineMemory, Transition};
use crate::cvt::{TagChange, Update};
use flyball_schema::definition::{MachineDefinition, Mode, TagDefinition};
use flyball_schema::{MachineId, Quality, TagId, Timestamp, Value};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// Name every machine of a test has.
pub(super) const NAME: &str = "m";

/// A definition of a sync machine.
pub(super) fn definition(name: &str, kind: &str, interval_ms: u32) -> MachineDefinition {
    MachineDefinition {
        name: name.to_owned(),
        kind: kind.to_owned(),
        description: None,
        mode: Mode::Sync,
        interval_ms,
        inputs: BTreeMap::new(),
        outputs: BTreeMap::new(),
        parameters: BTreeMap::new(),
    }
}

/// Everything of a machine called `definition.name`, its tags numbered from `first` in the order `state`, `faulted`,
/// outputs, inputs; each input is bound to a tag of its own name.
pub(super) fn blueprint(id: u32, first: u32, machine: impl Machine, definition: MachineDefinition) -> Blueprint {
    let declaration = machine.declaration();
    let mut definition = definition;
    let mut tags = tags_of(&definition.name, &declaration);
    for spec in &declaration.inputs {
        let name = spec.name.to_owned();
        definition.inputs.insert(name.clone(), name.clone());
        tags.push(TagDefinition { unit: spec.unit.map(str::to_owned), ..TagDefinition::new(name, spec.data_type) });
    }
    let find = |name: &str| {
        let found = (first..).zip(&tags).find(|(_, tag)| tag.name == name);
        found.map(|(tag, definition)| BoundTag::new(TagId(tag), definition))
    };
    let bindings = Bindings::resolve(&definition, &declaration, find).unwrap();
    Blueprint { id: MachineId(id), definition, machine: Box::new(machine), bindings, memory: None, revision: 0 }
}

/// One machine with everything round it.
pub(super) struct Bench {
    pub(super) runner: Runner,
    pub(super) table: InputTable,
    pub(super) effects: Effects,
    pub(super) now: Timestamp,
    bindings: Bindings,
    seq: u64,
    shown: HashMap<TagId, Update>,
}

impl Bench {
    pub(super) fn new(machine: impl Machine, interval_ms: u32, parameters: &[(&str, Value)]) -> Self {
        Self::with_memory(machine, interval_ms, parameters, None).unwrap()
    }

    pub(super) fn with_memory(
        machine: impl Machine,
        interval_ms: u32,
        parameters: &[(&str, Value)],
        memory: Option<MachineMemory>,
    ) -> Result<Self, MachineError> {
        let mut definition = definition(NAME, "own", interval_ms);
        definition.parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let blueprint = Blueprint { memory, ..blueprint(1, 0, machine, definition) };
        let (mut table, mut effects) = (InputTable::default(), Effects::default());
        let bindings = blueprint.bindings.clone();
        let mut runner = Runner::build(blueprint, &mut table)?;
        let now = Timestamp::from_micros(1_000_000);
        runner.start(now, &mut effects);
        let mut bench = Self { runner, table, effects, now, bindings, seq: 0, shown: HashMap::new() };
        bench.show();
        Ok(bench)
    }

    /// Feeds a zero, so that the machine may run.
    pub(super) fn fed(mut self, input: &str) -> Self {
        self.feed(input, 0.0);
        self
    }

    pub(super) fn feed(&mut self, input: &str, value: impl Into<Value>) {
        self.change(input, Some(value.into()), Quality::GOOD);
    }

    pub(super) fn feed_quality(&mut self, input: &str, quality: Quality) {
        self.change(input, None, quality);
    }

    fn change(&mut self, input: &str, value: Option<Value>, quality: Quality) {
        self.seq += 1;
        let tag = self.bindings.inputs[input].tag;
        let (source_time, server_time, seq) = (self.now, self.now, self.seq);
        self.table.apply(&TagChange { value, source_time, server_time, seq, tag, quality });
    }

    /// One turn of the machine, an interval later.
    pub(super) fn step(&mut self) -> &mut Self {
        self.now = self.now + Duration::from_millis(self.runner.interval_ms());
        self.runner.tick(self.now, &self.table, &mut self.effects);
        self.show();
        self
    }

    pub(super) fn step_with(&mut self, input: &str, value: impl Into<Value>) -> &mut Self {
        self.feed(input, value);
        self.step()
    }

    pub(super) fn command(&mut self, transition: Transition) -> Result<(), MachineError> {
        let result = self.runner.command(transition, self.now, &self.table, &mut self.effects);
        self.show();
        result
    }

    pub(super) fn set(&mut self, parameters: &[(&str, Value)]) -> Result<(), MachineError> {
        let changes = parameters.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let result = self.runner.set_parameters(&changes, self.now, &mut self.effects);
        self.show();
        result
    }

    pub(super) fn memory(&mut self) -> Option<MachineMemory> {
        self.runner.changed_memory(self.now, &mut self.effects).map(|saved| saved.memory)
    }

    fn show(&mut self) {
        for (tag, update) in self.effects.writes.take() {
            self.shown.insert(tag, update);
        }
    }

    /// What the table was last told of `<machine>.<suffix>`.
    pub(super) fn told(&self, suffix: &str) -> &Update {
        let tag = match suffix {
            "state" => self.bindings.state,
            "faulted" => self.bindings.faulted,
            output => self.bindings.outputs[output].own.tag,
        };
        &self.shown[&tag]
    }

    pub(super) fn value(&self, suffix: &str) -> Value {
        self.told(suffix).value.clone().unwrap()
    }

    pub(super) fn boolean(&self, suffix: &str) -> bool {
        self.value(suffix).as_bool().unwrap()
    }

    pub(super) fn float(&self, suffix: &str) -> f64 {
        self.value(suffix).as_f64().unwrap()
    }

    pub(super) fn text(&self, suffix: &str) -> String {
        self.value(suffix).to_string()
    }
}
