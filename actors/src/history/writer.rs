//! The one thread that writes the journal.

use super::framer::Frame;
use super::historian::{HistorianError, guarded};
use super::journal::{Appended, Journal};
use super::shared::History;
use actix::{Actor, Handler, Message, SyncContext};
use std::sync::Arc;

/// Stores frames, all or none.
///
/// * `0`: frames in order; what is stored already is skipped, so that the same frames can be sent again.
/// * Reply: what was stored, once it is durable.
/// * Errors: [`HistorianError`].
/// * Ordering: one thread, in the order of the messages.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Appended, HistorianError>")]
pub struct AppendFrames(pub Vec<Arc<Frame>>);

/// Runs appends on a `SyncArbiter` of one thread. Any failure closes the journal; the next append opens it again.
pub(super) struct HistoryWriter {
    history: Arc<History>,
    journal: Option<Journal>,
}

impl HistoryWriter {
    pub(super) fn new(history: Arc<History>) -> Self {
        Self { history, journal: None }
    }

    fn append(&mut self, frames: &[Arc<Frame>]) -> Result<Appended, HistorianError> {
        let history = &self.history;
        let mut journal = match self.journal.take() {
            Some(journal) => journal,
            None => guarded(|| history.open_journal())?,
        };
        let appended = guarded(|| history.append(&mut journal, frames))?;
        self.journal = Some(journal);
        Ok(appended)
    }
}

impl Actor for HistoryWriter {
    type Context = SyncContext<Self>;
}

impl Handler<AppendFrames> for HistoryWriter {
    type Result = Result<Appended, HistorianError>;

    fn handle(&mut self, AppendFrames(frames): AppendFrames, _ctx: &mut Self::Context) -> Self::Result {
        self.append(&frames)
    }
}
