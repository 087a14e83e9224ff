//! Surveyed points of segments.

use diesel::prelude::{Insertable, Queryable, Selectable};

diesel::table! {
    /// Points, unique by segment and post.
    line_point (segment, post) {
        /// Name of the segment; ordered by its bytes.
        segment -> Text,
        /// Kilometre post, km; never −0.
        post -> Double,
        /// Degrees, WGS 84.
        latitude -> Double,
        /// Degrees, WGS 84.
        longitude -> Double,
        /// Metres above mean sea level; none where it is not known.
        elevation -> Nullable<Double>,
    }
}

/// A row of [`line_point`].
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable)]
#[diesel(table_name = line_point, treat_none_as_default_value = false)]
pub struct LinePointRow {
    /// Name of the segment.
    pub segment: String,
    /// Kilometre post, km.
    pub post: f64,
    /// Degrees.
    pub latitude: f64,
    /// Degrees.
    pub longitude: f64,
    /// Metres.
    pub elevation: Option<f64>,
}
