//! The store on a PostgreSQL server: for plants that want SQL, or have a database that is looked after.
//!
//! ```text
//! history.sample    ts, tag_id, quality, value | integer | boolean | text, tie; partitions by time, index (tag_id, ts)
//! history.outlying  the same with time in microseconds: before 1970 and from 2200 on
//! history.position  per journal, how far its changes are stored
//! history.downtime  began, ended
//! history.part      samples per partition, and which retention it was swept by
//! history.meta      version; the handle that wrote last
//! ```
//!
//! * **Order.** Samples of one tag and time are numbered as they come: `tie` is NULL for the first, then 1, 2, 3 …
//! * **Exactly once.** The transaction that stores a batch moves the position of its journal. All who write take turns;
//!   of one journal only one session may write.
//! * **Partitions** begin a day wide; each is wider or narrower by the number of samples in the one before, which should
//!   be some ten million. They are made when a sample needs them, and shortly ahead.
//! * **Values.** Every bit of a float survives. PostgreSQL takes no U+0000 in a text: it is kept as U+001A `0`, and
//!   U+001A as U+001A `1`.
//! * **TimescaleDB.** Where the extension is in the database when the tables are made, `history.sample` is a hypertable
//!   with chunks of a day. Tags that are kept shorter than others are then not dropped on their own.
//!
//! Needs PostgreSQL 14 or later, a database in UTF8, and a session of its own (a pooler must not share it).

mod catalog;
mod connect;
mod parts;
mod read;
mod row;
mod schema;
mod setup;
mod sweep;
#[cfg(test)]
mod tests;
mod ties;
mod upkeep;
mod write;

use super::historian::{Generation, Historian, HistorianError, StoreReader, StoreWriter};
use connect::Access;
use std::fmt;
use std::time::Duration;

/// Samples that no partition takes.
const OUTLYING: &str = "history.outlying";

/// Rows are stored soon: they are no smaller for being many.
const GENERATION: Generation = Generation { samples: 100_000, age: Duration::from_secs(1) };

/// A store on a PostgreSQL server.
#[derive(Clone)]
pub struct PostgresHistorian {
    url: String,
}

impl PostgresHistorian {
    /// The store in the database at `url`: `postgres://…`, with libpq's parameters.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into() }
    }

    /// Takes the tables out of the database, with every sample in them.
    ///
    /// # Errors
    /// [`HistorianError`].
    pub fn remove(&self) -> Result<(), HistorianError> {
        let mut connection = connect::connect(&self.url, Access::Write)?;
        let removed = setup::down(&mut connection);
        removed.map_err(|error| connect::failure(&mut connection, error))
    }
}

impl Historian for PostgresHistorian {
    fn open_writer(&self) -> Result<Box<dyn StoreWriter>, HistorianError> {
        Ok(Box::new(write::PostgresWriter::new(connect::connect(&self.url, Access::Write)?)?))
    }

    fn open_reader(&self) -> Result<Box<dyn StoreReader>, HistorianError> {
        Ok(Box::new(read::PostgresReader::new(connect::connect(&self.url, Access::Read)?)?))
    }

    fn generation(&self) -> Generation {
        GENERATION
    }
}

impl fmt::Debug for PostgresHistorian {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PostgresHistorian").field(&connect::without_user(&self.url)).finish()
    }
}
