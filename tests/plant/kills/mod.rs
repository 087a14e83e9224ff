//! `kill -9` of a process that writes history, a hundred times, and what is there afterwards.

mod samples;
mod store;
mod writer;

use flyball::schema::test_support::TestDatabase;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::time::Duration;
use store::{Past, Store};

/// Kills where `FLYBALL_KILLS` does not say.
const KILLS: u64 = 100;
/// A writer lives this long at the most, from its first line on: also its start is hit.
const LIFE: Duration = Duration::from_millis(250);

fn kills() -> u64 {
    std::env::var("FLYBALL_KILLS").map_or(KILLS, |text| text.parse().expect("a number of kills"))
}

/// Any time up to `most`.
fn at_random(most: Duration) -> Duration {
    let random = RandomState::new().hash_one(0_u64);
    most.mul_f64((random >> 11) as f64 / (1_u64 << 53) as f64)
}

/// What a writer said before it was killed.
#[derive(Debug, Default)]
struct Said {
    /// Samples that were durable.
    durable: u64,
    /// Changes that its predecessor had journaled and not moved.
    waiting: Option<u64>,
}

/// Starts a writer and kills it.
fn kill_one(folder: &Path, store: &Store, run: u64) -> Said {
    let mut child = writer::command(folder, store, run).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line == writer::BEGUN), "writer {run} does not begin");
    let life = at_random(LIFE);
    let killer = std::thread::spawn(move || {
        pause(life);
        assert_eq!(child.try_wait().unwrap(), None, "writer {run} ended by itself");
        child.kill().unwrap();
        child.wait().unwrap()
    });
    let mut said = Said::default();
    for line in lines {
        match line.split_once(' ') {
            Some(("durable", count)) => said.durable = count.parse().unwrap(),
            Some(("waiting", count)) => said.waiting = Some(count.parse().unwrap()),
            _ => {}
        }
    }
    killer.join().unwrap();
    said
}

#[expect(clippy::disallowed_methods, reason = "other processes live in real time, and no arbiter runs on this thread")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// The promise, on one store.
async fn kill_again_and_again(database: &TestDatabase) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(database.url());
    let mut said = Vec::new();
    for run in 0..kills() {
        said.push(kill_one(folder.path(), &store, run));
    }
    let past = Past::as_it_is(folder.path(), &store);
    let mut kept = 0;
    for (run, said) in (0..).zip(&said) {
        kept += past.check(run, said.durable).await;
    }
    past.end().await;
    let past = Past::all_stored(folder.path(), &store).await;
    let mut stored = 0;
    for (run, said) in (0..).zip(&said) {
        stored += past.check(run, said.durable).await;
    }
    past.end().await;
    assert_eq!(stored, kept, "what was journaled goes into the store");

    let durable: u64 = said.iter().map(|said| said.durable).sum();
    let (wrote, moving) = (
        said.iter().filter(|said| said.durable > 0).count(),
        said.iter().filter(|said| said.waiting.is_some_and(|waiting| waiting > 0)).count(),
    );
    assert!(wrote > said.len() / 4 && moving > said.len() / 4, "kills that hit nothing show nothing: {said:?}");
    println!(
        "{:?}: {} kills, {wrote} of them while it wrote; {moving} starts with samples still to be moved; {durable} \
         samples acknowledged, {stored} kept, each once and in order",
        database.backend(),
        said.len(),
    );
}

#[actix_rt::test]
async fn a_killed_writer_loses_and_doubles_nothing_on_sqlite() {
    kill_again_and_again(&TestDatabase::sqlite()).await;
}

#[actix_rt::test]
async fn a_killed_writer_loses_and_doubles_nothing_on_postgresql() {
    let Some(database) = TestDatabase::postgres() else { return };
    kill_again_and_again(&database).await;
}
