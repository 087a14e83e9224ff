//! Reading frames: a range of time, and the last state before one.

use super::schema::{downtime, state};
use super::{Journal, TOLD_FRAMES};
use crate::cvt::TagChange;
use crate::history::TagSet;
use crate::history::historian::{Cancel, HistorianError, Visitor};
use crate::history::states::is_later;
use diesel::dsl::max;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable};
use flyball_schema::Timestamp;
use std::ops::Range;

/// Rows in memory at a time.
const PAGE: i64 = 32;

// `+` keeps the planner from the time index here: the walk is by id, and few frames in between do not match.
const FORWARD: &str = "SELECT id, t1, checksum, data FROM frame
    WHERE id > ? AND id <= ? AND +t1 >= ? AND +t0 < ? ORDER BY id LIMIT ?";
const BACKWARD: &str = "SELECT id, t1, checksum, data FROM frame
    WHERE id > ? AND id <= ? AND +t0 < ? ORDER BY id DESC LIMIT ?";
const BOUNDS: &str = "SELECT min(id) AS low, max(id) AS high FROM frame WHERE t1 >= ? AND t0 < ?";
const NEWEST_BETWEEN: &str = "SELECT NULL AS low, max(id) AS high FROM frame WHERE t1 > ? AND t0 < ? AND id <= ?";
const NEWEST: &str = "SELECT id FROM frame WHERE +t0 < ? ORDER BY id DESC LIMIT 1";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    t1: i64,
    #[diesel(sql_type = BigInt)]
    checksum: i64,
    #[diesel(sql_type = Binary)]
    data: Vec<u8>,
}

#[derive(QueryableByName)]
struct Bounds {
    #[diesel(sql_type = Nullable<BigInt>)]
    low: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    high: Option<i64>,
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

impl Journal {
    pub(super) fn scan_frames(
        &mut self,
        range: Range<Timestamp>,
        tags: &TagSet,
        cancel: &Cancel,
        visitor: &mut dyn Visitor,
    ) -> Result<(), HistorianError> {
        let (from, to) = (range.start.as_micros(), range.end.as_micros());
        let bounds = diesel::sql_query(BOUNDS).bind::<BigInt, _>(from).bind::<BigInt, _>(to);
        let Bounds { low: Some(low), high: Some(high) } = bounds.get_result(&mut self.connection)? else {
            return Ok(());
        };
        let mut behind = low - 1;
        loop {
            cancel.check()?;
            let to = to.min(visitor.horizon().as_micros());
            let page = diesel::sql_query(FORWARD)
                .bind::<BigInt, _>(behind)
                .bind::<BigInt, _>(high)
                .bind::<BigInt, _>(from)
                .bind::<BigInt, _>(to)
                .bind::<BigInt, _>(PAGE);
            let rows: Vec<Row> = page.load(&mut self.connection)?;
            for row in &rows {
                cancel.check()?;
                self.decode(row, Some(tags), |change| {
                    if range.contains(&change.source_time) {
                        visitor.sample(change);
                    }
                });
            }
            match rows.last() {
                Some(last) => behind = last.id,
                None => return Ok(()),
            }
        }
    }

    /// Decodes a frame; a damaged one is told, counted and skipped. Whether it was whole.
    fn decode(&mut self, row: &Row, only: Option<&TagSet>, visit: impl FnMut(TagChange)) -> bool {
        let checksum = u32::try_from(row.checksum).unwrap_or_default();
        let Err(error) = self.decoder.decode(&row.data, checksum, only, visit) else { return true };
        self.damaged += 1;
        if self.told.len() < TOLD_FRAMES && self.told.insert(row.id) {
            log::warn!("frame {} of the journal {} is skipped: {error}", row.id, self.path.display());
        }
        false
    }

