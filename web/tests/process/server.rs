//! `flyball serve` and `flyball simulate` as processes.

use super::child::{PATIENCE, Process, wait_for};
use super::http;
use serde_json::Value as Json;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// The plant of the demo, at another device.
pub(crate) fn quadruple_tank(endpoint: &str) -> String {
    let shipped = include_str!("../../../examples/plant.toml");
    assert!(shipped.contains("opc.tcp://127.0.0.1:48400/"));
    shipped.replace("opc.tcp://127.0.0.1:48400/", endpoint)
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts a server in `folder`, with `plant` as its definition and its data beside it; returns when it is ready.
    pub(crate) fn start(folder: &Path, plant: &str) -> Self {
        Self::start_with(folder, plant, &[])
    }

    /// The same with settings from the environment.
    pub(crate) fn start_with(folder: &Path, plant: &str, environment: &[(&str, &str)]) -> Self {
        let environment = [&[("FLYBALL__HTTP__BIND", "127.0.0.1:0")], environment].concat();
        let mut process = Self::spawn(folder, plant, &environment);
        let line = process.logged(" at http://");
        let address = line.split_once(" at http://").unwrap().1.trim_end_matches('/').parse().unwrap();
        let server = Self { process, address };
        wait_for("ready server", PATIENCE, || (server.request("GET", "/health/ready", "").0 == 200).then_some(()));
        server
    }

    /// Starts a server that may end at once.
    pub(crate) fn spawn(folder: &Path, plant: &str, environment: &[(&str, &str)]) -> Process {
        std::fs::write(folder.join("plant.toml"), plant).unwrap();
        let mut command = Process::flyball(folder, &["serve", "--plant", "plant.toml"]);
        command.env("FLYBALL__DATA__DIR", folder.join("data")).envs(environment.iter().copied());
        Process::spawn("server", &mut command)
    }

    pub(crate) fn request(&self, method: &str, path: &str, body: &str) -> (u16, Json) {
        let answer = http::request(self.address, method, path, body);
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// The body of a good answer.
    pub(crate) fn get(&self, path: &str) -> Json {
        let (status, body) = self.request("GET", path, "");
        assert_eq!(status, 200, "GET {path}: {body}");
        body
    }

    pub(crate) fn health(&self) -> Json {
        self.get("/health")
    }

    /// The one item of a list that has this name.
    fn named(&self, list: &str, query: &str, name: &str) -> Json {
        let page = self.get(&format!("/api/v1/{list}?limit=1000&{query}"));
        let found = page["items"].as_array().unwrap().iter().find(|item| item["name"] == name).cloned();
        found.unwrap_or_else(|| panic!("no {name} in {page}"))
    }

    pub(crate) fn tag(&self, name: &str) -> Json {
        self.named("tags", &format!("name={name}"), name)
    }

    pub(crate) fn alarm(&self, name: &str) -> Json {
        self.named("alarms", &format!("q={name}"), name)
    }

    pub(crate) fn link(&self, name: &str) -> Json {
        let links = self.get("/api/v1/links");
        let found = links["items"].as_array().unwrap().iter().find(|item| item["name"] == name).cloned();
        found.unwrap_or_else(|| panic!("no {name} in {links}"))
    }

    /// Every tag, page by page.
    pub(crate) fn tags(&self) -> Vec<Json> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let mut page = self.get(&format!("/api/v1/tags?limit=1000{cursor}"));
            all.append(page["items"].as_array_mut().unwrap());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }

    /// Ends it as an operator does; fails where it does not end clean.
    pub(crate) fn stop(self) {
        self.process.terminate();
        let (code, lines) = self.process.ended(Duration::from_secs(5));
        assert_eq!(code, 0, "{lines:?}");
    }
}

/// The simulated device of the demo.
#[derive(Debug)]
pub(crate) struct Simulator {
    pub(crate) process: Process,
    pub(crate) endpoint: String,
}

impl Simulator {
    /// Starts a device; `bind` is `127.0.0.1:PORT`, with 0 for any port. Returns when it is ready.
    pub(crate) fn start(folder: &Path, bind: &str) -> Self {
        let mut command = Process::flyball(folder, &["simulate", "--bind", bind]);
        let mut process = Process::spawn("simulator", &mut command);
        let endpoint = process.ready("READY ");
        Self { process, endpoint }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn bind(&self) -> String {
        self.endpoint.trim_start_matches("opc.tcp://").split('/').next().unwrap().to_owned()
    }
}
