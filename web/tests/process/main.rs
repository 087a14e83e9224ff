//! The real binary as a process of its own: signals, exit codes, wrong settings, lost devices, `kill -9` and restart.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, its helpers too, and tells what it measured"
)]

mod cap;
mod child;
mod counts;
mod damage;
mod disk;
mod flood;
mod full;
mod http;
mod keeping;
mod kill;
mod kills;
mod link;
mod outage;
mod peers;
mod pens;
mod plan;
mod refusals;
mod server;
mod shell;
mod shutdown;
mod year;
