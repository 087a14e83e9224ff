//! The figures.

use super::{Quantile, Withholding};
use flyball_schema::definition::Priority;
use flyball_schema::{AlarmId, Timestamp};
use std::time::Duration;

/// Figures of an area over a range.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The area, `site/area/unit`; `None` for the whole plant.
    pub area: Option<String>,
    /// Begin, included.
    pub from: Timestamp,
    /// End, not included.
    pub to: Timestamp,
    /// Activations that were annunciated.
    pub activations: u64,
    /// Activations of alarms that were shelved, suppressed or out of service.
    pub withheld_activations: u64,
    /// Hours of the clock, with more than 30 activations or not.
    pub hours: WindowShare,
    /// Windows of 10 minutes of the clock, with more than 10 activations or not.
    pub ten_minutes: WindowShare,
    /// The 10 minutes of the clock with the most activations; `None` without any.
    pub peak: Option<Peak>,
    /// Floods.
    pub floods: Floods,
    /// Alarms by load: those with the most activations.
    pub load: Ranking,
    /// Alarms that chattered; an alarm counts once for each time that it began to.
    pub chattering: Ranking,
    /// Alarms that were fleeting; an alarm counts once for each time.
    pub fleeting: Ranking,
    /// Alarms that stand for too long at the end.
    pub stale: Stale,
    /// Activations by priority.
    pub priorities: PrioritySpread,
    /// Times to acknowledge.
    pub acknowledgement: AckTimes,
    /// Alarms that are withheld at the end, the longest first; at most [`LISTED`](super::LISTED).
    pub withheld: Vec<WithheldAlarm>,
}

impl Report {
    /// Activations per 10 minutes, on average over the range (EEMUA 191: 1 is manageable).
    #[must_use]
    pub fn per_10_minutes(&self) -> f64 {
        self.per(Duration::from_secs(600))
    }

    /// Activations per hour, on average over the range (ISA-18.2 clause 16: 6 are acceptable, 12 manageable).
    #[must_use]
    pub fn per_hour(&self) -> f64 {
        self.per(Duration::from_secs(3_600))
    }

    fn per(&self, span: Duration) -> f64 {
        ratio(self.activations as f64 * span.as_secs_f64(), self.to.since(self.from).as_secs_f64()).unwrap_or(0.0)
    }
}

fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

/// How many windows of a range have too many activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WindowShare {
    /// Windows that lie in the range whole.
    pub windows: u64,
    /// Those of them with too many activations.
    pub over: u64,
}

impl WindowShare {
    /// The share of them, 0 to 1; `None` where the range has no whole window.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        ratio(self.over as f64, self.windows as f64)
    }
}

/// The window with the most activations; the first one of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peak {
    /// Activations.
    pub count: u64,
    /// When the window begins.
    pub start: Timestamp,
}

/// Floods of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Floods {
    /// How many began.
    pub count: u64,
    /// How long they lasted together.
    pub duration: Duration,
    /// How long the longest lasted.
    pub longest: Duration,
    /// Whether one goes on at the end.
    pub ongoing: bool,
    /// Length of the range.
    pub(super) range: Duration,
}

impl Floods {
    /// Share of the range that was a flood, 0 to 1 (ISA-18.2 clause 16: below 0.01).
    #[must_use]
    pub fn share(&self) -> f64 {
        ratio(self.duration.as_secs_f64(), self.range.as_secs_f64()).unwrap_or(0.0)
    }

    pub(super) fn close(&mut self, since: Timestamp, end: Timestamp) {
        self.count += 1;
        self.duration += end.since(since);
        self.longest = self.longest.max(end.since(since));
    }
}

/// Alarms of which something is counted, and the worst of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ranking {
    /// How many alarms it happened to.
    pub alarms: u64,
    /// How often it happened to all of them.
    pub times: u64,
    /// The [`WORST`](super::WORST), by times and then by id.
    pub worst: Vec<Load>,
}

impl Ranking {
    /// Share of the worst in all, 0 to 1; `None` where it never happened.
    #[must_use]
    pub fn share_of_worst(&self) -> Option<f64> {
        ratio(self.worst.iter().map(|load| load.times).sum::<u64>() as f64, self.times as f64)
    }

    /// Share of one of them in all, 0 to 1.
    #[must_use]
    pub fn share(&self, load: &Load) -> f64 {
        ratio(load.times as f64, self.times as f64).unwrap_or(0.0)
    }

    pub(super) fn of(counts: impl Iterator<Item = (AlarmId, u64)>, worst: usize) -> Self {
        let mut all: Vec<Load> =
            counts.filter(|(_, times)| *times > 0).map(|(alarm, times)| Load { alarm, times }).collect();
        let (alarms, times) = (all.len() as u64, all.iter().map(|load| load.times).sum());
        all.sort_unstable_by_key(|load| (std::cmp::Reverse(load.times), load.alarm));
        all.truncate(worst);
        Self { alarms, times, worst: all }
    }
}

/// How often something happened to an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// The alarm.
    pub alarm: AlarmId,
    /// How often.
    pub times: u64,
}

/// Alarms that stand for longer than [`Thresholds::stale`](super::Thresholds::stale).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stale {
    /// How many there are.
    pub alarms: u64,
    /// The oldest of them, at most [`LISTED`](super::LISTED).
    pub oldest: Vec<StandingAlarm>,
}

/// An alarm that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StandingAlarm {
    /// The alarm.
    pub alarm: AlarmId,
    /// When its present occurrence began.
    pub since: Timestamp,
}

/// Activations by priority, against 80 % low, 15 % medium and 5 % high (ISA-18.2 clause 16, annunciated priority
/// distribution).
///
/// The standard's three priorities are Flyball's `low`, `medium`, and `high` and `critical` together: a fourth one, where
/// there is one, is to be taken out of the 5 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PrioritySpread {
    /// Of low priority.
    pub low: u64,
    /// Of medium priority.
    pub medium: u64,
    /// Of high priority.
    pub high: u64,
    /// Of critical priority.
    pub critical: u64,
}

impl PrioritySpread {
    /// What the shares should be: low, medium, high and critical.
    pub const TARGET: [f64; 3] = [0.80, 0.15, 0.05];

    /// Shares of low, medium, and high and critical together, 0 to 1; `None` without activations.
    #[must_use]
    pub fn shares(&self) -> Option<[f64; 3]> {
        let counts = [self.low, self.medium, self.high + self.critical];
        let all = counts.iter().sum::<u64>();
        (all > 0).then(|| counts.map(|count| count as f64 / all as f64))
    }

    pub(super) fn add(&mut self, priority: Priority) {
        *match priority {
            Priority::Low => &mut self.low,
            Priority::Medium => &mut self.medium,
            Priority::High => &mut self.high,
            Priority::Critical => &mut self.critical,
        } += 1;
    }
}

/// Times from the activation to the acknowledgement, of all that were acknowledged in the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AckTimes {
    /// Acknowledgements.
    pub count: u64,
    /// Half of them took no longer.
    pub p50: Option<Quantile>,
    /// 95 % of them took no longer.
    pub p95: Option<Quantile>,
    /// Annunciated occurrences that nobody has acknowledged at the end.
    pub waiting: u64,
}

/// An alarm that is not annunciated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WithheldAlarm {
    /// The alarm.
    pub alarm: AlarmId,
    /// Why.
    pub by: Withholding,
    /// Since when.
    pub since: Timestamp,
}
