//! Values on their way to a device: one request at a time, and of machine outputs only the newest per tag.

use super::field::Field;
use super::roster::{Item, scalar_type};
use super::subscribe::{Limits, attribute};
use super::{LinkError, convert};
use flyball_schema::{TagId, Value};
use opcua::client::Session;
use opcua::types::{
    AttributeId, DataValue, Identifier, NodeId, NumericRange, StatusCode, TimestampsToReturn, Variant, WriteValue,
};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

/// A connection that values can be written through.
#[derive(Clone)]
pub(super) struct Connection {
    pub session: Arc<Session>,
    pub limits: Limits,
    /// Items of other epochs are on another device.
    pub epoch: u64,
    /// Cancelled when the connection is gone.
    pub gone: CancellationToken,
}

/// Values that somebody waits for.
#[derive(Debug)]
pub(super) struct WriteRequest {
    pub values: Vec<(TagId, Value)>,
    pub reply: oneshot::Sender<Result<(), LinkError>>,
}

/// The newest output per tag that is still to be written.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    latest: Mutex<HashMap<TagId, Value>>,
    filled: Notify,
}

impl Outputs {
    /// Puts values in place of older ones of the same tags.
    pub(super) fn put(&self, values: impl IntoIterator<Item = (TagId, Value)>) {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).extend(values);
        self.filled.notify_one();
    }

    fn take(&self) -> Vec<(TagId, Value)> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).drain().collect()
    }
}

/// Writes for one link until stopped.
pub(super) struct Writer {
    field: Arc<Field>,
    requests: mpsc::Receiver<WriteRequest>,
    outputs: Arc<Outputs>,
    connection: watch::Receiver<Option<Connection>>,
    /// Why outputs failed the last time: the same reason is not logged again.
    told: Option<LinkError>,
}

impl Writer {
    pub(super) fn new(
        field: Arc<Field>,
        requests: mpsc::Receiver<WriteRequest>,
        outputs: Arc<Outputs>,
        connection: watch::Receiver<Option<Connection>>,
    ) -> Self {
        Self { field, requests, outputs, connection, told: None }
    }

