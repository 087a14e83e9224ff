//! Edits of a definition: pure, one after the other on what the one before has left.

use super::ConfigurationError;
use super::catalogue::Catalogue;
use flyball_schema::TagId;
use flyball_schema::definition::csv::{CsvItems, merge};
use flyball_schema::definition::{DefinitionError, Fault, Place, PlantDefinition, TagDefinition, rename_tag, users_of};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

/// One edit.
#[derive(Debug, Clone)]
pub enum Edit {
    /// Adds a tag.
    CreateTag(Box<TagDefinition>),
    /// Changes fields of a tag. Another name renames it: history and references follow.
    PatchTag {
        /// The tag.
        id: TagId,
        /// JSON Merge Patch (RFC 7396) of its definition: `null` takes a field away.
        patch: Json,
        /// The [`version`] that the patch was made for; any where there is none.
        expected: Option<String>,
    },
    /// Removes a tag that nobody uses; its history is kept.
    RemoveTag {
        /// The tag.
        id: TagId,
        /// The [`version`] that was seen; any where there is none.
        expected: Option<String>,
    },
    /// Adds and changes many tags or alarms by name.
    Put(Box<CsvItems>),
}

/// What identifies the state of a definition: another one after every change, the same after a restart.
#[must_use]
pub fn version(definition: &TagDefinition) -> String {
    let json = serde_json::to_vec(definition).unwrap_or_default();
    Sha256::digest(json).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The definition that `edits` make of what is stored.
///
/// # Errors
/// The first edit that cannot be done.
pub(super) fn apply(catalogue: &Catalogue, edits: &[Edit]) -> Result<PlantDefinition, ConfigurationError> {
    let mut definition = catalogue.defined();
    for (index, edit) in edits.iter().enumerate() {
        one(&mut definition, catalogue, edit).map_err(|error| match edits.len() {
            1 => error,
            _ => ConfigurationError::AtEdit { index, source: Box::new(error) },
        })?;
    }
    Ok(definition)
}

fn one(definition: &mut PlantDefinition, catalogue: &Catalogue, edit: &Edit) -> Result<(), ConfigurationError> {
    match edit {
        Edit::CreateTag(tag) => create(definition, catalogue, tag)?,
        Edit::PatchTag { id, patch, expected } => {
            let index = find(definition, catalogue, *id, expected.as_deref())?;
            patch_tag(definition, index, patch)?;
        }
        Edit::RemoveTag { id, expected } => {
            let index = find(definition, catalogue, *id, expected.as_deref())?;
            let tag = definition.tags[index].name.clone();
            let users = users_of(definition, &tag);
            if !users.is_empty() {
                return Err(ConfigurationError::InUse { tag, users });
            }
            definition.tags.remove(index);
        }
        Edit::Put(items) => *definition = merge(definition, (**items).clone()),
    }
    Ok(())
}

fn create(
    definition: &mut PlantDefinition,
    catalogue: &Catalogue,
    tag: &TagDefinition,
) -> Result<(), ConfigurationError> {
    let taken = definition.tags.iter().any(|other| other.name == tag.name) || catalogue.has_tag(&tag.name);
    if taken {
        return Err(ConfigurationError::DuplicateTag(tag.name.clone()));
    }
    definition.tags.push(TagDefinition { was: None, ..tag.clone() });
    Ok(())
}

/// Where a tag stands among those defined. A tag is known by its id, also after an edit before has renamed it.
fn find(
    definition: &PlantDefinition,
    catalogue: &Catalogue,
    id: TagId,
    expected: Option<&str>,
) -> Result<usize, ConfigurationError> {
    let (stored, made) = catalogue.tag(id).ok_or(ConfigurationError::UnknownTag(id))?;
    if made {
        return Err(ConfigurationError::MadeByPlant(stored.name.clone()));
    }
    let is_it = |tag: &TagDefinition| tag.was.as_deref().unwrap_or(&tag.name) == stored.name;
    let index = definition.tags.iter().position(is_it).ok_or(ConfigurationError::UnknownTag(id))?;
    match expected {
        Some(expected) if expected != version(stored) => Err(ConfigurationError::ChangedMeanwhile(stored.name.clone())),
        _ => Ok(index),
    }
}

fn patch_tag(definition: &mut PlantDefinition, index: usize, patch: &Json) -> Result<(), ConfigurationError> {
    let before = definition.tags[index].clone();
    let wrong = |field, error: serde_json::Error| {
        let place = Place { item: "tag", index, name: before.name.clone(), field };
        ConfigurationError::Invalid(vec![DefinitionError::new(place, Fault::Syntax(error.to_string()))])
    };
    let mut json = serde_json::to_value(&before).map_err(|error| wrong("", error))?;
    merge_patch(&mut json, patch);
    let mut after: TagDefinition = serde_json::from_value(json).map_err(|error| wrong("", error))?;
    after.was = before.was.clone();
    if after.name != before.name {
        if definition.tags.iter().any(|other| other.name == after.name) {
            return Err(ConfigurationError::DuplicateTag(after.name));
        }
        rename_tag(definition, &before.name, &after.name)
            .map_err(|_taken| ConfigurationError::DuplicateTag(after.name.clone()))?;
        after.was = Some(before.was.unwrap_or(before.name));
    }
    definition.tags[index] = after;
    Ok(())
}

/// RFC 7396, section 2.
fn merge_patch(target: &mut Json, patch: &Json) {
    let Json::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Json::Object(serde_json::Map::new());
    }
    let Json::Object(target) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge_patch(target.entry(key.clone()).or_insert(Json::Null), value);
        }
    }
}
