//! The newest state of everything the live feed tells, with the version at which it last changed.

use super::selection::Selection;
use flyball::cvt::TagChange;
use flyball::schema::TagId;
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Version of the feed: rises with every change that is told, from 1.
pub type Version = u64;

/// The newest state of every tag, and the groups that share a selection.
#[derive(Debug, Default)]
pub struct TagBoard {
    tags: Vec<Slot>,
    groups: HashMap<GroupId, Group>,
    next_group: u64,
}

/// What is known of an id.
#[derive(Debug, Default)]
enum Slot {
    /// Nothing.
    #[default]
    Unknown,
    /// The tag exists, by this name where it was renamed; its state is not known yet.
    Announced(Option<Arc<str>>),
    /// The state.
    Known(TagState),
    /// The tag is no more; what still comes in for it is old.
    Removed,
}

impl Slot {
    fn known(&self) -> Option<&TagState> {
        match self {
            Self::Known(tag) => Some(tag),
            _ => None,
        }
    }
}

#[derive(Debug)]
struct TagState {
    name: Arc<str>,
    change: TagChange,
    version: Version,
}

/// Identity of a group of subscriptions with one selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(u64);

/// Subscriptions with one selection: their tags have the same places.
#[derive(Debug)]
struct Group {
    selection: Selection,
    subscriptions: usize,
    /// Tags in the order of their places, with the version at which each joined.
    members: Vec<(TagId, Version)>,
    /// When places were given anew: who has not everything up to here is told everything.
    anew: Version,
}

impl Group {
    fn give_places(&mut self, tags: &[Slot], version: Version) {
        self.members = members(tags, &self.selection);
        self.anew = version;
    }
}

/// The known tags of a selection, by id.
fn members(tags: &[Slot], selection: &Selection) -> Vec<(TagId, Version)> {
    let is_member = |id: &TagId| {
        let tag = tags.get(id.index()).and_then(Slot::known);
        tag.is_some_and(|tag| selection.contains(*id, &tag.name))
    };
    let all: Vec<TagId> = match selection {
        Selection::Ids(ids) => ids.iter().copied().filter(is_member).collect(),
        _ => (0..).map(TagId).take(tags.len()).filter(is_member).collect(),
    };
    all.into_iter().map(|id| (id, 0)).collect()
}

impl TagBoard {
    /// Takes a tag that exists, with its state; where it is known already only a newer state is taken, and nothing where
    /// it was removed.
    pub fn learn(&mut self, id: TagId, name: &str, change: TagChange, version: Version) {
        let slot = self.slot(id);
        let (name, is_announced): (Arc<str>, bool) = match slot {
            Slot::Known(_) | Slot::Removed => {
                self.change(&change, version);
                return;
            }
            Slot::Unknown => (name.into(), false),
            // The record may be from before the tag was renamed.
            Slot::Announced(other) => (other.take().unwrap_or_else(|| name.into()), true),
        };
        *slot = Slot::Known(TagState { name: Arc::clone(&name), change, version });
        for group in self.groups.values_mut().filter(|group| group.selection.contains(id, &name)) {
            group.members.push((id, version));
            if is_announced {
                group.anew = version;
            }
        }
    }

    /// Tags are new, or back; returns those whose state is still to be learned.
    pub fn announce(&mut self, ids: &[TagId], version: Version) -> Vec<TagId> {
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for id in ids {
            match self.slot(*id) {
                Slot::Known(tag) => known.push((*id, Arc::clone(&tag.name))),
                Slot::Announced(_) => unknown.push(*id),
                slot => {
                    *slot = Slot::Announced(None);
                    unknown.push(*id);
                }
            }
        }
        self.regroup(&known, version);
        unknown
    }

    /// Tags have other names; returns those whose state is still to be learned.
    pub fn rename(&mut self, names: &[(TagId, String)], version: Version) -> Vec<TagId> {
        let (mut moved, mut unknown) = (Vec::new(), Vec::new());
        for (id, name) in names {
            match self.slot(*id) {
                Slot::Known(tag) if *tag.name != **name => {
                    let former = std::mem::replace(&mut tag.name, name.as_str().into());
                    moved.extend([(*id, former), (*id, Arc::clone(&tag.name))]);
                }
                Slot::Known(_) | Slot::Removed => {}
                slot => {
                    *slot = Slot::Announced(Some(name.as_str().into()));
                    unknown.push(*id);
                }
            }
        }
        self.regroup(&moved, version);
        unknown
    }

