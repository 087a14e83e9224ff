//! Aggregates of OPC UA Part 13.

use super::super::{Scalar, State, words};
use super::{code, question, range, records, span, tags};
use crate::problem::Problem;
use actix_web::web::{Json, Query};
use flyball::history::{
    Aggregate, AggregateConfig, AggregateSeries, AggregateValue, Aggregates, HistoryError, ReadAggregates,
};
use flyball::schema::{TagId, Timestamp, Value};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which aggregates.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AggregatesQuery {
    /// Ids of the tags, separated by commas; up to 100. Tags × aggregates × intervals: up to 200,000.
    #[param(max_length = 1200, example = "1,2")]
    tags: String,
    /// Browse names of the aggregates, separated by commas, each once: `Average`, `TimeAverage`, `TimeAverage2`, `Minimum`,
    /// `Maximum`, `MinimumActualTime`, `MaximumActualTime`, `Range`, `Count`, `Start`, `End`, `Delta`, `StartBound`,
    /// `EndBound`, `DurationGood`, `DurationBad`, `PercentGood`, `PercentBad`, `StandardDeviationSample`,
    /// `StandardDeviationPopulation`.
    #[param(max_length = 400, example = "Average,Maximum")]
    aggregates: String,
    /// Begin, RFC 3339 or relative (`now-15m`, the default); included.
    #[param(max_length = 40)]
    from: Option<String>,
    /// End, RFC 3339 or relative (`now`, the default); not included.
    #[param(max_length = 40)]
    to: Option<String>,
    /// Length of the intervals: `1m`, `1h30m`, `250ms`, 1 ms at the least; up to 10,000 of them. One over the whole range
    /// where it is not given.
    #[param(max_length = 40, example = "1m")]
    interval: Option<String>,
    /// Whether uncertain samples count as bad ones; true where it is not given.
    treat_uncertain_as_bad: Option<bool>,
    /// From which share of bad data on a result is bad, %; 100 where it is not given.
    #[param(minimum = 0, maximum = 100)]
    percent_data_bad: Option<u8>,
    /// From which share of good data on a result is good, %; 100 where it is not given, and no less than 100 −
    /// `percent_data_bad`.
    #[param(minimum = 0, maximum = 100)]
    percent_data_good: Option<u8>,
    /// Whether a straight line goes on behind the last sample, and not its value; false where it is not given.
    use_sloped_extrapolation: Option<bool>,
    /// Whether a value holds until the next sample, and no straight line leads there; false where it is not given.
    stepped: Option<bool>,
}

/// Aggregates of several tags over the same intervals.
#[derive(Debug, Serialize, ToSchema)]
pub struct AggregatesView {
    /// Start of every interval, milliseconds since the epoch, with a fraction.
    pub t: Vec<f64>,
    /// One per tag, in the order asked.
    pub series: Vec<AggregateSeriesView>,
}

/// Aggregates of one tag.
#[derive(Debug, Serialize, ToSchema)]
pub struct AggregateSeriesView {
    /// The tag.
    #[schema(value_type = u32)]
    pub id: TagId,
    /// One per aggregate, in the order asked.
    pub aggregates: Vec<AggregateView>,
}

/// One aggregate of one tag, a value per interval.
#[derive(Debug, Serialize, ToSchema)]
pub struct AggregateView {
    /// Its browse name.
    pub name: &'static str,
    /// Time of each value; only where it is not the start of the interval (`MinimumActualTime`, `MaximumActualTime`, `Start`,
    /// `End`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub t: Option<Vec<f64>>,
    /// The values, null where the quality is bad. Durations are milliseconds.
    #[schema(value_type = Vec<Option<Scalar>>)]
    pub v: Vec<Option<Value>>,
    /// Quality of each: 0 good, 1 uncertain, 2 bad.
    #[schema(value_type = Vec<u32>)]
    pub q: Vec<u8>,
    /// `StatusCode` of each (OPC UA Part 4, 7.39), with its bits for calculated, interpolated, partial and multiple values.
    pub status: Vec<u32>,
}

