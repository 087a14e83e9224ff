//! What can be read of a damaged journal goes into a new one.

use super::Journal;
use super::open::connect;
use super::read::Row;
use super::schema::{downtime, frame, meta};
use super::write::insert_frame;
use crate::history::frame::Decoder;
use crate::history::historian::{HistorianError, JournalId};
use diesel::prelude::*;
use std::path::Path;

/// Ids that are tried one by one behind a part that cannot be read.
const TRIES: u64 = 10_000;

/// What was saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Salvaged {
    pub(super) frames: u64,
    pub(super) changes: u64,
    /// Frames that were met and could not be read.
    pub(super) lost: u64,
}

/// Copies every frame of the file `damaged` that can be read, with the identity of its journal.
///
/// # Errors
/// Where the new journal cannot be written; what cannot be read is no error.
pub(super) fn salvage(damaged: &Path, journal: &mut Journal) -> Result<Salvaged, HistorianError> {
    let Ok(mut old) = connect(damaged) else { return Ok(Salvaged::default()) };
    let Some(id) = identity(&mut old) else { return Ok(Salvaged::default()) };
    let saved = journal.connection.immediate_transaction(|new| {
        diesel::update(meta::table).set(meta::journal.eq(id.to_string())).execute(new)?;
        for (seq, began, ended) in downtimes(&mut old) {
            let row = (downtime::seq.eq(seq), downtime::began.eq(began), downtime::ended.eq(ended));
            diesel::insert_into(downtime::table).values(row).execute(new)?;
        }
        frames(&mut old, new)
    })?;
    journal.id = id;
    Ok(saved)
}

fn identity(old: &mut SqliteConnection) -> Option<JournalId> {
    let text = meta::table.select(meta::journal).first::<String>(old).ok()?;
    uuid::Uuid::parse_str(&text).ok().map(JournalId)
}

fn downtimes(old: &mut SqliteConnection) -> Vec<(i64, i64, i64)> {
    let rows = downtime::table.order(downtime::id).select((downtime::seq, downtime::began, downtime::ended));
    rows.load(old).unwrap_or_default()
}

fn frames(old: &mut SqliteConnection, new: &mut SqliteConnection) -> Result<Salvaged, HistorianError> {
    let (mut saved, mut decoder, mut behind, mut tries) = (Salvaged::default(), Decoder::default(), 0, 0);
    while tries < TRIES {
        let Ok(found) = next(old, behind) else {
            (tries, behind) = (tries + 1, behind + 1);
            continue;
        };
        let Some(row) = found else { break };
        // What was skipped to come here cannot be read.
        saved.lost += std::mem::take(&mut tries);
        behind = row.id;
        let mut changes = Vec::new();
        let checksum = u32::try_from(row.checksum).unwrap_or_default();
        if decoder.decode(&row.data, checksum, None, |change| changes.push(change)).is_ok() {
            insert_frame(new, &changes)?;
            saved.frames += 1;
            saved.changes += changes.len() as u64;
        } else {
            saved.lost += 1;
        }
    }
    Ok(saved)
}

fn next(old: &mut SqliteConnection, behind: i64) -> QueryResult<Option<Row>> {
    let row = frame::table.filter(frame::id.gt(behind)).order(frame::id);
    let row = row.select((frame::id, frame::checksum, frame::data)).first::<(i64, i64, Vec<u8>)>(old).optional()?;
    Ok(row.map(|(id, checksum, data)| Row { id, checksum, data }))
}
