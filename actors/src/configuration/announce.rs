//! Announcements to subscribers: in order, bounded, nothing lost in silence.

use super::PlantChanged;
use crate::send::{SendError, offer};
use actix::Recipient;
use flyball_schema::TagId;
use std::collections::HashSet;

/// Everybody who is told what became of the tags.
#[derive(Debug, Default)]
pub(super) struct Subscribers(Vec<Subscriber>);

#[derive(Debug)]
struct Subscriber {
    to: Recipient<PlantChanged>,
    /// What its mailbox had no room for, merged.
    waiting: Option<PlantChanged>,
}

impl Subscribers {
    /// Adds a subscriber; it is told of what changes from now on.
    pub(super) fn add(&mut self, to: Recipient<PlantChanged>) {
        self.0.push(Subscriber { to, waiting: None });
    }

    /// Tells everybody of `change`, together with what they still have to be told. Who has stopped is removed.
    pub(super) fn announce(&mut self, change: &PlantChanged) {
        for subscriber in &mut self.0 {
            let waiting = subscriber.waiting.take();
            subscriber.waiting = Some(waiting.map_or_else(|| change.clone(), |waiting| waiting.then(change)));
        }
        self.catch_up();
    }

    /// Hands over what waits, as far as mailboxes have room.
    pub(super) fn catch_up(&mut self) {
        self.0.retain_mut(|subscriber| {
            let Some(waiting) = subscriber.waiting.take() else { return true };
            match offer(&subscriber.to, waiting) {
                Ok(()) => true,
                Err((SendError::Closed, _)) => false,
                Err((_, waiting)) => {
                    subscriber.waiting = Some(waiting);
                    true
                }
            }
        });
    }
}

impl PlantChanged {
    /// This change and a later one as one.
    fn then(self, later: &Self) -> Self {
        let gone: HashSet<TagId> = later.removed.iter().copied().collect();
        let other_name: HashSet<TagId> = later.renamed.iter().map(|(id, _)| *id).collect();
        let changed_again: HashSet<TagId> = later.changed.iter().copied().collect();
        let added = self.added.iter().copied().filter(|id| !gone.contains(id));
        let renamed = self.renamed.iter().filter(|(id, _)| !(gone.contains(id) || other_name.contains(id)));
        let removed = self.removed.iter().copied().filter(|id| !gone.contains(id));
        let changed = self.changed.iter().copied().filter(|id| !(gone.contains(id) || changed_again.contains(id)));
        Self {
            added: added.chain(later.added.iter().copied()).collect(),
            renamed: renamed.chain(later.renamed.iter()).cloned().collect(),
            removed: removed.chain(later.removed.iter().copied()).collect(),
            changed: changed.chain(later.changed.iter().copied()).collect(),
            version: later.version.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::catalogue::CatalogueIds;
    use crate::configuration::live::{State, plant_changed};
    use flyball_schema::definition::{PlantDefinition, TagDefinition};

    fn change(version: &str, added: &[u32], renamed: &[(u32, &str)], removed: &[u32], changed: &[u32]) -> PlantChanged {
        let ids = |ids: &[u32]| ids.iter().copied().map(TagId).collect();
        let renamed = renamed.iter().map(|(id, name)| (TagId(*id), (*name).to_owned())).collect();
        let version = version.to_owned();
        PlantChanged { added: ids(added), renamed, removed: ids(removed), changed: ids(changed), version }
    }

    fn plant(tags: &[(u32, &str)]) -> (PlantDefinition, CatalogueIds) {
        let ids = CatalogueIds { tags: tags.iter().map(|(id, _)| TagId(*id)).collect(), ..CatalogueIds::default() };
        let tags = tags.iter().map(|(_, name)| TagDefinition::float(*name)).collect();
        (PlantDefinition { tags, ..PlantDefinition::default() }, ids)
    }

    #[test]
    fn tags_are_added_renamed_and_removed_by_id() {
        let (before, after) = (plant(&[(1, "a"), (2, "b"), (3, "c")]), plant(&[(3, "a"), (2, "b"), (4, "c")]));
        let told = plant_changed(&State::new(&before.0, &before.1), &State::new(&after.0, &after.1));
        assert_eq!(told, change("", &[4], &[(3, "a")], &[1], &[]));
    }

    #[test]
    fn another_definition_under_the_same_name_is_told_and_what_the_name_was_is_not() {
        let before = plant(&[(1, "a"), (2, "b"), (3, "c")]);
        let mut after = plant(&[(1, "a"), (2, "b"), (3, "d")]);
        after.0.tags[0].unit = Some("m".to_owned());
        after.0.tags[1].was = Some("z".to_owned());
        (after.0.tags[2].was, after.0.tags[2].unit) = (Some("c".to_owned()), Some("m".to_owned()));
        let told = plant_changed(&State::new(&before.0, &before.1), &State::new(&after.0, &after.1));
        assert_eq!(told, change("", &[], &[(3, "d")], &[], &[1, 3]));
    }

    #[test]
    fn two_changes_are_told_as_one_to_who_lags() {
        let first = change("1", &[4, 5], &[(2, "b"), (3, "c")], &[1], &[2, 3, 6]);
        let later = change("2", &[1], &[(3, "d"), (5, "e")], &[2, 4], &[6, 7]);
        assert_eq!(first.then(&later), change("2", &[5, 1], &[(3, "d"), (5, "e")], &[1, 2, 4], &[3, 6, 7]));
    }
}
