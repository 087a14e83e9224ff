//! Figures by hand, against an oracle, and out of the journal.

mod day;
mod journal;
mod properties;

use super::*;

/// A moment, in seconds.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}
