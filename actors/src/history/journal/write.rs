//! Appending frames, and keeping the file below its cap.

use super::Journal;
use super::schema::{downtime, frame, state};
use crate::cvt::TagChange;
use crate::history::frame::encode;
use crate::history::framer::Frame;
use crate::history::historian::{Appended, HistorianError};
use crate::history::states::LastStates;
use diesel::dsl::max;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use std::sync::Arc;

/// Old frames dropped per commit at the most beyond as many as were appended, so that no commit takes long.
const DROPS_PER_COMMIT: usize = 16;

/// The newest frame.
pub(super) struct Last {
    pub(super) seq: u64,
    server_time: i64,
}

impl Journal {
    pub(super) fn append_frames(&mut self, frames: &[Arc<Frame>]) -> Result<Appended, HistorianError> {
        let Self { connection, states, cap_bytes, .. } = self;
        let (position, appended) =
            connection.immediate_transaction(|connection| append(connection, states, *cap_bytes, frames))?;
        if position != self.states_seq {
            // A predecessor's last commit came after this handle was opened.
            self.restore_states()?;
        }
        self.states_seq = frames.last().map_or(position, |frame| frame.last_seq().max(position));
        if self.states.due() {
            self.store_states();
        }
        Ok(appended)
    }

    /// Only an aid for readers: the frames are durable already, and the next append tries again.
    fn store_states(&mut self) {
        let Self { connection, states, .. } = self;
        match connection.immediate_transaction(|connection| store_states(connection, states)) {
            Ok(()) => states.stored(),
            Err(error) => log::warn!("the last states of the tags were not journaled: {error}"),
        }
    }
}

fn append(
    connection: &mut SqliteConnection,
    states: &mut LastStates,
    cap_bytes: u64,
    frames: &[Arc<Frame>],
) -> Result<(u64, Appended), HistorianError> {
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
                insert_downtime(connection, last.server_time, first.server_time.as_micros())?;
            }
            insert_frame(connection, fresh)?;
            // Before the commit: where that fails the handle is dropped, and the states with it.
            states.record(fresh);
            appended.frames += 1;
            appended.changes += fresh.len() as u64;
        }
    }
    appended.size_bytes = size_bytes(connection)?;
    if appended.size_bytes > cap_bytes {
        appended.expired = drop_oldest(connection, frames.len() + DROPS_PER_COMMIT)?;
    }
    Ok((position, appended))
}

fn insert_frame(connection: &mut SqliteConnection, changes: &[TagChange]) -> Result<(), HistorianError> {
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

fn insert_downtime(connection: &mut SqliteConnection, began: i64, ended: i64) -> Result<(), HistorianError> {
    if began < ended {
        let row = (downtime::began.eq(began), downtime::ended.eq(ended));
        diesel::insert_into(downtime::table).values(row).execute(connection)?;
    }
    Ok(())
}

fn store_states(connection: &mut SqliteConnection, states: &LastStates) -> Result<(), HistorianError> {
    let newest = frame::table.select(max(frame::id)).first::<Option<i64>>(connection)?;
    for group in states.groups() {
        let encoded = encode(&group)?;
        let row = (
            state::frame_id.eq(newest.unwrap_or(0)),
            state::changes.eq(encoded.changes as i64),
            state::checksum.eq(i64::from(encoded.checksum)),
            state::data.eq(encoded.data.as_slice()),
        );
        diesel::insert_into(state::table).values(row).execute(connection)?;
    }
    Ok(())
}

/// Drops the `count` oldest frames but never the newest; how many changes were in them.
fn drop_oldest(connection: &mut SqliteConnection, count: usize) -> Result<u64, HistorianError> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let oldest = frame::table.order(frame::id).limit(count).select((frame::id, frame::changes, frame::r1));
    let oldest = oldest.load::<(i64, i64, i64)>(connection)?;
    let newest = frame::table.select(max(frame::id)).first::<Option<i64>>(connection)?;
    let dropped = || oldest.iter().filter(|row| Some(row.0) != newest);
    let Some(&(last_dropped, _, before)) = dropped().next_back() else { return Ok(0) };
    diesel::delete(frame::table.filter(frame::id.le(last_dropped))).execute(connection)?;
    // One older state stays: it tells what the tags were when the kept frames begin.
    let kept_state = state::table.filter(state::frame_id.le(last_dropped)).select(max(state::frame_id));
    if let Some(kept_state) = kept_state.first::<Option<i64>>(connection)? {
        diesel::delete(state::table.filter(state::frame_id.lt(kept_state))).execute(connection)?;
    }
    diesel::delete(downtime::table.filter(downtime::ended.lt(before))).execute(connection)?;
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
pub(super) fn size_bytes(connection: &mut SqliteConnection) -> Result<u64, HistorianError> {
    let size = diesel::sql_query(
        "SELECT (page_count - freelist_count) * page_size AS bytes
         FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
    );
    Ok(size.get_result::<Size>(connection)?.bytes.unsigned_abs())
}
