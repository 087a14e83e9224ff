//! Standing alarms by area: how many, and how urgent.

use crate::api::{NoQuery, State};
use crate::problem::Problem;
use actix_web::web::{Json, Query};
use flyball::alarms::{AlarmState, AlarmStatus, ListAlarms};
use flyball::cvt::ReadTags;
use flyball::schema::TagId;
use flyball::schema::definition::Priority;
use flyball::send::{DEADLINE, ask};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use utoipa::ToSchema;

/// Every area in which an alarm stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct AreasView {
    /// By path; the first, with an empty path, is the whole plant.
    pub items: Vec<AreaView>,
}

/// What stands in an area and in those below it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AreaView {
    /// Path, `site/area/unit`.
    pub area: String,
    /// UNACK, RTNUN and LTUNK.
    pub unacknowledged: usize,
    /// UNACK and ACKED.
    pub active: usize,
    /// All but NORM and what is hidden.
    pub standing: usize,
    /// The highest priority of what is unacknowledged: `critical`, `high`, `medium`, `low`.
    #[schema(value_type = Option<String>)]
    pub highest_unacknowledged: Option<&'static str>,
    /// The highest priority of what stands.
    #[schema(value_type = Option<String>)]
    pub highest: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    unacknowledged: usize,
    active: usize,
    standing: usize,
    highest_unacknowledged: Option<Priority>,
    highest: Option<Priority>,
}

impl Counts {
    fn add(&mut self, state: AlarmState, priority: Priority) {
        self.standing += 1;
        self.active += usize::from(state.is_active());
        self.highest = self.highest.max(Some(priority));
        if state.is_unacknowledged() {
            self.unacknowledged += 1;
            self.highest_unacknowledged = self.highest_unacknowledged.max(Some(priority));
        }
    }
}

/// Counts what stands, in each area and those above it; the whole plant comes first.
fn by_area<'a>(standing: impl Iterator<Item = (Option<&'a str>, AlarmState, Priority)>) -> Vec<AreaView> {
    let mut areas: BTreeMap<&str, Counts> = BTreeMap::from([("", Counts::default())]);
    for (area, state, priority) in standing {
        areas.entry("").or_default().add(state, priority);
        let Some(area) = area.filter(|area| !area.is_empty()) else { continue };
        for (end, _) in area.match_indices('/').chain([(area.len(), "")]) {
            areas.entry(&area[..end]).or_default().add(state, priority);
        }
    }
    let view = |(area, counts): (&str, Counts)| AreaView {
        area: area.to_owned(),
        unacknowledged: counts.unacknowledged,
        active: counts.active,
        standing: counts.standing,
        highest_unacknowledged: counts.highest_unacknowledged.map(Priority::as_str),
        highest: counts.highest.map(Priority::as_str),
    };
    areas.into_iter().map(view).collect()
}

/// Counts standing alarms by area.
///
/// # Errors
/// `unavailable`, `deadline`, `unknown_tag` where a tag was removed at that moment.
#[utoipa::path(get, path = "/api/v1/alarms/areas", tag = "alarms", responses(
    (status = 200, description = "every area in which an alarm stands", body = AreasView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn read(state: State, _: Query<NoQuery>) -> Result<Json<AreasView>, Problem> {
    let states = AlarmState::ALL.into_iter().filter(|state| state.is_core() && *state != AlarmState::Norm);
    let wish = ListAlarms { states: states.collect(), limit: usize::MAX, ..ListAlarms::default() };
    let standing: Vec<AlarmStatus> = ask(state.plant().alarms(), wish, DEADLINE).await?;
    let mut tags: Vec<TagId> = standing.iter().map(|alarm| alarm.tag).collect();
    tags.sort_unstable();
    tags.dedup();
    let records = ask(state.plant().cvt(), ReadTags(tags), DEADLINE).await??;
    let areas: HashMap<TagId, Option<String>> =
        records.into_iter().map(|record| (record.id, record.definition.area)).collect();
    let alarms = standing.iter().map(|alarm| {
        let area = areas.get(&alarm.tag).and_then(|area| area.as_deref());
        (area, alarm.state, alarm.definition.priority)
    });
    Ok(Json(AreasView { items: by_area(alarms) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_area_counts_with_all_that_is_below_it() {
        let items = by_area(
            [
                (Some("north/tanks/t1"), AlarmState::Unack, Priority::Medium),
                (Some("north/tanks"), AlarmState::Acked, Priority::Critical),
                (Some("south"), AlarmState::Ltunk, Priority::Low),
                (None, AlarmState::Rtnun, Priority::High),
            ]
            .into_iter(),
        );
        let told: Vec<_> = items
            .iter()
            .map(|area| {
                (
                    &*area.area,
                    area.unacknowledged,
                    area.active,
                    area.standing,
                    area.highest_unacknowledged,
                    area.highest,
                )
            })
            .collect();
        let expected = [
            ("", 3, 2, 4, Some("high"), Some("critical")),
            ("north", 1, 2, 2, Some("medium"), Some("critical")),
            ("north/tanks", 1, 2, 2, Some("medium"), Some("critical")),
            ("north/tanks/t1", 1, 1, 1, Some("medium"), Some("medium")),
            ("south", 1, 0, 1, Some("low"), Some("low")),
        ];
        assert_eq!(told, expected);
        assert_eq!(by_area(std::iter::empty()).len(), 1, "the plant is there, with nothing");
    }
}
