//! Figures of the alarm system.

use super::State;
use crate::problem::Problem;
use crate::range::parse_time;
use actix_web::web::{Json, Query};
use flyball::alarms::analytics::{
    AnalyticsReport, Floods, LONGEST_RANGE, PrioritySpread, Quantile, Ranking, ReadAlarmAnalytics, WindowShare,
};
use flyball::schema::{AlarmId, Timestamp};
use flyball::send::ask;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

/// The journal of a long range takes its time.
const DEADLINE: Duration = Duration::from_secs(60);
/// Range where the client names none.
const DEFAULT_SPAN: Duration = Duration::from_secs(24 * 3_600);

/// Which figures.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AnalyticsQuery {
    /// Begin, RFC 3339 or relative (`now-30d`); included. A day before the end where it is not given; up to 400 days
    /// before it.
    #[param(max_length = 40)]
    from: Option<String>,
    /// End, RFC 3339 or relative (`now`, the default and the latest); not included.
    #[param(max_length = 40)]
    to: Option<String>,
    /// Area with all that is in it, `site/area/unit`; the whole plant where it is not given.
    #[param(max_length = 400, example = "north/tanks")]
    area: Option<String>,
}

/// Figures of the alarm system (ISA-18.2 clause 16, EEMUA 191). Shares are 0 to 1.
#[derive(Debug, Serialize, ToSchema)]
pub struct AnalyticsView {
    /// The area; null for the whole plant.
    pub area: Option<String>,
    /// Begin, included.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// End, not included.
    #[schema(value_type = String, format = DateTime)]
    pub to: Timestamp,
    /// Activations that were annunciated.
    pub activations: u64,
    /// Activations of alarms that were shelved, suppressed or out of service.
    pub withheld_activations: u64,
    /// Activations per 10 minutes, on average.
    pub per_10_minutes: f64,
    /// Activations per hour, on average.
    pub per_hour: f64,
    /// Hours of the clock (UTC) with more than 30 activations.
    pub hours_over_30: WindowShareView,
    /// 10 minutes of the clock (UTC) with more than 10 activations.
    pub ten_minutes_over_10: WindowShareView,
    /// The 10 minutes of the clock with the most activations.
    pub peak: Option<PeakView>,
    /// Times with more than 10 activations in the last 10 minutes, each until there were fewer than 5.
    pub floods: FloodsView,
    /// Alarms by activations.
    pub load: RankingView,
    /// Alarms with 3 activations within 60 s, by how often that began.
    pub chattering: RankingView,
    /// Alarms that returned within 10 s of their activation, by how often.
    pub fleeting: RankingView,
    /// Alarms that stand for more than 24 hours at the end.
    pub stale: StaleView,
    /// Activations by priority, against the standard's shares.
    pub priorities: PrioritiesView,
    /// Times from activation to acknowledgement.
    pub acknowledgement: AcknowledgementView,
    /// Alarms that are shelved, suppressed or out of service at the end, the longest first; 100 at the most.
    pub withheld: Vec<WithheldView>,
}

/// How many windows have too many activations.
#[derive(Debug, Serialize, ToSchema)]
pub struct WindowShareView {
    /// Windows that lie in the range whole.
    pub windows: u64,
    /// Those with too many.
    pub over: u64,
    /// Their share; null where the range has no whole window.
    pub share: Option<f64>,
}

/// The window with the most activations.
#[derive(Debug, Serialize, ToSchema)]
pub struct PeakView {
    /// Activations.
    pub count: u64,
    /// When the window begins.
    #[schema(value_type = String, format = DateTime)]
    pub start: Timestamp,
}

/// Floods.
#[derive(Debug, Serialize, ToSchema)]
pub struct FloodsView {
    /// How many began.
    pub count: u64,
    /// How long they lasted together, s.
    pub duration_s: f64,
    /// How long the longest lasted, s.
    pub longest_s: f64,
    /// Share of the range.
    pub share: f64,
    /// Whether one goes on at the end.
    pub ongoing: bool,
}

/// How often something happened, and to which alarms most.
#[derive(Debug, Serialize, ToSchema)]
pub struct RankingView {
    /// How many alarms it happened to.
    pub alarms: u64,
    /// How often it happened to all of them.
    pub times: u64,
    /// Share of the worst together; null where it never happened.
    pub share_of_worst: Option<f64>,
    /// The 10 that it happened to most.
    pub worst: Vec<LoadView>,
}

