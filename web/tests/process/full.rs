//! The disk is full, or may not be written any more.

use super::child::{PATIENCE, Process, wait_for};
use super::counts::{wait_until_durable, wait_until_stored, wall};
use super::disk::{CAP_LINUX_IMMUTABLE, Disk, assert_whole, has_capability};
use super::peers::say;
use super::pens::{self, Kill, Pens};
use super::server::Server;
use flyball::schema::Timestamp;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// `EX_UNAVAILABLE` of sysexits.
const UNAVAILABLE: i32 = 69;

/// Room for some seconds of the writers.
const MEGABYTES: u32 = 24;

const FILES: [&str; 3] = ["flyball.db", "journal.db", "history.db"];

const OFTEN: [(&str, &str); 1] = [("FLYBALL__HISTORY__GENERATION_MS", "100")];

/// Texts that fill a disk soon.
fn long_text() -> String {
    "·".repeat(2_000)
}

fn wait_for_alarm(server: &Server, alarm: &str, state: &str) {
    wait_for(&format!("{alarm} {state}"), Duration::from_secs(60), || {
        (server.alarm(alarm)["state"] == state).then_some(())
    });
}

/// Waits until nothing can be journaled, and looks at what an operator sees.
fn assert_degraded(server: &Server, pens: &Pens) {
    wait_for_alarm(server, "system.history_failed", "UNACK");
    let health = server.health();
    assert_eq!(health["status"], "degraded");
    let reasons = health["reasons"].to_string();
    assert!(reasons.contains("history: "), "{reasons}");
    println!("degraded: {reasons}");
    // The plant goes on.
    pens.wait_for_more(200);
}

/// Waits until all is well, and looks whether everything is there.
fn assert_recovered(server: &Server, pens: &mut Pens, begun: Timestamp) {
    wait_for("a plant that is well", Duration::from_secs(30), || (server.health()["status"] == "ok").then_some(()));
    wait_for_alarm(server, "system.history_failed", "RTNUN");
    pens.wait_for_more(50);
    pens.stop();
    wait_until_durable(server);
    wait_until_stored(server, PATIENCE);
    let health = server.health();
    assert_eq!((&health["history"]["lost"], &health["history"]["expired"]), (&0.into(), &0.into()), "{health}");
    let checked = pens.check(server, begun, &[]);
    println!("{} writes there, each once and in order", checked.kept);
}

fn assert_files_whole(data: &Path) {
    for file in FILES {
        assert_whole(&data.join(file));
    }
    let aside = std::fs::read_dir(data).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let aside: Vec<String> = aside.filter(|name| name.contains("damaged")).collect();
    assert!(aside.is_empty(), "{aside:?}");
}

#[test]
fn a_full_disk_is_an_alarm_and_nothing_is_lost_once_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let Some(disk) = Disk::mount(&data, MEGABYTES) else { return };
    let begun = wall();
    let server = Server::start_with(folder.path(), pens::TAGS, &OFTEN);
    let mut pens = Pens::start(&server, &long_text());
    pens.wait_for_more(100);
    wait_until_durable(&server);
    let full = wall();
    disk.fill();
    assert_degraded(&server, &pens);
    // What was journaled can be read all the while.
    let kept = pens.check(&server, begun, &[Kill::of_all(full, Timestamp::MAX)]).kept;
    assert!(kept >= 100, "{kept} writes can be read");
    disk.free();
    assert_recovered(&server, &mut pens, begun);
    server.stop();
    assert_files_whole(&data);
}

