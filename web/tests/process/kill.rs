//! `kill -9` under load, and the restart.

use super::child::{PATIENCE, alone, now, pause, wait_for};
use super::counts::{self, Seen, Series, Sightings, wait_until_durable, wall};
use super::peers::{self, Peer};
use super::server::Server;
use super::shell::succeed;
use flyball::schema::Timestamp;
use serde_json::{Value as Json, json};
use std::collections::HashMap;
use std::time::Duration;

/// What the journal promises: durable within this of its acceptance.
const DURABLE: Duration = Duration::from_millis(100);

/// How long the table is looked at before the kill.
const LOOKING: Duration = Duration::from_millis(1_000);

/// Alarms with a state of each kind to be kept, two of them on tags that count.
const ALARMS: &str = r#"
[[tag]]
name = "drill"
data_type = "boolean"
initial = false
writable = true

[[alarm]]
name = "unacknowledged"
tag = "node_opcua.c0"
kind = "HIGH"
set_point = 5

[[alarm]]
name = "acknowledged"
tag = "asyncua.c1"
kind = "HIGH"
set_point = 5.0

[[alarm]]
name = "returned"
tag = "drill"
kind = "BOOL"
set_point = true

[[alarm]]
name = "quiet"
tag = "node_opcua.c1"
kind = "HIGH"
set_point = 1e12
"#;

/// How long the load runs.
fn soak_time() -> Duration {
    let seconds = std::env::var("FLYBALL_SOAK_SECONDS").map_or(10, |text| text.parse().expect("seconds"));
    Duration::from_secs(seconds)
}

fn wait_for_alarm(server: &Server, name: &str, state: &str) {
    wait_for(&format!("alarm {name} {state}"), PATIENCE, || (server.alarm(name)["state"] == state).then_some(()));
}

/// Brings each alarm into its state.
fn set_up_alarms(server: &Server) {
    let drill = server.tag("drill")["id"].clone();
    for (value, state) in [(true, "UNACK"), (false, "RTNUN")] {
        let write =
            server.request("POST", &format!("/api/v1/tags/{drill}/write"), &json!({"value": value}).to_string());
        assert_eq!(write.0, 200, "{}", write.1);
        wait_for_alarm(server, "returned", state);
    }
    wait_for_alarm(server, "unacknowledged", "UNACK");
    wait_for_alarm(server, "acknowledged", "UNACK");
    let id = server.alarm("acknowledged")["id"].clone();
    let (status, alarm) = server.request("POST", &format!("/api/v1/alarms/{id}/ack"), r#"{"by":"shift leader"}"#);
    assert_eq!((status, &alarm["state"]), (200, &json!("ACKED")), "{alarm}");
}

/// What has to outlive the kill of each alarm.
fn alarm_memory(server: &Server) -> Vec<Json> {
    let kept = ["name", "state", "occurrence", "raised_at", "acknowledged_at", "acknowledged_by"];
    let names = ["unacknowledged", "acknowledged", "returned", "quiet"];
    let memory = |name| {
        let alarm = server.alarm(name);
        Json::Array(kept.iter().map(|key| alarm[key].clone()).collect())
    };
    names.into_iter().map(memory).collect()
}

/// Ids of the tags that count.
fn counting_tags(server: &Server) -> Vec<u64> {
    let tags = server.tags();
    tags.iter().filter(|tag| !tag["link"].is_null()).map(|tag| tag["id"].as_u64().unwrap()).collect()
}

fn wait_until_good(server: &Server, peers: &[Peer]) {
    for peer in peers {
        wait_for(&format!("good tags of {}", peer.name), Duration::from_secs(30), || {
            let link = server.link(peer.name);
            (link["state"] == "connected" && link["bad_tags"] == 0 && link["items_failed"] == 0).then_some(())
        });
    }
}

/// Waits until every device has counted on.
fn wait_until_counted(server: &Server, peers: &[Peer], steps: f64) {
    for peer in peers {
        let count = || server.tag(&format!("{}.c0", peer.name))["value"].as_f64().unwrap();
        let before = count();
        wait_for(&format!("counts of {}", peer.name), PATIENCE, || (count() >= before + steps).then_some(()));
    }
}

/// Nothing was lost on any of the ways that count it.
fn assert_nothing_counted_as_lost(server: &Server, peers: &[Peer]) -> Json {
    let health = server.health();
    assert_eq!((&health["status"], &health["history"]["lost"]), (&json!("ok"), &json!(0)), "{health}");
    for peer in peers {
        let link = server.link(peer.name);
        assert_eq!((&link["coalesced"], &link["reconnects"]), (&json!(0), &json!(0)), "{link}");
    }
    health
}

/// Every count of every tag from its first to its last, and as many as the links have received.
fn assert_complete(history: &HashMap<u64, Series>, received: u64) {
    for (tag, series) in history {
        let good = counts::consecutive(series);
        assert!(good > 0, "tag {tag} has no history");
        assert_eq!(good, series.len(), "tag {tag}: {:?}", &series[good - 1..series.len().min(good + 2)]);
    }
    let held: usize = history.values().map(Vec::len).sum();
    assert!(held as u64 >= received, "the links received {received} changes, history holds {held}");
}

/// Processor time of a process, all threads, s.
fn processor_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    // Fields 14 and 15 of proc(5), counted from the third; in ticks of 10 ms on every architecture of Linux.
    fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

fn resident_memory(pid: u32) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.unwrap().trim().to_owned()
}

