//! The catalogue is brought to what is wanted.

use super::super::complete::Complete;
use super::{Catalogue, CatalogueIds, Entry, Item, load, units};
use crate::db::{DbError, insert_all, to_json};
use crate::machines::memory_after;
use diesel::prelude::*;
use flyball_schema::db::Connection;
use flyball_schema::definition::{MachineDefinition, PlantDefinition};
use flyball_schema::tables::configuration::plant;
use flyball_schema::{AlarmId, LinkId, MachineId, TagId, Timestamp, tables};
use std::collections::{HashMap, HashSet};

/// What becomes of the entries of one table.
pub(super) struct Moves<T> {
    /// By id: the entry as it is to be, and whether its name is another one.
    pub(super) changed: Vec<(Entry<T>, bool)>,
    pub(super) new: Vec<(T, bool)>,
    pub(super) retired: Vec<i32>,
}

impl<T> Moves<T> {
    fn is_nothing(&self) -> bool {
        self.changed.is_empty() && self.new.is_empty() && self.retired.is_empty()
    }
}

/// Compares what is stored with what is to be: an item is known by its name, or by the name it had before.
fn moves<T: Item>(before: &[Entry<T>], after: &[T], defined: usize) -> Moves<T> {
    let known: HashMap<&str, &Entry<T>> = before.iter().map(|entry| (entry.definition.name(), entry)).collect();
    let wanted: HashSet<&str> = after.iter().map(Item::name).collect();
    let mut claimed = HashSet::new();
    let mut moves = Moves { changed: Vec::new(), new: Vec::new(), retired: Vec::new() };
    for (index, item) in after.iter().enumerate() {
        let mut definition = item.clone();
        let was = definition.take_former_name();
        let former = was.as_deref().filter(|was| !wanted.contains(was)).and_then(|was| known.get(was));
        let made = index >= defined;
        let Some(entry) = known.get(item.name()).or(former) else {
            moves.new.push((definition, made));
            continue;
        };
        claimed.insert(entry.id);
        if entry.definition != definition || entry.made != made {
            let renamed = entry.definition.name() != definition.name();
            moves.changed.push((Entry { id: entry.id, definition, made }, renamed));
        }
    }
    moves.retired = before.iter().map(|entry| entry.id).filter(|id| !claimed.contains(id)).collect();
    moves
}

/// Retired entries whose names come back: id and definition as stored.
macro_rules! returning {
    ($table:ident, $connection:expr, $moves:expr) => {{
        use tables::$table::dsl;
        let (connection, new): (&mut Connection, _) = ($connection, &$moves.new);
        let mut returning: Vec<(i32, String)> = Vec::new();
        if !new.is_empty() {
            let names: HashSet<&str> = new.iter().map(|(item, _)| item.name()).collect();
            let retired: Vec<(i32, String)> =
                dsl::$table.filter(dsl::retired_at.is_not_null()).select((dsl::id, dsl::name)).load(connection)?;
            for (id, _) in retired.into_iter().filter(|(_, name)| names.contains(name.as_str())) {
                returning.push((id, dsl::$table.find(id).select(dsl::definition).first(connection)?));
            }
        }
        returning
    }};
}

/// Brings one table to what is wanted and answers the ids, in its order.
macro_rules! store_in {
    ($table:ident, $id:ty, $connection:expr, $moves:expr, $after:expr, $now:expr) => {{
        use tables::$table::dsl;
        let (connection, now): (&mut Connection, i64) = ($connection, $now);
        let Moves { changed, new, retired } = $moves;
        for id in &retired {
            diesel::update(dsl::$table.find(id)).set(dsl::retired_at.eq(Some(now))).execute(connection)?;
        }
        let gone: Vec<(i32, String)> = if new.is_empty() && !changed.iter().any(|(_, renamed)| *renamed) {
            Vec::new()
        } else {
            dsl::$table.filter(dsl::retired_at.is_not_null()).select((dsl::id, dsl::name)).load(connection)?
        };
        let gone: HashMap<String, i32> = gone.into_iter().map(|(id, name)| (name, id)).collect();
        // Two items may swap their names: first each gives up its own.
        for (entry, _) in changed.iter().filter(|(_, renamed)| *renamed) {
            let aside = format!("\u{1}{}", entry.id);
            diesel::update(dsl::$table.find(entry.id)).set(dsl::name.eq(aside)).execute(connection)?;
            if let Some(holder) = gone.get(entry.definition.name()) {
                let aside = format!("{} (retired, id {holder})", entry.definition.name());
                diesel::update(dsl::$table.find(holder)).set(dsl::name.eq(aside)).execute(connection)?;
            }
        }
        for (Entry { id, definition, made }, _) in &changed {
            let change = (
                dsl::name.eq(definition.name()),
                dsl::definition.eq(to_json(definition)?),
                dsl::made.eq(made),
                dsl::changed_at.eq(now),
            );
            diesel::update(dsl::$table.find(id)).set(change).execute(connection)?;
        }
        let mut rows = Vec::new();
        for (definition, made) in &new {
            let (name, json) = (definition.name().to_owned(), to_json(definition)?);
            if let Some(id) = gone.get(&name) {
                let none: Option<i64> = None;
                let change =
                    (dsl::definition.eq(json), dsl::made.eq(made), dsl::changed_at.eq(now), dsl::retired_at.eq(none));
                diesel::update(dsl::$table.find(id)).set(change).execute(connection)?;
            } else {
                rows.push((dsl::name.eq(name), dsl::definition.eq(json), dsl::made.eq(*made), dsl::changed_at.eq(now)));
            }
        }
        insert_all!(connection, dsl::$table, rows);
        let rows: Vec<(i32, String)> =
            dsl::$table.filter(dsl::retired_at.is_null()).select((dsl::id, dsl::name)).load(connection)?;
        let ids: HashMap<String, i32> = rows.into_iter().map(|(id, name)| (name, id)).collect();
        let id = |item: &_| {
            let name = Item::name(item);
            ids.get(name).and_then(|id| <$id>::from_i32(*id)).ok_or_else(|| DbError::Corrupt {
                table: stringify!($table),
                id: 0,
                problem: format!("\"{name}\" has no id"),
            })
        };
        $after.iter().map(id).collect::<Result<Vec<$id>, DbError>>()?
    }};
}

