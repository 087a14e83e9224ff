//! What tags are: created, changed, renamed, removed, one by one or many at once.

use super::{NoQuery, State, TagView};
use crate::api::if_match;
use crate::api::plan::PlanView;
use crate::api::plant::edit;
use crate::problem::Problem;
use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, LOCATION};
use actix_web::web::{Json, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use flyball::configuration::{DefinedTag, Edit, ReadDefinedTag, version};
use flyball::cvt::ReadTags;
use flyball::schema::TagId;
use flyball::schema::definition::TagDefinition;
use flyball::send::{DEADLINE, ask};
use serde::{Deserialize, Serialize};
use serde_json::Value as JsonValue;
use std::collections::HashMap;
use utoipa::{IntoParams, ToSchema};

/// Operations of one batch at the most.
const MOST_OPERATIONS: usize = 10_000;

/// Whether something is only tried.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DryRunQuery {
    /// Only tell what would change.
    #[serde(default)]
    dry_run: bool,
}

/// A tag's definition, and who uses it.
#[derive(Debug, Serialize, ToSchema)]
pub struct DefinitionView {
    /// What the tag is, with the keys of a plant file.
    #[schema(value_type = Object)]
    pub definition: TagDefinition,
    /// The plant makes it by itself: it cannot be edited.
    pub made: bool,
    /// Alarms, machines and expressions that use it.
    pub used_by: Vec<UserView>,
}

/// Who uses a tag.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserView {
    /// `alarm`, `machine` or `tag`.
    #[schema(value_type = String)]
    pub item: &'static str,
    /// Its name.
    pub name: String,
    /// The field that names the tag.
    pub field: String,
}

