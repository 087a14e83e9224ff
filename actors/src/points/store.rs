//! Rows of points.

use super::{
    DeleteSegment, ImportPoints, ListSegments, LocatePost, MAX_POINTS, PointsError, PointsImported, ReadPoints, Segment,
};
use crate::db::{DbError, insert_all, limit};
use diesel::dsl::{count_star, exists, max, min};
use diesel::prelude::*;
use flyball_schema::Timestamp;
use flyball_schema::db::Connection;
use flyball_schema::linear::{Line, LineError, NumberedPoint, Point, Position, RowError, RowFault, Rows, check_post};
use flyball_schema::tables::points::{LinePointRow, line_point};
use std::collections::{BTreeSet, HashMap, HashSet};

type Asked<T> = Result<Result<T, PointsError>, DbError>;

pub(super) fn import(connection: &mut Connection, import: &ImportPoints, _now: Timestamp) -> Asked<PointsImported> {
    let count = import.rows.len();
    if count == 0 {
        return Ok(Err(PointsError::Empty));
    }
    if count > MAX_POINTS {
        return Ok(Err(PointsError::TooMany { count }));
    }
    let rows = match checked(&import.rows) {
        Ok(rows) => rows,
        Err(faults) => return Ok(Err(PointsError::Rows(faults))),
    };
    let segments: BTreeSet<&str> = rows.iter().map(|row| row.point.segment.as_str()).collect();
    if !import.replace {
        let faults = stored(connection, &rows, &segments)?;
        if !faults.is_empty() {
            return Ok(Err(PointsError::Rows(faults)));
        }
    }
    let (points, segment_count) = (to_u64(count), to_u64(segments.len()));
    let mut removed = 0;
    if import.replace {
        for segment in segments {
            removed += if import.dry_run { points_of(connection, segment)? } else { remove(connection, segment)? };
        }
    }
    if !import.dry_run {
        insert_all!(connection, line_point::table, rows.into_iter().map(|row| row_of(row.point)));
    }
    Ok(Ok(PointsImported { points, segments: segment_count, removed }))
}

/// The rows as they are stored, where each of them can be taken beside the others.
fn checked(rows: &[NumberedPoint]) -> Result<Vec<NumberedPoint>, Vec<RowFault>> {
    let (mut taken, mut faults) = (Rows::default(), Vec::new());
    for NumberedPoint { line, point } in rows {
        if let Err(error) = taken.take(*line, point.clone()) {
            faults.push(RowFault { line: *line, error });
        }
    }
    if faults.is_empty() { Ok(taken.into_points()) } else { Err(faults) }
}

/// The rows whose segment and post are stored already.
fn stored(
    connection: &mut Connection,
    rows: &[NumberedPoint],
    segments: &BTreeSet<&str>,
) -> Result<Vec<RowFault>, DbError> {
    let mut stored: HashMap<&str, HashSet<u64>> = HashMap::new();
    for segment in segments {
        let posts = line_point::table.filter(line_point::segment.eq(*segment)).select(line_point::post);
        let posts: Vec<f64> = posts.load(connection)?;
        stored.insert(segment, posts.into_iter().map(f64::to_bits).collect());
    }
    let mut faults = Vec::new();
    for NumberedPoint { line, point } in rows {
        let posts = stored.get(point.segment.as_str());
        if posts.is_some_and(|posts| posts.contains(&point.post.to_bits())) {
            let (segment, post) = (point.segment.clone(), point.post);
            faults.push(RowFault { line: *line, error: RowError::Stored { segment, post } });
        }
    }
    Ok(faults)
}

fn points_of(connection: &mut Connection, segment: &str) -> Result<u64, DbError> {
    let count: i64 =
        line_point::table.filter(line_point::segment.eq(segment)).select(count_star()).first(connection)?;
    counted(segment, count)
}

fn remove(connection: &mut Connection, segment: &str) -> Result<u64, DbError> {
    let removed = diesel::delete(line_point::table.filter(line_point::segment.eq(segment))).execute(connection)?;
    Ok(to_u64(removed))
}

pub(super) fn delete(
    connection: &mut Connection,
    DeleteSegment(segment): &DeleteSegment,
    _now: Timestamp,
) -> Asked<u64> {
    Ok(match remove(connection, &known_as(segment))? {
        0 => Err(PointsError::UnknownSegment(segment.clone())),
        removed => Ok(removed),
    })
}