/// Reads aggregates of tags, by OPC UA Part 13.
///
/// A value holds until now; behind that there are no data. A time in which the plant was down is bad.
///
/// # Errors
/// `malformed`, `unknown_tag`, `invalid_tags`, `invalid_range`, `invalid_interval`, `invalid_aggregates`, `invalid_percent`,
/// `busy`, `unavailable`, `deadline`.
#[utoipa::path(get, path = "/api/v1/history/aggregates", tag = "history", params(AggregatesQuery), responses(
    (status = 200, description = "the aggregates", body = AggregatesView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn read(state: State, query: Query<AggregatesQuery>) -> Result<Json<AggregatesView>, Problem> {
    let plant = state.plant();
    let asked = asked(&query, plant.clock().now())?;
    records(plant, &asked.tags).await?;
    let names = asked.aggregates.clone();
    match question(plant, asked).await? {
        Ok(answer) => Ok(Json(view(answer, &names))),
        Err(error @ (HistoryError::BucketCount(_) | HistoryError::CellCount { .. })) => {
            Err(Problem::invalid("interval", "?interval", error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

fn asked(query: &AggregatesQuery, now: Timestamp) -> Result<ReadAggregates, Problem> {
    let tags = tags(&query.tags)?;
    let (from, to) = range(query.from.as_deref(), query.to.as_deref(), now)?;
    let interval = query.interval.as_deref().map(|text| span("interval", text)).transpose()?;
    let known: Vec<_> = Aggregate::ALL.iter().map(|aggregate| (aggregate.as_str(), *aggregate)).collect();
    let aggregates = words("aggregates", Some(&query.aggregates), &known)?;
    let standard = AggregateConfig::default();
    let config = AggregateConfig {
        treat_uncertain_as_bad: query.treat_uncertain_as_bad.unwrap_or(standard.treat_uncertain_as_bad),
        percent_data_bad: query.percent_data_bad.unwrap_or(standard.percent_data_bad),
        percent_data_good: query.percent_data_good.unwrap_or(standard.percent_data_good),
        use_sloped_extrapolation: query.use_sloped_extrapolation.unwrap_or(standard.use_sloped_extrapolation),
        stepped: query.stepped.unwrap_or(standard.stepped),
    };
    Ok(ReadAggregates { tags, from, to, interval, aggregates, config })
}

fn view(answer: Aggregates, names: &[Aggregate]) -> AggregatesView {
    let one = |(aggregate, values): (&Aggregate, Vec<AggregateValue>)| AggregateView {
        name: aggregate.as_str(),
        t: aggregate.has_time_of_its_own().then(|| values.iter().map(|value| value.time.as_millis_f64()).collect()),
        q: values.iter().map(|value| code(value.quality)).collect(),
        status: values.iter().map(|value| value.quality.status_code()).collect(),
        v: values.into_iter().map(|value| value.value).collect(),
    };
    let series = |series: AggregateSeries| AggregateSeriesView {
        id: series.tag,
        aggregates: names.iter().zip(series.values).map(one).collect(),
    };
    AggregatesView {
        t: answer.starts.iter().map(|start| start.as_millis_f64()).collect(),
        series: answer.series.into_iter().map(series).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flyball::schema::Quality;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::from_micros(1_795_352_617_000_000);

    fn query(text: &str) -> Result<ReadAggregates, Problem> {
        asked(&Query::<AggregatesQuery>::from_query(text).unwrap(), NOW)
    }

    #[test]
    fn what_is_not_said_is_as_the_standard_has_it() {
        let asked = query("tags=1&aggregates=Average,TimeAverage2").unwrap();
        assert_eq!(asked.aggregates, [Aggregate::Average, Aggregate::TimeAverage2]);
        assert_eq!((asked.config, asked.interval), (AggregateConfig::default(), None));
        let asked = query("tags=1&aggregates=Count&interval=1m30s&percent_data_good=50&stepped=true").unwrap();
        assert_eq!(asked.interval, Some(Duration::from_secs(90)));
        assert_eq!((asked.config.percent_data_good, asked.config.stepped), (50, true));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        let code = |text| query(text).unwrap_err().code.clone();
        assert_eq!(code("tags=1&aggregates=Median"), "malformed");
        assert_eq!(code("tags=1&aggregates=Average&interval=0s"), "invalid_interval");
        assert!(Query::<AggregatesQuery>::from_query("tags=1").is_err());
        assert!(Query::<AggregatesQuery>::from_query("tags=1&aggregates=Count&percent_data_bad=300").is_err());
    }

    #[test]
    fn only_values_with_a_time_of_their_own_tell_it() {
        let value = AggregateValue {
            time: Timestamp::from_micros(1_500),
            value: Some(Value::Integer(2)),
            quality: Quality::from_status_code(0x0401),
        };
        let series = vec![AggregateSeries { tag: TagId(7), values: vec![vec![value.clone()], vec![value]] }];
        let answer = Aggregates { starts: vec![Timestamp::from_micros(1_000)], series };
        let json = serde_json::to_string(&view(answer, &[Aggregate::Count, Aggregate::Start])).unwrap();
        let expected = r#"{"t":[1.0],"series":[{"id":7,"aggregates":[{"name":"Count","v":[2],"q":[0],"status":[1025]},{"name":"Start","t":[1.5],"v":[2],"q":[0],"status":[1025]}]}]}"#;
        assert_eq!(json, expected);
    }
}
