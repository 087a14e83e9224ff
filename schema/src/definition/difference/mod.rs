//! What changes from one plant definition to another.

mod fields;
mod item;
#[cfg(test)]
mod tests;
mod text;
mod warnings;

pub use fields::{FieldChange, fields_of};
pub use item::Item;
pub use warnings::Warning;

use super::{AlarmDefinition, LinkDefinition, MachineDefinition, PlantDefinition, PlantHeader, TagDefinition};
use std::collections::HashMap;

/// What changes from one plant definition to another. The order of items is no difference.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Difference {
    /// The plant as a whole.
    pub header: Option<Changed<PlantHeader>>,
    /// Connections to devices.
    pub links: Changes<LinkDefinition>,
    /// Tags.
    pub tags: Changes<TagDefinition>,
    /// Alarms.
    pub alarms: Changes<AlarmDefinition>,
    /// Machines.
    pub machines: Changes<MachineDefinition>,
    warnings: Vec<Warning>,
}

/// What changes of the items of one kind. None of them has a `was` but those of before.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes<T> {
    /// New ones, in their order.
    pub added: Vec<T>,
    /// Those with another name or another value of a field, in the order of after.
    pub changed: Vec<Changed<T>>,
    /// Those that are no more, in the order of before.
    pub removed: Vec<T>,
}

impl<T> Default for Changes<T> {
    fn default() -> Self {
        Self { added: Vec::new(), changed: Vec::new(), removed: Vec::new() }
    }
}

/// Something that changes. It is a renaming where the names differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Changed<T> {
    /// As it is so far.
    pub before: T,
    /// As it is to be.
    pub after: T,
}

impl<T: Item> Changed<T> {
    /// Whether the name changes.
    #[must_use]
    pub fn is_renamed(&self) -> bool {
        self.before.name() != self.after.name()
    }
}

/// How much a difference changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Items to add.
    pub added: usize,
    /// Items to change, the plant as a whole being one; without those that are renamed.
    pub changed: usize,
    /// Items to rename, with other changes or without.
    pub renamed: usize,
    /// Items to remove.
    pub removed: usize,
}

impl Difference {
    /// What changes from `before` to `after`.
    ///
    /// An item of `after` that `was` one of `before` is that one renamed. Where `before` has an item of
    /// its name already, or `after` still has one of the name before, `was` says nothing: what has been
    /// applied once changes nothing when applied again. Numbers are compared by value: 2 and 2.0 are no
    /// difference.
    #[must_use]
    pub fn between(before: &PlantDefinition, after: &PlantDefinition) -> Self {
        let header =
            (before.plant != after.plant).then(|| Changed { before: before.plant.clone(), after: after.plant.clone() });
        let mut difference = Self {
            header,
            links: Changes::between(&before.links, &after.links),
            tags: Changes::between(&before.tags, &after.tags),
            alarms: Changes::between(&before.alarms, &after.alarms),
            machines: Changes::between(&before.machines, &after.machines),
            warnings: Vec::new(),
        };
        difference.warnings = warnings::warnings(&difference, after);
        difference
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts() == Counts::default()
    }

    /// How much changes.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts { changed: usize::from(self.header.is_some()), ..Counts::default() };
        self.links.count(&mut counts);
        self.tags.count(&mut counts);
        self.alarms.count(&mut counts);
        self.machines.count(&mut counts);
        counts
    }

    /// What deserves attention before the difference is applied.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

impl<T: Item> Changes<T> {
    /// What changes from `before` to `after`; names are unique in each.
    fn between(before: &[T], after: &[T]) -> Self {
        let old: HashMap<&str, usize> = before.iter().enumerate().map(|(at, item)| (item.name(), at)).collect();
        let new: HashMap<&str, usize> = after.iter().enumerate().map(|(at, item)| (item.name(), at)).collect();
        let mut is_matched = vec![false; before.len()];
        let mut changes = Self::default();
        for item in after {
            let former = || item.was().filter(|was| !new.contains_key(was)).and_then(|was| old.get(was));
            let at = old.get(item.name()).or_else(former).copied();
            match at.and_then(|at| before.get(at).zip(is_matched.get_mut(at))) {
                Some((so_far, is_matched)) if !*is_matched => {
                    *is_matched = true;
                    if so_far.name() != item.name() || !so_far.is_like(item) {
                        changes.changed.push(Changed { before: so_far.clone(), after: item.clone().without_was() });
                    }
                }
                _ => changes.added.push(item.clone().without_was()),
            }
        }
        let removed = before.iter().zip(is_matched).filter(|(_, is_matched)| !is_matched);
        changes.removed = removed.map(|(item, _)| item.clone()).collect();
        changes
    }

    fn count(&self, counts: &mut Counts) {
        let renamed = self.changed.iter().filter(|change| change.is_renamed()).count();
        counts.added += self.added.len();
        counts.renamed += renamed;
        counts.changed += self.changed.len() - renamed;
        counts.removed += self.removed.len();
    }
}
