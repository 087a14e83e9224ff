//! The server of a plant that runs, asked over HTTP.

use super::plan::Outcome;
use super::plant_file::PlantFile;
use super::{DAMAGED, Failure, INTERNAL, UNAVAILABLE, WRONG_CONFIGURATION};
use awc::error::{PayloadError, SendRequestError};
use awc::{Client, ClientRequest, SendClientRequest};
use flyball_web::ServerSettings;
use flyball_web::api::plant::MAX_FILE;
use serde::Deserialize;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// How long an answer may take: a server takes two minutes for a change at the most.
const DEADLINE: Duration = Duration::from_secs(150);

/// Where a server is.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    /// `http://host:port`.
    base: String,
}

/// What a server says of a request that it does not do.
#[derive(Debug, Deserialize)]
struct Refusal {
    detail: String,
    #[serde(default)]
    errors: Vec<RefusedPart>,
}

#[derive(Debug, Deserialize)]
struct RefusedPart {
    detail: String,
}

impl std::str::FromStr for Remote {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let base = text.trim_end_matches('/');
        match base.strip_prefix("http://") {
            Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', ' ']) => {
                Ok(Self { base: base.to_owned() })
            }
            _ => Err("a server is http://host:port"),
        }
    }
}

impl Remote {
    /// The server that these settings start.
    ///
    /// # Errors
    /// Settings that let the server take any port.
    pub(super) fn of(settings: &ServerSettings) -> Result<Self, Failure> {
        let bind = settings.http.bind;
        if bind.port() == 0 {
            let text = "the plant runs, and http.bind lets its server take any port: name it with --server";
            return Err(Failure::new(WRONG_CONFIGURATION, text));
        }
        let host = match bind.ip() {
            IpAddr::V4(all) if all.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(all) if all.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            one => one,
        };
        Ok(Self { base: format!("http://{}", SocketAddr::new(host, bind.port())) })
    }

    /// What applying a file would change.
    ///
    /// # Errors
    /// What the server refuses, and a server that does not answer.
    pub(super) fn plan(&self, file: &PlantFile) -> Result<Outcome, Failure> {
        self.send_file(file, "/api/v1/plant/plan", &[])
    }

    /// Applies a file.
    ///
    /// # Errors
    /// What the server refuses, and a server that does not answer.
    pub(super) fn apply(&self, file: &PlantFile, reason: Option<&str>) -> Result<Outcome, Failure> {
        let query: Vec<(&str, &str)> = reason.map(|reason| ("reason", reason)).into_iter().collect();
        self.send_file(file, "/api/v1/plant/apply", &query)
    }

    /// The plant as a file; `format` as the server names it.
    ///
    /// # Errors
    /// A server that does not answer.
    pub(super) fn export(&self, format: &str) -> Result<String, Failure> {
        let (status, body) = self.run(|client| {
            let request = client.get(format!("{}/api/v1/plant/export", self.base));
            Ok(self.with_query(request, &[("format", format)])?.send())
        })?;
        if status == 200 { Ok(body) } else { Err(self.refusal(None, status, &body)) }
    }

    fn send_file(&self, file: &PlantFile, path: &str, query: &[(&str, &str)]) -> Result<Outcome, Failure> {
        let (status, body) = self.run(|client| {
            let request = client.post(format!("{}{path}", self.base)).content_type(file.content_type());
            Ok(self.with_query(request, query)?.send_body(file.text().to_owned()))
        })?;
        if status != 200 {
            return Err(self.refusal(Some(file), status, &body));
        }
        serde_json::from_str(&body).map_err(|error| self.no_flyball(&error.to_string()))
    }

    fn with_query(&self, request: ClientRequest, query: &[(&str, &str)]) -> Result<ClientRequest, Failure> {
        request.query(&query).map_err(|error| Failure::new(INTERNAL, format!("{}: {error}", self.base)))
    }

    /// Sends one request; status and body of the answer.
    fn run(
        &self,
        request: impl FnOnce(&Client) -> Result<SendClientRequest, Failure>,
    ) -> Result<(u16, String), Failure> {
        actix_rt::System::new().block_on(async {
            let client = Client::builder().timeout(DEADLINE).disable_redirects().finish();
            let mut answer = request(&client)?.await.map_err(|error| self.no_answer(&error))?;
            let body = answer.body().limit(MAX_FILE).await.map_err(|error| self.cut_off(&error))?;
            let body = String::from_utf8(body.to_vec()).map_err(|error| self.no_flyball(&error.to_string()))?;
            Ok((answer.status().as_u16(), body))
        })
    }

    fn refusal(&self, file: Option<&PlantFile>, status: u16, body: &str) -> Failure {
        let base = &self.base;
        let Ok(refusal) = serde_json::from_str::<Refusal>(body) else {
            return self.no_flyball(&format!("status {status}"));
        };
        match file {
            Some(file) if matches!(status, 400 | 409 | 413 | 415 | 422) => {
                let name = file.name();
                let lines = refusal.errors.iter().map(|part| format!("\n{name}: {}", part.detail));
                let lines: String = lines.collect();
                Failure::new(DAMAGED, format!("{name}: {}{lines}", refusal.detail))
            }
            _ => Failure::new(UNAVAILABLE, format!("the server at {base} answers {status}: {}", refusal.detail)),
        }
    }

    fn no_answer(&self, error: &SendRequestError) -> Failure {
        Failure::new(UNAVAILABLE, format!("the server at {} does not answer: {error}", self.base))
    }

    fn cut_off(&self, error: &PayloadError) -> Failure {
        Failure::new(UNAVAILABLE, format!("the answer of the server at {} did not arrive whole: {error}", self.base))
    }

    fn no_flyball(&self, what: &str) -> Failure {
        Failure::new(UNAVAILABLE, format!("what answers at {} is not a Flyball of this version: {what}", self.base))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_by_scheme_host_and_port() {
        assert_eq!("http://plant:8080/".parse::<Remote>().unwrap().base, "http://plant:8080");
        for wrong in ["plant:8080", "https://plant", "http://", "http://plant/api", ""] {
            assert!(wrong.parse::<Remote>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_server_on_every_address_is_asked_on_this_machine() {
        let base = |bind: &str| {
            let mut settings = ServerSettings::default();
            settings.http.bind = bind.parse().unwrap();
            Remote::of(&settings).map(|remote| remote.base).map_err(|failure| failure.code)
        };
        assert_eq!(base("0.0.0.0:8080").unwrap(), "http://127.0.0.1:8080");
        assert_eq!(base("[::]:80").unwrap(), "http://[::1]:80");
        assert_eq!(base("192.0.2.1:80").unwrap(), "http://192.0.2.1:80");
        assert_eq!(base("127.0.0.1:0").unwrap_err(), WRONG_CONFIGURATION);
    }
}
