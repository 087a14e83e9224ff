//! What a tag is.

use super::{Filter, Screens};
use crate::{DataType, Value};
use serde::{Deserialize, Serialize};

/// Engineering limits of a tag, in its unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// Low end.
    pub low: f64,
    /// High end, above `low`.
    pub high: f64,
}

/// How far a value has to move before it counts as a change.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DeadBand {
    /// In the tag's unit.
    Absolute(f64),
    /// Percent of the tag's range.
    Percent(f64),
}

impl DeadBand {
    /// The width in the tag's unit: 0 where a percentage has no range.
    #[must_use]
    pub fn absolute(self, range: Option<Range>) -> f64 {
        match (self, range) {
            (Self::Absolute(width), _) => width,
            (Self::Percent(percent), Some(range)) => percent / 100.0 * (range.high - range.low),
            (Self::Percent(_), None) => 0.0,
        }
    }
}

/// A place along a pipeline or track.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// Name of the segment.
    pub segment: String,
    /// Kilometre post on it, km.
    pub post: f64,
}

/// Definition of a tag.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TagDefinition {
    /// Unique; may be renamed.
    pub name: String,
    /// Name shown to people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// What is measured or set, in a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Area path, `site/area/unit` (ISA-95).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<String>,
    /// Type of the value.
    #[serde(default = "TagDefinition::default_data_type")]
    pub data_type: DataType,
    /// Quantity measured, for example `level`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<String>,
    /// Symbol of the source unit, for example `cm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Symbol of the unit shown to people; the source unit where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_unit: Option<String>,
    /// Engineering limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Range>,
    /// Link the value comes from; none for a tag that lives in the table alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Node address on the link, `ns=2;s=Tank1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Publishing interval, ms, in place of the link's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_ms: Option<u32>,
    /// Interval at which the value is read, ms, in place of a subscription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll_ms: Option<u32>,
    /// What the value is calculated from, in place of a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// How the value is filtered, before the dead-band.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    /// What the filtered value is screened for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screens: Option<Screens>,
    /// How far the value has to move before it counts as a change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_band: Option<DeadBand>,
    /// The value is reported at least this often, changed or not, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_silence_ms: Option<u32>,
    /// The value is bad (*stale*) when none has arrived for so long, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_after_ms: Option<u32>,
    /// Whether people and machines may write it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub writable: bool,
    /// What may be written, in the tag's unit; its range where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_limits: Option<Range>,
    /// The least role that may write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_role: Option<Role>,
    /// Whether its samples are kept.
    #[serde(default = "TagDefinition::default_history")]
    pub history: bool,
    /// How far the value has to move before a sample is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history_dead_band: Option<DeadBand>,
    /// Retention class of its samples, as the settings name it; the default where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<String>,
    /// Value at start, good, for a tag without a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<Value>,
    /// Where it is measured, along a pipeline or track.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// The name it had before: the tag of that name is renamed, with its history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
}

/// Roles that may be asked of who writes, each with all that those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Runs the plant.
    Operator,
    /// Answers for a shift.
    Supervisor,
    /// Changes what the plant is.
    Engineer,
    /// Manages the server and its users.
    Admin,
}

impl Role {
    /// The word used in plant definitions and on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Supervisor => "supervisor",
            Self::Engineer => "engineer",
            Self::Admin => "admin",
        }
    }
}

impl TagDefinition {
    /// A tag of the table alone, recorded, read-only, without unit or range.
    #[must_use]
    pub fn new(name: impl Into<String>, data_type: DataType) -> Self {
        Self {
            name: name.into(),
            display_name: None,
            description: None,
            area: None,
            data_type,
            quantity: None,
            unit: None,
            range: None,
            link: None,
            node: None,
            display_unit: None,
            publish_ms: None,
            poll_ms: None,
            expression: None,
            filter: None,
            screens: None,
            dead_band: None,
            max_silence_ms: None,
            stale_after_ms: None,
            writable: false,
            write_limits: None,
            write_role: None,
            history: true,
            history_dead_band: None,
            retention: None,
            initial: None,
            location: None,
            was: None,
        }
    }

