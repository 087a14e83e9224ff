//! Brings a backup back.

use super::create::adopt;
use super::files::{as_one_file, copy_file, flush, with_suffix};
use super::manifest::{Manifest, verify};
use super::schedule::folder_name;
use super::{BackupError, CONFIGURATION, HISTORY, JOURNAL, configuration};
use crate::history::HistorySettings;
use crate::history::historian::{Cancel, Historian as _, JournalId, StoreReader};
use crate::history::journal::Journal;
use crate::history::offline::{Told, Unit, copy_samples, tags_of};
use crate::history::sqlite::SqliteHistorian;
use crate::plant::DataFolder;
use crate::settings::Settings;
use flyball_schema::db::DatabaseUrl;
use flyball_schema::{TagId, Timestamp};
use std::path::{Path, PathBuf};

/// What a database consists of.
const COMPANIONS: [&str; 3] = ["", "-wal", "-shm"];

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// What was restored.
    pub manifest: Manifest,
    /// Files that were there before, under the names that they have now.
    pub set_aside: Vec<PathBuf>,
}

/// A file on its way.
struct Arriving {
    name: &'static str,
    target: PathBuf,
}

impl Arriving {
    /// Beside the target, so that a rename brings it there.
    fn temporary(&self) -> PathBuf {
        with_suffix(&self.target, ".restoring")
    }
}

/// Restores the backup in a folder to where the settings say: files are brought in place at the end by renaming, a
/// server's database is filled. Holds the data folder: no plant runs on it meanwhile.
///
/// * `force`: set a plant that is there aside, under other names. A server's database has to be empty all the same.
/// * `now`: part of these names.
///
/// # Errors
/// [`BackupError`]; what was there is there still, a server's database perhaps filled in part.
pub fn restore(
    settings: &Settings,
    backup: &Path,
    force: bool,
    now: Timestamp,
    told: &mut dyn FnMut(Told<'_>),
) -> Result<Restored, BackupError> {
    let manifest = verify(backup, told)?;
    let folder = DataFolder::take_to_restore(&settings.data.dir)?;
    let (files, servers) = targets(settings, &manifest)?;
    let present: Vec<PathBuf> = files.iter().flat_map(|file| present(&file.target)).collect();
    if !present.is_empty() && !force {
        return Err(BackupError::Exists(present.iter().map(|path| path.display().to_string()).collect()));
    }
    if let Some(url) = &servers.configuration
        && !configuration::is_empty(url)?
    {
        return Err(BackupError::NotEmpty(url.to_string()));
    }
    for file in &files {
        bring(backup, &manifest, file, told)?;
    }
    if let Some(url) = &servers.history {
        fill(settings, backup, &files, url, told)?;
    }
    if let Some(url) = &servers.configuration {
        // Works on a copy, which it brings to the newest schema.
        let copy = settings.data.dir.join(format!("{CONFIGURATION}.restoring"));
        copy_file(&backup.join(CONFIGURATION), &copy, told)?;
        let loaded = configuration::load(&copy, url);
        let _removed = COMPANIONS.map(|companion| std::fs::remove_file(with_suffix(&copy, companion)));
        loaded?;
    }
    let aside = format!(".before-{}", folder_name(now));
    let mut set_aside = Vec::new();
    folder.begin_restore().map_err(BackupError::file("mark", folder.path()))?;
    for file in &files {
        set_aside.extend(put_aside(&file.target, &aside)?);
    }
    for file in &files {
        std::fs::rename(file.temporary(), &file.target).map_err(BackupError::file("rename", &file.target))?;
        flush(file.target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))?;
    }
    folder.end_restore().map_err(BackupError::file("mark", folder.path()))?;
    Ok(Restored { manifest, set_aside })
}

impl Drop for Arriving {
    /// What did not arrive is of no use.
    fn drop(&mut self) {
        for companion in COMPANIONS {
            let path = with_suffix(&self.temporary(), companion);
            if path.exists()
                && let Err(error) = std::fs::remove_file(&path)
            {
                log::warn!("{} stays behind: {error}", path.display());
            }
        }
    }
}

/// Databases of servers that are filled.
struct Servers {
    history: Option<DatabaseUrl>,
    configuration: Option<DatabaseUrl>,
}

