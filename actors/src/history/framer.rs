//! Collects changes into frames and keeps these, in order, until they are stored. Pure.

use super::TagSet;
use super::dead_band::{DeadBands, HistoryDeadBand};
use super::frame::MAX_CHANGES;
use crate::cvt::TagChange;
use flyball_schema::{TagId, Timestamp, Value};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Text in a frame at the most, bytes; a single longer one has a frame of its own.
const MAX_TEXT: usize = 1 << 20;

/// Changes that are stored together.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// The changes by sequence number, 1 to [`MAX_CHANGES`].
    pub changes: Vec<TagChange>,
    /// Whether it opens a run: before it there was a time in which nothing was recorded.
    pub opens_run: bool,
}

impl Frame {
    /// The last sequence number in it.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.changes.last().map_or(0, |change| change.seq)
    }
}

/// Frames being filled, waiting, and being written, oldest first.
#[derive(Debug)]
pub struct Framer {
    flush: Duration,
    limit: usize,
    excluded: TagSet,
    dead_bands: DeadBands,
    open: Vec<TagChange>,
    open_text: usize,
    open_since: Timestamp,
    opens_run: bool,
    closed: VecDeque<Arc<Frame>>,
    /// Frames at the front of `closed` that are being written; never dropped.
    writing: usize,
    /// Changes in `open` and `closed`.
    waiting: usize,
    last_seq: u64,
    written_seq: u64,
    lost: u64,
}

impl Framer {
    /// A change waits for company at most `flush`; of more than `limit` changes the oldest are dropped.
    #[must_use]
    pub fn new(flush: Duration, limit: usize, excluded: TagSet) -> Self {
        Self {
            flush,
            limit,
            excluded,
            dead_bands: DeadBands::default(),
            open: Vec::new(),
            open_text: 0,
            open_since: Timestamp::MIN,
            opens_run: false,
            closed: VecDeque::new(),
            writing: 0,
            waiting: 0,
            last_seq: 0,
            written_seq: 0,
            lost: 0,
        }
    }

    /// Sets the tags whose changes are not kept, and those of which small moves are not.
    pub fn keep(&mut self, excluded: TagSet, dead_bands: HashMap<TagId, HistoryDeadBand>) {
        self.dead_bands.set(dead_bands, &excluded);
        self.excluded = excluded;
    }

    /// Takes changes in order of sequence number; those that were taken before are ignored.
    pub fn push(&mut self, changes: &[TagChange], now: Timestamp) {
        for change in changes {
            self.take(change, now);
        }
        self.drop_oldest();
    }

    /// Takes the state of all tags, in any order: what never changed is left out, and the frame opens a run.
    pub fn push_snapshot(&mut self, state: &[TagChange], now: Timestamp) {
        self.close();
        self.opens_run = true;
        self.dead_bands.forget();
        let mut changes: Vec<&TagChange> = state.iter().filter(|change| change.seq > 0).collect();
        changes.sort_unstable_by_key(|change| change.seq);
        for change in changes {
            self.take(change, now);
        }
        self.drop_oldest();
    }

    fn take(&mut self, change: &TagChange, now: Timestamp) {
        if change.seq <= self.last_seq {
            return;
        }
        self.last_seq = change.seq;
        if self.excluded.contains(change.tag) || !self.dead_bands.keeps(change) {
            return;
        }
        let text = if let Some(Value::Text(text)) = &change.value { text.len() } else { 0 };
        if self.open_text + text > MAX_TEXT {
            self.close();
        }
        if self.open.is_empty() {
            self.open_since = now;
        }
        self.open.push(change.clone());
        self.open_text += text;
        self.waiting += 1;
        if self.open.len() == MAX_CHANGES {
            self.close();
        }
    }

    fn drop_oldest(&mut self) {
        while self.waiting > self.limit && self.closed.len() > self.writing {
            let Some(dropped) = self.closed.remove(self.writing) else { return };
            self.waiting -= dropped.changes.len();
            self.lost += dropped.changes.len() as u64;
            // What small moves are measured from may be among it.
            self.dead_bands.forget();
            // The gap before a dropped frame is still there before its successor.
            match self.closed.get_mut(self.writing) {
                Some(next) if dropped.opens_run => Arc::make_mut(next).opens_run = true,
                None if dropped.opens_run => self.opens_run = true,
                _ => {}
            }
        }
    }

    /// Closes the frame that is being filled.
    pub fn close(&mut self) {
        if !self.open.is_empty() {
            let changes = std::mem::take(&mut self.open);
            self.closed.push_back(Arc::new(Frame { changes, opens_run: self.opens_run }));
            self.opens_run = false;
            self.open_text = 0;
        }
    }

    /// Closes the frame that is being filled where it has waited long enough.
    pub fn close_due(&mut self, now: Timestamp) {
        if self.due().is_some_and(|due| due <= now) {
            self.close();
        }
    }