    /// Writes what is asked for, in order; when `stop` is cancelled, what was asked for until then.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                request = self.requests.recv() => match request {
                    Some(request) => self.answer(request).await,
                    None => break,
                },
                () = self.outputs.filled.notified() => self.drive().await,
                () = stop.cancelled() => break,
            }
        }
        self.requests.close();
        while let Some(request) = self.requests.recv().await {
            self.answer(request).await;
        }
        self.drive().await;
    }

    async fn answer(&self, request: WriteRequest) {
        let failures = self.write(request.values).await;
        self.count(&failures);
        let outcome = failures.into_iter().next().map_or(Ok(()), |(_, error)| Err(error));
        // Nobody waits any more: the outcome is counted all the same.
        let _unheard = request.reply.send(outcome);
    }

    async fn drive(&mut self) {
        let values = self.outputs.take();
        if values.is_empty() {
            return;
        }
        let failures = self.write(values).await;
        self.count(&failures);
        let first = failures.into_iter().next().map(|(_, error)| error);
        if let Some(error) = &first
            && first != self.told
        {
            log::warn!("link \"{}\": outputs were not written: {error}", self.field.name());
        }
        self.told = first;
    }

    fn count(&self, failures: &[(TagId, LinkError)]) {
        self.field.counters.write_failures.fetch_add(failures.len() as u64, Ordering::Relaxed);
    }

    /// Writes values and gives back those that failed, in order.
    async fn write(&self, values: Vec<(TagId, Value)>) -> Vec<(TagId, LinkError)> {
        let name = self.field.name();
        let connection = self.connection.borrow().clone();
        let Some(connection) = connection else {
            return values.into_iter().map(|(tag, _)| (tag, LinkError::NotConnected(name.clone()))).collect();
        };
        let tags: Vec<TagId> = values.iter().map(|(tag, _)| *tag).collect();
        tokio::select! {
            failures = self.write_through(&connection, values) => failures,
            () = connection.gone.cancelled() => {
                tags.into_iter().map(|tag| (tag, LinkError::NotConnected(name.clone()))).collect()
            }
        }
    }

    async fn write_through(&self, connection: &Connection, values: Vec<(TagId, Value)>) -> Vec<(TagId, LinkError)> {
        self.learn_types(connection, &values).await;
        let (mut failures, mut requests) = (Vec::new(), Vec::new());
        for (tag, value) in values {
            match self.request(connection, tag, &value) {
                Ok(request) => requests.push((tag, request)),
                Err(error) => failures.push((tag, error)),
            }
        }
        for chunk in requests.chunks(connection.limits.writes) {
            let nodes: Vec<WriteValue> = chunk.iter().map(|(_, request)| request.clone()).collect();
            let results = match connection.session.write(&nodes).await {
                Ok(results) => results,
                Err(error) => vec![error.status(); chunk.len()],
            };
            let results = results.into_iter().chain(std::iter::repeat(StatusCode::BadUnexpectedError));
            let failed = chunk.iter().zip(results).filter(|(_, status)| status.is_bad());
            failures.extend(failed.map(|((tag, _), status)| (*tag, self.refusal(*tag, status))));
        }
        failures
    }

    /// A device takes only the node's own type. It is known from the last value, or else asked for.
    async fn learn_types(&self, connection: &Connection, values: &[(TagId, Value)]) {
        let unknown: Vec<(Arc<Item>, NodeId)> = values
            .iter()
            .filter_map(|(tag, _)| self.field.item(*tag))
            .filter(|item| item.epoch == connection.epoch && item.node_type().is_none())
            .filter_map(|item| item.node.clone().map(|node| (item, node)))
            .collect();
        for chunk in unknown.chunks(connection.limits.reads) {
            let nodes: Vec<_> = chunk.iter().map(|(_, node)| attribute(node.clone(), AttributeId::DataType)).collect();
            let Ok(types) = connection.session.read(&nodes, TimestampsToReturn::Neither, 0.0).await else {
                return; // The write that follows says what is wrong.
            };
            for ((item, _), told) in chunk.iter().zip(types) {
                if let Some(node_type) = told.value.as_ref().and_then(built_in_type) {
                    item.learn(node_type);
                }
            }
        }
    }

    fn request(&self, connection: &Connection, tag: TagId, value: &Value) -> Result<WriteValue, LinkError> {
        let item = self.field.item(tag).ok_or(LinkError::UnknownTag(tag))?;
        if item.epoch != connection.epoch {
            return Err(LinkError::NotConnected(self.field.name()));
        }
        let node_id = item.node.clone().ok_or_else(|| self.refusal(tag, StatusCode::BadNodeIdInvalid))?;
        let node_type = item.node_type().unwrap_or(convert::natural_type(item.data_type));
        let variant = convert::node_value(value, node_type)
            .ok_or_else(|| LinkError::Refused { tag, status: "value does not fit the node's type".to_owned() })?;
        Ok(WriteValue {
            node_id,
            attribute_id: AttributeId::Value as u32,
            index_range: NumericRange::None,
            // Value alone: many devices refuse a write that brings status or time.
            value: DataValue::value_only(variant),
        })
    }

    fn refusal(&self, tag: TagId, status: StatusCode) -> LinkError {
        let name = || self.field.name();
        match status {
            StatusCode::BadTimeout => LinkError::Deadline(name()),
            StatusCode::BadNotConnected
            | StatusCode::BadConnectionClosed
            | StatusCode::BadCommunicationError
            | StatusCode::BadSessionClosed
            | StatusCode::BadSessionIdInvalid => LinkError::NotConnected(name()),
            status => LinkError::Refused { tag, status: convert::words(status) },
        }
    }
}

/// The scalar type that a node's `DataType` names, where it is a built-in one.
fn built_in_type(data_type: &Variant) -> Option<opcua::types::VariantScalarTypeId> {
    match data_type {
        Variant::NodeId(node) if node.namespace == 0 => match node.identifier {
            Identifier::Numeric(number) => scalar_type(number),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_outputs_only_the_newest_per_tag_is_kept() {
        let outputs = Outputs::default();
        outputs.put([(TagId(1), Value::Float(1.0)), (TagId(2), Value::Float(2.0))]);
        outputs.put([(TagId(1), Value::Float(3.0))]);
        let mut taken = outputs.take();
        taken.sort_by_key(|(tag, _)| *tag);
        assert_eq!(taken, [(TagId(1), Value::Float(3.0)), (TagId(2), Value::Float(2.0))]);
        assert!(outputs.take().is_empty());
    }
}
