//! Ready-made kinds of machines, by name.

use super::bindings::Bindings;
use super::error::MachineError;
use super::machine::Machine;
use super::pid::Pid;
use super::two_position::TwoPosition;
use flyball_schema::definition::MachineDefinition;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Makes a machine of a definition whose inputs, outputs and parameters are checked later.
type Make = Arc<dyn Fn(&MachineDefinition) -> Result<Box<dyn Machine>, MachineError> + Send + Sync>;

/// The kinds that a plant definition may name. Cheap to clone.
#[derive(Clone)]
pub struct Kinds(BTreeMap<String, Make>);

impl Default for Kinds {
    /// `pid` and `two_position`.
    fn default() -> Self {
        Self(BTreeMap::new())
            .with("pid", |_definition| Ok(Box::<Pid>::default()))
            .with("two_position", |_definition| Ok(Box::<TwoPosition>::default()))
    }
}

impl fmt::Debug for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

impl Kinds {
    /// Adds a kind, or replaces it.
    #[must_use]
    pub fn with(
        mut self,
        kind: &str,
        make: impl Fn(&MachineDefinition) -> Result<Box<dyn Machine>, MachineError> + Send + Sync + 'static,
    ) -> Self {
        self.0.insert(kind.to_owned(), Arc::new(make));
        self
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Makes the machine of a definition; its [`declaration`](Machine::declaration) tells which tags it needs.
    ///
    /// # Errors
    /// [`MachineError::UnknownKind`], and what the kind itself refuses.
    pub fn make(&self, definition: &MachineDefinition) -> Result<Box<dyn Machine>, MachineError> {
        let make = self.0.get(&definition.kind).ok_or_else(|| MachineError::UnknownKind {
            machine: definition.name.clone(),
            kind: definition.kind.clone(),
            known: self.names().map(str::to_owned).collect(),
        })?;
        make(definition)
    }

    /// Whether a machine of a definition would run with these tags, apart from what others drive and remember: to be
    /// asked before the definition is made durable.
    ///
    /// # Errors
    /// As [`AddMachine`](super::AddMachine): what does not fit, by machine, input or output, and tag.
    pub fn check(&self, definition: &MachineDefinition, bindings: &Bindings) -> Result<(), MachineError> {
        super::runner::build::check(&mut *self.make(definition)?, definition, bindings)
    }
}
