//! Reading samples, of one state of the store per question.

use super::super::historian::{Cancel, HistorianError, JournalId, SampleSource, StoreReader, Visitor};
use super::super::sample::{Block, Sample};
use super::catalog::{self, Layout, parameter};
use super::connect::failure;
use super::parts::{Parts, SENSIBLE};
use super::row::{Row, SELECTED, Table, from_pg, tag_column};
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::pg::data_types::PgTimestamp;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Timestamptz};
use flyball_schema::{TagId, Timestamp};
use std::ops::{ControlFlow, Range};
use std::time::Duration;

/// Partitions that one statement reads at the most: the time to plan it, and the locks it takes, grow with them.
const PARTITIONS: usize = 32;

/// Rows of a block: the first comes soon, the others grow while the server is quick, so that a question that nobody waits
/// for any more ends soon.
const ROWS: Range<usize> = 1_024..8_192;
/// A block that took longer than this is followed by a smaller one.
const LONG: Duration = Duration::from_millis(60);

/// A handle that reads.
pub(super) struct PostgresReader {
    connection: PgConnection,
    question: Option<Question>,
}

/// The state that is read.
struct Question {
    /// `None` where nobody has made the tables yet.
    parts: Option<Parts>,
}

#[derive(QueryableByName)]
struct Downtime {
    #[diesel(sql_type = Timestamptz)]
    began: PgTimestamp,
    #[diesel(sql_type = Timestamptz)]
    ended: PgTimestamp,
}

/// A range of time in one of the tables.
struct Piece {
    table: Table,
    range: Range<i64>,
}

impl PostgresReader {
    pub(super) fn new(mut connection: PgConnection) -> Result<Self, HistorianError> {
        if catalog::exists(&mut connection)? {
            super::setup::check_version(&mut connection)?;
        }
        Ok(Self { connection, question: None })
    }

    fn start(&mut self) -> Result<(), HistorianError> {
        self.end();
        let connection = &mut self.connection;
        let parts = if catalog::exists(connection)? {
            super::setup::check_version(connection)?;
            AnsiTransactionManager::begin_transaction_sql(
                connection,
                "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
            )?;
            // Dropping a partition does not wait for who only might read it: with this lock it does.
            connection.batch_execute("LOCK TABLE ONLY history.sample IN ACCESS SHARE MODE")?;
            let layout: Layout = catalog::layout(connection)?;
            Some(catalog::parts(connection, layout)?)
        } else {
            None
        };
        self.question = Some(Question { parts });
        Ok(())
    }

    /// Runs `job` in the question under way, or in one of its own.
    fn ask<T>(
        &mut self,
        nothing: T,
        job: impl FnOnce(&mut PgConnection, &Parts) -> Result<T, HistorianError>,
    ) -> Result<T, HistorianError> {
        let is_own = self.question.is_none();
        let answer = if is_own { self.start() } else { Ok(()) }.and_then(|()| {
            let parts = self.question.as_ref().and_then(|question| question.parts.as_ref());
            parts.map_or(Ok(nothing), |parts| job(&mut self.connection, parts))
        });
        let answer = answer.map_err(|error| failure(&mut self.connection, error));
        if is_own {
            self.end();
        }
        answer
    }
}

impl StoreReader for PostgresReader {
    fn begin(&mut self, journal: JournalId) -> Result<u64, HistorianError> {
        let begun = self.start();
        begun.map_err(|error| failure(&mut self.connection, error))?;
        self.ask(0, |connection, _| Ok(super::write::position(connection, journal, "")?))
    }

    fn end(&mut self) {
        if self.question.take().is_some_and(|question| question.parts.is_some()) {
            // Where the connection is lost the next question says so.
            let _lost = AnsiTransactionManager::rollback_transaction(&mut self.connection);
        }
    }

    fn damaged(&self) -> u64 {
        // The server refuses to read a damaged page: the question fails, nothing is skipped.
        0
    }
}

