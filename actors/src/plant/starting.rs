//! Starts a plant: each actor after those it speaks to.

use super::arbiters::Arbiters;
use super::error::PlantError;
use super::folder::DataFolder;
use super::monitor::Monitor;
use super::slot::Slot;
use super::system::{self, SystemTags};
use super::warden::{Warden, Watch};
use super::{Inner, Plant};
use crate::Clock;
use crate::alarms::analytics::AlarmAnalytics;
use crate::alarms::{AlarmManager, AlarmsLogger, CreateAlarms, LoadAlarmMemory};
use crate::configuration::catalogue::CatalogueIds;
use crate::configuration::live::{self, TagsByName, by_name, links_with_tags};
use crate::configuration::{Actors, Complete, ConfigurationManager, CurrentVersion, OwnMachine, record};
use crate::cvt::{ChangeTags, Cvt, Delivery, NewTag, Subscribe, TagsChanged};
use crate::db::{Database, DbManager, LoadMachineMemory, MachinesLogger};
use crate::history::backup::BackupWorker;
use crate::history::{DataLogger, History, Keeping, LoggerWorker};
use crate::machines::{
    AddMachine, AsyncStateMachineWorker, Bindings, BoundTag, Kinds, Machine, Source, StateMachineManager,
    StateMachineWorker,
};
use crate::notify::{Neighbours, NotificationsLogger, Notifier, Plan};
use crate::opcua::OpcUaClientManager;
use crate::points::PointsLogger;
use crate::send::{DEADLINE, ask};
use crate::settings::Settings;
use actix::{Actor, Addr, Context, Recipient};
use flyball_schema::TagId;
use flyball_schema::definition::TagDefinition;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// Messages a subscriber that needs every change may have unhandled.
const CREDIT: usize = 64;

/// Changes that wait in the table for a subscriber that needs every one.
const BACKLOG: usize = 1_000_000;

/// A plant on its way up.
pub(super) struct Starting {
    pub(super) clock: Clock,
    pub(super) settings: Settings,
    pub(super) complete: Complete,
    pub(super) ids: CatalogueIds,
    pub(super) version: String,
    pub(super) own: Vec<OwnMachine>,
    pub(super) arbiters: Arbiters,
    pub(super) folder: DataFolder,
    pub(super) history: Arc<History>,
    pub(super) notify: Arc<Plan>,
}

