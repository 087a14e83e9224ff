//! Making one connection: address, endpoint, session.

use super::backoff::FailureKind;
use super::{OpcUaSettings, convert};
use opcua::client::transport::{
    Connector, RequestRecv, SecureChannelState, StreamConnection, StreamConnector, TcpTransport, TransportConfiguration,
};
use opcua::client::{Client, ClientBuilder, ConnectionSource, IdentityToken, Session, SessionEventLoop};
use opcua::core::comms::{tcp_codec::TcpCodec, url::hostname_port_from_url};
use opcua::crypto::{CertificateStore, SecurityPolicy};
use opcua::sync::RwLock;
use opcua::types::{DecodingOptions, EndpointDescription, Error, MessageSecurityMode, StatusCode, UserTokenType};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{ReadHalf, WriteHalf};
use tokio::net::{TcpStream, lookup_host};
use tokio_util::codec::FramedRead;

/// Port of an endpoint that names none (IANA: opcua-tcp).
const DEFAULT_PORT: u16 = 4840;

/// How long the device keeps a session that nobody uses: long enough for a slow network, short enough that the sessions
/// of broken connections do not use up its places.
const SESSION_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a request for notifications may stay unanswered. Subscriptions are told to answer far sooner than this, because
/// the stack throws away what arrives after it.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(120);

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// When to try again.
    pub kind: FailureKind,
    /// For people, in a few words.
    pub reason: String,
}

impl Failure {
    pub(super) fn network(reason: impl Into<String>) -> Self {
        Self { kind: FailureKind::Network, reason: reason.into() }
    }

    /// What a status of the stack or the device means for the connection.
    pub(super) fn from_status(status: StatusCode) -> Self {
        let kind = match status {
            StatusCode::BadUserAccessDenied
            | StatusCode::BadIdentityTokenInvalid
            | StatusCode::BadIdentityTokenRejected
            | StatusCode::BadCertificateInvalid
            | StatusCode::BadCertificateUntrusted
            | StatusCode::BadCertificateTimeInvalid
            | StatusCode::BadCertificateUriInvalid
            | StatusCode::BadSecurityChecksFailed
            | StatusCode::BadSecurityPolicyRejected
            | StatusCode::BadSecurityModeRejected => FailureKind::Credentials,
            StatusCode::BadTooManySessions
            | StatusCode::BadTooManySubscriptions
            | StatusCode::BadTooManyOperations
            | StatusCode::BadServiceUnsupported
            | StatusCode::BadOutOfMemory
            | StatusCode::BadResourceUnavailable => FailureKind::Device,
            _ => FailureKind::Network,
        };
        let reason = match status {
            StatusCode::BadTimeout => "no answer".to_owned(),
            StatusCode::BadCommunicationError | StatusCode::BadConnectionClosed => "connection closed".to_owned(),
            StatusCode::BadTcpEndpointUrlInvalid => "endpoint address invalid".to_owned(),
            status => convert::words(status),
        };
        Self { kind, reason }
    }
}

/// What a session is driven by.
pub(super) type EventLoop = SessionEventLoop<FieldConnector>;

/// Opens a session to the endpoint without security, as nobody in particular. The event loop must be driven for anything
/// to happen, the first connection included.
///
/// * Errors say in words why not; the caller bounds the time.
pub(super) async fn open(endpoint: &str, settings: &OpcUaSettings) -> Result<(Arc<Session>, EventLoop), Failure> {
    let source = FieldSource::new(endpoint);
    let client = client(settings)?;
    let explained = |error: Error| source.explain(error.status());
    let offered = client.get_endpoints(source.connector(), &[], &[]).await.map_err(explained)?;
    let mut chosen = offered.into_iter().find(suits).ok_or_else(|| Failure {
        kind: FailureKind::Credentials,
        reason: "device offers no endpoint without security".to_owned(),
    })?;
    // Devices tell the address as they know themselves; the one that was configured is the one that can be reached.
    chosen.endpoint_url = endpoint.into();
    let store = Arc::new(RwLock::new(CertificateStore::new(&settings.pki_dir)));
    client
        .session_builder()
        .with_connector(source.clone())
        .connect_to_endpoint_directly(chosen)
        .map_err(explained)?
        .user_identity_token(IdentityToken::Anonymous)
        .build(store)
        .map_err(explained)
}

/// The reason of a failed connection in words, where the network gave one.
impl FieldSource {
    fn explain(&self, status: StatusCode) -> Failure {
        let reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner).take();
        reason.map_or_else(|| Failure::from_status(status), Failure::network)
    }
}

fn suits(endpoint: &EndpointDescription) -> bool {
    let tokens = endpoint.user_identity_tokens.as_deref().unwrap_or_default();
    SecurityPolicy::from_uri(endpoint.security_policy_uri.as_ref()) == SecurityPolicy::None
        && endpoint.security_mode == MessageSecurityMode::None
        && tokens.iter().any(|token| token.token_type == UserTokenType::Anonymous)
}

