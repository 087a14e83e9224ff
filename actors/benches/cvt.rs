//! The current value table: CPU per update, latency to the last subscriber, bytes per tag.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, reason = "a bench")]
#![allow(clippy::disallowed_methods, reason = "a bench measures the machine's own time")]

mod report;

use actix::{Actor, Addr, Arbiter, Context, Handler};
use flyball::Clock;
use flyball::cvt::table::Table;
use flyball::cvt::{CreateTags, Cvt, Delivery, Subscribe, TagChange, TagsChanged, Update, WriteTags};
use flyball::schema::definition::TagDefinition;
use flyball::schema::{TagId, Timestamp};
use report::{line, nanos_each, percentile, resident_bytes, thread_cpu_time};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

const BATCH: usize = 1_000;
const SUBSCRIBERS: usize = 3;

fn tags(count: usize) -> Vec<(TagId, TagDefinition)> {
    let definition = |index: usize| {
        let name = format!("unit{}/TI-{index}", index % 100);
        TagDefinition::float(name).with_unit("°C").with_range(0.0, 500.0).with_dead_band(0.01)
    };
    (0..count).map(|index| (TagId(u32::try_from(index).unwrap()), definition(index))).collect()
}

/// Batch number `round`: consecutive tags, each value new.
fn batch(round: usize, tag_count: usize) -> Vec<Update> {
    let first = round * BATCH;
    let update = |offset: usize| Update {
        source_time: Some(Timestamp::from_micros(first as i64)),
        ..Update::good(TagId(u32::try_from((first + offset) % tag_count).unwrap()), (first + offset) as f64)
    };
    (0..BATCH).map(update).collect()
}

/// What a subscriber does with each change.
fn scan(changes: &[TagChange]) -> f64 {
    changes.iter().filter_map(TagChange::usable_f64).sum()
}

fn inline_cpu(tag_count: usize, rounds: usize) -> f64 {
    let mut table = Table::default();
    let now = Timestamp::from_micros(0);
    table.create(tags(tag_count), now, &mut Vec::new()).unwrap();
    let mut scratch = Vec::new();
    let before = thread_cpu_time();
    for round in 0..rounds {
        black_box(table.write(batch(round, tag_count), now, &mut scratch));
        let shared: Arc<[TagChange]> = scratch.drain(..).collect();
        for _ in 0..SUBSCRIBERS {
            black_box(scan(&shared));
        }
    }
    nanos_each(thread_cpu_time() - before, rounds * BATCH)
}

/// Scans what it is sent, and says when it has.
struct Scanner {
    done: Option<mpsc::Sender<()>>,
}

impl Actor for Scanner {
    type Context = Context<Self>;
}

impl Handler<TagsChanged> for Scanner {
    type Result = ();

    fn handle(&mut self, message: TagsChanged, _ctx: &mut Self::Context) {
        black_box(scan(&message.changes));
        if let Some(done) = &self.done {
            let _gone = done.send(());
        }
    }
}

async fn start(core: &actix_rt::ArbiterHandle, tag_count: usize, done: Option<mpsc::Sender<()>>) -> Addr<Cvt> {
    let clock = Clock::system();
    let cvt = Cvt::start_in_arbiter(core, move |_| Cvt::new(clock, 0));
    cvt.send(CreateTags(tags(tag_count))).await.unwrap().unwrap();
    for number in 1..=SUBSCRIBERS {
        let done = done.clone().filter(|_| number == SUBSCRIBERS);
        let recipient = Scanner::start_in_arbiter(core, |_| Scanner { done }).recipient();
        let delivery = Delivery::Every { credit: 16, backlog: 1_000_000 };
        cvt.send(Subscribe { name: "scanner".to_owned(), recipient, delivery }).await.unwrap();
    }
    cvt
}