    /// Walks the frames back in time to the stored states before them, and on where these are too late.
    pub(super) fn look_back(
        &mut self,
        before: Timestamp,
        tags: &TagSet,
        cancel: &Cancel,
    ) -> Result<Vec<Option<TagChange>>, HistorianError> {
        let mut search = Search::new(before, tags);
        let Some(mut high) = self.newest_before(before)? else { return Ok(search.found) };
        let mut states_below = high.saturating_add(1);
        loop {
            let stored = state::table.filter(state::frame_id.lt(states_below)).select(max(state::frame_id));
            let stored = stored.first::<Option<i64>>(&mut self.connection)?;
            let over = self.walk_back(stored.unwrap_or(0), high, &mut search, cancel)?;
            let Some(stored) = stored.filter(|_| !over) else { return Ok(search.found) };
            self.read_states(stored, &mut search)?;
            (high, states_below) = (stored, stored);
        }
    }

    /// The newest frame with a sample before a time.
    fn newest_before(&mut self, before: Timestamp) -> Result<Option<i64>, HistorianError> {
        let newest = diesel::sql_query(NEWEST).bind::<BigInt, _>(before.as_micros());
        Ok(newest.get_result::<Id>(&mut self.connection).optional()?.map(|row| row.id))
    }

    /// Searches the frames `low` (not included) to `high`, newest first; whether nothing older can matter.
    fn walk_back(
        &mut self,
        low: i64,
        mut high: i64,
        search: &mut Search<'_>,
        cancel: &Cancel,
    ) -> Result<bool, HistorianError> {
        'page: loop {
            let page = diesel::sql_query(BACKWARD)
                .bind::<BigInt, _>(low)
                .bind::<BigInt, _>(high)
                .bind::<BigInt, _>(search.before.as_micros())
                .bind::<BigInt, _>(PAGE);
            let rows: Vec<Row> = page.load(&mut self.connection)?;
            for row in &rows {
                cancel.check()?;
                if search.is_over_before(row.t1) {
                    match self.newest_between(search, row.id)? {
                        None => return Ok(true),
                        Some(later) if later > low => {
                            high = later;
                            continue 'page;
                        }
                        // What matters is in the stored states.
                        Some(_) => return Ok(false),
                    }
                }
                self.decode(row, Some(search.tags), |change| search.offer(change));
            }
            match rows.last() {
                Some(last) => high = last.id - 1,
                None => return Ok(search.is_settled()),
            }
        }
    }

    /// The newest frame up to `high` that may hold a sample which is later than the earliest one found: frames are not
    /// in order of source time where samples came late.
    fn newest_between(&mut self, search: &Search<'_>, high: i64) -> Result<Option<i64>, HistorianError> {
        let Some(found) = search.earliest() else { return Ok(None) };
        let newest = diesel::sql_query(NEWEST_BETWEEN)
            .bind::<BigInt, _>(found.as_micros())
            .bind::<BigInt, _>(search.before.as_micros())
            .bind::<BigInt, _>(high);
        Ok(newest.get_result::<Bounds>(&mut self.connection)?.high)
    }

    fn read_states(&mut self, frame_id: i64, search: &mut Search<'_>) -> Result<(), HistorianError> {
        let (mut too_late, mut whole) = (vec![false; search.tags.len()], true);
        for row in self.state_rows(frame_id)? {
            whole &= self.decode(&row, Some(search.tags), |change| {
                if let Some(slot) = search.tags.slot(change.tag) {
                    too_late[slot] = change.source_time >= search.before;
                }
                search.offer(change);
            });
        }
        if whole {
            search.settle_except(&too_late);
        }
        Ok(())
    }

    fn state_rows(&mut self, frame_id: i64) -> Result<Vec<Row>, HistorianError> {
        let rows = state::table.filter(state::frame_id.eq(frame_id)).order(state::id);
        let rows =
            rows.select((state::id, state::checksum, state::data)).load::<(i64, i64, Vec<u8>)>(&mut self.connection)?;
        Ok(rows.into_iter().map(|(id, checksum, data)| Row { id, t1: 0, checksum, data }).collect())
    }