fn client(settings: &OpcUaSettings) -> Result<Client, Failure> {
    ClientBuilder::new()
        .application_name("Flyball")
        .application_uri("urn:flyball:client")
        .product_uri("urn:flyball")
        .pki_dir(&settings.pki_dir)
        .create_sample_keypair(false)
        // A session that is lost is never reused: its subscriptions would not send what has not changed since, so that
        // tags would stay bad. See `subscribe`.
        .session_retry_limit(0)
        .recreate_subscriptions(false)
        .keep_alive_interval(settings.keep_alive)
        // A half-open connection is never torn down with the stack's default of 0; our own watch is faster.
        .max_failed_keep_alive_count(3)
        .request_timeout(settings.request_timeout)
        .publish_timeout(PUBLISH_TIMEOUT)
        .session_timeout(u32::try_from(SESSION_TIMEOUT.as_millis()).unwrap_or(u32::MAX))
        .min_publish_interval(Duration::from_millis(10))
        .max_array_length(200_000)
        .max_message_size(64 * 1024 * 1024)
        .max_chunk_count(1_025)
        .ignore_clock_skew(true)
        .client()
        .map_err(|errors| Failure { kind: FailureKind::Credentials, reason: errors.join(", ") })
}

/// Where a link's connections come from: TCP without delay for small requests, to the first address of the host that
/// answers, and with the system's reason where none does.
#[derive(Debug, Clone)]
pub(super) struct FieldSource {
    endpoint: String,
    reason: Arc<Mutex<Option<String>>>,
}

impl FieldSource {
    fn new(endpoint: &str) -> Self {
        Self { endpoint: endpoint.to_owned(), reason: Arc::default() }
    }

    fn connector(&self) -> FieldConnector {
        FieldConnector(self.clone())
    }
}

impl ConnectionSource for FieldSource {
    type Builder = FieldConnector;

    fn get_connector(&self, _endpoint: &EndpointDescription) -> Result<FieldConnector, Error> {
        Ok(self.connector())
    }
}

/// Makes the TCP connection of a session.
#[derive(Debug)]
pub(super) struct FieldConnector(FieldSource);

impl Connector for FieldConnector {
    type Transport = TcpTransport;

    async fn connect(
        &self,
        channel: Arc<SecureChannelState>,
        outgoing: RequestRecv,
        config: TransportConfiguration,
    ) -> Result<TcpTransport, Error> {
        let connect = |url, options| dial(url, options, Arc::clone(&self.0.reason));
        StreamConnector::new(connect, self.0.endpoint.clone()).connect(channel, outgoing, config).await
    }

    fn default_endpoint(&self) -> EndpointDescription {
        EndpointDescription::from(self.0.endpoint.as_str())
    }
}

type FieldStream = StreamConnection<ReadHalf<TcpStream>, WriteHalf<TcpStream>>;

async fn dial(url: String, options: DecodingOptions, reason: Arc<Mutex<Option<String>>>) -> Result<FieldStream, Error> {
    let refused = |status, why: String| {
        *reason.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.clone());
        Error::new(status, why)
    };
    let (host, port) = hostname_port_from_url(&url, DEFAULT_PORT)
        .map_err(|status| refused(status, "endpoint address invalid".to_owned()))?;
    let addresses: Vec<_> = lookup_host((host.trim_matches(['[', ']']), port))
        .await
        .map_err(|_| refused(StatusCode::BadCommunicationError, format!("unknown host \"{host}\"")))?
        .collect();
    let mut failed = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // Without it small requests wait for the acknowledgement of those before.
                stream
                    .set_nodelay(true)
                    .map_err(|error| refused(StatusCode::BadCommunicationError, error.to_string()))?;
                let (reader, writer) = tokio::io::split(stream);
                return Ok(StreamConnection::new(FramedRead::new(reader, TcpCodec::new(options)), writer, url));
            }
            Err(error) => failed = error,
        }
    }
    Err(refused(StatusCode::BadCommunicationError, io_reason(&failed)))
}

fn io_reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::TimedOut => "no answer".to_owned(),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "host unreachable".to_owned(),
        io::ErrorKind::NotFound => "unknown host".to_owned(),
        _ => error.to_string().to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn reason(endpoint: &str) -> Failure {
        let folder = tempfile::tempdir().unwrap();
        let settings = OpcUaSettings { pki_dir: folder.path().to_owned(), ..OpcUaSettings::default() };
        open(endpoint, &settings).await.map(|_| ()).unwrap_err()
    }

    #[tokio::test]
    async fn a_connection_that_fails_says_why() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(reason(&format!("opc.tcp://{free}/")).await, Failure::network("connection refused"));
        assert_eq!(
            reason("opc.tcp://no-such-host.invalid/").await,
            Failure::network("unknown host \"no-such-host.invalid\"")
        );
        assert_eq!(reason("http://127.0.0.1/").await, Failure::network("endpoint address invalid"));
    }

    #[test]
    fn refused_credentials_are_told_from_a_device_that_is_busy_or_away() {
        let kind = |status| Failure::from_status(status).kind;
        assert_eq!(kind(StatusCode::BadUserAccessDenied), FailureKind::Credentials);
        assert_eq!(kind(StatusCode::BadTooManySessions), FailureKind::Device);
        assert_eq!(kind(StatusCode::BadConnectionClosed), FailureKind::Network);
    }
}