    /// Tags are no more: what still comes in for them is passed over until they are announced again.
    pub fn forget(&mut self, ids: &[TagId], version: Version) {
        let mut gone = Vec::new();
        for id in ids {
            if let Slot::Known(tag) = std::mem::replace(self.slot(*id), Slot::Removed) {
                gone.push((*id, tag.name));
            }
        }
        self.regroup(&gone, version);
    }

    fn slot(&mut self, id: TagId) -> &mut Slot {
        if self.tags.len() <= id.index() {
            self.tags.resize_with(id.index() + 1, Slot::default);
        }
        &mut self.tags[id.index()]
    }

    /// Gives places anew in the groups that any of these tags belongs to or belonged to.
    fn regroup(&mut self, tags: &[(TagId, Arc<str>)], version: Version) {
        for group in self.groups.values_mut() {
            if tags.iter().any(|(id, name)| group.selection.contains(*id, name)) {
                group.give_places(&self.tags, version);
            }
        }
    }

    /// Takes a change. A change that is not newer than what is known is passed over.
    ///
    /// Returns whether the tag is known, or known to be no more.
    pub fn change(&mut self, change: &TagChange, version: Version) -> bool {
        let tag = match self.tags.get_mut(change.tag.index()) {
            Some(Slot::Known(tag)) => tag,
            Some(Slot::Removed) => return true,
            _ => return false,
        };
        if change.seq > tag.change.seq {
            tag.change = change.clone();
            tag.version = version;
        }
        true
    }

    /// Joins the group of `selection`, which is made where there is none.
    pub fn join(&mut self, selection: &Selection) -> GroupId {
        if let Some((id, group)) = self.groups.iter_mut().find(|(_, group)| group.selection == *selection) {
            group.subscriptions += 1;
            return *id;
        }
        let members = members(&self.tags, selection);
        let id = GroupId(self.next_group);
        self.next_group += 1;
        self.groups.insert(id, Group { selection: selection.clone(), subscriptions: 1, members, anew: 0 });
        id
    }

    /// Leaves a group, which ends with its last subscription.
    pub fn leave(&mut self, id: GroupId) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        group.subscriptions -= 1;
        if group.subscriptions == 0 {
            self.groups.remove(&id);
        }
    }

    /// The group's tags and values as a JSON object.
    ///
    /// # Errors
    /// Where a value has no JSON form, which none should.
    pub fn snapshot(&self, id: GroupId) -> Result<String, serde_json::Error> {
        let members = self.groups.get(&id).map_or(&[][..], |group| &group.members);
        let map: Vec<_> = self.entries(members, 0).map(|(place, _, tag)| MapEntry(place, tag)).collect();
        let u: Vec<_> = self.entries(members, 0).map(|(place, _, tag)| ValueEntry(place, &tag.change)).collect();
        serde_json::to_string(&TagsBody { map: Some(map), u })
    }

    /// Whether who has everything up to `since` has to be told everything of the group anew: places were given anew.
    #[must_use]
    pub fn is_anew(&self, id: GroupId, since: Version) -> bool {
        self.groups.get(&id).is_some_and(|group| group.anew > since)
    }

    /// What is newer than `since` in the group as a JSON object; none where nothing is. Only where the group [is not
    /// anew](Self::is_anew).
    ///
    /// # Errors
    /// Where a value has no JSON form, which none should.
    pub fn delta(&self, id: GroupId, since: Version) -> Result<Option<String>, serde_json::Error> {
        let Some(group) = self.groups.get(&id) else { return Ok(None) };
        // Joining versions only rise, so the tags that joined since are the last ones.
        let first_new = group.members.partition_point(|(_, joined)| *joined <= since);
        let map: Vec<_> =
            self.entries(&group.members[first_new..], first_new).map(|(place, _, tag)| MapEntry(place, tag)).collect();
        let u: Vec<_> = self
            .entries(&group.members, 0)
            .filter(|(_, joined, tag)| tag.version > since || *joined > since)
            .map(|(place, _, tag)| ValueEntry(place, &tag.change))
            .collect();
        if u.is_empty() {
            return Ok(None);
        }
        serde_json::to_string(&TagsBody { map: (!map.is_empty()).then_some(map), u }).map(Some)
    }

    /// Members with place, version of joining and state; `first` is the place of the first.
    fn entries<'a>(
        &'a self,
        members: &'a [(TagId, Version)],
        first: usize,
    ) -> impl Iterator<Item = (usize, Version, &'a TagState)> {
        members.iter().enumerate().filter_map(move |(place, (id, joined))| {
            Some((first + place, *joined, self.tags.get(id.index())?.known()?))
        })
    }
}

#[derive(Serialize)]
struct TagsBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    map: Option<Vec<MapEntry<'a>>>,
    u: Vec<ValueEntry<'a>>,
}

