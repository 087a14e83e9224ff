//! `flyball simulate`: the quadruple-tank process as an OPC UA device.

use super::{Failure, UNAVAILABLE, chain, say};
use flyball::simulation::{Simulator, SimulatorOptions};
use std::net::SocketAddr;
use tokio::io::AsyncReadExt as _;
use tokio::signal::unix::{SignalKind, signal};

/// Runs the device until a signal, or until standard input closes.
pub(super) async fn simulate(bind: SocketAddr, time_scale: f64, until_stdin_closes: bool) -> Result<(), Failure> {
    let cannot = |error: &dyn std::error::Error| {
        Failure::new(UNAVAILABLE, format!("cannot simulate at {bind}: {}", chain(error)))
    };
    let options = SimulatorOptions { time_scale, ..SimulatorOptions::default() };
    let simulator = Simulator::bind_with(&bind.to_string(), options).await.map_err(|error| cannot(&error))?.spawn();
    say(format_args!("READY {}", simulator.endpoint()));
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| cannot(&error))?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
        () = stdin_closes(), if until_stdin_closes => {}
    }
    simulator.stop().await.map_err(|error| cannot(&error))?;
    Ok(())
}

async fn stdin_closes() {
    let (mut stdin, mut scrap) = (tokio::io::stdin(), [0_u8; 256]);
    while matches!(stdin.read(&mut scrap).await, Ok(read) if read > 0) {}
}
