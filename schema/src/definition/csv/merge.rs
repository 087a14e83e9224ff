//! Items of a file into a plant definition.

use super::columns::Keep;
use super::read::Header;
use super::{CsvItems, Rows};
use crate::definition::users::follow;
use crate::definition::{AlarmDefinition, Item, PlantDefinition, TagDefinition};
use std::collections::HashMap;

/// The definition with the items of a file: one of a name that is there is changed in its place, one that was another
/// is that one renamed, any other is added at the end; what the file does not name stays.
///
/// A field whose column the file has is as the file says, not set where the cell is empty; one whose column it does
/// not have stays as it is. What refers to a renamed tag follows. The rules of a definition are not checked: see
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
fn upsert<T: Item + Keep>(all: &mut Vec<T>, items: Vec<T>, header: &Header) -> HashMap<String, String> {
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
        item.keep(old, &has);
        if old.name() != item.name() {
            renamed.insert(old.name().to_owned(), item.name().to_owned());
        }
        *old = item;
    }
    renamed
}
