//! Machines: list, read, command, change parameters.

use super::page::{Page, Window};
use super::{NoQuery, Scalar, State, command, scalar};
use crate::problem::Problem;
use actix_web::web::{Json, Path, Query};
use flyball::machines::{
    ListMachines, MachineStatus, ParameterInfo, PortInfo, ReadMachine, SetParameters, Transition, TransitionMachine,
};
use flyball::plant::Plant;
use flyball::schema::definition::Mode;
use flyball::schema::{MachineId, Quality, TagId, Value};
use flyball::send::{DEADLINE, ask};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Machines that are read at a time.
const READ_PAGE: usize = 100;

/// A machine as it is now.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MachineView {
    /// Identity.
    #[schema(value_type = u32)]
    pub id: MachineId,
    /// Unique name.
    pub name: String,
    /// Kind, for example `pid`.
    pub kind: String,
    /// What it does.
    pub description: Option<String>,
    /// `sync` or `async`.
    #[schema(value_type = String)]
    pub mode: &'static str,
    /// Interval between steps, ms.
    pub interval_ms: u32,
    /// `start`, `wait`, `run`, `reset`, `restart`, `test`, `sleep` or `fault`.
    #[schema(value_type = String)]
    pub state: &'static str,
    /// The machine's own state within it.
    pub own_state: Option<String>,
    /// Why it faulted.
    pub fault: Option<String>,
    /// Why it does not go from `wait` to `run`, where it denies that itself.
    pub denied: Option<String>,
    /// Transitions that may be asked for now.
    #[schema(value_type = Vec<String>)]
    pub allowed: Vec<&'static str>,
    /// What it reads.
    pub inputs: Vec<PortView>,
    /// What it writes.
    pub outputs: Vec<PortView>,
    /// Its settings.
    pub parameters: Vec<ParameterView>,
    /// Counters since it was added.
    pub stats: StatsView,
}

/// An input or output.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PortView {
    /// Name.
    #[schema(value_type = String)]
    pub name: &'static str,
    /// The tag read, or the machine's own tag that is written; null for an optional input bound to nothing.
    #[schema(value_type = Option<u32>)]
    pub tag_id: Option<TagId>,
    /// Name of that tag.
    pub tag: Option<String>,
    /// Another tag that the output drives.
    #[schema(value_type = Option<u32>)]
    pub drives_id: Option<TagId>,
    /// Name of that tag.
    pub drives: Option<String>,
    /// Unit of the value.
    pub unit: Option<String>,
    /// Present value.
    #[schema(value_type = Option<Scalar>)]
    pub value: Option<Value>,
    /// `good`, `uncertain` or `bad`.
    #[schema(value_type = String)]
    pub quality: &'static str,
    /// What it is.
    #[schema(value_type = String)]
    pub description: &'static str,
}

/// A setting of a machine.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ParameterView {
    /// Name.
    #[schema(value_type = String)]
    pub name: &'static str,
    /// Type of the value: `float`, `integer`, `boolean`, `text`.
    #[schema(value_type = String)]
    pub data_type: &'static str,
    /// Present value.
    #[schema(value_type = Scalar)]
    pub value: Value,
    /// Unit of the value.
    pub unit: Option<String>,
    /// Smallest value allowed.
    pub low: Option<f64>,
    /// Largest value allowed.
    pub high: Option<f64>,
    /// Values allowed of a text; null for any.
    #[schema(value_type = Option<Vec<String>>)]
    pub choices: Option<&'static [&'static str]>,
    /// What it is.
    #[schema(value_type = String)]
    pub description: &'static str,
}

/// Counters of a machine.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct StatsView {
    /// Steps done.
    pub steps: u64,
    /// Steps that took longer than the interval.
    pub overruns: u64,
    /// Turns of the interval without a step.
    pub missed: u64,
    /// Time the last step took, µs.
    pub step_us_last: u64,
    /// Time the longest step took, µs.
    pub step_us_max: u64,
    /// The latest that a step began, µs.
    pub late_us_max: u64,
}

impl From<MachineStatus> for MachineView {
    fn from(status: MachineStatus) -> Self {
        let info = &*status.info;
        let stats = status.stats;
        Self {
            id: info.id,
            name: info.name.clone(),
            kind: info.kind.clone(),
            description: info.description.clone(),
            mode: match info.mode {
                Mode::Sync => "sync",
                Mode::Async => "async",
            },
            interval_ms: info.interval_ms,
            state: status.state.as_str(),
            own_state: status.own_state,
            fault: status.fault,
            denied: status.denied,
            allowed: status.allowed.iter().map(|transition| transition.as_str()).collect(),
            inputs: ports(&info.inputs, status.inputs),
            outputs: ports(&info.outputs, status.outputs),
            parameters: info.parameters.iter().zip(status.parameters).map(parameter).collect(),
            stats: StatsView {
                steps: stats.steps,
                overruns: stats.overruns,
                missed: stats.missed,
                step_us_last: stats.step_us_last,
                step_us_max: stats.step_us_max,
                late_us_max: stats.late_us_max,
            },
        }
    }
}

