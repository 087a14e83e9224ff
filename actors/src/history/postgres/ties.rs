//! Samples of one tag and time keep the order in which they came: the first has no number, the others 1, 2, 3 … Pure.
//!
//! Most samples are later than all that is stored of their tag, and need no look at the store.

use super::super::sample::Block;
use super::parts::SENSIBLE;
use flyball_schema::TagId;
use std::collections::HashMap;
use std::ops::RangeInclusive;

/// A tag and a time, µs.
type Moment = (TagId, i64);

/// The latest time that is stored of each tag, or a later one: only times up to it can be stored already.
#[derive(Debug, Default)]
pub(super) struct Marks(HashMap<TagId, i64>);

/// What has to be asked of the store before the samples of a tag are numbered: the latest time of the tag in here.
pub(super) type Reach = (TagId, RangeInclusive<i64>);

/// How the samples of some series are numbered.
#[derive(Debug, Default)]
pub(super) struct Ties {
    /// Per tag, the latest time that the store may have.
    floors: HashMap<TagId, i64>,
    /// Times that come twice, or may; with the number of the next sample.
    next: HashMap<TagId, HashMap<i64, i32>>,
}

impl Marks {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// What to ask before `series` are stored. A tag without a mark is asked for to the end of time, and so gets one.
    pub(super) fn unknown(&self, series: &[(TagId, Block)]) -> Vec<Reach> {
        let spans = spans(series);
        let ask = |(tag, (first, last)): (TagId, (i64, i64))| match self.0.get(&tag) {
            Some(&mark) if first > mark => None,
            Some(_) => Some((tag, first..=last)),
            None => Some((tag, first..=SENSIBLE.end)),
        };
        spans.into_iter().filter_map(ask).collect()
    }

    /// What to ask before `series` are stored once, without marks.
    pub(super) fn unknown_once(series: &[(TagId, Block)]) -> Vec<Reach> {
        spans(series).into_iter().map(|(tag, (first, last))| (tag, first..=last)).collect()
    }

    /// Moves the marks behind `series`, which are stored. `found`: what the store answered to [`Marks::unknown`].
    pub(super) fn advance(&mut self, series: &[(TagId, Block)], found: &HashMap<TagId, i64>) {
        for (tag, (_, last)) in spans(series) {
            let known = self.0.get(&tag).or_else(|| found.get(&tag)).copied();
            self.0.insert(tag, known.map_or(last, |known| known.max(last)));
        }
    }

    fn of(&self, tag: TagId) -> i64 {
        self.0.get(&tag).copied().unwrap_or(i64::MIN)
    }
}

/// First and last sensible time of every tag.
fn spans(series: &[(TagId, Block)]) -> HashMap<TagId, (i64, i64)> {
    let mut spans: HashMap<TagId, (i64, i64)> = HashMap::new();
    for (tag, block) in series {
        let sensible = block.times.iter().copied().filter(|time| SENSIBLE.contains(time));
        for time in sensible {
            let span = spans.entry(*tag).or_insert((time, time));
            *span = (span.0.min(time), span.1.max(time));
        }
    }
    spans
}

impl Ties {
    /// Finds the times that come twice.
    ///
    /// * `asked`, `found`: what was asked of the store ([`Marks::unknown`]) and the latest times it has.
    pub(super) fn new(series: &[(TagId, Block)], marks: &Marks, asked: &[Reach], found: &HashMap<TagId, i64>) -> Self {
        let answer = |(tag, _): &Reach| (*tag, found.get(tag).copied().unwrap_or(i64::MIN));
        let mut floors: HashMap<TagId, i64> = asked.iter().map(answer).collect();
        series.iter().for_each(|(tag, _)| _ = floors.entry(*tag).or_insert_with(|| marks.of(*tag)));
        let mut ties = Self { floors, next: HashMap::new() };
        let mut newest = ties.floors.clone();
        for (tag, block) in series {
            let newest = newest.entry(*tag).or_insert(i64::MIN);
            for &time in &block.times {
                if time > *newest && SENSIBLE.contains(&time) {
                    *newest = time;
                } else {
                    ties.next.entry(*tag).or_default().insert(time, 0);
                }
            }
        }
        ties
    }

