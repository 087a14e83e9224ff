//! Alarms: evaluation of quiet changes against a bare compare, and a flood against an idle journal.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark ends where anything goes wrong")]

mod report;

use actix::{Actor, Addr, Arbiter};
use flyball::alarms::registry::Registry;
use flyball::alarms::{
    AcknowledgeAlarm, AlarmManager, AlarmsLogger, CreateAlarms, FlushAlarms, NewAlarm, ReadAlarmJournal,
};
use flyball::clock::Clock;
use flyball::configuration::catalogue;
use flyball::cvt::{TagChange, TagsChanged};
use flyball::db::DbManager;
use flyball::schema::definition::{AlarmDefinition, AlarmKind, PlantDefinition, TagDefinition};
use flyball::schema::{AlarmId, Quality, TagId, Timestamp, Value};
use flyball::send::ask;
use report::line;
use std::hint::black_box;
use std::time::Duration;
use tokio::time::Instant;

/// Changes per batch, as the table sends them.
const BATCH: usize = 1_000;
/// Passes over the tags; the fastest counts, because the machine may be doing other things.
const PASSES: u32 = 15;
const LIMIT: f64 = 100.0;
const LONG: Duration = Duration::from_secs(120);

fn main() {
    for tags in [1_000, 10_000, 100_000, 1_000_000] {
        quiet(tags, "in order", 1);
        quiet(tags, "scattered", 7_919);
    }
    actix_rt::System::new().block_on(flood());
}

fn alarm(id: u32) -> NewAlarm {
    let definition = AlarmDefinition::new(format!("a{id}"), format!("t{id}"), AlarmKind::High, LIMIT);
    let tag = TagId(id);
    NewAlarm {
        id: AlarmId(id),
        definition,
        tag,
        source: tag,
        set_point: None,
        suppressed: None,
        unit: None,
        memory: None,
    }
}

fn change(tag: u32, value: f64) -> TagChange {
    let time = Timestamp::from_micros(1);
    let (value, quality) = (Some(Value::Float(value)), Quality::GOOD);
    TagChange { value, source_time: time, server_time: time, seq: 1, tag: TagId(tag), quality }
}

/// Row 4: one HIGH alarm on each tag, none trips.
fn quiet(tags: u32, order: &str, stride: u32) {
    let mut registry = Registry::default();
    registry.add((0..tags).map(alarm).collect(), Timestamp::from_micros(1)).expect("alarms that fit");
    let limits = vec![LIMIT; tags as usize];
    let changes: Vec<_> = (0..tags)
        .map(|n| {
            let tag = u32::try_from(u64::from(n) * u64::from(stride) % u64::from(tags)).unwrap();
            change(tag, f64::from(n % 90))
        })
        .collect();
    let now = Timestamp::from_micros(2);
    let floor = fastest(changes.len(), || {
        let tripped = changes.iter().filter(|change| match change.value {
            Some(Value::Float(value)) => value > limits[change.tag.index()],
            _ => false,
        });
        black_box(tripped.count());
    });
    // The first pass ends the hold of every alarm and is not counted.
    registry.evaluate(&changes, now, usize::MAX);
    let figure = fastest(changes.len(), || {
        for batch in changes.chunks(BATCH) {
            let evaluation = registry.evaluate(black_box(batch), now, usize::MAX);
            assert!(evaluation.effects.is_empty(), "no alarm trips");
        }
    });
    let ratio = figure / floor;
    let work = format!("alarms, evaluate a change: {tags} tags, {order}, none tripping");
    line("4", &work, &format!("{floor:.1} ns"), &format!("{figure:.1} ns"), ratio, "≤ 40 ns");
}

fn fastest(items: usize, mut pass: impl FnMut()) -> f64 {
    let once = |()| {
        let started = Instant::now();
        pass();
        started.elapsed().as_secs_f64() * 1e9 / items as f64
    };
    (0..PASSES).map(|_| ()).map(once).fold(f64::INFINITY, f64::min)
}

