//! History of tags, in columns.

use super::super::{Scalar, State};
use super::csv::{self, RawPages, Sheet, Whole};
use super::{code, cursor, question, range, records, tags};
use crate::cells::{protected, quality_cell, time_cell, value_cells};
use crate::problem::Problem;
use actix_web::web::{Bytes, Json, Query};
use actix_web::{HttpRequest, HttpResponse, Responder as _};
use flyball::Plant;
use flyball::history::{Bucket, MAX_BUCKETS, RawPage, ReadRaw, ReadTrend, Trend, TrendSeries};
use flyball::schema::{TagId, Timestamp, Value};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

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
    /// 100,000; as CSV all of them where it is not given).
    #[param(minimum = 1, maximum = 100_000)]
    max_points: Option<usize>,
    /// What is told of a bucket: `minmax` (the default), `avg`, `last`, `twa`; or `raw` for the samples themselves.
    #[param(inline)]
    agg: Option<Aggregate>,
    /// `next_cursor` of the page before, only with `agg=raw`: the samples behind that page, up to `to`.
    #[param(max_length = 2000)]
    cursor: Option<String>,
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
    /// Mean over time (time-weighted average), each value held until the next sample.
    Twa,
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
    /// What to send as `cursor` for the samples behind these, null where there are none; only with `agg=raw`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub next_cursor: Option<Option<String>>,
    /// Changes of a tag's unit after the begin, where there are any: values before each are in the unit of then.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unit_changes: Vec<UnitChangeView>,
}

/// A change of a tag's unit.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct UnitChangeView {
    /// The tag.
    #[schema(value_type = u32)]
    pub id: TagId,
    /// When, milliseconds since the epoch.
    pub t: f64,
    /// Unit of values before; null for a bare number.
    pub before: Option<String>,
    /// Unit of values from then on.
    pub after: Option<String>,
}

/// Changes of units that concern values from `from` on.
async fn unit_changes(plant: &Plant, tags: &[TagId], from: Timestamp) -> Result<Vec<UnitChangeView>, Problem> {
    let changes = plant.unit_changes(tags.to_vec()).await?;
    let concerned = changes.into_iter().filter(|change| change.at > from);
    Ok(concerned
        .map(|change| UnitChangeView {
            id: change.tag,
            t: change.at.as_millis_f64(),
            before: change.before,
            after: change.after,
        })
        .collect())
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
    /// Share of the time in which there was a usable value (good or uncertain), 0 to 1; only with `agg=twa`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usable: Option<Vec<f64>>,
    /// Mean (`minmax`, `avg`, `twa`) or last value of each bucket, null for a gap; or the value of each sample.
    #[schema(value_type = Vec<Option<Scalar>>)]
    pub v: Vec<Option<Value>>,
    /// Worst quality in each bucket, or quality of each sample: 0 good, 1 uncertain, 2 bad.
    #[schema(value_type = Vec<u32>)]
    pub q: Vec<u8>,
}

/// Reads the history of tags.
///
/// With `Accept: text/csv` it is a file. `agg=raw`: `tag,time,value,type,quality`, every sample of the range by time, as
/// `flyball import` takes them. Else `tag,time,value,quality`, one row per tag and bucket, with `min` and `max` behind `time`
/// for `minmax`. A file that cannot be read to its end is cut off, not ended. In cells of text what a spreadsheet would take
/// for a formula begins with an apostrophe.
///
/// # Errors
/// `malformed`, `unknown_tag`, `invalid_tags`, `invalid_range`, `invalid_max_points`, `busy`, `unavailable`, `deadline`.
#[utoipa::path(get, path = "/api/v1/history", tag = "history", params(HistoryQuery), responses(
    (status = 200, description = "the history", content((HistoryView = "application/json"), (String = "text/csv"))),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn read(state: State, query: Query<HistoryQuery>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let plant = state.plant();
    let asked = Asked::read(&query, plant.clock().now())?;
    let records = records(plant, &asked.tags).await?;
    let names = || records.iter().map(|record| record.definition.name.clone()).collect::<Vec<_>>();
    if asked.aggregate == Aggregate::Raw {
        let limit = query.max_points;
        let read = asked.raw()?;
        if csv::is_wanted(&request) {
            return csv::answer(&request, "history", RawPages::new(plant.clone(), read, limit, names())).await;
        }
        let page = question(plant, read).await??;
        let unit_changes = unit_changes(plant, &asked.tags, asked.from).await?;
        return Ok(Json(HistoryView { unit_changes, ..raw(page) }).respond_to(&request).map_into_boxed_body());
    }
    let answer = question(plant, asked.trend()).await??;
    if csv::is_wanted(&request) {
        let sheet = sheet(&answer, asked.aggregate, &names())?;
        return csv::answer(&request, "history", Whole(Some(sheet))).await;
    }
    let unit_changes = unit_changes(plant, &asked.tags, asked.from).await?;
    Ok(Json(HistoryView { unit_changes, ..trend(answer, asked.aggregate) }).respond_to(&request).map_into_boxed_body())
}

