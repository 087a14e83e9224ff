//! Samples from elsewhere into the store of a plant that does not run.

use super::{OfflineError, Recorded};
use crate::history::historian::{HistorianError, StoreWriter};
use crate::history::sample::{Block, Sample};
use crate::plant::DataFolder;
use crate::settings::Settings;
use flyball_schema::{TagId, Timestamp};
use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};

/// Samples that are stored together, in one transaction, about 40 bytes each in memory.
const TOGETHER: u64 = 500_000;

/// How many samples went where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// Taken; all before the last of them are stored or skipped.
    pub taken: u64,
    /// Of these, not stored because the tag had a sample of that time before.
    pub skipped: u64,
}

/// Stores samples that come from no device, in batches that are stored whole or not at all.
///
/// Holds the data folder: no plant runs on it meanwhile. Samples may come in any order. What was there stays, and two
/// samples of one time are both kept, unless those that exist are skipped.
pub struct Importer {
    store: Box<dyn StoreWriter>,
    existing: Option<Recorded>,
    pending: BTreeMap<TagId, Block>,
    count: u64,
    together: u64,
    last: Option<(TagId, Timestamp)>,
    imported: Imported,
    _folder: DataFolder,
}

impl Importer {
    /// Takes the data folder and opens its store.
    ///
    /// * `skip_existing`: leave out samples of a tag and time that have one already, now.
    ///
    /// # Errors
    /// [`OfflineError::Folder`] while a plant runs on the folder; [`OfflineError`].
    pub fn open(settings: &Settings, skip_existing: bool) -> Result<Self, OfflineError> {
        let folder = DataFolder::take(&settings.data.dir)?;
        let store = settings.historian()?.open_writer()?;
        let existing = if skip_existing { Some(Recorded::open(settings)?) } else { None };
        let (pending, imported) = (BTreeMap::new(), Imported::default());
        Ok(Self { store, existing, pending, count: 0, together: TOGETHER, last: None, imported, _folder: folder })
    }

    #[cfg(test)]
    pub(super) fn with_batches(self, together: u64) -> Self {
        Self { together, ..self }
    }

    /// Takes a sample; stores all that were taken before it where they are enough.
    ///
    /// # Errors
    /// [`HistorianError`]; what [`Importer::imported`] counts is stored, nothing else.
    pub fn push(&mut self, tag: TagId, sample: Sample) -> Result<(), HistorianError> {
        // Samples of one tag and time stay together, so that those that exist are never half of them.
        if self.count >= self.together && self.last != Some((tag, sample.time)) {
            self.store()?;
        }
        self.last = Some((tag, sample.time));
        self.pending.entry(tag).or_default().push(sample);
        self.count += 1;
        Ok(())
    }

    /// Stores what is left.
    ///
    /// # Errors
    /// As [`Importer::push`].
    pub fn finish(&mut self) -> Result<Imported, HistorianError> {
        self.store()?;
        Ok(self.imported)
    }

    /// What is stored or skipped by now.
    #[must_use]
    pub fn imported(&self) -> Imported {
        self.imported
    }

    fn store(&mut self) -> Result<(), HistorianError> {
        let (mut series, mut skipped) = (Vec::with_capacity(self.pending.len()), 0);
        for (&tag, block) in &mut self.pending {
            block.sort();
            let fresh = match &mut self.existing {
                Some(existing) => fresh(existing, tag, block)?,
                None => std::mem::take(block),
            };
            skipped += block.len().saturating_sub(fresh.len()) as u64;
            if !fresh.is_empty() {
                series.push((tag, fresh));
            }
        }
        if !series.is_empty() {
            self.store.import(&series)?;
        }
        self.pending.clear();
        self.imported.taken += std::mem::take(&mut self.count);
        self.imported.skipped += skipped;
        Ok(())
    }
}

impl std::fmt::Debug for Importer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Importer").field("imported", &self.imported).finish_non_exhaustive()
    }
}

/// The samples of a block, which is by time, of whose times there is none yet.
fn fresh(existing: &mut Recorded, tag: TagId, block: &Block) -> Result<Block, HistorianError> {
    let (Some(&first), Some(&last)) = (block.times.first(), block.times.last()) else { return Ok(Block::default()) };
    let range = Timestamp::from_micros(first)..Timestamp::from_micros(last.saturating_add(1));
    let mut known = Known { times: &block.times, next: 0, rows: Vec::new() };
    existing.read(&[tag], range, |_, block, rows| {
        block.times[rows].iter().for_each(|&time| known.meet(time));
        ControlFlow::Continue(())
    })?;
    let mut fresh = Block::default();
    let mut from = 0;
    for rows in known.rows {
        fresh.extend(block, from..rows.start);
        from = rows.end;
    }
    fresh.extend(block, from..block.len());
    Ok(fresh)
}

/// Finds the rows whose times come by, in order.
struct Known<'a> {
    times: &'a [i64],
    next: usize,
    rows: Vec<Range<usize>>,
}

impl Known<'_> {
    fn meet(&mut self, time: i64) {
        let left = &self.times[self.next..];
        let start = self.next + left.partition_point(|&own| own < time);
        let end = start + self.times[start..].partition_point(|&own| own == time);
        self.next = end;
        if start < end {
            self.rows.push(start..end);
        }
    }
}
