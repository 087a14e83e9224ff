//! What the clock does, under virtual time, and commands that wait for the journal.

use super::super::super::rows::{memory_of, state_row};
use super::super::super::{AlarmMemory, AlarmsLogger, LoadAlarmMemory, NewAlarm, ReadAlarmJournal};
use super::*;
use crate::db::test_support::open;
use flyball_schema::definition::{AlarmDefinition, PlantDefinition};
use flyball_schema::test_support::TestDatabase;

const HOUR: Duration = Duration::from_secs(3_600);

/// A manager of one alarm, HIGH at 10 on tag 0 as `change` makes of it, from 1000 s on.
async fn start_one(journal: &Journal, new: NewAlarm) -> Addr<AlarmManager> {
    tokio::time::pause();
    let manager = AlarmManager::new(Clock::starting_at(at(1000)), journal.clone().start().recipient()).start();
    get(&manager, CreateAlarms(vec![new])).await.unwrap();
    manager
}

fn with(change: impl FnOnce(&mut AlarmDefinition)) -> NewAlarm {
    let mut new = alarm(0, AlarmKind::High, 10.0);
    change(&mut new.definition);
    new
}

fn command(command: AlarmCommand) -> CommandAlarm {
    CommandAlarm { alarm: AlarmId(0), command, by: "ann".to_owned(), reason: Some("because".to_owned()) }
}

fn shelve(time: Duration) -> CommandAlarm {
    command(AlarmCommand::Shelve { time: Some(time), one_shot: false })
}

async fn status(manager: &Addr<AlarmManager>) -> AlarmStatus {
    get(manager, ReadAlarm(AlarmId(0))).await.unwrap()
}

/// Lets so much time pass, and what is due meanwhile be done.
async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

const MILLISECOND: Duration = Duration::from_millis(1);

#[actix_rt::test]
async fn delays_end_without_a_sample_and_subscribers_hear_of_it() {
    let journal = Journal::default();
    let delays =
        |definition: &mut AlarmDefinition| (definition.on_delay_ms, definition.off_delay_ms) = (30_000, 60_000);
    let manager = start_one(&journal, with(delays)).await;
    feed(&manager, vec![good(0, 5.0, 999)]).await;
    let listener = Listener::default();
    get(&manager, SubscribeAlarms(listener.clone().start().recipient())).await;
    feed(&manager, vec![good(0, 11.0, 999)]).await;
    pass(Duration::from_secs(30) - 5 * MILLISECOND).await;
    assert_eq!(status(&manager).await.state, AlarmState::Norm);
    pass(10 * MILLISECOND).await;
    let raised = status(&manager).await;
    assert_eq!((raised.state, raised.raised_at), (AlarmState::Unack, Some(at(1029))));
    feed(&manager, vec![good(0, 5.0, 1029)]).await;
    pass(Duration::from_secs(61)).await;
    until(|| listener.told() == [(0, "UNACK"), (0, "RTNUN")]).await;
    get(&manager, FlushAlarms).await.unwrap();
    assert_eq!(journal.rows(), [(0, 1, "activated"), (0, 1, "returned")]);
    let stored = journal.stored.lock().unwrap().clone();
    assert_eq!(stored.len(), 4, "the beginning of a delay is kept as well");
    assert!(stored[0].memory.pending.is_some() && stored[0].transition.is_none());
}

#[actix_rt::test]
async fn a_flood_of_deadlines_is_done_in_pieces_and_loses_none() {
    const ALARMS: u32 = 1_000;
    tokio::time::pause();
    let journal = Journal::default();
    let manager = AlarmManager::new(Clock::starting_at(at(1000)), journal.clone().start().recipient()).start();
    let delayed = |id| {
        let mut new = alarm(id, AlarmKind::High, 10.0);
        new.definition.on_delay_ms = 30_000;
        new
    };
    get(&manager, CreateAlarms((0..ALARMS).map(delayed).collect())).await.unwrap();
    feed(&manager, (0..ALARMS).map(|tag| good(tag, 11.0, 1000)).collect()).await;
    pass(Duration::from_secs(29)).await;
    assert_eq!(get(&manager, CountAlarms).await.active, 0);
    pass(Duration::from_secs(2)).await;
    assert_eq!(get(&manager, CountAlarms).await.active, 1_000);
    get(&manager, FlushAlarms).await.unwrap();
    assert_eq!(journal.rows(), (0..ALARMS).map(|id| (id, 1, "activated")).collect::<Vec<_>>());
}

