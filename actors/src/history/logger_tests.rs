//! The logger between the table and a store that may fail, under virtual time.

use super::historian::{Cancel, HistorianError};
use super::journal::{Appended, Journal};
use super::{
    AppendFrames, FlushHistory, HistoryDeadBand, HistorySettings, HistoryStatus, Keeping, LoggerWorker,
    ReadHistoryStatus, SetKeeping, TagSet,
};
use crate::Clock;
use crate::cvt::{CreateTags, Cvt, Delivery, ReadCvtStatus, Subscribe, TagChange, TagsChanged, Update, WriteTags};
use actix::{Actor, Addr, Context, Handler, ResponseFuture};
use flyball_schema::definition::TagDefinition;
use flyball_schema::{Quality, TagId, Timestamp, Value};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const START: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

/// What the store does with the next append.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Stored,
    Refused,
    /// The commit succeeds and the store cannot say so.
    StoredUnsaid,
}

/// A journal behind a store that fails as told, and takes its time.
struct Store {
    journal: Arc<Mutex<Journal>>,
    fate: Box<dyn FnMut(usize) -> Fate>,
    takes: Duration,
    appends: usize,
}

impl Actor for Store {
    type Context = Context<Self>;
}

impl Handler<AppendFrames> for Store {
    type Result = ResponseFuture<Result<Appended, HistorianError>>;

    fn handle(&mut self, AppendFrames(frames): AppendFrames, _ctx: &mut Self::Context) -> Self::Result {
        self.appends += usize::from(!frames.is_empty());
        let fate = (self.fate)(self.appends);
        let full = || HistorianError::Database(diesel::result::Error::QueryBuilderError("disk full".into()));
        let stored = match fate {
            Fate::Refused => Err(full()),
            Fate::Stored => self.journal.lock().unwrap().append(&frames, 0),
            Fate::StoredUnsaid => self.journal.lock().unwrap().append(&frames, 0).and(Err(full())),
        };
        let takes = if frames.is_empty() { Duration::ZERO } else { self.takes };
        Box::pin(async move {
            tokio::time::sleep(takes).await;
            stored
        })
    }
}

struct Rig {
    _folder: tempfile::TempDir,
    journal: Arc<Mutex<Journal>>,
    worker: Addr<LoggerWorker>,
    clock: Clock,
    seq: u64,
}

impl Rig {
    fn new(takes: Duration, fate: impl FnMut(usize) -> Fate + 'static) -> Self {
        tokio::time::pause();
        let folder = tempfile::tempdir().unwrap();
        let settings = HistorySettings::new(folder.path().join("journal.db"));
        let journal = Arc::new(Mutex::new(Journal::open(&settings).unwrap()));
        let store = Store { journal: Arc::clone(&journal), fate: Box::new(fate), takes, appends: 0 }.start();
        let clock = Clock::starting_at(START);
        let worker = LoggerWorker::with_writer(clock, settings.flush, Keeping::default(), store.recipient()).start();
        Self { _folder: folder, journal, worker, clock, seq: 0 }
    }

    /// Sends changes of the tags 0 to 9 in turn.
    async fn send(&mut self, count: u64) {
        let now = self.clock.now();
        let change = |seq: u64| TagChange {
            value: Some(Value::Integer(seq.cast_signed())),
            source_time: now,
            server_time: now,
            seq,
            tag: TagId(u32::try_from(seq % 10).unwrap()),
            quality: Quality::GOOD,
        };
        let changes = (self.seq + 1..=self.seq + count).map(change).collect();
        self.seq += count;
        self.worker.send(TagsChanged::for_test(changes)).await.unwrap();
    }

    async fn status(&self) -> HistoryStatus {
        self.worker.send(ReadHistoryStatus).await.unwrap()
    }

    fn stored(&self) -> Vec<u64> {
        let (mut seen, mut journal) = (Vec::new(), self.journal.lock().unwrap());
        let last = journal.last_seq().unwrap();
        journal.scan(0, last, None, &Cancel::default(), |change| seen.push(change.seq)).unwrap();
        seen
    }
}

async fn pass(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

#[actix_rt::test]
async fn a_lone_change_is_stored_after_the_flush_time() {
    let mut rig = Rig::new(Duration::ZERO, |_| Fate::Stored);
    rig.send(1).await;
    pass(30).await;
    rig.send(1).await;
    pass(15).await;
    assert!(rig.stored().is_empty());
    pass(10).await;
    assert_eq!(rig.stored(), [1, 2]);
    let status = rig.status().await;
    assert_eq!((status.frames, status.changes, status.durable_seq, status.lag_ms), (1, 2, 2, 0));
    assert!(status.journal_bytes > 0);
}

#[actix_rt::test]
async fn a_full_frame_is_stored_at_once_and_the_rest_in_its_time() {
    let mut rig = Rig::new(Duration::ZERO, |_| Fate::Stored);
    rig.send(1_500).await;
    pass(1).await;
    assert_eq!(rig.stored().len(), 1_000);
    pass(50).await;
    assert_eq!(rig.stored(), (1..=1_500).collect::<Vec<_>>());
}

#[actix_rt::test]
async fn while_one_write_is_under_way_more_is_collected_for_the_next() {
    let mut rig = Rig::new(Duration::from_millis(40), |_| Fate::Stored);
    for _ in 0..30 {
        rig.send(700).await;
        pass(7).await;
    }
    pass(200).await;
    assert_eq!(rig.stored(), (1..=21_000).collect::<Vec<_>>());
    assert_eq!(rig.status().await.durable_seq, 21_000);
}

#[actix_rt::test]
async fn a_store_that_fails_at_random_loses_nothing_and_doubles_nothing() {
    let mut dice = 0x2545_F491_4F6C_DD1D_u64;
    let mut rig = Rig::new(Duration::from_millis(3), move |_| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        [Fate::Stored, Fate::Refused, Fate::StoredUnsaid, Fate::Stored][usize::try_from(dice % 4).unwrap()]
    });
    for step in 0..400 {
        rig.send(1 + step * 37 % 300).await;
        pass(20 + step % 31).await;
    }
    pass(60_000).await;
    assert_eq!(rig.stored(), (1..=rig.seq).collect::<Vec<_>>());
    let status = rig.status().await;
    assert_eq!((status.durable_seq, status.lost, status.lag_ms), (rig.seq, 0, 0));
}