impl SampleSource for PostgresReader {
    fn read(
        &mut self,
        tag: TagId,
        range: Range<Timestamp>,
        cancel: &Cancel,
        visitor: &mut dyn Visitor,
    ) -> Result<(), HistorianError> {
        cancel.check()?;
        self.ask((), |connection, parts| {
            for piece in pieces(parts, range.start.as_micros()..range.end.as_micros()) {
                if stream(connection, tag, &piece, cancel, visitor)?.is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    fn last_before(
        &mut self,
        tag: TagId,
        before: Timestamp,
        cancel: &Cancel,
    ) -> Result<Option<Sample>, HistorianError> {
        cancel.check()?;
        self.ask(None, |connection, parts| {
            for piece in pieces(parts, i64::MIN..before.as_micros()).iter().rev() {
                cancel.check()?;
                if let Some(sample) = last_of(connection, tag, piece)? {
                    return Ok(Some(sample));
                }
            }
            Ok(None)
        })
    }

    fn downtimes(&mut self, range: Range<Timestamp>) -> Result<Vec<Range<Timestamp>>, HistorianError> {
        self.ask(Vec::new(), |connection, _| {
            let query =
                "SELECT began, ended FROM history.downtime WHERE ended > $1 AND began < $2 ORDER BY began, ended";
            let rows: Vec<Downtime> = diesel::sql_query(query)
                .bind::<Timestamptz, _>(parameter(range.start.as_micros()))
                .bind::<Timestamptz, _>(parameter(range.end.as_micros()))
                .get_results(connection)?;
            let time = |time: PgTimestamp| Timestamp::from_micros(from_pg(time.0));
            Ok(rows.into_iter().map(|row| time(row.began)..time(row.ended)).collect())
        })
    }
}

/// Cuts a range into what is read by one statement each; by time.
fn pieces(parts: &Parts, range: Range<i64>) -> Vec<Piece> {
    let within = |bounds: Range<i64>| range.start.max(bounds.start)..range.end.min(bounds.end);
    let outlying = |range| Piece { table: Table::Outlying, range };
    let sensible = within(SENSIBLE);
    let mut pieces = vec![outlying(within(i64::MIN..SENSIBLE.start))];
    let samples = parts.pieces(sensible.start..sensible.end.max(sensible.start), PARTITIONS);
    pieces.extend(samples.into_iter().map(|range| Piece { table: Table::Sample, range }));
    pieces.push(outlying(within(SENSIBLE.end..i64::MAX)));
    pieces.retain(|piece| !piece.range.is_empty());
    pieces
}

/// The query of a piece, with parameters for tag, start and end.
fn query(table: Table) -> String {
    let (name, time) = names(table);
    format!("SELECT {time}, {SELECTED} FROM {name} WHERE tag_id = $1 AND {time} >= $2 AND {time} < $3")
}

fn names(table: Table) -> (&'static str, &'static str) {
    match table {
        Table::Sample => ("history.sample", "ts"),
        Table::Outlying => (super::OUTLYING, "time"),
    }
}

/// Hands the samples of a piece to the visitor, block by block.
fn stream(
    connection: &mut PgConnection,
    tag: TagId,
    piece: &Piece,
    cancel: &Cancel,
    visitor: &mut dyn Visitor,
) -> Result<ControlFlow<()>, HistorianError> {
    let (_, time) = names(piece.table);
    let declare =
        format!("DECLARE samples NO SCROLL CURSOR FOR {} ORDER BY {time}, tie NULLS FIRST", query(piece.table));
    let declare = diesel::sql_query(declare).bind::<Integer, _>(tag_column(tag));
    let Range { start, end } = piece.range;
    match piece.table {
        Table::Sample => declare
            .bind::<Timestamptz, _>(parameter(start))
            .bind::<Timestamptz, _>(parameter(end))
            .execute(connection)?,
        Table::Outlying => declare.bind::<BigInt, _>(start).bind::<BigInt, _>(end).execute(connection)?,
    };
    let flow = fetch(connection, piece.table, cancel, visitor);
    // After a withdrawn question too: the next one may be asked of the same state.
    let closed = connection.batch_execute("CLOSE samples");
    let flow = flow?;
    closed?;
    Ok(flow)
}

fn fetch(
    connection: &mut PgConnection,
    table: Table,
    cancel: &Cancel,
    visitor: &mut dyn Visitor,
) -> Result<ControlFlow<()>, HistorianError> {
    let mut block = Block::default();
    let mut wanted = ROWS.start;
    loop {
        cancel.check()?;
        let began = tokio::time::Instant::now();
        block.clear();
        let rows = diesel::sql_query(format!("FETCH {wanted} FROM samples"));
        for row in rows.load_iter::<Row, diesel::connection::DefaultLoadingMode>(connection)? {
            block.push(row?.into_sample(table));
        }
        let took = began.elapsed();
        if !block.is_empty() && visitor.block(&block, 0..block.len()).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        if block.len() < wanted {
            return Ok(ControlFlow::Continue(()));
        }
        wanted = if took > LONG { wanted / 2 } else { wanted * 2 }.clamp(ROWS.start, ROWS.end);
    }
}

/// The last sample of a piece. The server goes from partition to partition, newest first, and stops where it finds one.
fn last_of(connection: &mut PgConnection, tag: TagId, piece: &Piece) -> QueryResult<Option<Sample>> {
    let (_, time) = names(piece.table);
    let last = format!("{} ORDER BY {time} DESC, tie DESC NULLS LAST LIMIT 1", query(piece.table));
    let last = diesel::sql_query(last).bind::<Integer, _>(tag_column(tag));
    let Range { start, end } = piece.range;
    let row: Option<Row> = match piece.table {
        Table::Sample => last
            .bind::<Timestamptz, _>(parameter(start))
            .bind::<Timestamptz, _>(parameter(end))
            .get_result(connection)
            .optional()?,
        Table::Outlying => last.bind::<BigInt, _>(start).bind::<BigInt, _>(end).get_result(connection).optional()?,
    };
    Ok(row.map(|row| row.into_sample(piece.table)))
}