impl Starting {
    /// Starts each actor after those it speaks to; `own` are the machines whose code the application brought along.
    pub(super) async fn run(self, manager: DbManager, own: Vec<Box<dyn Machine>>) -> Result<Plant, PlantError> {
        let (clock, last_seq) = (self.clock, self.history.last_seq());
        let database = manager.database();
        let db = manager.start();
        let (definition, ids) = (&self.complete.definition, &self.ids);
        let tags = by_name(definition, ids);

        let core = &self.arbiters.core;
        let cvt = Cvt::start_in_arbiter(core, move |_| Cvt::new(clock, last_seq));
        let keeping = live::keeping(&self.settings, &tags);
        let keeping = keeping.map_err(|(tag, class)| PlantError::RetentionClass { tag, class })?;
        let logger = Slot::new(self.logger_factory(&cvt, &keeping)());
        let alarms_logger = AlarmsLogger::new(database.clone()).start();
        let alarms = self.start_alarms(&cvt, &alarms_logger, &tags).await?;
        let alarm_analytics = Slot::new(self.alarm_analytics_factory(&database)());
        let data_logger = Slot::new(DataLogger::new(clock, Arc::clone(&self.history)).start());

        let create = self.new_tags(&database).await?;
        ask(&cvt, ChangeTags { create, ..ChangeTags::default() }, DEADLINE * 6).await??;

        let client = OpcUaClientManager::new(clock, cvt.clone().recipient(), self.settings.opcua_client());
        let client = client.map_err(PlantError::Threads)?;
        let links = OpcUaClientManager::start_in_arbiter(&self.arbiters.io, move |_| client);
        for link in links_with_tags(&ids.links, &definition.links, &tags) {
            ask(&links, link, DEADLINE).await??;
        }
        let machines_logger = MachinesLogger::new(clock, database.clone()).start();
        let (machines, workers) = self.start_machines(&cvt, &links, &machines_logger);
        self.add_machines(own, &machines, &machines_logger, &tags).await?;
        let actors = Actors {
            cvt: cvt.clone(),
            alarms: alarms.clone(),
            links: links.clone(),
            machines: machines.clone(),
            logger: logger.clone(),
        };
        let settings = Arc::new(self.settings.clone());
        let version = CurrentVersion::new(self.version.clone());
        let configuration =
            ConfigurationManager::new(clock, database.clone(), settings, self.own.clone(), actors, version.clone());
        let configuration = configuration.start();

        let notifications = Slot::new(notifications_factory(&database)());
        let notifier = Slot::new(self.notifier_factory(&cvt, &alarms, &notifications)());
        let points = PointsLogger::new(clock, database.clone()).start();
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
            Watch::core("configuration", &configuration),
            Watch::core("points logger", &points),
            watch_leaf("logger", &logger, self.logger_factory(&cvt, &keeping)),
            watch_leaf("history", &data_logger, self.data_logger_factory()),
            watch_leaf("alarm analytics", &alarm_analytics, self.alarm_analytics_factory(&database)),
            watch_leaf("notifications", &notifications, notifications_factory(&database)),
            watch_leaf("notifier", &notifier, self.notifier_factory(&cvt, &alarms, &notifications)),
            watch_leaf("monitor", &monitor, self.monitor_factory(&cvt, &logger, &database, &tags)),
            watch_leaf("backup", &backups, self.backup_factory(&cvt, &tags)),
        ];
        let warden = Warden::new(clock, watches, failed).start();
        Ok(Plant(Arc::new(Inner {
            name: definition.plant.name.clone(),
            epoch: uuid::Uuid::new_v4().simple().to_string(),
            started_at: clock.now(),
            clock,
            database,
            db,
            cvt,
            alarms,
            alarms_logger,
            alarm_analytics,
            notifier,
            notifications,
            logger,
            data_logger,
            backups,
            links,
            machines,
            configuration,
            version,
            points,
            warden,
            failure,
            arbiters: Mutex::new(Some((self.arbiters, self.folder))),
            stopped: AtomicBool::new(false),
        })))
    }

    /// Every tag, with what the database remembers of it.
    async fn new_tags(&self, database: &Database) -> Result<Vec<NewTag>, PlantError> {
        let (mut substitutions, mut sums) =
            database.read(|connection| Ok((record::substitutions(connection)?, record::sums(connection)?))).await?;
        let tags = self.ids.tags.iter().copied().zip(&self.complete.definition.tags).enumerate();
        let new = |(index, (id, definition)): (usize, (TagId, &TagDefinition))| NewTag {
            made: index >= self.complete.defined.tags,
            sums: sums.remove(&id),
            substituted: substitutions.remove(&id).map(|substitution| substitution.value),
            ..NewTag::new(id, definition.clone())
        };
        Ok(tags.map(new).collect())
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

    fn alarm_analytics_factory(&self, database: &Database) -> impl Fn() -> Addr<AlarmAnalytics> + Send + use<> {
        let (clock, database) = (self.clock, database.clone());
        move || AlarmAnalytics::new(clock, database.clone()).start()
    }

    /// What makes a notifier that subscribes itself.
    fn notifier_factory(
        &self,
        cvt: &Addr<Cvt>,
        alarms: &Addr<AlarmManager>,
        record: &Slot<NotificationsLogger>,
    ) -> impl Fn() -> Addr<Notifier> + Send + use<> {
        let (clock, io, plan) = (self.clock, self.arbiters.io.clone(), Arc::clone(&self.notify));
        let plant = self.complete.definition.plant.name.clone();
        let neighbours = Neighbours::new(alarms, cvt.clone().recipient(), record.clone());
        move || {
            let (plant, plan, neighbours) = (plant.clone(), Arc::clone(&plan), neighbours.clone());
            Notifier::start_in_arbiter(&io, move |_| Notifier::new(clock, &plant, plan, neighbours))
        }
    }

    async fn start_alarms(
        &self,
        cvt: &Addr<Cvt>,
        logger: &Addr<AlarmsLogger>,
        tags: &TagsByName<'_>,
    ) -> Result<Addr<AlarmManager>, PlantError> {
        let mut memories = ask(logger, LoadAlarmMemory, DEADLINE * 6).await??;
        let (clock, journal, table) = (self.clock, logger.clone().recipient(), cvt.clone().recipient());
        let limits = self.settings.shelf_limits();
        let alarms = AlarmManager::start_in_arbiter(&self.arbiters.core, move |_| {
            AlarmManager::new(clock, journal).with_table(table).with_shelf_limits(limits)
        });
        let mut new_alarms = Vec::with_capacity(self.ids.alarms.len());
        for (id, definition) in self.ids.alarms.iter().zip(&self.complete.definition.alarms) {
            let (alarm, name) = (definition.name.clone(), definition.tag.clone());
            let new = live::new_alarm(*id, definition, tags, memories.remove(id));
            new_alarms.push(new.ok_or(PlantError::AlarmTag { alarm, tag: name })?);
        }
        ask(&alarms, CreateAlarms(new_alarms), DEADLINE * 6).await??;
        let recipient: Recipient<TagsChanged> = alarms.clone().recipient();
        let delivery = Delivery::Every { credit: CREDIT, backlog: BACKLOG };
        ask(cvt, Subscribe { name: "alarms".to_owned(), recipient, delivery }, DEADLINE).await?;
        Ok(alarms)
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
        own: Vec<Box<dyn Machine>>,
        machines: &Addr<StateMachineManager>,
        logger: &Addr<MachinesLogger>,
        tags: &TagsByName<'_>,
    ) -> Result<(), PlantError> {
        let mut memories = ask(logger, LoadMachineMemory, DEADLINE * 6).await??;
        let Complete { definition, defined, declarations } = &self.complete;
        let of_a_kind = std::iter::repeat_with(|| Source::Kind).take(defined.machines);
        let sources = of_a_kind.chain(own.into_iter().map(Source::Machine));
        let all = self.ids.machines.iter().zip(&definition.machines).zip(declarations).zip(sources);
        for (((id, definition), declaration), source) in all {
            let find = |name: &str| tags.get(name).map(|(id, definition)| BoundTag::new(*id, definition));
            let bindings = Bindings::resolve(definition, declaration, find)?;
            let (definition, memory) = (definition.clone(), memories.remove(id));
            ask(machines, AddMachine { id: *id, definition, source, bindings, memory }, DEADLINE).await??;
        }
        Ok(())
    }

    /// What makes the worker of the scheduled backups.
    fn backup_factory(&self, cvt: &Addr<Cvt>, tags: &TagsByName<'_>) -> impl Fn() -> Addr<BackupWorker> + Send + use<> {
        let (clock, io, cvt) = (self.clock, self.arbiters.io.clone(), cvt.clone());
        let (settings, plant) = (Arc::new(self.settings.clone()), self.complete.definition.plant.name.clone());
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
            disk_free: id(system::DISK_FREE),
            clock_offset: id(system::CLOCK_OFFSET),
            changes_waiting: id(system::CHANGES_WAITING),
        };
        let (clock, data_dir) = (self.clock, self.settings.data.dir.clone());
        let (io, journal_cap) = (self.arbiters.io.clone(), self.settings.history.journal_cap_bytes);
        let (cvt, logger, database) = (cvt.clone(), logger.clone(), database.clone());
        move || {
            let (cvt, logger, database) = (cvt.clone(), logger.clone(), database.clone());
            let (data_dir, tags) = (data_dir.clone(), system_tags);
            Monitor::start_in_arbiter(&io, move |_| Monitor {
                cvt,
                logger,
                database,
                clock,
                data_dir,
                journal_cap,
                tags,
            })
        }
    }
}

fn notifications_factory(database: &Database) -> impl Fn() -> Addr<NotificationsLogger> + Send + use<> {
    let database = database.clone();
    move || NotificationsLogger::new(database.clone()).start()
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
