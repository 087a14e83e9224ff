//! The catalogue of the plant: which id each link, tag, alarm and machine has.
//!
//! A name that comes back gets its id back, and with it its history and state. What is no longer defined is
//! retired, never deleted.

use super::{DbError, insert_all, to_json};
use diesel::prelude::*;
use flyball_schema::db::Connection;
use flyball_schema::definition::PlantDefinition;
use flyball_schema::{AlarmId, LinkId, MachineId, TagId, Timestamp, tables};
use std::collections::HashMap;

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

/// An entry as the catalogue keeps it.
struct Entry {
    id: i32,
    definition: String,
    retired: bool,
}

/// Brings one catalogue table to what is defined and answers the ids.
macro_rules! register_in {
    ($table:ident, $id:ty, $connection:expr, $items:expr, $now:expr) => {{
        use tables::$table::dsl;
        let connection: &mut Connection = $connection;
        let known = |connection: &mut Connection| -> Result<HashMap<String, Entry>, DbError> {
            let rows = dsl::$table.select((dsl::id, dsl::name, dsl::definition, dsl::retired_at)).load::<(
                i32,
                String,
                String,
                Option<i64>,
            )>(
                connection
            )?;
            let entry = |(id, name, definition, retired): (i32, String, String, Option<i64>)| {
                (name, Entry { id, definition, retired: retired.is_some() })
            };
            Ok(rows.into_iter().map(entry).collect())
        };
        let before = known(connection)?;
        let mut new = Vec::new();
        for (name, definition) in $items {
            let definition = to_json(definition)?;
            match before.get(name) {
                None => {
                    new.push((dsl::name.eq(name), dsl::definition.eq(definition), dsl::changed_at.eq($now)));
                }
                Some(entry) if entry.retired || entry.definition != definition => {
                    let none: Option<i64> = None;
                    let change = (dsl::definition.eq(definition), dsl::changed_at.eq($now), dsl::retired_at.eq(none));
                    diesel::update(dsl::$table.find(entry.id)).set(change).execute(connection)?;
                }
                Some(_) => {}
            }
        }
        insert_all!(connection, dsl::$table, new);
        let after = known(connection)?;
        let defined: std::collections::HashSet<&str> = $items.map(|(name, _)| name).collect();
        for (name, entry) in &after {
            if !entry.retired && !defined.contains(name.as_str()) {
                diesel::update(dsl::$table.find(entry.id)).set(dsl::retired_at.eq($now)).execute(connection)?;
            }
        }
        let id = |(name, _)| {
            after.get::<str>(name).and_then(|entry| <$id>::from_i32(entry.id)).ok_or_else(|| DbError::Corrupt {
                table: stringify!($table),
                id: 0,
                problem: format!("\"{name}\" has no id"),
            })
        };
        $items.map(id).collect::<Result<Vec<$id>, DbError>>()?
    }};
}

/// Makes the catalogue say what `definition` says, and answers the ids. Runs in the caller's transaction.
///
/// # Errors
/// [`DbError::Query`], [`DbError::Corrupt`].
pub fn register(
    connection: &mut Connection,
    definition: &PlantDefinition,
    now: Timestamp,
) -> Result<CatalogueIds, DbError> {
    let now = now.as_micros();
    let links = || definition.links.iter().map(|item| (item.name.as_str(), item));
    let tags = || definition.tags.iter().map(|item| (item.name.as_str(), item));
    let alarms = || definition.alarms.iter().map(|item| (item.name.as_str(), item));
    let machines = || definition.machines.iter().map(|item| (item.name.as_str(), item));
    Ok(CatalogueIds {
        links: register_in!(link, LinkId, connection, links(), now),
        tags: register_in!(tag, TagId, connection, tags(), now),
        alarms: register_in!(alarm, AlarmId, connection, alarms(), now),
        machines: register_in!(machine, MachineId, connection, machines(), now),
    })
}

#[cfg(test)]
mod tests {
    use super::super::test_support::migrated;
    use super::*;
    use flyball_schema::definition::TagDefinition;
    use flyball_schema::test_support::TestDatabase;

    fn plant<T: Into<String>>(tags: impl IntoIterator<Item = T>) -> PlantDefinition {
        PlantDefinition { tags: tags.into_iter().map(TagDefinition::float).collect(), ..PlantDefinition::default() }
    }

    #[test]
    fn a_name_that_comes_back_gets_its_id_back() {
        for database in TestDatabase::each() {
            let mut connection = migrated(&database);
            let mut ids = |tags: [&str; 2]| {
                let ids = register(&mut connection, &plant(tags), Timestamp::from_micros(1)).unwrap();
                ids.tags.iter().map(|id| id.0).collect::<Vec<_>>()
            };
            assert_eq!(ids(["a", "b"]), [1, 2]);
            assert_eq!(ids(["b", "c"]), [2, 3]);
            assert_eq!(ids(["c", "a"]), [3, 1]);
        }
    }

    #[test]
    fn what_is_no_longer_defined_is_retired_and_kept() {
        for database in TestDatabase::each() {
            let mut connection = migrated(&database);
            register(&mut connection, &plant(["a", "b"]), Timestamp::from_micros(1)).unwrap();
            register(&mut connection, &plant(["a"]), Timestamp::from_micros(2)).unwrap();
            let retired: Vec<(String, Option<i64>)> = tables::tag::table
                .select((tables::tag::name, tables::tag::retired_at))
                .order(tables::tag::id)
                .load(&mut connection)
                .unwrap();
            assert_eq!(retired, [("a".to_owned(), None), ("b".to_owned(), Some(2))]);
        }
    }

    #[test]
    fn more_tags_than_a_batch_have_ids_in_order() {
        let count = 2 * u32::try_from(super::super::BATCH).unwrap() + 1;
        for database in TestDatabase::each() {
            let tags = plant((0..count).map(|n| format!("t{n}")));
            let ids = register(&mut migrated(&database), &tags, Timestamp::from_micros(1)).unwrap();
            assert_eq!(ids.tags, (1..=count).map(TagId).collect::<Vec<_>>());
        }
    }
}
