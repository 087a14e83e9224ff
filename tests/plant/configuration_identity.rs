//! What keeps its identity over a change of the plant, and what must not come back with it.

use super::configuration::{apply, definition, edit, patch, start, tag};
use super::flows::{alarm, stop, until};
use flyball::Plant;
use flyball::alarms::{AcknowledgeAlarm, AlarmState, FlushAlarms, JournalEntry, ReadAlarmJournal};
use flyball::configuration::{
    Author, Change, ChangePlant, ConfigurationError, Edit, PlantChanged, SubscribePlant, Substitute, offline,
};
use flyball::machines::{ListMachines, MachineStatus, SetParameters};
use flyball::schema::definition::{
    AlarmDefinition, AlarmKind, MachineDefinition, Mode, PlantDefinition, Priority, RangeScreen, Screens, TagDefinition,
};
use flyball::schema::{TagId, Timestamp, Value};
use flyball::send::{DEADLINE, ask};
use flyball::settings::Settings;
use serde_json::json;
use std::sync::{Arc, Mutex};

const HIGH: &str = "level.high";

async fn journal(plant: &Plant) -> Vec<JournalEntry> {
    let query = ReadAlarmJournal { limit: 100, ..ReadAlarmJournal::default() };
    ask(plant.alarms_logger(), query, DEADLINE).await.unwrap().unwrap()
}

/// Has the alarm stand acknowledged.
async fn acknowledged(plant: &Plant) {
    let level = plant.resolve("level").await.unwrap();
    plant.write(level, 16.0).await.unwrap();
    let raised = until(|| alarm(plant, HIGH), |alarm| alarm.state == AlarmState::Unack).await;
    let acknowledge = AcknowledgeAlarm { alarm: raised.id, by: "ann".to_owned(), comment: None };
    ask(plant.alarms(), acknowledge, DEADLINE).await.unwrap().unwrap();
    ask(plant.alarms(), FlushAlarms, DEADLINE).await.unwrap().unwrap();
}

fn watching_counter() -> PlantDefinition {
    let mut plant = definition();
    plant.alarms[0].tag = "counter".to_owned();
    plant.tags[1] = TagDefinition::float("counter").with_initial(20.0).writable();
    plant
}

#[actix_rt::test]
async fn an_alarm_that_a_start_or_a_file_gives_another_tag_stands_for_that_tag_alone() {
    for while_it_does_not_run in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let plant = start(folder.path()).await;
        acknowledged(&plant).await;
        stop(plant).await;
        let builder = Plant::builder(Settings::in_folder(folder.path()));
        let plant = if while_it_does_not_run {
            let change = Change::Whole(Box::new(watching_counter()));
            let author = Author::anonymous(None);
            offline::change(&Settings::in_folder(folder.path()), &change, &author, Timestamp::from_micros(1), false)
                .unwrap();
            builder.start().await.unwrap()
        } else {
            builder.definition(watching_counter()).start().await.unwrap()
        };
        let raised = until(|| alarm(&plant, HIGH), |alarm| alarm.state != AlarmState::Norm).await;
        assert_eq!(raised.state, AlarmState::Unack, "nobody has seen this condition");
        ask(plant.alarms(), FlushAlarms, DEADLINE).await.unwrap().unwrap();
        let events: Vec<_> =
            journal(&plant).await.into_iter().map(|entry| (entry.transition.event, entry.transition.actor)).collect();
        let events: Vec<(&str, &str)> = events.iter().map(|(event, actor)| (*event, actor.as_str())).collect();
        let system = "system";
        assert_eq!(
            events,
            [("activated", system), ("reconfigured", system), ("acknowledged", "ann"), ("activated", system)]
        );
        stop(plant).await;
    }
}

#[actix_rt::test]
async fn an_alarm_that_comes_back_after_a_restart_goes_on_counting() {
    let folder = tempfile::tempdir().unwrap();
    let plant = start(folder.path()).await;
    acknowledged(&plant).await;
    let without = PlantDefinition { alarms: Vec::new(), ..definition() };
    apply(&plant, Change::Whole(Box::new(without))).await.unwrap();
    ask(plant.alarms(), FlushAlarms, DEADLINE).await.unwrap().unwrap();
    assert_eq!(journal(&plant).await[0].transition.event, "removed");
    stop(plant).await;

    let plant = Plant::builder(Settings::in_folder(folder.path())).start().await.unwrap();
    apply(&plant, Change::Whole(Box::new(definition()))).await.unwrap();
    assert_eq!(alarm(&plant, HIGH).await.state, AlarmState::Norm);
    acknowledged(&plant).await;
    assert_eq!(alarm(&plant, HIGH).await.occurrence, 2);
    stop(plant).await;
}

