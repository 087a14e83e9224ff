//! How the plant and its server are.

use super::{NoQuery, State};
use crate::console;
use crate::problem::Problem;
use actix_web::web::{Json, Query};
use flyball::opcua::LinkState;
use flyball::plant::{Plant, PlantHealth};
use flyball::schema::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// How the plant and its server are. Counts are null while the part that has them does not answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthView {
    /// `ok` or `degraded`.
    #[schema(value_type = String)]
    pub status: &'static str,
    /// Why it is degraded.
    pub reasons: Vec<String>,
    /// Name of the plant.
    pub plant: String,
    /// Version of Flyball.
    #[schema(value_type = String)]
    pub version: &'static str,
    /// Identity of this run: another one after each start.
    pub epoch: String,
    /// Version of the plant's definition: another one after every change.
    pub definition: String,
    /// When this run began.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// The time now.
    #[schema(value_type = String, format = DateTime)]
    pub now: Timestamp,
    /// Whether the console was built in: `embedded` or `placeholder`.
    #[schema(value_type = String)]
    pub console: &'static str,
    /// Watched actors.
    pub actors: Vec<ActorView>,
    /// Links by state.
    pub links: LinkCounts,
    /// Alarms by state.
    pub alarms: AlarmCountsView,
    /// Machines by state.
    pub machines: MachineCounts,
    /// Tags by quality.
    pub tags: TagCounts,
    /// The database of configuration and state.
    pub database: DatabaseView,
    /// The history.
    pub history: HistoryStatusView,
    /// The scheduled backups.
    pub backup: BackupView,
}

/// A watched actor.
#[derive(Debug, Serialize, ToSchema)]
pub struct ActorView {
    /// Name.
    #[schema(value_type = String)]
    pub name: &'static str,
    /// `running`, `restarting` or `failed`.
    #[schema(value_type = String)]
    pub state: &'static str,
    /// How often it was made again.
    pub restarts: u64,
}

/// Links by state.
#[derive(Debug, Serialize, ToSchema)]
pub struct LinkCounts {
    /// Connected.
    pub connected: Option<usize>,
    /// Not connected, whether never yet or no longer.
    pub lost: Option<usize>,
}

/// Alarms by state.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlarmCountsView {
    /// UNACK, RTNUN and LTUNK.
    pub unacknowledged: Option<usize>,
    /// UNACK and ACKED.
    pub active: Option<usize>,
    /// All but NORM and what is hidden.
    pub standing: Option<usize>,
    /// On the shelf.
    pub shelved: Option<usize>,
    /// Suppressed by design.
    pub suppressed: Option<usize>,
    /// Out of service.
    pub out_of_service: Option<usize>,
}

/// Machines by state.
#[derive(Debug, Serialize, ToSchema)]
pub struct MachineCounts {
    /// Running.
    pub run: Option<usize>,
    /// Faulted.
    pub fault: Option<usize>,
    /// All.
    pub total: Option<usize>,
}

/// Tags by quality.
#[derive(Debug, Serialize, ToSchema)]
pub struct TagCounts {
    /// All.
    pub total: Option<usize>,
    /// Of bad quality.
    pub bad: Option<usize>,
}

/// The database of configuration and state.
#[derive(Debug, Serialize, ToSchema)]
pub struct DatabaseView {
    /// `ok` or `degraded`.
    #[schema(value_type = String)]
    pub state: &'static str,
    /// Why the last job failed.
    pub error: Option<String>,
}

/// The history since the start.
#[derive(Debug, Serialize, ToSchema)]
pub struct HistoryStatusView {
    /// Frames journaled.
    pub frames: Option<u64>,
    /// Changes journaled.
    pub changes: Option<u64>,
    /// Last sequence number received.
    pub last_seq: Option<u64>,
    /// Last sequence number that is durable.
    pub durable_seq: Option<u64>,
    /// Age of the oldest change that is not durable, ms.
    pub lag_ms: Option<u64>,
    /// Size of the journal, bytes.
    pub journal_bytes: Option<u64>,
    /// Changes that are in no history.
    pub lost: Option<u64>,
    /// Changes dropped from a full journal before the store had them.
    pub expired: Option<u64>,
    /// Changes that are journaled and not stored yet.
    pub waiting: Option<u64>,
    /// Size of the store, bytes.
    pub store_bytes: Option<u64>,
    /// Samples dropped past their retention.
    pub dropped: Option<u64>,
    /// Why the store cannot be written, where it cannot.
    pub store_error: Option<String>,
}

/// The scheduled backups.
#[derive(Debug, Serialize, ToSchema)]
pub struct BackupView {
    /// Whether backups are scheduled.
    pub scheduled: Option<bool>,
    /// Whether one is under way.
    pub running: Option<bool>,
    /// When the last good one was begun.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_good: Option<Timestamp>,
    /// Why the last one failed, where it did.
    pub error: Option<String>,
}

