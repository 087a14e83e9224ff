//! The actor in virtual time, with a server, a record and an alarm manager of the tests.

use super::super::settings::{ChannelSettings, Notify, RuleSettings};
use super::super::test_support::{alarm, at, mail, rule};
use super::*;
use crate::alarms::AlarmState::{Acked, Norm, Unack};
use crate::cvt::{CvtError, TagRecord};
use crate::db::DbError;
use crate::send::ask;
use std::sync::Mutex;

/// What the world does, and what it has seen.
#[derive(Debug, Default)]
struct World {
    standing: Vec<AlarmStatus>,
    told: Vec<Told>,
    /// Results of the next deliveries; all others succeed.
    outcomes: VecDeque<Result<(), DeliveryError>>,
    /// Deliveries: second, recipient, subject.
    delivered: Vec<(i64, String, String)>,
    /// Writes of the record that fail.
    failing_writes: usize,
    recorded: Vec<(String, Status, u32)>,
    /// A server that never answers.
    hangs: bool,
}

type Shared = Arc<Mutex<World>>;

struct Fake(Shared);

impl Actor for Fake {
    type Context = Context<Self>;
}

impl Handler<SubscribeAlarms> for Fake {
    type Result = MessageResult<SubscribeAlarms>;
    fn handle(&mut self, _: SubscribeAlarms, _ctx: &mut Self::Context) -> Self::Result {
        MessageResult(self.0.lock().unwrap().standing.clone())
    }
}

impl Handler<ReadTags> for Fake {
    type Result = Result<Vec<TagRecord>, CvtError>;
    fn handle(&mut self, _: ReadTags, _ctx: &mut Self::Context) -> Self::Result {
        Err(CvtError::UnknownTag(TagId(1)))
    }
}

impl Handler<ReadTold> for Fake {
    type Result = Result<Vec<Told>, DbError>;
    fn handle(&mut self, _: ReadTold, _ctx: &mut Self::Context) -> Self::Result {
        Ok(self.0.lock().unwrap().told.clone())
    }
}

impl Handler<AbandonQueued> for Fake {
    type Result = Result<usize, DbError>;
    fn handle(&mut self, _: AbandonQueued, _ctx: &mut Self::Context) -> Self::Result {
        Ok(0)
    }
}

impl Handler<StoreNotifications> for Fake {
    type Result = Result<(), DbError>;
    fn handle(&mut self, StoreNotifications(records): StoreNotifications, _ctx: &mut Self::Context) -> Self::Result {
        let mut world = self.0.lock().unwrap();
        if world.failing_writes > 0 {
            world.failing_writes -= 1;
            return Err(DbError::Busy);
        }
        let line = |record: &NotificationRecord| (record.outgoing.subject.clone(), record.status, record.attempts);
        world.recorded.extend(records.iter().map(line));
        Ok(())
    }
}

async fn start(
    world: World,
    channel: ChannelSettings,
    queue: usize,
    rules: Vec<RuleSettings>,
) -> (Addr<Notifier>, Shared) {
    tokio::time::pause();
    let settings = Notify { queue, channels: vec![channel], rules };
    let plan = Arc::new(Plan::read(&settings, &|_| None).unwrap());
    let world = Arc::new(Mutex::new(world));
    let fake = Fake(Arc::clone(&world)).start();
    let record = {
        let fake = fake.clone();
        move || Record {
            store: fake.clone().recipient(),
            told: fake.clone().recipient(),
            abandon: fake.clone().recipient(),
        }
    };
    let (alarms, table) = (fake.clone().recipient(), fake.recipient());
    let neighbours = Neighbours { alarms, table, record: Arc::new(record) };
    let clock = Clock::starting_at(at(0));
    let mut notifier = Notifier::new(clock, "demo", plan, neighbours);
    let seen = Arc::clone(&world);
    notifier.deliver = Some(Rc::new(move |outgoing: Arc<Outgoing>| {
        let mut world = seen.lock().unwrap();
        let second = clock.now().as_micros() / 1_000_000;
        world.delivered.push((second, outgoing.recipient.to_string(), outgoing.subject.clone()));
        let (hangs, outcome) = (world.hangs, world.outcomes.pop_front().unwrap_or(Ok(())));
        Box::pin(async move { if hangs { std::future::pending().await } else { outcome } })
    }));
    let notifier = notifier.start();
    settle(&notifier).await;
    (notifier, world)
}

/// Waits until the notifier has done all that is due.
async fn settle(notifier: &Addr<Notifier>) -> NotifierStatus {
    tokio::time::sleep(Duration::from_millis(5)).await;
    ask(notifier, ReadNotifierStatus, DEADLINE).await.unwrap()
}

async fn change(notifier: &Addr<Notifier>, subjects: Vec<Subject>) {
    let changed = subjects.into_iter().map(|subject| subject.status).collect();
    ask(notifier, AlarmsChanged { changed, removed: Arc::new([]) }, DEADLINE).await.unwrap();
    settle(notifier).await;
}

async fn pass(notifier: &Addr<Notifier>, seconds: u64) -> NotifierStatus {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    settle(notifier).await
}

fn seconds(world: &Shared) -> Vec<i64> {
    world.lock().unwrap().delivered.iter().map(|(second, ..)| *second).collect()
}

fn away() -> Result<(), DeliveryError> {
    Err(DeliveryError { reason: "connection refused".to_owned(), permanent: false })
}

fn after(minutes: u32) -> RuleSettings {
    RuleSettings { delay_min: minutes, ..rule("r") }
}

