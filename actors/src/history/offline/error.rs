//! Why a history could not be read or written without its plant.

use crate::history::historian::HistorianError;
use crate::plant::PlantError;
use flyball_schema::db::OpenError;
use std::path::PathBuf;

/// Why a history could not be read or written without its plant.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OfflineError {
    /// There is no database of a plant.
    #[error("no plant has run here: there is no {}", .0.display())]
    NoPlant(PathBuf),
    /// The configuration database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The configuration database is away.
    #[error("the configuration database cannot be used: {0}")]
    Connect(String),
    /// The configuration database refused.
    #[error("the configuration database refused")]
    Database(#[from] diesel::result::Error),
    /// The definition of a tag in the configuration database cannot be read.
    #[error("the definition of tag \"{tag}\" cannot be read")]
    Definition {
        /// The tag.
        tag: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Journal or store cannot be used.
    #[error(transparent)]
    History(#[from] HistorianError),
    /// The data folder cannot be had.
    #[error(transparent)]
    Folder(Box<PlantError>),
}

impl From<PlantError> for OfflineError {
    fn from(error: PlantError) -> Self {
        Self::Folder(Box::new(error))
    }
}
