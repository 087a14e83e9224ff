use super::super::registry::Registry;
use super::super::test_support::{alarm, at, good, record, records, transition};
use super::super::{
    AcknowledgeAlarm, AlarmCommand, AlarmManager, AlarmStatus, CreateAlarms, FlushAlarms, ListAlarms, NewAlarm,
};
use super::*;
use crate::clock::Clock;
use crate::cvt::TagsChanged;
use crate::db::test_support::open;
use crate::send::{DEADLINE, ask};
use actix::Addr;
use flyball_schema::db::Backend;
use flyball_schema::definition::{AlarmKind, PlantDefinition, TagDefinition};
use flyball_schema::test_support::TestDatabase;

mod chain;
mod ends;
mod occurrences;

struct Plant {
    test_database: TestDatabase,
    database: Database,
    logger: Addr<AlarmsLogger>,
}

/// On each backend, a database with tags `t1`.. and alarms `a1`.. in its catalogue, with ids 1.. each.
async fn plants(count: u32) -> Vec<Plant> {
    let mut plants = Vec::new();
    for test_database in TestDatabase::each() {
        let database = open(&test_database);
        let definition = PlantDefinition {
            tags: (1..=count).map(|id| TagDefinition::float(format!("t{id}"))).collect(),
            alarms: high_alarms(count).into_iter().map(|alarm| alarm.definition).collect(),
            ..PlantDefinition::default()
        };
        let register = move |connection: &mut Connection| {
            crate::configuration::catalogue::register(connection, &definition, at(0))
        };
        database.write(register).await.unwrap();
        let logger = AlarmsLogger::new(database.clone()).start();
        plants.push(Plant { test_database, database, logger });
    }
    plants
}

fn high_alarms(count: u32) -> Vec<NewAlarm> {
    (1..=count).map(|id| alarm(id, AlarmKind::High, 10.0)).collect()
}

async fn journal(logger: &Addr<AlarmsLogger>, query: ReadAlarmJournal) -> Vec<JournalEntry> {
    ask(logger, query, DEADLINE).await.unwrap().unwrap()
}

async fn store(plant: &Plant, records: &[Record]) {
    ask(&plant.logger, StoreTransitions(records.to_vec()), DEADLINE).await.unwrap().unwrap();
}

/// Runs a statement on the database.
async fn execute(plant: &Plant, statement: &str) -> Result<usize, DbError> {
    let statement = statement.to_owned();
    plant.database.write(move |connection| Ok(diesel::sql_query(statement).execute(connection)?)).await
}

fn all() -> ReadAlarmJournal {
    ReadAlarmJournal { limit: 1000, ..ReadAlarmJournal::default() }
}

#[actix_rt::test]
async fn transitions_and_states_come_back_as_they_were_written() {
    for plant in plants(2).await {
        let mut registry = Registry::default();
        registry.add(high_alarms(2), at(0)).unwrap();
        let changes = [good(1, 0.1 + 0.2 + 10.0, 1), good(2, 1e300, 2), good(2, 5.0, 3)];
        let mut stored = records(registry.evaluate(&changes, at(9), 99).effects);
        let comment = Some("Ventil \"7\" geschlossen; ok?");
        let acknowledged = registry.command(AlarmId(1), &AlarmCommand::Acknowledge, "ann", comment, at(10));
        stored.extend(records(acknowledged.unwrap()));
        let tag = flyball_schema::TagId(9);
        let moved = NewAlarm { tag, source: tag, ..alarm(1, AlarmKind::High, 10.0) };
        let changed = registry.change(&[AlarmId(2)], vec![moved], at(11)).unwrap();
        stored.extend(records(changed.effects));
        let transitions: Vec<_> = stored.iter().filter_map(|record| record.transition.as_ref()).collect();
        assert_eq!(transitions[4..].iter().map(|row| row.event).collect::<Vec<_>>(), ["removed", "reconfigured"]);
        store(&plant, &stored).await;

        let rows = journal(&plant.logger, all()).await;
        let written: Vec<_> = transitions.into_iter().rev().collect();
        assert_eq!(rows.iter().map(|row| &row.transition).collect::<Vec<_>>(), written);
        assert!(rows.iter().all(|row| row.alarm_name == Some(format!("a{}", row.transition.alarm))));
        let memory = ask(&plant.logger, LoadAlarmMemory, DEADLINE).await.unwrap().unwrap();
        let last = |id| stored.iter().rev().find(|record| record.alarm == id).map(|record| &record.memory);
        assert_eq!(memory.get(&AlarmId(1)), last(AlarmId(1)));
        assert_eq!(memory.get(&AlarmId(2)), last(AlarmId(2)));
    }
}

