//! A machine is made ready to run.

use super::super::MachineMemory;
use super::super::bindings::{Bindings, Compiler};
use super::super::declaration::{Declaration, ParameterUnit};
use super::super::error::MachineError;
use super::super::inputs::InputTable;
use super::super::lifecycle::MachineState;
use super::super::machine::Machine;
use super::super::outputs::Outputs;
use super::super::parameters::{Change, Parameters};
use super::super::status::{MachineInfo, MachineStats, ParameterInfo, PortInfo};
use super::memory::Remembered;
use super::{Cold, Runner, guarded};
use flyball_schema::definition::MachineDefinition;
use flyball_schema::{MachineId, TagId, Timestamp};
use std::sync::Arc;

/// Everything a machine is made of.
pub struct Blueprint {
    /// Identity.
    pub id: MachineId,
    /// Name, interval, mode and parameters; for a ready-made one the kind too.
    pub definition: MachineDefinition,
    /// The machine itself.
    pub machine: Box<dyn Machine>,
    /// Its tags.
    pub bindings: Bindings,
    /// What it remembers from before.
    pub memory: Option<MachineMemory>,
    /// Its memories are numbered behind this, so that those of a machine of its id before it are told as older.
    pub revision: u64,
}

impl std::fmt::Debug for Blueprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blueprint")
            .field("id", &self.id)
            .field("definition", &self.definition)
            .field("bindings", &self.bindings)
            .field("memory", &self.memory)
            .finish_non_exhaustive()
    }
}

impl Runner {
    /// Makes a machine ready: checks what it declares, its parameters, types and units, and gives it its memory back.
    ///
    /// * Values kept from before win over those of the definition. A memory that cannot be used does not keep
    ///   the plant from starting: the machine starts in *fault*, says why, and begins anew when it is reset.
    ///
    /// # Errors
    /// [`MachineError`]: what does not fit, by machine, input or output, and tag. Nothing is changed then.
    pub fn build(blueprint: Blueprint, table: &mut InputTable) -> Result<Self, MachineError> {
        let Blueprint { id, definition, mut machine, bindings, memory, revision } = blueprint;
        let name = definition.name.clone();
        let declaration = declaration_of(&*machine, &definition)?;
        let compiler = Compiler { machine: &name, declaration: &declaration, bindings: &bindings };
        let sinks = compiler.sinks()?;

        let defined = initial_parameters(&mut *machine, &definition, &declaration)?;
        let mut spoilt = None;
        let parameters = match memory.as_ref().map(|memory| keep(&mut *machine, &defined, memory)) {
            Some(Ok(kept)) => kept,
            Some(Err(text)) => {
                spoilt = Some(text);
                defined
            }
            None => defined,
        };
        let remembered = memory.as_ref().map(|memory| Remembered::recall(&mut *machine, memory));
        let remembered = remembered.transpose().unwrap_or_else(|text| {
            spoilt.get_or_insert(text);
            None
        });
        let (mut state, mut fault) =
            remembered.map_or((MachineState::Start, None), |kept| (kept.life_cycle, kept.fault));
        if let Some(text) = spoilt {
            (state, fault) = (MachineState::Fault, Some(format!("what was kept from before cannot be used: {text}")));
        }

        let ports = compiler.ports(table)?;
        let info = Arc::new(describe(id, definition, &declaration, &bindings));
        Ok(Self {
            machine,
            state,
            force: true,
            changed: true,
            buffered: ports.iter().any(|port| port.depth > 0),
            drives: sinks.iter().any(|sink| sink.driven.is_some()),
            interval_ms: info.interval_ms,
            last: None,
            refreshed: Timestamp::default(),
            stats: MachineStats::default(),
            ports,
            outputs: Outputs::new(sinks.len()),
            parameters,
            declaration: Box::new(declaration),
            own_state: None,
            cold: Box::new(Cold {
                info,
                sinks,
                state_tag: bindings.state,
                faulted_tag: bindings.faulted,
                fault,
                denied: None,
                revision,
                own_memory: memory.as_ref().map_or(serde_json::Value::Null, Remembered::own_of),
                saved: memory,
            }),
        })
    }
}

/// Whether [`Runner::build`] would make the machine, apart from what it remembers. Nothing is kept of the attempt.
///
/// # Errors
/// As [`Runner::build`].
pub(in crate::machines) fn check(
    machine: &mut dyn Machine,
    definition: &MachineDefinition,
    bindings: &Bindings,
) -> Result<(), MachineError> {
    let declaration = declaration_of(machine, definition)?;
    let compiler = Compiler { machine: &definition.name, declaration: &declaration, bindings };
    compiler.sinks()?;
    compiler.ports(&mut InputTable::default())?;
    initial_parameters(machine, definition, &declaration).map(drop)
}

