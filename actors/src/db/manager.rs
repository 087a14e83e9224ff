//! Opens the one database, migrates it, hands it to every engine and tells how it is. **Manager.**

use super::{Database, DatabaseHealth, DbError};
use crate::ticker;
use actix::{Actor, AsyncContext, Context, Handler, Message, ResponseFuture, WrapFuture};
use flyball_schema::db::{Access, DatabaseUrl, OpenError, migrate, open_pool};
use std::time::Duration;

/// How often the manager looks whether the database is there.
const PROBE_EVERY: Duration = Duration::from_secs(5);

/// The database of the plant, as an actor.
#[derive(Debug)]
pub struct DbManager {
    database: Database,
}

impl DbManager {
    /// Brings the database at `url` to the newest schema. Blocks.
    ///
    /// # Errors
    /// [`DbError::Open`].
    pub fn migrate(url: &str) -> Result<(), DbError> {
        let pool = open_pool(url, Access::Write, 1)?;
        let shown = DatabaseUrl::parse(url)?.to_string();
        let mut connection = pool.get().map_err(|source| OpenError::Open { url: shown, source })?;
        let applied = migrate(&mut connection)?;
        if applied > 0 {
            log::info!("database migrated: {applied} steps");
        }
        Ok(())
    }

    /// Opens the migrated database at `url`, its threads belonging to the present arbiter.
    ///
    /// # Errors
    /// [`DbError::Open`].
    pub fn open(url: &str, readers: u32) -> Result<Self, DbError> {
        Ok(Self { database: Database::open(url, readers)? })
    }

    /// The handle that engines use.
    #[must_use]
    pub fn database(&self) -> Database {
        self.database.clone()
    }
}

impl Actor for DbManager {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ticker::every(ctx, PROBE_EVERY, |manager: &mut Self, ctx, _tick| {
            let database = manager.database();
            ctx.spawn(async move { database.probe().await }.into_actor(manager));
        });
    }
}

/// Asks whether the last job could use the database.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "DatabaseHealth")]
pub struct ReadDatabaseHealth;

impl Handler<ReadDatabaseHealth> for DbManager {
    type Result = actix::MessageResult<ReadDatabaseHealth>;

    fn handle(&mut self, _: ReadDatabaseHealth, _ctx: &mut Self::Context) -> Self::Result {
        actix::MessageResult(self.database.health())
    }
}

/// Answers when every write job handed over so far has ended: the barrier of a shutdown.
///
/// * Errors: those of [`Database::write`].
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<(), DbError>")]
pub struct Barrier;

impl Handler<Barrier> for DbManager {
    type Result = ResponseFuture<Result<(), DbError>>;

    fn handle(&mut self, _: Barrier, _ctx: &mut Self::Context) -> Self::Result {
        let database = self.database.clone();
        Box::pin(async move { database.write(|_connection| Ok(())).await })
    }
}