    /// When the frame that is being filled has waited long enough; `None` where there is none.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        (!self.open.is_empty()).then(|| self.open_since + self.flush)
    }

    /// The oldest closed frames, up to `limit`, to be written: they stay until [`Framer::written`] or
    /// [`Framer::not_written`] tells their fate. Empty where there are none.
    pub fn to_write(&mut self, limit: usize) -> Vec<Arc<Frame>> {
        self.writing = self.closed.len().min(limit);
        self.closed.iter().take(self.writing).cloned().collect()
    }

    /// The frames of the last [`Framer::to_write`] are durable.
    pub fn written(&mut self) {
        for frame in self.closed.drain(..self.writing) {
            self.waiting -= frame.changes.len();
            self.written_seq = frame.last_seq();
        }
        self.writing = 0;
    }

    /// The frames of the last [`Framer::to_write`] have to be written again.
    pub fn not_written(&mut self) {
        self.writing = 0;
        self.drop_oldest();
    }

    /// Counts changes that were lost elsewhere.
    pub fn count_lost(&mut self, changes: u64) {
        self.lost += changes;
    }

    /// The last sequence number taken.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// The sequence number up to which every change is durable, not to be kept, or counted as lost.
    #[must_use]
    pub fn durable_seq(&self) -> u64 {
        if self.waiting == 0 { self.last_seq } else { self.written_seq }
    }

    /// Changes that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Changes that were dropped.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Server time of the oldest change that waits.
    #[must_use]
    pub fn oldest(&self) -> Option<Timestamp> {
        let oldest = self.closed.front().map_or(&self.open, |frame| &frame.changes);
        oldest.first().map(|change| change.server_time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flyball_schema::Quality;
    use proptest::prelude::*;

    const FLUSH: Duration = Duration::from_millis(50);

    fn change(seq: u64) -> TagChange {
        TagChange {
            value: Some(Value::Float(1.0)),
            source_time: at(seq),
            server_time: at(seq),
            seq,
            tag: TagId(u32::try_from(seq % 10).unwrap()),
            quality: Quality::GOOD,
        }
    }

    fn changes(seqs: std::ops::RangeInclusive<u64>) -> Vec<TagChange> {
        seqs.map(change).collect()
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_micros(1_000 * i64::try_from(millis).unwrap())
    }

    fn framer(limit: usize) -> Framer {
        Framer::new(FLUSH, limit, TagSet::default())
    }

    fn seqs(frames: &[Arc<Frame>]) -> Vec<u64> {
        frames.iter().flat_map(|frame| frame.changes.iter().map(|change| change.seq)).collect()
    }

    #[test]
    fn a_change_waits_for_company_no_longer_than_the_flush_time() {
        let mut framer = framer(10_000);
        framer.push(&changes(1..=1), at(100));
        framer.push(&changes(2..=2), at(140));
        assert_eq!(framer.due(), Some(at(150)));
        framer.close_due(at(149));
        assert!(framer.to_write(8).is_empty());
        framer.close_due(at(150));
        assert_eq!(seqs(&framer.to_write(8)), [1, 2]);
        assert_eq!(framer.due(), None);
    }

    #[test]
    fn a_thousand_changes_are_a_frame_at_once() {
        let mut framer = framer(10_000);
        framer.push(&changes(1..=2_500), at(0));
        let frames = framer.to_write(8);
        assert_eq!(frames.iter().map(|frame| frame.changes.len()).collect::<Vec<_>>(), [1_000, 1_000]);
        assert_eq!(framer.waiting(), 2_500);
    }

    #[test]
    fn what_was_not_written_stays_in_its_place() {
        let mut framer = framer(10_000);
        framer.push(&changes(1..=3_000), at(0));
        assert_eq!(framer.to_write(2).len(), 2);
        framer.not_written();
        assert_eq!(framer.durable_seq(), 0);
        assert_eq!(seqs(&framer.to_write(2)), (1..=2_000).collect::<Vec<_>>());
        framer.written();
        assert_eq!((framer.durable_seq(), framer.waiting()), (2_000, 1_000));
        assert_eq!(seqs(&framer.to_write(2)), (2_001..=3_000).collect::<Vec<_>>());
    }

    #[test]
    fn past_the_limit_the_oldest_frame_that_is_not_being_written_is_dropped_and_counted() {
        let mut framer = framer(3_000);
        framer.push(&changes(1..=2_000), at(0));
        assert_eq!(seqs(&framer.to_write(1)), (1..=1_000).collect::<Vec<_>>());
        framer.push(&changes(2_001..=3_500), at(1));
        assert_eq!((framer.lost(), framer.waiting()), (1_000, 2_500));
        framer.written();
        assert_eq!(seqs(&framer.to_write(8)), (2_001..=3_000).collect::<Vec<_>>());
    }

    #[test]
    fn a_snapshot_opens_a_run_with_what_has_ever_changed() {
        let mut framer = framer(10_000);
        framer.push_snapshot(&[change(7), change(0), change(3)], at(0));
        framer.close();
        framer.push(&changes(7..=8), at(1));
        framer.close();
        let frames = framer.to_write(8);
        assert_eq!(seqs(&frames), [3, 7, 8]);
        assert_eq!(frames.iter().map(|frame| frame.opens_run).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn the_start_of_a_run_is_remembered_when_its_frame_is_dropped() {
        let mut framer = framer(1_500);
        framer.push_snapshot(&changes(1..=1_000), at(0));
        framer.push(&changes(1_001..=2_000), at(1));
        assert!(framer.to_write(8)[0].opens_run);
    }

    #[test]
    fn changes_of_excluded_tags_wait_for_nothing() {
        let mut framer = Framer::new(FLUSH, 100, TagSet::new(vec![TagId(4)]));
        framer.push(&[change(4)], at(0));
        assert_eq!((framer.due(), framer.last_seq(), framer.durable_seq()), (None, 4, 4));
        framer.push(&changes(5..=14), at(0));
        framer.close();
        assert_eq!(seqs(&framer.to_write(8)), (5..=13).collect::<Vec<_>>());
        framer.written();
        assert_eq!(framer.durable_seq(), 14);
    }

    #[test]
    fn small_moves_wait_for_nothing_and_are_not_lost() {
        let mut framer = framer(10_000);
        let band = HistoryDeadBand { width: 0.0, max_silence: None };
        framer.keep(TagSet::default(), (0..10).map(|tag| (TagId(tag), band)).collect());
        framer.push(&changes(1..=40), at(0));
        framer.close();
        assert_eq!(seqs(&framer.to_write(8)), (1..=10).collect::<Vec<_>>());
        framer.written();
        framer.push(&changes(41..=45), at(1));
        assert_eq!((framer.due(), framer.durable_seq(), framer.lost(), framer.waiting()), (None, 45, 0, 0));
        // A snapshot follows a time of which nothing is known.
        framer.push_snapshot(&changes(46..=55), at(2));
        assert_eq!(framer.waiting(), 10);
    }

    #[test]
    fn small_moves_are_not_measured_from_what_was_dropped() {
        let mut framer = framer(1_000);
        let band = HistoryDeadBand { width: 0.0, max_silence: None };
        framer.keep(TagSet::default(), [(TagId(0), band)].into());
        let still = |seq| TagChange { tag: TagId(0), ..change(seq) };
        framer.push(&[still(1)], at(0));
        framer.push(&(2..=1_500).map(|seq| TagChange { tag: TagId(1), ..change(seq) }).collect::<Vec<_>>(), at(0));
        assert_eq!(framer.lost(), 1_000);
        framer.push(&[still(1_501), still(1_502)], at(1));
        framer.close();
        assert_eq!(seqs(&framer.to_write(8)).last(), Some(&1_501));
    }

    #[test]
    fn long_texts_are_spread_over_frames() {
        let mut framer = framer(10_000);
        let long = "x".repeat(400_000);
        let texts: Vec<_> = (1..=5).map(|seq| TagChange { value: Some(Value::from(&*long)), ..change(seq) }).collect();
        framer.push(&texts, at(0));
        framer.close();
        let sizes: Vec<_> = framer.to_write(8).iter().map(|frame| frame.changes.len()).collect();
        assert_eq!(sizes, [2, 2, 1]);
    }

    #[test]
    fn the_age_of_the_oldest_waiting_change_is_known() {
        let mut framer = framer(10_000);
        assert_eq!(framer.oldest(), None);
        framer.push(&changes(3..=5), at(9));
        assert_eq!(framer.oldest(), Some(at(3)));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_change_is_written_once_and_in_order_whatever_fails(
            steps in prop::collection::vec((0..900_u64, 0..80_u64, any::<bool>(), 1..4_usize), 1..60)
        ) {
            let mut framer = framer(usize::MAX);
            let (mut seq, mut now, mut stored) = (0, 0, Vec::new());
            for (count, pause, fails, limit) in steps {
                framer.push(&changes(seq + 1..=seq + count), at(now));
                seq += count;
                now += pause;
                framer.close_due(at(now));
                let frames = framer.to_write(limit);
                if fails {
                    framer.not_written();
                } else {
                    stored.extend(seqs(&frames));
                    framer.written();
                }
                prop_assert_eq!(framer.waiting(), usize::try_from(seq).unwrap() - stored.len());
            }
            framer.close();
            stored.extend(seqs(&framer.to_write(usize::MAX)));
            prop_assert_eq!(stored, (1..=seq).collect::<Vec<_>>());
        }
    }
}
