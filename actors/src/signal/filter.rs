//! State of a tag's filter.

use super::elapsed::Elapsed;
use super::kalman::Kalman;
use super::lag::Lag;
use super::median::Median;
use flyball_schema::Timestamp;
use flyball_schema::definition::Filter;

/// Share of the raw value to within which a filtered value has come to it.
const SETTLED: f64 = 1e-6;
/// Raw values nearer to zero than this count as this.
const SMALLEST_RAW: f64 = 1e-9;

/// A filter at work. One pointer wide.
///
/// * Samples: finite, in the tag's unit; the first passes as it is. The filtered value never leaves the span of the
///   samples so far.
/// * Times: of one clock that always runs, for samples and repeats alike; never the device's as it is, which may stand
///   still. A time that goes back or stands still is no time passed.
/// * Ordering: as fed.
#[derive(Debug)]
pub struct FilterState(Box<State>);

#[derive(Debug)]
struct State {
    definition: Filter,
    time: Elapsed,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    kind: Kind,
    raw: f64,
    filtered: f64,
    /// Interval of the last repeat, µs, where the filter settled at it.
    rest: Option<i64>,
}

#[derive(Debug)]
enum Kind {
    Lag(Lag),
    Kalman(Kalman),
    Median(Median),
}

impl FilterState {
    /// A filter that has seen nothing. `definition`: as [`Filter::check`] accepts it.
    #[must_use]
    pub fn new(definition: &Filter) -> Self {
        Self(Box::new(State { definition: definition.clone(), time: Elapsed::default(), running: None }))
    }

    /// Takes a sample; the filtered value at its time.
    ///
    /// A lag holds each input until the next, so that a step shows from its sample on and not before; a Kalman
    /// filter and a median count the sample at once.
    pub fn feed(&mut self, value: f64, at: Timestamp) -> f64 {
        let State { definition, time, running } = &mut *self.0;
        let step = time.step(at);
        let running = running.get_or_insert_with(|| Running::new(definition, value));
        running.feed(value, step, time)
    }

    /// Feeds the last sample again, for a source that is silent while its value stays; `None` before the first.
    ///
    /// To be called by the clock while the filter is not [settled](Self::is_settled), and only for sources that
    /// report changes alone: to a Kalman filter, an outlier that is repeated is a jump.
    pub fn repeat(&mut self, at: Timestamp) -> Option<f64> {
        let State { time, running, .. } = &mut *self.0;
        let running = running.as_mut()?;
        let step = time.step(at);
        let filtered = running.feed(running.raw, step, time);
        running.rest = running.is_settled().then_some(step);
        Some(filtered)
    }

    /// Whether the filtered value is the raw one, so that repeating changes nothing; true before the first sample.
    ///
    /// A filtered value that has come to within a millionth of an unchanged raw one (of 1e-9 where that is nearer to
    /// zero) is put on it.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.0.running.as_ref().is_none_or(Running::is_settled)
    }

    /// Forgets every sample.
    pub fn reset(&mut self) {
        self.0.time = Elapsed::default();
        self.0.running = None;
    }
}

impl Running {
    fn new(definition: &Filter, first: f64) -> Self {
        let kind = match *definition {
            Filter::Lag { time_constant_ms } => Kind::Lag(Lag::new(time_constant_ms, first)),
            Filter::Kalman { process_noise, measurement_noise, reset_sigmas } => {
                Kind::Kalman(Kalman::new(process_noise, measurement_noise, reset_sigmas, first))
            }
            Filter::Median { samples } => Kind::Median(Median::new(usize::try_from(samples).unwrap_or(usize::MAX))),
        };
        Self { kind, raw: first, filtered: first, rest: None }
    }

    fn feed(&mut self, value: f64, step: i64, time: &Elapsed) -> f64 {
        let is_held = self.raw.to_bits() == value.to_bits();
        self.raw = value;
        let filtered = match &mut self.kind {
            Kind::Lag(lag) => lag.feed(value, time),
            // Silence after rest is a value that stayed, not one that nobody measured: the uncertainty is that of
            // the last repeat, as if repeating had gone on.
            Kind::Kalman(kalman) => kalman.feed(value, self.rest.take().map_or(step, |rest| rest.min(step))),
            Kind::Median(median) => median.feed(value),
        };
        let is_near = (filtered - value).abs() <= SETTLED * value.abs().max(SMALLEST_RAW);
        self.filtered = if is_held && is_near { value } else { filtered };
        if let (true, true, Kind::Kalman(kalman)) = (is_held, is_near, &mut self.kind) {
            kalman.snap(value);
        }
        self.filtered
    }

    fn is_settled(&self) -> bool {
        // Zero has two signs.
        (self.filtered - self.raw).abs() <= 0.0
    }
}

#[cfg(test)]
mod tests;
