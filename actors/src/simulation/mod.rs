//! Simulated devices, for demonstration and tests: the quadruple-tank process behind an OPC UA server.

pub mod quadruple_tank;
mod server;

pub use quadruple_tank::{Parameters, QuadrupleTank};
pub use server::{SimulationError, Simulator, SimulatorHandle, SimulatorOptions};
