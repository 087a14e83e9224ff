//! The threads that read the history.

use super::historian::{Cancel, Chain, HistorianError, guarded};
use super::past::PastReader;
use super::query::{Failure, Query};
use super::shared::History;
use super::{HistoryError, TagSet};
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
    history: Arc<History>,
    past: Option<PastReader>,
    damaged: Arc<AtomicU64>,
}

impl HistoryReader {
    pub(super) fn new(history: Arc<History>, damaged: Arc<AtomicU64>) -> Self {
        Self { history, past: None, damaged }
    }

    fn answer<Q: Query>(&mut self, job: &Job<Q>) -> Result<Q::Answer, HistoryError> {
        job.cancel.check().map_err(|_| HistoryError::Cancelled)?;
        let history = &*self.history;
        let mut reader = match self.past.take().filter(|past| past.is_current(history)) {
            Some(past) => past,
            None => guarded(|| PastReader::open(history)).map_err(|error| unavailable(&error))?,
        };
        let damaged_before = reader.damaged();
        let outcome = guarded(|| {
            let tags = TagSet::new(job.query.tags().to_vec());
            let mut past = reader.begin(history, &tags, &job.cancel)?;
            match job.query.run(&mut past, job.now, &job.cancel) {
                Err(Failure::Store(error)) => Err(error),
                Err(Failure::Question(error)) => Ok(Err(error)),
                Ok(answer) => Ok(Ok(answer)),
            }
        });
        self.damaged.fetch_add(reader.damaged() - damaged_before, Ordering::Relaxed);
        match outcome {
            Ok(answer) => {
                self.past = Some(reader);
                answer
            }
            Err(HistorianError::Cancelled) => {
                self.past = Some(reader);
                Err(HistoryError::Cancelled)
            }
            // The handles are dropped: a file may have been replaced, a server restarted.
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
