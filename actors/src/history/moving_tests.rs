//! From the journal into the store, on the real threads: what is read does not depend on where it lies.

use super::historian::{Generation, Historian, HistorianError, StoreReader, StoreWriter};
use super::sample::Sample;
use super::sqlite::SqliteHistorian;
use super::{
    DataLogger, FlushHistory, History, HistoryError, HistorySettings, HistoryStatus, Keeping, LoggerWorker,
    ReadHistoryStatus, ReadLast, ReadRaw,
};
use crate::Clock;
use crate::cvt::{TagChange, TagsChanged};
use crate::send::{DEADLINE, ask};
use actix::{Actor, Addr};
use flyball_schema::{Quality, TagId, Timestamp, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const START: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

/// A store that can be made to go away.
#[derive(Debug)]
struct Leaving {
    store: SqliteHistorian,
    away: Arc<AtomicBool>,
}

impl Leaving {
    fn here(&self) -> Result<(), HistorianError> {
        let gone = || HistorianError::Database(diesel::result::Error::BrokenTransactionManager);
        if self.away.load(Ordering::SeqCst) { Err(gone()) } else { Ok(()) }
    }
}

impl Historian for Leaving {
    fn open_writer(&self) -> Result<Box<dyn StoreWriter>, HistorianError> {
        self.here().and_then(|()| self.store.open_writer())
    }

    fn open_reader(&self) -> Result<Box<dyn StoreReader>, HistorianError> {
        self.here().and_then(|()| self.store.open_reader())
    }

    fn generation(&self) -> Generation {
        self.store.generation()
    }
}

struct Rig {
    folder: tempfile::TempDir,
    away: Arc<AtomicBool>,
    worker: Addr<LoggerWorker>,
    engine: Addr<DataLogger>,
    seq: u64,
}

impl Rig {
    fn start(folder: tempfile::TempDir, away: bool, tune: impl Fn(&mut HistorySettings)) -> Self {
        let mut settings = HistorySettings::new(folder.path().join("journal.db"));
        tune(&mut settings);
        let away = Arc::new(AtomicBool::new(away));
        let store = SqliteHistorian::new(folder.path().join("history.db"));
        let history = History::open(settings, Arc::new(Leaving { store, away: Arc::clone(&away) })).unwrap();
        let (clock, seq) = (Clock::starting_at(START), history.last_seq());
        let worker = LoggerWorker::new(clock, Arc::clone(&history), Keeping::default()).start();
        Self { folder, away, worker, engine: DataLogger::new(clock, history).start(), seq }
    }

    /// Journals numbered samples of five tags, each third one late by up to half a second.
    async fn send(&mut self, count: u64) {
        let change = |seq: u64| TagChange {
            value: Some(Value::Integer(seq.cast_signed())),
            source_time: at(seq.cast_signed() - if seq.is_multiple_of(3) { (seq % 500).cast_signed() } else { 0 }),
            server_time: at(seq.cast_signed()),
            seq,
            tag: TagId(u32::try_from(seq % 5).unwrap()),
            quality: Quality::GOOD,
        };
        let changes = (self.seq + 1..=self.seq + count).map(change).collect();
        self.seq += count;
        self.worker.send(TagsChanged::for_test(changes)).await.unwrap();
        assert_eq!(ask(&self.worker, FlushHistory, DEADLINE).await.unwrap(), Ok(self.seq));
    }

    async fn status(&self) -> HistoryStatus {
        ask(&self.worker, ReadHistoryStatus, DEADLINE).await.unwrap()
    }

    async fn until(&self, what: &str, state: impl Fn(&HistoryStatus) -> bool) {
        for _ in 0..2_000 {
            if state(&self.status().await) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{what} did not come about: {:?}", self.status().await);
    }

    async fn read(&self) -> Result<Vec<Vec<Sample>>, HistoryError> {
        let tags: Vec<TagId> = (0..5).map(TagId).collect();
        let question = ReadRaw { tags, from: Timestamp::MIN, to: Timestamp::MAX, limit: 100_000, after: None };
        let page = ask(&self.engine, question, DEADLINE).await.unwrap()?;
        Ok(page.series.into_iter().map(|series| series.samples).collect())
    }

    /// Every sample sent is read once, by time, those of one time in the order in which they were sent.
    async fn assert_whole(&self) {
        let series = self.read().await.unwrap();
        let mut numbers = Vec::new();
        for samples in series {
            let key = |sample: &Sample| (sample.time, sample.value.as_ref().and_then(Value::as_f64).unwrap());
            assert!(samples.is_sorted_by(|a, b| key(a) <= key(b)), "by time and order of arrival");
            numbers.extend(samples.iter().map(|sample| match sample.value {
                Some(Value::Integer(number)) => number.unsigned_abs(),
                ref other => panic!("{other:?}"),
            }));
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=self.seq).collect::<Vec<_>>());
    }
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_micros(START.as_micros() + 1_000 * millis)
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[actix_rt::test]
async fn what_is_read_is_the_same_before_during_and_after_the_move() {
    let mut rig = Rig::start(folder(), false, |settings| settings.generation_samples = Some(700));
    for _ in 0..10 {
        rig.send(333).await;
        rig.assert_whole().await;
    }
    rig.until("a store that lacks less than a generation", |status| status.store.waiting < 700).await;
    rig.assert_whole().await;
    let status = rig.status().await;
    assert_eq!(status.store.moved, status.store.position, "each sample once");
    assert!(status.store.size_bytes > 0);

    let last = ask(&rig.engine, ReadLast { tags: vec![TagId(1)], at: at(2_001) }, DEADLINE).await.unwrap().unwrap();
    assert_eq!(last[0].as_ref().unwrap().value, Some(Value::Integer(2_496)), "a late one, of the time of number 2,001");

    let (seq, kept) = (rig.seq, rig.folder);
    drop((rig.worker, rig.engine));
    let rig = Rig::start(kept, false, |_| {});
    assert_eq!(rig.seq, seq, "the sequence goes on");
    rig.assert_whole().await;
}

#[actix_rt::test]
async fn a_sample_that_waited_long_enough_is_moved_without_company() {
    let mut rig = Rig::start(folder(), false, |settings| settings.generation_age = Some(Duration::from_millis(20)));
    rig.send(3).await;
    rig.until("an empty queue", |status| status.store.position == 3).await;
    rig.assert_whole().await;
}

#[actix_rt::test]
async fn a_store_that_is_away_is_told_and_gets_everything_once_when_it_is_back() {
    let mut rig = Rig::start(folder(), true, |settings| settings.generation_samples = Some(100));
    for _ in 0..5 {
        rig.send(1_000).await;
    }
    rig.until("an error", |status| status.store.error.is_some()).await;
    let status = rig.status().await;
    assert_eq!((status.error, status.store.waiting, status.lost, status.expired), (None, 5_000, 0, 0));
    assert!(matches!(rig.read().await, Err(HistoryError::Unavailable(_))), "half an answer would be a lie");
    rig.away.store(false, Ordering::SeqCst);
    rig.until("all of it stored", |status| status.store.position == 5_000 && status.store.error.is_none()).await;
    rig.assert_whole().await;
    assert_eq!(rig.status().await.store.moved, 5_000);
}

#[actix_rt::test]
async fn what_no_longer_fits_into_memory_is_read_from_the_journal() {
    let mut rig = Rig::start(folder(), false, |settings| settings.head_samples = 64);
    for _ in 0..4 {
        rig.send(500).await;
        rig.assert_whole().await;
    }
    assert_eq!(rig.status().await.store.position, 0, "nothing is moved yet");
    let kept = rig.folder;
    drop((rig.worker, rig.engine));
    Rig::start(kept, false, |settings| settings.head_samples = 64).assert_whole().await;
}