/// Row 5: 10,000 transitions within a second, and what an acknowledge takes meanwhile.
async fn flood() {
    const ALARMS: u32 = 5_200;
    const ACKNOWLEDGED: std::ops::Range<u32> = 5_001..5_051;
    const ACKNOWLEDGED_IDLE: std::ops::Range<u32> = 5_101..5_151;
    const BURST: std::ops::Range<u32> = 5_060..5_069;
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().join("plant.db").display().to_string();
    DbManager::migrate(&url).unwrap();
    let database = DbManager::open(&url, 1).unwrap().database();
    let definition = PlantDefinition {
        tags: (1..=ALARMS).map(|id| TagDefinition::float(format!("t{id}"))).collect(),
        alarms: (1..=ALARMS).map(|id| alarm(id).definition).collect(),
        ..PlantDefinition::default()
    };
    let now = Timestamp::from_micros(0);
    database.write(move |connection| catalogue::register(connection, &definition, now)).await.unwrap();
    let (core, io) = (Arbiter::new(), Arbiter::new());
    let logger = AlarmsLogger::start_in_arbiter(&io.handle(), move |_| AlarmsLogger::new(database));
    let journal = logger.clone().recipient();
    let manager = AlarmManager::start_in_arbiter(&core.handle(), move |_| AlarmManager::new(Clock::system(), journal));
    ask(&manager, CreateAlarms((1..=ALARMS).map(alarm).collect()), LONG).await.unwrap().unwrap();
    feed(&manager, ACKNOWLEDGED.start..ACKNOWLEDGED_IDLE.end, 200.0).await;
    ask(&manager, FlushAlarms, LONG).await.unwrap().unwrap();

    let idle = median(acknowledge(&manager, ACKNOWLEDGED_IDLE).await);
    let flooding = actix_rt::spawn({
        let manager = manager.clone();
        async move {
            let mut tick = tokio::time::interval(Duration::from_millis(10));
            // 5,000 alarms raised, then returned, 100 every 10 ms.
            for value in [200.0, 0.0] {
                for start in (1..=5_000).step_by(100) {
                    tick.tick().await;
                    feed(&manager, start..start + 100, value).await;
                }
            }
        }
    });
    let busy = median(acknowledge(&manager, ACKNOWLEDGED).await);
    flooding.await.unwrap();
    let ended = Instant::now();
    ask(&manager, FlushAlarms, LONG).await.unwrap().unwrap();
    let behind = ended.elapsed().as_secs_f64() * 1e3;
    let rows = ask(&logger, ReadAlarmJournal { limit: usize::MAX, ..ReadAlarmJournal::default() }, LONG).await;
    let rows = rows.unwrap().unwrap().len();
    let raised = (ACKNOWLEDGED_IDLE.end - ACKNOWLEDGED.start) as usize;
    assert_eq!(rows, 10_000 + raised + ACKNOWLEDGED.len() + ACKNOWLEDGED_IDLE.len(), "rows in the journal");
    let ratio = busy / idle;
    let work = format!("alarms, acknowledge in a flood of 10,000 in 1 s (none lost, journal {behind:.0} ms behind)");
    line("5", &work, &format!("{idle:.1} ms idle"), &format!("{busy:.1} ms"), ratio, "≤ 5");

    // The worst case: all at once, in one message, and the acknowledge right behind it.
    let mut taken = Vec::new();
    for (id, value) in BURST.zip([200.0, 0.0].into_iter().cycle()) {
        let burst = TagsChanged::for_test((1..=5_000).map(|tag| change(tag, value)).collect());
        manager.try_send(burst).unwrap();
        taken.extend(acknowledge(&manager, id..id + 1).await);
        ask(&manager, FlushAlarms, LONG).await.unwrap().unwrap();
    }
    let busy = median(taken);
    let work = "alarms, acknowledge right behind one message of 5,000 transitions";
    line("5", work, &format!("{idle:.1} ms idle"), &format!("{busy:.1} ms"), busy / idle, "–");
}

async fn feed(manager: &Addr<AlarmManager>, tags: std::ops::Range<u32>, value: f64) {
    let changes = tags.map(|tag| change(tag, value)).collect();
    ask(manager, TagsChanged::for_test(changes), LONG).await.unwrap();
}

/// Acknowledges one alarm every 15 ms; how long each took, in ms.
async fn acknowledge(manager: &Addr<AlarmManager>, alarms: std::ops::Range<u32>) -> Vec<f64> {
    let mut taken = Vec::new();
    for id in alarms {
        let started = Instant::now();
        let acknowledge = AcknowledgeAlarm { alarm: AlarmId(id), by: "bench".to_owned(), comment: None };
        ask(manager, acknowledge, LONG).await.unwrap().unwrap();
        taken.push(started.elapsed().as_secs_f64() * 1e3);
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
    taken
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}
