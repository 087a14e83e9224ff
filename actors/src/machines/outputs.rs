//! Outputs of a machine, and what leaves a worker: the newest value per tag.

use super::bindings::Conversion;
use super::declaration::Safe;
use super::lifecycle::{MachineState, Transition};
use super::parameters::Parameters;
use crate::cvt::Update;
use flyball_schema::{DataType, MachineId, Quality, TagId, Timestamp, Value};
use std::collections::HashMap;

/// Present values of a machine's outputs.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    cells: Vec<Cell>,
    changed: bool,
}

#[derive(Debug, Default)]
struct Cell {
    value: Option<Value>,
    quality: Quality,
    changed: bool,
    /// What was handed out last.
    emitted: Option<(Value, Quality)>,
}

/// Where an output goes.
#[derive(Debug)]
pub(super) struct Sink {
    /// The machine's own tag.
    pub(super) own: TagId,
    pub(super) safe: Safe,
    pub(super) driven: Option<Driven>,
}

/// Another tag that an output drives.
#[derive(Debug)]
pub(super) struct Driven {
    pub(super) tag: TagId,
    pub(super) data_type: DataType,
    pub(super) conversion: Option<Conversion>,
    /// On a link, rather than in the table alone.
    pub(super) field: bool,
}

impl Outputs {
    pub(super) fn new(count: usize) -> Self {
        Self { cells: std::iter::repeat_with(Cell::default).take(count).collect(), changed: false }
    }

    pub(super) fn set(&mut self, index: usize, value: Value, quality: Quality) {
        let cell = &mut self.cells[index];
        if cell.value.as_ref() != Some(&value) || cell.quality != quality {
            (cell.value, cell.quality, cell.changed) = (Some(value), quality, true);
            self.changed = true;
        }
    }

    pub(super) fn value(&self, index: usize) -> Option<&Value> {
        self.cells[index].value.as_ref()
    }

    pub(super) fn quality(&self, index: usize) -> Quality {
        self.cells[index].quality
    }

    /// The first output with a number that is not finite.
    pub(super) fn not_finite(&self) -> Option<usize> {
        if !self.changed {
            return None;
        }
        self.cells.iter().position(|cell| cell.value.as_ref().is_some_and(|value| !value.is_finite()))
    }

    pub(super) fn is_changed(&self) -> bool {
        self.changed
    }

    /// Takes back what a failed step has set.
    pub(super) fn revert(&mut self) {
        self.changed = false;
        for cell in self.cells.iter_mut().filter(|cell| cell.changed) {
            cell.changed = false;
            (cell.value, cell.quality) = match cell.emitted.clone() {
                Some((value, quality)) => (Some(value), quality),
                None => (None, Quality::default()),
            };
        }
    }

    /// Moves every output with a safe value there.
    pub(super) fn make_safe(&mut self, sinks: &[Sink], parameters: &Parameters) {
        for (index, sink) in sinks.iter().enumerate() {
            let value = match &sink.safe {
                Safe::Hold => None,
                Safe::Value(value) => Some(value.clone()),
                Safe::Parameter(name) => parameters.value(name).cloned(),
            };
            if let Some(value) = value {
                self.set(index, value, Quality::GOOD);
            }
        }
    }

    /// Hands out the outputs that changed, or with `all` every one that was ever set; drives nothing but the own tags
    /// without `drive`.
    pub(super) fn emit(&mut self, sinks: &[Sink], reach: Reach, now: Timestamp, effects: &mut Effects) {
        self.changed = false;
        for (cell, sink) in self.cells.iter_mut().zip(sinks) {
            let Some(value) = &cell.value else { continue };
            if reach.all || cell.changed {
                cell.changed = false;
                cell.emitted = Some((value.clone(), cell.quality));
                effects.write(sink.own, value.clone(), cell.quality, now);
                if let Some(driven) = sink.driven.as_ref().filter(|_| reach.drive) {
                    driven.emit(value, cell.quality, now, effects);
                }
            }
        }
    }