/// Runs the load for its time, and watches that nothing is lost.
fn run(server: &Server, peers: &[Peer]) {
    let (pid, began) = (server.process.pid(), now());
    let (busy, before) = (processor_seconds(pid), server.health()["history"]["changes"].as_f64().unwrap());
    let mut worst_lag = 0;
    while began.elapsed() < soak_time() {
        pause(Duration::from_millis(250));
        let health = assert_nothing_counted_as_lost(server, peers);
        worst_lag = worst_lag.max(health["history"]["lag_ms"].as_u64().unwrap());
    }
    let (seconds, history) = (began.elapsed().as_secs_f64(), &server.health()["history"]);
    println!(
        "{seconds:.1} s of load: {:.0} changes/s, {:.1} % of a core, RSS {}, journal {} bytes, worst lag seen {worst_lag} ms",
        (history["changes"].as_f64().unwrap() - before) / seconds,
        (processor_seconds(pid) - busy) / seconds * 100.0,
        resident_memory(pid),
        history["journal_bytes"],
    );
}

/// Ages in ms at `then`, told as a distribution.
fn distribution(mut ages: Vec<f64>) -> String {
    ages.sort_unstable_by(f64::total_cmp);
    let Some(last) = ages.len().checked_sub(1) else { return "none".to_owned() };
    let at = |part: usize| ages[last * part / 100];
    format!("min {:.1}, median {:.1}, p99 {:.1}, max {:.1} ms, {} tags", at(0), at(50), at(99), at(100), ages.len())
}

/// Holds the history after the kill against what the table had shown before it.
fn assert_kept(history: &HashMap<u64, Series>, seen: &Sightings, killed: Timestamp) {
    let age = |time: Timestamp| killed.as_millis_f64() - time.as_millis_f64();
    let (mut durable, mut asserted, mut kept, mut lost) = (vec![], vec![], vec![], vec![]);
    for (tag, series) in history {
        assert_eq!(counts::consecutive(series), series.len(), "tag {tag}");
        let &(time, last) = series.last().unwrap_or_else(|| panic!("tag {tag} has no history"));
        let required = seen.newest_by(*tag, killed - DURABLE).unwrap();
        let (count, required) = (required.count, age(required.accepted));
        assert!(last >= count, "tag {tag}: {count} was accepted {required:.1} ms before, history ends with {last}");

        durable.push(killed.as_millis_f64() - time);
        asserted.push(required);
        let (held, missing): (Vec<&Seen>, Vec<&Seen>) = seen.by_tag[tag].iter().partition(|seen| seen.count <= last);
        kept.extend(held.last().map(|seen| age(seen.accepted)));
        lost.extend(missing.first().map(|seen| age(seen.accepted)));
    }
    // Otherwise nothing was shown: every tag counts every 100 ms, and the table is looked at several times in that.
    let newest = asserted.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(newest < 500.0, "no count was seen between 100 and 500 ms before the kill");
    println!("age at the kill, tag by tag:");
    println!("  newest count in history, by source time: {}", distribution(durable));
    println!("  newest count asserted, accepted 100 ms before or earlier: {}", distribution(asserted));
    println!("  newest count seen in the table and kept, by server time: {}", distribution(kept));
    println!("  oldest count seen in the table and lost: {}", distribution(lost));
}

