//! Links to devices.

use super::State;
use super::page::{Page, Window};
use crate::problem::Problem;
use actix_web::web::{Json, Query};
use flyball::cvt::ListTags;
use flyball::opcua::{LinkStatus, ListLinks};
use flyball::plant::Plant;
use flyball::schema::{LinkId, Severity, Timestamp};
use flyball::send::{DEADLINE, ask};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Bad tags that are asked for at a time.
const COUNT_PAGE: usize = 500;

/// A link with its state and counters since the start.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LinkView {
    /// Identity.
    #[schema(value_type = u32)]
    pub id: LinkId,
    /// Unique name.
    pub name: String,
    /// Address of the device.
    pub endpoint: String,
    /// `connecting`, `connected`, `lost` or `stopped`.
    #[schema(value_type = String)]
    pub state: &'static str,
    /// Why it is not connected.
    pub reason: Option<String>,
    /// Since when it is in this state.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Tags on the link.
    pub tags: usize,
    /// Tags of bad quality.
    pub bad_tags: usize,
    /// Tags whose node the device does not serve.
    pub items_failed: usize,
    /// Changes received.
    pub changes: u64,
    /// Notifications received.
    pub batches: u64,
    /// Connections made after the first.
    pub reconnects: u64,
    /// Changes overwritten by newer ones before the table took them.
    pub coalesced: u64,
    /// Writes to the device that failed.
    pub write_failures: u64,
}

impl LinkView {
    fn new(status: LinkStatus, bad_tags: usize) -> Self {
        Self {
            id: status.id,
            name: status.name,
            endpoint: status.endpoint,
            state: status.state.as_str(),
            reason: status.reason,
            since: status.since,
            tags: status.tags,
            bad_tags,
            items_failed: status.items_failed,
            changes: status.changes,
            batches: status.batches,
            reconnects: status.reconnects,
            coalesced: status.coalesced,
            write_failures: status.write_failures,
        }
    }
}

/// All links with their bad tags counted.
pub(crate) async fn all(plant: &Plant) -> Result<Vec<LinkView>, Problem> {
    let mut views = Vec::new();
    for status in ask(plant.links(), ListLinks, DEADLINE).await? {
        let bad = bad_tags(plant, &status.name).await?;
        views.push(LinkView::new(status, bad));
    }
    Ok(views)
}

async fn bad_tags(plant: &Plant, link: &str) -> Result<usize, Problem> {
    let mut wish = ListTags {
        limit: COUNT_PAGE,
        link: Some(link.to_owned()),
        severities: vec![Severity::Bad],
        ..ListTags::default()
    };
    let mut count = 0;
    loop {
        let page = ask(plant.cvt(), wish.clone(), DEADLINE).await?;
        count += page.len();
        match page.last() {
            Some(last) if page.len() == COUNT_PAGE => wish.after = Some(last.id),
            _ => return Ok(count),
        }
    }
}

/// Which links.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LinkQuery {
    /// Items at the most; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(max_length = 20)]
    cursor: Option<String>,
}

/// Lists links by id.
///
/// # Errors
/// `malformed`, `invalid_limit`, `unavailable`.
#[utoipa::path(get, path = "/api/v1/links", tag = "links", params(LinkQuery), responses(
    (status = 200, description = "a page of links", body = Page<LinkView>),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn list(state: State, query: Query<LinkQuery>) -> Result<Json<Page<LinkView>>, Problem> {
    let window = Window::read(query.cursor.as_deref(), query.limit)?;
    let links = all(state.plant()).await?;
    Ok(Json(window.cut(links, |link| u64::from(link.id.0), |link| link)))
}