pub(super) fn list(connection: &mut Connection, query: &ListSegments) -> Result<Vec<Segment>, DbError> {
    let mut select = line_point::table
        .group_by(line_point::segment)
        .select((line_point::segment, count_star(), min(line_point::post), max(line_point::post)))
        .order(line_point::segment)
        .limit(limit(query.limit))
        .into_boxed();
    if let Some(after) = &query.after {
        select = select.filter(line_point::segment.gt(known_as(after)));
    }
    let rows: Vec<(String, i64, Option<f64>, Option<f64>)> = select.load(connection)?;
    let segment = |(name, count, first, last): (String, i64, Option<f64>, Option<f64>)| {
        let points = counted(&name, count)?;
        let (first_post, last_post) = first.zip(last).ok_or_else(|| corrupt(&name, "points without a post"))?;
        Ok(Segment { name, points, first_post, last_post })
    };
    rows.into_iter().map(segment).collect()
}

pub(super) fn read(connection: &mut Connection, query: &ReadPoints) -> Asked<Vec<Point>> {
    let segment = known_as(&query.segment);
    let of_segment = line_point::segment.eq(&segment);
    let mut select = line_point::table
        .filter(of_segment)
        .select(LinePointRow::as_select())
        .order(line_point::post)
        .limit(limit(query.limit))
        .into_boxed();
    for (post, bound) in [(query.from, Bound::AtLeast), (query.to, Bound::AtMost), (query.after, Bound::Behind)] {
        let Some(post) = post else { continue };
        let post = match check_post(post) {
            Ok(post) => post,
            Err(error) => return Ok(Err(error.into())),
        };
        select = match bound {
            Bound::AtLeast => select.filter(line_point::post.ge(post)),
            Bound::AtMost => select.filter(line_point::post.le(post)),
            Bound::Behind => select.filter(line_point::post.gt(post)),
        };
    }
    let rows: Vec<LinePointRow> = select.load(connection)?;
    if rows.is_empty() && !diesel::select(exists(line_point::table.filter(of_segment))).get_result(connection)? {
        return Ok(Err(PointsError::UnknownSegment(query.segment.clone())));
    }
    Ok(Ok(rows.into_iter().map(point_of).collect()))
}

#[derive(Clone, Copy)]
enum Bound {
    AtLeast,
    AtMost,
    Behind,
}

pub(super) fn locate(connection: &mut Connection, query: &LocatePost) -> Asked<Position> {
    let post = match check_post(query.post) {
        Ok(post) => post,
        Err(error) => return Ok(Err(error.into())),
    };
    let segment = known_as(&query.segment);
    let points = line_point::table.filter(line_point::segment.eq(&segment)).select(LinePointRow::as_select());
    let before: Option<LinePointRow> =
        points.filter(line_point::post.le(post)).order(line_point::post.desc()).first(connection).optional()?;
    let after: Option<LinePointRow> =
        points.filter(line_point::post.gt(post)).order(line_point::post).first(connection).optional()?;
    // The neighbours stand for the whole line: nothing else decides where the post is.
    let neighbours: Vec<Point> = before.into_iter().chain(after).map(point_of).collect();
    match Line::new(neighbours) {
        Ok(line) => Ok(line.locate(post).map_err(PointsError::from)),
        Err(LineError::Empty) => Ok(Err(PointsError::UnknownSegment(query.segment.clone()))),
        Err(error) => Err(corrupt(&query.segment, &error.to_string())),
    }
}

/// A name as it may be stored: no segment has the character 0, which PostgreSQL would not even compare.
fn known_as(segment: &str) -> String {
    crate::db::storable(segment).into_owned()
}

fn row_of(point: Point) -> LinePointRow {
    let Point { segment, post, latitude, longitude, elevation } = point;
    LinePointRow { segment, post, latitude, longitude, elevation }
}

fn point_of(row: LinePointRow) -> Point {
    let LinePointRow { segment, post, latitude, longitude, elevation } = row;
    Point { segment, post, latitude, longitude, elevation }
}

fn counted(segment: &str, count: i64) -> Result<u64, DbError> {
    u64::try_from(count).map_err(|_| corrupt(segment, "a negative count"))
}

fn to_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn corrupt(segment: &str, problem: &str) -> DbError {
    DbError::Corrupt { table: "line_point", id: 0, problem: format!("segment \"{segment}\": {problem}") }
}
