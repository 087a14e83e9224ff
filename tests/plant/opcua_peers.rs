//! The OPC UA client against servers of stacks that we did not write: every change once and in order, for as long as
//! `FLYBALL_SOAK_SECONDS` says (10 by default).
//!
//! Where Python's or Node's packages are missing the peer is skipped with a message; with `CI` set that fails.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails says so by a panic")]

use actix::{Actor, Addr, Context, Handler, MessageResult};
use flyball::Clock;
use flyball::cvt::{WriteReport, WriteTags};
use flyball::opcua::{Acquisition, AddLink, CloseLinks, LinkedTag, ListLinks, OpcUaClientManager, OpcUaSettings};
use flyball::schema::definition::LinkDefinition;
use flyball::schema::{DataType, LinkId, TagId, Timestamp, Value};
use flyball::send::ask;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

const SOON: Duration = Duration::from_secs(10);

/// Tags of a link start at its number times this.
const STRIDE: u32 = 100_000;

/// What one counting tag has shown.
#[derive(Debug, Clone, Copy)]
struct Counted {
    last: i64,
    at: Timestamp,
    steps: u64,
}

#[derive(Debug, Default)]
struct Seen {
    tags: HashMap<TagId, Counted>,
    wrong: Vec<String>,
    connected: usize,
}

/// A table that checks every count as it comes.
struct Table(Arc<Mutex<Seen>>);

impl Actor for Table {
    type Context = Context<Self>;
}

impl Handler<WriteTags> for Table {
    type Result = MessageResult<WriteTags>;

    fn handle(&mut self, WriteTags(updates): WriteTags, _ctx: &mut Self::Context) -> Self::Result {
        let mut seen = self.0.lock().unwrap();
        for update in updates {
            let count = match update.value {
                Some(Value::Integer(count)) => count,
                #[expect(clippy::cast_possible_truncation, reason = "a count far below 2^53")]
                Some(Value::Float(count)) => count as i64,
                Some(Value::Boolean(true)) => {
                    seen.connected += 1;
                    continue;
                }
                other => {
                    seen.wrong.push(format!("tag {}: {other:?}, {}", update.tag, update.quality));
                    continue;
                }
            };
            let at = update.source_time.unwrap_or_default();
            let now = match seen.tags.get(&update.tag).copied() {
                None => Counted { last: count, at, steps: 0 },
                Some(before) => {
                    if count != before.last + 1 || at <= before.at || !update.quality.is_good() {
                        seen.wrong.push(format!("tag {}: {count} at {at} after {before:?}", update.tag));
                    }
                    Counted { last: count, at, steps: before.steps + 1 }
                }
            };
            seen.tags.insert(update.tag, now);
        }
        MessageResult(WriteReport::default())
    }
}

/// A server of another stack as a process of its own; it ends with its standard input.
struct Peer {
    process: Child,
    endpoint: String,
    namespace: u16,
}

impl Peer {
    async fn start(program: &Path, script: &str, nodes: u32) -> Self {
        let mut process = Command::new(program)
            .current_dir(folder())
            .args([script, "--nodes", &nodes.to_string(), "--rate", "10"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some(told) = line.strip_prefix("READY ") {
                    let (endpoint, namespace) = told.split_once(' ').unwrap();
                    return (endpoint.to_owned(), namespace.parse().unwrap());
                }
            }
            panic!("{script} ended before it was ready");
        };
        let (endpoint, namespace) = timeout(Duration::from_secs(60), ready).await.unwrap();
        Self { process, endpoint, namespace }
    }