    /// A float tag; see [`new`](Self::new).
    #[must_use]
    pub fn float(name: impl Into<String>) -> Self {
        Self::new(name, DataType::Float)
    }

    /// An integer tag; see [`new`](Self::new).
    #[must_use]
    pub fn integer(name: impl Into<String>) -> Self {
        Self::new(name, DataType::Integer)
    }

    /// A Boolean tag; see [`new`](Self::new).
    #[must_use]
    pub fn boolean(name: impl Into<String>) -> Self {
        Self::new(name, DataType::Boolean)
    }

    /// A text tag; see [`new`](Self::new).
    #[must_use]
    pub fn text(name: impl Into<String>) -> Self {
        Self::new(name, DataType::Text)
    }

    /// Sets the unit by its symbol.
    #[must_use]
    pub fn with_unit(mut self, symbol: impl Into<String>) -> Self {
        self.unit = Some(symbol.into());
        self
    }

    /// Sets the engineering limits, in the tag's unit.
    #[must_use]
    pub fn with_range(mut self, low: f64, high: f64) -> Self {
        self.range = Some(Range { low, high });
        self
    }

    /// Sets the absolute dead-band, in the tag's unit.
    #[must_use]
    pub fn with_dead_band(mut self, width: f64) -> Self {
        self.dead_band = Some(DeadBand::Absolute(width));
        self
    }

    /// Sets what the tag is, in a line.
    #[must_use]
    pub fn with_description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// Takes the value from a node of a link.
    #[must_use]
    pub fn on_link(mut self, link: impl Into<String>, node: impl Into<String>) -> Self {
        self.link = Some(link.into());
        self.node = Some(node.into());
        self
    }

    /// Lets people and machines write it.
    #[must_use]
    pub fn writable(mut self) -> Self {
        self.writable = true;
        self
    }

    /// Sets the value at start.
    #[must_use]
    pub fn with_initial(mut self, value: impl Into<Value>) -> Self {
        self.initial = Some(value.into());
        self
    }

    /// Keeps its samples out of history.
    #[must_use]
    pub fn without_history(mut self) -> Self {
        self.history = false;
        self
    }

    /// Sets the retention class of its samples.
    #[must_use]
    pub fn with_retention(mut self, class: impl Into<String>) -> Self {
        self.retention = Some(class.into());
        self
    }

    /// Calculates the value from other tags.
    #[must_use]
    pub fn with_expression(mut self, expression: impl Into<String>) -> Self {
        self.expression = Some(expression.into());
        self
    }

    /// Filters the value, before the dead-band.
    #[must_use]
    pub fn with_filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Screens the filtered value.
    #[must_use]
    pub fn with_screens(mut self, screens: Screens) -> Self {
        self.screens = Some(screens);
        self
    }

    /// Makes the value bad (*stale*) when none has arrived for so long, ms.
    #[must_use]
    pub fn stale_after(mut self, ms: u32) -> Self {
        self.stale_after_ms = Some(ms);
        self
    }

    /// Reports the value at least this often, changed or not, ms.
    #[must_use]
    pub fn with_max_silence(mut self, ms: u32) -> Self {
        self.max_silence_ms = Some(ms);
        self
    }

    /// The dead-band in the tag's unit: 0 without one.
    #[must_use]
    pub fn dead_band_absolute(&self) -> f64 {
        self.dead_band.map_or(0.0, |band| band.absolute(self.range))
    }

    /// What may be written, in the tag's unit: its write limits, else its range.
    #[must_use]
    pub fn writable_range(&self) -> Option<Range> {
        self.write_limits.or(self.range)
    }

    fn default_data_type() -> DataType {
        DataType::Float
    }

    fn default_history() -> bool {
        true
    }
}
