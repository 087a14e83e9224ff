//! The past of a plant as its files and its store have it.

use super::OfflineError;
use crate::history::TagSet;
use crate::history::historian::{Cancel, HistorianError, JournalId, StoreReader, Visitor};
use crate::history::journal::Journal;
use crate::history::merge::Merged;
use crate::history::sample::{Block, Sample};
use crate::settings::Settings;
use flyball_schema::{TagId, Timestamp};
use std::collections::HashMap;
use std::ops::{ControlFlow, Range};

/// Samples of the journal in memory at the most, about 40 bytes each.
const WAITING: usize = 2_000_000;

/// Takes rows of a tag's samples, by time; [`ControlFlow::Break`] where nothing more is wanted.
type Take<'a> = dyn FnMut(TagId, &Block, Range<usize>) -> ControlFlow<()> + 'a;

/// One state of a plant's past, from the moment it is opened. The plant may run meanwhile, in this process or another.
///
/// While it is open the files of a running plant grow by what they would otherwise use again.
pub struct Recorded {
    journal: Option<Journal>,
    store: Box<dyn StoreReader>,
    /// What the store has of the journal.
    position: u64,
    last_seq: u64,
    limit: usize,
}

impl Recorded {
    /// Opens the history of these settings. Without a journal there is only what the store has.
    ///
    /// # Errors
    /// [`OfflineError`].
    pub fn open(settings: &Settings) -> Result<Self, OfflineError> {
        let historian = settings.historian()?;
        let mut journal = match Journal::open_read_only(&settings.journal()) {
            Err(HistorianError::Missing(_)) => None,
            opened => Some(opened?),
        };
        // First the journal, then the store: what moves from one to the other in between is in both, never in none.
        let last_seq = journal.as_mut().map_or(Ok(0), Journal::begin)?;
        let mut store = historian.open_reader()?;
        let id = journal.as_ref().map_or(JournalId(uuid::Uuid::nil()), Journal::id);
        let position = store.begin(id)?;
        Ok(Self { journal, store, position, last_seq, limit: WAITING })
    }

    /// Samples that wait in the journal are read in parts of this many.
    #[cfg(test)]
    pub(super) fn with_limit(self, limit: usize) -> Self {
        Self { limit, ..self }
    }

    /// Hands the samples of `tags` with a source time in `range` to `take`: tag by tag in the order given, each by time,
    /// those of one time in the order in which they came. Memory does not grow with the range.
    ///
    /// # Errors
    /// [`HistorianError`]; damaged parts are skipped and counted.
    pub fn read(
        &mut self,
        tags: &[TagId],
        range: Range<Timestamp>,
        mut take: impl FnMut(TagId, &Block, Range<usize>) -> ControlFlow<()>,
    ) -> Result<(), HistorianError> {
        // Whether it was broken off is known to who did it.
        let _over = self.read_part(tags, range, &mut take)?;
        Ok(())
    }

    /// Damaged parts skipped so far.
    #[must_use]
    pub fn damaged(&self) -> u64 {
        self.journal.as_ref().map_or(0, Journal::damaged) + self.store.damaged()
    }

    fn read_part(
        &mut self,
        tags: &[TagId],
        range: Range<Timestamp>,
        take: &mut Take<'_>,
    ) -> Result<ControlFlow<()>, HistorianError> {
        let Some(waiting) = self.waiting(tags, &range, self.limit)? else {
            return self.read_halves(tags, range, take);
        };
        for &tag in tags {
            if self.read_tag(tag, range.clone(), waiting.get(&tag), take)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Half of the tags at a time, half of the time where there is one tag.
    fn read_halves(
        &mut self,
        tags: &[TagId],
        range: Range<Timestamp>,
        take: &mut Take<'_>,
    ) -> Result<ControlFlow<()>, HistorianError> {
        let (first, second) = tags.split_at(tags.len() / 2);
        let halves = match (tags, self.middle(&range)?) {
            (&[tag], None) => {
                // All at one time.
                let waiting = self.waiting(tags, &range, usize::MAX)?.unwrap_or_default();
                return self.read_tag(tag, range, waiting.get(&tag), take);
            }
            ([_], Some(middle)) => [(tags, range.start..middle), (tags, middle..range.end)],
            _ => [(first, range.clone()), (second, range)],
        };
        for (part, range) in halves {
            if self.read_part(part, range, take)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn read_tag(
        &mut self,
        tag: TagId,
        range: Range<Timestamp>,
        waiting: Option<&Block>,
        take: &mut Take<'_>,
    ) -> Result<ControlFlow<()>, HistorianError> {
        let mut hand = Hand { tag, take, flow: ControlFlow::Continue(()) };
        let cancel = Cancel::default();
        match waiting {
            None => self.store.read(tag, range, &cancel, &mut hand)?,
            Some(waiting) => {
                let mut merged = Merged::new(&mut hand, waiting, waiting.rows_in(&range));
                self.store.read(tag, range, &cancel, &mut merged)?;
                merged.finish();
            }
        }
        Ok(hand.flow)
    }

    /// What the journal has of `tags` and the store has not, by time; `None` where that is more than `limit`.
    fn waiting(
        &mut self,
        tags: &[TagId],
        range: &Range<Timestamp>,
        limit: usize,
    ) -> Result<Option<HashMap<TagId, Block>>, HistorianError> {
        let (mut waiting, mut count) = (HashMap::<TagId, Block>::new(), 0);
        let (Some(journal), false) = (&mut self.journal, tags.is_empty()) else { return Ok(Some(waiting)) };
        let (full, wanted, mut is_full) = (Cancel::default(), TagSet::new(tags.to_vec()), false);
        let scanned = journal.scan(self.position, self.last_seq, Some(&wanted), &full, |change| {
            if !range.contains(&change.source_time) {
                return;
            }
            is_full |= count == limit;
            if is_full {
                full.cancel();
            } else {
                count += 1;
                let sample = Sample { time: change.source_time, value: change.value, quality: change.quality };
                waiting.entry(change.tag).or_default().push(sample);
            }
        });
        // A scan that is at its end is not cancelled any more.
        match scanned {
            Ok(()) | Err(HistorianError::Cancelled) if is_full => return Ok(None),
            scanned => scanned?,
        }
        waiting.values_mut().for_each(Block::sort);
        Ok(Some(waiting))
    }

    /// A time that has about half of what waits before it; `None` where the range cannot be halved.
    fn middle(&mut self, range: &Range<Timestamp>) -> Result<Option<Timestamp>, HistorianError> {
        let Some(journal) = &mut self.journal else { return Ok(None) };
        let Some(times) = journal.times(self.position)? else { return Ok(None) };
        let (first, end) = (times.start.max(range.start), times.end.min(range.end));
        let middle = Timestamp::from_micros(first.as_micros().midpoint(end.as_micros()));
        Ok((range.start < middle && middle < range.end).then_some(middle))
    }
}

impl std::fmt::Debug for Recorded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorded").field("journal", &self.journal).finish_non_exhaustive()
    }
}

/// Hands the blocks of one tag on.
struct Hand<'a, 'b> {
    tag: TagId,
    take: &'a mut Take<'b>,
    flow: ControlFlow<()>,
}

impl Visitor for Hand<'_, '_> {
    fn block(&mut self, block: &Block, rows: Range<usize>) -> ControlFlow<()> {
        if self.flow.is_continue() {
            self.flow = (self.take)(self.tag, block, rows);
        }
        self.flow
    }
}
