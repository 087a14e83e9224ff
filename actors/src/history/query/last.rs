//! The last sample at or before a time.

use super::{Failure, HistoryError, Query, behind, check_tags};
use crate::history::historian::{Cancel, SampleSource};
use crate::history::sample::Sample;
use actix::Message;
use flyball_schema::{TagId, Timestamp};

/// Reads the last sample at or before a time, by source time.
///
/// * `tags`: 1 to [`MAX_TAGS`](super::MAX_TAGS), each once.
/// * Reply: one per tag in the order asked; `None` for a tag that had none by then (or none that is kept).
/// * Errors: [`HistoryError`].
/// * A question whose asker goes away is given up.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Vec<Option<Sample>>, HistoryError>")]
pub struct ReadLast {
    /// The tags.
    pub tags: Vec<TagId>,
    /// The time.
    pub at: Timestamp,
}

impl Query for ReadLast {
    type Answer = Vec<Option<Sample>>;

    fn tags(&self) -> &[TagId] {
        &self.tags
    }

    fn check(&self) -> Result<(), HistoryError> {
        check_tags(&self.tags)
    }

    fn run(&self, past: &mut dyn SampleSource, _now: Timestamp, cancel: &Cancel) -> Result<Self::Answer, Failure> {
        let before = behind(self.at);
        let last: Result<_, _> = self.tags.iter().map(|&tag| past.last_before(tag, before, cancel)).collect();
        Ok(last?)
    }
}
