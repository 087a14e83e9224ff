//! What becomes of the links and of the tags that live on them.

use super::{Actors, Problems, State, TagsByName};
use crate::opcua::{Acquisition, AddLink, LinkedTag, RemoveLink, UpdateLink};
use flyball_schema::definition::LinkDefinition;
use flyball_schema::{DataType, LinkId, TagId};
use std::collections::HashMap;

/// The steps from one set of links to another.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Links {
    /// Links that go.
    remove: Vec<LinkId>,
    /// Links without the tags that leave them, or that get another node or type.
    let_go: Vec<AddLink>,
    /// Links as they are to be.
    update: Vec<AddLink>,
    /// Links that come.
    add: Vec<AddLink>,
}

impl Links {
    pub(super) fn between(before: &State<'_>, after: &State<'_>) -> Self {
        let former = links_with_tags(&before.ids.links, &before.definition.links, &before.tags);
        let mut former: HashMap<LinkId, AddLink> = former.into_iter().map(|link| (link.id, link)).collect();
        let mut links = Self::default();
        for is in links_with_tags(&after.ids.links, &after.definition.links, &after.tags) {
            let Some(was) = former.remove(&is.id) else {
                links.add.push(is);
                continue;
            };
            links.let_go.extend(without_leaving(&was, &is));
            if was != is {
                links.update.push(is);
            }
        }
        links.remove = former.into_keys().collect();
        links.remove.sort_unstable();
        links
    }

    /// Lets go of the tags that leave their link or node. To be done before the table knows what they are to be: nothing of
    /// where they came from may reach it then.
    pub(super) async fn let_go(&mut self, actors: &Actors, problems: &mut Problems) {
        for id in std::mem::take(&mut self.remove) {
            problems.ask(format!("link {id}"), &actors.links, RemoveLink(id)).await;
        }
        for link in std::mem::take(&mut self.let_go) {
            update(link, actors, problems).await;
        }
    }

    /// Brings the links to what they are to be. Their tags are in the table.
    pub(super) async fn enter(self, actors: &Actors, problems: &mut Problems) {
        for link in self.update {
            update(link, actors, problems).await;
        }
        for link in self.add {
            problems.ask(format!("link \"{}\"", link.definition.name), &actors.links, link).await;
        }
    }
}

async fn update(link: AddLink, actors: &Actors, problems: &mut Problems) {
    let AddLink { id, definition, connected_tag, tags } = link;
    let what = format!("link \"{}\"", definition.name);
    problems.ask(what, &actors.links, UpdateLink { id, definition, connected_tag, tags }).await;
}

/// A link as it was, less the tags that do not stay on it as they were; none where all do.
fn without_leaving(was: &AddLink, is: &AddLink) -> Option<AddLink> {
    type Source<'a> = (TagId, &'a str, DataType);
    fn source(tag: &LinkedTag) -> Source<'_> {
        (tag.tag, &tag.node, tag.data_type)
    }
    let stay: HashMap<TagId, Source<'_>> = is.tags.iter().map(|tag| (tag.tag, source(tag))).collect();
    let staying = was.tags.iter().filter(|tag| stay.get(&tag.tag) == Some(&source(tag)));
    let tags: Vec<LinkedTag> = staying.cloned().collect();
    (tags.len() < was.tags.len()).then(|| AddLink { tags, ..was.clone() })
}

