//! Tags that are polled, alone and beside subscribed ones.

use super::link::{device, float};
use super::loss::{Process, address_of};
use super::probe::{Bench, tag};
use crate::Clock;
use crate::opcua::device::{DeviceVariable, Sample};
use crate::opcua::{Acquisition, LinkState, LinkedTag};
use flyball_schema::definition::LinkDefinition;
use flyball_schema::{DataType, Quality, TagId, Timestamp, Value};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(5);

const POLL: Acquisition = Acquisition::Poll { interval_ms: 20 };

const SUBSCRIBE: Acquisition = Acquisition::Subscribe { publish_ms: 20 };

async fn start(endpoint: &str, tags: Vec<LinkedTag>) -> Bench {
    let definition = LinkDefinition { queue: 1_000, ..LinkDefinition::new("bench", endpoint) };
    Bench::start_tags(definition, tags, |_| {}).await
}

#[actix_rt::test]
async fn polled_values_arrive_with_the_device_s_time_and_again_when_nothing_has_changed() {
    let (endpoint, publisher, _stop) = device(vec![DeviceVariable::new("a", 1.0)]).await;
    let bench = start(&endpoint, vec![tag(0, "a", DataType::Float, POLL)]).await;
    bench.until("the initial value", SOON, |seen| seen.connected() && seen.number(0) > 0.5).await;
    let time = Timestamp::from_micros(1_000_000);
    publisher.publish(&[float(0, 2.5, time)]).unwrap();
    bench.until("the new value", SOON, |seen| seen.number(0) > 2.4).await;
    let polls = bench.seen.lock().unwrap().count(0);
    bench.until("the same value again and again", SOON, |seen| seen.count(0) >= polls + 5).await;
    {
        let seen = bench.seen.lock().unwrap();
        let last: Vec<_> = seen.all.iter().rev().filter(|update| update.tag == TagId(0)).take(5).collect();
        assert!(last.iter().all(|update| update.value == Some(Value::Float(2.5)) && update.quality.is_good()));
        assert!(last.iter().all(|update| update.source_time == Some(time)), "{last:?}");
    }
    let status = bench.status().await;
    assert_eq!((status.state, status.read_failures, status.items_failed), (LinkState::Connected, 0, 0));
    assert!(status.changes > 5 && status.batches > 5);
}

#[actix_rt::test]
async fn a_polled_node_that_is_unknown_makes_its_tag_bad_and_the_others_go_on() {
    let (endpoint, publisher, _stop) = device(vec![DeviceVariable::new("a", 1.0)]).await;
    let malformed = LinkedTag { node: "no address".to_owned(), ..tag(2, "", DataType::Float, POLL) };
    let tags = vec![
        tag(0, "a", DataType::Float, POLL),
        tag(1, "nowhere", DataType::Float, POLL),
        malformed,
        tag(3, "a", DataType::Boolean, POLL),
    ];
    let bench = start(&endpoint, tags).await;
    bench.until("all tags", SOON, |seen| seen.connected() && seen.tags.len() == 5).await;
    publisher.publish(&[float(0, 2.0, Clock::system().now())]).unwrap();
    bench.until("the second value", SOON, |seen| seen.number(0) > 1.5).await;
    {
        let seen = bench.seen.lock().unwrap();
        assert_eq!(seen.quality(1), Quality::BAD_NODE_ID_UNKNOWN);
        assert_eq!(seen.quality(2), Quality::BAD_NODE_ID_INVALID);
        assert_eq!(seen.quality(3), Quality::BAD_TYPE_MISMATCH);
    }
    let status = bench.status().await;
    assert_eq!((status.state, status.tags, status.items_failed), (LinkState::Connected, 4, 2));
}

#[actix_rt::test]
async fn a_polled_value_that_is_bad_keeps_the_last_good_one_and_the_reason() {
    let (endpoint, publisher, _stop) = device(vec![DeviceVariable::new("a", 1.0)]).await;
    let bench = start(&endpoint, vec![tag(0, "a", DataType::Float, POLL)]).await;
    bench.until("the first value", SOON, |seen| seen.number(0) > 0.5).await;
    let bad = Sample { quality: Quality::BAD_SENSOR_FAILURE, ..float(0, 1.0, Clock::system().now()) };
    publisher.publish(&[bad]).unwrap();
    bench.until("bad", SOON, |seen| seen.quality(0) == Quality::BAD_SENSOR_FAILURE).await;
    assert!(bench.seen.lock().unwrap().number(0) > 0.5);
    assert_eq!(bench.status().await.items_failed, 0, "a bad value is served");
}

#[actix_rt::test]
async fn polled_and_subscribed_tags_live_on_one_link() {
    let variables = vec![DeviceVariable::new("a", 1.0), DeviceVariable::new("b", 0_i64)];
    let (endpoint, publisher, _stop) = device(variables).await;
    let tags = vec![
        tag(0, "a", DataType::Float, POLL),
        tag(1, "a", DataType::Float, Acquisition::Poll { interval_ms: 50 }),
        tag(2, "b", DataType::Integer, SUBSCRIBE),
    ];
    let bench = start(&endpoint, tags).await;
    bench.until("all tags", SOON, |seen| seen.connected() && seen.tags.len() == 4).await;
    let time = Clock::system().now();
    for count in 1..=200_i64 {
        publisher.publish(&[Sample { variable: 1, value: count.into(), quality: Quality::GOOD, time }]).unwrap();
        publisher.publish(&[float(0, 3.0, time)]).unwrap();
    }
    bench
        .until("the last values", SOON, |seen| {
            seen.number(2) > 199.5 && seen.number(0) > 2.5 && seen.number(1) > 2.5 && seen.count(0) > 20
        })
        .await;
    let seen = bench.seen.lock().unwrap();
    let counts = seen.all.iter().filter(|update| update.tag == TagId(2)).map(|update| update.value.clone());
    let expected: Vec<_> = (0..=200).map(|count| Some(Value::Integer(count))).collect();
    assert_eq!(counts.collect::<Vec<_>>(), expected);
}

#[actix_rt::test]
async fn a_polled_tag_is_written_to_like_any_other() {
    let (endpoint, _publisher, _stop) = device(vec![DeviceVariable::new("a", 1.0).writable()]).await;
    let bench = start(&endpoint, vec![tag(0, "a", DataType::Float, POLL)]).await;
    bench.until("connected", SOON, |seen| seen.connected() && seen.number(0) > 0.5).await;
    bench.write(0, 4.5).await.unwrap();
    bench.until("what was written", SOON, |seen| (seen.number(0) - 4.5).abs() < 1e-9).await;
}

#[actix_rt::test]
async fn a_link_with_polled_tags_alone_is_lost_and_found_again_with_its_device() {
    let (mut process, endpoint) = Process::start("127.0.0.1:0");
    let tags = vec![tag(0, "a", DataType::Float, POLL), tag(1, "count", DataType::Integer, POLL)];
    let bench = start(&endpoint, tags).await;
    bench.until("data", SOON, |seen| seen.connected() && seen.number(1) > 1.0 && seen.quality(0).is_good()).await;
    process.kill();
    let bad = Quality::BAD_NO_COMMUNICATION;
    bench
        .until("the loss", Duration::from_secs(1), |seen| {
            !seen.connected() && seen.quality(0) == bad && seen.quality(1) == bad
        })
        .await;
    let (_process, _) = Process::start(&address_of(&endpoint));
    bench
        .until("data again", SOON, |seen| seen.connected() && seen.quality(0).is_good() && seen.quality(1).is_good())
        .await;
    assert_eq!(bench.status().await.reconnects, 1);
}
