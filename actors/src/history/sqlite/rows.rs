//! Rows of chunks and late samples: made, found and removed. Every function runs in its caller's transaction.

use super::cut::Key;
use super::schema::{chunk, chunk_data, downtime, generation, sample_late};
use super::sql::{Sql, query, statement};
use crate::history::chunk::{self as codec, Decoder, EncodedChunk, Page};
use crate::history::historian::HistorianError;
use crate::history::sample::{Block, Summary};
use diesel::dsl::max;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Double, Nullable};
use flyball_schema::{Quality, TagId, Timestamp};
use std::ops::Range;

/// Generation of the chunks that are not merged any further.
pub(super) const SETTLED: i64 = 0;

/// What is known of a chunk without its data.
#[derive(Debug, Clone, PartialEq, Queryable, Insertable)]
#[diesel(table_name = chunk, treat_none_as_default_value = false)]
pub(super) struct Header {
    pub(super) generation: i64,
    pub(super) tag_id: i64,
    pub(super) t0: i64,
    pub(super) turn: i64,
    pub(super) t1: i64,
    pub(super) n: i64,
    pub(super) data_id: i64,
    min: Option<f64>,
    max: Option<f64>,
    sum: Option<f64>,
    first: Option<f64>,
    last: Option<f64>,
    area: Option<f64>,
    worst: Option<i64>,
    pages: Vec<u8>,
    checksum: i64,
}

type Real = Nullable<Double>;
type HeaderTypes = (
    BigInt,
    BigInt,
    BigInt,
    BigInt,
    BigInt,
    BigInt,
    BigInt,
    Real,
    Real,
    Real,
    Real,
    Real,
    Real,
    Nullable<BigInt>,
    Binary,
    BigInt,
);

macro_rules! header {
    ($rest:literal) => {
        concat!(
            "SELECT c.generation, c.tag_id, c.t0, c.turn, c.t1, c.n, c.data_id, c.min, c.max, c.sum, c.first, c.last, ",
            "c.area, c.worst, c.pages, c.checksum FROM ",
            $rest
        )
    };
}

// One seek per generation, then the best of the few that were found.
const BEFORE: &str = header!(
    "generation g CROSS JOIN chunk c WHERE c.generation = g.id AND c.tag_id = ?
     AND c.t0 = (SELECT p.t0 FROM chunk p WHERE p.generation = g.id AND p.tag_id = ?
         AND p.t0 <= ? AND (p.t0 < ? OR p.turn < ?) ORDER BY p.t0 DESC LIMIT 1)
     AND (c.t0 < ? OR c.turn < ?)
     ORDER BY c.t0 DESC, c.turn DESC LIMIT 1"
);
const FIRST_BEHIND: &str = header!(
    "generation g CROSS JOIN chunk c WHERE c.generation = g.id AND c.tag_id = ?
     AND c.t0 = (SELECT p.t0 FROM chunk p WHERE p.generation = g.id AND p.tag_id = ?
         AND p.t0 >= ? AND (p.t0 > ? OR p.turn > ?) ORDER BY p.t0 LIMIT 1)
     AND (c.t0 > ? OR c.turn > ?)
     ORDER BY c.t0, c.turn LIMIT 1"
);
const OF_GENERATIONS: &str = header!(
    "generation g CROSS JOIN chunk c WHERE g.id >= ? AND g.id <= ? AND c.generation = g.id AND c.tag_id = ?
     ORDER BY c.t0, c.turn"
);
const OLDEST: &str = header!(
    "chunk c INDEXED BY chunk_by_end
     WHERE (c.t1, c.generation, c.tag_id, c.t0, c.turn) > (?, ?, ?, ?, ?) AND c.t1 < ?
     ORDER BY c.t1, c.generation, c.tag_id, c.t0, c.turn LIMIT ?"
);
const FORWARD: &str = header!(
    "chunk c WHERE (c.generation, c.tag_id, c.t0, c.turn) > (?, ?, ?, ?)
     AND (c.generation, c.tag_id, c.t0, c.turn) < (?, ?, ?, ?)
     ORDER BY c.generation, c.tag_id, c.t0, c.turn"
);
const BACKWARD: &str = header!(
    "chunk c WHERE (c.generation, c.tag_id, c.t0, c.turn) > (?, ?, ?, ?)
     AND (c.generation, c.tag_id, c.t0, c.turn) < (?, ?, ?, ?)
     ORDER BY c.generation DESC, c.tag_id DESC, c.t0 DESC, c.turn DESC"
);
const BETWEEN: &str = header!(
    "generation g CROSS JOIN chunk c WHERE g.id >= ? AND g.id <= ? AND c.generation = g.id AND c.tag_id = ?
     AND c.t0 < ? AND c.t1 >= ? ORDER BY c.t0, c.turn"
);
// Only the last chunk that begins before a time can reach into it: chunks of a tag do not overlap.
const SETTLED_FROM: &str = header!(
    "chunk c WHERE c.generation = 0 AND c.tag_id = ?
     AND c.t0 >= coalesce((SELECT max(t0) FROM chunk WHERE generation = 0 AND tag_id = ? AND t0 < ?), ?)
     AND c.t0 < ? AND c.t1 >= ? ORDER BY c.t0, c.turn LIMIT ?"
);
const SETTLED_BEHIND: &str = header!(
    "chunk c WHERE c.generation = 0 AND c.tag_id = ? AND c.t0 >= ? AND (c.t0 > ? OR c.turn > ?) AND c.t0 < ?
     ORDER BY c.t0, c.turn LIMIT ?"
);
const DATA: &str = "SELECT data FROM chunk_data WHERE id = ?";
const DATA_BYTES: &str = "SELECT length(data) FROM chunk_data WHERE id = ?";
const DELETE: &str = "DELETE FROM chunk WHERE generation = ? AND tag_id = ? AND t0 = ? AND turn = ?";
const DELETE_DATA: &str = "DELETE FROM chunk_data WHERE id = ?";
const MOVE: &str = "UPDATE chunk SET generation = ? WHERE generation = ? AND tag_id = ? AND t0 = ? AND turn = ?";

