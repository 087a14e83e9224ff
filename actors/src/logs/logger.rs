//! Notes in the database. **Engine.**

use super::{About, AmendNote, AppendNote, ListNotes, Note, NoteError, NoteLinks, NoteVersion, ReadNoteVersions};
use crate::Clock;
use crate::db::{Database, DbError, answer_by_jobs, limit, storable};
use actix::{Actor, Context};
use diesel::prelude::*;
use flyball_schema::db::Connection;
use flyball_schema::tables::notes::{NoteRow, NoteVersionRow, note, note_version};
use flyball_schema::{AlarmId, TagId, Timestamp};

/// Keeps the notes of people. **Engine.**
#[derive(Debug)]
pub struct LogsLogger {
    clock: Clock,
    database: Database,
}

impl LogsLogger {
    /// An engine on `database`, which is migrated.
    #[must_use]
    pub fn new(clock: Clock, database: Database) -> Self {
        Self { clock, database }
    }
}

impl Actor for LogsLogger {
    type Context = Context<Self>;
}

answer_by_jobs! { LogsLogger:
    read ListNotes => list;
    read ReadNoteVersions => versions;
    write AppendNote => append;
    write AmendNote => amend;
}

type Written = Result<Result<Note, NoteError>, DbError>;

fn append(connection: &mut Connection, new: &AppendNote, now: Timestamp) -> Written {
    if let Err(fault) = checked(&new.text).and_then(|()| checked_links(&new.links)) {
        return Ok(Err(fault));
    }
    // Notes are never deleted, and there is one writer.
    let last: Option<i64> = note::table.select(diesel::dsl::max(note::id)).first(connection)?;
    let row = note_row(last.unwrap_or(0) + 1, &new.links);
    diesel::insert_into(note::table).values(&row).execute(connection)?;
    let version = version_row(row.id, row.revision, &new.text, &new.author, now);
    diesel::insert_into(note_version::table).values(&version).execute(connection)?;
    Ok(Ok(note_of((row, version))?))
}

fn amend(connection: &mut Connection, change: &AmendNote, now: Timestamp) -> Written {
    let AmendNote { id, revision, .. } = *change;
    if let Err(fault) = checked(&change.text) {
        return Ok(Err(fault));
    }
    let found = note::table.find(id).select(NoteRow::as_select()).first(connection).optional()?;
    let Some(mut row) = found else { return Ok(Err(NoteError::Unknown(id))) };
    if row.revision != revision {
        return Ok(Err(NoteError::Conflict { id, current: row.revision }));
    }
    row.revision += 1;
    let version = version_row(id, row.revision, &change.text, &change.author, now);
    diesel::insert_into(note_version::table).values(&version).execute(connection)?;
    diesel::update(note::table.find(id)).set(note::revision.eq(row.revision)).execute(connection)?;
    Ok(Ok(note_of((row, version))?))
}

fn list(connection: &mut Connection, query: &ListNotes) -> Result<Vec<Note>, DbError> {
    let mut select = note::table
        .inner_join(note_version::table)
        .filter(note_version::revision.eq(note::revision))
        .select((NoteRow::as_select(), NoteVersionRow::as_select()))
        .order(note::id.desc())
        .limit(limit(query.limit))
        .into_boxed();
    if let Some(before) = query.before {
        select = select.filter(note::id.lt(before));
    }
    select = match query.about {
        None => select,
        Some(About::Alarm(alarm)) => select.filter(note::alarm_id.eq(alarm.to_i32())),
        Some(About::Occurrence(alarm, number)) => {
            select.filter(note::alarm_id.eq(alarm.to_i32())).filter(note::occurrence.eq(to_i64(number)))
        }
        Some(About::Event(event)) => select.filter(note::event_id.eq(event)),
        Some(About::Tag(tag)) => select.filter(note::tag_id.eq(tag.to_i32())),
        Some(About::Time(from, to)) => {
            select.filter(note::range_from.le(to.as_micros())).filter(note::range_to.ge(from.as_micros()))
        }
    };
    let rows: Vec<(NoteRow, NoteVersionRow)> = select.load(connection)?;
    rows.into_iter().map(note_of).collect()
}

fn versions(connection: &mut Connection, ReadNoteVersions(id): &ReadNoteVersions) -> Result<Vec<NoteVersion>, DbError> {
    let rows = note_version::table.filter(note_version::note_id.eq(id)).order(note_version::revision);
    let rows: Vec<NoteVersionRow> = rows.select(NoteVersionRow::as_select()).load(connection)?;
    Ok(rows.into_iter().map(version_of).collect())
}

fn checked(text: &str) -> Result<(), NoteError> {
    if text.trim().is_empty() { Err(NoteError::Empty) } else { Ok(()) }
}

fn checked_links(links: &NoteLinks) -> Result<(), NoteError> {
    if links.range.is_some_and(|(from, to)| to < from) {
        return Err(NoteError::Range);
    }
    if links.occurrence.is_some() && links.alarm.is_none() {
        return Err(NoteError::Occurrence);
    }
    Ok(())
}

fn note_row(id: i64, links: &NoteLinks) -> NoteRow {
    NoteRow {
        id,
        revision: 1,
        alarm_id: links.alarm.map(AlarmId::to_i32),
        occurrence: links.occurrence.map(to_i64),
        event_id: links.event,
        tag_id: links.tag.map(TagId::to_i32),
        range_from: links.range.map(|(from, _)| from.as_micros()),
        range_to: links.range.map(|(_, to)| to.as_micros()),
    }
}

fn version_row(note_id: i64, revision: i64, text: &str, author: &str, now: Timestamp) -> NoteVersionRow {
    let (text, author) = (storable(text).into_owned(), storable(author).into_owned());
    NoteVersionRow { note_id, revision, text, author, written_at: now.as_micros() }
}

fn note_of((row, version): (NoteRow, NoteVersionRow)) -> Result<Note, DbError> {
    let corrupt = |problem: &str| DbError::Corrupt { table: "note", id: row.id, problem: problem.to_owned() };
    let links = NoteLinks {
        alarm: row
            .alarm_id
            .map(|id| AlarmId::from_i32(id).ok_or_else(|| corrupt("a negative alarm id")))
            .transpose()?,
        occurrence: row
            .occurrence
            .map(|number| u64::try_from(number).map_err(|_| corrupt("a negative occurrence")))
            .transpose()?,
        event: row.event_id,
        tag: row.tag_id.map(|id| TagId::from_i32(id).ok_or_else(|| corrupt("a negative tag id"))).transpose()?,
        range: row.range_from.map(Timestamp::from_micros).zip(row.range_to.map(Timestamp::from_micros)),
    };
    Ok(Note { id: row.id, links, version: version_of(version) })
}

fn version_of(row: NoteVersionRow) -> NoteVersion {
    let written_at = Timestamp::from_micros(row.written_at);
    NoteVersion { revision: row.revision, text: row.text, author: row.author, written_at }
}

fn to_i64(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
