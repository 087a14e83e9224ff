//! From the table to the file and back, on the real threads.

use super::historian::{
    Cancel, Generation, Historian, HistorianError, JournalId, SampleSource, StoreReader, StoreWriter, Visitor,
};
use super::sample::Sample;
use super::sqlite::SqliteHistorian;
use super::{
    DataLogger, FlushHistory, History, HistoryError, HistorySettings, Keeping, LoggerWorker, ReadDataLoggerStatus,
    ReadLast, ReadRaw, ReadTrend,
};
use crate::Clock;
use crate::cvt::{CreateTags, Cvt, Delivery, Subscribe, Update, WriteTags};
use crate::send::{DEADLINE, ask};
use actix::{Actor, Addr};
use flyball_schema::definition::TagDefinition;
use flyball_schema::{Quality, TagId, Timestamp, Value};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const START: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
const LEVEL: TagId = TagId(1);
const MODE: TagId = TagId(2);

#[expect(clippy::cast_possible_truncation, reason = "small")]
fn at(seconds: f64) -> Timestamp {
    Timestamp::from_micros(START.as_micros() + 1_000 * (seconds * 1e3).round() as i64)
}

fn open(settings: &HistorySettings) -> Arc<History> {
    let historian = SqliteHistorian::new(settings.path.with_file_name("history.db"));
    History::open(settings.clone(), Arc::new(historian)).unwrap()
}

/// One run of a plant: table, logger and engine.
struct Run {
    cvt: Addr<Cvt>,
    worker: Addr<LoggerWorker>,
    engine: Addr<DataLogger>,
}

impl Run {
    async fn start(settings: &HistorySettings, clock: Clock) -> Self {
        let history = open(settings);
        let cvt = Cvt::new(clock, history.last_seq()).start();
        let tags = vec![(LEVEL, TagDefinition::float("level")), (MODE, TagDefinition::text("mode"))];
        cvt.send(CreateTags(tags)).await.unwrap().unwrap();
        let worker = LoggerWorker::new(clock, Arc::clone(&history), Keeping::default()).start();
        let delivery = Delivery::Every { credit: 64, backlog: 10_000 };
        let recipient = worker.clone().recipient();
        cvt.send(Subscribe { name: "logger".to_owned(), recipient, delivery }).await.unwrap();
        Self { cvt, worker, engine: DataLogger::new(clock, history).start() }
    }

    async fn level(&self, value: f64, seconds: f64) {
        let update = Update { source_time: Some(at(seconds)), ..Update::good(LEVEL, value) };
        ask(&self.cvt, WriteTags(vec![update]), DEADLINE).await.unwrap();
    }

    async fn flush(&self) {
        ask(&self.worker, FlushHistory, DEADLINE).await.unwrap().unwrap();
    }

    async fn averages(&self, from: f64, to: f64, buckets: usize) -> Vec<Option<f64>> {
        let question = ReadTrend { tags: vec![LEVEL], from: at(from), to: at(to), buckets };
        let trend = ask(&self.engine, question, DEADLINE).await.unwrap().unwrap();
        trend.series[0].buckets.iter().map(|bucket| bucket.average).collect()
    }
}

fn folder() -> (tempfile::TempDir, HistorySettings) {
    let folder = tempfile::tempdir().unwrap();
    let settings = HistorySettings::new(folder.path().join("data").join("journal.db"));
    (folder, settings)
}

