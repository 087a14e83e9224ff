//! Which changes are worth keeping: a dead-band for history, tag by tag. Pure.
//!
//! The plain dead-band of process historians: a value is kept where it lies further from the last one *kept* than the
//! width. The last sample before such a move is not kept, so a slow ramp is told in steps of the width.

use super::TagSet;
use crate::cvt::TagChange;
use flyball_schema::{Quality, TagId, Timestamp, Value};
use std::collections::HashMap;
use std::time::Duration;

/// How far a numeric tag has to move before its history hears of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HistoryDeadBand {
    /// A value that lies no further than this from the last one kept is not kept; in the tag's unit. With 0 only a value
    /// that repeats is not kept.
    pub width: f64,
    /// After so long without a sample the next change is kept all the same, by the table's time; `None` for never.
    pub max_silence: Option<Duration>,
}

/// The dead-bands of all tags, with what was kept last of each.
#[derive(Debug, Default)]
pub struct DeadBands {
    /// A bit per tag: whether it has one. Most have none, and look no further.
    has: Vec<u64>,
    bands: HashMap<TagId, Band>,
}

#[derive(Debug)]
struct Band {
    dead_band: HistoryDeadBand,
    last: Option<Kept>,
}

#[derive(Debug)]
struct Kept {
    value: Value,
    quality: Quality,
    at: Timestamp,
}

impl DeadBands {
    /// Sets the dead-bands. What was kept last of a tag still counts where it has one as before, unless it is among
    /// `excluded`: behind that lies a time of which nothing is known.
    pub fn set(&mut self, dead_bands: HashMap<TagId, HistoryDeadBand>, excluded: &TagSet) {
        let mut before = std::mem::take(&mut self.bands);
        self.has = vec![0; dead_bands.keys().map(|tag| tag.index() / 64 + 1).max().unwrap_or(0)];
        for (tag, dead_band) in dead_bands {
            self.has[tag.index() / 64] |= 1 << (tag.index() % 64);
            let last = before.remove(&tag).and_then(|band| band.last).filter(|_| !excluded.contains(tag));
            self.bands.insert(tag, Band { dead_band, last });
        }
    }

    /// Forgets what was kept, so that the next sample of every tag is kept.
    pub fn forget(&mut self) {
        self.bands.values_mut().for_each(|band| band.last = None);
    }

    /// Whether a change is to be kept; it counts as kept then.
    #[inline]
    pub fn keeps(&mut self, change: &TagChange) -> bool {
        let index = change.tag.index();
        let has_one = self.has.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1);
        !has_one || self.keeps_banded(change)
    }

    fn keeps_banded(&mut self, change: &TagChange) -> bool {
        let Some(Band { dead_band, last }) = self.bands.get_mut(&change.tag) else { return true };
        let Some(value @ (Value::Float(_) | Value::Integer(_))) = &change.value else {
            // What is no number is always kept, and says nothing of the numbers around it.
            *last = None;
            return true;
        };
        let is_told = last.as_ref().is_some_and(|kept| {
            let silence = change.server_time.since(kept.at);
            kept.quality == change.quality
                && distance(&kept.value, value).is_some_and(|moved| moved <= dead_band.width)
                && dead_band.max_silence.is_none_or(|longest| silence < longest)
        });
        if !is_told {
            *last = Some(Kept { value: value.clone(), quality: change.quality, at: change.server_time });
        }
        !is_told
    }
}

