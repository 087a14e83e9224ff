//! The earliest samples of several tags within a bound of memory. Pure.

use super::Cursor;
use crate::history::historian::Visitor;
use crate::history::sample::Block;
use flyball_schema::Timestamp;
use std::ops::{ControlFlow, Range};

/// Keeps the earliest samples of several tags, which come one tag behind the other. Never holds more than twice the limit.
#[derive(Debug)]
pub struct RawCollector {
    limit: usize,
    after: Option<Cursor>,
    /// One per tag so far.
    blocks: Vec<Block>,
    /// Samples in all blocks.
    total: usize,
    /// Source time of the last sample kept, once some were cut off: later ones are cut off too.
    horizon: Option<i64>,
}

impl RawCollector {
    /// Keeps `limit` samples over all tags, behind those that were given before.
    #[must_use]
    pub fn new(limit: usize, after: Option<Cursor>) -> Self {
        Self { limit, after, blocks: Vec::new(), total: 0, horizon: None }
    }

    /// Where to end reading the next tag: `to`, or where the page is known to end.
    #[must_use]
    pub fn end(&self, to: Timestamp) -> Timestamp {
        match self.horizon {
            Some(horizon) => to.min(Timestamp::from_micros(horizon.saturating_add(1))),
            None => to,
        }
    }

    /// Takes the samples of the next tag; to be given back with [`RawCollector::add`].
    #[must_use]
    pub fn series(&self) -> SeriesCollector {
        let given =
            self.after.as_ref().and_then(|after| Some((after.time.as_micros(), *after.given.get(self.blocks.len())?)));
        let (given_time, given) = given.unwrap_or((0, 0));
        // One more than fits tells that there is more.
        SeriesCollector { block: Block::default(), room: self.limit + 1, given_time, given }
    }

    /// Adds the samples of the next tag, and cuts off what is past the limit.
    pub fn add(&mut self, series: SeriesCollector) {
        self.total += series.block.len();
        self.blocks.push(series.block);
        if self.total > self.limit {
            self.cut();
        }
    }

    /// Cuts down to the limit: of the samples at the last time, the first tags' stay.
    fn cut(&mut self) {
        let mut times: Vec<i64> = self.blocks.iter().flat_map(|block| block.times.iter().copied()).collect();
        let (_, &mut horizon, _) = times.select_nth_unstable(self.limit - 1);
        let before = |block: &Block| block.times.partition_point(|&time| time < horizon);
        let mut room = self.limit - self.blocks.iter().map(before).sum::<usize>();
        for block in &mut self.blocks {
            let before = before(block);
            let ties = count_at(&block.times[before..], horizon).min(room);
            room -= ties;
            truncate(block, before + ties);
        }
        self.total = self.limit;
        self.horizon = Some(horizon);
    }

    /// The samples of each tag, and where to go on.
    #[must_use]
    pub fn finish(self) -> (Vec<Block>, Option<Cursor>) {
        let after = self.after;
        let next = self.horizon.map(|horizon| {
            let time = Timestamp::from_micros(horizon);
            let same = after.filter(|after| after.time == time);
            let given = self.blocks.iter().enumerate().map(|(slot, block)| {
                let before = same.as_ref().and_then(|after| after.given.get(slot)).copied().unwrap_or(0);
                let here = block.times.iter().rev().take_while(|&&time| time == horizon).count();
                before.saturating_add(u32::try_from(here).unwrap_or(u32::MAX))
            });
            Cursor { time, given: given.collect() }
        });
        (self.blocks, next)
    }
}

/// Keeps the first samples of one tag.
#[derive(Debug)]
pub struct SeriesCollector {
    block: Block,
    room: usize,
    given_time: i64,
    /// Samples of `given_time` that are left out, as they were given before.
    given: u32,
}

impl Visitor for SeriesCollector {
    fn block(&mut self, block: &Block, mut rows: Range<usize>) -> ControlFlow<()> {
        if self.given > 0 {
            let known = count_at(&block.times[rows.clone()], self.given_time).min(self.given as usize);
            rows.start += known;
            // Samples that were given and are gone are not left out of those behind them.
            let more_may_come = rows.is_empty();
            self.given =
                if more_may_come { self.given.saturating_sub(u32::try_from(known).unwrap_or(u32::MAX)) } else { 0 };
        }
        let room = self.room - self.block.len();
        rows.end = rows.end.min(rows.start + room);
        self.block.extend(block, rows);
        if self.block.len() == self.room { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// How many of the leading `times` are `time`.
fn count_at(times: &[i64], time: i64) -> usize {
    times.iter().take_while(|&&other| other == time).count()
}

fn truncate(block: &mut Block, len: usize) {
    if len < block.len() {
        let mut kept = Block::default();
        kept.extend(block, 0..len);
        *block = kept;
    }
}