    /// Drives every bound tag with the present value again, against writes that were lost.
    pub(super) fn refresh(&self, sinks: &[Sink], now: Timestamp, effects: &mut Effects) {
        for (cell, sink) in self.cells.iter().zip(sinks) {
            if let (Some(value), Some(driven)) = (&cell.value, &sink.driven) {
                driven.emit(value, cell.quality, now, effects);
            }
        }
    }
}

/// Which outputs go out, and how far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reach {
    /// Unchanged ones too.
    pub(super) all: bool,
    /// Beyond the machine's own tags.
    pub(super) drive: bool,
}

impl Driven {
    fn emit(&self, value: &Value, quality: Quality, now: Timestamp, effects: &mut Effects) {
        let converted = match (self.conversion, value.as_f64()) {
            (Some(conversion), Some(number)) => Value::Float(conversion.apply(number)),
            _ => value.clone(),
        };
        // The types were held against each other when the output was bound; only an integer beyond 2^53 fails here.
        let Some(value) = converted.coerce(self.data_type) else {
            effects.unconvertible += 1;
            return;
        };
        if self.field {
            effects.drives.put(self.tag, value);
        } else {
            effects.write(self.tag, value, quality, now);
        }
    }
}

/// The newest item per tag, in the order the tags first came: bounded by the number of tags.
#[derive(Debug)]
pub struct Outbox<T> {
    items: Vec<(TagId, T)>,
    index: HashMap<TagId, usize>,
}

impl<T> Default for Outbox<T> {
    fn default() -> Self {
        Self { items: Vec::new(), index: HashMap::new() }
    }
}

impl<T> Outbox<T> {
    /// Puts an item in, in place of an older one of the tag.
    pub fn put(&mut self, tag: TagId, item: T) {
        match self.index.get(&tag) {
            Some(&position) => self.items[position].1 = item,
            None => {
                self.index.insert(tag, self.items.len());
                self.items.push((tag, item));
            }
        }
    }

    /// Puts back what could not be sent, except where a newer item has come.
    pub fn put_back(&mut self, items: Vec<(TagId, T)>) {
        let newer = self.take();
        for (tag, item) in items.into_iter().chain(newer) {
            self.put(tag, item);
        }
    }

    /// Takes all items out.
    pub fn take(&mut self) -> Vec<(TagId, T)> {
        self.index.clear();
        std::mem::take(&mut self.items)
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

/// One transition that a machine made.
#[derive(Debug, Clone, PartialEq)]
pub struct TransitionRecord {
    /// The machine.
    pub machine: MachineId,
    /// State before.
    pub from: MachineState,
    /// What happened.
    pub transition: Transition,
    /// State after.
    pub to: MachineState,
    /// When.
    pub at: Timestamp,
    /// Why, where it is a fault.
    pub fault: Option<String>,
}

/// What machines want done in the world; whoever runs them does it.
#[derive(Debug, Default)]
pub struct Effects {
    /// Values for the table.
    pub writes: Outbox<Update>,
    /// Values for the field.
    pub drives: Outbox<Value>,
    /// Transitions made, in order.
    pub transitions: Vec<TransitionRecord>,
    /// Outputs that could not be told in the type of the tag they drive.
    pub unconvertible: u64,
}

impl Effects {
    pub(super) fn write(&mut self, tag: TagId, value: Value, quality: Quality, now: Timestamp) {
        self.writes.put(tag, Update { tag, value: Some(value), quality, source_time: Some(now) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_item_of_a_tag_wins_and_keeps_its_place() {
        let mut outbox = Outbox::default();
        for (tag, item) in [(1, "a"), (2, "b"), (1, "c")] {
            outbox.put(TagId(tag), item);
        }
        assert_eq!(outbox.take(), [(TagId(1), "c"), (TagId(2), "b")]);
        assert!(outbox.is_empty());
    }

    #[test]
    fn what_is_put_back_does_not_overwrite_what_is_newer() {
        let mut outbox = Outbox::default();
        outbox.put(TagId(1), "old");
        outbox.put(TagId(2), "old");
        let sent = outbox.take();
        outbox.put(TagId(2), "new");
        outbox.put_back(sent);
        assert_eq!(outbox.take(), [(TagId(1), "old"), (TagId(2), "new")]);
    }
}
