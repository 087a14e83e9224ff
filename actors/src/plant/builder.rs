//! Starts a plant: identities from the database first, then each actor after those it speaks to.

use super::arbiters::{Arbiters, Threads};
use super::error::PlantError;
use super::folder::DataFolder;
use super::monitor::Monitor;
use super::slot::Slot;
use super::system::{self, SystemTags};
use super::warden::{Warden, Watch};
use super::{Inner, Plant};
use crate::Clock;
use crate::alarms::{AlarmManager, AlarmsLogger, CreateAlarms, LoadAlarmMemory, NewAlarm};
use crate::cvt::{CreateTags, Cvt, Delivery, Subscribe, TagsChanged};
use crate::db::catalogue::{self, CatalogueIds};
use crate::db::{Database, DbError, DbManager, LoadMachineMemory, MachinesLogger};
use crate::history::backup::BackupWorker;
use crate::history::{DataLogger, History, Keeping, LoggerWorker};
use crate::machines::{
    AddMachine, AsyncStateMachineWorker, Bindings, BoundTag, Declaration, Kinds, Machine, Source, StateMachineManager,
    StateMachineWorker, tags_of,
};
use crate::opcua::{Acquisition, AddLink, LinkedTag, OpcUaClientManager};
use crate::send::{DEADLINE, ask};
use crate::settings::Settings;
use actix::{Actor, Addr, Context, Recipient};
use flyball_schema::definition::{LinkDefinition, MachineDefinition, PlantDefinition, TagDefinition};
use flyball_schema::{LinkId, TagId};
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// Messages a subscriber that needs every change may have unhandled.
const CREDIT: usize = 64;

/// Changes that wait in the table for a subscriber that needs every one.
const BACKLOG: usize = 1_000_000;

/// Builds a [`Plant`].
pub struct PlantBuilder {
    settings: Settings,
    definition: PlantDefinition,
    machines: Vec<(MachineDefinition, Box<dyn Machine>)>,
    threads: Threads,
    clock: Option<Clock>,
}

impl fmt::Debug for PlantBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlantBuilder").field("name", &self.definition.plant.name).finish_non_exhaustive()
    }
}

/// A machine on its way into the plant.
struct Planned {
    definition: MachineDefinition,
    declaration: Declaration,
    machine: Box<dyn Machine>,
}

impl PlantBuilder {
    pub(super) fn new(settings: Settings) -> Self {
        let definition = PlantDefinition::default();
        Self { settings, definition, machines: Vec::new(), threads: Threads::default(), clock: None }
    }

    /// Sets what the plant consists of.
    #[must_use]
    pub fn definition(mut self, definition: PlantDefinition) -> Self {
        self.definition = definition;
        self
    }

    /// Adds a machine of the user's own kind; `definition.kind` is what people are told.
    #[must_use]
    pub fn machine(mut self, definition: MachineDefinition, machine: impl Machine + 'static) -> Self {
        self.machines.push((definition, Box::new(machine)));
        self
    }

    /// Sets where the actors run.
    #[must_use]
    pub fn threads(mut self, threads: Threads) -> Self {
        self.threads = threads;
        self
    }

    /// Sets the clock, for tests.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Starts the plant on the present actix system. Answers when everything runs; devices may still be connecting.
    ///
    /// # Errors
    /// See [`PlantError`]; nothing runs then.
    pub async fn start(mut self) -> Result<Plant, PlantError> {
        let folder = DataFolder::take(&self.settings.data.dir)?;
        let planned = self.plan_machines()?;
        self.definition.validate()?;
        let clock = self.clock.unwrap_or_else(Clock::system);
        let (url, journal) = (self.settings.database_url(), self.settings.journal());
        let historian = self.settings.historian().map_err(DbError::from)?;
        let migrated = tokio::task::spawn_blocking(move || DbManager::migrate(&url)).await;
        migrated.map_err(|error| PlantError::Journal(error.to_string()))??;
        let history = tokio::task::spawn_blocking(move || History::open(journal, historian)).await;
        let history = history
            .map_err(|error| PlantError::Journal(error.to_string()))?
            .map_err(|error| PlantError::Journal(error.to_string()))?;
        let arbiters = Arbiters::start(self.threads);
        let Self { settings, definition, .. } = self;
        Starting { clock, settings, definition, arbiters, folder, history }.run(planned).await
    }

