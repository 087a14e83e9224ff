//! The plant changed while it runs: what an engineer and an operator see of it.

use super::flows::{alarm, stop, until};
use flyball::Plant;
use flyball::alarms::{AlarmState, ListAlarms};
use flyball::configuration::{
    Author, Change, ChangePlant, ConfigurationError, Edit, Plan, ReadDefinedTag, ReadDefinition, Release, Substitute,
    version,
};
use flyball::cvt::{ListTags, TagRecord};
use flyball::events::{EventsLogger, ListEvents};
use flyball::history::ReadRaw;
use flyball::machines::ListMachines;
use flyball::schema::definition::csv::CsvItems;
use flyball::schema::definition::{
    AlarmDefinition, AlarmKind, Difference, PlantDefinition, Priority, RangeScreen, Screens, TagDefinition,
};
use flyball::schema::{DataType, Quality, TagId, Timestamp, Value};
use flyball::send::{DEADLINE, ask};
use flyball::settings::Settings;
use serde_json::json;
use std::path::Path;

pub(super) fn definition() -> PlantDefinition {
    PlantDefinition {
        tags: vec![
            TagDefinition::float("level").with_unit("cm").with_range(0.0, 20.0).with_initial(5.0).writable(),
            TagDefinition::float("counter").with_initial(0.0).writable(),
            TagDefinition::float("valve").with_initial(0.0).writable(),
        ],
        alarms: vec![AlarmDefinition::new("level.high", "level", AlarmKind::High, 15.0)],
        ..PlantDefinition::default()
    }
}

pub(super) async fn start(folder: &Path) -> Plant {
    Plant::builder(Settings::in_folder(folder)).initial_definition(definition()).start().await.unwrap()
}

pub(super) async fn apply(plant: &Plant, change: Change) -> Result<Plan, ConfigurationError> {
    let author = Author::anonymous(Some("test".to_owned())).because(Some("because".to_owned()));
    let message = ChangePlant { change, author, dry_run: false, expected: None };
    ask(plant.configuration(), message, DEADLINE * 10).await.unwrap()
}

pub(super) async fn edit(plant: &Plant, edits: Vec<Edit>) -> Result<Plan, ConfigurationError> {
    apply(plant, Change::Edits(edits)).await
}

pub(super) fn patch(id: TagId, patch: serde_json::Value) -> Edit {
    Edit::PatchTag { id, patch, expected: None }
}

pub(super) async fn defined(plant: &Plant) -> PlantDefinition {
    (*ask(plant.configuration(), ReadDefinition, DEADLINE).await.unwrap().unwrap()).clone()
}

pub(super) async fn tag(plant: &Plant, name: &str) -> Option<TagRecord> {
    let query = ListTags { limit: 1, name: Some(name.to_owned()), ..ListTags::default() };
    ask(plant.cvt(), query, DEADLINE).await.unwrap().pop()
}

async fn samples(plant: &Plant, tag: TagId) -> Vec<f64> {
    let question = ReadRaw { tags: vec![tag], from: Timestamp::MIN, to: Timestamp::MAX, limit: 10_000, after: None };
    let page = ask(&plant.data_logger(), question, DEADLINE).await.unwrap().unwrap();
    page.series[0].samples.iter().filter_map(|sample| sample.value.as_ref()?.as_f64()).collect()
}

#[actix_rt::test]
async fn a_tag_is_created_changed_renamed_and_removed_and_the_others_have_no_gap() {
    let folder = tempfile::tempdir().unwrap();
    let plant = start(folder.path()).await;
    let counter = plant.resolve("counter").await.unwrap();
    let level = plant.resolve("level").await.unwrap();
    let mut counted = 0;
    let mut count = async |plant: &Plant| {
        for _ in 0..20 {
            counted += 1;
            plant.write(counter, f64::from(counted)).await.unwrap();
        }
    };
    count(&plant).await;
    let created = edit(&plant, vec![Edit::CreateTag(Box::new(TagDefinition::float("new").with_initial(1.0)))]).await;
    let new = created.unwrap().created[0];
    assert_eq!(plant.resolve("new").await.unwrap(), new);
    count(&plant).await;
    edit(&plant, vec![patch(level, json!({"name": "tank.level", "dead_band": {"absolute": 0.5}}))]).await.unwrap();
    count(&plant).await;
    assert_eq!(plant.resolve("tank.level").await.unwrap(), level, "a renamed tag keeps its identity");
    assert!(plant.resolve("level").await.is_err());
    assert_eq!(alarm(&plant, "level.high").await.definition.tag, "tank.level", "its alarm follows");
    plant.write(level, 16.0).await.unwrap();
    until(|| alarm(&plant, "level.high"), |alarm| alarm.state == AlarmState::Unack).await;
    edit(&plant, vec![Edit::RemoveTag { id: new, expected: None }]).await.unwrap();
    assert!(plant.resolve("new").await.is_err());
    count(&plant).await;
    let kept = until(|| samples(&plant, counter), |kept| kept.len() == 81).await;
    assert_eq!(kept, (0..=80).map(f64::from).collect::<Vec<_>>(), "every count, once and in order");
    stop(plant).await;

    let plant = start(folder.path()).await;
    assert_eq!(plant.resolve("tank.level").await.unwrap(), level, "what was changed survives a restart");
    assert!(plant.resolve("new").await.is_err());
    assert_eq!(samples(&plant, new).await, [1.0], "history of a removed tag is kept");
    stop(plant).await;
}

