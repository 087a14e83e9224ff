//! Writers over HTTP that know what the server has acknowledged, one for each kind of value.

use super::child::{PATIENCE, pause, wait_for};
use super::counts::wall;
use super::http;
use super::server::Server;
use flyball::schema::Timestamp;
use serde_json::{Value as Json, json};
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What the journal promises is durable within 100 ms of its acceptance. A machine that is busy with other things takes its
/// time: how old what was lost had become is told, and only more than this is a failure.
pub(crate) const LATE: Duration = Duration::from_millis(1_000);

/// Pause of a writer between two values.
const PAUSE: Duration = Duration::from_millis(3);

/// Width of a question: less than a raw answer may have, at the pace of the writers.
const WINDOW: Duration = Duration::from_secs(60);

/// A tag of each kind, for [`Pens`].
pub(crate) const TAGS: &str = r#"
[[tag]]
name = "pen.float"
data_type = "float"
writable = true

[[tag]]
name = "pen.integer"
data_type = "integer"
writable = true

[[tag]]
name = "pen.boolean"
data_type = "boolean"
writable = true

[[tag]]
name = "pen.text"
data_type = "text"
writable = true
"#;

const NAMES: [&str; 4] = ["pen.float", "pen.integer", "pen.boolean", "pen.text"];

/// The value of a number: no other number of the tag has it, but for Booleans, which alternate.
fn value(name: &str, number: i64, text: &str) -> Json {
    match name {
        "pen.float" => json!(number as f64 + 0.1),
        // Past 2^53, where a float would not tell two of them apart.
        "pen.integer" => json!((1_i64 << 60) + number),
        "pen.boolean" => json!(number % 2 == 0),
        _ => json!(format!("Füllstand {number} cm{text}")),
    }
}

/// A value that the server has acknowledged.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    value: Json,
    /// Source time.
    time: Timestamp,
    accepted: Timestamp,
    seq: u64,
}

/// What became of the values of a tag.
#[derive(Debug, Default)]
struct Ledger {
    told: Vec<Told>,
    /// Sent without an answer: they may be in history or not.
    unanswered: Vec<Json>,
}

/// Where the server is; none while it is away.
type Address = Arc<Mutex<Option<SocketAddr>>>;

/// Running writers; they end when this is dropped.
#[derive(Debug)]
pub(crate) struct Pens {
    address: Address,
    ledgers: HashMap<u64, Arc<Mutex<Ledger>>>,
    acknowledged: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Pens {
    /// Begins to write to [`TAGS`]; `text` is added to every text.
    pub(crate) fn start(server: &Server, text: &str) -> Self {
        let address: Address = Arc::new(Mutex::new(Some(server.address)));
        let (stop, acknowledged): (Arc<AtomicBool>, Arc<AtomicUsize>) = Default::default();
        let mut pens = Self { address, ledgers: HashMap::new(), acknowledged, stop, threads: Vec::new() };
        for name in NAMES {
            let tag = server.tag(name)["id"].as_u64().unwrap();
            let ledger: Arc<Mutex<Ledger>> = Arc::default();
            pens.ledgers.insert(tag, Arc::clone(&ledger));
            let (address, stop, acknowledged) =
                (Arc::clone(&pens.address), Arc::clone(&pens.stop), Arc::clone(&pens.acknowledged));
            let value = {
                let text = text.to_owned();
                move |number| value(name, number, &text)
            };
            pens.threads.push(std::thread::spawn(move || {
                write(tag, value, &address, &ledger, &acknowledged, &stop);
            }));
        }
        pens
    }

    /// Nobody writes to the server from now on; what is under way may still be sent.
    pub(crate) fn server_leaves(&self) {
        *self.address.lock().unwrap() = None;
    }

    /// The server is there again.
    pub(crate) fn server_is_back(&self, server: &Server) {
        *self.address.lock().unwrap() = Some(server.address);
    }

    /// Values acknowledged so far.
    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::Acquire)
    }

    /// Waits until `count` more values have been acknowledged.
    pub(crate) fn wait_for_more(&self, count: usize) {
        let wanted = self.acknowledged() + count;
        wait_for("more acknowledged values", PATIENCE, || (self.acknowledged() >= wanted).then_some(()));
    }

    /// Ends the writers; each has got its last answer then.
    pub(crate) fn stop(&mut self) {
        self.stop.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
    }

    /// When the newest `count` of the acknowledged values begin.
    pub(crate) fn newest(&self, count: usize) -> Timestamp {
        let ledgers = self.ledgers.values().map(|ledger| ledger.lock().unwrap());
        let mut times: Vec<Timestamp> =
            ledgers.flat_map(|ledger| ledger.told.iter().map(|told| told.time).collect::<Vec<_>>()).collect();
        times.sort_unstable_by(|one, other| other.cmp(one));
        times[count - 1]
    }

    /// Fails unless history holds what was acknowledged since `from`, each value once and in order, and nothing that was
    /// not written. What one of the `kills` excuses may be missing.
    pub(crate) fn check(&self, server: &Server, from: Timestamp, kills: &[Kill]) -> Checked {
        let mut checked = Checked::default();
        for (tag, ledger) in &self.ledgers {
            // First the ledger: what is acknowledged after that is not asked for.
            let (told, unanswered) = {
                let ledger = ledger.lock().unwrap();
                (ledger.told.clone(), ledger.unanswered.clone())
            };
            let now = wall();
            let held = read(server, *tag, from, now);
            checked.compare(*tag, &told, unanswered, held, from..now, kills, self.threads.is_empty());
        }
        checked
    }
}

