//! The handle that reads.

use super::cut::Key;
use super::rows::{self, Header, SETTLED};
use super::store::find_position;
use super::{Shared, open};
use crate::history::chunk::Decoder;
use crate::history::historian::{Cancel, HistorianError, JournalId, SampleSource, StoreReader, Visitor};
use crate::history::merge::Merged;
use crate::history::sample::{Block, Sample};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use flyball_schema::{TagId, Timestamp};
use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Headers in memory at a time.
const HEADERS: i64 = 128;
/// Damaged parts that are told one by one in the log; more are only counted.
const TOLD: usize = 100;

/// Reads the store.
pub(super) struct Reader {
    shared: Arc<Shared>,
    /// `None` while nobody has begun the file.
    connection: Option<SqliteConnection>,
    epoch: u64,
    /// Whether a question is under way.
    is_asked: bool,
    decoder: Decoder,
    damage: Damage,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let (decoder, damage) = (Decoder::default(), Damage::default());
        Self { shared, connection: None, epoch: 0, is_asked: false, decoder, damage }
    }

    /// Begins to see one state.
    fn start(&mut self) -> Result<(), HistorianError> {
        let epoch = self.shared.epoch.load(Ordering::Relaxed);
        if epoch != self.epoch || self.connection.is_none() {
            self.epoch = epoch;
            self.connection = open::reader(&self.shared.path)?;
        }
        if let Some(connection) = &mut self.connection {
            connection.batch_execute("BEGIN")?;
        }
        self.is_asked = true;
        Ok(())
    }

    /// Runs `work` in the state of the question, or in one of its own; `None` where there is no store yet.
    fn with<T>(
        &mut self,
        work: impl FnOnce(&mut Reading<'_>) -> Result<T, HistorianError>,
    ) -> Result<Option<T>, HistorianError> {
        let is_own = !self.is_asked;
        if is_own {
            let started = self.start();
            self.shared.noticed(started)?;
        }
        let Self { connection, decoder, damage, .. } = self;
        let outcome = connection.as_mut().map(|connection| work(&mut Reading { connection, decoder, damage }));
        if is_own {
            self.end();
        }
        self.shared.noticed(outcome.transpose())
    }
}

impl StoreReader for Reader {
    fn begin(&mut self, journal: JournalId) -> Result<u64, HistorianError> {
        self.end();
        let started = self.start();
        self.shared.noticed(started)?;
        // The first statement fixes the state.
        let position = self.with(|reading| find_position(reading.connection, journal));
        if position.is_err() {
            self.end();
        }
        Ok(position?.unwrap_or(0))
    }

    fn end(&mut self) {
        let was_asked = std::mem::take(&mut self.is_asked);
        if let Some(connection) = self.connection.as_mut().filter(|_| was_asked)
            && connection.batch_execute("ROLLBACK").is_err()
        {
            self.connection = None;
        }
    }

    fn damaged(&self) -> u64 {
        self.damage.count
    }
}

impl SampleSource for Reader {
    fn read(
        &mut self,
        tag: TagId,
        range: Range<Timestamp>,
        cancel: &Cancel,
        visitor: &mut dyn Visitor,
    ) -> Result<(), HistorianError> {
        self.with(|reading| reading.read(tag, &range, cancel, visitor)).map(Option::unwrap_or_default)
    }

    fn last_before(
        &mut self,
        tag: TagId,
        before: Timestamp,
        cancel: &Cancel,
    ) -> Result<Option<Sample>, HistorianError> {
        self.with(|reading| reading.last_before(tag, before, cancel)).map(Option::flatten)
    }

    fn downtimes(&mut self, range: Range<Timestamp>) -> Result<Vec<Range<Timestamp>>, HistorianError> {
        self.with(|reading| rows::downtimes(reading.connection, &range)).map(Option::unwrap_or_default)
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("path", &self.shared.path).finish_non_exhaustive()
    }
}

/// Damaged parts that were skipped.
#[derive(Debug, Default)]
struct Damage {
    count: u64,
    told: HashSet<String>,
}

impl Damage {
    fn skip(&mut self, what: String, reason: &str) {
        self.count += 1;
        if self.told.len() < TOLD && !self.told.contains(&what) {
            log::warn!("{what} is damaged and skipped: {reason}");
            self.told.insert(what);
        }
    }
}

/// A state of the store.
struct Reading<'a> {
    connection: &'a mut SqliteConnection,
    decoder: &'a mut Decoder,
    damage: &'a mut Damage,
}

