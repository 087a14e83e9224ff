//! Order of a subscription's messages: each once, by sequence number (OPC UA Part 4, 5.14.1.1 and 7.40).

use std::collections::{BTreeMap, VecDeque};

/// Messages that are held at the most while an earlier one is missing.
const HELD: usize = 64;

/// Numbers remembered to tell a repeated message from a device that starts counting again.
const REMEMBERED: usize = 128;

/// Brings messages into order and drops repeated ones.
///
/// Numbers run from 1 and wrap past [`u32::MAX`] to 1. A message that is ahead of its turn is held until the missing ones
/// were had again or [given up](Self::give_up).
#[derive(Debug)]
pub(super) struct Sequencer<T> {
    next: Option<u32>,
    held: BTreeMap<u32, T>,
    recent: VecDeque<u32>,
    lost: u64,
}

impl<T> Sequencer<T> {
    pub(super) fn new() -> Self {
        Self { next: None, held: BTreeMap::new(), recent: VecDeque::new(), lost: 0 }
    }

    /// Takes a message; `deliver` is given what is due now, in order.
    pub(super) fn accept(&mut self, number: u32, message: T, mut deliver: impl FnMut(T)) {
        let next = *self.next.get_or_insert(number);
        if number == next {
            self.pass(number, message, &mut deliver);
            self.drain(&mut deliver);
        } else if ahead(number, next) {
            self.held.insert(number, message);
            if self.held.len() > HELD {
                self.give_up(&mut deliver);
            }
        } else if !self.recent.contains(&number) {
            // Neither new nor seen: the device counts anew. What it sends is worth more than its numbers.
            self.drain_all(&mut deliver);
            self.pass(number, message, &mut deliver);
        }
    }

    /// The number that others wait for.
    pub(super) fn missing(&self) -> Option<u32> {
        if self.held.is_empty() { None } else { self.next }
    }

    /// Counts the missing message as lost and delivers what waits for it.
    pub(super) fn give_up(&mut self, mut deliver: impl FnMut(T)) {
        if let Some(next) = self.missing() {
            self.lost += 1;
            self.next = Some(successor(next));
            self.drain(&mut deliver);
        }
    }

    /// Messages given up so far.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    fn pass(&mut self, number: u32, message: T, deliver: &mut impl FnMut(T)) {
        self.next = Some(successor(number));
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(number);
        deliver(message);
    }

    fn drain(&mut self, deliver: &mut impl FnMut(T)) {
        while let Some((number, message)) = self.next.and_then(|next| self.held.remove_entry(&next)) {
            self.pass(number, message, deliver);
        }
    }

    fn drain_all(&mut self, deliver: &mut impl FnMut(T)) {
        while !self.held.is_empty() {
            self.give_up(&mut *deliver);
        }
    }
}

fn successor(number: u32) -> u32 {
    number.checked_add(1).unwrap_or(1)
}

/// Whether `number` comes after `other`, within half of the circle of numbers.
fn ahead(number: u32, other: u32) -> bool {
    number != other && number.wrapping_sub(other) < u32::MAX / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deliver(sequencer: &mut Sequencer<u32>, numbers: &[u32]) -> Vec<u32> {
        let mut delivered = Vec::new();
        for &number in numbers {
            sequencer.accept(number, number, |message| delivered.push(message));
        }
        delivered
    }

    #[test]
    fn messages_out_of_order_are_brought_into_order() {
        let mut sequencer = Sequencer::new();
        assert_eq!(deliver(&mut sequencer, &[1, 3, 4, 2, 5]), [1, 2, 3, 4, 5]);
        assert_eq!((sequencer.missing(), sequencer.lost()), (None, 0));
    }

    #[test]
    fn a_repeated_message_is_dropped() {
        let mut sequencer = Sequencer::new();
        assert_eq!(deliver(&mut sequencer, &[1, 2, 1, 2, 3]), [1, 2, 3]);
    }

    #[test]
    fn a_message_that_cannot_be_had_again_is_counted_and_the_rest_goes_on() {
        let mut sequencer = Sequencer::new();
        assert_eq!(deliver(&mut sequencer, &[1, 4]), [1]);
        assert_eq!(sequencer.missing(), Some(2));
        let mut delivered = Vec::new();
        sequencer.give_up(|message| delivered.push(message));
        assert_eq!((sequencer.missing(), delivered.as_slice()), (Some(3), [].as_slice()));
        sequencer.give_up(|message| delivered.push(message));
        assert_eq!((sequencer.missing(), delivered.as_slice(), sequencer.lost()), (None, [4].as_slice(), 2));
    }

    #[test]
    fn numbers_wrap_to_one() {
        let mut sequencer = Sequencer::new();
        assert_eq!(deliver(&mut sequencer, &[u32::MAX - 1, 1, u32::MAX, 2]), [u32::MAX - 1, u32::MAX, 1, 2]);
    }

    #[test]
    fn a_device_that_counts_anew_is_followed() {
        let mut sequencer = Sequencer::new();
        assert_eq!(deliver(&mut sequencer, &[500, 501, 1, 2]), [500, 501, 1, 2]);
    }

    #[test]
    fn no_more_than_a_bound_is_held() {
        let mut sequencer = Sequencer::new();
        let far: Vec<u32> = std::iter::once(1).chain(3..3 + 65).collect();
        assert_eq!(deliver(&mut sequencer, &far).len(), 66);
        assert_eq!(sequencer.lost(), 1);
    }
}