impl Header {
    pub(super) fn key(&self) -> Key {
        Key { t0: self.t0, turn: self.turn }
    }

    pub(super) fn oldest_key(&self) -> OldestKey {
        [self.t1, self.generation, self.tag_id, self.t0, self.turn]
    }

    pub(super) fn span(&self) -> (Timestamp, Timestamp) {
        (Timestamp::from_micros(self.t0), Timestamp::from_micros(self.t1))
    }

    /// All samples summed up, where they are.
    pub(super) fn summary(&self) -> Option<Summary> {
        let (t0, t1) = self.span();
        Some(Summary {
            t0,
            t1,
            count: u32::try_from(self.n).ok()?,
            min: self.min?,
            max: self.max?,
            sum: self.sum?,
            first: self.first?,
            last: self.last?,
            area: self.area?,
            worst: Quality::from_status_code(u32::try_from(self.worst?).ok()?),
        })
    }

    /// The directory of the pages, or what is wrong with it.
    pub(super) fn pages(&self) -> Result<Vec<Page>, codec::ChunkError> {
        codec::pages(&self.pages)
    }

    /// Decodes pages into `out`.
    ///
    /// The inner error is the chunk's: it is damaged.
    pub(super) fn decode(
        &self,
        connection: &mut SqliteConnection,
        decoder: &mut Decoder,
        pages: &[Page],
        wanted: Range<usize>,
        out: &mut Block,
    ) -> Result<Result<(), String>, HistorianError> {
        let data = match data(connection, self.data_id) {
            Ok(Some(data)) => data,
            Ok(None) => return Ok(Err("its data is missing".to_owned())),
            Err(error) => {
                return match HistorianError::from(error) {
                    HistorianError::Damaged(reason) => Ok(Err(reason)),
                    error => Err(error),
                };
            }
        };
        let checksum = checksum(self.checksum);
        Ok(decoder.decode(&data, checksum, pages, wanted, out).map_err(|error| error.to_string()))
    }

    /// Decodes all pages into `out`.
    pub(super) fn decode_all(
        &self,
        connection: &mut SqliteConnection,
        decoder: &mut Decoder,
        out: &mut Block,
    ) -> Result<Result<(), String>, HistorianError> {
        match self.pages() {
            Ok(pages) => self.decode(connection, decoder, &pages, 0..pages.len(), out),
            Err(error) => Ok(Err(error.to_string())),
        }
    }
}

fn checksum(stored: i64) -> u32 {
    // What is out of range was damaged, and no data has it by more than chance.
    u32::try_from(stored).unwrap_or_default()
}

/// The next free number of a chunk's data.
pub(super) fn next_data_id(connection: &mut SqliteConnection) -> QueryResult<i64> {
    Ok(chunk_data::table.select(max(chunk_data::id)).first::<Option<i64>>(connection)?.unwrap_or(0) + 1)
}

/// The bytes of a chunk.
pub(super) fn data(connection: &mut SqliteConnection, id: i64) -> QueryResult<Option<Vec<u8>>> {
    query::<Binary, 1>(DATA, [id]).get_result(connection).optional()
}

/// Space that a chunk takes, about.
pub(super) fn bytes(connection: &mut SqliteConnection, header: &Header) -> QueryResult<u64> {
    let data = query::<BigInt, 1>(DATA_BYTES, [header.data_id]).get_result::<i64>(connection).optional()?;
    Ok(data.unwrap_or(0).unsigned_abs() + header.pages.len() as u64)
}

