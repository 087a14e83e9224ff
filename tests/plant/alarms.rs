//! Alarms of a whole plant: what an operator sees where tags, expressions, the journal and restarts come together.

use super::flows::{alarm, stop, until};
use flyball::Plant;
use flyball::alarms::{
    AcknowledgeAlarm, AlarmCommand, AlarmState, AlarmStatus, CommandAlarm, CountAlarms, FlushAlarms, JournalEntry,
    JournalVerification, ListAlarms, Occurrence, ReadAlarmJournal, ReadOccurrences, VerifyAlarmJournal,
};
use flyball::cvt::{Update, WriteTags};
use flyball::schema::definition::{AlarmDefinition, AlarmKind, PlantDefinition, TagDefinition};
use flyball::schema::{AlarmId, Quality, TagId, Timestamp, Value};
use flyball::send::{DEADLINE, ask};
use flyball::settings::Settings;
use std::path::Path;
use std::time::Duration;

fn high(name: &str, tag: &str, change: impl FnOnce(&mut AlarmDefinition)) -> AlarmDefinition {
    let mut alarm = AlarmDefinition::new(name, tag, AlarmKind::High, 15.0);
    change(&mut alarm);
    alarm
}

fn plant_of(tags: &[&str], alarms: Vec<AlarmDefinition>) -> PlantDefinition {
    let tag = |name: &&str| TagDefinition::float(*name).with_unit("cm").writable();
    PlantDefinition { tags: tags.iter().map(tag).collect(), alarms, ..PlantDefinition::default() }
}

async fn start(folder: &Path, definition: PlantDefinition) -> Plant {
    Plant::builder(Settings::in_folder(folder)).definition(definition).start().await.unwrap()
}

async fn write(plant: &Plant, tag: &str, value: impl Into<Value>) {
    plant.write(plant.resolve(tag).await.unwrap(), value).await.unwrap();
}

async fn update(plant: &Plant, updates: Vec<Update>) {
    let refused = ask(plant.cvt(), WriteTags(updates), DEADLINE * 10).await.unwrap().refused;
    assert!(refused.is_empty(), "{refused:?}");
}

async fn until_state(plant: &Plant, name: &str, state: AlarmState) -> AlarmStatus {
    until(|| alarm(plant, name), |alarm| alarm.state == state).await
}

async fn command(plant: &Plant, name: &str, command: AlarmCommand) -> AlarmStatus {
    let id = alarm(plant, name).await.id;
    let command = CommandAlarm { alarm: id, command, by: "ann".to_owned(), reason: Some("because".to_owned()) };
    ask(plant.alarms(), command, DEADLINE).await.unwrap().unwrap()
}

/// The journal, oldest first.
async fn journal(plant: &Plant, alarm: Option<AlarmId>) -> Vec<JournalEntry> {
    ask(plant.alarms(), FlushAlarms, DEADLINE * 10).await.unwrap().unwrap();
    let page = ReadAlarmJournal { alarm, limit: 100_000, before: None };
    let mut rows = ask(plant.alarms_logger(), page, DEADLINE * 10).await.unwrap().unwrap();
    rows.reverse();
    rows
}

async fn events(plant: &Plant, name: &str) -> Vec<&'static str> {
    let rows = journal(plant, Some(alarm(plant, name).await.id)).await;
    rows.iter().map(|row| row.transition.event).collect()
}

async fn occurrences(plant: &Plant) -> Vec<Occurrence> {
    let query = ReadOccurrences { alarm: None, from: Timestamp::MIN, to: Timestamp::MAX, before: None, limit: 100_000 };
    ask(plant.alarms_logger(), query, DEADLINE * 10).await.unwrap().unwrap()
}

async fn verify(plant: &Plant) -> JournalVerification {
    ask(plant.alarms_logger(), VerifyAlarmJournal, DEADLINE * 10).await.unwrap().unwrap()
}

