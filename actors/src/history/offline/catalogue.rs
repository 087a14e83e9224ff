//! Which tags a history has.

use super::OfflineError;
use crate::settings::Settings;
use diesel::prelude::*;
use flyball_schema::TagId;
use flyball_schema::db::{Access, Connection, DatabaseUrl, connect};
use flyball_schema::definition::TagDefinition;
use flyball_schema::tables::tag;
use std::path::Path;

/// A tag that has or had a history.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownTag {
    /// Its id.
    pub id: TagId,
    /// What it is, or was last.
    pub definition: TagDefinition,
    /// Whether the plant no longer has it.
    pub retired: bool,
}

impl KnownTag {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.definition.name
    }
}

/// Every tag that the plant of these settings has or had, by name.
///
/// # Errors
/// [`OfflineError::NoPlant`] where there is no database; those of the database.
pub fn known_tags(settings: &Settings) -> Result<Vec<KnownTag>, OfflineError> {
    tags_of(&DatabaseUrl::parse(&settings.database_url())?)
}

/// Every tag of a configuration database, by name.
pub(in crate::history) fn tags_of(url: &DatabaseUrl) -> Result<Vec<KnownTag>, OfflineError> {
    let rows = tag::table.select((tag::id, tag::name, tag::definition, tag::retired_at));
    let rows = rows.load::<(i32, String, String, Option<i64>)>(&mut open(url)?)?;
    let tags = rows.into_iter().filter_map(|(id, name, definition, retired)| known(id, name, &definition, retired));
    let mut tags = tags.collect::<Result<Vec<_>, _>>()?;
    // By their bytes: each database has an order of its own.
    tags.sort_unstable_by(|one, other| one.name().cmp(other.name()));
    Ok(tags)
}

fn known(id: i32, name: String, json: &str, retired: Option<i64>) -> Option<Result<KnownTag, OfflineError>> {
    let id = TagId::from_i32(id)?;
    let read = serde_json::from_str::<TagDefinition>(json);
    let definition = read.map_err(|source| OfflineError::Definition { tag: name, source });
    Some(definition.map(|definition| KnownTag { id, definition, retired: retired.is_some() }))
}

/// Opens a configuration database that is there.
fn open(url: &DatabaseUrl) -> Result<Connection, OfflineError> {
    if let DatabaseUrl::Sqlite(path) = url
        && !Path::new(path).exists()
    {
        return Err(OfflineError::NoPlant(path.into()));
    }
    connect(url, Access::Read).map_err(|error| OfflineError::Connect(error.to_string()))
}
