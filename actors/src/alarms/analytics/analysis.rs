//! The figures as they grow. Pure: occurrences and time come in, reports go out.

use super::durations::Durations;
use super::flood::FloodWatch;
use super::record::Record;
use super::report::{AckTimes, PrioritySpread, Ranking, Report, Stale, StandingAlarm, WithheldAlarm};
use super::windows::Windows;
use super::{AreaId, Areas, LISTED, MOST_PER_10_MINUTES, MOST_PER_HOUR, Occurrence, Thresholds, WORST, What};
use flyball_schema::{AlarmId, Timestamp};
use std::collections::HashMap;

/// How an alarm stood before the first occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The alarm.
    pub alarm: AlarmId,
    /// Where it is.
    pub area: AreaId,
    /// When its occurrence began.
    pub since: Timestamp,
    /// Whether its condition held.
    pub active: bool,
    /// Whether it was acknowledged.
    pub acknowledged: bool,
}

/// Figures of every area, grown by one occurrence at a time.
///
/// Memory: some 200 bytes per alarm, and per area some 500 bytes and the times to acknowledge
/// ([`Thresholds::exact_times`]), however long it runs.
#[derive(Debug, Clone)]
pub struct Analysis {
    areas: Areas,
    thresholds: Thresholds,
    from: Timestamp,
    now: Timestamp,
    /// By area.
    tallies: Vec<Tally>,
    alarms: HashMap<AlarmId, Record>,
}

/// What is counted per area.
#[derive(Debug, Clone)]
struct Tally {
    activations: u64,
    withheld_activations: u64,
    hours: Windows,
    ten_minutes: Windows,
    flood: FloodWatch,
    priorities: PrioritySpread,
    acknowledgements: Durations,
}

impl Tally {
    fn new(from: Timestamp, thresholds: &Thresholds) -> Self {
        Self {
            activations: 0,
            withheld_activations: 0,
            hours: Windows::new(60, MOST_PER_HOUR, from),
            ten_minutes: Windows::new(10, MOST_PER_10_MINUTES, from),
            flood: FloodWatch::new(from),
            priorities: PrioritySpread::default(),
            acknowledgements: Durations::keeping(thresholds.exact_times),
        }
    }

    fn activated(&mut self, at: Timestamp, occurrence: &Occurrence) {
        self.activations += 1;
        self.hours.add(at);
        self.ten_minutes.add(at);
        self.flood.add(at);
        self.priorities.add(occurrence.priority);
    }
}

impl Analysis {
    /// Nothing has happened since `from`.
    #[must_use]
    pub fn new(areas: Areas, from: Timestamp, thresholds: Thresholds) -> Self {
        Self { areas, thresholds, from, now: from, tallies: Vec::new(), alarms: HashMap::new() }
    }

    /// The areas.
    #[must_use]
    pub fn areas(&self) -> &Areas {
        &self.areas
    }

    /// The areas, for those that are new.
    pub fn areas_mut(&mut self) -> &mut Areas {
        &mut self.areas
    }

    /// An alarm stood before the range began.
    pub fn stood(&mut self, standing: &Standing) {
        let record = self.alarms.entry(standing.alarm).or_default();
        record.area = Some(standing.area);
        record.stood(standing);
    }

    /// Something happens to an alarm, now. What is told late counts as now.
    pub fn feed(&mut self, occurrence: &Occurrence) {
        self.now = self.now.max(occurrence.at);
        let at = self.now;
        let record = self.alarms.entry(occurrence.alarm).or_default();
        record.area = Some(occurrence.area);
        match occurrence.what {
            What::Activated { annunciated } => {
                let annunciated = annunciated && !record.is_withheld();
                record.activated(at, annunciated, &self.thresholds);
                self.count(occurrence.area, |tally| {
                    if annunciated {
                        tally.activated(at, occurrence);
                    } else {
                        tally.withheld_activations += 1;
                    }
                });
            }
            What::Returned => record.returned(at, &self.thresholds),
            What::Acknowledged => {
                if let Some(after) = record.acknowledged(at) {
                    self.count(occurrence.area, |tally| tally.acknowledgements.add(after));
                }
            }
            What::Cleared => record.cleared(),
            What::Withheld(by) => record.withheld(by, at),
            What::Released(by) => record.released(by),
        }
    }

    /// Counts in an area and all above it.
    fn count(&mut self, area: AreaId, mut count: impl FnMut(&mut Tally)) {
        if self.tallies.len() < self.areas.count() {
            let new = Tally::new(self.from, &self.thresholds);
            self.tallies.resize(self.areas.count(), new);
        }
        for area in self.areas.upwards(area) {
            if let Some(tally) = self.tallies.get_mut(area.index()) {
                count(tally);
            }
        }
    }

    /// The figures of an area up to `to`, which is not before the last occurrence.
    #[must_use]
    pub fn report(&self, area: AreaId, to: Timestamp) -> Report {
        let to = to.max(self.now);
        let nothing = Tally::new(self.from, &self.thresholds);
        let tally = self.tallies.get(area.index()).unwrap_or(&nothing);
        let within = |record: &Record| record.area.is_some_and(|inner| self.areas.is_within(inner, area));
        let alarms: Vec<(AlarmId, &Record)> =
            self.alarms.iter().filter(|(_, record)| within(record)).map(|(&id, record)| (id, record)).collect();
        let ranking =
            |count: fn(&Record) -> u64| Ranking::of(alarms.iter().map(|(id, record)| (*id, count(record))), WORST);
        Report {
            area: self.areas.path(area).map(str::to_owned),
            from: self.from,
            to,
            activations: tally.activations,
            withheld_activations: tally.withheld_activations,
            hours: tally.hours.share(to),
            ten_minutes: tally.ten_minutes.share(to),
            peak: tally.ten_minutes.peak(),
            floods: tally.flood.summary(to),
            load: ranking(|record| record.activations),
            chattering: ranking(|record| record.chatters),
            fleeting: ranking(|record| record.fleeting),
            stale: self.stale(&alarms, to),
            priorities: tally.priorities,
            acknowledgement: AckTimes {
                count: tally.acknowledgements.count(),
                p50: tally.acknowledgements.quantile(50),
                p95: tally.acknowledgements.quantile(95),
                waiting: alarms.iter().filter(|(_, record)| record.waits()).count() as u64,
            },
            withheld: withheld(&alarms),
        }
    }

    fn stale(&self, alarms: &[(AlarmId, &Record)], to: Timestamp) -> Stale {
        let standing = alarms.iter().filter_map(|(id, record)| record.standing().map(|since| (*id, since)));
        let stale = standing.filter(|(_, since)| to.since(*since) > self.thresholds.stale);
        let mut oldest: Vec<_> = stale.map(|(alarm, since)| StandingAlarm { alarm, since }).collect();
        let alarms = oldest.len() as u64;
        oldest.sort_unstable_by_key(|standing| (standing.since, standing.alarm));
        oldest.truncate(LISTED);
        Stale { alarms, oldest }
    }
}

fn withheld(alarms: &[(AlarmId, &Record)]) -> Vec<WithheldAlarm> {
    let of = |(alarm, record): &(AlarmId, &Record)| {
        let alarm = *alarm;
        record.withholdings().map(move |(by, since)| WithheldAlarm { alarm, by, since }).collect::<Vec<_>>()
    };
    let mut all: Vec<_> = alarms.iter().flat_map(of).collect();
    all.sort_unstable_by_key(|one| (one.since, one.alarm, one.by));
    all.truncate(LISTED);
    all
}
