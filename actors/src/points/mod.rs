//! Linear referencing: surveyed points of segments in the database, and positions by kilometre post.
//!
//! What a point is, and how a position is made from its neighbours, is in [`flyball_schema::linear`].

mod logger;
pub mod offline;
mod store;
#[cfg(test)]
mod tests;

pub use logger::PointsLogger;

use crate::db::DbError;
use actix::Message;
use flyball_schema::linear::{NumberedPoint, Point, PointError, Position, RowFault};

/// Points of one import at the most: they are stored in one transaction, for which every other writer waits.
pub const MAX_POINTS: usize = 200_000;

/// Why points were not stored or read. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PointsError {
    /// No point has this segment.
    #[error("there is no segment \"{0}\"")]
    UnknownSegment(String),
    /// What is asked for is no post.
    #[error(transparent)]
    Point(#[from] PointError),
    /// Rows of an import are wrong, stand there twice or are stored already.
    #[error("{} rows cannot be imported{}", .0.len(), first(.0))]
    Rows(Vec<RowFault>),
    /// An import without rows.
    #[error("there is no point to import")]
    Empty,
    /// An import of too many rows.
    #[error("{count} points are too many: {MAX_POINTS} at a time")]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] DbError),
}

fn first(faults: &[RowFault]) -> String {
    faults.first().map(|fault| format!(", the first in {fault}")).unwrap_or_default()
}

/// A segment with what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Its name.
    pub name: String,
    /// Points, at least one.
    pub points: u64,
    /// Least post, km.
    pub first_post: f64,
    /// Greatest post, km.
    pub last_post: f64,
}

/// What an import has done, or would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PointsImported {
    /// Points stored.
    pub points: u64,
    /// Segments they are of.
    pub segments: u64,
    /// Points that were there before and were replaced.
    pub removed: u64,
}

/// Stores points, all or none, in one transaction; the reply is what was done, durable.
///
/// * `rows`: 1 to [`MAX_POINTS`], each with the line of the file it stands in, by which faults name it.
/// * Errors: [`PointsError::Rows`] with every wrong row in order, [`PointsError::Empty`], [`PointsError::TooMany`],
///   [`PointsError::Database`].
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<PointsImported, PointsError>")]
pub struct ImportPoints {
    /// The points.
    pub rows: Vec<NumberedPoint>,
    /// Remove all points of each segment named in the rows first; without, a post that is stored already is refused.
    pub replace: bool,
    /// Check all and store nothing; the reply is what would be done.
    pub dry_run: bool,
}

/// Lists segments by name (byte order), a page at a time.
///
/// * Errors: [`DbError`], [`DbError::Corrupt`].
#[derive(Debug, Clone, Default, Message)]
#[rtype(result = "Result<Vec<Segment>, DbError>")]
pub struct ListSegments {
    /// Start behind this name: the last of the page before.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// Reads points of a segment by post, a page at a time; none where none is in the range.
///
/// * Errors: [`PointsError::UnknownSegment`], [`PointsError::Database`].
#[derive(Debug, Clone, Default, Message)]
#[rtype(result = "Result<Vec<Point>, PointsError>")]
pub struct ReadPoints {
    /// The segment.
    pub segment: String,
    /// Least post, included, km.
    pub from: Option<f64>,
    /// Greatest post, included, km.
    pub to: Option<f64>,
    /// Start behind this post: the last of the page before, km.
    pub after: Option<f64>,
    /// At most so many.
    pub limit: usize,
}

/// Locates a kilometre post; the reply is as [`Line::locate`](flyball_schema::linear::Line::locate) tells it.
///
/// * Errors: [`PointsError::UnknownSegment`], [`PointsError::Point`] for what is no post, [`PointsError::Database`].
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Position, PointsError>")]
pub struct LocatePost {
    /// The segment.
    pub segment: String,
    /// The post, km.
    pub post: f64,
}

/// Deletes all points of a segment; the reply is how many there were, and it is durable.
///
/// * Errors: [`PointsError::UnknownSegment`], [`PointsError::Database`].
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<u64, PointsError>")]
pub struct DeleteSegment(pub String);
