//! Opening, beginning and checking the file.

use super::{Shared, salvage};
use crate::history::historian::HistorianError;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Text};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// Version of the tables, in `PRAGMA user_version`.
const VERSION: i32 = 1;
/// A file up to this size is checked whenever it is opened for writing: a fraction of a second.
const CHECKED_BYTES: u64 = 64 << 20;

// The page size counts where the file is begun. The size limit gives back what a long read has made of the WAL.
const WRITER: &str = "PRAGMA busy_timeout = 5000; PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL;
    PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 2000;
    PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16000; PRAGMA temp_store = MEMORY;";
const READER: &str = "PRAGMA busy_timeout = 5000; PRAGMA query_only = ON; PRAGMA temp_store = MEMORY;";

const TABLES: &str = "BEGIN IMMEDIATE;
    CREATE TABLE chunk (
        generation INTEGER NOT NULL, tag_id INTEGER NOT NULL, t0 INTEGER NOT NULL, turn INTEGER NOT NULL,
        t1 INTEGER NOT NULL, n INTEGER NOT NULL, data_id INTEGER NOT NULL,
        min REAL, max REAL, sum REAL, first REAL, last REAL, area REAL, worst INTEGER,
        pages BLOB NOT NULL, checksum INTEGER NOT NULL,
        PRIMARY KEY (generation, tag_id, t0, turn)) STRICT, WITHOUT ROWID;
    CREATE INDEX chunk_by_end ON chunk (t1);
    CREATE TABLE chunk_data (id INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
    CREATE TABLE generation (id INTEGER PRIMARY KEY, tier INTEGER NOT NULL) STRICT;
    INSERT INTO generation (id, tier) VALUES (0, 0);
    CREATE TABLE sample_late (
        id INTEGER PRIMARY KEY, tag_id INTEGER NOT NULL, t0 INTEGER NOT NULL, t1 INTEGER NOT NULL, n INTEGER NOT NULL,
        pages BLOB NOT NULL, checksum INTEGER NOT NULL, data BLOB NOT NULL) STRICT;
    CREATE INDEX sample_late_by_tag ON sample_late (tag_id);
    CREATE TABLE position (journal TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE downtime (
        id INTEGER PRIMARY KEY, began INTEGER NOT NULL, ended INTEGER NOT NULL) STRICT;
    PRAGMA user_version = 1;
    COMMIT;";

pub(super) fn for_writing(shared: &Shared) -> Result<SqliteConnection, HistorianError> {
    let path = &shared.path;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|cause| cannot_open(path, cause))?;
    }
    salvage::finish(path)?;
    let is_small = std::fs::metadata(path).is_ok_and(|file| file.len() <= CHECKED_BYTES);
    let is_checked = is_small || shared.is_suspect.load(Ordering::Relaxed);
    let connection = match writer(path, is_checked) {
        Err(HistorianError::Damaged(reason)) => {
            salvage::salvage(path, &reason)?;
            shared.epoch.fetch_add(1, Ordering::Relaxed);
            writer(path, false)?
        }
        opened => opened?,
    };
    shared.is_suspect.store(false, Ordering::Relaxed);
    Ok(connection)
}

/// Opens or begins the file.
pub(super) fn writer(path: &Path, is_checked: bool) -> Result<SqliteConnection, HistorianError> {
    let mut connection = connect(path)?;
    connection.batch_execute(WRITER)?;
    match version(&mut connection)? {
        0 => connection.batch_execute(TABLES)?,
        VERSION if is_checked => quick_check(&mut connection)?,
        VERSION => {}
        version => return Err(HistorianError::Version { path: path.to_owned(), version }),
    }
    Ok(connection)
}

/// Opens the file for reading; `None` where nobody has begun it yet.
pub(super) fn reader(path: &Path) -> Result<Option<SqliteConnection>, HistorianError> {
    if !path.exists() {
        return Ok(None);
    }
    let mut connection = connect(path)?;
    connection.batch_execute(READER)?;
    match version(&mut connection)? {
        0 => Ok(None),
        VERSION => Ok(Some(connection)),
        version => Err(HistorianError::Version { path: path.to_owned(), version }),
    }
}

pub(super) fn check(path: &Path) -> Result<(), HistorianError> {
    reader(path)?.map_or(Ok(()), |mut connection| quick_check(&mut connection))
}

#[derive(QueryableByName)]
struct Check {
    #[diesel(sql_type = Text)]
    quick_check: String,
}

fn quick_check(connection: &mut SqliteConnection) -> Result<(), HistorianError> {
    let found = diesel::sql_query("PRAGMA quick_check(1)").get_result::<Check>(connection)?.quick_check;
    if found == "ok" { Ok(()) } else { Err(HistorianError::Damaged(found)) }
}

pub(super) fn connect(path: &Path) -> Result<SqliteConnection, HistorianError> {
    let name = path.to_str().ok_or_else(|| cannot_open(path, "the path is not UTF-8"))?;
    SqliteConnection::establish(name).map_err(|cause| cannot_open(path, cause))
}

pub(super) fn cannot_open(path: &Path, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> HistorianError {
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

/// Pages of the file.
#[derive(QueryableByName)]
pub(super) struct Pages {
    #[diesel(sql_type = BigInt)]
    size: i64,
    #[diesel(sql_type = BigInt)]
    count: i64,
    #[diesel(sql_type = BigInt)]
    pub(super) free: i64,
}

impl Pages {
    pub(super) fn file_bytes(&self) -> u64 {
        (self.size * self.count).unsigned_abs()
    }

    pub(super) fn free_bytes(&self) -> u64 {
        (self.size * self.free).unsigned_abs()
    }

    pub(super) fn used_bytes(&self) -> u64 {
        self.file_bytes() - self.free_bytes()
    }
}

pub(super) fn pages(connection: &mut SqliteConnection) -> Result<Pages, HistorianError> {
    let pages = diesel::sql_query(
        "SELECT page_size AS size, page_count AS count, freelist_count AS free
         FROM pragma_page_size, pragma_page_count, pragma_freelist_count",
    );
    Ok(pages.get_result(connection)?)
}

/// Bytes of the file and its WAL.
pub(super) fn file_bytes(connection: &mut SqliteConnection, path: &Path) -> Result<u64, HistorianError> {
    let wal = std::fs::metadata(with_suffix(path, "-wal")).map_or(0, |file| file.len());
    Ok(pages(connection)?.file_bytes() + wal)
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}
