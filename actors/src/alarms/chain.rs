//! The chain of hashes over the alarm journal. Pure.

use crate::db::RowHash;
use flyball_schema::tables::alarms::AlarmJournalRow;

/// A SHA-256.
pub(super) type Hash = [u8; 32];

/// What the first row of the chain is chained to.
pub(super) const BEGINNING: Hash = [0; 32];

/// What is wrong with the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokenJournal {
    /// The row is not as it was written, or a row before it is missing.
    Altered(i64),
    /// The row has no hash, though one before it has.
    Unchained(i64),
}

/// The hash of a row, whatever its own `hash` says, chained to the one before.
pub(super) fn hash(previous: &[u8], row: &AlarmJournalRow) -> Hash {
    // Names every field: one that is added later must not be forgotten here.
    let AlarmJournalRow {
        id,
        alarm_id,
        occurrence,
        from_state,
        to_state,
        event,
        value,
        quality,
        occurred,
        recorded,
        actor,
        reason,
        annunciated,
        hash: _,
    } = row;
    let mut hash = RowHash::new(b"flyball alarm 1");
    let mut text = |text: Option<&[u8]>| hash.field(text);
    text(Some(previous));
    for number in [*id, i64::from(*alarm_id), *occurrence, *quality, *occurred, *recorded, i64::from(*annunciated)] {
        text(Some(&number.to_le_bytes()));
    }
    for word in [from_state, to_state, event, actor] {
        text(Some(word.as_bytes()));
    }
    text(value.as_deref().map(str::as_bytes));
    text(reason.as_deref().map(str::as_bytes));
    hash.finish()
}

/// The end of a chain, to which the next row is chained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    /// Number of the last row; 0 before the first.
    pub(super) id: i64,
    /// Its hash; [`BEGINNING`] where it has none.
    pub(super) hash: Hash,
    /// Whether the chain has begun.
    pub(super) is_begun: bool,
}

impl Link {
    pub(super) const BEGINNING: Self = Self { id: 0, hash: BEGINNING, is_begun: false };

    /// Gives a row its number and hash, and goes on to it.
    pub(super) fn append(&mut self, row: &mut AlarmJournalRow) {
        row.id = self.id + 1;
        *self = Self { id: row.id, hash: hash(&self.hash, row), is_begun: true };
        row.hash = Some(self.hash.to_vec());
    }

    /// Goes on to a row that was read, where it is as it was written.
    pub(super) fn follow(&mut self, row: &AlarmJournalRow) -> Result<(), BrokenJournal> {
        match (&row.hash, self.is_begun) {
            (None, false) => self.id = row.id,
            (None, true) => return Err(BrokenJournal::Unchained(row.id)),
            (Some(found), _) => {
                let hash = hash(&self.hash, row);
                if found[..] != hash {
                    return Err(BrokenJournal::Altered(row.id));
                }
                *self = Self { id: row.id, hash, is_begun: true };
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(alarm_id: i32) -> AlarmJournalRow {
        AlarmJournalRow {
            id: 0,
            alarm_id,
            occurrence: 1,
            from_state: "NORM".to_owned(),
            to_state: "UNACK".to_owned(),
            event: "activated".to_owned(),
            value: Some("16.5".to_owned()),
            quality: 0,
            occurred: 1,
            recorded: 2,
            actor: "system".to_owned(),
            reason: None,
            annunciated: true,
            hash: None,
        }
    }

    fn chain(length: i32) -> Vec<AlarmJournalRow> {
        let mut end = Link::BEGINNING;
        let mut rows: Vec<AlarmJournalRow> = (1..=length).map(row).collect();
        rows.iter_mut().for_each(|row| end.append(row));
        rows
    }

    fn walk(rows: &[AlarmJournalRow]) -> Result<(), BrokenJournal> {
        let mut link = Link::BEGINNING;
        rows.iter().try_for_each(|row| link.follow(row))
    }

    #[test]
    fn a_chain_as_it_was_written_is_whole_also_behind_rows_that_are_older() {
        assert_eq!(walk(&chain(5)), Ok(()));
        let mut old = row(7);
        old.id = 3;
        let mut end = Link::BEGINNING;
        end.follow(&old).unwrap();
        let mut first = row(8);
        end.append(&mut first);
        assert_eq!((first.id, walk(&[old.clone(), first.clone()])), (4, Ok(())));
        old.id = 5;
        assert_eq!(walk(&[first, old]), Err(BrokenJournal::Unchained(5)));
    }

    #[test]
    fn whatever_is_changed_or_missing_is_seen() {
        let changes: [fn(&mut AlarmJournalRow); 13] = [
            |row| row.id += 1,
            |row| row.alarm_id += 1,
            |row| row.occurrence += 1,
            |row| row.from_state = "ACKED".to_owned(),
            |row| row.to_state = "ACKED".to_owned(),
            |row| row.event = "returned".to_owned(),
            |row| row.value = None,
            |row| row.quality += 1,
            |row| row.occurred += 1,
            |row| row.recorded += 1,
            |row| row.actor = "ann".to_owned(),
            |row| row.reason = Some(String::new()),
            |row| row.annunciated = false,
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut rows = chain(4);
            change(&mut rows[2]);
            assert_eq!(walk(&rows), Err(BrokenJournal::Altered(rows[2].id)), "change {number}");
        }
        let mut missing = chain(4);
        missing.remove(1);
        assert_eq!(walk(&missing), Err(BrokenJournal::Altered(3)));
    }
}
