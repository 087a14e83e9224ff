//! Whole-plant tests, one binary.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod actix_facts;
mod flows;
mod opcua_peers;
