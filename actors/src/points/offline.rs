//! Points into the database of a plant that does not run.

use super::{ImportPoints, PointsError, PointsImported, store};
use crate::Clock;
use crate::db::{DbError, DbManager};
use crate::history::offline::OfflineError;
use crate::plant::DataFolder;
use crate::settings::Settings;
use flyball_schema::db::{Access, DatabaseUrl, connect};
use std::path::Path;

/// Why points were not imported. Nothing was stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OfflineImportError {
    /// The plant runs, or its database cannot be used.
    #[error(transparent)]
    Offline(#[from] OfflineError),
    /// The points were refused.
    #[error(transparent)]
    Points(#[from] PointsError),
}

/// Does what [`ImportPoints`] says while no plant runs on the data folder. Blocks.
///
/// The database is brought to the newest schema first, as a start of the plant does.
///
/// # Errors
/// [`OfflineImportError`].
pub fn import(settings: &Settings, import: &ImportPoints) -> Result<PointsImported, OfflineImportError> {
    let url = settings.database_url();
    let parsed = DatabaseUrl::parse(&url).map_err(OfflineError::from)?;
    if let DatabaseUrl::Sqlite(path) = &parsed
        && !Path::new(path).exists()
    {
        return Err(OfflineError::NoPlant(path.into()).into());
    }
    let _folder = DataFolder::take(&settings.data.dir).map_err(OfflineError::from)?;
    DbManager::migrate(&url).map_err(PointsError::from)?;
    let mut connection = connect(&parsed, Access::Write).map_err(|error| OfflineError::Connect(error.to_string()))?;
    let now = Clock::system().now();
    let done = connection.write_transaction(|connection| store::import(connection, import, now));
    Ok(done.map_err(|error: DbError| PointsError::from(error))??)
}
