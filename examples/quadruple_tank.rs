//! The demo plant embedded: the quadruple-tank process as an OPC UA device in this process, sixty times as fast as the
//! real one, and `plant.toml` with its two PID loops. In manual at 3.00 V the levels settle at the published operating point;
//! in automatic a step of a set point moves the level and trips its alarm.
//!
//! `cargo run -p flyball-examples --example quadruple_tank`

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use flyball::Plant;
use flyball::alarms::{AlarmState, ListAlarms};
use flyball::machines::SetParameters;
use flyball::schema::definition::PlantDefinition;
use flyball::schema::{MachineId, Value};
use flyball::send::{DEADLINE, ask};
use flyball::settings::Settings;
use flyball::simulation::{Simulator, SimulatorOptions};
use std::error::Error;
use std::time::Duration;

/// Levels of tanks 1 to 4 at 3.00 V on both pumps (Johansson 2000, minimum-phase setting), cm.
const OPERATING_POINT: [f64; 4] = [12.4, 12.7, 1.8, 1.4];

async fn set(plant: &Plant, machine: u32, values: &[(&str, Value)]) -> Result<(), Box<dyn Error>> {
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    ask(plant.machines(), SetParameters { machine: MachineId(machine), values }, DEADLINE).await??;
    Ok(())
}

#[actix_rt::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = SimulatorOptions { time_scale: 60.0, ..SimulatorOptions::default() };
    let device = Simulator::bind_with("127.0.0.1:0", options).await?.spawn();
    let mut definition = PlantDefinition::from_toml(include_str!("plant.toml"))?;
    definition.links[0].endpoint = device.endpoint();
    let folder = tempfile::tempdir()?;
    let plant = Plant::builder(Settings::in_folder(folder.path())).definition(definition).start().await?;

    let patience = Duration::from_secs(60);
    for machine in [1, 2] {
        set(&plant, machine, &[("mode", "manual".into()), ("manual_output", 3.0.into())]).await?;
    }
    for (tank, published) in (1..).zip(OPERATING_POINT) {
        let level = plant.resolve(&format!("tank{tank}.level")).await?;
        let settled = |value: f64| (value - published).abs() <= 0.02 * published;
        let record = plant.wait_for(level, patience, |tag| tag.state.usable_f64().is_some_and(settled)).await?;
        let value = record.state.usable_f64().unwrap_or(f64::NAN);
        println!("tank {tank} settles at {value:.2} cm, published: {published} cm");
    }

    // The process runs sixty times as fast as its controller was tuned for; the integral time goes with it.
    set(&plant, 1, &[("integral_time", 0.5.into()), ("gain", 0.5.into()), ("mode", "auto".into())]).await?;
    set(&plant, 1, &[("set_point", 16.0.into())]).await?;
    let level = plant.resolve("tank1.level").await?;
    plant.wait_for(level, patience, |tag| tag.state.usable_f64().is_some_and(|value| value > 15.2)).await?;
    let high = ListAlarms { limit: 10, contains: Some("tank1.level.high".to_owned()), ..ListAlarms::default() };
    let alarms = ask(plant.alarms(), high, DEADLINE).await?;
    assert!(alarms.iter().any(|alarm| alarm.definition.name == "tank1.level.high" && alarm.state == AlarmState::Unack));
    println!("the set point of 16 cm trips tank1.level.high");

    let report = plant.shutdown().await;
    assert!(report.is_clean());
    device.stop().await?;
    println!("plant stopped: {report}");
    Ok(())
}
