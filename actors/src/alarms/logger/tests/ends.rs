//! Ends by the configuration where no manager knows of them.

use super::super::super::{AlarmCommand, VerifyAlarmJournal};
use super::*;
use std::time::Duration;

/// Alarms 1 to 8 on both backends: at rest, UNACK, shelved at rest, shelved over ACKED, suppressed over RTNUN, out of
/// service over UNACK, in its on-delay, and shelved over what has come and gone.
async fn standing() -> Vec<Plant> {
    let plants = plants(8).await;
    for plant in &plants {
        let mut alarms = high_alarms(8);
        alarms[4].suppressed = Some(flyball_schema::TagId(50));
        alarms[6].definition.on_delay_ms = 10_000;
        alarms[7].definition.auto_acknowledge = true;
        let mut registry = Registry::default();
        registry.add(alarms, at(0)).unwrap();
        let values = [5.0, 11.0, 5.0, 11.0, 11.0, 11.0, 11.0, 5.0];
        let changes: Vec<_> = (1..).zip(values).map(|(tag, value)| good(tag, value, 1)).collect();
        let mut stored = records(registry.evaluate(&changes, at(1), 99).effects);
        let shelve = AlarmCommand::Shelve { time: Some(Duration::from_secs(60)), one_shot: false };
        for (id, command) in [
            (3, shelve.clone()),
            (4, AlarmCommand::Acknowledge),
            (4, shelve.clone()),
            (8, shelve),
            (6, AlarmCommand::TakeOutOfService),
        ] {
            stored.extend(records(registry.command(AlarmId(id), &command, "ann", Some("because"), at(2)).unwrap()));
        }
        let hidden = [good(50, true, 3), good(5, 5.0, 3), good(8, 11.0, 3), good(8, 5.0, 100)];
        stored.extend(records(registry.evaluate(&hidden, at(3), 99).effects));
        let shown: Vec<_> = registry.statuses().map(|status| (status.state.as_str(), status.core.as_str())).collect();
        let expected = [
            ("NORM", "NORM"),
            ("UNACK", "UNACK"),
            ("SHLVD", "NORM"),
            ("SHLVD", "ACKED"),
            ("DSUPR", "RTNUN"),
            ("OOSRV", "UNACK"),
            ("NORM", "NORM"),
            ("SHLVD", "NORM"),
        ];
        assert_eq!(shown, expected);
        store(plant, &stored).await;
    }
    plants
}

async fn end_all(plant: &Plant, event: AlarmEvent, journalled: bool) {
    let ended: HashMap<AlarmId, AlarmEvent> = (1..=8).map(|id| (AlarmId(id), event)).collect();
    plant.database.write(move |connection| end_standing(connection, &ended, journalled, at(100))).await.unwrap();
}

/// Alarm, state before, state after of the newest rows, oldest first.
async fn newest(plant: &Plant, count: usize) -> Vec<(u32, &'static str, &'static str)> {
    let rows = journal(&plant.logger, ReadAlarmJournal { limit: count, ..all() }).await;
    rows.iter().rev().map(|row| &row.transition).map(|row| (row.alarm.0, row.from.as_str(), row.to.as_str())).collect()
}

async fn check_at_rest(plant: &Plant) {
    let memories = ask(&plant.logger, LoadAlarmMemory, DEADLINE).await.unwrap().unwrap();
    for (id, memory) in &memories {
        assert_eq!((memory.shown(), memory.pending), (AlarmState::Norm, None), "{id}");
        let began = memory.occurrence > 0;
        assert_eq!(memory.cleared_at, began.then_some(at(100)), "{id}");
    }
    let found = ask(&plant.logger, VerifyAlarmJournal, DEADLINE).await.unwrap().unwrap();
    assert_eq!(found.broken, None);
}

const ENDS: [(u32, &str, &str); 6] = [
    (2, "UNACK", "NORM"),
    (3, "SHLVD", "NORM"),
    (4, "SHLVD", "NORM"),
    (5, "DSUPR", "NORM"),
    (6, "OOSRV", "NORM"),
    (8, "SHLVD", "NORM"),
];

#[actix_rt::test]
async fn whatever_stands_is_ended_with_flags_and_delays() {
    for plant in standing().await {
        let before = journal(&plant.logger, all()).await.len();
        end_all(&plant, AlarmEvent::Removed, true).await;
        assert_eq!(newest(&plant, 6).await, ENDS);
        let rows = journal(&plant.logger, all()).await;
        assert_eq!(rows.len(), before + 6);
        assert!(rows[..6].iter().all(|row| (row.transition.event, row.transition.occurred) == ("removed", at(100))));
        check_at_rest(&plant).await;
        // What is at rest stays as it is.
        end_all(&plant, AlarmEvent::Removed, true).await;
        assert_eq!(journal(&plant.logger, all()).await, rows);
    }
}

#[actix_rt::test]
async fn ends_that_a_killed_manager_did_not_journal_are_journalled_at_the_next_start() {
    for plant in standing().await {
        let before = journal(&plant.logger, all()).await.len();
        end_all(&plant, AlarmEvent::Reconfigured, false).await;
        assert_eq!(journal(&plant.logger, all()).await.len(), before, "the manager is to tell");
        check_at_rest(&plant).await;
        plant.database.write(|connection| journal_missing_ends(connection, at(200))).await.unwrap();
        assert_eq!(newest(&plant, 6).await, ENDS);
        let rows = journal(&plant.logger, all()).await;
        assert_eq!(rows.len(), before + 6);
        let last = &rows[0].transition;
        assert_eq!((last.event, last.occurred, last.recorded), ("reconfigured", at(100), at(200)));
        check_at_rest(&plant).await;
        plant.database.write(|connection| journal_missing_ends(connection, at(300))).await.unwrap();
        assert_eq!(journal(&plant.logger, all()).await, rows, "once");
    }
}

#[actix_rt::test]
async fn a_flag_over_an_alarm_at_rest_is_no_missing_end() {
    for plant in standing().await {
        let rows = journal(&plant.logger, all()).await;
        plant.database.write(|connection| journal_missing_ends(connection, at(200))).await.unwrap();
        assert_eq!(journal(&plant.logger, all()).await, rows);
    }
}
