//! When the source units of tags have changed.

use super::store::Moves;
use super::{Catalogue, Item};
use crate::db::DbError;
use diesel::prelude::*;
use flyball_schema::db::Connection;
use flyball_schema::definition::TagDefinition;
use flyball_schema::tables::configuration::unit_change;
use flyball_schema::{TagId, Timestamp};
use serde::Deserialize;
use std::collections::HashMap;

/// What has to be read of the definition of a tag that comes back, however old it is.
#[derive(Deserialize)]
struct Former {
    name: String,
    #[serde(default)]
    unit: Option<String>,
}

/// Notes whose unit is another one, so that nobody takes the samples before for samples in the new unit: also of a tag that
/// comes back, which has its history back.
pub(super) fn mark(
    connection: &mut Connection,
    before: &Catalogue,
    moves: &Moves<TagDefinition>,
    returning: &[(i32, String)],
    now: i64,
) -> Result<(), DbError> {
    let units: HashMap<i32, Option<&str>> =
        before.tags.iter().map(|entry| (entry.id, entry.definition.unit.as_deref())).collect();
    for (entry, _) in &moves.changed {
        let unit = units.get(&entry.id).copied().flatten();
        note(connection, entry.id, (unit, entry.definition.unit.as_deref()), now)?;
    }
    let wanted: HashMap<&str, Option<&str>> =
        moves.new.iter().map(|(tag, _)| (tag.name(), tag.unit.as_deref())).collect();
    for (id, text) in returning {
        let corrupt =
            |error: serde_json::Error| DbError::Corrupt { table: "tag", id: (*id).into(), problem: error.to_string() };
        let former: Former = serde_json::from_str(text).map_err(corrupt)?;
        if let Some(unit) = wanted.get(former.name.as_str()) {
            note(connection, *id, (former.unit.as_deref(), *unit), now)?;
        }
    }
    Ok(())
}

fn note(
    connection: &mut Connection,
    tag: i32,
    (before, after): (Option<&str>, Option<&str>),
    now: i64,
) -> Result<(), DbError> {
    if before != after {
        let row = (
            unit_change::tag_id.eq(tag),
            unit_change::changed_at.eq(now),
            unit_change::unit_before.eq(before),
            unit_change::unit_after.eq(after),
        );
        diesel::insert_into(unit_change::table).values(row).execute(connection)?;
    }
    Ok(())
}

/// A change of a tag's source unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitChange {
    /// The tag.
    pub tag: TagId,
    /// Samples from then on are in the new unit.
    pub at: Timestamp,
    /// Symbol before; none for a bare number.
    pub before: Option<String>,
    /// Symbol after.
    pub after: Option<String>,
}

/// Reads when the source units of tags have changed, oldest first.
///
/// # Errors
/// [`DbError::Query`].
pub fn unit_changes(connection: &mut Connection, tags: &[TagId]) -> Result<Vec<UnitChange>, DbError> {
    type Row = (i32, i64, Option<String>, Option<String>);
    let mut changes = Vec::new();
    for tag in tags {
        let rows: Vec<Row> = unit_change::table
            .filter(unit_change::tag_id.eq(tag.to_i32()))
            .order(unit_change::id)
            .select((unit_change::tag_id, unit_change::changed_at, unit_change::unit_before, unit_change::unit_after))
            .load(connection)?;
        changes.extend(rows.into_iter().map(|(_, at, before, after)| UnitChange {
            tag: *tag,
            at: Timestamp::from_micros(at),
            before,
            after,
        }));
    }
    Ok(changes)
}
