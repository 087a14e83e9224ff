//! What of a difference deserves attention.

use super::text::{grouped, quoted};
use super::{Changed, Difference};
use crate::DataType;
use crate::definition::users::{User, each_reference};
use crate::definition::{DeadBand, PlantDefinition, TagDefinition};
use std::collections::{HashMap, HashSet};
use std::fmt;

/// Something that whoever applies a difference should know. Its text is a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// A link connects to somewhere else.
    EndpointChanged {
        /// The link.
        link: String,
        /// The endpoint before.
        before: String,
        /// The endpoint after.
        after: String,
        /// How many tags are read from it afterwards.
        tags: usize,
    },
    /// A link is removed.
    LinkRemoved {
        /// The link.
        link: String,
    },
    /// The numbers of a tag mean something else.
    UnitChanged {
        /// The tag, by its name afterwards.
        tag: String,
        /// The unit before.
        before: Option<String>,
        /// The unit after.
        after: Option<String>,
        /// Fields of the tag in its unit that keep their numbers.
        kept: Vec<&'static str>,
        /// Its alarms that keep their set points.
        alarms: Vec<String>,
        /// What else refers to it, and did before.
        readers: Vec<User>,
    },
    /// The values of a tag are of another type.
    TypeChanged {
        /// The tag, by its name afterwards.
        tag: String,
        /// The type before.
        before: DataType,
        /// The type after.
        after: DataType,
    },
    /// A tag is removed.
    TagRemoved {
        /// The tag.
        tag: String,
    },
    /// A machine is removed.
    MachineRemoved {
        /// The machine.
        machine: String,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndpointChanged { link, before, after, tags } => {
                write!(f, "link {}: its endpoint changes from {before} to {after}", quoted(link))?;
                let s = if *tags == 1 { "" } else { "s" };
                if *tags == 0 { Ok(()) } else { write!(f, "; {} tag{s} will come from there", grouped(*tags)) }
            }
            Self::LinkRemoved { link } => write!(f, "link {}: it is removed, and its connection ends", quoted(link)),
            Self::UnitChanged { tag, before, after, kept, alarms, readers } => {
                let unit = |unit: &Option<String>| unit.clone().unwrap_or_else(|| "none".to_owned());
                write!(f, "tag {}: its unit changes from {} to {}; ", quoted(tag), unit(before), unit(after))?;
                f.write_str("samples kept so far keep their numbers and are marked")?;
                let mut others = Vec::new();
                if !kept.is_empty() {
                    others.push(format!("its {}", kept.join(", ")));
                }
                if !alarms.is_empty() {
                    let s = if alarms.len() == 1 { "" } else { "s" };
                    let names: Vec<String> = alarms.iter().map(|alarm| quoted(alarm)).collect();
                    others.push(format!("set point{s} of alarm{s} {}", names.join(", ")));
                }
                if !readers.is_empty() {
                    let names: Vec<String> = readers.iter().map(ToString::to_string).collect();
                    others.push(format!("what refers to it ({})", names.join(", ")));
                }
                if others.is_empty() { Ok(()) } else { write!(f, "; not converted: {}", others.join(", ")) }
            }
            Self::TypeChanged { tag, before, after } => {
                write!(f, "tag {}: its data type changes from {before} to {after}; ", quoted(tag))?;
                f.write_str("samples kept so far keep theirs")
            }
            Self::TagRemoved { tag } => write!(f, "tag {}: it is removed; its history is kept", quoted(tag)),
            Self::MachineRemoved { machine } => write!(f, "machine {}: it is stopped and removed", quoted(machine)),
        }
    }
}

/// Everything that deserves attention, by links, tags and machines.
pub(super) fn warnings(difference: &Difference, after: &PlantDefinition) -> Vec<Warning> {
    let mut warnings = Vec::new();
    of_links(difference, after, &mut warnings);
    of_tags(difference, after, &mut warnings);
    let removed = difference.machines.removed.iter();
    warnings.extend(removed.map(|machine| Warning::MachineRemoved { machine: machine.name.clone() }));
    warnings
}

