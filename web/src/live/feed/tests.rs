use super::*;
use crate::live::client::{CREDIT, STALL_LIMIT};
use crate::live::selection::Selection;
use flyball::schema::definition::TagDefinition;
use flyball::schema::{Quality, Timestamp, Value};
use flyball::signal::{Figures, Standing};
use serde_json::{Value as Json, json};
use std::cell::RefCell;
use std::rc::Rc;

const TICK: Duration = Duration::from_millis(100);

/// An outlet with `room` places; the test takes frames out of it.
#[derive(Debug, Clone)]
struct Probe {
    frames: Rc<RefCell<Vec<ByteString>>>,
    room: usize,
    gone: bool,
}

impl Probe {
    fn new(room: usize) -> Self {
        Self { frames: Rc::default(), room, gone: false }
    }

    fn take(&self) -> Vec<Json> {
        self.frames.take().iter().map(|frame| serde_json::from_str(frame).unwrap()).collect()
    }
}

impl Outlet for Probe {
    fn has_room(&self) -> bool {
        self.frames.borrow().len() < self.room
    }
    fn is_gone(&self) -> bool {
        self.gone
    }
    fn put(&mut self, frame: ByteString) {
        self.frames.borrow_mut().push(frame);
    }
}

fn change(tag: u32, seq: u64, value: f64) -> TagChange {
    TagChange {
        value: Some(Value::Float(value)),
        source_time: Timestamp::from_micros(2_000),
        server_time: Timestamp::from_micros(2_000),
        seq,
        tag: TagId(tag),
        quality: Quality::GOOD,
    }
}

fn record(tag: u32, name: &str, seq: u64) -> TagRecord {
    TagRecord {
        id: TagId(tag),
        definition: TagDefinition::float(name),
        state: change(tag, seq, 0.0),
        seen: None,
        raw: None,
        made: false,
        is_substituted: false,
        standing: Standing::default(),
        figures: Figures::default(),
    }
}

fn feed() -> Feed<Probe> {
    let mut feed = Feed::default();
    feed.learn_tags(&[record(1, "a/one", 1), record(2, "a/two", 2), record(3, "b/three", 3)]);
    feed
}

fn wish(id: u64, topic: Topic) -> Subscribe {
    Subscribe { id, topic, selection: Selection::All, interval: TICK }
}

fn subscribe(feed: &mut Feed<Probe>, client: ClientId, wish: &Subscribe) -> Json {
    serde_json::from_str(&feed.subscribe(client, wish).unwrap()).unwrap()
}

#[test]
fn a_snapshot_is_followed_by_deltas_with_larger_numbers() {
    let mut feed = feed();
    let probe = Probe::new(8);
    let client = feed.connect(probe.clone());
    let snapshot = subscribe(&mut feed, client, &wish(2, Topic::Tags));
    assert_eq!(snapshot["map"], json!([[0, 1, "a/one"], [1, 2, "a/two"], [2, 3, "b/three"]]));
    feed.change_tags(&[change(2, 4, 7.5)]);
    feed.flush(TICK);
    let deltas = probe.take();
    assert_eq!(deltas.len(), 1);
    assert_eq!(deltas[0]["u"], json!([[1, 7.5, "good", 2.0]]));
    assert!(deltas[0]["seq"].as_u64() > snapshot["seq"].as_u64());
    feed.flush(TICK * 2);
    assert!(probe.take().is_empty());
}

#[test]
fn a_client_that_never_acknowledges_gets_four_deltas_and_then_the_newest_merged() {
    let mut feed = feed();
    let probe = Probe::new(100);
    let client = feed.connect(probe.clone());
    subscribe(&mut feed, client, &wish(2, Topic::Tags));
    for step in 0..20_u32 {
        feed.change_tags(&[change(1 + step % 3, u64::from(10 + step), f64::from(step))]);
        feed.flush(TICK * (step + 1));
    }
    let deltas = probe.take();
    assert_eq!(deltas.len(), CREDIT);
    feed.acknowledge(client, 2, deltas[3]["seq"].as_u64().unwrap());
    feed.flush(TICK * 30);
    let merged = probe.take();
    assert_eq!(merged.len(), 1);
    assert_eq!(merged[0]["u"], json!([[0, 18.0, "good", 2.0], [1, 19.0, "good", 2.0], [2, 17.0, "good", 2.0]]));
}

