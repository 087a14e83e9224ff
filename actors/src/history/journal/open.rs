//! Opening, beginning and setting aside the file.

use super::Journal;
use super::salvage::{Salvaged, salvage};
use super::schema::meta;
use crate::history::frame::Decoder;
use crate::history::historian::{HistorianError, JournalId};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Integer, Text};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Version of the tables, in `PRAGMA user_version`.
const VERSION: i32 = 2;

/// A file up to this size is looked through at every start; a larger one would hold the start up for seconds, and every
/// frame has its checksum.
const CHECKED_BYTES: u64 = 256 << 20;

// synchronous=FULL: a commit is on the disk when it returns, in WAL mode too. The size limit gives back what a burst
// or a long read has made of the WAL.
const WRITER: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    PRAGMA journal_size_limit = 67108864; PRAGMA temp_store = MEMORY;";
const READER: &str = "PRAGMA busy_timeout = 5000; PRAGMA query_only = ON; PRAGMA temp_store = MEMORY;";

// frame_by_seq covers what the end of a batch is found by.
const TABLES: &str = "
    CREATE TABLE frame (
        id INTEGER PRIMARY KEY, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,
        t0 INTEGER NOT NULL, t1 INTEGER NOT NULL, r0 INTEGER NOT NULL, r1 INTEGER NOT NULL,
        changes INTEGER NOT NULL, checksum INTEGER NOT NULL, data BLOB NOT NULL) STRICT;
    CREATE TABLE downtime (
        id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, began INTEGER NOT NULL, ended INTEGER NOT NULL) STRICT;";
// Version 1 was the whole history: its frames wait for the store as any others do.
const FROM_VERSION_1: &str = "
    DROP INDEX frame_by_time;
    DROP TABLE state;
    ALTER TABLE downtime ADD COLUMN seq INTEGER NOT NULL DEFAULT 1;";
const INDEX: &str = "
    CREATE INDEX frame_by_seq ON frame (last_seq, changes, r0);
    CREATE TABLE meta (journal TEXT PRIMARY KEY NOT NULL) STRICT;
    PRAGMA user_version = 2;";

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
            let mut journal = writer(path, cap_bytes)?;
            let saved = salvage(&aside, &mut journal)?;
            let Salvaged { frames, changes, lost } = saved;
            log::error!("{frames} frames with {changes} changes were saved of it, {lost} could not be read");
            Ok(journal)
        }
        opened => opened,
    }
}

fn writer(path: &Path, cap_bytes: u64) -> Result<Journal, HistorianError> {
    let mut connection = connect(path)?;
    connection.batch_execute(WRITER)?;
    match version(&mut connection)? {
        0 => set_up(&mut connection, &[TABLES, INDEX])?,
        1 => set_up(&mut connection, &[FROM_VERSION_1, INDEX])?,
        VERSION => check(&mut connection, path)?,
        version => return Err(HistorianError::Version { path: path.to_owned(), version }),
    }
    journal(connection, path, cap_bytes)
}

fn set_up(connection: &mut SqliteConnection, steps: &[&str]) -> Result<(), HistorianError> {
    connection.immediate_transaction(|connection| {
        steps.iter().try_for_each(|step| connection.batch_execute(step))?;
        let id = JournalId(uuid::Uuid::new_v4()).to_string();
        diesel::insert_into(meta::table).values(meta::journal.eq(id)).execute(connection)?;
        Ok(())
    })
}

/// Looks through a file of moderate size.
fn check(connection: &mut SqliteConnection, path: &Path) -> Result<(), HistorianError> {
    if std::fs::metadata(path).is_ok_and(|file| file.len() > CHECKED_BYTES) {
        return Ok(());
    }
    let found = diesel::sql_query("PRAGMA quick_check(1)").get_result::<QuickCheck>(connection)?.quick_check;
    if found == "ok" { Ok(()) } else { Err(HistorianError::Damaged(found)) }
}

pub(super) fn for_reading(path: &Path) -> Result<Journal, HistorianError> {
    if !path.exists() {
        return Err(HistorianError::Missing(path.to_owned()));
    }
    let mut connection = connect(path)?;
    connection.batch_execute(READER)?;
    match version(&mut connection)? {
        // Not set up yet, or not brought up to date yet.
        0 | 1 => Err(HistorianError::Missing(path.to_owned())),
        VERSION => journal(connection, path, u64::MAX),
        version => Err(HistorianError::Version { path: path.to_owned(), version }),
    }
}

fn journal(mut connection: SqliteConnection, path: &Path, cap_bytes: u64) -> Result<Journal, HistorianError> {
    let id = meta::table.select(meta::journal).first::<String>(&mut connection)?;
    let id = uuid::Uuid::parse_str(&id).map_err(|error| HistorianError::Damaged(format!("its identity: {error}")))?;
    Ok(Journal {
        connection,
        path: path.to_owned(),
        id: JournalId(id),
        cap_bytes,
        decoder: Decoder::default(),
        damaged: 0,
        told: BTreeSet::new(),
    })
}

pub(in crate::history) fn connect(path: &Path) -> Result<SqliteConnection, HistorianError> {
    let name = path.to_str().ok_or_else(|| cannot_open(path, "the path is not UTF-8"))?;
    SqliteConnection::establish(name).map_err(|cause| cannot_open(path, cause))
}

fn cannot_open(path: &Path, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> HistorianError {
    HistorianError::Open { path: path.to_owned(), cause: cause.into() }
}

#[derive(QueryableByName)]
struct QuickCheck {
    #[diesel(sql_type = Text)]
    quick_check: String,
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
