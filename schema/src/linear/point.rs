//! A surveyed point, and what its fields may be.

use super::PointError;

/// Longest name of a segment, characters.
pub const MAX_SEGMENT: usize = 200;

/// Largest kilometre post of either sign, km: more than twice round the earth (40,075 km at the equator).
pub const MAX_POST: f64 = 100_000.0;

/// Elevations, m: from below the Challenger Deep (−10,935 m) to above Mount Everest (8,849 m).
const ELEVATIONS: (f64, f64) = (-12_000.0, 12_000.0);

/// A surveyed point of a segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Name of the segment, 1 to [`MAX_SEGMENT`] printable characters without space around them.
    pub segment: String,
    /// Kilometre post, km, −100,000 to 100,000; unique in its segment.
    pub post: f64,
    /// Latitude, degrees, −90 to 90, north positive (WGS 84).
    pub latitude: f64,
    /// Longitude, degrees, −180 to 180, east positive (WGS 84).
    pub longitude: f64,
    /// Elevation above mean sea level, m, −12,000 to 12,000; `None` where it is not known.
    pub elevation: Option<f64>,
}

impl Point {
    /// The point with its fields checked, and its post as [`check_post`] gives it.
    ///
    /// # Errors
    /// [`PointError`] of the first field that is wrong.
    pub fn checked(mut self) -> Result<Self, PointError> {
        check_segment(&self.segment)?;
        self.post = check_post(self.post)?;
        within("latitude", self.latitude, (-90.0, 90.0), "-90 to 90 degrees")?;
        within("longitude", self.longitude, (-180.0, 180.0), "-180 to 180 degrees")?;
        if let Some(elevation) = self.elevation {
            within("elevation", elevation, ELEVATIONS, "-12,000 to 12,000 m")?;
        }
        Ok(self)
    }
}

/// Whether a segment may have this name.
///
/// # Errors
/// [`PointError::Segment`].
pub fn check_segment(name: &str) -> Result<(), PointError> {
    let is_bare = name.trim().len() == name.len() && !name.is_empty();
    if is_bare && name.chars().count() <= MAX_SEGMENT && !name.chars().any(char::is_control) {
        return Ok(());
    }
    Err(PointError::Segment(name.to_owned()))
}

/// A kilometre post as it is compared and stored: the zero is positive.
///
/// # Errors
/// [`PointError::OutOfBounds`] where it is not finite or beyond [`MAX_POST`].
pub fn check_post(post: f64) -> Result<f64, PointError> {
    within("post", post, (-MAX_POST, MAX_POST), "-100,000 to 100,000 km")?;
    // −0 + 0 is +0: so equal posts have equal bits.
    Ok(post + 0.0)
}

fn within(field: &'static str, value: f64, (low, high): (f64, f64), allowed: &'static str) -> Result<(), PointError> {
    // What is no number is in no range.
    if (low..=high).contains(&value) { Ok(()) } else { Err(PointError::OutOfBounds { field, value, allowed }) }
}
