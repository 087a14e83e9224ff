//! What can be wrong with points and lines.

/// Why a point cannot be taken.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PointError {
    /// The name of the segment is empty, too long, has control characters or begins or ends with a space.
    #[error("segment {0:?} is not allowed: a name has 1 to 200 printable characters and no space around it")]
    Segment(String),
    /// A number is not finite, or outside its bounds.
    #[error("{field} {value:?} is not allowed: {allowed}")]
    OutOfBounds {
        /// The field.
        field: &'static str,
        /// The number.
        value: f64,
        /// What would be.
        allowed: &'static str,
    },
}

impl PointError {
    /// The field that is wrong.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Segment(_) => "segment",
            Self::OutOfBounds { field, .. } => field,
        }
    }
}

/// Why points are no line.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// There is no point.
    #[error("a line without points")]
    Empty,
    /// They are of two segments.
    #[error("a line of segment \"{segment}\" has a point of segment \"{other}\"")]
    OtherSegment {
        /// That of the first point.
        segment: String,
        /// The other.
        other: String,
    },
    /// Two have the same post.
    #[error("segment \"{segment}\" has two points at km {post:?}")]
    Duplicate {
        /// The segment.
        segment: String,
        /// Their post, km.
        post: f64,
    },
    /// A point is wrong.
    #[error(transparent)]
    Point(#[from] PointError),
}

/// Why a row of an import cannot be taken.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RowError {
    /// The point is wrong.
    #[error(transparent)]
    Point(#[from] PointError),
    /// An earlier row has the same segment and post.
    #[error("segment \"{segment}\" has km {post:?} twice: it already stands in line {first_line}")]
    Duplicate {
        /// The segment.
        segment: String,
        /// The post, km.
        post: f64,
        /// Line of the earlier row.
        first_line: u64,
    },
    /// The same segment and post are stored already.
    #[error("segment \"{segment}\" has km {post:?} already")]
    Stored {
        /// The segment.
        segment: String,
        /// The post, km.
        post: f64,
    },
}

impl RowError {
    /// The field that is wrong.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Point(error) => error.field(),
            Self::Duplicate { .. } | Self::Stored { .. } => "post",
        }
    }
}
