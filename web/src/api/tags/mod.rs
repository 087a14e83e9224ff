//! Tags: list, read, write; [`edit`] changes what they are, [`substitute`] puts values in their place.

pub mod edit;
pub mod substitute;

use super::page::{Page, Window};
use super::{NoQuery, Scalar, State, command, reason, scalar, words};
use crate::problem::Problem;
use actix_web::http::StatusCode;
use actix_web::web::{Json, Path, Query};
use flyball::cvt::{ListTags, ReadTags, Stretch, TagRecord};
use flyball::schema::definition::TagDefinition;
use flyball::schema::{Severity, TagId, Timestamp, Value, units};
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
    /// Unit shown to people, where it is another one.
    pub display_unit: Option<String>,
    /// How a value becomes one in that unit.
    pub display: Option<LinearView>,
    /// Engineering limits.
    pub range: Option<RangeView>,
    /// The link the value comes from; null for a tag of the table alone.
    pub link: Option<String>,
    /// Node address on the link.
    pub node: Option<String>,
    /// Interval at which the value is read, ms; null where it is subscribed to.
    pub poll_ms: Option<u32>,
    /// What the value is calculated from.
    pub expression: Option<String>,
    /// The value is bad (*stale*) when none has arrived for so long, ms.
    pub stale_after_ms: Option<u32>,
    /// Where it is measured, along a pipeline or track.
    pub location: Option<LocationView>,
    /// Whether it may be written.
    pub writable: bool,
    /// Whether the plant makes it by itself, so that it cannot be edited.
    pub made: bool,
    /// Whether an operator has put the value in place of the source's.
    pub substituted: bool,
    /// Anomaly screens that stand: `frozen`, `outlier`, `range`, `rate`, `drift`.
    #[schema(value_type = Vec<String>)]
    pub screens: Vec<&'static str>,
    /// What has last come in, where that is not the value: before a filter, or behind a substituted value.
    #[schema(value_type = Option<Scalar>)]
    pub raw: Option<Value>,
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

/// A change of unit: `value × factor + offset`.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct LinearView {
    /// Multiplier.
    pub factor: f64,
    /// Added after the multiplication, in the unit converted to.
    pub offset: f64,
}

/// A place along a pipeline or track.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LocationView {
    /// Name of the segment.
    pub segment: String,
    /// Kilometre post on it, km.
    pub post: f64,
}

/// How values of a tag become values in the unit shown to people.
fn display_of(definition: &TagDefinition) -> Option<LinearView> {
    let (unit, shown) = (definition.unit.as_deref()?, definition.display_unit.as_deref()?);
    let from = units::find(unit, definition.quantity.as_deref()).next()?;
    let conversion = units::find(shown, None).find_map(|to| units::conversion(from, to))?;
    Some(LinearView { factor: conversion.factor, offset: conversion.offset })
}

impl From<TagRecord> for TagView {
    fn from(record: TagRecord) -> Self {
        let TagRecord { id, definition, state, seen, raw, made, is_substituted, standing, .. } = record;
        let changed = state.seq > 0;
        let display = display_of(&definition);
        Self {
            id,
            name: definition.name,
            display_name: definition.display_name,
            description: definition.description,
            area: definition.area,
            data_type: definition.data_type.as_str(),
            quantity: definition.quantity,
            unit: definition.unit,
            display_unit: definition.display_unit,
            display,
            range: definition.range.map(|range| RangeView { low: range.low, high: range.high }),
            link: definition.link,
            node: definition.node,
            poll_ms: definition.poll_ms,
            expression: definition.expression,
            stale_after_ms: definition.stale_after_ms,
            location: definition.location.map(|at| LocationView { segment: at.segment, post: at.post }),
            writable: definition.writable,
            made,
            substituted: is_substituted,
            screens: standing.iter().map(|screen| screen.as_str()).collect(),
            raw,
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
    /// In this area, or in one below it.
    #[param(max_length = 200)]
    area: Option<String>,
    /// On this segment of a line.
    #[param(max_length = 200)]
    segment: Option<String>,
    /// From this kilometre post on; needs `segment`.
    #[param(minimum = -100_000, maximum = 100_000)]
    post_from: Option<f64>,
    /// To this kilometre post; needs `segment`.
    #[param(minimum = -100_000, maximum = 100_000)]
    post_to: Option<f64>,
}

/// Reads a stretch of a line from a query.
///
/// # Errors
/// `malformed` for posts without a segment, or that are not finite or the wrong way round.
pub(crate) fn stretch(segment: Option<String>, from: Option<f64>, to: Option<f64>) -> Result<Option<Stretch>, Problem> {
    let Some(segment) = segment else {
        return match from.or(to) {
            Some(_) => Err(Problem::malformed_parameter("post_from", "posts are those of a segment: name it")),
            None => Ok(None),
        };
    };
    if from.into_iter().chain(to).any(|post| !post.is_finite()) || from.zip(to).is_some_and(|(from, to)| from > to) {
        return Err(Problem::malformed_parameter("post_to", "posts are finite, and the last is not before the first"));
    }
    Ok(Some(Stretch { segment, from, to }))
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
        area: query.area,
        stretch: stretch(query.segment, query.post_from, query.post_to)?,
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
    /// The unit that the value is in, null for none: it is refused where the tag has another one by now.
    #[schema(value_type = Option<String>)]
    #[serde(default, deserialize_with = "given")]
    unit: Option<Option<String>>,
}

/// Takes `null` for something that is given, unlike a field that is not there.
fn given<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Refuses a value in a unit that the tag does not have, or has no longer.
async fn check_unit(state: &State, id: TagId, unit: Option<Option<String>>) -> Result<(), Problem> {
    let Some(unit) = unit else { return Ok(()) };
    let definition = state.plant().read(id).await?.definition;
    if definition.unit == unit {
        return Ok(());
    }
    let name = |unit: Option<String>| unit.map_or_else(|| "no unit".to_owned(), |unit| format!("\"{unit}\""));
    let detail =
        format!("tag \"{}\" has {}, and the value is in {}", definition.name, name(definition.unit), name(unit));
    Err(Problem::new(StatusCode::CONFLICT, "unit_changed", detail).at("/unit", "unit_changed", "look at the tag again"))
}

/// Takes `null` for a value that is there: it is refused as invalid, not as missing.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<serde_json::Value, D::Error> {
    serde_json::Value::deserialize(deserializer)
}

/// Writes a value to a tag and answers when the device, or the table, has taken it.
///
/// # Errors
/// `unknown_tag`, `not_writable`, `invalid_value`, `unit_changed`, `unavailable`, `deadline`.
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
    let WriteInput { value, unit } = input.into_inner();
    let value = scalar(value, "/value")?;
    check_unit(&state, id, unit).await?;
    let plant = state.plant().clone();
    let record = command(async move { Ok(plant.write(id, value).await?) }).await?;
    Ok(Json(record.into()))
}
