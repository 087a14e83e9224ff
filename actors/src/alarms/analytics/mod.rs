//! How well the alarm system itself does: ISA-18.2 clause 16 (monitoring and assessment) and EEMUA 191. **Engine**
//! [`AlarmAnalytics`].
//!
//! [`Analysis`] is pure: a stream of [`Occurrence`]s and time go in, a [`Report`] per area comes out. The same code takes
//! what happens now, one by one, and any range of the past, out of the journal.
//!
//! # What is counted
//!
//! * An *activation* counts where it was annunciated: shelved and suppressed alarms load nobody. The others are counted
//!   apart.
//! * An occurrence counts for its area and for all areas above it: one in `site/area/unit` also in `site/area`, in `site`
//!   and in the whole plant. An alarm without an area counts in the whole plant alone.
//! * A range includes its start and excludes its end. What was activated before it counts in no rate; what stood at its
//!   start counts where it is acknowledged, returns or goes stale within. That an alarm was withheld before is not known.
//!
//! # Windows
//!
//! | figure | window |
//! |---|---|
//! | share of hours over 30, of 10 minutes over 10, peak | fixed, aligned to the clock (UTC) |
//! | flood | sliding: the 10 minutes up to now, without their start |
//! | average rates | the whole range |
//!
//! Shares count only windows that lie in the range whole; the peak also looks into those that it cuts.
//!
//! # Order
//!
//! Time never runs backwards: what is told late counts as now. Occurrences of one time may come in any order, but those of
//! one alarm, whose order says how they followed each other.

mod analysis;
mod area;
mod durations;
mod engine;
mod flood;
mod record;
mod report;
#[cfg(test)]
mod tests;
mod windows;

pub use analysis::{Analysis, Standing};
pub use area::{AreaId, Areas};
pub use durations::{Durations, Quantile};
pub use engine::AlarmAnalytics;
pub use report::{
    AckTimes, Floods, Load, Peak, PrioritySpread, Ranking, Report, Stale, StandingAlarm, WindowShare, WithheldAlarm,
};

use crate::db::DbError;
use actix::Message;
use flyball_schema::definition::Priority;
use flyball_schema::{AlarmId, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

/// Activations in 10 minutes that are more than an operator can follow (EEMUA 191; ISA-18.2 clause 16, peak rates).
pub const MOST_PER_10_MINUTES: u64 = 10;
/// Activations in an hour that are more than an operator can follow (ISA-18.2 clause 16, table of metrics).
pub const MOST_PER_HOUR: u64 = 30;
/// A flood ends where fewer than so many activations lie in 10 minutes (ISA-18.2 clause 16, alarm floods).
pub const FLOOD_END: u64 = 5;
/// Activations of one alarm that make it chatter, within [`Thresholds::chattering`].
pub const CHATTER: usize = 3;
/// Items in a list of the worst (ISA-18.2 clause 16, frequently occurring alarms: the 10 most frequent).
pub const WORST: usize = 10;
/// Alarms in a list of those that stand or are withheld.
pub const LISTED: usize = 100;
/// Longest range of a [`ReadAlarmAnalytics`].
pub const LONGEST_RANGE: Duration = Duration::from_secs(400 * 86_400);

/// What happened to an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// Its condition became true: an occurrence begins.
    Activated {
        /// Whether anybody was told. False where it was not; an alarm that is known to be withheld is not either way.
        annunciated: bool,
    },
    /// Its condition became false.
    Returned,
    /// Somebody acknowledged it.
    Acknowledged,
    /// It is normal again and on no list: behind the return of an acknowledged alarm, the acknowledgement of a returned
    /// one, or a change of the configuration.
    Cleared,
    /// It is no longer annunciated.
    Withheld(Withholding),
    /// It is annunciated again.
    Released(Withholding),
}

/// Why an alarm is not annunciated (ISA-18.2 clause 6.2.4: SHLVD, DSUPR, OOSRV). Each may hold at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Withholding {
    /// By an operator, for a time.
    Shelved,
    /// By design.
    Suppressed,
    /// By maintenance.
    OutOfService,
}

impl Withholding {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Shelved, Self::Suppressed, Self::OutOfService];

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shelved => "shelved",
            Self::Suppressed => "suppressed",
            Self::OutOfService => "out_of_service",
        }
    }
}

/// One thing that happened to one alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    /// When the plant noticed, and told people (server time).
    pub at: Timestamp,
    /// The alarm.
    pub alarm: AlarmId,
    /// Where it is. An alarm that moves takes its place in the lists along; what was counted stays where it was.
    pub area: AreaId,
    /// Its priority.
    pub priority: Priority,
    /// What happened.
    pub what: What,
}

/// Where the figures draw their lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// An alarm that returns within this is fleeting.
    pub fleeting: Duration,
    /// An alarm with [`CHATTER`] activations within this chatters.
    pub chattering: Duration,
    /// An alarm that stands for longer than this is stale.
    pub stale: Duration,
    /// Times to acknowledge that are kept one by one per area, 8 bytes each; past that they are known to 1 %.
    pub exact_times: usize,
}

impl Default for Thresholds {
    /// 10 s, 60 s, 24 h (ISA-18.2 clause 16: chattering and fleeting alarms, stale alarms); 10,000 times.
    fn default() -> Self {
        Self {
            fleeting: Duration::from_secs(10),
            chattering: Duration::from_secs(60),
            stale: Duration::from_secs(24 * 3600),
            exact_times: 10_000,
        }
    }
}

/// Reads the figures of a range of the past. To [`AlarmAnalytics`].
///
/// * `from` is included, `to` is not; at most [`LONGEST_RANGE`].
/// * `area`: `site`, `site/area` or `site/area/unit`; `None` for the whole plant. Areas are those of the tags as they are
///   defined now.
/// * Reply: the figures, with the names of the alarms in their lists. Takes about as long as reading the journal of the
///   range.
/// * Errors: [`AnalyticsError`].
#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[rtype(result = "Result<AnalyticsReport, AnalyticsError>")]
pub struct ReadAlarmAnalytics {
    /// Begin, included.
    pub from: Timestamp,
    /// End, not included.
    pub to: Timestamp,
    /// The area; `None` for the whole plant.
    pub area: Option<String>,
}

/// Reply to [`ReadAlarmAnalytics`].
#[derive(Debug, Clone, PartialEq)]
pub struct AnalyticsReport {
    /// The figures.
    pub report: Report,
    /// Names of the alarms in their lists; an alarm that the catalogue does not know has none.
    pub names: BTreeMap<AlarmId, String>,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnalyticsError {
    /// No time in the range, or too much of it.
    #[error("figures are told of a range of up to 400 days, not of {from} to {to}")]
    Range {
        /// Begin.
        from: Timestamp,
        /// End.
        to: Timestamp,
    },
    /// No tag is in this area.
    #[error("unknown area \"{0}\"")]
    UnknownArea(String),
    /// The journal could not be read.
    #[error(transparent)]
    Database(#[from] DbError),
}