/// Reads what a tag is; its `ETag` is what a change has to bring along.
///
/// # Errors
/// `unknown_tag`, `unavailable`.
#[utoipa::path(get, path = "/api/v1/tags/{id}/definition", tag = "tags", params(("id" = u32, Path, description = "the tag")), responses(
    (status = 200, description = "what the tag is", body = DefinitionView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn definition(state: State, id: Path<u32>, _: Query<NoQuery>) -> Result<HttpResponse, Problem> {
    let DefinedTag { definition, made, users } = defined(&state, TagId(*id)).await?;
    let used_by =
        users.into_iter().map(|user| UserView { item: user.item, name: user.name, field: user.field }).collect();
    let etag = etag(&definition);
    Ok(HttpResponse::Ok().insert_header((ETAG, etag)).json(DefinitionView { definition, made, used_by }))
}

async fn defined(state: &State, id: TagId) -> Result<DefinedTag, Problem> {
    Ok(ask(state.plant().configuration(), ReadDefinedTag(id), DEADLINE * 6).await??)
}

fn etag(definition: &TagDefinition) -> String {
    format!("\"{}\"", version(definition))
}

/// The version that a client has seen.
///
/// # Errors
/// `precondition_required`.
fn seen(request: &HttpRequest) -> Result<Option<String>, Problem> {
    if_match(request).ok_or_else(|| {
        let detail = "say by If-Match which definition you have seen: its ETag";
        Problem::new(StatusCode::PRECONDITION_REQUIRED, "precondition_required", detail)
    })
}

/// A definition as a client sends it.
fn read_definition(json: JsonValue) -> Result<TagDefinition, Problem> {
    serde_json::from_value(json).map_err(|error| Problem::invalid("tag", "", error.to_string()))
}

/// A tag after a change.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangedTag {
    /// The tag.
    #[serde(flatten)]
    pub tag: TagView,
    /// What was agreed but takes effect only at the next start, a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

/// The tag as it is now, with its `ETag`.
async fn answer(state: &State, id: TagId, status: StatusCode, problems: Vec<String>) -> Result<HttpResponse, Problem> {
    let record = state.plant().read(id).await?;
    let etag = etag(&defined(state, id).await?.definition);
    let mut response = HttpResponse::build(status);
    response.insert_header((ETAG, etag));
    if status == StatusCode::CREATED {
        response.insert_header((LOCATION, format!("/api/v1/tags/{id}")));
    }
    Ok(response.json(ChangedTag { tag: TagView::from(record), problems }))
}

/// Creates a tag. The body has the keys of a tag in a plant file.
///
/// # Errors
/// `duplicate_tag`, `invalid_<field>`, `unavailable`.
#[utoipa::path(post, path = "/api/v1/tags", tag = "tags", params(DryRunQuery), request_body = Object, responses(
    (status = 201, description = "the tag", body = ChangedTag),
    (status = 200, description = "what would change, with `dry_run`", body = PlanView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn create(
    state: State,
    request: HttpRequest,
    query: Query<DryRunQuery>,
    body: Json<JsonValue>,
) -> Result<HttpResponse, Problem> {
    let tag = read_definition(body.into_inner())?;
    let name = tag.name.clone();
    let plan = edit(&state, &request, vec![Edit::CreateTag(Box::new(tag))], query.dry_run, &itself(&name)).await?;
    match plan.created.first() {
        Some(id) if !query.dry_run => answer(&state, *id, StatusCode::CREATED, plan.problems).await,
        _ => Ok(HttpResponse::Ok().json(PlanView::from(&plan))),
    }
}

/// Changes a tag by a JSON Merge Patch of its definition. Another name renames it: history and references follow.
///
/// # Errors
/// `unknown_tag`, `made_by_plant`, `precondition_required`, `changed_meanwhile`, `duplicate_tag`, `invalid_<field>`.
#[utoipa::path(patch, path = "/api/v1/tags/{id}", tag = "tags", params(("id" = u32, Path, description = "the tag"), DryRunQuery),
    request_body = Object, responses(
    (status = 200, description = "the tag afterwards; what would change, with `dry_run`", body = ChangedTag),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn change(
    state: State,
    request: HttpRequest,
    id: Path<u32>,
    query: Query<DryRunQuery>,
    body: Json<JsonValue>,
) -> Result<HttpResponse, Problem> {
    let (id, patch, expected) = (TagId(*id), body.into_inner(), seen(&request)?);
    if !patch.is_object() {
        return Err(Problem::malformed("a merge patch of a tag is a JSON object"));
    }
    let name = match new_name(&patch) {
        Some(name) => name.to_owned(),
        // One that is not there is refused below.
        None => state.plant().read(id).await.map(|record| record.definition.name).unwrap_or_default(),
    };
    let edits = vec![Edit::PatchTag { id, patch, expected }];
    let plan = edit(&state, &request, edits, query.dry_run, &itself(&name)).await?;
    if query.dry_run {
        return Ok(HttpResponse::Ok().json(PlanView::from(&plan)));
    }
    answer(&state, id, StatusCode::OK, plan.problems).await
}

/// Removes a tag that nobody uses. Its history is kept.
///
/// # Errors
/// `unknown_tag`, `made_by_plant`, `in_use` naming who uses it, `precondition_required`, `changed_meanwhile`.
#[utoipa::path(delete, path = "/api/v1/tags/{id}", tag = "tags", params(("id" = u32, Path, description = "the tag"), DryRunQuery), responses(
    (status = 204, description = "it is gone"),
    (status = 200, description = "what would change, with `dry_run`; what has changed, where some of it takes effect only at the next start",
        body = PlanView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn remove(
    state: State,
    request: HttpRequest,
    id: Path<u32>,
    query: Query<DryRunQuery>,
) -> Result<HttpResponse, Problem> {
    let (id, expected) = (TagId(*id), seen(&request)?);
    let plan = edit(&state, &request, vec![Edit::RemoveTag { id, expected }], query.dry_run, &|_| None).await?;
    if query.dry_run || !plan.problems.is_empty() {
        return Ok(HttpResponse::Ok().json(PlanView::from(&plan)));
    }
    Ok(HttpResponse::NoContent().finish())
}

/// The name that a patch gives a tag.
fn new_name(patch: &JsonValue) -> Option<&str> {
    patch.get("name").and_then(JsonValue::as_str)
}

/// In a request about one tag, its fields stand by themselves.
fn itself(name: &str) -> impl Fn(&str) -> Option<String> {
    move |other| (other == name).then(String::new)
}

/// One operation of a batch.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Operation {
    /// Creates a tag.
    Create {
        /// Its definition.
        #[schema(value_type = Object)]
        tag: JsonValue,
    },
    /// Changes a tag.
    Update {
        /// The tag.
        #[schema(maximum = 4_294_967_295_u32)]
        id: u32,
        /// JSON Merge Patch of its definition.
        #[schema(value_type = Object)]
        patch: JsonValue,
        /// `ETag` of the definition that the patch was made for, without its quotes; any where there is none.
        version: Option<String>,
    },
    /// Removes a tag.
    Delete {
        /// The tag.
        #[schema(maximum = 4_294_967_295_u32)]
        id: u32,
        /// `ETag` of the definition that was seen, without its quotes; any where there is none.
        version: Option<String>,
    },
}

impl Operation {
    fn edit(self) -> Result<Edit, Problem> {
        Ok(match self {
            Self::Create { tag } => Edit::CreateTag(Box::new(read_definition(tag)?)),
            Self::Update { id, patch, version } => Edit::PatchTag { id: TagId(id), patch, expected: version },
            Self::Delete { id, version } => Edit::RemoveTag { id: TagId(id), expected: version },
        })
    }
}

/// Many operations.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchInput {
    /// All or none; otherwise each by itself.
    #[serde(default)]
    atomic: bool,
    /// In order.
    #[schema(value_type = Vec<Operation>, max_items = 10_000)]
    ops: Vec<Operation>,
}

/// What became of one operation.
#[derive(Debug, Serialize, ToSchema)]
pub struct OperationResult {
    /// Whether it was, or would be, done.
    pub ok: bool,
    /// The tag that it created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<u32>,
    /// What was agreed but takes effect only at the next start, a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// Why it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// What became of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchView {
    /// Of each operation, in their order.
    pub results: Vec<OperationResult>,
    /// What has changed, or would; null where that differs by operation.
    pub plan: Option<PlanView>,
}

/// Creates, changes and removes many tags. With `atomic` all or none: the problem names the operation by `/ops/<index>`.
/// A body has 1 MiB at the most: many tags at once go as CSV to `plant/apply`.
///
/// # Errors
/// Those of the single operations; `too_many`.
#[utoipa::path(post, path = "/api/v1/tags/batch", tag = "tags", params(DryRunQuery), request_body = BatchInput, responses(
    (status = 200, description = "what became of each", body = BatchView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn batch(
    state: State,
    request: HttpRequest,
    query: Query<DryRunQuery>,
    input: Json<BatchInput>,
) -> Result<Json<BatchView>, Problem> {
    let BatchInput { atomic, ops } = input.into_inner();
    if ops.len() > MOST_OPERATIONS {
        let detail = format!("a batch has {MOST_OPERATIONS} operations at the most");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many", detail));
    }
    if !atomic {
        let mut results = Vec::with_capacity(ops.len());
        for operation in ops {
            results.push(one_by_itself(&state, &request, operation, query.dry_run).await);
        }
        return Ok(Json(BatchView { results, plan: None }));
    }
    let names = names(&state, &ops).await;
    let own = |name: &str| names.get(name).map(|index| format!("/ops/{index}"));
    let creates: Vec<bool> = ops.iter().map(|operation| matches!(operation, Operation::Create { .. })).collect();
    let edits = ops.into_iter().enumerate().map(|(index, operation)| {
        operation
            .edit()
            .map_err(|problem| problem.clone().at(format!("/ops/{index}"), "invalid_tag", problem.detail.clone()))
    });
    let plan = edit(&state, &request, edits.collect::<Result<_, _>>()?, query.dry_run, &own).await?;
    let mut created = plan.created.iter();
    let done = |is_new: bool| {
        let id = if is_new { created.next().map(|id| id.0) } else { None };
        OperationResult { ok: true, id, problems: Vec::new(), problem: None }
    };
    Ok(Json(BatchView { results: creates.into_iter().map(done).collect(), plan: Some(PlanView::from(&plan)) }))
}

async fn one_by_itself(state: &State, request: &HttpRequest, operation: Operation, dry_run: bool) -> OperationResult {
    let names = names(state, std::slice::from_ref(&operation)).await;
    let own = |name: &str| names.contains_key(name).then(String::new);
    let done = async { edit(state, request, vec![operation.edit()?], dry_run, &own).await };
    match done.await {
        Ok(plan) => {
            let id = plan.created.first().map(|id| id.0);
            OperationResult { ok: true, id, problems: plan.problems, problem: None }
        }
        Err(problem) => OperationResult { ok: false, id: None, problems: Vec::new(), problem: Some(problem) },
    }
}

/// The place of each tag among operations, by the name that it has after them.
async fn names(state: &State, ops: &[Operation]) -> HashMap<String, usize> {
    let mut names = HashMap::new();
    let mut unnamed = Vec::new();
    for (index, operation) in ops.iter().enumerate() {
        match operation {
            Operation::Create { tag: definition } | Operation::Update { patch: definition, .. }
                if new_name(definition).is_some() =>
            {
                names.extend(new_name(definition).map(|name| (name.to_owned(), index)));
            }
            Operation::Update { id, .. } => unnamed.push((TagId(*id), index)),
            Operation::Create { .. } | Operation::Delete { .. } => {}
        }
    }
    // Where one is not there, the change is refused for that.
    let wanted = ReadTags(unnamed.iter().map(|(id, _)| *id).collect());
    if let Ok(Ok(records)) = ask(state.plant().cvt(), wanted, DEADLINE).await {
        names.extend(records.into_iter().zip(unnamed).map(|(record, (_, index))| (record.definition.name, index)));
    }
    names
}
