//! The plant as code: plan, apply, export.

use super::plan::PlanView;
use super::{NoQuery, State, author, change, if_match, short};
use crate::plant_text::Content;
use crate::problem::Problem;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, ETAG};
use actix_web::web::{Bytes, Payload, Query};
use actix_web::{HttpRequest, HttpResponse, web};
use flyball::configuration::{Change, ChangePlant, Edit, Plan, ReadDefinition};
use flyball::schema::definition::csv::{CsvItems, write_alarms, write_tags};
use flyball::schema::definition::{DefinitionError, PlantDefinition};
use flyball::send::{DEADLINE, ask};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// Largest plant file that is taken, bytes.
pub const MAX_FILE: usize = 64 * 1024 * 1024;

/// Characters of a reason at the most.
const MOST_REASON: usize = 1_000;

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
struct File {
    text: String,
    content: Content,
}

impl File {
    /// Reads a body of a media type. Takes its time: not for a thread that serves others.
    fn read(media_type: &str, body: &[u8]) -> Result<Self, Problem> {
        let text = std::str::from_utf8(body).map_err(|error| {
            let line = body[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
            Problem::malformed(format!("line {line}: not UTF-8"))
        })?;
        let content = match media_type.split(';').next().unwrap_or_default().trim() {
            "application/toml" => match PlantDefinition::from_toml_or_all(text) {
                Ok(definition) => Content::Whole(Box::new(definition)),
                Err(errors) => return Err(invalid(&errors)),
            },
            "text/csv" => match CsvItems::read(text) {
                Ok(items) => Content::Items(Box::new(items)),
                Err(errors) => {
                    let parts = errors.iter().map(|error| ((error.line, error.column), error.to_string()));
                    return Err(wrong(errors.len(), parts));
                }
            },
            other => {
                return Err(Problem::new(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "unsupported_media_type",
                    format!("a plant file is application/toml or text/csv, not \"{other}\""),
                ));
            }
        };
        Ok(Self { text: text.to_owned(), content })
    }
}

fn invalid(errors: &[DefinitionError]) -> Problem {
    wrong(errors.len(), errors.iter().map(|error| (error.position.unwrap_or_default(), error.to_string())))
}

/// A problem that lists what is wrong by line and column.
fn wrong(count: usize, parts: impl Iterator<Item = ((usize, usize), String)>) -> Problem {
    let what = if count == 1 { "1 thing is wrong".to_owned() } else { format!("{count} things are wrong") };
    let problem =
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_plant", format!("{what}; nothing is changed"));
    parts.take(MOST_PROBLEMS).fold(problem, |problem, ((line, column), detail)| {
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
) -> Result<HttpResponse, Problem> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
    let body = receive(payload).await?;
    let file = web::block(move || File::read(&kind, &body)).await.map_err(|error| Problem::internal(&error))??;
    let message = ChangePlant {
        change: file.content.change(),
        author: author(request, query.reason),
        dry_run: query.dry_run,
        expected: if_match(request).flatten(),
    };
    match change(state, message).await? {
        Ok(plan) => {
            let etag = format!("\"{}\"", plan.version);
            Ok(HttpResponse::Ok().insert_header((ETAG, etag)).json(PlanView::from(&plan)))
        }
        Err(error) => Err(match file.content.blamed(&file.text, error) {
            Ok(errors) => invalid(&errors),
            Err(error) => error.into(),
        }),
    }
}

/// Tells what applying a plant file would change; nothing is changed. The `ETag` is the version of the plant that was
/// looked at.
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
) -> Result<HttpResponse, Problem> {
    run(&state, &request, payload, ApplyQuery { dry_run: true, reason: None }).await
}

/// Applies a plant file, all of it or nothing, while the plant runs. The body is that of `plan`; with its `ETag` as
/// `If-Match` the plant has to be the one that was looked at.
///
/// # Errors
/// `invalid_plant` with line and column of everything that is wrong; `changed_meanwhile`, `unsupported_media_type`,
/// `unavailable`.
#[utoipa::path(post, path = "/api/v1/plant/apply", tag = "plant", params(ApplyQuery), request_body(content = String, content_type = "application/toml"), responses(
    (status = 200, description = "what has changed", body = PlanView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn apply(
    state: State,
    request: HttpRequest,
    query: Query<ApplyQuery>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let ApplyQuery { dry_run, reason } = query.into_inner();
    let reason = short("reason", reason, MOST_REASON)?;
    run(&state, &request, payload, ApplyQuery { dry_run, reason }).await
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

/// Asks for a change that has no file; `own` gives where in the request the tag of a name stands.
pub(super) async fn edit(
    state: &State,
    request: &HttpRequest,
    edits: Vec<Edit>,
    dry_run: bool,
    own: &dyn Fn(&str) -> Option<String>,
) -> Result<Plan, Problem> {
    let message = ChangePlant { change: Change::Edits(edits), author: author(request, None), dry_run, expected: None };
    change(state, message).await?.map_err(|error| Problem::of_tags(error, own))
}