async fn machine(plant: &Plant) -> Option<MachineStatus> {
    let query = ListMachines { after: None, limit: 10 };
    ask(plant.machines(), query, DEADLINE).await.unwrap().unwrap().pop()
}

#[actix_rt::test]
async fn a_machine_that_comes_back_after_a_restart_has_the_parameters_that_people_set() {
    let controlled = |interval_ms: u32| {
        let machine = MachineDefinition {
            name: "loop".to_owned(),
            kind: "pid".to_owned(),
            description: None,
            mode: Mode::Sync,
            interval_ms,
            inputs: [("pv".to_owned(), "level".to_owned())].into(),
            outputs: [("out".to_owned(), "valve".to_owned())].into(),
            parameters: std::collections::BTreeMap::new(),
        };
        Change::Whole(Box::new(PlantDefinition { machines: vec![machine], ..definition() }))
    };
    let set_point = |machine: &MachineStatus| {
        let place = machine.info.parameters.iter().position(|parameter| parameter.name == "set_point");
        place.map(|place| machine.parameters[place].clone())
    };
    let folder = tempfile::tempdir().unwrap();
    let plant = start(folder.path()).await;
    apply(&plant, controlled(100)).await.unwrap();
    let id = machine(&plant).await.unwrap().info.id;
    let values = [("set_point".to_owned(), Value::Float(7.5))].into();
    ask(plant.machines(), SetParameters { machine: id, values }, DEADLINE).await.unwrap().unwrap();
    apply(&plant, controlled(200)).await.unwrap();
    assert_eq!(set_point(&machine(&plant).await.unwrap()), Some(Value::Float(7.5)), "made anew");
    apply(&plant, Change::Whole(Box::new(definition()))).await.unwrap();
    assert!(machine(&plant).await.is_none());
    stop(plant).await;

    let plant = start(folder.path()).await;
    apply(&plant, controlled(100)).await.unwrap();
    let back = machine(&plant).await.unwrap();
    assert_eq!((back.info.id, set_point(&back)), (id, Some(Value::Float(7.5))));
    stop(plant).await;
}

#[actix_rt::test]
async fn a_removed_tag_comes_back_released_at_zero_and_with_its_change_of_unit_marked() {
    let folder = tempfile::tempdir().unwrap();
    let plant = start(folder.path()).await;
    let create = |tag: TagDefinition| Edit::CreateTag(Box::new(tag));
    let total = || TagDefinition::float("total").with_expression("total(counter, 10ms)");
    let pressure = |unit: &str| TagDefinition::float("p").with_unit(unit).with_initial(1.0).writable();
    let made = edit(&plant, vec![create(pressure("bar")), create(total())]).await.unwrap().created;
    let [p, sum] = made[..] else { panic!("{made:?}") };
    plant.write(plant.resolve("counter").await.unwrap(), 1.0).await.unwrap();
    let value = async |name: &str| tag(&plant, name).await.unwrap().state.value.and_then(|value| value.as_f64());
    until(|| value("total"), |total| total.is_some_and(|total| total > 20.0)).await;
    let author = Author::anonymous(None);
    let substitute = Substitute { tag: p, value: Value::Float(9.0), author };
    ask(plant.configuration(), substitute, DEADLINE).await.unwrap().unwrap();
    let gone = [p, sum].map(|id| Edit::RemoveTag { id, expected: None });
    edit(&plant, gone.into()).await.unwrap();
    plant.write(plant.resolve("counter").await.unwrap(), 0.0).await.unwrap();
    let back = edit(&plant, vec![create(pressure("Pa")), create(total())]).await.unwrap();
    assert_eq!(back.created, made);
    assert!(value("total").await.unwrap_or_default() < 20.0, "a total begins anew");
    let marks = plant.unit_changes(vec![p]).await.unwrap();
    let marks: Vec<_> = marks.iter().map(|mark| (mark.before.as_deref(), mark.after.as_deref())).collect();
    assert_eq!(marks, [(Some("bar"), Some("Pa"))]);
    stop(plant).await;

    let plant = Plant::builder(Settings::in_folder(folder.path())).start().await.unwrap();
    assert!(!tag(&plant, "p").await.unwrap().is_substituted);
    stop(plant).await;
}

