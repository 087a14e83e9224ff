//! Values in place of what a source says.

use super::{NoQuery, Scalar, State, TagView, check_unit, command, given, present, scalar};
use crate::api::{author, short};
use crate::problem::Problem;
use actix_web::HttpRequest;
use actix_web::web::{Json, Path, Query};
use flyball::configuration::{Release, Substitute};
use flyball::schema::TagId;
use flyball::send::{DEADLINE, ask};
use serde::Deserialize;
use utoipa::ToSchema;

/// A value to be put in place of what a tag's source says.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubstituteInput {
    /// The value, of the tag's type and in its unit.
    #[schema(value_type = Scalar)]
    #[serde(deserialize_with = "present")]
    value: serde_json::Value,
    /// The unit that the value is in, null for none: it is refused where the tag has another one by now.
    #[schema(value_type = Option<String>)]
    #[serde(default, deserialize_with = "given")]
    unit: Option<Option<String>>,
    /// Why, for the record.
    #[schema(max_length = 1000)]
    reason: Option<String>,
}

/// Puts a value in place of what a tag's source says, marked as such and on record, until it is released.
///
/// # Errors
/// `unknown_tag`, `invalid_value`, `invalid_reason`, `unit_changed`, `unavailable`.
#[utoipa::path(post, path = "/api/v1/tags/{id}/substitute", tag = "tags", params(("id" = u32, Path, description = "the tag")),
    request_body = SubstituteInput, responses(
    (status = 200, description = "the tag afterwards", body = TagView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn substitute(
    state: State,
    request: HttpRequest,
    id: Path<u32>,
    _: Query<NoQuery>,
    input: Json<SubstituteInput>,
) -> Result<Json<TagView>, Problem> {
    let SubstituteInput { value, unit, reason } = input.into_inner();
    let (value, reason) = (scalar(value, "/value")?, short("reason", reason, 1_000)?);
    check_unit(&state, TagId(*id), unit).await?;
    let message = Substitute { tag: TagId(*id), value, author: author(&request, reason) };
    let plant = state.plant().clone();
    let record = command(async move { Ok(ask(plant.configuration(), message, DEADLINE).await??) }).await?;
    Ok(Json(record.into()))
}

/// Lets what a tag's source says through again.
///
/// # Errors
/// `unknown_tag`, `not_substituted`, `unavailable`.
#[utoipa::path(delete, path = "/api/v1/tags/{id}/substitute", tag = "tags", params(("id" = u32, Path, description = "the tag")), responses(
    (status = 200, description = "the tag afterwards", body = TagView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn release(
    state: State,
    request: HttpRequest,
    id: Path<u32>,
    _: Query<NoQuery>,
) -> Result<Json<TagView>, Problem> {
    let message = Release { tag: TagId(*id), author: author(&request, None) };
    let plant = state.plant().clone();
    let record = command(async move { Ok(ask(plant.configuration(), message, DEADLINE).await??) }).await?;
    Ok(Json(record.into()))
}
