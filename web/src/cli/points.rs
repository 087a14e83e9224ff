//! `flyball import-points`: surveyed points of a file into the database of a plant that does not run.

use super::export::failure;
use super::{DAMAGED, Failure, NO_INPUT, UNAVAILABLE, chain, say};
use flyball::points::offline::{self, OfflineImportError};
use flyball::points::{ImportPoints, PointsError};
use flyball::settings::Settings;
use flyball_web::points_csv::{CsvFault, PointsFile};
use std::path::{Path, PathBuf};

/// Which points to import.
#[derive(Debug, clap::Args)]
pub(super) struct ImportPointsFile {
    /// CSV file with the columns segment, post (km), latitude, longitude (degrees, WGS 84) and elevation (m).
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Remove all points of the segments in the file first.
    #[arg(long)]
    replace: bool,
    /// Check every row and store nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Imports a file, all of it or nothing.
pub(super) fn import(settings: &Settings, arguments: &ImportPointsFile) -> Result<(), Failure> {
    let ImportPointsFile { file: path, replace, dry_run } = arguments;
    let bytes = std::fs::read(path).map_err(|error| Failure::new(NO_INPUT, format!("{}: {error}", path.display())))?;
    let mut file = PointsFile::read(&bytes).map_err(|faults| refused(path, &faults))?;
    let rows = std::mem::take(&mut file.points);
    let import = ImportPoints { rows, replace: *replace, dry_run: *dry_run };
    let done = offline::import(settings, &import).map_err(|error| match error {
        OfflineImportError::Points(PointsError::Rows(faults)) => {
            refused(path, &faults.into_iter().map(|fault| file.fault(fault)).collect::<Vec<_>>())
        }
        OfflineImportError::Offline(error) => failure(&error),
        other => Failure::new(UNAVAILABLE, chain(&other)),
    })?;
    let (told, stored) = if *dry_run { ("good", "; nothing was stored") } else { ("imported", "") };
    let (points, segments, removed) = (done.points, done.segments, done.removed);
    say(format_args!("{told}: {points} points of {segments} segments, {removed} replaced{stored}"));
    Ok(())
}

fn refused(path: &Path, faults: &[CsvFault]) -> Failure {
    for fault in faults {
        eprintln!("{}: {fault}", path.display());
    }
    let rows = if faults.len() == 1 { "row" } else { "rows" };
    Failure::new(DAMAGED, format!("{} {rows} cannot be imported; nothing was stored", faults.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flyball::schema::db::{Access, DatabaseUrl, connect, migrate};

    /// A data folder in which a plant has run, and a file with these rows.
    fn site(rows: &str) -> (tempfile::TempDir, Settings, ImportPointsFile) {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::in_folder(folder.path());
        let url = DatabaseUrl::parse(&settings.database_url()).unwrap();
        migrate(&mut connect(&url, Access::Write).unwrap()).unwrap();
        let file = folder.path().join("points.csv");
        std::fs::write(&file, format!("segment,post,latitude,longitude,elevation\n{rows}")).unwrap();
        (folder, settings, ImportPointsFile { file, replace: false, dry_run: false })
    }

    #[test]
    fn a_file_is_imported_once_and_again_only_in_place_of_itself() {
        let (_folder, settings, once) = site("L1,1,48,11,500\nL1,2,48.1,11.1,\n");
        import(&settings, &ImportPointsFile { dry_run: true, file: once.file.clone(), ..once }).unwrap();
        import(&settings, &once).unwrap();
        let again = import(&settings, &once).unwrap_err();
        assert_eq!((again.code, &*again.text), (DAMAGED, "2 rows cannot be imported; nothing was stored"));
        import(&settings, &ImportPointsFile { replace: true, ..once }).unwrap();
    }

    #[test]
    fn wrong_rows_a_missing_file_and_a_folder_without_a_plant_have_codes_of_their_own() {
        let (folder, settings, wrong) = site("L1,1,91,11,\n");
        assert_eq!(import(&settings, &wrong).unwrap_err().code, DAMAGED);
        let missing = ImportPointsFile { file: folder.path().join("no.csv"), ..wrong };
        assert_eq!(import(&settings, &missing).unwrap_err().code, NO_INPUT);
        let (_folder, _, good) = site("L1,1,48,11,\n");
        let nowhere = Settings::in_folder(folder.path().join("empty"));
        assert_eq!(import(&nowhere, &good).unwrap_err().code, NO_INPUT);
    }
}