/// The end of a server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kill {
    /// When it was told to die.
    pub(crate) asked: Timestamp,
    /// When it was dead.
    pub(crate) dead: Timestamp,
    /// When it had begun, and the last number that it had told to be durable.
    pub(crate) durable: Option<(Timestamp, u64)>,
}

impl Kill {
    /// Kills a server some milliseconds after it has told what is durable.
    pub(crate) fn now(server: Server) -> Self {
        let health = server.health();
        let began = Timestamp::parse(health["started_at"].as_str().unwrap()).unwrap();
        let durable = health["history"]["durable_seq"].as_u64().unwrap();
        pause(at_random(PAUSE * 10));
        let asked = wall();
        server.process.kill();
        Self { asked, dead: wall(), durable: Some((began, durable)) }
    }

    /// Whatever was accepted in this time may be lost.
    pub(crate) fn of_all(asked: Timestamp, dead: Timestamp) -> Self {
        Self { asked, dead, durable: None }
    }

    /// Whether an acknowledged value may be lost with it: it was not told to be durable, and it is young.
    fn excuses(&self, told: &Told) -> bool {
        let is_durable = self.durable.is_some_and(|(began, seq)| told.accepted >= began && told.seq <= seq);
        !is_durable && self.asked - LATE < told.accepted && told.accepted <= self.dead
    }
}

/// What [`Pens::check`] found.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Checked {
    /// Acknowledged and there.
    pub(crate) kept: usize,
    /// Acknowledged shortly before a kill and not there.
    pub(crate) lost: usize,
    /// How old the oldest of these was at the kill.
    pub(crate) oldest_lost: Duration,
    /// Not acknowledged, and there.
    pub(crate) unanswered: usize,
}

impl Checked {
    /// Holds what history has of a tag in `range` against what was written.
    #[expect(clippy::too_many_arguments, reason = "two sides of a comparison, and what excuses a difference")]
    fn compare(
        &mut self,
        tag: u64,
        told: &[Told],
        mut unanswered: Vec<Json>,
        held: Vec<(Timestamp, Json)>,
        range: Range<Timestamp>,
        kills: &[Kill],
        is_over: bool,
    ) {
        let mut held = held.into_iter().peekable();
        for told in told.iter().filter(|told| range.contains(&told.time)) {
            while let Some((_, value)) = held.next_if(|(time, _)| *time < told.time) {
                claim(&mut unanswered, &value, tag);
                self.unanswered += 1;
            }
            if let Some((_, value)) = held.next_if(|(time, _)| *time == told.time) {
                assert_eq!(value, told.value, "tag {tag} at {}", told.time);
                self.kept += 1;
            } else if let Some(kill) = kills.iter().find(|kill| kill.excuses(told)) {
                self.lost += 1;
                self.oldest_lost = self.oldest_lost.max(kill.asked.since(told.accepted));
            } else {
                let is_young = !is_over && told.accepted > range.end - LATE;
                assert!(is_young, "tag {tag}: {told:?} is not in history; kills: {kills:?}");
            }
        }
        // While the writers go on, what is left may be on its way to being acknowledged.
        for (_, value) in held.filter(|_| is_over) {
            claim(&mut unanswered, &value, tag);
            self.unanswered += 1;
        }
    }
}

