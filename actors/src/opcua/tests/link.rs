//! What a link does while all is well.

use super::probe::Bench;
use crate::Clock;
use crate::opcua::device::{Device, DeviceVariable, Publisher, Sample};
use crate::opcua::{DriveOutputs, LinkError, LinkState};
use crate::send::ask;
use crate::simulation::Simulator;
use flyball_schema::definition::LinkDefinition;
use flyball_schema::{DataType, Quality, TagId, Timestamp, Value};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const SOON: Duration = Duration::from_secs(5);

/// A device that takes what is written, on a free port.
pub(super) async fn device(variables: Vec<DeviceVariable>) -> (String, Publisher, CancellationToken) {
    let device = Device::bind("127.0.0.1:0", "test", variables, Box::new(|_, value| Ok(value))).await.unwrap();
    let (endpoint, publisher, stop) = (device.endpoint().to_owned(), device.publisher(), CancellationToken::new());
    tokio::spawn(device.run_until(stop.clone().cancelled_owned()));
    (endpoint, publisher, stop)
}

pub(super) fn float(variable: usize, value: f64, time: Timestamp) -> Sample {
    Sample { variable, value: value.into(), quality: Quality::GOOD, time }
}

#[actix_rt::test]
async fn values_arrive_with_source_time_and_quality() {
    let simulator = Simulator::bind("127.0.0.1:0").await.unwrap().spawn();
    let nodes = [("ns=2;s=tank1.level", DataType::Float), ("ns=2;s=heartbeat", DataType::Integer)];
    let before = Clock::system().now();
    let bench = Bench::start(&simulator.endpoint(), &nodes).await;
    bench.until("levels and heartbeat", SOON, |seen| seen.connected() && seen.number(1) > 3.0).await;
    {
        let seen = bench.seen.lock().unwrap();
        let level = seen.shown(0);
        assert!((4.9..5.5).contains(&seen.number(0)), "{level:?}");
        assert!(level.quality.is_good());
        let time = level.source_time.unwrap();
        assert!(time >= before && time <= Clock::system().now(), "{time}");
    }
    let status = bench.status().await;
    assert_eq!((status.state, status.reason, status.items_failed), (LinkState::Connected, None, 0));
    assert!(status.changes > 3 && status.batches > 0);
    simulator.stop().await.unwrap();
}

