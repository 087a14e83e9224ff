//! The chain of hashes over the events.

use super::BrokenEvent;
use crate::db::RowHash;
use flyball_schema::tables::events::EventRow;

/// A SHA-256.
pub(super) type Hash = [u8; 32];

/// What the first event is chained to.
pub(super) const BEGINNING: Hash = [0; 32];

/// The hash of a row, whatever its own `hash` says, chained to the one before.
pub(super) fn hash(previous: &[u8], row: &EventRow) -> Hash {
    // Names every field: one that is added later must not be forgotten here.
    let EventRow {
        id,
        occurred,
        actor,
        origin,
        action,
        object_kind,
        object_id,
        object_name,
        value_before,
        value_after,
        reason,
        outcome,
        hash: _,
    } = row;
    let mut hash = RowHash::new(b"flyball event 1");
    let mut text = |text: Option<&[u8]>| hash.field(text);
    text(Some(previous));
    text(Some(&id.to_le_bytes()));
    text(Some(&occurred.to_le_bytes()));
    text(Some(actor.as_bytes()));
    text(origin.as_deref().map(str::as_bytes));
    text(Some(action.as_bytes()));
    text(object_kind.as_deref().map(str::as_bytes));
    text(object_id.map(i64::to_le_bytes).as_ref().map(<[u8; 8]>::as_slice));
    text(object_name.as_deref().map(str::as_bytes));
    text(value_before.as_deref().map(str::as_bytes));
    text(value_after.as_deref().map(str::as_bytes));
    text(reason.as_deref().map(str::as_bytes));
    text(Some(outcome.as_bytes()));
    hash.finish()
}

/// The end of a chain, to which the next event is chained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    /// Number of the last event; 0 before the first.
    pub(super) id: i64,
    /// Its hash.
    pub(super) hash: Hash,
}

impl Link {
    pub(super) const BEGINNING: Self = Self { id: 0, hash: BEGINNING };

    /// Gives a row its number and hash, and goes on to it.
    pub(super) fn append(&mut self, row: &mut EventRow) {
        row.id = self.id + 1;
        *self = Self { id: row.id, hash: hash(&self.hash, row) };
        row.hash = self.hash.to_vec();
    }

    /// Goes on to a row that was read, where it is the next one and as it was written.
    pub(super) fn follow(&mut self, row: &EventRow) -> Result<(), BrokenEvent> {
        let next = self.id + 1;
        if row.id != next {
            return Err(BrokenEvent::Missing(next));
        }
        let hash = hash(&self.hash, row);
        if row.hash != hash {
            return Err(BrokenEvent::Altered(next));
        }
        *self = Self { id: next, hash };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> EventRow {
        EventRow {
            id: 0,
            occurred: 1,
            actor: "ann".to_owned(),
            origin: Some(String::new()),
            action: "tag.write".to_owned(),
            object_kind: Some("tag".to_owned()),
            object_id: Some(7),
            object_name: Some("level".to_owned()),
            value_before: Some("1".to_owned()),
            value_after: Some("2".to_owned()),
            reason: None,
            outcome: "done".to_owned(),
            hash: Vec::new(),
        }
    }

    fn chain(length: usize) -> Vec<EventRow> {
        let mut end = Link::BEGINNING;
        let mut rows = vec![row(); length];
        rows.iter_mut().for_each(|row| end.append(row));
        rows
    }

    fn walk(rows: &[EventRow]) -> Result<(), BrokenEvent> {
        let mut link = Link::BEGINNING;
        rows.iter().try_for_each(|row| link.follow(row))
    }

    #[test]
    fn a_chain_as_it_was_written_is_whole() {
        assert_eq!(walk(&chain(5)), Ok(()));
    }

    #[test]
    fn every_field_is_covered() {
        type Change = fn(&mut EventRow);
        let changes: [Change; 13] = [
            |row| row.id += 1,
            |row| row.occurred += 1,
            |row| row.actor.push('x'),
            |row| row.origin = None,
            |row| row.action.push('x'),
            |row| row.object_kind = None,
            |row| row.object_id = None,
            |row| row.object_name = Some("x".to_owned()),
            |row| row.value_before = row.value_after.clone(),
            |row| row.value_after = None,
            |row| row.reason = Some(String::new()),
            |row| row.outcome = "failed".to_owned(),
            // A letter moves from one field to the next.
            |row| (row.actor, row.origin) = ("an".to_owned(), Some("n".to_owned())),
        ];
        let whole = hash(&BEGINNING, &row());
        for (number, change) in changes.into_iter().enumerate() {
            let mut changed = row();
            change(&mut changed);
            assert_ne!(hash(&BEGINNING, &changed), whole, "change {number}");
        }
        assert_ne!(hash(&whole, &row()), whole);
    }

    #[test]
    fn the_first_broken_row_is_named() {
        let mut altered = chain(5);
        altered[2].reason = Some("because".to_owned());
        assert_eq!(walk(&altered), Err(BrokenEvent::Altered(3)));
        let mut missing = chain(5);
        missing.remove(1);
        assert_eq!(walk(&missing), Err(BrokenEvent::Missing(2)));
        let mut rehashed = chain(5);
        rehashed[2].reason = Some("because".to_owned());
        let again = hash(&rehashed[1].hash, &rehashed[2]);
        rehashed[2].hash = again.to_vec();
        assert_eq!(walk(&rehashed), Err(BrokenEvent::Altered(4)), "the next row says otherwise");
    }
}
