//! How the values of a tag are smoothed.

use super::Fault;
use serde::{Deserialize, Serialize};

/// Smoothing of a tag's values, before the dead-band.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Filter {
    /// First-order lag.
    Lag {
        /// Time in which a step is followed to 1 − 1/e, ms; 1 to 86,400,000.
        time_constant_ms: u32,
    },
    /// Scalar Kalman filter of a random walk (Kalman 1960).
    Kalman {
        /// Standard deviation of what the process moves by in a second, in the tag's unit per √s; 1e-30 to 1e30.
        process_noise: f64,
        /// Standard deviation of the measurement, in the tag's unit; 1e-30 to 1e30, at most a million times the
        /// process noise.
        measurement_noise: f64,
        /// How many standard deviations away, twice in a row on the same side, a value is taken for a jump
        /// of the process; 1 to 100.
        #[serde(default = "Filter::default_reset_sigmas")]
        reset_sigmas: f64,
    },
    /// Moving median.
    Median {
        /// Number of samples; odd, 3 to 101.
        samples: u32,
    },
}

/// With less process noise than this share of the measurement noise, a filter would take months to follow.
const SMALLEST_NOISE_RATIO: f64 = 1e-6;

impl Filter {
    /// The word used in plant definitions.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Lag { .. } => "lag",
            Self::Kalman { .. } => "kalman",
            Self::Median { .. } => "median",
        }
    }

    /// Checks that every number is finite and within its bounds.
    ///
    /// # Errors
    /// The first field that is not, as a path from the tag, and what is wrong with it.
    pub fn check(&self) -> Result<(), (&'static str, Fault)> {
        match *self {
            Self::Lag { time_constant_ms } => {
                let value = f64::from(time_constant_ms);
                bounded("filter.lag.time_constant_ms", value, 1.0, 86_400_000.0, "1 to 86,400,000 ms")
            }
            Self::Kalman { process_noise, measurement_noise, reset_sigmas } => {
                bounded("filter.kalman.process_noise", process_noise, 1e-30, 1e30, "1e-30 to 1e30")?;
                bounded("filter.kalman.measurement_noise", measurement_noise, 1e-30, 1e30, "1e-30 to 1e30")?;
                bounded("filter.kalman.reset_sigmas", reset_sigmas, 1.0, 100.0, "1 to 100")?;
                if process_noise < SMALLEST_NOISE_RATIO * measurement_noise {
                    let allowed = "a millionth of the measurement noise or more";
                    return Err(("filter.kalman.process_noise", Fault::OutOfBounds { value: process_noise, allowed }));
                }
                Ok(())
            }
            Self::Median { samples } => {
                let (field, value) = ("filter.median.samples", f64::from(samples));
                let allowed = "an odd number, 3 to 101";
                bounded(field, value, 3.0, 101.0, allowed)?;
                if samples % 2 == 0 { Err((field, Fault::OutOfBounds { value, allowed })) } else { Ok(()) }
            }
        }
    }

    fn default_reset_sigmas() -> f64 {
        5.0
    }
}

/// Refuses a `value` that is not finite or outside `low..=high`.
pub(super) fn bounded(
    field: &'static str,
    value: f64,
    low: f64,
    high: f64,
    allowed: &'static str,
) -> Result<(), (&'static str, Fault)> {
    // NaN is in no range.
    if (low..=high).contains(&value) { Ok(()) } else { Err((field, Fault::OutOfBounds { value, allowed })) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Holder {
        filter: Filter,
    }

    fn read(text: &str) -> Result<Filter, toml::de::Error> {
        toml::from_str(text).map(|holder: Holder| holder.filter)
    }

    #[test]
    fn filters_are_read_as_written_and_written_as_read() {
        for (text, expected) in [
            ("filter = { lag = { time_constant_ms = 2000 } }", Filter::Lag { time_constant_ms: 2_000 }),
            (
                "filter = { kalman = { process_noise = 0.01, measurement_noise = 0.5 } }",
                Filter::Kalman { process_noise: 0.01, measurement_noise: 0.5, reset_sigmas: 5.0 },
            ),
            ("filter = { median = { samples = 5 } }", Filter::Median { samples: 5 }),
        ] {
            let filter = read(text).unwrap();
            assert_eq!(filter, expected);
            assert_eq!(filter.check(), Ok(()));
            assert_eq!(read(&toml::to_string(&Holder { filter }).unwrap()).unwrap(), expected);
        }
    }

    #[test]
    fn unknown_kinds_and_fields_are_refused() {
        for text in [
            "filter = { magic = { samples = 5 } }",
            "filter = { median = { samples = 5, colour = 1 } }",
            "filter = { lag = {} }",
            "filter = { lag = { time_constant_ms = 1 }, median = { samples = 5 } }",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_number_out_of_bounds_is_refused_by_its_field() {
        let kalman = |process_noise, measurement_noise, reset_sigmas| Filter::Kalman {
            process_noise,
            measurement_noise,
            reset_sigmas,
        };
        for (filter, field) in [
            (Filter::Lag { time_constant_ms: 0 }, "filter.lag.time_constant_ms"),
            (Filter::Lag { time_constant_ms: 86_400_001 }, "filter.lag.time_constant_ms"),
            (kalman(f64::NAN, 1.0, 5.0), "filter.kalman.process_noise"),
            (kalman(0.0, 1.0, 5.0), "filter.kalman.process_noise"),
            (kalman(1e-7, 1.0, 5.0), "filter.kalman.process_noise"),
            (kalman(1.0, f64::INFINITY, 5.0), "filter.kalman.measurement_noise"),
            (kalman(1.0, -1.0, 5.0), "filter.kalman.measurement_noise"),
            (kalman(1.0, 1.0, 0.5), "filter.kalman.reset_sigmas"),
            (Filter::Median { samples: 1 }, "filter.median.samples"),
            (Filter::Median { samples: 4 }, "filter.median.samples"),
            (Filter::Median { samples: 103 }, "filter.median.samples"),
        ] {
            let (found, fault) = filter.check().unwrap_err();
            assert_eq!(found, field, "{filter:?}");
            assert!(fault.to_string().contains("is not allowed: "), "{fault}");
        }
    }
}
