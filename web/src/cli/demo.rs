//! `flyball demo`: the simulated device as a process of its own, then the server for it.

use super::{Failure, INTERNAL, UNAVAILABLE, serve};
use flyball::schema::definition::PlantDefinition;
use flyball_web::ServerSettings;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// The plant definition of the demo, with the tags, alarms and loops of the quadruple-tank process.
const PLANT: &str = include_str!("../../../examples/plant.toml");

/// How long the device may take to start.
const START: Duration = Duration::from_secs(20);

/// Starts the device, serves the demo plant, and ends the device with it.
pub(super) async fn demo(settings: ServerSettings, settings_file: Option<PathBuf>) -> Result<(), Failure> {
    let definition =
        PlantDefinition::from_toml(PLANT).map_err(|error| Failure::new(INTERNAL, format!("plant.toml: {error}")))?;
    let (mut device, endpoint) = start_device(&settings, settings_file).await?;
    log::info!("simulated device at {endpoint}, process {}", device.id().unwrap_or_default());
    let given = serve::Given { definition, file: None, endpoint: Some(endpoint) };
    let served = serve::serve(settings, given).await;
    // Its standard input closes here, which ends it; it may have been ended by hand before.
    drop(device.stdin.take());
    if timeout(Duration::from_secs(2), device.wait()).await.is_err() {
        log::warn!("the simulated device did not end; it is ended now");
        let _ended_meanwhile = device.kill().await;
    }
    served
}

async fn start_device(settings: &ServerSettings, settings_file: Option<PathBuf>) -> Result<(Child, String), Failure> {
    let cannot = |text: &str| Failure::new(UNAVAILABLE, format!("cannot start the simulated device: {text}"));
    let program = std::env::current_exe().map_err(|error| cannot(&error.to_string()))?;
    let mut command = Command::new(program);
    command.args(["simulate", "--until-stdin-closes", "--bind"]).arg(settings.demo.bind.to_string());
    if let Some(file) = settings_file {
        command.arg("--settings").arg(file);
    }
    // A group of its own: Ctrl-C reaches the server alone, which ends the device last, machines safe before.
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut device = command.spawn().map_err(|error| cannot(&error.to_string()))?;
    let stdout = device.stdout.take().ok_or_else(|| cannot("no standard output"))?;
    let line = timeout(START, BufReader::new(stdout).lines().next_line()).await;
    match line {
        Ok(Ok(Some(line))) => match line.strip_prefix("READY ") {
            Some(endpoint) => Ok((device, endpoint.to_owned())),
            None => Err(cannot(&line)),
        },
        Ok(Ok(None)) => Err(cannot("it ended; see above")),
        Ok(Err(error)) => Err(cannot(&error.to_string())),
        Err(_elapsed) => Err(cannot("it was not ready in time")),
    }
}