#[actix_rt::test]
async fn every_change_arrives_once_and_in_order() {
    let (endpoint, publisher, _stop) =
        device(vec![DeviceVariable::new("a", 0_i64), DeviceVariable::new("b", 0_i64)]).await;
    let bench = Bench::start(&endpoint, &[("ns=2;s=a", DataType::Integer), ("ns=2;s=b", DataType::Integer)]).await;
    bench.until("connected", SOON, |seen| seen.connected() && seen.tags.len() == 3).await;
    let clock = Clock::system();
    for count in 1..=1_000_i64 {
        let sample = |variable| Sample { variable, value: count.into(), quality: Quality::GOOD, time: clock.now() };
        publisher.publish(&[sample(0), sample(1)]).unwrap();
        if count % 5 == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    bench.until("the last count", SOON, |seen| seen.number(0) >= 1_000.0 && seen.number(1) >= 1_000.0).await;
    assert_eq!(bench.status().await.gaps, 0);
    let seen = bench.seen.lock().unwrap();
    for tag in [TagId(0), TagId(1)] {
        let counts = seen.all.iter().filter(|update| update.tag == tag).filter_map(|update| update.value.clone());
        let wrong = counts.zip(0..).find(|(count, expected)| *count != Value::Integer(*expected));
        assert_eq!(wrong, None, "of tag {tag}");
    }
}

#[actix_rt::test]
async fn changes_that_the_device_lost_are_counted() {
    let (endpoint, publisher, _stop) = device(vec![DeviceVariable::new("a", 0_i64)]).await;
    let definition = LinkDefinition { publish_ms: 100, queue: 5, ..LinkDefinition::new("bench", &endpoint) };
    let bench = Bench::start_with(definition, &[("ns=2;s=a", DataType::Integer)], |_| {}).await;
    bench.until("the first value", SOON, |seen| seen.connected() && seen.shown(0).value.is_some()).await;
    let time = Clock::system().now();
    for count in 1..=50_i64 {
        publisher.publish(&[Sample { variable: 0, value: count.into(), quality: Quality::GOOD, time }]).unwrap();
    }
    bench.until("the last count", SOON, |seen| seen.number(0) > 49.5).await;
    assert!(bench.status().await.gaps > 0);
}

#[actix_rt::test]
async fn an_unknown_node_makes_its_tag_bad_and_the_others_go_on() {
    let (endpoint, publisher, _stop) = device(vec![DeviceVariable::new("a", 1.0)]).await;
    let nodes = [
        ("ns=2;s=a", DataType::Float),
        ("ns=2;s=nowhere", DataType::Float),
        ("no address", DataType::Float),
        ("ns=2;s=a", DataType::Boolean),
    ];
    let bench = Bench::start(&endpoint, &nodes).await;
    bench.until("all tags", SOON, |seen| seen.connected() && seen.tags.len() == 5).await;
    publisher.publish(&[float(0, 2.0, Timestamp::from_micros(1_000_000))]).unwrap();
    bench.until("the second value", SOON, |seen| seen.number(0) > 1.5).await;
    {
        let seen = bench.seen.lock().unwrap();
        assert_eq!(seen.quality(1), Quality::BAD_NODE_ID_UNKNOWN);
        assert_eq!(seen.quality(2), Quality::BAD_NODE_ID_INVALID);
        assert_eq!(seen.quality(3), Quality::BAD_TYPE_MISMATCH);
        assert_eq!(seen.shown(0).source_time, Some(Timestamp::from_micros(1_000_000)));
    }
    let status = bench.status().await;
    assert_eq!((status.state, status.items_failed), (LinkState::Connected, 2));
}

#[actix_rt::test]
async fn a_bad_value_of_the_device_keeps_the_last_good_one_and_its_reason() {
    let (endpoint, publisher, _stop) = device(vec![DeviceVariable::new("a", 1.0)]).await;
    let bench = Bench::start(&endpoint, &[("ns=2;s=a", DataType::Float)]).await;
    bench.until("the first value", SOON, |seen| seen.number(0) > 0.5).await;
    let time = Timestamp::from_micros(2_000_000);
    publisher.publish(&[Sample { quality: Quality::BAD_SENSOR_FAILURE, ..float(0, 1.0, time) }]).unwrap();
    bench.until("bad", SOON, |seen| seen.quality(0) == Quality::BAD_SENSOR_FAILURE).await;
    assert!(bench.seen.lock().unwrap().number(0) > 0.5);
}

#[actix_rt::test]
async fn a_write_reaches_the_device_and_a_refused_one_says_why() {
    let simulator = Simulator::bind("127.0.0.1:0").await.unwrap().spawn();
    let nodes = [
        ("ns=2;s=pump1.voltage", DataType::Float),
        ("ns=2;s=tank1.level", DataType::Float),
        ("ns=2;s=nowhere", DataType::Float),
    ];
    let bench = Bench::start(&simulator.endpoint(), &nodes).await;
    bench.until("connected", SOON, |seen| seen.connected() && seen.number(0) > 2.9).await;
    bench.write(0, 4.5).await.unwrap();
    bench.until("what was written", SOON, |seen| (seen.number(0) - 4.5).abs() < 1e-9).await;
    let refused = |tag: u32, status: &str| Err(LinkError::Refused { tag: TagId(tag), status: status.to_owned() });
    assert_eq!(bench.write(1, 4.5).await, refused(1, "not writable"));
    assert_eq!(bench.write(2, 4.5).await, refused(2, "node id unknown"));
    assert_eq!(bench.write(7, 4.5).await, Err(LinkError::UnknownTag(TagId(7))));
    ask(&bench.manager, DriveOutputs(vec![(TagId(0), Value::Float(2.5))]), SOON).await.unwrap();
    bench.until("the output", SOON, |seen| (seen.number(0) - 2.5).abs() < 1e-9).await;
    assert_eq!(bench.status().await.write_failures, 2);
}

#[actix_rt::test]
async fn closing_writes_what_was_asked_for_and_is_quick() {
    let simulator = Simulator::bind("127.0.0.1:0").await.unwrap().spawn();
    let bench = Bench::start(&simulator.endpoint(), &[("ns=2;s=pump1.voltage", DataType::Float)]).await;
    bench.until("connected", SOON, |seen| seen.connected()).await;
    let other = Bench::start(&simulator.endpoint(), &[("ns=2;s=pump1.voltage", DataType::Float)]).await;
    other.until("connected", SOON, |seen| seen.connected()).await;
    ask(&bench.manager, DriveOutputs(vec![(TagId(0), Value::Float(1.5))]), SOON).await.unwrap();
    bench.until("a value", SOON, |seen| seen.quality(0).is_good()).await;
    let begun = tokio::time::Instant::now();
    bench.close().await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    other.until("the output", SOON, |seen| (seen.number(0) - 1.5).abs() < 1e-9).await;
    assert!(bench.seen.lock().unwrap().quality(0).is_good(), "an orderly end is no loss of communication");
    other.close().await;
    simulator.stop().await.unwrap();
}
