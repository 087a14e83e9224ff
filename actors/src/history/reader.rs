//! The threads that read the history.

use super::HistoryError;
use super::historian::{Cancel, Chain, Historian, HistorianError, OpenHistorian, guarded};
use super::query::{Failure, Query};
use actix::{Actor, Handler, Message, SyncContext};
use flyball_schema::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::OwnedSemaphorePermit;

/// One question, with what it needs on the way.
pub(super) struct Job<Q> {
    pub(super) query: Q,
    pub(super) now: Timestamp,
    pub(super) cancel: Cancel,
    /// Given back when the job is done, or dropped unread.
    pub(super) permit: OwnedSemaphorePermit,
}

impl<Q: Query> Message for Job<Q> {
    type Result = Result<Q::Answer, HistoryError>;
}

/// One reading thread of a `SyncArbiter`.
pub(super) struct HistoryReader {
    open: OpenHistorian,
    historian: Option<Box<dyn Historian>>,
    damaged: Arc<AtomicU64>,
}

impl HistoryReader {
    pub(super) fn new(open: OpenHistorian, damaged: Arc<AtomicU64>) -> Self {
        Self { open, historian: None, damaged }
    }

    fn answer<Q: Query>(&mut self, job: &Job<Q>) -> Result<Q::Answer, HistoryError> {
        job.cancel.check().map_err(|_| HistoryError::Cancelled)?;
        let mut historian = match self.historian.take() {
            Some(historian) => historian,
            None => guarded(|| (self.open)()).map_err(|error| unavailable(&error))?,
        };
        let damaged_before = historian.damaged();
        let outcome = guarded(|| match job.query.run(&mut *historian, job.now, &job.cancel) {
            Err(Failure::Store(error)) => Err(error),
            Err(Failure::Question(error)) => Ok(Err(error)),
            Ok(answer) => Ok(Ok(answer)),
        });
        self.damaged.fetch_add(historian.damaged() - damaged_before, Ordering::Relaxed);
        match outcome {
            Ok(answer) => {
                self.historian = Some(historian);
                answer
            }
            Err(HistorianError::Cancelled) => {
                self.historian = Some(historian);
                Err(HistoryError::Cancelled)
            }
            // The handle is dropped: the file may have been replaced.
            Err(error) => Err(unavailable(&error)),
        }
    }
}

fn unavailable(error: &HistorianError) -> HistoryError {
    log::warn!("the history was not read: {}", Chain(error));
    HistoryError::Unavailable(Chain(error).to_string())
}

impl Actor for HistoryReader {
    type Context = SyncContext<Self>;
}

impl<Q: Query> Handler<Job<Q>> for HistoryReader {
    type Result = Result<Q::Answer, HistoryError>;

    fn handle(&mut self, job: Job<Q>, _ctx: &mut Self::Context) -> Self::Result {
        let answer = self.answer(&job);
        drop(job.permit);
        answer
    }
}
