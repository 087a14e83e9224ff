//! The catalogue of the plant in the database: what each link, tag, alarm and machine is, and which id it has.
//!
//! An id is given once. A name that comes back gets its id back, and with it its history and state; a renamed item keeps
//! its id. What is no longer defined is retired, never deleted.

use super::complete::Complete;
use crate::db::{DbError, insert_all, to_json};
use crate::machines::memory_after;
use diesel::prelude::*;
use flyball_schema::db::Connection;
use flyball_schema::definition::{
    AlarmDefinition, LinkDefinition, MachineDefinition, PlantDefinition, PlantHeader, TagDefinition,
};
use flyball_schema::tables::configuration::{plant, unit_change};
use flyball_schema::{AlarmId, LinkId, MachineId, TagId, Timestamp, tables};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{HashMap, HashSet};

/// Ids of a plant definition, each list in the order of the definition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CatalogueIds {
    /// Links.
    pub links: Vec<LinkId>,
    /// Tags.
    pub tags: Vec<TagId>,
    /// Alarms.
    pub alarms: Vec<AlarmId>,
    /// Machines.
    pub machines: Vec<MachineId>,
}

/// What the database says the plant consists of.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// Whether a definition has been stored at all.
    pub is_stored: bool,
    header: PlantHeader,
    links: Vec<Entry<LinkDefinition>>,
    tags: Vec<Entry<TagDefinition>>,
    alarms: Vec<Entry<AlarmDefinition>>,
    machines: Vec<Entry<MachineDefinition>>,
}

/// An entry of the catalogue.
#[derive(Debug, Clone)]
struct Entry<T> {
    id: i32,
    definition: T,
    /// The plant made it by itself.
    made: bool,
}

/// What has a name in the catalogue.
trait Item: Clone + PartialEq + Serialize + DeserializeOwned {
    fn name(&self) -> &str;

    /// Takes the name it had before.
    fn take_former_name(&mut self) -> Option<String>;
}

macro_rules! items {
    ($($item:ty { $($was:ident)? })+) => {
        $(impl Item for $item {
            fn name(&self) -> &str {
                &self.name
            }

            fn take_former_name(&mut self) -> Option<String> {
                None$(.or(self.$was.take()))?
            }
        })+
    };
}

items! {
    LinkDefinition {}
    TagDefinition { was }
    AlarmDefinition { was }
    MachineDefinition {}
}

impl Catalogue {
    /// A catalogue of this, all of it defined by people, with ids from 1.
    #[cfg(test)]
    pub(super) fn of(definition: PlantDefinition) -> Self {
        fn entries<T>(items: Vec<T>) -> Vec<Entry<T>> {
            (1..).zip(items).map(|(id, definition)| Entry { id, definition, made: false }).collect()
        }
        let PlantDefinition { plant: header, links, tags, alarms, machines } = definition;
        let (links, tags, alarms, machines) = (entries(links), entries(tags), entries(alarms), entries(machines));
        Self { is_stored: true, header, links, tags, alarms, machines }
    }

    /// The definition that people have given, less what the plant makes by itself.
    #[must_use]
    pub fn defined(&self) -> PlantDefinition {
        PlantDefinition {
            plant: self.header.clone(),
            links: definitions(&self.links, false),
            tags: definitions(&self.tags, false),
            alarms: definitions(&self.alarms, false),
            machines: definitions(&self.machines, false),
        }
    }

    /// The whole definition, with what the plant makes by itself.
    #[must_use]
    pub fn whole(&self) -> PlantDefinition {
        PlantDefinition {
            plant: self.header.clone(),
            links: definitions(&self.links, true),
            tags: definitions(&self.tags, true),
            alarms: definitions(&self.alarms, true),
            machines: definitions(&self.machines, true),
        }
    }

    /// Every tag with its id, defined or made.
    pub(super) fn tags(&self) -> impl Iterator<Item = (TagId, &TagDefinition, bool)> {
        let tags = self.tags.iter();
        tags.filter_map(|entry| Some((TagId::from_i32(entry.id)?, &entry.definition, entry.made)))
    }

    /// Ids in the order of [`whole`](Self::whole).
    ///
    /// # Errors
    /// [`DbError::Corrupt`] for an id that is none.
    pub fn ids(&self) -> Result<CatalogueIds, DbError> {
        Ok(CatalogueIds {
            links: ids("link", &self.links, LinkId::from_i32)?,
            tags: ids("tag", &self.tags, TagId::from_i32)?,
            alarms: ids("alarm", &self.alarms, AlarmId::from_i32)?,
            machines: ids("machine", &self.machines, MachineId::from_i32)?,
        })
    }

    /// The name of a tag, and whether the plant makes it by itself.
    #[must_use]
    pub fn tag(&self, id: TagId) -> Option<(&TagDefinition, bool)> {
        let wanted = id.to_i32();
        self.tags.iter().find(|entry| entry.id == wanted).map(|entry| (&entry.definition, entry.made))
    }
}

fn definitions<T: Clone>(entries: &[Entry<T>], with_made: bool) -> Vec<T> {
    entries.iter().filter(|entry| with_made || !entry.made).map(|entry| entry.definition.clone()).collect()
}