/// Makes the catalogue say what `after` says, and answers the ids. Runs in the caller's transaction; `before` is what it
/// says now.
///
/// # Errors
/// [`DbError::Query`], [`DbError::Corrupt`].
pub fn store(
    connection: &mut Connection,
    before: &Catalogue,
    after: &Complete,
    now: Timestamp,
) -> Result<CatalogueIds, DbError> {
    let now = now.as_micros();
    let (definition, defined) = (&after.definition, after.defined);
    let links = moves(&before.links, &definition.links, defined.links);
    let tags = moves(&before.tags, &definition.tags, defined.tags);
    let alarms = moves(&before.alarms, &definition.alarms, defined.alarms);
    let machines = moves(&before.machines, &definition.machines, defined.machines);
    let is_as_it_was = before.is_stored
        && before.header == definition.plant
        && (links.is_nothing() && tags.is_nothing() && alarms.is_nothing() && machines.is_nothing());
    if !is_as_it_was {
        // A clock that was set back must not make two versions one.
        let changed_at = now.max(before.changed_at.saturating_add(1));
        diesel::delete(plant::table).execute(connection)?;
        let row = (plant::id.eq(1), plant::header.eq(to_json(&definition.plant)?), plant::changed_at.eq(changed_at));
        diesel::insert_into(plant::table).values(row).execute(connection)?;
    }
    let returning_tags = returning!(tag, connection, tags);
    units::mark(connection, before, &tags, &returning_tags, now)?;
    let returning_machines = returning!(machine, connection, machines);
    remember_anew(connection, before, &machines, &returning_machines)?;
    Ok(CatalogueIds {
        links: store_in!(link, LinkId, connection, links, &definition.links, now),
        tags: store_in!(tag, TagId, connection, tags, &definition.tags, now),
        alarms: store_in!(alarm, AlarmId, connection, alarms, &definition.alarms, now),
        machines: store_in!(machine, MachineId, connection, machines, &definition.machines, now),
    })
}

/// Makes the catalogue say what `definition` says, all of it as defined by people, and answers the ids. Runs in the
/// caller's transaction.
///
/// # Errors
/// [`DbError::Query`], [`DbError::Corrupt`].
pub fn register(
    connection: &mut Connection,
    definition: &PlantDefinition,
    now: Timestamp,
) -> Result<CatalogueIds, DbError> {
    let before = load(connection)?;
    store(connection, &before, &Complete::of_people_alone(definition.clone()), now)
}

/// Has a parameter that the definition changes win over what the machine remembers, also at its next start and where it
/// comes back.
fn remember_anew(
    connection: &mut Connection,
    before: &Catalogue,
    moves: &Moves<MachineDefinition>,
    returning: &[(i32, String)],
) -> Result<(), DbError> {
    use tables::machine_memory::dsl;
    let known: HashMap<i32, &MachineDefinition> =
        before.machines.iter().map(|entry| (entry.id, &entry.definition)).collect();
    let changed = moves.changed.iter();
    let changed =
        changed.filter_map(|(entry, _)| Some((entry.id, (*known.get(&entry.id)?).clone(), &entry.definition)));
    let wanted: HashMap<&str, &MachineDefinition> = moves.new.iter().map(|(new, _)| (new.name(), new)).collect();
    let returning = returning.iter().filter_map(|(id, text)| {
        let former: MachineDefinition = serde_json::from_str(text).ok()?;
        let definition = *wanted.get(former.name())?;
        Some((*id, former, definition))
    });
    for (id, former, definition) in changed.chain(returning) {
        let stored: Option<String> = dsl::machine_memory.find(id).select(dsl::memory).first(connection).optional()?;
        // One that cannot be read is told by the machine that wants it.
        let Some(memory) = stored.and_then(|text| serde_json::from_str(&text).ok()) else { continue };
        let memory = to_json(&memory_after(&former, definition, memory))?;
        diesel::update(dsl::machine_memory.find(id)).set(dsl::memory.eq(memory)).execute(connection)?;
    }
    Ok(())
}
