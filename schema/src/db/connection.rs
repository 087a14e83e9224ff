//! Connections and pools of them.

use super::any::AnyConnection;
use super::url::{DatabaseUrl, with_parameters};
use super::{Access, OpenError};
use diesel::connection::{AnsiTransactionManager, Connection as _, SimpleConnection, TransactionManager};
use diesel::r2d2::{Error, R2D2Connection};
use diesel::{PgConnection, SqliteConnection};
use std::fmt;
use std::time::Duration;

/// How long the opening of a pool waits for its first connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// A pool of connections.
pub type ConnectionPool = r2d2::Pool<Connections>;

/// A connection lent by a [`ConnectionPool`].
pub type PooledConn = r2d2::PooledConnection<Connections>;

/// FULL: what was committed survives power loss, not only the death of the process.
const SQLITE: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                      PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 1000;";

const SQLITE_READER: &str = "PRAGMA query_only = ON;";

/// As the pragmas: what was committed is on the disk, and nobody waits for a lock for ever.
const POSTGRES: &str = "SET synchronous_commit = on; SET lock_timeout = '5s'; SET client_encoding = 'UTF8'; \
                        SET timezone = 'UTC'; SET client_min_messages = warning;";

/// Repeatable read: the queries of one job see one state, as in SQLite.
const POSTGRES_READER: &str = "SET default_transaction_read_only = on; SET statement_timeout = '30s'; \
                               SET default_transaction_isolation = 'repeatable read';";

/// Makes one connection.
///
/// # Errors
/// The database is away, or refuses.
pub fn connect(url: &DatabaseUrl, access: Access) -> Result<AnyConnection, Error> {
    let (mut connection, common, reader) = match url {
        DatabaseUrl::Sqlite(path) => {
            let connection = SqliteConnection::establish(path).map_err(Error::ConnectionError)?;
            (AnyConnection::Sqlite(connection), SQLITE, SQLITE_READER)
        }
        DatabaseUrl::Postgres(url) => {
            let connection = PgConnection::establish(&with_parameters(url)).map_err(Error::ConnectionError)?;
            (AnyConnection::Postgres(connection), POSTGRES, POSTGRES_READER)
        }
    };
    connection.batch_execute(common).map_err(Error::QueryError)?;
    if access == Access::Read {
        connection.batch_execute(reader).map_err(Error::QueryError)?;
    }
    Ok(connection)
}

/// Opens a pool of `size` connections, the first of them at once. A connection that was cut is replaced by itself.
///
/// # Errors
/// [`OpenError::UnsupportedUrl`], [`OpenError::Open`].
pub fn open_pool(url: &str, access: Access, size: u32) -> Result<ConnectionPool, OpenError> {
    let url = DatabaseUrl::parse(url)?;
    let shown = url.to_string();
    r2d2::Pool::builder()
        .max_size(size)
        .min_idle(Some(1))
        .connection_timeout(PATIENCE)
        // Who asks for a connection is told why there is none.
        .error_handler(Box::new(r2d2::NopErrorHandler))
        .build(Connections { url, access })
        .map_err(|source| OpenError::Open { url: shown, source })
}

/// Makes the connections of a pool, and looks whether they still work.
#[derive(Debug, Clone)]
pub struct Connections {
    url: DatabaseUrl,
    access: Access,
}

impl r2d2::ManageConnection for Connections {
    type Connection = AnyConnection;
    type Error = Error;

    fn connect(&self) -> Result<AnyConnection, Error> {
        connect(&self.url, self.access)
    }

    fn is_valid(&self, connection: &mut AnyConnection) -> Result<(), Error> {
        connection.ping().map_err(Error::QueryError)
    }

    fn has_broken(&self, connection: &mut AnyConnection) -> bool {
        // A job that panics leaves its transaction open.
        std::thread::panicking() || connection.is_broken()
    }
}

impl AnyConnection {
    /// Runs `job` in one transaction that may write from its first statement on: all of it is kept, or nothing.
    ///
    /// # Errors
    /// That of the job, or of the transaction; where the connection is lost at its end, whether it was kept is not known.
    pub fn write_transaction<T, E>(&mut self, job: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E>
    where
        E: From<diesel::result::Error>,
    {
        match self {
            // Takes the lock at once: a transaction that first reads cannot always be upgraded.
            Self::Sqlite(sqlite) => AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE")?,
            Self::Postgres(postgres) => AnsiTransactionManager::begin_transaction(postgres)?,
        }
        match job(self) {
            Ok(value) => {
                <Self as TransactionManager<Self>>::commit_transaction(self)?;
                Ok(value)
            }
            Err(error) => {
                // The job's error says more than that of a rollback on a lost connection; the pool drops such a one.
                let _lost = <Self as TransactionManager<Self>>::rollback_transaction(self);
                Err(error)
            }
        }
    }

    /// Whether the connection was cut; asks the server.
    #[must_use]
    pub fn is_lost(&mut self) -> bool {
        matches!(self, Self::Postgres(_)) && (self.is_broken() || self.ping().is_err())
    }
}

impl fmt::Debug for AnyConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite(_) => "Sqlite",
            Self::Postgres(_) => "Postgres",
        })
    }
}