    async fn stop(mut self) {
        drop(self.process.stdin.take());
        let ended = timeout(SOON, self.process.wait()).await.expect("a peer ends when its input closes").unwrap();
        assert!(ended.success(), "{ended}");
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

fn python() -> Option<PathBuf> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/peers/venv/bin/python");
    present(python.exists(), "asyncua", "target/peers/venv").then_some(python)
}

fn node() -> Option<PathBuf> {
    let installed = folder().join("node_modules/node-opcua-server").exists();
    present(installed, "node-opcua", "tests/peers/node_modules").then(|| PathBuf::from("node"))
}

fn present(installed: bool, peer: &str, place: &str) -> bool {
    if !installed {
        let message = format!("{peer} is not installed in {place} (`make test` does it)");
        assert!(std::env::var_os("CI").is_none(), "{message}");
        eprintln!("skipped: {message}");
    }
    installed
}

async fn add(manager: &Addr<OpcUaClientManager>, id: u32, peer: &Peer, nodes: u32) {
    let definition = LinkDefinition::new(format!("peer{id}"), &peer.endpoint);
    let tag = |number: u32| LinkedTag {
        tag: TagId(id * STRIDE + number),
        node: format!("ns={};s=c{number}", peer.namespace),
        data_type: if number.is_multiple_of(2) { DataType::Integer } else { DataType::Float },
        acquisition: Acquisition::Subscribe { publish_ms: definition.publish_ms },
    };
    let tags = (0..nodes).map(tag).collect();
    let link = AddLink { id: LinkId(id), definition, connected_tag: TagId(id * STRIDE + STRIDE - 1), tags };
    ask(manager, link, SOON).await.unwrap().unwrap();
}

async fn counts_every_step(peers: Vec<(Peer, u32)>) {
    let seconds = std::env::var("FLYBALL_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    let (seen, pki) = (Arc::new(Mutex::new(Seen::default())), tempfile::tempdir().unwrap());
    let table = Table(Arc::clone(&seen)).start();
    let settings = OpcUaSettings { pki_dir: pki.path().to_owned(), ..OpcUaSettings::default() };
    let manager = OpcUaClientManager::new(Clock::system(), table.recipient(), settings).unwrap().start();
    for (id, (peer, nodes)) in (1..).zip(&peers) {
        add(&manager, id, peer, *nodes).await;
    }
    let expected: u32 = peers.iter().map(|(_, nodes)| nodes).sum();
    let all_there = async {
        while seen.lock().unwrap().tags.len() < expected as usize || seen.lock().unwrap().connected < peers.len() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(30), all_there).await.expect("a value of every node");
    let counted = || seen.lock().unwrap().tags.values().map(|tag| tag.steps).min().unwrap_or(0);
    let (before, wanted) = (counted(), seconds * 10);
    let soak = async {
        while counted() < before + wanted {
            sleep(Duration::from_millis(50)).await;
        }
    };
    // Counts come at the pace of the peers; a slow machine is given three times as long.
    timeout(Duration::from_secs(seconds * 3 + 10), soak).await.expect("every node counts on");
    let links = ask(&manager, ListLinks, SOON).await.unwrap();
    ask(&manager, CloseLinks, SOON).await.unwrap();
    for link in &links {
        assert_eq!((link.coalesced, link.gaps, link.reconnects, link.items_failed), (0, 0, 0, 0), "{link:?}");
        eprintln!("{}: {} changes in {} messages", link.name, link.changes, link.batches);
    }
    for (peer, _) in peers {
        peer.stop().await;
    }
    let seen = seen.lock().unwrap();
    assert!(
        seen.wrong.is_empty(),
        "{} wrong, the first: {:?}",
        seen.wrong.len(),
        &seen.wrong[..seen.wrong.len().min(5)]
    );
}

#[actix_rt::test]
async fn every_change_of_foreign_servers_arrives_once_and_in_order() {
    let mut peers = Vec::new();
    if let Some(python) = python() {
        peers.push((Peer::start(&python, "asyncua_counter.py", 300).await, 300));
    }
    if let Some(node) = node() {
        peers.push((Peer::start(&node, "node_opcua_counter.mjs", 1_000).await, 1_000));
    }
    if !peers.is_empty() {
        counts_every_step(peers).await;
    }
}
