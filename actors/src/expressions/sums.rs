//! Totals and running hours: sums that go on for years and survive a restart.

use super::machine::{Slot, worst};
use flyball_schema::Quality;
use serde::Deserialize;
use serde_json::Value as Json;
use std::time::Duration;

const MICROS_PER_HOUR: f64 = 3.6e9;

/// Why a memory was refused; the program is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// It is no memory of sums at all.
    #[error("the memory of a derived tag cannot be read")]
    Unreadable(#[source] serde_json::Error),
    /// It is of another expression, or of other tags.
    #[error("the memory is of \"{found}\", the expression is \"{expected}\"")]
    OtherExpression {
        /// The expression, with ids in place of names.
        expected: String,
        /// The one remembered.
        found: String,
    },
    /// It is of an expression with other sums.
    #[error("the memory is of the sums [{}], the expression has [{}]", .found.join(", "), .expected.join(", "))]
    OtherSums {
        /// The sums of the expression, in its order: `total` or `hours`.
        expected: Vec<&'static str>,
        /// Those remembered.
        found: Vec<&'static str>,
    },
}

/// Integral of a number over time, the number held between evaluations.
#[derive(Debug, Clone)]
pub(super) struct Total {
    base_micros: f64,
    /// In number × µs.
    sum: f64,
    /// What rounding has kept out of `sum` (A. Neumaier, ZAMM 54 (1974), 39): small steps onto a large sum count.
    rest: f64,
    held: Option<f64>,
}

/// Time for which a Boolean has been true.
#[derive(Debug, Clone, Default)]
pub(super) struct Hours {
    micros: u64,
    held: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Sum {
    Total(Total),
    Hours(Hours),
}

impl Sum {
    pub(super) fn total(base: Duration) -> Self {
        Self::Total(Total { base_micros: base.as_secs_f64() * 1e6, sum: 0.0, rest: 0.0, held: None })
    }

    pub(super) fn hours() -> Self {
        Self::Hours(Hours::default())
    }

    /// Goes on by `elapsed` microseconds since the last evaluation, then holds `input`.
    pub(super) fn advance(&mut self, elapsed: u64, input: Slot, reset: Slot) -> Slot {
        let resets = reset.usable().is_some() && reset.is_true();
        let value = match self {
            Self::Total(total) => total.advance(elapsed, input, resets),
            Self::Hours(hours) => hours.advance(elapsed, input, resets),
        };
        let quality = worst(input.quality, reset.quality);
        let quality = if quality.is_bad() { Quality::UNCERTAIN_DATA_SUB_NORMAL } else { quality };
        Slot::calculated(value, quality)
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Total(_) => "total",
            Self::Hours(_) => "hours",
        }
    }

    fn memory(&self) -> Json {
        match self {
            Self::Total(total) => {
                [("kind", Json::from("total")), ("sum", total.sum.into()), ("rest", total.rest.into())]
                    .into_iter()
                    .collect()
            }
            Self::Hours(hours) => {
                [("kind", Json::from("hours")), ("micros", hours.micros.into())].into_iter().collect()
            }
        }
    }
}

impl Total {
    /// The integral per time base; infinite where the next step could not be added, which is then left out.
    fn advance(&mut self, elapsed: u64, input: Slot, resets: bool) -> f64 {
        let step = self.held.unwrap_or(0.0) * elapsed as f64;
        let sum = self.sum + step;
        let overflows = !sum.is_finite();
        if !overflows {
            self.rest += if self.sum.abs() >= step.abs() { (self.sum - sum) + step } else { (step - sum) + self.sum };
            self.sum = sum;
        }
        if resets {
            (self.sum, self.rest) = (0.0, 0.0);
        }
        self.held = input.usable();
        if overflows && !resets { f64::INFINITY } else { (self.sum + self.rest) / self.base_micros }
    }
}

impl Hours {
    fn advance(&mut self, elapsed: u64, input: Slot, resets: bool) -> f64 {
        if self.held {
            self.micros = self.micros.saturating_add(elapsed);
        }
        if resets {
            self.micros = 0;
        }
        self.held = input.usable().is_some() && input.is_true();
        self.micros as f64 / MICROS_PER_HOUR
    }
}

/// A sum as it is remembered.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Remembered {
    Total { sum: f64, rest: f64 },
    Hours { micros: u64 },
}

/// Sums and what they are of.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfExpression {
    expression: String,
    sums: Vec<Remembered>,
}

/// The sums as JSON, with what they are of; `None` where there are none.
pub(super) fn memory(sums: &[Sum], shape: Option<&str>) -> Option<Json> {
    let all = (!sums.is_empty()).then(|| sums.iter().map(Sum::memory).collect::<Json>())?;
    Some(match shape {
        Some(shape) => [("expression", Json::from(shape)), ("sums", all)].into_iter().collect(),
        None => all,
    })
}

/// Puts remembered sums in place of `sums`, all or none. Where the memory or the expression does not say what it is of,
/// the kinds of the sums decide.
pub(super) fn restore(sums: &mut [Sum], memory: &Json, shape: Option<&str>) -> Result<(), MemoryError> {
    let remembered = if memory.is_object() {
        let OfExpression { expression, sums } = OfExpression::deserialize(memory).map_err(MemoryError::Unreadable)?;
        if let Some(expected) = shape.filter(|shape| *shape != expression) {
            return Err(MemoryError::OtherExpression { expected: expected.to_owned(), found: expression });
        }
        sums
    } else {
        Vec::<Remembered>::deserialize(memory).map_err(MemoryError::Unreadable)?
    };
    let kind = |each: &Remembered| match each {
        Remembered::Total { .. } => "total",
        Remembered::Hours { .. } => "hours",
    };
    let expected: Vec<_> = sums.iter().map(Sum::kind).collect();
    let found: Vec<_> = remembered.iter().map(kind).collect();
    if expected != found {
        return Err(MemoryError::OtherSums { expected, found });
    }
    for (sum, remembered) in sums.iter_mut().zip(remembered) {
        match (sum, remembered) {
            (Sum::Total(total), Remembered::Total { sum, rest }) => (total.sum, total.rest) = (sum, rest),
            (Sum::Hours(hours), Remembered::Hours { micros }) => hours.micros = micros,
            // The kinds are the same.
            _ => {}
        }
    }
    Ok(())
}
