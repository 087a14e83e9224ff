//! A small OPC UA server: variables with values, and writes that are asked about. For simulated devices.
//!
//! It carries the remedies against what async-opcua 0.19.0 does wrong as a server: see `Nodes`.

use super::convert;
use async_trait::async_trait;
use flyball_schema::{DataType, Quality, Timestamp, Value};
use opcua::server::address_space::{AddressSpace, NodeType, VariableBuilder};
use opcua::server::diagnostics::NamespaceMetadata;
use opcua::server::node_manager::memory::{
    InMemoryNodeManager, InMemoryNodeManagerBuilder, InMemoryNodeManagerImpl, InMemoryNodeManagerImplBuilder,
};
use opcua::server::node_manager::{RequestContext, ServerContext, WriteNode};
use opcua::server::{CreateMonitoredItem, Limits, Server, ServerBuilder, ServerHandle};
use opcua::sync::RwLock;
use opcua::types::{
    AttributeId, DataTypeId, DataValue, NodeId, ObjectId, StatusCode, TimestampsToReturn, VariableTypeId, Variant,
};
use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// Namespace index of a device's variables.
const NAMESPACE: u16 = 2;

/// How long a stopping device waits for its connections to end.
const CLOSING: Duration = Duration::from_secs(1);

/// Why a device does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address asked for.
        address: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The OPC UA stack refused the configuration or ended.
    #[error("the OPC UA server does not run: {0}")]
    Server(String),
}

/// A variable of a device, served as `ns=2;s=<name>`.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceVariable {
    /// Name, and identifier of its node.
    pub name: String,
    /// Value at start; its type is the variable's: Double, Int64, Boolean or String.
    pub initial: Value,
    /// Whether clients may write it.
    pub writable: bool,
}

impl DeviceVariable {
    /// A variable that clients may read.
    #[must_use]
    pub fn new(name: impl Into<String>, initial: impl Into<Value>) -> Self {
        Self { name: name.into(), initial: initial.into(), writable: false }
    }

    /// Lets clients write it.
    #[must_use]
    pub fn writable(mut self) -> Self {
        self.writable = true;
        self
    }
}

/// A new value of a variable.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Position of the variable in the list that the device was made with.
    pub variable: usize,
    /// Its value; clients see none where `quality` is bad.
    pub value: Value,
    /// How far it can be trusted.
    pub quality: Quality,
    /// When it was so.
    pub time: Timestamp,
}

/// Asked about every write of a client, with the position of the variable: the value as the device takes it, or the
/// status that refuses it. Runs on the connection's task: short, and never blocking.
pub type OnWrite = Box<dyn Fn(usize, Value) -> Result<Value, Quality> + Send + Sync>;

/// A device that listens and is yet to [run](Self::run_until).
pub struct Device {
    endpoint: String,
    listener: TcpListener,
    server: Server,
    handle: ServerHandle,
    publisher: Publisher,
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Device {
    /// Listens on `address` (port 0 takes a free one) with these variables.
    ///
    /// * Security: none, anonymous; for simulation on a trusted network.
    ///
    /// # Errors
    /// [`DeviceError::Bind`], [`DeviceError::Server`].
    pub async fn bind(
        address: &str,
        name: &str,
        variables: Vec<DeviceVariable>,
        on_write: OnWrite,
    ) -> Result<Self, DeviceError> {
        let bound = |source| DeviceError::Bind { address: address.to_owned(), source };
        let listener = TcpListener::bind(address).await.map_err(bound)?;
        let local = listener.local_addr().map_err(bound)?;
        let endpoint = format!("opc.tcp://{local}/");
        let nodes: Vec<NodeId> =
            variables.iter().map(|variable| NodeId::new(NAMESPACE, variable.name.clone())).collect();
        let manager = NodesBuilder { name: name.to_owned(), variables, nodes: nodes.clone(), on_write };
        let (server, handle) = build(local, name, &endpoint, manager).map_err(DeviceError::Server)?;
        let Some(space) = handle.node_managers().get_of_type::<InMemoryNodeManager<Nodes>>() else {
            return Err(DeviceError::Server("the variables were not built".to_owned()));
        };
        let publisher = Publisher { space, handle: handle.clone(), nodes: nodes.into() };
        Ok(Self { endpoint, listener, server, handle, publisher })
    }

    /// Where clients find it, `opc.tcp://127.0.0.1:48400/`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Sets values of its variables.
    #[must_use]
    pub fn publisher(&self) -> Publisher {
        self.publisher.clone()
    }

    /// Serves clients until `stop` is ready, then closes their sessions.
    ///
    /// # Errors
    /// [`DeviceError::Server`] where the stack ends of itself.
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> Result<(), DeviceError> {
        let running = self.server.run_with(self.listener);
        tokio::pin!(running);
        let ended = tokio::select! {
            ended = &mut running => Some(ended),
            () = stop => None,
        };
        let ended = match ended {
            Some(ended) => ended,
            None => {
                self.handle.cancel();
                tokio::time::timeout(CLOSING, running).await.unwrap_or(Ok(()))
            }
        };
        ended.map_err(DeviceError::Server)
    }
}

/// Sets values of a device's variables.
#[derive(Clone)]
pub struct Publisher {
    space: Arc<InMemoryNodeManager<Nodes>>,
    handle: ServerHandle,
    nodes: Arc<[NodeId]>,
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").field("variables", &self.nodes.len()).finish_non_exhaustive()
    }
}

