//! The three flows of the architecture, through a whole plant, and what an operator sees of a machine that fails.

use flyball::Plant;
use flyball::alarms::{AcknowledgeAlarm, AlarmState, AlarmStatus, ListAlarms, ReadAlarmJournal};
use flyball::cvt::TagRecord;
use flyball::history::ReadRaw;
use flyball::machines::{
    Declaration, Input, ListMachines, Machine, MachineState, MachineStatus, Output, Step, StepError, Transition,
    TransitionMachine,
};
use flyball::schema::definition::{
    AlarmClass, AlarmDefinition, AlarmKind, MachineDefinition, Mode, PlantDefinition, TagDefinition,
};
use flyball::schema::{Timestamp, Value};
use flyball::send::{DEADLINE, ask};
use flyball::settings::Settings;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn definition() -> PlantDefinition {
    let level = TagDefinition::float("level").with_unit("cm").with_range(0.0, 20.0).writable();
    let high = AlarmDefinition::new("level.high", "level", AlarmKind::High, 15.0).with_dead_band(0.5);
    PlantDefinition { tags: vec![level], alarms: vec![high], ..PlantDefinition::default() }
}

async fn start(folder: &Path) -> Plant {
    Plant::builder(Settings::in_folder(folder)).definition(definition()).start().await.unwrap()
}

pub(super) async fn stop(plant: Plant) {
    let report = plant.shutdown().await;
    assert!(report.is_clean(), "{report}");
}

/// Asks again and again until the answer is as awaited.
pub(super) async fn until<T, F: Future<Output = T>>(
    mut question: impl FnMut() -> F,
    awaited: impl Fn(&T) -> bool,
) -> T {
    let answer = async {
        loop {
            let answer = question().await;
            if awaited(&answer) {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, answer).await.expect("the awaited state")
}

/// Values of good samples of the tag `level` in history, oldest first.
async fn history(plant: &Plant) -> Vec<f64> {
    let tags = vec![plant.resolve("level").await.unwrap()];
    let question = ReadRaw { tags, from: Timestamp::MIN, to: Timestamp::MAX, limit: 1_000, after: None };
    let page = ask(&plant.data_logger(), question, DEADLINE).await.unwrap().unwrap();
    let good = page.series[0].samples.iter().filter(|sample| sample.quality.is_good());
    good.filter_map(|sample| sample.value.as_ref()?.as_f64()).collect()
}

pub(super) async fn alarm(plant: &Plant, name: &str) -> AlarmStatus {
    let all = ask(plant.alarms(), ListAlarms { limit: 100, ..ListAlarms::default() }, DEADLINE).await.unwrap();
    all.into_iter().find(|alarm| alarm.definition.name == name).expect("the alarm")
}

#[actix_rt::test]
async fn writing_a_tag_value_to_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let plant = start(folder.path()).await;
    let level = plant.resolve("level").await.unwrap();
    for value in [1.0, 2.0, 3.0] {
        plant.write(level, value).await.unwrap();
    }
    let kept = until(|| history(&plant), |kept| kept.len() == 3).await;
    assert_eq!(kept, [1.0, 2.0, 3.0]);
    stop(plant).await;

    let plant = start(folder.path()).await;
    assert_eq!(plant.resolve("level").await.unwrap(), level, "the tag keeps its identity");
    plant.write(level, 4.0).await.unwrap();
    let kept = until(|| history(&plant), |kept| kept.len() == 4).await;
    assert_eq!(kept, [1.0, 2.0, 3.0, 4.0], "history goes on where it was");
    stop(plant).await;
}

#[actix_rt::test]
async fn an_alarm_trips_is_acknowledged_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let plant = start(folder.path()).await;
    let level = plant.resolve("level").await.unwrap();
    plant.write(level, 16.0).await.unwrap();
    let raised = until(|| alarm(&plant, "level.high"), |alarm| alarm.state == AlarmState::Unack).await;
    let acknowledge = AcknowledgeAlarm { alarm: raised.id, by: "operator".to_owned(), comment: None };
    ask(plant.alarms(), acknowledge.clone(), DEADLINE).await.unwrap().unwrap();
    stop(plant).await;

    let plant = start(folder.path()).await;
    let after = alarm(&plant, "level.high").await;
    assert_eq!((after.state, after.occurrence), (AlarmState::Acked, 1));
    assert_eq!(after.acknowledged_by.as_deref(), Some("operator"));
    assert!(after.quality_hold, "the tag has no value yet, which clears nothing");
    let refused = ask(plant.alarms(), acknowledge, DEADLINE).await.unwrap().unwrap_err();
    assert!(refused.to_string().contains("ACKED"));

    plant.write(level, 14.6).await.unwrap();
    plant.write(level, 14.4).await.unwrap();
    until(|| alarm(&plant, "level.high"), |alarm| alarm.state == AlarmState::Norm).await;
    let page = ReadAlarmJournal { alarm: Some(raised.id), limit: 10, ..ReadAlarmJournal::default() };
    let rows =
        until(|| async { ask(plant.alarms_logger(), page, DEADLINE).await.unwrap().unwrap() }, |rows| rows.len() == 3);
    let states: Vec<&str> = rows.await.iter().map(|row| row.transition.to.as_str()).collect();
    assert_eq!(states, ["NORM", "ACKED", "UNACK"], "newest first");
    stop(plant).await;
}