/// A query that has been read.
#[derive(Debug, PartialEq)]
struct Asked {
    tags: Vec<TagId>,
    from: Timestamp,
    to: Timestamp,
    points: usize,
    aggregate: Aggregate,
    cursor: Option<String>,
}

impl Asked {
    fn read(query: &HistoryQuery, now: Timestamp) -> Result<Self, Problem> {
        let tags = tags(&query.tags)?;
        let (from, to) = range(query.from.as_deref(), query.to.as_deref(), now)?;
        let aggregate = query.agg.unwrap_or_default();
        let (default, most) =
            if aggregate == Aggregate::Raw { (MAX_RAW, MAX_RAW) } else { (DEFAULT_POINTS, MAX_BUCKETS) };
        let points = super::count("max_points", query.max_points, default, most)?;
        if query.cursor.is_some() && aggregate != Aggregate::Raw {
            return Err(Problem::malformed_parameter("cursor", "only samples (agg=raw) have pages"));
        }
        Ok(Self { tags, from, to, points, aggregate, cursor: query.cursor.clone() })
    }

    fn raw(&self) -> Result<ReadRaw, Problem> {
        let after = self.cursor.as_deref().map(|text| cursor::decode(text, self.tags.len())).transpose()?;
        // A range that begins relative to now has moved since the page before.
        let from = after.as_ref().map_or(self.from, |after| after.time);
        if from >= self.to {
            return Err(Problem::malformed_parameter("cursor", "it is behind the end of the range"));
        }
        Ok(ReadRaw { tags: self.tags.clone(), from, to: self.to, limit: self.points, after })
    }

    fn trend(&self) -> ReadTrend {
        let Self { from, to, points, .. } = *self;
        let buckets = points.min(usize::try_from(to.since(from).as_micros()).unwrap_or(points));
        ReadTrend { tags: self.tags.clone(), from, to, buckets }
    }
}

impl Aggregate {
    /// The one value of a bucket.
    fn of(self, bucket: &Bucket) -> Option<f64> {
        match self {
            Self::MinMax | Self::Avg | Self::Raw => bucket.average,
            Self::Last => bucket.last,
            Self::Twa => bucket.time_average,
        }
    }
}

fn trend(trend: Trend, aggregate: Aggregate) -> HistoryView {
    let t = trend.starts.iter().map(|start| start.as_millis_f64()).collect();
    let series = trend.series.into_iter().map(|series| buckets(&series, aggregate)).collect();
    HistoryView { t: Some(t), series, truncated: None, next_cursor: None, unit_changes: Vec::new() }
}

fn buckets(series: &TrendSeries, aggregate: Aggregate) -> SeriesView {
    let column = |of: fn(&Bucket) -> Option<f64>| series.buckets.iter().map(of).collect::<Vec<_>>();
    let banded = aggregate == Aggregate::MinMax;
    let shares = || series.buckets.iter().map(|bucket| bucket.usable).collect();
    SeriesView {
        id: series.tag,
        t: None,
        min: banded.then(|| column(|bucket| bucket.min)),
        max: banded.then(|| column(|bucket| bucket.max)),
        usable: (aggregate == Aggregate::Twa).then(shares),
        v: series.buckets.iter().map(|bucket| aggregate.of(bucket).map(Value::Float)).collect(),
        q: series.buckets.iter().map(|bucket| code(bucket.quality)).collect(),
    }
}

fn raw(page: RawPage) -> HistoryView {
    let next = page.next.as_ref().map(cursor::encode);
    let series = page.series.into_iter().map(|series| SeriesView {
        id: series.tag,
        t: Some(series.samples.iter().map(|sample| sample.time.as_millis_f64()).collect()),
        min: None,
        max: None,
        usable: None,
        q: series.samples.iter().map(|sample| code(sample.quality)).collect(),
        v: series.samples.into_iter().map(|sample| sample.value).collect(),
    });
    HistoryView {
        t: None,
        series: series.collect(),
        truncated: Some(next.is_some()),
        next_cursor: Some(next),
        unit_changes: Vec::new(),
    }
}