#[actix_rt::test]
async fn a_value_written_to_the_table_is_read_from_the_history() {
    let (_folder, settings) = folder();
    let run = Run::start(&settings, Clock::starting_at(START)).await;
    for step in 1..=5 {
        run.level(f64::from(step) / 10.0, f64::from(step)).await;
    }
    ask(&run.cvt, WriteTags(vec![Update::good(MODE, "auto")]), DEADLINE).await.unwrap();
    run.flush().await;

    let question = ReadRaw { tags: vec![MODE, LEVEL], from: at(1.5), to: at(4.5), limit: 100, after: None };
    let page = ask(&run.engine, question, DEADLINE).await.unwrap().unwrap();
    let series = page.series;
    assert_eq!(series.iter().map(|series| series.tag).collect::<Vec<_>>(), [MODE, LEVEL]);
    let values: Vec<_> = series[1].samples.iter().map(|sample| sample.value.clone()).collect();
    assert_eq!(values, [0.1, 0.2, 0.3, 0.4].map(|value| Some(Value::Float(value))));
    assert_eq!(page.next, None);

    let question = ReadLast { tags: vec![LEVEL, MODE], at: at(3.0) };
    let last = ask(&run.engine, question, DEADLINE).await.unwrap().unwrap();
    assert_eq!(last[0].as_ref().unwrap().value, Some(Value::Float(0.3)));
    assert_eq!(last[1].as_ref().unwrap().value, Some(Value::from("auto")));

    assert_eq!(run.averages(1.0, 3.0, 4).await[..1], [Some(0.1)]);
    let question = ReadTrend { tags: vec![MODE], from: at(0.0), to: at(3.0), buckets: 4 };
    assert_eq!(ask(&run.engine, question, DEADLINE).await.unwrap(), Err(HistoryError::Text { tag: MODE }));
}

#[actix_rt::test]
async fn the_time_between_two_runs_is_a_gap_and_the_sequence_goes_on() {
    let (_folder, settings) = folder();
    let run = Run::start(&settings, Clock::starting_at(START)).await;
    run.level(4.0, 0.0).await;
    run.flush().await;
    drop(run);
    let run = Run::start(&settings, Clock::starting_at(at(100.0))).await;
    run.level(6.0, 100.1).await;
    run.flush().await;
    let averages = run.averages(-10.0, 110.0, 12).await;
    assert_eq!(averages[0], None, "before the first value");
    assert_eq!(averages[1], Some(4.0));
    assert_eq!(averages[2..10], [None; 8], "while the plant was down");
    assert_eq!(averages[11], Some(6.0));
    assert_eq!(open(&settings).last_seq(), 6);
}

#[actix_rt::test]
async fn a_question_that_is_not_allowed_is_refused() {
    let (_folder, settings) = folder();
    let engine = DataLogger::new(Clock::starting_at(START), open(&settings)).start();
    let raw = |tags: Vec<u32>, limit| ReadRaw {
        tags: tags.into_iter().map(TagId).collect(),
        from: at(0.0),
        to: at(1.0),
        limit,
        after: None,
    };
    let refused = |question: ReadRaw| {
        let engine = engine.clone();
        async move { ask(&engine, question, DEADLINE).await.unwrap().unwrap_err() }
    };
    assert_eq!(refused(raw(vec![], 1)).await, HistoryError::TagCount(0));
    assert_eq!(refused(raw((0..101).collect(), 1)).await, HistoryError::TagCount(101));
    assert_eq!(refused(raw(vec![3, 2, 3], 1)).await, HistoryError::DuplicateTag(TagId(3)));
    assert_eq!(refused(raw(vec![1], 1_000_001)).await, HistoryError::SampleCount(1_000_001));
    let wide = ReadTrend { tags: (0..100).map(TagId).collect(), from: at(0.0), to: at(1.0), buckets: 10_000 };
    let outcome = ask(&engine, wide, DEADLINE).await.unwrap();
    assert_eq!(outcome.unwrap_err(), HistoryError::CellCount { width: 100, height: 10_000 });
}

/// A store whose reads last until they are withdrawn, or panic.
#[derive(Debug, Clone)]
struct Endless {
    panics: bool,
    running: Arc<AtomicUsize>,
}

impl Historian for Endless {
    fn open_writer(&self) -> Result<Box<dyn StoreWriter>, HistorianError> {
        Err(HistorianError::Database(diesel::result::Error::NotFound))
    }

    fn open_reader(&self) -> Result<Box<dyn StoreReader>, HistorianError> {
        Ok(Box::new(self.clone()))
    }

    fn generation(&self) -> Generation {
        Generation { samples: 1, age: Duration::ZERO }
    }
}

