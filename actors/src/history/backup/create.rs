//! Makes a backup.

use super::files::{Partial, as_one_file, checksum, copy_database, flush};
use super::manifest::{FORMAT, FileEntry, Manifest};
use super::schedule::{folder_name, surplus};
use super::{BackupError, CONFIGURATION, HISTORY, JOURNAL, configuration};
use crate::history::HistorySettings;
use crate::history::historian::{Batch, Historian as _, JournalId, StoreWriter};
use crate::history::journal::Journal;
use crate::history::offline::{OfflineError, Told, Unit, copy_samples, known_tags};
use crate::history::sqlite::SqliteHistorian;
use crate::settings::Settings;
use flyball_schema::Timestamp;
use flyball_schema::db::DatabaseUrl;
use std::fs::{File, TryLockError};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// File that is locked while a backup is written beside it.
const LOCK: &str = ".flyball-backup.lock";

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Its folder.
    pub path: PathBuf,
    /// What is in it.
    pub manifest: Manifest,
}

/// Backs up the plant of these settings into a new folder in `into`, which is made where it is missing. The plant may
/// run meanwhile: nothing waits for it.
///
/// * `plant`: its name, where it is known.
/// * `now`: when it is begun.
/// * `told`: how far it is.
///
/// # Errors
/// [`BackupError`]; nothing is left behind.
pub fn create(
    settings: &Settings,
    plant: Option<&str>,
    into: &Path,
    now: Timestamp,
    told: &mut dyn FnMut(Told<'_>),
) -> Result<Backup, BackupError> {
    let journal = settings.journal().path;
    if !journal.exists() {
        return Err(BackupError::NoPlant(journal));
    }
    std::fs::create_dir_all(into).map_err(BackupError::file("make", into))?;
    let _lock = lock(into)?;
    remove_partial(into)?;
    let path = unused(into, now);
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let partial = Partial::make(into.join(format!(".{name}.partial")))?;
    copy_database(&journal, &partial.path().join(JOURNAL), told)?;
    let store = copy_store(settings, partial.path(), told)?;
    copy_configuration(settings, partial.path(), told)?;
    configuration::end_sessions(&partial.path().join(CONFIGURATION))?;
    let settled = settle(partial.path(), store)?;
    let mut files = Vec::new();
    for name in [JOURNAL, HISTORY, CONFIGURATION] {
        let file = partial.path().join(name);
        as_one_file(&file)?;
        flush(&file)?;
        files.push(FileEntry::new(name, checksum(&file, |_| ())?));
    }
    let manifest = Manifest {
        format: FORMAT,
        flyball: env!("CARGO_PKG_VERSION").to_owned(),
        plant: plant.map(str::to_owned),
        made_at: now,
        journal: settled.journal.to_string(),
        last_seq: settled.last_seq,
        position: settled.position,
        files,
    };
    manifest.write(partial.path())?;
    flush(partial.path())?;
    partial.keep_as(&path)?;
    flush(into)?;
    Ok(Backup { path, manifest })
}

/// Removes the backups in a folder that are too many; which.
///
/// # Errors
/// [`BackupError::File`].
pub fn remove_surplus(folder: &Path, keep: usize) -> Result<Vec<String>, BackupError> {
    let mut names = names_in(folder)?;
    // What has no manifest is not of ours, whatever its name.
    names.retain(|name| Manifest::read(&folder.join(name)).is_ok());
    let removed = surplus(&names, keep);
    for name in &removed {
        let path = folder.join(name);
        std::fs::remove_dir_all(&path).map_err(BackupError::file("remove", &path))?;
    }
    Ok(removed)
}

fn names_in(folder: &Path) -> Result<Vec<String>, BackupError> {
    let failed = || BackupError::file("read", folder);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed())? {
        names.extend(entry.map_err(failed())?.file_name().into_string().ok());
    }
    Ok(names)
}

