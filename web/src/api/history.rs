//! History of tags, in columns.

use super::{Scalar, State};
use crate::problem::Problem;
use crate::range::parse_time;
use actix_web::web::{Json, Query};
use flyball::cvt::ReadTags;
use flyball::history::{Bucket, MAX_BUCKETS, RawSeries, ReadRaw, ReadTrend, Trend, TrendSeries};
use flyball::schema::{Quality, Severity, TagId, Timestamp, Value};
use flyball::send::ask;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

/// A question about the past may take this long: longer than the plant's own deadline for it.
const DEADLINE: Duration = Duration::from_secs(35);
/// Range where the client names none.
const DEFAULT_SPAN: Duration = Duration::from_secs(15 * 60);
/// Buckets where the client does not say: about the pixels of a chart.
const DEFAULT_POINTS: usize = 1_200;
/// Samples of a raw answer where the client does not say, and at the most.
const MAX_RAW: usize = 100_000;

/// Which history.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// Ids of the tags, separated by commas; up to 100.
    #[param(max_length = 1200, example = "1,2")]
    tags: String,
    /// Begin, RFC 3339 or relative (`now-15m`, the default); included.
    #[param(max_length = 40)]
    from: Option<String>,
    /// End, RFC 3339 or relative (`now`, the default); not included.
    #[param(max_length = 40)]
    to: Option<String>,
    /// Buckets at the most (1,200 where it is not given, up to 10,000), or with `agg=raw` samples over all tags (up to
    /// 100,000).
    #[param(minimum = 1, maximum = 100_000)]
    max_points: Option<usize>,
    /// What is told of a bucket: `minmax` (the default), `avg`, `last`; or `raw` for the samples themselves.
    #[param(inline)]
    agg: Option<Aggregate>,
}

/// What is told of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Aggregate {
    /// Smallest, largest and mean value.
    #[default]
    MinMax,
    /// Mean value.
    Avg,
    /// Last value.
    Last,
    /// The samples themselves.
    Raw,
}

/// History in columns. Times are milliseconds since the epoch, with a fraction.
#[derive(Debug, Serialize, ToSchema)]
pub struct HistoryView {
    /// Begin of every bucket; not with `agg=raw`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub t: Option<Vec<f64>>,
    /// One per tag, in the order asked.
    pub series: Vec<SeriesView>,
    /// Whether there were more samples than `max_points`; only with `agg=raw`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncated: Option<bool>,
}

/// History of one tag.
#[derive(Debug, Serialize, ToSchema)]
pub struct SeriesView {
    /// The tag.
    #[schema(value_type = u32)]
    pub id: TagId,
    /// Time of every sample; only with `agg=raw`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub t: Option<Vec<f64>>,
    /// Smallest value in each bucket; only with `agg=minmax`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<Vec<Option<f64>>>,
    /// Largest value in each bucket; only with `agg=minmax`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<Vec<Option<f64>>>,
    /// Mean (`minmax`, `avg`) or last value of each bucket, null for a gap; or the value of each sample.
    #[schema(value_type = Vec<Option<Scalar>>)]
    pub v: Vec<Option<Value>>,
    /// Worst quality in each bucket, or quality of each sample: 0 good, 1 uncertain, 2 bad.
    #[schema(value_type = Vec<u32>)]
    pub q: Vec<u8>,
}