impl Publisher {
    /// Sets values and tells subscribers. Samples of variables that do not exist are passed over; of several samples of one
    /// variable subscribers are told the last, so that each step of a variable takes a call of its own.
    ///
    /// # Errors
    /// [`DeviceError::Server`] where the stack refuses one; those before it are set.
    pub fn publish(&self, samples: &[Sample]) -> Result<(), DeviceError> {
        let values =
            samples.iter().filter_map(|sample| Some((self.nodes.get(sample.variable)?, None, data_value(sample))));
        self.space
            .set_values(self.handle.subscriptions(), values)
            .map_err(|status| DeviceError::Server(convert::words(status)))
    }
}

/// A bad sample goes out with the null value: the stack neither sends a change of status alone, nor keeps the status of a
/// variable that has no value at all.
fn data_value(sample: &Sample) -> DataValue {
    let time = Some(convert::date_time(sample.time));
    DataValue {
        value: Some(if sample.quality.is_bad() { Variant::Empty } else { variant(&sample.value).unwrap_or_default() }),
        status: Some(StatusCode::from(sample.quality.status_code())),
        source_timestamp: time,
        server_timestamp: time,
        ..DataValue::null()
    }
}

fn variant(value: &Value) -> Option<Variant> {
    convert::node_value(value, convert::natural_type(value.data_type()))
}

fn build(
    local: SocketAddr,
    name: &str,
    endpoint: &str,
    manager: NodesBuilder,
) -> Result<(Server, ServerHandle), String> {
    ServerBuilder::new_anonymous(name)
        .application_uri(format!("urn:flyball:{name}"))
        .product_uri("urn:flyball")
        .host(local.ip().to_string())
        .port(local.port())
        .discovery_urls(vec![endpoint.to_owned()])
        .pki_dir(pki_dir())
        .create_sample_keypair(false)
        .subscription_poll_interval_ms(20)
        .limits(limits())
        .with_node_manager(InMemoryNodeManagerBuilder::new(manager))
        .build()
}

/// Security is none, but the stack insists on a folder for certificates.
fn pki_dir() -> PathBuf {
    std::env::temp_dir().join("flyball-device-pki")
}

/// The stack's limits are too low for a plant, and it drops what is beyond them silently.
fn limits() -> Limits {
    let mut limits = Limits {
        max_array_length: 200_000,
        max_message_size: 64 * 1024 * 1024,
        max_chunk_count: 1_025,
        max_sessions: 1_000,
        ..Limits::default()
    };
    limits.operational.max_monitored_items_per_call = 10_000;
    limits.subscriptions.max_subscriptions_per_session = 100;
    limits.subscriptions.max_monitored_items_per_sub = 0;
    limits.subscriptions.max_monitored_item_queue_size = 10_000;
    limits.subscriptions.max_queued_notifications = 10_000;
    limits.subscriptions.min_sampling_interval_ms = 0.0;
    limits.subscriptions.min_publishing_interval_ms = 20.0;
    limits
}

struct NodesBuilder {
    name: String,
    variables: Vec<DeviceVariable>,
    nodes: Vec<NodeId>,
    on_write: OnWrite,
}

impl InMemoryNodeManagerImplBuilder for NodesBuilder {
    type Impl = Nodes;

