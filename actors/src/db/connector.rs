//! Connections for jobs: quickly one, or quickly the reason why there is none.

use super::DbError;
use flyball_schema::db::{Connection, ConnectionPool, PooledConn};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a job waits for a connection.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long nobody waits again once a job waited in vain: those behind it are refused at once.
const PAUSE: Duration = Duration::from_secs(1);

/// Lends the connections of a pool. While the database is away, one job in [`PAUSE`] looks for it.
#[derive(Debug)]
pub(super) struct Connector {
    pool: ConnectionPool,
    away: Mutex<Option<Away>>,
}

#[derive(Debug)]
struct Away {
    until: Instant,
    why: String,
}

impl Connector {
    pub(super) fn new(pool: ConnectionPool) -> Self {
        Self { pool, away: Mutex::default() }
    }

    /// Runs a job on a connection. Blocks.
    pub(super) fn run<T>(&self, job: impl FnOnce(&mut Connection) -> Result<T, DbError>) -> Result<T, DbError> {
        let mut connection = self.lend()?;
        match job(&mut connection) {
            Err(DbError::Query(error)) if connection.is_lost() => Err(DbError::Lost(error)),
            result => result,
        }
    }

    fn lend(&self) -> Result<PooledConn, DbError> {
        let is_away = |away: &&Away| Instant::now() < away.until;
        if let Some(away) = self.away.lock().unwrap_or_else(PoisonError::into_inner).as_ref().filter(is_away) {
            return Err(DbError::Connect(away.why.clone()));
        }
        let lent = self.pool.get_timeout(PATIENCE).map_err(|error| error.to_string());
        let away = lent.as_ref().err().map(|why| Away { until: Instant::now() + PAUSE, why: why.clone() });
        *self.away.lock().unwrap_or_else(PoisonError::into_inner) = away;
        lent.map_err(DbError::Connect)
    }
}
