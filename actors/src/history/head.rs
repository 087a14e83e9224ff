//! The newest samples in memory: what the journal has and the store need not have yet. Pure.

use super::sample::{Block, Sample};
use crate::cvt::TagChange;
use flyball_schema::TagId;
use hashbrown::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// The newest changes of every tag, without a gap.
///
/// Holds all changes numbered behind [`Head::behind`], and a bounded number of them: past the bound the older half is
/// forgotten, and has to be read from the journal.
#[derive(Debug)]
pub struct Head {
    series: HashMap<TagId, Series, BuildHasherDefault<IdHasher>>,
    behind: u64,
    last_seq: u64,
    samples: usize,
    limit: usize,
}

/// Changes of one tag by number.
#[derive(Debug, Default)]
struct Series {
    seqs: Vec<u64>,
    block: Block,
}

impl Head {
    /// An empty head behind a position, of `limit` samples at the most.
    #[must_use]
    pub fn new(behind: u64, limit: usize) -> Self {
        Self { series: HashMap::default(), behind, last_seq: behind, samples: 0, limit: limit.max(2) }
    }

    /// Takes the next change; those that were taken before are ignored.
    pub fn push(&mut self, change: &TagChange) {
        if change.seq <= self.last_seq {
            return;
        }
        self.last_seq = change.seq;
        let series = self.series.entry(change.tag).or_default();
        series.seqs.push(change.seq);
        let TagChange { value, source_time, quality, .. } = change;
        series.block.push(Sample { time: *source_time, value: value.clone(), quality: *quality });
        self.samples += 1;
        if self.samples > self.limit {
            self.forget(self.behind + (self.last_seq - self.behind) / 2);
        }
    }

    /// Forgets the changes up to a number.
    pub fn forget(&mut self, upto: u64) {
        if upto <= self.behind {
            return;
        }
        let mut left = 0;
        self.series.retain(|_, series| {
            series.forget(upto);
            left += series.seqs.len();
            !series.seqs.is_empty()
        });
        self.samples = left;
        self.behind = upto;
        self.last_seq = self.last_seq.max(upto);
    }

    /// Nothing more comes up to a number.
    pub fn reach(&mut self, seq: u64) {
        self.last_seq = self.last_seq.max(seq);
    }

    /// The position behind which it is whole.
    #[must_use]
    pub fn behind(&self) -> u64 {
        self.behind
    }

    /// The last number taken.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.samples
    }

    /// Whether there is no sample.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.samples == 0
    }

    /// Numbers and samples of a tag, in the order in which they came; `None` where there are none.
    #[must_use]
    pub fn series(&self, tag: TagId) -> Option<(&[u64], &Block)> {
        self.series.get(&tag).map(|series| (series.seqs.as_slice(), &series.block))
    }
}

impl Series {
    fn forget(&mut self, upto: u64) {
        let count = self.seqs.partition_point(|&seq| seq <= upto);
        if count == 0 {
            return;
        }
        let mut block = Block::default();
        block.extend(&self.block, count..self.block.len());
        self.block = block;
        self.seqs.drain(..count);
        self.seqs.shrink_to(2 * self.seqs.len());
    }
}

/// Spreads dense ids; they need no protection against chosen keys.
#[derive(Debug, Default)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u32(u32::from(byte));
        }
    }

    fn write_u32(&mut self, id: u32) {
        // Fibonacci hashing: 2^64 / golden ratio.
        self.0 = (self.0 ^ u64::from(id)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(20);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flyball_schema::{Quality, Timestamp, Value};

    fn change(seq: u64) -> TagChange {
        let time = Timestamp::from_micros(seq.cast_signed());
        TagChange {
            value: Some(Value::Integer(seq.cast_signed())),
            source_time: time,
            server_time: time,
            seq,
            tag: TagId(u32::try_from(seq % 3).unwrap()),
            quality: Quality::GOOD,
        }
    }

    fn seqs(head: &Head, tag: u32) -> Vec<u64> {
        let Some((seqs, block)) = head.series(TagId(tag)) else { return Vec::new() };
        assert!(seqs.iter().zip(&block.times).all(|(&seq, &time)| seq.cast_signed() == time));
        seqs.to_vec()
    }

    #[test]
    fn a_change_is_taken_once_and_forgotten_by_its_number() {
        let mut head = Head::new(0, 100);
        for seq in [1, 2, 3, 3, 2, 4, 5, 6, 7] {
            head.push(&change(seq));
        }
        assert_eq!((seqs(&head, 1), head.len()), (vec![1, 4, 7], 7));
        head.forget(4);
        assert_eq!((seqs(&head, 1), seqs(&head, 2), seqs(&head, 0)), (vec![7], vec![5], vec![6]));
        assert_eq!((head.behind(), head.last_seq(), head.len()), (4, 7, 3));
        head.forget(9);
        assert!(head.is_empty());
        head.push(&change(9));
        assert!(head.is_empty(), "what the store has is not taken again");
    }

    #[test]
    fn past_the_limit_the_older_half_is_forgotten() {
        let mut head = Head::new(10, 1_000);
        for seq in 11..=5_000 {
            head.push(&change(seq));
            assert!(head.len() <= 1_000);
            assert_eq!(head.len() as u64, head.last_seq() - head.behind(), "whole behind its position");
        }
    }
}
