//! The real binary as a process of its own: signals, exit codes, wrong settings, lost devices, `kill -9` and restart.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, its helpers too, and tells what it measured"
)]

mod child;
mod counts;
mod http;
mod kill;
mod link;
mod peers;
mod refusals;
mod server;
mod shutdown;
