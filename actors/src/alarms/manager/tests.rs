use super::super::test_support::{alarm, at, change, good};
use super::super::{AlarmState, AlarmsChanged, Record};
use super::*;
use crate::cvt::{CreateTags, Cvt, Delivery, SnapshotReply, Subscribe, Update, WriteTags};
use crate::send::ask;
use actix::Addr;
use flyball_schema::definition::{AlarmKind, TagDefinition};
use flyball_schema::{AlarmId, Quality, TagId, Value};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

mod timers;

/// A journal that does as it is told and remembers.
#[derive(Debug, Clone, Default)]
struct Journal {
    stored: Arc<Mutex<Vec<Record>>>,
    attempts: Arc<AtomicU32>,
    fails: Arc<AtomicBool>,
    delay: Duration,
}

impl Journal {
    fn delayed(delay: Duration) -> Self {
        Self { delay, ..Self::default() }
    }

    /// Alarm, occurrence and event of every row, in order.
    fn rows(&self) -> Vec<(u32, u64, &'static str)> {
        let stored = self.stored.lock().unwrap();
        let rows = stored.iter().filter_map(|record| record.transition.as_ref());
        rows.map(|row| (row.alarm.0, row.occurrence, row.event)).collect()
    }
}

impl Actor for Journal {
    type Context = Context<Self>;
}

impl Handler<StoreTransitions> for Journal {
    type Result = ResponseFuture<Result<(), DbError>>;

    fn handle(&mut self, StoreTransitions(records): StoreTransitions, _ctx: &mut Self::Context) -> Self::Result {
        let probe = self.clone();
        Box::pin(async move {
            tokio::time::sleep(probe.delay).await;
            probe.attempts.fetch_add(1, Ordering::SeqCst);
            if probe.fails.load(Ordering::SeqCst) {
                return Err(DbError::Busy);
            }
            probe.stored.lock().unwrap().extend(records);
            Ok(())
        })
    }
}

/// A subscriber that keeps what it is told; with a gate it stands still until the gate is opened.
#[derive(Debug, Clone, Default)]
struct Listener {
    told: Arc<Mutex<Vec<AlarmStatus>>>,
    removed: Arc<Mutex<Vec<u32>>>,
    messages: Arc<AtomicU32>,
    gate: Option<Arc<AtomicBool>>,
}

impl Listener {
    fn told(&self) -> Vec<(u32, &'static str)> {
        self.told.lock().unwrap().iter().map(|status| (status.id.0, status.state.as_str())).collect()
    }
}

impl Actor for Listener {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(1);
    }
}

impl Handler<AlarmsChanged> for Listener {
    type Result = ();

