//! The plant: all actors, started in order, watched, and stopped in reverse.
//!
//! [`Plant::builder`] starts one; the [`Plant`] it gives is a cheap handle. Two plants can live in one process: nothing
//! here is global.
//!
//! ```no_run
//! use flyball::Plant;
//! use flyball::schema::definition::{PlantDefinition, TagDefinition};
//! use flyball::settings::Settings;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let definition = PlantDefinition {
//!     tags: vec![TagDefinition::float("tank.level").with_unit("cm").writable()],
//!     ..PlantDefinition::default()
//! };
//! let plant = Plant::builder(Settings::in_folder("./data")).definition(definition).start().await?;
//! let level = plant.resolve("tank.level").await?;
//! plant.write(level, 12.5).await?;
//! plant.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod arbiters;
mod builder;
mod error;
mod folder;
mod health;
mod intensity;
mod monitor;
mod shutdown;
mod slot;
mod starting;
pub mod system;
mod wait;
mod warden;
mod write;

pub use arbiters::Threads;
pub use builder::PlantBuilder;
pub use error::PlantError;
pub use folder::DataFolder;
pub use health::PlantHealth;
pub use shutdown::ShutdownReport;
pub(crate) use slot::Slot;
pub use wait::WaitError;
pub use warden::{ActorState, ActorStatus};
pub use write::WriteError;

use crate::Clock;
use crate::alarms::{AlarmManager, AlarmsLogger, FlushAlarms};
use crate::configuration::catalogue::{self, UnitChange};
use crate::configuration::{ConfigurationManager, CurrentVersion, SaveSums};
use crate::cvt::{Cvt, Delivery, FlushSubscribers, ResolveTags, Subscribe, SubscriptionId, TagsChanged};
use crate::db::{Barrier, Database, DbError, DbManager};
use crate::history::backup::BackupWorker;
use crate::history::{DataLogger, FlushHistory, LoggerWorker};
use crate::machines::{EnterSafeState, SafeStateReport, StateMachineManager};
use crate::opcua::{CloseLinks, OpcUaClientManager};
use crate::points::PointsLogger;
use crate::send::{DEADLINE, SendError, ask};
use crate::settings::Settings;
use actix::{Addr, Recipient};
use arbiters::Arbiters;
use flyball_schema::{TagId, Timestamp};
use shutdown::Steps;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use warden::{StandDown, Warden};

/// A running plant: a cheap handle, all clones of which mean the same plant.
#[derive(Clone)]
pub struct Plant(Arc<Inner>);

struct Inner {
    name: String,
    epoch: String,
    started_at: Timestamp,
    clock: Clock,
    database: Database,
    db: Addr<DbManager>,
    cvt: Addr<Cvt>,
    alarms: Addr<AlarmManager>,
    alarms_logger: Addr<AlarmsLogger>,
    points: Addr<PointsLogger>,
    logger: Slot<LoggerWorker>,
    data_logger: Slot<DataLogger>,
    backups: Slot<BackupWorker>,
    links: Addr<OpcUaClientManager>,
    machines: Addr<StateMachineManager>,
    configuration: Addr<ConfigurationManager>,
    version: CurrentVersion,
    warden: Addr<Warden>,
    failure: watch::Receiver<Option<&'static str>>,
    /// What ends with the plant; the folder last.
    arbiters: Mutex<Option<(Arbiters, DataFolder)>>,
    stopped: AtomicBool,
}

impl fmt::Debug for Plant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plant").field("name", &self.0.name).field("epoch", &self.0.epoch).finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if !self.stopped.load(Ordering::Acquire) && !std::thread::panicking() {
            log::error!("plant {} was dropped without a shutdown: what was under way is lost", self.name);
            debug_assert!(false, "a plant is ended by Plant::shutdown, not by dropping it");
        }
    }
}

impl Plant {
    /// A plant to be started with these settings.
    #[must_use]
    pub fn builder(settings: Settings) -> PlantBuilder {
        PlantBuilder::new(settings)
    }

    /// Name of the plant, from its definition.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Identity of this run: another one after each start.
    #[must_use]
    pub fn epoch(&self) -> &str {
        &self.0.epoch
    }

    /// When this run began.
    #[must_use]
    pub fn started_at(&self) -> Timestamp {
        self.0.started_at
    }