/// `[place, id, name]`
struct MapEntry<'a>(usize, &'a TagState);

impl Serialize for MapEntry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.0, self.1.change.tag, &*self.1.name).serialize(serializer)
    }
}

/// `[place, value, quality, source_ms, reason?]`
struct ValueEntry<'a>(usize, &'a TagChange);

impl Serialize for ValueEntry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(place, change) = self;
        let reason = change.quality.reason();
        let mut entry = serializer.serialize_seq(Some(if reason.is_empty() { 4 } else { 5 }))?;
        entry.serialize_element(place)?;
        entry.serialize_element(&change.value)?;
        entry.serialize_element(change.quality.severity().as_str())?;
        entry.serialize_element(&(change.seq > 0).then(|| change.source_time.as_millis_f64()))?;
        if !reason.is_empty() {
            entry.serialize_element(reason)?;
        }
        entry.end()
    }
}

/// The newest state of the items of one topic, each as JSON.
#[derive(Debug, Default)]
pub struct ItemBoard {
    items: BTreeMap<u32, (Box<str>, Version)>,
    /// Items that are no more, with the version at which they went.
    removed: BTreeMap<u32, Version>,
}

impl ItemBoard {
    /// Takes the state of an item; returns whether it is new.
    pub fn change(&mut self, id: u32, json: String, version: Version) -> bool {
        if self.items.get(&id).is_some_and(|(known, _)| **known == *json) {
            return false;
        }
        self.items.insert(id, (json.into_boxed_str(), version));
        self.removed.remove(&id);
        true
    }

    /// Removes an item; returns whether it was there.
    pub fn remove(&mut self, id: u32, version: Version) -> bool {
        let was_there = self.items.remove(&id).is_some();
        if was_there {
            self.removed.insert(id, version);
        }
        was_there
    }

    /// Removes the items that are not among `ids`; returns whether there were any.
    pub fn keep(&mut self, ids: &[u32], version: Version) -> bool {
        let ids: HashSet<u32> = ids.iter().copied().collect();
        let gone: Vec<u32> = self.items.keys().copied().filter(|id| !ids.contains(id)).collect();
        gone.into_iter().filter(|id| self.remove(*id, version)).count() > 0
    }

    /// All items as a JSON object.
    #[must_use]
    pub fn snapshot(&self) -> String {
        Self::body(self.items.values().map(|(json, _)| &**json), std::iter::empty())
    }

    /// The items that are newer than `since`, and the ids of those removed since, as a JSON object; none where there are
    /// none. `removed` is left out where nothing was.
    #[must_use]
    pub fn delta(&self, since: Version) -> Option<String> {
        let mut newer = self.items.values().filter(|(_, version)| *version > since).map(|(json, _)| &**json).peekable();
        let mut gone = self.removed.iter().filter(|(_, version)| **version > since).map(|(id, _)| *id).peekable();
        if newer.peek().is_none() {
            gone.peek()?;
        }
        Some(Self::body(newer, gone))
    }

