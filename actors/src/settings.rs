//! Settings of a plant's process. A plant's *definition* (tags, alarms …) is not here.

use crate::history;
use crate::opcua;
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

/// Settings of a plant's process.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where files are kept.
    pub data: Data,
    /// The configuration and state database.
    pub database: Database,
    /// The journal of samples.
    pub history: History,
    /// The OPC UA client.
    pub opcua: OpcUa,
}

/// Where files are kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// Folder, made where it is missing.
    pub dir: PathBuf,
}

impl Default for Data {
    fn default() -> Self {
        Self { dir: PathBuf::from("./data") }
    }
}

/// The configuration and state database.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `sqlite://path` or a path; `None` for `flyball.db` in the data folder.
    pub url: Option<String>,
    /// Reading connections, 1 to 64.
    pub readers: u32,
}

impl Default for Database {
    fn default() -> Self {
        Self { url: None, readers: 2 }
    }
}

/// The journal of samples.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct History {
    /// Bytes of `journal.db` past which the oldest frames are dropped, counted and alarmed.
    pub journal_cap_bytes: u64,
    /// How long a change waits for others before it is journaled, ms; with the commit it is durable within 100 ms.
    pub flush_ms: u64,
}

impl Default for History {
    fn default() -> Self {
        Self { journal_cap_bytes: 8 << 30, flush_ms: 30 }
    }
}

/// The OPC UA client.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OpcUa {
    /// Interval of the reads that show that a device is alive, ms.
    pub keep_alive_ms: u64,
    /// How long a device may take to answer, ms.
    pub request_timeout_ms: u64,
}

impl Default for OpcUa {
    fn default() -> Self {
        Self { keep_alive_ms: 2_000, request_timeout_ms: 5_000 }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::in_folder(Data::default().dir)
    }
}

impl Settings {
    /// Default settings with all files in `dir`.
    #[must_use]
    pub fn in_folder(dir: impl Into<PathBuf>) -> Self {
        Self {
            data: Data { dir: dir.into() },
            database: Database::default(),
            history: History::default(),
            opcua: OpcUa::default(),
        }
    }

    /// URL of the configuration and state database.
    #[must_use]
    pub fn database_url(&self) -> String {
        let file = || self.data.dir.join("flyball.db").display().to_string();
        self.database.url.clone().unwrap_or_else(file)
    }

    /// Settings of the journal.
    #[must_use]
    pub(crate) fn journal(&self) -> history::HistorySettings {
        history::HistorySettings {
            journal_cap_bytes: self.history.journal_cap_bytes,
            flush: Duration::from_millis(self.history.flush_ms),
            ..history::HistorySettings::new(self.data.dir.join("journal.db"))
        }
    }

    /// Settings of the OPC UA client.
    #[must_use]
    pub(crate) fn opcua_client(&self) -> opcua::OpcUaSettings {
        opcua::OpcUaSettings {
            pki_dir: self.data.dir.join("pki"),
            keep_alive: Duration::from_millis(self.opcua.keep_alive_ms),
            request_timeout: Duration::from_millis(self.opcua.request_timeout_ms),
            ..opcua::OpcUaSettings::default()
        }
    }
}