/// How often something happened to an alarm.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoadView {
    /// The alarm.
    #[schema(value_type = u32)]
    pub alarm_id: AlarmId,
    /// Its name; null where it no longer exists.
    pub alarm: Option<String>,
    /// How often.
    pub times: u64,
    /// Its share.
    pub share: f64,
}

/// Alarms that stand for too long.
#[derive(Debug, Serialize, ToSchema)]
pub struct StaleView {
    /// How many.
    pub alarms: u64,
    /// The oldest, 100 at the most.
    pub oldest: Vec<StandingView>,
}

/// An alarm that stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct StandingView {
    /// The alarm.
    #[schema(value_type = u32)]
    pub alarm_id: AlarmId,
    /// Its name; null where it no longer exists.
    pub alarm: Option<String>,
    /// When its occurrence began.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// How long ago that is at the end of the range, s.
    pub age_s: f64,
}

/// Activations by priority.
#[derive(Debug, Serialize, ToSchema)]
pub struct PrioritiesView {
    /// Low.
    pub low: PriorityView,
    /// Medium.
    pub medium: PriorityView,
    /// High and critical together: the standard's highest.
    pub high: PriorityView,
    /// Critical ones among them.
    pub critical: u64,
}

/// Activations of a priority.
#[derive(Debug, Serialize, ToSchema)]
pub struct PriorityView {
    /// How many.
    pub activations: u64,
    /// Their share; null without activations.
    pub share: Option<f64>,
    /// What the share should be.
    pub target: f64,
}

/// Times to acknowledge.
#[derive(Debug, Serialize, ToSchema)]
pub struct AcknowledgementView {
    /// Acknowledgements in the range.
    pub count: u64,
    /// Half of them took no longer, s.
    pub p50_s: Option<f64>,
    /// 95 % of them took no longer, s.
    pub p95_s: Option<f64>,
    /// Whether these times are exact, or within 1 %.
    pub exact: bool,
    /// Alarms that nobody has acknowledged at the end.
    pub waiting: u64,
}

/// An alarm that is not annunciated.
#[derive(Debug, Serialize, ToSchema)]
pub struct WithheldView {
    /// The alarm.
    #[schema(value_type = u32)]
    pub alarm_id: AlarmId,
    /// Its name; null where it no longer exists.
    pub alarm: Option<String>,
    /// `shelved`, `suppressed` or `out_of_service`.
    #[schema(value_type = String)]
    pub by: &'static str,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// How long ago that is at the end of the range, s.
    pub age_s: f64,
}