pub(super) fn insert_data(connection: &mut SqliteConnection, id: i64, data: &[u8]) -> QueryResult<()> {
    let row = (chunk_data::id.eq(id), chunk_data::data.eq(data));
    diesel::insert_into(chunk_data::table).values(row).execute(connection)?;
    Ok(())
}

pub(super) fn insert(
    connection: &mut SqliteConnection,
    generation: i64,
    tag: TagId,
    turn: i64,
    data_id: i64,
    encoded: EncodedChunk,
) -> QueryResult<()> {
    insert_data(connection, data_id, &encoded.data)?;
    let summary = encoded.summary.as_ref();
    let header = Header {
        generation,
        tag_id: i64::from(tag.0),
        t0: encoded.t0.as_micros(),
        turn,
        t1: encoded.t1.as_micros(),
        n: i64::from(encoded.count),
        data_id,
        min: summary.map(|summary| summary.min),
        max: summary.map(|summary| summary.max),
        sum: summary.map(|summary| summary.sum),
        first: summary.map(|summary| summary.first),
        last: summary.map(|summary| summary.last),
        area: summary.map(|summary| summary.area),
        worst: summary.map(|summary| i64::from(summary.worst.status_code())),
        pages: encoded.pages,
        checksum: i64::from(encoded.checksum),
    };
    diesel::insert_into(chunk::table).values(header).execute(connection)?;
    Ok(())
}

pub(super) fn delete(connection: &mut SqliteConnection, header: &Header) -> QueryResult<()> {
    statement(DELETE, [header.generation, header.tag_id, header.t0, header.turn]).execute(connection)?;
    statement(DELETE_DATA, [header.data_id]).execute(connection)?;
    Ok(())
}

/// Moves a chunk into another generation as it is.
pub(super) fn change_generation(
    connection: &mut SqliteConnection,
    header: &Header,
    generation: i64,
) -> QueryResult<()> {
    if header.generation != generation {
        let numbers = [generation, header.generation, header.tag_id, header.t0, header.turn];
        statement(MOVE, numbers).execute(connection)?;
    }
    Ok(())
}

/// The last chunk of a tag that comes before `key`.
pub(super) fn before(connection: &mut SqliteConnection, tag: TagId, key: Key) -> QueryResult<Option<Header>> {
    let (tag, Key { t0, turn }) = (i64::from(tag.0), key);
    let found = query::<HeaderTypes, 7>(BEFORE, [tag, tag, t0, t0, turn, t0, turn]);
    found.get_result(connection).optional()
}

/// The first chunk of a tag that comes behind `key`.
pub(super) fn first_behind(connection: &mut SqliteConnection, tag: TagId, key: Key) -> QueryResult<Option<Header>> {
    let (tag, Key { t0, turn }) = (i64::from(tag.0), key);
    let found = query::<HeaderTypes, 7>(FIRST_BEHIND, [tag, tag, t0, t0, turn, t0, turn]);
    found.get_result(connection).optional()
}

/// The place of the first chunk of a tag that comes behind `key`.
pub(super) fn behind(connection: &mut SqliteConnection, tag: TagId, key: Key) -> QueryResult<Option<Key>> {
    Ok(first_behind(connection, tag, key)?.map(|header| header.key()))
}

/// Chunks of a tag in some generations, in order.
pub(super) fn of_generations(
    connection: &mut SqliteConnection,
    first: i64,
    last: i64,
    tag: TagId,
) -> QueryResult<Vec<Header>> {
    query::<HeaderTypes, 3>(OF_GENERATIONS, [first, last, i64::from(tag.0)]).load(connection)
}

/// Place of a chunk among all by age: time of the last sample, generation, tag, time of the first, turn.
pub(super) type OldestKey = [i64; 5];

/// Before all chunks.
pub(super) const OLDEST_OF_ALL: OldestKey = [i64::MIN; 5];

/// The first `limit` chunks behind `seen` that end before `cut_off`, oldest first.
pub(super) fn oldest(
    connection: &mut SqliteConnection,
    seen: OldestKey,
    cut_off: i64,
    limit: i64,
) -> QueryResult<Vec<Header>> {
    let [t1, generation, tag, t0, turn] = seen;
    query::<HeaderTypes, 7>(OLDEST, [t1, generation, tag, t0, turn, cut_off, limit]).load(connection)
}

/// Chunks of a tag in some generations that overlap a range of time, in order: a few per generation.
pub(super) fn between(
    connection: &mut SqliteConnection,
    generations: (i64, i64),
    tag: TagId,
    times: &Range<i64>,
) -> QueryResult<Vec<Header>> {
    let numbers = [generations.0, generations.1, i64::from(tag.0), times.end, times.start];
    query::<HeaderTypes, 5>(BETWEEN, numbers).load(connection)
}

