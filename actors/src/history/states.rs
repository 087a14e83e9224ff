//! The last recorded state of every tag, stored now and then so that a reader need not look back further. Pure.

use super::frame::MAX_CHANGES;
use crate::cvt::TagChange;
use flyball_schema::TagId;
use hashbrown::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Frames between two stored states at the least: a minute at twenty frames a second. A reader that looks for the
/// value before a time decodes about so many.
pub const FRAMES_BETWEEN: u64 = 1_200;
/// Changes per tag between two stored states at the least, so that these take at most a quarter of the journal.
const CHANGES_PER_TAG: usize = 4;

/// The last state of each tag by source time and sequence number.
#[derive(Debug)]
pub struct LastStates {
    states: HashMap<TagId, TagChange, BuildHasherDefault<IdHasher>>,
    frames_between: u64,
    frames: u64,
    changes: usize,
}

impl Default for LastStates {
    fn default() -> Self {
        Self::every(FRAMES_BETWEEN)
    }
}

impl LastStates {
    /// No states yet, to be stored every so many frames.
    #[must_use]
    pub fn every(frames_between: u64) -> Self {
        Self { states: HashMap::default(), frames_between, frames: 0, changes: 0 }
    }

    /// The same interval, without states.
    #[must_use]
    pub fn emptied(&self) -> Self {
        Self::every(self.frames_between)
    }

    /// Takes the changes of one frame.
    pub fn record(&mut self, changes: &[TagChange]) {
        changes.iter().for_each(|change| self.restore(change.clone()));
        self.frames += 1;
        self.changes += changes.len();
    }

    /// Takes one state without counting it as recorded since.
    pub fn restore(&mut self, change: TagChange) {
        match self.states.get_mut(&change.tag) {
            Some(state) if is_later(&change, state) => *state = change,
            Some(_) => {}
            None => {
                self.states.insert(change.tag, change);
            }
        }
    }

    /// Whether enough was recorded since the last [`LastStates::stored`].
    #[must_use]
    pub fn due(&self) -> bool {
        self.frames >= self.frames_between && self.changes >= CHANGES_PER_TAG * self.states.len()
    }

    /// The states in groups that fit a frame each.
    #[must_use]
    pub fn groups(&self) -> Vec<Vec<TagChange>> {
        let mut states: Vec<TagChange> = self.states.values().cloned().collect();
        states.sort_unstable_by_key(|state| state.tag);
        states.chunks(MAX_CHANGES).map(<[TagChange]>::to_vec).collect()
    }

    /// The groups were stored.
    pub fn stored(&mut self) {
        (self.frames, self.changes) = (0, 0);
    }
}

/// Whether `a` is behind `b` in a series.
#[must_use]
pub fn is_later(a: &TagChange, b: &TagChange) -> bool {
    (a.source_time, a.seq) > (b.source_time, b.seq)
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
    use flyball_schema::{Quality, Timestamp};

    fn change(tag: u32, time: i64, seq: u64) -> TagChange {
        let time = Timestamp::from_micros(time);
        TagChange { value: None, source_time: time, server_time: time, seq, tag: TagId(tag), quality: Quality::GOOD }
    }

    #[test]
    fn a_late_sample_does_not_become_the_last() {
        let mut states = LastStates::default();
        states.record(&[change(1, 50, 1), change(2, 50, 2), change(1, 40, 3), change(2, 50, 4)]);
        let groups = states.groups();
        assert_eq!(groups, [[change(1, 50, 1), change(2, 50, 4)]]);
    }

    #[test]
    fn states_are_due_after_many_frames_that_outweigh_them() {
        let mut states = LastStates::default();
        let all: Vec<_> = (0..1_000).map(|tag| change(tag, 0, 1)).collect();
        states.record(&all);
        for frame in 0..FRAMES_BETWEEN {
            states.record(&[change(7, frame.cast_signed(), frame)]);
        }
        assert!(!states.due(), "1,000 tags for 2,200 changes");
        states.record(&all);
        states.record(&all);
        assert!(states.due());
        states.stored();
        assert!(!states.due());
    }
}
