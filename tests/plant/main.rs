//! Whole-plant tests, one binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and tells what it measured"
)]

mod actix_facts;
mod alarms;
mod configuration;
mod configuration_identity;
mod flows;
mod kills;
mod notify;
mod opcua_peers;
mod postgres;
