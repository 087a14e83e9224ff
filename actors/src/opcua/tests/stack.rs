//! The defects of async-opcua 0.19.0 that this module works round, shown on the bare stack. A test that fails here after an
//! upgrade says that its remedy can go.

use opcua::client::{
    Client, ClientBuilder, IdentityToken, MonitoredItemMap, OnSubscriptionNotificationCore, Session, SessionActivity,
    SessionPollResult,
};
use opcua::server::address_space::{AddressSpace, VariableBuilder};
use opcua::server::diagnostics::NamespaceMetadata;
use opcua::server::node_manager::memory::{SimpleNodeManager, simple_node_manager};
use opcua::server::{Server, ServerBuilder, ServerHandle};
use opcua::types::{
    AttributeId, DataChangeNotification, DataTypeId, DataValue, DateTime, EndpointDescription, MessageSecurityMode,
    MonitoredItemCreateRequest, MonitoringMode, MonitoringParameters, NodeId, NotificationMessage, NumericRange,
    ObjectId, ReadValueId, StatusCode, TimestampsToReturn, UserTokenPolicy, Variant, WriteValue,
};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::time::{sleep, timeout};

const SOON: Duration = Duration::from_secs(5);

/// How long nothing must come for it to count as never; many times the publishing interval.
const NEVER: Duration = Duration::from_millis(1_500);

/// Sampling interval of the items that show what sampling does.
const SAMPLING: Duration = Duration::from_millis(200);

/// A server as the stack makes it, in a runtime that can be torn down, with a Double variable `a`.
struct Bare {
    runtime: Option<Runtime>,
    handle: ServerHandle,
    nodes: Arc<SimpleNodeManager>,
    address: String,
    _pki: tempfile::TempDir,
}

impl Bare {
    fn start(address: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let pki = tempfile::tempdir().unwrap();
        let (folder, wanted) = (pki.path().to_owned(), address.to_owned());
        let (told, started) = std::sync::mpsc::channel();
        runtime.spawn(async move {
            let listener = listen(&wanted).await;
            let local = listener.local_addr().unwrap();
            let (server, handle) = build(local, folder);
            told.send((handle, local.to_string())).unwrap();
            server.run_with(listener).await.unwrap();
        });
        let (handle, address) = started.recv_timeout(SOON).unwrap();
        let nodes = handle.node_managers().get_of_type::<SimpleNodeManager>().unwrap();
        insert(&mut nodes.address_space().write());
        Self { runtime: Some(runtime), handle, nodes, address, _pki: pki }
    }

    fn set(&self, value: DataValue) {
        self.nodes.set_value(self.handle.subscriptions(), &node("a"), None, value).unwrap();
    }

