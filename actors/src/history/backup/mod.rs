//! Backups of a plant: journal, history and configuration in one dated folder, made while the plant runs.
//!
//! A backup is SQLite files and a manifest, whatever the plant keeps them in:
//!
//! ```text
//! flyball-20261122T130337Z/   written as .flyball-….partial, flushed to the disk, renamed when it is whole
//!   manifest.json             what is in it, with checksums
//!   journal.db                copied first: what moves to the store meanwhile is in both, never in none
//!   history.db                copied second
//!   flyball.db                configuration and state, last: every tag of the history is in it
//! ```
//!
//! The copied journal gets an identity of its own, and the copied store a position for it that is not past its last
//! change. Otherwise a restored plant, which numbers its changes from there on, would have the next ones taken for
//! stored; and a server that outlived the plant would take them for those that it has.

mod configuration;
mod create;
mod error;
mod files;
mod manifest;
mod restore;
mod schedule;
#[cfg(test)]
mod tests;
mod worker;

pub use create::{Backup, create, remove_surplus};
pub use error::BackupError;
pub use manifest::{FileEntry, Manifest, verify};
pub use restore::{Restored, restore};
pub use schedule::{Due, Runs, folder_name, surplus, time_of};
pub use worker::{BackupStatus, BackupWorker, ReadBackupStatus};

/// The journal in a backup.
const JOURNAL: &str = "journal.db";
/// The history in a backup.
const HISTORY: &str = "history.db";
/// Configuration and state in a backup.
const CONFIGURATION: &str = "flyball.db";
