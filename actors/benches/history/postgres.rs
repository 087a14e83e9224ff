//! Row 8: batches into the PostgreSQL store, beside a server-side COPY of the same rows into a table with the same
//! columns and the same index.

#![allow(clippy::print_stdout, reason = "a bench says what it skips")]

use super::mix::{Jitter, START, Signal, Source};
use super::report::line;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use flyball::history::historian::{Batch, Historian, JournalId};
use flyball::history::postgres::PostgresHistorian;
use flyball::history::sample::Block;
use flyball::schema::TagId;
use flyball::schema::test_support::TestDatabase;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

const TAGS: u32 = 1_000;
/// Samples of each tag in a batch: 100,000 in all, as many as the store likes.
const PER_TAG: usize = 100;
const BATCHES: usize = 30;
/// 2000-01-01, from which PostgreSQL counts, in microseconds since 1970.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

pub(crate) fn run() {
    let Some(database) = TestDatabase::postgres() else {
        println!("row 8 is skipped: there is no PostgreSQL server");
        return;
    };
    let historian = PostgresHistorian::new(database.url());
    let mut writer = historian.open_writer().unwrap();
    let mut floor = match Floor::new(database.url()) {
        Ok(floor) => floor,
        Err(error) => {
            println!("row 8 is skipped: the server does not copy from a file: {error}");
            return;
        }
    };
    let journal = JournalId(uuid::Uuid::new_v4());
    let mut sources: Vec<Source> = (0..TAGS).map(|tag| Source::new(tag, numeric(tag), Jitter::Millis)).collect();
    let (mut stored, mut copied) = (Vec::new(), Vec::new());
    for number in 0..BATCHES {
        let series = batch(&mut sources, number * PER_TAG);
        copied.push(floor.copy(&series));
        let behind = (number * PER_TAG) as u64 * u64::from(TAGS);
        let upto = behind + PER_TAG as u64 * u64::from(TAGS);
        let batch = Batch { journal, behind, upto, series, downtimes: Vec::new() };
        let began = Instant::now();
        writer.store(&batch).unwrap();
        stored.push(began.elapsed());
    }
    // Side by side, so that both meet the same server; the first batches make partitions and plans.
    let rate = |times: &[Duration]| {
        let warm = &times[BATCHES / 10..];
        (warm.len() * PER_TAG) as f64 * f64::from(TAGS) / warm.iter().sum::<Duration>().as_secs_f64()
    };
    let (floor, figure) = (rate(&copied), rate(&stored));
    let thousands = |rate: f64| format!("{:.0} k/s", rate / 1_000.0);
    let work =
        format!("history write, PostgreSQL, 1,000 tags, {} M samples", BATCHES * PER_TAG * TAGS as usize / 1_000_000);
    line("8", &work, &thousands(floor), &thousands(figure), figure / floor, "≥ 0.8");
}

/// Values that are all in one column.
fn numeric(tag: u32) -> Signal {
    match Signal::of_plant(tag) {
        Signal::Boolean => Signal::Stepped,
        other => other,
    }
}

fn batch(sources: &mut [Source], first: usize) -> Vec<(TagId, Block)> {
    let block = |source: &mut Source| {
        let second = |offset: usize| START + 1_000_000 * (first + offset) as i64;
        (0..PER_TAG).map(|offset| source.sample(second(offset))).collect()
    };
    (0..).map(TagId).zip(sources.iter_mut().map(block)).collect()
}

/// A table like the store's, filled from files that the server reads.
struct Floor {
    connection: PgConnection,
    folder: tempfile::TempDir,
}

impl Floor {
    fn new(url: &str) -> QueryResult<Self> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let mut connection = PgConnection::establish(url).unwrap();
        connection.batch_execute("CREATE TABLE floor (LIKE history.sample INCLUDING ALL)")?;
        let mut floor = Self { connection, folder };
        let path = floor.file(&[]);
        floor.connection.batch_execute(&copy_from(&path))?;
        Ok(floor)
    }

    fn file(&mut self, series: &[(TagId, Block)]) -> std::path::PathBuf {
        let path = self.folder.path().join("rows");
        std::fs::write(&path, rows(series)).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        path
    }

    fn copy(&mut self, series: &[(TagId, Block)]) -> Duration {
        let path = self.file(series);
        let began = Instant::now();
        self.connection.batch_execute(&copy_from(&path)).unwrap();
        began.elapsed()
    }
}

fn copy_from(path: &Path) -> String {
    format!("COPY floor (ts, tag_id, quality, value) FROM '{}' (FORMAT binary)", path.display())
}

/// The rows in the binary format of COPY.
fn rows(series: &[(TagId, Block)]) -> Vec<u8> {
    let mut out = b"PGCOPY\n\xFF\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    let field = |out: &mut Vec<u8>, bytes: &[u8]| {
        out.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_be_bytes());
        out.extend_from_slice(bytes);
    };
    for (tag, block) in series {
        for row in 0..block.len() {
            out.extend_from_slice(&4_u16.to_be_bytes());
            field(&mut out, &(block.times[row] - POSTGRES_EPOCH).to_be_bytes());
            field(&mut out, &tag.0.to_be_bytes());
            field(&mut out, &block.qualities[row].status_code().to_be_bytes());
            field(&mut out, &block.values.as_f64(row).unwrap().to_be_bytes());
        }
    }
    out.extend_from_slice(&u16::MAX.to_be_bytes());
    out
}
