//! Copies of files that are on the disk when they are said to be.

use super::BackupError;
use crate::history::historian::{Chain, HistorianError};
use crate::history::journal::connect;
use crate::history::offline::{Told, Unit};
use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::sql_types::Text;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// How often the size of a copy is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Bytes read and written at a time.
const BUFFER: usize = 1 << 20;

/// Copies one state of a database into a new file, while others read and write it.
///
/// # Errors
/// [`BackupError::Copy`].
pub(super) fn copy_database(from: &Path, to: &Path, told: &mut dyn FnMut(Told<'_>)) -> Result<(), BackupError> {
    let total = size(from) + size(&with_suffix(from, "-wal"));
    let name = from.file_name().unwrap_or_default().to_string_lossy();
    told(Told::Step { what: &name, total, unit: Unit::Bytes });
    let copied = std::thread::scope(|scope| {
        let (done, is_done) = channel();
        scope.spawn(move || {
            let copied = vacuum_into(from, to);
            // Who waits for it is there until then.
            let _heard = done.send(copied);
        });
        loop {
            match is_done.recv_timeout(LOOK) {
                Ok(copied) => return copied,
                Err(RecvTimeoutError::Timeout) => told(Told::At(size(to))),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(HistorianError::Panicked("while a file was copied".to_owned()));
                }
            }
        }
    });
    copied.map_err(|source| BackupError::Copy { path: from.to_owned(), source })?;
    told(Told::At(total));
    Ok(())
}

/// One state of all pages that are in use; writers go on meanwhile.
fn vacuum_into(from: &Path, to: &Path) -> Result<(), HistorianError> {
    let mut connection = connect(from)?;
    connection.batch_execute("PRAGMA busy_timeout = 5000")?;
    let target = to.to_string_lossy().into_owned();
    diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(target).execute(&mut connection)?;
    Ok(())
}

/// Makes a database one file again, without its companions.
///
/// # Errors
/// [`HistorianError`].
pub(super) fn as_one_file(path: &Path) -> Result<(), HistorianError> {
    let mut connection = connect(path)?;
    Ok(connection.batch_execute("PRAGMA busy_timeout = 5000; PRAGMA journal_mode = DELETE")?)
}

/// Flushes a file, or the names in a folder, to the disk.
///
/// # Errors
/// [`BackupError::File`].
pub(super) fn flush(path: &Path) -> Result<(), BackupError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(BackupError::file("flush", path))
}

/// Size and CRC-32 of a file; tells how many bytes were read so far.
///
/// # Errors
/// [`BackupError::File`].
pub(super) fn checksum(path: &Path, mut told: impl FnMut(u64)) -> Result<(u64, u32), BackupError> {
    let mut file = File::open(path).map_err(BackupError::file("open", path))?;
    let (mut hasher, mut bytes, mut buffer) = (crc32fast::Hasher::new(), 0, vec![0; BUFFER]);
    loop {
        let count = file.read(&mut buffer).map_err(BackupError::file("read", path))?;
        if count == 0 {
            return Ok((bytes, hasher.finalize()));
        }
        hasher.update(&buffer[..count]);
        bytes += count as u64;
        told(bytes);
    }
}

/// Copies a file and flushes the copy to the disk; its size and CRC-32.
///
/// # Errors
/// [`BackupError::File`].
pub(super) fn copy_file(from: &Path, to: &Path, told: &mut dyn FnMut(Told<'_>)) -> Result<(u64, u32), BackupError> {
    let mut file = BufReader::with_capacity(BUFFER, File::open(from).map_err(BackupError::file("open", from))?);
    let mut copy = File::create(to).map_err(BackupError::file("write", to))?;
    let (mut hasher, mut bytes, mut buffer) = (crc32fast::Hasher::new(), 0, vec![0; BUFFER]);
    loop {
        let count = file.read(&mut buffer).map_err(BackupError::file("read", from))?;
        if count == 0 {
            break;
        }
        copy.write_all(&buffer[..count]).map_err(BackupError::file("write", to))?;
        hasher.update(&buffer[..count]);
        bytes += count as u64;
        told(Told::At(bytes));
    }
    copy.sync_all().map_err(BackupError::file("flush", to))?;
    Ok((bytes, hasher.finalize()))
}

/// Size of a file, 0 where there is none.
pub(super) fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len())
}

/// The path with something behind its name.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// A folder that is removed with all in it unless it is kept.
#[derive(Debug)]
pub(super) struct Partial(Option<PathBuf>);

impl Partial {
    pub(super) fn make(path: PathBuf) -> Result<Self, BackupError> {
        std::fs::create_dir(&path).map_err(BackupError::file("make", &path))?;
        Ok(Self(Some(path)))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.as_deref().unwrap_or(Path::new(""))
    }

    /// Gives it its name.
    pub(super) fn keep_as(mut self, name: &Path) -> Result<(), BackupError> {
        std::fs::rename(self.path(), name).map_err(BackupError::file("rename", name))?;
        self.0 = None;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let Some(path) = self.0.take() else { return };
        if let Err(error) = std::fs::remove_dir_all(&path) {
            log::warn!("{} stays behind: {}", path.display(), Chain(&error));
        }
    }
}
