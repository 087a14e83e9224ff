//! Linear referencing: a place on a line (track, pipe, road) is told by its segment and its kilometre post.
//!
//! Surveyed points give post and coordinates; between two of them a position is interpolated linearly in degrees (terms:
//! ISO 19148, Geographic information, Linear referencing). That is meant for neighbours some kilometres apart at most, and
//! for no line across a pole.

mod error;
mod line;
mod point;
mod rows;
#[cfg(test)]
mod tests;

pub use error::{LineError, PointError, RowError};
pub use line::{Line, Position, PositionKind};
pub use point::{MAX_POST, MAX_SEGMENT, Point, check_post, check_segment};
pub use rows::{NumberedPoint, RowFault, Rows};
