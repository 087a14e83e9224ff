//! The server binary: `flyball serve`, and the demo plant.

mod cli;

use std::process::ExitCode;

/// What is logged where `RUST_LOG` says nothing. The OPC UA stack calls a missing certificate an error where none is
/// needed, and reports each reconnect in a dozen lines; what matters of it, the links tell.
const DEFAULT_FILTER: &str = "warn,flyball=info,flyball_web=info,opcua=off,opcua_client=off,opcua_core=off,\
                              opcua_crypto=off,opcua_server=off,opcua_nodes=off,opcua_types=off";

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or(DEFAULT_FILTER))
        .format_target(false)
        .init();
    cli::run()
}
