//! Diesel jobs on sync arbiters: one writer, several readers, permits in front, a panic contained.

use super::DbError;
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
}

#[derive(Debug, Clone)]
struct Lane {
    executor: Addr<Executor>,
    permits: Arc<Semaphore>,
}

impl Lane {
    fn start(pool: ConnectionPool, threads: usize) -> Self {
        let executor = SyncArbiter::start(threads, move || Executor { pool: pool.clone() });
        Self { executor, permits: Arc::new(Semaphore::new(PERMITS)) }
    }

    async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, DbError> + Send + 'static,
    ) -> Result<T, DbError> {
        let permit = tokio::time::timeout(PERMIT_PATIENCE, Arc::clone(&self.permits).acquire_owned());
        let permit = permit.await.map_err(|_elapsed| DbError::Busy)?.map_err(|_closed| DbError::Closed)?;
        let (reply, answer) = oneshot::channel();
        let work: Work = Box::new(move |pool| {
            // The caller may have gone; the job has been done all the same.
            let _gone = reply.send(contained(pool, job));
            drop(permit);
        });
        match send::ask(&self.executor, Job(work), UNTIL_DONE).await {
            Ok(()) => answer.await.map_err(|_dropped| DbError::Closed)?,
            Err(SendError::Closed) => Err(DbError::Closed),
            Err(SendError::Full | SendError::Deadline(_)) => Err(DbError::Busy),
        }
    }
}

fn contained<T>(pool: &ConnectionPool, job: impl FnOnce(&mut Connection) -> Result<T, DbError>) -> Result<T, DbError> {
    let run = || {
        let mut connection = pool.get().map_err(DbError::Connect)?;
        job(&mut connection)
    };
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(DbError::Panicked(panic_text(&*panic))))
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
    /// What the job answers; [`DbError::Busy`], [`DbError::Closed`], [`DbError::Connect`], [`DbError::Panicked`].
    pub async fn write<T, F>(&self, job: F) -> Result<T, DbError>
    where
        F: FnOnce(&mut Connection) -> Result<T, DbError> + Send + 'static,
        T: Send + 'static,
    {
        let result = self.writer.run(|connection| connection.immediate_transaction(job)).await;
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

    fn note<T>(&self, result: &Result<T, DbError>) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(_) => *health = DatabaseHealth::default(),
            Err(error) => {
                health.failures += 1;
                health.error = Some(error.to_string());
            }
        }
    }
}

type Work = Box<dyn FnOnce(&ConnectionPool) + Send>;

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
    pool: ConnectionPool,
}

impl Actor for Executor {
    type Context = SyncContext<Self>;
}

impl Handler<Job> for Executor {
    type Result = ();

    fn handle(&mut self, Job(work): Job, _ctx: &mut Self::Context) {
        work(&self.pool);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use diesel::{ExpressionMethods, QueryDsl, RunQueryDsl};
    use flyball_schema::db::migrate;
    use flyball_schema::tables::tag;

    fn open(folder: &tempfile::TempDir) -> Database {
        let url = folder.path().join("plant.db").display().to_string();
        migrate(&mut open_pool(&url, Access::Write, 1).unwrap().get().unwrap()).unwrap();
        Database::open(&url, 2).unwrap()
    }

    fn insert(connection: &mut Connection, name: &str) -> Result<(), DbError> {
        let row = (tag::name.eq(name), tag::definition.eq("{}"), tag::changed_at.eq(0));
        diesel::insert_into(tag::table).values(row).execute(connection)?;
        Ok(())
    }

    async fn count(database: &Database) -> i64 {
        database.read(|connection| Ok(tag::table.count().get_result(connection)?)).await.unwrap()
    }

    #[actix_rt::test]
    async fn a_job_that_fails_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let database = open(&folder);
        let failed = database.write(|connection| {
            insert(connection, "a")?;
            insert(connection, "a")
        });
        assert!(matches!(failed.await, Err(DbError::Query(_))));
        assert_eq!(database.health().failures, 1);
        assert_eq!(count(&database).await, 0);
        assert_eq!(database.health(), DatabaseHealth::default());
    }

    #[actix_rt::test]
    async fn a_job_that_panics_answers_and_the_writer_lives_on() {
        let folder = tempfile::tempdir().unwrap();
        let database = open(&folder);
        let panicked = database.write(|connection| -> Result<(), DbError> {
            insert(connection, "a")?;
            panic!("out of cheese")
        });
        assert!(matches!(panicked.await, Err(DbError::Panicked(text)) if text == "out of cheese"));
        database.write(|connection| insert(connection, "b")).await.unwrap();
        assert_eq!(count(&database).await, 1);
    }

    #[actix_rt::test]
    async fn a_lane_that_is_full_refuses_as_busy() {
        let folder = tempfile::tempdir().unwrap();
        let database = open(&folder);
        let (release, gate) = std::sync::mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let stuck: Vec<_> = (0..PERMITS)
            .map(|_| {
                let (database, gate) = (database.clone(), Arc::clone(&gate));
                actix_rt::spawn(async move {
                    let wait = move |_: &mut Connection| {
                        let _released = gate.lock().unwrap().recv();
                        Ok(())
                    };
                    database.write(wait).await
                })
            })
            .collect();
        while database.writer.permits.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        // Virtual time: the permit's patience passes at once. Real time again for the jobs on real threads.
        tokio::time::pause();
        assert!(matches!(database.write(|_| Ok(())).await, Err(DbError::Busy)));
        tokio::time::resume();
        drop(release);
        for job in stuck {
            job.await.unwrap().unwrap();
        }
    }
}
