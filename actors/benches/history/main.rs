//! The history: what a sample costs on its way into a store and what is kept of it, and how long questions take.
//!
//! Rows 7 to 10 of the performance budget; the arguments say which (all, without any), `codec` the codec alone.
//! `FLYBALL_BENCH_FULL=1` adds what takes minutes: 100 M samples.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench ends where anything goes wrong")]
#![allow(clippy::disallowed_methods, reason = "a bench measures the machine's own time")]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers")]

mod codec;
mod mix;
mod postgres;
mod reading;
#[path = "../report/mod.rs"]
mod report;
mod rows;
mod watch;
mod writing;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wants = |part: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == part);
    let full = std::env::var_os("FLYBALL_BENCH_FULL").is_some_and(|full| full == "1");
    if wants("codec") {
        codec::run();
    }
    if wants("7") {
        writing::run(full);
    }
    if wants("8") {
        postgres::run();
    }
    if wants("9") || wants("10") {
        reading::run(wants("9"), wants("10"), full);
    }
}