#[actix_rt::test]
async fn what_is_refused_says_why_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let plant = start(folder.path()).await;
    let level = plant.resolve("level").await.unwrap();
    let before = defined(&plant).await;
    let create = |tag: TagDefinition| Edit::CreateTag(Box::new(tag));
    let ok = create(TagDefinition::float("ok"));
    for (last, expected) in [
        (create(TagDefinition::float("level")), "edit 2: tag \"level\" exists already"),
        (create(TagDefinition::float("x").with_unit("furlong")), "tag \"x\", unit: unknown unit \"furlong\""),
        (create(TagDefinition::float("x").with_expression("level +")), "tag \"x\", expression: column 8: expected "),
        (
            create(TagDefinition::float("x").with_expression("x + 1")),
            "tag \"x\", expression: derived tags need each other: x -> x",
        ),
        (create(TagDefinition::float("x").with_retention("none")), "tag \"x\": there is no retention class \"none\""),
        (Edit::RemoveTag { id: level, expected: None }, "edit 2: tag \"level\" is used by alarm \"level.high\""),
        (Edit::RemoveTag { id: TagId(999), expected: None }, "edit 2: unknown tag 999"),
        (patch(level, json!({"colour": "red"})), "edit 2: tag \"level\": unknown field `colour`"),
        (patch(level, json!({"data_type": "text"})), "tag \"level\", range: not for a tag of type text"),
        (
            Edit::PatchTag { id: level, patch: json!({}), expected: Some("0".to_owned()) },
            "edit 2: tag \"level\" was changed meanwhile",
        ),
    ] {
        let error = edit(&plant, vec![ok.clone(), last]).await.unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
        assert_eq!(defined(&plant).await, before);
        assert!(tag(&plant, "ok").await.is_none(), "all or nothing");
    }
    let made = tag(&plant, "system.history_failed").await.unwrap();
    assert!(made.made);
    let error = edit(&plant, vec![patch(made.id, json!({"unit": "cm"}))]).await.unwrap_err();
    assert!(matches!(error, ConfigurationError::MadeByPlant(_)), "{error}");
    let seen = ask(plant.configuration(), ReadDefinedTag(level), DEADLINE).await.unwrap().unwrap();
    let change = Edit::PatchTag {
        id: level,
        patch: json!({"description": "the level"}),
        expected: Some(version(&seen.definition)),
    };
    edit(&plant, vec![change]).await.unwrap();
    stop(plant).await;
}

const MACHINE: &str = r#"
[[machine]]
name = "loop"
kind = "two_position"
interval_ms = 100
inputs = { pv = "level" }
outputs = { out = "pump" }
"#;

