//! State of a tag's anomaly screens.

use super::elapsed::Elapsed;
use super::screens::{Drift, Frozen, Outlier, Rate};
use super::standing::{Screen, Standing};
use flyball_schema::Timestamp;
use flyball_schema::definition::{Range, Screens};

/// Anomaly screens at work. One pointer wide.
///
/// * Samples: finite, in the tag's unit, as they come out of the filter. Only what the source sends is fed, never a
///   repeat: a frozen screen asks whether the source is alive.
/// * Times: of one clock that always runs, as a filter's. A time that goes back or stands still is no time passed.
/// * Ordering: as fed.
#[derive(Debug)]
pub struct ScreenState(Box<State>);

#[derive(Debug)]
struct State {
    definition: Screens,
    tag_range: Option<Range>,
    time: Elapsed,
    range: Option<(f64, f64)>,
    frozen: Option<Frozen>,
    rate: Option<Rate>,
    outlier: Option<Outlier>,
    drift: Option<Drift>,
    standing: Standing,
}

/// The figures behind the screens after the last sample, for people; each none where its screen is not defined or
/// has not seen enough.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Figures {
    /// Population standard deviation over the window of the frozen screen, in the tag's unit.
    pub deviation: Option<f64>,
    /// |x − median| / max(1.4826 · MAD, floor) of the outlier screen; infinite where the samples before are equal
    /// and there is no floor.
    pub outlier_score: Option<f64>,
    /// Change since the sample before, in the tag's unit per second.
    pub rate: Option<f64>,
    /// What the drift screen expects on average, given or learned, in the tag's unit.
    pub drift_target: Option<f64>,
    /// Upper sum S⁺ of the drift screen, in the tag's unit; 0 to twice the threshold.
    pub drift_high: Option<f64>,
    /// Lower sum S⁻ of the drift screen, in the tag's unit; 0 to twice the threshold.
    pub drift_low: Option<f64>,
}

impl ScreenState {
    /// Screens that have seen nothing. `definition`: as [`Screens::check`] accepts it; `range`: the tag's, for the
    /// ends that a range screen does not give.
    #[must_use]
    pub fn new(definition: &Screens, range: Option<Range>) -> Self {
        Self(Box::new(State::new(definition.clone(), range)))
    }

    /// Takes a sample; the screens that stand after it.
    pub fn feed(&mut self, value: f64, at: Timestamp) -> Standing {
        let state = &mut *self.0;
        state.time.step(at);
        let time = &state.time;
        state.standing = Standing::default()
            .with(Screen::Range, state.range.is_some_and(|(low, high)| value < low || value > high))
            .with(Screen::Frozen, state.frozen.as_mut().is_some_and(|frozen| frozen.feed(value, time)))
            .with(Screen::Rate, state.rate.as_mut().is_some_and(|rate| rate.feed(value, time)))
            .with(Screen::Outlier, state.outlier.as_mut().is_some_and(|outlier| outlier.feed(value)))
            .with(Screen::Drift, state.drift.as_mut().is_some_and(|drift| drift.feed(value)));
        state.standing
    }

    /// The screens that stand since the last sample; none before the first.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.0.standing
    }

    /// The figures behind the screens after the last sample.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let State { frozen, rate, outlier, drift, .. } = &*self.0;
        Figures {
            deviation: frozen.as_ref().and_then(Frozen::deviation),
            outlier_score: outlier.as_ref().and_then(Outlier::score),
            rate: rate.as_ref().and_then(Rate::rate),
            drift_target: drift.as_ref().and_then(Drift::target),
            drift_high: drift.as_ref().map(|drift| drift.sums().0),
            drift_low: drift.as_ref().map(|drift| drift.sums().1),
        }
    }

    /// Forgets every sample, and a learned target.
    pub fn reset(&mut self) {
        let State { definition, tag_range, .. } = &*self.0;
        *self.0 = State::new(definition.clone(), *tag_range);
    }
}

impl State {
    fn new(definition: Screens, tag_range: Option<Range>) -> Self {
        Self {
            range: definition.range.map(|screen| screen.ends(tag_range)),
            frozen: definition.frozen.map(Frozen::new),
            rate: definition.rate.map(|screen| Rate::new(screen.limit)),
            outlier: definition.outlier.map(Outlier::new),
            drift: definition.drift.map(Drift::new),
            time: Elapsed::default(),
            standing: Standing::default(),
            definition,
            tag_range,
        }
    }
}

#[cfg(test)]
mod tests;