#[actix_rt::test]
async fn an_earlier_deadline_goes_before_a_later_one_that_is_waited_for() {
    let journal = Journal::default();
    let manager = start_one(&journal, with(|definition| definition.off_delay_ms = 10_000)).await;
    feed(&manager, vec![good(0, 11.0, 1000)]).await;
    get(&manager, shelve(2 * HOUR)).await.unwrap();
    feed(&manager, vec![good(0, 5.0, 1000)]).await;
    pass(Duration::from_secs(11)).await;
    let beneath = status(&manager).await;
    assert_eq!((beneath.state, beneath.core), (AlarmState::Shlvd, AlarmState::Rtnun));
    get(&manager, shelve(HOUR)).await.unwrap();
    pass(HOUR - Duration::from_secs(1)).await;
    assert_eq!(status(&manager).await.state, AlarmState::Shlvd);
    pass(Duration::from_secs(2)).await;
    assert_eq!(status(&manager).await.state, AlarmState::Norm);
}

#[actix_rt::test]
async fn an_acknowledged_alarm_is_alarmed_again_by_the_clock() {
    let journal = Journal::default();
    let manager = start_one(&journal, with(|definition| definition.re_alarm_ms = Some(600_000))).await;
    feed(&manager, vec![good(0, 11.0, 1000)]).await;
    get(&manager, acknowledge(0)).await.unwrap();
    pass(Duration::from_secs(599)).await;
    assert_eq!(status(&manager).await.state, AlarmState::Acked);
    pass(Duration::from_secs(2)).await;
    assert_eq!(status(&manager).await.state, AlarmState::Unack);
}

#[actix_rt::test]
async fn a_delay_and_a_shelf_go_on_in_the_manager_of_after_a_restart() {
    let journal = Journal::default();
    let delayed = || with(|definition| definition.on_delay_ms = 30_000);
    let manager = start_one(&journal, delayed()).await;
    feed(&manager, vec![good(0, 11.0, 999)]).await;
    get(&manager, FlushAlarms).await.unwrap();
    let last = journal.stored.lock().unwrap().last().unwrap().memory.clone();
    let (_, memory): (AlarmId, AlarmMemory) = memory_of(state_row(AlarmId(0), &last).unwrap()).unwrap();

    let after = Journal::default();
    let manager = AlarmManager::new(Clock::starting_at(at(1010)), after.clone().start().recipient()).start();
    get(&manager, CreateAlarms(vec![NewAlarm { memory: Some(memory), ..delayed() }])).await.unwrap();
    pass(Duration::from_secs(60)).await;
    assert_eq!(status(&manager).await.state, AlarmState::Norm, "held: nobody knows");
    feed(&manager, vec![good(0, 11.0, 1069)]).await;
    let raised = status(&manager).await;
    assert_eq!((raised.state, raised.raised_at), (AlarmState::Unack, Some(at(1029))), "past its deadline at once");
}

