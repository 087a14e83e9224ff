//! Samples from one store into another.

use crate::history::historian::{Cancel, HistorianError, StoreReader, StoreWriter, Visitor};
use crate::history::sample::Block;
use flyball_schema::{TagId, Timestamp};
use std::ops::{ControlFlow, Range};

/// Samples that are written together.
const TOGETHER: usize = 200_000;

/// Copies the samples of `tags` from the state that a reader is at into a store that has none of them; how many.
///
/// * `told`: how many were copied so far.
///
/// # Errors
/// [`HistorianError`] of either; some were copied then.
pub(in crate::history) fn copy_samples(
    from: &mut dyn StoreReader,
    tags: &[TagId],
    to: &mut dyn StoreWriter,
    told: &mut dyn FnMut(u64),
) -> Result<u64, HistorianError> {
    let mut copy = Copy { tag: TagId(0), to, told, pending: Vec::new(), count: 0, copied: 0, failed: None };
    for &tag in tags {
        copy.tag = tag;
        from.read(tag, Timestamp::MIN..Timestamp::MAX, &Cancel::default(), &mut copy)?;
        if let Some(error) = copy.failed {
            return Err(error);
        }
    }
    copy.write()?;
    Ok(copy.copied)
}

struct Copy<'a> {
    tag: TagId,
    to: &'a mut dyn StoreWriter,
    told: &'a mut dyn FnMut(u64),
    pending: Vec<(TagId, Block)>,
    count: usize,
    copied: u64,
    failed: Option<HistorianError>,
}

impl Copy<'_> {
    fn write(&mut self) -> Result<(), HistorianError> {
        if !self.pending.is_empty() {
            self.to.import(&self.pending)?;
            self.copied += self.count as u64;
            self.pending.clear();
            self.count = 0;
            (self.told)(self.copied);
        }
        Ok(())
    }
}

impl Visitor for Copy<'_> {
    fn block(&mut self, block: &Block, rows: Range<usize>) -> ControlFlow<()> {
        self.count += rows.len();
        match self.pending.last_mut() {
            Some((tag, pending)) if *tag == self.tag => pending.extend(block, rows),
            _ => {
                let mut first = Block::default();
                first.extend(block, rows);
                self.pending.push((self.tag, first));
            }
        }
        if self.count >= TOGETHER {
            self.failed = self.write().err();
        }
        if self.failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
