//! What does not come back with an id, on both backends.

use super::super::{load, store};
use super::*;
use crate::configuration::Complete;
use crate::db::test_support::migrated;
use flyball_schema::definition::{AlarmDefinition, TagDefinition};
use flyball_schema::tables::alarms::{alarm_journal, alarm_state};
use flyball_schema::tables::events::event;
use flyball_schema::test_support::TestDatabase;

const T: Timestamp = Timestamp::from_micros(9);

fn apply(connection: &mut Connection, definition: &PlantDefinition, alarms: AlarmsEnd) -> CatalogueIds {
    let before = load(connection).unwrap();
    let complete = Complete::of_people_alone(definition.clone());
    let ids = store(connection, &before, &complete, T).unwrap();
    let author = Author { name: "ann".to_owned(), origin: None, reason: Some("tidy".to_owned()) };
    settle(connection, &before, (definition, &ids), alarms, &author, T).unwrap();
    ids
}

/// Tags `a` and `b` and alarms `one` to `four`, of which the first three stand.
fn standing(connection: &mut Connection) -> PlantDefinition {
    let alarm = |name: &str, tag: &str, kind| AlarmDefinition::new(name, tag, kind, 1.0);
    let definition = PlantDefinition {
        tags: vec![TagDefinition::float("a"), TagDefinition::float("b")],
        alarms: vec![
            alarm("one", "a", AlarmKind::High),
            alarm("two", "a", AlarmKind::Low),
            alarm("three", "b", AlarmKind::High),
            alarm("four", "b", AlarmKind::Low),
        ],
        ..PlantDefinition::default()
    };
    apply(connection, &definition, AlarmsEnd::Journalled);
    for (id, state) in [(1, "ACKED"), (2, "RTNUN"), (3, "UNACK"), (4, "NORM")] {
        let row = (alarm_state::alarm_id.eq(id), alarm_state::state.eq(state), alarm_state::occurrence.eq(5));
        diesel::insert_into(alarm_state::table).values(row).execute(connection).unwrap();
    }
    definition
}

fn states(connection: &mut Connection) -> Vec<String> {
    alarm_state::table.order(alarm_state::alarm_id).select(alarm_state::state).load(connection).unwrap()
}

fn journal(connection: &mut Connection) -> Vec<(i32, i64, String, String, String)> {
    let row = (
        alarm_journal::alarm_id,
        alarm_journal::occurrence,
        alarm_journal::from_state,
        alarm_journal::event,
        alarm_journal::actor,
    );
    alarm_journal::table.order(alarm_journal::id).select(row).load(connection).unwrap()
}

fn ended(alarm: i32, from: &str, event: &str) -> (i32, i64, String, String, String) {
    (alarm, 5, from.to_owned(), event.to_owned(), "system".to_owned())
}

#[test]
fn an_alarm_that_is_about_something_else_or_gone_stands_for_nothing() {
    for database in TestDatabase::each() {
        let mut connection = migrated(&database);
        let mut definition = standing(&mut connection);
        definition.alarms[0].set_point = 2.0.into();
        definition.tags[0] = TagDefinition { was: Some("a".to_owned()), ..TagDefinition::float("renamed") };
        definition.alarms[..2].iter_mut().for_each(|alarm| alarm.tag = "renamed".to_owned());
        apply(&mut connection, &definition, AlarmsEnd::Journalled);
        assert_eq!(states(&mut connection), ["ACKED", "RTNUN", "UNACK", "NORM"], "other limits, another name");

        definition.tags[0] = TagDefinition::float("renamed");
        definition.alarms[0].tag = "b".to_owned();
        definition.alarms[0].kind = AlarmKind::HighHigh;
        definition.alarms[1].kind = AlarmKind::LowLow;
        definition.alarms.truncate(2);
        apply(&mut connection, &definition, AlarmsEnd::Journalled);
        assert_eq!(states(&mut connection), ["NORM"; 4]);
        let expected =
            [ended(1, "ACKED", "reconfigured"), ended(2, "RTNUN", "reconfigured"), ended(3, "UNACK", "removed")];
        assert_eq!(journal(&mut connection), expected);
    }
}

#[test]
fn where_an_alarm_manager_journals_the_end_the_state_alone_follows_at_once() {
    for database in TestDatabase::each() {
        let mut connection = migrated(&database);
        let mut definition = standing(&mut connection);
        definition.alarms[0].tag = "b".to_owned();
        definition.alarms[0].kind = AlarmKind::HighHigh;
        apply(&mut connection, &definition, AlarmsEnd::Told);
        assert_eq!(states(&mut connection), ["NORM", "RTNUN", "UNACK", "NORM"]);
        assert_eq!(journal(&mut connection), []);
    }
}

