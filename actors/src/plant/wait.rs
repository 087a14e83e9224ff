//! Waiting for a state of the plant, as scripts, examples and tests do.

use super::{Plant, WriteError};
use crate::cvt::TagRecord;
use flyball_schema::TagId;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often a tag is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Why a state was not reached.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The tag cannot be read.
    #[error(transparent)]
    Read(#[from] WriteError),
    /// The deadline passed; the tag as it was then.
    #[error(
        "tag \"{}\" was not as awaited within {} ms; it is {:?}, {}",
        .last.definition.name, .waited.as_millis(), .last.state.value, .last.state.quality
    )]
    Deadline {
        /// How long it was waited for.
        waited: Duration,
        /// The tag at the end.
        last: Box<TagRecord>,
    },
}

impl Plant {
    /// Waits until `condition` holds for a tag, and answers the tag. A state that passes within 20 ms may be missed: to see
    /// every change, [`subscribe`](Plant::subscribe).
    ///
    /// # Errors
    /// See [`WaitError`].
    pub async fn wait_for(
        &self,
        tag: TagId,
        deadline: Duration,
        condition: impl Fn(&TagRecord) -> bool,
    ) -> Result<TagRecord, WaitError> {
        let began = Instant::now();
        loop {
            let record = self.read(tag).await?;
            if condition(&record) {
                return Ok(record);
            }
            if began.elapsed() >= deadline {
                return Err(WaitError::Deadline { waited: deadline, last: Box::new(record) });
            }
            sleep(LOOK_EVERY).await;
        }
    }
}
