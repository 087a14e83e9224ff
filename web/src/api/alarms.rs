//! Alarms: list, read, acknowledge, journal.

use super::page::{Page, Window};
use super::tags::stretch;
use super::{NoQuery, Scalar, State, command, reason, short, words};
use crate::problem::Problem;
use actix_web::web::{Json, Path, Query};
use flyball::alarms::{
    AcknowledgeAlarm, AlarmState, AlarmStatus, JournalEntry, ListAlarms, ReadAlarm, ReadAlarmJournal,
};
use flyball::cvt::ListTags;
use flyball::plant::Plant;
use flyball::schema::definition::Priority;
use flyball::schema::{AlarmId, TagId, Timestamp, Value};
use flyball::send::{DEADLINE, ask};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Who acknowledged, where the request does not say.
const UNNAMED: &str = "operator";
/// Alarms of one bulk request at the most.
const MAX_BULK: usize = 1_000;

/// An alarm with its definition and present state.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AlarmView {
    /// Identity.
    #[schema(value_type = u32)]
    pub id: AlarmId,
    /// Unique name.
    pub name: String,
    /// The tag it watches.
    #[schema(value_type = u32)]
    pub tag_id: TagId,
    /// Name of that tag.
    pub tag: String,
    /// `HIGH_HIGH`, `HIGH`, `LOW`, `LOW_LOW` or `BOOL`.
    #[schema(value_type = String)]
    pub kind: &'static str,
    /// `process`, `link_lost`, `machine_fault` or `system`.
    #[schema(value_type = String)]
    pub class: &'static str,
    /// Where it becomes active.
    #[schema(value_type = Scalar)]
    pub set_point: Value,
    /// How far the value has to come back; null for `BOOL`.
    pub dead_band: Option<f64>,
    /// Unit of the tag.
    pub unit: Option<String>,
    /// `critical`, `high`, `medium` or `low`.
    #[schema(value_type = String)]
    pub priority: &'static str,
    /// `NORM`, `UNACK`, `ACKED` or `RTNUN`.
    #[schema(value_type = String)]
    pub state: &'static str,
    /// Whether the condition holds.
    pub active: bool,
    /// The tag is bad, so the state is held.
    pub quality_hold: bool,
    /// Number of the present or last occurrence; 0 before the first.
    pub occurrence: u64,
    /// Value at the last transition.
    #[schema(value_type = Option<Scalar>)]
    pub value: Option<Value>,
    /// When the occurrence began.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub raised_at: Option<Timestamp>,
    /// When the last transition happened.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// When the occurrence was acknowledged.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub acknowledged_at: Option<Timestamp>,
    /// Who acknowledged it.
    pub acknowledged_by: Option<String>,
    /// What it says.
    pub description: Option<String>,
    /// What brings it about.
    pub cause: Option<String>,
    /// What follows where nobody acts.
    pub consequence: Option<String>,
    /// What the operator does.
    pub action: Option<String>,
    /// What may be done now.
    #[schema(value_type = Vec<String>)]
    pub allowed: Vec<&'static str>,
}

impl From<AlarmStatus> for AlarmView {
    fn from(status: AlarmStatus) -> Self {
        let definition = &*status.definition;
        Self {
            id: status.id,
            name: definition.name.clone(),
            tag_id: status.tag,
            tag: definition.tag.clone(),
            kind: definition.kind.as_str(),
            class: definition.class.as_str(),
            set_point: definition.set_point.clone(),
            dead_band: definition.kind.is_limit().then_some(definition.dead_band),
            unit: status.unit,
            priority: definition.priority.as_str(),
            state: status.state.as_str(),
            active: status.state.is_active(),
            quality_hold: status.quality_hold,
            occurrence: status.occurrence,
            value: status.value,
            raised_at: status.raised_at,
            since: status.since,
            acknowledged_at: status.acknowledged_at,
            acknowledged_by: status.acknowledged_by,
            description: definition.description.clone(),
            cause: definition.cause.clone(),
            consequence: definition.consequence.clone(),
            action: definition.action.clone(),
            allowed: status.state.allowed(),
        }
    }
}

