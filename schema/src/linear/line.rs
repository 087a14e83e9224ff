//! The points of one segment, and positions on them.

use super::{LineError, Point, PointError, check_post};

/// The points of one segment, by post.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// At least one, checked, ascending by post, no post twice.
    points: Vec<Point>,
}

/// Where a kilometre post is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Position {
    /// Latitude, degrees, −90 to 90 (WGS 84).
    pub latitude: f64,
    /// Longitude, degrees, −180 to 180 (WGS 84).
    pub longitude: f64,
    /// Elevation, m; `None` unless every point it is made from has one.
    pub elevation: Option<f64>,
    /// What it is made from.
    pub kind: PositionKind,
}

/// What a position is made from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PositionKind {
    /// A point at this very post.
    Exact,
    /// The straight line, in degrees, between the two neighbours.
    Interpolated,
    /// The nearest end of the segment: the post is before the first or behind the last point.
    Outside {
        /// Post of that end, km.
        nearest: f64,
    },
}

impl PositionKind {
    /// The word used on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Interpolated => "interpolated",
            Self::Outside { .. } => "outside",
        }
    }
}

impl Line {
    /// The line through points of one segment, given in any order.
    ///
    /// # Errors
    /// [`LineError`].
    pub fn new(points: Vec<Point>) -> Result<Self, LineError> {
        let mut points = points.into_iter().map(Point::checked).collect::<Result<Vec<_>, _>>()?;
        let first = points.first().ok_or(LineError::Empty)?;
        if let Some(other) = points.iter().find(|point| point.segment != first.segment) {
            return Err(LineError::OtherSegment { segment: first.segment.clone(), other: other.segment.clone() });
        }
        points.sort_unstable_by(|one, other| one.post.total_cmp(&other.post));
        match points.windows(2).find(|pair| pair[0].post.total_cmp(&pair[1].post).is_eq()) {
            Some(pair) => Err(LineError::Duplicate { segment: pair[0].segment.clone(), post: pair[0].post }),
            None => Ok(Self { points }),
        }
    }

    /// Name of the segment.
    #[must_use]
    pub fn segment(&self) -> &str {
        &self.points[0].segment
    }

    /// The points by post, at least one.
    #[must_use]
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Where `post` (km) is: at a point, linearly between its neighbours, or the nearest end point outside.
    ///
    /// Longitudes that are more than 180° apart are joined across the 180° meridian, the short way.
    ///
    /// # Errors
    /// [`PointError::OutOfBounds`] for what is no post.
    pub fn locate(&self, post: f64) -> Result<Position, PointError> {
        let post = check_post(post)?;
        let last = self.points.len() - 1;
        Ok(match self.points.binary_search_by(|point| point.post.total_cmp(&post)) {
            Ok(index) => at(&self.points[index], PositionKind::Exact),
            Err(0) => end(&self.points[0]),
            Err(index) if index > last => end(&self.points[last]),
            Err(index) => between(&self.points[index - 1], &self.points[index], post),
        })
    }
}

fn at(point: &Point, kind: PositionKind) -> Position {
    Position { latitude: point.latitude, longitude: point.longitude, elevation: point.elevation, kind }
}

fn end(point: &Point) -> Position {
    at(point, PositionKind::Outside { nearest: point.post })
}

/// `post` lies strictly between the posts of the two.
fn between(before: &Point, after: &Point, post: f64) -> Position {
    let share = (post - before.post) / (after.post - before.post);
    let elevations = before.elevation.zip(after.elevation);
    Position {
        latitude: mix(before.latitude, after.latitude, share),
        longitude: longitude(before.longitude, after.longitude, share),
        elevation: elevations.map(|(low, high)| mix(low, high, share)),
        kind: PositionKind::Interpolated,
    }
}

/// Never beyond either of the two, whatever is rounded.
fn mix(from: f64, to: f64, share: f64) -> f64 {
    ((to - from).mul_add(share, from)).clamp(from.min(to), from.max(to))
}

fn longitude(from: f64, to: f64, share: f64) -> f64 {
    let turn = match to - from {
        apart if apart > 180.0 => -360.0,
        apart if apart < -180.0 => 360.0,
        _ => 0.0,
    };
    match mix(from, to + turn, share) {
        west if west < -180.0 => west + 360.0,
        east if east > 180.0 => east - 360.0,
        inside => inside,
    }
}
