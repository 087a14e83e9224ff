//! The past as one: what the store has, what waits in the journal, and the newest samples in memory.

use super::TagSet;
use super::historian::{Cancel, HistorianError, SampleSource, StoreReader, Visitor};
use super::journal::Journal;
use super::merge::Merged;
use super::sample::{Block, Sample};
use super::shared::History;
use flyball_schema::{TagId, Timestamp};
use std::collections::HashMap;
use std::ops::Range;

/// Handles of one reading thread.
pub(super) struct PastReader {
    journal: Journal,
    store: Box<dyn StoreReader>,
}

impl PastReader {
    pub(super) fn open(history: &History) -> Result<Self, HistorianError> {
        Ok(Self { journal: Journal::open_read_only(history.settings())?, store: history.historian().open_reader()? })
    }

    /// Whether it reads the journal that is written now.
    pub(super) fn is_current(&self, history: &History) -> bool {
        self.journal.id() == history.journal_id()
    }

    /// Damaged parts skipped so far.
    pub(super) fn damaged(&self) -> u64 {
        self.journal.damaged() + self.store.damaged()
    }

    /// One state of the past of `tags`, for one question.
    ///
    /// # Errors
    /// [`HistorianError`].
    pub(super) fn begin(
        &mut self,
        history: &History,
        tags: &TagSet,
        cancel: &Cancel,
    ) -> Result<Past<'_>, HistorianError> {
        // First the head, then the journal, then the store: what moves on in between is in both, never in none.
        let fresh = Fresh::of(history, tags);
        let Self { journal, store } = self;
        let mut past = Past { journal, store: &mut **store, position: 0, newest: HashMap::new() };
        past.journal.begin()?;
        past.position = past.store.begin(past.journal.id())?;
        past.fill(&fresh, tags, cancel)?;
        Ok(past)
    }
}

/// A copy of the head.
struct Fresh {
    behind: u64,
    series: Vec<(TagId, Vec<u64>, Block)>,
}

impl Fresh {
    fn of(history: &History, tags: &TagSet) -> Self {
        let head = history.head();
        let copy = |&tag: &TagId| head.series(tag).map(|(seqs, block)| (tag, seqs.to_vec(), block.clone()));
        Self { behind: head.behind(), series: tags.as_slice().iter().filter_map(copy).collect() }
    }
}

/// See the module.
pub(super) struct Past<'a> {
    journal: &'a mut Journal,
    store: &'a mut dyn StoreReader,
    position: u64,
    /// What the store does not have, by time.
    newest: HashMap<TagId, Block>,
}

impl Past<'_> {
    /// Takes what is behind the position: from the journal what the head no longer holds, then the head.
    fn fill(&mut self, fresh: &Fresh, tags: &TagSet, cancel: &Cancel) -> Result<(), HistorianError> {
        let Self { journal, position, newest, .. } = self;
        if *position < fresh.behind {
            journal.scan(*position, fresh.behind, Some(tags), cancel, |change| {
                let sample = Sample { time: change.source_time, value: change.value, quality: change.quality };
                newest.entry(change.tag).or_default().push(sample);
            })?;
        }
        for (tag, seqs, block) in &fresh.series {
            let rows = seqs.partition_point(|seq| seq <= position)..block.len();
            newest.entry(*tag).or_default().extend(block, rows);
        }
        newest.values_mut().for_each(Block::sort);
        Ok(())
    }
}

impl SampleSource for Past<'_> {
    fn read(
        &mut self,
        tag: TagId,
        range: Range<Timestamp>,
        cancel: &Cancel,
        visitor: &mut dyn Visitor,
    ) -> Result<(), HistorianError> {
        let Some(newest) = self.newest.get(&tag) else { return self.store.read(tag, range, cancel, visitor) };
        let mut merged = Merged::new(visitor, newest, newest.rows_in(&range));
        self.store.read(tag, range, cancel, &mut merged)?;
        merged.finish();
        Ok(())
    }

    fn last_before(
        &mut self,
        tag: TagId,
        before: Timestamp,
        cancel: &Cancel,
    ) -> Result<Option<Sample>, HistorianError> {
        let newest = self.newest.get(&tag).and_then(|newest| {
            let last = newest.rows_in(&(Timestamp::MIN..before)).end.checked_sub(1)?;
            Some(newest.sample(last))
        });
        let stored = self.store.last_before(tag, before, cancel)?;
        Ok(match (stored, newest) {
            (Some(stored), Some(newest)) if stored.time > newest.time => Some(stored),
            (stored, newest) => newest.or(stored),
        })
    }

    fn downtimes(&mut self, range: Range<Timestamp>) -> Result<Vec<Range<Timestamp>>, HistorianError> {
        let mut downtimes = self.store.downtimes(range.clone())?;
        let waiting = self.journal.downtimes(self.position, u64::MAX)?;
        downtimes.extend(waiting.into_iter().filter(|down| down.start < range.end && down.end > range.start));
        downtimes.sort_unstable_by_key(|down| down.start);
        Ok(downtimes)
    }
}

impl Drop for Past<'_> {
    fn drop(&mut self) {
        self.store.end();
        self.journal.end();
    }
}
