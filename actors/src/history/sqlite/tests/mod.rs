mod faults;
mod kept;
mod model;
mod suite;
mod upkeep;

use super::{Limits, SqliteHistorian};
use crate::history::historian::{
    Batch, Cancel, Historian, HistorianError, JournalId, Retention, StoreReader, StoreWriter, Visitor,
};
use crate::history::sample::{Block, Sample, Summary};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use flyball_schema::{Quality, TagId, Timestamp, Value};
use std::ops::{ControlFlow, Range};

const JOURNAL: JournalId = JournalId(uuid::Uuid::from_u128(7));
const ALL: Range<Timestamp> = Timestamp::MIN..Timestamp::MAX;
/// Small enough that a few hundred samples go through every tier.
const SMALL: Limits = Limits { points: 16, fan: 3, samples_per_step: 40 };

/// A store in a folder of its own, and its writer.
struct Store {
    folder: tempfile::TempDir,
    historian: SqliteHistorian,
    writer: Box<dyn StoreWriter>,
    /// Sequence number of the last change.
    seq: u64,
}

impl Store {
    fn new(limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let historian = SqliteHistorian::with_limits(folder.path().join("store").join("history.db"), limits);
        let writer = historian.open_writer().unwrap();
        Self { folder, historian, writer, seq: 0 }
    }

    /// Ends the writer and opens another, as a start after a stop does.
    fn reopen(&mut self) {
        self.historian = SqliteHistorian::with_limits(self.historian.path().to_owned(), self.historian.shared.limits);
        self.writer = self.historian.open_writer().unwrap();
    }

    fn batch(&self, series: &[(u32, Block)]) -> Batch {
        let series: Vec<_> = series.iter().map(|(tag, block)| (TagId(*tag), block.clone())).collect();
        let count: usize = series.iter().map(|(_, block)| block.len()).sum();
        Batch { journal: JOURNAL, behind: self.seq, upto: self.seq + count as u64, series, downtimes: Vec::new() }
    }

    fn try_store(&mut self, series: &[(u32, Block)]) -> Result<(), HistorianError> {
        let batch = self.batch(series);
        let stored = self.writer.store(&batch)?;
        assert_eq!(stored.samples, batch.upto - batch.behind);
        self.seq = batch.upto;
        Ok(())
    }

    fn store(&mut self, series: &[(u32, Block)]) {
        self.try_store(series).unwrap();
    }

    /// Does all upkeep there is; samples dropped.
    fn keep_up(&mut self, retention: &Retention, now: i64) -> u64 {
        let mut dropped = 0;
        for _ in 0..10_000 {
            let step = self.writer.upkeep(retention, micros(now)).unwrap();
            dropped += step.dropped;
            if !step.more {
                return dropped;
            }
        }
        panic!("upkeep does not come to an end");
    }

    fn reader(&self) -> Box<dyn StoreReader> {
        self.historian.open_reader().unwrap()
    }

    fn read(&self, tag: u32, range: Range<Timestamp>) -> Vec<Sample> {
        read(&mut *self.reader(), tag, range)
    }

    fn last_before(&self, tag: u32, before: i64) -> Option<Sample> {
        self.reader().last_before(TagId(tag), micros(before), &Cancel::default()).unwrap()
    }

    fn execute(&self, sql: &str) {
        self.connection().batch_execute(sql).unwrap();
    }

    fn count(&self, what: &str) -> i64 {
        self.number(&format!("SELECT count(*) AS number FROM {what}"))
    }

    fn number(&self, sql: &str) -> i64 {
        #[derive(QueryableByName)]
        struct Number {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            number: i64,
        }
        diesel::sql_query(sql).get_result::<Number>(&mut self.connection()).unwrap().number
    }

    fn connection(&self) -> SqliteConnection {
        SqliteConnection::establish(self.historian.path().to_str().unwrap()).unwrap()
    }