    fn handle(&mut self, message: AlarmsChanged, ctx: &mut Self::Context) {
        self.messages.fetch_add(1, Ordering::SeqCst);
        self.told.lock().unwrap().extend(message.changed.iter().cloned());
        self.removed.lock().unwrap().extend(message.removed.iter().map(|id| id.0));
        if let Some(gate) = self.gate.clone() {
            let opened = async move {
                while !gate.load(Ordering::SeqCst) {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            ctx.wait(opened.into_actor(self));
        }
    }
}

/// A manager of `count` alarms, HIGH at 10 on the tag of the same number, from 0.
async fn start(journal: &Journal, count: u32) -> Addr<AlarmManager> {
    tokio::time::pause();
    let store = journal.clone().start();
    let manager = AlarmManager::new(Clock::starting_at(at(1000)), store.recipient()).start();
    let alarms = (0..count).map(|id| alarm(id, AlarmKind::High, 10.0)).collect();
    get(&manager, CreateAlarms(alarms)).await.unwrap();
    manager
}

async fn get<M>(manager: &Addr<AlarmManager>, message: M) -> M::Result
where
    AlarmManager: Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    ask(manager, message, Duration::from_secs(60)).await.unwrap()
}

async fn feed(manager: &Addr<AlarmManager>, changes: Vec<TagChange>) {
    get(manager, TagsChanged::for_test(changes)).await;
}

fn acknowledge(alarm: u32) -> AcknowledgeAlarm {
    AcknowledgeAlarm { alarm: AlarmId(alarm), by: "ann".to_owned(), comment: None }
}

async fn until(mut reached: impl FnMut() -> bool) {
    let wait = async {
        while !reached() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait).await.expect("a state that is reached within a minute");
}

#[actix_rt::test]
async fn an_acknowledge_is_answered_only_when_it_is_durable() {
    let journal = Journal::delayed(Duration::from_millis(200));
    let manager = start(&journal, 1).await;
    feed(&manager, vec![good(0, 11.0, 1)]).await;
    let asked = tokio::time::Instant::now();
    let status = get(&manager, acknowledge(0)).await.unwrap();
    // Behind the activation, which is being written: two writes of 200 ms.
    assert!(asked.elapsed() >= Duration::from_millis(400), "{:?}", asked.elapsed());
    assert_eq!(journal.rows(), [(0, 1, "activated"), (0, 1, "acknowledged")]);
    assert_eq!((status.state, status.acknowledged_by.as_deref()), (AlarmState::Acked, Some("ann")));
    assert_eq!(get(&manager, CountAlarms).await.pending, 0);
}

#[actix_rt::test]
async fn other_requests_are_answered_while_an_acknowledge_waits() {
    let journal = Journal::delayed(Duration::from_millis(200));
    let manager = start(&journal, 1).await;
    feed(&manager, vec![good(0, 11.0, 1)]).await;
    let waiting = actix_rt::spawn(ask_later(manager.clone(), acknowledge(0)));
    until(|| journal.attempts.load(Ordering::SeqCst) == 1).await;
    assert_eq!(get(&manager, ReadAlarm(AlarmId(0))).await.unwrap().state, AlarmState::Acked);
    assert_eq!(get(&manager, CountAlarms).await.pending, 1);
    waiting.await.unwrap().unwrap();
}

async fn ask_later(manager: Addr<AlarmManager>, message: AcknowledgeAlarm) -> Result<AlarmStatus, AlarmError> {
    get(&manager, message).await
}

#[actix_rt::test]
async fn a_refused_acknowledge_writes_no_row_and_is_answered_at_once() {
    let journal = Journal::default();
    let manager = start(&journal, 1).await;
    let refused = get(&manager, acknowledge(0)).await;
    let (alarm, state) = (AlarmId(0), AlarmState::Norm);
    let allowed = vec!["shelve", "out_of_service"];
    assert_eq!(refused, Err(AlarmError::WrongState { alarm, state, event: "acknowledged", allowed }));
    assert_eq!(get(&manager, acknowledge(5)).await, Err(AlarmError::UnknownAlarm(AlarmId(5))));
    get(&manager, FlushAlarms).await.unwrap();
    assert_eq!(journal.rows(), []);
}

#[actix_rt::test]
async fn a_journal_that_fails_and_recovers_loses_nothing_and_keeps_the_order() {
    let journal = Journal::default();
    let manager = start(&journal, 3).await;
    journal.fails.store(true, Ordering::SeqCst);
    feed(&manager, vec![good(2, 11.0, 1), good(0, 11.0, 2)]).await;
    let told = get(&manager, acknowledge(2)).await;
    assert_eq!(told, Err(AlarmError::NotDurable("the database is busy".to_owned())));
    assert_eq!(get(&manager, ReadAlarm(AlarmId(2))).await.unwrap().state, AlarmState::Acked, "it stands in memory");
    feed(&manager, vec![good(1, 11.0, 3), good(0, 5.0, 4)]).await;
    let status = get(&manager, ReadAlarmManagerStatus).await;
    assert_eq!((status.pending, status.journal_error.as_deref()), (5, Some("the database is busy")));
    let flush = actix_rt::spawn({
        let manager = manager.clone();
        async move { get(&manager, FlushAlarms).await }
    });
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(!flush.is_finished(), "a flush waits through failures");
    let attempts = journal.attempts.load(Ordering::SeqCst);
    assert!((10..=16).contains(&attempts), "once a second, not once a change: {attempts}");
    journal.fails.store(false, Ordering::SeqCst);
    flush.await.unwrap().unwrap();
    let order =
        [(2, 1, "activated"), (0, 1, "activated"), (2, 1, "acknowledged"), (1, 1, "activated"), (0, 1, "returned")];
    assert_eq!(journal.rows(), order);
    let status = get(&manager, ReadAlarmManagerStatus).await;
    assert_eq!((status.pending, status.dropped, status.journal_error), (0, 0, None));
}

#[actix_rt::test]
async fn a_journal_that_has_stopped_ends_a_flush_with_an_error() {
    tokio::time::pause();
    let store = Journal::default().start();
    let manager = AlarmManager::new(Clock::system(), store.clone().recipient()).start();
    get(&manager, CreateAlarms(vec![alarm(0, AlarmKind::High, 10.0)])).await.unwrap();
    store.send(Stop).await.unwrap();
    feed(&manager, vec![good(0, 11.0, 1)]).await;
    assert!(matches!(get(&manager, FlushAlarms).await, Err(AlarmError::NotDurable(_))));
}

#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Stop;

impl Handler<Stop> for Journal {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        actix::ActorContext::stop(ctx);
    }
}

