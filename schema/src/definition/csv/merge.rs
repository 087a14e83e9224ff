//! Items of a file into a plant definition.

use super::columns::{ALTERNATIVES, Keep, is_within};
use super::read::Header;
use super::{CsvItems, Rows};
use crate::definition::tree::{self, Tree};
use crate::definition::users::follow;
use crate::definition::{AlarmDefinition, Item, PlantDefinition, TagDefinition};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use std::collections::{HashMap, HashSet};

/// The definition with the items of a file: one of a name that is there is changed in its place, one that was another
/// is that one renamed, any other is added at the end; what the file does not name stays.
///
/// A field whose column the file has is as the file says, not set where the cell is empty; one whose column it does
/// not have stays as it is, but for one that excludes what the file says. A table that is left without a field that it
/// needs is not set. What refers to a renamed tag follows. The rules of a definition are not checked: see
/// [`PlantDefinition::problems`] and [`CsvItems::locate_all`].
#[must_use]
pub fn merge(definition: &PlantDefinition, items: CsvItems) -> PlantDefinition {
    let mut merged = definition.clone();
    let CsvItems { items, header, .. } = items;
    match items {
        Rows::Alarms(alarms) => drop(upsert::<AlarmDefinition>(&mut merged.alarms, alarms, &header)),
        Rows::Tags(tags) => {
            let renamed = upsert::<TagDefinition>(&mut merged.tags, tags, &header);
            let renamed = renamed.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
            follow(&mut merged, &renamed);
        }
    }
    merged
}

/// Changes and adds items; answers the old and new names of those renamed.
fn upsert<T: Item + Keep + Serialize + DeserializeOwned>(
    all: &mut Vec<T>,
    items: Vec<T>,
    header: &Header,
) -> HashMap<String, String> {
    let places: HashMap<String, usize> =
        all.iter().enumerate().map(|(at, item)| (item.name().to_owned(), at)).collect();
    let has = |field: &str| header.has(field);
    let mut is_taken = vec![false; all.len()];
    let mut renamed = HashMap::new();
    // An item of its own name comes before one that wants to be it.
    let by_name: Vec<_> = items.iter().map(|item| places.get(item.name()).copied()).collect();
    for at in by_name.iter().flatten() {
        is_taken[*at] = true;
    }
    for (mut item, by_name) in items.into_iter().zip(by_name) {
        let former = item.was().and_then(|was| places.get(was).copied()).filter(|at| !is_taken[*at]);
        let Some(at) = by_name.or(former) else {
            all.push(item);
            continue;
        };
        is_taken[at] = true;
        let old = &mut all[at];
        match overlaid(old, &item, header) {
            Some(overlaid) => item = overlaid,
            None => item.keep(old, &has),
        }
        if old.name() != item.name() {
            renamed.insert(old.name().to_owned(), item.name().to_owned());
        }
        *old = item;
    }
    renamed
}

/// `old` with what the cells of a row say; none where that is no item.
fn overlaid<T: Serialize + DeserializeOwned>(old: &T, row: &T, header: &Header) -> Option<T> {
    let columns: HashSet<&str> = header.columns.iter().map(|(column, _)| *column).collect();
    let mut told = Tree::of(row).ok()?.into_leaves();
    // What has no column is a default, not something that the file says.
    told.retain(|(path, _)| columns.contains(path.as_str()));
    let mut stay = Tree::of(old).ok()?.into_leaves();
    stay.retain(|(path, _)| *path != "was" && !columns.contains(path.as_str()) && !is_excluded(path, &told));
    read(&stay, &told).or_else(|| {
        let is_told = |column: &str| told.iter().any(|(path, _)| path == column);
        let cleared = columns.iter().filter(|column| !is_told(column));
        let tables: Vec<&str> = cleared.filter_map(|column| Some(column.rsplit_once('.')?.0)).collect();
        stay.retain(|(path, _)| !tables.iter().any(|table| is_within(path, table)));
        read(&stay, &told)
    })
}

fn read<T: DeserializeOwned>(stay: &[(String, Json)], told: &[(String, Json)]) -> Option<T> {
    let mut table = serde_json::Map::new();
    for (path, value) in stay.iter().chain(told) {
        tree::insert(&mut table, path, value.clone());
    }
    tree::read(table).ok()
}

/// Whether a field belongs to another alternative than the one that a row has chosen.
fn is_excluded(field: &str, told: &[(String, Json)]) -> bool {
    let is_told = |table: &str| told.iter().any(|(path, _)| is_within(path, table));
    ALTERNATIVES.iter().any(|tables| {
        let own = tables.iter().find(|table| is_within(field, table));
        own.is_some_and(|own| tables.iter().any(|other| other != own && is_told(other)))
    })
}
