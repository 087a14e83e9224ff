//! Rows 9 and 10: questions to the engine, beside the same of a table clustered by tag and time. All files are warm.

use super::mix::{Jitter, START, Signal, series};
use super::report::{line, percentile};
use super::rows::Clustered;
use actix::{Actor, Addr};
use flyball::Clock;
use flyball::history::historian::Historian;
use flyball::history::sqlite::SqliteHistorian;
use flyball::history::{DataLogger, History, HistorySettings, ReadRaw, ReadTrend};
use flyball::schema::{TagId, Timestamp};
use flyball::send::ask;
use std::sync::Arc;
use std::time::{Duration, Instant};

const DAY: usize = 86_400;
const YEAR: usize = 365 * DAY;
/// Tags of a day each, around the one that is read.
const DAYS: u32 = 10;
const MILLION: usize = 1_000_000;
const LONG: Duration = Duration::from_secs(120);

pub(crate) fn run(raw_read: bool, trends: bool, full: bool) {
    actix_rt::System::new().block_on(ask_all(raw_read, trends, full));
}

async fn ask_all(raw_read: bool, trends: bool, full: bool) {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteHistorian::new(folder.path().join("history.db")));
    let mut table = Clustered::new(&folder.path().join("rows.db"));
    let mut writer = store.open_writer().unwrap();
    let long = [Some((1_000, MILLION)), Some((1_001, 10 * MILLION)), full.then_some((1_002, 100 * MILLION))];
    let days = (0..DAYS).map(|tag| (tag, DAY));
    for (tag, count) in days.chain(long.into_iter().flatten()) {
        let block = series(tag, Signal::Noisy, Jitter::Millis, count);
        if count <= 10 * MILLION {
            table.insert(i32::try_from(tag).unwrap(), &block);
        }
        writer.import(&[(TagId(tag), block)]).unwrap();
    }
    writer.import(&[(TagId(2_000), series(2_000, Signal::Noisy, Jitter::Millis, YEAR))]).unwrap();
    drop(writer);
    let history = History::open(HistorySettings::new(folder.path().join("journal.db")), store).unwrap();
    let clock = Clock::starting_at(end(200 * MILLION));
    let engine = DataLogger::new(clock, history).start();
    if raw_read {
        raw(&engine, &mut table).await;
    }
    if !trends {
        return;
    }
    let per_row = trend(&engine, &mut table, 1_000, MILLION, None, "≤ 0.15").await;
    trend(&engine, &mut table, 1_001, 10 * MILLION, None, "≤ 0.03").await;
    if full {
        trend(&engine, &mut table, 1_002, 100 * MILLION, Some(per_row), "").await;
    }
    trend(&engine, &mut table, 2_000, YEAR, Some(per_row), "").await;
}

fn end(count: usize) -> Timestamp {
    Timestamp::from_micros(START + 1_000_000 * count as i64)
}

async fn raw(engine: &Addr<DataLogger>, table: &mut Clustered) {
    let (tag, from, to) = (DAYS / 2, Timestamp::from_micros(START), end(DAY));
    let range = from.as_micros()..to.as_micros();
    let floor = median(7, || {
        assert_eq!(table.read(i32::try_from(tag).unwrap(), &range).len(), DAY);
    });
    let mut times = Vec::new();
    for _ in 0..51 {
        let question = ReadRaw { tags: vec![TagId(tag)], from, to, limit: 2 * DAY, after: None };
        let began = Instant::now();
        let page = ask(engine, question, LONG).await.unwrap().unwrap();
        times.push(began.elapsed());
        assert_eq!(page.series[0].samples.len(), DAY);
    }
    let figure = percentile(&mut times, 50);
    let work = "raw read, one tag, 86,400 samples out of 11.9 M";
    tell("9", work, floor, figure, "≤ 0.15", "");
}

/// Time of the floor per row; from `per_row` where there is no table of so many rows.
async fn trend(
    engine: &Addr<DataLogger>,
    table: &mut Clustered,
    tag: u32,
    count: usize,
    per_row: Option<Duration>,
    budget: &str,
) -> Duration {
    let buckets = if count == YEAR { 1_200 } else { 1_000 };
    let (from, to) = (Timestamp::from_micros(START), end(count));
    let range = from.as_micros()..to.as_micros();
    let mut expected = Vec::new();
    let floor = match per_row {
        Some(per_row) => per_row.mul_f64(count as f64),
        None => median(3, || expected = table.buckets(i32::try_from(tag).unwrap(), &range, buckets)),
    };
    let mut times = Vec::new();
    for _ in 0..9 {
        let question = ReadTrend { tags: vec![TagId(tag)], from, to, buckets };
        let began = Instant::now();
        let trend = ask(engine, question, LONG).await.unwrap().unwrap();
        times.push(began.elapsed());
        let found = &trend.series[0].buckets;
        assert_eq!(found.iter().map(|bucket| bucket.count as usize).sum::<usize>(), count);
        for (found, expected) in found.iter().zip(expected.iter().flatten()) {
            let averages = [found.average.unwrap(), expected.sum / f64::from(expected.count)];
            assert!((averages[0] - averages[1]).abs() < 1e-9, "{averages:?}");
            let levels = (found.min, found.max, found.first, found.last, found.count);
            let expected = (expected.min, expected.max, expected.first, expected.last, expected.count);
            assert_eq!(levels, (Some(expected.0), Some(expected.1), Some(expected.2), Some(expected.3), expected.4));
        }
    }
    let figure = percentile(&mut times, 50);
    let what = if count == YEAR { "a year at 1 Hz".to_owned() } else { format!("{} M samples", count / MILLION) };
    let work = format!("trend, one tag, {what} in {buckets} buckets");
    tell("10", &work, floor, figure, budget, if per_row.is_some() { " (from 1 M)" } else { "" });
    floor.div_f64(count as f64)
}

fn median(rounds: usize, mut work: impl FnMut()) -> Duration {
    let round = |_| {
        let began = Instant::now();
        work();
        began.elapsed()
    };
    percentile(&mut (0..rounds).map(round).collect::<Vec<_>>(), 50)
}

fn tell(row: &str, work: &str, floor: Duration, figure: Duration, budget: &str, remark: &str) {
    let millis = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1e3);
    let ratio = figure.as_secs_f64() / floor.as_secs_f64();
    line(row, work, &format!("{}{remark}", millis(floor)), &millis(figure), ratio, budget);
}
