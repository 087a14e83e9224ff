//! The handle that writes.

use super::pen::{Ends, Pen};
use super::rows;
use super::schema::{downtime, generation, position};
use super::upkeep::Agenda;
use super::{Limits, Shared};
use crate::history::chunk::Decoder;
use crate::history::historian::{Batch, HistorianError, JournalId, Retention, StoreWriter, Stored, Upkeep};
use crate::history::sample::Block;
use diesel::dsl::max;
use diesel::prelude::*;
use flyball_schema::{TagId, Timestamp};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// Writes the store.
pub(super) struct Writer {
    pub(super) connection: SqliteConnection,
    pub(super) shared: Arc<Shared>,
    pub(super) decoder: Decoder,
    pub(super) ends: Ends,
    pub(super) agenda: Agenda,
}

impl Writer {
    pub(super) fn new(connection: SqliteConnection, shared: Arc<Shared>) -> Self {
        let (decoder, ends, agenda) = (Decoder::default(), Ends::new(), Agenda::default());
        Self { connection, shared, decoder, ends, agenda }
    }

    /// Runs `work` in a transaction of its own.
    pub(super) fn write<T>(
        &mut self,
        work: impl FnOnce(&mut Pen<'_>) -> Result<T, HistorianError>,
    ) -> Result<T, HistorianError> {
        let Self { connection, shared, decoder, ends, .. } = self;
        let limits = shared.limits;
        let outcome = immediate(connection, |connection| work(&mut Pen::new(connection, decoder, ends, limits)?));
        if outcome.is_err() {
            self.ends.clear();
        }
        self.shared.noticed(outcome)
    }
}

/// Runs `work` in a transaction that writes. Its own error counts, not the one of a rollback that SQLite has done already.
fn immediate<T>(
    connection: &mut SqliteConnection,
    work: impl FnOnce(&mut SqliteConnection) -> Result<T, HistorianError>,
) -> Result<T, HistorianError> {
    let mut cause = None;
    let outcome = connection.immediate_transaction(|connection| {
        work(connection).map_err(|error| {
            cause = Some(error);
            diesel::result::Error::RollbackTransaction
        })
    });
    outcome.map_err(|error| cause.unwrap_or_else(|| error.into()))
}

impl StoreWriter for Writer {
    fn position(&mut self, journal: JournalId) -> Result<u64, HistorianError> {
        let found = find_position(&mut self.connection, journal);
        self.shared.noticed(found)
    }

    fn store(&mut self, batch: &Batch) -> Result<Stored, HistorianError> {
        let stored = self.write(|pen| store(pen, batch))?;
        self.agenda.stored();
        Ok(stored)
    }

    fn import(&mut self, series: &[(TagId, Block)]) -> Result<(), HistorianError> {
        self.write(|pen| series.iter().try_for_each(|(tag, block)| place_behind_late(pen, *tag, block)))
    }

    fn upkeep(&mut self, retention: &Retention, now: Timestamp) -> Result<Upkeep, HistorianError> {
        self.take_step(retention, now)
    }

    fn size_bytes(&mut self) -> Result<u64, HistorianError> {
        let size = super::open::file_bytes(&mut self.connection, &self.shared.path);
        self.shared.noticed(size)
    }
}

pub(super) fn find_position(connection: &mut SqliteConnection, journal: JournalId) -> Result<u64, HistorianError> {
    let seq = position::table.find(journal.to_string()).select(position::seq);
    Ok(seq.first::<i64>(connection).optional()?.unwrap_or(0).cast_unsigned())
}

fn store(pen: &mut Pen<'_>, batch: &Batch) -> Result<Stored, HistorianError> {
    let found = find_position(pen.connection, batch.journal)?;
    if found != batch.behind {
        return Err(HistorianError::Position { expected: batch.behind, found });
    }
    let newest = generation::table.select(max(generation::id)).first::<Option<i64>>(pen.connection)?;
    let fresh = newest.unwrap_or(rows::SETTLED) + 1;
    let (mut late_id, mut is_used, mut stored) = (rows::next_late_id(pen.connection)?, false, Stored::default());
    for (tag, block) in &batch.series {
        let block = by_time(block);
        let end = pen.end(*tag)?;
        let main = end.map_or(0, |end| block.times.partition_point(|&time| time < end.t1));
        is_used |= pen.append(*tag, end, &block, main..block.len(), fresh)?;
        late_id += store_late(pen, *tag, &block, main, late_id)?;
        stored.samples += block.len() as u64;
    }
    if is_used {
        let row = (generation::id.eq(fresh), generation::tier.eq(0));
        diesel::insert_into(generation::table).values(row).execute(pen.connection)?;
    }
    for Range { start, end } in &batch.downtimes {
        let row = (downtime::began.eq(start.as_micros()), downtime::ended.eq(end.as_micros()));
        diesel::insert_into(downtime::table).values(row).execute(pen.connection)?;
    }
    let row = (position::journal.eq(batch.journal.to_string()), position::seq.eq(batch.upto.cast_signed()));
    diesel::replace_into(position::table).values(row).execute(pen.connection)?;
    Ok(stored)
}

/// Stores the first `count` samples, which are late; how many numbers of rows were used. A few wait for upkeep; many, as
/// a device sends that was cut off, are put in their places at once.
fn store_late(pen: &mut Pen<'_>, tag: TagId, block: &Block, count: usize, id: i64) -> Result<i64, HistorianError> {
    if count == 0 {
        return Ok(0);
    }
    if pen.is_small(count) {
        pen.put_late(tag, block, 0..count, std::iter::once(id))?;
        return Ok(1);
    }
    let mut late = Block::default();
    late.extend(block, 0..count);
    place_behind_late(pen, tag, &late)?;
    Ok(0)
}

/// Puts samples in their places, behind late ones of the same time that came before them.
fn place_behind_late(pen: &mut Pen<'_>, tag: TagId, block: &Block) -> Result<(), HistorianError> {
    let (mut all, _) = pen.take_late(tag)?;
    all.extend(block, 0..block.len());
    all.sort();
    pen.place(tag, &all, usize::MAX)?;
    Ok(())
}

fn by_time(block: &Block) -> Cow<'_, Block> {
    let mut block = Cow::Borrowed(block);
    if !block.times.is_sorted() {
        block.to_mut().sort();
    }
    block
}

impl Limits {
    /// Sizes of a real store.
    pub(super) const REAL: Self = Self { points: crate::history::chunk::POINTS, fan: 8, samples_per_step: 100_000 };
}
