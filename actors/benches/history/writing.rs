//! Row 7: a sample on its way through the logger, the journal and the mover into chunks, beside a row of a table.
//!
//! The real worker on its real threads; the changes are made on another thread, whose CPU time does not count. They come
//! as fast as they are taken, but each commit holds what a plant of the said rate brings in the time of a flush.

use super::mix::{Jitter, Plant, START, Signal};
use super::report::line;
use super::rows;
use super::watch::Watch;
use actix::{Actor, Addr, Arbiter};
use diesel::prelude::*;
use flyball::Clock;
use flyball::cvt::TagsChanged;
use flyball::history::sqlite::SqliteHistorian;
use flyball::history::{
    FlushHistory, History, HistorySettings, HistoryStatus, Keeping, LoggerWorker, ReadHistoryStatus,
};
use flyball::schema::Timestamp;
use flyball::send::ask;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// Rows of the floor: their price does not change with their number.
const FLOOR_ROWS: usize = 2_000_000;
const LONG: Duration = Duration::from_secs(120);
const GENERATOR: &str = "generator";

/// A plant, and how it is written.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) tags: u32,
    pub(crate) samples: usize,
    /// Samples per second.
    pub(crate) rate: usize,
    pub(crate) jitter: Jitter,
    /// The signal of all tags; the plant mix where it is not given.
    pub(crate) signal: Option<Signal>,
}

/// Per sample.
pub(crate) struct Cost {
    cpu_ns: f64,
    journal_ns: f64,
    store_ns: f64,
    written: f64,
    kept: f64,
    used: f64,
}

pub(crate) fn run(full: bool) {
    let plant = Load { tags: 1_000, samples: 10_000_000, rate: 100_000, jitter: Jitter::Millis, signal: None };
    for rate in [100_000, 1_000_000] {
        let load = Load { rate, ..plant };
        let floor = floor(&load);
        let cost = measure(&load);
        tell(&load, floor, &cost);
        if rate == plant.rate {
            bytes("plant mix, jitter in whole ms", &cost);
            scaling(&plant, floor, full);
        }
    }
    bytes("plant mix, jitter in µs (1.5 B at the least)", &measure(&Load { jitter: Jitter::Micros, ..plant }));
    for signal in [Signal::Noisy, Signal::Smooth, Signal::Exact, Signal::Stepped, Signal::Random] {
        let load = Load { samples: 8_000_000, signal: Some(signal), ..plant };
        bytes(&format!("{signal:?} signals alone").to_lowercase(), &measure(&load));
    }
}

fn scaling(plant: &Load, floor: f64, full: bool) {
    for samples in [1_000_000, 100_000_000].into_iter().take(if full { 2 } else { 1 }) {
        let load = Load { samples, ..*plant };
        tell(&load, floor, &measure(&load));
    }
    for tags in [100, 10_000] {
        let load = Load { tags, ..*plant };
        tell(&load, floor, &measure(&load));
    }
}

fn floor(load: &Load) -> f64 {
    let mut plant = Plant::new(load.tags, Signal::of_plant, load.jitter);
    // Durable every 100 ms.
    rows::append(&plant.changes(FLOOR_ROWS), load.rate / 10)
}

fn tell(load: &Load, floor: f64, cost: &Cost) {
    let Load { tags, samples, rate, .. } = load;
    let work = format!(
        "history write, SQLite, CPU per sample: journal + chunks at {} k/s, {tags} tags, {} M samples",
        rate / 1_000,
        samples / 1_000_000
    );
    let Cost { cpu_ns, journal_ns, store_ns, .. } = cost;
    let figure = format!("{cpu_ns:.0} ns ({journal_ns:.0} journal, {store_ns:.0} store)");
    line("7", &work, &format!("{floor:.0} ns"), &figure, cpu_ns / floor, "≤ 0.65");
}

fn bytes(what: &str, cost: &Cost) {
    let Cost { written, kept, used, .. } = cost;
    line("7", &format!("bytes written per sample, {what}"), "64 B", &format!("{written:.1} B"), written / 64.0, "≤ 1");
    let figure = format!("{kept:.2} B ({used:.2} without free pages)");
    line("7", &format!("bytes kept per sample, {what}"), "1.3 B", &figure, kept / 1.3, "≤ 1");
}

pub(crate) fn measure(load: &Load) -> Cost {
    let folder = tempfile::tempdir().unwrap();
    actix_rt::System::new().block_on(write(load, folder.path()))
}

async fn write(load: &Load, folder: &Path) -> Cost {
    let store = folder.join("history.db");
    let settings = HistorySettings::new(folder.join("journal.db"));
    let per_commit = (load.rate as f64 * settings.flush.as_secs_f64()) as usize;
    let history = History::open(settings, Arc::new(SqliteHistorian::new(&store))).unwrap();
    let clock = Clock::starting_at(Timestamp::from_micros(START));
    let arbiter = Arbiter::new();
    let worker = LoggerWorker::start_in_arbiter(&arbiter.handle(), move |_| {
        LoggerWorker::new(clock, history, Keeping::default())
    });
    let batches = generate(*load, per_commit);
    let watch = Watch::start();
    while let Ok(changes) = batches.recv() {
        worker.send(TagsChanged::for_test(changes)).await.unwrap();
        ask(&worker, FlushHistory, LONG).await.unwrap().unwrap();
    }
    let status = settled(&worker, &watch).await;
    assert_eq!((status.lost, status.expired, status.error, status.store.error), (0, 0, None, None));
    let per = |sum: f64| sum / load.samples as f64;
    let by = |thread: &'static str| per(watch.cpu_ns(|name| name.starts_with(thread)));
    let pages = Pages::of(&store);
    let cost = Cost {
        cpu_ns: per(watch.cpu_ns(|name| name != GENERATOR)),
        // Names of threads are cut after 15 bytes.
        journal_ns: by("history-writer"),
        store_ns: by("history-mover"),
        written: per(watch.written() as f64),
        kept: per((pages.count * pages.size) as f64),
        used: per(((pages.count - pages.free) * pages.size) as f64),
    };
    arbiter.stop();
    cost
}

/// Makes the changes of each commit on a thread of its own, some ahead.
fn generate(load: Load, per_commit: usize) -> std::sync::mpsc::Receiver<Vec<flyball::cvt::TagChange>> {
    let (sender, receiver) = sync_channel(4);
    let work = move || {
        let mut plant = Plant::new(load.tags, |tag| load.signal.unwrap_or(Signal::of_plant(tag)), load.jitter);
        for first in (0..load.samples).step_by(per_commit) {
            if sender.send(plant.changes(per_commit.min(load.samples - first))).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name(GENERATOR.to_owned()).spawn(work).unwrap();
    receiver
}

/// Waits until everything is stored that makes a whole batch, and the store has nothing left to merge.
async fn settled(worker: &Addr<LoggerWorker>, watch: &Watch) -> HistoryStatus {
    let mut used = 0.0;
    loop {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let now = watch.cpu_ns(|name| name.starts_with("history-mover"));
        if now - used < 5e6 {
            return ask(worker, ReadHistoryStatus, LONG).await.unwrap();
        }
        used = now;
    }
}

#[derive(QueryableByName)]
struct Pages {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    size: i64,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    count: i64,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    free: i64,
}

impl Pages {
    fn of(path: &Path) -> Self {
        let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        let pages = "SELECT page_size AS size, page_count AS count, freelist_count AS free
            FROM pragma_page_size, pragma_page_count, pragma_freelist_count";
        diesel::sql_query(pages).get_result(&mut connection).unwrap()
    }
}
