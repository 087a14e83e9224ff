//! One state of the journal, its identity, and whether it is sound.

use super::Journal;
use super::schema::{frame, meta};
use crate::history::frame::Decoder;
use crate::history::historian::{HistorianError, JournalId};
use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::dsl::{max, min};
use diesel::prelude::*;
use diesel::sql_types::Text;
use flyball_schema::Timestamp;
use std::ops::Range;

/// Frames looked through at a time.
const PAGE: i64 = 32;

/// What is told of a damaged file at the most.
const TOLD: usize = 1_000;

/// What looking through a journal has found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JournalCheck {
    /// Frames.
    pub frames: u64,
    /// Changes in the sound ones.
    pub changes: u64,
    /// What is wrong, part by part; the first thousand.
    pub damage: Vec<String>,
}

impl Journal {
    /// From now on the handle sees one state of the journal, until [`Journal::end`]; the last sequence number in it.
    ///
    /// # Errors
    /// [`HistorianError`].
    pub fn begin(&mut self) -> Result<u64, HistorianError> {
        AnsiTransactionManager::begin_transaction(&mut self.connection)?;
        // The state is that of the first statement which reads.
        self.last_seq()
    }

    /// Ends what [`Journal::begin`] began.
    pub fn end(&mut self) {
        // Nothing was written: whether it ends or fails, nothing is lost.
        let _ended = AnsiTransactionManager::rollback_transaction(&mut self.connection);
    }

    /// Source times of the changes behind a position, those of some that are before it perhaps among them; `None` where
    /// there are none.
    ///
    /// # Errors
    /// [`HistorianError`].
    pub fn times(&mut self, behind: u64) -> Result<Option<Range<Timestamp>>, HistorianError> {
        let frames = frame::table.filter(frame::last_seq.gt(behind.cast_signed()));
        let (first, last) = frames
            .select((min(frame::t0), max(frame::t1)))
            .first::<(Option<i64>, Option<i64>)>(&mut self.connection)?;
        let time = Timestamp::from_micros;
        Ok(first.zip(last).map(|(first, last)| time(first)..time(last.saturating_add(1))))
    }

    /// Makes this another journal with the same frames: what a store knows of the one that it was copied from says
    /// nothing of it.
    ///
    /// # Errors
    /// [`HistorianError`].
    pub fn take_identity(&mut self, id: JournalId) -> Result<(), HistorianError> {
        diesel::update(meta::table).set(meta::journal.eq(id.to_string())).execute(&mut self.connection)?;
        self.id = id;
        Ok(())
    }

    /// Looks through the file and every frame.
    ///
    /// * `told`: how many frames were looked through so far.
    ///
    /// # Errors
    /// [`HistorianError`] where it cannot be looked through; damage is no error.
    pub fn check(&mut self, told: &mut dyn FnMut(u64)) -> Result<JournalCheck, HistorianError> {
        let mut check = JournalCheck { damage: sound(&mut self.connection)?, ..JournalCheck::default() };
        let (mut decoder, mut behind, mut last_seq) = (Decoder::default(), 0, 0);
        loop {
            let page = frame::table.filter(frame::id.gt(behind)).order(frame::id).limit(PAGE);
            let columns = (frame::id, frame::first_seq, frame::last_seq, frame::changes, frame::checksum, frame::data);
            let page = page.select(columns).load::<(i64, i64, i64, i64, i64, Vec<u8>)>(&mut self.connection)?;
            let Some(last) = page.last() else { return Ok(check) };
            behind = last.0;
            for (id, first, last, changes, checksum, data) in page {
                let mut found = 0;
                let checksum = u32::try_from(checksum).unwrap_or_default();
                let decoded = decoder.decode(&data, checksum, None, |_| found += 1);
                let wrong = match decoded {
                    Err(error) => Some(error.to_string()),
                    Ok(()) if found != changes => Some(format!("it holds {found} changes")),
                    Ok(()) if first <= last_seq => Some(format!("the frame before it ends with change {last_seq}")),
                    Ok(()) => None,
                };
                check.frames += 1;
                check.changes += if wrong.is_none() { found.unsigned_abs() } else { 0 };
                last_seq = last;
                if let Some(wrong) = wrong.filter(|_| check.damage.len() < TOLD) {
                    check.damage.push(format!("frame {id}, {changes} changes from {first} to {last}: {wrong}"));
                }
            }
            told(check.frames);
        }
    }
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    integrity_check: String,
}

/// What is wrong with the structure of an SQLite file; nothing where it is sound.
///
/// # Errors
/// Where it cannot be looked through.
pub(in crate::history) fn sound(connection: &mut SqliteConnection) -> Result<Vec<String>, HistorianError> {
    let found = diesel::sql_query(format!("PRAGMA integrity_check({TOLD})")).load::<Found>(connection)?;
    Ok(found.into_iter().map(|found| found.integrity_check).filter(|line| line != "ok").collect())
}