/// How `plant` and its server are.
pub(crate) async fn view(plant: &Plant) -> HealthView {
    let health = plant.health().await;
    let links = health.links.as_ref();
    let connected = links.map(|links| links.iter().filter(|link| link.state == LinkState::Connected).count());
    let machines = health.machines.as_ref();
    let alarms = health.alarms.as_ref();
    let tags = health.tags.as_ref();
    HealthView {
        status: if health.is_ok() { "ok" } else { "degraded" },
        plant: plant.name().to_owned(),
        version: env!("CARGO_PKG_VERSION"),
        epoch: plant.epoch().to_owned(),
        definition: plant.definition_version(),
        started_at: plant.started_at(),
        now: plant.clock().now(),
        console: console::state(),
        actors: actors(&health),
        links: LinkCounts { connected, lost: links.zip(connected).map(|(links, connected)| links.len() - connected) },
        alarms: AlarmCountsView {
            unacknowledged: alarms.map(|alarms| alarms.unacknowledged),
            active: alarms.map(|alarms| alarms.active),
            standing: alarms.map(|alarms| alarms.standing),
            shelved: alarms.map(|alarms| alarms.shelved),
            suppressed: alarms.map(|alarms| alarms.suppressed),
            out_of_service: alarms.map(|alarms| alarms.out_of_service),
        },
        machines: MachineCounts {
            run: machines.map(|machines| machines.run),
            fault: machines.map(|machines| machines.fault),
            total: machines.map(|machines| machines.total),
        },
        tags: TagCounts { total: tags.map(|tags| tags.tags), bad: tags.map(|tags| tags.bad) },
        database: DatabaseView {
            state: if health.database.error.is_none() { "ok" } else { "degraded" },
            error: health.database.error.clone(),
        },
        history: history(&health),
        backup: backup(&health),
        reasons: health.reasons,
    }
}

fn actors(health: &PlantHealth) -> Vec<ActorView> {
    let view = |actor: &flyball::plant::ActorStatus| ActorView {
        name: actor.name,
        state: actor.state.as_str(),
        restarts: actor.restarts,
    };
    health.actors.iter().map(view).collect()
}

fn history(health: &PlantHealth) -> HistoryStatusView {
    let history = health.history.as_ref();
    HistoryStatusView {
        frames: history.map(|history| history.frames),
        changes: history.map(|history| history.changes),
        last_seq: history.map(|history| history.last_seq),
        durable_seq: history.map(|history| history.durable_seq),
        lag_ms: history.map(|history| history.lag_ms),
        journal_bytes: history.map(|history| history.journal_bytes),
        lost: history.map(|history| history.lost),
        expired: history.map(|history| history.expired),
        waiting: history.map(|history| history.store.waiting),
        store_bytes: history.map(|history| history.store.size_bytes),
        dropped: history.map(|history| history.store.dropped),
        store_error: history.and_then(|history| history.store.error.clone()),
    }
}

fn backup(health: &PlantHealth) -> BackupView {
    let backup = health.backup.as_ref();
    BackupView {
        scheduled: backup.map(|backup| backup.scheduled),
        running: backup.map(|backup| backup.running),
        last_good: backup.and_then(|backup| backup.last_good),
        error: backup.and_then(|backup| backup.error.clone()),
    }
}

/// Reads how the plant and its server are.
///
/// # Errors
/// `malformed`.
#[utoipa::path(get, path = "/health", tag = "health", responses(
    (status = 200, description = "how the plant is", body = HealthView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn read(state: State, _: Query<NoQuery>) -> Result<Json<HealthView>, Problem> {
    Ok(Json(view(state.plant()).await))
}

/// Reads how the plant and its server are.
#[utoipa::path(get, path = "/api/v1/health", tag = "health", responses(
    (status = 200, description = "how the plant is", body = HealthView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
#[expect(dead_code, reason = "stands for `read` at its second address in the description")]
pub(crate) fn read_again() {}

/// A word that says how a server is.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatusView {
    /// `live` or `ready`.
    #[schema(value_type = String)]
    pub status: &'static str,
}

/// Answers while the process serves requests.
///
/// # Errors
/// None.
#[utoipa::path(get, path = "/health/live", tag = "health", responses(
    (status = 200, description = "the process is there", body = StatusView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn live() -> Json<StatusView> {
    Json(StatusView { status: "live" })
}

/// Answers 200 while the plant runs.
///
/// # Errors
/// `unavailable` before the plant runs and while it stops.
#[utoipa::path(get, path = "/health/ready", tag = "health", responses(
    (status = 200, description = "the plant runs", body = StatusView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn ready(state: State) -> Result<Json<StatusView>, Problem> {
    if state.plant().is_ready() {
        Ok(Json(StatusView { status: "ready" }))
    } else {
        Err(Problem::unavailable("the plant does not run"))
    }
}
