//! What a change of the catalogue means for what is kept by id beside it: states of alarms, substituted values, totals.
//!
//! An id outlives its item, and comes back with the name. What stood for an item that was removed, or that is about
//! something else now, must not come back with it.

use super::super::record::{Author, forget_substitution};
use super::{Catalogue, CatalogueIds};
use crate::alarms::{AlarmEvent, AlarmMemory, end_standing, journal_missing_ends, load_memory_of};
use crate::db::DbError;
use crate::machines::MachineMemory;
use diesel::prelude::*;
use flyball_schema::db::Connection;
use flyball_schema::definition::{AlarmKind, PlantDefinition};
use flyball_schema::tables::configuration::{substitution, tag_sums};
use flyball_schema::tables::machine_memory;
use flyball_schema::{AlarmId, MachineId, TagId, Timestamp};
use std::collections::{HashMap, HashSet};

/// Who journals that an alarm has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AlarmsEnd {
    /// The transaction of the change: no alarm manager runs.
    Journalled,
    /// The alarm manager, when it is told of the change. The state is NORM already, for the case that it is killed before;
    /// the next start journals the end then.
    Told,
}

/// Settles what follows from `after`, which is stored under `ids`. Runs in the change's transaction.
///
/// * An alarm with another tag or type stands for nothing any more, and neither does one that was removed.
/// * What a killed alarm manager did not journal of an earlier change is journalled where none runs.
/// * A removed tag is released, on record; its totals are forgotten, so that one of its name begins at zero.
pub(crate) fn settle(
    connection: &mut Connection,
    before: &Catalogue,
    (after, ids): (&PlantDefinition, &CatalogueIds),
    alarms: AlarmsEnd,
    author: &Author,
    now: Timestamp,
) -> Result<(), DbError> {
    release_removed(connection, before, ids, author, now)?;
    if alarms == AlarmsEnd::Journalled {
        journal_missing_ends(connection, now)?;
    }
    let ended = ended(before, after, ids);
    if ended.is_empty() {
        return Ok(());
    }
    end_standing(connection, &ended, alarms == AlarmsEnd::Journalled, now)
}

fn release_removed(
    connection: &mut Connection,
    before: &Catalogue,
    ids: &CatalogueIds,
    author: &Author,
    now: Timestamp,
) -> Result<(), DbError> {
    let stay: HashSet<TagId> = ids.tags.iter().copied().collect();
    let removed: HashMap<i32, &str> = before
        .tags()
        .filter(|(id, ..)| !stay.contains(id))
        .map(|(id, tag, _)| (id.to_i32(), tag.name.as_str()))
        .collect();
    if removed.is_empty() {
        return Ok(());
    }
    let author = author.clone().because(Some("the tag was removed".to_owned()));
    let mut substituted: Vec<i32> = substitution::table.select(substitution::tag_id).load(connection)?;
    substituted.sort_unstable();
    for id in substituted {
        if let (Some(tag), Some(name)) = (TagId::from_i32(id), removed.get(&id)) {
            forget_substitution(connection, (tag, name), &author, now)?;
        }
    }
    let summed: Vec<i32> = tag_sums::table.select(tag_sums::tag_id).load(connection)?;
    for id in summed.into_iter().filter(|id| removed.contains_key(id)) {
        diesel::delete(tag_sums::table.find(id)).execute(connection)?;
    }
    Ok(())
}

/// The alarms whose present occurrence, where they have one, is about nothing any more.
fn ended(before: &Catalogue, after: &PlantDefinition, ids: &CatalogueIds) -> HashMap<AlarmId, AlarmEvent> {
    type Condition = (Option<TagId>, AlarmKind);
    let tags_before: HashMap<&str, TagId> = before.tags().map(|(id, tag, _)| (tag.name.as_str(), id)).collect();
    let tags_after: HashMap<&str, TagId> =
        after.tags.iter().map(|tag| tag.name.as_str()).zip(ids.tags.iter().copied()).collect();
    let mut conditions: HashMap<AlarmId, Condition> = before
        .alarms
        .iter()
        .filter_map(|entry| {
            let alarm = &entry.definition;
            Some((AlarmId::from_i32(entry.id)?, (tags_before.get(alarm.tag.as_str()).copied(), alarm.kind)))
        })
        .collect();
    let mut ended = HashMap::new();
    for (id, alarm) in ids.alarms.iter().zip(&after.alarms) {
        let condition = (tags_after.get(alarm.tag.as_str()).copied(), alarm.kind);
        match conditions.remove(id) {
            Some(former) if former == condition => {}
            Some(_) => drop(ended.insert(*id, AlarmEvent::Reconfigured)),
            // It is back, or new: what it stood for ended when it was removed.
            None => drop(ended.insert(*id, AlarmEvent::Removed)),
        }
    }
    ended.extend(conditions.into_keys().map(|id| (id, AlarmEvent::Removed)));
    ended
}

/// What items that come to a running plant remember from when they were part of it before.
#[derive(Debug, Clone, Default)]
pub(crate) struct Remembered {
    pub(crate) alarms: HashMap<AlarmId, AlarmMemory>,
    pub(crate) machines: HashMap<MachineId, MachineMemory>,
}

/// Reads what is remembered of the alarms and machines that `ids` has and `before` has not.
pub(crate) fn remembered(
    connection: &mut Connection,
    before: &Catalogue,
    ids: &CatalogueIds,
) -> Result<Remembered, DbError> {
    let known: HashSet<i32> = before.alarms.iter().map(|entry| entry.id).collect();
    let added: Vec<AlarmId> = ids.alarms.iter().copied().filter(|id| !known.contains(&id.to_i32())).collect();
    let alarms = load_memory_of(connection, &added)?;
    let known: HashSet<i32> = before.machines.iter().map(|entry| entry.id).collect();
    let mut machines = HashMap::new();
    for id in ids.machines.iter().filter(|id| !known.contains(&id.to_i32())) {
        let row = machine_memory::table.find(id.to_i32()).select(machine_memory::memory);
        let Some(text) = row.first::<String>(connection).optional()? else { continue };
        let corrupt = |error: serde_json::Error| DbError::Corrupt {
            table: "machine_memory",
            id: id.0.into(),
            problem: error.to_string(),
        };
        machines.insert(*id, serde_json::from_str(&text).map_err(corrupt)?);
    }
    Ok(Remembered { alarms, machines })
}

#[cfg(test)]
#[path = "settle_tests.rs"]
mod tests;
