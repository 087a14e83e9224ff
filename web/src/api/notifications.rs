//! The record of messages about alarms.

use super::page::{Page, Window};
use super::{State, words};
use crate::problem::Problem;
use actix_web::web::{Json, Query};
use flyball::notify::{Notification, ReadNotifications, Status};
use flyball::schema::{AlarmId, Timestamp};
use flyball::send::{DEADLINE, ask};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

const STATUSES: &[(&str, Status)] = &[("queued", Status::Queued), ("sent", Status::Sent), ("failed", Status::Failed)];

/// A message to one recipient.
#[derive(Debug, Serialize, ToSchema)]
pub struct NotificationView {
    /// Number of the row, rising.
    pub id: i64,
    /// The same for the same message: its `Message-ID` or `Idempotency-Key`.
    pub key: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Name of the channel.
    pub channel: String,
    /// Mail address, or host of the webhook.
    pub recipient: String,
    /// Name of the rule; null for a summary.
    pub rule: Option<String>,
    /// The alarm; null for a summary.
    #[schema(value_type = Option<u32>)]
    pub alarm_id: Option<AlarmId>,
    /// Its name; null where it no longer exists.
    pub alarm: Option<String>,
    /// Number of the occurrence.
    pub occurrence: Option<u64>,
    /// `raised`, `repeated`, `returned` or `summary`.
    #[schema(value_type = String)]
    pub kind: &'static str,
    /// `queued`, `sent` or `failed`.
    #[schema(value_type = String)]
    pub status: &'static str,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it failed.
    pub error: Option<String>,
}

impl From<Notification> for NotificationView {
    fn from(row: Notification) -> Self {
        Self {
            id: row.id,
            key: row.key,
            at: row.at,
            channel: row.channel,
            recipient: row.recipient,
            rule: row.rule,
            alarm_id: row.alarm,
            alarm: row.alarm_name,
            occurrence: row.occurrence,
            kind: row.kind.as_str(),
            status: row.status.as_str(),
            attempts: row.attempts,
            error: row.error,
        }
    }
}

/// Which messages.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NotificationQuery {
    /// Items at the most; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(max_length = 20)]
    cursor: Option<String>,
    /// About the alarm with this id.
    alarm: Option<u32>,
    /// `queued`, `sent` or `failed`.
    #[param(max_length = 10)]
    status: Option<String>,
}

/// Lists messages about alarms, newest first: who was told what, and what became of it.
///
/// # Errors
/// `malformed`, `invalid_limit`, `busy`, `unavailable`.
#[utoipa::path(get, path = "/api/v1/notifications", tag = "alarms", params(NotificationQuery), responses(
    (status = 200, description = "a page of messages", body = Page<NotificationView>),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn list(state: State, query: Query<NotificationQuery>) -> Result<Json<Page<NotificationView>>, Problem> {
    let window = Window::read(query.cursor.as_deref(), query.limit)?;
    let before = window.after.map(i64::try_from).transpose();
    let before = before.map_err(|_| Problem::malformed_parameter("cursor", "not a cursor of this list"))?;
    let status = match words("status", query.status.as_deref(), STATUSES)?.as_slice() {
        [] => None,
        [status] => Some(*status),
        _ => return Err(Problem::malformed_parameter("status", "one at a time")),
    };
    let wish = ReadNotifications { alarm: query.alarm.map(AlarmId), status, before, limit: window.ask() };
    let rows = ask(&state.plant().notifications(), wish, DEADLINE).await??;
    Ok(Json(window.page(rows, |row| u64::try_from(row.id).unwrap_or_default(), NotificationView::from)))
}
