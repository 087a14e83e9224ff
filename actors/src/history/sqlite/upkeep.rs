//! Upkeep: what a step is, and when there is one to do.
//!
//! Every batch makes a generation of tier 0 of what is too small for a chunk of its own; chunks of a generation lie side
//! by side in the file, so that storing a batch writes few pages. Once there are [`Limits::fan`] generations of a tier
//! the oldest are made one of the next tier, tag by tag; chunks that have become large enough are settled. So a sample is
//! written once per tier, and a reader looks into a few generations only.

use super::pen::Pen;
use super::rows;
use super::schema::{generation, sample_late};
use super::sql::query;
use super::store::Writer;
use crate::history::historian::{HistorianError, Retention, Upkeep};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use flyball_schema::{TagId, Timestamp};

/// Chunks that late samples of one tag are put into in one step.
const LATE_CHUNKS: usize = 4;
/// Tags whose chunks are merged in one step at the most.
const TAGS_PER_STEP: usize = 256;

// The sources are emptied from the front, so the next tag is always their first.
const NEXT_TAG: &str = "SELECT c.tag_id FROM generation g CROSS JOIN chunk c WHERE g.id > ? AND g.id <= ?
    AND c.generation = g.id AND c.tag_id = (SELECT p.tag_id FROM chunk p WHERE p.generation = g.id
        ORDER BY p.tag_id LIMIT 1)
    ORDER BY c.tag_id LIMIT 1";

/// What is remembered of upkeep; a writer that is opened begins anew.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    /// Batches since the late samples were last looked through.
    batches: usize,
    /// Late samples up to here have waited long enough for their chunks to be merged. `None`: not looked at yet.
    late_due: Option<i64>,
    /// The newest late samples when they were last looked through.
    late_seen: i64,
    pub(super) retiring: super::retention::Retiring,
}

impl Agenda {
    pub(super) fn stored(&mut self) {
        self.batches += 1;
    }
}

impl Writer {
    pub(super) fn take_step(&mut self, retention: &Retention, now: Timestamp) -> Result<Upkeep, HistorianError> {
        // What upkeep does is no loss when the power fails: the chunks are as they were before. The next batch, which is
        // flushed to the disk, takes it along.
        self.connection.batch_execute("PRAGMA synchronous = NORMAL")?;
        let step = self.step(retention, now);
        let restored = self.connection.batch_execute("PRAGMA synchronous = FULL");
        let step = step?;
        restored?;
        Ok(step)
    }

    fn step(&mut self, retention: &Retention, now: Timestamp) -> Result<Upkeep, HistorianError> {
        if let Some(dropped) = self.retire(retention, now)? {
            return Ok(Upkeep { dropped, more: true });
        }
        let more = self.merge_step()? || self.late_step()? || self.vacuum_step(retention)?;
        Ok(Upkeep { dropped: 0, more })
    }

    /// Merges chunks of some tags; whether there was anything to do.
    fn merge_step(&mut self) -> Result<bool, HistorianError> {
        let limits = self.shared.limits;
        let generations = rows::generations(&mut self.connection)?;
        let Some(run) = due_run(&generations, limits.fan) else { return Ok(false) };
        self.write(|pen| {
            let mut samples = 0;
            for _ in 0..TAGS_PER_STEP {
                let Some(tag) = next_tag(pen, run.first, run.last)? else { return close(pen, run) };
                samples += pen.merge(tag, run.first, run.last)?;
                if samples >= limits.samples_per_step {
                    break;
                }
            }
            Ok(())
        })?;
        Ok(true)
    }

    /// Puts late samples of one tag in their places; whether there were such.
    fn late_step(&mut self) -> Result<bool, HistorianError> {
        let Some(due) = self.late_due()? else { return Ok(false) };
        let oldest = sample_late::table.filter(sample_late::id.le(due)).order(sample_late::id);
        let oldest = oldest.select(sample_late::tag_id).first::<i64>(&mut self.connection).optional()?;
        let Some(tag) = oldest.and_then(|tag| u32::try_from(tag).ok()).map(TagId) else { return Ok(false) };
        self.write(|pen| {
            let (late, ids) = pen.take_late(tag)?;
            let placed = pen.place(tag, &late, LATE_CHUNKS)?;
            pen.put_late(tag, &late, placed..late.len(), ids.into_iter())
        })?;
        Ok(true)
    }

    /// Late samples wait for some batches: most belong to chunks that are merged soon anyway.
    fn late_due(&mut self) -> Result<Option<i64>, HistorianError> {
        if self.agenda.late_due.is_none() || self.agenda.batches >= self.shared.limits.fan {
            let newest = rows::next_late_id(&mut self.connection)? - 1;
            // Whatever lies there at the start has waited.
            let due = if self.agenda.late_due.is_none() { newest } else { self.agenda.late_seen };
            self.agenda.late_due = Some(due);
            self.agenda.late_seen = newest;
            self.agenda.batches = 0;
        }
        Ok(self.agenda.late_due)
    }
}

/// Generations of one tier that are made one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    first: i64,
    last: i64,
    tier: i64,
}

/// The oldest `fan` generations of the lowest tier that has so many.
fn due_run(generations: &[(i64, i64)], fan: usize) -> Option<Run> {
    let runs = generations.chunk_by(|one, next| one.1 == next.1).filter(|run| run.len() >= fan);
    let run = runs.min_by_key(|run| run[0].1)?;
    Some(Run { first: run[0].0, last: run[fan - 1].0, tier: run[0].1 })
}

fn next_tag(pen: &mut Pen<'_>, first: i64, last: i64) -> Result<Option<TagId>, HistorianError> {
    let tag = query::<BigInt, 2>(NEXT_TAG, [first, last]).get_result::<i64>(pen.connection).optional()?;
    Ok(tag.and_then(|tag| u32::try_from(tag).ok()).map(TagId))
}

/// All chunks of the run are in its first generation.
fn close(pen: &mut Pen<'_>, run: Run) -> Result<(), HistorianError> {
    let emptied = generation::table.filter(generation::id.gt(run.first)).filter(generation::id.le(run.last));
    diesel::delete(emptied).execute(pen.connection)?;
    let first = generation::table.find(run.first);
    diesel::update(first).set(generation::tier.eq(run.tier + 1)).execute(pen.connection)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_generations_of_the_lowest_full_tier_are_merged() {
        assert_eq!(due_run(&[(1, 1), (9, 0), (10, 0)], 3), None);
        assert_eq!(due_run(&[(1, 1), (9, 0), (10, 0), (12, 0), (13, 0)], 3), Some(Run { first: 9, last: 12, tier: 0 }));
        let both = [(1, 1), (9, 1), (17, 0), (18, 0)];
        assert_eq!(due_run(&both, 2), Some(Run { first: 17, last: 18, tier: 0 }));
        assert_eq!(due_run(&both[..2], 2), Some(Run { first: 1, last: 9, tier: 1 }));
    }
}
