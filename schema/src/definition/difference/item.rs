//! What links, tags, alarms and machines have in common.

use crate::Value;
use crate::definition::{AlarmDefinition, LinkDefinition, MachineDefinition, TagDefinition};
use serde::Serialize;
use std::fmt::Write as _;

/// An item of a plant definition, known by its name.
pub trait Item: Clone + PartialEq + Serialize {
    /// `link`, `tag`, `alarm` or `machine`.
    const KIND: &'static str;

    /// Its name, unique among those of its kind.
    fn name(&self) -> &str;

    /// The name it had before, where it is said to be renamed.
    fn was(&self) -> Option<&str>;

    /// The item without the name that it had before.
    #[must_use]
    fn without_was(self) -> Self;

    /// Whether every field but `was` is the same; numbers of either type are compared by value.
    fn is_like(&self, other: &Self) -> bool;

    /// The item in a line, without its kind and name.
    fn summary(&self) -> String;
}

/// Whether two values are the same; an integer and a float are where they are one number.
pub(super) fn is_same_value(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Integer(_), Value::Float(_)) => other.clone().coerce(one.data_type()).as_ref() == Some(one),
        (Value::Float(_), Value::Integer(_)) => is_same_value(other, one),
        _ => one == other,
    }
}

impl Item for LinkDefinition {
    const KIND: &'static str = "link";

    fn name(&self) -> &str {
        &self.name
    }

    fn was(&self) -> Option<&str> {
        None
    }

    fn without_was(self) -> Self {
        self
    }

    fn is_like(&self, other: &Self) -> bool {
        self == other
    }

    fn summary(&self) -> String {
        self.endpoint.clone()
    }
}

impl Item for TagDefinition {
    const KIND: &'static str = "tag";

    fn name(&self) -> &str {
        &self.name
    }

    fn was(&self) -> Option<&str> {
        self.was.as_deref()
    }

    fn without_was(mut self) -> Self {
        self.was = None;
        self
    }

    fn is_like(&self, other: &Self) -> bool {
        let same_initial = match (&self.initial, &other.initial) {
            (Some(one), Some(other)) => is_same_value(one, other),
            (one, other) => one == other,
        };
        let bare = |tag: &Self| Self { was: None, initial: None, ..tag.clone() };
        self == other || same_initial && bare(self) == bare(other)
    }

    fn summary(&self) -> String {
        let mut text = self.data_type.to_string();
        let parts = [
            ("", &self.unit),
            ("link ", &self.link),
            ("node ", &self.node),
            ("calculated from ", &self.expression),
            ("area ", &self.area),
        ];
        for (label, part) in parts {
            if let Some(part) = part {
                // Writing into a string does not fail.
                let _written = write!(text, ", {label}{}", super::text::bare_or_quoted(part));
            }
        }
        if self.writable {
            text.push_str(", writable");
        }
        text
    }
}

impl Item for AlarmDefinition {
    const KIND: &'static str = "alarm";

    fn name(&self) -> &str {
        &self.name
    }

    fn was(&self) -> Option<&str> {
        self.was.as_deref()
    }

    fn without_was(mut self) -> Self {
        self.was = None;
        self
    }

    fn is_like(&self, other: &Self) -> bool {
        let bare = |alarm: &Self| Self { was: None, set_point: Value::Boolean(false), ..alarm.clone() };
        self == other || is_same_value(&self.set_point, &other.set_point) && bare(self) == bare(other)
    }

    fn summary(&self) -> String {
        let tag = super::text::bare_or_quoted(&self.tag);
        format!("{} at {} of {tag}, priority {}", self.kind, self.set_point, self.priority.as_str())
    }
}

impl Item for MachineDefinition {
    const KIND: &'static str = "machine";

    fn name(&self) -> &str {
        &self.name
    }

    fn was(&self) -> Option<&str> {
        None
    }

    fn without_was(self) -> Self {
        self
    }

    fn is_like(&self, other: &Self) -> bool {
        let same_parameters = self.parameters.len() == other.parameters.len()
            && self.parameters.iter().zip(&other.parameters).all(|((name, value), (other_name, other_value))| {
                name == other_name && is_same_value(value, other_value)
            });
        let bare = |machine: &Self| Self { parameters: std::collections::BTreeMap::new(), ..machine.clone() };
        self == other || same_parameters && bare(self) == bare(other)
    }

    fn summary(&self) -> String {
        format!("{}, every {} ms", super::text::bare_or_quoted(&self.kind), self.interval_ms)
    }
}
