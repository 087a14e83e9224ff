//! History read and written by who runs no plant: commands at a shell, and backups.
//!
//! [`Recorded`] reads the folder of a plant, also while that runs; [`Importer`] writes one that does not; [`check`] says
//! whether all that is kept can be read. Each sees the samples that wait in the journal and those of the store as one.

mod catalogue;
mod check;
mod error;
mod importer;
mod recorded;
#[cfg(test)]
pub(super) mod site;
#[cfg(test)]
mod tests;
mod transfer;

pub(super) use catalogue::tags_of;
pub use catalogue::{KnownTag, known_tags};
pub use check::{HistoryCheck, check};
pub use error::OfflineError;
pub use importer::{Imported, Importer};
pub use recorded::Recorded;
pub(super) use transfer::copy_samples;

/// How far a long work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told<'a> {
    /// A step begins.
    Step {
        /// What is done.
        what: &'a str,
        /// How much there is to do, 0 where that is not known.
        total: u64,
        /// Of what.
        unit: Unit,
    },
    /// So much of the step is done.
    At(u64),
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Samples.
    Samples,
    /// Tags.
    Tags,
    /// Frames.
    Frames,
}