impl Reading<'_> {
    fn read(
        &mut self,
        tag: TagId,
        range: &Range<Timestamp>,
        cancel: &Cancel,
        visitor: &mut dyn Visitor,
    ) -> Result<(), HistorianError> {
        cancel.check()?;
        let late = self.late(tag, &micros(range))?;
        let rows = late.rows_in(range);
        if rows.is_empty() {
            let _wanted = self.chunks(tag, range, cancel, visitor)?;
            return Ok(());
        }
        let mut merged = Merged::new(visitor, &late, rows);
        if self.chunks(tag, range, cancel, &mut merged)?.is_continue() {
            merged.finish();
        }
        Ok(())
    }

    /// Late samples of the rows that overlap a range, by time.
    fn late(&mut self, tag: TagId, times: &Range<i64>) -> Result<Block, HistorianError> {
        let (mut all, mut decoded) = (Block::default(), Block::default());
        for row in rows::late(self.connection, tag, times)? {
            match row.decode(self.decoder, &mut decoded) {
                Ok(()) => all.extend(&decoded, 0..decoded.len()),
                Err(error) => self.damage.skip(format!("late part {} of tag {tag}", row.id), &error.to_string()),
            }
        }
        all.sort();
        Ok(all)
    }

    /// Hands on what the chunks hold, in order.
    fn chunks(
        &mut self,
        tag: TagId,
        range: &Range<Timestamp>,
        cancel: &Cancel,
        visitor: &mut dyn Visitor,
    ) -> Result<ControlFlow<()>, HistorianError> {
        let times = micros(range);
        let mut young = VecDeque::from(rows::between(self.connection, (SETTLED + 1, i64::MAX), tag, &times)?);
        let mut settled = VecDeque::from(rows::settled(self.connection, tag, &times, None, HEADERS)?);
        loop {
            cancel.check()?;
            let is_settled = match (settled.front(), young.front()) {
                (Some(settled), Some(young)) => settled.key() < young.key(),
                (settled, _) => settled.is_some(),
            };
            let next = if is_settled { settled.pop_front() } else { young.pop_front() };
            let Some(header) = next else { return Ok(ControlFlow::Continue(())) };
            if self.chunk(&header, range, visitor)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            if is_settled && settled.is_empty() {
                settled = rows::settled(self.connection, tag, &times, Some(header.key()), HEADERS)?.into();
            }
        }
    }

    /// Hands on a chunk: summed up, page by page, or sample by sample, as the visitor will have it.
    fn chunk(
        &mut self,
        header: &Header,
        range: &Range<Timestamp>,
        visitor: &mut dyn Visitor,
    ) -> Result<ControlFlow<()>, HistorianError> {
        let is_inside = |t0: Timestamp, t1: Timestamp| range.start <= t0 && t1 < range.end;
        let (t0, t1) = header.span();
        if let Some(summary) = header.summary().filter(|_| is_inside(t0, t1) && visitor.takes_summary(t0, t1)) {
            visitor.summary(&summary);
            return Ok(ControlFlow::Continue(()));
        }
        let pages = match header.pages() {
            Ok(pages) => pages,
            Err(error) => return Ok(self.skip(header, &error.to_string())),
        };
        let parts: Vec<_> = pages
            .iter()
            .map(|page| {
                let summary = page.summary.filter(|_| is_inside(page.t0, page.t1));
                match summary.filter(|_| visitor.takes_summary(page.t0, page.t1)) {
                    Some(summary) => Part::Summary(summary),
                    None if page.t0 < range.end && range.start <= page.t1 => Part::Samples,
                    None => Part::Outside,
                }
            })
            .collect();
        let mut block = Block::default();
        let mut first = 0;
        for group in parts.chunk_by(|one, next| matches!((one, next), (Part::Samples, Part::Samples))) {
            let wanted = first..first + group.len();
            first = wanted.end;
            match &group[0] {
                Part::Outside => {}
                Part::Summary(summary) => visitor.summary(summary),
                Part::Samples => {
                    if let Err(reason) = header.decode(self.connection, self.decoder, &pages, wanted, &mut block)? {
                        return Ok(self.skip(header, &reason));
                    }
                    let rows = block.rows_in(range);
                    if !rows.is_empty() && visitor.block(&block, rows).is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn skip(&mut self, header: &Header, reason: &str) -> ControlFlow<()> {
        let (from, to) = header.span();
        self.damage.skip(format!("chunk of tag {} from {from} to {to}", header.tag_id), reason);
        ControlFlow::Continue(())
    }

    fn last_before(
        &mut self,
        tag: TagId,
        before: Timestamp,
        cancel: &Cancel,
    ) -> Result<Option<Sample>, HistorianError> {
        let mut key = Key::before(before.as_micros());
        let mut last = None;
        while last.is_none() {
            cancel.check()?;
            let Some(header) = rows::before(self.connection, tag, key)? else { break };
            key = header.key();
            last = self.last_of_chunk(&header, before)?;
        }
        // Late ones of the same time came behind it.
        let since = last.as_ref().map_or(Timestamp::MIN, |last: &Sample| last.time);
        let late = self.late(tag, &micros(&(since..before)))?;
        let rows = late.rows_in(&(since..before));
        Ok(if rows.is_empty() { last } else { Some(late.sample(rows.end - 1)) })
    }

    /// The last sample before a time of a chunk that begins before it.
    fn last_of_chunk(&mut self, header: &Header, before: Timestamp) -> Result<Option<Sample>, HistorianError> {
        let mut block = Block::default();
        let decoded = match header.pages() {
            Ok(pages) => {
                let end = pages.partition_point(|page| page.t0 < before);
                header.decode(self.connection, self.decoder, &pages, end.saturating_sub(1)..end, &mut block)?
            }
            Err(error) => Err(error.to_string()),
        };
        if let Err(reason) = decoded {
            let _skipped = self.skip(header, &reason);
            return Ok(None);
        }
        let rows = block.rows_in(&(Timestamp::MIN..before));
        Ok(rows.last().map(|row| block.sample(row)))
    }
}

/// How a page is handed on.
enum Part {
    Outside,
    Summary(crate::history::sample::Summary),
    Samples,
}

fn micros(range: &Range<Timestamp>) -> Range<i64> {
    range.start.as_micros()..range.end.as_micros()
}
