//! Where the samples go, and how they are read back.

use super::samples;
use actix::{Actor as _, Addr};
use flyball::Clock;
use flyball::history::historian::Historian;
use flyball::history::postgres::PostgresHistorian;
use flyball::history::sample::Sample;
use flyball::history::sqlite::SqliteHistorian;
use flyball::history::{
    DataLogger, History, HistorySettings, HistoryStatus, Keeping, LoggerWorker, ReadDataLoggerStatus,
    ReadHistoryStatus, ReadRaw,
};
use flyball::schema::db::DatabaseUrl;
use flyball::schema::{TagId, Timestamp};
use flyball::send::{DEADLINE, ask};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Samples of a page.
const PAGE: usize = 100_000;

/// A store of either backend.
#[derive(Debug)]
pub(super) struct Store(String);

impl Store {
    pub(super) fn at(url: &str) -> Self {
        Self(url.to_owned())
    }

    pub(super) fn url(&self) -> &str {
        &self.0
    }

    pub(super) fn historian(&self) -> Arc<dyn Historian> {
        match DatabaseUrl::parse(&self.0).unwrap() {
            DatabaseUrl::Postgres(url) => Arc::new(PostgresHistorian::new(url)),
            DatabaseUrl::Sqlite(path) => Arc::new(SqliteHistorian::new(path)),
        }
    }
}

/// A journal in `folder`. Little is in memory and little moves at a time, so that a kill hits every step often.
pub(super) fn settings(folder: &Path) -> HistorySettings {
    HistorySettings {
        head_samples: 1_000,
        generation_samples: Some(500),
        generation_age: Some(Duration::from_millis(20)),
        ..HistorySettings::new(folder.join("journal.db"))
    }
}

/// The history after the kills.
pub(super) struct Past {
    logger: Option<Addr<LoggerWorker>>,
    reader: Addr<DataLogger>,
}

impl Past {
    /// Reads what is there, and moves nothing.
    pub(super) fn as_it_is(folder: &Path, store: &Store) -> Self {
        let history = History::open(settings(folder), store.historian()).unwrap();
        Self { logger: None, reader: DataLogger::new(Clock::system(), history).start() }
    }

    /// Reads it once everything has gone into the store.
    pub(super) async fn all_stored(folder: &Path, store: &Store) -> Self {
        let history = History::open(settings(folder), store.historian()).unwrap();
        let clock = Clock::system();
        let logger = LoggerWorker::new(clock, Arc::clone(&history), Keeping::default()).start();
        while history.stored() < history.last_seq() {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let HistoryStatus { store, .. } = ask(&logger, ReadHistoryStatus, DEADLINE).await.unwrap();
            assert_eq!(store.error, None);
        }
        Self { logger: Some(logger), reader: DataLogger::new(clock, history).start() }
    }

    /// The samples of a tag that are not bad; as bad ones the table tells that it waits for the first.
    pub(super) async fn read(&self, tag: TagId, range: Range<Timestamp>) -> Vec<Sample> {
        let mut page = ReadRaw { tags: vec![tag], from: range.start, to: range.end, limit: PAGE, after: None };
        let mut samples = Vec::new();
        loop {
            let answer = ask(&self.reader, page.clone(), DEADLINE * 6).await.unwrap().unwrap();
            let read = answer.series.into_iter().flat_map(|series| series.samples);
            // The sample before the range comes first.
            samples.extend(read.filter(|sample| !sample.quality.is_bad() && range.contains(&sample.time)));
            match answer.next {
                Some(next) => page.after = Some(next),
                None => return samples,
            }
        }
    }

    /// How many samples of a run there are; fails unless they are its first, each once, in order, and not fewer than
    /// `durable`.
    pub(super) async fn check(&self, run: u64, durable: u64) -> u64 {
        let mut held = Vec::new();
        for (tag, _) in samples::tags() {
            held.push((tag, self.read(tag, samples::times(run)).await));
        }
        let count = held.iter().map(|(_, samples)| samples.len() as u64).sum();
        assert!(count >= durable, "run {run}: {durable} samples were acknowledged, {count} are there");
        for (tag, samples) in held {
            let expected = samples::expected(run, count, tag);
            let differs = samples.iter().zip(&expected).position(|(held, expected)| held != expected);
            let place = differs.unwrap_or_else(|| samples.len().min(expected.len()));
            assert!(
                samples == expected,
                "run {run}, tag {tag}: {} samples instead of {}; sample {place} is {:?} instead of {:?}",
                samples.len(),
                expected.len(),
                samples.get(place),
                expected.get(place),
            );
        }
        count
    }

    /// Nothing was damaged.
    pub(super) async fn end(self) {
        let status = ask(&self.reader, ReadDataLoggerStatus, DEADLINE).await.unwrap();
        assert_eq!(status.damaged_frames, 0);
        drop(self.logger);
    }
}