#[actix_rt::test]
async fn a_batch_that_is_written_again_does_not_stand_twice() {
    for plant in plants(3).await {
        let first = vec![record(1, 1), record(2, 1)];
        let again = [first.clone(), vec![record(3, 1), record(1, 2)]].concat();
        for batch in [first, again] {
            store(&plant, &batch).await;
        }
        let rows = journal(&plant.logger, all()).await;
        let ids: Vec<_> = rows.iter().rev().map(|row| (row.transition.alarm.0, row.transition.occurrence)).collect();
        assert_eq!(ids, [(1, 1), (2, 1), (3, 1), (1, 2)]);
    }
}

#[actix_rt::test]
async fn the_journal_is_read_newest_first_a_page_at_a_time() {
    for plant in plants(2).await {
        let batch: Vec<Record> = (1..=10).map(|n| record(1 + u32::from(n % 2 == 0), n)).collect();
        store(&plant, &batch).await;
        let occurrences = |rows: &[JournalEntry]| rows.iter().map(|row| row.transition.occurrence).collect::<Vec<_>>();
        let first = journal(&plant.logger, ReadAlarmJournal { limit: 4, ..all() }).await;
        assert_eq!(occurrences(&first), [10, 9, 8, 7]);
        let next = ReadAlarmJournal { limit: 4, before: Some(first[3].id), ..all() };
        assert_eq!(occurrences(&journal(&plant.logger, next).await), [6, 5, 4, 3]);
        let of_one = ReadAlarmJournal { limit: 2, alarm: Some(AlarmId(1)), before: Some(first[1].id) };
        assert_eq!(occurrences(&journal(&plant.logger, of_one).await), [7, 5]);
    }
}

#[actix_rt::test]
async fn the_journal_cannot_be_altered() {
    for plant in plants(1).await {
        store(&plant, &[record(1, 1)]).await;
        let before = journal(&plant.logger, all()).await;
        let columns =
            "alarm_id, occurrence, from_state, to_state, event, value, quality, occurred, recorded, actor, reason";
        let mut statements =
            vec!["UPDATE alarm_journal SET actor = 'nobody'".to_owned(), "DELETE FROM alarm_journal".to_owned()];
        statements.extend(match plant.test_database.backend() {
            Backend::Sqlite => [
                format!("INSERT OR REPLACE INTO alarm_journal (id, {columns}) SELECT id, {columns} FROM alarm_journal"),
                format!("INSERT OR REPLACE INTO alarm_journal ({columns}) SELECT {columns} FROM alarm_journal"),
            ],
            Backend::Postgres => [
                "TRUNCATE alarm_journal".to_owned(),
                format!(
                    "INSERT INTO alarm_journal (id, {columns}) SELECT id, {columns} FROM alarm_journal \
                     ON CONFLICT (id) DO UPDATE SET actor = 'nobody'"
                ),
            ],
        });
        for statement in statements {
            let outcome = execute(&plant, &statement).await;
            let error = outcome.expect_err(&statement).to_string();
            assert!(error.contains("the alarm journal is immutable"), "{statement}: {error}");
        }
        assert_eq!(journal(&plant.logger, all()).await, before);
    }
}

#[actix_rt::test]
async fn an_alarm_the_catalogue_does_not_know_does_not_hold_up_the_others() {
    for plant in plants(1).await {
        store(&plant, &[record(77, 1), record(1, 1)]).await;
        let rows = journal(&plant.logger, all()).await;
        assert_eq!(rows.iter().map(|row| row.alarm_name.as_deref()).collect::<Vec<_>>(), [Some("a1"), None]);
        let memory = ask(&plant.logger, LoadAlarmMemory, DEADLINE).await.unwrap().unwrap();
        assert_eq!(memory.into_keys().collect::<Vec<_>>(), [AlarmId(1)]);
    }
}

