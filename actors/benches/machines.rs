//! Sync machines against the bare timer (performance budget, row 6): 10,000 machines at 10 ms with an empty step.
//!
//! Budget: p99 lateness ≤ 1.4 × that of a bare tokio 1 ms timer in the same run, ≤ 15 % of a core.

#![expect(clippy::expect_used, reason = "a bench that cannot run ends")]

mod report;

use actix::{Actor, Addr, Arbiter, Context, Handler};
use flyball::Clock;
use flyball::cvt::{Subscribe, SubscriptionId, Unsubscribe, WriteReport, WriteTags};
use flyball::machines::histogram::Histogram;
use flyball::machines::{
    AddMachine, AsyncStateMachineWorker, Bindings, BoundTag, Declaration, Input, Kinds, Machine, Output, OutputBinding,
    ReadWorkerStatus, SaveError, SaveMachine, Source, StateMachineManager, StateMachineWorker, Step, StepError,
    WorkerStatus,
};
use flyball::opcua::DriveOutputs;
use flyball::schema::definition::{MachineDefinition, Mode, TagDefinition};
use flyball::schema::{MachineId, TagId};
use flyball::send::ask;
use report::line;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

const MEASURE: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(60);
const MILLISECOND: Duration = Duration::from_millis(1);

/// Takes everything, does nothing.
struct Sink;

impl Actor for Sink {
    type Context = Context<Self>;
}

impl Handler<WriteTags> for Sink {
    type Result = actix::MessageResult<WriteTags>;
    fn handle(&mut self, message: WriteTags, _ctx: &mut Self::Context) -> Self::Result {
        actix::MessageResult(WriteReport { accepted: message.0.len(), ..WriteReport::default() })
    }
}

impl Handler<Subscribe> for Sink {
    type Result = actix::MessageResult<Subscribe>;
    fn handle(&mut self, _message: Subscribe, _ctx: &mut Self::Context) -> Self::Result {
        actix::MessageResult(SubscriptionId(1))
    }
}

impl Handler<Unsubscribe> for Sink {
    type Result = ();
    fn handle(&mut self, _message: Unsubscribe, _ctx: &mut Self::Context) {}
}

impl Handler<DriveOutputs> for Sink {
    type Result = ();
    fn handle(&mut self, _message: DriveOutputs, _ctx: &mut Self::Context) {}
}

impl Handler<SaveMachine> for Sink {
    type Result = Result<(), SaveError>;
    fn handle(&mut self, _message: SaveMachine, _ctx: &mut Self::Context) -> Self::Result {
        Ok(())
    }
}

struct Empty;

impl Machine for Empty {
    fn declaration(&self) -> Declaration {
        Declaration::new("empty").input(Input::<f64>::new("x").optional()).output(Output::<f64>::new("y", 0.0))
    }

    fn step(&mut self, _step: &mut Step<'_>) -> Result<(), StepError> {
        Ok(())
    }
}

fn nanos_of(task: &std::path::Path) -> u64 {
    let account = std::fs::read_to_string(task.join("schedstat")).unwrap_or_default();
    account.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0)
}

/// CPU time of this process so far, from the kernel's per-thread accounts.
fn cpu_time() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    Duration::from_nanos(tasks.map(|task| nanos_of(&task.path())).sum())
}

fn own_cpu_time() -> Duration {
    Duration::from_nanos(nanos_of("/proc/thread-self".as_ref()))
}

/// How late a bare tokio timer of 1 ms fires on a thread of its own, and the CPU time it takes.
async fn bare_timer() -> (Histogram, Duration) {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let arbiter = Arbiter::new();
    arbiter.spawn(async move {
        let (mut lateness, cpu, started) = (Histogram::default(), own_cpu_time(), Instant::now());
        let mut timer = interval_at(started + MILLISECOND, MILLISECOND);
        timer.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while started.elapsed() < MEASURE {
            let due = timer.tick().await;
            lateness.record(u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX));
        }
        let _ = sender.send((lateness, own_cpu_time().saturating_sub(cpu)));
    });
    let measured = receiver.await.expect("the timer's thread answers");
    arbiter.stop();
    measured
}

