//! Derived tags: what their expressions calculate, and when. **Pure.**
//!
//! A [`Program`] is a compiled [`Expression`](flyball_schema::expression::Expression) with the state of its windows and
//! sums; a [`Network`] keeps the programs of all derived tags and tells which are due after a change, each once and
//! after its inputs. Neither knows a clock: time comes in as an argument.
//!
//! # Values
//! * Numbers are binary64. An integer input beyond ±2^53, or an integer result not within it, is `BadOutOfRange` rather
//!   than rounded; so is every intermediate result that is not finite, and `clamp` with low above high.
//! * An integer tag takes a whole result; another is `BadTypeMismatch`.
//! * `%` is the remainder with the sign of the dividend.
//!
//! # Quality
//! * The worst of the inputs used, the first of equally bad ones; of good ones the first that says more than *good*.
//!   `if` uses its condition and the branch taken, everything else all its operands.
//! * A bad input has no value, whatever stands there; without a value it is bad (`BadNoData` where its quality is not).
//!   A tag that does not exist is `BadConfigurationError`.
//!
//! # Windows and sums
//! * A value is held until the next evaluation. Both branches of an `if` are always calculated, so a window or sum in
//!   the branch not taken goes on.
//! * A *sample* is a change of the value or of its severity, at the time of the evaluation that showed it. A window of
//!   width w at time t is (t − w, t]; before the first sample there is nothing, the window is then just shorter.
//! * `avg` weighs each value by the time it was held, `min` and `max` are over all values held, `sum` over the samples,
//!   `rate` is (last − first value) / time between them.
//! * While a span that is not good lies within a window, the result is `UncertainDataSubNormal` and bad spans are left
//!   out; with nothing usable in the window it is bad as its input. `rate` over no time is `BadNoData`.
//! * A window keeps 4,096 samples; past that neighbours are merged into spans of at most 1/1,024 of the window, which
//!   moves only what happens at its far end, by no more than that. So a window takes 130 kB at the most while its samples
//!   come in, and 360 kB with what it keeps to answer in constant time (88 bytes a sample, for `avg`): a thousand windows
//!   over tags that never rest may come to 360 MB. Values that rest take nothing, so a dead-band on the input helps.
//! * `total` and `hours` stand still while input or reset is bad, are `UncertainDataSubNormal` meanwhile, and keep
//!   their value. What [`Program::memory`] gives survives a restart, as long as the same is calculated from the same tags;
//!   the time between does not count.

mod machine;
mod network;
mod program;
mod ranks;
mod shape;
mod sums;
mod window;

#[cfg(test)]
mod tests;

pub use network::Network;
pub use program::Program;
pub(crate) use shape::shape;
pub use sums::MemoryError;

use flyball_schema::{Quality, Value};

/// The present state of a tag, as an evaluation reads it.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// Value in the tag's source unit; not used where `quality` is bad.
    pub value: Option<&'a Value>,
    /// How far the value can be trusted.
    pub quality: Quality,
}

/// What an evaluation gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// A value of the derived tag's type, finite; `None` exactly where `quality` is bad.
    pub value: Option<Value>,
    /// How far the value can be trusted.
    pub quality: Quality,
}
