//! Devices of foreign OPC UA stacks that count: see `tests/peers`.

use super::child::Process;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A running device.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) nodes: usize,
    endpoint: String,
    namespace: String,
    _process: Process,
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

impl Peer {
    fn start(name: &'static str, program: &Path, script: &str, nodes: usize) -> Self {
        let mut command = Command::new(program);
        command.current_dir(workspace().join("tests/peers")).arg(script);
        command.args(["--nodes", &nodes.to_string(), "--rate", "10"]);
        let mut process = Process::spawn(name, &mut command);
        let ready = process.ready("READY ");
        let (endpoint, namespace) = ready.split_once(' ').unwrap();
        Self { name, nodes, endpoint: endpoint.to_owned(), namespace: namespace.to_owned(), _process: process }
    }

    /// The link and the tags of this device: node 0, 2, … hold integers, the others floats.
    pub(crate) fn define(&self, plant: &mut String) {
        let Self { name, nodes, endpoint, namespace, .. } = self;
        writeln!(plant, "[[link]]\nname = \"{name}\"\nendpoint = \"{endpoint}\"\npublish_ms = 100").unwrap();
        for node in 0..*nodes {
            let data_type = if node % 2 == 0 { "integer" } else { "float" };
            writeln!(
                plant,
                "[[tag]]\nname = \"{name}.c{node}\"\ndata_type = \"{data_type}\"\nlink = \"{name}\"\nnode = \"ns={namespace};s=c{node}\""
            )
            .unwrap();
        }
    }
}

/// Whether all that is `needed` is installed; says so where it is not.
fn are_installed(needed: &[PathBuf]) -> bool {
    let missing = needed.iter().find(|needed| !needed.exists());
    missing.is_none_or(|missing| {
        skipped(&format!("{} is missing; `make test-rust` installs it", missing.display()));
        false
    })
}

fn node_modules() -> PathBuf {
    workspace().join("tests/peers/node_modules/node-opcua-server")
}

/// 1,000 nodes of node-opcua and 300 of asyncua; none where these are not installed, which is said.
pub(crate) fn start() -> Option<[Peer; 2]> {
    let python = workspace().join("target/peers/venv/bin/python");
    if !are_installed(&[python.clone(), node_modules()]) {
        return None;
    }
    Some([start_node(1_000)?, Peer::start("asyncua", &python, "asyncua_counter.py", 300)])
}

/// Nodes of node-opcua; none where it is not installed, which is said.
pub(crate) fn start_node(nodes: usize) -> Option<Peer> {
    let start = || Peer::start("node_opcua", Path::new("node"), "node_opcua_counter.mjs", nodes);
    are_installed(&[node_modules()]).then(start)
}

/// The plant with all devices at an address where nobody answers.
pub(crate) fn out_of_reach(plant: &str, peers: &[Peer]) -> String {
    // A port that was free a moment ago.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = format!("opc.tcp://{nobody}/");
    peers.iter().fold(plant.to_owned(), |plant, peer| plant.replace(&peer.endpoint, &away))
}

/// Says that a test is skipped; fails on CI, where nothing is.
pub(crate) fn skipped(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "not to be skipped on CI: {why}");
    say(&format!("SKIPPED: {why}"));
}

/// Says something also where the harness keeps the output of good tests to itself.
#[expect(clippy::explicit_write, reason = "the harness captures what the macros print")]
pub(crate) fn say(text: &str) {
    use std::io::Write as _;
    writeln!(std::io::stderr(), "{text}").unwrap();
}
