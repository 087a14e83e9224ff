//! Storing samples, each once.

use super::super::historian::{Batch, HistorianError, JournalId, Retention, StoreWriter, Stored, Upkeep};
use super::super::sample::Block;
use super::OUTLYING;
use super::catalog::{self, Layout, parameter};
use super::connect::failure;
use super::parts::{Parts, SENSIBLE, crowds};
use super::row::{COPY_HEADER, COPY_TRAILER, Table, encode, from_pg, tag_column, tag_of};
use super::schema::{outlying, sample};
use super::sweep::Sweep;
use super::ties::{Marks, Reach, Ties};
use diesel::connection::SimpleConnection;
use diesel::pg::CopyFormat;
use diesel::pg::data_types::PgTimestamp;
use diesel::prelude::*;

use diesel::result::Error;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Text, Timestamptz};
use flyball_schema::{TagId, Timestamp};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// Rows are handed to libpq in pieces of this many bytes.
const PIECE: usize = 64 * 1024;

/// The handle that writes.
pub(super) struct PostgresWriter {
    pub(super) connection: PgConnection,
    pub(super) layout: Layout,
    /// Tells this handle from others that write.
    pub(super) me: String,
    claimed: HashSet<JournalId>,
    pub(super) known: Known,
    pub(super) sweep: Sweep,
    /// How long the last tries to drop a partition waited for readers, ms.
    pub(super) patience_ms: u32,
}

/// What the handle knows of the store; as long as no other writes.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) parts: Parts,
    marks: Marks,
}

#[derive(QueryableByName)]
struct Granted {
    #[diesel(sql_type = Bool)]
    granted: bool,
}

#[derive(QueryableByName)]
struct Seq {
    #[diesel(sql_type = BigInt)]
    seq: i64,
}

/// An answer about a tag and a time: the latest time of the tag, or the number of the next sample of that time.
#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Integer)]
    tag_id: i32,
    #[diesel(sql_type = BigInt)]
    time: i64,
    #[diesel(sql_type = Integer)]
    next: i32,
}

impl PostgresWriter {
    pub(super) fn new(mut connection: PgConnection) -> Result<Self, HistorianError> {
        super::setup::up(&mut connection)?;
        let layout = catalog::layout(&mut connection)?;
        Ok(Self {
            connection,
            layout,
            me: uuid::Uuid::new_v4().to_string(),
            claimed: HashSet::new(),
            known: Known::default(),
            sweep: Sweep::default(),
            patience_ms: super::upkeep::PATIENCE_MS.start,
        })
    }

    /// Makes sure that no other program writes the history of the same journal: for as long as this session lives.
    fn claim(&mut self, journal: JournalId) -> Result<(), HistorianError> {
        if self.claimed.contains(&journal) {
            return Ok(());
        }
        let key = journal.0.as_u64_pair().0.cast_signed();
        if !try_lock(&mut self.connection, key)? {
            // A session that was closed a moment ago, perhaps our own, still lets go.
            self.connection.batch_execute(&format!(
                "DO $$ BEGIN SET LOCAL lock_timeout = '1s'; PERFORM pg_advisory_lock({key});
                 EXCEPTION WHEN lock_not_available THEN NULL; END $$"
            ))?;
            if !try_lock(&mut self.connection, key)? {
                return Err(HistorianError::Taken(journal));
            }
        }
        self.claimed.insert(journal);
        Ok(())
    }

    /// Runs `job` in a transaction while nobody else writes.
    fn alone<T>(
        &mut self,
        job: impl FnOnce(&mut PgConnection, &mut Known) -> Result<T, HistorianError>,
    ) -> Result<T, HistorianError> {
        alone(&mut self.connection, &self.me, self.layout, &mut self.known, job)
    }

    /// Only what is committed is known.
    fn learn(&mut self, added: Added) -> Stored {
        self.sweep.forget_changed(&self.known.parts, &added.parts, added.outlying);
        self.known.parts = added.parts;
        Stored { samples: added.samples }
    }
}

