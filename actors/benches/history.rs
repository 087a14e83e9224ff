//! What a sample costs on its way into the journal and back, beside a row of an append-only SQLite table.
//!
//! The plant mix of the performance budget: 1,000 tags at 1 Hz with 1 to 5 ms of jitter; 60 % noisy analogue values in
//! steps of 0.01, 20 % smooth, 10 % stepped, 10 % Boolean. One thread, so that its CPU time is the figure.
#![expect(clippy::print_stdout, reason = "the report of a benchmark")]

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use flyball::cvt::TagChange;
use flyball::history::bucket::{Grid, TrendBuilder};
use flyball::history::frame::{Decoder, MAX_CHANGES, encode};
use flyball::history::framer::Frame;
use flyball::history::historian::{Cancel, Historian};
use flyball::history::journal::Journal;
use flyball::history::raw::RawCollector;
use flyball::history::{HistorySettings, TagSet};
use flyball::schema::{Quality, TagId, Timestamp, Value};
use rows_schema::sample;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const TAGS: u32 = 1_000;
const SECONDS: u32 = 1_000;
const START: i64 = 1_700_000_000_000_000;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let changes = plant_mix();
    let total = changes.len();
    println!("{total} changes of {TAGS} tags, {} per frame at the most", MAX_CHANGES);
    codec(&changes)?;
    for (rate, per_commit, per_frame) in [("13k/s", 650, 650), ("100k/s", 10_000, 1_000), ("1M/s", 100_000, 1_000)] {
        println!("\nwriting at {rate}: a commit of {per_commit} changes, synchronous=FULL");
        let floor = rows(&changes, per_commit)?;
        let journal = journal(&changes, per_commit, per_frame)?;
        println!("  CPU ratio journal / rows: {:.2}", journal / floor);
    }
    println!();
    reading(&changes)
}

/// Samples in the order a table would take them: scans of 100 tags each.
fn plant_mix() -> Vec<TagChange> {
    let mut dice = 0x9E37_79B9_7F4A_7C15_u64;
    let mut roll = move |sides: u64| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice % sides
    };
    let mut levels = vec![5_000_i64; TAGS as usize];
    let mut changes = Vec::new();
    for second in 0..i64::from(SECONDS) {
        for tag in 0..TAGS {
            let scan = START + second * 1_000_000 + i64::from(tag / 100) * 100_000;
            let source = scan + 1_000 + roll(4_000).cast_signed();
            let level = &mut levels[tag as usize];
            let value = match tag % 10 {
                0..6 => {
                    *level += roll(21).cast_signed() - 10;
                    Value::Float(*level as f64 / 100.0)
                }
                6..8 => Value::Float(50.0 + 10.0 * (source as f64 / 6e7 + f64::from(tag)).sin()),
                8 => {
                    *level += if roll(60) == 0 { 100 } else { 0 };
                    Value::Float(*level as f64 / 100.0)
                }
                _ => Value::Boolean((second / 30 + i64::from(tag)) % 2 == 0),
            };
            changes.push(TagChange {
                value: Some(value),
                source_time: Timestamp::from_micros(source),
                server_time: Timestamp::from_micros(scan + 6_000),
                seq: changes.len() as u64 + 1,
                tag: TagId(tag),
                quality: Quality::GOOD,
            });
        }
    }
    changes
}

fn codec(changes: &[TagChange]) -> Outcome {
    let watch = Watch::start()?;
    let frames = changes.chunks(MAX_CHANGES).map(encode).collect::<Result<Vec<_>, _>>()?;
    let bytes: usize = frames.iter().map(|frame| frame.data.len()).sum();
    println!("encode          {}, {:.2} B per change", watch.stop(changes.len())?, per(bytes as f64, changes.len()));
    let mut decoder = Decoder::default();
    for (name, only) in [("decode all", None), ("decode one tag", Some(TagSet::new(vec![TagId(500)])))] {
        let watch = Watch::start()?;
        let mut sum = 0;
        for frame in &frames {
            decoder.decode(&frame.data, frame.checksum, only.as_ref(), |change| sum += change.seq)?;
        }
        println!("{name:15} {} ({sum:x})", watch.stop(changes.len())?);
    }
    Ok(())
}

mod rows_schema {
    diesel::table! {
        sample (rowid) {
            rowid -> BigInt,
            ts -> BigInt,
            tag -> Integer,
            value -> Nullable<Double>,
            quality -> BigInt,
        }
    }
}