#[test]
fn every_alarm_that_changed_appears_though_the_client_had_no_credit() {
    let mut feed = feed();
    let probe = Probe::new(100);
    let client = feed.connect(probe.clone());
    subscribe(&mut feed, client, &wish(3, Topic::Items(ItemTopic::Alarms)));
    for step in 0..50_u32 {
        feed.change_items(ItemTopic::Alarms, vec![(step, format!(r#"{{"id":{step}}}"#))], false);
        feed.flush(TICK * (step + 1));
    }
    let mut seen = Vec::new();
    for round in 0..3 {
        for delta in probe.take() {
            seen.extend(delta["items"].as_array().unwrap().iter().map(|item| item["id"].as_u64().unwrap()));
            feed.acknowledge(client, 3, delta["seq"].as_u64().unwrap());
        }
        feed.flush(TICK * (60 + round));
    }
    assert_eq!(seen, (0..50).collect::<Vec<u64>>());
}

#[test]
fn an_item_that_is_no_more_is_told_to_who_knew_it_and_is_in_no_snapshot() {
    let mut feed = feed();
    let probe = Probe::new(8);
    let item = |id: u32| (id, format!(r#"{{"id":{id}}}"#));
    feed.change_items(ItemTopic::Alarms, vec![item(1), item(2)], false);
    feed.change_items(ItemTopic::Machines, vec![item(1), item(2)], true);
    let client = feed.connect(probe.clone());
    subscribe(&mut feed, client, &wish(2, Topic::Items(ItemTopic::Alarms)));
    subscribe(&mut feed, client, &wish(3, Topic::Items(ItemTopic::Machines)));
    feed.remove_items(ItemTopic::Alarms, &[2, 77]);
    feed.change_items(ItemTopic::Machines, vec![item(2)], true);
    feed.flush(TICK);
    let told: Vec<Json> = probe.take().iter().map(|delta| json!([delta["items"], delta["removed"]])).collect();
    assert_eq!(told, [json!([[], [2]]), json!([[], [1]])]);
    let late = subscribe(&mut feed, client, &wish(4, Topic::Items(ItemTopic::Alarms)));
    assert_eq!((&late["items"], &late["removed"]), (&json!([{"id": 1}]), &Json::Null));
    feed.flush(TICK * 2);
    assert!(probe.take().is_empty());
}

#[test]
fn clients_with_one_selection_and_number_share_one_frame() {
    let mut feed = feed();
    let probes = [Probe::new(8), Probe::new(8)];
    for probe in &probes {
        let client = feed.connect(probe.clone());
        subscribe(&mut feed, client, &wish(2, Topic::Tags));
    }
    feed.change_tags(&[change(1, 4, 1.0)]);
    feed.flush(TICK);
    let frames = probes.map(|probe| probe.frames.take().remove(0));
    assert_eq!(frames[0].as_ptr(), frames[1].as_ptr());
}

#[test]
fn a_subscription_gets_no_more_deltas_per_second_than_it_asked_for() {
    let mut feed = feed();
    let probe = Probe::new(100);
    let client = feed.connect(probe.clone());
    let slow = Subscribe { interval: Duration::from_secs(1), ..wish(2, Topic::Tags) };
    subscribe(&mut feed, client, &slow);
    for step in 0..40_u32 {
        feed.change_tags(&[change(1, u64::from(10 + step), f64::from(step))]);
        feed.flush(Duration::from_millis(50) * step);
        feed.acknowledge(client, 2, u64::MAX);
    }
    assert_eq!(probe.take().len(), 2);
}

#[test]
fn a_client_that_does_not_drain_is_let_go_and_one_that_drains_again_is_not() {
    let mut feed = feed();
    let (dead, late) = (Probe::new(1), Probe::new(1));
    let clients = [feed.connect(dead.clone()), feed.connect(late.clone())];
    for client in clients {
        subscribe(&mut feed, client, &wish(2, Topic::Tags));
    }
    feed.change_tags(&[change(1, 10, 1.0)]);
    assert!(feed.flush(TICK).is_empty());
    feed.change_tags(&[change(1, 11, 2.0)]);
    assert!(feed.flush(TICK * 2).is_empty());
    late.take();
    assert!(feed.flush(TICK * 3).is_empty());
    assert_eq!(late.take()[0]["u"], json!([[0, 2.0, "good", 2.0]]), "what it missed is merged");
    let over = feed.flush(TICK * 3 + STALL_LIMIT);
    assert_eq!(over, [clients[0]]);
    feed.disconnect(over[0]);
    assert_eq!(feed.clients(), 1);
}

#[test]
fn a_tag_made_later_joins_with_its_name() {
    let mut feed = feed();
    let probe = Probe::new(8);
    let client = feed.connect(probe.clone());
    subscribe(&mut feed, client, &wish(2, Topic::Tags));
    assert_eq!(feed.change_tags(&[change(4, 9, 1.0)]), [TagId(4)]);
    feed.learn_tags(&[record(4, "c/four", 9)]);
    feed.flush(TICK);
    let delta = &probe.take()[0];
    assert_eq!(delta["map"], json!([[3, 4, "c/four"]]));
    assert_eq!(delta["u"], json!([[3, 0.0, "good", 2.0]]));
}

#[test]
fn a_number_in_use_an_unknown_one_and_too_many_are_refused() {
    let mut feed = feed();
    let client = feed.connect(Probe::new(8));
    let code = |result: Result<ByteString, Refused>| result.unwrap_err().problem.code.to_string();
    subscribe(&mut feed, client, &wish(0, Topic::Tags));
    assert_eq!(code(feed.subscribe(client, &wish(0, Topic::Tags))), "duplicate_subscription");
    assert_eq!(code(feed.unsubscribe(client, 5, 77)), "unknown_subscription");
    for id in 1..64 {
        subscribe(&mut feed, client, &wish(id, Topic::Tags));
    }
    assert_eq!(code(feed.subscribe(client, &wish(99, Topic::Tags))), "too_many_subscriptions");
    feed.unsubscribe(client, 100, 0).unwrap();
    subscribe(&mut feed, client, &wish(99, Topic::Tags));
}

#[test]
fn what_happens_before_a_subscription_is_in_its_snapshot_and_not_in_a_delta() {
    let mut feed = feed();
    let probe = Probe::new(8);
    let client = feed.connect(probe.clone());
    feed.change_tags(&[change(1, 4, 9.0)]);
    let snapshot = subscribe(&mut feed, client, &wish(2, Topic::Tags));
    assert_eq!(snapshot["u"][0][1], json!(9.0));
    feed.flush(TICK);
    assert!(probe.take().is_empty());
}
