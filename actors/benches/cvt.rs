//! The current value table: CPU per update, latency to the last subscriber, bytes per tag.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, reason = "a bench")]
#![allow(clippy::disallowed_methods, reason = "a bench measures the machine's own time")]

mod report;

use actix::{Actor, Addr, Arbiter, Context, Handler};
use flyball::Clock;
use flyball::cvt::table::Table;
use flyball::cvt::{CreateTags, Cvt, Delivery, Subscribe, TagChange, TagsChanged, Update, WriteTags};
use flyball::schema::definition::{
    DriftScreen, Filter, FrozenScreen, OutlierScreen, RangeScreen, RateScreen, Screens, TagDefinition,
};
use flyball::schema::{TagId, Timestamp};
use report::{line, nanos_each, percentile, resident_bytes, thread_cpu_time};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

const BATCH: usize = 1_000;
const SUBSCRIBERS: usize = 3;
const LATENCY_TAGS: usize = 100_000;

/// What the tags of a table have beyond value, dead-band, quality, times.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extra {
    Nothing,
    /// A first-order lag on each.
    Filters,
    /// All five screens on each.
    Screens,
    /// Every second tag is derived from another one, so that each update is two.
    Expressions,
}

impl Extra {
    const ALL: [Self; 4] = [Self::Nothing, Self::Filters, Self::Screens, Self::Expressions];

    fn text(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Filters => ", a lag on each",
            Self::Screens => ", five screens on each",
            Self::Expressions => ", half of them derived from the others",
        }
    }

    /// The first `written` of `count` tags are written to.
    fn written(self, count: usize) -> usize {
        if self == Self::Expressions { count / 2 } else { count }
    }

    fn definition(self, index: usize, count: usize) -> TagDefinition {
        let name = |index: usize| format!("unit{}/TI-{index}", index % 100);
        let mut tag = TagDefinition::float(name(index)).with_unit("°C").with_range(0.0, 500.0).with_dead_band(0.01);
        match self {
            Self::Nothing => {}
            Self::Filters => tag.filter = Some(Filter::Lag { time_constant_ms: 1 }),
            Self::Screens => tag.screens = Some(screens()),
            Self::Expressions => {
                tag.expression = index.checked_sub(count / 2).map(|source| format!("{{{}}} / 2 + 1", name(source)));
            }
        }
        tag
    }
}

/// None of them finds anything.
fn screens() -> Screens {
    Screens {
        frozen: Some(FrozenScreen { deviation: 1e-9, window_ms: 60_000 }),
        outlier: Some(OutlierScreen { samples: 20, sigmas: 1_000.0, floor: 1e9 }),
        range: Some(RangeScreen { low: Some(-1e300), high: Some(1e300) }),
        rate: Some(RateScreen { limit: 1e300 }),
        drift: Some(DriftScreen { target: Some(0.0), reference_samples: None, slack: 1e200, threshold: 1e300 }),
        ..Screens::default()
    }
}

fn tags(count: usize, extra: Extra) -> Vec<(TagId, TagDefinition)> {
    let tag = |index: usize| (TagId(u32::try_from(index).unwrap()), extra.definition(index, count));
    (0..count).map(tag).collect()
}

/// Batch number `round`: consecutive ones of the tags that are written to, each value new.
fn batch(round: usize, written: usize) -> Vec<Update> {
    let first = round * BATCH;
    let update = |offset: usize| Update {
        source_time: Some(Timestamp::from_micros(1_000 * first as i64)),
        ..Update::good(TagId(u32::try_from((first + offset) % written).unwrap()), (first + offset) as f64)
    };
    (0..BATCH).map(update).collect()
}

/// What a subscriber does with each change.
fn scan(changes: &[TagChange]) -> f64 {
    changes.iter().filter_map(TagChange::usable_f64).sum()
}

