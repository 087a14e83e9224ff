//! A link's way to the table: filled by the session, emptied by one request at a time.

use super::buffer::Buffer;
use crate::cvt::{Update, WriteTags};
use crate::send::{SendError, ask_recipient};
use actix::Recipient;
use flyball_schema::TagId;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// Updates of one request to the table, so that its handler stays short.
const BATCH: usize = 1_000;

/// How long the table may take for a batch before it is given up; an overloaded table takes longer than one that is well.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
struct Waiting {
    buffer: Buffer,
    /// Batches taken out so far.
    taken: u64,
}

/// Updates that wait for the table.
#[derive(Debug)]
pub(super) struct Inbox {
    waiting: Mutex<Waiting>,
    filled: Notify,
    closed: AtomicBool,
    /// Batches that the table has answered.
    answered: watch::Sender<u64>,
}

impl Inbox {
    pub(super) fn new(bound: usize) -> Self {
        Self {
            waiting: Mutex::new(Waiting { buffer: Buffer::new(bound), taken: 0 }),
            filled: Notify::new(),
            closed: AtomicBool::new(false),
            answered: watch::channel(0).0,
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends updates; true where the table has fallen behind by this. The lock is held for the time of a copy at most, so
    /// that a session may call it in its callback.
    pub(super) fn push(&self, updates: impl IntoIterator<Item = Update>) -> bool {
        let overrun = self.waiting().buffer.push(updates);
        self.filled.notify_one();
        overrun
    }

    /// Drops what waits for these tags.
    ///
    /// * Returns the number of the last batch that may hold some: see [`settled`](Self::settled).
    pub(super) fn remove(&self, tags: &HashSet<TagId>) -> u64 {
        let mut waiting = self.waiting();
        waiting.buffer.remove(tags);
        waiting.taken
    }

    /// Waits until the table has answered this batch and those before it, or will answer none any more.
    pub(super) async fn settled(&self, batch: u64) {
        let mut answered = self.answered.subscribe();
        // The sender lives as long as the inbox.
        let _answered = answered.wait_for(|answered| *answered >= batch).await;
    }

    /// Updates dropped so far because the table was behind.
    pub(super) fn coalesced(&self) -> u64 {
        self.waiting().buffer.coalesced()
    }

    /// What waits now; it goes on waiting.
    #[cfg(test)]
    pub(super) fn waiting_updates(&self) -> Vec<Update> {
        self.waiting().buffer.updates().cloned().collect()
    }

    /// Lets [`deliver`](Self::deliver) end when all is delivered.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.filled.notify_one();
    }

    fn take(&self) -> (u64, Vec<Update>) {
        let mut waiting = self.waiting();
        let batch = waiting.buffer.take(BATCH);
        waiting.taken += u64::from(!batch.is_empty());
        (waiting.taken, batch)
    }

    /// Takes updates to the table, one request at a time and in order, until the inbox is closed and empty or the table
    /// has stopped.
    ///
    /// * `link`: tells the link's name for the log.
    pub(super) async fn deliver(&self, table: Recipient<WriteTags>, link: impl Fn() -> String) {
        let _ended = Ended(self);
        loop {
            // Read before the buffer: what was pushed before the closing is then seen.
            let closed = self.closed.load(Ordering::Acquire);
            let (number, batch) = self.take();
            if batch.is_empty() {
                if closed {
                    return;
                }
                self.filled.notified().await;
                continue;
            }
            let size = batch.len();
            match ask_recipient(&table, WriteTags(batch), PATIENCE).await {
                Ok(report) => {
                    if let Some((_, refusal)) = report.refused.first() {
                        log::warn!("link \"{}\": {} values refused: {refusal}", link(), report.refused.len());
                    }
                }
                Err(SendError::Closed) => return,
                Err(error) => log::error!("link \"{}\": {size} values may be lost: {error}", link()),
            }
            self.answered.send_replace(number);
        }
    }
}

/// Lets go those who wait for a batch when there will be no more, however the delivery ends.
struct Ended<'a>(&'a Inbox);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.answered.send_replace(u64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cvt::WriteReport;
    use actix::{Actor, Context, Handler};
    use flyball_schema::{TagId, Value};
    use std::sync::Arc;

    /// A table that keeps what it is given.
    struct Table(Arc<Mutex<Vec<(usize, i64)>>>);

    impl Actor for Table {
        type Context = Context<Self>;
    }

    impl Handler<WriteTags> for Table {
        type Result = actix::MessageResult<WriteTags>;
        fn handle(&mut self, WriteTags(updates): WriteTags, _ctx: &mut Self::Context) -> Self::Result {
            let size = updates.len();
            let values = updates.into_iter().filter_map(|update| match update.value {
                Some(Value::Integer(value)) => Some((size, value)),
                _ => None,
            });
            self.0.lock().unwrap().extend(values);
            actix::MessageResult(WriteReport::default())
        }
    }

    #[actix_rt::test]
    async fn all_that_was_pushed_before_the_closing_reaches_the_table_in_order() {
        let taken = Arc::new(Mutex::new(Vec::new()));
        let table = Table(Arc::clone(&taken)).start();
        let inbox = Inbox::new(10_000);
        inbox.push((0..2_500).map(|value| Update::good(TagId(1), value)));
        inbox.close();
        inbox.deliver(table.recipient(), || "test".to_owned()).await;
        let taken = taken.lock().unwrap();
        assert!(taken.iter().map(|(_, value)| *value).eq(0..2_500));
        assert!(taken.iter().all(|(size, _)| *size <= BATCH));
    }

    #[actix_rt::test]
    async fn of_a_removed_tag_nothing_reaches_the_table_once_the_batch_under_way_is_settled() {
        let taken = Arc::new(Mutex::new(Vec::new()));
        let table = Table(Arc::clone(&taken)).start();
        let inbox = Arc::new(Inbox::new(10_000));
        inbox.push((0..2_500).map(|value| Update::good(TagId(u32::from(value % 2 == 0)), value)));
        let delivering = Arc::clone(&inbox);
        let delivery = actix_rt::spawn(async move { delivering.deliver(table.recipient(), String::new).await });
        inbox.settled(1).await;
        let under_way = inbox.remove(&HashSet::from([TagId(1)]));
        inbox.settled(under_way).await;
        let even = || taken.lock().unwrap().iter().filter(|(_, value)| value % 2 == 0).count();
        let before = even();
        inbox.close();
        delivery.await.unwrap();
        assert_eq!(even(), before);
        assert_eq!(taken.lock().unwrap().iter().filter(|(_, value)| value % 2 == 1).count(), 1_250);
        inbox.settled(1_000).await;
    }
}