/// Reads the history of tags.
///
/// # Errors
/// `malformed`, `unknown_tag`, `invalid_tags`, `invalid_range`, `invalid_max_points`, `busy`, `unavailable`, `deadline`.
#[utoipa::path(get, path = "/api/v1/history", tag = "history", params(HistoryQuery), responses(
    (status = 200, description = "the history", body = HistoryView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn read(state: State, query: Query<HistoryQuery>) -> Result<Json<HistoryView>, Problem> {
    let plant = state.plant();
    let asked = Asked::read(&query, plant.clock().now())?;
    // A tag that does not exist has no history either; say so instead of an empty answer.
    ask(plant.cvt(), ReadTags(asked.tags.clone()), flyball::send::DEADLINE).await??;
    let Asked { tags, from, to, points, aggregate } = asked;
    let view = if aggregate == Aggregate::Raw {
        raw(ask(&plant.data_logger(), ReadRaw { tags, from, to, limit: points }, DEADLINE).await??)
    } else {
        let buckets = points.min(usize::try_from(to.since(from).as_micros()).unwrap_or(points));
        trend(ask(&plant.data_logger(), ReadTrend { tags, from, to, buckets }, DEADLINE).await??, aggregate)
    };
    Ok(Json(view))
}

/// A query that has been read.
#[derive(Debug, PartialEq)]
struct Asked {
    tags: Vec<TagId>,
    from: Timestamp,
    to: Timestamp,
    points: usize,
    aggregate: Aggregate,
}

impl Asked {
    fn read(query: &HistoryQuery, now: Timestamp) -> Result<Self, Problem> {
        let id = |text: &str| text.parse().map(TagId);
        let tags: Result<Vec<TagId>, _> = query.tags.split(',').map(id).collect();
        let tags = tags.map_err(|_| Problem::malformed_parameter("tags", "ids separated by commas are expected"))?;
        let time = |name: &str, text: &Option<String>, default: Timestamp| match text {
            Some(text) => parse_time(text, now).map_err(|error| Problem::malformed_parameter(name, error.to_string())),
            None => Ok(default),
        };
        let to = time("to", &query.to, now)?;
        let from = time("from", &query.from, to - DEFAULT_SPAN)?;
        if from >= to {
            return Err(Problem::invalid("range", "?from", format!("there is no time from {from} to {to}")));
        }
        let aggregate = query.agg.unwrap_or_default();
        let (default, most) =
            if aggregate == Aggregate::Raw { (MAX_RAW, MAX_RAW) } else { (DEFAULT_POINTS, MAX_BUCKETS) };
        let points = query.max_points.unwrap_or(default);
        if !(1..=most).contains(&points) {
            return Err(Problem::invalid("max_points", "?max_points", format!("max_points is 1 to {most} here")));
        }
        Ok(Self { tags, from, to, points, aggregate })
    }
}

fn code(quality: Quality) -> u8 {
    match quality.severity() {
        Severity::Good => 0,
        Severity::Uncertain => 1,
        Severity::Bad => 2,
    }
}

fn trend(trend: Trend, aggregate: Aggregate) -> HistoryView {
    let t = trend.starts.iter().map(|start| start.as_millis_f64()).collect();
    let series = trend.series.into_iter().map(|series| buckets(&series, aggregate)).collect();
    HistoryView { t: Some(t), series, truncated: None }
}

fn buckets(series: &TrendSeries, aggregate: Aggregate) -> SeriesView {
    let column = |of: fn(&Bucket) -> Option<f64>| series.buckets.iter().map(of).collect::<Vec<_>>();
    let banded = aggregate == Aggregate::MinMax;
    let value =
        if aggregate == Aggregate::Last { |bucket: &Bucket| bucket.last } else { |bucket: &Bucket| bucket.average };
    SeriesView {
        id: series.tag,
        t: None,
        min: banded.then(|| column(|bucket| bucket.min)),
        max: banded.then(|| column(|bucket| bucket.max)),
        v: series.buckets.iter().map(|bucket| value(bucket).map(Value::Float)).collect(),
        q: series.buckets.iter().map(|bucket| code(bucket.quality)).collect(),
    }
}

fn raw(all: Vec<RawSeries>) -> HistoryView {
    let truncated = all.iter().any(|series| series.truncated);
    let series = all.into_iter().map(|series| SeriesView {
        id: series.tag,
        t: Some(series.samples.iter().map(|sample| sample.time.as_millis_f64()).collect()),
        min: None,
        max: None,
        q: series.samples.iter().map(|sample| code(sample.quality)).collect(),
        v: series.samples.into_iter().map(|sample| sample.value).collect(),
    });
    HistoryView { t: None, series: series.collect(), truncated: Some(truncated) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_795_352_617_000_000);

    fn query(text: &str) -> Result<Asked, Problem> {
        Asked::read(&Query::<HistoryQuery>::from_query(text).unwrap(), NOW)
    }

    #[test]
    fn a_query_without_range_asks_for_the_last_quarter_of_an_hour() {
        let asked = query("tags=3,1").unwrap();
        assert_eq!(asked.tags, [TagId(3), TagId(1)]);
        assert_eq!((asked.to, asked.to.since(asked.from)), (NOW, DEFAULT_SPAN));
        assert_eq!((asked.points, asked.aggregate), (1_200, Aggregate::MinMax));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        let code = |text| query(text).unwrap_err().code.clone();
        assert_eq!(code("tags=1,x"), "malformed");
        assert_eq!(code("tags="), "malformed");
        assert_eq!(code("tags=1&from=then"), "malformed");
        assert_eq!(code("tags=1&from=now&to=now-1h"), "invalid_range");
        assert_eq!(code("tags=1&max_points=0"), "invalid_max_points");
        assert_eq!(code("tags=1&max_points=10001"), "invalid_max_points");
        assert_eq!(query("tags=1&max_points=10001&agg=raw").unwrap().points, 10_001);
        assert!(Query::<HistoryQuery>::from_query("tags=1&form=now-1h").is_err());
        assert!(Query::<HistoryQuery>::from_query("tags=1&agg=median").is_err());
    }

    fn bucket(average: Option<f64>, quality: Quality) -> Bucket {
        let (min, max) = (average.map(|value| value - 1.0), average.map(|value| value + 1.0));
        Bucket { min, max, average, first: average, last: average, count: 1, quality }
    }

    #[test]
    fn a_trend_is_told_in_columns_with_gaps_as_null() {
        let buckets = vec![bucket(Some(2.0), Quality::GOOD), bucket(None, Quality::BAD_NO_COMMUNICATION)];
        let starts = vec![Timestamp::from_micros(1_500), Timestamp::from_micros(2_000)];
        let answer = Trend { starts, series: vec![TrendSeries { tag: TagId(7), buckets }] };
        let json = |aggregate| serde_json::to_string(&trend(answer.clone(), aggregate)).unwrap();
        let minmax =
            r#"{"t":[1.5,2.0],"series":[{"id":7,"min":[1.0,null],"max":[3.0,null],"v":[2.0,null],"q":[0,2]}]}"#;
        assert_eq!(json(Aggregate::MinMax), minmax);
        assert_eq!(json(Aggregate::Last), r#"{"t":[1.5,2.0],"series":[{"id":7,"v":[2.0,null],"q":[0,2]}]}"#);
    }
}
