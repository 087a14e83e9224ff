//! What an operator sees of a device that dies, returns, is not there, or lacks a node.

use super::child::{PATIENCE, now, wait_for};
use super::server::{Server, Simulator, quadruple_tank};
use serde_json::Value as Json;
use std::collections::HashMap;
use std::time::Duration;

const LEVELS: [&str; 4] = ["tank1.level", "tank2.level", "tank3.level", "tank4.level"];

/// The tags that come from a device.
fn field_tags(server: &Server) -> Vec<Json> {
    server.tags().into_iter().filter(|tag| !tag["link"].is_null()).collect()
}

/// Waits until every level is good and has moved.
fn wait_until_levels_move(server: &Server, within: Duration) {
    let mut first: HashMap<&str, Json> = HashMap::new();
    wait_for("good levels that move", within, || {
        let moved = LEVELS.map(|name| {
            let tag = server.tag(name);
            if tag["quality"] != "good" {
                first.remove(name);
                return false;
            }
            let before = first.entry(name).or_insert_with(|| tag["value"].clone());
            *before != tag["value"]
        });
        moved.iter().all(|moved| *moved).then_some(())
    });
}

#[test]
fn a_killed_device_turns_its_tags_bad_and_its_return_brings_data() {
    let folder = tempfile::tempdir().unwrap();
    let device = Simulator::start(folder.path(), "127.0.0.1:0");
    let (bind, plant) = (device.bind(), quadruple_tank(&device.endpoint));
    let server = Server::start(folder.path(), &plant);
    wait_until_levels_move(&server, PATIENCE);
    assert_eq!(server.alarm("link.quadtank.lost")["state"], "NORM");

    let killed = now();
    device.process.kill();
    wait_for("bad tags", Duration::from_secs(10), || {
        let tags = field_tags(&server);
        assert_eq!(tags.len(), 6);
        tags.iter().all(|tag| tag["quality"] == "bad" && tag["reason"] == "no communication").then_some(())
    });
    let bad_after = killed.elapsed();
    let within = Duration::from_secs(10).saturating_sub(bad_after);
    wait_for("link alarm", within, || (server.alarm("link.quadtank.lost")["state"] == "UNACK").then_some(()));
    let alarm_after = killed.elapsed();
    let link = server.link("quadtank");
    assert_eq!((&link["state"], &link["bad_tags"]), (&"lost".into(), &6.into()));
    assert!(link["reason"].is_string(), "{link}");
    let health = server.health();
    assert_eq!(health["status"], "degraded");
    assert!(health["reasons"][0].as_str().unwrap().starts_with("link quadtank is lost"), "{health}");

    let _device = Simulator::start(folder.path(), &bind);
    let ready = now();
    wait_until_levels_move(&server, Duration::from_secs(5));
    let data_after = ready.elapsed();
    assert!(field_tags(&server).iter().all(|tag| tag["quality"] == "good"));
    let alarm = wait_for("returned alarm", Duration::from_secs(1), || {
        Some(server.alarm("link.quadtank.lost")).filter(|alarm| alarm["state"] == "RTNUN")
    });
    assert_eq!((&alarm["class"], &alarm["occurrence"]), (&"link_lost".into(), &1.into()));
    println!(
        "killed: tags bad after {bad_after:?}, alarm after {alarm_after:?}; back: values move after {data_after:?}"
    );
    assert_eq!(server.link("quadtank")["reconnects"], 1);
    server.stop();
}

#[test]
fn an_unknown_node_is_bad_alone() {
    let folder = tempfile::tempdir().unwrap();
    let device = Simulator::start(folder.path(), "127.0.0.1:0");
    let plant = quadruple_tank(&device.endpoint).replace("ns=2;s=tank4.level", "ns=2;s=tank5.level");
    let server = Server::start(folder.path(), &plant);
    let tag = wait_for("unknown node", PATIENCE, || {
        Some(server.tag("tank4.level")).filter(|tag| tag["reason"] == "node id unknown")
    });
    assert_eq!((&tag["quality"], &tag["value"]), (&"bad".into(), &Json::Null));
    wait_for("good tags beside it", PATIENCE, || {
        let others = field_tags(&server).into_iter().filter(|tag| tag["name"] != "tank4.level");
        others.into_iter().all(|tag| tag["quality"] == "good").then_some(())
    });
    let link = server.link("quadtank");
    assert_eq!((&link["state"], &link["items_failed"], &link["bad_tags"]), (&"connected".into(), &1.into(), &1.into()));
    server.stop();
}

#[test]
fn an_unreachable_device_does_not_keep_the_server_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    // A port that was free a moment ago, and that nobody listens on.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Server::start(folder.path(), &quadruple_tank(&format!("opc.tcp://{nobody}/")));
    let link = wait_for("reason", PATIENCE, || Some(server.link("quadtank")).filter(|link| !link["reason"].is_null()));
    assert_eq!(link["state"], "connecting", "never connected, so it is not lost: {link}");
    assert!(link["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{link}");
    println!("unreachable: {}", link["reason"]);
    wait_for("link alarm", PATIENCE, || (server.alarm("link.quadtank.lost")["state"] == "UNACK").then_some(()));
    let tags = field_tags(&server);
    assert!(tags.iter().all(|tag| tag["quality"] == "bad" && tag["reason"] == "no communication"), "{tags:?}");
    assert_eq!(server.request("GET", "/health/ready", "").0, 200);
    server.stop();
}
