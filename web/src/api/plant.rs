//! The plant as code: plan, apply, export.

use super::plan::PlanView;
use super::{NoQuery, State, author, change};
use crate::problem::Problem;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::{Bytes, Json, Payload, Query};
use actix_web::{HttpRequest, HttpResponse};
use flyball::configuration::{Change, ChangePlant, ConfigurationError, Edit, ReadDefinition};
use flyball::schema::definition::csv::{CsvItems, write_alarms, write_tags};
use flyball::schema::definition::{DefinitionError, PlantDefinition};
use flyball::send::{DEADLINE, ask};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// Largest plant file that is taken, bytes.
pub const MAX_FILE: usize = 64 * 1024 * 1024;

/// Problems told one by one at the most.
const MOST_PROBLEMS: usize = 100;

/// How a file is applied.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ApplyQuery {
    /// Only tell what would change.
    #[serde(default)]
    dry_run: bool,
    /// Why, for the record.
    #[param(max_length = 1000)]
    reason: Option<String>,
}

/// A plant file as it was sent.
enum File {
    Toml(String),
    Csv(Box<CsvItems>),
}

impl File {
    fn read(request: &HttpRequest, body: &Bytes) -> Result<Self, Problem> {
        let text = std::str::from_utf8(body).map_err(|error| Problem::malformed(format!("not UTF-8: {error}")))?;
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        match kind.split(';').next().unwrap_or_default().trim() {
            "application/toml" => Ok(Self::Toml(text.to_owned())),
            "text/csv" => match CsvItems::read(text) {
                Ok(items) => Ok(Self::Csv(Box::new(items))),
                Err(errors) => Err(wrong(
                    errors.len(),
                    errors.iter().map(|error| (error.line, error.column, error.fault.to_string(), error.to_string())),
                )),
            },
            other => Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                format!("a plant file is application/toml or text/csv, not \"{other}\""),
            )),
        }
    }

    fn change(&self) -> Result<Change, Problem> {
        match self {
            Self::Toml(text) => match PlantDefinition::from_toml_or_all(text) {
                Ok(definition) => Ok(Change::Whole(Box::new(definition))),
                Err(errors) => Err(invalid(&errors)),
            },
            Self::Csv(items) => Ok(Change::Edits(vec![Edit::Put(items.clone())])),
        }
    }

    /// Finds where in the file each problem stands.
    fn locate(&self, mut errors: Vec<DefinitionError>) -> Problem {
        match self {
            Self::Toml(text) => DefinitionError::locate_all(&mut errors, text),
            Self::Csv(items) => items.locate_all(&mut errors),
        }
        invalid(&errors)
    }
}

fn invalid(errors: &[DefinitionError]) -> Problem {
    wrong(
        errors.len(),
        errors.iter().map(|error| {
            let (line, column) = error.position.unwrap_or_default();
            (line, column, error.fault.to_string(), error.to_string())
        }),
    )
}

/// A problem that lists what is wrong by line and column.
fn wrong(count: usize, parts: impl Iterator<Item = (usize, usize, String, String)>) -> Problem {
    let what = if count == 1 { "1 thing is wrong".to_owned() } else { format!("{count} things are wrong") };
    let problem =
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_plant", format!("{what}; nothing is changed"));
    parts.take(MOST_PROBLEMS).fold(problem, |problem, (line, column, _fault, detail)| {
        problem.at(format!("/line/{line}/column/{column}"), "invalid_plant", detail)
    })
}

/// Reads a body whole: that of a plant may be larger than any other.
async fn receive(payload: Payload) -> Result<Bytes, Problem> {
    match payload.to_bytes_limited(MAX_FILE).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) => Err(Problem::malformed(format!("the body did not arrive whole: {error}"))),
        Err(_too_large) => Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            format!("a plant file has {MAX_FILE} bytes at the most"),
        )),
    }
}

