//! What the value of a tag is screened for.

use super::{Fault, Priority, Range};
use serde::{Deserialize, Serialize};

/// Anomaly screens of a numeric tag.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Screens {
    /// Raises an instrument alarm of this priority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alarm: Option<Priority>,
}

impl Screens {
    /// Checks that every number is in its bounds.
    ///
    /// # Errors
    /// The field and what is wrong with it.
    pub fn check(&self, _range: Option<Range>) -> Result<(), (&'static str, Fault)> {
        Ok(())
    }
}
