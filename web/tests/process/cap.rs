//! The store is away for longer than the journal has room.

use super::child::{PATIENCE, wait_for};
use super::counts::{wait_until_durable, wait_until_stored, wall};
use super::pens::{self, Kill, Pens};
use super::server::Server;
use flyball::schema::Timestamp;

/// A journal of some seconds.
const CAP: u64 = 400_000;

#[test]
fn past_its_cap_the_journal_drops_the_oldest_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    // A file where the store's folder should be.
    let away = folder.path().join("away");
    std::fs::write(&away, "not yet mounted").unwrap();
    let (store, cap) = (away.join("history.db").display().to_string(), CAP.to_string());
    let environment = [
        ("FLYBALL__HISTORY__URL", store.as_str()),
        ("FLYBALL__HISTORY__JOURNAL_CAP_BYTES", &cap),
        ("FLYBALL__HISTORY__GENERATION_MS", "100"),
    ];
    let begun = wall();
    let server = Server::start_with(folder.path(), pens::TAGS, &environment);
    let mut pens = Pens::start(&server, &"·".repeat(1_000));
    let count = |name: &str| server.health()["history"][name].as_u64().unwrap();
    wait_for("a full journal", PATIENCE * 2, || (count("expired") > 500).then_some(()));
    for alarm in ["system.store_failed", "system.samples_lost", "system.journal_fill"] {
        wait_for(alarm, PATIENCE, || (server.alarm(alarm)["state"] == "UNACK").then_some(()));
    }
    let health = server.health();
    assert_eq!(health["status"], "degraded");
    let reasons = health["reasons"].to_string();
    assert!(reasons.contains("the journal is full") && reasons.contains("store"), "{reasons}");

    // The newest 100 of them fit for sure: a tenth of the cap.
    pens.wait_for_more(200);
    pens.stop();
    let newest = pens.newest(100);
    wait_until_durable(&server);
    let (expired, bytes) = (count("expired"), count("journal_bytes"));
    assert!(bytes < 2 * CAP, "{bytes} bytes");
    wait_for("the count of what was dropped", PATIENCE, || {
        (server.tag("system.samples_lost")["value"].as_u64() >= Some(expired)).then_some(())
    });

    // The store is there: it gets what is left.
    std::fs::remove_file(&away).unwrap();
    wait_until_stored(&server, PATIENCE);
    let told = pens.check(&server, newest, &[]);
    assert!(told.kept >= 100, "the newest are there: {told:?}");
    // Whatever else was dropped, what is there is right, and there once.
    let any = Kill::of_all(begun, Timestamp::MAX);
    let all = pens.check(&server, begun, &[any]);
    println!(
        "a journal of {CAP} bytes: {expired} changes dropped and counted, {} of {} writes kept, {bytes} bytes in the end",
        all.kept,
        all.kept + all.lost
    );
    assert!(all.lost > 0 && all.lost as u64 <= expired, "{all:?}, {expired} dropped");
    assert_eq!(count("lost"), 0, "what is dropped from a full journal is counted once");
    for (alarm, state) in [("system.store_failed", "RTNUN"), ("system.samples_lost", "UNACK")] {
        wait_for(alarm, PATIENCE, || (server.alarm(alarm)["state"] == state).then_some(()));
    }
    server.stop();
}