fn lock(folder: &Path) -> Result<File, BackupError> {
    let path = folder.join(LOCK);
    let failed = BackupError::file("lock", &path);
    let lock = match File::options().create(true).truncate(false).write(true).open(&path) {
        Ok(lock) => lock,
        Err(error) => return Err(failed(error)),
    };
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(BackupError::Busy(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Removes what a backup has left that was killed. Nobody writes one now.
fn remove_partial(folder: &Path) -> Result<(), BackupError> {
    let is_partial = |name: &String| name.starts_with(".flyball-") && name.ends_with(".partial");
    for name in names_in(folder)?.into_iter().filter(is_partial) {
        let path = folder.join(name);
        std::fs::remove_dir_all(&path).map_err(BackupError::file("remove", &path))?;
    }
    Ok(())
}

/// A folder that is not there: a second later where there is one of this second.
fn unused(into: &Path, now: Timestamp) -> PathBuf {
    let second = std::time::Duration::from_secs(1);
    let mut times = std::iter::successors(Some(now), |time| Some(*time + second));
    let free = times.find_map(|time| Some(into.join(folder_name(time))).filter(|path| !path.exists()));
    free.unwrap_or_else(|| into.join(folder_name(now)))
}

/// What is known of a copied store.
pub(super) struct CopiedStore {
    /// Its position for the journal that was copied, where it is known; the copy knows it otherwise.
    pub(super) position: Option<u64>,
    pub(super) downtimes: Vec<Range<Timestamp>>,
}

fn copy_store(settings: &Settings, partial: &Path, told: &mut dyn FnMut(Told<'_>)) -> Result<CopiedStore, BackupError> {
    let target = partial.join(HISTORY);
    match settings.history_url()? {
        DatabaseUrl::Sqlite(path) if Path::new(&path).exists() => {
            copy_database(Path::new(&path), &target, told)?;
            Ok(CopiedStore { position: None, downtimes: Vec::new() })
        }
        DatabaseUrl::Sqlite(_) => Ok(CopiedStore { position: Some(0), downtimes: Vec::new() }),
        DatabaseUrl::Postgres(_) => {
            let mut journal = Journal::open_read_only(&HistorySettings::new(partial.join(JOURNAL)))?;
            journal.last_seq()?;
            let mut store = settings.historian()?.open_reader()?;
            let position = store.begin(journal.id())?;
            let tags: Vec<_> = known_tags(settings)?.iter().map(|tag| tag.id).collect();
            let mut writer = SqliteHistorian::new(&target).open_writer()?;
            told(Told::Step { what: "history", total: 0, unit: Unit::Samples });
            copy_samples(&mut *store, &tags, &mut *writer, &mut |samples| told(Told::At(samples)))?;
            let downtimes = store.downtimes(Timestamp::MIN..Timestamp::MAX)?;
            store.end();
            Ok(CopiedStore { position: Some(position), downtimes })
        }
    }
}

fn copy_configuration(settings: &Settings, partial: &Path, told: &mut dyn FnMut(Told<'_>)) -> Result<(), BackupError> {
    let target = partial.join(CONFIGURATION);
    match DatabaseUrl::parse(&settings.database_url())? {
        DatabaseUrl::Sqlite(path) => {
            let path = PathBuf::from(path);
            if !path.exists() {
                return Err(BackupError::Offline(OfflineError::NoPlant(path)));
            }
            copy_database(&path, &target, told)
        }
        url @ DatabaseUrl::Postgres(_) => configuration::dump(&url, &target),
    }
}

/// How journal and store of a backup stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Settled {
    pub(super) journal: JournalId,
    pub(super) last_seq: u64,
    pub(super) position: u64,
}

/// Gives the copied journal its own identity and the copied store a position for it.
pub(super) fn settle(partial: &Path, copied: CopiedStore) -> Result<Settled, BackupError> {
    let mut journal = Journal::open(&HistorySettings::new(partial.join(JOURNAL)))?;
    let mut store = SqliteHistorian::new(partial.join(HISTORY)).open_writer()?;
    let position = match copied.position {
        Some(position) => position,
        None => store.position(journal.id())?,
    };
    let id = JournalId(uuid::Uuid::new_v4());
    let last_seq = journal.last_seq()?;
    let position = adopt(&mut *store, id, last_seq, position, copied.downtimes)?;
    journal.take_identity(id)?;
    Ok(Settled { journal: id, last_seq, position })
}

/// Tells a store what it has of a journal that it has not seen under this name, which is not more than is in that; the
/// position.
pub(super) fn adopt(
    store: &mut dyn StoreWriter,
    journal: JournalId,
    last_seq: u64,
    position: u64,
    downtimes: Vec<Range<Timestamp>>,
) -> Result<u64, BackupError> {
    let upto = position.min(last_seq);
    if upto > 0 || !downtimes.is_empty() {
        store.store(&Batch { journal, behind: 0, upto, series: Vec::new(), downtimes })?;
    }
    Ok(upto)
}
