//! The definition of a plant that does not run: read and changed in its database alone.

use super::catalogue::{self, AlarmsEnd};
use super::prepare::Prepared;
use super::{Author, Change, ConfigurationError, Plan, record};
use crate::db::{DbError, DbManager};
use crate::plant::{DataFolder, PlantError};
use crate::settings::Settings;
use flyball_schema::Timestamp;
use flyball_schema::db::{Access, Connection, DatabaseUrl, connect};
use flyball_schema::definition::PlantDefinition;

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
    // Machines whose code an application brings along are not known here.
    let Prepared { before, defined, complete, after, difference } = Prepared::new(before, change, None, &[], settings)?;
    let mut version = before.version();
    if !dry_run {
        let before = before.without_own_machines(&complete.definition);
        let stored = connection.write_transaction(|connection| {
            let ids = catalogue::store(connection, &before, &complete, now)?;
            record::audit(connection, &difference, author, now)?;
            let after = (&complete.definition, &ids);
            catalogue::settle(connection, &before, after, AlarmsEnd::Journalled, author, now)?;
            catalogue::version(connection)
        });
        version = stored.map_err(|error: DbError| ConfigurationError::from(error))?;
    }
    Ok(Plan { before: defined, after, version, created: Vec::new(), problems: Vec::new() })
}
