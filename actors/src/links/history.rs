//! Rows of the connections.

use super::{ConnectionChange, ListConnections, NoteConnection};
use crate::db::{DbError, limit, storable};
use diesel::prelude::*;
use flyball_schema::db::Connection;
use flyball_schema::tables::opcua::{LinkConnectionRow, link_connection};
use flyball_schema::{LinkId, Timestamp};

pub(super) fn note(
    connection: &mut Connection,
    change: &NoteConnection,
    _now: Timestamp,
) -> Result<Result<(), DbError>, DbError> {
    let row = (
        link_connection::link_id.eq(change.link.to_i32()),
        link_connection::connected.eq(change.connected),
        link_connection::reason.eq(change.reason.as_deref().map(storable)),
        link_connection::occurred.eq(change.occurred.as_micros()),
    );
    diesel::insert_into(link_connection::table).values(row).execute(connection)?;
    Ok(Ok(()))
}

pub(super) fn list(connection: &mut Connection, query: &ListConnections) -> Result<Vec<ConnectionChange>, DbError> {
    let mut select = link_connection::table
        .select(LinkConnectionRow::as_select())
        .order(link_connection::id.desc())
        .limit(limit(query.limit))
        .into_boxed();
    if let Some(link) = query.link {
        select = select.filter(link_connection::link_id.eq(link.to_i32()));
    }
    if let Some(before) = query.before {
        select = select.filter(link_connection::id.lt(before));
    }
    let rows: Vec<LinkConnectionRow> = select.load(connection)?;
    rows.into_iter().map(change_of).collect()
}

fn change_of(row: LinkConnectionRow) -> Result<ConnectionChange, DbError> {
    let link = LinkId::from_i32(row.link_id).ok_or_else(|| DbError::Corrupt {
        table: "link_connection",
        id: row.id,
        problem: "a negative link id".to_owned(),
    })?;
    let occurred = Timestamp::from_micros(row.occurred);
    Ok(ConnectionChange { id: row.id, link, connected: row.connected, reason: row.reason, occurred })
}