/// What the machine declares, sound in itself.
fn declaration_of(machine: &dyn Machine, definition: &MachineDefinition) -> Result<Declaration, MachineError> {
    let (name, interval_ms) = (|| definition.name.clone(), definition.interval_ms);
    if !(1..=86_400_000).contains(&interval_ms) {
        return Err(MachineError::BadInterval { machine: name(), interval_ms });
    }
    let declaration = guarded(|| machine.declaration()).map_err(|text| MachineError::Panicked {
        machine: name(),
        during: "declaration",
        text,
    })?;
    declaration.check().map_err(|reason| MachineError::BadDeclaration { machine: name(), reason })?;
    Ok(declaration)
}

/// The values of the definition, accepted by the machine.
fn initial_parameters(
    machine: &mut dyn Machine,
    definition: &MachineDefinition,
    declaration: &Declaration,
) -> Result<Parameters, MachineError> {
    let name = || definition.name.clone();
    let defaults = Parameters::new(declaration.parameters.clone().into());
    let given = &definition.parameters;
    let mut values =
        defaults.with(given).map_err(|faults| MachineError::InvalidParameters { machine: name(), faults })?;
    let mut change = Change::new(&defaults, &mut values, given);
    match guarded(|| machine.change(&mut change)) {
        Ok(Ok(())) => Ok(values),
        Ok(Err((parameter, fault))) => {
            Err(MachineError::InvalidParameters { machine: name(), faults: vec![(parameter.to_owned(), fault)] })
        }
        Err(text) => Err(MachineError::Panicked { machine: name(), during: "change", text }),
    }
}

/// The values kept from before, accepted by the machine.
fn keep(machine: &mut dyn Machine, defined: &Parameters, memory: &MachineMemory) -> Result<Parameters, String> {
    let mut kept = defined.with(&memory.parameters).map_err(|faults| {
        faults.iter().map(|(name, fault)| format!("parameter \"{name}\": {fault}")).collect::<Vec<_>>().join("; ")
    })?;
    let mut change = Change::new(defined, &mut kept, &memory.parameters);
    match guarded(|| machine.change(&mut change)) {
        Ok(Ok(())) => Ok(kept),
        Ok(Err((name, fault))) => Err(format!("parameter \"{name}\": {fault}")),
        Err(text) => Err(format!("panicked in change: {text}")),
    }
}

fn describe(
    id: MachineId,
    definition: MachineDefinition,
    declaration: &Declaration,
    bindings: &Bindings,
) -> MachineInfo {
    let named = |tag: TagId, name: &str| (tag, name.to_owned());
    let inputs: Vec<PortInfo> = declaration
        .inputs
        .iter()
        .map(|spec| {
            let bound = bindings.inputs.get(spec.name);
            PortInfo {
                name: spec.name,
                tag: bound.map(|bound| named(bound.tag, &bound.name)),
                drives: None,
                unit: spec.unit.map(str::to_owned).or_else(|| bound?.unit.clone()),
                description: spec.description,
            }
        })
        .collect();
    let outputs: Vec<PortInfo> = declaration
        .outputs
        .iter()
        .map(|spec| {
            let binding = bindings.outputs.get(spec.name);
            let drives = binding.and_then(|binding| binding.drives.as_ref());
            PortInfo {
                name: spec.name,
                tag: binding.map(|binding| named(binding.own.tag, &binding.own.name)),
                drives: drives.map(|bound| named(bound.tag, &bound.name)),
                unit: spec.unit.map(str::to_owned).or_else(|| drives?.unit.clone()),
                description: spec.description,
            }
        })
        .collect();
    let unit_of = |ports: &[PortInfo], name: &str| ports.iter().find(|port| port.name == name)?.unit.clone();
    let parameters = declaration
        .parameters
        .iter()
        .map(|spec| ParameterInfo {
            name: spec.name,
            data_type: spec.default.data_type(),
            unit: match spec.unit {
                ParameterUnit::None => None,
                ParameterUnit::Symbol(symbol) => Some(symbol.to_owned()),
                ParameterUnit::OfInput(name) => unit_of(&inputs, name),
                ParameterUnit::OfOutput(name) => unit_of(&outputs, name),
            },
            low: spec.low,
            high: spec.high,
            choices: spec.choices,
            description: spec.description,
        })
        .collect();
    let MachineDefinition { name, description, mode, interval_ms, .. } = definition;
    let kind = declaration.kind.to_owned();
    MachineInfo { id, name, kind, description, mode, interval_ms, inputs, outputs, parameters }
}
