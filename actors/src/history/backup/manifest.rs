//! What is in a backup, and whether it still is.

use super::files::checksum;
use super::{BackupError, CONFIGURATION, HISTORY, JOURNAL};
use crate::history::offline::{Told, Unit};
use flyball_schema::Timestamp;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// File of the manifest.
const MANIFEST: &str = "manifest.json";

/// Version of the format.
pub(super) const FORMAT: u32 = 1;

/// What is in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the format.
    pub format: u32,
    /// Version of Flyball that wrote it.
    pub flyball: String,
    /// Name of the plant, where it was known.
    pub plant: Option<String>,
    /// When it was begun.
    pub made_at: Timestamp,
    /// Identity of its journal.
    pub journal: String,
    /// Last sequence number in its journal.
    pub last_seq: u64,
    /// Sequence number up to which its history has the changes of its journal.
    pub position: u64,
    /// Its files.
    pub files: Vec<FileEntry>,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its name.
    pub name: String,
    /// Its size, bytes.
    pub bytes: u64,
    /// Its CRC-32, eight hexadecimal digits.
    pub crc32: String,
}

impl FileEntry {
    pub(super) fn new(name: &str, (bytes, crc): (u64, u32)) -> Self {
        Self { name: name.to_owned(), bytes, crc32: format!("{crc:08x}") }
    }

    /// What is wrong with a file of this size and checksum.
    pub(super) fn mismatch(&self, found: (u64, u32)) -> Option<String> {
        let found = Self::new(&self.name, found);
        if found.bytes != self.bytes {
            return Some(format!("{} has {} bytes, not {}", self.name, found.bytes, self.bytes));
        }
        (found.crc32 != self.crc32).then(|| format!("{} has checksum {}, not {}", self.name, found.crc32, self.crc32))
    }
}

impl Manifest {
    /// Reads the manifest of the backup in a folder.
    ///
    /// # Errors
    /// [`BackupError::NoBackup`], [`BackupError::Format`].
    pub fn read(folder: &Path) -> Result<Self, BackupError> {
        let no_backup = |source| BackupError::NoBackup { path: folder.to_owned(), source };
        let path = folder.join(MANIFEST);
        let text = std::fs::read_to_string(&path).map_err(|error| no_backup(format!("{MANIFEST}: {error}").into()))?;
        let manifest: Self =
            serde_json::from_str(&text).map_err(|error| no_backup(format!("{MANIFEST}: {error}").into()))?;
        if manifest.format > FORMAT {
            return Err(BackupError::Format(manifest.format));
        }
        // What is written elsewhere by its name has to be one of ours.
        match manifest.files.iter().find(|file| ![JOURNAL, HISTORY, CONFIGURATION].contains(&file.name.as_str())) {
            Some(file) => Err(no_backup(format!("{MANIFEST}: \"{}\" is none of its files", file.name).into())),
            None => Ok(manifest),
        }
    }

    /// Writes it.
    pub(super) fn write(&self, folder: &Path) -> Result<(), BackupError> {
        let path = folder.join(MANIFEST);
        let failed = BackupError::file("write", &path);
        let text = serde_json::to_string_pretty(self).map_err(std::io::Error::from);
        let written = text.and_then(|text| {
            std::fs::write(&path, text + "\n")?;
            std::fs::File::open(&path)?.sync_all()
        });
        written.map_err(failed)
    }

    /// The entry of a file.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&FileEntry> {
        self.files.iter().find(|file| file.name == name)
    }

    /// Size of all its files, bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// Holds every file of the backup in a folder against the manifest.
///
/// # Errors
/// [`BackupError::Damaged`] with all that is wrong; as [`Manifest::read`].
pub fn verify(folder: &Path, told: &mut dyn FnMut(Told<'_>)) -> Result<Manifest, BackupError> {
    let manifest = Manifest::read(folder)?;
    let mut wrong = Vec::new();
    for name in [JOURNAL, CONFIGURATION] {
        if manifest.file(name).is_none() {
            wrong.push(format!("{name} is not in it"));
        }
    }
    for file in &manifest.files {
        told(Told::Step { what: &file.name, total: file.bytes, unit: Unit::Bytes });
        match checksum(&folder.join(&file.name), |bytes| told(Told::At(bytes))) {
            Ok(found) => wrong.extend(file.mismatch(found)),
            Err(BackupError::File { source, .. }) => wrong.push(format!("{}: {source}", file.name)),
            Err(error) => return Err(error),
        }
    }
    if wrong.is_empty() { Ok(manifest) } else { Err(BackupError::Damaged(wrong)) }
}
