//! What history holds of devices that count, and what the table showed.

use super::child::PATIENCE;
use super::server::Server;
use flyball::schema::Timestamp;
use serde_json::Value as Json;
use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Tags of a question at the most.
const TAGS: usize = 100;
/// Width of a question: 600 samples per tag and so less than a raw answer may have.
const WINDOW: Duration = Duration::from_secs(60);

/// The time of this machine, which is that of the server too.
pub(crate) fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap())
}

/// Good samples of one tag as history holds them: source time in ms, count.
pub(crate) type Series = Vec<(f64, f64)>;

/// Reads the good samples of `tags` in [from, to), tag by tag.
pub(crate) fn read(server: &Server, tags: &[u64], from: Timestamp, to: Timestamp) -> HashMap<u64, Series> {
    let mut all: HashMap<u64, Series> = tags.iter().map(|tag| (*tag, Series::new())).collect();
    for chunk in tags.chunks(TAGS) {
        let list = chunk.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
        let mut begin = from;
        while begin < to {
            let end = (begin + WINDOW).min(to);
            let answer =
                server.get(&format!("/api/v1/history?tags={list}&from={begin}&to={end}&agg=raw&max_points=100000"));
            assert_eq!(answer["truncated"], false);
            for series in answer["series"].as_array().unwrap() {
                let samples = all.get_mut(&series["id"].as_u64().unwrap()).unwrap();
                samples.extend(good_samples(series).filter(|(time, _)| *time >= begin.as_millis_f64()));
            }
            begin = end;
        }
    }
    all
}

/// The samples of a raw series that are good; the one before the range may be among them.
fn good_samples(series: &Json) -> impl Iterator<Item = (f64, f64)> {
    let column = |name: &str| series[name].as_array().unwrap().iter();
    let samples = column("t").zip(column("v")).zip(column("q"));
    samples
        .filter(|(_, quality)| **quality == 0)
        .map(|((time, value), _)| (time.as_f64().unwrap(), value.as_f64().unwrap()))
}

/// How many samples from the first on count up by exactly one.
pub(crate) fn consecutive(series: &[(f64, f64)]) -> usize {
    let steps = series.windows(2).take_while(|pair| is_next(pair[0].1, pair[1].1)).count();
    if series.is_empty() { 0 } else { steps + 1 }
}

#[expect(clippy::float_cmp, reason = "counts are whole numbers")]
fn is_next(count: f64, next: f64) -> bool {
    next == count + 1.0
}

/// A count that the table showed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Seen {
    pub(crate) count: f64,
    /// When the table took it.
    pub(crate) accepted: Timestamp,
}

/// What the table showed of each tag, looked at again and again.
#[derive(Debug, Default)]
pub(crate) struct Sightings {
    pub(crate) by_tag: HashMap<u64, Vec<Seen>>,
}

impl Sightings {
    /// Looks at every tag of a link once.
    pub(crate) fn look(&mut self, server: &Server) {
        for tag in server.tags().iter().filter(|tag| !tag["link"].is_null()) {
            assert_eq!(tag["quality"], "good", "{tag}");
            self.see(tag);
        }
    }

    /// Looks at every tag of a link that is good once.
    pub(crate) fn look_at_good(&mut self, server: &Server) {
        server.tags().iter().filter(|tag| !tag["link"].is_null() && tag["quality"] == "good").for_each(|tag| {
            self.see(tag);
        });
    }

    fn see(&mut self, tag: &Json) {
        let accepted = Timestamp::parse(tag["server_time"].as_str().unwrap()).unwrap();
        let seen = Seen { count: tag["value"].as_f64().unwrap(), accepted };
        let all = self.by_tag.entry(tag["id"].as_u64().unwrap()).or_default();
        if all.last() != Some(&seen) {
            all.push(seen);
        }
    }

    /// The newest count of a tag that was accepted by `time`.
    pub(crate) fn newest_by(&self, tag: u64, time: Timestamp) -> Option<Seen> {
        self.by_tag.get(&tag)?.iter().rev().find(|seen| seen.accepted <= time).copied()
    }
}

/// Waits until everything that the server has taken so far is durable.
pub(crate) fn wait_until_durable(server: &Server) {
    let taken = server.health()["history"]["last_seq"].as_u64().unwrap();
    super::child::wait_for("durable history", PATIENCE, || {
        (server.health()["history"]["durable_seq"].as_u64().unwrap() >= taken).then_some(())
    });
}

/// Waits until everything that is durable now is in the store.
pub(crate) fn wait_until_stored(server: &Server, within: Duration) {
    let durable = server.health()["history"]["durable_seq"].as_u64().unwrap();
    super::child::wait_for("stored history", within, || (stored_seq(&server.health()) >= durable).then_some(()));
}

/// The position of the store.
pub(crate) fn stored_seq(health: &Json) -> u64 {
    let number = |name: &str| health["history"][name].as_u64().unwrap();
    number("durable_seq") - number("waiting")
}