/// Eight hours on the shelf, a restart after four, and no sample at all.
#[actix_rt::test]
async fn a_shelf_ends_at_the_right_instant_across_a_restart() {
    let test_database = TestDatabase::sqlite();
    let database = open(&test_database);
    let definition = PlantDefinition {
        tags: vec![TagDefinition::float("t1")],
        alarms: vec![alarm(1, AlarmKind::High, 10.0).definition],
        ..PlantDefinition::default()
    };
    let register =
        move |connection: &mut _| crate::configuration::catalogue::register(connection, &definition, at(0)).map(drop);
    database.write(register).await.unwrap();
    let logger = AlarmsLogger::new(database).start();
    let first = AlarmManager::new(Clock::starting_at(at(1000)), logger.clone().recipient()).start();
    get(&first, CreateAlarms(vec![alarm(1, AlarmKind::High, 10.0)])).await.unwrap();
    feed(&first, vec![good(1, 11.0, 999)]).await;
    let shelved = get(&first, CommandAlarm { alarm: AlarmId(1), ..shelve(8 * HOUR) }).await.unwrap();
    let until = shelved.flags.shelf.as_ref().unwrap().until;
    // Durable when it is answered.
    let memories = ask(&logger, LoadAlarmMemory, DEADLINE).await.unwrap().unwrap();
    let journal = ReadAlarmJournal { limit: 9, ..ReadAlarmJournal::default() };
    let rows = ask(&logger, journal, DEADLINE).await.unwrap().unwrap();
    assert_eq!(rows[0].transition.event, "shelved");

    tokio::time::pause();
    let store = Journal::default();
    let restarted = until - 4 * HOUR;
    let second = AlarmManager::new(Clock::starting_at(restarted), store.clone().start().recipient()).start();
    let memory = memories.get(&AlarmId(1)).cloned();
    get(&second, CreateAlarms(vec![NewAlarm { memory, ..alarm(1, AlarmKind::High, 10.0) }])).await.unwrap();
    let now = get(&second, ReadAlarm(AlarmId(1))).await.unwrap();
    let expected = AlarmStatus { quality_hold: true, allowed: now.allowed.clone(), ..shelved };
    assert_eq!(now, expected);
    pass(4 * HOUR - 5 * MILLISECOND).await;
    assert_eq!(get(&second, ReadAlarm(AlarmId(1))).await.unwrap().state, AlarmState::Shlvd);
    pass(10 * MILLISECOND).await;
    let released = get(&second, ReadAlarm(AlarmId(1))).await.unwrap();
    assert_eq!((released.state, released.occurrence, released.flags.shelf), (AlarmState::Unack, 1, None));
    get(&second, FlushAlarms).await.unwrap();
    let stored = store.stored.lock().unwrap();
    let row = stored[0].transition.as_ref().unwrap();
    assert_eq!((row.event, row.actor.as_str()), ("unshelved", "system"));
    assert!(row.occurred >= until && row.occurred < until + 5 * MILLISECOND, "{}", row.occurred);
}

#[actix_rt::test]
async fn a_command_is_answered_only_when_it_is_durable() {
    let journal = Journal::delayed(Duration::from_millis(200));
    let manager = start_one(&journal, with(|_| {})).await;
    let asked = tokio::time::Instant::now();
    let shelved = get(&manager, shelve(HOUR)).await.unwrap();
    assert!(asked.elapsed() >= Duration::from_millis(200), "{:?}", asked.elapsed());
    assert_eq!((shelved.state, journal.rows()), (AlarmState::Shlvd, vec![(0, 0, "shelved")]));
    for (wanted, event) in [
        (AlarmCommand::TakeOutOfService, "out_of_service"),
        (AlarmCommand::Unshelve, "unshelved"),
        (AlarmCommand::ReturnToService, "returned_to_service"),
    ] {
        get(&manager, command(wanted)).await.unwrap();
        assert_eq!(journal.rows().last(), Some(&(0, 0, event)));
    }
}

#[actix_rt::test]
async fn a_command_whose_journal_fails_is_told_so_and_stands_in_memory() {
    let journal = Journal::default();
    let manager = start_one(&journal, with(|_| {})).await;
    journal.fails.store(true, Ordering::SeqCst);
    let told = get(&manager, shelve(HOUR)).await;
    assert_eq!(told, Err(AlarmError::NotDurable("the database is busy".to_owned())));
    assert_eq!(status(&manager).await.state, AlarmState::Shlvd);
    let refused = get(&manager, shelve(100 * HOUR)).await;
    assert!(matches!(refused, Err(AlarmError::ShelvedTooLong { .. })), "{refused:?}");
    journal.fails.store(false, Ordering::SeqCst);
    get(&manager, FlushAlarms).await.unwrap();
    assert_eq!(journal.rows(), [(0, 0, "shelved")]);
}

#[actix_rt::test]
async fn limits_of_shelving_are_those_of_the_settings() {
    tokio::time::pause();
    let limits = ShelfLimits { medium: HOUR, ..ShelfLimits::default() };
    let store = Journal::default().start().recipient();
    let manager = AlarmManager::new(Clock::starting_at(at(1000)), store).with_shelf_limits(limits).start();
    get(&manager, CreateAlarms(vec![alarm(0, AlarmKind::High, 10.0)])).await.unwrap();
    let told = get(&manager, shelve(2 * HOUR)).await;
    assert_eq!(told, Err(AlarmError::ShelvedTooLong { alarm: "a0".to_owned(), most: HOUR }));
    get(&manager, shelve(HOUR)).await.unwrap();
}