/// Runs `job` in a transaction while nobody else writes. What `job` learns of the store must wait for the commit.
pub(super) fn alone<T>(
    connection: &mut PgConnection,
    me: &str,
    layout: Layout,
    known: &mut Known,
    job: impl FnOnce(&mut PgConnection, &mut Known) -> Result<T, HistorianError>,
) -> Result<T, HistorianError> {
    let done = connection.transaction(|connection| {
        lock(connection, me, layout, known)?;
        job(connection, known)
    });
    done.map_err(|error| failure(connection, error))
}

fn try_lock(connection: &mut PgConnection, key: i64) -> QueryResult<bool> {
    let granted = diesel::sql_query("SELECT pg_try_advisory_lock($1) AS granted").bind::<BigInt, _>(key);
    Ok(granted.get_result::<Granted>(connection)?.granted)
}

/// Takes the lock of all who write. Where another wrote since, what we know is not so.
fn lock(connection: &mut PgConnection, me: &str, layout: Layout, known: &mut Known) -> QueryResult<()> {
    let mine = "SELECT coalesce(writer = $1::uuid, false) AS granted FROM history.meta FOR UPDATE";
    if diesel::sql_query(mine).bind::<Text, _>(me).get_result::<Granted>(connection)?.granted {
        return Ok(());
    }
    diesel::sql_query("UPDATE history.meta SET writer = $1::uuid").bind::<Text, _>(me).execute(connection)?;
    known.marks.clear();
    known.parts = catalog::parts(connection, layout)?;
    Ok(())
}

impl StoreWriter for PostgresWriter {
    fn position(&mut self, journal: JournalId) -> Result<u64, HistorianError> {
        let found = self.claim(journal).and_then(|()| Ok(position(&mut self.connection, journal, "")?));
        found.map_err(|error| failure(&mut self.connection, error))
    }

    fn store(&mut self, batch: &Batch) -> Result<Stored, HistorianError> {
        self.claim(batch.journal).map_err(|error| failure(&mut self.connection, error))?;
        let layout = self.layout;
        let (added, found) = self.alone(|connection, known| {
            let position = position(connection, batch.journal, "FOR UPDATE")?;
            if position != batch.behind {
                return Err(HistorianError::Position { expected: batch.behind, found: position });
            }
            let asked = known.marks.unknown(&batch.series);
            let found = latest(connection, &asked)?;
            let added = add(connection, layout, known, &batch.series, &asked, &found)?;
            add_downtimes(connection, &batch.downtimes)?;
            advance(connection, batch.journal, batch.upto)?;
            Ok((added, found))
        })?;
        self.known.marks.advance(&batch.series, &found);
        Ok(self.learn(added))
    }

    fn import(&mut self, series: &[(TagId, Block)]) -> Result<(), HistorianError> {
        let layout = self.layout;
        let added = self.alone(|connection, known| {
            // Marks would not know what is imported.
            known.marks.clear();
            let asked = Marks::unknown_once(series);
            let found = latest(connection, &asked)?;
            add(connection, layout, known, series, &asked, &found)
        })?;
        self.learn(added);
        Ok(())
    }

    fn upkeep(&mut self, retention: &Retention, now: Timestamp) -> Result<Upkeep, HistorianError> {
        self.keep_up(retention, now)
    }

    fn size_bytes(&mut self) -> Result<u64, HistorianError> {
        let size = catalog::size_bytes(&mut self.connection, self.layout);
        size.map_err(|error| failure(&mut self.connection, error.into()))
    }
}

/// The position of a journal, 0 where nothing of it is stored.
pub(super) fn position(connection: &mut PgConnection, journal: JournalId, lock: &str) -> QueryResult<u64> {
    let query = format!("SELECT seq FROM history.position WHERE journal = $1::uuid {lock}");
    let row = diesel::sql_query(query).bind::<Text, _>(journal.to_string()).get_result::<Seq>(connection);
    Ok(row.optional()?.map_or(0, |row| row.seq.cast_unsigned()))
}

