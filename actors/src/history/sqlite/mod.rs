//! Samples for good, in a SQLite file of their own: compressed chunks, up to 8,192 samples of one tag each.
//!
//! ```text
//! chunk       generation, tag, t0, turn → t1, count, sum-up, directory of pages, checksum; data_id
//! chunk_data  id → the bytes, so that a trend over headers touches none of them
//! generation  id, tier: what a batch brought and is still to be merged; 0 is what is settled
//! sample_late what came behind later samples of its tag, until it is put in its place
//! position    journal → sequence number up to which its changes are stored
//! downtime    began, ended
//! ```
//!
//! Chunks of one tag never overlap: ordered by `t0` and `turn`, over all generations, they are the tag's series but for
//! the late samples, which a reader merges in. Times are microseconds since the epoch, UTC.
//!
//! **Durable.** A journal is trimmed by what the store says it has, so every batch is flushed to the disk when `store`
//! returns (`synchronous=FULL`). Upkeep is not: when the power fails, what it did last is undone, and nothing is lost.

mod cut;
mod open;
mod pen;
mod read;
mod retention;
mod rows;
mod salvage;
mod schema;
mod sql;
mod store;
#[cfg(test)]
mod tests;
mod upkeep;

use super::historian::{Generation, Historian, HistorianError, StoreReader, StoreWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Enough samples of each tag that its chunk is not small, and no more than memory holds at ease.
const GENERATION: Generation = Generation { samples: 1_000_000, age: Duration::from_secs(3_600) };

/// A store in a SQLite file.
#[derive(Debug)]
pub struct SqliteHistorian {
    shared: Arc<Shared>,
}

/// What the handles of one store have in common.
#[derive(Debug)]
struct Shared {
    path: PathBuf,
    limits: Limits,
    /// A handle met damage: the file is checked when it is next opened for writing.
    is_suspect: AtomicBool,
    /// Grows when a new file takes the place of a damaged one: readers open it then.
    epoch: AtomicU64,
}

/// Sizes that a test wants smaller.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Samples of a full chunk.
    points: usize,
    /// Generations of a tier that are merged.
    fan: usize,
    /// Samples merged in one step, about.
    samples_per_step: u64,
}

impl SqliteHistorian {
    /// A store in the file at `path`; `-wal` and `-shm` lie beside it. Opens nothing yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self::with_limits(path.into(), Limits::REAL)
    }

    fn with_limits(path: PathBuf, limits: Limits) -> Self {
        let shared = Shared { path, limits, is_suspect: AtomicBool::new(false), epoch: AtomicU64::new(0) };
        Self { shared: Arc::new(shared) }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Looks through the whole file for damage to its structure, while others read and write. The WAL grows meanwhile.
    /// What is damaged is repaired when the store is next opened for writing. Chunks carry checksums of their own, which
    /// every read checks.
    ///
    /// # Errors
    /// [`HistorianError::Damaged`]; any other, where the file could not be read.
    pub fn check(&self) -> Result<(), HistorianError> {
        self.shared.noticed(open::check(&self.shared.path))
    }
}

impl Historian for SqliteHistorian {
    /// Makes the file and its folder where there are none.
    ///
    /// A small file, and one in which a handle met damage, is checked first. A damaged one is set aside as `….damaged-1`
    /// (2, 3 …) and what can be read of it is copied into a new one, as the log says.
    fn open_writer(&self) -> Result<Box<dyn StoreWriter>, HistorianError> {
        let connection = open::for_writing(&self.shared)?;
        Ok(Box::new(store::Writer::new(connection, Arc::clone(&self.shared))))
    }

    fn open_reader(&self) -> Result<Box<dyn StoreReader>, HistorianError> {
        Ok(Box::new(read::Reader::new(Arc::clone(&self.shared))))
    }

    fn generation(&self) -> Generation {
        GENERATION
    }

    fn check(&self) -> Result<(), HistorianError> {
        Self::check(self)
    }

    fn is_suspect(&self) -> bool {
        self.shared.is_suspect.load(Ordering::Relaxed)
    }
}

impl Shared {
    /// Remembers damage.
    fn noticed<T>(&self, outcome: Result<T, HistorianError>) -> Result<T, HistorianError> {
        if matches!(outcome, Err(HistorianError::Damaged(_))) {
            self.is_suspect.store(true, Ordering::Relaxed);
        }
        outcome
    }
}
