//! A file system of a few megabytes, and what SQLite says of files.

use super::peers::say;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::Text;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Bits of capabilities(7).
pub(crate) const CAP_LINUX_IMMUTABLE: u32 = 9;
const CAP_SYS_ADMIN: u32 = 21;

/// Whether this process has a right that usually only root has.
pub(crate) fn has_capability(bit: u32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    u64::from_str_radix(line.trim(), 16).unwrap() >> bit & 1 == 1
}

/// A small file system of its own; gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Disk {
    place: PathBuf,
}

impl Disk {
    /// Mounts one at `place`; none where this process may not, which is said.
    pub(crate) fn mount(place: &Path, megabytes: u32) -> Option<Self> {
        if !has_capability(CAP_SYS_ADMIN) {
            say("SKIPPED: a full disk needs the right to mount one (a disk that takes nothing is tested without)");
            return None;
        }
        std::fs::create_dir_all(place).unwrap();
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "flyball-test"]).arg(place);
        assert!(command.status().unwrap().success(), "cannot mount a file system at {}", place.display());
        Some(Self { place: place.to_owned() })
    }

    fn filler(&self) -> PathBuf {
        self.place.join("filler")
    }

    /// Leaves no room.
    pub(crate) fn fill(&self) {
        let mut file = std::fs::File::create(self.filler()).unwrap();
        for size in [1 << 20, 1 << 16, 1 << 12] {
            let zeros = vec![0; size];
            while file.write_all(&zeros).is_ok() {}
        }
    }

    /// Makes room.
    pub(crate) fn free(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a process that a failing test leaves may still have files on it.
        let done = Command::new("umount").arg("--lazy").arg(&self.place).status();
        assert!(std::thread::panicking() || done.unwrap().success(), "{} stays mounted", self.place.display());
    }
}

#[derive(QueryableByName)]
struct Check {
    #[diesel(sql_type = Text)]
    integrity_check: String,
}

/// Fails unless SQLite finds nothing wrong with the file.
#[track_caller]
pub(crate) fn assert_whole(file: &Path) {
    let mut connection = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    let found = diesel::sql_query("PRAGMA integrity_check").get_results::<Check>(&mut connection).unwrap();
    let found: Vec<&str> = found.iter().map(|row| row.integrity_check.as_str()).collect();
    assert_eq!(found, ["ok"], "{}", file.display());
}

/// Brings what stands in the WAL beside a database into its file, as any program does that has opened it last.
pub(crate) fn settle(file: &Path) {
    let mut connection = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    connection.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(connection);
    assert!(!file.with_extension("db-wal").exists(), "{} is used by somebody", file.display());
}
