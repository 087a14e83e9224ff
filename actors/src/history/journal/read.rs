//! Reading frames behind a position.

use super::schema::{downtime, frame};
use super::{Journal, TOLD_FRAMES};
use crate::cvt::TagChange;
use crate::history::TagSet;
use crate::history::historian::{Cancel, HistorianError};
use diesel::prelude::*;
use flyball_schema::Timestamp;
use std::ops::Range;

/// Rows in memory at a time.
const PAGE: i64 = 32;
/// Frames looked at to find the end of a batch.
const SPAN_PAGE: i64 = 512;

/// Frames that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Sequence number of the last change.
    pub upto: u64,
    /// Changes.
    pub changes: u64,
    /// When the table accepted the first.
    pub oldest: Timestamp,
}

/// A frame as it is stored.
pub(super) struct Row {
    pub(super) id: i64,
    pub(super) checksum: i64,
    pub(super) data: Vec<u8>,
}

impl Journal {
    /// The frames behind position `behind`, as many as hold about `changes` changes; `None` where there are none.
    ///
    /// # Errors
    /// [`HistorianError`].
    pub fn next_span(&mut self, behind: u64, changes: u64) -> Result<Option<Span>, HistorianError> {
        let mut span: Option<Span> = None;
        loop {
            let from = span.map_or(behind, |span| span.upto);
            let page = frame::table
                .filter(frame::last_seq.gt(from.cast_signed()))
                .order(frame::last_seq)
                .limit(SPAN_PAGE)
                .select((frame::last_seq, frame::changes, frame::r0))
                .load::<(i64, i64, i64)>(&mut self.connection)?;
            for &(last_seq, count, oldest) in &page {
                let span = span.get_or_insert(Span { upto: 0, changes: 0, oldest: Timestamp::from_micros(oldest) });
                span.upto = last_seq.cast_unsigned();
                span.changes += count.cast_unsigned();
                if span.changes >= changes {
                    return Ok(Some(*span));
                }
            }
            if page.is_empty() {
                return Ok(span);
            }
        }
    }

    /// Hands the changes numbered `behind` + 1 to `upto` of the tags `only` (all where `None`) to `visit`, in order of
    /// their numbers. Damaged frames are skipped and counted.
    ///
    /// # Errors
    /// [`HistorianError`]; [`HistorianError::Cancelled`] soon after `cancel` is set.
    pub fn scan(
        &mut self,
        behind: u64,
        upto: u64,
        only: Option<&TagSet>,
        cancel: &Cancel,
        mut visit: impl FnMut(TagChange),
    ) -> Result<(), HistorianError> {
        let mut from = behind;
        while from < upto {
            cancel.check()?;
            let page = frame::table
                .filter(frame::last_seq.gt(from.cast_signed()))
                .filter(frame::first_seq.le(upto.cast_signed()))
                .order(frame::last_seq)
                .limit(PAGE)
                .select((frame::id, frame::last_seq, frame::checksum, frame::data))
                .load::<(i64, i64, i64, Vec<u8>)>(&mut self.connection)?;
            let Some(last) = page.last() else { return Ok(()) };
            from = last.1.cast_unsigned();
            for (id, _, checksum, data) in page {
                self.decode(&Row { id, checksum, data }, only, |change| {
                    if change.seq > behind && change.seq <= upto {
                        visit(change);
                    }
                });
            }
        }
        Ok(())
    }

    /// Decodes a frame; a damaged one is told, counted and skipped.
    fn decode(&mut self, row: &Row, only: Option<&TagSet>, visit: impl FnMut(TagChange)) {
        let checksum = u32::try_from(row.checksum).unwrap_or_default();
        let Err(error) = self.decoder.decode(&row.data, checksum, only, visit) else { return };
        self.damaged += 1;
        if self.told.len() < TOLD_FRAMES && self.told.insert(row.id) {
            log::warn!("frame {} of the journal {} is skipped: {error}", row.id, self.path.display());
        }
    }

    /// Times in which the plant did not run, of runs that began with a change numbered `behind` + 1 to `upto`; by start.
    ///
    /// # Errors
    /// [`HistorianError`].
    pub fn downtimes(&mut self, behind: u64, upto: u64) -> Result<Vec<Range<Timestamp>>, HistorianError> {
        let rows = downtime::table
            .filter(downtime::seq.gt(behind.cast_signed()))
            .filter(downtime::seq.le(i64::try_from(upto).unwrap_or(i64::MAX)))
            .order(downtime::began)
            .select((downtime::began, downtime::ended));
        let rows = rows.load::<(i64, i64)>(&mut self.connection)?;
        let time = Timestamp::from_micros;
        Ok(rows.into_iter().map(|(began, ended)| time(began)..time(ended)).collect())
    }
}
