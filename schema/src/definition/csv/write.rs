//! Items as rows.

use super::cells::cell;
use super::columns::{ALARM, Column, TAG};
use super::error::CsvWriteError;
use crate::definition::tree::Tree;
use crate::definition::{AlarmDefinition, Item, TagDefinition};
use serde_json::Value as Json;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// Writes tags as CSV (RFC 4180) that [`CsvItems::read`](super::CsvItems::read) reads back to the same: a row per
/// tag, and the columns that some tag uses. A field that is not set has an empty cell.
///
/// # Errors
/// A number that is not finite.
pub fn write_tags(tags: &[TagDefinition]) -> Result<String, CsvWriteError> {
    write(tags, TAG)
}

/// Writes alarms; see [`write_tags`].
///
/// # Errors
/// A number that is not finite.
pub fn write_alarms(alarms: &[AlarmDefinition]) -> Result<String, CsvWriteError> {
    write(alarms, ALARM)
}

fn write<T: Item>(items: &[T], table: &[Column]) -> Result<String, CsvWriteError> {
    let used = used_columns(items, table)?;
    let mut text = String::new();
    push_row(&mut text, used.iter().map(|column| Cow::Borrowed(column.as_str())));
    for item in items {
        let leaves: HashMap<String, Json> = leaves(item)?.into_iter().collect();
        push_row(&mut text, used.iter().map(|column| leaves.get(column).and_then(cell).unwrap_or_default()));
    }
    Ok(text)
}

/// The columns that some item uses; the name is one, or the first line would be empty without items.
fn used_columns<T: Item>(items: &[T], table: &[Column]) -> Result<Vec<String>, CsvWriteError> {
    let mut used = HashSet::from(["name".to_owned()]);
    if items.is_empty() {
        used.extend(table.iter().map(|(column, _)| (*column).to_owned()));
    }
    for item in items {
        used.extend(leaves(item)?.into_iter().map(|(path, _)| path));
    }
    let mut columns: Vec<String> = table.iter().filter_map(|(column, _)| used.take(*column)).collect();
    // A field that has no column yet is written nevertheless: reading refuses it, but does not lose it.
    let mut others: Vec<String> = used.into_iter().collect();
    others.sort_unstable();
    columns.append(&mut others);
    Ok(columns)
}

fn leaves<T: Item>(item: &T) -> Result<Vec<(String, Json)>, CsvWriteError> {
    let (kind, name) = (T::KIND, || item.name().to_owned());
    let tree = Tree::of(item).map_err(|source| CsvWriteError::NotFlat { item: kind, name: name(), source })?;
    let mut leaves = tree.into_leaves();
    match leaves.iter().position(|(_, value)| value.is_null()) {
        Some(at) => Err(CsvWriteError::NotFinite { item: kind, name: name(), field: leaves.swap_remove(at).0 }),
        None => Ok(leaves),
    }
}

fn push_row<'a>(text: &mut String, cells: impl Iterator<Item = Cow<'a, str>>) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            text.push(',');
        }
        // White space at the ends is quoted as well: some readers trim it.
        let is_plain = !cell.contains(['"', ',', ';', '\r', '\n']) && cell.trim().len() == cell.len();
        if is_plain {
            text.push_str(&cell);
        } else {
            text.push('"');
            text.push_str(&cell.replace('"', "\"\""));
            text.push('"');
        }
    }
    text.push_str("\r\n");
}
