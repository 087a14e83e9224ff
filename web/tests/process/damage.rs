//! Files that were damaged while the server was down.

use super::child::{PATIENCE, wait_for};
use super::counts::{wait_until_durable, wait_until_stored, wall};
use super::disk::{assert_whole, settle};
use super::pens::{self, Checked, Kill, Pens};
use super::server::Server;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Overwrites a part of a file: from and to in percent of its size.
fn overwrite(file: &Path, from: u64, to: u64) {
    let file = File::options().write(true).open(file).unwrap();
    let size = file.metadata().unwrap().len();
    let (start, end) = (size * from / 100, size * to / 100);
    let noise: Vec<u8> = (start..end).map(|place| (place.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect();
    file.write_all_at(&noise, start).unwrap();
}

/// Writes for some time, stops the server, damages `file`, and starts again; `environment` decides where samples wait.
/// What of the samples is there then.
fn damage(file: &str, (from, to): (u64, u64), environment: &[(&str, &str)], is_stored: bool) -> Checked {
    let folder = tempfile::tempdir().unwrap();
    let begun = wall();
    let server = Server::start_with(folder.path(), pens::TAGS, environment);
    let mut pens = Pens::start(&server, &"·".repeat(200));
    pens.wait_for_more(1_500);
    pens.stop();
    wait_until_durable(&server);
    if is_stored {
        wait_until_stored(&server, PATIENCE);
    }
    let all = pens.check(&server, begun, &[]);
    server.stop();

    let path = folder.path().join("data").join(file);
    settle(&path);
    overwrite(&path, from, to);

    let mut server = Server::start_with(folder.path(), pens::TAGS, environment);
    let told = server.process.logged(" is damaged (");
    assert!(told.contains(file), "{told}");
    let aside = path.with_file_name(format!("{file}.damaged-1"));
    wait_for("the damaged file set aside", PATIENCE, || aside.exists().then_some(()));
    // Until what can be read is saved, a question is refused rather than answered in part.
    let question = format!("/api/v1/history?tags={}&from={begun}", server.tag("pen.float")["id"]);
    let (status, answer) = wait_for("history that can be read", PATIENCE, || {
        Some(server.request("GET", &question, "")).filter(|(status, _)| *status != 503)
    });
    assert_eq!(status, 200, "{answer}");
    // Nothing that is there is wrong, or there twice.
    let before = wall();
    let saved = pens.check(&server, begun, &[Kill::of_all(begun, before)]);
    assert_eq!(saved.kept + saved.lost, all.kept);
    println!("{file} overwritten from {from} to {to} %: {} of {} writes saved; log: {told}", saved.kept, all.kept);
    // The plant goes on, and so does its history.
    let mut more = Pens::start(&server, "");
    more.wait_for_more(100);
    more.stop();
    wait_until_durable(&server);
    let told = more.check(&server, before, &[]);
    assert!(told.kept >= 100, "{told:?}");
    server.stop();
    assert_whole(&path);
    assert!(aside.exists(), "the damaged file is kept");
    saved
}

/// Everything is in the store.
const STORED: [(&str, &str); 2] =
    [("FLYBALL__HISTORY__GENERATION_MS", "100"), ("FLYBALL__HISTORY__GENERATION_SAMPLES", "200")];

#[test]
fn a_store_damaged_in_its_middle_is_set_aside_and_the_rest_is_kept() {
    let saved = damage("history.db", (45, 55), &STORED, true);
    assert!(saved.kept > 0 && saved.lost > 0, "{saved:?}");
}

#[test]
fn a_store_without_a_beginning_is_set_aside_and_another_begun() {
    let saved = damage("history.db", (0, 20), &STORED, true);
    assert!(saved.lost > 0, "{saved:?}");
}

#[test]
fn a_journal_damaged_in_its_middle_is_set_aside_and_the_rest_is_kept() {
    let saved = damage("journal.db", (45, 55), &[], false);
    assert!(saved.kept > 0 && saved.lost > 0, "{saved:?}");
}

#[test]
fn a_journal_without_a_beginning_is_set_aside_and_another_begun() {
    let saved = damage("journal.db", (0, 20), &[], false);
    assert!(saved.lost > 0, "{saved:?}");
}