    /// Rebuilds the last state of every tag from the newest stored one and the frames since.
    pub(super) fn restore_states(&mut self) -> Result<(), HistorianError> {
        let mut states = self.states.emptied();
        let stored = state::table.select(max(state::frame_id)).first::<Option<i64>>(&mut self.connection)?;
        if let Some(stored) = stored {
            for row in self.state_rows(stored)? {
                self.decode(&row, None, |change| states.restore(change));
            }
        }
        let mut behind = stored.unwrap_or(0);
        loop {
            let page = diesel::sql_query(FORWARD)
                .bind::<BigInt, _>(behind)
                .bind::<BigInt, _>(i64::MAX)
                .bind::<BigInt, _>(i64::MIN)
                .bind::<BigInt, _>(i64::MAX)
                .bind::<BigInt, _>(PAGE);
            let rows: Vec<Row> = page.load(&mut self.connection)?;
            let mut changes = Vec::new();
            for row in &rows {
                self.decode(row, None, |change| changes.push(change));
                states.record(&changes);
                changes.clear();
            }
            match rows.last() {
                Some(last) => behind = last.id,
                None => break,
            }
        }
        self.states = states;
        self.states_seq = self.last_seq()?;
        Ok(())
    }

    pub(super) fn read_downtimes(&mut self, range: Range<Timestamp>) -> Result<Vec<Range<Timestamp>>, HistorianError> {
        let rows = downtime::table
            .filter(downtime::began.lt(range.end.as_micros()))
            .filter(downtime::ended.gt(range.start.as_micros()))
            .order(downtime::began)
            .select((downtime::began, downtime::ended));
        let rows = rows.load::<(i64, i64)>(&mut self.connection)?;
        let time = Timestamp::from_micros;
        Ok(rows.into_iter().map(|(began, ended)| time(began)..time(ended)).collect())
    }
}

/// What is known so far about the last samples before a time.
struct Search<'a> {
    before: Timestamp,
    tags: &'a TagSet,
    found: Vec<Option<TagChange>>,
    /// Tags of which nothing later is to be found.
    settled: Vec<bool>,
    /// Tags that are neither found nor settled.
    missing: usize,
}

impl<'a> Search<'a> {
    fn new(before: Timestamp, tags: &'a TagSet) -> Self {
        let count = tags.len();
        Self { before, tags, found: vec![None; count], settled: vec![false; count], missing: count }
    }

    fn offer(&mut self, change: TagChange) {
        let Some(slot) = self.tags.slot(change.tag) else { return };
        if change.source_time >= self.before {
            return;
        }
        match &mut self.found[slot] {
            Some(best) if is_later(&change, best) => *best = change,
            Some(_) => {}
            none => {
                *none = Some(change);
                self.missing -= usize::from(!self.settled[slot]);
            }
        }
    }

    /// Stored states were read: they tell the last sample of every tag as of then, but for those `too_late`.
    fn settle_except(&mut self, too_late: &[bool]) {
        for (settled, too_late) in self.settled.iter_mut().zip(too_late) {
            *settled |= !too_late;
        }
        let open = self.found.iter().zip(&self.settled);
        self.missing = open.filter(|(found, settled)| found.is_none() && !**settled).count();
    }

    fn is_settled(&self) -> bool {
        self.settled.iter().all(|settled| *settled)
    }

    /// The earliest source time of what was found and may not be the last.
    fn earliest(&self) -> Option<Timestamp> {
        let open = self.found.iter().zip(&self.settled).filter(|(_, settled)| !**settled);
        open.filter_map(|(found, _)| found.as_ref()).map(|found| found.source_time).min()
    }

    /// Whether everything is found, and later than all samples of a frame up to source time `t1`.
    fn is_over_before(&self, t1: i64) -> bool {
        self.missing == 0 && self.earliest().is_none_or(|earliest| earliest.as_micros() >= t1)
    }
}