#[actix_rt::test]
async fn past_its_limit_the_backlog_drops_the_oldest_and_says_how_many() {
    tokio::time::pause();
    let journal = Journal::default();
    journal.fails.store(true, Ordering::SeqCst);
    let store = journal.clone().start().recipient();
    let manager = AlarmManager::new(Clock::system(), store).with_backlog(3).start();
    get(&manager, CreateAlarms((0..5).map(|id| alarm(id, AlarmKind::High, 10.0)).collect())).await.unwrap();
    feed(&manager, vec![good(0, 11.0, 1)]).await;
    until(|| journal.attempts.load(Ordering::SeqCst) == 1).await;
    feed(&manager, (1..5).map(|tag| good(tag, 11.0, 2)).collect()).await;
    let status = get(&manager, ReadAlarmManagerStatus).await;
    assert_eq!((status.pending, status.dropped), (3, 2));
    journal.fails.store(false, Ordering::SeqCst);
    get(&manager, FlushAlarms).await.unwrap();
    assert_eq!(journal.rows(), [(2, 1, "activated"), (3, 1, "activated"), (4, 1, "activated")]);
}

#[actix_rt::test]
async fn a_flood_is_journalled_whole_and_an_acknowledge_gets_through_meanwhile() {
    const FLOOD: u32 = 10_000;
    let journal = Journal::delayed(Duration::from_millis(2));
    let manager = start(&journal, FLOOD + 1).await;
    feed(&manager, vec![good(FLOOD, 11.0, 1)]).await;
    get(&manager, FlushAlarms).await.unwrap();
    let flood = TagsChanged::for_test((0..FLOOD).map(|tag| good(tag, 11.0, 2)).collect());
    manager.try_send(flood).unwrap();
    let asked = tokio::time::Instant::now();
    get(&manager, acknowledge(FLOOD)).await.unwrap();
    // Evaluated in steps: the acknowledge stands behind the first of them, not behind the flood.
    assert!(asked.elapsed() < Duration::from_millis(20), "{:?}", asked.elapsed());
    get(&manager, FlushAlarms).await.unwrap();
    let rows = journal.rows();
    assert_eq!(rows.len(), 2 + usize::try_from(FLOOD).unwrap());
    let flood = rows.iter().filter(|(alarm, ..)| *alarm != FLOOD).map(|(alarm, ..)| *alarm);
    assert!(flood.eq(0..FLOOD), "in the order of the changes");
    let counts = get(&manager, CountAlarms).await;
    assert_eq!((counts.active, counts.unacknowledged, counts.pending), (10_001, 10_000, 0));
}

#[actix_rt::test]
async fn announcements_come_in_order_and_a_new_subscriber_is_told_everything_first() {
    let manager = start(&Journal::default(), 2).await;
    feed(&manager, vec![good(0, 11.0, 1), good(1, 5.0, 1)]).await;
    let listener = Listener::default();
    let all = get(&manager, SubscribeAlarms(listener.clone().start().recipient())).await;
    assert_eq!(all.iter().map(|status| status.state).collect::<Vec<_>>(), [AlarmState::Unack, AlarmState::Norm]);
    feed(&manager, vec![good(1, 11.0, 2), good(0, 5.0, 2)]).await;
    get(&manager, acknowledge(0)).await.unwrap();
    let bad = change(1, Some(Value::Float(11.0)), Quality::BAD_NO_COMMUNICATION, 3);
    feed(&manager, vec![bad]).await;
    until(|| listener.told().len() == 4).await;
    assert_eq!(listener.told(), [(1, "UNACK"), (0, "RTNUN"), (0, "NORM"), (1, "UNACK")]);
    assert!(listener.told.lock().unwrap()[3].quality_hold);
}

