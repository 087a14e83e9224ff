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
    waiting: PlantChanged,
}

impl Subscribers {
    /// Adds a subscriber; it is told of what changes from now on.
    pub(super) fn add(&mut self, to: Recipient<PlantChanged>) {
        self.0.push(Subscriber { to, waiting: PlantChanged::default() });
    }

    /// Tells everybody of `change`, together with what they still have to be told. Who has stopped is removed.
    pub(super) fn announce(&mut self, change: &PlantChanged) {
        if change.is_empty() {
            return;
        }
        for subscriber in &mut self.0 {
            subscriber.waiting = std::mem::take(&mut subscriber.waiting).then(change);
        }
        self.catch_up();
    }

    /// Hands over what waits, as far as mailboxes have room.
    pub(super) fn catch_up(&mut self) {
        self.0.retain_mut(|subscriber| {
            let waiting = std::mem::take(&mut subscriber.waiting);
            if waiting.is_empty() {
                return true;
            }
            match offer(&subscriber.to, waiting) {
                Ok(()) => true,
                Err((SendError::Closed, _)) => false,
                Err((_, waiting)) => {
                    subscriber.waiting = waiting;
                    true
                }
            }
        });
    }
}

impl PlantChanged {
    fn is_empty(&self) -> bool {
        self.added.is_empty() && self.renamed.is_empty() && self.removed.is_empty()
    }

    /// This change and a later one as one.
    fn then(self, later: &Self) -> Self {
        if self.is_empty() {
            return later.clone();
        }
        let gone: HashSet<TagId> = later.removed.iter().copied().collect();
        let other_name: HashSet<TagId> = later.renamed.iter().map(|(id, _)| *id).collect();
        let added = self.added.iter().copied().filter(|id| !gone.contains(id));
        let renamed = self.renamed.iter().filter(|(id, _)| !(gone.contains(id) || other_name.contains(id)));
        let removed = self.removed.iter().copied().filter(|id| !gone.contains(id));
        Self {
            added: added.chain(later.added.iter().copied()).collect(),
            renamed: renamed.chain(later.renamed.iter()).cloned().collect(),
            removed: removed.chain(later.removed.iter().copied()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::catalogue::CatalogueIds;
    use crate::configuration::live::{State, plant_changed};
    use flyball_schema::definition::{PlantDefinition, TagDefinition};

    fn change(added: &[u32], renamed: &[(u32, &str)], removed: &[u32]) -> PlantChanged {
        let ids = |ids: &[u32]| ids.iter().copied().map(TagId).collect();
        let renamed = renamed.iter().map(|(id, name)| (TagId(*id), (*name).to_owned())).collect();
        PlantChanged { added: ids(added), renamed, removed: ids(removed) }
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
        assert_eq!(told, change(&[4], &[(3, "a")], &[1]));
    }

    #[test]
    fn another_definition_under_the_same_name_is_nothing_to_tell() {
        let before = plant(&[(1, "a")]);
        let mut after = plant(&[(1, "a")]);
        after.0.tags[0].unit = Some("m".to_owned());
        let told = plant_changed(&State::new(&before.0, &before.1), &State::new(&after.0, &after.1));
        assert!(told.is_empty());
    }

    #[test]
    fn two_changes_are_told_as_one_to_who_lags() {
        let first = change(&[4, 5], &[(2, "b"), (3, "c")], &[1]);
        let later = change(&[1], &[(3, "d"), (5, "e")], &[2, 4]);
        assert_eq!(first.then(&later), change(&[5, 1], &[(3, "d"), (5, "e")], &[1, 2, 4]));
    }
}
