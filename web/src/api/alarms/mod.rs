//! Alarms: list and read; [`commands`] is what people do to them, [`journal`] what has become of them.

pub mod analytics;
pub mod areas;
pub mod commands;
pub mod journal;

use super::page::{Page, Window};
use super::tags::stretch;
use super::{NoQuery, Scalar, State, words};
use crate::problem::Problem;
use actix_web::web::{Json, Path, Query};
use flyball::alarms::{AlarmState, AlarmStatus, ListAlarms, ReadAlarm};
use flyball::cvt::ListTags;
use flyball::schema::definition::Priority;
use flyball::schema::{AlarmId, TagId, Timestamp, Value};
use flyball::send::{DEADLINE, ask};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

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
    /// `HIGH_HIGH`, `HIGH`, `LOW`, `LOW_LOW`, `BOOL`, `DEVIATION`, `RATE` or `BAD_QUALITY`.
    #[schema(value_type = String)]
    pub kind: &'static str,
    /// `process`, `link_lost`, `machine_fault` or `system`.
    #[schema(value_type = String)]
    pub class: &'static str,
    /// Where it becomes active; null while the tag that gives it has no usable value.
    #[schema(value_type = Option<Scalar>)]
    pub set_point: Option<Value>,
    /// The tag that gives it.
    pub set_point_tag: Option<String>,
    /// The tag that it deviates from.
    pub reference: Option<String>,
    /// How far the value has to come back; null where the set point is no number.
    pub dead_band: Option<f64>,
    /// Unit of the tag.
    pub unit: Option<String>,
    /// `critical`, `high`, `medium` or `low`.
    #[schema(value_type = String)]
    pub priority: &'static str,
    /// Shown state: `NORM`, `UNACK`, `ACKED`, `RTNUN`, `LTUNK`, `LTACK`, `SHLVD`, `DSUPR` or `OOSRV`.
    #[schema(value_type = String)]
    pub state: &'static str,
    /// State beneath shelf, suppression and out of service.
    #[schema(value_type = String)]
    pub core: &'static str,
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
    /// On the shelf.
    pub shelf: Option<ShelfView>,
    /// Since when it is suppressed by design.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub suppressed_since: Option<Timestamp>,
    /// Out of service.
    pub out_of_service: Option<OutOfServiceView>,
    /// A delay is under way, since then.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub pending_since: Option<Timestamp>,
    /// The horn is silenced.
    pub silenced: bool,
    /// The group it trips with.
    pub group: Option<String>,
    /// The first of its group.
    pub first_out: bool,
    /// The value furthest beyond the set point in this occurrence.
    #[schema(value_type = Option<Scalar>)]
    pub peak: Option<Value>,
    /// How long the operator has before the consequence follows, ms.
    pub respond_ms: Option<u32>,
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

/// An alarm put aside.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ShelfView {
    /// Until then at the latest.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
    /// Only until its condition is false, where that is sooner.
    pub one_shot: bool,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Who did it.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// An alarm out of service.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OutOfServiceView {
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Who did it.
    pub by: String,
    /// Why.
    pub reason: String,
}

impl From<AlarmStatus> for AlarmView {
    fn from(status: AlarmStatus) -> Self {
        let definition = &*status.definition;
        let shelf = status.flags.shelf.map(|shelf| ShelfView {
            until: shelf.until,
            one_shot: shelf.one_shot,
            since: shelf.since,
            by: shelf.by,
            reason: shelf.reason,
        });
        let out_of_service = status.flags.out_of_service.map(|out| OutOfServiceView {
            since: out.since,
            by: out.by,
            reason: out.reason,
        });
        Self {
            id: status.id,
            name: definition.name.clone(),
            tag_id: status.tag,
            tag: definition.tag.clone(),
            kind: definition.kind.as_str(),
            class: definition.class.as_str(),
            set_point: status.set_point,
            set_point_tag: definition.set_point_tag.clone(),
            reference: definition.reference.clone(),
            dead_band: definition.kind.has_number().then_some(definition.dead_band),
            unit: status.unit,
            priority: definition.priority.as_str(),
            state: status.state.as_str(),
            core: status.core.as_str(),
            active: status.active,
            quality_hold: status.quality_hold,
            occurrence: status.occurrence,
            value: status.value,
            raised_at: status.raised_at,
            since: status.since,
            acknowledged_at: status.acknowledged_at,
            acknowledged_by: status.acknowledged_by,
            shelf,
            suppressed_since: status.flags.suppressed,
            out_of_service,
            pending_since: status.pending.map(|pending| pending.since),
            silenced: status.silenced,
            group: definition.group.clone(),
            first_out: status.first_out,
            peak: status.peak,
            respond_ms: definition.respond_ms,
            description: definition.description.clone(),
            cause: definition.cause.clone(),
            consequence: definition.consequence.clone(),
            action: definition.action.clone(),
            allowed: status.allowed,
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
    /// Shown in one of these states, separated by commas: `norm`, `unack`, `acked`, `rtnun`, `ltunk`, `ltack`, `shelved`,
    /// `suppressed`, `out_of_service`, `active` (unack and acked), `unacknowledged` (unack, rtnun and ltunk),
    /// `standing` (all but norm and what is hidden), `hidden` (shelved, suppressed, out of service).
    #[param(max_length = 120)]
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
    ("ltunk", &[AlarmState::Ltunk]),
    ("ltack", &[AlarmState::Ltack]),
    ("shelved", &[AlarmState::Shlvd]),
    ("suppressed", &[AlarmState::Dsupr]),
    ("out_of_service", &[AlarmState::Oosrv]),
    ("unacknowledged", &[AlarmState::Unack, AlarmState::Rtnun, AlarmState::Ltunk]),
    ("standing", &[AlarmState::Unack, AlarmState::Acked, AlarmState::Rtnun, AlarmState::Ltunk, AlarmState::Ltack]),
    ("hidden", &[AlarmState::Shlvd, AlarmState::Dsupr, AlarmState::Oosrv]),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn active_and_standing_stand_for_several_states() {
        let states = |text| words("state", Some(text), STATES).unwrap().concat();
        assert_eq!(states("active"), [AlarmState::Unack, AlarmState::Acked]);
        assert_eq!(states("standing").len(), 5);
        assert_eq!(states("norm,rtnun"), [AlarmState::Norm, AlarmState::Rtnun]);
    }
}
