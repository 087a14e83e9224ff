//! Settings of a plant's process. A plant's *definition* (tags, alarms …) is not here.

use crate::alarms::ShelfLimits;
use crate::history;
use crate::history::historian::{Historian, Retention};
use crate::history::postgres::PostgresHistorian;
use crate::history::sqlite::SqliteHistorian;
use crate::notify::settings::Notify;
use crate::opcua;
use flyball_schema::TagId;
use flyball_schema::db::{Backend, DatabaseUrl, OpenError};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
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
    /// Scheduled backups.
    pub backup: Backup,
    /// The OPC UA client.
    pub opcua: OpcUa,
    /// Who is told of alarms.
    pub notify: Notify,
    /// Alarms.
    pub alarms: Alarms,
}

/// Alarms.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Alarms {
    /// How long they may be shelved at a time.
    pub shelve: Shelve,
}

/// How long alarms may be shelved at a time, minutes, by priority; what a definition says goes before it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shelve {
    /// Critical ones.
    pub critical_minutes: u32,
    /// High ones.
    pub high_minutes: u32,
    /// Medium ones.
    pub medium_minutes: u32,
    /// Low ones.
    pub low_minutes: u32,
}

impl Default for Shelve {
    fn default() -> Self {
        Self { critical_minutes: 60, high_minutes: 240, medium_minutes: 480, low_minutes: 1_440 }
    }
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
    /// `sqlite://path`, a path or `postgres://host/database`; `None` for `flyball.db` in the data folder.
    pub url: Option<String>,
    /// Reading connections, 1 to 64.
    pub readers: u32,
}

impl Default for Database {
    fn default() -> Self {
        Self { url: None, readers: 2 }
    }
}

/// The history of samples.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct History {
    /// Where samples are kept for good: `sqlite://path`, a path, or `postgres://…`; `None` for the database of `database.url`
    /// where that is PostgreSQL, else for `history.db` in the data folder.
    pub url: Option<String>,
    /// Bytes of `journal.db` past which the oldest frames are dropped, counted and alarmed.
    pub journal_cap_bytes: u64,
    /// How long a change waits for others before it is journaled, ms; with the commit it is durable within 100 ms.
    pub flush_ms: u64,
    /// Newest samples kept in memory, about 40 bytes each.
    pub head_samples: usize,
    /// Samples that go into the store together at the most; 0 as the store likes (a million in SQLite).
    pub generation_samples: u64,
    /// How long a sample waits for others on its way into the store, ms; 0 as the store likes (an hour in SQLite, a second
    /// in PostgreSQL). It is durable in the journal and can be read all the while.
    pub generation_ms: u64,
    /// Days that samples are kept; 0 for ever.
    pub keep_days: u32,
    /// Bytes of the store past which the oldest samples are dropped; 0 without bound.
    pub max_bytes: u64,
    /// Retention classes that tags may name, in days; 0 for ever. Names in lower case.
    pub classes: BTreeMap<String, u32>,
}

impl Default for History {
    fn default() -> Self {
        Self {
            url: None,
            journal_cap_bytes: 8 << 30,
            flush_ms: 30,
            head_samples: 2_000_000,
            generation_samples: 0,
            generation_ms: 0,
            keep_days: 0,
            max_bytes: 0,
            classes: BTreeMap::new(),
        }
    }
}

/// Scheduled backups.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Backup {
    /// Folder that they are written into, best on another disk; none are made where it is empty.
    pub dir: PathBuf,
    /// Hours from one to the next; 0 for none.
    pub every_hours: u32,
    /// How many of them are kept, at least 1.
    pub keep: usize,
}