#[actix_rt::test]
async fn a_subscriber_whose_mailbox_is_full_misses_nothing() {
    let manager = start(&Journal::default(), 1).await;
    let gate = Arc::new(AtomicBool::new(false));
    let listener = Listener { gate: Some(Arc::clone(&gate)), ..Listener::default() };
    get(&manager, SubscribeAlarms(listener.clone().start().recipient())).await;
    for second in 1..=50 {
        feed(&manager, vec![good(0, if second % 2 == 0 { 5.0 } else { 11.0 }, second)]).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(listener.messages.load(Ordering::SeqCst) <= 1, "it stands still");
    gate.store(true, Ordering::SeqCst);
    until(|| listener.told().len() == 50).await;
    assert!(listener.told().chunks(2).all(|pair| pair == [(0, "UNACK"), (0, "RTNUN")]));
    assert_eq!(get(&manager, ReadAlarmManagerStatus).await.merged_announcements, 0);
}

#[actix_rt::test]
async fn a_subscriber_far_behind_is_told_the_newest_state_of_what_changed() {
    const ALARMS: u32 = 100;
    let manager = start(&Journal::default(), ALARMS).await;
    let gate = Arc::new(AtomicBool::new(false));
    let listener = Listener { gate: Some(Arc::clone(&gate)), ..Listener::default() };
    get(&manager, SubscribeAlarms(listener.clone().start().recipient())).await;
    for second in 1..=201 {
        let value = if second % 2 == 0 { 5.0 } else { 11.0 };
        feed(&manager, (0..ALARMS).map(|tag| good(tag, value, second)).collect()).await;
    }
    assert!(get(&manager, ReadAlarmManagerStatus).await.merged_announcements > 0);
    gate.store(true, Ordering::SeqCst);
    let newest = |told: &[AlarmStatus], id| told.iter().rev().find(|status| status.id == AlarmId(id)).cloned();
    let last = get(&manager, ReadAlarm(AlarmId(ALARMS - 1))).await.unwrap();
    until(|| newest(&listener.told.lock().unwrap(), ALARMS - 1).as_ref() == Some(&last)).await;
    let told = listener.told.lock().unwrap().clone();
    assert!((0..ALARMS).all(|id| newest(&told, id).is_some_and(|status| status.since == Some(at(201)))));
    assert!(told.len() < 20_100, "merged");
}

#[actix_rt::test]
async fn a_subscriber_that_has_stopped_is_forgotten() {
    let manager = start(&Journal::default(), 1).await;
    let listener = Listener::default().start();
    get(&manager, SubscribeAlarms(listener.clone().recipient())).await;
    assert_eq!(get(&manager, ReadAlarmManagerStatus).await.subscribers, 1);
    listener.send(Stop).await.unwrap();
    feed(&manager, vec![good(0, 11.0, 1)]).await;
    assert_eq!(get(&manager, ReadAlarmManagerStatus).await.subscribers, 0);
}

impl Handler<Stop> for Listener {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        actix::ActorContext::stop(ctx);
    }
}

/// A table that answers a snapshot.
#[derive(Debug)]
struct Table(Vec<TagChange>);

impl Actor for Table {
    type Context = Context<Self>;
}

impl Handler<Snapshot> for Table {
    type Result = MessageResult<Snapshot>;

    fn handle(&mut self, _: Snapshot, _ctx: &mut Self::Context) -> Self::Result {
        MessageResult(SnapshotReply { seq: 1, tags: self.0.clone() })
    }
}

