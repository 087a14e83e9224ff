//! What is kept of a change beside the catalogue: who did it and what it was, substituted values, sums.

use crate::db::{BATCH, DbError, insert_all, to_json};
use crate::events::{EventObject, NewEvent, Outcome, append};
use diesel::prelude::*;
use flyball_schema::db::Connection;
use flyball_schema::definition::{Changed, Changes, Difference, Item};
use flyball_schema::tables::configuration::{substitution, tag_sums};
use flyball_schema::tables::tag;
use flyball_schema::{TagId, Timestamp, Value};
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::{HashMap, HashSet};

/// Who changes something, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// A user's name, or `anonymous`.
    pub name: String,
    /// From where: an address, or a program.
    pub origin: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

impl Author {
    /// Somebody who has not said who they are.
    #[must_use]
    pub fn anonymous(origin: Option<String>) -> Self {
        Self { name: "anonymous".to_owned(), origin, reason: None }
    }

    /// The program that starts the plant.
    #[must_use]
    pub fn system() -> Self {
        Self { name: "system".to_owned(), origin: None, reason: None }
    }

    /// Adds why.
    #[must_use]
    pub fn because(mut self, reason: Option<String>) -> Self {
        self.reason = reason;
        self
    }

    fn event(&self, occurred: Timestamp, action: String, object: Option<EventObject>) -> NewEvent {
        NewEvent {
            occurred,
            actor: self.name.clone(),
            origin: self.origin.clone(),
            action,
            object,
            before: None,
            after: None,
            reason: self.reason.clone(),
            outcome: Outcome::Done,
        }
    }
}

/// Appends an audit event for every item that a change adds, alters or removes. Runs in the change's transaction.
///
/// # Errors
/// [`DbError`].
pub(super) fn audit(
    connection: &mut Connection,
    difference: &Difference,
    author: &Author,
    now: Timestamp,
) -> Result<(), DbError> {
    let mut events = Vec::new();
    if let Some(Changed { before, after }) = &difference.header {
        let mut event = author.event(now, "plant.change".to_owned(), None);
        (event.before, event.after) = (Some(json(before)?), Some(json(after)?));
        events.push(event);
    }
    of_kind(&mut events, "link", &difference.links, author, now)?;
    of_kind(&mut events, "tag", &difference.tags, author, now)?;
    of_kind(&mut events, "alarm", &difference.alarms, author, now)?;
    of_kind(&mut events, "machine", &difference.machines, author, now)?;
    if !events.is_empty() {
        append(connection, &events)?;
    }
    Ok(())
}

fn of_kind<T: Item + Serialize>(
    events: &mut Vec<NewEvent>,
    kind: &str,
    changes: &Changes<T>,
    author: &Author,
    now: Timestamp,
) -> Result<(), DbError> {
    let mut add = |verb: &str, before: Option<&T>, after: Option<&T>| {
        let named = before.or(after).map(|item| item.name().to_owned());
        let object = Some(EventObject { kind: kind.to_owned(), id: None, name: named });
        let mut event = author.event(now, format!("{kind}.{verb}"), object);
        (event.before, event.after) = (before.map(json).transpose()?, after.map(json).transpose()?);
        events.push(event);
        Ok::<(), DbError>(())
    };
    changes.added.iter().try_for_each(|item| add("create", None, Some(item)))?;
    changes.changed.iter().try_for_each(|Changed { before, after }| add("change", Some(before), Some(after)))?;
    changes.removed.iter().try_for_each(|item| add("remove", Some(item), None))
}

fn json(value: &impl Serialize) -> Result<Json, DbError> {
    serde_json::to_value(value)
        .map_err(|error| DbError::Query(diesel::result::Error::SerializationError(Box::new(error))))
}

/// A value in place of a source's.
#[derive(Debug, Clone, PartialEq)]
pub struct Substitution {
    /// The value.
    pub value: Value,
    /// Who did it.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
    /// Since when.
    pub since: Timestamp,
}

/// Keeps a substituted value, in place of the one before, and puts it on record.
///
/// # Errors
/// [`DbError`].
pub(super) fn keep_substitution(
    connection: &mut Connection,
    (tag, name): (TagId, &str),
    value: &Value,
    author: &Author,
    now: Timestamp,
) -> Result<(), DbError> {
    let id = tag.to_i32();
    let former: Option<String> =
        substitution::table.find(id).select(substitution::value).first(connection).optional()?;
    diesel::delete(substitution::table.find(id)).execute(connection)?;
    let row = (
        substitution::tag_id.eq(id),
        substitution::value.eq(to_json(value)?),
        substitution::substituted_by.eq(&author.name),
        substitution::reason.eq(&author.reason),
        substitution::since.eq(now.as_micros()),
    );
    diesel::insert_into(substitution::table).values(row).execute(connection)?;
    let mut event = author.event(now, "tag.substitute".to_owned(), Some(object(tag, name)));
    event.before = former.and_then(|text| serde_json::from_str(&text).ok());
    event.after = Some(json(value)?);
    append(connection, &[event]).map(|_ids| ())
}

/// Forgets a substituted value and puts it on record; whether there was one.
///
/// # Errors
/// [`DbError`].
pub(super) fn forget_substitution(
    connection: &mut Connection,
    (tag, name): (TagId, &str),
    author: &Author,
    now: Timestamp,
) -> Result<bool, DbError> {
    if diesel::delete(substitution::table.find(tag.to_i32())).execute(connection)? == 0 {
        return Ok(false);
    }
    let event = author.event(now, "tag.release".to_owned(), Some(object(tag, name)));
    append(connection, &[event]).map(|_ids| true)
}

