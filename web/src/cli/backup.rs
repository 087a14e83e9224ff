//! `flyball backup` and `flyball restore`.

use super::progress::Progress;
use super::{DAMAGED, Failure, NO_INPUT, UNAVAILABLE, chain, say};
use flyball::Clock;
use flyball::history::backup::{self, BackupError, Manifest};
use flyball::settings::Settings;
use std::path::{Path, PathBuf};

/// What to do about a backup.
#[derive(Debug, clap::Args)]
pub(super) struct Backup {
    /// Folder to write it into; `backup.dir` of the settings without, or `backups` in the data folder.
    #[arg(long, value_name = "DIR", conflicts_with = "verify")]
    to: Option<PathBuf>,
    /// Check the backup in this folder instead of making one.
    #[arg(long, value_name = "DIR")]
    verify: Option<PathBuf>,
}

/// What to restore.
#[derive(Debug, clap::Args)]
pub(super) struct Restore {
    /// Folder of the backup.
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Set a plant that is there aside.
    #[arg(long)]
    force: bool,
}

/// Makes a backup, or checks one.
pub(super) fn backup(settings: &Settings, arguments: &Backup) -> Result<(), Failure> {
    if let Some(folder) = &arguments.verify {
        let manifest = with_progress(|told| backup::verify(folder, told))?;
        tell("good", folder, &manifest);
        return Ok(());
    }
    let folder = arguments.to.clone().unwrap_or_else(|| settings.backup_dir());
    let now = Clock::system().now();
    let made = with_progress(|told| backup::create(settings, None, &folder, now, told))?;
    tell("backup", &made.path, &made.manifest);
    Ok(())
}

/// Restores a backup.
pub(super) fn restore(settings: &Settings, arguments: &Restore) -> Result<(), Failure> {
    let now = Clock::system().now();
    let restored = with_progress(|told| backup::restore(settings, &arguments.from, arguments.force, now, told))?;
    for path in &restored.set_aside {
        say(format_args!("set aside: {}", path.display()));
    }
    tell("restored", &arguments.from, &restored.manifest);
    Ok(())
}

fn with_progress<T>(
    work: impl FnOnce(&mut dyn FnMut(flyball::history::offline::Told<'_>)) -> Result<T, BackupError>,
) -> Result<T, Failure> {
    let mut progress = Progress::new();
    work(&mut |told| progress.told(told)).map_err(|error| failure(&error))
}

fn tell(what: &str, folder: &Path, manifest: &Manifest) {
    let plant = manifest.plant.as_deref().map(|plant| format!(" of {plant}")).unwrap_or_default();
    say(format_args!(
        "{what}: {}{plant}, begun {}, {} files, {} bytes",
        folder.display(),
        manifest.made_at,
        manifest.files.len(),
        manifest.bytes()
    ));
}

fn failure(error: &BackupError) -> Failure {
    let code = match error {
        BackupError::Damaged(_) | BackupError::Format(_) => DAMAGED,
        BackupError::NoBackup { .. } | BackupError::NoPlant(_) => NO_INPUT,
        _ => UNAVAILABLE,
    };
    Failure::new(code, chain(error))
}
