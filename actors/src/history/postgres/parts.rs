//! Which partitions there are, and which are needed. Pure.
//!
//! Times are microseconds since the epoch.

use std::collections::BTreeMap;
use std::ops::Range;

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

/// Times that are kept in partitions: 1970 to 2199. What a broken clock tells beyond them is kept apart, so that it makes
/// no partitions; and timestamptz begins in 4714 BC, our times do not.
pub(super) const SENSIBLE: Range<i64> = 0..7_258_118_400_000_000;

/// Width of the first partition.
const FIRST_WIDTH: i64 = DAY;
/// Wider than this no partition becomes, narrower than the next none.
const WIDEST: i64 = 32 * DAY;
const NARROWEST: i64 = 3 * HOUR;
/// A partition should have some ten million samples: the next is wider, narrower, where it has not.
const FEW: i64 = 2_500_000;
const MANY: i64 = 20_000_000;
/// A sample that is further ahead of all others than this comes from a clock that is wrong.
const FAR: i64 = 366 * DAY;

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// Qualified name.
    pub(super) name: String,
    pub(super) from: i64,
    pub(super) until: i64,
    /// Samples stored in it; `None` where they are not counted.
    pub(super) samples: Option<i64>,
}

/// All partitions, by time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Parts(Vec<Part>);

impl Parts {
    pub(super) fn new(mut parts: Vec<Part>) -> Self {
        parts.sort_by_key(|part| part.from);
        Self(parts)
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Part> {
        self.0.iter()
    }

    pub(super) fn get_mut(&mut self, index: usize) -> &mut Part {
        &mut self.0[index]
    }

    /// The partition of `time`.
    pub(super) fn find(&self, time: i64) -> Option<usize> {
        let index = self.0.partition_point(|part| part.until <= time);
        self.0.get(index).filter(|part| part.from <= time).map(|_| index)
    }

    pub(super) fn at(&self, time: i64) -> Option<&Part> {
        self.find(time).map(|index| &self.0[index])
    }

    /// Adds to the samples of a partition.
    pub(super) fn count(&mut self, name: &str, samples: i64) {
        let part = self.0.iter_mut().find(|part| part.name == name);
        part.into_iter().for_each(|part| part.samples = part.samples.map(|before| before + samples));
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.0.retain(|part| part.name != name);
    }

    /// Adds the partition that `time`, which has none, needs; its place.
    pub(super) fn add(&mut self, time: i64) -> usize {
        let index = self.0.partition_point(|part| part.until <= time);
        let width = self.width_at(index, time);
        let from = time.div_euclid(width) * width;
        let until = self.0.get(index).map_or(SENSIBLE.end, |next| next.from).min(from + width);
        let from = index.checked_sub(1).map_or(SENSIBLE.start, |before| self.0[before].until).max(from);
        self.0.insert(index, Part { name: name(from), from, until, samples: Some(0) });
        index
    }

    fn width_at(&self, index: usize, time: i64) -> i64 {
        let Some(before) = index.checked_sub(1).map(|before| &self.0[before]) else {
            // Old samples come by import, and cover long times.
            return if self.0.is_empty() { FIRST_WIDTH } else { WIDEST };
        };
        if time - before.until > FAR {
            return WIDEST;
        }
        let width = before.until - before.from;
        let next = match before.samples {
            Some(samples) if samples > MANY => width / 2,
            Some(samples) if samples < FEW => width * 2,
            _ => width,
        };
        // A partition that was cut by its neighbours has an odd width.
        (0..9).map(|step| NARROWEST << step).rfind(|&usual| usual <= next).unwrap_or(NARROWEST).min(WIDEST)
    }

    /// Cuts a range of time where partitions begin, so that each piece has at most `most` of them; by time.
    pub(super) fn pieces(&self, range: Range<i64>, most: usize) -> Vec<Range<i64>> {
        let inside = self.0.iter().map(|part| part.from).filter(|&from| range.start < from && from < range.end);
        let cuts: Vec<i64> = inside.skip(most.saturating_sub(1)).step_by(most.max(1)).collect();
        let starts = std::iter::once(range.start).chain(cuts.iter().copied());
        let ends = cuts.iter().copied().chain(std::iter::once(range.end));
        starts.zip(ends).map(|(start, end)| start..end).filter(|piece| piece.start < piece.end).collect()
    }
}

/// Samples whose times are close together: within the grid on which partitions begin and end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Crowd {
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) samples: i64,
}

