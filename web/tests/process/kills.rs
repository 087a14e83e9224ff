//! `kill -9` under load, again and again.

use super::child::{PATIENCE, alone, now, pause};
use super::counts::{self, Series, Sightings, wait_until_durable, wait_until_stored, wall};
use super::peers::{self, Peer};
use super::pens::{self, Kill, LATE, Pens, at_random};
use super::server::Server;
use flyball::schema::Timestamp;
use flyball_schema::test_support::TestDatabase;
use std::time::Duration;

/// Kills where `FLYBALL_KILLS` does not say.
const KILLS: usize = 12;
/// A server lives this long at the most once it is ready.
const LIFE: Duration = Duration::from_millis(1_500);
/// Nodes of the device: 2,000 changes a second.
const NODES: usize = 200;
/// Between the last step of a device before a kill and the restart.
const STEP: Duration = Duration::from_millis(1_000);

/// Little is in memory and little moves at a time, so that a kill hits every step.
const SMALL: [(&str, &str); 3] = [
    ("FLYBALL__HISTORY__HEAD_SAMPLES", "2000"),
    ("FLYBALL__HISTORY__GENERATION_SAMPLES", "500"),
    ("FLYBALL__HISTORY__GENERATION_MS", "100"),
];

fn number_of_kills() -> usize {
    std::env::var("FLYBALL_KILLS").map_or(KILLS, |text| text.parse().expect("a number of kills"))
}

/// One life of a server: what the table showed of each counting tag, and its end.
struct Life {
    seen: Sightings,
    kill: Kill,
}

/// Runs the server for some time, and kills it.
fn live_and_die(server: Server, pens: &Pens) -> Life {
    let (mut seen, life, began) = (Sightings::default(), at_random(LIFE), now());
    while began.elapsed() < life {
        seen.look_at_good(&server);
        pause(Duration::from_millis(20));
    }
    let kill = Kill::now(server);
    pens.server_leaves();
    Life { seen, kill }
}

/// Every count of a device once and in order: from one to the next by one, but over a kill, where the device has counted
/// on, or shows again the count that is there.
fn check_series(tag: u64, series: &Series, kills: &[Kill]) {
    for pair in series.windows(2) {
        let [(time, count), (next_time, next)] = [pair[0], pair[1]];
        let step = next - count;
        let over = |kill: &Kill| time <= kill.dead.as_millis_f64() && next_time >= (kill.asked - STEP).as_millis_f64();
        let is_next = (step - 1.0).abs() < 0.5;
        assert!(
            is_next || (step > -0.5 && next_time >= time && kills.iter().any(over)),
            "tag {tag}: {pair:?}; kills at {kills:?}"
        );
    }
}

/// Holds the counts since `from` against what the table had shown.
fn check_counts(server: &Server, tags: &[u64], from: Timestamp, lives: &[Life]) -> usize {
    let kills: Vec<Kill> = lives.iter().map(|life| life.kill).collect();
    let history = counts::read(server, tags, from, wall());
    for (tag, series) in &history {
        check_series(*tag, series, &kills);
        for life in lives {
            let newest = life.seen.newest_by(*tag, life.kill.asked - LATE);
            let Some(seen) = newest.filter(|seen| seen.accepted > from + STEP) else { continue };
            let is_there = series.iter().any(|(_, count)| (count - seen.count).abs() < 0.5);
            assert!(is_there, "tag {tag}: {seen:?} is not in history; {:?}", life.kill);
        }
    }
    history.values().map(Vec::len).sum()
}

fn device_tags(server: &Server) -> Vec<u64> {
    let tags = server.tags();
    tags.iter().filter(|tag| !tag["link"].is_null()).map(|tag| tag["id"].as_u64().unwrap()).collect()
}

/// The promise, on one store.
fn kill_again_and_again(database: &TestDatabase, environment: &[(&str, &str)]) {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let device: Option<Peer> = peers::start_node(NODES);
    let mut plant = pens::TAGS.to_owned();
    device.iter().for_each(|device| device.define(&mut plant));
    let start = || Server::start_with(folder.path(), &plant, environment);

    let begun = wall();
    let mut server = start();
    let devices = device_tags(&server);
    let mut pens = Pens::start(&server, "");
    let (mut lives, mut ready): (Vec<Life>, Vec<Duration>) = (Vec::new(), Vec::new());
    for _ in 0..number_of_kills() {
        pens.wait_for_more(1);
        let from = lives.last().map_or(begun, |life: &Life| life.kill.asked - LIFE * 2);
        lives.push(live_and_die(server, &pens));
        let restarting = now();
        server = start();
        ready.push(restarting.elapsed());
        let kills: Vec<Kill> = lives.iter().map(|life| life.kill).collect();
        pens.check(&server, from, &kills);
        check_counts(&server, &devices, from, &lives);
        pens.server_is_back(&server);
    }
    pens.stop();
    wait_until_durable(&server);
    // All of it, and once more when everything has gone into the store.
    let kills: Vec<Kill> = lives.iter().map(|life| life.kill).collect();
    let checked = pens.check(&server, begun, &kills);
    let counted = check_counts(&server, &devices, begun, &lives);
    assert_eq!(server.health()["history"]["lost"], 0);
    wait_until_stored(&server, PATIENCE);
    let stored = pens.check(&server, begun, &kills);
    assert_eq!((stored.kept, stored.lost), (checked.kept, checked.lost));
    check_counts(&server, &devices, begun, &lives);
    server.stop();
    println!(
        "{:?}: {} kills, ready again after {:?} at the most; {} acknowledged writes and {counted} counts of a device are \
         there once and in order; young at a kill and gone: {}, the oldest accepted {:.1?} before; there without an \
         answer: {}",
        database.backend(),
        lives.len(),
        ready.iter().max().unwrap_or(&Duration::ZERO),
        checked.kept,
        checked.lost,
        checked.oldest_lost,
        checked.unanswered,
    );
}

#[test]
fn kills_under_load_lose_and_double_nothing_on_sqlite() {
    kill_again_and_again(&TestDatabase::sqlite(), &SMALL);
}

#[test]
fn kills_under_load_lose_and_double_nothing_on_postgresql() {
    let Some(database) = TestDatabase::postgres() else { return };
    let environment = [&SMALL[..], &[("FLYBALL__HISTORY__URL", database.url())]].concat();
    kill_again_and_again(&database, &environment);
}