/// The floor: one prepared insert per row.
fn rows(changes: &[TagChange], per_commit: usize) -> Outcome<f64> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("rows.db");
    let mut connection = SqliteConnection::establish(path.to_str().ok_or("path")?)?;
    connection.batch_execute(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE sample (ts INTEGER, tag INTEGER, value REAL, quality INTEGER)",
    )?;
    let watch = Watch::start()?;
    for batch in changes.chunks(per_commit) {
        connection.immediate_transaction(|connection| {
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
        })?;
    }
    let cost = watch.stop(changes.len())?;
    println!("  rows     {cost}, {:.1} B kept", per(std::fs::metadata(&path)?.len() as f64, changes.len()));
    Ok(cost.cpu_ns)
}

fn journal(changes: &[TagChange], per_commit: usize, per_frame: usize) -> Outcome<f64> {
    let folder = tempfile::tempdir()?;
    let mut journal = Journal::open(&HistorySettings::new(folder.path().join("journal.db")))?;
    let watch = Watch::start()?;
    let bytes = fill(&mut journal, changes, per_commit, per_frame)?;
    let cost = watch.stop(changes.len())?;
    println!("  journal  {cost}, {:.1} B kept", per(bytes as f64, changes.len()));
    Ok(cost.cpu_ns)
}

fn fill(journal: &mut Journal, changes: &[TagChange], per_commit: usize, per_frame: usize) -> Outcome<u64> {
    let mut bytes = 0;
    for batch in changes.chunks(per_commit) {
        let frame = |changes: &[TagChange]| Arc::new(Frame { changes: changes.to_vec(), opens_run: false });
        let frames: Vec<_> = batch.chunks(per_frame).map(frame).collect();
        bytes = journal.append(&frames)?.size_bytes;
    }
    Ok(bytes)
}

fn reading(changes: &[TagChange]) -> Outcome {
    let folder = tempfile::tempdir()?;
    let settings = HistorySettings::new(folder.path().join("journal.db"));
    fill(&mut Journal::open(&settings)?, changes, 10_000, 1_000)?;
    let mut journal = Journal::open_read_only(&settings)?;
    let (from, to) =
        (Timestamp::from_micros(START), Timestamp::from_micros(START) + Duration::from_secs(SECONDS.into()));
    let cancel = Cancel::default();
    for count in [1, 8, 100] {
        let tags: TagSet = (0..count).map(|tag| TagId(tag * 10)).collect();
        let mut trend = TrendBuilder::new(Grid::new(from, to, 1_000)?, tags.clone())?;
        let watch = Watch::start()?;
        journal.scan(from..to, &tags, &cancel, &mut trend)?;
        let buckets = trend.finish(&vec![None; tags.len()], &[], to)?;
        println!(
            "trend of {count:3} tags, {} buckets, through all changes: {}",
            buckets[0].len(),
            watch.stop(changes.len())?
        );
    }
    let tags = TagSet::new(vec![TagId(500)]);
    let mut raw = RawCollector::new(tags.clone(), 1_000_000);
    let watch = Watch::start()?;
    journal.scan(from..to, &tags, &cancel, &mut raw)?;
    let samples = raw.finish(vec![None]).remove(0).samples.len();
    println!("raw read of one tag, {samples} samples, through all changes: {}", watch.stop(changes.len())?);
    let watch = Watch::start()?;
    journal.last_before(to, &tags, &cancel)?;
    println!("last sample before the end: {:.2} ms", watch.started.elapsed().as_secs_f64() * 1e3);
    Ok(())
}

fn per(sum: f64, count: usize) -> f64 {
    sum / count as f64
}

/// Time, CPU time of this thread, and bytes handed to the kernel, since the start.
struct Watch {
    started: Instant,
    cpu_ns: f64,
    written: f64,
}

/// Per change.
struct Cost {
    wall_ns: f64,
    cpu_ns: f64,
    written: f64,
}

impl Watch {
    fn start() -> Outcome<Self> {
        Ok(Self { started: Instant::now(), cpu_ns: thread_cpu_ns()?, written: written_bytes()? })
    }

    fn stop(&self, changes: usize) -> Outcome<Cost> {
        Ok(Cost {
            wall_ns: per(self.started.elapsed().as_secs_f64() * 1e9, changes),
            cpu_ns: per(thread_cpu_ns()? - self.cpu_ns, changes),
            written: per(written_bytes()? - self.written, changes),
        })
    }
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { wall_ns, cpu_ns, written } = self;
        write!(f, "{cpu_ns:6.1} ns CPU, {wall_ns:6.1} ns wall, {written:5.1} B written per change")
    }
}

/// First field of `schedstat`: time on the CPU, ns.
fn thread_cpu_ns() -> Outcome<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split_whitespace().next().ok_or("schedstat is empty")?.parse()?)
}

fn written_bytes() -> Outcome<f64> {
    let text = std::fs::read_to_string("/proc/self/io")?;
    let line = text.lines().find_map(|line| line.strip_prefix("wchar: "));
    Ok(line.ok_or("no wchar in /proc/self/io")?.parse()?)
}
