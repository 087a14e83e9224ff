//! Opening, beginning and setting aside the file.

use super::Journal;
use crate::history::frame::Decoder;
use crate::history::historian::HistorianError;
use crate::history::states::LastStates;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Integer;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Version of the tables, in `PRAGMA user_version`.
const VERSION: i32 = 1;

// synchronous=FULL: a commit is on the disk when it returns, in WAL mode too. The size limit gives back what a burst
// or a long read has made of the WAL.
const WRITER: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    PRAGMA journal_size_limit = 67108864; PRAGMA temp_store = MEMORY;";
const READER: &str = "PRAGMA busy_timeout = 5000; PRAGMA query_only = ON; PRAGMA temp_store = MEMORY;";

// frame_by_time covers both ends of a range, so that frames are found without touching their rows.
const TABLES: &str = "BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS frame (
        id INTEGER PRIMARY KEY, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,
        t0 INTEGER NOT NULL, t1 INTEGER NOT NULL, r0 INTEGER NOT NULL, r1 INTEGER NOT NULL,
        changes INTEGER NOT NULL, checksum INTEGER NOT NULL, data BLOB NOT NULL) STRICT;
    CREATE INDEX IF NOT EXISTS frame_by_time ON frame (t1, t0);
    CREATE TABLE IF NOT EXISTS state (
        id INTEGER PRIMARY KEY, frame_id INTEGER NOT NULL, changes INTEGER NOT NULL,
        checksum INTEGER NOT NULL, data BLOB NOT NULL) STRICT;
    CREATE INDEX IF NOT EXISTS state_by_frame ON state (frame_id);
    CREATE TABLE IF NOT EXISTS downtime (
        id INTEGER PRIMARY KEY, began INTEGER NOT NULL, ended INTEGER NOT NULL) STRICT;
    PRAGMA user_version = 1;
    COMMIT;";

pub(super) fn for_writing(path: &Path, cap_bytes: u64) -> Result<Journal, HistorianError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|cause| cannot_open(path, cause))?;
    }
    match writer(path, cap_bytes) {
        Err(HistorianError::Damaged(reason)) => {
            let aside = set_aside(path)?;
            log::error!(
                "the journal {} is damaged ({reason}): set aside as {}, beginning a new one",
                path.display(),
                aside.display()
            );
            writer(path, cap_bytes)
        }
        opened => opened,
    }
}

fn writer(path: &Path, cap_bytes: u64) -> Result<Journal, HistorianError> {
    let mut connection = connect(path)?;
    connection.batch_execute(WRITER)?;
    match version(&mut connection)? {
        0 => connection.batch_execute(TABLES)?,
        VERSION => {}
        version => return Err(HistorianError::Version { path: path.to_owned(), version }),
    }
    let mut journal = journal(connection, path, cap_bytes);
    journal.restore_states()?;
    Ok(journal)
}

pub(super) fn for_reading(path: &Path) -> Result<Journal, HistorianError> {
    if !path.exists() {
        return Err(HistorianError::Missing(path.to_owned()));
    }
    let mut connection = connect(path)?;
    connection.batch_execute(READER)?;
    match version(&mut connection)? {
        0 => Err(HistorianError::Missing(path.to_owned())),
        VERSION => Ok(journal(connection, path, u64::MAX)),
        version => Err(HistorianError::Version { path: path.to_owned(), version }),
    }
}

fn journal(connection: SqliteConnection, path: &Path, cap_bytes: u64) -> Journal {
    Journal {
        connection,
        path: path.to_owned(),
        cap_bytes,
        decoder: Decoder::default(),
        states: LastStates::default(),
        states_seq: 0,
        damaged: 0,
        told: BTreeSet::new(),
    }
}

fn connect(path: &Path) -> Result<SqliteConnection, HistorianError> {
    let name = path.to_str().ok_or_else(|| cannot_open(path, "the path is not UTF-8"))?;
    SqliteConnection::establish(name).map_err(|cause| cannot_open(path, cause))
}

fn cannot_open(path: &Path, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> HistorianError {
    HistorianError::Open { path: path.to_owned(), cause: cause.into() }
}

#[derive(QueryableByName)]
struct UserVersion {
    #[diesel(sql_type = Integer)]
    user_version: i32,
}

fn version(connection: &mut SqliteConnection) -> Result<i32, HistorianError> {
    Ok(diesel::sql_query("PRAGMA user_version").get_result::<UserVersion>(connection)?.user_version)
}

/// Renames the file and its companions; the new name of the file.
fn set_aside(path: &Path) -> Result<PathBuf, HistorianError> {
    let renamed = |suffix: &str, number: u32| with_suffix(path, &format!(".damaged-{number}{suffix}"));
    let number = (1..).find(|&number| !renamed("", number).exists()).unwrap_or(u32::MAX);
    for suffix in ["", "-wal", "-shm"] {
        let from = with_suffix(path, suffix);
        if from.exists() {
            std::fs::rename(&from, renamed(suffix, number)).map_err(|cause| cannot_open(&from, cause))?;
        }
    }
    Ok(renamed("", number))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}