#[actix_rt::test]
async fn deviation_suppression_and_a_set_point_from_a_tag_work_from_the_definition() {
    let folder = tempfile::tempdir().unwrap();
    let mut deviation = AlarmDefinition::new("off", "level", AlarmKind::Deviation, 5.0);
    deviation.reference = Some("target".to_owned());
    let mut bound = AlarmDefinition::new("full", "level", AlarmKind::High, true);
    bound.set_point_tag = Some("limit".to_owned());
    let suppressed = AlarmDefinition::new("empty", "level", AlarmKind::Low, 2.0);
    let suppressed = AlarmDefinition { suppress_when: Some("target < 1".to_owned()), ..suppressed };
    let tags = ["level", "target", "limit"];
    let plant = start(folder.path(), plant_of(&tags, vec![deviation, bound, suppressed])).await;
    for (tag, value) in [("target", 10.0), ("limit", 18.0), ("level", 10.0)] {
        write(&plant, tag, value).await;
    }
    until(
        || async { [alarm(&plant, "off").await, alarm(&plant, "full").await, alarm(&plant, "empty").await] },
        |all| all.iter().all(|alarm| alarm.state == AlarmState::Norm && !alarm.quality_hold),
    )
    .await;

    write(&plant, "level", 15.5).await;
    let off = until_state(&plant, "off", AlarmState::Unack).await;
    assert_eq!((off.value, off.set_point, off.definition.tag.as_str()), (Some(5.5.into()), Some(5.0.into()), "level"));
    write(&plant, "limit", 15.0).await;
    let full = until_state(&plant, "full", AlarmState::Unack).await;
    assert_eq!((full.value, full.set_point), (Some(15.5.into()), Some(15.0.into())));
    write(&plant, "limit", 16.0).await;
    until_state(&plant, "full", AlarmState::Rtnun).await;
    write(&plant, "level", 16.5).await;
    let again = until_state(&plant, "full", AlarmState::Unack).await;
    assert_eq!(again.occurrence, 2, "held against the set point of now");
    write(&plant, "target", 16.0).await;
    until_state(&plant, "off", AlarmState::Rtnun).await;

    write(&plant, "target", 0.0).await;
    until_state(&plant, "empty", AlarmState::Dsupr).await;
    write(&plant, "level", 1.0).await;
    let beneath = until(|| alarm(&plant, "empty"), |alarm| alarm.core == AlarmState::Unack).await;
    assert_eq!((beneath.state, beneath.active), (AlarmState::Dsupr, true));
    write(&plant, "target", 10.0).await;
    until_state(&plant, "empty", AlarmState::Unack).await;
    assert_eq!(events(&plant, "empty").await, ["suppressed", "activated", "unsuppressed"]);
    assert_eq!(verify(&plant).await.broken, None);
    stop(plant).await;
}

#[actix_rt::test]
async fn an_alarm_of_the_rate_stands_while_its_tag_moves_fast() {
    let folder = tempfile::tempdir().unwrap();
    let mut rate = AlarmDefinition::new("fast", "level", AlarmKind::Rate, 50.0);
    rate.window_ms = Some(500);
    let plant = start(folder.path(), plant_of(&["level"], vec![rate])).await;
    let mut level = 0.0;
    let level_rises = || {
        level += 10.0;
        let (plant, level) = (&plant, level);
        async move {
            write(plant, "level", level).await;
            alarm(plant, "fast").await
        }
    };
    until(level_rises, |fast| fast.state == AlarmState::Unack).await;
    let level_rests = || async {
        write(&plant, "level", 7.0).await;
        alarm(&plant, "fast").await
    };
    until(level_rests, |fast| fast.state == AlarmState::Rtnun).await;
    stop(plant).await;
}

#[actix_rt::test]
async fn a_value_that_cannot_be_used_neither_clears_nor_raises_and_its_quality_is_an_alarm_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let level = TagDefinition::float("level").with_unit("cm").stale_after(1_000).writable();
    let bad = AlarmDefinition::new("level.bad", "level", AlarmKind::BadQuality, true);
    let alarms = vec![high("level.high", "level", |_| {}), bad];
    let definition = PlantDefinition { tags: vec![level], alarms, ..PlantDefinition::default() };
    let plant = start(folder.path(), definition).await;
    let tag = plant.resolve("level").await.unwrap();
    assert_eq!(alarm(&plant, "level.bad").await.occurrence, 0, "a tag not heard of yet is not bad");
    let unusable = [
        Some(Update::good(tag, f64::NAN)),
        Some(Update { quality: Quality::BAD_NO_COMMUNICATION, ..Update::good(tag, 1.0) }),
        Some(Update::quality(tag, Quality::BAD_TIMEOUT)),
        // Stale: nothing comes.
        None,
    ];
    for (round, unusable) in (1..).zip(unusable) {
        update(&plant, vec![Update::good(tag, 16.0)]).await;
        until_state(&plant, "level.high", AlarmState::Unack).await;
        if let Some(unusable) = unusable.clone() {
            update(&plant, vec![unusable]).await;
        }
        let held = until(|| alarm(&plant, "level.high"), |alarm| alarm.quality_hold).await;
        assert_eq!((held.state, held.occurrence), (AlarmState::Unack, round), "{unusable:?}");
        let bad = until(|| alarm(&plant, "level.bad"), |alarm| alarm.active).await;
        assert_eq!((bad.state, bad.occurrence), (AlarmState::Unack, round), "{unusable:?}");
        // Good again, and meanwhile below the limit.
        update(&plant, vec![Update::good(tag, 5.0)]).await;
        let back = until_state(&plant, "level.high", AlarmState::Rtnun).await;
        assert!(!back.quality_hold);
        until_state(&plant, "level.bad", AlarmState::Rtnun).await;
    }
    stop(plant).await;
}

