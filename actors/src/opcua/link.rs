//! One link: connected, watched and connected again, until it is closed.

use super::acquire::Acquirer;
use super::connect::{self, EventLoop, Failure};
use super::field::Field;
use super::subscribe::Limits;
use super::write::{Connection, Outputs, WriteRequest, Writer};
use super::{LinkError, LinkState, LinkStatus, UpdateLink};
use crate::cvt::WriteTags;
use actix::Recipient;
use flyball_schema::{Quality, TagId, Value};
use futures_util::StreamExt;
use opcua::client::transport::TransportPollResult;
use opcua::client::{Session, SessionActivity, SessionPollResult};
use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Requests of people and machines that may wait for a link.
const REQUESTS: usize = 256;

/// How long each step of closing a link may take.
const CLOSING: Duration = Duration::from_secs(1);

/// How long closing a session may take that something is wrong with.
const PARTING: Duration = Duration::from_millis(300);

/// Keep-alives that may fail in a row for another reason than silence.
const FAILED_KEEP_ALIVES: u32 = 3;

/// A link with its running tasks.
#[derive(Debug)]
pub(super) struct Link {
    field: Arc<Field>,
    requests: mpsc::Sender<WriteRequest>,
    outputs: Arc<Outputs>,
    stop_writing: CancellationToken,
    stop: CancellationToken,
    writer: JoinHandle<()>,
    session: JoinHandle<()>,
    delivery: JoinHandle<()>,
}

impl Link {
    /// Starts to connect, on `runtime`.
    pub(super) fn start(field: Field, table: Recipient<WriteTags>, runtime: &Handle) -> Self {
        let field = Arc::new(field);
        let (requests, received) = mpsc::channel(REQUESTS);
        let (published, connection) = watch::channel(None);
        let outputs = Arc::new(Outputs::default());
        let (stop_writing, stop) = (CancellationToken::new(), CancellationToken::new());
        let writer = Writer::new(Arc::clone(&field), received, Arc::clone(&outputs), connection);
        let delivered = Arc::clone(&field);
        Self {
            writer: runtime.spawn(writer.run(stop_writing.clone())),
            session: runtime.spawn(stay_connected(Arc::clone(&field), published, stop.clone())),
            delivery: runtime.spawn(async move { delivered.inbox.deliver(table, || delivered.name()).await }),
            field,
            requests,
            outputs,
            stop_writing,
            stop,
        }
    }

    /// State and counters now.
    pub(super) fn status(&self) -> LinkStatus {
        self.field.status()
    }

    /// Asks for values to be written; the receiver gets the outcome.
    pub(super) fn write(
        &self,
        values: Vec<(TagId, Value)>,
    ) -> Result<oneshot::Receiver<Result<(), LinkError>>, LinkError> {
        let (reply, outcome) = oneshot::channel();
        match self.requests.try_send(WriteRequest { values, reply }) {
            Ok(()) => Ok(outcome),
            Err(mpsc::error::TrySendError::Full(_)) => Err(LinkError::Deadline(self.field.name())),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(LinkError::NotConnected(self.field.name())),
        }
    }

    /// Has outputs written, the newest per tag.
    pub(super) fn drive(&self, values: impl IntoIterator<Item = (TagId, Value)>) {
        self.outputs.put(values);
    }

    /// Takes another definition and other tags at once; what is returned waits until nothing of what has left can reach the
    /// table any more.
    pub(super) fn update(&self, update: UpdateLink) -> impl Future<Output = ()> + use<> {
        let field = Arc::clone(&self.field);
        let under_way = field.update(update);
        async move { field.inbox.settled(under_way).await }
    }

    /// What it is made of, to be asked for while the link is being closed.
    pub(super) fn field(&self) -> Weak<Field> {
        Arc::downgrade(&self.field)
    }

    /// Gives tags up to another link.
    pub(super) fn release(&self, tags: &HashSet<TagId>) {
        self.field.release(tags);
    }

    /// Writes what is under way, closes the session and delivers what has arrived, each within a second.
    ///
    /// * `quality`: what the tags turn to, where the link is taken away rather than the plant shut down.
    pub(super) async fn close(self, quality: Option<Quality>) {
        let Self { field, writer, session, delivery, stop_writing, stop, .. } = self;
        stop_writing.cancel();
        finish(writer).await;
        stop.cancel();
        finish(session).await;
        if let Some(quality) = quality {
            field.turn_bad(quality);
        }
        field.inbox.close();
        finish(delivery).await;
        field.stopped();
    }
}

async fn finish(mut task: JoinHandle<()>) {
    if timeout(CLOSING, &mut task).await.is_err() {
        task.abort();
    }
}

/// How a connection ended.
enum End {
    /// On request.
    Stopped,
    /// Another endpoint is to be connected.
    Outdated,
    /// It could not be made, or broke.
    Failed(Failure),
}