#[actix_rt::test]
async fn a_whole_file_is_applied_live_exported_and_planned_again_without_a_difference() {
    let folder = tempfile::tempdir().unwrap();
    let plant = start(folder.path()).await;
    let kinds = flyball::machines::Kinds::default();
    let text = format!(
        "{}\n[[tag]]\nname = \"pump\"\ndata_type = \"boolean\"\nwritable = true\n{MACHINE}",
        definition().to_toml().unwrap()
    );
    let Ok(mut wanted) = PlantDefinition::from_toml(&text) else { panic!("{text}") };
    let declaration = kinds.make(&wanted.machines[0]).unwrap().declaration();
    let (input, output) = (declaration.inputs[0].name, declaration.outputs[0].name);
    wanted.machines[0].inputs = [(input.to_owned(), "level".to_owned())].into();
    wanted.machines[0].outputs = [(output.to_owned(), "pump".to_owned())].into();
    wanted.alarms[0].set_point = Value::Float(4.0);
    wanted.tags[0].screens = Some(Screens {
        alarm: Some(Priority::Low),
        range: Some(RangeScreen { low: Some(0.0), high: Some(10.0) }),
        ..Screens::default()
    });
    let plan = apply(&plant, Change::Whole(Box::new(wanted.clone()))).await.unwrap();
    assert_eq!(plan.problems, Vec::<String>::new());
    until(|| alarm(&plant, "level.high"), |alarm| alarm.state == AlarmState::Unack).await;
    let machines = ask(plant.machines(), ListMachines { after: None, limit: 10 }, DEADLINE).await.unwrap().unwrap();
    assert_eq!(machines.len(), 1);
    plant.write(plant.resolve("level").await.unwrap(), 12.0).await.unwrap();
    let doubtful = until(|| alarm(&plant, "level.instrument"), |alarm| alarm.state == AlarmState::Unack).await;
    assert_eq!(doubtful.definition.priority, Priority::Low);
    assert_eq!(tag(&plant, "level").await.unwrap().state.quality, Quality::UNCERTAIN_RANGE_EXCEEDED);

    let exported = PlantDefinition::from_toml(&defined(&plant).await.to_toml().unwrap()).unwrap();
    assert!(Difference::between(&exported, &wanted).is_empty());
    let again = apply(&plant, Change::Whole(Box::new(exported.clone()))).await.unwrap();
    assert!(Difference::between(&again.before, &again.after).is_empty());
    let users = ask(plant.configuration(), ReadDefinedTag(plant.resolve("level").await.unwrap()), DEADLINE);
    let users: Vec<String> = users.await.unwrap().unwrap().users.iter().map(ToString::to_string).collect();
    assert_eq!(users, ["alarm \"level.high\"", "machine \"loop\"", "tag \"level.instrument\""]);

    let bare = PlantDefinition { machines: Vec::new(), alarms: Vec::new(), ..exported };
    apply(&plant, Change::Whole(Box::new(bare))).await.unwrap();
    let left = ask(plant.machines(), ListMachines { after: None, limit: 10 }, DEADLINE).await.unwrap().unwrap();
    assert!(left.is_empty());
    assert!(tag(&plant, "loop.state").await.is_none(), "what a machine made goes with it");
    let alarms = ask(plant.alarms(), ListAlarms { limit: 100, ..ListAlarms::default() }, DEADLINE).await.unwrap();
    assert!(alarms.iter().all(|alarm| alarm.definition.name != "level.high" && alarm.definition.name != "loop.fault"));
    stop(plant).await;
}

#[actix_rt::test]
async fn what_is_agreed_takes_effect_at_once_also_where_a_reader_goes_with_what_it_read() {
    let folder = tempfile::tempdir().unwrap();
    let plant = start(folder.path()).await;
    let before = defined(&plant).await;
    let mut read = before.clone();
    read.tags.push(TagDefinition::float("x").with_initial(1.0));
    read.tags.push(TagDefinition::float("r").with_expression("x + 1"));
    assert_eq!(apply(&plant, Change::Whole(Box::new(read))).await.unwrap().problems, [""; 0]);
    let mut text = before;
    text.tags.push(TagDefinition { data_type: DataType::Text, ..TagDefinition::float("x") });
    let plan = apply(&plant, Change::Whole(Box::new(text))).await.unwrap();
    assert_eq!(plan.problems, [""; 0]);
    assert_eq!(tag(&plant, "x").await.unwrap().definition.data_type, DataType::Text);
    assert!(tag(&plant, "r").await.is_none());
    stop(plant).await;
}

#[actix_rt::test]
async fn ten_thousand_tags_of_a_csv_are_applied_at_once_and_again_without_a_difference() {
    let folder = tempfile::tempdir().unwrap();
    let plant = start(folder.path()).await;
    let rows: String = (0..10_000).map(|row| format!("unit{}/TI-{row},°C,0.1\n", row % 100)).collect();
    let items = CsvItems::read(&format!("name,unit,dead_band.absolute\n{rows}")).unwrap();
    let put = || vec![Edit::Put(Box::new(items.clone()))];
    let plan = edit(&plant, put()).await.unwrap();
    assert_eq!(Difference::between(&plan.before, &plan.after).counts().added, 10_000);
    assert_eq!(tag(&plant, "unit7/TI-107").await.unwrap().definition.unit.as_deref(), Some("°C"));
    let again = edit(&plant, put()).await.unwrap();
    assert!(Difference::between(&again.before, &again.after).is_empty());
    stop(plant).await;
}

