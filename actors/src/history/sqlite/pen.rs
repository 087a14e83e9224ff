//! Writing chunks: behind those of a tag, among them, and several as one. All of it in one transaction of the caller's.

use super::Limits;
use super::cut::{Key, cut, keys};
use super::rows::{self, Header, SETTLED};
use crate::history::chunk::{self as codec, Decoder};
use crate::history::historian::HistorianError;
use crate::history::sample::Block;
use diesel::prelude::*;
use flyball_schema::TagId;
use std::collections::HashMap;
use std::ops::Range;

/// Chunks of one tag that are merged at a time hold about this many full ones.
const FULL_CHUNKS: usize = 4;
const ALL: Range<i64> = i64::MIN..i64::MAX;

/// The last chunk of a tag.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    key: Key,
    /// Time of its last sample.
    pub(super) t1: i64,
}

/// The last chunk of every tag that was written to; kept between transactions and emptied when one fails.
pub(super) type Ends = HashMap<TagId, Option<End>>;

/// What a transaction writes with.
pub(super) struct Pen<'a> {
    pub(super) connection: &'a mut SqliteConnection,
    decoder: &'a mut Decoder,
    ends: &'a mut Ends,
    limits: Limits,
    next_data: i64,
}

impl<'a> Pen<'a> {
    pub(super) fn new(
        connection: &'a mut SqliteConnection,
        decoder: &'a mut Decoder,
        ends: &'a mut Ends,
        limits: Limits,
    ) -> Result<Self, HistorianError> {
        let next_data = rows::next_data_id(connection)?;
        Ok(Self { connection, decoder, ends, limits, next_data })
    }

    /// The last chunk of a tag.
    pub(super) fn end(&mut self, tag: TagId) -> Result<Option<End>, HistorianError> {
        if let Some(end) = self.ends.get(&tag) {
            return Ok(*end);
        }
        let last = rows::before(self.connection, tag, Key::behind(i64::MAX))?;
        let end = last.map(|last| End { key: last.key(), t1: last.t1 });
        self.ends.insert(tag, end);
        Ok(end)
    }

    /// Appends rows that come behind `end`: what makes good chunks as settled ones, what does not to `generation`;
    /// whether there was such.
    pub(super) fn append(
        &mut self,
        tag: TagId,
        end: Option<End>,
        block: &Block,
        rows: Range<usize>,
        generation: i64,
    ) -> Result<bool, HistorianError> {
        let Some(&t1) = block.times[rows.clone()].last() else { return Ok(false) };
        let is_small = self.is_small(rows.len());
        let follower = end.map(|end| Key { turn: end.key.turn + 1, ..end.key });
        let small = if is_small { generation } else { SETTLED };
        let last = self.insert(tag, block, rows, follower, None, small)?;
        self.ends.insert(tag, last.map(|key| End { key, t1 }));
        Ok(is_small)
    }

    /// Keeps rows as late samples.
    pub(super) fn put_late(
        &mut self,
        tag: TagId,
        block: &Block,
        rows: Range<usize>,
        ids: impl Iterator<Item = i64>,
    ) -> Result<(), HistorianError> {
        for (piece, id) in cut(rows, self.limits.points).zip(ids) {
            rows::insert_late(self.connection, id, tag, codec::encode(block, piece)?)?;
        }
        Ok(())
    }

    /// Removes the late samples of a tag, and answers them by time with the numbers of their rows.
    pub(super) fn take_late(&mut self, tag: TagId) -> Result<(Block, Vec<i64>), HistorianError> {
        let late = rows::late(self.connection, tag, &ALL)?;
        let (mut all, mut decoded) = (Block::default(), Block::default());
        for row in &late {
            match row.decode(self.decoder, &mut decoded) {
                Ok(()) => all.extend(&decoded, 0..decoded.len()),
                Err(error) => log::error!("{} late samples of tag {tag} are damaged and lost: {error}", row.n),
            }
        }
        if !late.is_empty() {
            rows::delete_late(self.connection, tag)?;
        }
        all.sort();
        Ok((all, late.iter().map(|row| row.id).collect()))
    }