/// How far two numbers of one type lie apart.
fn distance(one: &Value, other: &Value) -> Option<f64> {
    match (one, other) {
        (Value::Float(one), Value::Float(other)) => Some((one - other).abs()),
        (Value::Integer(one), Value::Integer(other)) => Some(one.abs_diff(*other) as f64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn change(tag: u32, value: impl Into<Value>, seconds: i64) -> TagChange {
        TagChange {
            value: Some(value.into()),
            source_time: at(0),
            server_time: at(seconds),
            seq: 1,
            tag: TagId(tag),
            quality: Quality::GOOD,
        }
    }

    fn bands(width: f64, max_silence: Option<u64>) -> HashMap<TagId, HistoryDeadBand> {
        let band = HistoryDeadBand { width, max_silence: max_silence.map(Duration::from_secs) };
        [(TagId(70), band), (TagId(3), band)].into()
    }

    fn dead_bands(width: f64, max_silence: Option<u64>) -> DeadBands {
        let mut dead_bands = DeadBands::default();
        dead_bands.set(bands(width, max_silence), &TagSet::default());
        dead_bands
    }

    /// The values kept of a series, one a second.
    fn kept<T: Into<Value> + Copy>(dead_bands: &mut DeadBands, series: &[T]) -> Vec<T> {
        let seconds = (0..).zip(series);
        seconds
            .filter(|(second, value)| dead_bands.keeps(&change(70, **value, *second)))
            .map(|(_, value)| *value)
            .collect()
    }

    #[test]
    fn a_value_is_kept_where_it_lies_further_than_the_width_from_the_last_one_kept() {
        let series = [5.0, 5.5, 4.5, 5.75, 5.25, 6.5, 5.5, 5.25];
        assert_eq!(kept(&mut dead_bands(0.5, None), &series), [5.0, 5.75, 6.5, 5.5]);
    }

    #[test]
    fn a_slow_ramp_is_told_in_steps_and_does_not_creep_away() {
        let ramp: Vec<i64> = (0..=100).collect();
        assert_eq!(kept(&mut dead_bands(30.0, None), &ramp), [0, 31, 62, 93]);
    }

    #[test]
    fn a_change_of_quality_is_always_kept() {
        let mut dead_bands = dead_bands(10.0, None);
        let bad = |seconds| TagChange { quality: Quality::BAD_NO_COMMUNICATION, ..change(70, 1.0, seconds) };
        let changes = [change(70, 1.0, 0), bad(1), bad(2), change(70, 1.0, 3), change(70, 1.0, 4)];
        assert_eq!(changes.map(|change| dead_bands.keeps(&change)), [true, true, false, true, false]);
    }

    #[test]
    fn after_the_longest_silence_the_next_change_is_kept_and_silence_begins_anew() {
        let series: Vec<i64> = vec![0; 12];
        let mut dead_bands = dead_bands(1.0, Some(5));
        let seconds: Vec<i64> = (0..)
            .zip(&series)
            .filter(|(second, value)| dead_bands.keeps(&change(70, **value, *second)))
            .map(|(s, _)| s)
            .collect();
        assert_eq!(seconds, [0, 5, 10]);
    }

    #[test]
    fn what_is_no_number_is_kept_and_so_is_the_number_after_it() {
        let mut dead_bands = dead_bands(10.0, None);
        let none = TagChange { value: None, ..change(70, 0.0, 3) };
        let changes = [
            change(70, true, 0),
            change(70, true, 1),
            change(70, "a", 2),
            none,
            change(70, 1.0, 4),
            change(70, 1_i64, 5),
            change(70, f64::NAN, 6),
        ];
        assert_eq!(changes.map(|change| dead_bands.keeps(&change)), [true; 7]);
    }

    #[test]
    fn the_largest_integers_are_told_apart_without_overflow() {
        assert_eq!(kept(&mut dead_bands(1.0, None), &[i64::MIN, i64::MAX, i64::MAX - 1]), [i64::MIN, i64::MAX]);
    }

    #[test]
    fn tags_without_a_dead_band_are_kept_whole() {
        let mut dead_bands = dead_bands(10.0, None);
        for tag in [0, 2, 4, 69, 71, 6_400] {
            assert!((0..3).all(|second| dead_bands.keeps(&change(tag, 1.0, second))), "{tag}");
        }
        assert!((0..3).all(|second| DeadBands::default().keeps(&change(70, 1.0, second))));
    }

    #[test]
    fn a_new_width_counts_from_the_last_one_kept_and_a_tag_that_was_excluded_begins_anew() {
        let mut dead_bands = dead_bands(1.0, None);
        assert!(dead_bands.keeps(&change(70, 1.0, 0)) && dead_bands.keeps(&change(3, 1.0, 0)));
        dead_bands.set(bands(5.0, None), &TagSet::new(vec![TagId(3)]));
        assert!(!dead_bands.keeps(&change(70, 4.0, 1)) && dead_bands.keeps(&change(3, 4.0, 1)));
        dead_bands.set(HashMap::new(), &TagSet::default());
        assert!(dead_bands.keeps(&change(70, 4.0, 2)) && dead_bands.keeps(&change(70, 4.0, 3)));
    }

    #[test]
    fn what_is_forgotten_is_kept_again() {
        let mut dead_bands = dead_bands(1.0, None);
        assert!(dead_bands.keeps(&change(70, 1.0, 0)) && !dead_bands.keeps(&change(70, 1.0, 1)));
        dead_bands.forget();
        assert!(dead_bands.keeps(&change(70, 1.0, 2)));
    }
}
