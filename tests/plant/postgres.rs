//! A plant whose configuration and state are on a PostgreSQL server.

use crate::flows::{alarm, definition, stop, until};
use flyball::Plant;
use flyball::alarms::{AcknowledgeAlarm, AlarmState, AlarmStatus, JournalEntry, ReadAlarmJournal};
use flyball::send::{DEADLINE, ask};
use flyball::settings::Settings;
use flyball_schema::test_support::TestDatabase;
use std::path::Path;

async fn start(folder: &Path, database: &TestDatabase) -> Plant {
    let mut settings = Settings::in_folder(folder);
    settings.database.url = Some(database.url().to_owned());
    Plant::builder(settings).definition(definition()).start().await.unwrap()
}

async fn journal(plant: &Plant) -> Vec<JournalEntry> {
    let page = ReadAlarmJournal { limit: 100, ..ReadAlarmJournal::default() };
    ask(plant.alarms_logger(), page, DEADLINE).await.unwrap().unwrap()
}

async fn level_high_is(plant: &Plant, state: AlarmState) -> AlarmStatus {
    until(|| alarm(plant, "level.high"), |alarm| alarm.state == state).await
}

#[actix_rt::test]
async fn alarms_on_postgres_are_the_same_after_a_restart() {
    let Some(database) = TestDatabase::postgres() else { return };
    let folder = tempfile::tempdir().unwrap();
    let plant = start(folder.path(), &database).await;
    let level = plant.resolve("level").await.unwrap();
    plant.write(level, 16.0).await.unwrap();
    let raised = level_high_is(&plant, AlarmState::Unack).await;
    let acknowledge = AcknowledgeAlarm { alarm: raised.id, by: "operator".to_owned(), comment: None };
    let acknowledged = ask(plant.alarms(), acknowledge, DEADLINE).await.unwrap().unwrap();
    let rows = journal(&plant).await;
    assert_eq!(rows.iter().map(|row| row.transition.to.as_str()).collect::<Vec<_>>(), ["ACKED", "UNACK"]);
    stop(plant).await;

    let plant = start(folder.path(), &database).await;
    assert_eq!(plant.resolve("level").await.unwrap(), level, "the tag keeps its identity");
    // The tag has no value yet, which clears nothing.
    assert_eq!(alarm(&plant, "level.high").await, AlarmStatus { quality_hold: true, ..acknowledged });
    assert_eq!(journal(&plant).await, rows);
    plant.write(level, 14.0).await.unwrap();
    level_high_is(&plant, AlarmState::Norm).await;
    stop(plant).await;
    assert!(!folder.path().join("flyball.db").exists(), "nothing of it is in a file");
}

#[actix_rt::test]
async fn what_happens_while_the_server_is_away_is_journaled_when_it_is_back() {
    let Some(database) = TestDatabase::postgres() else { return };
    let folder = tempfile::tempdir().unwrap();
    let plant = start(folder.path(), &database).await;
    let level = plant.resolve("level").await.unwrap();
    database.allow_connections(false);
    database.cut_connections();
    plant.write(level, 16.0).await.unwrap();
    level_high_is(&plant, AlarmState::Unack).await;
    until(|| plant.health(), |health| health.database.is_away && !health.is_ok()).await;

    database.allow_connections(true);
    until(|| plant.health(), |health| !health.database.is_away).await;
    until(|| plant.health(), |health| health.alarms.is_some_and(|counts| counts.pending == 0)).await;
    let rows = journal(&plant).await;
    let of_level = rows.iter().filter(|row| row.alarm_name.as_deref() == Some("level.high"));
    assert_eq!(of_level.map(|row| row.transition.to.as_str()).collect::<Vec<_>>(), ["UNACK"]);
    stop(plant).await;
}