#[test]
fn a_server_killed_on_a_full_disk_has_what_was_journaled_before() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let Some(disk) = Disk::mount(&data, MEGABYTES) else { return };
    let begun = wall();
    let server = Server::start_with(folder.path(), pens::TAGS, &OFTEN);
    let mut pens = Pens::start(&server, &long_text());
    pens.wait_for_more(100);
    wait_until_durable(&server);
    let full = wall();
    disk.fill();
    assert_degraded(&server, &pens);
    let kill = Kill::of_all(full, Kill::now(server).dead);
    pens.server_leaves();

    let started = |process: &mut Process| process.stderr().iter().any(|line| line.contains(" at http://"));
    let mut refused = Server::spawn(folder.path(), pens::TAGS, &[("FLYBALL__HTTP__BIND", "127.0.0.1:0")]);
    // With luck a start needs no room; else it says why it cannot.
    let is_started = wait_for("start or end on a full disk", PATIENCE, || {
        if started(&mut refused) { Some(true) } else { refused.has_ended().then_some(false) }
    });
    if is_started {
        refused.kill();
    } else {
        let (code, lines) = refused.ended(PATIENCE);
        let last = lines.last().unwrap();
        println!("a start on a full disk ends with {code}: {last}");
        assert_eq!(code, UNAVAILABLE, "{lines:#?}");
        assert!(last.contains("flyball.db") || last.contains("journal.db"), "it names what it cannot use: {last}");
    }

    disk.free();
    let server = Server::start_with(folder.path(), pens::TAGS, &OFTEN);
    pens.server_is_back(&server);
    pens.wait_for_more(50);
    pens.stop();
    wait_until_stored(&server, PATIENCE);
    let checked = pens.check(&server, begun, &[kill]);
    println!("killed on a full disk: {} writes there, {} were in memory alone", checked.kept, checked.lost);
    assert!(checked.kept >= 100, "{checked:?}");
    server.stop();
    assert_files_whole(&data);
}

/// Goes on while `trouble` lasts, and has everything afterwards.
fn outlast<T>(environment: &[(&str, &str)], trouble: impl FnOnce(&Server, &Path) -> Option<T>) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let begun = wall();
    let server = Server::start_with(folder.path(), pens::TAGS, environment);
    let mut pens = Pens::start(&server, "");
    pens.wait_for_more(100);
    wait_until_stored(&server, PATIENCE);
    let Some(trouble) = trouble(&server, &data) else { return };
    assert_degraded(&server, &pens);
    drop(trouble);
    assert_recovered(&server, &mut pens, begun);
    server.stop();
    assert_files_whole(&data);
}

/// Files that nobody may write; they may again when this is dropped.
struct Locked(Vec<PathBuf>);

impl Locked {
    /// Takes the right to write from the files of history; none where the file system or this process cannot, which is
    /// said.
    fn files(data: &Path) -> Option<Self> {
        let files = ["journal.db", "journal.db-wal", "history.db", "history.db-wal"].map(|name| data.join(name));
        let locked = Self(files.into_iter().filter(|file| file.exists()).collect());
        if !has_capability(CAP_LINUX_IMMUTABLE) || !locked.change("+i") {
            say(
                "SKIPPED: to lock files needs a right and a file system that knows it (a disk that takes nothing is tested \
                 without)",
            );
            return None;
        }
        Some(locked)
    }

    fn change(&self, how: &str) -> bool {
        Command::new("chattr").arg(how).args(&self.0).output().is_ok_and(|output| output.status.success())
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        let _left_to_the_one_who_cleans_up = self.change("-i");
    }
}

#[test]
fn files_that_may_not_be_written_are_an_alarm_and_nothing_is_lost_once_they_may() {
    outlast(&OFTEN, |_, data| Locked::files(data));
}

/// A process whose writes to files fail; they succeed again when this is dropped.
struct Mute(u32);

impl Mute {
    fn make(server: &Server) -> Self {
        let mute = Self(server.process.pid());
        assert!(mute.limit("0"), "a user may limit his own process");
        mute
    }

    fn limit(&self, bytes: &str) -> bool {
        let limit = [format!("--pid={}", self.0), format!("--fsize={bytes}:")];
        Command::new("prlimit").args(limit).status().unwrap().success()
    }
}

impl Drop for Mute {
    fn drop(&mut self) {
        let is_done = self.limit("unlimited");
        assert!(is_done || std::thread::panicking());
    }
}

#[test]
fn a_disk_that_takes_nothing_is_an_alarm_and_nothing_is_lost_once_it_does() {
    outlast(&OFTEN, |server, _| Some(Mute::make(server)));
}
