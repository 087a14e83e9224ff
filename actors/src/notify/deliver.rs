//! Hands a message to a server: SMTP, or an HTTP POST.

use super::plan::{NotifyFault, Security, Transport};
use super::secret::Secret;
use super::{DeliveryError, Outgoing};
use awc::http::{StatusCode, Uri};
use awc::{Client, Connector};
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How long a server may take for one message.
const PATIENCE: Duration = Duration::from_secs(20);

/// A field, and what is wrong with it.
type Fault = (&'static str, NotifyFault);

/// Sends mail. A connection per message, so that none grows old.
pub(super) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Smtp {
    pub(super) fn new(
        server: &str,
        port: Option<u16>,
        security: Security,
        from: &str,
        credentials: Option<(String, Secret)>,
        roots: Option<&[u8]>,
    ) -> Result<Self, Fault> {
        let malformed = |value: &str, expected| NotifyFault::Malformed { value: value.to_owned(), expected };
        let from: Mailbox = from.parse().map_err(|_| ("from", malformed(from, "a mail address")))?;
        let mut tls = TlsParameters::builder(server.to_owned());
        for root in roots.map(Certificate::from_pem).into_iter() {
            let unreadable = |error: lettre::transport::smtp::Error| NotifyFault::Unreadable(error.to_string());
            tls = tls.add_root_certificate(root.map_err(|error| ("ca_file", unreadable(error)))?);
        }
        let tls = || tls.build_rustls().map_err(|_| ("server", malformed(server, "the name of a host")));
        let (tls, default_port) = match security {
            Security::Plain => (Tls::None, 25),
            Security::StartTls => (Tls::Required(tls()?), 587),
            Security::Tls => (Tls::Wrapper(tls()?), 465),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server)
            .port(port.unwrap_or(default_port))
            .timeout(Some(PATIENCE))
            .tls(tls);
        if let Some((user, password)) = credentials {
            builder = builder.credentials(Credentials::new(user, password.reveal().to_owned()));
        }
        Ok(Self { transport: builder.build(), from })
    }

    fn message(&self, outgoing: &Outgoing) -> Result<Message, DeliveryError> {
        let impossible = |reason: String| DeliveryError { reason, permanent: true };
        let to: Mailbox = outgoing.recipient.parse().map_err(|error| impossible(format!("{error}")))?;
        let at = SystemTime::UNIX_EPOCH + outgoing.at.since(flyball_schema::Timestamp::from_micros(0));
        let id = format!("<{}@{}>", outgoing.key, self.from.email.domain());
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(&outgoing.subject)
            .date(at)
            .message_id(Some(id))
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .header(ContentType::TEXT_PLAIN);
        message.body(outgoing.text.clone()).map_err(|error| impossible(error.to_string()))
    }

    async fn send(&self, outgoing: &Outgoing) -> Result<(), DeliveryError> {
        let message = self.message(outgoing)?;
        let sent = self.transport.send(message).await;
        sent.map(|_response| ()).map_err(|error| {
            // What the server says of this mailbox or this message; all else may be put right.
            let code = error.status().map(|code| code.to_string());
            let permanent = code.is_some_and(|code| matches!(&*code, "550" | "551" | "552" | "553" | "554"));
            DeliveryError { reason: with_causes(&error), permanent }
        })
    }
}

/// Sends JSON to an address.
pub(super) struct Webhook {
    url: Secret,
    host: Arc<str>,
    token: Option<Secret>,
    tls: Arc<ClientConfig>,
}

impl Webhook {
    pub(super) fn new(url: &str, token: Option<Secret>, roots: Option<&[u8]>) -> Result<Self, Fault> {
        // The address may carry a secret, so that it is in no error.
        let expected = "an address (https://host/path)";
        let malformed = || ("url", NotifyFault::Malformed { value: "…".to_owned(), expected });
        let parsed: Uri = url.parse().map_err(|_| malformed())?;
        let scheme = parsed.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https"));
        let host = parsed.host().filter(|host| !host.is_empty() && scheme.is_some()).ok_or_else(malformed)?;
        let port = parsed.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
        let host = format!("{host}{port}").into();
        let tls = Arc::new(tls_with(roots)?);
        Ok(Self { url: Secret::new(url), host, token, tls })
    }

    /// Where it goes, as far as it may be told.
    pub(super) fn host(&self) -> Arc<str> {
        Arc::clone(&self.host)
    }

    /// A client, for the thread that makes it.
    fn client(&self) -> Client {
        let connector = Connector::new().rustls_0_23(Arc::clone(&self.tls)).timeout(PATIENCE);
        Client::builder().connector(connector).timeout(PATIENCE).disable_redirects().finish()
    }

    async fn send(&self, client: &Client, outgoing: &Outgoing) -> Result<(), DeliveryError> {
        let mut request = client.post(self.url.reveal()).insert_header(("idempotency-key", outgoing.key.as_str()));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.reveal());
        }
        let response = request.send_json(&outgoing.json).await;
        let response =
            response.map_err(|error| DeliveryError { reason: self.without_address(&error), permanent: false })?;
        match response.status() {
            status if status.is_success() => Ok(()),
            status => {
                let never = [StatusCode::BAD_REQUEST, StatusCode::PAYLOAD_TOO_LARGE, StatusCode::UNPROCESSABLE_ENTITY];
                Err(DeliveryError {
                    reason: format!("the server answered {status}"),
                    permanent: never.contains(&status),
                })
            }
        }
    }

    fn without_address(&self, error: &awc::error::SendRequestError) -> String {
        with_causes(error).replace(self.url.reveal(), &self.host)
    }
}

/// TLS that trusts the authorities of the web, and those of a file.
fn tls_with(roots: Option<&[u8]>) -> Result<ClientConfig, Fault> {
    let unreadable = |error: String| ("ca_file", NotifyFault::Unreadable(error));
    let mut store = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for certificate in roots.into_iter().flat_map(CertificateDer::pem_slice_iter) {
        let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
        store.add(certificate).map_err(|error| unreadable(error.to_string()))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| unreadable(error.to_string()))?;
    Ok(config.with_root_certificates(store).with_no_client_auth())
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let told = next.to_string();
        if !text.contains(&told) {
            text = format!("{text}: {told}");
        }
        cause = next.source();
    }
    text
}

/// What sends the messages of a channel, on one thread.
pub(super) enum Courier {
    Smtp,
    Webhook(Client),
}

impl Courier {
    pub(super) fn of(transport: &Transport) -> Self {
        match transport {
            Transport::Smtp(_) => Self::Smtp,
            Transport::Webhook(webhook) => Self::Webhook(webhook.client()),
        }
    }

    /// Sends one message.
    pub(super) async fn send(&self, transport: &Transport, outgoing: &Outgoing) -> Result<(), DeliveryError> {
        match (self, transport) {
            (Self::Smtp, Transport::Smtp(smtp)) => smtp.send(outgoing).await,
            (Self::Webhook(client), Transport::Webhook(webhook)) => webhook.send(client, outgoing).await,
            _ => Ok(()),
        }
    }
}
