//! Edits of a definition: pure, one after the other on what the one before has left.

use super::ConfigurationError;
use super::catalogue::Catalogue;
use super::draft::{Draft, origin};
use flyball_schema::TagId;
use flyball_schema::definition::csv::{CsvItems, merge};
use flyball_schema::definition::{DefinitionError, Fault, Place, PlantDefinition, TagDefinition};
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
    let mut draft = Draft::new(catalogue);
    for (index, edit) in edits.iter().enumerate() {
        one(&mut draft, edit).map_err(|error| match edits.len() {
            1 => error,
            _ => ConfigurationError::AtEdit { index, source: Box::new(error) },
        })?;
    }
    Ok(draft.finish())
}

fn one(draft: &mut Draft<'_>, edit: &Edit) -> Result<(), ConfigurationError> {
    match edit {
        Edit::CreateTag(tag) => create(draft, tag),
        Edit::PatchTag { id, patch, expected } => {
            let (place, tag) = find(draft, *id, expected.as_deref())?;
            patch_tag(draft, place, tag, patch)
        }
        Edit::RemoveTag { id, expected } => {
            let (place, TagDefinition { name: tag, .. }) = find(draft, *id, expected.as_deref())?;
            let users = draft.users_of(&tag);
            if !users.is_empty() {
                return Err(ConfigurationError::InUse { tag, users });
            }
            draft.remove(place);
            Ok(())
        }
        Edit::Put(items) => {
            draft.replace(|definition| merge(definition, (**items).clone()));
            Ok(())
        }
    }
}

fn create(draft: &mut Draft<'_>, tag: &TagDefinition) -> Result<(), ConfigurationError> {
    if draft.is_taken(&tag.name, None) {
        return Err(ConfigurationError::DuplicateTag(tag.name.clone()));
    }
    draft.push(TagDefinition { was: None, ..tag.clone() });
    Ok(())
}

/// A tag, and where it stands. It is known by its id, also after an edit before has renamed it.
fn find(draft: &Draft<'_>, id: TagId, expected: Option<&str>) -> Result<(usize, TagDefinition), ConfigurationError> {
    let unknown = ConfigurationError::UnknownTag(id);
    let Some((stored, made)) = draft.stored(id) else { return Err(unknown) };
    if made {
        return Err(ConfigurationError::MadeByPlant(stored.name.clone()));
    }
    let place = draft.place_of(&stored.name);
    let Some((place, tag)) = place.and_then(|place| Some((place, draft.tag(place)?.clone()))) else {
        return Err(unknown);
    };
    match expected {
        Some(expected) if expected != version(stored) => Err(ConfigurationError::ChangedMeanwhile(stored.name.clone())),
        _ => Ok((place, tag)),
    }
}

fn patch_tag(
    draft: &mut Draft<'_>,
    place: usize,
    before: TagDefinition,
    patch: &Json,
) -> Result<(), ConfigurationError> {
    let wrong = |draft: &Draft<'_>, error: serde_json::Error| {
        let place = Place { item: "tag", index: draft.index(place), name: before.name.clone(), field: "" };
        ConfigurationError::Invalid(vec![DefinitionError::new(place, Fault::Syntax(error.to_string()))])
    };
    let mut json = serde_json::to_value(&before).map_err(|error| wrong(draft, error))?;
    merge_patch(&mut json, patch);
    let mut after: TagDefinition = serde_json::from_value(json).map_err(|error| wrong(draft, error))?;
    after.was.clone_from(&before.was);
    if after.name != before.name {
        // Another tag of this name would keep its identity, and this one be taken for it.
        if draft.is_taken(&after.name, Some(origin(&before))) {
            return Err(ConfigurationError::DuplicateTag(after.name));
        }
        after.was = Some(before.was.unwrap_or(before.name));
    }
    let name = after.name.clone();
    draft.put(place, after).map_err(|_taken| ConfigurationError::DuplicateTag(name))
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

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;