/// Brings times together, by time; only those that belong in partitions.
pub(super) fn crowds(times: impl Iterator<Item = i64>) -> Vec<Crowd> {
    let mut crowds: BTreeMap<i64, Crowd> = BTreeMap::new();
    // Most times are close to the one before.
    let mut near: Option<(i64, Crowd)> = None;
    let mut settle = |near: Option<(i64, Crowd)>| {
        let Some((cell, crowd)) = near else { return };
        let whole = crowds.entry(cell).or_insert(Crowd { samples: 0, ..crowd });
        whole.first = whole.first.min(crowd.first);
        whole.last = whole.last.max(crowd.last);
        whole.samples += crowd.samples;
    };
    for time in times.filter(|time| SENSIBLE.contains(time)) {
        match &mut near {
            Some((cell, crowd)) if time / NARROWEST == *cell => {
                crowd.first = crowd.first.min(time);
                crowd.last = crowd.last.max(time);
                crowd.samples += 1;
            }
            _ => settle(near.replace((time / NARROWEST, Crowd { first: time, last: time, samples: 1 }))),
        }
    }
    settle(near);
    crowds.into_values().collect()
}

/// The name of a partition says when it begins.
fn name(from: i64) -> String {
    let time = flyball_schema::Timestamp::from_micros(from).to_datetime();
    let text = time.map_or_else(|| from.to_string(), |time| time.format("%Y%m%d_%H%M").to_string());
    format!("history.sample_{text}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn part(from: i64, until: i64, samples: i64) -> Part {
        Part { name: name(from), from, until, samples: Some(samples) }
    }

    fn next_width(width: i64, samples: i64) -> i64 {
        let mut parts = Parts::new(vec![part(64 * DAY - width, 64 * DAY, samples)]);
        let index = parts.add(64 * DAY);
        parts.0[index].until - parts.0[index].from
    }

    #[test]
    fn the_next_partition_is_wider_after_few_samples_and_narrower_after_many() {
        assert_eq!(next_width(DAY, 10_000_000), DAY);
        assert_eq!(next_width(DAY, 1_000), 2 * DAY);
        assert_eq!(next_width(DAY, 80_000_000), DAY / 2);
        assert_eq!(next_width(32 * DAY, 0), 32 * DAY);
        assert_eq!(next_width(3 * HOUR, i64::MAX), 3 * HOUR);
    }

    #[test]
    fn a_year_of_old_samples_makes_a_dozen_partitions() {
        let mut parts = Parts::default();
        parts.add(20_000 * DAY);
        (0..365).rev().for_each(|day| {
            let time = (19_600 + day) * DAY;
            if parts.find(time).is_none() {
                parts.add(time);
            }
        });
        assert!(parts.0.len() <= 14, "{}", parts.0.len());
    }

    #[test]
    fn a_name_says_the_start_and_sorts_by_it() {
        assert_eq!(name(1_795_305_600_000_000), "history.sample_20261122_0000");
    }

    #[test]
    fn crowds_count_every_time_that_belongs_in_a_partition() {
        let times = [5, DAY, 1, -1, SENSIBLE.end, DAY + 7, 3];
        let crowd = |first, last, samples| Crowd { first, last, samples };
        assert_eq!(crowds(times.into_iter()), [crowd(1, 5, 3), crowd(DAY, DAY + 7, 2)]);
    }

    #[test]
    fn pieces_have_a_bounded_number_of_partitions_and_cover_the_range() {
        let parts = Parts::new((0..10).map(|day| part(day * DAY, (day + 1) * DAY, 0)).collect());
        assert_eq!(parts.pieces(0..10 * DAY, 4), [0..4 * DAY, 4 * DAY..8 * DAY, 8 * DAY..10 * DAY]);
        assert_eq!(parts.pieces(-5..7, 1), [-5..0, 0..7]);
        assert_eq!(parts.pieces(7..7, 1), []);
        assert_eq!(Parts::default().pieces(3..9, 4), std::iter::once(3..9).collect::<Vec<_>>());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_time_finds_its_partition_and_none_overlap(
            times in prop::collection::vec((0..SENSIBLE.end, 0..40_000_000_i64), 1..60),
        ) {
            let mut parts = Parts::default();
            for (time, samples) in times {
                let index = match parts.find(time) {
                    Some(index) => index,
                    None => parts.add(time),
                };
                parts.0[index].samples = Some(samples);
                prop_assert!((parts.0[index].from..parts.0[index].until).contains(&time));
            }
            for pair in parts.0.windows(2) {
                prop_assert!(pair[0].until <= pair[1].from && pair[0].name < pair[1].name);
            }
        }
    }
}
