//! What changes of an item, field by field.

use super::Changed;
use super::item::is_same_value;
use crate::Value;
use crate::definition::tree::Tree;
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::{HashMap, HashSet};

/// A field that changes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldChange {
    /// Dotted path, for example `dead_band.absolute` or `inputs.level`.
    pub path: String,
    /// What it was; none where it was not set.
    pub before: Option<Json>,
    /// What it is now; none where it is not set.
    pub after: Option<Json>,
}

impl<T: Serialize> Changed<T> {
    /// The fields that differ, in the order of the definition, but that between two fields set in both, those no
    /// longer set come first. The name of a renamed item is one of them.
    #[must_use]
    pub fn fields(&self) -> Vec<FieldChange> {
        let (before, after) = (leaves(&self.before), leaves(&self.after));
        let new: HashMap<&str, &Json> = after.iter().map(|(path, value)| (path.as_str(), value)).collect();
        let old: HashSet<&str> = before.iter().map(|(path, _)| path.as_str()).collect();
        let (old_tables, new_tables) = (tables(&before), tables(&after));
        let change = |path: &str, before, after| FieldChange { path: path.to_owned(), before, after };
        let mut changes = Vec::new();
        // Both stand in the order of the definition: they are merged where they meet.
        let mut rest = after.iter().peekable();
        let mut set_anew = |changes: &mut Vec<FieldChange>, end: Option<&str>| {
            while let Some((path, value)) = rest.next_if(|(path, _)| Some(path.as_str()) != end) {
                if !old.contains(path.as_str()) && !old_tables.contains(path.as_str()) {
                    changes.push(change(path, None, Some(value.clone())));
                }
            }
        };
        for (path, value) in &before {
            match new.get(path.as_str()) {
                Some(now) => {
                    set_anew(&mut changes, Some(path));
                    if !is_same(value, now) {
                        changes.push(change(path, Some(value.clone()), Some((*now).clone())));
                    }
                }
                None if new_tables.contains(path.as_str()) => {}
                None => changes.push(change(path, Some(value.clone()), None)),
            }
        }
        set_anew(&mut changes, None);
        changes
    }
}

/// The fields that a new item sets, in the order of the definition.
#[must_use]
pub fn fields_of(item: &impl Serialize) -> Vec<FieldChange> {
    let set = |(path, value): (String, Json)| FieldChange { path, before: None, after: Some(value) };
    leaves(item).into_iter().map(set).collect()
}

fn leaves(item: &impl Serialize) -> Vec<(String, Json)> {
    match Tree::of(item) {
        Ok(tree) => tree.into_leaves(),
        // No item is known that JSON cannot tell; if there were one, its change must not look like none.
        Err(error) => vec![(String::new(), Json::String(error.to_string()))],
    }
}

/// Every table that has a field.
fn tables(leaves: &[(String, Json)]) -> HashSet<&str> {
    leaves.iter().flat_map(|(path, _)| path.match_indices('.').map(|(at, _)| &path[..at])).collect()
}

fn is_same(one: &Json, other: &Json) -> bool {
    let number = |json: &Json| match json.as_i64() {
        Some(integer) => Some(Value::Integer(integer)),
        None => json.as_f64().map(Value::Float),
    };
    match (number(one), number(other)) {
        (Some(one), Some(other)) => is_same_value(&one, &other),
        _ => one == other,
    }
}
