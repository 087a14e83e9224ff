//! A table that keeps what it is given, and what a test waits for.

use crate::Clock;
use crate::cvt::{Update, WriteReport, WriteTags};
use crate::opcua::{
    Acquisition, AddLink, CloseLinks, LinkError, LinkStatus, LinkedTag, ListLinks, OpcUaClientManager, OpcUaSettings,
    UpdateLink, WriteField,
};
use crate::send::ask;
use actix::{Actor, Addr, Context, Handler, MessageResult};
use flyball_schema::definition::LinkDefinition;
use flyball_schema::{DataType, LinkId, Quality, TagId, Timestamp, Value};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Tag that tells whether the link is connected.
pub(super) const CONNECTED: TagId = TagId(1_000_000);

/// What a tag shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Shown {
    pub value: Option<Value>,
    pub quality: Quality,
    pub source_time: Option<Timestamp>,
}

/// A tag from `ns=2;s=<name>`.
pub(super) fn tag(id: u32, name: &str, data_type: DataType, acquisition: Acquisition) -> LinkedTag {
    LinkedTag { tag: TagId(id), node: format!("ns=2;s={name}"), data_type, acquisition }
}

/// Everything that the table was given.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub all: Vec<Update>,
    pub tags: HashMap<TagId, Shown>,
}

impl Seen {
    pub(super) fn shown(&self, tag: u32) -> Shown {
        self.tags.get(&TagId(tag)).cloned().unwrap_or_default()
    }

    pub(super) fn number(&self, tag: u32) -> f64 {
        self.shown(tag).value.and_then(|value| value.as_f64()).unwrap_or(f64::NAN)
    }

    pub(super) fn quality(&self, tag: u32) -> Quality {
        self.shown(tag).quality
    }

    /// How many updates of a tag there were.
    pub(super) fn count(&self, tag: u32) -> usize {
        self.all.iter().filter(|update| update.tag == TagId(tag)).count()
    }

    pub(super) fn connected(&self) -> bool {
        self.shown(CONNECTED.0).value == Some(Value::Boolean(true))
    }
}

struct Table(Arc<Mutex<Seen>>);

impl Actor for Table {
    type Context = Context<Self>;
}

impl Handler<WriteTags> for Table {
    type Result = MessageResult<WriteTags>;

    fn handle(&mut self, WriteTags(updates): WriteTags, _ctx: &mut Self::Context) -> Self::Result {
        let mut seen = self.0.lock().unwrap();
        for update in updates {
            let shown = seen.tags.entry(update.tag).or_default();
            shown.quality = update.quality;
            shown.source_time = update.source_time;
            if update.value.is_some() {
                shown.value.clone_from(&update.value);
            }
            seen.all.push(update);
        }
        MessageResult(WriteReport::default())
    }
}

/// A manager with one link, and the table that it fills.
pub(super) struct Bench {
    pub seen: Arc<Mutex<Seen>>,
    pub manager: Addr<OpcUaClientManager>,
    _pki: tempfile::TempDir,
}

impl Bench {
    /// A link to `endpoint` with one tag, numbered from 0, per node address.
    pub(super) async fn start(endpoint: &str, nodes: &[(&str, DataType)]) -> Self {
        let link = LinkDefinition { publish_ms: 20, ..LinkDefinition::new("bench", endpoint) };
        Self::start_with(link, nodes, |_| {}).await
    }

    pub(super) async fn start_with(
        definition: LinkDefinition,
        nodes: &[(&str, DataType)],
        adjust: impl FnOnce(&mut OpcUaSettings),
    ) -> Self {
        let acquisition = Acquisition::Subscribe { publish_ms: definition.publish_ms };
        let tags = (0..).zip(nodes).map(|(tag, (node, data_type))| LinkedTag {
            tag: TagId(tag),
            node: (*node).to_owned(),
            data_type: *data_type,
            acquisition,
        });
        Self::start_tags(definition, tags.collect(), adjust).await
    }

    pub(super) async fn start_tags(
        definition: LinkDefinition,
        tags: Vec<LinkedTag>,
        adjust: impl FnOnce(&mut OpcUaSettings),
    ) -> Self {
        let pki = tempfile::tempdir().unwrap();
        let mut settings = OpcUaSettings {
            pki_dir: pki.path().to_owned(),
            first_retry: Duration::from_millis(50),
            threads: 1,
            ..OpcUaSettings::default()
        };
        adjust(&mut settings);
        let seen = Arc::new(Mutex::new(Seen::default()));
        let table = Table(Arc::clone(&seen)).start();
        let manager = OpcUaClientManager::new(Clock::system(), table.recipient(), settings).unwrap().start();
        let bench = Self { seen, manager, _pki: pki };
        bench.add(AddLink { id: LinkId(1), tags, definition, connected_tag: CONNECTED }).await;
        bench
    }

    pub(super) async fn add(&self, link: AddLink) {
        ask(&self.manager, link, Duration::from_secs(5)).await.unwrap().unwrap();
    }

    /// Gives the first link another definition and other tags.
    pub(super) async fn update(&self, definition: LinkDefinition, tags: Vec<LinkedTag>) {
        let update = UpdateLink { id: LinkId(1), definition, connected_tag: CONNECTED, tags };
        ask(&self.manager, update, Duration::from_secs(5)).await.unwrap().unwrap();
    }

    /// Waits until the table shows it.
    pub(super) async fn until(&self, what: &str, limit: Duration, reached: impl Fn(&Seen) -> bool) {
        let waiting = async {
            while !reached(&self.seen.lock().unwrap()) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        if timeout(limit, waiting).await.is_err() {
            let tags = self.seen.lock().unwrap().tags.clone();
            panic!("not reached within {limit:?}: {what}\n{:?}\n{tags:?}", self.status().await);
        }
    }

    pub(super) async fn status(&self) -> LinkStatus {
        ask(&self.manager, ListLinks, Duration::from_secs(5)).await.unwrap().remove(0)
    }

    pub(super) async fn write(&self, tag: u32, value: impl Into<Value>) -> Result<(), LinkError> {
        ask(&self.manager, WriteField(vec![(TagId(tag), value.into())]), Duration::from_secs(15)).await.unwrap()
    }

    pub(super) async fn close(&self) {
        ask(&self.manager, CloseLinks, Duration::from_secs(10)).await.unwrap();
    }
}
