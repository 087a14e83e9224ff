//! Links that change while they run.

use super::link::{device, float};
use super::loss::Process;
use super::probe::{Bench, CONNECTED, tag};
use crate::Clock;
use crate::opcua::device::{DeviceVariable, Publisher, Sample};
use crate::opcua::{
    Acquisition, AddLink, DriveOutputs, LinkError, LinkState, LinkedTag, ListLinks, RemoveLink, UpdateLink,
};
use crate::send::ask;
use flyball_schema::definition::LinkDefinition;
use flyball_schema::{DataType, LinkId, Quality, TagId, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const SOON: Duration = Duration::from_secs(5);

const POLL: Acquisition = Acquisition::Poll { interval_ms: 20 };

const SUBSCRIBE: Acquisition = Acquisition::Subscribe { publish_ms: 20 };

/// Tag that counts, in every test.
const COUNTER: u32 = 0;

/// A device with a counter that counts every millisecond from 1, and variables `a` and `b` that stay as they are.
struct Plant {
    endpoint: String,
    publisher: Publisher,
    counting: Arc<AtomicBool>,
    counter: JoinHandle<i64>,
    _stop: CancellationToken,
}

impl Plant {
    async fn start() -> Self {
        let variables = vec![
            DeviceVariable::new("count", 0_i64),
            DeviceVariable::new("a", 1.5).writable(),
            DeviceVariable::new("b", 2.5).writable(),
        ];
        let (endpoint, publisher, stop) = device(variables).await;
        let counting = Arc::new(AtomicBool::new(true));
        let (more, counted) = (Arc::clone(&counting), publisher.clone());
        let counter = tokio::spawn(async move {
            let (clock, mut count) = (Clock::system(), 0_i64);
            while more.load(Ordering::Relaxed) {
                count += 1;
                let sample = Sample { variable: 0, value: count.into(), quality: Quality::GOOD, time: clock.now() };
                counted.publish(&[sample]).unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            count
        });
        Self { endpoint, publisher, counting, counter, _stop: stop }
    }

    fn definition(&self) -> LinkDefinition {
        LinkDefinition { queue: 1_000, ..LinkDefinition::new("bench", &self.endpoint) }
    }

    /// Stops counting, and holds what the table got against it: every count from the first that came, once and in order.
    async fn counted_without_a_gap(self, bench: &Bench) {
        self.counting.store(false, Ordering::Relaxed);
        let last = self.counter.await.unwrap();
        bench.until("the last count", SOON, |seen| seen.shown(COUNTER).value == Some(Value::Integer(last))).await;
        let seen = bench.seen.lock().unwrap();
        let of_counter = seen.all.iter().filter(|update| update.tag == TagId(COUNTER));
        let counts: Vec<i64> = of_counter
            .map(|update| match update.value {
                Some(Value::Integer(count)) if update.quality.is_good() => count,
                _ => panic!("{update:?}"),
            })
            .collect();
        let wrong = counts.windows(2).find(|pair| pair[1] != pair[0] + 1);
        assert_eq!(wrong, None);
    }
}

fn counter() -> LinkedTag {
    tag(COUNTER, "count", DataType::Integer, SUBSCRIBE)
}

fn a(id: u32, acquisition: Acquisition) -> LinkedTag {
    tag(id, "a", DataType::Float, acquisition)
}

fn b(id: u32, acquisition: Acquisition) -> LinkedTag {
    tag(id, "b", DataType::Float, acquisition)
}

async fn start(plant: &Plant, tags: Vec<LinkedTag>) -> Bench {
    let all = tags.len() + 1;
    let bench = Bench::start_tags(plant.definition(), tags, |_| {}).await;
    bench.until("data", SOON, |seen| seen.connected() && seen.number(COUNTER) > 0.5 && seen.tags.len() == all).await;
    bench
}

#[actix_rt::test]
async fn tags_come_and_go_while_another_counts_without_a_gap() {
    let plant = Plant::start().await;
    let bench = start(&plant, vec![counter(), a(1, SUBSCRIBE)]).await;
    let slow = Acquisition::Subscribe { publish_ms: 50 };
    for round in 1..=5_u32 {
        let id = |number: u32| round * 10 + number;
        let added = vec![counter(), b(id(1), SUBSCRIBE), b(id(2), POLL), b(id(3), slow)];
        bench.update(plant.definition(), added).await;
        bench
            .until("the new tags", SOON, |seen| (1..=3).all(|number| (seen.number(id(number)) - 2.5).abs() < 1e-9))
            .await;
        let status = bench.status().await;
        assert_eq!((status.tags, status.items_failed), (4, 0));
        bench.update(plant.definition(), vec![counter()]).await;
        let gone = bench.seen.lock().unwrap().count(id(2));
        let count = bench.seen.lock().unwrap().number(COUNTER);
        bench.until("a hundred counts more", SOON, |seen| seen.number(COUNTER) > count + 100.0).await;
        assert_eq!(bench.seen.lock().unwrap().count(id(2)), gone, "of a tag that has left");
    }
    let status = bench.status().await;
    assert_eq!((status.state, status.reconnects, status.gaps, status.tags), (LinkState::Connected, 0, 0, 1));
    plant.counted_without_a_gap(&bench).await;
}

#[actix_rt::test]
async fn nothing_more_is_told_of_a_tag_that_has_left() {
    let plant = Plant::start().await;
    let other = tag(1, "count", DataType::Integer, SUBSCRIBE);
    let polled = tag(2, "count", DataType::Integer, Acquisition::Poll { interval_ms: 1 });
    let bench = start(&plant, vec![counter(), other, polled]).await;
    bench.until("polls", SOON, |seen| seen.count(2) > 10).await;
    bench.update(plant.definition(), vec![counter()]).await;
    let told = |bench: &Bench| {
        let seen = bench.seen.lock().unwrap();
        (seen.count(1), seen.count(2))
    };
    let (before, count) = (told(&bench), bench.seen.lock().unwrap().number(COUNTER));
    bench.until("counts after that", SOON, |seen| seen.number(COUNTER) > count + 100.0).await;
    assert_eq!(told(&bench), before);
    plant.counted_without_a_gap(&bench).await;
}

#[actix_rt::test]
async fn the_same_definition_and_tags_change_nothing() {
    let plant = Plant::start().await;
    let bench = start(&plant, vec![counter(), a(1, SUBSCRIBE)]).await;
    let before = bench.status().await;
    for _ in 0..3 {
        bench.update(plant.definition(), vec![a(1, SUBSCRIBE), counter()]).await;
    }
    let count = bench.seen.lock().unwrap().number(COUNTER);
    bench.until("counts after that", SOON, |seen| seen.number(COUNTER) > count + 100.0).await;
    let after = bench.status().await;
    assert_eq!((after.since, after.reconnects, after.tags), (before.since, 0, 2));
    assert_eq!(bench.seen.lock().unwrap().count(1), 1, "an item made anew would have been sent its value again");
    plant.counted_without_a_gap(&bench).await;
}

#[actix_rt::test]
async fn a_tag_is_acquired_another_way_or_from_another_node() {
    let plant = Plant::start().await;
    let bench = start(&plant, vec![counter(), a(1, SUBSCRIBE)]).await;
    bench.update(plant.definition(), vec![counter(), a(1, POLL)]).await;
    bench.until("polled", SOON, |seen| seen.count(1) > 5).await;
    bench.update(plant.definition(), vec![counter(), b(1, POLL)]).await;
    bench.until("of the other node", SOON, |seen| (seen.number(1) - 2.5).abs() < 1e-9).await;
    bench.update(plant.definition(), vec![counter(), b(1, Acquisition::Subscribe { publish_ms: 40 })]).await;
    plant.publisher.publish(&[float(2, 3.5, Clock::system().now())]).unwrap();
    bench.until("subscribed again", SOON, |seen| (seen.number(1) - 3.5).abs() < 1e-9).await;
    let (told, count) = {
        let seen = bench.seen.lock().unwrap();
        (seen.count(1), seen.number(COUNTER))
    };
    bench.until("counts after that", SOON, |seen| seen.number(COUNTER) > count + 100.0).await;
    assert_eq!(bench.seen.lock().unwrap().count(1), told, "what does not change is not sent");
    plant.counted_without_a_gap(&bench).await;
}

/// The stack asks for no notifications while there is no subscription, and has to begin again.
#[actix_rt::test]
async fn after_its_last_subscription_is_gone_a_link_subscribes_again() {
    let plant = Plant::start().await;
    let bench = start(&plant, vec![counter(), a(1, POLL)]).await;
    for round in 1..=3 {
        bench.update(plant.definition(), vec![a(1, POLL)]).await;
        let polls = bench.seen.lock().unwrap().count(1);
        bench.until("polls alone", SOON, |seen| seen.count(1) > polls + 10).await;
        bench.update(plant.definition(), vec![tag(round + 1, "count", DataType::Integer, SUBSCRIBE), a(1, POLL)]).await;
        bench.until("counts again", SOON, |seen| seen.count(round + 1) > 100).await;
    }
    bench.update(plant.definition(), vec![]).await;
    assert_eq!(bench.status().await.tags, 0);
    bench.update(plant.definition(), vec![tag(9, "count", DataType::Integer, SUBSCRIBE)]).await;
    bench.until("counts again", SOON, |seen| seen.count(9) > 100).await;
    let status = bench.status().await;
    assert_eq!((status.state, status.reconnects), (LinkState::Connected, 0));
}

#[actix_rt::test]
async fn a_new_tag_whose_node_is_unknown_turns_bad_and_counts_until_it_leaves() {
    let plant = Plant::start().await;
    let bench = start(&plant, vec![counter()]).await;
    let malformed = LinkedTag { node: "no address".to_owned(), ..a(3, POLL) };
    let (one, other) = (tag(1, "nowhere", DataType::Float, SUBSCRIBE), tag(2, "nowhere", DataType::Float, POLL));
    bench.update(plant.definition(), vec![counter(), one, other, malformed]).await;
    let unknown = Quality::BAD_NODE_ID_UNKNOWN;
    bench
        .until("bad", SOON, |seen| {
            seen.quality(1) == unknown && seen.quality(2) == unknown && seen.quality(3) == Quality::BAD_NODE_ID_INVALID
        })
        .await;
    while bench.status().await.items_failed != 3 {
        tokio::task::yield_now().await;
    }
    bench.update(plant.definition(), vec![counter()]).await;
    assert_eq!(bench.status().await.items_failed, 0);
    plant.counted_without_a_gap(&bench).await;
}

#[actix_rt::test]
async fn writes_know_the_new_tags_and_no_longer_those_that_left() {
    let plant = Plant::start().await;
    let bench = start(&plant, vec![counter(), a(1, SUBSCRIBE)]).await;
    bench.update(plant.definition(), vec![counter(), b(2, SUBSCRIBE), a(3, POLL)]).await;
    bench.write(2, 7.0).await.unwrap();
    assert_eq!(bench.write(1, 7.0).await, Err(LinkError::UnknownTag(TagId(1))));
    let outputs = DriveOutputs(vec![(TagId(1), Value::Float(8.0)), (TagId(3), Value::Float(9.0))]);
    ask(&bench.manager, outputs, SOON).await.unwrap();
    bench
        .until("what was written", SOON, |seen| {
            (seen.number(2) - 7.0).abs() < 1e-9 && (seen.number(3) - 9.0).abs() < 1e-9
        })
        .await;
    assert_eq!(bench.status().await.write_failures, 0);
}

#[actix_rt::test]
async fn another_endpoint_is_connected_anew_and_the_tags_are_bad_until_then() {
    let (one, other) = (Plant::start().await, Plant::start().await);
    other.publisher.publish(&[float(1, 4.5, Clock::system().now())]).unwrap();
    let bench = start(&one, vec![counter(), a(1, SUBSCRIBE), b(2, POLL)]).await;
    let changed_at = bench.seen.lock().unwrap().all.len();
    bench.update(other.definition(), vec![counter(), a(1, SUBSCRIBE), b(3, POLL)]).await;
    bench
        .until("data of the other device", SOON, |seen| {
            seen.connected() && (seen.number(1) - 4.5).abs() < 1e-9 && (seen.number(3) - 2.5).abs() < 1e-9
        })
        .await;
    let status = bench.status().await;
    assert_eq!((status.state, status.reconnects, &status.endpoint), (LinkState::Connected, 1, &other.endpoint));
    let seen = bench.seen.lock().unwrap();
    let since = || seen.all[changed_at..].iter();
    let bad =
        |tag: u32| since().any(|update| update.tag == TagId(tag) && update.quality == Quality::BAD_NO_COMMUNICATION);
    assert!(bad(1) && bad(COUNTER), "in between nothing was known of the tags");
    assert!(since().any(|update| update.tag == CONNECTED && update.value == Some(Value::Boolean(false))));
}

#[actix_rt::test]
async fn an_endpoint_that_leads_nowhere_is_left_at_once_for_one_that_does() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nowhere = LinkDefinition::new("bench", format!("opc.tcp://{free}/"));
    let bench = Bench::start_tags(nowhere, vec![counter()], |settings| {
        settings.first_retry = Duration::from_secs(600);
        settings.longest_network_retry = Duration::from_secs(600);
    })
    .await;
    bench.until("bad", SOON, |seen| seen.quality(COUNTER) == Quality::BAD_NO_COMMUNICATION).await;
    let plant = Plant::start().await;
    bench.update(plant.definition(), vec![counter(), a(1, SUBSCRIBE)]).await;
    bench.until("data", SOON, |seen| seen.connected() && seen.number(COUNTER) > 0.5 && seen.number(1) > 1.0).await;
}

#[actix_rt::test]
async fn tags_that_come_while_the_device_is_away_are_acquired_when_it_is_there() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let definition = LinkDefinition::new("bench", format!("opc.tcp://{free}/"));
    let old = tag(1, "a", DataType::Float, SUBSCRIBE);
    let bench = Bench::start_tags(definition.clone(), vec![old], |_| {}).await;
    bench.until("bad", SOON, |seen| seen.quality(1) == Quality::BAD_NO_COMMUNICATION).await;
    let new = vec![tag(2, "a", DataType::Float, SUBSCRIBE), tag(3, "count", DataType::Integer, POLL)];
    bench.update(definition, new).await;
    bench.until("bad too", SOON, |seen| seen.quality(2) == Quality::BAD_NO_COMMUNICATION).await;
    let told = bench.seen.lock().unwrap().count(1);
    let (_process, _) = Process::start(&free.to_string());
    bench.until("data", SOON, |seen| seen.connected() && seen.number(2) > 1.0 && seen.number(3) > 0.5).await;
    assert_eq!(bench.seen.lock().unwrap().count(1), told, "of a tag that has left");
    assert_eq!(bench.status().await.tags, 2);
}