#[actix_rt::test]
async fn a_definition_that_needs_itself_or_takes_a_name_is_refused_before_anything_starts() {
    let suppressed =
        |name: &str, tag: &str, when: &str| high(name, tag, |alarm| alarm.suppress_when = Some(when.to_owned()));
    let mut own = AlarmDefinition::new("d", "d.deviation", AlarmKind::Deviation, 1.0);
    own.reference = Some("x".to_owned());
    for (tags, alarms, expected) in [
        (vec!["x"], vec![suppressed("a", "x", "{a.suppressed}")], "derived tags need each other"),
        (
            vec!["x", "y"],
            vec![suppressed("a", "x", "{b.suppressed}"), suppressed("b", "y", "{a.suppressed}")],
            "derived tags need each other",
        ),
        (vec!["x"], vec![own], "derived tags need each other"),
        (vec!["x", "a.suppressed"], vec![suppressed("a", "x", "x > 1")], "this name is taken"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let builder = Plant::builder(Settings::in_folder(folder.path())).definition(plant_of(&tags, alarms));
        let told = match builder.start().await {
            Ok(_) => panic!("it has started: {expected}"),
            Err(error) => error.to_string(),
        };
        assert!(told.contains(expected), "{expected}: {told}");
    }
}

#[actix_rt::test]
async fn ten_thousand_alarms_at_once_are_all_in_journal_and_summary_and_an_acknowledge_gets_through() {
    const ALARMS: u32 = 10_000;
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..=ALARMS).map(|number| format!("t{number:05}")).collect();
    let tags = names.iter().map(|name| TagDefinition::float(name).without_history()).collect();
    let alarms = names.iter().map(|name| high(name, name, |_| {})).collect();
    let plant = start(folder.path(), PlantDefinition { tags, alarms, ..PlantDefinition::default() }).await;
    let first = plant.resolve(&names[0]).await.unwrap();
    update(&plant, vec![Update::good(first, 16.0)]).await;
    let acknowledged = until_state(&plant, &names[0], AlarmState::Unack).await.id;

    // Ids are given in the order of the definition.
    let flood: Vec<TagId> = (first.0 + 1..=first.0 + ALARMS).map(TagId).collect();
    let acknowledge = AcknowledgeAlarm { alarm: acknowledged, by: "ann".to_owned(), comment: None };
    let tripping = update(&plant, flood.iter().map(|tag| Update::good(*tag, 16.0)).collect());
    let ((), answer) = tokio::join!(tripping, ask(plant.alarms(), acknowledge, DEADLINE));
    assert_eq!(answer.unwrap().unwrap().state, AlarmState::Acked);
    let counts = || async { ask(plant.alarms(), CountAlarms, DEADLINE).await.unwrap() };
    until(counts, |counts| counts.active == 10_001).await;

    let rows = journal(&plant, None).await;
    assert_eq!(rows.len(), 10_002);
    assert!(rows.windows(2).all(|pair| pair[0].id + 1 == pair[1].id));
    let activated: Vec<AlarmId> =
        rows.iter().map(|row| &row.transition).filter(|row| row.event == "activated").map(|row| row.alarm).collect();
    let expected: Vec<AlarmId> = (acknowledged.0..=acknowledged.0 + ALARMS).map(AlarmId).collect();
    assert_eq!(activated, expected, "every one, once, in the order in which they were tripped");
    let summary = occurrences(&plant).await;
    assert_eq!(summary.len(), 10_001);
    assert!(summary.iter().all(|row| row.occurrence == 1 && row.peak == Some(16.0.into()) && row.cleared_at.is_none()));
    let with_name = summary.iter().filter(|row| row.acknowledged_by.as_deref() == Some("ann"));
    assert_eq!(with_name.map(|row| row.alarm).collect::<Vec<_>>(), [acknowledged]);
    let whole = verify(&plant).await;
    assert_eq!((whole.checked, whole.broken), (10_002, None));

    update(&plant, flood.iter().map(|tag| Update::good(*tag, 5.0)).collect()).await;
    until(counts, |counts| counts.active == 1).await;
    assert_eq!(journal(&plant, None).await.len(), 20_002);
    assert!(occurrences(&plant).await.iter().all(|row| row.alarm == acknowledged || row.returned_at.is_some()));
    assert_eq!((verify(&plant).await.checked, verify(&plant).await.broken), (20_002, None));
    stop(plant).await;
}