    /// Every chunk begins at or behind the end of the one before it.
    fn assert_chunks_do_not_overlap(&self) {
        use super::schema::chunk::dsl::{chunk, generation, t0, t1, tag_id, turn};
        let rows = chunk.order((tag_id, t0, turn)).select((tag_id, t0, t1, generation));
        let rows = rows.load::<(i64, i64, i64, i64)>(&mut self.connection()).unwrap();
        for pair in rows.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
            assert!(pair[0].2 <= pair[1].1, "{pair:?} overlap");
        }
        assert_eq!(self.count("chunk WHERE generation NOT IN (SELECT id FROM generation)"), 0);
        assert_eq!(self.count("chunk WHERE data_id NOT IN (SELECT id FROM chunk_data)"), 0);
        assert_eq!(self.count("chunk_data WHERE id NOT IN (SELECT data_id FROM chunk)"), 0);
    }
}

/// Keeps every sample.
#[derive(Default)]
struct Samples(Vec<Sample>);

impl Visitor for Samples {
    fn block(&mut self, block: &Block, rows: Range<usize>) -> ControlFlow<()> {
        assert!(!rows.is_empty());
        self.0.extend(rows.map(|row| block.sample(row)));
        ControlFlow::Continue(())
    }
}

/// Count, minimum, maximum, sum, first, last, worst quality.
type Bucket = (u32, f64, f64, f64, f64, f64, Quality);

/// Sums up samples in buckets of a width, as a trend does.
struct Buckets {
    width: i64,
    found: std::collections::BTreeMap<i64, Bucket>,
    summaries: usize,
}

impl Buckets {
    fn new(width: i64) -> Self {
        Self { width, found: std::collections::BTreeMap::new(), summaries: 0 }
    }

    fn bucket(&self, time: Timestamp) -> i64 {
        time.as_micros().div_euclid(self.width)
    }

    fn add(&mut self, part: &Summary) {
        let bucket = self.bucket(part.t0);
        let new = (part.count, part.min, part.max, part.sum, part.first, part.last, part.worst);
        let merge = |old: &mut (u32, f64, f64, f64, f64, f64, Quality)| {
            let (count, min, max, sum, first, _, worst) = *old;
            let worst = worst.worst(part.worst);
            *old = (count + part.count, min.min(part.min), max.max(part.max), sum + part.sum, first, part.last, worst);
        };
        self.found.entry(bucket).and_modify(merge).or_insert(new);
    }
}

impl Visitor for Buckets {
    fn takes_summary(&self, t0: Timestamp, t1: Timestamp) -> bool {
        self.bucket(t0) == self.bucket(t1)
    }

    fn summary(&mut self, summary: &Summary) {
        assert!(self.takes_summary(summary.t0, summary.t1));
        self.summaries += 1;
        self.add(summary);
    }

    fn block(&mut self, block: &Block, rows: Range<usize>) -> ControlFlow<()> {
        for row in rows {
            if let Some(summary) = Summary::of(block, row..row + 1) {
                self.add(&summary);
            }
        }
        ControlFlow::Continue(())
    }
}

fn read(source: &mut dyn StoreReader, tag: u32, range: Range<Timestamp>) -> Vec<Sample> {
    let mut samples = Samples::default();
    source.read(TagId(tag), range, &Cancel::default(), &mut samples).unwrap();
    samples.0
}

fn micros(time: i64) -> Timestamp {
    Timestamp::from_micros(time)
}

fn sample(time: i64, value: impl Into<Value>) -> Sample {
    Sample { time: micros(time), value: Some(value.into()), quality: Quality::GOOD }
}

/// Integers whose value is their number.
fn ramp(times: impl IntoIterator<Item = i64>) -> Block {
    times.into_iter().enumerate().map(|(index, time)| sample(time, i64::try_from(index).unwrap())).collect()
}

fn times(samples: &[Sample]) -> Vec<i64> {
    samples.iter().map(|sample| sample.time.as_micros()).collect()
}
