//! The database of configuration and state. **Manager** [`DbManager`].
//!
//! One writer and several readers run diesel jobs on sync arbiters; [`Database`] is the handle every database engine
//! holds. A job that panics answers a typed error and its thread lives on.

pub mod catalogue;
mod executor;
mod machines_logger;
mod manager;

pub use executor::{Database, DatabaseHealth};
pub use machines_logger::{LoadMachineMemory, MachinesLogger};
pub use manager::{Barrier, DbManager, ReadDatabaseHealth};

use flyball_schema::db::OpenError;

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
    /// No connection could be had.
    #[error("no connection to the database")]
    Connect(#[source] r2d2::Error),
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