fn advance(connection: &mut PgConnection, journal: JournalId, upto: u64) -> QueryResult<usize> {
    diesel::sql_query(
        "INSERT INTO history.position (journal, seq) VALUES ($1::uuid, $2)
         ON CONFLICT (journal) DO UPDATE SET seq = excluded.seq",
    )
    .bind::<Text, _>(journal.to_string())
    .bind::<BigInt, _>(upto.cast_signed())
    .execute(connection)
}

fn add_downtimes(connection: &mut PgConnection, downtimes: &[Range<Timestamp>]) -> QueryResult<()> {
    for downtime in downtimes {
        diesel::sql_query("INSERT INTO history.downtime (began, ended) VALUES ($1, $2)")
            .bind::<Timestamptz, _>(parameter(downtime.start.as_micros()))
            .bind::<Timestamptz, _>(parameter(downtime.end.as_micros()))
            .execute(connection)?;
    }
    Ok(())
}

/// What [`add`] did.
struct Added {
    samples: u64,
    /// The partitions there are now.
    parts: Parts,
    /// Whether samples came beside the partitions.
    outlying: bool,
}

/// Adds samples. `asked`, `found`: what the store said of their tags.
fn add(
    connection: &mut PgConnection,
    layout: Layout,
    known: &Known,
    series: &[(TagId, Block)],
    asked: &[Reach],
    found: &HashMap<TagId, i64>,
) -> Result<Added, HistorianError> {
    let mut ties = Ties::new(series, &known.marks, asked, found);
    let (inside, outside) = ties.to_ask();
    for row in next_numbers(connection, &inside)?.into_iter().chain(next_outlying(connection, &outside)?) {
        ties.stored(tag_of(row.tag_id), row.time, row.next);
    }
    let parts = make_room(connection, layout, &known.parts, series)?;
    let ties = RefCell::new(ties);
    let mut samples = diesel::copy_from(sample::table)
        .from_raw_data(sample::table, |out| copy(out, Table::Sample, series, &mut ties.borrow_mut()))
        .with_format(CopyFormat::Binary)
        .execute(connection)?;
    let outlying = series.iter().any(|(_, block)| block.times.iter().any(|time| !SENSIBLE.contains(time)));
    if outlying {
        samples += diesel::copy_from(outlying::table)
            .from_raw_data(outlying::table, |out| copy(out, Table::Outlying, series, &mut ties.borrow_mut()))
            .with_format(CopyFormat::Binary)
            .execute(connection)?;
        catalog::count(connection, OUTLYING, 0)?;
    }
    Ok(Added { samples: samples as u64, parts, outlying })
}

/// Makes the partitions that are missing, and counts what goes into each.
fn make_room(
    connection: &mut PgConnection,
    layout: Layout,
    parts: &Parts,
    series: &[(TagId, Block)],
) -> QueryResult<Parts> {
    let mut parts = parts.clone();
    if layout == Layout::Hypertable {
        return Ok(parts);
    }
    let mut counts: HashMap<String, i64> = HashMap::new();
    for crowd in crowds(series.iter().flat_map(|(_, block)| block.times.iter().copied())) {
        for time in [crowd.first, crowd.last] {
            if parts.find(time).is_none() {
                let index = parts.add(time);
                catalog::make(connection, parts.get_mut(index))?;
            }
        }
        if let Some(index) = parts.find(crowd.first) {
            let part = parts.get_mut(index);
            part.samples = part.samples.map(|samples| samples + crowd.samples);
            *counts.entry(part.name.clone()).or_default() += crowd.samples;
        }
    }
    for (name, samples) in &counts {
        catalog::count(connection, name, *samples)?;
    }
    Ok(parts)
}

fn copy(out: &mut dyn std::io::Write, table: Table, series: &[(TagId, Block)], ties: &mut Ties) -> Result<(), Error> {
    let failed = |error: std::io::Error| Error::SerializationError(Box::new(error));
    let mut piece = Vec::with_capacity(PIECE + PIECE / 8);
    piece.extend_from_slice(COPY_HEADER);
    for (tag, block) in series {
        let mut doubles = ties.of(*tag);
        for (index, &time) in block.times.iter().enumerate() {
            if SENSIBLE.contains(&time) != (table == Table::Sample) {
                continue;
            }
            let tie = Ties::number(doubles.as_deref_mut(), time);
            encode(&mut piece, table, *tag, block, index, tie);
            if piece.len() >= PIECE {
                out.write_all(&piece).map_err(failed)?;
                piece.clear();
            }
        }
    }
    piece.extend_from_slice(&COPY_TRAILER);
    out.write_all(&piece).map_err(failed)
}