    fn kill(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn build(local: SocketAddr, pki: PathBuf) -> (Server, ServerHandle) {
    let namespace = NamespaceMetadata { namespace_uri: "urn:bare".to_owned(), ..Default::default() };
    let mut builder = ServerBuilder::new_anonymous("bare")
        .application_uri("urn:bare:server")
        .product_uri("urn:bare")
        .host("127.0.0.1")
        .port(local.port())
        .discovery_urls(vec![format!("opc.tcp://{local}/")])
        .pki_dir(pki)
        .subscription_poll_interval_ms(10)
        .with_node_manager(simple_node_manager(namespace, "bare"));
    builder.limits_mut().subscriptions.min_publishing_interval_ms = 20.0;
    builder.limits_mut().subscriptions.min_sampling_interval_ms = 0.0;
    builder.build().unwrap()
}

async fn listen(address: &str) -> TcpListener {
    for _ in 0..100 {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
    panic!("{address} stays taken");
}

fn node(name: &str) -> NodeId {
    NodeId::from_str(&format!("ns=2;s={name}")).unwrap()
}

fn insert(space: &mut AddressSpace) {
    VariableBuilder::new(&node("a"), "a", "a")
        .data_type(DataTypeId::Double)
        .value(0.0)
        .writable()
        .organized_by(ObjectId::ObjectsFolder)
        .insert(space);
}

fn double(value: f64) -> DataValue {
    DataValue::new_now(value)
}

/// A client as the stack makes it.
fn client(folder: &std::path::Path) -> Client {
    ClientBuilder::new()
        .application_name("bare")
        .application_uri("urn:bare:client")
        .product_uri("urn:bare")
        .pki_dir(folder)
        .session_retry_initial(Duration::from_millis(50))
        .session_retry_max(Duration::from_millis(200))
        .keep_alive_interval(Duration::from_millis(200))
        .client()
        .unwrap()
}

fn endpoint(address: &str) -> EndpointDescription {
    let url = format!("opc.tcp://{address}/");
    (url.as_str(), "None", MessageSecurityMode::None, UserTokenPolicy::anonymous()).into()
}

/// A running session of the bare client.
struct Connected {
    session: Arc<Session>,
    /// Reconnections, and keep-alives that succeeded since the last.
    progress: Arc<Mutex<(u32, u32)>>,
    received: Arc<Mutex<Vec<DataValue>>>,
    driver: tokio::task::JoinHandle<()>,
    _pki: tempfile::TempDir,
}

impl Connected {
    async fn to(bare: &Bare) -> Self {
        use futures_util::StreamExt;
        let pki = tempfile::tempdir().unwrap();
        let endpoint = endpoint(&bare.address);
        let (session, event_loop) =
            client(pki.path()).connect_to_endpoint_directly(endpoint, IdentityToken::Anonymous).unwrap();
        let progress = Arc::new(Mutex::new((0, 0)));
        let shared = Arc::clone(&progress);
        let driver = tokio::spawn(async move {
            let mut events = Box::pin(event_loop.enter());
            while let Some(Ok(event)) = events.next().await {
                let mut progress = shared.lock().unwrap();
                match event {
                    SessionPollResult::Reconnected(_) => *progress = (progress.0 + 1, 0),
                    SessionPollResult::SessionActivity(SessionActivity::KeepAliveSucceeded) => progress.1 += 1,
                    _ => {}
                }
            }
        });
        let connected = Self { session, progress, received: Arc::default(), driver, _pki: pki };
        connected.until("connected", |connected| connected.progress.lock().unwrap().0 == 1).await;
        connected
    }

    async fn until(&self, what: &str, reached: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !reached(self) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(timeout(SOON, waiting).await.is_ok(), "not reached: {what}; {:?}", self.values());
    }

    /// Subscribes to variables and tells the status of each.
    async fn subscribe(&self, names: &[&str], sampling: Duration, queue_size: u32) -> (u32, Vec<StatusCode>) {
        let listener = Listener(Arc::clone(&self.received));
        let interval = Duration::from_millis(50);
        let id = self.session.create_subscription(interval, 1_000, 10, 0, 0, true, listener).await.unwrap();
        let request = |name: &&str| MonitoredItemCreateRequest {
            item_to_monitor: ReadValueId::new_value(node(name)),
            monitoring_mode: MonitoringMode::Reporting,
            requested_parameters: MonitoringParameters {
                sampling_interval: sampling.as_secs_f64() * 1_000.0,
                queue_size,
                discard_oldest: true,
                ..Default::default()
            },
        };
        let requests = names.iter().map(request).collect();
        let made = self.session.create_monitored_items(id, TimestampsToReturn::Both, requests).await.unwrap();
        (id, made.into_iter().map(|item| item.result.status_code).collect())
    }

    fn values(&self) -> Vec<f64> {
        let received = self.received.lock().unwrap();
        received
            .iter()
            .filter_map(|value| if let Some(Variant::Double(value)) = value.value { Some(value) } else { None })
            .collect()
    }

    fn has(&self, wanted: f64) -> bool {
        self.values().iter().any(|value| (value - wanted).abs() < 1e-9)
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

struct Listener(Arc<Mutex<Vec<DataValue>>>);

impl OnSubscriptionNotificationCore for Listener {
    fn on_subscription_notification(&mut self, message: NotificationMessage, _items: MonitoredItemMap<'_>) {
        for object in message.notification_data.unwrap_or_default() {
            if let Some(change) = object.into_inner_as::<DataChangeNotification>() {
                let values = change.monitored_items.unwrap_or_default().into_iter().map(|item| item.value);
                self.0.lock().unwrap().extend(values);
            }
        }
    }
}

#[tokio::test]
async fn client_after_a_reconnection_no_data_comes_until_publishing_is_triggered() {
    let mut bare = Bare::start("127.0.0.1:0");
    let connected = Connected::to(&bare).await;
    connected.subscribe(&["a"], Duration::ZERO, 10).await;
    bare.set(double(1.0));
    connected.until("the first value", |connected| connected.has(1.0)).await;
    bare.kill();
    let again = Bare::start(&bare.address);
    // Several keep-alives have been answered: the session is as alive as it can be.
    connected.until("reconnected", |connected| matches!(*connected.progress.lock().unwrap(), (2.., 3..))).await;
    again.set(double(2.0));
    sleep(NEVER).await;
    assert!(!connected.has(2.0), "data comes by itself now: the trigger after a reconnection can go");
    connected.session.trigger_publish_now();
    connected.until("data after the trigger", |connected| connected.has(2.0)).await;
}

#[tokio::test]
async fn client_forgets_items_that_failed() {
    let bare = Bare::start("127.0.0.1:0");
    let connected = Connected::to(&bare).await;
    let (id, _) = connected.subscribe(&["a"], Duration::ZERO, 10).await;
    let refused = MonitoredItemCreateRequest {
        item_to_monitor: ReadValueId::new_value(NodeId::new(9, "of nobody")),
        monitoring_mode: MonitoringMode::Reporting,
        requested_parameters: MonitoringParameters::default(),
    };
    let made = connected.session.create_monitored_items(id, TimestampsToReturn::Both, vec![refused]).await.unwrap();
    assert!(made[0].result.status_code.is_bad());
    let state = connected.session.subscription_state().lock();
    assert_eq!(state.get(id).unwrap().monitored_items().count(), 1, "it would be tried again after a reconnection");
}

#[test]
fn client_never_gives_up_a_half_open_connection_by_default() {
    let config = serde_json::to_value(ClientBuilder::new().into_config()).unwrap();
    assert_eq!(config["max_failed_keep_alive_count"], 0);
}

#[tokio::test]
async fn client_waits_for_a_connection_for_ever_once_its_loop_has_ended() {
    let (free, pki) =
        (std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap(), tempfile::tempdir().unwrap());
    let mut config = ClientBuilder::new().application_name("bare").application_uri("urn:bare:client");
    config = config.product_uri("urn:bare").pki_dir(pki.path()).session_retry_limit(0);
    let mut client = config.client().unwrap();
    let (session, event_loop) =
        client.connect_to_endpoint_directly(endpoint(&free.to_string()), IdentityToken::Anonymous).unwrap();
    assert!(timeout(SOON, event_loop.spawn()).await.unwrap().unwrap().is_bad(), "the loop has ended");
    assert!(timeout(Duration::from_millis(300), session.wait_for_connection()).await.is_err());
}

#[tokio::test]
async fn server_keeps_the_last_value_of_a_burst_back_and_falsifies_its_time() {
    let bare = Bare::start("127.0.0.1:0");
    let connected = Connected::to(&bare).await;
    connected.subscribe(&["a"], SAMPLING, 10).await;
    connected.until("the initial value", |connected| connected.has(0.0)).await;
    sleep(SAMPLING * 2).await;
    let time = DateTime::now();
    bare.set(DataValue::new_at(1.0, time));
    bare.set(DataValue::new_at(2.0, time));
    connected.until("the first of the burst", |connected| connected.has(1.0)).await;
    sleep(NEVER).await;
    assert!(!connected.has(2.0), "the last value is sent now: items need not sample as good as continuously");
    bare.set(double(3.0));
    connected.until("the value after", |connected| connected.has(3.0)).await;
    let received = connected.received.lock().unwrap();
    let second = received.iter().find(|value| value.value == Some(Variant::Double(2.0))).unwrap();
    assert_ne!(second.source_timestamp, Some(time), "source times are true now");
}

#[tokio::test]
async fn server_does_not_send_a_change_of_status_alone() {
    let bare = Bare::start("127.0.0.1:0");
    let connected = Connected::to(&bare).await;
    connected.subscribe(&["a"], Duration::ZERO, 10).await;
    bare.set(double(1.0));
    bare.set(DataValue::new_now_status(1.0, StatusCode::BadSensorFailure));
    bare.set(double(2.0));
    connected.until("the value after", |connected| connected.has(2.0)).await;
    assert!(connected.received.lock().unwrap().iter().all(|value| value.status().is_good()));
}

#[tokio::test]
async fn server_forgets_the_status_of_a_variable_without_a_value() {
    let bare = Bare::start("127.0.0.1:0");
    let connected = Connected::to(&bare).await;
    connected.subscribe(&["a"], Duration::ZERO, 10).await;
    bare.set(double(1.0));
    bare.set(DataValue { status: Some(StatusCode::BadSensorFailure), ..DataValue::null() });
    bare.set(double(2.0));
    connected.until("the value after", |connected| connected.has(2.0)).await;
    assert!(connected.received.lock().unwrap().iter().all(|value| value.status().is_good()));
}

#[tokio::test]
async fn server_sets_the_overflow_bit_at_a_queue_of_one() {
    let bare = Bare::start("127.0.0.1:0");
    let connected = Connected::to(&bare).await;
    connected.subscribe(&["a"], Duration::ZERO, 1).await;
    connected.until("the initial value", |connected| connected.has(0.0)).await;
    bare.set(double(1.0));
    bare.set(double(2.0));
    connected.until("the last value", |connected| connected.has(2.0)).await;
    let status = connected.received.lock().unwrap().last().unwrap().status();
    assert!(status != StatusCode::Good && status.is_good(), "{status:?}");
}

#[tokio::test]
async fn server_takes_a_scalar_of_the_wrong_type() {
    let bare = Bare::start("127.0.0.1:0");
    let connected = Connected::to(&bare).await;
    let write = |value: Variant| WriteValue {
        node_id: node("a"),
        attribute_id: AttributeId::Value as u32,
        index_range: NumericRange::None,
        value: DataValue::value_only(value),
    };
    let results = connected.session.write(&[write(Variant::from("text")), write(Variant::Int32(1))]).await.unwrap();
    assert_eq!(results, [StatusCode::Good, StatusCode::Good]);
}

#[tokio::test]
async fn server_monitors_a_node_that_does_not_exist() {
    let bare = Bare::start("127.0.0.1:0");
    let connected = Connected::to(&bare).await;
    let (_, statuses) = connected.subscribe(&["a", "nowhere"], Duration::ZERO, 10).await;
    assert_eq!(statuses, [StatusCode::Good, StatusCode::Good]);
}