    /// Puts samples, by time, in their places among the chunks of a tag, rewriting up to `chunks` of these; how many
    /// samples have found theirs.
    pub(super) fn place(&mut self, tag: TagId, fresh: &Block, chunks: usize) -> Result<usize, HistorianError> {
        let mut placed = 0;
        for _ in 0..chunks {
            let Some(&time) = fresh.times.get(placed) else { break };
            let old = rows::before(self.connection, tag, Key::behind(time))?;
            let next = rows::behind(self.connection, tag, Key::behind(time))?;
            let at_once = fresh.len().min(placed + FULL_CHUNKS * self.limits.points);
            let rows = &fresh.times[placed..at_once];
            let count = next.map_or(rows.len(), |next| rows.partition_point(|&time| time < next.t0));
            let rows = placed..placed + count;
            match old.filter(|old| old.t1 >= time || self.is_small(old_len(old))) {
                Some(old) => self.place_in(tag, &old, fresh, rows.clone(), next)?,
                None => {
                    self.insert(tag, fresh, rows.clone(), None, next, SETTLED)?;
                }
            }
            placed = rows.end;
        }
        self.ends.remove(&tag);
        Ok(placed)
    }

    fn place_in(
        &mut self,
        tag: TagId,
        old: &Header,
        fresh: &Block,
        rows: Range<usize>,
        next: Option<Key>,
    ) -> Result<(), HistorianError> {
        let mut block = Block::default();
        if let Err(reason) = old.decode_all(self.connection, self.decoder, &mut block)? {
            let (from, to) = old.span();
            log::error!("{} samples of tag {tag} from {from} to {to} are damaged and lost: {reason}", old.n);
            block = Block::default();
        }
        block.extend(fresh, rows);
        block.sort();
        rows::delete(self.connection, old)?;
        self.insert(tag, &block, 0..block.len(), Some(old.key()), next, old.generation)?;
        Ok(())
    }

    /// Makes fewer and larger chunks of those that a tag has in the generations `first` to `last`: settled ones, or such
    /// of generation `first`.
    pub(super) fn merge(&mut self, tag: TagId, first: i64, last: i64) -> Result<u64, HistorianError> {
        let headers = rows::of_generations(self.connection, first, last, tag)?;
        let samples = headers.iter().map(|header| header.n.unsigned_abs()).sum();
        let is_split = self.is_split(tag, &headers)?;
        let since = headers.first().map_or(i64::MAX, |first| first.t0);
        let is_due = rows::has_late(self.connection, tag, since)?;
        let (mut late, ids) = if is_due { self.take_late(tag)? } else { Default::default() };
        let mut rest = headers.as_slice();
        while !rest.is_empty() {
            let group;
            (group, rest) = rest.split_at(self.group(tag, rest, is_split)?);
            self.merge_group(tag, group, &mut late, first)?;
        }
        self.put_late(tag, &late, 0..late.len(), ids.into_iter())?;
        Ok(samples)
    }

    /// Whether a settled chunk lies among others. It is found too where it only touches the first; then the closer look
    /// that follows is for nothing.
    fn is_split(&mut self, tag: TagId, headers: &[Header]) -> Result<bool, HistorianError> {
        let (Some(first), Some(last)) = (headers.first(), headers.last()) else { return Ok(false) };
        let times = first.t0..last.t0.saturating_add(1);
        Ok(!rows::settled(self.connection, tag, &times, None, 1)?.is_empty())
    }

