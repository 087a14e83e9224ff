//! What the database keeps of the OPC UA side: settings of links and of nodes that we serve, each with its versions,
//! and when links were connected and lost.

mod history;
mod logger;
mod settings;
#[cfg(test)]
mod tests;

pub use logger::LinksLogger;

use crate::db::DbError;
use actix::Message;
use flyball_schema::{LinkId, Timestamp};
use serde_json::Value as Json;

/// What a setting is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SettingKind {
    /// A link to a device.
    Link,
    /// A node that our own server serves.
    ServerNode,
}

impl SettingKind {
    /// The word that the database keeps.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::ServerNode => "server_node",
        }
    }
}

/// A setting as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Unique in its kind.
    pub name: String,
    /// Number of the present version, from 1; it goes on after a removal.
    pub revision: i64,
    /// What it says.
    pub definition: Json,
    /// When it last changed.
    pub changed_at: Timestamp,
    /// Who changed it.
    pub changed_by: String,
}

/// A setting as it was.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingVersion {
    /// From 1.
    pub revision: i64,
    /// What it said; `None` where it was removed.
    pub definition: Option<Json>,
    /// When it changed.
    pub changed_at: Timestamp,
    /// Who changed it.
    pub changed_by: String,
}

/// Why a setting was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingError {
    /// It is not there.
    #[error("unknown setting \"{0}\"")]
    Unknown(String),
    /// It is not as the person who changes it saw it.
    #[error("setting \"{name}\" was changed meanwhile: it is at revision {current}")]
    Conflict {
        /// The setting.
        name: String,
        /// Its present revision.
        current: i64,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] DbError),
}

/// Makes or changes a setting; the reply is the setting as it is, durable.
///
/// * Errors: [`SettingError::Conflict`], [`SettingError::Unknown`], [`SettingError::Database`].
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Setting, SettingError>")]
pub struct SaveSetting {
    /// What it is of.
    pub kind: SettingKind,
    /// Its name.
    pub name: String,
    /// What it says now.
    pub definition: Json,
    /// The revision that is changed; `None` for a setting that is not there yet.
    pub revision: Option<i64>,
    /// Who does it.
    pub by: String,
}

/// Removes a setting; its versions stay, and its name can be taken again.
///
/// * Errors: [`SettingError::Conflict`], [`SettingError::Unknown`], [`SettingError::Database`].
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), SettingError>")]
pub struct RemoveSetting {
    /// What it is of.
    pub kind: SettingKind,
    /// Its name.
    pub name: String,
    /// The revision that is removed.
    pub revision: i64,
    /// Who does it.
    pub by: String,
}

/// Lists the settings of a kind by name (byte order), a page at a time.
///
/// * Errors: [`DbError`], [`DbError::Corrupt`] for a row that is no setting.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Vec<Setting>, DbError>")]
pub struct ListSettings {
    /// What they are of.
    pub kind: SettingKind,
    /// Start behind this name: the last of the page before.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// Reads every version of a setting, oldest first, also of one that is removed; none where there never was one.
///
/// * Errors: [`DbError`], [`DbError::Corrupt`].
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Vec<SettingVersion>, DbError>")]
pub struct ReadSettingVersions {
    /// What it is of.
    pub kind: SettingKind,
    /// Its name.
    pub name: String,
}

/// Notes that a link was connected, or lost.
///
/// * Errors: [`DbError`].
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), DbError>")]
pub struct NoteConnection {
    /// The link.
    pub link: LinkId,
    /// Connected, or lost.
    pub connected: bool,
    /// Why it was lost.
    pub reason: Option<String>,
    /// When it happened.
    pub occurred: Timestamp,
}

/// A link was connected, or lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionChange {
    /// Number, rising.
    pub id: i64,
    /// The link.
    pub link: LinkId,
    /// Connected, or lost.
    pub connected: bool,
    /// Why it was lost.
    pub reason: Option<String>,
    /// When it happened.
    pub occurred: Timestamp,
}

/// Lists when links were connected and lost, newest first, a page at a time.
///
/// * Errors: [`DbError`], [`DbError::Corrupt`].
#[derive(Debug, Clone, Copy, Default, Message)]
#[rtype(result = "Result<Vec<ConnectionChange>, DbError>")]
pub struct ListConnections {
    /// Of this link; `None` for all.
    pub link: Option<LinkId>,
    /// Only older than this one: the last of the page before.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: usize,
}
