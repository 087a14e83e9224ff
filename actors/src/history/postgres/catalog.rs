//! What the server knows of partitions.

use super::parts::{Part, Parts};
use super::row::{from_pg, to_pg};
use diesel::connection::SimpleConnection;
use diesel::pg::data_types::PgTimestamp;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz};

/// How the samples are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Partitions of the server's own, made by us.
    Partitions,
    /// A hypertable of TimescaleDB, which makes its chunks itself.
    Hypertable,
}

// Bounds are printed and read by one session, so their form does not matter.
const PARTITIONS: &str = r"
    SELECT i.inhrelid::regclass::text AS name, b[1]::timestamptz AS began, b[2]::timestamptz AS ended,
           coalesce(p.samples, 0) AS samples
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    CROSS JOIN LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''([^'']+)''\) TO \(''([^'']+)''\)') b
    LEFT JOIN history.part p ON p.name = i.inhrelid::regclass::text
    WHERE i.inhparent = 'history.sample'::regclass AND b IS NOT NULL";

const CHUNKS: &str = "
    SELECT format('%I.%I', chunk_schema, chunk_name) AS name, range_start AS began, range_end AS ended,
           NULL::int8 AS samples
    FROM timescaledb_information.chunks WHERE hypertable_schema = 'history' AND hypertable_name = 'sample'";

#[derive(QueryableByName)]
struct PartRow {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Timestamptz)]
    began: PgTimestamp,
    #[diesel(sql_type = Timestamptz)]
    ended: PgTimestamp,
    #[diesel(sql_type = Nullable<BigInt>)]
    samples: Option<i64>,
}

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Bool)]
    answer: bool,
}

fn ask(connection: &mut PgConnection, question: &str, name: &str) -> QueryResult<bool> {
    let query = diesel::sql_query(question).bind::<Text, _>(name);
    Ok(query.get_result::<Answer>(connection)?.answer)
}

/// Whether the tables have been made.
pub(super) fn exists(connection: &mut PgConnection) -> QueryResult<bool> {
    is_there(connection, "history.meta")
}

/// Whether there is a table of that name.
pub(super) fn is_there(connection: &mut PgConnection, name: &str) -> QueryResult<bool> {
    // Of the catalogue itself: a cache would not know of a table that somebody has just made.
    let question = "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
        WHERE nspname || '.' || relname = $1) AS answer";
    ask(connection, question, name)
}

pub(super) fn layout(connection: &mut PgConnection) -> QueryResult<Layout> {
    let question = "SELECT relkind = 'p' AS answer FROM pg_class WHERE oid = $1::regclass";
    Ok(if ask(connection, question, "history.sample")? { Layout::Partitions } else { Layout::Hypertable })
}

pub(super) fn parts(connection: &mut PgConnection, layout: Layout) -> QueryResult<Parts> {
    let query = if layout == Layout::Partitions { PARTITIONS } else { CHUNKS };
    let rows: Vec<PartRow> = diesel::sql_query(query).get_results(connection)?;
    let part = |row: PartRow| Part {
        name: row.name,
        from: from_pg(row.began.0),
        until: from_pg(row.ended.0),
        samples: row.samples,
    };
    Ok(Parts::new(rows.into_iter().map(part).collect()))
}

/// Makes a partition. Its name may be taken, by one that somebody has detached: then it gets a number.
pub(super) fn make(connection: &mut PgConnection, part: &mut Part) -> QueryResult<()> {
    let plain = part.name.clone();
    let mut number = 1;
    while is_there(connection, &part.name)? {
        number += 1;
        part.name = format!("{plain}_{number}");
    }
    let bound = |time: i64| format!("'epoch'::timestamptz + interval '{} s'", time / 1_000_000);
    // PARTITION OF would wait for every question under way, and all questions behind it; ATTACH does not.
    let Part { name, from, until, .. } = part;
    let (from, until) = (bound(*from), bound(*until));
    connection.batch_execute(&format!(
        "CREATE TABLE {name} (LIKE history.sample);
         ALTER TABLE history.sample ATTACH PARTITION {name} FOR VALUES FROM ({from}) TO ({until})"
    ))
}

/// Adds to the count of samples of a partition, which then has to be swept again.
pub(super) fn count(connection: &mut PgConnection, name: &str, samples: i64) -> QueryResult<()> {
    diesel::sql_query(
        "INSERT INTO history.part (name, samples) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET samples = part.samples + excluded.samples, swept = 0",
    )
    .bind::<Text, _>(name)
    .bind::<BigInt, _>(samples)
    .execute(connection)?;
    Ok(())
}

/// Bytes of tables and indexes.
pub(super) fn size_bytes(connection: &mut PgConnection, layout: Layout) -> QueryResult<u64> {
    #[derive(QueryableByName)]
    struct Size {
        #[diesel(sql_type = BigInt)]
        bytes: i64,
    }
    let partitions = "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::int8 AS bytes FROM pg_class c
        WHERE c.relkind IN ('r', 'm') AND (c.relnamespace = 'history'::regnamespace
              OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'history.sample'::regclass))";
    let hypertable =
        "SELECT sum(pg_total_relation_size(format('%I.%I', chunk_schema, chunk_name)::regclass))::int8 AS bytes
        FROM timescaledb_information.chunks WHERE hypertable_schema = 'history' AND hypertable_name = 'sample'";
    let query = if layout == Layout::Partitions { partitions } else { hypertable };
    Ok(diesel::sql_query(query).get_result::<Size>(connection)?.bytes.unsigned_abs())
}

/// A time as a parameter.
pub(super) fn parameter(time: i64) -> PgTimestamp {
    PgTimestamp(to_pg(time))
}