#[actix_rt::test]
async fn an_alarm_created_in_a_running_plant_sees_the_value_its_tag_has_already() {
    tokio::time::pause();
    let table = Table(vec![good(0, 5.0, 1), good(1, 50.0, 1)]).start();
    let store = Journal::default().start().recipient();
    let manager = AlarmManager::new(Clock::system(), store).with_table(table.recipient()).start();
    feed(&manager, vec![good(0, 5.0, 1), good(1, 50.0, 1)]).await;
    get(&manager, CreateAlarms(vec![alarm(0, AlarmKind::High, 10.0), alarm(1, AlarmKind::High, 10.0)])).await.unwrap();
    assert_eq!(get(&manager, ReadAlarm(AlarmId(0))).await.unwrap().state, AlarmState::Norm);
    assert_eq!(get(&manager, ReadAlarm(AlarmId(1))).await.unwrap().state, AlarmState::Unack);
}

#[actix_rt::test]
async fn after_lost_changes_the_alarms_are_brought_up_to_date_by_a_snapshot() {
    tokio::time::pause();
    let journal = Journal::default();
    let table = Table(vec![good(0, 50.0, 2), good(1, 50.0, 3)]).start();
    let store = journal.clone().start().recipient();
    let manager = AlarmManager::new(Clock::system(), store).with_table(table.recipient()).start();
    get(&manager, CreateAlarms((0..2).map(|id| alarm(id, AlarmKind::High, 10.0)).collect())).await.unwrap();
    feed(&manager, vec![good(0, 5.0, 1), good(1, 5.0, 1)]).await;
    // That tag 0 rose is among what was lost.
    let mut next = TagsChanged::for_test(vec![good(1, 50.0, 3)]);
    next.lost = 1;
    get(&manager, next).await;
    assert_eq!(get(&manager, CountAlarms).await.active, 2);
    assert_eq!(get(&manager, ReadAlarmManagerStatus).await.lost_changes, 1);
    get(&manager, FlushAlarms).await.unwrap();
    assert_eq!(journal.rows(), [(1, 1, "activated"), (0, 1, "activated")]);
}

#[actix_rt::test]
async fn a_removed_alarm_is_ended_in_the_journal_and_subscribers_hear_that_it_is_gone() {
    let journal = Journal::default();
    let manager = start(&journal, 3).await;
    feed(&manager, vec![good(0, 11.0, 1), good(1, 5.0, 1)]).await;
    let listener = Listener::default();
    get(&manager, SubscribeAlarms(listener.clone().start().recipient())).await;
    let lowered = alarm(1, AlarmKind::High, 4.0);
    get(&manager, ChangeAlarms { remove: vec![AlarmId(2), AlarmId(0)], put: vec![lowered] }).await.unwrap();
    get(&manager, FlushAlarms).await.unwrap();
    assert_eq!(journal.rows(), [(0, 1, "activated"), (0, 1, "removed"), (1, 1, "activated")]);
    until(|| !listener.removed.lock().unwrap().is_empty()).await;
    assert_eq!(
        (listener.told(), listener.removed.lock().unwrap().clone()),
        (vec![(0, "NORM"), (1, "UNACK")], vec![0, 2])
    );
    assert_eq!(get(&manager, ReadAlarm(AlarmId(0))).await, Err(AlarmError::UnknownAlarm(AlarmId(0))));
    let refused = ChangeAlarms { remove: vec![AlarmId(0)], put: vec![alarm(7, AlarmKind::High, 1.0)] };
    assert_eq!(get(&manager, refused).await, Err(AlarmError::UnknownAlarm(AlarmId(0))));
    assert_eq!(get(&manager, CountAlarms).await.total, 1);
}

#[actix_rt::test]
async fn an_alarm_that_moves_to_a_tag_never_seen_asks_the_table_for_it() {
    tokio::time::pause();
    let journal = Journal::default();
    let table = Table(vec![good(0, 11.0, 1), good(9, 50.0, 1)]).start();
    let store = journal.clone().start().recipient();
    let manager = AlarmManager::new(Clock::starting_at(at(1000)), store).with_table(table.recipient()).start();
    get(&manager, CreateAlarms(vec![alarm(0, AlarmKind::High, 10.0)])).await.unwrap();
    feed(&manager, vec![good(0, 11.0, 1)]).await;
    let mut moved = alarm(9, AlarmKind::High, 10.0);
    moved.id = AlarmId(0);
    get(&manager, ChangeAlarms { remove: vec![], put: vec![moved] }).await.unwrap();
    assert_eq!(get(&manager, ReadAlarm(AlarmId(0))).await.unwrap().value, Some(Value::Float(50.0)));
    get(&manager, FlushAlarms).await.unwrap();
    assert_eq!(journal.rows(), [(0, 1, "activated"), (0, 1, "reconfigured"), (0, 2, "activated")]);
}

