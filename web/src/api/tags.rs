//! Tags: list, read, write.

use super::page::{Page, Window};
use super::{NoQuery, Scalar, State, command, reason, scalar, words};
use crate::problem::Problem;
use actix_web::web::{Json, Path, Query};
use flyball::cvt::{ListTags, ReadTags, TagRecord};
use flyball::schema::{Severity, TagId, Timestamp, Value};
use flyball::send::{DEADLINE, ask};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A tag with its definition and present state.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TagView {
    /// Identity.
    #[schema(value_type = u32)]
    pub id: TagId,
    /// Unique name.
    pub name: String,
    /// Name shown to people.
    pub display_name: Option<String>,
    /// What is measured or set.
    pub description: Option<String>,
    /// Area path.
    pub area: Option<String>,
    /// Type of the value: `float`, `integer`, `boolean`, `text`.
    #[schema(value_type = String)]
    pub data_type: &'static str,
    /// Quantity measured.
    pub quantity: Option<String>,
    /// Unit of value and range.
    pub unit: Option<String>,
    /// Engineering limits.
    pub range: Option<RangeView>,
    /// The link the value comes from; null for a tag of the table alone.
    pub link: Option<String>,
    /// Node address on the link.
    pub node: Option<String>,
    /// Whether it may be written.
    pub writable: bool,
    /// Present value; the last usable one where the quality is bad.
    #[schema(value_type = Option<Scalar>)]
    pub value: Option<Value>,
    /// `good`, `uncertain` or `bad`.
    #[schema(value_type = String)]
    pub quality: &'static str,
    /// Why the value is not plainly good.
    #[schema(value_type = Option<String>)]
    pub reason: Option<&'static str>,
    /// OPC UA status code.
    pub status_code: u32,
    /// When the source says the value was so.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub source_time: Option<Timestamp>,
    /// When the plant took it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub server_time: Option<Timestamp>,
    /// When a value last arrived, changed or not.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub seen_time: Option<Timestamp>,
    /// Sequence number of the last change.
    pub seq: u64,
}

/// Engineering limits.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct RangeView {
    /// Low end.
    pub low: f64,
    /// High end.
    pub high: f64,
}

impl From<TagRecord> for TagView {
    fn from(record: TagRecord) -> Self {
        let TagRecord { id, definition, state, seen } = record;
        let changed = state.seq > 0;
        Self {
            id,
            name: definition.name,
            display_name: definition.display_name,
            description: definition.description,
            area: definition.area,
            data_type: definition.data_type.as_str(),
            quantity: definition.quantity,
            unit: definition.unit,
            range: definition.range.map(|range| RangeView { low: range.low, high: range.high }),
            link: definition.link,
            node: definition.node,
            writable: definition.writable,
            value: state.value,
            quality: state.quality.severity().as_str(),
            reason: reason(state.quality),
            status_code: state.quality.status_code(),
            source_time: changed.then_some(state.source_time),
            server_time: changed.then_some(state.server_time),
            seen_time: seen,
            seq: state.seq,
        }
    }
}

/// Which tags.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TagQuery {
    /// Items at the most; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(max_length = 20)]
    cursor: Option<String>,
    /// Name or display name contains this, in any case.
    #[param(max_length = 200)]
    q: Option<String>,
    /// The name is exactly this.
    #[param(max_length = 200)]
    name: Option<String>,
    /// On the link of this name.
    #[param(max_length = 200)]
    link: Option<String>,
    /// Quality is one of these: `good`, `uncertain`, `bad`, separated by commas.
    #[param(max_length = 40)]
    quality: Option<String>,
}

const SEVERITIES: &[(&str, Severity)] =
    &[("good", Severity::Good), ("uncertain", Severity::Uncertain), ("bad", Severity::Bad)];

/// Lists tags by id.
///
/// # Errors
/// `malformed`, `invalid_limit`, `unavailable`.
#[utoipa::path(get, path = "/api/v1/tags", tag = "tags", params(TagQuery), responses(
    (status = 200, description = "a page of tags", body = Page<TagView>),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn list(state: State, query: Query<TagQuery>) -> Result<Json<Page<TagView>>, Problem> {
    let query = query.into_inner();
    let window = Window::read(query.cursor.as_deref(), query.limit)?;
    let wish = ListTags {
        after: window.after_id()?.map(TagId),
        limit: window.ask(),
        name: query.name,
        contains: query.q,
        link: query.link,
        severities: words("quality", query.quality.as_deref(), SEVERITIES)?,
    };
    let records = ask(state.plant().cvt(), wish, DEADLINE).await?;
    Ok(Json(window.page(records, |record| u64::from(record.id.0), TagView::from)))
}

/// Reads one tag.
///
/// # Errors
/// `unknown_tag`, `malformed`, `unavailable`.
#[utoipa::path(get, path = "/api/v1/tags/{id}", tag = "tags", params(("id" = u32, Path, description = "the tag")), responses(
    (status = 200, description = "the tag", body = TagView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn read(state: State, id: Path<u32>, _: Query<NoQuery>) -> Result<Json<TagView>, Problem> {
    let id = TagId(*id);
    let mut records = ask(state.plant().cvt(), ReadTags(vec![id]), DEADLINE).await??;
    let record = records.pop().ok_or_else(|| Problem::unknown("tag", format!("unknown tag {id}")))?;
    Ok(Json(record.into()))
}

/// A value to be written.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WriteInput {
    /// The value, of the tag's type and in its unit.
    #[schema(value_type = Scalar)]
    #[serde(deserialize_with = "present")]
    value: serde_json::Value,
}

/// Takes `null` for a value that is there: it is refused as invalid, not as missing.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<serde_json::Value, D::Error> {
    serde_json::Value::deserialize(deserializer)
}

/// Writes a value to a tag and answers when the device, or the table, has taken it.
///
/// # Errors
/// `unknown_tag`, `not_writable`, `invalid_value`, `unavailable`, `deadline`.
#[utoipa::path(post, path = "/api/v1/tags/{id}/write", tag = "tags", params(("id" = u32, Path, description = "the tag")),
    request_body = WriteInput, responses(
    (status = 200, description = "the tag afterwards", body = TagView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn write(
    state: State,
    id: Path<u32>,
    _: Query<NoQuery>,
    input: Json<WriteInput>,
) -> Result<Json<TagView>, Problem> {
    let id = TagId(*id);
    let value = scalar(input.into_inner().value, "/value")?;
    let plant = state.plant().clone();
    let record = command(async move { Ok(plant.write(id, value).await?) }).await?;
    Ok(Json(record.into()))
}
