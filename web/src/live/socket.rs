//! One WebSocket of the live feed.

use super::feed::ClientId;
use super::hub::{CloseOrder, Connect, Disconnect, FromClient, LiveHub, QUEUE, Socket, reason};
use super::protocol::{self, MAX_FRAME, Refused, SUBPROTOCOL};
use crate::api::{NoQuery, State};
use crate::problem::Problem;
use actix::Addr;
use actix_web::http::{StatusCode, header};
use actix_web::web::{Payload, Query};
use actix_web::{HttpRequest, HttpResponse};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, ProtocolError, Session};
use bytestring::ByteString;
use flyball::send::{DEADLINE, ask};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};

/// How often a client is pinged.
const PING: Duration = Duration::from_secs(15);
/// A client from which nothing came for so long is gone: three pings without a pong.
const SILENCE: Duration = Duration::from_secs(50);
/// A frame that the connection does not take for so long ends it.
const WRITE: Duration = Duration::from_secs(30);
/// How long the good-bye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// Opens the live feed (subprotocol `flyball.v1`).
///
/// # Errors
/// `upgrade_required`, `malformed`, `busy`, `unavailable`.
#[utoipa::path(get, path = "/api/v1/ws", tag = "live feed", responses(
    (status = 101, description = "the live feed"),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn open(
    state: State,
    request: HttpRequest,
    _: Query<NoQuery>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    if !request.headers().contains_key(header::UPGRADE) {
        let detail = "this is a WebSocket: connect with Upgrade: websocket";
        return Err(Problem::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", detail));
    }
    let (response, session, stream) = actix_ws::handle_with_protocols(&request, payload, &[SUBPROTOCOL])
        .map_err(|error| Problem::malformed(format!("no WebSocket handshake: {error}")))?;
    let stream = stream.max_frame_size(MAX_FRAME).aggregate_continuations().max_continuation_size(MAX_FRAME);
    let (frames, outbox) = mpsc::channel(QUEUE);
    let (close, order) = oneshot::channel();
    let hub = state.hub().clone();
    let client = ask(&hub, Connect(Socket { frames, close }), DEADLINE).await??;
    let task = Task { hub, client, session, stream, outbox, order, ping: pings(), heard: Instant::now() };
    actix_web::rt::spawn(task.run());
    Ok(response)
}

fn pings() -> Interval {
    let mut ping = interval_at(Instant::now() + PING, PING);
    ping.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ping
}

/// The task of a socket: writes what the hub sends, hands to the hub what the client says.
struct Task {
    hub: Addr<LiveHub>,
    client: ClientId,
    session: Session,
    stream: AggregatedMessageStream,
    outbox: mpsc::Receiver<ByteString>,
    order: oneshot::Receiver<CloseOrder>,
    ping: Interval,
    heard: Instant,
}

/// Why a socket ends.
enum End {
    /// The connection is gone, or takes nothing.
    Gone,
    /// We close it.
    Close(CloseOrder),
}

impl End {
    fn because(code: CloseCode, text: &str) -> Self {
        Self::Close(CloseOrder { reason: reason(code, text), told: None })
    }
}

enum Step {
    Order(CloseOrder),
    Frame(ByteString),
    Message(Option<Result<AggregatedMessage, ProtocolError>>),
    Ping,
}

impl Task {
    async fn run(mut self) {
        let end = loop {
            let step = self.next().await;
            if let Err(end) = self.act(step).await {
                break end;
            }
        };
        if let End::Close(CloseOrder { reason, told }) = end {
            self.say_goodbye(reason).await;
            drop(told);
        }
        // Where the hub cannot be told it sees by itself that the outbox is closed.
        let _unheard = ask(&self.hub, Disconnect(self.client), DEADLINE).await;
    }

    async fn next(&mut self) -> Step {
        tokio::select! {
            biased;
            order = &mut self.order => match order {
                Ok(order) => Step::Order(order),
                Err(_) => Step::Order(CloseOrder { reason: reason(CloseCode::Away, "the live feed has ended"), told: None }),
            },
            Some(frame) = self.outbox.recv() => Step::Frame(frame),
            message = self.stream.recv() => Step::Message(message),
            _ = self.ping.tick() => Step::Ping,
        }
    }

    async fn act(&mut self, step: Step) -> Result<(), End> {
        match step {
            Step::Order(order) => Err(End::Close(order)),
            Step::Frame(frame) => self.write(frame).await,
            Step::Message(message) => self.heard(message).await,
            Step::Ping if self.heard.elapsed() > SILENCE => Err(End::because(CloseCode::Policy, "no answer to pings")),
            Step::Ping => timely(self.session.ping(b"")).await,
        }
    }

    async fn heard(&mut self, message: Option<Result<AggregatedMessage, ProtocolError>>) -> Result<(), End> {
        self.heard = Instant::now();
        match message {
            None => Err(End::Gone),
            Some(Ok(AggregatedMessage::Text(text))) => self.answer(&text).await,
            Some(Ok(AggregatedMessage::Binary(_))) => {
                let problem = Problem::malformed("messages are text");
                self.write(protocol::error(&Refused { id: None, problem })).await
            }
            Some(Ok(AggregatedMessage::Ping(bytes))) => timely(self.session.pong(&bytes)).await,
            Some(Ok(AggregatedMessage::Pong(_))) => Ok(()),
            Some(Ok(AggregatedMessage::Close(_))) => Err(End::because(CloseCode::Normal, "")),
            Some(Err(ProtocolError::Overflow)) => {
                Err(End::because(CloseCode::Size, "a message has 64 KiB at the most"))
            }
            Some(Err(ProtocolError::Io(_))) => Err(End::Gone),
            Some(Err(error)) => Err(End::because(CloseCode::Protocol, &error.to_string())),
        }
    }

    async fn answer(&mut self, text: &str) -> Result<(), End> {
        let request = match protocol::parse(text) {
            Ok(request) => request,
            Err(refused) => return self.write(protocol::error(&refused)).await,
        };
        match ask(&self.hub, FromClient(self.client, request), DEADLINE * 2).await {
            Ok(Some(frame)) => self.write(frame).await,
            Ok(None) => Ok(()),
            Err(_) => Err(End::because(CloseCode::Error, "the live feed does not answer")),
        }
    }

    async fn write(&mut self, frame: ByteString) -> Result<(), End> {
        tokio::select! {
            written = timely(self.session.text(frame)) => written,
            Ok(order) = &mut self.order => Err(End::Close(order)),
        }
    }

    async fn say_goodbye(&self, reason: CloseReason) {
        let reason = Some(reason).filter(|reason| reason.description.as_deref() != Some(""));
        // A connection that does not take it is dropped with the session.
        let _refused = timeout(GOODBYE, self.session.clone().close(reason)).await;
    }
}

/// Waits for the connection to take something, but not for ever.
async fn timely(write: impl Future<Output = Result<(), actix_ws::Closed>>) -> Result<(), End> {
    match timeout(WRITE, write).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(End::Gone),
    }
}
