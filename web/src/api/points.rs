//! Linear referencing: segments, their points, positions by kilometre post, import.

use super::page::{NameWindow, Page, Window};
use super::{NoQuery, State, command};
use crate::points_csv::{CsvFault, PointsFile};
use crate::problem::Problem;
use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, Json, Path, Payload, Query};
use actix_web::{HttpMessage, HttpRequest};
use flyball::plant::Plant;
use flyball::points::{DeleteSegment, ImportPoints, ListSegments, LocatePost, PointsImported, ReadPoints, Segment};
use flyball::schema::linear::{Point, Position, PositionKind, check_post};
use flyball::send::{DEADLINE, ask};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

/// Largest file that is imported, bytes.
pub const MAX_FILE: usize = 16 * 1024 * 1024;

/// Wrong rows that an answer lists one by one; more are counted.
const LISTED: usize = 100;

/// How long the import of a file may take.
const IMPORT_DEADLINE: Duration = Duration::from_secs(60);

/// A segment.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SegmentView {
    /// Name.
    pub segment: String,
    /// Points.
    pub points: u64,
    /// Least post, km.
    pub first_post: f64,
    /// Greatest post, km.
    pub last_post: f64,
}

impl From<Segment> for SegmentView {
    fn from(segment: Segment) -> Self {
        let Segment { name, points, first_post, last_post } = segment;
        Self { segment: name, points, first_post, last_post }
    }
}

/// Which segments.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SegmentQuery {
    /// Items at the most; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(max_length = 2000)]
    cursor: Option<String>,
}

/// Lists segments by name.
///
/// # Errors
/// `malformed`, `invalid_limit`, `busy`, `unavailable`.
#[utoipa::path(get, path = "/api/v1/segments", tag = "points", params(SegmentQuery), responses(
    (status = 200, description = "a page of segments", body = Page<SegmentView>),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn list(state: State, query: Query<SegmentQuery>) -> Result<Json<Page<SegmentView>>, Problem> {
    let window = NameWindow::read(query.cursor.as_deref(), query.limit)?;
    let wish = ListSegments { after: window.after.clone(), limit: window.ask() };
    let segments = ask(state.plant().points(), wish, DEADLINE).await??;
    Ok(Json(window.page(segments, |segment| &segment.name, SegmentView::from)))
}

/// A surveyed point.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PointView {
    /// Kilometre post, km.
    pub post: f64,
    /// Degrees, north positive (WGS 84).
    pub latitude: f64,
    /// Degrees, east positive (WGS 84).
    pub longitude: f64,
    /// Metres above mean sea level; null where it is not known.
    pub elevation: Option<f64>,
}

impl From<Point> for PointView {
    fn from(point: Point) -> Self {
        let Point { post, latitude, longitude, elevation, .. } = point;
        Self { post, latitude, longitude, elevation }
    }
}

/// Which points of a segment.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PointQuery {
    /// Least post, included, km.
    #[param(minimum = -100_000, maximum = 100_000)]
    from: Option<f64>,
    /// Greatest post, included, km.
    #[param(minimum = -100_000, maximum = 100_000)]
    to: Option<f64>,
    /// Items at the most; 100 where it is not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(max_length = 20)]
    cursor: Option<String>,
}

impl PointQuery {
    fn wish(&self, segment: String) -> Result<(Window, ReadPoints), Problem> {
        let bound = |name: &str, post: Option<f64>| {
            let post = post.map(check_post).transpose();
            post.map_err(|error| Problem::invalid(name, format!("?{name}"), error.to_string()))
        };
        let (from, to) = (bound("from", self.from)?, bound("to", self.to)?);
        if from.zip(to).is_some_and(|(from, to)| from > to) {
            return Err(Problem::invalid("range", "?from", "from is greater than to"));
        }
        let window = Window::read(self.cursor.as_deref(), self.limit)?;
        let after = window.after.map(f64::from_bits).map(check_post).transpose();
        let after = after.map_err(|_| Problem::malformed_parameter("cursor", "not a cursor of this list"))?;
        Ok((window, ReadPoints { segment, from, to, after, limit: window.ask() }))
    }
}

