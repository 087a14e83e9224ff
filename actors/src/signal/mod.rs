//! Signal conditioning of a tag: how its values are smoothed and what makes them doubtful. Pure; time comes in
//! with the samples, and only good, finite numbers are fed: the quality gate stands before.
//!
//! ```text
//! sample ─▶ FilterState ─▶ ScreenState ─▶ dead-band ─▶ table
//!            ▲ repeat        │ Standing ─▶ quality
//! clock ─────┘ while not settled
//! ```
//!
//! * [`FilterState`] smooths. A source that reports only changes falls silent after a step, and its filtered value
//!   must not rest where the source does not: [`repeat`](FilterState::repeat) feeds the last sample again by the
//!   clock until [`is_settled`](FilterState::is_settled).
//! * [`ScreenState`] tells which anomaly screens stand, as [`Standing`], and the figures behind it.
//!
//! Both are one pointer wide, so that a tag without them costs a null pointer, and neither allocates per sample.
//! Changing a definition makes a new state.

mod elapsed;
mod filter;
mod kalman;
mod lag;
mod median;
mod screen;
mod screens;
mod sorted_window;
mod standing;

pub use filter::FilterState;
pub use screen::{Figures, ScreenState};
pub use standing::{Screen, Standing};