#[actix_rt::test]
async fn the_alarm_of_an_instrument_stays_the_same_when_its_tag_is_renamed() {
    let folder = tempfile::tempdir().unwrap();
    let plant = start(folder.path()).await;
    let screens = Screens { alarm: Some(Priority::Low), range: Some(RangeScreen::default()), ..Screens::default() };
    let level = plant.resolve("level").await.unwrap();
    edit(&plant, vec![patch(level, json!({ "screens": screens }))]).await.unwrap();
    let before = alarm(&plant, "level.instrument").await;
    edit(&plant, vec![patch(level, json!({"name": "tank"}))]).await.unwrap();
    let after = alarm(&plant, "tank.instrument").await;
    assert_eq!((after.id, after.tag), (before.id, before.tag));
    stop(plant).await;
}

#[actix_rt::test]
async fn a_start_that_is_refused_has_stored_nothing() {
    let folder = tempfile::tempdir().unwrap();
    stop(start(folder.path()).await).await;
    let mut wrong = definition();
    wrong.tags[1].retention = Some("none".to_owned());
    wrong.tags.push(TagDefinition::float("new"));
    let refused = Plant::builder(Settings::in_folder(folder.path())).definition(wrong).start().await;
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("\"none\""), "{error}");
    let plant = Plant::builder(Settings::in_folder(folder.path())).start().await.unwrap();
    assert!(tag(&plant, "new").await.is_none());
    stop(plant).await;
}

/// Keeps what it is told.
#[derive(Default)]
struct Told(Arc<Mutex<Vec<PlantChanged>>>);

impl actix::Actor for Told {
    type Context = actix::Context<Self>;
}

impl actix::Handler<PlantChanged> for Told {
    type Result = ();

    fn handle(&mut self, message: PlantChanged, _: &mut Self::Context) {
        self.0.lock().unwrap().push(message);
    }
}

#[actix_rt::test]
async fn a_version_tells_whether_the_plant_was_changed_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let plant = start(folder.path()).await;
    let told = Arc::<Mutex<Vec<PlantChanged>>>::default();
    let subscriber = actix::Actor::start(Told(Arc::clone(&told)));
    ask(plant.configuration(), SubscribePlant(subscriber.recipient()), DEADLINE).await.unwrap();
    let first = plant.definition_version();
    let counter = plant.resolve("counter").await.unwrap();
    let change = async |plant: &Plant, unit: &str, expected: &str, dry_run: bool| {
        let change = Change::Edits(vec![patch(counter, json!({ "unit": unit }))]);
        let expected = Some(expected.to_owned());
        let message = ChangePlant { change, author: Author::anonymous(None), dry_run, expected };
        ask(plant.configuration(), message, DEADLINE).await.unwrap()
    };
    assert_eq!(change(&plant, "m", &first, true).await.unwrap().version, first, "nothing has changed");
    let second = change(&plant, "m", &first, false).await.unwrap().version;
    assert_ne!(second, first);
    assert_eq!(change(&plant, "m", &second, false).await.unwrap().version, second, "it was so already");
    let late = change(&plant, "cm", &first, false).await.unwrap_err();
    assert!(matches!(late, ConfigurationError::PlantChangedMeanwhile), "{late}");
    assert_eq!(plant.definition_version(), second);
    let mut described = super::configuration::defined(&plant).await;
    described.plant.description = Some("a tank".to_owned());
    let third = apply(&plant, Change::Whole(Box::new(described))).await.unwrap().version;
    until(async || told.lock().unwrap().len(), |count| *count == 2).await;
    let expected = [(second, vec![counter]), (third.clone(), Vec::<TagId>::new())];
    let told: Vec<_> = told.lock().unwrap().iter().map(|told| (told.version.clone(), told.changed.to_vec())).collect();
    assert_eq!(told, expected);
    stop(plant).await;

    let plant = Plant::builder(Settings::in_folder(folder.path())).start().await.unwrap();
    assert_eq!(plant.definition_version(), third, "a restart that changes nothing");
    stop(plant).await;
    let before = offline::read(&Settings::in_folder(folder.path())).unwrap();
    let moved = PlantDefinition { alarms: vec![AlarmDefinition::new("new", "level", AlarmKind::Low, 1.0)], ..before };
    let author = Author::anonymous(None);
    let (settings, change) = (Settings::in_folder(folder.path()), Change::Whole(Box::new(moved)));
    let dry = offline::change(&settings, &change, &author, Timestamp::from_micros(1), true).unwrap();
    assert_eq!(dry.version, third);
    let done = offline::change(&settings, &change, &author, Timestamp::from_micros(1), false).unwrap();
    assert!(done.version.parse::<i64>().unwrap() > third.parse().unwrap(), "also where the clock was set back");
}
