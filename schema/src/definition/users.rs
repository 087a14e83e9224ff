//! What refers to a tag by its name, and renaming that keeps every reference.

use super::{AlarmDefinition, MachineDefinition, PlantDefinition, TagDefinition};
use crate::expression::Expression;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

/// A reference to a tag.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct User {
    /// `alarm`, `machine` or `tag`.
    pub item: &'static str,
    /// Name of the item.
    pub name: String,
    /// The field that names the tag: `tag`, `inputs.<input>`, `outputs.<output>` or `expression`.
    pub field: String,
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.item, self.name)
    }
}

/// Why a tag is not renamed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenameError {
    /// No tag has the old name.
    #[error("there is no tag \"{0}\" to rename")]
    UnknownTag(String),
    /// A tag has the new name.
    #[error("the tag \"{from}\" cannot be renamed: there is a tag \"{to}\"")]
    NameTaken {
        /// The old name.
        from: String,
        /// The new name.
        to: String,
    },
}

/// Everything that refers to the tag: alarms, machines, expressions, each in order of definition.
#[must_use]
pub fn users_of(definition: &PlantDefinition, tag: &str) -> Vec<User> {
    let mut users = Vec::new();
    each_reference(definition, |name, item, owner, field| {
        if name == tag {
            users.push(User { item, name: owner.to_owned(), field: field.to_string() });
        }
    });
    users
}

/// Calls `see` with each reference: name of the tag, kind and name of what refers to it, and the field.
pub(super) fn each_reference(
    definition: &PlantDefinition,
    mut see: impl FnMut(&str, &'static str, &str, fmt::Arguments<'_>),
) {
    for AlarmDefinition { name, tag, set_point_tag, reference, suppress_when, .. } in &definition.alarms {
        see(tag, "alarm", name, format_args!("tag"));
        for (field, tag) in [("set_point_tag", set_point_tag), ("reference", reference)] {
            tag.iter().for_each(|tag| see(tag, "alarm", name, format_args!("{field}")));
        }
        for tag in suppress_when.as_deref().map(expression_tags).unwrap_or_default() {
            see(&tag, "alarm", name, format_args!("suppress_when"));
        }
    }
    for MachineDefinition { name, inputs, outputs, .. } in &definition.machines {
        for (input, tag) in inputs {
            see(tag, "machine", name, format_args!("inputs.{input}"));
        }
        for (output, tag) in outputs {
            see(tag, "machine", name, format_args!("outputs.{output}"));
        }
    }
    for TagDefinition { name, expression, .. } in &definition.tags {
        for tag in expression.as_deref().map(expression_tags).unwrap_or_default() {
            see(&tag, "tag", name, format_args!("expression"));
        }
    }
}

/// Renames a tag; alarms, machines and expressions that refer to it follow, and the tag's `was` tells
/// the old name, so that a [`Difference`](super::Difference) is a renaming.
///
/// # Errors
/// There is no such tag, or the name is taken. Nothing is changed then.
pub fn rename_tag(definition: &mut PlantDefinition, from: &str, to: &str) -> Result<(), RenameError> {
    if from == to {
        return Ok(());
    }
    if definition.tags.iter().any(|tag| tag.name == to) {
        return Err(RenameError::NameTaken { from: from.to_owned(), to: to.to_owned() });
    }
    let Some(tag) = definition.tags.iter_mut().find(|tag| tag.name == from) else {
        return Err(RenameError::UnknownTag(from.to_owned()));
    };
    to.clone_into(&mut tag.name);
    tag.was = Some(from.to_owned());
    follow(definition, &HashMap::from([(from, to)]));
    Ok(())
}

/// Brings references to tags to their new names, by the old ones.
pub(super) fn follow(definition: &mut PlantDefinition, renamed: &HashMap<&str, &str>) {
    if renamed.is_empty() {
        return;
    }
    let alarms = definition.alarms.iter_mut();
    let alarms = alarms.flat_map(|AlarmDefinition { tag, set_point_tag, reference, .. }| {
        std::iter::once(tag).chain(set_point_tag).chain(reference)
    });
    let machines = &mut definition.machines;
    let ends = machines.iter_mut().flat_map(|machine| machine.inputs.values_mut().chain(machine.outputs.values_mut()));
    for reference in alarms.chain(ends) {
        if let Some(to) = renamed.get(reference.as_str()) {
            (*to).clone_into(reference);
        }
    }
    let of_tags = definition.tags.iter_mut().filter_map(|tag| tag.expression.as_mut());
    let of_alarms = definition.alarms.iter_mut().filter_map(|alarm| alarm.suppress_when.as_mut());
    for expression in of_tags.chain(of_alarms) {
        if let Cow::Owned(new) = rename_in_expression(expression, renamed) {
            *expression = new;
        }
    }
}