#[actix_rt::test]
async fn a_restart_restores_shelf_delay_occurrence_and_out_of_service() {
    const DELAY: Duration = Duration::from_secs(2);
    let folder = tempfile::tempdir().unwrap();
    let tags = ["shelved", "serviced", "delayed", "soon", "latched"];
    let alarms = || {
        vec![
            high("shelved", "shelved", |_| {}),
            high("serviced", "serviced", |_| {}),
            high("delayed", "delayed", |alarm| alarm.on_delay_ms = 3_600_000),
            high("soon", "soon", |alarm| alarm.on_delay_ms = 2_000),
            high("latched", "latched", |alarm| (alarm.latching, alarm.off_delay_ms) = (true, 3_600_000)),
        ]
    };
    let plant = start(folder.path(), plant_of(&tags, alarms())).await;
    for tag in tags {
        write(&plant, tag, 16.0).await;
    }
    for name in ["shelved", "serviced", "latched"] {
        until_state(&plant, name, AlarmState::Unack).await;
    }
    write(&plant, "latched", 5.0).await;
    let hour = Duration::from_secs(3_600);
    let shelf = command(&plant, "shelved", AlarmCommand::Shelve { time: Some(hour), one_shot: false }).await;
    command(&plant, "serviced", AlarmCommand::TakeOutOfService).await;
    for name in ["delayed", "soon", "latched"] {
        until(|| alarm(&plant, name), |alarm| alarm.pending.is_some()).await;
    }
    let all = async |plant: &Plant| -> Vec<AlarmStatus> {
        let query = ListAlarms { limit: 5, ..ListAlarms::default() };
        ask(plant.alarms(), query, DEADLINE).await.unwrap()
    };
    let before = all(&plant).await;
    let states: Vec<_> = before.iter().map(|alarm| alarm.state.as_str()).collect();
    assert_eq!(states, ["SHLVD", "OOSRV", "NORM", "NORM", "UNACK"]);
    assert_eq!(before[0].flags.shelf.as_ref().unwrap().until, shelf.flags.shelf.unwrap().until);
    stop(plant).await;

    let plant = start(folder.path(), plant_of(&tags, alarms())).await;
    let held = |alarm: &AlarmStatus| AlarmStatus { quality_hold: true, ..alarm.clone() };
    assert_eq!(all(&plant).await, before.iter().map(held).collect::<Vec<_>>(), "exactly as they were");
    for tag in tags {
        write(&plant, tag, if tag == "latched" { 5.0 } else { 16.0 }).await;
    }
    let raised = until_state(&plant, "soon", AlarmState::Unack).await;
    let pending = before[3].pending.unwrap();
    assert_eq!(raised.raised_at, Some(pending.source_time + DELAY), "the delay went on meanwhile");
    for name in ["shelved", "serviced", "delayed", "latched"] {
        let known = before.iter().find(|alarm| alarm.definition.name == name).unwrap();
        let after = until(|| alarm(&plant, name), |alarm| !alarm.quality_hold).await;
        assert_eq!((after.state, after.core, after.occurrence), (known.state, known.core, known.occurrence), "{name}");
        assert_eq!((&after.flags, after.pending), (&known.flags, known.pending), "{name}");
    }
    command(&plant, "serviced", AlarmCommand::ReturnToService).await;
    let back = command(&plant, "shelved", AlarmCommand::Unshelve).await;
    assert_eq!((back.state, back.occurrence), (AlarmState::Unack, 1));
    assert_eq!(verify(&plant).await.broken, None, "one chain over both runs");
    stop(plant).await;
}