/// The journal comes last: without it the rest is not taken for a plant.
fn targets(settings: &Settings, manifest: &Manifest) -> Result<(Vec<Arriving>, Servers), BackupError> {
    let (mut files, mut servers) = (Vec::new(), Servers { history: None, configuration: None });
    match DatabaseUrl::parse(&settings.database_url())? {
        DatabaseUrl::Sqlite(path) => files.push(Arriving { name: CONFIGURATION, target: path.into() }),
        url @ DatabaseUrl::Postgres(_) => servers.configuration = Some(url),
    }
    if manifest.file(HISTORY).is_some() {
        match settings.history_url()? {
            DatabaseUrl::Sqlite(path) => files.push(Arriving { name: HISTORY, target: path.into() }),
            url @ DatabaseUrl::Postgres(_) => servers.history = Some(url),
        }
    }
    files.push(Arriving { name: JOURNAL, target: settings.journal().path });
    Ok((files, servers))
}

/// The files of a database that are there.
fn present(path: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    COMPANIONS.map(|companion| with_suffix(path, companion)).into_iter().filter(|path| path.exists())
}

/// Copies a file beside its target, and holds it against the manifest once more.
fn bring(
    backup: &Path,
    manifest: &Manifest,
    file: &Arriving,
    told: &mut dyn FnMut(Told<'_>),
) -> Result<(), BackupError> {
    let Some(entry) = manifest.file(file.name) else { return Ok(()) };
    told(Told::Step { what: file.name, total: entry.bytes, unit: Unit::Bytes });
    if let Some(folder) = file.target.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(BackupError::file("make", folder))?;
    }
    let found = copy_file(&backup.join(file.name), &file.temporary(), told)?;
    match entry.mismatch(found) {
        Some(wrong) => Err(BackupError::Damaged(vec![wrong])),
        None => Ok(()),
    }
}

/// Copies the history into a server's database. The arriving journal gets an identity of its own once more: the server may
/// know the backup's.
fn fill(
    settings: &Settings,
    backup: &Path,
    files: &[Arriving],
    url: &DatabaseUrl,
    told: &mut dyn FnMut(Told<'_>),
) -> Result<(), BackupError> {
    let configuration = DatabaseUrl::Sqlite(backup.join(CONFIGURATION).display().to_string());
    let tags: Vec<TagId> = tags_of(&configuration)?.iter().map(|tag| tag.id).collect();
    let historian = settings.historian()?;
    if has_samples(&mut *historian.open_reader()?, &tags)? {
        return Err(BackupError::NotEmpty(url.to_string()));
    }
    let mut source = SqliteHistorian::new(backup.join(HISTORY)).open_reader()?;
    let mut target = historian.open_writer()?;
    let Some(path) = files.iter().find(|file| file.name == JOURNAL).map(Arriving::temporary) else { return Ok(()) };
    let mut journal = Journal::open(&HistorySettings::new(&path))?;
    let position = source.begin(journal.id())?;
    told(Told::Step { what: "history", total: 0, unit: Unit::Samples });
    copy_samples(&mut *source, &tags, &mut *target, &mut |samples| told(Told::At(samples)))?;
    let downtimes = source.downtimes(Timestamp::MIN..Timestamp::MAX)?;
    source.end();
    let (id, last_seq) = (JournalId(uuid::Uuid::new_v4()), journal.last_seq()?);
    adopt(&mut *target, id, last_seq, position, downtimes)?;
    journal.take_identity(id)?;
    drop(journal);
    as_one_file(&path)?;
    flush(&path)
}

fn has_samples(store: &mut dyn StoreReader, tags: &[TagId]) -> Result<bool, BackupError> {
    for &tag in tags {
        if store.last_before(tag, Timestamp::MAX, &Cancel::default())?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Renames the files of a database; their new names.
fn put_aside(path: &Path, suffix: &str) -> Result<Vec<PathBuf>, BackupError> {
    let mut renamed = Vec::new();
    // SQLite finds the companions of a file by its whole name.
    for companion in COMPANIONS {
        let from = with_suffix(path, companion);
        if from.exists() {
            let to = with_suffix(&with_suffix(path, suffix), companion);
            std::fs::rename(&from, &to).map_err(BackupError::file("rename", &from))?;
            renamed.push(to);
        }
    }
    Ok(renamed)
}