    /// Makes every machine, and adds its tags and its fault alarm to the definition.
    fn plan_machines(&mut self) -> Result<Vec<Planned>, PlantError> {
        let kinds = Kinds::default();
        let mut planned = Vec::new();
        for definition in &self.definition.machines {
            let machine = kinds.make(definition)?;
            planned.push(Planned { declaration: machine.declaration(), definition: definition.clone(), machine });
        }
        for (definition, machine) in std::mem::take(&mut self.machines) {
            self.definition.machines.push(definition.clone());
            planned.push(Planned { declaration: machine.declaration(), definition, machine });
        }
        system::complete(&mut self.definition);
        for one in &planned {
            let name = &one.definition.name;
            let tags = tags_of(name, &one.declaration);
            let faulted = tags.iter().find(|tag| tag.name.ends_with(".faulted"));
            let alarm = faulted.map(|tag| system::machine_fault_alarm(name, &tag.name));
            self.definition.alarms.extend(alarm);
            self.definition.tags.extend(tags);
        }
        Ok(planned)
    }
}

/// A plant on its way up.
struct Starting {
    clock: Clock,
    settings: Settings,
    definition: PlantDefinition,
    arbiters: Arbiters,
    folder: DataFolder,
    history: Arc<History>,
}

/// Tags by name, with their id.
type TagsByName<'a> = HashMap<&'a str, (TagId, &'a TagDefinition)>;

impl Starting {
    async fn run(self, planned: Vec<Planned>) -> Result<Plant, PlantError> {
        let (clock, last_seq) = (self.clock, self.history.last_seq());
        let manager = DbManager::open(&self.settings.database_url(), self.settings.database.readers)?;
        let database = manager.database();
        let db = manager.start();
        let ids = self.register(&database).await?;
        let tags = by_name(&self.definition, &ids);

        let core = &self.arbiters.core;
        let cvt = Cvt::start_in_arbiter(core, move |_| Cvt::new(clock, last_seq));
        let keeping = self.keeping(&tags)?;
        let logger = Slot::new(self.logger_factory(&cvt, &keeping)());
        let alarms_logger = AlarmsLogger::new(database.clone()).start();
        let alarms = self.start_alarms(&cvt, &alarms_logger, &ids, &tags).await?;
        let data_logger = Slot::new(DataLogger::new(clock, Arc::clone(&self.history)).start());

        let new_tags = ids.tags.iter().copied().zip(self.definition.tags.iter().cloned()).collect();
        ask(&cvt, CreateTags(new_tags), DEADLINE * 6).await??;

        let client = OpcUaClientManager::new(clock, cvt.clone().recipient(), self.settings.opcua_client());
        let client = client.map_err(PlantError::Threads)?;
        let links = OpcUaClientManager::start_in_arbiter(&self.arbiters.io, move |_| client);
        for (id, link) in ids.links.iter().zip(&self.definition.links) {
            ask(&links, self.link(*id, link, &tags), DEADLINE).await??;
        }
        let machines_logger = MachinesLogger::new(clock, database.clone()).start();
        let (machines, workers) = self.start_machines(&cvt, &links, &machines_logger);
        self.add_machines(planned, &machines, &machines_logger, &ids, &tags).await?;

        let monitor = Slot::new(self.monitor_factory(&cvt, &logger, &database, &tags)());
        let backups = Slot::new(self.backup_factory(&cvt, &tags)());
        let (failed, failure) = watch::channel(None);
        let watches = vec![
            Watch::core("cvt", &cvt),
            Watch::core("alarm manager", &alarms),
            Watch::core("alarms logger", &alarms_logger),
            Watch::core("machine manager", &machines),
            Watch::core("machines logger", &machines_logger),
            Watch::core("machine worker", &workers.0),
            Watch::core("async machine worker", &workers.1),
            Watch::core("opc ua client", &links),
            watch_leaf("logger", &logger, self.logger_factory(&cvt, &keeping)),
            watch_leaf("history", &data_logger, self.data_logger_factory()),
            watch_leaf("monitor", &monitor, self.monitor_factory(&cvt, &logger, &database, &tags)),
            watch_leaf("backup", &backups, self.backup_factory(&cvt, &tags)),
        ];
        let warden = Warden::new(clock, watches, failed).start();
        Ok(Plant(Arc::new(Inner {
            name: self.definition.plant.name.clone(),
            epoch: uuid::Uuid::new_v4().simple().to_string(),
            started_at: clock.now(),
            clock,
            database,
            db,
            cvt,
            alarms,
            alarms_logger,
            logger,
            data_logger,
            backups,
            links,
            machines,
            warden,
            failure,
            arbiters: Mutex::new(Some((self.arbiters, self.folder))),
            stopped: AtomicBool::new(false),
        })))
    }

    async fn register(&self, database: &Database) -> Result<CatalogueIds, PlantError> {
        let (definition, now) = (self.definition.clone(), self.clock.now());
        Ok(database.write(move |connection| catalogue::register(connection, &definition, now)).await?)
    }

    /// What is kept of each tag, and how long.
    fn keeping(&self, tags: &TagsByName<'_>) -> Result<Keeping, PlantError> {
        let classes = tags.values().filter_map(|(id, tag)| Some((*id, tag.retention.as_deref()?)));
        let retention = self.settings.retention(classes).map_err(|(id, class)| {
            let tag =
                tags.values().find(|(other, _)| *other == id).map_or_else(String::new, |(_, tag)| tag.name.clone());
            PlantError::RetentionClass { tag, class }
        })?;
        let excluded = tags.values().filter(|(_, tag)| !tag.history).map(|(id, _)| *id).collect();
        Ok(Keeping { excluded, retention, ..Keeping::default() })
    }

    /// What makes a logger that subscribes itself.
    fn logger_factory(&self, cvt: &Addr<Cvt>, keeping: &Keeping) -> impl Fn() -> Addr<LoggerWorker> + Send + use<> {
        let (clock, history, io) = (self.clock, Arc::clone(&self.history), self.arbiters.io.clone());
        let (cvt, keeping) = (cvt.clone(), keeping.clone());
        move || {
            let (history, keeping) = (Arc::clone(&history), keeping.clone());
            let logger = LoggerWorker::start_in_arbiter(&io, move |_| LoggerWorker::new(clock, history, keeping));
            subscribe_every(&io, &cvt, "logger", logger.clone().recipient());
            logger
        }
    }

    fn data_logger_factory(&self) -> impl Fn() -> Addr<DataLogger> + Send + use<> {
        let (clock, history) = (self.clock, Arc::clone(&self.history));
        move || DataLogger::new(clock, Arc::clone(&history)).start()
    }

    async fn start_alarms(
        &self,
        cvt: &Addr<Cvt>,
        logger: &Addr<AlarmsLogger>,
        ids: &CatalogueIds,
        tags: &TagsByName<'_>,
    ) -> Result<Addr<AlarmManager>, PlantError> {
        let mut memories = ask(logger, LoadAlarmMemory, DEADLINE * 6).await??;
        let (clock, journal, table) = (self.clock, logger.clone().recipient(), cvt.clone().recipient());
        let alarms = AlarmManager::start_in_arbiter(&self.arbiters.core, move |_| {
            AlarmManager::new(clock, journal).with_table(table)
        });
        let mut new_alarms = Vec::with_capacity(ids.alarms.len());
        for (id, definition) in ids.alarms.iter().zip(&self.definition.alarms) {
            let (alarm, name) = (definition.name.clone(), definition.tag.clone());
            let known = tags.get(definition.tag.as_str());
            let (tag, watched) = known.ok_or(PlantError::AlarmTag { alarm, tag: name })?;
            let (definition, unit, memory) = (definition.clone(), watched.unit.clone(), memories.remove(id));
            new_alarms.push(NewAlarm { id: *id, definition, tag: *tag, unit, memory });
        }
        ask(&alarms, CreateAlarms(new_alarms), DEADLINE * 6).await??;
        let recipient: Recipient<TagsChanged> = alarms.clone().recipient();
        let delivery = Delivery::Every { credit: CREDIT, backlog: BACKLOG };
        ask(cvt, Subscribe { name: "alarms".to_owned(), recipient, delivery }, DEADLINE).await?;
        Ok(alarms)
    }

    fn link(&self, id: LinkId, link: &LinkDefinition, tags: &TagsByName<'_>) -> AddLink {
        let linked = |(tag_id, tag): (TagId, &TagDefinition)| {
            let on_this = tag.link.as_ref() == Some(&link.name);
            let node = tag.node.clone().filter(|_| on_this)?;
            let acquisition = Acquisition::Subscribe { publish_ms: tag.publish_ms.unwrap_or(link.publish_ms) };
            Some(LinkedTag { tag: tag_id, node, data_type: tag.data_type, acquisition })
        };
        let mut linked_tags: Vec<LinkedTag> = tags.values().copied().filter_map(linked).collect();
        linked_tags.sort_unstable_by_key(|tag| tag.tag);
        let connected_tag = tags.get(link.connected_tag().as_str()).map_or(TagId(0), |(id, _)| *id);
        AddLink { id, definition: link.clone(), connected_tag, tags: linked_tags }
    }

    fn start_machines(
        &self,
        cvt: &Addr<Cvt>,
        links: &Addr<OpcUaClientManager>,
        logger: &Addr<MachinesLogger>,
    ) -> (Addr<StateMachineManager>, (Addr<StateMachineWorker>, Addr<AsyncStateMachineWorker>)) {
        let (clock, io) = (self.clock, &self.arbiters.io);
        let (table, drive) = (cvt.clone(), links.clone());
        let sync = StateMachineWorker::start_in_arbiter(&self.arbiters.control, move |_| {
            let (write, subscribe) = (table.clone().recipient(), table.clone().recipient());
            StateMachineWorker::new(clock, write, subscribe, table.recipient(), drive.recipient())
        });
        let (table, drive) = (cvt.clone(), links.clone());
        let parallel = AsyncStateMachineWorker::start_in_arbiter(io, move |_| {
            let (write, subscribe) = (table.clone().recipient(), table.clone().recipient());
            let limit = AsyncStateMachineWorker::DEFAULT_LIMIT;
            AsyncStateMachineWorker::new(clock, limit, write, subscribe, table.recipient(), drive.recipient())
        });
        let manager = StateMachineManager::new(Kinds::default(), &sync, &parallel, logger.clone().recipient());
        (StateMachineManager::start_in_arbiter(io, move |_| manager), (sync, parallel))
    }

    async fn add_machines(
        &self,
        planned: Vec<Planned>,
        machines: &Addr<StateMachineManager>,
        logger: &Addr<MachinesLogger>,
        ids: &CatalogueIds,
        tags: &TagsByName<'_>,
    ) -> Result<(), PlantError> {
        let mut memories = ask(logger, LoadMachineMemory, DEADLINE * 6).await??;
        for (id, one) in ids.machines.iter().zip(planned) {
            let Planned { definition, declaration, machine } = one;
            let find = |name: &str| tags.get(name).map(|(id, definition)| BoundTag::new(*id, definition));
            let bindings = Bindings::resolve(&definition, &declaration, find)?;
            let (source, memory) = (Source::Machine(machine), memories.remove(id));
            ask(machines, AddMachine { id: *id, definition, source, bindings, memory }, DEADLINE).await??;
        }
        Ok(())
    }

    /// What makes the worker of the scheduled backups.
    fn backup_factory(&self, cvt: &Addr<Cvt>, tags: &TagsByName<'_>) -> impl Fn() -> Addr<BackupWorker> + Send + use<> {
        let (clock, io, cvt) = (self.clock, self.arbiters.io.clone(), cvt.clone());
        let (settings, plant) = (Arc::new(self.settings.clone()), self.definition.plant.name.clone());
        let failed = tags.get(system::BACKUP_FAILED).map_or(TagId(0), |(id, _)| *id);
        move || {
            let worker = BackupWorker::new(clock, Arc::clone(&settings), &plant, cvt.clone().recipient(), failed);
            BackupWorker::start_in_arbiter(&io, move |_| worker)
        }
    }

    /// What makes the worker that writes the plant's own tags.
    fn monitor_factory(
        &self,
        cvt: &Addr<Cvt>,
        logger: &Slot<LoggerWorker>,
        database: &Database,
        tags: &TagsByName<'_>,
    ) -> impl Fn() -> Addr<Monitor> + Send + use<> {
        let id = |name: &str| tags.get(name).map_or(TagId(0), |(id, _)| *id);
        let system_tags = SystemTags {
            history_failed: id(system::HISTORY_FAILED),
            store_failed: id(system::STORE_FAILED),
            journal_fill: id(system::JOURNAL_FILL),
            database_failed: id(system::DATABASE_FAILED),
            samples_lost: id(system::SAMPLES_LOST),
        };
        let (io, journal_cap) = (self.arbiters.io.clone(), self.settings.history.journal_cap_bytes);
        let (cvt, logger, database) = (cvt.clone(), logger.clone(), database.clone());
        move || {
            let (cvt, logger, database) = (cvt.clone(), logger.clone(), database.clone());
            Monitor::start_in_arbiter(&io, move |_| Monitor { cvt, logger, database, journal_cap, tags: system_tags })
        }
    }
}

/// Watches a leaf that `make` makes again.
fn watch_leaf<A: Actor<Context = Context<A>>>(
    name: &'static str,
    slot: &Slot<A>,
    make: impl Fn() -> Addr<A> + Send + 'static,
) -> Watch {
    let (alive, remade) = (slot.clone(), slot.clone());
    Watch::leaf(name, move || alive.get().connected(), move || remade.set(make()))
}

fn by_name<'a>(definition: &'a PlantDefinition, ids: &CatalogueIds) -> TagsByName<'a> {
    definition.tags.iter().zip(&ids.tags).map(|(tag, id)| (tag.name.as_str(), (*id, tag))).collect()
}

/// Subscribes to every change, from a task on the subscriber's own thread.
fn subscribe_every(
    io: &actix_rt::ArbiterHandle,
    cvt: &Addr<Cvt>,
    name: &'static str,
    recipient: Recipient<TagsChanged>,
) {
    let cvt = cvt.clone();
    let spawned = io.spawn(async move {
        let delivery = Delivery::Every { credit: CREDIT, backlog: BACKLOG };
        if let Err(error) = ask(&cvt, Subscribe { name: name.to_owned(), recipient, delivery }, DEADLINE).await {
            log::error!("{name} could not subscribe: {error}");
        }
    });
    if !spawned {
        log::error!("{name} could not subscribe: its thread has ended");
    }
}
