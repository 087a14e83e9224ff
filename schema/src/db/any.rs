//! One type for a connection to either database.
//!
//! The derived code sees every name of this file, so nothing else is here.

/// A connection to the database, of either kind: queries are written once.
///
/// What the backends do not have in common (batches of rows, `ON CONFLICT`) takes the inner connection by `match`.
/// Connections are made by [`connect`](super::connect): `establish` of diesel would take every URL for a file.
#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    /// To a file.
    Sqlite(diesel::SqliteConnection),
    /// To a server.
    Postgres(diesel::PgConnection),
}