#[actix_rt::test]
async fn a_link_takes_another_name_and_tells_of_itself_by_another_tag() {
    let plant = Plant::start().await;
    let bench = start(&plant, vec![counter()]).await;
    let definition = LinkDefinition { name: "pump house".to_owned(), ..plant.definition() };
    let update = UpdateLink { id: LinkId(1), definition, connected_tag: TagId(500), tags: vec![counter()] };
    ask(&bench.manager, update, SOON).await.unwrap().unwrap();
    bench.until("connected", SOON, |seen| seen.shown(500).value == Some(Value::Boolean(true))).await;
    let status = bench.status().await;
    assert_eq!((status.name.as_str(), status.reconnects), ("pump house", 0));
    plant.counted_without_a_gap(&bench).await;
}

#[actix_rt::test]
async fn a_tag_that_goes_to_another_link_leaves_the_one_it_was_on() {
    let plant = Plant::start().await;
    let bench = start(&plant, vec![counter(), a(1, POLL)]).await;
    let definition = LinkDefinition::new("other", &plant.endpoint);
    let link = AddLink { id: LinkId(2), definition, connected_tag: TagId(500), tags: vec![b(1, POLL)] };
    bench.add(link).await;
    bench.until("the other node", SOON, |seen| (seen.number(1) - 2.5).abs() < 1e-9).await;
    let statuses = ask(&bench.manager, ListLinks, SOON).await.unwrap();
    assert_eq!(statuses.iter().map(|status| status.tags).collect::<Vec<_>>(), [1, 1]);
    ask(&bench.manager, RemoveLink(LinkId(1)), SOON).await.unwrap().unwrap();
    let polls = bench.seen.lock().unwrap().count(1);
    bench.until("polls", SOON, |seen| seen.count(1) > polls + 5).await;
    let seen = bench.seen.lock().unwrap();
    assert!(seen.quality(1).is_good() && seen.quality(COUNTER) == Quality::BAD_NOT_CONNECTED);
}

