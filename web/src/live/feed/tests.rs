use super::*;
use crate::live::client::{CREDIT, STALL_LIMIT};
use crate::live::selection::Selection;
use flyball::schema::definition::TagDefinition;
use flyball::schema::{Quality, Timestamp, Value};
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
        standing: Default::default(),
        figures: Default::default(),
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

fn plant_changed(added: &[u32], renamed: &[(u32, &str)], removed: &[u32]) -> PlantChanged {
    let ids = |ids: &[u32]| ids.iter().copied().map(TagId).collect();
    let renamed = renamed.iter().map(|(id, name)| (TagId(*id), (*name).to_owned())).collect();
    PlantChanged { added: ids(added), renamed, removed: ids(removed), ..PlantChanged::default() }
}

/// A feed with a client, whose subscription 2 is to all tags and 3 to those whose name begins with `a/`.
fn watched() -> (Feed<Probe>, Probe, ClientId) {
    let mut feed = feed();
    let probe = Probe::new(100);
    let client = feed.connect(probe.clone());
    subscribe(&mut feed, client, &wish(2, Topic::Tags));
    let selection = Selection::Prefix("a/".to_owned());
    subscribe(&mut feed, client, &Subscribe { selection, ..wish(3, Topic::Tags) });
    (feed, probe, client)
}

/// Subscription, type and map of each frame.
fn told(probe: &Probe) -> Vec<Json> {
    probe.take().iter().map(|frame| json!([frame["sub"], frame["type"], frame["map"]])).collect()
}

#[test]
fn a_tag_with_another_name_is_told_by_everything_anew() {
    let (mut feed, probe, _) = watched();
    assert!(feed.change_plant(&plant_changed(&[], &[(3, "b/drei")], &[])).is_empty());
    feed.flush(TICK);
    let frame = probe.take().remove(0);
    assert_eq!((&frame["sub"], &frame["type"], &frame["id"]), (&json!(2), &json!("resync"), &Json::Null));
    assert_eq!(frame["map"], json!([[0, 1, "a/one"], [1, 2, "a/two"], [2, 3, "b/drei"]]));
    assert_eq!(frame["u"], json!([[0, 0.0, "good", 2.0], [1, 0.0, "good", 2.0], [2, 0.0, "good", 2.0]]));
    feed.change_tags(&[change(3, 9, 5.0)]);
    feed.flush(TICK * 2);
    assert_eq!(probe.take(), [json!({"sub": 2, "type": "delta", "seq": 3, "u": [[2, 5.0, "good", 2.0]]})]);
}

#[test]
fn a_name_moves_a_tag_into_a_prefix_and_out_of_it() {
    let (mut feed, probe, _) = watched();
    feed.change_plant(&plant_changed(&[], &[(1, "c/one"), (3, "a/three")], &[]));
    feed.flush(TICK);
    let all = json!([2, "resync", [[0, 1, "c/one"], [1, 2, "a/two"], [2, 3, "a/three"]]]);
    assert_eq!(told(&probe), [all, json!([3, "resync", [[0, 2, "a/two"], [1, 3, "a/three"]]])]);
    feed.change_plant(&plant_changed(&[], &[(1, "c/one")], &[]));
    feed.flush(TICK * 2);
    assert!(probe.take().is_empty(), "a name that it has already");
}

#[test]
fn a_tag_that_is_no_more_leaves_and_what_still_comes_in_for_it_is_not_learned() {
    let (mut feed, probe, client) = watched();
    feed.change_plant(&plant_changed(&[], &[], &[1]));
    assert!(feed.change_tags(&[change(1, 9, 5.0)]).is_empty());
    feed.learn_tags(&[record(1, "a/one", 10)]);
    feed.flush(TICK);
    let all = json!([2, "resync", [[0, 2, "a/two"], [1, 3, "b/three"]]]);
    assert_eq!(told(&probe), [all, json!([3, "resync", [[0, 2, "a/two"]]])]);
    let late = subscribe(&mut feed, client, &wish(4, Topic::Tags));
    assert_eq!(late["map"], json!([[0, 2, "a/two"], [1, 3, "b/three"]]));
    feed.flush(TICK * 2);
    assert!(probe.take().is_empty());
}

#[test]
fn who_is_left_without_tags_is_told_so() {
    let (mut feed, probe, _) = watched();
    feed.change_plant(&plant_changed(&[], &[], &[1, 2, 3, 77]));
    feed.flush(TICK);
    let frames = probe.take();
    assert!(frames.iter().all(|frame| (&frame["map"], &frame["u"]) == (&json!([]), &json!([]))), "{frames:?}");
    assert_eq!(frames.len(), 2);
}