#[actix_rt::test]
async fn a_row_that_is_no_transition_is_an_error_not_an_empty_list() {
    for plant in plants(1).await {
        let row = "INSERT INTO alarm_state (alarm_id, state, occurrence) VALUES (1, 'LATCHED', 1)";
        execute(&plant, row).await.unwrap();
        let error = ask(&plant.logger, LoadAlarmMemory, DEADLINE).await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "alarm_state 1: \"LATCHED\" is no state");
    }
}

async fn manager(plant: &Plant, count: u32) -> Addr<AlarmManager> {
    let mut memory = ask(&plant.logger, LoadAlarmMemory, DEADLINE).await.unwrap().unwrap();
    let restored = high_alarms(count).into_iter().map(|new| NewAlarm { memory: memory.remove(&new.id), ..new });
    let manager = AlarmManager::new(Clock::system(), plant.logger.clone().recipient()).start();
    ask(&manager, CreateAlarms(restored.collect()), DEADLINE).await.unwrap().unwrap();
    manager
}

async fn list(manager: &Addr<AlarmManager>) -> Vec<AlarmStatus> {
    ask(manager, ListAlarms { limit: 1000, ..ListAlarms::default() }, DEADLINE).await.unwrap()
}

#[actix_rt::test]
async fn a_restart_restores_every_state_exactly() {
    for before in plants(4).await {
        let first = manager(&before, 4).await;
        // a1 NORM again after an occurrence, a2 UNACK, a3 ACKED, a4 RTNUN.
        let changes = vec![good(1, 11.0, 1), good(1, 5.0, 2), good(2, 11.0, 3), good(3, 11.0, 4), good(4, 11.0, 5)];
        ask(&first, TagsChanged::for_test(changes), DEADLINE).await.unwrap();
        ask(&first, TagsChanged::for_test(vec![good(4, 5.0, 6)]), DEADLINE).await.unwrap();
        for id in [1, 3] {
            let acknowledge = AcknowledgeAlarm { alarm: AlarmId(id), by: "ann".to_owned(), comment: None };
            ask(&first, acknowledge, DEADLINE).await.unwrap().unwrap();
        }
        ask(&first, FlushAlarms, DEADLINE).await.unwrap().unwrap();
        let stood = list(&first).await;
        let states: Vec<_> = stood.iter().map(|status| status.state.as_str()).collect();
        assert_eq!(states, ["NORM", "UNACK", "ACKED", "RTNUN"]);

        let database = Database::open(before.test_database.url(), 1).unwrap();
        let logger = AlarmsLogger::new(database.clone()).start();
        let after = Plant { database, logger, ..before };
        let second = manager(&after, 4).await;
        let held = |status: &AlarmStatus| AlarmStatus { quality_hold: true, ..status.clone() };
        assert_eq!(list(&second).await, stood.iter().map(held).collect::<Vec<_>>());
        // The same values as before the restart change nothing and write no row.
        let rows = journal(&after.logger, all()).await.len();
        let values = vec![good(1, 5.0, 7), good(2, 11.0, 7), good(3, 11.0, 7), good(4, 5.0, 7)];
        ask(&second, TagsChanged::for_test(values), DEADLINE).await.unwrap();
        ask(&second, FlushAlarms, DEADLINE).await.unwrap().unwrap();
        assert_eq!(list(&second).await, stood);
        assert_eq!(journal(&after.logger, all()).await.len(), rows);
    }
}

#[actix_rt::test]
async fn a_comment_that_the_database_cannot_keep_as_it_is_does_not_hold_up_the_journal() {
    for plant in plants(1).await {
        let reason = Some("valve\0 closed".to_owned());
        let typed = AlarmTransition { reason, ..transition(1, 1) };
        let memory = AlarmMemory { acknowledged_by: Some("a\0nn".to_owned()), ..AlarmMemory::default() };
        store(&plant, &[Record { alarm: AlarmId(1), transition: Some(typed), memory }]).await;
        let rows = journal(&plant.logger, all()).await;
        assert_eq!(rows[0].transition.reason.as_deref(), Some("valve\u{fffd} closed"));
    }
}
