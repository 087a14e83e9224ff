//! The plant as code: links, tags, alarms and machines, as `plant.toml` or Rust says them.
//!
//! [`PlantDefinition::from_toml`] reads a file and names line and column of what is wrong;
//! [`PlantDefinition::validate`] holds the rules that concern more than one item; [`Difference`] tells what changes
//! from one definition to another; [`csv`] has tags and alarms as tables for spreadsheets.

mod alarm;
pub mod csv;
mod difference;
mod error;
mod filter;
#[cfg(test)]
mod roundtrip;
mod screens;
mod tag;
mod toml_text;
mod tree;
mod users;
mod validate;

pub use alarm::{AlarmClass, AlarmDefinition, AlarmKind, Priority};
pub use difference::{Changed, Changes, Counts, Difference, FieldChange, Item, Warning, fields_of};
pub use error::{DefinitionError, Fault, Place};
pub use filter::Filter;
pub use screens::{DriftScreen, FrozenScreen, OutlierScreen, RangeScreen, RateScreen, Screens};
pub use tag::{DeadBand, Location, Range, Role, TagDefinition};
pub use users::{RenameError, User, rename_tag, users_of};
pub use validate::{INSTRUMENT, check_limit_order, check_limit_values, check_tag};

use crate::Value;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything a plant is made of.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlantDefinition {
    /// The plant as a whole.
    #[serde(default)]
    pub plant: PlantHeader,
    /// Connections to devices.
    #[serde(default, rename = "link", skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<LinkDefinition>,
    /// Tags.
    #[serde(default, rename = "tag", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<TagDefinition>,
    /// Alarms.
    #[serde(default, rename = "alarm", skip_serializing_if = "Vec::is_empty")]
    pub alarms: Vec<AlarmDefinition>,
    /// Machines of the ready-made kinds.
    #[serde(default, rename = "machine", skip_serializing_if = "Vec::is_empty")]
    pub machines: Vec<MachineDefinition>,
}

/// The plant as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlantHeader {
    /// Name shown to people.
    pub name: String,
    /// What the plant is, in a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl Default for PlantHeader {
    fn default() -> Self {
        Self { name: "plant".to_owned(), description: None }
    }
}

/// A connection to a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkDefinition {
    /// Unique among links.
    pub name: String,
    /// OPC UA endpoint, `opc.tcp://host:port/path`.
    pub endpoint: String,
    /// Publishing interval of tags that name none of their own, ms.
    #[serde(default = "LinkDefinition::default_publish_ms")]
    pub publish_ms: u32,
    /// Sampling interval asked of the device, ms; 0 asks for every change.
    #[serde(default)]
    pub sampling_ms: u32,
    /// Changes the device keeps per tag between two publishes.
    #[serde(default = "LinkDefinition::default_queue")]
    pub queue: u32,
}

impl LinkDefinition {
    /// A link with the default intervals: publish every 100 ms, every change, up to 100 kept.
    #[must_use]
    pub fn new(name: impl Into<String>, endpoint: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            endpoint: endpoint.into(),
            publish_ms: Self::default_publish_ms(),
            sampling_ms: 0,
            queue: Self::default_queue(),
        }
    }

    fn default_publish_ms() -> u32 {
        100
    }

    fn default_queue() -> u32 {
        100
    }

    /// Name of the Boolean tag that tells whether the link is connected.
    #[must_use]
    pub fn connected_tag(&self) -> String {
        format!("link.{}.connected", self.name)
    }
}

/// Where a machine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// In sequence with all other sync machines; steps must be short.
    #[default]
    Sync,
    /// On a thread of its own; steps may block.
    Async,
}

/// A machine of a ready-made kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineDefinition {
    /// Unique among machines; its output tags are named `<machine>.<output>`.
    pub name: String,
    /// The ready-made kind, for example `pid`.
    pub kind: String,
    /// What the machine does, in a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where it runs.
    #[serde(default)]
    pub mode: Mode,
    /// Interval between steps, ms.
    pub interval_ms: u32,
    /// Input name → tag name.
    #[serde(default)]
    pub inputs: BTreeMap<String, String>,
    /// Output name → tag name that it is also written to.
    #[serde(default)]
    pub outputs: BTreeMap<String, String>,
    /// Parameter name → value.
    #[serde(default)]
    pub parameters: BTreeMap<String, Value>,
}

impl PlantDefinition {
    /// Reads and validates a plant definition in TOML.
    ///
    /// # Errors
    /// The first syntax error, unknown key, wrong type or broken rule, with line, column and item.
    pub fn from_toml(text: &str) -> Result<Self, DefinitionError> {
        Self::from_toml_or_all(text).map_err(|mut errors| errors.swap_remove(0))
    }

    /// The same, with everything that is wrong.
    ///
    /// # Errors
    /// At least one: the one syntax error, unknown key or wrong type, or every broken rule, by item.
    pub fn from_toml_or_all(text: &str) -> Result<Self, Vec<DefinitionError>> {
        let definition: Self = toml::from_str(text).map_err(|error| vec![DefinitionError::syntax(text, &error)])?;
        let mut problems = definition.problems();
        if problems.is_empty() {
            return Ok(definition);
        }
        DefinitionError::locate_all(&mut problems, text);
        Err(problems)
    }

    /// Writes the definition as TOML that [`from_toml`](Self::from_toml) reads back to the same value.
    ///
    /// # Errors
    /// A number that is not finite.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml_text::write(self)
    }

    /// Checks every rule that needs no running plant.
    ///
    /// # Errors
    /// The first broken rule, with the item and field.
    pub fn validate(&self) -> Result<(), DefinitionError> {
        self.problems().into_iter().next().map_or(Ok(()), Err)
    }

    /// Every broken rule that needs no running plant, at most one per item but for names.
    #[must_use]
    pub fn problems(&self) -> Vec<DefinitionError> {
        validate::problems(self)
    }
}