/// Reads how well the alarm system does: rates, floods, the worst alarms, times to acknowledge.
///
/// # Errors
/// `malformed`, `invalid_range`, `unknown_area`, `busy`, `unavailable`, `deadline`.
#[utoipa::path(get, path = "/api/v1/alarms/analytics", tag = "alarms", params(AnalyticsQuery), responses(
    (status = 200, description = "the figures", body = AnalyticsView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn read(state: State, query: Query<AnalyticsQuery>) -> Result<Json<AnalyticsView>, Problem> {
    let asked = asked(query.into_inner(), state.plant().clock().now())?;
    let answer = ask(&state.plant().alarm_analytics(), asked, DEADLINE).await??;
    Ok(Json(view(answer)))
}

fn asked(query: AnalyticsQuery, now: Timestamp) -> Result<ReadAlarmAnalytics, Problem> {
    let time = |name: &str, text: Option<String>, default: Timestamp| match text {
        Some(text) => parse_time(&text, now).map_err(|error| Problem::malformed_parameter(name, error.to_string())),
        None => Ok(default),
    };
    let to = time("to", query.to, now)?.min(now);
    let from = time("from", query.from, to - DEFAULT_SPAN)?;
    if from >= to || to.since(from) > LONGEST_RANGE {
        let detail = format!("figures are told of a range of up to 400 days, not of {from} to {to}");
        return Err(Problem::invalid("range", "?from", detail));
    }
    Ok(ReadAlarmAnalytics { from, to, area: query.area })
}

fn view(AnalyticsReport { report, names }: AnalyticsReport) -> AnalyticsView {
    let age = |since: Timestamp| report.to.since(since).as_secs_f64();
    let name = |alarm: AlarmId| names.get(&alarm).cloned();
    let standing = |one: &flyball::alarms::analytics::StandingAlarm| StandingView {
        alarm_id: one.alarm,
        alarm: name(one.alarm),
        since: one.since,
        age_s: age(one.since),
    };
    let withheld = |one: &flyball::alarms::analytics::WithheldAlarm| WithheldView {
        alarm_id: one.alarm,
        alarm: name(one.alarm),
        by: one.by.as_str(),
        since: one.since,
        age_s: age(one.since),
    };
    let times = report.acknowledgement;
    let seconds = |quantile: Option<Quantile>| quantile.map(|quantile| quantile.duration.as_secs_f64());
    AnalyticsView {
        activations: report.activations,
        withheld_activations: report.withheld_activations,
        per_10_minutes: report.per_10_minutes(),
        per_hour: report.per_hour(),
        hours_over_30: share(report.hours),
        ten_minutes_over_10: share(report.ten_minutes),
        peak: report.peak.map(|peak| PeakView { count: peak.count, start: peak.start }),
        floods: floods(&report.floods),
        load: ranking(&report.load, &names),
        chattering: ranking(&report.chattering, &names),
        fleeting: ranking(&report.fleeting, &names),
        stale: StaleView { alarms: report.stale.alarms, oldest: report.stale.oldest.iter().map(standing).collect() },
        priorities: priorities(&report.priorities),
        acknowledgement: AcknowledgementView {
            count: times.count,
            p50_s: seconds(times.p50),
            p95_s: seconds(times.p95),
            exact: times.p95.is_none_or(|quantile| quantile.exact),
            waiting: times.waiting,
        },
        withheld: report.withheld.iter().map(withheld).collect(),
        from: report.from,
        to: report.to,
        area: report.area,
    }
}

fn share(share: WindowShare) -> WindowShareView {
    WindowShareView { windows: share.windows, over: share.over, share: share.share() }
}

fn floods(floods: &Floods) -> FloodsView {
    FloodsView {
        count: floods.count,
        duration_s: floods.duration.as_secs_f64(),
        longest_s: floods.longest.as_secs_f64(),
        share: floods.share(),
        ongoing: floods.ongoing,
    }
}

fn ranking(ranking: &Ranking, names: &BTreeMap<AlarmId, String>) -> RankingView {
    let one = |load: &flyball::alarms::analytics::Load| LoadView {
        alarm_id: load.alarm,
        alarm: names.get(&load.alarm).cloned(),
        times: load.times,
        share: ranking.share(load),
    };
    RankingView {
        alarms: ranking.alarms,
        times: ranking.times,
        share_of_worst: ranking.share_of_worst(),
        worst: ranking.worst.iter().map(one).collect(),
    }
}

fn priorities(spread: &PrioritySpread) -> PrioritiesView {
    let counts = [spread.low, spread.medium, spread.high + spread.critical];
    let [low, medium, high] = std::array::from_fn(|n| PriorityView {
        activations: counts[n],
        share: spread.shares().map(|shares| shares[n]),
        target: PrioritySpread::TARGET[n],
    });
    PrioritiesView { low, medium, high, critical: spread.critical }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_795_352_617_000_000);

    fn query(text: &str) -> Result<ReadAlarmAnalytics, Problem> {
        asked(Query::<AnalyticsQuery>::from_query(text).unwrap().into_inner(), NOW)
    }

    #[test]
    fn the_last_day_is_the_range_where_none_is_named() {
        let asked = query("").unwrap();
        assert_eq!((asked.to, asked.to.since(asked.from), asked.area), (NOW, DEFAULT_SPAN, None));
        let asked = query("from=now-400d&to=2999-01-01T00:00:00Z&area=north/tanks").unwrap();
        assert_eq!((asked.to, asked.area.as_deref()), (NOW, Some("north/tanks")), "nothing has happened after now");
    }

    #[test]
    fn a_range_that_makes_no_sense_is_refused() {
        let code = |text| query(text).unwrap_err().code.clone();
        assert_eq!(code("from=now-401d"), "invalid_range");
        assert_eq!(code("from=now&to=now-1h"), "invalid_range");
        assert_eq!(code("from=then"), "malformed");
    }
}
