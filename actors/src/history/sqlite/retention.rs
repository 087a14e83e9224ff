//! Upkeep: dropping what is past its retention, and giving space back.

use super::cut::Key;
use super::open::{file_bytes, pages};
use super::rows::{self, OLDEST_OF_ALL, OldestKey};
use super::schema::downtime;
use super::store::Writer;
use crate::history::historian::{HistorianError, Retention};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use flyball_schema::{TagId, Timestamp};
use std::time::Duration;

/// Chunks that are looked at in one step.
const CHUNKS_PER_STEP: i64 = 256;
/// Pages given back in one step.
const PAGES_PER_STEP: u64 = 512;
/// Free pages are kept for what comes next up to these bytes …
const FREE_BYTES: u64 = 16 << 20;
/// … and this part of the file.
const FREE_PART: u64 = 4;
/// A pass over the store is made so many times per retention, and once a day at least.
const PASSES: u32 = 64;
const DAY: Duration = Duration::from_hours(24);

/// How far the pass over what is past its retention has come.
#[derive(Debug, Default)]
pub(super) struct Retiring {
    /// The next pass.
    due: Option<Timestamp>,
    pass: Option<Pass>,
}

#[derive(Debug)]
struct Pass {
    /// The last chunk looked at, oldest first; `None` when all that are old enough were.
    seen: Option<OldestKey>,
    /// Tags with a retention of their own that are still to be looked at.
    tags: Vec<TagId>,
}

impl Writer {
    /// Drops chunks that are past their retention; how many samples, `None` where there was nothing to do.
    pub(super) fn retire(&mut self, retention: &Retention, now: Timestamp) -> Result<Option<u64>, HistorianError> {
        let retired = self.retire_step(retention, now);
        if retired.is_err() {
            // Tried again at once: where the disk is full this is what makes room.
            self.agenda.retiring = Retiring::default();
        }
        retired
    }

    fn retire_step(&mut self, retention: &Retention, now: Timestamp) -> Result<Option<u64>, HistorianError> {
        if let Some(max_bytes) = retention.max_bytes {
            let used = pages(&mut self.connection)?.used_bytes();
            let dropped = if used > max_bytes { self.drop_oldest(used - max_bytes)? } else { 0 };
            // An empty store cannot become smaller.
            if dropped > 0 {
                return Ok(Some(dropped));
            }
        }
        let Some(mut pass) = self.pass(retention, now) else { return Ok(None) };
        let dropped = if let Some(seen) = pass.seen {
            self.retire_by_age(retention, now, seen, &mut pass)?
        } else {
            self.retire_by_tag(retention, now, &mut pass)?
        };
        if pass.seen.is_some() || !pass.tags.is_empty() {
            self.agenda.retiring.pass = Some(pass);
        } else {
            self.retire_downtimes(retention, now)?;
        }
        Ok(Some(dropped))
    }

    /// The pass that is under way, or a new one where it is time.
    fn pass(&mut self, retention: &Retention, now: Timestamp) -> Option<Pass> {
        let retiring = &mut self.agenda.retiring;
        if let Some(pass) = retiring.pass.take() {
            return Some(pass);
        }
        let shortest = retention.by_tag.values().chain([&retention.default]).flatten().min()?;
        let interval = (*shortest / PASSES).clamp(Duration::from_micros(1), DAY);
        let is_due = retiring.due.is_none_or(|due| now >= due || now < before(due, interval));
        is_due.then(|| {
            retiring.due = Some(Timestamp::from_micros(now.as_micros().saturating_add(micros(interval))));
            let tags = retention.by_tag.iter().filter(|(_, kept)| kept.is_some());
            Pass { seen: retention.default.map(|_| OLDEST_OF_ALL), tags: tags.map(|(tag, _)| *tag).collect() }
        })
    }

