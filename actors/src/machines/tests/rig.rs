//! A plant of table, workers and manager, with a field and a database that only keep what they are told.

use crate::Clock;
use crate::cvt::{CreateTags, Cvt, ReadTags, TagChange, Update, WriteTags};
use crate::machines::testing::blueprint;
use crate::machines::{
    AddMachine, AsyncStateMachineWorker, Kinds, Machine, MachineMemory, MachineState, MachineStatus, MachinesChanged,
    ReadMachine, SaveError, SaveMachine, Source, StateMachineManager, StateMachineWorker, tags_of,
};
use crate::opcua::DriveOutputs;
use crate::send::ask;
use actix::dev::ToEnvelope;
use actix::{Actor, Addr, Context, Handler, Message};
use flyball_schema::definition::{MachineDefinition, TagDefinition};
use flyball_schema::{MachineId, TagId, Value};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The link to the field: keeps what it was told to drive.
#[derive(Clone, Default)]
pub(super) struct Field(pub(super) Arc<Mutex<Vec<(TagId, Value)>>>);

impl Actor for Field {
    type Context = Context<Self>;
}

impl Handler<DriveOutputs> for Field {
    type Result = ();
    fn handle(&mut self, message: DriveOutputs, _ctx: &mut Self::Context) {
        self.0.lock().unwrap().extend(message.0);
    }
}

impl Field {
    pub(super) fn last(&self) -> Option<(TagId, Value)> {
        self.0.lock().unwrap().last().cloned()
    }
}

/// The database: keeps what it was told to save, or refuses.
#[derive(Clone, Default)]
pub(super) struct Store {
    pub(super) saved: Arc<Mutex<BTreeMap<MachineId, MachineMemory>>>,
    pub(super) failing: Arc<Mutex<bool>>,
}

impl Actor for Store {
    type Context = Context<Self>;
}

impl Handler<SaveMachine> for Store {
    type Result = Result<(), SaveError>;
    fn handle(&mut self, message: SaveMachine, _ctx: &mut Self::Context) -> Self::Result {
        if *self.failing.lock().unwrap() {
            return Err(SaveError("disk full".to_owned()));
        }
        self.saved.lock().unwrap().insert(message.id, message.memory);
        Ok(())
    }
}

/// Somebody who wants to know.
#[derive(Clone, Default)]
pub(super) struct Watcher(pub(super) Arc<Mutex<Vec<(MachineId, MachineState)>>>);

impl Actor for Watcher {
    type Context = Context<Self>;
}

impl Handler<MachinesChanged> for Watcher {
    type Result = ();
    fn handle(&mut self, message: MachinesChanged, _ctx: &mut Self::Context) {
        self.0.lock().unwrap().extend(message.0.iter().map(|status| (status.info.id, status.state)));
    }
}

pub(super) struct Rig {
    pub(super) cvt: Addr<Cvt>,
    manager: Addr<StateMachineManager>,
    pub(super) field: Field,
    pub(super) store: Store,
    next_tag: u32,
}

pub(super) const WAIT: Duration = Duration::from_secs(20);

impl Rig {
    pub(super) fn new() -> Self {
        let clock = Clock::system();
        let (cvt, field, store) = (Cvt::new(clock, 0).start(), Field::default(), Store::default());
        let (write, drive) = (cvt.clone().recipient(), field.clone().start().recipient());
        let (on, off) = (cvt.clone().recipient(), cvt.clone().recipient());
        let sync = StateMachineWorker::new(
            clock,
            cvt.clone().recipient(),
            cvt.clone().recipient(),
            cvt.clone().recipient(),
            drive.clone(),
        )
        .start();
        let parallel = AsyncStateMachineWorker::new(clock, 3, write, on, off, drive).start();
        let save = store.clone().start().recipient();
        let manager = StateMachineManager::new(Kinds::default(), &sync, &parallel, save).start();
        Self { cvt, manager, field, store, next_tag: 0 }
    }

    pub(super) async fn ask<M>(&self, message: M) -> M::Result
    where
        StateMachineManager: Handler<M>,
        Context<StateMachineManager>: ToEnvelope<StateMachineManager, M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        ask(&self.manager, message, WAIT).await.unwrap()
    }

    pub(super) async fn tag(&mut self, definition: TagDefinition) -> TagId {
        self.next_tag += 1;
        let id = TagId(self.next_tag);
        ask(&self.cvt, CreateTags(vec![(id, definition)]), WAIT).await.unwrap().unwrap();
        id
    }

    /// Everything to add a machine; its own tags and one per input of the input's name exist then.
    pub(super) async fn prepare(
        &mut self,
        id: u32,
        machine: impl Machine,
        definition: MachineDefinition,
    ) -> AddMachine {
        let declaration = machine.declaration();
        let first = self.next_tag + 1;
        let name = definition.name.clone();
        for tag in tags_of(&name, &declaration) {
            self.tag(tag).await;
        }
        for input in &declaration.inputs {
            self.tag(TagDefinition::new(format!("{name}.in.{}", input.name), input.data_type)).await;
        }
        let made = blueprint(id, first, machine, definition);
        AddMachine {
            id: made.id,
            definition: made.definition,
            source: Source::Machine(made.machine),
            bindings: made.bindings,
            memory: None,
        }
    }

    pub(super) async fn add(&mut self, id: u32, machine: impl Machine, definition: MachineDefinition) -> MachineStatus {
        let message = self.prepare(id, machine, definition).await;
        self.ask(message).await.unwrap()
    }

    pub(super) async fn read(&self, id: u32) -> MachineStatus {
        self.ask(ReadMachine(MachineId(id))).await.unwrap()
    }

    pub(super) async fn tag_state(&self, tag: TagId) -> TagChange {
        ask(&self.cvt, ReadTags(vec![tag]), WAIT).await.unwrap().unwrap().remove(0).state
    }

    pub(super) async fn value(&self, tag: TagId) -> Option<Value> {
        self.tag_state(tag).await.value
    }

    pub(super) async fn write(&self, tag: TagId, value: impl Into<Value>) {
        let report = ask(&self.cvt, WriteTags(vec![Update::good(tag, value)]), WAIT).await.unwrap();
        assert_eq!(report.refused, []);
    }

    /// Waits for what is durable to be as told.
    pub(super) async fn saved(&self, is: impl Fn(&BTreeMap<MachineId, MachineMemory>) -> bool) {
        let poll = async {
            while !is(&self.store.saved.lock().unwrap()) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(WAIT, poll).await.unwrap();
    }

    /// Waits for a machine to be as told.
    pub(super) async fn until(&self, id: u32, is: impl Fn(&MachineStatus) -> bool) -> MachineStatus {
        let poll = async {
            loop {
                let status = self.read(id).await;
                if is(&status) {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(WAIT, poll).await.unwrap()
    }
}
