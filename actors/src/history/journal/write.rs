//! Appending frames, and dropping those that are stored or past the cap.

use super::schema::{downtime, frame};
use super::{Appended, Journal};
use crate::cvt::TagChange;
use crate::history::frame::encode;
use crate::history::framer::Frame;
use crate::history::historian::HistorianError;
use diesel::dsl::max;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use std::sync::Arc;

/// Old frames dropped per commit at the most beyond as many as were appended, so that no commit takes long.
const DROPS_PER_COMMIT: usize = 32;

/// The newest frame.
pub(super) struct Last {
    pub(super) seq: u64,
    server_time: i64,
}

impl Journal {
    /// Appends frames, all or none, and returns when they are durable; drops old frames that the store has.
    ///
    /// **Exactly once:** changes at or below [`Journal::last_seq`] are skipped, so that frames whose fate is unknown (an
    /// error at the commit, a process that was killed) are simply appended again.
    ///
    /// * `frames`: in order of sequence number, as are the changes in each.
    /// * `stored`: the position of the store.
    ///
    /// # Errors
    /// [`HistorianError`]; nothing was appended, or all was and the file could not say so.
    pub fn append(&mut self, frames: &[Arc<Frame>], stored: u64) -> Result<Appended, HistorianError> {
        let Self { connection, cap_bytes, .. } = self;
        connection.immediate_transaction(|connection| append(connection, *cap_bytes, frames, stored))
    }
}

fn append(
    connection: &mut SqliteConnection,
    cap_bytes: u64,
    frames: &[Arc<Frame>],
    stored: u64,
) -> Result<Appended, HistorianError> {
    // Read inside the transaction: a predecessor's last commit may have come just before it.
    let last = last(connection)?;
    let position = last.as_ref().map_or(0, |last| last.seq);
    let mut appended = Appended::default();
    for frame in frames {
        let fresh = &frame.changes[frame.changes.partition_point(|change| change.seq <= position)..];
        appended.skipped += (frame.changes.len() - fresh.len()) as u64;
        if let Some(first) = fresh.first() {
            // A snapshot that is partly known comes from the same run of the table: nothing was down.
            let opens_run = frame.opens_run && fresh.len() == frame.changes.len();
            if let Some(last) = last.as_ref().filter(|_| opens_run) {
                insert_downtime(connection, last.server_time, first)?;
            }
            insert_frame(connection, fresh)?;
            appended.frames += 1;
            appended.changes += fresh.len() as u64;
        }
    }
    let drops = frames.len() + DROPS_PER_COMMIT;
    drop_oldest(connection, drops, Some(stored))?;
    appended.size_bytes = size_bytes(connection)?;
    if appended.size_bytes > cap_bytes {
        appended.expired = drop_oldest(connection, drops, None)?;
    }
    Ok(appended)
}

pub(super) fn insert_frame(connection: &mut SqliteConnection, changes: &[TagChange]) -> Result<(), HistorianError> {
    let encoded = encode(changes)?;
    let row = (
        frame::first_seq.eq(encoded.first_seq.cast_signed()),
        frame::last_seq.eq(encoded.last_seq.cast_signed()),
        frame::t0.eq(encoded.t0.as_micros()),
        frame::t1.eq(encoded.t1.as_micros()),
        frame::r0.eq(encoded.r0.as_micros()),
        frame::r1.eq(encoded.r1.as_micros()),
        frame::changes.eq(encoded.changes as i64),
        frame::checksum.eq(i64::from(encoded.checksum)),
        frame::data.eq(encoded.data.as_slice()),
    );
    diesel::insert_into(frame::table).values(row).execute(connection)?;
    Ok(())
}

fn insert_downtime(connection: &mut SqliteConnection, began: i64, first: &TagChange) -> Result<(), HistorianError> {
    let ended = first.server_time.as_micros();
    if began < ended {
        let row = (downtime::seq.eq(first.seq.cast_signed()), downtime::began.eq(began), downtime::ended.eq(ended));
        diesel::insert_into(downtime::table).values(row).execute(connection)?;
    }
    Ok(())
}

/// Drops the `count` oldest frames, only those that are `stored` where that is given, and never the newest; how many
/// changes were in them.
fn drop_oldest(connection: &mut SqliteConnection, count: usize, stored: Option<u64>) -> Result<u64, HistorianError> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let stored = stored.map_or(i64::MAX, u64::cast_signed);
    let oldest = frame::table.order(frame::id).limit(count).select((frame::id, frame::changes, frame::last_seq));
    let oldest = oldest.load::<(i64, i64, i64)>(connection)?;
    let newest = frame::table.select(max(frame::id)).first::<Option<i64>>(connection)?;
    let dropped = || oldest.iter().take_while(|row| row.2 <= stored && Some(row.0) != newest);
    let Some(&(last_dropped, _, last_seq)) = dropped().last() else { return Ok(0) };
    diesel::delete(frame::table.filter(frame::id.le(last_dropped))).execute(connection)?;
    diesel::delete(downtime::table.filter(downtime::seq.le(last_seq.min(stored)))).execute(connection)?;
    Ok(dropped().map(|row| row.1.unsigned_abs()).sum())
}

/// Sequence number and time of the newest frame.
pub(super) fn last(connection: &mut SqliteConnection) -> Result<Option<Last>, HistorianError> {
    let newest = frame::table.order(frame::id.desc()).select((frame::last_seq, frame::r1));
    let newest = newest.first::<(i64, i64)>(connection).optional()?;
    Ok(newest.map(|(seq, server_time)| Last { seq: seq.cast_unsigned(), server_time }))
}

#[derive(QueryableByName)]
struct Size {
    #[diesel(sql_type = BigInt)]
    bytes: i64,
}

/// Pages in use; those that dropped frames have left are used again.
fn size_bytes(connection: &mut SqliteConnection) -> Result<u64, HistorianError> {
    let size = diesel::sql_query(
        "SELECT (page_count - freelist_count) * page_size AS bytes
         FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
    );
    Ok(size.get_result::<Size>(connection)?.bytes.unsigned_abs())
}