const IN: Input<f64> = Input::new("in").optional().describe("anything");
const OUT: Output<f64> = Output::new("out", -1.0).describe("steps done; -1 is safe");

/// Counts its steps, and panics while it is told to.
struct Counter {
    steps: f64,
    panic: Arc<AtomicBool>,
}

impl Machine for Counter {
    fn declaration(&self) -> Declaration {
        Declaration::new("counter").input(IN).output(OUT)
    }

    fn step(&mut self, step: &mut Step<'_>) -> Result<(), StepError> {
        assert!(!self.panic.load(Ordering::Relaxed), "out of cheese");
        self.steps += 1.0;
        step.set(&OUT, self.steps);
        Ok(())
    }
}

fn counter(name: &str, mode: Mode) -> MachineDefinition {
    MachineDefinition {
        name: name.to_owned(),
        kind: "counter".to_owned(),
        description: None,
        mode,
        interval_ms: 100,
        inputs: [("in".to_owned(), "level".to_owned())].into(),
        outputs: [].into(),
        parameters: [].into(),
    }
}

async fn machines(plant: &Plant) -> Vec<MachineStatus> {
    ask(plant.machines(), ListMachines { after: None, limit: 100 }, DEADLINE).await.unwrap().unwrap()
}

fn reached(steps: f64) -> impl Fn(&TagRecord) -> bool {
    move |tag| tag.state.usable_f64().is_some_and(|value| value >= steps)
}

#[actix_rt::test]
async fn a_machine_that_panics_is_faulted_and_alarmed_and_the_others_keep_their_interval() {
    let folder = tempfile::tempdir().unwrap();
    let (panic, never) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let machine = |panic: &Arc<AtomicBool>| Counter { steps: 0.0, panic: Arc::clone(panic) };
    let mut definition = definition();
    // On a tag that only the application's own machine brings along.
    definition.alarms.push(AlarmDefinition::new("counted far", "fragile.out", AlarmKind::High, 1e9));
    let plant = Plant::builder(Settings::in_folder(folder.path()))
        .definition(definition)
        .machine(counter("fragile", Mode::Sync), machine(&panic))
        .machine(counter("steady", Mode::Sync), machine(&never))
        .machine(counter("apart", Mode::Async), machine(&never))
        .start()
        .await
        .unwrap();
    let [fragile, steady, apart] = ["fragile.out", "steady.out", "apart.out"].map(|name| plant.resolve(name));
    let (fragile, steady, apart) = (fragile.await.unwrap(), steady.await.unwrap(), apart.await.unwrap());
    plant.wait_for(fragile, PATIENCE, reached(3.0)).await.unwrap();

    panic.store(true, Ordering::Relaxed);
    let raised = until(|| alarm(&plant, "fragile.fault"), |alarm| alarm.state == AlarmState::Unack).await;
    assert_eq!(raised.definition.class, AlarmClass::MachineFault);
    let safe = |tag: &TagRecord| tag.state.value == Some(Value::Float(-1.0));
    plant.wait_for(fragile, PATIENCE, safe).await.unwrap();
    let before = plant.read(steady).await.unwrap().state.usable_f64().unwrap();
    plant.wait_for(steady, PATIENCE, reached(before + 10.0)).await.unwrap();
    plant.wait_for(apart, PATIENCE, reached(10.0)).await.unwrap();
    for status in machines(&plant).await {
        let name = status.info.name.clone();
        let expected = if name == "fragile" { MachineState::Fault } else { MachineState::Run };
        assert_eq!(status.state, expected, "{name}");
        if name != "fragile" {
            assert_eq!(status.stats.overruns, 0, "{name}");
        }
        assert_eq!(status.fault.is_some_and(|text| text.contains("out of cheese")), name == "fragile");
    }

    panic.store(false, Ordering::Relaxed);
    let machine = machines(&plant).await.iter().find(|status| status.info.name == "fragile").unwrap().info.id;
    let reset = TransitionMachine { machine, transition: Transition::Reset };
    ask(plant.machines(), reset, DEADLINE).await.unwrap().unwrap();
    plant.wait_for(fragile, PATIENCE, reached(1.0)).await.unwrap();
    until(|| alarm(&plant, "fragile.fault"), |alarm| alarm.state == AlarmState::Rtnun).await;
    stop(plant).await;
}
