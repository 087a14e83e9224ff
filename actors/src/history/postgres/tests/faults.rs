//! Connections that break at any point: nothing is lost, nothing comes twice.

use super::*;
use crate::history::historian::{Cancel, Historian, StoreWriter};
use crate::history::store_suite::All;
use flyball_schema::Timestamp;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// Changes that are stored at the least.
const CHANGES: u64 = 2_000;

/// A change of the journal; several have one time.
fn change(number: u64) -> (i64, i64) {
    (DAY_0 + (number / 3).cast_signed() * 50_000_000, number.cast_signed())
}

fn changes(numbers: std::ops::RangeInclusive<u64>) -> Vec<(i64, i64)> {
    numbers.map(change).collect()
}

/// Moves changes into the store, as the mover does: a handle that failed is dropped, the position read again. Goes on
/// until there were `errors`. `trouble` is told of every batch that is stored. How many changes are stored.
fn move_changes(historian: &dyn Historian, errors: usize, mut trouble: impl FnMut()) -> u64 {
    let (mut seen, mut writer): (usize, Option<Box<dyn StoreWriter>>) = (0, None);
    for _ in 0..100_000 {
        let Some(open) = &mut writer else {
            match historian.open_writer() {
                Ok(opened) => writer = Some(opened),
                Err(_) => seen += 1,
            }
            continue;
        };
        let stored = open.position(JOURNAL).and_then(|position| {
            let upto = position + 1 + position % 97;
            let series = vec![(TAG, integers(&changes(position + 1..=upto)))];
            open.store(&Batch { upto, ..batch(position, series) })?;
            Ok(upto)
        });
        match stored {
            Ok(upto) if upto >= CHANGES && seen >= errors => return upto,
            Ok(_) => trouble(),
            Err(_) => (seen, writer) = (seen + 1, None),
        }
    }
    panic!("the mover made no progress: {seen} errors");
}

fn assert_stored(store: &TestStore, upto: u64) {
    assert!(pairs(&store.all(TAG)) == changes(1..=upto));
}

#[test]
fn every_change_is_stored_once_though_the_server_ends_the_session_at_any_time() {
    let Some(test) = made() else { return };
    let database = test._kept.downcast_ref::<TestDatabase>().unwrap();
    let (moved, progress) = (AtomicBool::new(false), AtomicI64::new(0));
    let upto = std::thread::scope(|scope| {
        let killer = scope.spawn(|| {
            let mut seen = 0;
            while !moved.load(Ordering::Relaxed) {
                // Only after progress: else no session ever lives long enough.
                let now = progress.load(Ordering::Relaxed);
                if now == seen {
                    std::thread::yield_now();
                } else {
                    seen = now;
                    database.cut_connections();
                }
            }
        });
        let upto = move_changes(&*test.historian, 30, || _ = progress.fetch_add(1, Ordering::Relaxed));
        moved.store(true, Ordering::Relaxed);
        killer.join().unwrap();
        upto
    });
    assert_stored(&test, upto);
}

#[test]
fn every_change_is_stored_once_though_the_line_breaks_after_any_byte() {
    let Some((test, _)) = made_with_database() else { return };
    let url = test._kept.downcast_ref::<TestDatabase>().unwrap().url();
    let Some(line) = Line::to(url) else {
        assert!(std::env::var_os("CI").is_none(), "the server is not reached by TCP");
        eprintln!("SKIPPED: a line that breaks needs a server that is reached by TCP");
        return;
    };
    let historian = PostgresHistorian::new(line.url.clone());
    // Small steps that share no divisor with what a batch takes: cuts come in every statement, and in its answer.
    let mut allowance = 20_000;
    let upto = move_changes(&historian, 30, || {
        if line.left.load(Ordering::Relaxed) > 1_000_000 {
            allowance += 1_237;
            line.left.store(allowance % 9_001, Ordering::Relaxed);
        }
    });
    assert_stored(&test, upto);
}

#[test]
fn a_server_that_was_away_gets_what_it_missed() {
    let Some(test) = made() else { return };
    let database = test._kept.downcast_ref::<TestDatabase>().unwrap();
    let mut writer = test.writer();
    store(&mut *writer, TAG, integers(&[change(1)]));
    database.allow_connections(false);
    database.cut_connections();
    let next = Batch { behind: 1, upto: 2, ..batch(1, vec![(TAG, integers(&[change(2)]))]) };
    let lost = writer.store(&next);
    assert!(matches!(lost, Err(HistorianError::Connect(_))), "{lost:?}");
    assert!(matches!(test.historian.open_writer().err(), Some(HistorianError::Connect(_))));
    assert!(matches!(test.historian.open_reader().err(), Some(HistorianError::Connect(_))));
    database.allow_connections(true);
    drop(writer);
    let upto = move_changes(&*test.historian, 0, || ());
    assert_stored(&test, upto);
}

#[test]
fn a_question_that_loses_its_server_says_so() {
    let Some(test) = made() else { return };
    let database = test._kept.downcast_ref::<TestDatabase>().unwrap();
    store(&mut *test.writer(), TAG, integers(&changes(1..=CHANGES)));
    let mut reader = test.reader();
    reader.begin(JOURNAL).unwrap();
    database.cut_connections();
    let answer = reader.read(TAG, Timestamp::MIN..Timestamp::MAX, &Cancel::default(), &mut All::default());
    assert!(matches!(answer, Err(HistorianError::Connect(_))), "{answer:?}");
    let answer = reader.begin(JOURNAL);
    assert!(matches!(answer, Err(HistorianError::Connect(_))), "{answer:?}");
}

#[test]
fn a_server_that_is_away_or_silent_is_noticed_within_5_s() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let away = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for address in [silent.local_addr().unwrap(), away] {
        #[expect(clippy::disallowed_methods, reason = "how long it takes is the question")]
        let began = Instant::now();
        let error = PostgresHistorian::new(format!("postgres://nobody@{address}/none")).open_writer().err();
        assert!(matches!(error, Some(HistorianError::Connect(_))), "{error:?}");
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}

/// A line to a server that breaks after so many bytes.
struct Line {
    url: String,
    /// Bytes that still pass, in both directions together; what breaks it sets it to a lot.
    left: Arc<AtomicI64>,
}

impl Line {
    /// `None` where the server is not reached by TCP.
    fn to(url: &str) -> Option<Self> {
        let (person, rest) = url.strip_prefix("postgres://")?.split_once('@')?;
        let (server, database) = rest.split_once('/')?;
        let server = if server.contains(':') { server.to_owned() } else { format!("{server}:5432") };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("postgres://{person}@{}/{database}", listener.local_addr().unwrap());
        let left = Arc::new(AtomicI64::new(i64::MAX));
        let counter = Arc::clone(&left);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(&server)) else { return };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let counter = Arc::clone(&counter);
                    std::thread::spawn(move || pass(from, to, &counter));
                }
            }
        });
        Some(Self { url, left })
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, left: &AtomicI64) {
    let mut buffer = [0; 512];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let before = left.fetch_sub(read as i64, Ordering::Relaxed);
        let passes = read.min(usize::try_from(before).unwrap_or(0));
        if to.write_all(&buffer[..passes]).is_err() {
            break;
        }
        if passes < read {
            left.store(i64::MAX, Ordering::Relaxed);
            break;
        }
    }
    let _closed = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
