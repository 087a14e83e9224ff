//! Why a backup was not made, is not good, or was not restored.

use crate::history::historian::HistorianError;
use crate::history::offline::OfflineError;
use crate::plant::PlantError;
use flyball_schema::db::OpenError;
use std::path::{Path, PathBuf};

/// Why a backup was not made, is not good, or was not restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// A file or folder could not be read, written, flushed or renamed.
    #[error("cannot {attempt} {}", path.display())]
    File {
        /// What was attempted.
        attempt: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is nothing to be backed up.
    #[error("no plant has run here: there is no {}", .0.display())]
    NoPlant(PathBuf),
    /// Another backup is being written into the same folder.
    #[error("another backup is being written into {}", .0.display())]
    Busy(PathBuf),
    /// A file could not be copied.
    #[error("cannot copy {}", path.display())]
    Copy {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: HistorianError,
    },
    /// The history could not be read or written.
    #[error(transparent)]
    History(#[from] HistorianError),
    /// Journal, store or configuration could not be used.
    #[error(transparent)]
    Offline(#[from] OfflineError),
    /// The configuration could not be copied.
    #[error("cannot copy the configuration")]
    Configuration(#[source] diesel::result::Error),
    /// The configuration database is away.
    #[error("the configuration database cannot be used: {0}")]
    Connect(String),
    /// The folder has no manifest that can be read: it is no backup, or not a whole one.
    #[error("{} is no backup", path.display())]
    NoBackup {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Written by a later version.
    #[error("the backup has format {0}, which this program does not know")]
    Format(u32),
    /// Files of the backup are missing or are not what was written.
    #[error("the backup is damaged: {}", .0.join("; "))]
    Damaged(Vec<String>),
    /// There is something that a restore would replace.
    #[error("there is a plant already: {}; a restore with --force sets it aside", .0.join(", "))]
    Exists(Vec<String>),
    /// A server's database is not empty, and cannot be set aside.
    #[error("the database {0} is not empty: restore into a new one")]
    NotEmpty(String),
    /// The data folder cannot be had.
    #[error(transparent)]
    Folder(Box<PlantError>),
    /// Its thread could not be started, or ended before its time.
    #[error("the thread of the backup ended before its time")]
    Thread,
}

impl BackupError {
    /// What becomes of a failed attempt at a file.
    pub(super) fn file(attempt: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { attempt, path, source }
    }
}

impl From<PlantError> for BackupError {
    fn from(error: PlantError) -> Self {
        Self::Folder(Box::new(error))
    }
}

impl From<OpenError> for BackupError {
    fn from(error: OpenError) -> Self {
        Self::Offline(error.into())
    }
}