/// Which alarms.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AlarmQuery {
    /// Items at the most; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(max_length = 20)]
    cursor: Option<String>,
    /// In one of these states, separated by commas: `norm`, `unack`, `acked`, `rtnun`, `active` (unack and acked),
    /// `standing` (all but norm).
    #[param(max_length = 60)]
    state: Option<String>,
    /// Of one of these priorities, separated by commas: `critical`, `high`, `medium`, `low`.
    #[param(max_length = 60)]
    priority: Option<String>,
    /// Of the tag with this id.
    tag: Option<u32>,
    /// Name or tag name contains this, in any case.
    #[param(max_length = 200)]
    q: Option<String>,
    /// Of tags on this segment of a line.
    #[param(max_length = 200)]
    segment: Option<String>,
    /// From this kilometre post on; needs `segment`.
    #[param(minimum = -100_000, maximum = 100_000)]
    post_from: Option<f64>,
    /// To this kilometre post; needs `segment`.
    #[param(minimum = -100_000, maximum = 100_000)]
    post_to: Option<f64>,
}

const STATES: &[(&str, &[AlarmState])] = &[
    ("norm", &[AlarmState::Norm]),
    ("unack", &[AlarmState::Unack]),
    ("acked", &[AlarmState::Acked]),
    ("rtnun", &[AlarmState::Rtnun]),
    ("active", &[AlarmState::Unack, AlarmState::Acked]),
    ("standing", &[AlarmState::Unack, AlarmState::Acked, AlarmState::Rtnun]),
];

const PRIORITIES: &[(&str, Priority)] =
    &[("critical", Priority::Critical), ("high", Priority::High), ("medium", Priority::Medium), ("low", Priority::Low)];

/// Lists alarms by id.
///
/// # Errors
/// `malformed`, `invalid_limit`, `unavailable`.
#[utoipa::path(get, path = "/api/v1/alarms", tag = "alarms", params(AlarmQuery), responses(
    (status = 200, description = "a page of alarms", body = Page<AlarmView>),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn list(state: State, query: Query<AlarmQuery>) -> Result<Json<Page<AlarmView>>, Problem> {
    let query = query.into_inner();
    let window = Window::read(query.cursor.as_deref(), query.limit)?;
    let tags = match stretch(query.segment, query.post_from, query.post_to)? {
        Some(stretch) => {
            let on_it = ListTags { limit: usize::MAX, stretch: Some(stretch), ..ListTags::default() };
            let tags = ask(state.plant().cvt(), on_it, DEADLINE).await?;
            Some(tags.into_iter().map(|tag| tag.id).collect())
        }
        None => None,
    };
    let wish = ListAlarms {
        tags,
        after: window.after_id()?.map(AlarmId),
        limit: window.ask(),
        states: words("state", query.state.as_deref(), STATES)?.concat(),
        priorities: words("priority", query.priority.as_deref(), PRIORITIES)?,
        tag: query.tag.map(TagId),
        contains: query.q,
    };
    let alarms = ask(state.plant().alarms(), wish, DEADLINE).await?;
    Ok(Json(window.page(alarms, |alarm| u64::from(alarm.id.0), AlarmView::from)))
}

/// Reads one alarm.
///
/// # Errors
/// `unknown_alarm`, `malformed`, `unavailable`.
#[utoipa::path(get, path = "/api/v1/alarms/{id}", tag = "alarms", params(("id" = u32, Path, description = "the alarm")), responses(
    (status = 200, description = "the alarm", body = AlarmView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn read(state: State, id: Path<u32>, _: Query<NoQuery>) -> Result<Json<AlarmView>, Problem> {
    let alarm = ask(state.plant().alarms(), ReadAlarm(AlarmId(*id)), DEADLINE).await??;
    Ok(Json(alarm.into()))
}

/// Who acknowledges, and what they say.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgeInput {
    /// Who; `operator` where it is not given.
    #[serde(default)]
    #[schema(max_length = 100)]
    by: Option<String>,
    /// What they say.
    #[serde(default)]
    #[schema(max_length = 1000)]
    comment: Option<String>,
}

