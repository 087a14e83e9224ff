//! A trend over a year, through HTTP.

use super::child::now;
use super::server::Server;
use flyball::history::historian::Historian;
use flyball::history::postgres::PostgresHistorian;
use flyball::history::sample::{Block, Column};
use flyball::history::sqlite::SqliteHistorian;
use flyball::schema::{Quality, TagId, Timestamp};
use flyball_schema::test_support::TestDatabase;
use serde_json::Value as Json;
use std::path::Path;

/// A year at one sample a second, with `FLYBALL_YEAR` set; else some days: 12 in a file, 3 on a server.
const YEAR: usize = 31_536_000;
const DAYS_IN_FILE: usize = 1_000_000;
const DAYS_ON_SERVER: usize = 250_000;

/// 2025-01-01.
const START: i64 = 1_735_689_600_000_000;
const SECOND: i64 = 1_000_000;
const BUCKETS: usize = 1_200;
/// Samples imported at a time.
const IMPORT: usize = 500_000;

/// Memory that a question may take, whatever its range, kB.
const FLAT_KB: u64 = 16_384;

const PLANT: &str = "[[tag]]\nname = \"level\"\nunit = \"cm\"\n";

fn points(days: usize) -> usize {
    if std::env::var_os("FLYBALL_YEAR").is_some() { YEAR } else { days }
}

/// A slow wave with a fast one on it, in steps of a hundredth, as a level would be measured.
fn value(second: usize) -> f64 {
    let time = second as f64;
    let hundredths = (1_000.0 * (time / 40_000.0).sin() + 100.0 * (time / 60.0).sin()).round();
    // No negative zero, which is as small as the other one.
    (hundredths + 0.0) / 100.0
}

fn at(second: usize) -> Timestamp {
    Timestamp::from_micros(START + SECOND * i64::try_from(second).unwrap())
}

/// Puts the samples into the store of a server that does not run.
fn import(store: &dyn Historian, tag: TagId, points: usize) {
    let mut writer = store.open_writer().unwrap();
    for first in (0..points).step_by(IMPORT) {
        let seconds = first..(first + IMPORT).min(points);
        let block = Block {
            times: seconds.clone().map(|second| at(second).as_micros()).collect(),
            qualities: vec![Quality::GOOD; seconds.len()],
            values: Column::Float(seconds.map(value).collect()),
        };
        writer.import(&[(tag, block)]).unwrap();
    }
}

/// Smallest, largest and mean value of each bucket, as arithmetic has them.
fn expected(points: usize) -> Vec<(f64, f64, f64)> {
    let mut buckets = vec![(f64::INFINITY, f64::NEG_INFINITY, 0.0, 0.0); BUCKETS];
    for second in 0..points {
        let (bucket, value) = (&mut buckets[second * BUCKETS / points], value(second));
        *bucket = (bucket.0.min(value), bucket.1.max(value), bucket.2 + value, bucket.3 + 1.0);
    }
    buckets.into_iter().map(|(min, max, sum, count)| (min, max, sum / count)).collect()
}

/// The largest memory that a process had so far, kB.
fn peak_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[track_caller]
fn assert_trend(answer: &Json, expected: &[(f64, f64, f64)]) {
    let column = |name: &str| -> Vec<f64> {
        answer["series"][0][name].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
    };
    let (min, max, mean) = (column("min"), column("max"), column("v"));
    assert_eq!(min.len(), expected.len());
    for (index, (low, high, middle)) in expected.iter().enumerate() {
        let same = |a: f64, b: f64| a.to_bits() == b.to_bits();
        assert!(same(min[index], *low) && same(max[index], *high), "bucket {index}: {} {low}", min[index]);
        assert!((mean[index] - middle).abs() < 1e-9, "bucket {index}: {} {middle}", mean[index]);
    }
}

/// Asks for the trend of all of it, and of a day before.
fn trend_over(store: &dyn Historian, folder: &Path, environment: &[(&str, &str)], points: usize) {
    let server = Server::start_with(folder, PLANT, environment);
    let tag = server.tag("level")["id"].as_u64().unwrap();
    server.stop();
    let importing = now();
    import(store, TagId(u32::try_from(tag).unwrap()), points);
    let imported = importing.elapsed();

    let server = Server::start_with(folder, PLANT, environment);
    let trend = |from: usize, to: usize| {
        let (from, to) = (at(from), at(to));
        server.get(&format!("/api/v1/history?tags={tag}&from={from}&to={to}&max_points={BUCKETS}"))
    };
    // A day, as the console asks first.
    trend(0, 86_400);
    let pid = server.process.pid();
    let (before, asked) = (peak_kb(pid), now());
    let answer = trend(0, points);
    let (took, after, again) = (asked.elapsed(), peak_kb(pid), now());
    trend(0, points);
    println!(
        "{points} samples imported in {imported:.1?}; trend in {BUCKETS} buckets in {took:.1?}, again in {:.1?}; peak memory \
         {before} kB before, {after} kB after; store {} bytes",
        again.elapsed(),
        server.health()["history"]["store_bytes"],
    );
    assert_trend(&answer, &expected(points));
    assert!(after - before < FLAT_KB, "{before} kB before, {after} kB after");
    server.stop();
}

#[test]
fn a_trend_over_a_year_takes_no_more_memory_than_one_over_a_day_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteHistorian::new(folder.path().join("data/history.db"));
    trend_over(&store, folder.path(), &[], points(DAYS_IN_FILE));
}

#[test]
fn a_trend_over_a_year_takes_no_more_memory_than_one_over_a_day_on_postgresql() {
    let Some(database) = TestDatabase::postgres() else { return };
    let (folder, store) = (tempfile::tempdir().unwrap(), PostgresHistorian::new(database.url()));
    trend_over(&store, folder.path(), &[("FLYBALL__HISTORY__URL", database.url())], points(DAYS_ON_SERVER));
}
