//! The definition of a plant that does not run: read and changed in its database alone.

use super::catalogue::{self, Catalogue};
use super::{Author, Change, Complete, ConfigurationError, Plan, edit, live, record};
use crate::db::{DbError, DbManager};
use crate::machines::Kinds;
use crate::plant::{DataFolder, PlantError};
use crate::settings::Settings;
use flyball_schema::db::{Access, Connection, DatabaseUrl, connect};
use flyball_schema::definition::{Difference, PlantDefinition};
use flyball_schema::{TagId, Timestamp};
use std::sync::Arc;

/// Why the definition of a plant that does not run could not be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OfflineError {
    /// The data folder cannot be had: [`PlantError::InUse`] where the plant runs.
    #[error(transparent)]
    Folder(#[from] PlantError),
    /// The database cannot be opened.
    #[error("cannot open the database: {0}")]
    Open(String),
    /// The change is refused, or could not be stored.
    #[error(transparent)]
    Refused(#[from] ConfigurationError),
}

/// Opens the database of a plant that does not run; nobody can start it meanwhile. Blocks.
fn open(settings: &Settings) -> Result<(DataFolder, Connection), OfflineError> {
    let folder = DataFolder::take(&settings.data.dir)?;
    let text = settings.database_url();
    let failed = |error: &dyn std::fmt::Display| OfflineError::Open(error.to_string());
    DbManager::migrate(&text).map_err(|error| failed(&error))?;
    let url = DatabaseUrl::parse(&text).map_err(|error| failed(&error))?;
    let connection = connect(&url, Access::Write).map_err(|error| failed(&error))?;
    Ok((folder, connection))
}

/// Reads the definition as people gave it. Blocks.
///
/// # Errors
/// [`OfflineError`].
pub fn read(settings: &Settings) -> Result<PlantDefinition, OfflineError> {
    let (_folder, mut connection) = open(settings)?;
    Ok(catalogue::load(&mut connection).map_err(ConfigurationError::from)?.defined())
}

/// Changes the definition, all or nothing, by the rules of a running plant. Blocks.
///
/// # Errors
/// [`OfflineError`]; nothing has changed then.
pub fn change(
    settings: &Settings,
    change: &Change,
    author: &Author,
    now: Timestamp,
    dry_run: bool,
) -> Result<Plan, OfflineError> {
    let (_folder, mut connection) = open(settings)?;
    let before = catalogue::load(&mut connection).map_err(ConfigurationError::from)?;
    let complete = complete(settings, &before, change)?;
    let (defined, after) = (before.defined(), complete.defined());
    let difference = Difference::between(&defined, &after);
    if !dry_run {
        let stored = connection.write_transaction(|connection| {
            catalogue::store(connection, &before, &complete, now)?;
            record::audit(connection, &difference, author, now)
        });
        stored.map_err(|error: DbError| ConfigurationError::from(error))?;
    }
    Ok(Plan { before: Arc::new(defined), after: Arc::new(after), created: Vec::new(), problems: Vec::new() })
}

fn complete(settings: &Settings, before: &Catalogue, change: &Change) -> Result<Complete, ConfigurationError> {
    let wanted = match change {
        Change::Whole(definition) => (**definition).clone(),
        Change::Edits(edits) => edit::apply(before, edits)?,
    };
    // Machines whose code an application brings along are not known here; it makes them again at its start.
    let complete = Complete::new(wanted, &[], &Kinds::default())?;
    let ids = catalogue::CatalogueIds {
        tags: (0..).map(TagId).take(complete.definition.tags.len()).collect(),
        ..catalogue::CatalogueIds::default()
    };
    live::keeping(settings, &live::by_name(&complete.definition, &ids))
        .map_err(|(tag, class)| ConfigurationError::RetentionClass { tag, class })?;
    Ok(complete)
}