/// Any time up to `most`.
pub(crate) fn at_random(most: Duration) -> Duration {
    let random = RandomState::new().hash_one(0_u64);
    most.mul_f64((random >> 11) as f64 / (1_u64 << 53) as f64)
}

/// A value that nobody acknowledged is one that was sent, and there once.
fn claim(unanswered: &mut Vec<Json>, value: &Json, tag: u64) {
    let place = unanswered.iter().position(|sent| sent == value);
    let place = place.unwrap_or_else(|| panic!("tag {tag} holds {value}, which was not written, or twice"));
    unanswered.swap_remove(place);
}

/// Good samples of a tag by time, from `from` to `to`; no two have one time.
fn read(server: &Server, tag: u64, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, Json)> {
    let mut all: Vec<(Timestamp, Json)> = Vec::new();
    let mut begin = from;
    while begin < to {
        let end = (begin + WINDOW).min(to);
        let answer = server.get(&format!("/api/v1/history?tags={tag}&from={begin}&to={end}&agg=raw&max_points=100000"));
        assert_eq!(answer["truncated"], false);
        let series = &answer["series"][0];
        let column = |name: &str| series[name].as_array().unwrap().iter().cloned();
        let samples = column("t").zip(column("v")).zip(column("q")).filter(|(_, quality)| quality == 0);
        // The last sample before the range comes first.
        all.extend(samples.map(|((time, value), _)| (micros(&time), value)).filter(|(time, _)| *time >= begin));
        begin = end;
    }
    let disorder = all.windows(2).find(|pair| pair[0].0 >= pair[1].0);
    assert!(disorder.is_none(), "tag {tag} was written by one after the other: {disorder:?}");
    all
}

/// A time in ms, to the microsecond.
#[expect(clippy::cast_possible_truncation, reason = "microseconds since the epoch fit until the year 2255")]
fn micros(time: &Json) -> Timestamp {
    Timestamp::from_micros((time.as_f64().unwrap() * 1_000.0).round() as i64)
}

/// One writer: the next value when the last one is answered.
fn write(
    tag: u64,
    value: impl Fn(i64) -> Json,
    address: &Mutex<Option<SocketAddr>>,
    ledger: &Mutex<Ledger>,
    acknowledged: &AtomicUsize,
    stop: &AtomicBool,
) {
    let path = format!("/api/v1/tags/{tag}/write");
    let mut number = 0;
    while !stop.load(Ordering::Acquire) {
        pause(PAUSE);
        let Some(server) = *address.lock().unwrap() else { continue };
        number += 1;
        let value = value(number);
        let answer = http::request(server, "POST", &path, &json!({ "value": value }).to_string());
        let mut ledger = ledger.lock().unwrap();
        match answer {
            Ok((200, view)) => {
                assert_eq!(view["value"], value, "{view}");
                let time = |name: &str| Timestamp::parse(view[name].as_str().unwrap()).unwrap();
                let seq = view["seq"].as_u64().unwrap();
                ledger.told.push(Told { value, time: time("source_time"), accepted: time("server_time"), seq });
                acknowledged.fetch_add(1, Ordering::AcqRel);
            }
            // It was killed.
            Err(_) => ledger.unanswered.push(value),
            Ok((status, problem)) => panic!("a write is answered {status}: {problem}"),
        }
    }
}

impl Drop for Pens {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}
