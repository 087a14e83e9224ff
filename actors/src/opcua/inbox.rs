//! A link's way to the table: filled by the session, emptied by one request at a time.

use super::buffer::Buffer;
use crate::cvt::{Update, WriteTags};
use crate::send::{SendError, ask_recipient};
use actix::Recipient;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Updates of one request to the table, so that its handler stays short.
const BATCH: usize = 1_000;

/// How long the table may take for a batch before it is given up; an overloaded table takes longer than one that is well.
const PATIENCE: Duration = Duration::from_secs(30);

/// Updates that wait for the table.
#[derive(Debug)]
pub(super) struct Inbox {
    link: String,
    buffer: Mutex<Buffer>,
    filled: Notify,
    closed: AtomicBool,
}

impl Inbox {
    pub(super) fn new(link: String, bound: usize) -> Self {
        Self { link, buffer: Mutex::new(Buffer::new(bound)), filled: Notify::new(), closed: AtomicBool::new(false) }
    }

    /// Appends updates; the lock is held for the time of a copy at most, so that a session may call it in its callback.
    pub(super) fn push(&self, updates: impl IntoIterator<Item = Update>) {
        let overrun = self.buffer.lock().unwrap_or_else(PoisonError::into_inner).push(updates);
        if overrun {
            log::warn!("link \"{}\": the table is behind, only the newest value per tag is kept", self.link);
        }
        self.filled.notify_one();
    }

    /// Updates dropped so far because the table was behind.
    pub(super) fn coalesced(&self) -> u64 {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner).coalesced()
    }

    /// Lets [`deliver`](Self::deliver) end when all is delivered.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.filled.notify_one();
    }

    /// Takes updates to the table, one request at a time and in order, until the inbox is closed and empty or the table
    /// has stopped.
    pub(super) async fn deliver(&self, table: Recipient<WriteTags>) {
        loop {
            // Read before the buffer: what was pushed before the closing is then seen.
            let closed = self.closed.load(Ordering::Acquire);
            let batch = self.buffer.lock().unwrap_or_else(PoisonError::into_inner).take(BATCH);
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
                        log::warn!("link \"{}\": {} values refused: {refusal}", self.link, report.refused.len());
                    }
                }
                Err(SendError::Closed) => return,
                Err(error) => log::error!("link \"{}\": {size} values may be lost: {error}", self.link),
            }
        }
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
        let inbox = Inbox::new("test".to_owned(), 10_000);
        inbox.push((0..2_500).map(|value| Update::good(TagId(1), value)));
        inbox.close();
        inbox.deliver(table.recipient()).await;
        let taken = taken.lock().unwrap();
        assert!(taken.iter().map(|(_, value)| *value).eq(0..2_500));
        assert!(taken.iter().all(|(size, _)| *size <= BATCH));
    }
}