/// Links with the tags that live on them, in the order of the definition.
pub(crate) fn links_with_tags(ids: &[LinkId], links: &[LinkDefinition], tags: &TagsByName<'_>) -> Vec<AddLink> {
    let mut on_link: HashMap<&str, Vec<TagId>> = HashMap::new();
    let mut linked = HashMap::new();
    for (id, tag) in tags.values() {
        if let (Some(link), Some(node)) = (&tag.link, &tag.node) {
            on_link.entry(link).or_default().push(*id);
            linked.insert(*id, (*tag, node));
        }
    }
    let with_tags = |(id, link): (&LinkId, &LinkDefinition)| {
        let mut on_this = on_link.get(link.name.as_str()).cloned().unwrap_or_default();
        on_this.sort_unstable();
        let tag = |id: TagId| {
            let (tag, node) = linked.get(&id)?;
            let acquisition = match tag.poll_ms {
                Some(interval_ms) => Acquisition::Poll { interval_ms },
                None => Acquisition::Subscribe { publish_ms: tag.publish_ms.unwrap_or(link.publish_ms) },
            };
            Some(LinkedTag { tag: id, node: (*node).clone(), data_type: tag.data_type, acquisition })
        };
        let connected_tag = tags.get(link.connected_tag().as_str()).map_or(TagId(0), |(id, _)| *id);
        AddLink {
            id: *id,
            definition: link.clone(),
            connected_tag,
            tags: on_this.into_iter().filter_map(tag).collect(),
        }
    };
    ids.iter().zip(links).map(with_tags).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::catalogue::CatalogueIds;
    use super::*;
    use flyball_schema::definition::{PlantDefinition, TagDefinition};

    fn plant(links: &[(&str, u32)], tags: &[(u32, &str, &str)]) -> (PlantDefinition, CatalogueIds) {
        let linked = |(id, link, node): &(u32, &str, &str)| TagDefinition {
            link: Some((*link).to_owned()).filter(|link| !link.is_empty()),
            node: Some((*node).to_owned()).filter(|node| !node.is_empty()),
            ..TagDefinition::float(format!("t{id}"))
        };
        let definition = PlantDefinition {
            links: links.iter().map(|(name, _)| LinkDefinition::new(*name, "opc.tcp://127.0.0.1:4840")).collect(),
            tags: tags.iter().map(linked).collect(),
            ..PlantDefinition::default()
        };
        let ids = CatalogueIds {
            links: links.iter().map(|(_, id)| LinkId(*id)).collect(),
            tags: tags.iter().map(|(id, ..)| TagId(*id)).collect(),
            ..CatalogueIds::default()
        };
        (definition, ids)
    }

    fn told(links: &[AddLink]) -> Vec<(u32, Vec<u32>)> {
        links.iter().map(|link| (link.id.0, link.tags.iter().map(|tag| tag.tag.0).collect())).collect()
    }

    #[test]
    fn a_link_lets_go_of_what_leaves_it_before_anything_else_and_takes_on_what_comes_behind() {
        let links = [("plc", 1), ("gone", 2), ("still", 3)];
        let before =
            plant(&links, &[(1, "plc", "a"), (2, "plc", "b"), (3, "plc", "c"), (4, "gone", "d"), (6, "still", "f")]);
        let after = plant(
            &[("plc", 1), ("still", 3), ("new", 4)],
            &[(1, "plc", "a"), (2, "plc", "other"), (3, "", ""), (4, "new", "d"), (5, "plc", "e"), (6, "still", "f")],
        );
        let links = Links::between(&State::new(&before.0, &before.1), &State::new(&after.0, &after.1));
        assert_eq!(links.remove, [LinkId(2)]);
        assert_eq!(told(&links.let_go), [(1, vec![1])]);
        assert_eq!(told(&links.update), [(1, vec![1, 2, 5])]);
        assert_eq!(told(&links.add), [(4, vec![4])]);
    }

    #[test]
    fn a_tag_that_is_only_read_at_another_interval_is_not_let_go() {
        let before = plant(&[("plc", 1)], &[(1, "plc", "a")]);
        let mut after = before.clone();
        after.0.tags[0].poll_ms = Some(500);
        let links = Links::between(&State::new(&before.0, &before.1), &State::new(&after.0, &after.1));
        assert_eq!((told(&links.let_go), told(&links.update)), (vec![], vec![(1, vec![1])]));
        let none = Links::between(&State::new(&after.0, &after.1), &State::new(&after.0, &after.1));
        assert_eq!(none, Links::default());
    }
}