    /// The plant's clock.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.0.clock
    }

    /// The current value table.
    #[must_use]
    pub fn cvt(&self) -> &Addr<Cvt> {
        &self.0.cvt
    }

    /// The alarms.
    #[must_use]
    pub fn alarms(&self) -> &Addr<AlarmManager> {
        &self.0.alarms
    }

    /// The journal of alarms.
    #[must_use]
    pub fn alarms_logger(&self) -> &Addr<AlarmsLogger> {
        &self.0.alarms_logger
    }

    /// Surveyed points of segments, and positions by kilometre post.
    #[must_use]
    pub fn points(&self) -> &Addr<PointsLogger> {
        &self.0.points
    }

    /// The logger of samples; after it was made again, another address.
    #[must_use]
    pub fn logger(&self) -> Addr<LoggerWorker> {
        self.0.logger.get()
    }

    /// The history; after it was made again, another address.
    #[must_use]
    pub fn data_logger(&self) -> Addr<DataLogger> {
        self.0.data_logger.get()
    }

    /// The links to devices.
    #[must_use]
    pub fn links(&self) -> &Addr<OpcUaClientManager> {
        &self.0.links
    }

    /// The machines.
    #[must_use]
    pub fn machines(&self) -> &Addr<StateMachineManager> {
        &self.0.machines
    }

    /// What the plant consists of.
    #[must_use]
    pub fn configuration(&self) -> &Addr<ConfigurationManager> {
        &self.0.configuration
    }

    /// The version of its definition: another one after every change that is in effect. Does not wait for one under way.
    #[must_use]
    pub fn definition_version(&self) -> String {
        self.0.version.get()
    }

    /// When the source units of tags have changed, oldest first.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn unit_changes(&self, tags: Vec<TagId>) -> Result<Vec<UnitChange>, DbError> {
        self.0.database.read(move |connection| catalogue::unit_changes(connection, &tags)).await
    }

    /// Whether the plant runs: started, and not stopping.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.0.stopped.load(Ordering::Acquire) && self.0.failure.borrow().is_none()
    }

    /// The id of a tag's name.
    ///
    /// # Errors
    /// [`WriteError::UnknownName`], [`WriteError::Unavailable`].
    pub async fn resolve(&self, name: &str) -> Result<TagId, WriteError> {
        let unknown = || WriteError::UnknownName(name.to_owned());
        let reply = ask(self.cvt(), ResolveTags(vec![name.to_owned()]), DEADLINE).await;
        let ids = reply.map_err(|_gone| WriteError::Unavailable)?.map_err(|_| unknown())?;
        ids.first().copied().ok_or_else(unknown)
    }

    /// Sends changes of tags to `recipient` from now on, a snapshot first. See [`Subscribe`].
    ///
    /// # Errors
    /// [`SendError`] where the plant is stopping.
    pub async fn subscribe(
        &self,
        name: impl Into<String>,
        recipient: Recipient<TagsChanged>,
        delivery: Delivery,
    ) -> Result<SubscriptionId, SendError> {
        ask(self.cvt(), Subscribe { name: name.into(), recipient, delivery }, DEADLINE).await
    }

    /// Waits until a core actor is lost, and answers its name: the plant has to be shut down then.
    pub async fn failed(&self) -> &'static str {
        let mut failure = self.0.failure.clone();
        loop {
            if let Some(name) = *failure.borrow_and_update() {
                return name;
            }
            if failure.changed().await.is_err() {
                return "warden";
            }
        }
    }

    /// Ends the plant in order: machines to their safe outputs while the field is connected, links drained and closed,
    /// alarms and samples flushed, then the threads. A second call answers at once.
    pub async fn shutdown(&self) -> ShutdownReport {
        if self.0.stopped.swap(true, Ordering::AcqRel) {
            return ShutdownReport::default();
        }
        let mut steps = Steps::begin();
        let logger = self.logger();
        let inner = &self.0;
        let second = Duration::from_secs(1);
        steps.run("warden", second, told(ask(&inner.warden, StandDown, second))).await;
        steps.run("machines", second, safe(ask(&inner.machines, EnterSafeState, second))).await;
        steps.run("links", second * 2, told(ask(&inner.links, CloseLinks, second * 2))).await;
        steps.run("tags", second, told(ask(&inner.cvt, FlushSubscribers, second))).await;
        steps.run("sums", second, done(ask(&inner.configuration, SaveSums, second))).await;
        steps.run("alarms", second, done(ask(&inner.alarms, FlushAlarms, second))).await;
        steps.run("history", second, done(ask(&logger, FlushHistory, second))).await;
        steps.run("database", second, done(ask(&inner.db, Barrier, second))).await;
        let arbiters = inner.arbiters.lock().unwrap_or_else(PoisonError::into_inner).take();
        steps.run("threads", second, stop_threads(arbiters)).await;
        steps.end()
    }
}

async fn told(reply: impl Future<Output = Result<(), SendError>>) -> Result<(), String> {
    reply.await.map_err(|error| error.to_string())
}

async fn safe(reply: impl Future<Output = Result<SafeStateReport, SendError>>) -> Result<(), String> {
    let report = reply.await.map_err(|error| error.to_string())?;
    if report.problems.is_empty() { Ok(()) } else { Err(report.problems.join("; ")) }
}

async fn done<T, E: fmt::Display>(reply: impl Future<Output = Result<Result<T, E>, SendError>>) -> Result<(), String> {
    match reply.await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// Joining a thread blocks, so it is done on one made for blocking.
async fn stop_threads(arbiters: Option<(Arbiters, DataFolder)>) -> Result<(), String> {
    let Some((mut arbiters, _folder)) = arbiters else { return Ok(()) };
    tokio::task::spawn_blocking(move || arbiters.stop()).await.map_err(|error| error.to_string())
}
