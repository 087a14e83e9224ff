//! The process that is killed: writes numbered samples as fast as they become durable, and says which are.

use super::samples;
use super::store::Store;
use actix::Actor as _;
use flyball::Clock;
use flyball::cvt::{CreateTags, Cvt, Delivery, Subscribe, WriteTags};
use flyball::history::{FlushHistory, History, Keeping, LoggerWorker};
use flyball::send::{DEADLINE, ask};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

const FOLDER: &str = "FLYBALL_WRITER_FOLDER";
const STORE: &str = "FLYBALL_WRITER_STORE";
const RUN: &str = "FLYBALL_WRITER_RUN";

/// Samples of one acknowledgement.
const BATCH: u64 = 40;

/// What it says first.
pub(super) const BEGUN: &str = "begun";

/// This program as the writer of a run.
pub(super) fn command(folder: &Path, store: &Store, run: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "kills::writer::writes_until_it_is_killed", "--ignored", "--nocapture"]);
    command.env(FOLDER, folder).env(STORE, store.url()).env(RUN, run.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

/// One line past the harness, whole and at once.
fn say(line: std::fmt::Arguments<'_>) {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(format!("{line}\n").as_bytes()).unwrap();
    stdout.flush().unwrap();
}

#[actix_rt::test]
#[ignore = "the process that the other tests of this file kill"]
async fn writes_until_it_is_killed() {
    let variable = |name| std::env::var(name).expect("only the other tests start this");
    let (folder, url, run) = (variable(FOLDER), variable(STORE), variable(RUN).parse::<u64>().unwrap());
    say(format_args!("\n{BEGUN}"));
    let history = History::open(super::store::settings(Path::new(&folder)), Store::at(&url).historian()).unwrap();
    say(format_args!("waiting {}", history.last_seq() - history.stored()));

    let clock = Clock::system();
    let cvt = Cvt::new(clock, history.last_seq()).start();
    ask(&cvt, CreateTags(samples::tags()), DEADLINE).await.unwrap().unwrap();
    let logger = LoggerWorker::new(clock, Arc::clone(&history), Keeping::default()).start();
    let (name, delivery) = ("logger".to_owned(), Delivery::Every { credit: 64, backlog: 1_000_000 });
    ask(&cvt, Subscribe { name, recipient: logger.clone().recipient(), delivery }, DEADLINE).await.unwrap();

    for batch in 0.. {
        let counts = batch * BATCH..(batch + 1) * BATCH;
        let written = counts.end;
        let report = ask(&cvt, WriteTags(samples::updates(run, counts)), DEADLINE).await.unwrap();
        assert_eq!(u64::try_from(report.changed), Ok(BATCH), "every sample is a change: {report:?}");
        // The table may hold changes back for want of credit: not every flush reaches them.
        while ask(&logger, FlushHistory, DEADLINE).await.unwrap().unwrap() < report.seq {}
        say(format_args!("durable {written}"));
    }
}
