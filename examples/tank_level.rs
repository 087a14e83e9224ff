//! A tank filled by an on/off valve: a machine of our own plays the tank, the ready-made `two_position` controls it, and an
//! alarm trips when the set point is raised too far.
//!
//! `cargo run -p flyball-examples --example tank_level`

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use flyball::Plant;
use flyball::alarms::{AcknowledgeAlarm, AlarmState, ListAlarms};
use flyball::machines::{Declaration, Input, Machine, Output, SetParameters, Step, StepError};
use flyball::schema::definition::{AlarmDefinition, AlarmKind, MachineDefinition, PlantDefinition, Priority};
use flyball::schema::{MachineId, Value};
use flyball::send::{DEADLINE, ask};
use flyball::settings::Settings;
use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

const VALVE: Input<bool> = Input::new("valve").optional().describe("inlet valve is open");
const LEVEL: Output<f64> = Output::new("level", 0.0).unit("cm").describe("level of the tank");

/// A tank of 30 cm: 8 cm/s flow in through the open valve, 3 cm/s always flow out.
#[derive(Debug, Default)]
struct Tank {
    level: f64,
}

impl Machine for Tank {
    fn declaration(&self) -> Declaration {
        Declaration::new("tank").input(VALVE).output(LEVEL)
    }

    fn step(&mut self, step: &mut Step<'_>) -> Result<(), StepError> {
        let open = step.input(&VALVE).usable().unwrap_or(false);
        let flow = if open { 8.0 } else { 0.0 } - 3.0;
        self.level = (self.level + flow * step.dt().as_secs_f64()).clamp(0.0, 30.0);
        step.set(&LEVEL, self.level);
        Ok(())
    }
}

fn machine(name: &str, kind: &str, input: (&str, &str)) -> MachineDefinition {
    MachineDefinition {
        name: name.to_owned(),
        kind: kind.to_owned(),
        description: None,
        mode: flyball::schema::definition::Mode::Sync,
        interval_ms: 20,
        inputs: [(input.0.to_owned(), input.1.to_owned())].into(),
        outputs: BTreeMap::new(),
        parameters: BTreeMap::new(),
    }
}

#[actix_rt::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let mut control = machine("control", "two_position", ("pv", "tank.level"));
    control.parameters =
        [("set_point", 10.0), ("hysteresis", 1.0)].map(|(name, value)| (name.to_owned(), Value::Float(value))).into();
    let high = AlarmDefinition::new("tank.high", "tank.level", AlarmKind::High, 15.0)
        .with_dead_band(1.0)
        .with_priority(Priority::High);
    let definition = PlantDefinition { machines: vec![control], alarms: vec![high], ..PlantDefinition::default() };
    let plant = Plant::builder(Settings::in_folder(folder.path()))
        .definition(definition)
        .machine(machine("tank", "tank", ("valve", "control.out")), Tank::default())
        .start()
        .await?;

    let level = plant.resolve("tank.level").await?;
    let (valve, ten_seconds) = (plant.resolve("control.out").await?, Duration::from_secs(10));
    let at = |low: f64, high: f64| {
        move |record: &flyball::cvt::TagRecord| {
            record.state.usable_f64().is_some_and(|value| (low..high).contains(&value))
        }
    };
    plant.wait_for(level, ten_seconds, at(9.5, 10.6)).await?;
    println!("the tank is filled to its set point of 10 cm");
    let closed = |record: &flyball::cvt::TagRecord| record.state.value == Some(Value::Boolean(false));
    plant.wait_for(valve, ten_seconds, closed).await?;
    println!("the valve closes above it, and opens again below");

    let control = MachineId(1);
    let values = [("set_point".to_owned(), Value::Float(18.0))].into();
    ask(plant.machines(), SetParameters { machine: control, values }, DEADLINE).await??;
    plant.wait_for(level, ten_seconds, at(15.5, 30.0)).await?;
    let standing = ListAlarms { limit: 10, states: vec![AlarmState::Unack], ..ListAlarms::default() };
    let alarms = ask(plant.alarms(), standing, DEADLINE).await?;
    assert_eq!(alarms.len(), 1);
    println!("alarm {} is {} at {:?} cm", alarms[0].definition.name, alarms[0].state.as_str(), alarms[0].value);

    let acknowledge = AcknowledgeAlarm { alarm: alarms[0].id, by: "example".to_owned(), comment: None };
    let acknowledged = ask(plant.alarms(), acknowledge, DEADLINE).await??;
    assert_eq!(acknowledged.state, AlarmState::Acked);
    println!("acknowledged by {}", acknowledged.acknowledged_by.as_deref().unwrap_or("nobody"));

    let report = plant.shutdown().await;
    assert!(report.is_clean());
    println!("plant stopped: {report}");
    Ok(())
}
