//! The catalogue of the plant in the database: what each link, tag, alarm and machine is, and which id it has.
//!
//! An id is given once. A name that comes back gets its id back, and with it its history and state; a renamed item keeps
//! its id. What is no longer defined is retired, never deleted. What else is kept by id follows: see [`settle`].

mod settle;
mod store;
mod units;

pub(crate) use settle::{AlarmsEnd, Remembered, remembered, settle};
pub use store::{register, store};
pub use units::{UnitChange, unit_changes};

use crate::db::DbError;
use diesel::prelude::*;
use flyball_schema::db::Connection;
use flyball_schema::definition::{
    AlarmDefinition, LinkDefinition, MachineDefinition, PlantDefinition, PlantHeader, TagDefinition,
};
use flyball_schema::tables::configuration::plant;
use flyball_schema::{AlarmId, LinkId, MachineId, TagId, tables};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashSet;

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
    /// When it was last changed, µs since the epoch; 0 where nothing is stored.
    changed_at: i64,
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
        Self { is_stored: true, changed_at: 1, header, links, tags, alarms, machines }
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

    /// What tells this state of the definition from every other one: it rises with each change, and stays over a restart
    /// that changes nothing. `0` where nothing is stored.
    #[must_use]
    pub fn version(&self) -> String {
        self.changed_at.to_string()
    }

    /// Every tag with its id, defined or made.
    pub(super) fn tags(&self) -> impl Iterator<Item = (TagId, &TagDefinition, bool)> {
        let tags = self.tags.iter();
        tags.filter_map(|entry| Some((TagId::from_i32(entry.id)?, &entry.definition, entry.made)))
    }

    /// The catalogue without the machines that an application brings along, and what they have, but for what `wanted`
    /// names: who does not know them leaves them as they are.
    #[must_use]
    pub(super) fn without_own_machines(mut self, wanted: &PlantDefinition) -> Self {
        let own = self.machines.iter().filter(|entry| entry.made);
        let own: Vec<String> = own.map(|entry| format!("{}.", entry.definition.name)).collect();
        let is_of_one = |name: &str| own.iter().any(|machine| name.starts_with(machine.as_str()));
        let tags: HashSet<&str> = wanted.tags.iter().map(|tag| tag.name.as_str()).collect();
        let alarms: HashSet<&str> = wanted.alarms.iter().map(|alarm| alarm.name.as_str()).collect();
        let machines: HashSet<&str> = wanted.machines.iter().map(|machine| machine.name.as_str()).collect();
        self.tags.retain(|Entry { definition, made, .. }| {
            !(*made && is_of_one(&definition.name)) || tags.contains(definition.name.as_str())
        });
        self.alarms.retain(|Entry { definition, made, .. }| {
            !(*made && is_of_one(&definition.tag)) || alarms.contains(definition.name.as_str())
        });
        self.machines.retain(|Entry { definition, made, .. }| !*made || machines.contains(definition.name.as_str()));
        self
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

/// Reads [`Catalogue::version`] alone.
pub(crate) fn version(connection: &mut Connection) -> Result<String, DbError> {
    let changed_at: Option<i64> = plant::table.select(plant::changed_at).first(connection).optional()?;
    Ok(changed_at.unwrap_or_default().to_string())
}

/// Reads the catalogue, less what is retired.
///
/// # Errors
/// [`DbError::Query`]; [`DbError::Corrupt`] for a definition that is none.
pub fn load(connection: &mut Connection) -> Result<Catalogue, DbError> {
    let stored: Option<(String, i64)> =
        plant::table.select((plant::header, plant::changed_at)).first(connection).optional()?;
    let (header, changed_at) = stored.unzip();
    let corrupt = |error: serde_json::Error| DbError::Corrupt { table: "plant", id: 1, problem: error.to_string() };
    Ok(Catalogue {
        is_stored: header.is_some(),
        changed_at: changed_at.unwrap_or_default(),
        header: header.map(|text| serde_json::from_str(&text)).transpose().map_err(corrupt)?.unwrap_or_default(),
        links: load_from!(link, connection),
        tags: load_from!(tag, connection),
        alarms: load_from!(alarm, connection),
        machines: load_from!(machine, connection),
    })
}

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
