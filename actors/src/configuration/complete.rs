//! A definition made whole: with the tags and alarms that a plant adds to what people have defined.

use super::ConfigurationError;
use crate::machines::{Bindings, BoundTag, Declaration, Kinds, MachineError, tags_of};
use crate::plant::system;
use flyball_schema::TagId;
use flyball_schema::definition::{MachineDefinition, PlantDefinition};
use std::collections::HashMap;

/// A machine whose code the application brought along: it is part of the plant, not of its definition.
pub type OwnMachine = (MachineDefinition, Declaration);

/// How many items of each kind people have defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Links.
    pub links: usize,
    /// Tags.
    pub tags: usize,
    /// Alarms.
    pub alarms: usize,
    /// Machines.
    pub machines: usize,
}

impl Counts {
    /// The items of a definition.
    #[must_use]
    pub fn of(definition: &PlantDefinition) -> Self {
        Self {
            links: definition.links.len(),
            tags: definition.tags.len(),
            alarms: definition.alarms.len(),
            machines: definition.machines.len(),
        }
    }
}

/// A definition with what the plant adds: first what people have defined, then what it makes by itself.
#[derive(Debug, Clone)]
pub struct Complete {
    /// Everything.
    pub definition: PlantDefinition,
    /// How many items at the beginning of each list people have defined.
    pub defined: Counts,
    /// What each machine declares, in their order.
    pub declarations: Vec<Declaration>,
}

impl Complete {
    /// Adds machines of one's own, the tags of every machine, and the tags and alarms of links, faults, screens and of the
    /// plant itself; then holds all of it against the rules.
    ///
    /// # Errors
    /// [`ConfigurationError::Machine`] for a kind or parameters that are none; [`ConfigurationError::Invalid`] with
    /// everything that breaks a rule.
    pub fn new(defined: PlantDefinition, own: &[OwnMachine], kinds: &Kinds) -> Result<Self, ConfigurationError> {
        let machines = defined.machines.len();
        let mut definition = defined;
        // Alarms and expressions may name the tags of machines that the application brings along.
        definition.machines.extend(own.iter().map(|(machine, _)| machine.clone()));
        let invalid = definition.problems();
        if !invalid.is_empty() {
            return Err(ConfigurationError::Invalid(invalid));
        }
        definition.machines.truncate(machines);
        Self::of_checked(definition, own, kinds)
    }

    /// As [`new`](Self::new), of what was held against the rules when it was stored: only the whole is held against them.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn of_checked(defined: PlantDefinition, own: &[OwnMachine], kinds: &Kinds) -> Result<Self, ConfigurationError> {
        let counts = Counts::of(&defined);
        let mut definition = defined;
        let mut declarations = Vec::with_capacity(counts.machines + own.len());
        for machine in &definition.machines {
            declarations.push(kinds.make(machine)?.declaration());
        }
        for (machine, declaration) in own {
            definition.machines.push(machine.clone());
            declarations.push(declaration.clone());
        }
        system::complete(&mut definition);
        for (machine, declaration) in definition.machines.iter().zip(&declarations) {
            let tags = tags_of(&machine.name, declaration);
            let faulted = tags.iter().find(|tag| tag.name.ends_with(".faulted"));
            definition.alarms.extend(faulted.map(|tag| system::machine_fault_alarm(&machine.name, &tag.name)));
            definition.tags.extend(tags);
        }
        let complete = Self { definition, defined: counts, declarations };
        let invalid = complete.definition.problems();
        if !invalid.is_empty() {
            return Err(ConfigurationError::Invalid(invalid));
        }
        complete.try_machines(kinds)?;
        Ok(complete)
    }

    /// Makes every machine once, so that what does not fit is told before anything changes.
    fn try_machines(&self, kinds: &Kinds) -> Result<(), ConfigurationError> {
        let tags: HashMap<&str, BoundTag> =
            (0..).map(TagId).zip(&self.definition.tags).map(|(id, tag)| (&*tag.name, BoundTag::new(id, tag))).collect();
        let mut driven: HashMap<TagId, &str> = HashMap::new();
        for (index, (machine, declaration)) in self.definition.machines.iter().zip(&self.declarations).enumerate() {
            let bindings = Bindings::resolve(machine, declaration, |name| tags.get(name).cloned())?;
            for drives in bindings.outputs.values().filter_map(|output| output.drives.as_ref()) {
                if let Some(by) = driven.insert(drives.tag, &machine.name) {
                    let (machine, tag, by) = (machine.name.clone(), drives.name.clone(), by.to_owned());
                    return Err(MachineError::AlreadyDriven { machine, tag, by }.into());
                }
            }
            if index < self.defined.machines {
                kinds.check(machine, &bindings)?;
            }
        }
        Ok(())
    }

    /// The part that people have defined.
    #[must_use]
    pub fn defined(&self) -> PlantDefinition {
        let Self { definition, defined, .. } = self;
        PlantDefinition {
            plant: definition.plant.clone(),
            links: definition.links[..defined.links].to_vec(),
            tags: definition.tags[..defined.tags].to_vec(),
            alarms: definition.alarms[..defined.alarms].to_vec(),
            machines: definition.machines[..defined.machines].to_vec(),
        }
    }

    /// A definition as it is, nothing of it made by a plant.
    #[must_use]
    pub fn of_people_alone(definition: PlantDefinition) -> Self {
        Self { defined: Counts::of(&definition), definition, declarations: Vec::new() }
    }
}