/// The tags that an expression reads; none of one that cannot be read, which no valid definition has.
fn expression_tags(text: &str) -> Vec<String> {
    let names = |expression: Expression| expression.tags().map(|(name, _)| name.to_owned()).collect();
    Expression::parse(text).map(names).unwrap_or_default()
}

/// The expression with other names for its tags.
fn rename_in_expression<'a>(text: &'a str, renamed: &HashMap<&str, &str>) -> Cow<'a, str> {
    let Ok(expression) = Expression::parse(text) else { return Cow::Borrowed(text) };
    if !expression.tags().any(|(name, _)| renamed.contains_key(name)) {
        return Cow::Borrowed(text);
    }
    // Longer names may make it too long; it is refused where it is held against the rules then.
    let followed = expression.rename_tags(|name| renamed.get(name).copied());
    followed.map_or(Cow::Borrowed(text), |expression| Cow::Owned(expression.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::AlarmKind;

    fn plant() -> PlantDefinition {
        let text = "[[tag]]\nname = \"a\"\n[[tag]]\nname = \"b\"\n\
                    [[machine]]\nname = \"m\"\nkind = \"pid\"\ninterval_ms = 100\n\
                    inputs = { level = \"a\", other = \"b\" }\noutputs = { valve = \"a\" }\n";
        let mut plant = PlantDefinition::from_toml(text).unwrap();
        plant.alarms.push(AlarmDefinition::new("high", "a", AlarmKind::High, 1.0));
        plant.alarms.push(AlarmDefinition::new("low", "b", AlarmKind::Low, 1.0));
        plant
    }

    fn told(plant: &PlantDefinition, tag: &str) -> Vec<String> {
        users_of(plant, tag).iter().map(|user| format!("{user}, {}", user.field)).collect()
    }

    #[test]
    fn alarms_and_machines_use_a_tag() {
        let expected = ["alarm \"high\", tag", "machine \"m\", inputs.level", "machine \"m\", outputs.valve"];
        assert_eq!(told(&plant(), "a"), expected);
        assert!(told(&plant(), "c").is_empty());
    }

    #[test]
    fn what_uses_a_renamed_tag_follows() {
        let mut plant = plant();
        let users = told(&plant, "a");
        rename_tag(&mut plant, "a", "c").unwrap();
        assert_eq!(told(&plant, "c"), users);
        assert!(told(&plant, "a").is_empty());
        assert_eq!(told(&plant, "b"), ["alarm \"low\", tag", "machine \"m\", inputs.other"]);
        assert_eq!(plant.tags[0].was.as_deref(), Some("a"));
        plant.validate().unwrap();
    }

    #[test]
    fn expressions_follow_also_where_tags_swap_their_names() {
        let mut plant = plant();
        plant.tags.push(TagDefinition::float("sum").with_expression("a * 2 + b"));
        assert_eq!(told(&plant, "b").last().map(String::as_str), Some("tag \"sum\", expression"));
        follow(&mut plant, &HashMap::from([("a", "b"), ("b", "unit 1/a")]));
        assert_eq!(plant.tags[2].expression.as_deref(), Some("b * 2 + {unit 1/a}"));
    }

    #[test]
    fn a_tag_is_not_renamed_to_a_taken_name_and_nothing_is_changed() {
        let mut changed = plant();
        let taken = RenameError::NameTaken { from: "a".to_owned(), to: "b".to_owned() };
        assert_eq!(rename_tag(&mut changed, "a", "b"), Err(taken));
        assert_eq!(rename_tag(&mut changed, "x", "y"), Err(RenameError::UnknownTag("x".to_owned())));
        assert_eq!(rename_tag(&mut changed, "a", "a"), Ok(()));
        assert_eq!(changed, plant());
    }
}