fn ports(infos: &[PortInfo], values: Vec<(Option<Value>, Quality)>) -> Vec<PortView> {
    let view = |(info, (value, quality)): (&PortInfo, (Option<Value>, Quality))| PortView {
        name: info.name,
        tag_id: info.tag.as_ref().map(|(id, _)| *id),
        tag: info.tag.as_ref().map(|(_, name)| name.clone()),
        drives_id: info.drives.as_ref().map(|(id, _)| *id),
        drives: info.drives.as_ref().map(|(_, name)| name.clone()),
        unit: info.unit.clone(),
        value,
        quality: quality.severity().as_str(),
        description: info.description,
    };
    infos.iter().zip(values).map(view).collect()
}

fn parameter((info, value): (&ParameterInfo, Value)) -> ParameterView {
    ParameterView {
        name: info.name,
        data_type: info.data_type.as_str(),
        value,
        unit: info.unit.clone(),
        low: info.low,
        high: info.high,
        choices: Some(info.choices).filter(|choices| !choices.is_empty()),
        description: info.description,
    }
}

/// Which machines.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MachineQuery {
    /// Items at the most; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(max_length = 20)]
    cursor: Option<String>,
}

/// All machines.
pub(crate) async fn all(plant: &Plant) -> Result<Vec<MachineView>, Problem> {
    let mut views: Vec<MachineView> = Vec::new();
    loop {
        let wish = ListMachines { after: views.last().map(|view| view.id), limit: READ_PAGE };
        let machines = ask(plant.machines(), wish, DEADLINE).await??;
        let more = machines.len() == READ_PAGE;
        views.extend(machines.into_iter().map(MachineView::from));
        if !more {
            return Ok(views);
        }
    }
}

/// Lists machines by id.
///
/// # Errors
/// `malformed`, `invalid_limit`, `unavailable`.
#[utoipa::path(get, path = "/api/v1/machines", tag = "machines", params(MachineQuery), responses(
    (status = 200, description = "a page of machines", body = Page<MachineView>),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn list(state: State, query: Query<MachineQuery>) -> Result<Json<Page<MachineView>>, Problem> {
    let window = Window::read(query.cursor.as_deref(), query.limit)?;
    let wish = ListMachines { after: window.after_id()?.map(MachineId), limit: window.ask() };
    let machines = ask(state.plant().machines(), wish, DEADLINE).await??;
    Ok(Json(window.page(machines, |machine| u64::from(machine.info.id.0), MachineView::from)))
}

/// Reads one machine.
///
/// # Errors
/// `unknown_machine`, `malformed`, `unavailable`.
#[utoipa::path(get, path = "/api/v1/machines/{id}", tag = "machines", params(("id" = u32, Path, description = "the machine")), responses(
    (status = 200, description = "the machine", body = MachineView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn read(state: State, id: Path<u32>, _: Query<NoQuery>) -> Result<Json<MachineView>, Problem> {
    let machine = ask(state.plant().machines(), ReadMachine(MachineId(*id)), DEADLINE).await??;
    Ok(Json(machine.into()))
}

/// A transition that is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransitionInput {
    /// `reset`, `restart`, `test` or `sleep`.
    #[schema(max_length = 20)]
    transition: String,
}

/// Asks a machine for a transition and answers when it was made.
///
/// # Errors
/// `unknown_machine`, `invalid_transition`, `wrong_state`, `unavailable`, `deadline`.
#[utoipa::path(post, path = "/api/v1/machines/{id}/transitions", tag = "machines", params(("id" = u32, Path, description = "the machine")),
    request_body = TransitionInput, responses(
    (status = 200, description = "the machine afterwards", body = MachineView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn transition(
    state: State,
    id: Path<u32>,
    _: Query<NoQuery>,
    input: Json<TransitionInput>,
) -> Result<Json<MachineView>, Problem> {
    let word = &input.transition;
    let Some(transition) = Transition::parse_command(word) else {
        let known = Transition::COMMANDS.map(Transition::as_str).join(", ");
        return Err(Problem::invalid("transition", "/transition", format!("\"{word}\" is none of {known}")));
    };
    let (plant, machine) = (state.plant().clone(), MachineId(*id));
    let wish = TransitionMachine { machine, transition };
    let status = command(async move { Ok(ask(plant.machines(), wish, DEADLINE).await??) }).await?;
    Ok(Json(status.into()))
}

/// Changes parameters of a machine, all or none, as a JSON merge patch: name → value.
///
/// # Errors
/// `unknown_machine`, `invalid_parameter` with the pointer of each, `unavailable`, `deadline`.
#[utoipa::path(patch, path = "/api/v1/machines/{id}/parameters", tag = "machines", params(("id" = u32, Path, description = "the machine")),
    request_body(content = BTreeMap<String, Scalar>, content_type = "application/merge-patch+json"), responses(
    (status = 200, description = "the machine afterwards", body = MachineView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn parameters(
    state: State,
    id: Path<u32>,
    _: Query<NoQuery>,
    patch: Json<BTreeMap<String, serde_json::Value>>,
) -> Result<Json<MachineView>, Problem> {
    let changes = patch.into_inner().into_iter().map(|(name, json)| {
        let pointer = format!("/{name}");
        let value = scalar(json, &pointer);
        value
            .map(|value| (name, value))
            .map_err(|problem| Problem::invalid("parameter", pointer, problem.detail.clone()))
    });
    let values = changes.collect::<Result<BTreeMap<String, Value>, Problem>>()?;
    let (plant, machine) = (state.plant().clone(), MachineId(*id));
    let wish = SetParameters { machine, values };
    let status = command(async move { Ok(ask(plant.machines(), wish, DEADLINE).await??) }).await?;
    Ok(Json(status.into()))
}