/// The first `limit` settled chunks of a tag that overlap a range of time, or of those behind the last one seen.
pub(super) fn settled(
    connection: &mut SqliteConnection,
    tag: TagId,
    times: &Range<i64>,
    seen: Option<Key>,
    limit: i64,
) -> QueryResult<Vec<Header>> {
    let (tag, from, to) = (i64::from(tag.0), times.start, times.end);
    match seen {
        None => query::<HeaderTypes, 7>(SETTLED_FROM, [tag, tag, from, from, to, from, limit]).load(connection),
        Some(Key { t0, turn }) => {
            query::<HeaderTypes, 6>(SETTLED_BEHIND, [tag, t0, t0, turn, to, limit]).load(connection)
        }
    }
}

/// All chunks between two places of the file, both left out: generation, tag, time of the first sample, turn.
pub(super) fn walk(between: ([i64; 4], [i64; 4]), is_backward: bool) -> Sql<HeaderTypes, 8> {
    let ([g0, tag0, t0, turn0], [g1, tag1, t1, turn1]) = between;
    query(if is_backward { BACKWARD } else { FORWARD }, [g0, tag0, t0, turn0, g1, tag1, t1, turn1])
}

/// Samples that came late, those of one tag and batch.
#[derive(Debug, Clone, Queryable, Insertable)]
#[diesel(table_name = sample_late)]
pub(super) struct Late {
    pub(super) id: i64,
    pub(super) tag_id: i64,
    pub(super) t0: i64,
    pub(super) t1: i64,
    pub(super) n: i64,
    pages: Vec<u8>,
    checksum: i64,
    data: Vec<u8>,
}

impl Late {
    pub(super) fn decode(&self, decoder: &mut Decoder, out: &mut Block) -> Result<(), codec::ChunkError> {
        let pages = codec::pages(&self.pages)?;
        decoder.decode(&self.data, checksum(self.checksum), &pages, 0..pages.len(), out)
    }
}

pub(super) fn next_late_id(connection: &mut SqliteConnection) -> QueryResult<i64> {
    Ok(sample_late::table.select(max(sample_late::id)).first::<Option<i64>>(connection)?.unwrap_or(0) + 1)
}

pub(super) fn insert_late(
    connection: &mut SqliteConnection,
    id: i64,
    tag: TagId,
    encoded: EncodedChunk,
) -> QueryResult<()> {
    let late = Late {
        id,
        tag_id: i64::from(tag.0),
        t0: encoded.t0.as_micros(),
        t1: encoded.t1.as_micros(),
        n: i64::from(encoded.count),
        pages: encoded.pages,
        checksum: i64::from(encoded.checksum),
        data: encoded.data,
    };
    diesel::insert_into(sample_late::table).values(late).execute(connection)?;
    Ok(())
}

/// Late samples of a tag that overlap a range of time, in the order in which they came.
pub(super) fn late(connection: &mut SqliteConnection, tag: TagId, times: &Range<i64>) -> QueryResult<Vec<Late>> {
    sample_late::table
        .filter(sample_late::tag_id.eq(i64::from(tag.0)))
        .filter(sample_late::t0.lt(times.end))
        .filter(sample_late::t1.ge(times.start))
        .order(sample_late::id)
        .load(connection)
}

/// Whether a tag has late samples at `since` or later.
pub(super) fn has_late(connection: &mut SqliteConnection, tag: TagId, since: i64) -> QueryResult<bool> {
    let found = sample_late::table.filter(sample_late::tag_id.eq(i64::from(tag.0))).filter(sample_late::t1.ge(since));
    Ok(found.select(sample_late::id).first::<i64>(connection).optional()?.is_some())
}

pub(super) fn delete_late(connection: &mut SqliteConnection, tag: TagId) -> QueryResult<()> {
    diesel::delete(sample_late::table.filter(sample_late::tag_id.eq(i64::from(tag.0)))).execute(connection)?;
    Ok(())
}

/// Generations that are not settled, with their tier, oldest first.
pub(super) fn generations(connection: &mut SqliteConnection) -> QueryResult<Vec<(i64, i64)>> {
    generation::table.filter(generation::id.gt(SETTLED)).order(generation::id).load(connection)
}

/// Downtimes that overlap a range, by start.
pub(super) fn downtimes(
    connection: &mut SqliteConnection,
    range: &Range<Timestamp>,
) -> Result<Vec<Range<Timestamp>>, HistorianError> {
    let rows = downtime::table
        .filter(downtime::began.lt(range.end.as_micros()))
        .filter(downtime::ended.gt(range.start.as_micros()))
        .order(downtime::began)
        .select((downtime::began, downtime::ended));
    let time = Timestamp::from_micros;
    Ok(rows.load::<(i64, i64)>(connection)?.into_iter().map(|(began, ended)| time(began)..time(ended)).collect())
}
