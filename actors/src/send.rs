//! The only three ways a message leaves an actor: [`ask`], [`offer`] and [`tell`].
//!
//! actix's `do_send` ignores the capacity of a mailbox, and a `send` without a deadline can wait for
//! ever; neither is used anywhere else (a lint sees to it).

use actix::dev::ToEnvelope;
use actix::{Actor, Addr, Handler, Message, Recipient};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Deadline of a request between actors where the caller has none of its own.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// A message that was not delivered, or not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The actor has stopped.
    #[error("the actor has stopped")]
    Closed,
    /// The actor's mailbox is full.
    #[error("the actor's mailbox is full")]
    Full,
    /// No answer within the deadline. The message may still be handled.
    #[error("no answer within {} ms", .0.as_millis())]
    Deadline(Duration),
}

/// Asks an actor and waits for its answer.
///
/// Dropping the future before it is ready cancels the message where the actor has not begun with it;
/// a command that must happen is asked from a spawned task.
///
/// # Errors
/// [`SendError::Closed`], [`SendError::Deadline`].
pub async fn ask<A, M>(to: &Addr<A>, message: M, deadline: Duration) -> Result<M::Result, SendError>
where
    A: Actor + Handler<M>,
    A::Context: ToEnvelope<A, M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    answer(to.send(message), deadline).await
}

/// [`ask`] for an actor known only by a message it takes.
///
/// # Errors
/// [`SendError::Closed`], [`SendError::Deadline`].
pub async fn ask_recipient<M>(to: &Recipient<M>, message: M, deadline: Duration) -> Result<M::Result, SendError>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    answer(to.send(message), deadline).await
}

async fn answer<T>(
    request: impl Future<Output = Result<T, actix::MailboxError>>,
    deadline: Duration,
) -> Result<T, SendError> {
    match tokio::time::timeout(deadline, request).await {
        Ok(Ok(reply)) => Ok(reply),
        Ok(Err(actix::MailboxError::Closed)) => Err(SendError::Closed),
        Ok(Err(actix::MailboxError::Timeout)) | Err(_) => Err(SendError::Deadline(deadline)),
    }
}

/// Hands a message over without waiting, and gives it back where the mailbox is full or closed.
///
/// # Errors
/// The message, with [`SendError::Full`] or [`SendError::Closed`].
pub fn offer<M>(to: &Recipient<M>, message: M) -> Result<(), (SendError, M)>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    to.try_send(message).map_err(|refused| match refused {
        actix::prelude::SendError::Full(message) => (SendError::Full, message),
        actix::prelude::SendError::Closed(message) => (SendError::Closed, message),
    })
}

/// Hands a message over without waiting; a refusal is counted in `refusals`.
///
/// For messages that the next one makes good, such as a wake-up.
pub fn tell<M>(to: &Recipient<M>, message: M, refusals: &Refusals)
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    if offer(to, message).is_err() {
        refusals.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// How many messages were refused by full or closed mailboxes.
#[derive(Debug, Clone, Default)]
pub struct Refusals(Arc<AtomicU64>);

impl Refusals {
    /// The count so far.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