/// Holds the history after a restart against what it was before: that, and counts one by one from there on.
fn assert_continued(before: &HashMap<u64, Series>, after: &HashMap<u64, Series>) {
    for (tag, series) in after {
        let (old, new) = series.split_at(before[tag].len());
        assert_eq!(old, before[tag], "tag {tag}: a restart changes no history");
        assert!(counts::consecutive(new) > 1, "tag {tag} goes on");
        assert_eq!(counts::consecutive(new), new.len(), "tag {tag}: {new:?}");
        assert!(new[0].1 >= old[old.len() - 1].1, "tag {tag}: {:?}, then {:?}", old.last(), new[0]);
    }
}

#[test]
fn kill_9_under_load_loses_nothing_older_than_100_ms() {
    let _alone = alone();
    let Some(peers) = peers::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut plant = ALARMS.to_owned();
    peers.iter().for_each(|peer| peer.define(&mut plant));

    let begun = wall() - Duration::from_secs(60);
    let server = Server::start(folder.path(), &plant);
    wait_until_good(&server, &peers);
    set_up_alarms(&server);
    run(&server, &peers);

    let received: u64 = peers.iter().map(|peer| server.link(peer.name)["changes"].as_u64().unwrap()).sum();
    wait_until_durable(&server);
    let (tags, reading) = (counting_tags(&server), now());
    assert_eq!(tags.len(), peers.iter().map(|peer| peer.nodes).sum::<usize>());
    assert_complete(&counts::read(&server, &tags, begun, wall()), received);
    println!("every count of {received} in order, once, and in history; read in {:?}", reading.elapsed());
    assert_nothing_counted_as_lost(&server, &peers);
    let alarms = alarm_memory(&server);
    let states: Vec<&Json> = alarms.iter().map(|alarm| &alarm[1]).collect();
    assert_eq!(states, ["UNACK", "ACKED", "RTNUN", "NORM"]);

    let (mut seen, looking) = (Sightings::default(), now());
    while looking.elapsed() < LOOKING {
        seen.look(&server);
    }
    let killed = wall();
    server.process.kill();

    // Without its devices first: a device tells its present value when it is back, which may be one that was lost.
    std::fs::write(folder.path().join("away.toml"), peers::out_of_reach(&plant, &peers)).unwrap();
    succeed(folder.path(), &["apply", "away.toml"]);
    let server = Server::start(folder.path(), &plant);
    let kept = counts::read(&server, &tags, begun, wall());
    assert_kept(&kept, &seen, killed);
    assert_eq!(alarm_memory(&server), alarms, "alarms as they were, without the devices");
    server.process.kill();

    succeed(folder.path(), &["apply", "plant.toml"]);
    let restarting = now();
    let server = Server::start(folder.path(), &plant);
    let ready_after = restarting.elapsed();
    wait_until_good(&server, &peers);
    println!("killed and started again: ready after {ready_after:?}, all tags good after {:?}", restarting.elapsed());
    wait_until_counted(&server, &peers, 5.0);
    wait_until_durable(&server);
    assert_continued(&kept, &counts::read(&server, &tags, begun, wall()));
    assert_eq!(alarm_memory(&server), alarms, "alarms as they were, with the devices back");
    assert_nothing_counted_as_lost(&server, &peers);
    server.stop();
}
