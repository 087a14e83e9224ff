//! Events in the database. **Engine.**

use super::chain::Link;
use super::{AppendEvents, Event, EventObject, ListEvents, NewEvent, Outcome, Verification, VerifyEvents};
use crate::db::{BATCH, Database, DbError, insert_all, limit, storable, to_json};
use actix::{Actor, Context, Handler, ResponseFuture};
use diesel::prelude::*;
use flyball_schema::Timestamp;
use flyball_schema::db::Connection;
use flyball_schema::tables::events::{EventRow, event};
use serde_json::Value as Json;

/// Keeps the audit events. **Engine.**
#[derive(Debug)]
pub struct EventsLogger {
    database: Database,
}

impl EventsLogger {
    /// An engine on `database`, which is migrated.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

impl Actor for EventsLogger {
    type Context = Context<Self>;
}

impl Handler<AppendEvents> for EventsLogger {
    type Result = ResponseFuture<Result<Vec<i64>, DbError>>;

    fn handle(&mut self, AppendEvents(events): AppendEvents, _ctx: &mut Self::Context) -> Self::Result {
        let database = self.database.clone();
        Box::pin(async move { database.write(move |connection| append(connection, &events)).await })
    }
}

impl Handler<ListEvents> for EventsLogger {
    type Result = ResponseFuture<Result<Vec<Event>, DbError>>;

    fn handle(&mut self, query: ListEvents, _ctx: &mut Self::Context) -> Self::Result {
        let database = self.database.clone();
        Box::pin(async move { database.read(move |connection| list(connection, &query)).await })
    }
}

impl Handler<VerifyEvents> for EventsLogger {
    type Result = ResponseFuture<Result<Verification, DbError>>;

    fn handle(&mut self, _: VerifyEvents, _ctx: &mut Self::Context) -> Self::Result {
        let database = self.database.clone();
        Box::pin(async move {
            let mut end = Link::BEGINNING;
            loop {
                // A job per page: the chain only grows, and other readers get their turn.
                let rows = database.read(move |connection| page(connection, end.id)).await?;
                let broken = rows.iter().try_for_each(|row| end.follow(row)).err();
                if broken.is_some() || rows.is_empty() {
                    let checked = u64::try_from(end.id).unwrap_or_default();
                    return Ok(Verification { checked, head: end.hash, broken });
                }
            }
        })
    }
}

/// Appends events behind the last one. Runs in the caller's transaction.
///
/// # Errors
/// [`DbError`].
pub(crate) fn append(connection: &mut Connection, events: &[NewEvent]) -> Result<Vec<i64>, DbError> {
    let mut end = end(connection)?;
    let mut rows = events.iter().map(row_of).collect::<Result<Vec<_>, _>>()?;
    rows.iter_mut().for_each(|row| end.append(row));
    let ids = rows.iter().map(|row| row.id).collect();
    insert_all!(connection, event::table, rows);
    Ok(ids)
}

fn end(connection: &mut Connection) -> Result<Link, DbError> {
    let last: Option<(i64, Vec<u8>)> =
        event::table.select((event::id, event::hash)).order(event::id.desc()).first(connection).optional()?;
    let Some((id, hash)) = last else { return Ok(Link::BEGINNING) };
    let corrupt =
        |hash: Vec<u8>| DbError::Corrupt { table: "event", id, problem: format!("a hash of {} bytes", hash.len()) };
    Ok(Link { id, hash: hash.try_into().map_err(corrupt)? })
}

fn page(connection: &mut Connection, after: i64) -> Result<Vec<EventRow>, DbError> {
    let rows = event::table.filter(event::id.gt(after)).order(event::id).limit(limit(BATCH));
    Ok(rows.select(EventRow::as_select()).load(connection)?)
}

fn list(connection: &mut Connection, query: &ListEvents) -> Result<Vec<Event>, DbError> {
    let mut select =
        event::table.select(EventRow::as_select()).order(event::id.desc()).limit(limit(query.limit)).into_boxed();
    if let Some(before) = query.before {
        select = select.filter(event::id.lt(before));
    }
    if let Some(actor) = &query.actor {
        select = select.filter(event::actor.eq(actor));
    }
    if let Some(action) = &query.action {
        select = select.filter(event::action.eq(action));
    }
    if let Some(kind) = &query.object_kind {
        select = select.filter(event::object_kind.eq(kind));
    }
    if let Some(id) = query.object_id {
        select = select.filter(event::object_id.eq(id));
    }
    if let Some(from) = query.from {
        select = select.filter(event::occurred.ge(from.as_micros()));
    }
    if let Some(to) = query.to {
        select = select.filter(event::occurred.lt(to.as_micros()));
    }
    let rows: Vec<EventRow> = select.load(connection)?;
    rows.into_iter().map(event_of).collect()
}

/// The row of an event, without its number and hash.
fn row_of(event: &NewEvent) -> Result<EventRow, DbError> {
    let text = |text: &String| storable(text).into_owned();
    let object = event.object.as_ref();
    Ok(EventRow {
        id: 0,
        occurred: event.occurred.as_micros(),
        actor: text(&event.actor),
        origin: event.origin.as_ref().map(text),
        action: text(&event.action),
        object_kind: object.map(|object| text(&object.kind)),
        object_id: object.and_then(|object| object.id),
        object_name: object.and_then(|object| object.name.as_ref()).map(text),
        value_before: event.before.as_ref().map(to_json).transpose()?,
        value_after: event.after.as_ref().map(to_json).transpose()?,
        reason: event.reason.as_ref().map(text),
        outcome: event.outcome.as_str().to_owned(),
        hash: Vec::new(),
    })
}

fn event_of(row: EventRow) -> Result<Event, DbError> {
    let corrupt = |problem: String| DbError::Corrupt { table: "event", id: row.id, problem };
    let json = |text: Option<&String>| -> Result<Option<Json>, DbError> {
        text.map(|text| serde_json::from_str(text).map_err(|error| corrupt(error.to_string()))).transpose()
    };
    let (before, after) = (json(row.value_before.as_ref())?, json(row.value_after.as_ref())?);
    let outcome = Outcome::parse(&row.outcome).ok_or_else(|| corrupt(format!("\"{}\" is no outcome", row.outcome)))?;
    let (id, name) = (row.object_id, row.object_name);
    let event = NewEvent {
        occurred: Timestamp::from_micros(row.occurred),
        actor: row.actor,
        origin: row.origin,
        action: row.action,
        object: row.object_kind.map(|kind| EventObject { kind, id, name }),
        before,
        after,
        reason: row.reason,
        outcome,
    };
    Ok(Event { id: row.id, event })
}