/// Reads points of a segment by post.
///
/// # Errors
/// `unknown_segment`, `malformed`, `invalid_limit`, `invalid_from`, `invalid_to`, `invalid_range`, `busy`, `unavailable`.
#[utoipa::path(get, path = "/api/v1/segments/{segment}/points", tag = "points",
    params(("segment" = String, Path, description = "name of the segment", min_length = 1, max_length = 200), PointQuery), responses(
    (status = 200, description = "a page of points", body = Page<PointView>),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn read(
    state: State,
    segment: Path<String>,
    query: Query<PointQuery>,
) -> Result<Json<Page<PointView>>, Problem> {
    let (window, wish) = query.wish(segment.into_inner())?;
    let points = ask(state.plant().points(), wish, DEADLINE).await??;
    Ok(Json(window.page(points, |point| point.post.to_bits(), PointView::from)))
}

/// Where a kilometre post is.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PositionView {
    /// The segment.
    pub segment: String,
    /// The post that was asked for, km.
    pub post: f64,
    /// Degrees, north positive (WGS 84).
    pub latitude: f64,
    /// Degrees, east positive (WGS 84).
    pub longitude: f64,
    /// Metres above mean sea level; null unless every point that it is made from has one.
    pub elevation: Option<f64>,
    /// `exact`: a point; `interpolated`: linearly between two; `outside`: the nearest end of the segment.
    #[schema(value_type = String)]
    pub kind: &'static str,
    /// Post of the nearest end, with `outside`, km.
    pub nearest: Option<f64>,
}

impl PositionView {
    fn new(segment: String, post: f64, position: Position) -> Self {
        let Position { latitude, longitude, elevation, kind } = position;
        let nearest = match kind {
            PositionKind::Outside { nearest } => Some(nearest),
            PositionKind::Exact | PositionKind::Interpolated => None,
        };
        Self { segment, post, latitude, longitude, elevation, kind: kind.as_str(), nearest }
    }
}

/// Which post.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PostQuery {
    /// Kilometre post, km.
    #[param(minimum = -100_000, maximum = 100_000, example = 12.5)]
    post: f64,
}

/// Locates a kilometre post of a segment.
///
/// # Errors
/// `unknown_segment`, `malformed`, `invalid_post`, `busy`, `unavailable`.
#[utoipa::path(get, path = "/api/v1/segments/{segment}/position", tag = "points",
    params(("segment" = String, Path, description = "name of the segment", min_length = 1, max_length = 200), PostQuery), responses(
    (status = 200, description = "the position", body = PositionView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn position(
    state: State,
    segment: Path<String>,
    query: Query<PostQuery>,
) -> Result<Json<PositionView>, Problem> {
    let (segment, post) = (segment.into_inner(), query.post);
    let wish = LocatePost { segment: segment.clone(), post };
    let position = ask(state.plant().points(), wish, DEADLINE).await??;
    Ok(Json(PositionView::new(segment, post, position)))
}

/// What was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeletedView {
    /// Points that the segment had.
    pub points: u64,
}

/// Deletes a segment with all its points.
///
/// # Errors
/// `unknown_segment`, `busy`, `unavailable`, `deadline`.
#[utoipa::path(delete, path = "/api/v1/segments/{segment}", tag = "points",
    params(("segment" = String, Path, description = "name of the segment", min_length = 1, max_length = 200)), responses(
    (status = 200, description = "what was deleted", body = DeletedView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn delete(state: State, segment: Path<String>, _: Query<NoQuery>) -> Result<Json<DeletedView>, Problem> {
    let (plant, segment) = (state.plant().clone(), segment.into_inner());
    let deleted = command(async move { Ok(ask(plant.points(), DeleteSegment(segment), DEADLINE).await??) });
    Ok(Json(DeletedView { points: deleted.await? }))
}

/// How a file is imported.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// Remove all points of the segments in the file first; false where it is not given: a post that is stored already is
    /// refused then.
    replace: Option<bool>,
    /// Check all and store nothing; false where it is not given.
    dry_run: Option<bool>,
}

/// What an import has done, or would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct ImportedView {
    /// Points of the file.
    pub points: u64,
    /// Segments they are of.
    pub segments: u64,
    /// Points that were replaced.
    pub removed: u64,
    /// Whether it was done; false for a dry run.
    pub stored: bool,
}

/// Imports points: CSV with the columns `segment`, `post`, `latitude`, `longitude` and, where known, `elevation`. All or
/// none.
///
/// # Errors
/// `invalid_points` with the first 100 wrong rows, `malformed`, `unsupported_media_type`, `too_large`, `busy`,
/// `unavailable`, `deadline`.
#[utoipa::path(post, path = "/api/v1/points/import", tag = "points", params(ImportQuery),
    request_body(content = String, content_type = "text/csv", description = "up to 16 MiB and 200,000 rows"), responses(
    (status = 200, description = "what was done", body = ImportedView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn import(
    state: State,
    request: HttpRequest,
    query: Query<ImportQuery>,
    body: Payload,
) -> Result<Json<ImportedView>, Problem> {
    if !request.content_type().eq_ignore_ascii_case("text/csv") {
        let detail = "the body must be CSV and say so: Content-Type: text/csv";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail));
    }
    let bytes = whole(body).await?;
    let (replace, dry_run) = (query.replace.unwrap_or(false), query.dry_run.unwrap_or(false));
    let done = command(import_file(state.plant().clone(), bytes, replace, dry_run)).await?;
    let PointsImported { points, segments, removed } = done;
    Ok(Json(ImportedView { points, segments, removed, stored: !dry_run }))
}

async fn whole(body: Payload) -> Result<Bytes, Problem> {
    match body.to_bytes_limited(MAX_FILE).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => Err(Problem::malformed(format!("the body did not arrive whole: {error}"))),
        Err(_exceeded) => {
            let detail = format!("a file has {MAX_FILE} bytes at the most");
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail))
        }
    }
}