async fn run(
    state: &State,
    request: &HttpRequest,
    payload: Payload,
    query: ApplyQuery,
) -> Result<Json<PlanView>, Problem> {
    let file = File::read(request, &receive(payload).await?)?;
    let message = ChangePlant {
        change: file.change()?,
        author: author(request, query.reason),
        dry_run: query.dry_run,
        expected: None,
    };
    let plant = state.plant().clone();
    let outcome = super::command(async move { Ok(ask(plant.configuration(), message, super::CHANGE_DEADLINE).await?) });
    match outcome.await? {
        Ok(plan) => Ok(Json(PlanView::from(&plan))),
        Err(ConfigurationError::Invalid(errors)) => Err(file.locate(errors)),
        Err(error) => Err(error.into()),
    }
}

/// Tells what applying a plant file would change; nothing is changed.
///
/// The body is a whole plant (`application/toml`: what it does not name is removed), or tags or alarms (`text/csv`: others stay).
///
/// # Errors
/// `invalid_plant` with line and column of everything that is wrong; `unsupported_media_type`, `unavailable`.
#[utoipa::path(post, path = "/api/v1/plant/plan", tag = "plant", request_body(content = String, content_type = "application/toml"), responses(
    (status = 200, description = "what would change", body = PlanView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn plan(
    state: State,
    request: HttpRequest,
    _: Query<NoQuery>,
    payload: Payload,
) -> Result<Json<PlanView>, Problem> {
    run(&state, &request, payload, ApplyQuery { dry_run: true, reason: None }).await
}

/// Applies a plant file, all of it or nothing, while the plant runs. The body is that of `plan`.
///
/// # Errors
/// `invalid_plant` with line and column of everything that is wrong; `unsupported_media_type`, `unavailable`.
#[utoipa::path(post, path = "/api/v1/plant/apply", tag = "plant", params(ApplyQuery), request_body(content = String, content_type = "application/toml"), responses(
    (status = 200, description = "what has changed", body = PlanView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn apply(
    state: State,
    request: HttpRequest,
    query: Query<ApplyQuery>,
    payload: Payload,
) -> Result<Json<PlanView>, Problem> {
    run(&state, &request, payload, query.into_inner()).await
}

/// What is exported.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// The whole plant.
    #[default]
    Toml,
    /// Tags alone.
    TagsCsv,
    /// Alarms alone.
    AlarmsCsv,
}

/// What is exported.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// The whole plant as TOML, tags or alarms as CSV.
    #[serde(default)]
    #[param(inline)]
    format: ExportFormat,
}

/// Exports what the plant consists of, as `plan` and `apply` take it: what people have defined, less what the plant makes by
/// itself.
///
/// # Errors
/// `unavailable`.
#[utoipa::path(get, path = "/api/v1/plant/export", tag = "plant", params(ExportQuery), responses(
    (status = 200, description = "a plant file", body = String, content_type = "application/toml"),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn export(state: State, query: Query<ExportQuery>) -> Result<HttpResponse, Problem> {
    let definition = ask(state.plant().configuration(), ReadDefinition, DEADLINE * 6).await??;
    let (text, kind, name) = match query.format {
        ExportFormat::Toml => {
            (definition.to_toml().map_err(|error| Problem::internal(&error))?, "application/toml", "plant.toml")
        }
        ExportFormat::TagsCsv => {
            (write_tags(&definition.tags).map_err(|error| Problem::internal(&error))?, "text/csv", "tags.csv")
        }
        ExportFormat::AlarmsCsv => {
            (write_alarms(&definition.alarms).map_err(|error| Problem::internal(&error))?, "text/csv", "alarms.csv")
        }
    };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, format!("{kind}; charset=utf-8")))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .body(text))
}

/// Asks for a change that has no file.
pub(super) async fn edit(
    state: &State,
    request: &HttpRequest,
    edits: Vec<Edit>,
    dry_run: bool,
) -> Result<flyball::configuration::Plan, Problem> {
    let message = ChangePlant { change: Change::Edits(edits), author: author(request, None), dry_run, expected: None };
    change(state, message).await
}
