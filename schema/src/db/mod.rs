//! The configuration and state database: connections, pools and migrations, on SQLite or PostgreSQL.

mod any;
mod connection;
mod migrations;
#[cfg(test)]
mod tests;
mod url;

pub use any::AnyConnection as Connection;
pub use connection::{ConnectionPool, Connections, PooledConn, connect, open_pool};
pub use migrations::{migrate, revert};
pub use url::{Backend, DatabaseUrl};

/// What a pool's connections may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read and write; there is one such connection.
    Write,
    /// Read only.
    Read,
}

/// Why the database could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The URL names no database we know.
    #[error("database url \"{0}\": neither a file (a path, or sqlite://path) nor postgres://host/database")]
    UnsupportedUrl(String),
    /// The database cannot be opened.
    #[error("cannot open the database \"{url}\"")]
    Open {
        /// The file or URL, without its password.
        url: String,
        /// Why.
        #[source]
        source: r2d2::Error,
    },
    /// A migration failed.
    #[error("cannot migrate the database: {0}")]
    Migrate(String),
}
