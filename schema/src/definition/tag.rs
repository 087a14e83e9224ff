//! What a tag is.

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
    /// How far the value has to move before it counts as a change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_band: Option<DeadBand>,
    /// Whether people and machines may write it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub writable: bool,
    /// Whether its samples are kept.
    #[serde(default = "TagDefinition::default_history")]
    pub history: bool,
    /// Retention class of its samples, as the settings name it; the default where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<String>,
    /// Value at start, good, for a tag without a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<Value>,
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
            publish_ms: None,
            dead_band: None,
            writable: false,
            history: true,
            retention: None,
            initial: None,
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

    /// The dead-band in the tag's unit: 0 without one, or where a percentage has no range.
    #[must_use]
    pub fn dead_band_absolute(&self) -> f64 {
        match (self.dead_band, self.range) {
            (Some(DeadBand::Absolute(width)), _) => width,
            (Some(DeadBand::Percent(percent)), Some(range)) => percent / 100.0 * (range.high - range.low),
            _ => 0.0,
        }
    }

    fn default_data_type() -> DataType {
        DataType::Float
    }

    fn default_history() -> bool {
        true
    }
}