#[actix_rt::test]
async fn an_alarm_is_delivered_when_its_delay_is_over_and_put_on_record() {
    let (notifier, world) = start(World::default(), mail("mail"), 10, vec![after(5)]).await;
    change(&notifier, vec![alarm(1, 1, Unack), alarm(2, 1, Unack)]).await;
    change(&notifier, vec![alarm(2, 1, Acked)]).await;
    pass(&notifier, 299).await;
    assert_eq!(seconds(&world), [0; 0]);
    let status = pass(&notifier, 2).await;
    assert_eq!((seconds(&world), status.sent, status.unrecorded), (vec![300], 1, 0));
    let subject = "[high] a1 raised: 16.5 cm".to_owned();
    let recorded = [(subject.clone(), Status::Queued, 0), (subject, Status::Sent, 1)];
    assert_eq!(world.lock().unwrap().recorded, recorded);
}

#[actix_rt::test]
async fn a_server_that_is_away_gets_it_later_and_once() {
    let world = World { outcomes: [away(), away(), away()].into(), ..World::default() };
    let (notifier, world) = start(world, mail("mail"), 10, vec![rule("r")]).await;
    change(&notifier, vec![alarm(1, 1, Unack)]).await;
    let status = pass(&notifier, 1).await;
    assert_eq!(status.channels[0].error.as_deref(), Some("connection refused"));
    assert_eq!(status.channels[0].waiting, 1);
    let status = pass(&notifier, 60).await;
    assert_eq!((status.sent, &status.channels[0].error, seconds(&world).len()), (1, &None, 4));
    assert_eq!(world.lock().unwrap().recorded.last().unwrap().2, 4, "attempts");
    pass(&notifier, 3_600).await;
    assert_eq!(seconds(&world).len(), 4);
}

#[actix_rt::test]
async fn too_many_messages_drop_the_oldest_and_that_is_told() {
    let world = World { outcomes: [away()].into(), ..World::default() };
    let (notifier, world) = start(world, mail("mail"), 2, vec![rule("r")]).await;
    let all = (1..=4).map(|id| alarm(id, 1, Unack)).collect();
    change(&notifier, all).await;
    let status = pass(&notifier, 60).await;
    assert_eq!((status.dropped, status.sent), (2, 2));
    let failed = world.lock().unwrap().recorded.iter().filter(|(_, status, _)| *status == Status::Failed).count();
    assert_eq!(failed, 2);
}

#[actix_rt::test]
async fn a_summary_settles_what_it_stands_for() {
    let channel = ChannelSettings { most_per_10_min: Some(1), ..mail("mail") };
    let (notifier, world) = start(World::default(), channel, 10, vec![rule("r")]).await;
    change(&notifier, (1..=3).map(|id| alarm(id, 1, Unack)).collect()).await;
    let status = pass(&notifier, 601).await;
    assert_eq!((status.sent, status.held, seconds(&world)), (2, 2, vec![0, 600]));
    let recorded = world.lock().unwrap().recorded.clone();
    let sent: Vec<&str> =
        recorded.iter().filter(|(_, status, _)| *status == Status::Sent).map(|(subject, ..)| &**subject).collect();
    let expected = [
        "[high] a1 raised: 16.5 cm",
        "2 more alarm messages: 2 high",
        "[high] a2 raised: 16.5 cm",
        "[high] a3 raised: 16.5 cm",
    ];
    assert_eq!(sent, expected);
}

#[actix_rt::test]
async fn a_start_takes_up_what_stands_and_what_was_told() {
    let told =
        Told { rule: "r".to_owned(), alarm: AlarmId(2), occurrence: 1, kind: super::super::Kind::Raised, at: at(0) };
    let standing = [(1, Unack), (2, Unack), (3, Norm)].map(|(id, state)| alarm(id, 1, state).status).to_vec();
    let world = World { standing, told: vec![told], ..World::default() };
    let (notifier, world) = start(world, mail("mail"), 10, vec![after(5)]).await;
    pass(&notifier, 600).await;
    let delivered = world.lock().unwrap().delivered.clone();
    assert_eq!(delivered, [(300, "ann@plant.example".to_owned(), "[high] a1 raised: 16.5 cm".to_owned())]);
}

#[actix_rt::test]
async fn a_record_that_cannot_be_written_keeps_nobody_from_being_told() {
    let world = World { failing_writes: 3, ..World::default() };
    let (notifier, world) = start(world, mail("mail"), 10, vec![rule("r")]).await;
    change(&notifier, vec![alarm(1, 1, Unack)]).await;
    let status = settle(&notifier).await;
    assert_eq!((status.sent, status.unrecorded), (1, 2));
    assert!(status.record_error.is_some());
    let status = pass(&notifier, 5).await;
    assert_eq!((status.unrecorded, status.record_error, seconds(&world)), (0, None, vec![0]));
    assert_eq!(world.lock().unwrap().recorded.len(), 2);
}

#[actix_rt::test]
async fn a_flush_waits_for_the_record_and_not_for_a_server_that_hangs() {
    let (notifier, world) = start(World { hangs: true, ..World::default() }, mail("mail"), 10, vec![rule("r")]).await;
    change(&notifier, vec![alarm(1, 1, Unack), alarm(2, 1, Unack)]).await;
    ask(&notifier, FlushNotifier, DEADLINE).await.unwrap();
    assert_eq!(world.lock().unwrap().recorded.len(), 2, "both are queued on record");
    pass(&notifier, 600).await;
    assert_eq!(seconds(&world).len(), 1, "nothing is begun any more");
}

#[actix_rt::test]
async fn without_rules_nothing_is_done() {
    let standing = vec![alarm(1, 1, Unack).status];
    let (notifier, world) = start(World { standing, ..World::default() }, mail("mail"), 10, vec![]).await;
    let status = pass(&notifier, 60).await;
    assert_eq!((status.sent, seconds(&world)), (0, vec![]));
}