    /// Tags and times of which the store may have samples: within the sensible times, and outside.
    pub(super) fn to_ask(&self) -> (Vec<Moment>, Vec<Moment>) {
        let all = self.next.iter().flat_map(|(&tag, times)| times.keys().map(move |&time| (tag, time)));
        let may_be_stored = |&(tag, time): &(TagId, i64)| {
            !SENSIBLE.contains(&time) || self.floors.get(&tag).is_some_and(|&floor| time <= floor)
        };
        all.filter(may_be_stored).partition(|(_, time)| SENSIBLE.contains(time))
    }

    /// The store has samples of this tag and time; `next` is the number of another.
    pub(super) fn stored(&mut self, tag: TagId, time: i64, next: i32) {
        self.next.entry(tag).or_default().insert(time, next);
    }

    /// Times of a tag that come twice. Hand it to [`Ties::number`] for each sample in order.
    pub(super) fn of(&mut self, tag: TagId) -> Option<&mut HashMap<i64, i32>> {
        self.next.get_mut(&tag)
    }

    /// The number of the next sample of a time; `None` for the first.
    pub(super) fn number(doubles: Option<&mut HashMap<i64, i32>>, time: i64) -> Option<i32> {
        let next = doubles?.get_mut(&time)?;
        let number = *next;
        *next = number.saturating_add(1);
        (number > 0).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::sample::Sample;
    use flyball_schema::Quality;

    const TAG: TagId = TagId(7);

    fn series(times: &[i64]) -> Vec<(TagId, Block)> {
        let sample = |&time: &i64| Sample {
            time: flyball_schema::Timestamp::from_micros(time),
            value: None,
            quality: Quality::GOOD,
        };
        vec![(TAG, times.iter().map(sample).collect())]
    }

    fn numbers(ties: &mut Ties, times: &[i64]) -> Vec<Option<i32>> {
        times.iter().map(|&time| Ties::number(ties.of(TAG), time)).collect()
    }

    #[test]
    fn samples_later_than_all_stored_need_no_question() {
        let mut marks = Marks::default();
        assert_eq!(marks.unknown(&series(&[5, 6])), [(TAG, 5..=SENSIBLE.end)]);
        marks.advance(&series(&[5, 6]), &HashMap::new());
        assert_eq!(marks.unknown(&series(&[7, 7, 9])), []);
        let mut ties = Ties::new(&series(&[7, 7, 9]), &marks, &[], &HashMap::new());
        assert_eq!(ties.to_ask(), (vec![], vec![]));
        assert_eq!(numbers(&mut ties, &[7, 7, 9]), [None, Some(1), None]);
    }

    #[test]
    fn a_late_sample_is_asked_for_and_numbered_behind_those_stored() {
        let mut marks = Marks::default();
        marks.advance(&series(&[100]), &HashMap::new());
        let late = series(&[50, 40, 60, 50]);
        let asked = marks.unknown(&late);
        assert_eq!(asked, [(TAG, 40..=60)]);
        let found = HashMap::from([(TAG, 50)]);
        let mut ties = Ties::new(&late, &marks, &asked, &found);
        let (mut inside, outside) = ties.to_ask();
        inside.sort();
        assert_eq!((inside, outside), (vec![(TAG, 40), (TAG, 50)], vec![]));
        ties.stored(TAG, 50, 3);
        assert_eq!(numbers(&mut ties, &[50, 40, 60, 50]), [Some(3), None, None, Some(4)]);
        marks.advance(&late, &found);
        assert_eq!(marks.unknown(&series(&[101])), []);
    }

    #[test]
    fn a_mark_is_what_the_store_has_where_that_is_later() {
        let mut marks = Marks::default();
        marks.advance(&series(&[10]), &HashMap::from([(TAG, 99)]));
        assert_eq!(marks.unknown(&series(&[50])), [(TAG, 50..=50)]);
    }

    #[test]
    fn times_of_a_broken_clock_are_always_asked_for() {
        let mut marks = Marks::default();
        marks.advance(&series(&[10]), &HashMap::new());
        let odd = series(&[i64::MIN, 11, i64::MAX, i64::MAX]);
        let mut ties = Ties::new(&odd, &marks, &marks.unknown(&odd), &HashMap::new());
        let (inside, mut outside) = ties.to_ask();
        outside.sort();
        assert_eq!((inside, outside), (vec![], vec![(TAG, i64::MIN), (TAG, i64::MAX)]));
        assert_eq!(numbers(&mut ties, &[i64::MIN, 11, i64::MAX, i64::MAX]), [None, None, None, Some(1)]);
    }
}