impl Default for Backup {
    fn default() -> Self {
        Self { dir: PathBuf::new(), every_hours: 24, keep: 7 }
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
    /// How long alarms may be shelved at a time.
    #[must_use]
    pub fn shelf_limits(&self) -> ShelfLimits {
        let Shelve { critical_minutes, high_minutes, medium_minutes, low_minutes } = self.alarms.shelve;
        let minutes = |minutes: u32| Duration::from_secs(u64::from(minutes) * 60);
        ShelfLimits {
            critical: minutes(critical_minutes),
            high: minutes(high_minutes),
            medium: minutes(medium_minutes),
            low: minutes(low_minutes),
        }
    }

    /// Default settings with all files in `dir`.
    #[must_use]
    pub fn in_folder(dir: impl Into<PathBuf>) -> Self {
        Self {
            data: Data { dir: dir.into() },
            database: Database::default(),
            history: History::default(),
            backup: Backup::default(),
            opcua: OpcUa::default(),
            notify: Notify::default(),
            alarms: Alarms::default(),
        }
    }

    /// URL of the configuration and state database.
    #[must_use]
    pub fn database_url(&self) -> String {
        let file = || self.data.dir.join("flyball.db").display().to_string();
        self.database.url.clone().unwrap_or_else(file)
    }

    /// Folder of the backups that somebody asks for without naming another: `backups` in the data folder where the
    /// settings name none.
    #[must_use]
    pub fn backup_dir(&self) -> PathBuf {
        if self.backup.dir.as_os_str().is_empty() { self.data.dir.join("backups") } else { self.backup.dir.clone() }
    }

    /// Settings of the journal.
    #[must_use]
    pub(crate) fn journal(&self) -> history::HistorySettings {
        history::HistorySettings {
            journal_cap_bytes: self.history.journal_cap_bytes,
            flush: Duration::from_millis(self.history.flush_ms),
            head_samples: self.history.head_samples,
            generation_samples: (self.history.generation_samples > 0).then_some(self.history.generation_samples),
            generation_age: (self.history.generation_ms > 0).then(|| Duration::from_millis(self.history.generation_ms)),
            ..history::HistorySettings::new(self.data.dir.join("journal.db"))
        }
    }

    /// Where the store of samples is.
    ///
    /// # Errors
    /// A URL of another kind.
    pub(crate) fn history_url(&self) -> Result<DatabaseUrl, OpenError> {
        let parsed = |url: &Option<String>| url.as_deref().map(DatabaseUrl::parse).transpose();
        let shared = parsed(&self.database.url)?.filter(|url| url.backend() == Backend::Postgres);
        let file = || DatabaseUrl::Sqlite(self.data.dir.join("history.db").display().to_string());
        Ok(parsed(&self.history.url)?.or(shared).unwrap_or_else(file))
    }

    /// The store of samples.
    ///
    /// # Errors
    /// A URL of another kind.
    pub(crate) fn historian(&self) -> Result<Arc<dyn Historian>, OpenError> {
        Ok(match self.history_url()? {
            DatabaseUrl::Postgres(url) => Arc::new(PostgresHistorian::new(url)),
            DatabaseUrl::Sqlite(path) => Arc::new(SqliteHistorian::new(path)),
        })
    }

    /// How long samples are kept.
    ///
    /// * `class_of`: tags with their retention class.
    ///
    /// # Errors
    /// The tag and the class that the settings do not name.
    pub(crate) fn retention<'a>(
        &self,
        class_of: impl Iterator<Item = (TagId, &'a str)>,
    ) -> Result<Retention, (TagId, String)> {
        let kept = |days: u32| (days > 0).then(|| Duration::from_secs(86_400 * u64::from(days)));
        let of = |(tag, class): (TagId, &str)| match self.history.classes.get(class) {
            Some(days) => Ok((tag, kept(*days))),
            None => Err((tag, class.to_owned())),
        };
        Ok(Retention {
            default: kept(self.history.keep_days),
            by_tag: class_of.map(of).collect::<Result<_, _>>()?,
            max_bytes: (self.history.max_bytes > 0).then_some(self.history.max_bytes),
        })
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
