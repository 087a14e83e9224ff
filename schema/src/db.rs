//! The configuration and state database: connections, pools and migrations.

use diesel::connection::SimpleConnection;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool, PooledConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use std::time::Duration;

/// A connection to the database.
pub type Connection = diesel::SqliteConnection;

/// A pool of connections.
pub type ConnectionPool = Pool<ConnectionManager<Connection>>;

/// A connection lent by a [`ConnectionPool`].
pub type PooledConn = PooledConnection<ConnectionManager<Connection>>;

/// The migrations, built in.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../migrations/sqlite");

/// How long a connection waits for another's lock, and a job for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

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
    #[error("database url \"{0}\": only sqlite files are supported (a path, or sqlite://path)")]
    UnsupportedUrl(String),
    /// The file cannot be opened.
    #[error("cannot open the database \"{path}\"")]
    Open {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: r2d2::Error,
    },
    /// A migration failed.
    #[error("cannot migrate the database: {0}")]
    Migrate(String),
}

/// The file of a database URL: a path, `sqlite://path` or `file:path`.
///
/// # Errors
/// [`OpenError::UnsupportedUrl`] for another scheme or an empty path.
pub fn sqlite_path(url: &str) -> Result<&str, OpenError> {
    let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("file:")).unwrap_or(url);
    if path.is_empty() || path.contains("://") {
        return Err(OpenError::UnsupportedUrl(url.to_owned()));
    }
    Ok(path)
}

#[derive(Debug)]
struct Pragmas(Access);

impl CustomizeConnection<Connection, diesel::r2d2::Error> for Pragmas {
    fn on_acquire(&self, connection: &mut Connection) -> Result<(), diesel::r2d2::Error> {
        // FULL: what was committed survives power loss, not only the death of the process.
        let pragmas = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                       PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 1000;";
        connection.batch_execute(pragmas).map_err(diesel::r2d2::Error::QueryError)?;
        if self.0 == Access::Read {
            connection.batch_execute("PRAGMA query_only = ON;").map_err(diesel::r2d2::Error::QueryError)?;
        }
        Ok(())
    }
}

/// Opens a pool of `size` connections, the first of them at once.
///
/// # Errors
/// [`OpenError::UnsupportedUrl`], [`OpenError::Open`].
pub fn open_pool(url: &str, access: Access, size: u32) -> Result<ConnectionPool, OpenError> {
    let path = sqlite_path(url)?;
    Pool::builder()
        .max_size(size)
        .min_idle(Some(1))
        .connection_timeout(PATIENCE)
        .connection_customizer(Box::new(Pragmas(access)))
        .build(ConnectionManager::new(path))
        .map_err(|source| OpenError::Open { path: path.to_owned(), source })
}

/// Brings the database to the newest schema; how many migrations ran.
///
/// # Errors
/// [`OpenError::Migrate`].
pub fn migrate(connection: &mut Connection) -> Result<usize, OpenError> {
    let applied = connection.run_pending_migrations(MIGRATIONS);
    applied.map(|versions| versions.len()).map_err(|error| OpenError::Migrate(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use diesel::{Connection as _, RunQueryDsl};

    fn tables(connection: &mut Connection) -> i64 {
        let count = diesel::dsl::sql::<diesel::sql_types::BigInt>(
            "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '__diesel%'",
        );
        count.get_result(connection).unwrap()
    }

    #[test]
    fn migrations_go_up_down_and_up_again() {
        let mut connection = Connection::establish(":memory:").unwrap();
        migrate(&mut connection).unwrap();
        let full = tables(&mut connection);
        connection.revert_all_migrations(MIGRATIONS).unwrap();
        assert_eq!(tables(&mut connection), 0);
        migrate(&mut connection).unwrap();
        assert_eq!(tables(&mut connection), full);
    }

    #[test]
    fn a_reader_cannot_write() {
        let folder = tempfile::tempdir().unwrap();
        let url = folder.path().join("plant.db").display().to_string();
        migrate(&mut open_pool(&url, Access::Write, 1).unwrap().get().unwrap()).unwrap();
        let mut reader = open_pool(&url, Access::Read, 1).unwrap().get().unwrap();
        assert!(diesel::sql_query("DELETE FROM tag").execute(&mut reader).is_err());
    }

    #[test]
    fn another_scheme_is_refused_by_name() {
        let error = open_pool("mysql://host/db", Access::Read, 1).unwrap_err();
        assert!(error.to_string().contains("mysql://host/db"));
    }
}
