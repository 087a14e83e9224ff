//! Databases for tests, of either backend: made when asked for, gone when dropped.
//!
//! ```
//! use flyball_schema::test_support::TestDatabase;
//!
//! for database in TestDatabase::each() {
//!     assert!(!database.url().is_empty());
//! }
//! ```

mod server;

pub use server::{OwnServer, PostgresServer, postgres_server};

use crate::db::Backend;
use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Write};
use tempfile::TempDir;

/// An empty database of its own for one test.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Folder { _kept_until_dropped: TempDir },
    Server { server: &'static PostgresServer, name: String },
}

impl TestDatabase {
    /// One of every backend that can be had here: SQLite always, PostgreSQL as [`postgres`](Self::postgres) says.
    ///
    /// # Panics
    /// As [`sqlite`](Self::sqlite) and [`postgres`](Self::postgres).
    #[must_use]
    pub fn each() -> Vec<Self> {
        std::iter::once(Self::sqlite()).chain(Self::postgres()).collect()
    }

    /// A file in a temporary folder.
    ///
    /// # Panics
    /// Where no temporary folder can be made.
    #[must_use]
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|error| fail(&format!("no temporary folder: {error}")));
        let url = folder.path().join("plant.db").display().to_string();
        Self { url, place: Place::Folder { _kept_until_dropped: folder } }
    }

    /// A database on the server that [`postgres_server`] finds. `None`, and a line on standard error, where there is
    /// none.
    ///
    /// # Panics
    /// Where there is none and `CI` is set, or the server refuses a new database.
    #[must_use]
    pub fn postgres() -> Option<Self> {
        let server = postgres_server()?;
        let name = format!("flyball_test_{:016x}", RandomState::new().build_hasher().finish());
        if let Err(error) = server.execute(&format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")) {
            fail(&format!("no test database on {}: {error}", server.url()));
        }
        Some(Self { url: server.url_of(&name), place: Place::Server { server, name } })
    }

    /// What `database.url` has to be.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its kind.
    #[must_use]
    pub fn backend(&self) -> Backend {
        match self.place {
            Place::Folder { .. } => Backend::Sqlite,
            Place::Server { .. } => Backend::Postgres,
        }
    }

    /// Cuts every connection to it, as a server that restarts does. SQLite has none to cut.
    ///
    /// # Panics
    /// Where the server does not do it.
    pub fn cut_connections(&self) {
        let Place::Server { server, name } = &self.place else { return };
        let cut = format!("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'");
        self.must(server.execute(&cut));
    }

    /// Lets nobody in (`false`), as a server that is away, or everybody again. SQLite cannot be away.
    ///
    /// # Panics
    /// Where the server does not do it.
    pub fn allow_connections(&self, allow: bool) {
        let Place::Server { server, name } = &self.place else { return };
        self.must(server.execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {allow}")));
    }

    fn must(&self, done: Result<(), String>) {
        if let Err(error) = done {
            fail(&format!("{}: {error}", self.url));
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Place::Server { server, name } = &self.place else { return };
        if let Err(error) = server.execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")) {
            say(&format!("test database {name} stays behind: {error}"));
        }
    }
}

/// Runs one statement on the database at a `postgres://` URL.
fn execute(url: &str, statement: &str) -> Result<(), String> {
    let mut connection = PgConnection::establish(url).map_err(|error| error.to_string())?;
    connection.batch_execute(statement).map_err(|error| error.to_string())
}

/// Says something that the test harness does not swallow, as it does what a test that succeeds prints.
fn say(text: &str) {
    let _nobody_reads = writeln!(io::stderr(), "{text}");
}

#[expect(clippy::panic, reason = "a test fails by panicking")]
fn fail(text: &str) -> ! {
    panic!("{text}")
}