impl SampleSource for Endless {
    fn read(
        &mut self,
        _tag: TagId,
        _range: Range<Timestamp>,
        cancel: &Cancel,
        _visitor: &mut dyn Visitor,
    ) -> Result<(), HistorianError> {
        assert!(!self.panics, "a bug in the store");
        self.running.fetch_add(1, Ordering::SeqCst);
        let outcome = loop {
            if let Err(error) = cancel.check() {
                break Err(error);
            }
            std::thread::yield_now();
        };
        self.running.fetch_sub(1, Ordering::SeqCst);
        outcome
    }

    fn last_before(&mut self, _: TagId, time: Timestamp, _: &Cancel) -> Result<Option<Sample>, HistorianError> {
        Ok(Some(Sample { time, value: Some(Value::Integer(7)), quality: Quality::GOOD }))
    }

    fn downtimes(&mut self, _range: Range<Timestamp>) -> Result<Vec<Range<Timestamp>>, HistorianError> {
        Ok(Vec::new())
    }
}

impl StoreReader for Endless {
    fn begin(&mut self, _: JournalId) -> Result<u64, HistorianError> {
        Ok(0)
    }

    fn end(&mut self) {}

    fn damaged(&self) -> u64 {
        0
    }
}

/// An engine on a store of this kind; the folder has to be kept.
fn endless(panics: bool) -> (Addr<DataLogger>, Arc<AtomicUsize>, tempfile::TempDir) {
    let running = Arc::new(AtomicUsize::new(0));
    let (folder, settings) = folder();
    let history = History::open(settings, Arc::new(Endless { panics, running: Arc::clone(&running) })).unwrap();
    (DataLogger::new(Clock::starting_at(START), history).start(), running, folder)
}

fn long_question() -> ReadRaw {
    ReadRaw { tags: vec![LEVEL], from: at(0.0), to: at(1.0), limit: 10, after: None }
}

/// Waits until `state` holds, five seconds at the most.
async fn until(what: &str, mut state: impl AsyncFnMut() -> bool) {
    for _ in 0..5_000 {
        if state().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("{what} did not come about");
}

#[actix_rt::test]
async fn too_many_questions_are_refused_and_those_withdrawn_make_room() {
    let (engine, running, _folder) = endless(false);
    let waiting = async || ask(&engine, ReadDataLoggerStatus, DEADLINE).await.unwrap().waiting;
    let questions: Vec<_> = (0..16)
        .map(|_| {
            actix::spawn({
                let engine = engine.clone();
                async move { ask(&engine, long_question(), DEADLINE * 100).await }
            })
        })
        .collect();
    until("sixteen questions", async || waiting().await == 16 && running.load(Ordering::SeqCst) == 2).await;
    assert_eq!(ask(&engine, long_question(), DEADLINE).await.unwrap(), Err(HistoryError::Busy));
    questions.iter().for_each(tokio::task::JoinHandle::abort);
    until("an idle engine", async || waiting().await == 0 && running.load(Ordering::SeqCst) == 0).await;
    let last = ask(&engine, ReadLast { tags: vec![LEVEL], at: at(0.0) }, DEADLINE).await.unwrap().unwrap();
    assert_eq!(last[0].as_ref().unwrap().value, Some(Value::Integer(7)));
    let status = ask(&engine, ReadDataLoggerStatus, DEADLINE).await.unwrap();
    assert_eq!((status.questions, status.busy), (17, 1));
}

#[actix_rt::test]
async fn a_panic_in_the_store_is_an_error_and_the_threads_live_on() {
    let (engine, _running, _folder) = endless(true);
    for _ in 0..4 {
        let outcome = ask(&engine, long_question(), DEADLINE).await.unwrap();
        let Err(HistoryError::Unavailable(reason)) = outcome else { panic!("{outcome:?}") };
        assert!(reason.contains("a bug in the store"), "{reason}");
    }
    let last = ask(&engine, ReadLast { tags: vec![LEVEL], at: at(0.0) }, DEADLINE).await.unwrap();
    assert!(last.is_ok());
}
