//! An item as a tree of fields in the order of its definition, for what treats all fields alike.

use serde::de::{DeserializeOwned, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value as Json;
use std::fmt;

/// A field's value, or the fields of a table.
///
/// Unlike a [`serde_json::Value`], it keeps the order whatever features `serde_json` is built with.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tree {
    /// A value; null for a number that is not finite.
    Leaf(Json),
    /// Fields by name, in order.
    Table(Vec<(String, Tree)>),
}

impl Tree {
    /// The tree of anything that can be told in JSON.
    ///
    /// # Errors
    /// Where it cannot.
    pub(super) fn of(item: &impl Serialize) -> Result<Self, serde_json::Error> {
        serde_json::from_str(&serde_json::to_string(item)?)
    }

    /// The fields that have a value, by dotted path, in order. An empty table has the value `{}`.
    pub(super) fn into_leaves(self) -> Vec<(String, Json)> {
        let mut leaves = Vec::new();
        self.collect(String::new(), &mut leaves);
        leaves
    }

    fn collect(self, path: String, leaves: &mut Vec<(String, Json)>) {
        match self {
            Self::Leaf(value) => leaves.push((path, value)),
            Self::Table(fields) if fields.is_empty() => leaves.push((path, Json::Object(serde_json::Map::new()))),
            Self::Table(fields) => {
                for (name, field) in fields {
                    field.collect(if path.is_empty() { name } else { format!("{path}.{name}") }, leaves);
                }
            }
        }
    }
}

/// Puts a value where a dotted path says; an empty table leaves the fields that are there.
pub(super) fn insert(table: &mut serde_json::Map<String, Json>, path: &str, value: Json) {
    match path.split_once('.') {
        None if value.is_object() => drop(table.entry(path).or_insert(value)),
        None => drop(table.insert(path.to_owned(), value)),
        Some((first, rest)) => {
            let inner = table.entry(first).or_insert_with(|| Json::Object(serde_json::Map::new()));
            if let Json::Object(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

/// The item of a table.
///
/// # Errors
/// Where a field is missing, unknown, or not of its type.
pub(super) fn read<T: DeserializeOwned>(table: serde_json::Map<String, Json>) -> Result<T, serde_json::Error> {
    serde_json::from_value(Json::Object(table))
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or a table")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Leaf(Json::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Tree::Leaf(Json::Array(values)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Tree::Table(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::TagDefinition;

    #[test]
    fn leaves_stand_in_the_order_of_the_definition() {
        let tag = TagDefinition::float("a").with_unit("cm").with_range(0.0, 1e300).with_dead_band(0.5);
        let leaves = Tree::of(&tag).unwrap().into_leaves();
        let told: Vec<String> = leaves.iter().map(|(path, value)| format!("{path}={value}")).collect();
        assert_eq!(
            told.join(" "),
            "name=\"a\" data_type=\"float\" unit=\"cm\" range.low=0.0 range.high=1e+300 dead_band.absolute=0.5 history=true"
        );
        let mut table = serde_json::Map::new();
        for (path, value) in leaves {
            insert(&mut table, &path, value);
        }
        assert_eq!(read::<TagDefinition>(table).unwrap(), tag);
    }
}