#[actix_rt::test]
async fn a_subscriber_far_behind_hears_of_a_removal_too() {
    const ALARMS: u32 = 100;
    let manager = start(&Journal::default(), ALARMS).await;
    let gate = Arc::new(AtomicBool::new(false));
    let listener = Listener { gate: Some(Arc::clone(&gate)), ..Listener::default() };
    get(&manager, SubscribeAlarms(listener.clone().start().recipient())).await;
    for second in 1..=200 {
        let value = if second % 2 == 0 { 5.0 } else { 11.0 };
        feed(&manager, (0..ALARMS).map(|tag| good(tag, value, second)).collect()).await;
    }
    get(&manager, ChangeAlarms { remove: vec![AlarmId(5)], put: vec![] }).await.unwrap();
    assert!(get(&manager, ReadAlarmManagerStatus).await.merged_announcements > 0);
    gate.store(true, Ordering::SeqCst);
    until(|| *listener.removed.lock().unwrap() == [5]).await;
}

#[actix_rt::test]
async fn a_renamed_tag_is_announced_with_its_alarms() {
    let manager = start(&Journal::default(), 2).await;
    let listener = Listener::default();
    get(&manager, SubscribeAlarms(listener.clone().start().recipient())).await;
    get(&manager, RenameTags(vec![(TagId(1), "tank".to_owned())])).await;
    until(|| listener.told.lock().unwrap().iter().any(|status| status.definition.tag == "tank")).await;
    assert_eq!(get(&manager, ListTagUses(vec![TagId(1)])).await.len(), 1);
}

#[actix_rt::test]
async fn a_value_written_to_the_table_raises_its_alarm() {
    let journal = Journal::default();
    let manager = start(&journal, 2).await;
    let table = Cvt::new(Clock::starting_at(at(1000)), 0).start();
    let tags = vec![(TagId(0), TagDefinition::float("t0")), (TagId(1), TagDefinition::float("t1"))];
    ask(&table, CreateTags(tags), DEADLINE).await.unwrap().unwrap();
    let subscribe = Subscribe {
        name: "alarms".to_owned(),
        recipient: manager.clone().recipient(),
        delivery: Delivery::Every { credit: 16, backlog: 100_000 },
    };
    ask(&table, subscribe, DEADLINE).await.unwrap();
    ask(&table, WriteTags(vec![Update::good(TagId(1), 11.0)]), DEADLINE).await.unwrap();
    until(|| journal.rows() == [(1, 1, "activated")]).await;
    let states = get(&manager, ListAlarms { limit: 9, ..ListAlarms::default() }).await;
    assert_eq!(states.iter().map(|status| status.quality_hold).collect::<Vec<_>>(), [true, false]);
}

#[actix_rt::test]
async fn restored_states_survive_a_first_snapshot_without_usable_values() {
    let manager = start(&Journal::default(), 0).await;
    let states = [AlarmState::Norm, AlarmState::Unack, AlarmState::Acked, AlarmState::Rtnun];
    let restored = (0..).zip(states).map(|(id, state)| {
        let mut new = alarm(id, AlarmKind::High, 10.0);
        new.memory = Some(super::super::AlarmMemory { state, occurrence: 7, ..Default::default() });
        new
    });
    get(&manager, CreateAlarms(restored.collect())).await.unwrap();
    let waiting = (0..4).map(|tag| change(tag, None, Quality::BAD_WAITING_FOR_INITIAL_DATA, 1)).collect();
    feed(&manager, waiting).await;
    let all = get(&manager, ListAlarms { limit: 9, ..ListAlarms::default() }).await;
    assert_eq!(all.iter().map(|status| status.state).collect::<Vec<_>>(), states);
    assert!(all.iter().all(|status| status.quality_hold && status.occurrence == 7));
}
