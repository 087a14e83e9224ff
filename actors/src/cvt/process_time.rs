//! The time that filter and screens of a tag run on. Pure.

use flyball_schema::Timestamp;
use std::time::Duration;

/// How far a device's spacing may lead the time of conditioning away from our clock: longer than what a subscription
/// queues between two messages, shorter than what is worth believing of a clock that is set.
const FURTHEST: Duration = Duration::from_secs(60);

/// Time as it passes for the process that a tag measures: it always runs, at our clock's pace, and takes from the device
/// only the spacing of its samples.
///
/// * A device time that moves on counts as it is, so that samples of one message keep their distance, whatever the
///   device's clock says of the date.
/// * One that stands still or goes back counts for nothing, and time passes by our clock. A server may well give the
///   time of the last *change* with every answer to a poll: the value that stays has to reach a filter, and a frozen
///   one its screen. The first that moves on after it stood still counts by our clock too, as what passed meanwhile has
///   been counted already.
/// * One that leads further than a minute away from our clock is a clock that was set, not process that went by: time
///   then passes by our clock. So does one that creeps: at the latest after a minute what it has missed is made up for.
#[derive(Debug, Default)]
pub(super) struct ProcessTime(Option<Fed>);

#[derive(Debug)]
struct Fed {
    /// Time of conditioning.
    at: Timestamp,
    /// When that was by our clock.
    arrived: Timestamp,
    /// The device's time last seen.
    source: Timestamp,
    /// How long, by our clock, the device's time has stood still.
    held: Duration,
    /// How far `at` is before our clock since they were last brought together, µs; negative behind it.
    ahead: i64,
}

impl ProcessTime {
    /// Time of a sample that the device dates `source`.
    pub(super) fn sample(&mut self, source: Timestamp, now: Timestamp) -> Timestamp {
        let Some(fed) = &mut self.0 else {
            self.0 = Some(Fed { at: now, arrived: now, source, held: Duration::ZERO, ahead: 0 });
            return now;
        };
        let former = std::mem::replace(&mut fed.source, source);
        if source == former {
            return fed.pass(now);
        }
        let (moves_on, stood_still) = (source > former, !fed.held.is_zero());
        fed.held = Duration::ZERO;
        let (theirs, ours) = (source.since(former), now.since(fed.arrived));
        let ahead = fed.ahead.saturating_add(micros(theirs)).saturating_sub(micros(ours));
        let is_spacing = moves_on && !stood_still;
        if is_spacing && u128::from(ahead.unsigned_abs()) <= FURTHEST.as_micros() {
            (fed.at, fed.arrived, fed.ahead) = (fed.at + theirs, now, ahead);
            return fed.at;
        }
        let at = fed.pass(now);
        fed.held = Duration::ZERO;
        if !is_spacing {
            return at;
        }
        let missed = Duration::from_micros(u64::try_from(fed.ahead.saturating_neg()).unwrap_or(0));
        (fed.at, fed.ahead) = (at + missed, 0);
        fed.at
    }

    /// Time now, without a sample; as if the device's time stood still.
    pub(super) fn now(&mut self, now: Timestamp) -> Timestamp {
        self.0.as_mut().map_or(now, |fed| fed.pass(now))
    }

    /// The device's time of what is calculated at the time last asked for; `None` before the first sample.
    pub(super) fn source_time(&self) -> Option<Timestamp> {
        self.0.as_ref().map(|fed| fed.source + fed.held)
    }
}

impl Fed {
    /// Lets time pass by our clock.
    fn pass(&mut self, now: Timestamp) -> Timestamp {
        let passed = now.since(self.arrived);
        (self.at, self.arrived, self.held) = (self.at + passed, self.arrived.max(now), self.held + passed);
        self.at
    }
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000_000_000);
    const DAY: i64 = 86_400_000;

    /// Milliseconds passed after samples of (device's time, arrival), both in ms, the device's as far off as `offset`.
    fn passed(offset: i64, samples: &[(i64, i64)]) -> Vec<i64> {
        let at = |ms: i64| Timestamp::from_micros(NOW.as_micros() + ms * 1_000);
        let mut time = ProcessTime::default();
        let since = |time: Timestamp| (time.as_micros() - NOW.as_micros()) / 1_000;
        samples.iter().map(|(source, arrival)| since(time.sample(at(source + offset), at(*arrival)))).collect()
    }

    #[test]
    fn a_device_time_that_stands_still_passes_by_ours_and_is_not_counted_twice() {
        for offset in [0, -5 * DAY, 5 * DAY] {
            let polled = [(0, 0), (0, 1_000), (0, 2_000), (2_500, 3_000), (2_500, 4_000), (4_800, 5_000)];
            assert_eq!(passed(offset, &polled), [0, 1_000, 2_000, 3_000, 4_000, 5_000]);
        }
    }

    #[test]
    fn queued_samples_keep_their_spacing_whatever_the_date_of_the_device() {
        for offset in [0, -5 * DAY, 5 * DAY] {
            let queued = [(0, 900), (100, 900), (200, 900), (1_000, 1_900), (1_100, 1_900)];
            assert_eq!(passed(offset, &queued), [900, 1_000, 1_100, 1_900, 2_000]);
        }
    }

    #[test]
    fn a_clock_that_is_set_is_no_process_that_went_by() {
        let set = [(0, 0), (1_000, 1_000), (DAY, 2_000), (DAY + 1_000, 3_000), (4_000, 4_000), (5_000, 5_000)];
        assert_eq!(passed(0, &set), [0, 1_000, 2_000, 3_000, 4_000, 5_000]);
        let there_and_back: Vec<(i64, i64)> = (0..100).map(|n| (n % 2 * 3_600_000, n * 1_000)).collect();
        assert_eq!(passed(0, &there_and_back).last(), Some(&99_000));
    }

    #[test]
    fn a_clock_that_creeps_does_not_hold_time_up_and_a_long_queue_goes_by_as_it_was() {
        let creeping: Vec<(i64, i64)> = (0..=600).map(|n| (n, n * 1_000)).collect();
        let end = passed(0, &creeping)[600];
        assert!((540_000..=600_000).contains(&end), "{end}");
        let an_hour_at_once: Vec<(i64, i64)> = (0..=3_600).map(|n| (n * 1_000, 0)).collect();
        let end = passed(0, &an_hour_at_once)[3_600];
        assert!((3_500_000..=3_600_000).contains(&end), "{end}");
    }

    #[test]
    fn time_never_runs_back_and_what_was_asked_in_between_is_not_counted_twice() {
        let mut time = ProcessTime::default();
        let at = |seconds: u64| NOW + Duration::from_secs(seconds);
        assert_eq!((time.now(at(1)), time.source_time()), (at(1), None));
        time.sample(at(100), at(1));
        assert_eq!((time.now(at(4)), time.source_time()), (at(4), Some(at(103))));
        assert_eq!(time.now(at(2)), at(4));
        assert_eq!((time.sample(at(106), at(7)), time.source_time()), (at(7), Some(at(106))));
    }
}