async fn import_file(plant: Plant, bytes: Bytes, replace: bool, dry_run: bool) -> Result<PointsImported, Problem> {
    let file = web::block(move || PointsFile::read(&bytes)).await.map_err(|error| Problem::internal(&error))?;
    let rows = file.map_err(|faults| refused(&faults))?.points;
    Ok(ask(plant.points(), ImportPoints { rows, replace, dry_run }, IMPORT_DEADLINE).await??)
}

/// 422 with the first wrong rows, one entry each.
pub(crate) fn refused(faults: &[CsvFault]) -> Problem {
    let rows = if faults.len() == 1 { "row" } else { "rows" };
    let more = if faults.len() > LISTED { format!(", the first {LISTED} are listed") } else { String::new() };
    let detail = format!("{} {rows} cannot be imported{more}; nothing was stored", faults.len());
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_points", detail);
    faults
        .iter()
        .take(LISTED)
        .fold(problem, |problem, fault| problem.at(fault.pointer(), fault.error.code(), fault.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::points_csv::CsvError;

    #[test]
    fn an_answer_lists_the_first_hundred_wrong_rows_and_counts_all() {
        let fault = |line| CsvFault { line, column: None, error: CsvError::Cells { found: 1, expected: 5 } };
        let problem = refused(&(2..252).map(fault).collect::<Vec<_>>());
        assert_eq!((problem.status, &*problem.code, problem.errors.len()), (422, "invalid_points", LISTED));
        assert_eq!(problem.detail, "250 rows cannot be imported, the first 100 are listed; nothing was stored");
        assert_eq!(problem.errors[99].pointer, "/line/101");
        assert_eq!(refused(&[fault(7)]).detail, "1 row cannot be imported; nothing was stored");
    }

    #[test]
    fn a_range_or_cursor_that_makes_no_sense_is_refused() {
        let code = |text: &str| {
            let query = Query::<PointQuery>::from_query(text).unwrap();
            query.wish("L1".to_owned()).map(|(_, wish)| wish.after).map_err(|problem| problem.code.clone().into_owned())
        };
        assert_eq!(code("from=1&to=2&limit=5"), Ok(None));
        assert_eq!(code("from=NaN"), Err("invalid_from".to_owned()));
        assert_eq!(code("to=1e6"), Err("invalid_to".to_owned()));
        assert_eq!(code("from=2&to=1"), Err("invalid_range".to_owned()));
        assert_eq!(code("cursor=kffffffffffffffff"), Err("malformed".to_owned()));
        assert_eq!(code(&format!("cursor=k{:x}", 12.5_f64.to_bits())), Ok(Some(12.5)));
    }
}
