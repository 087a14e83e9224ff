//! Two series of one tag as one. Pure.

use super::historian::Visitor;
use super::sample::{Block, Summary};
use flyball_schema::Timestamp;
use std::ops::{ControlFlow, Range};

/// Hands what it takes on to another visitor, with the samples of `extra` in their places: behind those of the same
/// time. Call [`Merged::finish`] at the end.
pub struct Merged<'a> {
    visitor: &'a mut dyn Visitor,
    extra: &'a Block,
    next: usize,
    end: usize,
    over: bool,
}

impl<'a> Merged<'a> {
    /// Merges `rows` of `extra`, which is by time.
    pub fn new(visitor: &'a mut dyn Visitor, extra: &'a Block, rows: Range<usize>) -> Self {
        Self { visitor, extra, next: rows.start, end: rows.end, over: false }
    }

    /// Hands on what is left of `extra`.
    pub fn finish(mut self) {
        let left = self.next..self.end;
        let _wanted = self.hand(None, left);
    }

    /// Hands on rows of the given block, of `extra` where there is none.
    fn hand(&mut self, block: Option<&Block>, rows: Range<usize>) -> ControlFlow<()> {
        if !self.over && !rows.is_empty() {
            self.over = self.visitor.block(block.unwrap_or(self.extra), rows).is_break();
        }
        if self.over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Hands on the extra samples before `time`.
    fn before(&mut self, time: i64) -> ControlFlow<()> {
        let left = &self.extra.times[self.next..self.end];
        let end = self.next + left.partition_point(|&extra| extra < time);
        let rows = std::mem::replace(&mut self.next, end)..end;
        self.hand(None, rows)
    }

    fn next_time(&self) -> Option<i64> {
        (self.next < self.end).then(|| self.extra.times[self.next])
    }
}

impl Visitor for Merged<'_> {
    fn takes_summary(&self, t0: Timestamp, t1: Timestamp) -> bool {
        let left = &self.extra.times[self.next..self.end];
        let first_inside = left.partition_point(|&extra| extra < t0.as_micros());
        let inside = left.get(first_inside).is_some_and(|&extra| extra <= t1.as_micros());
        !inside && self.visitor.takes_summary(t0, t1)
    }

    fn summary(&mut self, summary: &Summary) {
        if self.before(summary.t0.as_micros()).is_continue() {
            self.visitor.summary(summary);
        }
    }

    fn block(&mut self, block: &Block, rows: Range<usize>) -> ControlFlow<()> {
        let mut from = rows.start;
        while let Some(time) = self.next_time() {
            let end = from + block.times[from..rows.end].partition_point(|&own| own <= time);
            if from < end {
                self.hand(Some(block), from..end)?;
                from = end;
            }
            if from == rows.end {
                break;
            }
            self.before(block.times[from])?;
        }
        self.hand(Some(block), from..rows.end)
    }
}

impl std::fmt::Debug for Merged<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Merged").field("next", &self.next).field("end", &self.end).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::sample::Sample;
    use flyball_schema::{Quality, Value};
    use proptest::prelude::*;

    /// Keeps everything; sums up as a block of its own what it may.
    #[derive(Default)]
    struct All {
        samples: Vec<(i64, i64)>,
        summaries: Vec<Summary>,
    }

    impl Visitor for All {
        fn takes_summary(&self, _: Timestamp, _: Timestamp) -> bool {
            true
        }

        fn summary(&mut self, summary: &Summary) {
            assert!(self.samples.iter().all(|(time, _)| *time < summary.t0.as_micros()));
            self.summaries.push(*summary);
        }

        fn block(&mut self, block: &Block, rows: Range<usize>) -> ControlFlow<()> {
            for row in rows {
                let Some(Value::Integer(value)) = block.sample(row).value else { panic!("an integer") };
                self.samples.push((block.times[row], value));
            }
            ControlFlow::Continue(())
        }
    }

    fn block(samples: &[(i64, i64)]) -> Block {
        let sample = |&(time, value): &(i64, i64)| Sample {
            time: Timestamp::from_micros(time),
            value: Some(Value::Integer(value)),
            quality: Quality::GOOD,
        };
        samples.iter().map(sample).collect()
    }

    #[test]
    fn a_visitor_that_has_enough_gets_no_more() {
        struct One(usize);
        impl Visitor for One {
            fn block(&mut self, _: &Block, rows: Range<usize>) -> ControlFlow<()> {
                self.0 += rows.len();
                ControlFlow::Break(())
            }
        }
        let (extra, main) = (block(&[(5, 1), (20, 2)]), block(&[(6, 1), (19, 2)]));
        let mut one = One(0);
        let mut merged = Merged::new(&mut one, &extra, 0..2);
        assert!(merged.block(&main, 0..2).is_break());
        merged.finish();
        assert_eq!(one.0, 1);
    }

    #[test]
    fn a_summary_is_refused_where_an_extra_sample_lies_in_it() {
        let (extra, main) = (block(&[(5, 1), (20, 2)]), block(&[(6, 1), (19, 2)]));
        let summary = Summary::of(&main, 0..2).unwrap();
        let mut all = All::default();
        let mut merged = Merged::new(&mut all, &extra, 0..2);
        assert!(!merged.takes_summary(Timestamp::from_micros(6), Timestamp::from_micros(20)));
        assert!(merged.takes_summary(summary.t0, summary.t1));
        merged.summary(&summary);
        merged.finish();
        assert_eq!(all.samples, [(5, 1), (20, 2)]);
        assert_eq!(all.summaries.len(), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn merged_is_both_sorted_with_the_extra_behind(
            mut main in prop::collection::vec((0..20_i64, Just(0_i64)), 0..30),
            mut extra in prop::collection::vec((0..20_i64, Just(1_i64)), 0..30),
            cut in 0..30_usize,
        ) {
            main.sort();
            extra.sort();
            let (own, other) = (block(&main), block(&extra));
            let mut all = All::default();
            let mut merged = Merged::new(&mut all, &other, 0..other.len());
            let cut = cut.min(own.len());
            for rows in [0..cut, cut..own.len()] {
                let _ = merged.block(&own, rows);
            }
            merged.finish();
            let mut expected = [main, extra].concat();
            expected.sort();
            prop_assert_eq!(all.samples, expected);
        }
    }
}