    /// How many of the first chunks follow each other and are merged at a time.
    fn group(&mut self, tag: TagId, headers: &[Header], is_split: bool) -> Result<usize, HistorianError> {
        let mut samples = 0;
        for (index, header) in headers.iter().enumerate() {
            samples += old_len(header);
            let Some(next) = headers.get(index + 1) else { break };
            let follows = !is_split || rows::behind(self.connection, tag, header.key())? == Some(next.key());
            if !follows || samples + old_len(next) > FULL_CHUNKS * self.limits.points {
                return Ok(index + 1);
            }
        }
        Ok(headers.len())
    }

    fn merge_group(
        &mut self,
        tag: TagId,
        group: &[Header],
        late: &mut Block,
        generation: i64,
    ) -> Result<(), HistorianError> {
        let Some((first, last)) = group.first().zip(group.last()) else { return Ok(()) };
        let mut block = Block::default();
        let damaged = if group.len() > 1 { self.decode_group(group, &mut block)? } else { None };
        if group.len() == 1 || damaged.is_some() {
            for (index, header) in group.iter().enumerate() {
                // What is damaged is out of the way of the next merge, between settled chunks.
                let is_small = self.is_small(old_len(header)) && damaged != Some(index);
                rows::change_generation(self.connection, header, if is_small { generation } else { SETTLED })?;
            }
            return Ok(());
        }
        let next = rows::behind(self.connection, tag, last.key())?;
        let from = late.times.partition_point(|&time| time < first.t0);
        let to = next.map_or(late.len(), |next| late.times.partition_point(|&time| time < next.t0)).max(from);
        if from < to {
            block.extend(late, from..to);
            block.sort();
            let mut left = Block::default();
            left.extend(late, 0..from);
            left.extend(late, to..late.len());
            *late = left;
        }
        for header in group {
            rows::delete(self.connection, header)?;
        }
        self.insert(tag, &block, 0..block.len(), Some(first.key()), next, generation)?;
        Ok(())
    }

    /// Decodes chunks one behind the other; the first that is damaged, which readers tell.
    fn decode_group(&mut self, group: &[Header], all: &mut Block) -> Result<Option<usize>, HistorianError> {
        let mut decoded = Block::default();
        for (index, header) in group.iter().enumerate() {
            if header.decode_all(self.connection, self.decoder, &mut decoded)?.is_err() {
                return Ok(Some(index));
            }
            all.extend(&decoded, 0..decoded.len());
        }
        Ok(None)
    }

    /// Makes chunks of rows, in the place of others of which `old` was the first: small ones in the generation `small`.
    /// The place of the last.
    fn insert(
        &mut self,
        tag: TagId,
        block: &Block,
        rows: Range<usize>,
        old: Option<Key>,
        next: Option<Key>,
        small: i64,
    ) -> Result<Option<Key>, HistorianError> {
        let pieces: Vec<_> = cut(rows, self.limits.points).collect();
        let starts: Vec<i64> = pieces.iter().map(|piece| block.times[piece.start]).collect();
        let keys = keys(&starts, old, next);
        for (piece, key) in pieces.into_iter().zip(&keys) {
            let generation = if self.is_small(piece.len()) { small } else { SETTLED };
            let encoded = codec::encode(block, piece)?;
            rows::insert(self.connection, generation, tag, key.turn, self.next_data, encoded)?;
            self.next_data += 1;
        }
        if keys.iter().any(|key| key.turn > 0) {
            self.ends.remove(&tag);
        }
        Ok(keys.last().copied())
    }

    /// Whether so many samples are to be merged with others.
    pub(super) fn is_small(&self, samples: usize) -> bool {
        2 * samples < self.limits.points
    }

    /// Removes a chunk for good.
    pub(super) fn drop_chunk(&mut self, header: &Header) -> Result<u64, HistorianError> {
        rows::delete(self.connection, header)?;
        if let Ok(tag) = u32::try_from(header.tag_id) {
            self.ends.remove(&TagId(tag));
        }
        Ok(header.n.unsigned_abs())
    }
}

fn old_len(header: &Header) -> usize {
    usize::try_from(header.n).unwrap_or(0)
}