fn add(id: u32) -> AddMachine {
    let name = format!("m{id}");
    let own = BoundTag::new(TagId(3 * id), &TagDefinition::float(format!("{name}.y")));
    AddMachine {
        id: MachineId(id),
        definition: MachineDefinition {
            name,
            kind: "empty".to_owned(),
            description: None,
            mode: Mode::Sync,
            interval_ms: 10,
            inputs: BTreeMap::new(),
            outputs: BTreeMap::new(),
            parameters: BTreeMap::new(),
        },
        source: Source::Machine(Box::new(Empty)),
        bindings: Bindings {
            state: TagId(3 * id + 1),
            faulted: TagId(3 * id + 2),
            inputs: BTreeMap::new(),
            outputs: [("y".to_owned(), OutputBinding { own, drives: None })].into(),
        },
        memory: None,
    }
}

async fn status(worker: &Addr<StateMachineWorker>) -> WorkerStatus {
    ask(worker, ReadWorkerStatus, PATIENCE).await.expect("the worker answers")
}

struct Figures {
    floor: Histogram,
    lateness: Histogram,
    core: f64,
}

/// Machines and, at the same time, the bare timer: what else the computer does, both feel alike.
async fn machines(count: u32) -> Figures {
    let (clock, sink, control) = (Clock::system(), Sink.start(), Arbiter::new());
    let to = sink.clone();
    let worker = StateMachineWorker::start_in_arbiter(&control.handle(), move |_ctx| {
        StateMachineWorker::new(
            clock,
            to.clone().recipient(),
            to.clone().recipient(),
            to.clone().recipient(),
            to.recipient(),
        )
    });
    let (one, two, three, four) =
        (sink.clone().recipient(), sink.clone().recipient(), sink.clone().recipient(), sink.clone().recipient());
    let parallel = AsyncStateMachineWorker::new(clock, 1, one, two, three, four).start();
    let manager = StateMachineManager::new(Kinds::default(), &worker, &parallel, sink.recipient()).start();
    for id in 0..count {
        ask(&manager, add(id), PATIENCE).await.expect("the manager answers").expect("the machine is added");
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (cpu, started, before) = (cpu_time(), Instant::now(), status(&worker).await);
    let (floor, floor_cpu) = bare_timer().await;
    let after = status(&worker).await;
    let elapsed = started.elapsed().as_secs_f64();
    let used = cpu_time().saturating_sub(cpu).saturating_sub(floor_cpu).as_secs_f64();
    control.stop();
    Figures { floor, lateness: after.lateness.since(&before.lateness), core: used / elapsed }
}

fn micros(time: Duration) -> u128 {
    time.as_micros()
}

fn main() {
    actix::System::new().block_on(async {
        let (bare, cpu) = bare_timer().await;
        let alone = format!("bare timer alone: p99 {} µs, {:.1} % of a core", micros(bare.quantile(990)), share(cpu));
        for count in [1_000, 10_000] {
            let figures = machines(count).await;
            let (floor, p99) = (figures.floor.quantile(990), figures.lateness.quantile(990));
            let core = figures.core * 100.0;
            let work = format!("{count} sync machines at 10 ms, lateness p99 ({core:.1} % of a core; {alone})");
            let (floor_text, figure) = (format!("{} µs", micros(floor)), format!("{} µs", micros(p99)));
            let ratio = p99.as_secs_f64() / floor.as_secs_f64();
            line("6", &work, &floor_text, &figure, ratio, "≤ 1.4, ≤ 15 %");
        }
    });
}

fn share(cpu: Duration) -> f64 {
    100.0 * cpu.as_secs_f64() / MEASURE.as_secs_f64()
}
