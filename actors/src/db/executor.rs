//! Diesel jobs on sync arbiters: one writer, several readers, permits in front, a panic contained.

use super::DbError;
use super::connector::Connector;
use crate::send::{self, SendError};
use actix::{Actor, Addr, Handler, Message, SyncArbiter, SyncContext};
use diesel::Connection as _;
use flyball_schema::db::{Access, Connection, ConnectionPool, open_pool};
use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};

/// Jobs that may wait or run in one lane; the next waits for a permit.
const PERMITS: usize = 64;

/// How long a job waits for a permit before it is refused as busy.
const PERMIT_PATIENCE: Duration = Duration::from_secs(2);

/// A job has no deadline of its own: whether it was done has to be known. This one is only there to be finite.
const UNTIL_DONE: Duration = Duration::from_secs(86_400);

/// Handle to the database: cheap to clone, used by every database engine.
#[derive(Debug, Clone)]
pub struct Database {
    writer: Lane,
    readers: Lane,
    health: Arc<Mutex<DatabaseHealth>>,
}

/// Whether the database can be used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DatabaseHealth {
    /// Failures since the last success.
    pub failures: u64,
    /// The last failure, while it lasts.
    pub error: Option<String>,
    /// Whether it was that the database cannot be reached.
    pub is_away: bool,
}

#[derive(Debug, Clone)]
struct Lane {
    executor: Addr<Executor>,
    permits: Arc<Semaphore>,
}

impl Lane {
    fn start(pool: ConnectionPool, threads: usize) -> Self {
        let connector = Arc::new(Connector::new(pool));
        let executor = SyncArbiter::start(threads, move || Executor { connector: Arc::clone(&connector) });
        Self { executor, permits: Arc::new(Semaphore::new(PERMITS)) }
    }

    async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, DbError> + Send + 'static,
    ) -> Result<T, DbError> {
        let permit = tokio::time::timeout(PERMIT_PATIENCE, Arc::clone(&self.permits).acquire_owned());
        let permit = permit.await.map_err(|_elapsed| DbError::Busy)?.map_err(|_closed| DbError::Closed)?;
        let (reply, answer) = oneshot::channel();
        let work: Work = Box::new(move |connector| {
            // The caller may have gone; the job has been done all the same.
            let _gone = reply.send(contained(connector, job));
            drop(permit);
        });
        match send::ask(&self.executor, Job(work), UNTIL_DONE).await {
            Ok(()) => answer.await.map_err(|_dropped| DbError::Closed)?,
            Err(SendError::Closed) => Err(DbError::Closed),
            Err(SendError::Full | SendError::Deadline(_)) => Err(DbError::Busy),
        }
    }
}

fn contained<T>(connector: &Connector, job: impl FnOnce(&mut Connection) -> Result<T, DbError>) -> Result<T, DbError> {
    let run = AssertUnwindSafe(|| connector.run(job));
    catch_unwind(run).unwrap_or_else(|panic| Err(DbError::Panicked(panic_text(&*panic))))
}

/// The text of a caught panic.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".to_owned())
}

impl Database {
    /// Opens the database with one writing connection and `readers` reading ones. Migrations have run.
    ///
    /// # Errors
    /// [`DbError::Open`].
    pub fn open(url: &str, readers: u32) -> Result<Self, DbError> {
        let writer = open_pool(url, Access::Write, 1)?;
        let reading = open_pool(url, Access::Read, readers.max(1))?;
        let threads = usize::try_from(readers.max(1)).unwrap_or(1);
        Ok(Self { writer: Lane::start(writer, 1), readers: Lane::start(reading, threads), health: Arc::default() })
    }

    /// Runs `job` on the writer, in one transaction: all of it is kept, durably, or nothing.
    ///
    /// # Errors
    /// What the job answers; [`DbError::Busy`], [`DbError::Closed`], [`DbError::Connect`], [`DbError::Panicked`], and
    /// [`DbError::Lost`], after which it is not known whether the job was kept.
    pub async fn write<T, F>(&self, job: F) -> Result<T, DbError>
    where
        F: FnOnce(&mut Connection) -> Result<T, DbError> + Send + 'static,
        T: Send + 'static,
    {
        let result = self.writer.run(|connection| connection.write_transaction(job)).await;
        self.note(&result);
        result
    }

    /// Runs `job` on one of the readers.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn read<T, F>(&self, job: F) -> Result<T, DbError>
    where
        F: FnOnce(&mut Connection) -> Result<T, DbError> + Send + 'static,
        T: Send + 'static,
    {
        let result = self.readers.run(|connection| connection.transaction(job)).await;
        self.note(&result);
        result
    }

    /// Whether the last job could use the database.
    #[must_use]
    pub fn health(&self) -> DatabaseHealth {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks whether the database can be reached, so that its loss and return are seen while there are no jobs.
    pub(super) async fn probe(&self) {
        // A job gets a connection that has answered.
        let result = self.writer.run(|_connection| Ok(())).await;
        // That it can be reached does not mean that it can be written.
        if result.is_err() || self.health().is_away {
            self.note(&result);
        }
    }

    fn note<T>(&self, result: &Result<T, DbError>) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(_) => *health = DatabaseHealth::default(),
            Err(error) => {
                health.failures += 1;
                health.error = Some(error.to_string());
                health.is_away = matches!(error, DbError::Connect(_) | DbError::Lost(_));
            }
        }
    }
}

type Work = Box<dyn FnOnce(&Connector) + Send>;

struct Job(Work);

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Job")
    }
}

impl Message for Job {
    type Result = ();
}

/// A thread that runs jobs. It owns no SQL.
#[derive(Debug)]
struct Executor {
    connector: Arc<Connector>,
}

impl Actor for Executor {
    type Context = SyncContext<Self>;
}

impl Handler<Job> for Executor {
    type Result = ();

    fn handle(&mut self, Job(work): Job, _ctx: &mut Self::Context) {
        work(&self.connector);
    }
}

#[cfg(test)]
mod tests;