    fn build(self, context: ServerContext, space: &mut AddressSpace) -> Nodes {
        let uri = format!("urn:flyball:{}:variables", self.name);
        let index = context.type_tree.write().namespaces_mut().add_namespace(&uri);
        space.add_namespace(&uri, index);
        // Part 5 reserves index 1 for the server itself; the stack has given it out by now.
        debug_assert_eq!(index, NAMESPACE, "first namespace of our own");
        let folder = NodeId::new(index, self.name.clone());
        space.add_folder(&folder, self.name.as_str(), self.name.as_str(), &ObjectId::ObjectsFolder.into());
        for (node, variable) in self.nodes.iter().zip(&self.variables) {
            let builder = VariableBuilder::new(node, variable.name.as_str(), variable.name.as_str())
                .data_type(data_type(variable.initial.data_type()))
                .value(variant(&variable.initial).unwrap_or_default())
                .has_type_definition(VariableTypeId::BaseDataVariableType)
                .organized_by(folder.clone());
            let builder = if variable.writable { builder.writable() } else { builder };
            builder.insert(space);
        }
        let places = self.nodes.iter().cloned().enumerate().map(|(place, node)| (node, place)).collect();
        Nodes { name: self.name, uri, index, variables: self.variables, places, on_write: self.on_write }
    }
}

fn data_type(data_type: DataType) -> DataTypeId {
    match data_type {
        DataType::Float => DataTypeId::Double,
        DataType::Integer => DataTypeId::Int64,
        DataType::Boolean => DataTypeId::Boolean,
        DataType::Text => DataTypeId::String,
    }
}

/// The variables. Remedies against the stack:
///
/// * a sampling interval above 0 holds the last value of a burst back and falsifies source times: every item samples as
///   good as continuously;
/// * monitoring an unknown node is answered with *good*: existence is checked;
/// * a scalar of the wrong type is taken by a write: the type is checked.
struct Nodes {
    name: String,
    uri: String,
    index: u16,
    variables: Vec<DeviceVariable>,
    places: HashMap<NodeId, usize>,
    on_write: OnWrite,
}

impl Nodes {
    /// The value as the device takes it.
    fn check(&self, write: &WriteNode) -> Result<Variant, StatusCode> {
        let asked = write.value();
        let place = *self.places.get(&asked.node_id).ok_or(StatusCode::BadNodeIdUnknown)?;
        let variable = self.variables.get(place).ok_or(StatusCode::BadNodeIdUnknown)?;
        if asked.attribute_id != AttributeId::Value || !variable.writable {
            return Err(StatusCode::BadNotWritable);
        }
        if asked.index_range.has_range() {
            return Err(StatusCode::BadWriteNotSupported);
        }
        let offered = asked.value.value.clone().ok_or(StatusCode::BadTypeMismatch)?;
        let expected = variable.initial.data_type();
        if offered.is_array() || offered.scalar_type_id() != Some(convert::natural_type(expected)) {
            return Err(StatusCode::BadTypeMismatch);
        }
        let status = |quality: Quality| StatusCode::from(quality.status_code());
        let value = convert::tag_value(offered, expected).map_err(status)?;
        let taken = (self.on_write)(place, value).map_err(status)?;
        variant(&taken).ok_or(StatusCode::BadOutOfRange)
    }
}

#[async_trait]
impl InMemoryNodeManagerImpl for Nodes {
    async fn init(&self, _space: &mut AddressSpace, _context: ServerContext) {}

    fn name(&self) -> &str {
        &self.name
    }

    fn namespaces(&self) -> Vec<NamespaceMetadata> {
        vec![NamespaceMetadata { namespace_uri: self.uri.clone(), namespace_index: self.index, ..Default::default() }]
    }

    async fn create_value_monitored_items(
        &self,
        context: &RequestContext,
        space: &RwLock<AddressSpace>,
        items: &mut [&mut &mut CreateMonitoredItem],
    ) {
        let space = space.read();
        for item in items {
            let value = space.read(context, item.item_to_monitor(), 0.0, TimestampsToReturn::Both);
            if !self.places.contains_key(&item.item_to_monitor().node_id) {
                item.set_status(StatusCode::BadNodeIdUnknown);
                continue;
            }
            if item.sampling_interval() > 0.0 {
                item.revise_sampling_interval(0.001);
            }
            item.set_initial_value(value);
            item.set_status(StatusCode::Good);
        }
    }

    async fn write(
        &self,
        context: &RequestContext,
        space: &RwLock<AddressSpace>,
        writes: &mut [&mut WriteNode],
    ) -> Result<(), StatusCode> {
        let mut space = space.write();
        for write in writes {
            let taken = match self.check(write) {
                Ok(taken) => DataValue::new_now(taken),
                Err(status) => {
                    write.set_status(status);
                    continue;
                }
            };
            let node = &write.value().node_id;
            if let Some(NodeType::Variable(variable)) = space.find_mut(node) {
                variable.set_data_value(taken.clone());
            }
            context.subscriptions.notify_data_change([(taken, node, AttributeId::Value)].into_iter());
            write.set_status(StatusCode::Good);
        }
        Ok(())
    }
}
