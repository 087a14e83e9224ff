//! The server of the store is away for some time, under load.

use super::child::{alone, now, pause, wait_for};
use super::counts::{self, stored_seq, wait_until_durable, wall};
use super::peers;
use super::server::Server;
use flyball_schema::test_support::OwnServer;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value as Json, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// 10,000 changes a second.
const NODES: usize = 1_000;

/// A live value is older than this only where the machine is at its end: the bound is generous, the figures are told.
const LATE_MS: f64 = 5_000.0;

/// How long the store is away.
fn outage() -> Duration {
    let seconds = std::env::var("FLYBALL_OUTAGE_SECONDS").map_or(6, |text| text.parse().expect("seconds"));
    Duration::from_secs(seconds)
}

/// Ages of values as the live feed brings them.
struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<f64>>,
}

impl Watch {
    /// Watches one node of the device.
    fn start(address: SocketAddr, tag: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || actix_rt::System::new().block_on(watch(address, tag, stopped)));
        Self { stop, thread }
    }

    /// Age of the value in each frame, ms; by size.
    fn ages(self) -> Vec<f64> {
        self.stop.store(true, Ordering::Release);
        let mut ages = self.thread.join().unwrap();
        ages.sort_unstable_by(f64::total_cmp);
        ages
    }
}

async fn watch(address: SocketAddr, tag: u64, stop: Arc<AtomicBool>) -> Vec<f64> {
    let request = awc::Client::new().ws(format!("http://{address}/api/v1/ws")).protocols(["flyball.v1"]);
    let (_, mut socket) = request.max_frame_size(10_000_000).connect().await.unwrap();
    let subscribe = json!({"id": 2, "type": "subscribe", "topic": "tags", "select": {"ids": [tag]}, "max_hz": 10});
    socket.send(awc::ws::Message::Text(subscribe.to_string().into())).await.unwrap();
    let mut ages = Vec::new();
    while !stop.load(Ordering::Acquire) {
        let frame = socket.next().await.expect("a live feed that goes on").unwrap();
        let awc::ws::Frame::Text(text) = frame else { continue };
        let arrived = wall().as_millis_f64();
        let json: Json = serde_json::from_slice(&text).unwrap();
        assert_ne!(json["type"], "error", "{json}");
        let entries = json["u"].as_array().into_iter().flatten().filter(|_| json["type"] == "delta");
        ages.extend(entries.map(|entry| arrived - entry[3].as_f64().unwrap()));
        if let Some(seq) = json["seq"].as_u64().filter(|_| json["type"] == "delta") {
            let ack = json!({"type": "ack", "sub": 2, "seq": seq}).to_string();
            socket.send(awc::ws::Message::Text(ack.into())).await.unwrap();
        }
    }
    ages
}

fn wait_for_alarm(server: &Server, state: &str) {
    wait_for(&format!("alarm system.store_failed {state}"), Duration::from_secs(30), || {
        (server.alarm("system.store_failed")["state"] == state).then_some(())
    });
}

/// Lets some time pass; the worst lag to durability that was seen.
fn worst_lag(server: &Server, time: Duration) -> u64 {
    let (began, mut worst) = (now(), 0);
    while began.elapsed() < time {
        let health = server.health();
        assert_eq!((&health["history"]["lost"], &health["history"]["expired"]), (&json!(0), &json!(0)), "{health}");
        worst = worst.max(health["history"]["lag_ms"].as_u64().unwrap());
        pause(Duration::from_millis(100));
    }
    worst
}

#[test]
fn a_store_that_is_away_delays_nothing_and_gets_everything_once_it_is_back() {
    let mut postgres = match OwnServer::start() {
        Ok(postgres) => postgres,
        Err(error) => return peers::skipped(&error),
    };
    let _alone = alone();
    let Some(device) = peers::start_node(NODES) else { return };
    let mut plant = String::new();
    device.define(&mut plant);
    let folder = tempfile::tempdir().unwrap();
    let begun = wall();
    let server = Server::start_with(folder.path(), &plant, &[("FLYBALL__HISTORY__URL", postgres.url())]);
    wait_for("good tags", Duration::from_secs(30), || {
        let link = server.link(device.name);
        (link["state"] == "connected" && link["bad_tags"] == 0).then_some(())
    });
    wait_for("stored samples", Duration::from_secs(30), || (stored_seq(&server.health()) > 20_000).then_some(()));
    let watched = server.tag(&format!("{}.c0", device.name))["id"].as_u64().unwrap();
    let watch = Watch::start(server.address, watched);
    let lag_before = worst_lag(&server, Duration::from_secs(1));

    postgres.stop().unwrap();
    let (away, first) = (now(), server.health()["history"]["changes"].as_u64().unwrap());
    wait_for_alarm(&server, "UNACK");
    let alarm_after = away.elapsed();
    let health = server.health();
    assert_eq!(health["status"], "degraded");
    assert!(health["reasons"].as_array().unwrap().iter().any(|reason| reason.as_str().unwrap().contains("store")));
    let (status, problem) = server.request("GET", &format!("/api/v1/history?tags={watched}"), "");
    assert_eq!((status, &problem["code"]), (503, &json!("unavailable")), "what cannot be read is not empty: {problem}");
    let lag = worst_lag(&server, outage().saturating_sub(away.elapsed()));
    let waiting = server.health()["history"]["waiting"].as_u64().unwrap();
    let rate = (server.health()["history"]["changes"].as_u64().unwrap() - first) as f64 / away.elapsed().as_secs_f64();

    let durable = server.health()["history"]["durable_seq"].as_u64().unwrap();
    postgres.start_again().unwrap();
    let (was_away, back) = (away.elapsed(), now());
    wait_for("what waited in the store", was_away * 3 + Duration::from_secs(30), || {
        (stored_seq(&server.health()) >= durable).then_some(())
    });
    let caught_up = back.elapsed();
    wait_for_alarm(&server, "RTNUN");
    wait_for("a plant that is well", Duration::from_secs(30), || (server.health()["status"] == "ok").then_some(()));
    let ages = watch.ages();

    wait_until_durable(&server);
    let received = server.link(device.name)["changes"].as_u64().unwrap();
    wait_until_durable(&server);
    let tags: Vec<u64> = server.tags().iter().filter(|tag| !tag["link"].is_null()).map(id).collect();
    let history = counts::read(&server, &tags, begun, wall());
    for (tag, series) in &history {
        assert_eq!(counts::consecutive(series), series.len(), "tag {tag}: every count once and in order");
    }
    let held = history.values().map(Vec::len).sum::<usize>() as u64;
    assert!(held >= received, "the link received {received} changes, history holds {held}");
    server.stop();

    let at = |part: usize| ages[(ages.len() - 1) * part / 100];
    println!(
        "away {was_away:.1?} under {rate:.0} changes/s: alarm after {alarm_after:.1?}, {waiting} changes waited, caught up \
         {caught_up:.1?} after it was back; {held} samples there, each once and in order"
    );
    println!(
        "live feed, {} frames: age median {:.0}, p99 {:.0}, max {:.0} ms; worst lag to durability seen {lag} ms, before \
         the outage {lag_before} ms",
        ages.len(),
        at(50),
        at(99),
        at(100)
    );
    assert!(caught_up < was_away, "caught up {caught_up:?} after {was_away:?}");
    assert!(at(100) < LATE_MS, "live data is late");
}

fn id(tag: &Json) -> u64 {
    tag["id"].as_u64().unwrap()
}
