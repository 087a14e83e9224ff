//! Which memory is saved when: one save of a machine under way, the newest kept meanwhile.

use super::SaveMachine;
use super::runner::Saved;
use flyball_schema::MachineId;
use std::collections::HashMap;

/// Order of saves, machine by machine. `W` is told when a memory at least as new as its own is durable, or could not be
/// made so.
#[derive(Debug)]
pub(super) struct Saver<W> {
    slots: HashMap<MachineId, Slot<W>>,
}

#[derive(Debug)]
struct Slot<W> {
    /// The newest one seen.
    newest: Saved,
    /// The revision under way.
    under_way: Option<u64>,
    /// The newest one that is durable.
    durable: u64,
    waiting: Vec<(u64, W)>,
    /// The machine was removed: the slot goes with its last save.
    leaving: bool,
}

impl<W> Slot<W> {
    fn is_settled(&self) -> bool {
        self.newest.revision <= self.durable
    }
}

impl<W> Default for Saver<W> {
    fn default() -> Self {
        Self { slots: HashMap::new() }
    }
}

impl<W> Saver<W> {
    /// Takes a memory, and gives what is to be sent now.
    pub(super) fn submit(&mut self, saved: Saved) -> Option<SaveMachine> {
        let id = saved.id;
        let slot = self.slots.entry(id).or_insert_with(|| Slot {
            newest: saved.clone(),
            under_way: None,
            durable: 0,
            waiting: Vec::new(),
            leaving: false,
        });
        if saved.revision > slot.newest.revision {
            slot.newest = saved;
        }
        self.next(id)
    }

    /// Has somebody wait for a memory at least as new as `revision`; gives the waiter back where one is durable already.
    pub(super) fn wait(&mut self, id: MachineId, revision: u64, waiter: W) -> Option<W> {
        match self.slots.get_mut(&id) {
            Some(slot) if slot.durable < revision => {
                slot.waiting.push((revision, waiter));
                None
            }
            _ => Some(waiter),
        }
    }

    /// What is to be sent for a machine now: nothing while a save is under way or nothing is new.
    pub(super) fn next(&mut self, id: MachineId) -> Option<SaveMachine> {
        let slot = self.slots.get_mut(&id)?;
        if slot.under_way.is_some() || slot.is_settled() {
            return None;
        }
        slot.under_way = Some(slot.newest.revision);
        Some(SaveMachine { id, memory: slot.newest.memory.clone() })
    }

    /// A save has ended; gives those who waited for it. One that failed stays to be tried again.
    pub(super) fn finished(&mut self, id: MachineId, durable: bool) -> Vec<W> {
        let Some(slot) = self.slots.get_mut(&id) else { return Vec::new() };
        let Some(revision) = slot.under_way.take() else { return Vec::new() };
        if durable {
            slot.durable = revision;
        }
        let done = slot.waiting.extract_if(.., |(wanted, _)| *wanted <= revision).map(|(_, waiter)| waiter).collect();
        if slot.leaving && slot.is_settled() {
            self.slots.remove(&id);
        }
        done
    }

    /// Machines whose newest memory is not durable, with its revision; it may be under way.
    pub(super) fn unsettled(&self) -> Vec<(MachineId, u64)> {
        let open = self.slots.iter().filter(|(_, slot)| !slot.is_settled());
        open.map(|(id, slot)| (*id, slot.newest.revision)).collect()
    }

    /// Whether somebody waits for a memory of the machine.
    pub(super) fn is_awaited(&self, id: MachineId) -> bool {
        self.slots.get(&id).is_some_and(|slot| !slot.waiting.is_empty())
    }

    /// Forgets a machine once its last memory is durable.
    pub(super) fn leave(&mut self, id: MachineId) {
        if self.slots.get(&id).is_some_and(Slot::is_settled) {
            self.slots.remove(&id);
        } else if let Some(slot) = self.slots.get_mut(&id) {
            slot.leaving = true;
        }
    }

    /// A machine of this id is there again; what it remembers is newer than what is still to be saved.
    pub(super) fn enter(&mut self, id: MachineId) {
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.leaving = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machines::MachineMemory;
    use flyball_schema::Value;

    fn saved(revision: u64) -> Saved {
        let value = Value::Integer(i64::try_from(revision).unwrap());
        let memory = MachineMemory { parameters: [("p".to_owned(), value)].into(), ..MachineMemory::default() };
        Saved { id: MachineId(1), revision, memory }
    }

    fn revision(save: Option<SaveMachine>) -> Option<Value> {
        save.map(|save| save.memory.parameters["p"].clone())
    }

    #[test]
    fn while_a_save_is_under_way_only_the_newest_is_kept() {
        let mut saver = Saver::default();
        assert_eq!(revision(saver.submit(saved(1))), Some(Value::Integer(1)));
        assert!(saver.submit(saved(3)).is_none());
        assert!(saver.submit(saved(2)).is_none(), "older than what is kept");
        for (revision, waiter) in [(1, "a"), (3, "c"), (2, "b")] {
            assert_eq!(saver.wait(MachineId(1), revision, waiter), None);
        }
        assert_eq!(saver.finished(MachineId(1), true), ["a"]);
        assert_eq!(revision(saver.next(MachineId(1))), Some(Value::Integer(3)));
        assert_eq!(saver.finished(MachineId(1), true), ["c", "b"]);
        assert!(saver.next(MachineId(1)).is_none() && saver.unsettled().is_empty());
    }

    #[test]
    fn who_waits_for_what_is_durable_is_told_at_once_and_for_what_is_under_way_with_its_end() {
        let mut saver = Saver::default();
        saver.submit(saved(1));
        assert_eq!(saver.unsettled(), [(MachineId(1), 1)], "under way");
        assert_eq!(saver.wait(MachineId(1), 1, "with its end"), None);
        assert_eq!(saver.finished(MachineId(1), true), ["with its end"]);
        assert!(saver.submit(saved(1)).is_none(), "the same once more");
        assert_eq!(saver.wait(MachineId(1), 1, "at once"), Some("at once"));
    }

    #[test]
    fn the_last_memory_of_a_machine_that_leaves_is_saved_and_one_that_comes_back_is_newer() {
        let mut saver = Saver::default();
        saver.submit(saved(1));
        saver.submit(saved(2));
        saver.wait(MachineId(1), 2, "last");
        saver.leave(MachineId(1));
        assert_eq!(saver.finished(MachineId(1), true), [""; 0]);
        assert_eq!(revision(saver.next(MachineId(1))), Some(Value::Integer(2)));
        saver.enter(MachineId(1));
        assert!(saver.submit(saved(9)).is_none(), "behind the save under way");
        assert_eq!(saver.finished(MachineId(1), true), ["last"]);
        assert_eq!(revision(saver.next(MachineId(1))), Some(Value::Integer(9)));
        saver.leave(MachineId(1));
        saver.finished(MachineId(1), true);
        assert!(saver.slots.is_empty());
    }

    #[test]
    fn a_save_that_failed_is_told_and_stays_to_be_tried_again() {
        let mut saver = Saver::default();
        saver.submit(saved(1));
        saver.wait(MachineId(1), 1, "a");
        assert_eq!(saver.finished(MachineId(1), false), ["a"]);
        assert_eq!(saver.unsettled(), [(MachineId(1), 1)]);
        assert_eq!(revision(saver.next(MachineId(1))), Some(Value::Integer(1)));
    }
}
