//! From the start to a plant that runs, with a change of one tag beside it: 1k to 1 M tags, half as many alarms, SQLite.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, reason = "a bench")]
#![allow(clippy::disallowed_methods, reason = "a bench measures the machine's own time")]

mod report;

use diesel::prelude::*;
use flyball::Plant;
use flyball::configuration::{Author, Change, ChangePlant, Edit};
use flyball::schema::definition::{AlarmDefinition, AlarmKind, PlantDefinition, TagDefinition};
use flyball::schema::tables;
use flyball::send::{DEADLINE, ask};
use flyball::settings::Settings;
use report::line;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

const TIMES: usize = 3;

/// Tags as plants have them, and a HIGH alarm on every other one.
fn definition(tag_count: usize) -> PlantDefinition {
    let name = |index: usize| format!("unit{}/TI-{index}", index % 100);
    let tag = |index: usize| TagDefinition {
        description: Some(format!("temperature of vessel {index}")),
        area: Some(format!("north/unit{}", index % 100)),
        quantity: Some("temperature".to_owned()),
        ..TagDefinition::float(name(index)).with_unit("°C").with_range(0.0, 500.0).with_dead_band(0.01).writable()
    };
    let alarm =
        |index: usize| AlarmDefinition::new(format!("{}.high", name(index)), name(index), AlarmKind::High, 450.0);
    PlantDefinition {
        tags: (0..tag_count).map(tag).collect(),
        alarms: (0..tag_count).step_by(2).map(alarm).collect(),
        ..PlantDefinition::default()
    }
}

/// The best of a few: what is in its way once need not be in its way again.
fn best(mut work: impl FnMut() -> Duration) -> Duration {
    (0..TIMES).map(|_| work()).min().unwrap()
}

/// A plain `SELECT` of the rows that a start has to read.
fn select(folder: &Path) -> Duration {
    macro_rules! rows {
        ($table:ident, $connection:expr) => {
            tables::$table::table
                .filter(tables::$table::retired_at.is_null())
                .order(tables::$table::id)
                .select((tables::$table::id, tables::$table::definition, tables::$table::made))
                .load::<(i32, String, bool)>($connection)
                .unwrap()
        };
    }
    let url = Settings::in_folder(folder).database_url();
    let began = Instant::now();
    let mut connection = SqliteConnection::establish(url.trim_start_matches("sqlite://")).unwrap();
    black_box((rows!(tag, &mut connection), rows!(alarm, &mut connection)));
    began.elapsed()
}

async fn start(folder: &Path, initial: Option<PlantDefinition>) -> (Plant, Duration) {
    let builder = Plant::builder(Settings::in_folder(folder));
    let builder = match initial {
        Some(definition) => builder.initial_definition(definition),
        None => builder,
    };
    let began = Instant::now();
    let plant = builder.start().await.unwrap();
    (plant, began.elapsed())
}

/// Changes the dead-band of one tag, as the console does.
async fn edit(plant: &Plant, width: usize) -> Duration {
    let id = plant.resolve("unit7/TI-7").await.unwrap();
    let patch = serde_json::json!({ "dead_band": { "absolute": width } });
    let change = Change::Edits(vec![Edit::PatchTag { id, patch, expected: None }]);
    let change = ChangePlant { change, author: Author::anonymous(None), dry_run: false, expected: None };
    let began = Instant::now();
    ask(plant.configuration(), change, DEADLINE * 100).await.unwrap().unwrap();
    began.elapsed()
}

fn measure(tag_count: usize) {
    let folder = tempfile::tempdir().unwrap();
    let run = |work: &str| format!("{work}: {tag_count} tags, {} alarms", tag_count / 2);
    let seconds = |time: Duration| format!("{:.3} s", time.as_secs_f64());
    let first = actix_rt::System::new().block_on(async {
        let (plant, took) = start(folder.path(), Some(definition(tag_count))).await;
        plant.shutdown().await;
        took
    });
    let mut edits = Vec::new();
    let again = best(|| {
        actix_rt::System::new().block_on(async {
            let (plant, took) = start(folder.path(), None).await;
            for width in 1..=TIMES {
                edits.push(edit(&plant, edits.len() + width).await);
            }
            plant.shutdown().await;
            took
        })
    });
    let floor = best(|| select(folder.path()));
    let ratio = |time: Duration| time.as_secs_f64() / floor.as_secs_f64();
    line("14", &run("start to ready"), &seconds(floor), &seconds(again), ratio(again), "≤ 4");
    line("14", &run("first start, everything stored"), &seconds(floor), &seconds(first), ratio(first), "–");
    let edit = edits.into_iter().min().unwrap();
    line("14", &run("one tag changed while it runs"), &seconds(floor), &seconds(edit), ratio(edit), "–");
}

fn main() {
    for tag_count in [1_000, 10_000, 100_000, 1_000_000] {
        measure(tag_count);
    }
}