async fn actor_cpu(tag_count: usize, rounds: usize) -> f64 {
    let core = Arbiter::new();
    let cvt = start(&core.handle(), tag_count, None).await;
    let (sender, receiver) = tokio::sync::oneshot::channel();
    // The writer on the core's own thread: what is measured is the actors, not the hop.
    core.spawn(async move {
        let before = thread_cpu_time();
        for round in 0..rounds {
            black_box(cvt.send(WriteTags(batch(round, tag_count))).await.unwrap());
        }
        let _gone = sender.send(thread_cpu_time() - before);
    });
    let used = receiver.await.unwrap();
    core.stop();
    nanos_each(used, rounds * BATCH)
}

fn ping_pong(rounds: usize, pause: Duration) -> Vec<Duration> {
    let (ping, pinged) = mpsc::channel::<()>();
    let (pong, ponged) = mpsc::channel::<()>();
    let other = std::thread::spawn(move || {
        while pinged.recv().is_ok() {
            let _gone = pong.send(());
        }
    });
    let measure = |_| {
        std::thread::sleep(pause);
        let began = Instant::now();
        ping.send(()).unwrap();
        ponged.recv().unwrap();
        began.elapsed()
    };
    let samples = (0..rounds).map(measure).collect();
    drop(ping);
    other.join().unwrap();
    samples
}

async fn latencies(rounds: usize, pause: Duration) -> Vec<Duration> {
    let core = Arbiter::new();
    let (done, last_done) = mpsc::channel();
    let cvt = start(&core.handle(), 100_000, Some(done)).await;
    let first_snapshot = last_done.recv();
    first_snapshot.unwrap();
    let writer = std::thread::spawn(move || {
        let measure = |round: usize| {
            std::thread::sleep(pause);
            let updates = batch(round, 100_000).into_iter().take(100).collect();
            let began = Instant::now();
            cvt.try_send(WriteTags(updates)).unwrap();
            last_done.recv().unwrap();
            began.elapsed()
        };
        (0..rounds).map(measure).collect::<Vec<_>>()
    });
    let samples = tokio::task::spawn_blocking(move || writer.join().unwrap()).await.unwrap();
    core.stop();
    samples
}

fn memory() {
    // Piece by piece, so that the definitions on their way in do not count.
    const TAGS: usize = 1_000_000;
    let before = resident_bytes();
    let mut table = Table::default();
    for first in (0..TAGS).step_by(1_000) {
        let portion = (first..first + 1_000).map(|index| {
            let name = format!("unit{}/TI-{index}", index % 100);
            let definition = TagDefinition::float(name).with_unit("°C").with_range(0.0, 500.0).with_dead_band(0.01);
            (TagId(u32::try_from(index).unwrap()), definition)
        });
        table.create(portion.collect(), Timestamp::from_micros(0), &mut Vec::new()).unwrap();
    }
    let bytes = (resident_bytes() - before) as f64 / TAGS as f64;
    black_box(&table);
    line("3", "bytes per numeric tag, 1 M tags", "36 B", &format!("{bytes:.0} B"), bytes / 36.0, "≤ 200 B");
}

fn main() {
    memory();
    for tag_count in [1_000, 10_000, 100_000, 1_000_000] {
        let rounds = 5_000;
        inline_cpu(tag_count, rounds / 5);
        let floor = inline_cpu(tag_count, rounds);
        let figure = actix_rt::System::new().block_on(actor_cpu(tag_count, rounds));
        let work = format!("CVT, CPU per update: batches of 1,000, {tag_count} tags, 3 subscribers");
        line("1", &work, &format!("{floor:.0} ns"), &format!("{figure:.0} ns"), figure / floor, "≤ 2");
    }
    let pause = Duration::from_millis(1);
    let mut floor = ping_pong(5_000, pause);
    let mut figure = actix_rt::System::new().block_on(latencies(5_000, pause));
    for percent in [50, 99] {
        let (floor, figure) = (percentile(&mut floor, percent), percentile(&mut figure, percent));
        let work = format!("CVT, write on another thread to last subscriber, batches of 100, p{percent}");
        let micros = |time: Duration| format!("{:.0} µs", time.as_secs_f64() * 1e6);
        let ratio = figure.as_secs_f64() / floor.as_secs_f64();
        line("2", &work, &micros(floor), &micros(figure), ratio, "≤ 5");
    }
}