fn ids<T, I>(table: &'static str, entries: &[Entry<T>], id: impl Fn(i32) -> Option<I>) -> Result<Vec<I>, DbError> {
    let corrupt = |row: i32| DbError::Corrupt { table, id: row.into(), problem: "negative id".to_owned() };
    entries.iter().map(|entry| id(entry.id).ok_or_else(|| corrupt(entry.id))).collect()
}

/// The entries of one table that are not retired, by id.
macro_rules! load_from {
    ($table:ident, $connection:expr) => {{
        use tables::$table::dsl;
        let rows: Vec<(i32, String, bool)> = dsl::$table
            .filter(dsl::retired_at.is_null())
            .order(dsl::id)
            .select((dsl::id, dsl::definition, dsl::made))
            .load($connection)?;
        let entry = |(id, text, made): (i32, String, bool)| {
            let corrupt = |error: serde_json::Error| DbError::Corrupt {
                table: stringify!($table),
                id: id.into(),
                problem: error.to_string(),
            };
            Ok(Entry { id, definition: serde_json::from_str(&text).map_err(corrupt)?, made })
        };
        rows.into_iter().map(entry).collect::<Result<Vec<_>, DbError>>()?
    }};
}

/// Reads the catalogue, less what is retired.
///
/// # Errors
/// [`DbError::Query`]; [`DbError::Corrupt`] for a definition that is none.
pub fn load(connection: &mut Connection) -> Result<Catalogue, DbError> {
    let header: Option<String> = plant::table.select(plant::header).first(connection).optional()?;
    let corrupt = |error: serde_json::Error| DbError::Corrupt { table: "plant", id: 1, problem: error.to_string() };
    Ok(Catalogue {
        is_stored: header.is_some(),
        header: header.map(|text| serde_json::from_str(&text)).transpose().map_err(corrupt)?.unwrap_or_default(),
        links: load_from!(link, connection),
        tags: load_from!(tag, connection),
        alarms: load_from!(alarm, connection),
        machines: load_from!(machine, connection),
    })
}

/// What becomes of the entries of one table.
struct Moves<T> {
    /// By id: the entry as it is to be, and whether its name is another one.
    changed: Vec<(Entry<T>, bool)>,
    new: Vec<(T, bool)>,
    retired: Vec<i32>,
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

/// Brings one table to what is wanted and answers the ids, in its order.
macro_rules! store_in {
    ($table:ident, $id:ty, $connection:expr, $before:expr, $after:expr, $defined:expr, $now:expr) => {{
        use tables::$table::dsl;
        let (connection, now): (&mut Connection, i64) = ($connection, $now);
        let Moves { changed, new, retired } = moves($before, $after, $defined);
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
    diesel::delete(plant::table).execute(connection)?;
    let header = (plant::id.eq(1), plant::header.eq(to_json(&definition.plant)?), plant::changed_at.eq(now));
    diesel::insert_into(plant::table).values(header).execute(connection)?;
    mark_units(connection, before, &definition.tags, now)?;
    remember_anew(connection, before, &definition.machines)?;
    Ok(CatalogueIds {
        links: store_in!(link, LinkId, connection, &before.links, &definition.links, defined.links, now),
        tags: store_in!(tag, TagId, connection, &before.tags, &definition.tags, defined.tags, now),
        alarms: store_in!(alarm, AlarmId, connection, &before.alarms, &definition.alarms, defined.alarms, now),
        machines: store_in!(
            machine,
            MachineId,
            connection,
            &before.machines,
            &definition.machines,
            defined.machines,
            now
        ),
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

/// Notes whose unit is another one, so that nobody takes the samples before for samples in the new unit.
fn mark_units(
    connection: &mut Connection,
    before: &Catalogue,
    after: &[TagDefinition],
    now: i64,
) -> Result<(), DbError> {
    let units: HashMap<i32, Option<&String>> =
        before.tags.iter().map(|entry| (entry.id, entry.definition.unit.as_ref())).collect();
    for (entry, _) in moves(&before.tags, after, after.len()).changed {
        let unit = units.get(&entry.id).copied().flatten();
        if unit != entry.definition.unit.as_ref() {
            let row = (
                unit_change::tag_id.eq(entry.id),
                unit_change::changed_at.eq(now),
                unit_change::unit_before.eq(unit),
                unit_change::unit_after.eq(&entry.definition.unit),
            );
            diesel::insert_into(unit_change::table).values(row).execute(connection)?;
        }
    }
    Ok(())
}

/// Has a parameter that the definition changes win over what the machine remembers, also at its next start.
fn remember_anew(connection: &mut Connection, before: &Catalogue, after: &[MachineDefinition]) -> Result<(), DbError> {
    use tables::machine_memory::dsl;
    let known: HashMap<i32, &MachineDefinition> =
        before.machines.iter().map(|entry| (entry.id, &entry.definition)).collect();
    for (Entry { id, definition, .. }, _) in moves(&before.machines, after, after.len()).changed {
        let stored: Option<String> = dsl::machine_memory.find(id).select(dsl::memory).first(connection).optional()?;
        let (Some(text), Some(previous)) = (stored, known.get(&id)) else { continue };
        // One that cannot be read is told by the machine that wants it.
        let Ok(memory) = serde_json::from_str(&text) else { continue };
        let memory = to_json(&memory_after(previous, &definition, memory))?;
        diesel::update(dsl::machine_memory.find(id)).set(dsl::memory.eq(memory)).execute(connection)?;
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

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