#[test]
fn an_end_that_a_killed_alarm_manager_did_not_journal_is_journalled_by_the_next_start_once() {
    for database in TestDatabase::each() {
        let mut connection = migrated(&database);
        let mut definition = standing(&mut connection);
        for (alarm, from, to) in [(1, "UNACK", "ACKED"), (2, "ACKED", "RTNUN"), (3, "NORM", "UNACK")] {
            let row = (
                alarm_journal::alarm_id.eq(alarm),
                alarm_journal::occurrence.eq(5),
                alarm_journal::from_state.eq(from),
                alarm_journal::to_state.eq(to),
                alarm_journal::event.eq("activated"),
                alarm_journal::quality.eq(0),
                alarm_journal::occurred.eq(1),
                alarm_journal::recorded.eq(1),
                alarm_journal::actor.eq("system"),
            );
            diesel::insert_into(alarm_journal::table).values(row).execute(&mut connection).unwrap();
        }
        definition.alarms[0].tag = "b".to_owned();
        definition.alarms[0].kind = AlarmKind::HighHigh;
        definition.alarms.truncate(2);
        apply(&mut connection, &definition, AlarmsEnd::Told);
        assert_eq!(journal(&mut connection).len(), 3);
        for _start in 0..2 {
            apply(&mut connection, &definition, AlarmsEnd::Journalled);
            let expected = [ended(1, "ACKED", "reconfigured"), ended(3, "UNACK", "removed")];
            assert_eq!(journal(&mut connection)[3..], expected);
        }
        assert_eq!(states(&mut connection), ["NORM", "RTNUN", "NORM", "NORM"]);
    }
}

#[test]
fn an_alarm_that_comes_back_goes_on_counting_and_stands_for_nothing() {
    for database in TestDatabase::each() {
        let mut connection = migrated(&database);
        let definition = standing(&mut connection);
        let without = PlantDefinition { alarms: Vec::new(), ..definition.clone() };
        apply(&mut connection, &without, AlarmsEnd::Told);
        // As a version without this rule has left it.
        let stands = alarm_state::state.eq("ACKED");
        diesel::update(alarm_state::table.find(1)).set(stands).execute(&mut connection).unwrap();
        let before = load(&mut connection).unwrap();
        let ids = apply(&mut connection, &definition, AlarmsEnd::Told);
        let remembered = remembered(&mut connection, &before, &ids).unwrap();
        let memory = &remembered.alarms[&AlarmId(1)];
        assert_eq!((memory.state.as_str(), memory.occurrence, remembered.alarms.len()), ("NORM", 5, 4));
        let present = load(&mut connection).unwrap();
        let nothing = super::remembered(&mut connection, &present, &ids).unwrap();
        assert!(nothing.alarms.is_empty(), "the manager knows it better");
    }
}

#[test]
fn a_removed_tag_is_released_on_record_and_its_total_forgotten() {
    for database in TestDatabase::each() {
        let mut connection = migrated(&database);
        let plant = |names: &[&str]| PlantDefinition {
            tags: names.iter().copied().map(TagDefinition::float).collect(),
            ..PlantDefinition::default()
        };
        apply(&mut connection, &plant(&["a", "b"]), AlarmsEnd::Told);
        for tag in [1, 2] {
            let row = (
                substitution::tag_id.eq(tag),
                substitution::value.eq("1.0"),
                substitution::substituted_by.eq("ann"),
                substitution::since.eq(0),
            );
            diesel::insert_into(substitution::table).values(row).execute(&mut connection).unwrap();
            let row = (tag_sums::tag_id.eq(tag), tag_sums::sums.eq("{}"), tag_sums::saved_at.eq(0));
            diesel::insert_into(tag_sums::table).values(row).execute(&mut connection).unwrap();
        }
        apply(&mut connection, &plant(&["b"]), AlarmsEnd::Told);
        let kept: Vec<i32> = substitution::table.select(substitution::tag_id).load(&mut connection).unwrap();
        let summed: Vec<i32> = tag_sums::table.select(tag_sums::tag_id).load(&mut connection).unwrap();
        assert_eq!((kept, summed), (vec![2], vec![2]));
        let row = (event::action, event::actor, event::object_name, event::reason);
        let told: Vec<(String, String, Option<String>, Option<String>)> =
            event::table.select(row).load(&mut connection).unwrap();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(told, [("tag.release".to_owned(), "ann".to_owned(), text("a"), text("the tag was removed"))]);

        // Sums that were read of the table before the tag was removed come late.
        let sums = [(TagId(1), serde_json::json!({})), (TagId(2), serde_json::json!({}))];
        crate::configuration::record::keep_sums(&mut connection, &sums, T).unwrap();
        let summed: Vec<i32> = tag_sums::table.select(tag_sums::tag_id).load(&mut connection).unwrap();
        assert_eq!(summed, [2]);
    }
}

#[test]
fn machines_that_an_application_brings_along_stay_where_it_is_not_known() {
    for database in TestDatabase::each() {
        let mut connection = migrated(&database);
        let of_people = standing(&mut connection);
        let mut complete = Complete::of_people_alone(of_people.clone());
        complete.definition.machines.push(own("own"));
        complete.definition.tags.push(TagDefinition::boolean("own.faulted"));
        complete.definition.alarms.push(AlarmDefinition::new("own.fault", "own.faulted", AlarmKind::Bool, true));
        let before = load(&mut connection).unwrap();
        store(&mut connection, &before, &complete, T).unwrap();

        let before = load(&mut connection).unwrap().without_own_machines(&of_people);
        store(&mut connection, &before, &Complete::of_people_alone(of_people.clone()), T).unwrap();
        assert_eq!(load(&mut connection).unwrap().whole(), complete.definition, "nothing is retired");
    }
}

fn own(name: &str) -> flyball_schema::definition::MachineDefinition {
    flyball_schema::definition::MachineDefinition {
        name: name.to_owned(),
        kind: "own".to_owned(),
        description: None,
        mode: flyball_schema::definition::Mode::Sync,
        interval_ms: 100,
        inputs: std::collections::BTreeMap::new(),
        outputs: std::collections::BTreeMap::new(),
        parameters: std::collections::BTreeMap::new(),
    }
}