    /// Walks chunks by age and drops those of tags without a retention of their own.
    fn retire_by_age(
        &mut self,
        retention: &Retention,
        now: Timestamp,
        seen: OldestKey,
        pass: &mut Pass,
    ) -> Result<u64, HistorianError> {
        let Some(kept) = retention.default else {
            pass.seen = None;
            return Ok(0);
        };
        let oldest = rows::oldest(&mut self.connection, seen, before(now, kept).as_micros(), CHUNKS_PER_STEP)?;
        pass.seen = oldest.last().map(rows::Header::oldest_key);
        self.write(|pen| {
            let has_own = |tag: i64| u32::try_from(tag).is_ok_and(|tag| retention.by_tag.contains_key(&TagId(tag)));
            let due = oldest.iter().filter(|header| !has_own(header.tag_id));
            due.map(|header| pen.drop_chunk(header)).sum()
        })
    }

    fn retire_by_tag(&mut self, retention: &Retention, now: Timestamp, pass: &mut Pass) -> Result<u64, HistorianError> {
        let tags = &mut pass.tags;
        self.write(|pen| {
            let (mut dropped, mut looked_at) = (0, 0);
            while let Some(tag) = tags.last().copied().filter(|_| looked_at < CHUNKS_PER_STEP) {
                looked_at += 1;
                let first = rows::first_behind(pen.connection, tag, Key::before(i64::MIN))?;
                let cut_off = retention.of(tag).map_or(i64::MIN, |kept| before(now, kept).as_micros());
                match first.filter(|first| first.t1 < cut_off) {
                    Some(first) => dropped += pen.drop_chunk(&first)?,
                    None => {
                        tags.pop();
                    }
                }
            }
            Ok(dropped)
        })
    }

    fn retire_downtimes(&mut self, retention: &Retention, now: Timestamp) -> Result<(), HistorianError> {
        let kept = retention.by_tag.values().chain([&retention.default]);
        // Where something is kept for ever, so are they.
        let longest = kept.map(|kept| kept.unwrap_or(Duration::MAX)).max().unwrap_or(Duration::MAX);
        self.drop_downtimes(before(now, longest).as_micros())
    }

    fn drop_downtimes(&mut self, cut_off: i64) -> Result<(), HistorianError> {
        diesel::delete(downtime::table.filter(downtime::ended.lt(cut_off))).execute(&mut self.connection)?;
        Ok(())
    }

    /// Drops the oldest chunks of all tags until about so many bytes are free.
    fn drop_oldest(&mut self, bytes: u64) -> Result<u64, HistorianError> {
        let oldest = rows::oldest(&mut self.connection, OLDEST_OF_ALL, i64::MAX, CHUNKS_PER_STEP)?;
        let (dropped, last) = self.write(|pen| {
            let (mut freed, mut dropped, mut last) = (0, 0, None);
            for header in &oldest {
                if freed >= bytes {
                    break;
                }
                freed += rows::bytes(pen.connection, header)?;
                dropped += pen.drop_chunk(header)?;
                last = Some(header.t1);
            }
            Ok((dropped, last))
        })?;
        if let Some(last) = last {
            self.drop_downtimes(last)?;
        }
        Ok(dropped)
    }

    /// Gives free pages back to the file system; whether there were enough to do so.
    pub(super) fn vacuum_step(&mut self, retention: &Retention) -> Result<bool, HistorianError> {
        let found = pages(&mut self.connection)?;
        let is_large = match retention.max_bytes {
            Some(max_bytes) => file_bytes(&mut self.connection, &self.shared.path)? > max_bytes,
            None => false,
        };
        let kept = if is_large { 0 } else { FREE_BYTES.max(found.file_bytes() / FREE_PART) };
        if found.free_bytes() <= kept {
            return Ok(false);
        }
        self.connection.batch_execute(&format!("PRAGMA incremental_vacuum({PAGES_PER_STEP})"))?;
        Ok(pages(&mut self.connection)?.free < found.free)
    }
}

fn before(time: Timestamp, span: Duration) -> Timestamp {
    Timestamp::from_micros(time.as_micros().saturating_sub(micros(span)))
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}
