//! What an alarm is (ISA-18.2 clause 5, DOMAIN terms of IEC 62682).

use crate::Value;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Type of an alarm. A tag has at most one alarm of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AlarmKind {
    /// Active below the set point; below LOW.
    LowLow,
    /// Active below the set point.
    Low,
    /// Active above the set point.
    High,
    /// Active above the set point; above HIGH.
    HighHigh,
    /// Active while the tag is as the set point says, true or false.
    Bool,
}

impl AlarmKind {
    /// The word used in plant definitions, in the database and on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HighHigh => "HIGH_HIGH",
            Self::High => "HIGH",
            Self::Low => "LOW",
            Self::LowLow => "LOW_LOW",
            Self::Bool => "BOOL",
        }
    }

    /// Whether the set point is a number.
    #[must_use]
    pub fn is_limit(self) -> bool {
        self != Self::Bool
    }
}

impl fmt::Display for AlarmKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Priority, by consequence and time to respond (ISA-18.2 clause 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Lowest.
    Low,
    /// Second lowest.
    #[default]
    Medium,
    /// Second highest.
    High,
    /// Highest.
    Critical,
}

impl Priority {
    /// The word used in plant definitions and on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Where an alarm comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmClass {
    /// The process.
    #[default]
    Process,
    /// A link to a device is lost.
    LinkLost,
    /// A machine has faulted.
    MachineFault,
    /// Flyball itself.
    System,
}

impl AlarmClass {
    /// The word used on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::LinkLost => "link_lost",
            Self::MachineFault => "machine_fault",
            Self::System => "system",
        }
    }
}

/// Definition of an alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmDefinition {
    /// Unique among alarms.
    pub name: String,
    /// Name of the tag it watches.
    pub tag: String,
    /// Type.
    pub kind: AlarmKind,
    /// Where it becomes active: a number in the tag's unit, or true / false.
    pub set_point: Value,
    /// How far the value has to come back before the alarm clears, in the tag's unit; not negative.
    #[serde(default)]
    pub dead_band: f64,
    /// Priority.
    #[serde(default)]
    pub priority: Priority,
    /// Where it comes from.
    #[serde(default)]
    pub class: AlarmClass,
    /// What it says, in a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What brings it about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What follows where nobody acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consequence: Option<String>,
    /// What the operator does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// The name it had before: the alarm of that name is renamed, with its state and journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
}

impl AlarmDefinition {
    /// An alarm of medium priority without dead-band or guidance.
    #[must_use]
    pub fn new(name: impl Into<String>, tag: impl Into<String>, kind: AlarmKind, set_point: impl Into<Value>) -> Self {
        Self {
            name: name.into(),
            tag: tag.into(),
            kind,
            set_point: set_point.into(),
            dead_band: 0.0,
            priority: Priority::default(),
            class: AlarmClass::default(),
            description: None,
            cause: None,
            consequence: None,
            action: None,
            was: None,
        }
    }

    /// Sets how far the value has to come back before the alarm clears, in the tag's unit.
    #[must_use]
    pub fn with_dead_band(mut self, width: f64) -> Self {
        self.dead_band = width;
        self
    }

    /// Sets the priority.
    #[must_use]
    pub fn with_priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Sets where the alarm comes from.
    #[must_use]
    pub fn with_class(mut self, class: AlarmClass) -> Self {
        self.class = class;
        self
    }

    /// Sets what the alarm says, in a line.
    #[must_use]
    pub fn with_description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }
}
