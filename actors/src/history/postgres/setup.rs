//! Making the tables, and taking them away.

use super::super::historian::HistorianError;
use super::catalog::{Layout, exists};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Integer};
use std::path::PathBuf;

/// Version of the tables, in `history.meta`.
const VERSION: i32 = 1;

/// Held while tables are made: two programs may start at a time.
const SETUP_LOCK: i64 = 0x466C_7942_616C_6C01;

// At most 8 columns: so the bits of the columns that are NULL, which is most of them, lie in the 24 bytes of the row's
// header that are there anyway, and a sample takes 48 bytes. The order of columns leaves no gaps between them.
const COLUMNS: &str = "tag_id int4 NOT NULL, quality int4 NOT NULL, value float8, integer int8, tie int4, boolean bool,
    text text";

const TABLES: &str = "
    CREATE TABLE history.meta (one bool PRIMARY KEY DEFAULT true CHECK (one), version int4 NOT NULL, writer uuid);
    COMMENT ON TABLE history.meta IS 'version of these tables; the handle that wrote last; its row is locked by who writes';
    CREATE TABLE history.position (journal uuid PRIMARY KEY, seq int8 NOT NULL);
    COMMENT ON TABLE history.position IS 'per journal, the sequence number up to which its changes are stored';
    CREATE TABLE history.downtime (began timestamptz NOT NULL, ended timestamptz NOT NULL);
    CREATE INDEX downtime_by_end ON history.downtime (ended);
    COMMENT ON TABLE history.downtime IS 'times in which the plant did not run and nothing is known';
    CREATE TABLE history.part (name text PRIMARY KEY, samples int8 NOT NULL, swept int8 NOT NULL DEFAULT 0);
    COMMENT ON TABLE history.part IS 'per partition, samples stored in it, and which retention it was swept by';
    COMMENT ON TABLE history.sample IS 'samples of tags by source time; of one tag and time in order of tie, NULL first';
    COMMENT ON COLUMN history.sample.quality IS 'OPC UA status code, its 32 bits as a signed number';
    COMMENT ON COLUMN history.sample.text IS 'U+0000 is kept as U+001A 0, U+001A as U+001A 1';
    COMMENT ON TABLE history.outlying IS 'samples before 1970 or from 2200 on: time in microseconds since 1970';
    CREATE INDEX outlying_by_tag ON history.outlying (tag_id, time);
    CREATE INDEX sample_by_tag ON history.sample (tag_id, ts);
    INSERT INTO history.meta (version) VALUES (1);";

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Integer)]
    version: i32,
}

#[derive(QueryableByName)]
struct Has {
    #[diesel(sql_type = Bool)]
    has: bool,
}

/// Makes the tables where they are missing.
pub(super) fn up(connection: &mut PgConnection) -> Result<(), HistorianError> {
    if !exists(connection)? {
        connection.transaction::<_, HistorianError, _>(make)?;
    }
    check_version(connection)
}

/// [`HistorianError::Version`] where the tables are of a later version than this program's.
pub(super) fn check_version(connection: &mut PgConnection) -> Result<(), HistorianError> {
    match diesel::sql_query("SELECT version FROM history.meta").get_result::<Version>(connection)?.version {
        VERSION => Ok(()),
        version => Err(HistorianError::Version { path: PathBuf::from("the schema history"), version }),
    }
}

fn make(connection: &mut PgConnection) -> Result<(), HistorianError> {
    connection.batch_execute(&format!("SELECT pg_advisory_xact_lock({SETUP_LOCK})"))?;
    if exists(connection)? {
        return Ok(());
    }
    let layout = if has_timescale(connection)? { Layout::Hypertable } else { Layout::Partitions };
    let partitioned = if layout == Layout::Partitions { "PARTITION BY RANGE (ts)" } else { "" };
    // Looked for first: CREATE SCHEMA wants a right that one who was given the schema need not have.
    if !has_schema(connection)? {
        connection.batch_execute("CREATE SCHEMA history")?;
    }
    connection.batch_execute(&format!(
        "CREATE TABLE history.sample (ts timestamptz NOT NULL, {COLUMNS}) {partitioned};
         CREATE TABLE history.outlying (time int8 NOT NULL, {COLUMNS});"
    ))?;
    connection.batch_execute(TABLES)?;
    if layout == Layout::Hypertable {
        connection.batch_execute(HYPERTABLE)?;
    }
    log::info!("the tables of the history are made ({layout:?})");
    Ok(())
}

// Compression is the owner's choice, for instance:
// ALTER TABLE history.sample SET (timescaledb.compress, timescaledb.compress_segmentby = 'tag_id',
// timescaledb.compress_orderby = 'ts'); SELECT add_compression_policy('history.sample', interval '7 days');
const HYPERTABLE: &str = "DO $$ BEGIN
    EXECUTE format('SELECT %I.create_hypertable(''history.sample'', ''ts'', chunk_time_interval => interval ''1 day'',
        create_default_indexes => false)',
        (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
         WHERE e.extname = 'timescaledb'));
    END $$";

/// Whether the database's owner has made the extension; we do not: where it is not preloaded that ends the session.
fn has_timescale(connection: &mut PgConnection) -> QueryResult<bool> {
    has(connection, "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') AS has")
}

fn has_schema(connection: &mut PgConnection) -> QueryResult<bool> {
    has(connection, "SELECT to_regnamespace('history') IS NOT NULL AS has")
}

fn has(connection: &mut PgConnection, query: &str) -> QueryResult<bool> {
    Ok(diesel::sql_query(query).get_result::<Has>(connection)?.has)
}

/// Takes the tables away, and every sample with them.
pub(super) fn down(connection: &mut PgConnection) -> Result<(), HistorianError> {
    Ok(connection.batch_execute("DROP SCHEMA IF EXISTS history CASCADE")?)
}