impl AcknowledgeInput {
    fn check(self) -> Result<(String, Option<String>), Problem> {
        let by = short("by", self.by, 100)?.filter(|by| !by.trim().is_empty());
        Ok((by.unwrap_or_else(|| UNNAMED.to_owned()), short("comment", self.comment, 1_000)?))
    }
}

/// Acknowledges one alarm and answers when that is durable.
///
/// # Errors
/// `unknown_alarm`, `wrong_state`, `invalid_by`, `invalid_comment`, `unavailable`, `deadline`.
#[utoipa::path(post, path = "/api/v1/alarms/{id}/ack", tag = "alarms", params(("id" = u32, Path, description = "the alarm")),
    request_body = AcknowledgeInput, responses(
    (status = 200, description = "the alarm afterwards", body = AlarmView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn acknowledge(
    state: State,
    id: Path<u32>,
    _: Query<NoQuery>,
    input: Json<AcknowledgeInput>,
) -> Result<Json<AlarmView>, Problem> {
    let (by, comment) = input.into_inner().check()?;
    let (plant, alarm) = (state.plant().clone(), AlarmId(*id));
    Ok(Json(command(acknowledge_one(plant, alarm, by, comment)).await?))
}

async fn acknowledge_one(
    plant: Plant,
    alarm: AlarmId,
    by: String,
    comment: Option<String>,
) -> Result<AlarmView, Problem> {
    Ok(ask(plant.alarms(), AcknowledgeAlarm { alarm, by, comment }, DEADLINE).await??.into())
}

/// Several alarms to be acknowledged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgeManyInput {
    /// The alarms.
    #[schema(min_items = 1, max_items = 1000)]
    ids: Vec<u32>,
    /// Who; `operator` where it is not given.
    #[serde(default)]
    #[schema(max_length = 100)]
    by: Option<String>,
    /// What they say.
    #[serde(default)]
    #[schema(max_length = 1000)]
    comment: Option<String>,
}

/// What became of several alarms.
#[derive(Debug, Serialize, ToSchema)]
pub struct AcknowledgedView {
    /// One per id, in the order asked.
    pub items: Vec<AcknowledgedItem>,
}

/// What became of one of several alarms: the alarm, or the problem.
#[derive(Debug, Serialize, ToSchema)]
pub struct AcknowledgedItem {
    /// The alarm.
    pub id: u32,
    /// The alarm afterwards.
    pub alarm: Option<AlarmView>,
    /// Why it was not acknowledged.
    pub problem: Option<Problem>,
}

/// Acknowledges several alarms, each for itself.
///
/// # Errors
/// `invalid_ids`, `invalid_by`, `invalid_comment`; those of single alarms are in the answer.
#[utoipa::path(post, path = "/api/v1/alarms/ack", tag = "alarms", request_body = AcknowledgeManyInput, responses(
    (status = 200, description = "what became of each", body = AcknowledgedView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn acknowledge_many(
    state: State,
    _: Query<NoQuery>,
    input: Json<AcknowledgeManyInput>,
) -> Result<Json<AcknowledgedView>, Problem> {
    let AcknowledgeManyInput { ids, by, comment } = input.into_inner();
    let (by, comment) = AcknowledgeInput { by, comment }.check()?;
    if !(1..=MAX_BULK).contains(&ids.len()) {
        return Err(Problem::invalid("ids", "/ids", format!("1 to {MAX_BULK} alarms at a time")));
    }
    let plant = state.plant().clone();
    let items = command(async move {
        let one = |id: u32| {
            let work = acknowledge_one(plant.clone(), AlarmId(id), by.clone(), comment.clone());
            async move {
                let (alarm, problem) = match work.await {
                    Ok(alarm) => (Some(alarm), None),
                    Err(problem) => (None, Some(problem)),
                };
                AcknowledgedItem { id, alarm, problem }
            }
        };
        Ok(join_all(ids.into_iter().map(one)).await)
    });
    Ok(Json(AcknowledgedView { items: items.await? }))
}

/// A row of the alarm journal.
#[derive(Debug, Serialize, ToSchema)]
pub struct JournalView {
    /// Number of the row, rising.
    pub id: i64,
    /// The alarm.
    #[schema(value_type = u32)]
    pub alarm_id: AlarmId,
    /// Its name; null where it no longer exists.
    pub alarm: Option<String>,
    /// Number of the occurrence.
    pub occurrence: u64,
    /// State before.
    #[schema(value_type = String)]
    pub from: &'static str,
    /// State after.
    #[schema(value_type = String)]
    pub to: &'static str,
    /// `activated`, `returned`, `acknowledged`, `reconfigured` or `removed`.
    #[schema(value_type = String)]
    pub event: &'static str,
    /// Value of the tag.
    #[schema(value_type = Option<Scalar>)]
    pub value: Option<Value>,
    /// Quality of the tag.
    #[schema(value_type = String)]
    pub quality: &'static str,
    /// Why the quality is not plainly good.
    #[schema(value_type = Option<String>)]
    pub quality_reason: Option<&'static str>,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    pub occurred: Timestamp,
    /// When it was noticed.
    #[schema(value_type = String, format = DateTime)]
    pub recorded: Timestamp,
    /// Who did it: `system` or a person.
    pub actor: String,
    /// Comment given with it.
    pub reason: Option<String>,
}

impl From<JournalEntry> for JournalView {
    fn from(entry: JournalEntry) -> Self {
        let row = entry.transition;
        Self {
            id: entry.id,
            alarm_id: row.alarm,
            alarm: entry.alarm_name,
            occurrence: row.occurrence,
            from: row.from.as_str(),
            to: row.to.as_str(),
            event: row.event,
            value: row.value,
            quality: row.quality.severity().as_str(),
            quality_reason: reason(row.quality),
            occurred: row.occurred,
            recorded: row.recorded,
            actor: row.actor,
            reason: row.reason,
        }
    }
}

/// Which rows of the journal.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct JournalQuery {
    /// Items at the most; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(max_length = 20)]
    cursor: Option<String>,
    /// Of the alarm with this id.
    alarm: Option<u32>,
}

/// Reads the journal of transitions, newest first.
///
/// # Errors
/// `malformed`, `invalid_limit`, `busy`, `unavailable`.
#[utoipa::path(get, path = "/api/v1/alarms/journal", tag = "alarms", params(JournalQuery), responses(
    (status = 200, description = "a page of transitions", body = Page<JournalView>),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn journal(state: State, query: Query<JournalQuery>) -> Result<Json<Page<JournalView>>, Problem> {
    let window = Window::read(query.cursor.as_deref(), query.limit)?;
    let before = window.after.map(i64::try_from).transpose();
    let before = before.map_err(|_| Problem::malformed_parameter("cursor", "not a cursor of this list"))?;
    let wish = ReadAlarmJournal { alarm: query.alarm.map(AlarmId), before, limit: window.ask() };
    let rows = ask(state.plant().alarms_logger(), wish, DEADLINE).await??;
    Ok(Json(window.page(rows, |row| u64::try_from(row.id).unwrap_or_default(), JournalView::from)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::StatusCode;

    #[test]
    fn a_nameless_acknowledgement_is_the_operators_and_a_long_comment_is_refused() {
        let input = |by: Option<&str>, comment: Option<String>| AcknowledgeInput { by: by.map(str::to_owned), comment };
        assert_eq!(input(None, None).check().unwrap().0, "operator");
        assert_eq!(input(Some("  "), None).check().unwrap().0, "operator");
        assert_eq!(input(Some("ann"), None).check().unwrap().0, "ann");
        let problem = input(None, Some("x".repeat(1_001))).check().unwrap_err();
        assert_eq!((problem.status, &*problem.code), (StatusCode::UNPROCESSABLE_ENTITY.as_u16(), "invalid_comment"));
    }

    #[test]
    fn active_and_standing_stand_for_several_states() {
        let states = |text| words("state", Some(text), STATES).unwrap().concat();
        assert_eq!(states("active"), [AlarmState::Unack, AlarmState::Acked]);
        assert_eq!(states("standing").len(), 3);
        assert_eq!(states("norm,rtnun"), [AlarmState::Norm, AlarmState::Rtnun]);
    }
}