/// A row per bucket and tag.
fn sheet(trend: &Trend, aggregate: Aggregate, names: &[String]) -> Result<Bytes, Problem> {
    let mut sheet = Sheet::new();
    let banded = aggregate == Aggregate::MinMax;
    let band = |low: &'static str, high: &'static str| if banded { vec![low, high] } else { Vec::new() };
    sheet.row([&["tag", "time"], &*band("min", "max"), &["value", "quality"]].concat())?;
    let cell = |number: Option<f64>| value_cells(number.map(Value::Float).as_ref()).0.into_owned();
    for (index, start) in trend.starts.iter().enumerate() {
        for (series, name) in trend.series.iter().zip(names) {
            let Some(bucket) = series.buckets.get(index) else { continue };
            let mut row = vec![protected(name).into_owned(), time_cell(*start)];
            if banded {
                row.extend([cell(bucket.min), cell(bucket.max)]);
            }
            row.extend([cell(aggregate.of(bucket)), quality_cell(bucket.quality)]);
            sheet.row(row)?;
        }
    }
    sheet.finish()
}

#[cfg(test)]
mod tests {
    use super::super::DEFAULT_SPAN;
    use super::*;
    use flyball::schema::Quality;

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
        assert_eq!(code("tags=1&cursor=k0"), "malformed");
        let raw = |text: &str| query(text).unwrap().raw();
        assert_eq!(raw("tags=1,2&agg=raw&cursor=k0-2.1").unwrap_err().code, "malformed");
        assert_eq!(raw("tags=1&agg=raw&from=now-1h&to=now-1m&cursor=k7000000000000000").unwrap_err().code, "malformed");
        assert!(Query::<HistoryQuery>::from_query("tags=1&form=now-1h").is_err());
        assert!(Query::<HistoryQuery>::from_query("tags=1&agg=median").is_err());
    }

    fn bucket(average: Option<f64>, quality: Quality) -> Bucket {
        let (min, max) = (average.map(|value| value - 1.0), average.map(|value| value + 1.0));
        Bucket {
            min,
            max,
            average,
            first: average,
            last: average,
            count: 1,
            quality,
            time_average: average,
            usable: 1.0,
        }
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
        let twa = r#"{"t":[1.5,2.0],"series":[{"id":7,"usable":[1.0,1.0],"v":[2.0,null],"q":[0,2]}]}"#;
        assert_eq!(json(Aggregate::Twa), twa);
        assert_eq!(json(Aggregate::Last), r#"{"t":[1.5,2.0],"series":[{"id":7,"v":[2.0,null],"q":[0,2]}]}"#);
    }

    #[test]
    fn samples_tell_where_the_next_page_begins() {
        let cursor = flyball::history::Cursor { time: Timestamp::from_micros(255), given: vec![2] };
        let json = |next| serde_json::to_string(&raw(RawPage { series: Vec::new(), next })).unwrap();
        assert_eq!(json(Some(cursor)), r#"{"series":[],"truncated":true,"next_cursor":"kff-0.2"}"#);
        assert_eq!(json(None), r#"{"series":[],"truncated":false,"next_cursor":null}"#);
    }

    #[test]
    fn a_trend_is_told_in_rows() {
        let buckets = vec![bucket(Some(2.0), Quality::GOOD), bucket(None, Quality::BAD_NO_COMMUNICATION)];
        let starts = vec![Timestamp::from_micros(1_500), Timestamp::from_micros(2_000)];
        let trend = Trend { starts, series: vec![TrendSeries { tag: TagId(7), buckets }] };
        let text =
            |aggregate| String::from_utf8(sheet(&trend, aggregate, &["level".into()]).unwrap().to_vec()).unwrap();
        let expected = "tag,time,min,max,value,quality\n\
            level,1970-01-01T00:00:00.001500Z,1.0,3.0,2.0,0x00000000 good\n\
            level,1970-01-01T00:00:00.002000Z,,,,0x80310000 bad: no communication\n";
        assert_eq!(text(Aggregate::MinMax), expected);
        assert!(text(Aggregate::Avg).starts_with("tag,time,value,quality\nlevel,1970-01-01T00:00:00.001500Z,2.0,"));
    }
}