#[actix_rt::test]
async fn a_store_that_fails_is_seen_and_what_waits_is_stored_when_it_recovers() {
    let mut rig = Rig::new(Duration::ZERO, |appends| if appends <= 2 { Fate::Refused } else { Fate::Stored });
    rig.send(10).await;
    pass(2_000).await;
    let status = rig.status().await;
    assert_eq!(status.error.as_deref(), Some("the store refused: disk full"));
    assert!((1_900..=2_100).contains(&status.lag_ms), "{} ms", status.lag_ms);
    assert_eq!((status.last_seq, status.durable_seq), (10, 0));
    pass(2_000).await;
    assert_eq!(rig.stored(), (1..=10).collect::<Vec<_>>());
    assert_eq!(rig.status().await.error, None);
}

#[actix_rt::test]
async fn a_flush_answers_when_everything_received_is_durable() {
    let mut rig =
        Rig::new(Duration::from_millis(30), |appends| if appends == 1 { Fate::Refused } else { Fate::Stored });
    rig.send(10).await;
    let before = tokio::time::Instant::now();
    let durable = rig.worker.send(FlushHistory).await.unwrap();
    assert_eq!(durable, Ok(10));
    assert_eq!(rig.stored().len(), 10);
    assert!(before.elapsed() >= Duration::from_secs(1), "the first write failed");
    assert_eq!(rig.worker.send(FlushHistory).await.unwrap(), Ok(10));
}

#[actix_rt::test]
async fn excluded_tags_are_not_stored_and_hold_nothing_up() {
    let mut rig = Rig::new(Duration::ZERO, |_| Fate::Stored);
    let excluded = TagSet::new(vec![TagId(3), TagId(4)]);
    rig.worker.send(SetKeeping(Keeping { excluded, ..Keeping::default() })).await.unwrap();
    rig.send(14).await;
    assert_eq!(rig.worker.send(FlushHistory).await.unwrap(), Ok(14));
    assert_eq!(rig.stored(), [1, 2, 5, 6, 7, 8, 9, 10, 11, 12]);
}

#[actix_rt::test]
async fn small_moves_are_not_stored_and_hold_nothing_up() {
    let mut rig = Rig::new(Duration::ZERO, |_| Fate::Stored);
    rig.send(10).await;
    // The value of each of the tags 0 to 9 rises by ten a turn.
    let wide = HistoryDeadBand { width: 20.0, max_silence: None };
    let dead_bands = [(TagId(3), wide), (TagId(4), wide)].into();
    rig.worker.send(SetKeeping(Keeping { dead_bands, ..Keeping::default() })).await.unwrap();
    rig.send(50).await;
    assert_eq!(rig.worker.send(FlushHistory).await.unwrap(), Ok(60));
    let stored = |tag: u64| rig.stored().into_iter().filter(|seq| seq % 10 == tag).collect::<Vec<_>>();
    assert_eq!((stored(3), stored(4)), (vec![3, 13, 43], vec![4, 14, 44]));
    assert_eq!(stored(5).len(), 6);
    assert_eq!(rig.status().await.lost, 0);
}

#[actix_rt::test]
async fn a_table_that_begins_again_behind_the_journal_is_not_kept_in_silence() {
    let mut rig = Rig::new(Duration::ZERO, |_| Fate::Stored);
    rig.send(100).await;
    pass(100).await;
    let store = Store {
        journal: Arc::clone(&rig.journal),
        fate: Box::new(|_| Fate::Stored),
        takes: Duration::ZERO,
        appends: 0,
    };
    let flush = Duration::from_millis(50);
    let worker = LoggerWorker::with_writer(rig.clock, flush, Keeping::default(), store.start().recipient());
    (rig.worker, rig.seq) = (worker.start(), 0);
    rig.send(20).await;
    pass(100).await;
    assert_eq!(rig.status().await.lost, 20);
    assert_eq!(rig.stored().len(), 100);
}

#[actix_rt::test]
async fn the_table_gets_its_credit_back_when_the_changes_are_durable_and_not_before() {
    let rig = Rig::new(Duration::from_secs(1), |_| Fate::Stored);
    let cvt = Cvt::new(rig.clock, 0).start();
    cvt.send(CreateTags(vec![(TagId(1), TagDefinition::float("a"))])).await.unwrap().unwrap();
    let delivery = Delivery::Every { credit: 2, backlog: 100 };
    let recipient = rig.worker.clone().recipient();
    cvt.send(Subscribe { name: "logger".to_owned(), recipient, delivery }).await.unwrap();
    for value in 0..10 {
        cvt.send(WriteTags(vec![Update::good(TagId(1), f64::from(value))])).await.unwrap();
    }
    let waiting = || async { cvt.send(ReadCvtStatus).await.unwrap().subscribers[0].1 };
    pass(500).await;
    assert_eq!(waiting().await, 9, "the snapshot and one message are being stored");
    assert_eq!(rig.status().await.durable_seq, 0);
    pass(2_000).await;
    assert_eq!(waiting().await, 0);
    pass(2_000).await;
    assert_eq!(rig.stored(), (1..=11).collect::<Vec<_>>());
}
