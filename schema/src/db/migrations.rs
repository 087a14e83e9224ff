//! The migrations of both backends, built in and kept in step.

use super::OpenError;
use super::any::AnyConnection;
use diesel::RunQueryDsl;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use std::error::Error;

/// Migrations of SQLite.
const SQLITE: EmbeddedMigrations = embed_migrations!("../migrations/sqlite");

/// Migrations of PostgreSQL.
const POSTGRES: EmbeddedMigrations = embed_migrations!("../migrations/postgres");

/// Any number, the same for every Flyball: "flyball" in ASCII.
const LOCK: &str = "SELECT pg_advisory_xact_lock(28829716221881452)";

type Failure = Box<dyn Error + Send + Sync>;

/// Brings the database to the newest schema, in one transaction; how many migrations ran. Of two processes that start at
/// once, the second waits and finds nothing to do.
///
/// # Errors
/// [`OpenError::Migrate`]; the database is as it was.
pub fn migrate(connection: &mut AnyConnection) -> Result<usize, OpenError> {
    let applied = connection.write_transaction(|connection| match connection {
        AnyConnection::Sqlite(sqlite) => Ok(sqlite.run_pending_migrations(SQLITE)?.len()),
        AnyConnection::Postgres(postgres) => {
            diesel::sql_query(LOCK).execute(postgres)?;
            Ok(postgres.run_pending_migrations(POSTGRES)?.len())
        }
    });
    applied.map_err(|error: Failure| OpenError::Migrate(error.to_string()))
}

/// Takes every table away again, with all that is in them; how many migrations were reverted.
///
/// # Errors
/// [`OpenError::Migrate`]; the database is as it was.
pub fn revert(connection: &mut AnyConnection) -> Result<usize, OpenError> {
    let reverted = connection.write_transaction(|connection| match connection {
        AnyConnection::Sqlite(sqlite) => Ok(sqlite.revert_all_migrations(SQLITE)?.len()),
        AnyConnection::Postgres(postgres) => {
            diesel::sql_query(LOCK).execute(postgres)?;
            Ok(postgres.revert_all_migrations(POSTGRES)?.len())
        }
    });
    reverted.map_err(|error: Failure| OpenError::Migrate(error.to_string()))
}
