//! The data folder: made where it is missing, and used by one plant at a time.

use super::error::PlantError;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// File that is locked while a plant runs on the folder.
const LOCK: &str = "flyball.lock";

/// File that is there while a restore brings its files in place: what a restore that was killed has left is no plant.
const RESTORING: &str = "restore.unfinished";

/// A data folder that is ours until this is dropped: two plants that wrote one journal would skip each other's samples.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    /// Locked; the system unlocks it when the process ends, however it ends.
    _lock: File,
}

impl DataFolder {
    /// Makes the folder where it is missing and takes it.
    ///
    /// # Errors
    /// [`PlantError::DataFolder`]; [`PlantError::InUse`] where another plant, of this process or another, has it;
    /// [`PlantError::Unfinished`] where a restore was killed in it.
    pub fn take(path: &Path) -> Result<Self, PlantError> {
        let folder = Self::take_to_restore(path)?;
        if path.join(RESTORING).exists() { Err(PlantError::Unfinished(path.to_owned())) } else { Ok(folder) }
    }

    /// The same where a restore may have been killed in it, for another one.
    pub(crate) fn take_to_restore(path: &Path) -> Result<Self, PlantError> {
        let failed = |source| PlantError::DataFolder { path: path.to_owned(), source };
        std::fs::create_dir_all(path).map_err(failed)?;
        let lock = File::options().create(true).truncate(false).write(true).open(path.join(LOCK)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(PlantError::InUse(path.to_owned())),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// From now on the folder is no plant's, until [`DataFolder::end_restore`].
    pub(crate) fn begin_restore(&self) -> std::io::Result<()> {
        File::create(self.path.join(RESTORING))?.sync_all()?;
        File::open(&self.path)?.sync_all()
    }

    /// What was restored is in place.
    pub(crate) fn end_restore(&self) -> std::io::Result<()> {
        std::fs::remove_file(self.path.join(RESTORING))?;
        File::open(&self.path)?.sync_all()
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_used_by_one_plant_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        let first = DataFolder::take(&path).unwrap();
        assert!(matches!(DataFolder::take(&path), Err(PlantError::InUse(used)) if used == path));
        drop(first);
        assert_eq!(DataFolder::take(&path).unwrap().path(), path);
    }

    #[test]
    fn no_plant_runs_on_what_a_killed_restore_has_left() {
        let folder = tempfile::tempdir().unwrap();
        DataFolder::take(folder.path()).unwrap().begin_restore().unwrap();
        assert!(matches!(DataFolder::take(folder.path()), Err(PlantError::Unfinished(_))));
        DataFolder::take_to_restore(folder.path()).unwrap().end_restore().unwrap();
        assert!(DataFolder::take(folder.path()).is_ok());
    }
}
