//! The database of configuration and state. **Manager** [`DbManager`].
//!
//! One writer and several readers run diesel jobs on sync arbiters; [`Database`] is the handle every database engine
//! holds. A job that panics answers a typed error and its thread lives on.

mod connector;
mod executor;
mod machines_logger;
mod manager;
mod row_hash;

pub use executor::{Database, DatabaseHealth};
pub use machines_logger::{LoadMachineMemory, MachinesLogger};
pub use manager::{Barrier, DbManager, ReadDatabaseHealth};
pub(crate) use row_hash::RowHash;

use flyball_schema::db::OpenError;
use serde::Serialize;
use std::borrow::Cow;

/// Rows of one `INSERT`: its parameters (14 a row at most) stay below the limits of both backends (32,766 and 65,535).
pub(crate) const BATCH: usize = 1_000;

/// Inserts rows in batches, which only the inner connections can. The row type says
/// `treat_none_as_default_value = false`, or SQLite takes them one by one.
macro_rules! insert_all {
    ($connection:expr, $table:expr, $rows:expr) => {{
        let mut rows = $rows.into_iter();
        loop {
            let batch: Vec<_> = rows.by_ref().take($crate::db::BATCH).collect();
            if batch.is_empty() {
                break;
            }
            match &mut *$connection {
                flyball_schema::db::Connection::Sqlite(inner) => {
                    diesel::insert_into($table).values(batch).execute(inner)?
                }
                flyball_schema::db::Connection::Postgres(inner) => {
                    diesel::insert_into($table).values(batch).execute(inner)?
                }
            };
        }
    }};
}
pub(crate) use insert_all;

/// Has an engine with `clock` and `database` answer each message by one database job: a `read` one gets the connection
/// and the message, a `write` one the time as well. A writing job answers a refusal as `Ok(Err(..))`, having changed
/// nothing.
macro_rules! answer_by_jobs {
    ($engine:ty: $(read $read:ty => $reader:path;)* $(write $write:ty => $writer:path;)*) => {
        $(impl actix::Handler<$read> for $engine {
            type Result = actix::ResponseFuture<<$read as actix::Message>::Result>;

            fn handle(&mut self, message: $read, _ctx: &mut Self::Context) -> Self::Result {
                let database = self.database.clone();
                Box::pin(async move { database.read(move |connection| $reader(connection, &message)).await })
            }
        })*
        $(impl actix::Handler<$write> for $engine {
            type Result = actix::ResponseFuture<<$write as actix::Message>::Result>;

            fn handle(&mut self, message: $write, _ctx: &mut Self::Context) -> Self::Result {
                let (database, now) = (self.database.clone(), self.clock.now());
                Box::pin(async move { database.write(move |connection| $writer(connection, &message, now)).await? })
            }
        })*
    };
}
pub(crate) use answer_by_jobs;

/// A value as the JSON that the database keeps.
pub(crate) fn to_json(value: &impl Serialize) -> Result<String, DbError> {
    serde_json::to_string(value)
        .map_err(|error| DbError::Query(diesel::result::Error::SerializationError(Box::new(error))))
}

/// How many rows a page may have at the most, as the database counts.
pub(crate) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// What a person typed, as the database can keep it: PostgreSQL has no text with the character 0.
pub(crate) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
pub(crate) mod test_support;

/// Why a database job did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DbError {
    /// Too many jobs wait already.
    #[error("the database is busy")]
    Busy,
    /// The executor has stopped.
    #[error("the database is closed")]
    Closed,
    /// The job panicked; nothing of it was kept.
    #[error("a database job panicked: {0}")]
    Panicked(String),
    /// No connection could be had; nothing was done.
    #[error("no connection to the database: {0}")]
    Connect(String),
    /// The connection was cut; what the job changed was kept whole or not at all, and which of it is not known.
    #[error("the connection to the database was lost")]
    Lost(#[source] diesel::result::Error),
    /// A query failed; nothing of its transaction was kept.
    #[error("a database query failed: {0}")]
    Query(#[from] diesel::result::Error),
    /// A row holds what it should not.
    #[error("{table} {id}: {problem}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The row.
        id: i64,
        /// What is wrong with it.
        problem: String,
    },
    /// The database could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
}