fn of_links(difference: &Difference, after: &PlantDefinition, warnings: &mut Vec<Warning>) {
    for Changed { before, after: link } in &difference.links.changed {
        if before.endpoint != link.endpoint {
            warnings.push(Warning::EndpointChanged {
                link: link.name.clone(),
                before: before.endpoint.clone(),
                after: link.endpoint.clone(),
                tags: after.tags.iter().filter(|tag| tag.link.as_ref() == Some(&link.name)).count(),
            });
        }
    }
    let removed = difference.links.removed.iter();
    warnings.extend(removed.map(|link| Warning::LinkRemoved { link: link.name.clone() }));
}

fn of_tags(difference: &Difference, after: &PlantDefinition, warnings: &mut Vec<Warning>) {
    let other_unit = difference.tags.changed.iter().filter(|change| change.before.unit != change.after.unit);
    let mut users = users_that_stay(difference, after, other_unit.map(|change| change.after.name.as_str()).collect());
    for change in &difference.tags.changed {
        let Changed { before, after } = change;
        let tag = &after.name;
        if before.unit != after.unit {
            let users = users.remove(tag.as_str()).unwrap_or_default();
            let (alarms, readers): (Vec<_>, Vec<_>) = users.into_iter().partition(|user| user.item == "alarm");
            warnings.push(Warning::UnitChanged {
                tag: tag.clone(),
                before: before.unit.clone(),
                after: after.unit.clone(),
                kept: kept(change),
                alarms: alarms.into_iter().map(|alarm| alarm.name).collect(),
                readers,
            });
        }
        if before.data_type != after.data_type {
            let (before, after) = (before.data_type, after.data_type);
            warnings.push(Warning::TypeChanged { tag: tag.clone(), before, after });
        }
    }
    let removed = difference.tags.removed.iter();
    warnings.extend(removed.map(|tag| Warning::TagRemoved { tag: tag.name.clone() }));
}

/// Who refers to each of `tags` without being new or told another set point by the same difference.
fn users_that_stay<'a>(
    difference: &'a Difference,
    after: &PlantDefinition,
    tags: Vec<&'a str>,
) -> HashMap<&'a str, Vec<User>> {
    let mut users: HashMap<&str, Vec<User>> = tags.into_iter().map(|tag| (tag, Vec::new())).collect();
    if users.is_empty() {
        return users;
    }
    let new_set_points =
        difference.alarms.changed.iter().filter(|alarm| alarm.before.set_point != alarm.after.set_point);
    let mut others: HashSet<(&str, &str)> = new_set_points.map(|alarm| ("alarm", alarm.after.name.as_str())).collect();
    others.extend(difference.alarms.added.iter().map(|alarm| ("alarm", alarm.name.as_str())));
    others.extend(difference.machines.added.iter().map(|machine| ("machine", machine.name.as_str())));
    others.extend(difference.tags.added.iter().map(|tag| ("tag", tag.name.as_str())));
    each_reference(after, |tag, item, name, field| {
        if let Some(users) = users.get_mut(tag)
            && !others.contains(&(item, name))
        {
            users.push(User { item, name: name.to_owned(), field: field.to_string() });
        }
    });
    users
}

/// The fields in a tag's unit that are set and stay the same.
fn kept(change: &Changed<TagDefinition>) -> Vec<&'static str> {
    let Changed { before, after } = change;
    let is_absolute = |band: Option<DeadBand>| matches!(band, Some(DeadBand::Absolute(_)));
    let fields = [
        ("range", after.range.is_some() && before.range == after.range),
        ("filter", after.filter.is_some() && before.filter == after.filter),
        ("screens", after.screens.is_some() && before.screens == after.screens),
        ("dead_band", is_absolute(after.dead_band) && before.dead_band == after.dead_band),
        ("write_limits", after.write_limits.is_some() && before.write_limits == after.write_limits),
        (
            "history_dead_band",
            is_absolute(after.history_dead_band) && before.history_dead_band == after.history_dead_band,
        ),
        ("initial", after.initial.is_some() && before.initial == after.initial),
    ];
    fields.into_iter().filter(|(_, is_kept)| *is_kept).map(|(field, _)| field).collect()
}
