//! What machines use tags for.

use super::bindings::Bindings;
use flyball_schema::{MachineId, TagId};
use std::fmt;

/// A tag that a machine uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagUse {
    /// The tag.
    pub tag: TagId,
    /// The machine.
    pub machine: MachineId,
    /// Its name.
    pub name: String,
    /// What for.
    pub role: TagRole,
}

/// What a machine uses a tag for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagRole {
    /// It reads it by the input of this name.
    Input(String),
    /// It is the machine's own tag of the output of this name.
    Output(String),
    /// The output of this name drives it.
    Drives(String),
    /// It tells the machine's state.
    State,
    /// It tells that the machine has faulted.
    Faulted,
}

impl fmt::Display for TagRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(name) => write!(f, "input {name}"),
            Self::Output(name) => write!(f, "output {name}"),
            Self::Drives(name) => write!(f, "driven by output {name}"),
            Self::State => f.write_str("its state"),
            Self::Faulted => f.write_str("its fault"),
        }
    }
}

/// As in "in use by machine "loop" (input pv)".
impl fmt::Display for TagUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "machine \"{}\" ({})", self.name, self.role)
    }
}

impl Bindings {
    /// Every tag with what it is used for.
    pub fn roles(&self) -> impl Iterator<Item = (TagId, TagRole)> {
        let own = [(self.state, TagRole::State), (self.faulted, TagRole::Faulted)];
        let inputs = self.inputs.iter().map(|(name, bound)| (bound.tag, TagRole::Input(name.clone())));
        let outputs = self.outputs.iter().flat_map(|(name, binding)| {
            let drives = binding.drives.as_ref().map(|bound| (bound.tag, TagRole::Drives(name.clone())));
            std::iter::once((binding.own.tag, TagRole::Output(name.clone()))).chain(drives)
        });
        own.into_iter().chain(inputs).chain(outputs)
    }

    /// Takes new names of tags, sorted by tag.
    pub fn rename_tags(&mut self, names: &[(TagId, String)]) {
        let outputs =
            self.outputs.values_mut().flat_map(|binding| std::iter::once(&mut binding.own).chain(&mut binding.drives));
        for bound in self.inputs.values_mut().chain(outputs) {
            if let Ok(place) = names.binary_search_by_key(&bound.tag, |(tag, _)| *tag) {
                bound.name.clone_from(&names[place].1);
            }
        }
    }
}