/// The latest time of each tag within its reach; tags that have none there are missing.
fn latest(connection: &mut PgConnection, asked: &[Reach]) -> QueryResult<HashMap<TagId, i64>> {
    #[derive(QueryableByName)]
    struct Latest {
        #[diesel(sql_type = Integer)]
        tag_id: i32,
        #[diesel(sql_type = Timestamptz)]
        ts: PgTimestamp,
    }
    let Some(earliest) = asked.iter().map(|(_, reach)| *reach.start()).min() else { return Ok(HashMap::new()) };
    let tags: Vec<i32> = asked.iter().map(|(tag, _)| tag_column(*tag)).collect();
    let from: Vec<PgTimestamp> = asked.iter().map(|(_, reach)| parameter(*reach.start())).collect();
    let to: Vec<PgTimestamp> = asked.iter().map(|(_, reach)| parameter(*reach.end())).collect();
    // The bound that is the same for all keeps partitions out of the plan.
    let rows: Vec<Latest> = diesel::sql_query(
        "SELECT k.tag_id, s.ts FROM unnest($1, $2, $3) AS k (tag_id, began, ended)
         CROSS JOIN LATERAL (SELECT ts FROM history.sample
            WHERE tag_id = k.tag_id AND ts >= k.began AND ts <= k.ended AND ts >= $4 ORDER BY ts DESC LIMIT 1) s",
    )
    .bind::<Array<Integer>, _>(tags)
    .bind::<Array<Timestamptz>, _>(from)
    .bind::<Array<Timestamptz>, _>(to)
    .bind::<Timestamptz, _>(parameter(earliest))
    .get_results(connection)?;
    Ok(rows.into_iter().map(|row| (tag_of(row.tag_id), from_pg(row.ts.0))).collect())
}

/// The numbers that come next at tags and times that have samples.
fn next_numbers(connection: &mut PgConnection, keys: &[(TagId, i64)]) -> QueryResult<Vec<Found>> {
    let times = keys.iter().map(|&(_, time)| time);
    let (Some(first), Some(last)) = (times.clone().min(), times.clone().max()) else { return Ok(Vec::new()) };
    let rows = diesel::sql_query(
        "SELECT k.tag_id, k.time, s.next FROM unnest($1, $2, $3) AS k (tag_id, ts, time)
         CROSS JOIN LATERAL (SELECT max(coalesce(tie, 0)) + 1 AS next FROM history.sample
            WHERE tag_id = k.tag_id AND ts = k.ts AND ts >= $4 AND ts <= $5) s
         WHERE s.next IS NOT NULL",
    )
    .bind::<Array<Integer>, _>(keys.iter().map(|&(tag, _)| tag_column(tag)).collect::<Vec<_>>())
    .bind::<Array<Timestamptz>, _>(times.clone().map(parameter).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(times.collect::<Vec<_>>())
    .bind::<Timestamptz, _>(parameter(first))
    .bind::<Timestamptz, _>(parameter(last));
    rows.get_results(connection)
}

fn next_outlying(connection: &mut PgConnection, keys: &[(TagId, i64)]) -> QueryResult<Vec<Found>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let rows = diesel::sql_query(
        "SELECT k.tag_id, k.time, s.next FROM unnest($1, $2) AS k (tag_id, time)
         CROSS JOIN LATERAL (SELECT max(coalesce(tie, 0)) + 1 AS next FROM history.outlying
            WHERE tag_id = k.tag_id AND time = k.time) s
         WHERE s.next IS NOT NULL",
    )
    .bind::<Array<Integer>, _>(keys.iter().map(|&(tag, _)| tag_column(tag)).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(keys.iter().map(|&(_, time)| time).collect::<Vec<_>>());
    rows.get_results(connection)
}