#[actix_rt::test]
async fn a_link_that_is_removed_leaves_its_tags_not_connected() {
    let plant = Plant::start().await;
    let bench = start(&plant, vec![counter(), a(1, POLL), b(2, SUBSCRIBE)]).await;
    bench.update(plant.definition(), vec![counter(), a(1, POLL)]).await;
    ask(&bench.manager, RemoveLink(LinkId(1)), SOON).await.unwrap().unwrap();
    let told = {
        let seen = bench.seen.lock().unwrap();
        let bad = Quality::BAD_NOT_CONNECTED;
        assert_eq!((seen.quality(COUNTER), seen.quality(1), seen.connected()), (bad, bad, false));
        assert!(seen.quality(2).is_good(), "it had left before");
        seen.all.len()
    };
    assert_eq!(ask(&bench.manager, ListLinks, SOON).await.unwrap(), []);
    let unknown = Err(LinkError::UnknownLink(LinkId(1)));
    let update = UpdateLink { id: LinkId(1), definition: plant.definition(), connected_tag: CONNECTED, tags: vec![] };
    assert_eq!(ask(&bench.manager, update, SOON).await.unwrap(), unknown);
    assert_eq!(bench.write(1, 1.0).await, Err(LinkError::UnknownTag(TagId(1))));
    assert_eq!(bench.seen.lock().unwrap().all.len(), told);

    let again = vec![counter(), a(1, POLL)];
    bench.add(AddLink { id: LinkId(1), definition: plant.definition(), connected_tag: CONNECTED, tags: again }).await;
    bench.until("data", SOON, |seen| seen.connected() && seen.quality(COUNTER).is_good()).await;
}

#[actix_rt::test]
async fn a_link_that_comes_back_while_it_is_being_closed_is_not_spoilt_by_its_end() {
    let plant = Plant::start().await;
    let bench = start(&plant, vec![counter(), b(1, SUBSCRIBE)]).await;
    let removed = bench.manager.send(RemoveLink(LinkId(1)));
    let again = vec![counter(), b(1, SUBSCRIBE)];
    let link = AddLink { id: LinkId(1), definition: plant.definition(), connected_tag: CONNECTED, tags: again };
    let (removed, added) = tokio::join!(removed, bench.manager.send(link));
    removed.unwrap().unwrap();
    added.unwrap().unwrap();
    let is_there = |bench: &Bench| {
        let seen = bench.seen.lock().unwrap();
        seen.connected() && seen.quality(1).is_good() && seen.quality(COUNTER).is_good()
    };
    bench.until("data", SOON, |seen| seen.connected() && seen.quality(1).is_good()).await;
    let count = bench.seen.lock().unwrap().number(COUNTER);
    bench.until("counts", SOON, |seen| seen.number(COUNTER) > count + 100.0).await;
    assert!(is_there(&bench));
}
