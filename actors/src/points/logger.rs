//! Points in the database. **Engine.**

use super::{DeleteSegment, ImportPoints, ListSegments, LocatePost, PointsError, ReadPoints, store};
use crate::Clock;
use crate::db::{Database, answer_by_jobs};
use actix::{Actor, Context, Handler, ResponseFuture};
use flyball_schema::linear::{Point, Position};

/// Keeps surveyed points of segments, and locates kilometre posts. **Engine.**
#[derive(Debug)]
pub struct PointsLogger {
    clock: Clock,
    database: Database,
}

impl PointsLogger {
    /// An engine on `database`, which is migrated.
    #[must_use]
    pub fn new(clock: Clock, database: Database) -> Self {
        Self { clock, database }
    }
}

impl Actor for PointsLogger {
    type Context = Context<Self>;
}

answer_by_jobs! { PointsLogger:
    read ListSegments => store::list;
    write ImportPoints => store::import;
    write DeleteSegment => store::delete;
}

impl Handler<ReadPoints> for PointsLogger {
    type Result = ResponseFuture<Result<Vec<Point>, PointsError>>;

    fn handle(&mut self, query: ReadPoints, _ctx: &mut Self::Context) -> Self::Result {
        let database = self.database.clone();
        Box::pin(async move { database.read(move |connection| store::read(connection, &query)).await? })
    }
}

impl Handler<LocatePost> for PointsLogger {
    type Result = ResponseFuture<Result<Position, PointsError>>;

    fn handle(&mut self, query: LocatePost, _ctx: &mut Self::Context) -> Self::Result {
        let database = self.database.clone();
        Box::pin(async move { database.read(move |connection| store::locate(connection, &query)).await? })
    }
}