#[actix_rt::test]
async fn a_substituted_value_is_marked_on_record_and_survives_a_restart_until_it_is_released() {
    let folder = tempfile::tempdir().unwrap();
    let plant = start(folder.path()).await;
    let level = plant.resolve("level").await.unwrap();
    let author = Author::anonymous(None).because(Some("sensor away".to_owned()));
    let wrong = Substitute { tag: level, value: Value::from("x"), author: author.clone() };
    let wrong = ask(plant.configuration(), wrong, DEADLINE).await.unwrap().unwrap_err();
    assert_eq!(wrong.to_string(), "tag \"level\" takes float, not x");
    let substitute = Substitute { tag: level, value: Value::Integer(9), author: author.clone() };
    let record = ask(plant.configuration(), substitute, DEADLINE).await.unwrap().unwrap();
    assert_eq!((record.state.value, record.state.quality), (Some(Value::Float(9.0)), Quality::GOOD_LOCAL_OVERRIDE));
    assert!(plant.write(level, 1.0).await.unwrap_err().to_string().contains("is substituted"));
    stop(plant).await;

    let plant = start(folder.path()).await;
    let record = tag(&plant, "level").await.unwrap();
    assert_eq!((record.state.value, record.is_substituted), (Some(Value::Float(9.0)), true));
    let release = Release { tag: level, author };
    let record = ask(plant.configuration(), release.clone(), DEADLINE).await.unwrap().unwrap();
    assert_eq!((record.state.value, record.state.quality), (Some(Value::Float(5.0)), Quality::GOOD));
    let twice = ask(plant.configuration(), release, DEADLINE).await.unwrap().unwrap_err();
    assert!(matches!(twice, ConfigurationError::NotSubstituted(_)), "{twice}");
    stop(plant).await;
}

#[actix_rt::test]
async fn another_unit_is_marked_and_every_change_is_an_event() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::in_folder(folder.path());
    let plant = start(folder.path()).await;
    let level = plant.resolve("level").await.unwrap();
    let plan = edit(&plant, vec![patch(level, json!({"unit": "m"}))]).await.unwrap();
    let warnings: Vec<String> =
        Difference::between(&plan.before, &plan.after).warnings().iter().map(ToString::to_string).collect();
    assert!(warnings.len() == 1 && warnings[0].contains("from cm to m"), "{warnings:?}");
    let marks = plant.unit_changes(vec![level]).await.unwrap();
    assert_eq!((marks.len(), marks[0].after.as_deref()), (1, Some("m")));
    stop(plant).await;

    let database = flyball::db::DbManager::open(&settings.database_url(), 1).unwrap().database();
    let events = actix::Actor::start(EventsLogger::new(database));
    let listed = ask(&events, ListEvents { limit: 10, ..ListEvents::default() }, DEADLINE).await.unwrap().unwrap();
    assert_eq!(listed.len(), 1, "a plant that begins has no changes to tell of");
    let event = &listed[0].event;
    assert_eq!((event.action.as_str(), event.reason.as_deref()), ("tag.change", Some("because")));
    assert_eq!(event.before.as_ref().unwrap()["unit"], "cm");
    assert_eq!(event.after.as_ref().unwrap()["unit"], "m");
}

#[actix_rt::test]
async fn a_total_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let plant = start(folder.path()).await;
    let total = TagDefinition::float("total").with_expression("total(level, 10ms)");
    edit(&plant, vec![Edit::CreateTag(Box::new(total))]).await.unwrap();
    let value = async |plant: &Plant| tag(plant, "total").await.unwrap().state.value.and_then(|value| value.as_f64());
    until(|| value(&plant), |total| total.is_some_and(|total| total > 100.0)).await;
    let before = value(&plant).await.unwrap();
    stop(plant).await;
    let plant = start(folder.path()).await;
    let after = until(|| value(&plant), Option::is_some).await.unwrap();
    assert!(after >= before, "{after} < {before}");
    stop(plant).await;
}

#[actix_rt::test]
async fn a_definition_given_at_every_start_wins_over_what_was_changed_and_keeps_ids() {
    let folder = tempfile::tempdir().unwrap();
    let start = async || Plant::builder(Settings::in_folder(folder.path())).definition(definition()).start().await;
    let plant = start().await.unwrap();
    let level = plant.resolve("level").await.unwrap();
    edit(&plant, vec![patch(level, json!({"name": "other"}))]).await.unwrap();
    stop(plant).await;
    let plant = start().await.unwrap();
    assert!(tag(&plant, "other").await.is_none());
    assert!(Difference::between(&defined(&plant).await, &definition()).is_empty());
    stop(plant).await;
}
