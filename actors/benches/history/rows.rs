//! The floors: the same samples as rows of SQLite tables.

use super::watch::Watch;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use flyball::cvt::TagChange;
use flyball::history::sample::Block;
use flyball::schema::Value;
use std::ops::Range;
use std::path::Path;

diesel::table! {
    sample (rowid) {
        rowid -> BigInt,
        ts -> BigInt,
        tag -> Integer,
        value -> Nullable<Double>,
        quality -> BigInt,
    }
}

fn open(path: &Path) -> SqliteConnection {
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    connection.batch_execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL").unwrap();
    connection
}

/// CPU per sample of one prepared insert each into an append-only table, and its commit; ns.
pub(crate) fn append(changes: &[TagChange], per_commit: usize) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let mut connection = open(&folder.path().join("rows.db"));
    connection.batch_execute("CREATE TABLE sample (ts INTEGER, tag INTEGER, value REAL, quality INTEGER)").unwrap();
    let watch = Watch::start();
    for batch in changes.chunks(per_commit) {
        let insert_all = |connection: &mut SqliteConnection| {
            for change in batch {
                let row = (
                    sample::ts.eq(change.source_time.as_micros()),
                    sample::tag.eq(change.tag.to_i32()),
                    sample::value.eq(change.value.as_ref().and_then(Value::as_f64)),
                    sample::quality.eq(i64::from(change.quality.status_code())),
                );
                diesel::insert_into(sample::table).values(row).execute(connection)?;
            }
            diesel::QueryResult::Ok(())
        };
        connection.immediate_transaction(insert_all).unwrap();
    }
    watch.cpu_ns(|_| true) / changes.len() as f64
}

/// A table clustered by tag and time.
pub(crate) struct Clustered {
    connection: SqliteConnection,
}

impl Clustered {
    pub(crate) fn new(path: &Path) -> Self {
        let mut connection = open(path);
        let table = "PRAGMA synchronous = OFF;
            CREATE TABLE sample (ts INTEGER NOT NULL, tag INTEGER NOT NULL, value REAL, quality INTEGER NOT NULL,
                PRIMARY KEY (tag, ts)) WITHOUT ROWID";
        connection.batch_execute(table).unwrap();
        Self { connection }
    }

    pub(crate) fn insert(&mut self, tag: i32, block: &Block) {
        let insert_all = |connection: &mut SqliteConnection| {
            for row in 0..block.len() {
                let row = (
                    sample::ts.eq(block.times[row]),
                    sample::tag.eq(tag),
                    sample::value.eq(block.values.as_f64(row)),
                    sample::quality.eq(i64::from(block.qualities[row].status_code())),
                );
                diesel::insert_into(sample::table).values(row).execute(connection)?;
            }
            diesel::QueryResult::Ok(())
        };
        self.connection.immediate_transaction(insert_all).unwrap();
    }

    /// Time, value and quality of every sample of a tag in a range.
    pub(crate) fn read(&mut self, tag: i32, range: &Range<i64>) -> Vec<(i64, Option<f64>, i64)> {
        rows_of(tag, range.start, range.end).load(&mut self.connection).unwrap()
    }

    /// The same streamed into buckets of equal width.
    pub(crate) fn buckets(&mut self, tag: i32, range: &Range<i64>, count: usize) -> Vec<Option<Bucket>> {
        let mut buckets = vec![None; count];
        let width = (range.end - range.start) as f64 / count as f64;
        let rows = rows_of(tag, range.start, range.end)
            .load_iter::<(i64, Option<f64>, i64), diesel::connection::DefaultLoadingMode>(&mut self.connection);
        for row in rows.unwrap() {
            let (ts, Some(value), quality) = row.unwrap() else { continue };
            if quality >> 31 == 1 {
                continue;
            }
            let index = ((ts - range.start) as f64 / width) as usize;
            let bucket = buckets[index.min(count - 1)].get_or_insert(Bucket::new(value));
            bucket.add(value);
        }
        buckets
    }
}

type Columns = (sample::ts, sample::value, sample::quality);

#[diesel::dsl::auto_type(no_type_alias)]
fn rows_of(tag: i32, from: i64, to: i64) -> _ {
    let columns: Columns = (sample::ts, sample::value, sample::quality);
    let wanted = sample::table.filter(sample::tag.eq(tag)).filter(sample::ts.ge(from)).filter(sample::ts.lt(to));
    wanted.order((sample::tag.asc(), sample::ts.asc())).select(columns)
}

/// What a trend says of an interval.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) sum: f64,
    pub(crate) first: f64,
    pub(crate) last: f64,
    pub(crate) count: u32,
}

impl Bucket {
    fn new(first: f64) -> Self {
        Self { min: first, max: first, sum: 0.0, first, last: first, count: 0 }
    }

    fn add(&mut self, value: f64) {
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.sum += value;
        self.last = value;
        self.count += 1;
    }
}
