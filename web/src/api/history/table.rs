//! History of tags at the times of a grid.

use super::super::{Scalar, State};
use super::csv::{self, TablePages};
use super::{code, cursor, question, range, records, span, tags};
use crate::problem::Problem;
use actix_web::web::{Json, Query};
use actix_web::{HttpRequest, HttpResponse, Responder as _};
use flyball::history::{HistoryError, Interpolation, MAX_BUCKETS, MAX_CELLS, ReadTable, Table, TableColumn};
use flyball::schema::{TagId, Timestamp, Value};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Rows of a page where the client does not say.
const DEFAULT_ROWS: usize = 1_000;

/// Which table.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TableQuery {
    /// Ids of the tags, separated by commas; up to 100.
    #[param(max_length = 1200, example = "1,2")]
    tags: String,
    /// Time of the first row, RFC 3339 or relative (`now-15m`, the default).
    #[param(max_length = 40)]
    from: Option<String>,
    /// End, RFC 3339 or relative (`now`, the default); not included.
    #[param(max_length = 40)]
    to: Option<String>,
    /// Time between two rows: `10s`, `1h30m`, `250ms`; 1 ms at the least.
    #[param(max_length = 40, example = "10s")]
    step: String,
    /// What a cell between two samples has: `hold`, the value of the one before (the default), or `linear`, the point on the
    /// line between the two where both are usable numbers.
    #[param(inline)]
    interpolation: Option<Between>,
    /// Rows at the most: 1,000 where it is not given, up to 10,000, and with the tags up to 200,000 cells. As CSV all of the
    /// range where it is not given.
    #[param(minimum = 1, maximum = 10_000)]
    limit: Option<usize>,
    /// `next_cursor` of the page before: the rows behind that page, up to `to`.
    #[param(max_length = 20)]
    cursor: Option<String>,
}

/// What a cell between two samples has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Between {
    /// The value of the one before.
    #[default]
    Hold,
    /// The point on the line between the two.
    Linear,
}

/// Values at the times of a grid, in columns.
#[derive(Debug, Serialize, ToSchema)]
pub struct TableView {
    /// Time of every row, milliseconds since the epoch, with a fraction.
    pub t: Vec<f64>,
    /// One per tag, in the order asked.
    pub series: Vec<ColumnView>,
    /// What to send as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
}

/// Values of one tag.
#[derive(Debug, Serialize, ToSchema)]
pub struct ColumnView {
    /// The tag.
    #[schema(value_type = u32)]
    pub id: TagId,
    /// The value at each time; null while the tag is bad, before its first value, while the plant was down, and in the
    /// future.
    #[schema(value_type = Vec<Option<Scalar>>)]
    pub v: Vec<Option<Value>>,
    /// Quality of each: 0 good, 1 uncertain, 2 bad.
    #[schema(value_type = Vec<u32>)]
    pub q: Vec<u8>,
}

/// Reads the history of tags at equally spaced times.
///
/// With `Accept: text/csv` it is a file of all its pages: `time`, then value and quality of each tag, as `<name>` and
/// `<name> quality`. A file that cannot be read to its end is cut off, not ended.
///
/// # Errors
/// `malformed`, `unknown_tag`, `invalid_tags`, `invalid_range`, `invalid_step`, `invalid_limit`, `busy`, `unavailable`,
/// `deadline`.
#[utoipa::path(get, path = "/api/v1/history/table", tag = "history", params(TableQuery), responses(
    (status = 200, description = "the table", content((TableView = "application/json"), (String = "text/csv"))),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn read(state: State, query: Query<TableQuery>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let plant = state.plant();
    let asked = asked(&query, plant.clock().now())?;
    let records = records(plant, &asked.tags).await?;
    if csv::is_wanted(&request) {
        let names = records.into_iter().map(|record| record.definition.name).collect();
        return csv::answer(&request, "table", TablePages::new(plant.clone(), asked, query.limit, names)).await;
    }
    match question(plant, asked).await? {
        Ok(table) => Ok(Json(view(table)).respond_to(&request).map_into_boxed_body()),
        Err(error @ HistoryError::CellCount { .. }) => Err(Problem::invalid("limit", "?limit", error.to_string())),
        Err(error) => Err(error.into()),
    }
}

fn asked(query: &TableQuery, now: Timestamp) -> Result<ReadTable, Problem> {
    let tags = tags(&query.tags)?;
    let (from, to) = range(query.from.as_deref(), query.to.as_deref(), now)?;
    let step = span("step", &query.step)?;
    let default = DEFAULT_ROWS.min(MAX_CELLS / tags.len());
    let rows = super::count("limit", query.limit, default, MAX_BUCKETS)?;
    let from = query.cursor.as_deref().map_or(Ok(from), cursor::decode_time)?;
    if from >= to {
        return Err(Problem::malformed_parameter("cursor", "it is behind the end of the range"));
    }
    let interpolation = match query.interpolation.unwrap_or_default() {
        Between::Hold => Interpolation::Hold,
        Between::Linear => Interpolation::Linear,
    };
    Ok(ReadTable { tags, from, to, step, rows, interpolation })
}

fn view(table: Table) -> TableView {
    let column = |column: TableColumn| ColumnView {
        id: column.tag,
        q: column.cells.iter().map(|cell| code(cell.quality)).collect(),
        v: column.cells.into_iter().map(|cell| cell.value).collect(),
    };
    TableView {
        t: table.times.iter().map(|time| time.as_millis_f64()).collect(),
        series: table.columns.into_iter().map(column).collect(),
        next_cursor: table.next.map(cursor::encode_time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::from_micros(1_795_352_617_000_000);

    fn query(text: &str) -> Result<ReadTable, Problem> {
        asked(&Query::<TableQuery>::from_query(text).unwrap(), NOW)
    }

    #[test]
    fn a_table_has_a_thousand_rows_where_that_is_not_too_wide() {
        let table = query("tags=3,1&step=1s").unwrap();
        assert_eq!((table.step, table.rows), (Duration::from_secs(1), 1_000));
        assert_eq!(table.interpolation, Interpolation::Hold);
        let many = (0..300).map(|id| id.to_string()).collect::<Vec<_>>().join(",");
        assert_eq!(query(&format!("tags={many}&step=1s&interpolation=linear")).unwrap().rows, 666);
    }

    #[test]
    fn the_next_page_begins_where_the_cursor_says() {
        let table = query("tags=1&step=1s&from=now-1h&cursor=k660d9ec2e4a40").unwrap();
        assert_eq!(table.from, Timestamp::from_micros(0x0006_60d9_ec2e_4a40));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        let code = |text| query(text).unwrap_err().code.clone();
        assert_eq!(code("tags=1&step=often"), "malformed");
        assert_eq!(code("tags=1&step=0s"), "invalid_step");
        assert_eq!(code("tags=1&step=1s&limit=0"), "invalid_limit");
        assert_eq!(code("tags=1&step=1s&limit=10001"), "invalid_limit");
        assert_eq!(code("tags=1&step=1s&cursor=1"), "malformed");
        assert_eq!(code("tags=1&step=1s&cursor=k7000000000000000"), "malformed");
        assert!(Query::<TableQuery>::from_query("tags=1&step=1s&interpolation=cubic").is_err());
        assert!(Query::<TableQuery>::from_query("tags=1").is_err());
    }
}
