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
    /// Active while the tag is further from its reference than the set point, either way.
    Deviation,
    /// Active while the tag rises or falls by more than the set point in a second.
    Rate,
    /// Active while the quality of the tag is bad.
    BadQuality,
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
            Self::Deviation => "DEVIATION",
            Self::Rate => "RATE",
            Self::BadQuality => "BAD_QUALITY",
        }
    }

    /// Whether it is one of the four limits, which have an order.
    #[must_use]
    pub fn is_limit(self) -> bool {
        matches!(self, Self::LowLow | Self::Low | Self::High | Self::HighHigh)
    }

    /// Whether the set point is a number.
    #[must_use]
    pub fn has_number(self) -> bool {
        self.is_limit() || matches!(self, Self::Deviation | Self::Rate)
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

/// Behind the name of an alarm: the Boolean tag that tells whether it is suppressed by design.
const SUPPRESSED: &str = ".suppressed";
/// Behind the name of an alarm: the tag that tells how far its tag is from the reference.
const DEVIATION: &str = ".deviation";
/// Behind the name of an alarm: the tag that tells how fast its tag rises or falls.
const RATE: &str = ".rate";

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
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
    /// Where it becomes active: a number in the tag's unit (of RATE per second), or true / false; true where it is not
    /// given.
    #[serde(
        default = "AlarmDefinition::default_set_point",
        skip_serializing_if = "AlarmDefinition::is_default_set_point"
    )]
    pub set_point: Value,
    /// Tag whose value is the set point, in place of a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_point_tag: Option<String>,
    /// Of DEVIATION: the tag that it deviates from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Of RATE: the time over which a rise or fall is measured, ms; 10,000 where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_ms: Option<u32>,
    /// How far the value has to come back before the alarm clears, in the tag's unit; not negative.
    #[serde(default)]
    pub dead_band: f64,
    /// How long the condition has to be true before the alarm is active, ms.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub on_delay_ms: u32,
    /// How long the condition has to be false before the alarm returns, ms.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub off_delay_ms: u32,
    /// Stays until it is reset, acknowledged or not, after the condition is false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub latching: bool,
    /// Counts as acknowledged when the condition is false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub auto_acknowledge: bool,
    /// An acknowledged alarm that still stands after so long is unacknowledged again, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub re_alarm_ms: Option<u32>,
    /// Alarms that trip together: the first of the group is marked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Expression while which it is suppressed by design.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppress_when: Option<String>,
    /// How long it may be shelved at a time, ms, in place of its priority's limit; 0 for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_shelve_ms: Option<u32>,
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
    /// How long the operator has before the consequence follows, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub respond_ms: Option<u32>,
    /// Who answers for its definition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Revision of its rationalization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
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
            set_point_tag: None,
            reference: None,
            window_ms: None,
            dead_band: 0.0,
            on_delay_ms: 0,
            off_delay_ms: 0,
            latching: false,
            auto_acknowledge: false,
            re_alarm_ms: None,
            group: None,
            suppress_when: None,
            max_shelve_ms: None,
            priority: Priority::default(),
            class: AlarmClass::default(),
            description: None,
            cause: None,
            consequence: None,
            action: None,
            respond_ms: None,
            owner: None,
            revision: None,
            was: None,
        }
    }

    fn default_set_point() -> Value {
        Value::Boolean(true)
    }

    fn is_default_set_point(set_point: &Value) -> bool {
        *set_point == Self::default_set_point()
    }

    /// The time over which a RATE is measured, ms.
    #[must_use]
    pub fn rate_window_ms(&self) -> u32 {
        self.window_ms.unwrap_or(10_000)
    }

    /// Name of the Boolean tag that the plant makes to tell whether it is suppressed by design.
    #[must_use]
    pub fn suppressed_tag(&self) -> Option<String> {
        self.suppress_when.as_ref().map(|_| format!("{}{SUPPRESSED}", self.name))
    }

    /// Name of the tag that the plant makes of what is compared with the set point, where that is not the tag itself.
    #[must_use]
    pub fn measured_tag(&self) -> Option<String> {
        let suffix = match self.kind {
            AlarmKind::Deviation => DEVIATION,
            AlarmKind::Rate => RATE,
            _ => return None,
        };
        Some(format!("{}{suffix}", self.name))
    }

    /// Sets how long the condition has to be true, and to be false, before it counts, ms.
    #[must_use]
    pub fn with_delays(mut self, on_ms: u32, off_ms: u32) -> Self {
        (self.on_delay_ms, self.off_delay_ms) = (on_ms, off_ms);
        self
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