fn inline_cpu(tag_count: usize, extra: Extra, rounds: usize) -> f64 {
    let mut table = Table::default();
    let clock = Clock::system();
    table.create(tags(tag_count, extra), clock.now(), &mut Vec::new()).unwrap();
    let written = extra.written(tag_count);
    let mut scratch = Vec::new();
    let before = thread_cpu_time();
    for round in 0..rounds {
        black_box(table.write(batch(round, written), clock.now(), &mut scratch));
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

async fn start(
    core: &actix_rt::ArbiterHandle,
    tags: Vec<(TagId, TagDefinition)>,
    done: Option<mpsc::Sender<()>>,
) -> Addr<Cvt> {
    let clock = Clock::system();
    let cvt = Cvt::start_in_arbiter(core, move |_| Cvt::new(clock, 0));
    cvt.send(CreateTags(tags)).await.unwrap().unwrap();
    for number in 1..=SUBSCRIBERS {
        let done = done.clone().filter(|_| number == SUBSCRIBERS);
        let recipient = Scanner::start_in_arbiter(core, |_| Scanner { done }).recipient();
        let delivery = Delivery::Every { credit: 16, backlog: 1_000_000 };
        cvt.send(Subscribe { name: "scanner".to_owned(), recipient, delivery }).await.unwrap();
    }
    cvt
}

async fn actor_cpu(tag_count: usize, extra: Extra, rounds: usize) -> f64 {
    let core = Arbiter::new();
    let cvt = start(&core.handle(), tags(tag_count, extra), None).await;
    let written = extra.written(tag_count);
    let (sender, receiver) = tokio::sync::oneshot::channel();
    // The writer on the core's own thread: what is measured is the actors, not the hop.
    core.spawn(async move {
        let before = thread_cpu_time();
        for round in 0..rounds {
            black_box(cvt.send(WriteTags(batch(round, written))).await.unwrap());
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

async fn latencies(rounds: usize, pause: Duration, extra: Extra) -> Vec<Duration> {
    let core = Arbiter::new();
    let (done, last_done) = mpsc::channel();
    let cvt = start(&core.handle(), tags(LATENCY_TAGS, extra), Some(done)).await;
    let first_snapshot = last_done.recv();
    first_snapshot.unwrap();
    let writer = std::thread::spawn(move || {
        let measure = |round: usize| {
            std::thread::sleep(pause);
            let updates = batch(round, extra.written(LATENCY_TAGS)).into_iter().take(100).collect();
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

/// Bytes per tag, the definitions on their way in not counted; of small tables there are many.
fn memory(tag_count: usize, extra: Extra) {
    const LEAST: usize = 100_000;
    let before = resident_bytes();
    let mut tables = Vec::new();
    for _ in 0..LEAST.div_ceil(tag_count) {
        let mut table = Table::default();
        for first in (0..tag_count).step_by(1_000) {
            let tag = |index: usize| (TagId(u32::try_from(index).unwrap()), extra.definition(index, tag_count));
            let portion = (first..first + 1_000).map(tag).collect();
            table.create(portion, Timestamp::from_micros(0), &mut Vec::new()).unwrap();
        }
        // Filters, screens and derived tags come to their full size with samples.
        let written = extra.written(tag_count);
        let mut scratch = Vec::new();
        for round in 0..25 * written.div_ceil(BATCH) {
            table.write(batch(round, written), Timestamp::from_micros(0), &mut scratch);
            scratch.clear();
        }
        tables.push(table);
    }
    let tags = (tables.len() * tag_count) as f64;
    let bytes = resident_bytes().saturating_sub(before) as f64 / tags;
    black_box(&tables);
    let work = format!("bytes per numeric tag, {tag_count} tags{}", extra.text());
    line("3", &work, "36 B", &format!("{bytes:.0} B"), bytes / 36.0, "≤ 200 B");
}

fn cpu(tag_count: usize, extra: Extra) {
    const ROUNDS: usize = 5_000;
    inline_cpu(tag_count, extra, ROUNDS / 5);
    let floor = inline_cpu(tag_count, extra, ROUNDS);
    let figure = actix_rt::System::new().block_on(actor_cpu(tag_count, extra, ROUNDS));
    let work = format!("CVT, CPU per update: batches of 1,000, {tag_count} tags{}, 3 subscribers", extra.text());
    line("1", &work, &format!("{floor:.0} ns"), &format!("{figure:.0} ns"), figure / floor, "≤ 2");
}

fn latency(extra: Extra, floor: &mut [Duration]) {
    let pause = Duration::from_millis(1);
    let mut figure = actix_rt::System::new().block_on(latencies(5_000, pause, extra));
    for percent in [50, 99] {
        let (floor, figure) = (percentile(floor, percent), percentile(&mut figure, percent));
        let work =
            format!("CVT, write on another thread to last subscriber, batches of 100{}, p{percent}", extra.text());
        let micros = |time: Duration| format!("{:.0} µs", time.as_secs_f64() * 1e6);
        let ratio = figure.as_secs_f64() / floor.as_secs_f64();
        line("2", &work, &micros(floor), &micros(figure), ratio, "≤ 5");
    }
}

/// `cvt memory TAGS EXTRA`: what is resident is measured in a process of its own.
fn memory_alone(tag_count: usize, extra: usize) {
    let program = std::env::current_exe().unwrap();
    let arguments = ["memory".to_owned(), tag_count.to_string(), extra.to_string()];
    assert!(std::process::Command::new(program).args(arguments).status().unwrap().success());
}

fn main() {
    const TAG_COUNTS: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "memory") {
        let number = |index: usize| arguments[at + index].parse::<usize>().unwrap();
        return memory(number(1), Extra::ALL[number(2)]);
    }
    for tag_count in TAG_COUNTS {
        (0..Extra::ALL.len()).for_each(|extra| memory_alone(tag_count, extra));
    }
    for tag_count in TAG_COUNTS {
        Extra::ALL.into_iter().for_each(|extra| cpu(tag_count, extra));
    }
    let mut floor = ping_pong(5_000, Duration::from_millis(1));
    Extra::ALL.into_iter().for_each(|extra| latency(extra, &mut floor));
}