#[test]
fn a_tag_that_comes_back_is_learned_once_it_is_announced() {
    let (mut feed, probe, _) = watched();
    feed.change_plant(&plant_changed(&[], &[], &[2]));
    feed.flush(TICK);
    probe.take();
    assert_eq!(feed.change_plant(&plant_changed(&[2], &[], &[])), [TagId(2)]);
    feed.learn_tags(&[record(2, "a/two", 12)]);
    feed.flush(TICK * 2);
    let all = json!([2, "resync", [[0, 1, "a/one"], [1, 3, "b/three"], [2, 2, "a/two"]]]);
    assert_eq!(told(&probe), [all, json!([3, "resync", [[0, 1, "a/one"], [1, 2, "a/two"]]])]);
}

#[test]
fn an_added_tag_is_told_to_the_selections_it_belongs_to_whether_it_was_learned_before_or_after() {
    for learned_before in [true, false] {
        let (mut feed, probe, _) = watched();
        let (records, announcement) = ([record(4, "c/four", 9)], plant_changed(&[4], &[], &[]));
        if learned_before {
            feed.learn_tags(&records);
            assert!(feed.change_plant(&announcement).is_empty());
        } else {
            assert_eq!(feed.change_plant(&announcement), [TagId(4)]);
            feed.learn_tags(&records);
        }
        feed.flush(TICK);
        let all = json!([[0, 1, "a/one"], [1, 2, "a/two"], [2, 3, "b/three"], [3, 4, "c/four"]]);
        assert_eq!(told(&probe), [json!([2, "resync", all])], "nobody else");
        feed.change_plant(&plant_changed(&[5], &[], &[]));
        feed.learn_tags(&[record(5, "a/five", 10)]);
        feed.flush(TICK * 2);
        let within = json!([3, "resync", [[0, 1, "a/one"], [1, 2, "a/two"], [2, 5, "a/five"]]]);
        assert_eq!(told(&probe)[1], within);
    }
}

#[test]
fn a_tag_renamed_while_it_is_read_has_its_new_name() {
    let (mut feed, probe, _) = watched();
    assert_eq!(feed.change_tags(&[change(4, 9, 1.0)]), [TagId(4)]);
    assert_eq!(feed.change_plant(&plant_changed(&[], &[(4, "a/four")], &[])), [TagId(4)]);
    feed.learn_tags(&[record(4, "c/four", 9)]);
    feed.flush(TICK);
    assert_eq!(told(&probe)[1], json!([3, "resync", [[0, 1, "a/one"], [1, 2, "a/two"], [2, 4, "a/four"]]]));
}

#[test]
fn a_client_without_credit_is_told_everything_anew_once_it_has_some_and_owes_nothing_for_it() {
    let (mut feed, probe, client) = watched();
    for step in 1..=4_u32 {
        feed.change_tags(&[change(3, u64::from(10 + step), f64::from(step))]);
        feed.flush(TICK * step);
    }
    let deltas = probe.take();
    assert_eq!(deltas.len(), CREDIT);
    feed.change_plant(&plant_changed(&[], &[(3, "b/drei")], &[1]));
    feed.change_tags(&[change(2, 20, 8.0)]);
    feed.change_plant(&plant_changed(&[], &[(3, "b/tres")], &[]));
    feed.flush(TICK * 10);
    assert_eq!(told(&probe), [json!([3, "resync", [[0, 2, "a/two"]]])], "the one with credit");
    feed.acknowledge(client, 2, deltas[0]["seq"].as_u64().unwrap());
    feed.flush(TICK * 11);
    let anew = probe.take().remove(0);
    assert_eq!((&anew["type"], &anew["map"]), (&json!("resync"), &json!([[0, 2, "a/two"], [1, 3, "b/tres"]])));
    assert_eq!(anew["u"], json!([[0, 8.0, "good", 2.0], [1, 4.0, "good", 2.0]]));
    feed.change_tags(&[change(2, 21, 9.0)]);
    feed.flush(TICK * 12);
    assert_eq!(probe.take().len(), 2, "both have credit left");
}

#[test]
fn clients_that_lag_differently_share_what_is_told_anew() {
    let mut feed = feed();
    let probes = [Probe::new(8), Probe::new(8)];
    for (probe, changes) in probes.iter().zip(1..) {
        let client = feed.connect(probe.clone());
        subscribe(&mut feed, client, &wish(2, Topic::Tags));
        feed.change_tags(&[change(1, 10 + changes, 1.0)]);
    }
    feed.change_plant(&plant_changed(&[], &[], &[1]));
    feed.flush(TICK);
    let frames = probes.map(|probe| probe.frames.take().remove(0));
    assert_eq!(frames[0].as_ptr(), frames[1].as_ptr());
}
