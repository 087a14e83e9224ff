//! The engine that answers questions about the past.

use super::historian::Cancel;
use super::query::Query;
use super::reader::{HistoryReader, Job};
use super::shared::History;
use super::{DataLoggerStatus, HistoryError, ReadDataLoggerStatus};
use crate::Clock;
use crate::send::{SendError, ask};
use actix::dev::{MessageResponse, OneshotSender};
use actix::{Actor, Addr, Context, Handler, Message, MessageResult, Supervised, SyncArbiter};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Reading threads: one may be busy with a long range while the other serves the short ones.
const READERS: usize = 2;
/// Questions under way or waiting at the most: a screen of charts asks about ten at a time.
const PERMITS: usize = 16;
/// A question is given up after this, where its asker has not given up before.
const DEADLINE: Duration = Duration::from_secs(30);

/// **Engine.** Reads the history on threads of its own: [`ReadRaw`](super::ReadRaw), [`ReadTrend`](super::ReadTrend),
/// [`ReadLast`](super::ReadLast).
///
/// Questions are answered side by side and in no certain order. With too many under way or waiting, the next is refused
/// at once. A question whose asker has gone stops soon.
pub struct DataLogger {
    clock: Clock,
    history: Arc<History>,
    readers: Option<Addr<HistoryReader>>,
    permits: Arc<Semaphore>,
    damaged: Arc<AtomicU64>,
    questions: u64,
    busy: u64,
}

impl DataLogger {
    /// An engine that reads `history`.
    #[must_use]
    pub fn new(clock: Clock, history: Arc<History>) -> Self {
        Self {
            clock,
            history,
            readers: None,
            permits: Arc::new(Semaphore::new(PERMITS)),
            damaged: Arc::default(),
            questions: 0,
            busy: 0,
        }
    }

    fn take<Q: Query>(&mut self, query: Q) -> Result<Question<Q>, HistoryError> {
        query.check()?;
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            self.busy += 1;
            return Err(HistoryError::Busy);
        };
        self.questions += 1;
        let (history, damaged) = (&self.history, &self.damaged);
        let readers = self.readers.get_or_insert_with(|| start_readers(history, damaged)).clone();
        let cancel = Cancel::default();
        Ok(Question { readers, job: Job { query, now: self.clock.now(), cancel, permit } })
    }
}

fn start_readers(history: &Arc<History>, damaged: &Arc<AtomicU64>) -> Addr<HistoryReader> {
    let (history, damaged) = (Arc::clone(history), Arc::clone(damaged));
    let thread = || std::thread::Builder::new().name("history-reader".to_owned());
    let reader = move || HistoryReader::new(Arc::clone(&history), Arc::clone(&damaged));
    SyncArbiter::start_with_thread_builder(READERS, thread, reader)
}

/// A question that was let in.
struct Question<Q> {
    readers: Addr<HistoryReader>,
    job: Job<Q>,
}

impl<Q: Query> Question<Q> {
    async fn answer(self) -> Result<Q::Answer, HistoryError> {
        let Self { readers, job } = self;
        // Dropping this future, as at a deadline, stops the reader.
        let _cancel = CancelOnDrop(job.cancel.clone());
        match ask(&readers, job, DEADLINE).await {
            Ok(answer) => answer,
            Err(SendError::Deadline(after)) => Err(HistoryError::Deadline(after)),
            Err(error) => Err(HistoryError::Unavailable(error.to_string())),
        }
    }
}

struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// The answer to come; given up when nobody waits for it any more, which a future of actix would not notice.
pub struct Answer<M: Message>(Pin<Box<dyn Future<Output = M::Result>>>);

impl<M> MessageResponse<DataLogger, M> for Answer<M>
where
    M: Message<Result: Send>,
{
    fn handle(self, _ctx: &mut Context<DataLogger>, asker: Option<OneshotSender<M::Result>>) {
        let Some(mut asker) = asker else { return };
        actix::spawn(async move {
            tokio::select! {
                answer = self.0 => drop(asker.send(answer)),
                () = asker.closed() => {}
            }
        });
    }
}

impl<M: Message> fmt::Debug for Answer<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}

impl<Q> Handler<Q> for DataLogger
where
    Q: Query + Message<Result = Result<<Q as Query>::Answer, HistoryError>>,
{
    type Result = Answer<Q>;

    fn handle(&mut self, query: Q, _ctx: &mut Self::Context) -> Self::Result {
        let question = self.take(query);
        Answer(Box::pin(async move { question?.answer().await }))
    }
}

impl Handler<ReadDataLoggerStatus> for DataLogger {
    type Result = MessageResult<ReadDataLoggerStatus>;

    fn handle(&mut self, ReadDataLoggerStatus: ReadDataLoggerStatus, _ctx: &mut Self::Context) -> Self::Result {
        MessageResult(DataLoggerStatus {
            questions: self.questions,
            busy: self.busy,
            waiting: PERMITS - self.permits.available_permits(),
            damaged_frames: self.damaged.load(Ordering::Relaxed),
        })
    }
}

impl Actor for DataLogger {
    type Context = Context<Self>;
}

impl Supervised for DataLogger {}

impl fmt::Debug for DataLogger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataLogger").field("questions", &self.questions).finish_non_exhaustive()
    }
}
