//! Migrated databases for tests.

use super::{Database, DbManager};
use flyball_schema::db::{Access, Connection, DatabaseUrl, connect};
use flyball_schema::test_support::TestDatabase;

/// A connection to the migrated database.
pub(crate) fn migrated(database: &TestDatabase) -> Connection {
    DbManager::migrate(database.url()).unwrap();
    connect(&DatabaseUrl::parse(database.url()).unwrap(), Access::Write).unwrap()
}

/// The migrated database, for engines.
pub(crate) fn open(database: &TestDatabase) -> Database {
    DbManager::migrate(database.url()).unwrap();
    Database::open(database.url(), 2).unwrap()
}
