//! What people see when a device goes away, and when it is back.

use super::probe::Bench;
use crate::Clock;
use crate::opcua::device::{Device, DeviceVariable, Sample};
use crate::opcua::{LinkError, LinkState};
use flyball_schema::definition::LinkDefinition;
use flyball_schema::{DataType, Quality};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::time::{Instant, sleep};

const SOON: Duration = Duration::from_secs(5);

/// A device in a runtime of its own, which can be torn down like a process. Its variable `a` never changes, `count` does
/// every 20 ms.
pub(super) struct Process(Option<Runtime>);

impl Process {
    /// Starts on `address` and tells the endpoint.
    pub(super) fn start(address: &str) -> (Self, String) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let variables = vec![DeviceVariable::new("a", 1.5), DeviceVariable::new("count", 0_i64)];
        let (told, endpoint) = std::sync::mpsc::channel();
        let address = address.to_owned();
        runtime.spawn(async move {
            let device = bind(&address, variables).await;
            let publisher = device.publisher();
            told.send(device.endpoint().to_owned()).unwrap();
            tokio::spawn(device.run_until(std::future::pending()));
            let clock = Clock::system();
            for count in 1_i64.. {
                let sample = Sample { variable: 1, value: count.into(), quality: Quality::GOOD, time: clock.now() };
                publisher.publish(&[sample]).unwrap();
                sleep(Duration::from_millis(20)).await;
            }
        });
        (Self(Some(runtime)), endpoint.recv_timeout(SOON).unwrap())
    }

    /// Ends at once, without a word to its clients.
    pub(super) fn kill(&mut self) {
        self.0.take().unwrap().shutdown_background();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// The port of a device that was killed a moment ago is free soon.
async fn bind(address: &str, variables: Vec<DeviceVariable>) -> Device {
    for _ in 0..100 {
        match Device::bind(address, "process", variables.clone(), Box::new(|_, value| Ok(value))).await {
            Ok(device) => return device,
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
    panic!("{address} stays taken");
}

pub(super) fn address_of(endpoint: &str) -> String {
    endpoint.trim_start_matches("opc.tcp://").trim_end_matches('/').to_owned()
}

const NODES: [(&str, DataType); 3] =
    [("ns=2;s=a", DataType::Float), ("ns=2;s=count", DataType::Integer), ("ns=2;s=nowhere", DataType::Float)];

#[actix_rt::test]
async fn after_a_killed_device_is_back_so_is_its_data_changing_or_not() {
    let (mut process, endpoint) = Process::start("127.0.0.1:0");
    let bench = Bench::start(&endpoint, &NODES).await;
    bench.until("data", SOON, |seen| seen.connected() && seen.number(1) > 1.0 && seen.quality(0).is_good()).await;

    process.kill();
    bench
        .until("the loss", Duration::from_secs(1), |seen| {
            !seen.connected() && (0..3).all(|tag| seen.quality(tag) == Quality::BAD_NO_COMMUNICATION)
        })
        .await;
    assert!((bench.seen.lock().unwrap().number(0) - 1.5).abs() < 1e-9, "the last value stays visible");
    let status = bench.status().await;
    assert_eq!(status.state, LinkState::Lost);
    assert!(status.reason.is_some());
    assert_eq!(bench.write(0, 2.0).await, Err(LinkError::NotConnected("bench".to_owned())));

    for round in 1..=3 {
        let (mut process, _) = Process::start(&address_of(&endpoint));
        bench
            .until("data again", SOON, |seen| {
                let good = seen.quality(0).is_good() && seen.quality(1).is_good() && seen.connected();
                good && seen.quality(2) == Quality::BAD_NODE_ID_UNKNOWN
            })
            .await;
        let status = bench.status().await;
        assert_eq!((status.state, status.reconnects, status.reason), (LinkState::Connected, round, None));
        process.kill();
        bench.until("the loss", Duration::from_secs(1), |seen| !seen.connected()).await;
    }
}

#[actix_rt::test]
async fn a_device_that_was_never_there_is_told_and_found_when_it_comes() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("opc.tcp://{free}/");
    let bench = Bench::start(&endpoint, &NODES).await;
    bench.until("bad", SOON, |seen| seen.quality(0) == Quality::BAD_NO_COMMUNICATION && !seen.connected()).await;
    let status = bench.status().await;
    assert_eq!((status.state, status.reason.as_deref()), (LinkState::Connecting, Some("connection refused")));
    let told = bench.seen.lock().unwrap().all.len();

    let (_process, _) = Process::start(&free.to_string());
    bench.until("data", SOON, |seen| seen.connected() && seen.number(1) > 1.0 && seen.quality(0).is_good()).await;
    let status = bench.status().await;
    assert_eq!((status.state, status.reconnects), (LinkState::Connected, 0));
    assert_eq!(told, NODES.len() + 1, "told once, not at every attempt");
}

/// Between a link and a device: forwards, until it holds its peace without closing anything.
async fn proxy(target: String) -> (String, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("opc.tcp://{}/", listener.local_addr().unwrap());
    let silent = Arc::new(AtomicBool::new(false));
    let muted = Arc::clone(&silent);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&target).await.unwrap();
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            tokio::spawn(forward(from_client, to_server, Arc::clone(&muted)));
            tokio::spawn(forward(from_server, to_client, Arc::clone(&muted)));
        }
    });
    (endpoint, silent)
}

async fn forward(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    muted: Arc<AtomicBool>,
) {
    let mut buffer = vec![0; 65_536];
    while let Ok(size @ 1..) = from.read(&mut buffer).await {
        while muted.load(Ordering::Relaxed) {
            sleep(Duration::from_millis(10)).await;
        }
        if to.write_all(&buffer[..size]).await.is_err() {
            return;
        }
    }
}

#[actix_rt::test]
async fn a_half_open_connection_is_lost_within_ten_seconds() {
    let (_process, endpoint) = Process::start("127.0.0.1:0");
    let (through, silent) = proxy(address_of(&endpoint)).await;
    let bench = Bench::start(&through, &NODES).await;
    bench.until("data", SOON, |seen| seen.connected() && seen.number(1) > 1.0).await;
    silent.store(true, Ordering::Relaxed);
    let begun = Instant::now();
    bench
        .until("the loss", Duration::from_secs(10), |seen| {
            !seen.connected() && seen.quality(1) == Quality::BAD_NO_COMMUNICATION
        })
        .await;
    assert!(begun.elapsed() > Duration::from_secs(5), "no sooner than a slow device may take");
    assert_eq!(bench.status().await.reason.as_deref(), Some("no answer"));
    silent.store(false, Ordering::Relaxed);
    bench.until("data again", SOON, |seen| seen.connected() && seen.quality(1).is_good()).await;
}

#[actix_rt::test]
async fn a_link_that_never_connects_is_closed_at_once() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let definition = LinkDefinition::new("bench", format!("opc.tcp://{free}/"));
    let bench = Bench::start_with(definition, &NODES, |settings| settings.first_retry = Duration::from_secs(30)).await;
    bench.until("bad", SOON, |seen| seen.quality(0) == Quality::BAD_NO_COMMUNICATION).await;
    let begun = Instant::now();
    bench.close().await;
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
}