fn object(tag: TagId, name: &str) -> EventObject {
    EventObject { kind: "tag".to_owned(), id: Some(tag.0.into()), name: Some(name.to_owned()) }
}

/// Reads every substituted value.
///
/// # Errors
/// [`DbError`]; [`DbError::Corrupt`] for a value that is none.
pub(crate) fn substitutions(connection: &mut Connection) -> Result<HashMap<TagId, Substitution>, DbError> {
    type Row = (i32, String, String, Option<String>, i64);
    let rows: Vec<Row> = substitution::table.load(connection)?;
    let read = |(id, text, by, reason, since): Row| {
        let corrupt = |problem: String| DbError::Corrupt { table: "substitution", id: id.into(), problem };
        let tag = TagId::from_i32(id).ok_or_else(|| corrupt("negative id".to_owned()))?;
        let value = serde_json::from_str(&text).map_err(|error| corrupt(error.to_string()))?;
        Ok((tag, Substitution { value, by, reason, since: Timestamp::from_micros(since) }))
    };
    rows.into_iter().map(read).collect()
}

/// Reads the sums of every derived tag.
///
/// # Errors
/// [`DbError`]; [`DbError::Corrupt`] for sums that are none.
pub(crate) fn sums(connection: &mut Connection) -> Result<HashMap<TagId, Json>, DbError> {
    let rows: Vec<(i32, String)> = tag_sums::table.select((tag_sums::tag_id, tag_sums::sums)).load(connection)?;
    let read = |(id, text): (i32, String)| {
        let corrupt = |problem: String| DbError::Corrupt { table: "tag_sums", id: id.into(), problem };
        let tag = TagId::from_i32(id).ok_or_else(|| corrupt("negative id".to_owned()))?;
        Ok((tag, serde_json::from_str(&text).map_err(|error| corrupt(error.to_string()))?))
    };
    rows.into_iter().map(read).collect()
}

/// Keeps the sums of derived tags, in place of those before; what is the same is not written again. A tag that was removed
/// meanwhile has none: where its name comes back it begins at zero.
///
/// # Errors
/// [`DbError`].
pub(super) fn keep_sums(connection: &mut Connection, sums: &[(TagId, Json)], now: Timestamp) -> Result<(), DbError> {
    let stored: Vec<(i32, String)> = tag_sums::table.select((tag_sums::tag_id, tag_sums::sums)).load(connection)?;
    let mut stored: HashMap<i32, String> = stored.into_iter().collect();
    let retired = tag::table.filter(tag::retired_at.is_not_null()).select(tag::id);
    let retired: HashSet<i32> = retired.load(connection)?.into_iter().collect();
    let (mut replaced, mut rows) = (Vec::new(), Vec::new());
    for (tag, sums) in sums.iter().filter(|(tag, _)| !retired.contains(&tag.to_i32())) {
        let (id, text) = (tag.to_i32(), to_json(sums)?);
        let before = stored.remove(&id);
        if before.as_ref() == Some(&text) {
            continue;
        }
        replaced.extend(before.map(|_| id));
        rows.push((tag_sums::tag_id.eq(id), tag_sums::sums.eq(text), tag_sums::saved_at.eq(now.as_micros())));
    }
    // What is left has no sums any more.
    replaced.extend(stored.into_keys());
    for ids in replaced.chunks(BATCH) {
        let rows = tag_sums::table.filter(tag_sums::tag_id.eq_any(ids));
        match &mut *connection {
            Connection::Sqlite(inner) => diesel::delete(rows).execute(inner)?,
            Connection::Postgres(inner) => diesel::delete(rows).execute(inner)?,
        };
    }
    insert_all!(connection, tag_sums::table, rows);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::catalogue::register;
    use crate::db::test_support::migrated;
    use flyball_schema::definition::{PlantDefinition, TagDefinition};
    use flyball_schema::test_support::TestDatabase;
    use serde_json::json;

    #[test]
    fn sums_that_are_the_same_are_not_written_again_and_those_of_none_go() {
        for database in TestDatabase::each() {
            let mut connection = migrated(&database);
            let tags = ["a", "b", "c"].map(TagDefinition::float).to_vec();
            let plant = PlantDefinition { tags, ..PlantDefinition::default() };
            register(&mut connection, &plant, Timestamp::from_micros(1)).unwrap();
            let mut keep = |all: &[(u32, u32)], micros: i64| {
                let all: Vec<(TagId, Json)> = all.iter().map(|(tag, sum)| (TagId(*tag), json!([sum]))).collect();
                keep_sums(&mut connection, &all, Timestamp::from_micros(micros)).unwrap();
                let rows = tag_sums::table.order(tag_sums::tag_id).load::<(i32, String, i64)>(&mut connection).unwrap();
                assert_eq!(sums(&mut connection).unwrap(), all.into_iter().collect());
                rows.into_iter().map(|(tag, _, saved)| (tag, saved)).collect::<Vec<_>>()
            };
            assert_eq!(keep(&[(1, 10), (2, 20)], 5), [(1, 5), (2, 5)]);
            assert_eq!(keep(&[(1, 10), (2, 21), (3, 30)], 6), [(1, 5), (2, 6), (3, 6)]);
            assert_eq!(keep(&[(2, 21), (3, 31)], 7), [(2, 6), (3, 7)]);
            assert_eq!(keep(&[], 8), []);
        }
    }
}