    fn body<'a>(items: impl Iterator<Item = &'a str>, removed: impl Iterator<Item = u32>) -> String {
        let mut text = String::from(r#"{"items":["#);
        for (place, item) in items.enumerate() {
            if place > 0 {
                text.push(',');
            }
            text.push_str(item);
        }
        text.push(']');
        let removed: Vec<String> = removed.map(|id| id.to_string()).collect();
        if !removed.is_empty() {
            text.push_str(r#","removed":["#);
            text.push_str(&removed.join(","));
            text.push(']');
        }
        text.push('}');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flyball::schema::{Quality, Timestamp, Value};

    fn change(tag: u32, seq: u64, value: f64) -> TagChange {
        TagChange {
            value: Some(Value::Float(value)),
            source_time: Timestamp::from_micros(1_000_500),
            server_time: Timestamp::from_micros(1_000_600),
            seq,
            tag: TagId(tag),
            quality: Quality::GOOD,
        }
    }

    fn board() -> TagBoard {
        let mut board = TagBoard::default();
        board.learn(TagId(7), "tank1.level", change(7, 1, 12.5), 1);
        board.learn(TagId(9), "tank2.level", TagChange { value: None, ..change(9, 2, 0.0) }, 1);
        board
    }

    #[test]
    fn a_snapshot_maps_places_to_tags_and_tells_their_values() {
        let mut board = board();
        let group = board.join(&Selection::All);
        let body =
            r#"{"map":[[0,7,"tank1.level"],[1,9,"tank2.level"]],"u":[[0,12.5,"good",1000.5],[1,null,"good",1000.5]]}"#;
        assert_eq!(board.snapshot(group).unwrap(), body);
    }

    #[test]
    fn a_delta_tells_only_what_is_newer_and_why_a_value_is_not_good() {
        let mut board = board();
        let group = board.join(&Selection::ids([TagId(9)]));
        assert_eq!(board.delta(group, 1).unwrap(), None);
        board.change(&change(7, 3, 1.0), 2);
        assert_eq!(board.delta(group, 1).unwrap(), None);
        board.change(&TagChange { quality: Quality::BAD_NO_COMMUNICATION, ..change(9, 4, 3.0) }, 3);
        let body = r#"{"u":[[0,3.0,"bad",1000.5,"no communication"]]}"#;
        assert_eq!(board.delta(group, 2).unwrap().unwrap(), body);
        assert_eq!(board.delta(group, 3).unwrap(), None);
    }

    #[test]
    fn a_value_that_is_not_finite_is_null() {
        let mut board = board();
        let group = board.join(&Selection::ids([TagId(7)]));
        board.change(&TagChange { quality: Quality::BAD_OUT_OF_RANGE, ..change(7, 3, f64::NAN) }, 2);
        let body = r#"{"u":[[0,null,"bad",1000.5,"out of range"]]}"#;
        assert_eq!(board.delta(group, 1).unwrap().unwrap(), body);
    }

    #[test]
    fn a_tag_that_is_made_later_joins_the_selections_it_belongs_to() {
        let mut board = board();
        let tanks = board.join(&Selection::Prefix("tank".into()));
        let pumps = board.join(&Selection::Prefix("pump".into()));
        board.learn(TagId(8), "tank3.level", change(8, 5, 4.0), 2);
        let body = r#"{"map":[[2,8,"tank3.level"]],"u":[[2,4.0,"good",1000.5]]}"#;
        assert_eq!(board.delta(tanks, 1).unwrap().unwrap(), body);
        assert_eq!(board.delta(pumps, 1).unwrap(), None);
    }

    #[test]
    fn an_older_change_does_not_replace_a_newer_one() {
        let mut board = board();
        let group = board.join(&Selection::All);
        board.change(&change(7, 9, 2.0), 2);
        assert!(board.change(&change(7, 8, 1.0), 3));
        assert_eq!(board.delta(group, 2).unwrap(), None);
        assert!(!board.change(&change(70, 10, 1.0), 4));
    }

    #[test]
    fn equal_selections_share_a_group_until_the_last_one_leaves() {
        let mut board = board();
        let one = board.join(&Selection::All);
        let two = board.join(&Selection::All);
        assert_eq!(one, two);
        board.leave(one);
        assert!(board.snapshot(two).unwrap().contains("tank1"));
        board.leave(two);
        assert!(board.groups.is_empty());
    }

    #[test]
    fn items_are_told_when_their_text_changes() {
        let mut board = ItemBoard::default();
        assert!(board.change(2, r#"{"id":2}"#.into(), 1));
        assert!(board.change(1, r#"{"id":1}"#.into(), 1));
        assert!(!board.change(1, r#"{"id":1}"#.into(), 2));
        assert_eq!(board.snapshot(), r#"{"items":[{"id":1},{"id":2}]}"#);
        assert_eq!(board.delta(1), None);
        assert!(board.change(1, r#"{"id":1,"x":0}"#.into(), 3));
        assert_eq!(board.delta(1).unwrap(), r#"{"items":[{"id":1,"x":0}]}"#);
        assert!(board.keep(&[2], 4) && !board.keep(&[2], 5));
        assert_eq!(board.snapshot(), r#"{"items":[{"id":2}]}"#);
    }

    #[test]
    fn an_item_that_is_no_more_is_told_until_it_comes_back() {
        let mut board = ItemBoard::default();
        for id in 1..=3 {
            board.change(id, format!(r#"{{"id":{id}}}"#), 1);
        }
        assert!(board.remove(2, 2) && !board.remove(2, 3) && !board.remove(9, 3));
        assert_eq!(board.delta(1).unwrap(), r#"{"items":[],"removed":[2]}"#);
        assert_eq!(board.delta(2), None, "told once");
        board.keep(&[1], 4);
        board.change(1, r#"{"id":1,"x":0}"#.into(), 4);
        assert_eq!(board.delta(1).unwrap(), r#"{"items":[{"id":1,"x":0}],"removed":[2,3]}"#);
        board.change(2, r#"{"id":2}"#.into(), 5);
        assert_eq!(board.delta(3).unwrap(), r#"{"items":[{"id":1,"x":0},{"id":2}],"removed":[3]}"#);
    }
}
