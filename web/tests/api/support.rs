//! A plant with its web side on a port of its own, and a client for it.

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};
use awc::Client;
use awc::http::Method;
use flyball::Plant;
use flyball::schema::definition::{AlarmDefinition, AlarmKind, PlantDefinition, TagDefinition};
use flyball::settings::Settings;
use flyball_web::{Web, WebOptions};
use serde_json::Value as Json;
use std::time::Duration;
use tempfile::TempDir;

/// How long a test waits for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Ids of the tags by their place in [`definition`].
pub(crate) const LEVEL: u32 = 1;
pub(crate) const PUMP: u32 = 2;
pub(crate) const SENSOR: u32 = 3;

pub(crate) fn definition() -> PlantDefinition {
    PlantDefinition {
        tags: vec![
            TagDefinition::float("tank/level").with_unit("cm").with_range(0.0, 20.0).with_initial(5.0).writable(),
            TagDefinition::boolean("tank/pump").with_initial(false).writable(),
            TagDefinition::float("sensor"),
        ],
        alarms: vec![AlarmDefinition::new("tank/level.high", "tank/level", AlarmKind::High, 15.0)],
        ..PlantDefinition::default()
    }
}

/// A running plant with its web side.
pub(crate) struct Site {
    pub(crate) plant: Plant,
    pub(crate) web: Web,
    pub(crate) address: std::net::SocketAddr,
    scope: &'static str,
    server: ServerHandle,
    _folder: TempDir,
}

/// An answer of the server.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: awc::http::header::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and code of a problem; fails where it is none.
    pub(crate) fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let json = self.json();
        assert_eq!(json["status"], self.status);
        assert_eq!(json["request_id"], self.header("x-request-id"));
        (self.status, json["code"].as_str().unwrap().to_owned())
    }
}

impl Site {
    pub(crate) async fn start() -> Self {
        Self::start_under("").await
    }

    /// A site whose web side is mounted under a scope of a host application.
    pub(crate) async fn start_under(scope: &'static str) -> Self {
        Self::start_with(scope, definition(), WebOptions::default()).await
    }

    pub(crate) async fn start_with(scope: &'static str, definition: PlantDefinition, options: WebOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::in_folder(folder.path());
        let plant = Plant::builder(settings).definition(definition).start().await.unwrap();
        let web = Web::start_with(&plant, options);
        let routes = web.clone();
        let server = HttpServer::new(move || App::new().service(web::scope(scope).configure(routes.routes())))
            .workers(1)
            .disable_signals()
            .shutdown_timeout(1)
            .bind(("127.0.0.1", 0))
            .unwrap();
        let address = server.addrs()[0];
        let server = server.run();
        let handle = server.handle();
        actix_rt::spawn(server);
        Self { plant, web, address, scope, server: handle, _folder: folder }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{}{path}", self.address, self.scope)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        self.send(Method::POST, path, &[("content-type", "application/json")], body).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let client = Client::builder().timeout(PATIENCE).disable_redirects().finish();
        let mut request = client.request(method, self.url(path));
        for (name, value) in headers {
            request = request.insert_header((*name, *value));
        }
        let mut response = request.no_decompress().send_body(body.to_owned()).await.unwrap();
        let body = response.body().limit(10_000_000).await.unwrap().to_vec();
        Answer { status: response.status().as_u16(), headers: response.headers().clone(), body }
    }

    pub(crate) async fn stop(self) {
        self.web.close().await;
        self.server.stop(false).await;
        self.plant.shutdown().await;
    }
}
