//! What has become of alarms: every transition, and every occurrence in one row.

use crate::api::history::range;
use crate::api::page::{NameWindow, Page, Window};
use crate::api::{NoQuery, Scalar, State, reason};
use crate::problem::Problem;
use actix_web::web::{Json, Query};
use flyball::alarms::{
    BrokenJournal, JournalEntry, JournalVerification, Occurrence, ReadAlarmJournal, ReadOccurrences, VerifyAlarmJournal,
};
use flyball::schema::{AlarmId, Timestamp, Value};
use flyball::send::{DEADLINE, ask};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

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
    /// `activated`, `returned`, `acknowledged`, `re_alarmed`, `escalated`, `reset`, `shelved`, `unshelved`, `suppressed`,
    /// `unsuppressed`, `out_of_service`, `returned_to_service`, `silenced`, `commented`, `reconfigured` or `removed`.
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
    /// Whether operators were told: nothing was over it.
    pub annunciated: bool,
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
            annunciated: row.annunciated,
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

/// One occurrence of an alarm.
#[derive(Debug, Serialize, ToSchema)]
pub struct OccurrenceView {
    /// The alarm.
    #[schema(value_type = u32)]
    pub alarm_id: AlarmId,
    /// Its name; null where it no longer exists.
    pub alarm: Option<String>,
    /// Number of the occurrence.
    pub occurrence: u64,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub raised_at: Timestamp,
    /// When it was acknowledged last.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub acknowledged_at: Option<Timestamp>,
    /// Who acknowledged it.
    pub acknowledged_by: Option<String>,
    /// When the condition was last false again.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub returned_at: Option<Timestamp>,
    /// When the alarm was normal again; null while it stands.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub cleared_at: Option<Timestamp>,
    /// How long it stood, ms; null while it stands.
    pub duration_ms: Option<f64>,
    /// The value furthest beyond the set point.
    #[schema(value_type = Option<Scalar>)]
    pub peak: Option<Value>,
    /// Whether it was the first of its group.
    pub first_out: bool,
}

impl From<Occurrence> for OccurrenceView {
    fn from(occurrence: Occurrence) -> Self {
        let raised = occurrence.raised_at;
        Self {
            alarm_id: occurrence.alarm,
            alarm: occurrence.alarm_name,
            occurrence: occurrence.occurrence,
            raised_at: raised,
            acknowledged_at: occurrence.acknowledged_at,
            acknowledged_by: occurrence.acknowledged_by,
            returned_at: occurrence.returned_at,
            cleared_at: occurrence.cleared_at,
            duration_ms: occurrence.cleared_at.map(|cleared| cleared.since(raised).as_secs_f64() * 1e3),
            peak: occurrence.peak,
            first_out: occurrence.first_out,
        }
    }
}

/// Which occurrences.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OccurrenceQuery {
    /// Items at the most; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(max_length = 100)]
    cursor: Option<String>,
    /// Of the alarm with this id.
    alarm: Option<u32>,
    /// Begun at or after this: RFC 3339, or `now-1h`; a day ago where it is not given.
    #[param(max_length = 40)]
    from: Option<String>,
    /// Begun before this; now where it is not given.
    #[param(max_length = 40)]
    to: Option<String>,
}

/// Lists occurrences, newest first: one row from begin to end.
///
/// # Errors
/// `malformed`, `invalid_limit`, `invalid_range`, `busy`, `unavailable`.
#[utoipa::path(get, path = "/api/v1/alarms/occurrences", tag = "alarms", params(OccurrenceQuery), responses(
    (status = 200, description = "a page of occurrences", body = Page<OccurrenceView>),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn occurrences(state: State, query: Query<OccurrenceQuery>) -> Result<Json<Page<OccurrenceView>>, Problem> {
    let query = query.into_inner();
    let window = NameWindow::read(query.cursor.as_deref(), query.limit)?;
    let now = state.plant().clock().now();
    let from = query.from.as_deref().unwrap_or("now-24h");
    let (from, to) = range(Some(from), query.to.as_deref(), now)?;
    let not_ours = || Problem::malformed_parameter("cursor", "not a cursor of this list");
    let before = window.after.as_deref().map(|key| place(key).ok_or_else(not_ours)).transpose()?;
    let wish = ReadOccurrences { alarm: query.alarm.map(AlarmId), from, to, before, limit: window.ask() };
    let rows = ask(state.plant().alarms_logger(), wish, DEADLINE).await??;
    let keyed = |row: Occurrence| (format!("{} {}", row.raised_at.as_micros(), row.alarm), row);
    let rows = rows.into_iter().map(keyed).collect();
    Ok(Json(window.page(rows, |(key, _)| key, |(_, row)| OccurrenceView::from(row))))
}

/// Where a page of occurrences begins.
fn place(key: &str) -> Option<(Timestamp, AlarmId)> {
    let (raised, alarm) = key.split_once(' ')?;
    Some((Timestamp::from_micros(raised.parse().ok()?), AlarmId(alarm.parse().ok()?)))
}

/// Whether the journal is as it was written.
#[derive(Debug, Serialize, ToSchema)]
pub struct VerificationView {
    /// Whether it is.
    pub ok: bool,
    /// Rows that are as they were written.
    pub checked: u64,
    /// Hash of the last of them, in hexadecimal: to be kept elsewhere, so that missing rows at the end are seen as well.
    pub head: Option<String>,
    /// What is wrong with the first row that is not.
    pub problem: Option<String>,
}

impl From<JournalVerification> for VerificationView {
    fn from(found: JournalVerification) -> Self {
        let hex = |hash: [u8; 32]| hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let told = |broken: BrokenJournal| match broken {
            BrokenJournal::Altered(id) => format!("row {id} is not as it was written, or a row before it is missing"),
            BrokenJournal::Unchained(id) => format!("row {id} has no hash"),
        };
        Self {
            ok: found.broken.is_none(),
            checked: found.checked,
            head: found.head.map(hex),
            problem: found.broken.map(told),
        }
    }
}

/// Walks the chain of hashes over the whole journal.
///
/// # Errors
/// `busy`, `unavailable`.
#[utoipa::path(get, path = "/api/v1/alarms/journal/verification", tag = "alarms", responses(
    (status = 200, description = "whether it is as it was written", body = VerificationView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn verification(state: State, _: Query<NoQuery>) -> Result<Json<VerificationView>, Problem> {
    let found = ask(state.plant().alarms_logger(), VerifyAlarmJournal, DEADLINE * 12).await??;
    Ok(Json(found.into()))
}