/// Connects, and connects again, until stopped.
async fn stay_connected(field: Arc<Field>, published: watch::Sender<Option<Connection>>, stop: CancellationToken) {
    let mut backoff = field.backoff();
    loop {
        let gone = CancellationToken::new();
        let (epoch, endpoint) = field.session();
        let attempt = Attempt { field: &field, epoch, published: &published, gone: &gone };
        let end = attempt.serve(&endpoint, &stop).await;
        gone.cancel();
        published.send_replace(None);
        match end {
            End::Stopped => return,
            End::Outdated => backoff.reset(),
            End::Failed(failure) => {
                if field.state() == LinkState::Connected {
                    backoff.reset();
                }
                field.disconnected(&failure.reason);
                let wait = backoff.next(failure.kind, &field.settings);
                tokio::select! {
                    () = sleep(wait) => {}
                    () = stop.cancelled() => return,
                    () = field.outdated(epoch) => {
                        backoff.reset();
                        field.connecting();
                    }
                }
            }
        }
    }
}

/// One connection in the making or made.
struct Attempt<'a> {
    field: &'a Arc<Field>,
    epoch: u64,
    published: &'a watch::Sender<Option<Connection>>,
    gone: &'a CancellationToken,
}

impl Attempt<'_> {
    /// From its making to its end.
    async fn serve(&self, endpoint: &str, stop: &CancellationToken) -> End {
        let Self { field, epoch, .. } = *self;
        let opening = timeout(field.settings.request_timeout, connect::open(endpoint, &field.settings));
        let (session, event_loop) = tokio::select! {
            opened = opening => match opened {
                Ok(Ok(opened)) => opened,
                Ok(Err(failure)) => return End::Failed(failure),
                Err(_elapsed) => return End::Failed(Failure::network("no answer")),
            },
            () = stop.cancelled() => return End::Stopped,
            () = field.outdated(epoch) => {
                field.connecting();
                return End::Outdated;
            }
        };
        let (connected, ready) = oneshot::channel();
        let driver = drive(Arc::clone(field), Arc::clone(&session), event_loop, connected);
        let mut driver = Driver(tokio::spawn(driver));
        let end = tokio::select! {
            failure = &mut driver.0 => {
                return End::Failed(failure.unwrap_or_else(|_| Failure::network("connection failed")));
            }
            failure = self.acquire(&session, ready) => End::Failed(failure),
            () = stop.cancelled() => End::Stopped,
            () = field.outdated(epoch) => {
                // Nothing more is taken from this device, whatever it still sends.
                field.connecting();
                End::Outdated
            }
        };
        // The driver goes on meanwhile, so that the device hears of it and has the session's place free again.
        let patience = if matches!(end, End::Stopped) { CLOSING } else { PARTING };
        if timeout(patience, session.disconnect()).await.is_err() {
            log::debug!("link \"{}\": the device did not answer the closing in time", field.name());
        }
        // Nothing may arrive any more once the tags are told to be bad.
        driver.0.abort();
        let _ended = (&mut driver.0).await;
        end
    }

    /// Acquires the link's items until something is wrong.
    async fn acquire(&self, session: &Arc<Session>, ready: oneshot::Receiver<()>) -> Failure {
        if ready.await.is_err() {
            // The driver has ended and is about to say why.
            std::future::pending::<()>().await;
        }
        match self.start(session).await {
            Ok(acquirer) => acquirer.run().await,
            Err(failure) => failure,
        }
    }

    async fn start(&self, session: &Arc<Session>) -> Result<Acquirer, Failure> {
        let Self { field, epoch, .. } = *self;
        let limits = Limits::read(session).await?;
        let acquirer = Acquirer::start(Arc::clone(field), Arc::clone(session), limits, epoch).await?;
        let (session, gone) = (Arc::clone(session), self.gone.clone());
        self.published.send_replace(Some(Connection { session, limits, epoch, gone }));
        field.connected(epoch);
        Ok(acquirer)
    }
}

/// Ends the session's task with the connection.
struct Driver(JoinHandle<Failure>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Drives the session until the connection is lost, and says why.
///
/// It watches for silence itself: the stack notices a half-open connection only after several unanswered reads.
async fn drive(
    field: Arc<Field>,
    session: Arc<Session>,
    event_loop: EventLoop,
    connected: oneshot::Sender<()>,
) -> Failure {
    let mut events = Box::pin(event_loop.enter());
    let (mut connected, mut failed) = (Some(connected), 0);
    let mut heard = Instant::now();
    loop {
        let event = match tokio::time::timeout_at(heard + field.settings.silence, events.next()).await {
            Ok(Some(Ok(event))) => event,
            Ok(Some(Err(status))) => return Failure::from_status(status),
            Ok(None) => return Failure::network("connection closed"),
            Err(_elapsed) => return Failure::network("no answer"),
        };
        match event {
            SessionPollResult::Transport(TransportPollResult::IncomingMessage) => heard = Instant::now(),
            SessionPollResult::ConnectionLost(status) | SessionPollResult::ReconnectFailed(status) => {
                return Failure::from_status(status);
            }
            SessionPollResult::Reconnected(_) => {
                // Without this the stack asks for no notifications after a reconnection.
                session.trigger_publish_now();
                heard = Instant::now();
                if let Some(connected) = connected.take() {
                    // Nobody waits any more: the connection is being given up.
                    let _given_up = connected.send(());
                }
            }
            SessionPollResult::SessionActivity(SessionActivity::KeepAliveSucceeded) => failed = 0,
            SessionPollResult::SessionActivity(SessionActivity::KeepAliveFailed(status)) => {
                failed += 1;
                if failed >= FAILED_KEEP_ALIVES {
                    return Failure::from_status(status);
                }
            }
            _ => {}
        }
    }
}
