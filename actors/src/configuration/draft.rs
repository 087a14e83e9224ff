//! A definition under edits, indexed so that an edit costs what it touches and not the size of the plant. Pure.

use super::catalogue::Catalogue;
use flyball_schema::TagId;
use flyball_schema::definition::{PlantDefinition, RenameError, TagDefinition, User, rename_tag, users_of};
use flyball_schema::expression::Expression;
use std::collections::{BTreeSet, HashMap};

/// What refers to tags: by position in its list, in the order in which users are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Alarm(usize),
    Machine(usize),
    Tag(usize),
}

/// Owners by the name of a tag they refer to.
type References = HashMap<String, BTreeSet<Owner>>;

/// The definition as the edits so far have left it.
pub(super) struct Draft<'a> {
    stored: HashMap<TagId, (&'a TagDefinition, bool)>,
    stored_names: HashMap<&'a str, TagId>,
    /// All but the tags.
    rest: PlantDefinition,
    /// A removed tag leaves its place empty, so that positions stay.
    tags: Vec<Option<TagDefinition>>,
    by_name: HashMap<String, usize>,
    /// By the name in the catalogue: a tag is known by it also after it was renamed.
    by_origin: HashMap<String, usize>,
    /// Made when it is needed first.
    references: Option<References>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(catalogue: &'a Catalogue) -> Self {
        let mut draft = Self {
            stored: catalogue.tags().map(|(id, tag, made)| (id, (tag, made))).collect(),
            stored_names: catalogue.tags().map(|(id, tag, _)| (tag.name.as_str(), id)).collect(),
            rest: PlantDefinition::default(),
            tags: Vec::new(),
            by_name: HashMap::new(),
            by_origin: HashMap::new(),
            references: None,
        };
        draft.take(catalogue.defined());
        draft
    }

    fn take(&mut self, mut definition: PlantDefinition) {
        let tags = std::mem::take(&mut definition.tags);
        (self.by_name, self.by_origin) = (HashMap::with_capacity(tags.len()), HashMap::with_capacity(tags.len()));
        for (place, tag) in tags.iter().enumerate() {
            self.by_name.entry(tag.name.clone()).or_insert(place);
            self.by_origin.entry(origin(tag).to_owned()).or_insert(place);
        }
        self.rest = definition;
        self.tags = tags.into_iter().map(Some).collect();
        self.references = None;
    }

    /// The definition, as it is now.
    pub(super) fn finish(self) -> PlantDefinition {
        PlantDefinition { tags: self.tags.into_iter().flatten().collect(), ..self.rest }
    }

    /// Changes the definition as a whole. A tag that was renamed before stays known by its name in the catalogue.
    pub(super) fn replace(&mut self, change: impl FnOnce(&PlantDefinition) -> PlantDefinition) {
        let (tags, rest) = (std::mem::take(&mut self.tags), std::mem::take(&mut self.rest));
        let present = PlantDefinition { tags: tags.into_iter().flatten().collect(), ..rest };
        let renamed = present.tags.iter().filter_map(|tag| Some((tag.name.as_str(), tag.was.as_ref()?)));
        let renamed: HashMap<&str, &String> = renamed.collect();
        let mut definition = change(&present);
        for tag in &mut definition.tags {
            let by_was = || renamed.get(tag.was.as_deref()?);
            if let Some(was) = renamed.get(tag.name.as_str()).or_else(by_was) {
                tag.was = Some((*was).clone());
            }
        }
        self.take(definition);
    }

    /// A tag as the catalogue has it, and whether the plant makes it.
    pub(super) fn stored(&self, id: TagId) -> Option<(&'a TagDefinition, bool)> {
        self.stored.get(&id).copied()
    }

    /// Whether a tag of this name is there, or the catalogue has given the name to another tag than that of this origin: an
    /// item is known by its name there, and would be taken for that one.
    pub(super) fn is_taken(&self, name: &str, by: Option<&str>) -> bool {
        self.by_name.contains_key(name) || (self.stored_names.contains_key(name) && by != Some(name))
    }

    /// Where the tag is that the catalogue has under this name.
    pub(super) fn place_of(&self, origin: &str) -> Option<usize> {
        self.by_origin.get(origin).copied()
    }

    pub(super) fn tag(&self, place: usize) -> Option<&TagDefinition> {
        self.tags.get(place)?.as_ref()
    }

    /// Position of a tag among those that are there.
    pub(super) fn index(&self, place: usize) -> usize {
        self.tags.iter().take(place).flatten().count()
    }

    pub(super) fn push(&mut self, tag: TagDefinition) {
        let place = self.tags.len();
        self.by_name.insert(tag.name.clone(), place);
        self.by_origin.entry(origin(&tag).to_owned()).or_insert(place);
        if let Some(references) = &mut self.references {
            refer(references, Owner::Tag(place), expression_tags(&tag));
        }
        self.tags.push(Some(tag));
    }

    /// Puts a tag in the place of the one before; what refers to it follows where it has another name.
    pub(super) fn put(&mut self, place: usize, tag: TagDefinition) -> Result<(), RenameError> {
        let Some(before) = self.tags.get(place).and_then(Option::as_ref) else { return Ok(()) };
        let (from, was_read) = (before.name.clone(), expression_tags(before));
        if from != tag.name {
            self.rename(place, &from, &tag.name)?;
            self.by_name.remove(&from);
            self.by_name.insert(tag.name.clone(), place);
        }
        if let Some(references) = &mut self.references {
            was_read.iter().for_each(|name| forget(references, Owner::Tag(place), name));
            refer(references, Owner::Tag(place), expression_tags(&tag));
        }
        self.tags[place] = Some(tag);
        Ok(())
    }

    /// Takes a tag out.
    pub(super) fn remove(&mut self, place: usize) {
        let Some(tag) = self.tags.get_mut(place).and_then(Option::take) else { return };
        self.by_name.remove(&tag.name);
        self.by_origin.remove(origin(&tag));
        if let Some(references) = &mut self.references {
            for name in expression_tags(&tag) {
                forget(references, Owner::Tag(place), &name);
            }
        }
    }

    /// Everything that refers to a tag.
    pub(super) fn users_of(&mut self, name: &str) -> Vec<User> {
        let owners = self.references().get(name).cloned().unwrap_or_default();
        users_of(&self.part(&owners), name)
    }

    /// Brings everything that refers to a tag to its new name, but for the tag itself.
    fn rename(&mut self, place: usize, from: &str, to: &str) -> Result<(), RenameError> {
        let mut owners = self.references().remove(from).unwrap_or_default();
        owners.remove(&Owner::Tag(place));
        let mut part = self.part(&owners);
        part.tags.push(TagDefinition::float(from));
        rename_tag(&mut part, from, to)?;
        let PlantDefinition { tags, alarms, machines, .. } = part;
        let (mut tags, mut alarms, mut machines) = (tags.into_iter(), alarms.into_iter(), machines.into_iter());
        let mut named = Vec::with_capacity(owners.len());
        for owner in owners {
            let follows = match owner {
                Owner::Alarm(at) => alarms.next().map(|alarm| {
                    self.rest.alarms[at] = alarm;
                    true
                }),
                Owner::Machine(at) => machines.next().map(|machine| {
                    self.rest.machines[at] = machine;
                    true
                }),
                Owner::Tag(at) => tags.next().map(|tag| {
                    // An expression that would become too long stays as it is, and is refused in the end.
                    let follows = expression_tags(&tag).iter().any(|name| name == to);
                    self.tags[at] = Some(tag);
                    follows
                }),
            };
            named.push((owner, if follows == Some(true) { to } else { from }));
        }
        let references = self.references();
        for (owner, name) in named {
            refer(references, owner, [name.to_owned()]);
        }
        Ok(())
    }

    /// A definition of these owners alone, in their order.
    fn part(&self, owners: &BTreeSet<Owner>) -> PlantDefinition {
        let mut part = PlantDefinition::default();
        for owner in owners {
            match owner {
                Owner::Alarm(at) => part.alarms.extend(self.rest.alarms.get(*at).cloned()),
                Owner::Machine(at) => part.machines.extend(self.rest.machines.get(*at).cloned()),
                Owner::Tag(at) => part.tags.extend(self.tag(*at).cloned()),
            }
        }
        part
    }

    fn references(&mut self) -> &mut References {
        let (rest, tags) = (&self.rest, &self.tags);
        self.references.get_or_insert_with(|| {
            let mut references = References::new();
            for (at, alarm) in rest.alarms.iter().enumerate() {
                refer(&mut references, Owner::Alarm(at), [alarm.tag.clone()]);
            }
            for (at, machine) in rest.machines.iter().enumerate() {
                let ends = machine.inputs.values().chain(machine.outputs.values());
                refer(&mut references, Owner::Machine(at), ends.cloned());
            }
            for (at, tag) in tags.iter().enumerate() {
                refer(&mut references, Owner::Tag(at), tag.as_ref().map(expression_tags).unwrap_or_default());
            }
            references
        })
    }
}

/// The name under which the catalogue has a tag, where it has it.
pub(super) fn origin(tag: &TagDefinition) -> &str {
    tag.was.as_deref().unwrap_or(&tag.name)
}

fn refer(references: &mut References, owner: Owner, names: impl IntoIterator<Item = String>) {
    for name in names {
        references.entry(name).or_default().insert(owner);
    }
}

fn forget(references: &mut References, owner: Owner, name: &str) {
    if let Some(owners) = references.get_mut(name) {
        owners.remove(&owner);
    }
}

/// The tags that an expression reads; none of one that cannot be read, which no valid definition has.
fn expression_tags(tag: &TagDefinition) -> Vec<String> {
    let Some(Ok(expression)) = tag.expression.as_deref().map(Expression::parse) else { return Vec::new() };
    expression.tags().map(|(name, _)| name.to_owned()).collect()
}
